// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.accountant;

import java.util.Arrays;
import org.apache.commons.numbers.gamma.Erfc;

/**
 * The law of a likelihood ratio P/Q under Q, on points, and the law of the mean of independent ratios.
 *
 * <p>Both directions of a hockey-stick divergence are means of convex functions of the ratio R:
 *
 * <pre>{@code
 * delta(P, Q)(epsilon) = E_Q[max(0, R - exp(epsilon))],      delta(Q, P)(epsilon) = E_Q[max(0, 1 - exp(epsilon) R)].
 * }</pre>
 *
 * So a law that is larger in the convex order bounds both from above, and one that is smaller bounds both from below. To move mass from a value to the two points around it, with
 * the mean kept, makes a law larger; to move the mass of an interval to its mean makes it smaller (Jensen). Means of independent ratios keep the order (Shaked and Shanthikumar 2007,
 * theorem 3.A.12), so each mean may be put on points again. The error is of second order in the distance of the points.
 *
 * <p>An infinite ratio has mass under P alone. Rounding is counted: the masses of an upper law are at least, those of a lower law at most the exact ones, and a value is off by a
 * relative {@link #slack()} at most.
 *
 * @see <a href="https://arxiv.org/abs/2207.04380">Doroshenko et al. 2022</a> (the same splitting, of losses)
 */
final class RatioLaw {
    private static final double UNIT = 0x1p-53;

    private static final double SQRT2 = Math.sqrt(2);

    /** Relative error of erfc and what surrounds it, before the effect of a rounded argument. */
    private static final double TAIL_ERROR = 8 * UNIT;

    /** Distance of points where most of the mass is, in standard deviations. */
    private static final double CENTER = 0.02;

    /** How much further apart points are in the tails: this part of their distance from one. */
    private static final double GROWTH = 0.012;

    /** The largest distance of points, as a part of their value, unless there would be too many: where ratios reach far, so does epsilon. */
    private static final double RELATIVE = 0.015;

    private static final double MOST_POINTS = 2500;

    /** Ratios beyond these are told or forgotten. */
    private static final double LARGEST = 1e300;

    /** More than all masses together that are too small for a double. */
    private static final double UNDERFLOW = 1e-290;

    /** A lower law leaves out what is less well known. */
    private static final double LARGEST_ERROR = 1e-9;

    /** Each mean may tell this part of the tail; there are at most 2 * 63 of them. */
    private static final double SHARE_OF_TAIL = 1.0 / 128;

    private final boolean upper;
    /** Ascending, from 0 or more. */
    private final double[] value;

    private final double[] mass;
    /** Mass under P of an infinite ratio. */
    private final double infinite;

    private final double slack;
    /** Of how many independent ratios this is the mean. */
    private final long count;
    /** The standard deviation of the ratio. */
    private final double deviation;

    private RatioLaw(
            boolean upper, double[] value, double[] mass, double infinite, double slack, long count, double deviation) {
        this.upper = upper;
        this.value = value;
        this.mass = mass;
        this.infinite = infinite;
        this.slack = slack;
        this.count = count;
        this.deviation = deviation;
    }

    /**
     * The ratio of N(1, sigma^2) and N(0, sigma^2): its logarithm is normal, of mean -1 / (2 sigma^2) and variance 1 / sigma^2.
     *
     * @param sigma at least 0.04, so that the variance of the ratio is in the range of doubles
     * @param upper whether the law is to bound divergences from above, or from below
     * @param tail probability that may be moved beyond either end
     */
    static RatioLaw ofGaussian(double sigma, boolean upper, double tail) {
        double deviation = Math.sqrt(Math.expm1(1 / (sigma * sigma)));
        double reach = Math.sqrt(-2 * Math.log(tail)) / sigma + 1 / (2 * sigma * sigma);
        double highest = Math.min(LARGEST, Math.exp(reach));
        var cells = new Cells(grid(1 / highest, highest, deviation));
        Edge low = new Edge(0, sigma);
        for (int k = 0; k < cells.grid.length; k++) {
            Edge high = new Edge(cells.end(k), sigma);
            cells.mass[k] = low.to(high, 0);
            cells.moment[k] = low.to(high, 1);
            cells.error[k] = Math.max(
                            relative(low.errorTo(high, 0), cells.mass[k]),
                            relative(low.errorTo(high, 1), cells.moment[k]))
                    + 4 * UNIT;
            low = high;
        }
        return cells.law(upper, 0, 0, 1, deviation, tail);
    }

