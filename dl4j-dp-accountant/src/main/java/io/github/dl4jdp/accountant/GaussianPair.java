// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.accountant;

import java.util.Arrays;
import java.util.List;
import java.util.function.DoubleUnaryOperator;
import org.apache.commons.numbers.gamma.Erfc;
import org.apache.commons.numbers.gamma.Erfcx;

/**
 * Two mixtures of the same Gaussians: P = sum (b_k + d_k) N(m_k, s^2), Q = sum b_k N(m_k, s^2), P/Q increasing.
 *
 * <p>Keeping the differences d_k rather than P's own weights keeps their precision where sampling is rare.
 */
final class GaussianPair implements LossPair {
    private static final double SQRT2 = Math.sqrt(2);

    /** Relative error of erfc and what surrounds it, in units of 2^-53, before the effect of a rounded argument. */
    private static final double TAIL_ERROR = 8 * 0x1p-53;

    /** Beyond this loss the ratio of the densities no longer fits beside them in a double. */
    private static final double LARGE_LOSS = 500;

    private final double[] centre;
    private final double[] base;
    private final double[] difference;
    private final double sigma;
    private final DoubleUnaryOperator inverse;

    private GaussianPair(
            double[] centre, double[] base, double[] difference, double sigma, DoubleUnaryOperator inverse) {
        this.centre = centre;
        this.base = base;
        this.difference = difference;
        this.sigma = sigma;
        this.inverse = inverse;
    }

    /** N(1, sigma^2) against N(0, sigma^2). */
    static GaussianPair plain(double sigma) {
        return new GaussianPair(
                new double[] {0, 1}, new double[] {1, 0}, new double[] {-1, 1}, sigma, l -> sigma * sigma * l + 0.5);
    }

    /** (1 - q) N(0, sigma^2) + q N(1, sigma^2) against N(0, sigma^2). */
    static GaussianPair poisson(double q, double sigma) {
        return new GaussianPair(new double[] {0, 1}, new double[] {1, 0}, new double[] {-q, q}, sigma, l -> {
            double ratio = (Math.expm1(l) + q) / q;
            return ratio > 0
                    ? sigma * sigma * (l > 600 ? l - Math.log(q) : Math.log(ratio)) + 0.5
                    : Double.NEGATIVE_INFINITY;
        });
    }

    /** (1 - q) N(0, sigma^2) + q N(1/2, sigma^2) against (1 - q) N(0, sigma^2) + q N(-1/2, sigma^2). */
    static GaussianPair poissonReplace(double q, double sigma) {
        double logC = -1 / (8 * sigma * sigma) + Math.log(q) - Math.log1p(-q);
        return new GaussianPair(
                new double[] {-0.5, 0, 0.5},
                new double[] {q, 1 - q, 0},
                new double[] {-q, 0, q},
                sigma,
                l -> Math.copySign(2 * sigma * sigma * logRoot(Math.abs(l), logC), l));
    }

    /** log y for the y >= 1 with (1 + c y) / (1 + c / y) = exp(l), l >= 0. */
    private static double logRoot(double l, double logC) {
        // c y^2 - (e^l - 1) y - c e^l = 0
        if (l == 0) {
            return 0;
        }
        double logHalf = (l > 30 ? l + Math.log1p(-Math.exp(-l)) : Math.log(Math.expm1(l))) - Math.log(2) - logC;
        // y = h + sqrt(h^2 + e^l), h = (e^l - 1) / (2 c)
        double other = l / 2 - logHalf;
        return logHalf
                + (other > 300 ? other + Math.log1p(Math.exp(-other)) : Math.log(1 + Math.hypot(1, Math.exp(other))));
    }

    /** sum w_j N(s_j, sigma^2) against N(0, sigma^2), s_j >= 0. */
    static GaussianPair mixture(List<Double> sensitivities, List<Double> probabilities, double sigma) {
        int n = sensitivities.size();
        double[] centre = new double[n + 1];
        double[] base = new double[n + 1];
        double[] difference = new double[n + 1];
        base[0] = 1;
        double moved = 0;
        for (int j = 0; j < n; j++) {
            centre[j + 1] = sensitivities.get(j);
            if (sensitivities.get(j) > 0) {
                difference[j + 1] = probabilities.get(j);
                moved += probabilities.get(j);
            }
        }
        difference[0] = -Math.min(1, moved);
        GaussianPair pair = new GaussianPair(centre, base, difference, sigma, l -> Double.NaN);
        return new GaussianPair(centre, base, difference, sigma, pair::solve);
    }

