// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.accountant;

import java.util.List;

/**
 * The likelihood ratio of sum w_j N(c_j, sigma^2), c_j >= 0, to N(0, sigma^2), which grows with the outcome.
 *
 * <p>With t_j = c_j x / sigma^2 - c_j^2 / (2 sigma^2) it is 1 + sum w_j (exp(t_j) - 1), less what the weights lack. Of many distances few matter at an outcome: the
 * others' exponentials are not computed.
 */
final class MixtureRatio {
    private static final double UNIT = 0x1p-53;

    /** exp of it is a thousandth of a unit. */
    private static final double NEGLIGIBLE = -44;

    /** Larger logarithms of a ratio are taken apart from the rest of it. */
    private static final double LARGE = 30;

    private static final double FARTHEST = 60;

    private final double[] center;
    private final double[] weight;
    private final double[] logWeight;
    /** t_j = rate_j x - shift_j. */
    private final double[] rate;

    private final double[] shift;
    /** By how much the weight that is taken from zero exceeds those of the distances, rounding included. */
    private final double lacking;
    /** Weight of the distance zero. */
    private final double rest;

    private final double low;
    private final double high;
    private final double lossAtLow;
    /** How much the slope of the loss grows at most: the largest variance of a distance, over sigma^4. */
    private final double curvature;

    /** Ascending distances with their weights, of which {@code missing} is left out; zero has what the sum of all, from left to right, leaves of one. */
    MixtureRatio(List<Double> distances, List<Double> weights, double missing, double sigma) {
        int first = 0;
        while (first < distances.size() && !(distances.get(first) > 0)) {
            first++;
        }
        int n = distances.size() - first;
        center = new double[n];
        weight = new double[n];
        logWeight = new double[n];
        rate = new double[n];
        shift = new double[n];
        double moved = missing;
        double rounding = 0;
        for (int j = 0; j < n; j++) {
            center[j] = distances.get(first + j);
            weight[j] = weights.get(first + j);
            logWeight[j] = Math.log(weight[j]);
            rate[j] = center[j] / sigma / sigma;
            shift[j] = center[j] / sigma * (center[j] / sigma) / 2;
            double sum = moved + weight[j];
            double added = sum - moved;
            rounding += (moved - (sum - added)) + (weight[j] - added);
            moved = sum;
        }
        lacking = missing - rounding - Math.max(0, moved - 1);
        rest = 1 - Math.min(1, moved);
        double furthest = n > 0 ? center[n - 1] : 0;
        low = -FARTHEST * sigma;
        high = furthest + FARTHEST * sigma;
        curvature = furthest / sigma / sigma * (furthest / sigma / sigma) / 4;
        lossAtLow = loss(low);
    }

    /** The logarithm of the ratio at x. */
    double loss(double x) {
        return loss(x, new double[1]);
    }

    /** The same, and its derivative in {@code slope[0]}. */
    private double loss(double x, double[] slope) {
        double top = Double.NEGATIVE_INFINITY;
        for (int j = 0; j < rate.length; j++) {
            top = Math.max(top, rate[j] * x - shift[j] + logWeight[j]);
        }
        if (top <= LARGE) {
            double excess = -lacking;
            double rising = 0;
            for (int j = 0; j < rate.length; j++) {
                double t = rate[j] * x - shift[j];
                if (t < NEGLIGIBLE) {
                    excess -= weight[j];
                } else if (t + logWeight[j] > top + NEGLIGIBLE || t < -NEGLIGIBLE) {
                    double more = Math.abs(t) < 1 ? Math.expm1(t) : Math.exp(t) - 1;
                    excess += weight[j] * more;
                    rising += weight[j] * (more + 1) * rate[j];
                }
            }
            if (excess > -0.5) {
                slope[0] = rising / (1 + excess);
                return Math.log1p(excess);
            }
        }
        // All terms are positive; the largest is divided out.
        double scale = rest > 0 ? Math.max(top, Math.log(rest)) : top;
        double sum = rest > 0 ? rest * Math.exp(-scale) : 0;
        double rising = 0;
        for (int j = 0; j < rate.length; j++) {
            double log = rate[j] * x - shift[j] + logWeight[j] - scale;
            if (log > NEGLIGIBLE) {
                double term = Math.exp(log);
                sum += term;
                rising += term * rate[j];
            }
        }
        slope[0] = rising / sum;
        return scale + Math.log(sum);
    }

    /** The outcome whose loss is l, by Newton's method kept in a bracket, from the outcome of a smaller loss; minus infinity where every loss is larger. */
    double outcome(double l, double from) {
        if (lossAtLow >= l) {
            return Double.NEGATIVE_INFINITY;
        }
        double below = low;
        double above = high;
        double[] slope = new double[1];
        double x = from > below && from < above ? from : below + (above - below) / 2;
        for (int i = 0; ; i++) {
            double error = loss(x, slope) - l;
            if (error < 0) {
                below = x;
            } else {
                above = x;
            }
            double move = error / slope[0];
            double next = x - move;
            boolean inside = next > below && next < above;
            // What is left after a step is at most half of the curvature times its square: no more than the loss at a
            // rounded outcome is off.
            double allowed = UNIT * (Math.abs(l) + 2 * Math.sqrt(curvature) * Math.abs(x));
            if (Math.abs(move) <= UNIT * Math.abs(x) || (inside && curvature * move * move / 2 <= allowed)) {
                return inside ? next : x;
            }
            // Where Newton's steps do not halve the bracket soon, bisection does.
            if (!inside || i % 4 == 3) {
                next = below + (above - below) / 2;
                if (!(next > below && next < above)) {
                    return above;
                }
            }
            x = next;
        }
    }
}