    /** Of a mass that is too small for a double, nothing: what is missing is less than {@link #UNDERFLOW}. */
    private static double relative(double error, double mass) {
        return mass > 0 ? error / mass : 0;
    }

    /** A ratio, as a place on the axis of the standardized outcome, with the smaller tail of either Gaussian there. */
    private static final class Edge {
        /** Under Q, then under P. */
        private final double[] z = new double[2];

        private final double[] tail = new double[2];

        Edge(double ratio, double sigma) {
            double log = Math.abs(ratio - 1) < 0.5 ? Math.log1p(ratio - 1) : Math.log(ratio);
            z[0] = log * sigma + 0.5 / sigma;
            z[1] = log * sigma - 0.5 / sigma;
            for (int i = 0; i < 2; i++) {
                tail[i] = Erfc.value(Math.abs(z[i]) / SQRT2) / 2;
            }
        }

        double to(Edge high, int i) {
            if (z[i] >= 0) {
                return Math.max(0, tail[i] - high.tail[i]);
            }
            return high.z[i] < 0 ? Math.max(0, high.tail[i] - tail[i]) : 1 - tail[i] - high.tail[i];
        }

        double errorTo(Edge high, int i) {
            return error(i) + high.error(i) + (z[i] < 0 && high.z[i] >= 0 ? 2 * UNIT : 0);
        }

        private double error(int i) {
            return tail[i] > 0 ? TAIL_ERROR * (1 + z[i] * z[i]) * tail[i] : 0;
        }
    }

    /** Zero, and points between two values on either side of one, dense around one, where a mean of ratios has its mass. */
    private static double[] grid(double lowest, double highest, double deviation) {
        double relative = Math.max(RELATIVE, (Math.log(highest) - Math.log(lowest)) / MOST_POINTS);
        double[] down = new double[64];
        int below = 0;
        for (double x = 1; x > lowest; x = down[below++]) {
            if (below == down.length) {
                down = Arrays.copyOf(down, 2 * below);
            }
            down[below] = Math.max(lowest, x - step(x, deviation, relative));
        }
        double[] up = new double[64];
        int above = 0;
        for (double x = 1; x < highest; x = up[above++]) {
            if (above == up.length) {
                up = Arrays.copyOf(up, 2 * above);
            }
            up[above] = Math.min(highest, x + step(x, deviation, relative));
        }
        double[] grid = new double[below + above + 2];
        for (int i = 0; i < below; i++) {
            grid[below - i] = down[i];
        }
        grid[below + 1] = 1;
        System.arraycopy(up, 0, grid, below + 2, above);
        return grid;
    }

    private static double step(double x, double deviation, double relative) {
        double growth = GROWTH / RELATIVE * relative;
        return Math.min(relative * x, CENTER * deviation + growth * Math.abs(x - 1));
    }

    /**
     * The mean of independent ratios with this law.
     *
     * @param ratios how many, at least 1
     * @param tail probability that may be moved beyond either end in all
     */
    RatioLaw meanOf(long ratios, double tail) {
        if (ratios == 1) {
            return this;
        }
        RatioLaw half = meanOf(ratios / 2, tail);
        RatioLaw even = half.and(half, tail);
        return ratios % 2 == 0 ? even : even.and(this, tail);
    }

