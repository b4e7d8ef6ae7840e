// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.accountant;

import java.util.HashMap;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.DoubleUnaryOperator;

/**
 * Renyi orders between those of a grid, added where they may give a smaller bound.
 *
 * <p>With R(a) the sum of divergences and g(a) = (a - 1) R(a) + (a - 1) log(a - 1) - a log(a), which is convex in a (van Erven
 * and Harremoes 2014, corollary 2; the rest has the second derivative 1/(a - 1) - 1/a), the bound on epsilon is (g(a) - log delta) / (a - 1), and
 * that on log delta is g(a) - (a - 1) epsilon. Both have one minimum. Chords of a convex function, prolonged, bound it from below: so it is
 * known how much an order between two others could gain at most, and none is added where that is too little.
 */
final class RenyiRefinement {
    /** Relative gain in epsilon that is not looked for. */
    private static final double TOLERANCE = 4e-4;

    private static final int MOST_ADDED_AT_ONCE = 40;

    private static final double SMALLEST_DISTANCE = 1e-4;

    private final Map<DpEvent, DoubleUnaryOperator> divergences = new HashMap<>();
    /** The divergence of each leaf at each order that was added. */
    private final TreeMap<Double, Map<DpEvent, Double>> added = new TreeMap<>();

    /** What is asked of the accountant. */
    enum Question {
        EPSILON,
        DELTA
    }

    /** An order and the sum of divergences there. */
    record Point(double order, double rdp) {}

    /**
     * The order that gives the least bound, with the divergences of all leaves there.
     *
     * @param given log delta, or epsilon
     */
    Point best(Question question, double given, double[] orders, double[] rdp, Map<DpEvent, Long> leaves) {
        for (int i = 0; ; i++) {
            Curve curve = new Curve(question, given, orders, rdp, leaves);
            double next = i < MOST_ADDED_AT_ONCE ? curve.worthAdding() : Double.NaN;
            if (Double.isNaN(next)) {
                return new Point(curve.order[curve.best], curve.rdp[curve.best]);
            }
            Map<DpEvent, Double> values = new HashMap<>();
            added.put(next, values);
        }
    }

    private double sum(double order, Map<DpEvent, Double> values, Map<DpEvent, Long> leaves) {
        double sum = 0;
        for (Map.Entry<DpEvent, Long> leaf : leaves.entrySet()) {
            double value = values.computeIfAbsent(
                    leaf.getKey(),
                    l -> divergences.computeIfAbsent(l, RenyiCurves::divergence).applyAsDouble(order));
            sum += leaf.getValue() * value;
        }
        return sum * (1 + (2 + leaves.size()) * 0x1p-53);
    }

    /** All orders, those of the grid and those added, and the convex function at them. */
    private final class Curve {
        final double[] order;
        final double[] rdp;
        final double[] value;
        final boolean forEpsilon;
        int best;

        Curve(Question question, double given, double[] grid, double[] gridRdp, Map<DpEvent, Long> leaves) {
            int n = grid.length + added.size();
            order = new double[n];
            rdp = new double[n];
            value = new double[n];
            forEpsilon = question == Question.EPSILON;
            int from = 0;
            int to = 0;
            for (Map.Entry<Double, Map<DpEvent, Double>> extra : added.entrySet()) {
                while (from < grid.length && grid[from] < extra.getKey()) {
                    order[to] = grid[from];
                    rdp[to++] = gridRdp[from++];
                }
                order[to] = extra.getKey();
                rdp[to++] = sum(extra.getKey(), extra.getValue(), leaves);
            }
            while (from < grid.length) {
                order[to] = grid[from];
                rdp[to++] = gridRdp[from++];
            }
            for (int i = 0; i < n; i++) {
                double a = order[i];
                double convex = (a - 1) * (rdp[i] + Math.log1p(-1 / a)) - Math.log(a);
                value[i] = forEpsilon ? convex - given : convex - (a - 1) * given;
                if (bound(value[i], a) < bound(value[best], order[best])) {
                    best = i;
                }
            }
        }

        /** What is to be least, from the convex function at an order. */
        private double bound(double convex, double a) {
            return forEpsilon ? convex / (a - 1) : convex;
        }

        /** An order at which the bound may be smaller by more than the tolerance, NaN where there is none. */
        double worthAdding() {
            double least = bound(value[best], order[best]);
            double allowed = forEpsilon
                    ? least * (1 - TOLERANCE)
                    : least - TOLERANCE * (order[best] - 1) * Math.max(rdp[best], SMALLEST_DISTANCE);
            if (!(least < Double.POSITIVE_INFINITY) || (forEpsilon && least <= 0)) {
                return Double.NaN;
            }
            double left = best > 0 ? gain(best - 1) : Double.POSITIVE_INFINITY;
            double right = best + 1 < order.length ? gain(best) : Double.POSITIVE_INFINITY;
            int i = left < right ? best - 1 : best;
            if (!(Math.min(left, right) < allowed)) {
                return Double.NaN;
            }
            double middle = 1 + Math.sqrt((order[i] - 1) * (order[i + 1] - 1));
            if (order[i + 1] - order[i] > 2) {
                middle = Math.rint(middle);
            }
            boolean between =
                    middle > order[i] * (1 + SMALLEST_DISTANCE) && middle < order[i + 1] * (1 - SMALLEST_DISTANCE);
            return between ? middle : Double.NaN;
        }

        /** The least that the bound can be between orders i and i + 1. */
        private double gain(int i) {
            double a = order[i];
            double b = order[i + 1];
            double leftSlope = i > 0 ? slope(i - 1) : Double.NaN;
            double rightSlope = i + 2 < order.length ? slope(i + 1) : Double.NaN;
            double least = Math.min(lower(i, a, leftSlope, rightSlope), lower(i, b, leftSlope, rightSlope));
            double crossing = (value[i + 1] - value[i] + leftSlope * a - rightSlope * b) / (leftSlope - rightSlope);
            if (crossing > a && crossing < b) {
                least = Math.min(least, lower(i, crossing, leftSlope, rightSlope));
            }
            return least;
        }

        private double slope(int i) {
            double slope = (value[i + 1] - value[i]) / (order[i + 1] - order[i]);
            return Math.abs(slope) < Double.POSITIVE_INFINITY ? slope : Double.NaN;
        }

        private double lower(int i, double a, double leftSlope, double rightSlope) {
            double left = value[i] + leftSlope * (a - order[i]);
            double right = value[i + 1] + rightSlope * (a - order[i + 1]);
            double convex = Double.isNaN(left) ? right : Double.isNaN(right) ? left : Math.max(left, right);
            return Double.isNaN(convex) ? Double.NEGATIVE_INFINITY : bound(convex, a);
        }
    }
}
