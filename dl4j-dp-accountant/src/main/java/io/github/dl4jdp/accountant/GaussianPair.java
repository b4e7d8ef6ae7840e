// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.accountant;

import java.util.Arrays;
import java.util.List;
import org.apache.commons.numbers.gamma.Erfc;
import org.apache.commons.numbers.gamma.Erfcx;
import org.jspecify.annotations.Nullable;

/**
 * Two mixtures of the same Gaussians: P = sum (b_k + d_k) N(m_k, s^2), Q = sum b_k N(m_k, s^2), P/Q increasing.
 *
 * <p>Keeping the differences d_k rather than P's own weights keeps their precision where sampling is rare.
 */
final class GaussianPair implements LossPair {
    private static final LossNet.Family POISSON = GaussianPair::poisson;

    private static final LossNet.Family POISSON_REPLACE = GaussianPair::poissonReplace;

    private static final double SQRT2 = Math.sqrt(2);

    /** Relative error of erfc and what surrounds it, in units of 2^-53, before the effect of a rounded argument. */
    private static final double TAIL_ERROR = 8 * 0x1p-53;

    /** Beyond this loss the ratio of the densities no longer fits beside them in a double. */
    private static final double LARGE_LOSS = 500;

    /** Above this loss exp(loss) is better known by its difference from one. */
    private static final double SMALL_LOSS = -0.5;

    /** More than all tails together that are too small for a double. */
    private static final double UNDERFLOW = 0x1p-1000;

    private static final double UNIT = 0x1p-53;

    /** Enough for planning, on which no guarantee rests. */
    private static final int MOST_NODES = 5000;

    private final double[] center;
    private final double[] base;
    private final double[] difference;
    private final double sigma;
    private final Inverse inverse;

    private final LossNet.@Nullable Place place;

    /** P/Q where it is a mixture of many distances. */
    private final @Nullable MixtureRatio ratio;

    /** The outcome of a loss, given exp(loss) - 1 too; one that is near may be found faster from the outcome of a smaller loss. */
    private interface Inverse {
        double outcome(double loss, double excess, double smaller);
    }

    private GaussianPair(
            double[] center,
            double[] base,
            double[] difference,
            double sigma,
            Inverse inverse,
            LossNet.@Nullable Place place,
            @Nullable MixtureRatio ratio) {
        this.center = center;
        this.base = base;
        this.difference = difference;
        this.sigma = sigma;
        this.inverse = inverse;
        this.place = place;
        this.ratio = ratio;
    }

    @Override
    public LossNet.@Nullable Place place() {
        return place;
    }

    /** Whether the weights of P, from the last center to the first, are those of Q, and the centers their own mirror image. */
    @Override
    public boolean isSymmetric() {
        int last = center.length - 1;
        for (int k = 0; k <= last; k++) {
            boolean mirrored = center[k] + center[last - k] == center[0] + center[last];
            if (!mirrored || weight(k, true) != base[last - k]) {
                return false;
            }
        }
        return true;
    }

    @Override
    public boolean isSmooth() {
        return true;
    }

    /** N(1, sigma^2) against N(0, sigma^2). */
    static GaussianPair plain(double sigma) {
        return new GaussianPair(
                new double[] {0, 1},
                new double[] {1, 0},
                new double[] {-1, 1},
                sigma,
                (l, excess, from) -> sigma * sigma * l + 0.5,
                null,
                null);
    }

    /** (1 - q) N(0, sigma^2) + q N(1, sigma^2) against N(0, sigma^2). */
    static GaussianPair poisson(double q, double sigma) {
        Inverse inverse = (l, excess, from) -> {
            double ratio = (excess + q) / q;
            // log(ratio), where the ratio does not fit into a double too
            double log = l <= 600 && ratio < Double.POSITIVE_INFINITY
                    ? Math.log(ratio)
                    : (l > 600 ? l : Math.log(excess + q)) - Math.log(q);
            return ratio > 0 ? sigma * sigma * log + 0.5 : Double.NEGATIVE_INFINITY;
        };
        return new GaussianPair(
                new double[] {0, 1},
                new double[] {1, 0},
                new double[] {-q, q},
                sigma,
                inverse,
                new LossNet.Place(POISSON, q, sigma),
                null);
    }