    /** The mean of all ratios that two laws are the means of. */
    private RatioLaw and(RatioLaw other, double tail) {
        long both = Math.addExact(count, other.count);
        double weight = (double) count / both;
        double otherWeight = (double) other.count / both;
        double spread = Math.hypot(weight * deviation, otherWeight * other.deviation);
        double lowest = weight * smallest() + otherWeight * other.smallest();
        double highest = weight * largest() + otherWeight * other.largest();
        var cells = new Cells(grid(Math.min(lowest, 0.5), Math.max(highest, 2), spread));
        if (other == this) {
            cells.addPairs(value, mass, weight);
        } else {
            cells.addPairs(value, mass, weight, other.value, other.mass, otherWeight);
        }
        // A cell is a sum of at most two terms a row, each of them a sum over a part of the row.
        Arrays.fill(cells.error, (3.0 * (mass.length + other.mass.length) + 32) * UNIT);
        double told = (weight * infinite + otherWeight * other.infinite) * (1 + 8 * UNIT);
        return cells.law(upper, told, Math.max(slack, other.slack) + 8 * UNIT, both, spread, tail);
    }

    private double smallest() {
        return value[0] > 0 || value.length == 1 ? value[0] : value[1];
    }

    private double largest() {
        return value[value.length - 1];
    }

    /** Intervals of ratios: how much is in each, and its first moment. */
    private static final class Cells {
        /** Where the intervals begin; the last one has no end. */
        final double[] grid;

        final double[] mass;
        final double[] moment;
        /** Bounds on the relative errors of both. */
        final double[] error;

        Cells(double[] grid) {
            this.grid = grid;
            this.mass = new double[grid.length];
            this.moment = new double[grid.length];
            this.error = new double[grid.length];
        }

        double end(int k) {
            return k + 1 < grid.length ? grid[k + 1] : Double.POSITIVE_INFINITY;
        }

        /** The means of two independent values of one law. */
        void addPairs(double[] x, double[] m, double weight) {
            int place = 0;
            for (int i = 0; i < x.length; i++) {
                place = addRow(weight * x[i], m[i], x, m, weight, i, i + 1, place);
                // Each pair of different values comes in two orders.
                addRow(weight * x[i], 2 * m[i], x, m, weight, i + 1, x.length, place);
            }
        }

        void addPairs(double[] x, double[] m, double weight, double[] y, double[] n, double otherWeight) {
            int place = 0;
            for (int i = 0; i < x.length; i++) {
                place = addRow(weight * x[i], m[i], y, n, otherWeight, 0, y.length, place);
            }
        }

        /**
         * Adds one value, weighted, with several others.
         *
         * @param place at most that of the first sum
         * @return the place of the first sum
         */
        private int addRow(double base, double m, double[] y, double[] n, double weight, int from, int to, int place) {
            int k = place;
            int first = -1;
            double end = end(k);
            double total = 0;
            double weighted = 0;
            for (int j = from; j < to; j++) {
                double v = base + weight * y[j];
                if (v >= end) {
                    mass[k] += m * total;
                    moment[k] += m * weighted;
                    total = 0;
                    weighted = 0;
                    do {
                        end = end(++k);
                    } while (v >= end);
                }
                if (j == from) {
                    first = k;
                }
                total += n[j];
                weighted += n[j] * v;
            }
            mass[k] += m * total;
            moment[k] += m * weighted;
            return first < 0 ? place : first;
        }

        RatioLaw law(boolean upper, double told, double slack, long count, double deviation, double tail) {
            return upper ? spread(told, slack, count, deviation, tail) : merged(slack, count, deviation);
        }