    /** The outcome whose loss is l, by bisection; minus infinity where every loss is larger. */
    private double solve(double l) {
        double low = -60 * sigma;
        double high = Arrays.stream(centre).max().orElseThrow() + 60 * sigma;
        if (loss(low) >= l) {
            return Double.NEGATIVE_INFINITY;
        }
        while (true) {
            double middle = (low + high) / 2;
            if (!(middle > low && middle < high)) {
                return high;
            }
            if (loss(middle) < l) {
                low = middle;
            } else {
                high = middle;
            }
        }
    }

    /** log(P/Q) at x. */
    private double loss(double x) {
        double top = top(x);
        double q = 0;
        double d = 0;
        for (int k = 0; k < centre.length; k++) {
            double density = Math.exp(exponent(k, x) - top);
            q += base[k] * density;
            d += difference[k] * density;
        }
        // Where Q underflows beside P, or P beside Q, only logarithms are left.
        return q > 1e-200 && q + d > 1e-3 * q ? Math.log1p(d / q) : logDensity(x, true) - logDensity(x, false);
    }

    private double exponent(int k, double x) {
        double z = (x - centre[k]) / sigma;
        return -z * z / 2;
    }

    private double top(double x) {
        double top = Double.NEGATIVE_INFINITY;
        for (int k = 0; k < centre.length; k++) {
            top = Math.max(top, exponent(k, x));
        }
        return top;
    }

    private double logDensity(double x, boolean ofP) {
        double top = Double.NEGATIVE_INFINITY;
        for (int k = 0; k < centre.length; k++) {
            if (weight(k, ofP) > 0) {
                top = Math.max(top, exponent(k, x));
            }
        }
        double sum = 0;
        for (int k = 0; k < centre.length; k++) {
            if (weight(k, ofP) > 0) {
                sum += weight(k, ofP) * Math.exp(exponent(k, x) - top);
            }
        }
        return top + Math.log(sum) - Math.log(sigma * Math.sqrt(2 * Math.PI));
    }

    private double weight(int k, boolean ofP) {
        return ofP ? base[k] + difference[k] : base[k];
    }

    private double lowest(double tail) {
        return Arrays.stream(centre).min().orElseThrow() - sigma * quantile(tail);
    }

    private double highest(double tail) {
        return Arrays.stream(centre).max().orElseThrow() + sigma * quantile(tail);
    }

    /** A Gaussian's tail beyond z is below exp(-z^2 / 2). */
    private static double quantile(double tail) {
        return Math.sqrt(-2 * Math.log(tail));
    }

    @Override
    public double range(double tail) {
        return loss(highest(tail)) - loss(lowest(tail));
    }

    @Override
    public LossMoments moments(double tail) {
        double low = lowest(tail);
        double high = highest(tail);
        // The loss turns from one Gaussian to the next within a few sigma^2.
        double step = sigma * Math.min(0.4, sigma);
        int n = (int) Math.min(200_000, Math.ceil((high - low) / step)) + 1;
        step = (high - low) / (n - 1);
        LossMoments moments = new LossMoments(n);
        for (int i = 0; i < n; i++) {
            double x = low + i * step;
            double loss = loss(x);
            double excess = loss < 1 ? Math.expm1(loss) : Math.exp(loss) - 1;
            moments.add(logDensity(x, true) + Math.log(step), logDensity(x, false) + Math.log(step), loss, excess);
        }
        return moments;
    }

    @Override
    public LossLattice lattice(double step, double tail) {
        long first = (long) Math.floor(loss(lowest(tail)) / step);
        long last = Math.max(first + 1, (long) Math.ceil(loss(highest(tail)) / step));
        LossLattice lattice = new LossLattice(step, first, last);
        double slope = 0;
        Point low = new Point(inverse.applyAsDouble(first * step));
        outside(lattice, low, true);
        for (long j = first; j < last; j++) {
            Point high = new Point(inverse.applyAsDouble((j + 1) * step));
            add(lattice, j, low, high);
            if (low.x > Double.NEGATIVE_INFINITY) {
                slope = Math.max(slope, Math.abs(low.x));
            }
            low = high;
        }
        outside(lattice, low, false);
        double spread = Arrays.stream(centre).max().orElseThrow()
                - Arrays.stream(centre).min().orElseThrow();
        slope = Math.max(slope, Math.abs(low.x)) * spread / (sigma * sigma);
        // A breakpoint is rounded, and so is the loss that it stands for.
        lattice.slack(16 * 0x1p-53 * (slope + step * Math.max(Math.abs((double) first), Math.abs((double) last))));
        return lattice;
    }