    /** (1 - q) N(0, sigma^2) + q N(1/2, sigma^2) against (1 - q) N(0, sigma^2) + q N(-1/2, sigma^2). */
    static GaussianPair poissonReplace(double q, double sigma) {
        double logC = -1 / (8 * sigma * sigma) + Math.log(q) - Math.log1p(-q);
        return new GaussianPair(
                new double[] {-0.5, 0, 0.5},
                new double[] {q, 1 - q, 0},
                new double[] {-q, 0, q},
                sigma,
                (l, excess, from) -> Math.copySign(2 * sigma * sigma * logRoot(Math.abs(l), logC), l),
                new LossNet.Place(POISSON_REPLACE, q, sigma),
                null);
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

    /** sum w_j N(s_j, sigma^2), which may have less mass than one, against N(0, sigma^2), s_j >= 0 and ascending; w_j of s_j = 0 is what the others and {@code missing} leave. */
    static GaussianPair mixture(List<Double> sensitivities, List<Double> probabilities, double missing, double sigma) {
        int n = sensitivities.size();
        double[] center = new double[n + 1];
        double[] base = new double[n + 1];
        double[] difference = new double[n + 1];
        base[0] = 1;
        double moved = missing;
        for (int j = 0; j < n; j++) {
            center[j + 1] = sensitivities.get(j);
            if (sensitivities.get(j) > 0) {
                difference[j + 1] = probabilities.get(j);
                moved += probabilities.get(j);
            }
        }
        difference[0] = -Math.min(1, moved);
        var ratio = new MixtureRatio(sensitivities, probabilities, missing, sigma);
        return new GaussianPair(
                center, base, difference, sigma, (l, excess, from) -> ratio.outcome(l, from), null, ratio);
    }

    /** log(P/Q) at x. */
    private double loss(double x) {
        if (ratio != null) {
            return ratio.loss(x);
        }
        double top = top(x);
        double q = 0;
        double d = 0;
        for (int k = 0; k < center.length; k++) {
            double density = Math.exp(exponent(k, x) - top);
            q += base[k] * density;
            d += difference[k] * density;
        }
        // Where Q underflows beside P, or P beside Q, only logarithms are left.
        return q > 1e-200 && q + d > 1e-3 * q ? Math.log1p(d / q) : logDensity(x, true) - logDensity(x, false);
    }

    private double exponent(int k, double x) {
        double z = (x - center[k]) / sigma;
        return -z * z / 2;
    }

    private double top(double x) {
        double top = Double.NEGATIVE_INFINITY;
        for (int k = 0; k < center.length; k++) {
            top = Math.max(top, exponent(k, x));
        }
        return top;
    }

    private double logDensity(double x, boolean ofP) {
        double top = Double.NEGATIVE_INFINITY;
        for (int k = 0; k < center.length; k++) {
            if (weight(k, ofP) > 0) {
                top = Math.max(top, exponent(k, x));
            }
        }
        double sum = 0;
        for (int k = 0; k < center.length; k++) {
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
        return Arrays.stream(center).min().orElseThrow() - sigma * quantile(tail);
    }

    private double highest(double tail) {
        return Arrays.stream(center).max().orElseThrow() + sigma * quantile(tail);
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
        int n = (int) Math.min(MOST_NODES, Math.ceil((high - low) / step)) + 1;
        step = (high - low) / (n - 1);
        LossMoments moments = new LossMoments(n);
        for (int i = 0; i < n; i++) {
            double x = low + i * step;
            double loss = loss(x);
            double excess = loss < 1 ? Math.expm1(loss) : Math.exp(loss) - 1;
            double logQ = logDensity(x, false) + Math.log(step);
            double logP = ratio != null ? logQ + loss : logDensity(x, true) + Math.log(step);
            moments.add(logP, logQ, loss, excess);
        }
        return moments;
    }

    @Override
    public LossLattice lattice(LossGrid grid, double tail) {
        long first = grid.floor(loss(lowest(tail)));
        long last = Math.max(first + 1, grid.floor(loss(highest(tail))) + 1);
        LossLattice lattice = new LossLattice(grid, first, last);
        double furthest = 0;
        Point low = point(grid.loss(first), Double.NEGATIVE_INFINITY);
        outside(lattice, low, true);
        for (long j = first; j < last; j++) {
            Point high = point(grid.loss(j + 1), low.x);
            add(lattice, j, low, high);
            if (low.x > Double.NEGATIVE_INFINITY) {
                furthest = Math.max(furthest, Math.abs(low.x));
            }
            low = high;
        }
        outside(lattice, low, false);
        double spread = Arrays.stream(center).max().orElseThrow()
                - Arrays.stream(center).min().orElseThrow();
        double slope = Math.max(furthest, Math.abs(low.x)) * spread / (sigma * sigma);
        // A breakpoint is rounded, and so is the loss that it stands for.
        lattice.slack(16 * UNIT * (slope + Math.max(Math.abs(grid.loss(first)), Math.abs(grid.loss(last)))));
        return lattice;
    }

    private Point point(double loss, double smaller) {
        double excess = Math.expm1(loss);
        return new Point(inverse.outcome(loss, excess, smaller), excess);
    }

    /** A breakpoint with exp(loss) - 1, the smaller tail of every Gaussian at it, and a bound on that tail's error. */
    private final class Point {
        final double x;
        final double excess;
        final double[] z = new double[center.length];
        final double[] tail = new double[center.length];
        final double[] error = new double[center.length];

        Point(double x, double excess) {
            this.x = x;
            this.excess = excess;
            for (int k = 0; k < z.length; k++) {
                z[k] = (x - center[k]) / sigma;
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
        double lowLoss = lattice.grid().loss(j);
        double highLoss = lattice.grid().loss(j + 1);
        if (Math.max(-lowLoss, highLoss) > LARGE_LOSS) {
            addLarge(lattice, j, low, high);
            return;
        }
        double aboveLow = 0;
        double errorP = 0;
        double belowHigh = 0;
        double errorQ = 0;
        double massP = UNDERFLOW;
        double massQ = UNDERFLOW;
        double excessLow = low.excess;
        // 1 - exp(-loss); from exp(loss) - 1 where nothing cancels.
        double lackHigh = highLoss < SMALL_LOSS ? 1 - Math.exp(-highLoss) : high.excess / (1 + high.excess);
        double ratioLow = Math.exp(lowLoss);
        double inverseHigh = 1 / (1 + high.excess);
        for (int k = 0; k < center.length; k++) {
            double part = between(low, high, k);
            double partError = low.error[k] + high.error[k] + (low.z[k] < 0 && high.z[k] >= 0 ? UNIT : 0);
            double unsure = 2 * (partError + 8 * UNIT * part);
            double p = weight(k, true);
            double q = base[k];
            // P - exp(lo) Q and Q - exp(-hi) P, as differences of what is small for losses near zero, of the weights
            // far from it.
            if (lowLoss > SMALL_LOSS) {
                aboveLow += (difference[k] - q * excessLow) * part;
                errorP += (Math.abs(difference[k]) + q * Math.abs(excessLow)) * unsure;
            } else {
                aboveLow += (p - q * ratioLow) * part;
                errorP += (p + q * ratioLow) * unsure;
            }
            if (highLoss < -SMALL_LOSS) {
                belowHigh -= (difference[k] - p * lackHigh) * part;
                errorQ += (Math.abs(difference[k]) + p * Math.abs(lackHigh)) * unsure;
            } else {
                belowHigh += (q - p * inverseHigh) * part;
                errorQ += (q + p * inverseHigh) * unsure;
            }
            massP += p * (part + partError);
            massQ += q * (part + partError);
        }
        double up = 1 + 16 * UNIT;
        lattice.interval(j, aboveLow, errorP, massP * up, belowHigh, errorQ, massQ * up);
    }

    private static double between(Point low, Point high, int k) {
        if (low.z[k] >= 0) {
            return Math.max(0, low.tail[k] - high.tail[k]);
        }
        return high.z[k] < 0 ? Math.max(0, high.tail[k] - low.tail[k]) : 1 - low.tail[k] - high.tail[k];
    }

    /** Where exp(loss) and Q, or exp(-loss) and P, would leave the range of doubles, their product is formed from logarithms. */
    private void addLarge(LossLattice lattice, long j, Point low, Point high) {
        double lowLoss = lattice.grid().loss(j);
        double highLoss = lattice.grid().loss(j + 1);
        double massP = UNDERFLOW;
        double massQ = UNDERFLOW;
        double lowQ = 0;
        double highP = 0;
        double furthest = 0;
        for (int k = 0; k < center.length; k++) {
            double part =
                    between(low, high, k) + low.error[k] + high.error[k] + (low.z[k] < 0 && high.z[k] >= 0 ? UNIT : 0);
            if (weight(k, true) > 0) {
                massP += weight(k, true) * part;
                highP += weight(k, true) * scaled(-highLoss, low.z[k], high.z[k]);
            }
            if (base[k] > 0) {
                massQ += base[k] * part;
                lowQ += base[k] * scaled(lowLoss, low.z[k], high.z[k]);
            }
            furthest = Math.max(furthest, high.z[k] * high.z[k]);
            if (low.x > Double.NEGATIVE_INFINITY) {
                furthest = Math.max(furthest, low.z[k] * low.z[k]);
            }
        }
        double relative = 16 * (Math.max(Math.abs(lowLoss), Math.abs(highLoss)) + furthest + 16) * UNIT;
        double up = 1 + 16 * UNIT;
        lattice.interval(
                j,
                massP - lowQ,
                relative * (massP + lowQ),
                massP * up,
                massQ - highP,
                relative * (massQ + highP),
                massQ * up);
    }

    /** exp(log) (Phi(high) - Phi(low)) for a pair of points where that is no larger than about one. */
    private static double scaled(double log, double low, double high) {
        if (high <= low) {
            // Points that rounding has exchanged: nothing lies between, which takes nothing off either side.
            return 0;
        }
        if (high < 0) {
            return scaled(log, -high, -low);
        }
        if (low <= 0) {
            return Math.exp(log) * (Erfc.value(-high / SQRT2) - Erfc.value(-low / SQRT2)) / 2;
        }
        double near = Math.exp(log - low * low / 2) * Erfcx.value(low / SQRT2);
        double far = high < Double.POSITIVE_INFINITY ? Math.exp(log - high * high / 2) * Erfcx.value(high / SQRT2) : 0;
        return (near - far) / 2;
    }

    private void outside(LossLattice lattice, Point point, boolean below) {
        double p = UNDERFLOW;
        double q = UNDERFLOW;
        for (int k = 0; k < center.length; k++) {
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