        /** Each interval's mass at its two ends, its mean kept: of the last one, at its beginning and at infinity. */
        private RatioLaw spread(double told, double slack, long count, double deviation, double tail) {
            int n = grid.length;
            double[] atPoint = new double[n];
            double infinite = told + UNDERFLOW;
            for (int k = 0; k < n; k++) {
                double q = mass[k] * (1 + error[k]);
                if (!(q >= UNDERFLOW)) {
                    infinite += moment[k] * (1 + error[k]);
                    q = Math.min(UNDERFLOW, mass[k]);
                    atPoint[k] += q;
                } else if (k + 1 == n) {
                    atPoint[k] += q;
                    infinite += Math.max(0, moment[k] * (1 + error[k]) - grid[k] * mass[k] * (1 - error[k]));
                } else {
                    double width = grid[k + 1] - grid[k];
                    double mean = Math.min(Math.max(moment[k] / mass[k], grid[k]), grid[k + 1]);
                    double unsure = mean * (2 * error[k] + 4 * UNIT) / width + 4 * UNIT;
                    double part = (mean - grid[k]) / width;
                    atPoint[k] += q * Math.min(1, 1 - part + unsure);
                    atPoint[k + 1] += q * Math.min(1, part + unsure);
                }
            }
            return trimmed(atPoint, infinite, slack, count, deviation, tail * SHARE_OF_TAIL);
        }

        /** The same without the ends that have less than the tail. */
        private RatioLaw trimmed(
                double[] atPoint, double infinite, double slack, long count, double deviation, double tail) {
            int last = grid.length - 1;
            double told = 0;
            double left = 0;
            while (last > 1 && told + atPoint[last] * grid[last] <= tail) {
                told += atPoint[last] * grid[last];
                left += atPoint[last];
                last--;
            }
            atPoint[last] += left;
            // Their mass under P, but for what is now at the last point.
            told = Math.max(0, told * (1 + 4 * UNIT) - left * grid[last]);
            int first = 1;
            double forgotten = 0;
            double moved = 0;
            while (first < last && forgotten + atPoint[first] <= tail) {
                forgotten += atPoint[first];
                moved += atPoint[first] * grid[first];
                first++;
            }
            // Their mean is kept between zero and what is now the first point; each is rounded upwards.
            double raised = moved / grid[first];
            atPoint[0] += Math.max(0, forgotten * (1 + 4 * UNIT) - raised * (1 - 4 * UNIT));
            atPoint[first] += raised * (1 + 4 * UNIT);
            double[] value = new double[last - first + 2];
            double[] kept = new double[value.length];
            kept[0] = atPoint[0];
            System.arraycopy(grid, first, value, 1, last - first + 1);
            System.arraycopy(atPoint, first, kept, 1, last - first + 1);
            for (int i = 0; i < kept.length; i++) {
                kept[i] *= 1 + 8 * UNIT;
            }
            return new RatioLaw(
                    true, value, kept, (infinite + told) * (1 + 2 * grid.length * UNIT), slack, count, deviation);
        }

        /** Each interval's mass at its mean. */
        private RatioLaw merged(double slack, long count, double deviation) {
            double[] value = new double[grid.length];
            double[] kept = new double[grid.length];
            int n = 0;
            double worst = 0;
            for (int k = 0; k < grid.length; k++) {
                if (error[k] <= LARGEST_ERROR && mass[k] > UNDERFLOW && moment[k] > UNDERFLOW) {
                    value[n] = moment[k] / mass[k];
                    kept[n++] = mass[k] * (1 - error[k]) * (1 - 4 * UNIT);
                    worst = Math.max(worst, error[k]);
                }
            }
            return new RatioLaw(
                    false,
                    Arrays.copyOf(value, n),
                    Arrays.copyOf(kept, n),
                    0,
                    slack + 2 * worst + 4 * UNIT,
                    count,
                    deviation);
        }
    }

    /** The number of points. */
    int size() {
        return value.length;
    }

    /** A ratio, 0 perhaps at the first point. */
    double value(int i) {
        return value[i];
    }

    /** Its probability under Q. */
    double mass(int i) {
        return mass[i];
    }

    /** The probability under P of a ratio beyond all points. */
    double infinite() {
        return infinite;
    }

    /** The relative error of every value. */
    double slack() {
        return slack;
    }
}