    /** A breakpoint with the smaller tail of every Gaussian at it, and a bound on that tail's error. */
    private final class Point {
        final double x;
        final double[] z = new double[centre.length];
        final double[] tail = new double[centre.length];
        final double[] error = new double[centre.length];

        Point(double x) {
            this.x = x;
            for (int k = 0; k < z.length; k++) {
                z[k] = (x - centre[k]) / sigma;
                if (x > Double.NEGATIVE_INFINITY) {
                    tail[k] = Erfc.value(Math.abs(z[k]) / SQRT2) / 2;
                    error[k] = TAIL_ERROR * (1 + z[k] * z[k]) * tail[k];
                }
            }
        }

        double below(int k) {
            return z[k] < 0 ? tail[k] : 1 - tail[k];
        }
    }

    private void add(LossLattice lattice, long j, Point low, Point high) {
        double lowLoss = j * lattice.step();
        double highLoss = (j + 1) * lattice.step();
        if (highLoss > LARGE_LOSS) {
            addLarge(lattice, j, low, high);
            return;
        }
        double up = Math.expm1(lowLoss);
        double upHigh = Math.expm1(highLoss);
        double aboveLow = 0;
        double belowHigh = 0;
        double mass = 0;
        double error = 0;
        for (int k = 0; k < centre.length; k++) {
            double part = between(low, high, k);
            double partError = low.error[k] + high.error[k] + (low.z[k] < 0 && high.z[k] >= 0 ? 0x1p-53 : 0);
            double lowFactor = difference[k] - base[k] * up;
            double highFactor = base[k] * upHigh - difference[k];
            aboveLow += lowFactor * part;
            belowHigh += highFactor * part;
            double largest = Math.max(Math.abs(difference[k]), base[k] * Math.max(Math.abs(up), Math.abs(upHigh)));
            error += 2 * largest * (partError + 4 * 0x1p-53 * part);
            mass += weight(k, true) * (part + partError);
        }
        lattice.interval(j, aboveLow, belowHigh, error, mass * (1 + 8 * 0x1p-53));
    }

    private static double between(Point low, Point high, int k) {
        if (low.z[k] >= 0) {
            return Math.max(0, low.tail[k] - high.tail[k]);
        }
        return high.z[k] < 0 ? Math.max(0, high.tail[k] - low.tail[k]) : 1 - low.tail[k] - high.tail[k];
    }

    /** Where exp(loss) and Q would leave the range of doubles, their product is formed from logarithms. */
    private void addLarge(LossLattice lattice, long j, Point low, Point high) {
        double lowLoss = j * lattice.step();
        double highLoss = (j + 1) * lattice.step();
        double p = 0;
        double error = 0;
        double lowQ = 0;
        double highQ = 0;
        for (int k = 0; k < centre.length; k++) {
            double part = between(low, high, k);
            p += weight(k, true) * part;
            error += weight(k, true) * (low.error[k] + high.error[k]);
            if (base[k] > 0) {
                lowQ += base[k] * scaled(lowLoss, low.z[k], high.z[k]);
                highQ += base[k] * scaled(highLoss, low.z[k], high.z[k]);
            }
        }
        double exponents = 8 * (highLoss + high.z[0] * high.z[0] + 8) * 0x1p-53;
        lattice.interval(j, p - lowQ, highQ - p, error + exponents * (p + highQ), (p + error) * (1 + 8 * 0x1p-53));
    }

    /** exp(log) (Phi(high) - Phi(low)) for a pair of points where that is no larger than about one. */
    private static double scaled(double log, double low, double high) {
        if (low <= 0) {
            return Math.exp(log) * (Erfc.value(-high / SQRT2) - Erfc.value(-low / SQRT2)) / 2;
        }
        double near = Math.exp(log - low * low / 2) * Erfcx.value(low / SQRT2);
        double far = Math.exp(log - high * high / 2) * Erfcx.value(high / SQRT2);
        return (near - far) / 2;
    }

    private void outside(LossLattice lattice, Point point, boolean below) {
        double p = 0;
        double q = 0;
        for (int k = 0; k < centre.length; k++) {
            double side = below ? point.below(k) : point.z[k] < 0 ? 1 - point.tail[k] : point.tail[k];
            double bound = side * (1 + TAIL_ERROR * (1 + point.z[k] * point.z[k]));
            if (side > 0) {
                p += weight(k, true) * bound;
                q += weight(k, false) * bound;
            }
        }
        if (below) {
            lattice.outside(p, q, 0, 0);
        } else {
            lattice.outside(0, 0, p, q);
        }
    }
}
