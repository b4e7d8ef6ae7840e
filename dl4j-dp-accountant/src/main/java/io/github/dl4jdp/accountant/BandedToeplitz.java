// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.accountant;

import java.util.Arrays;

/** Lower-triangular Toeplitz matrices, as their first columns, and those with the least error of prefix sums. */
final class BandedToeplitz {
    private static final int MOST_ITERATIONS = 500;
    /** Pairs of steps and changes of gradient that the search for the minimum remembers. */
    private static final int MEMORY = 8;

    private static final double TOLERANCE = 1e-10;

    private BandedToeplitz() {}

    /** The first {@code length} coefficients of the inverse; {@code coefficients[0]} must be 1. */
    static double[] inverse(double[] coefficients, int length) {
        var unit = new double[length];
        unit[0] = 1;
        return solve(coefficients, unit);
    }

    /** {@code C^-1 values}. */
    private static double[] solve(double[] coefficients, double[] values) {
        double[] solved = values.clone();
        for (int t = 1; t < solved.length; t++) {
            double sum = 0;
            for (int j = Math.min(t, coefficients.length - 1); j >= 1; j--) {
                sum += coefficients[j] * solved[t - j];
            }
            solved[t] -= sum;
        }
        return solved;
    }

    /** The mean over t of the squared length of row t of {@code A C^-1}, A the matrix of prefix sums. */
    static double meanSquaredError(double[] inverse, int steps) {
        double sum = 0;
        double prefix = 0;
        for (int k = 0; k < steps; k++) {
            prefix += k < inverse.length ? inverse[k] : 0;
            sum += prefix * prefix * (steps - k) / steps;
        }
        return sum;
    }

    /**
     * The coefficients of the banded C with the least {@code meanSquaredError * ||C[:, 1]||^2}: the error at equal cost where columns of steps that an example takes part in do not overlap. From the square root downhill, by L-BFGS (Nocedal and Wright
     * 2006, algorithm 7.4).
     *
     * @param bands from 1 to {@code steps}
     */
    static double[] optimized(int bands, int steps) {
        var c = new double[bands];
        c[0] = 1;
        for (int j = 1; j < bands; j++) {
            c[j] = c[j - 1] * (j - 0.5) / j;
        }
        var gradient = new double[bands];
        double value = value(c, steps, gradient);
        var moves = new double[MEMORY][];
        var changes = new double[MEMORY][];
        for (int i = 0; i < MOST_ITERATIONS; i++) {
            double[] direction = direction(gradient, moves, changes, i);
            double slope = dot(direction, gradient);
            if (!(slope < -TOLERANCE * TOLERANCE * value)) {
                break;
            }
            var next = new double[bands];
            var nextGradient = new double[bands];
            double nextValue = value;
            double step = 1;
            boolean found = false;
            for (int tries = 0; tries < 40 && !found; tries++, step /= 2) {
                for (int j = 0; j < bands; j++) {
                    next[j] = c[j] + step * direction[j];
                }
                if (isDecreasing(next)) {
                    nextValue = value(next, steps, nextGradient);
                    found = nextValue <= value + 1e-4 * step * slope;
                }
            }
            if (!found) {
                break;
            }
            var move = new double[bands];
            var change = new double[bands];
            for (int j = 0; j < bands; j++) {
                move[j] = next[j] - c[j];
                change[j] = nextGradient[j] - gradient[j];
            }
            moves[i % MEMORY] = move;
            changes[i % MEMORY] = change;
            boolean isSmall = value - nextValue <= TOLERANCE * 1e-3 * value;
            c = next;
            gradient = nextGradient;
            value = nextValue;
            if (isSmall) {
                break;
            }
        }
        return c;
    }

    /** Sensitivities are known for coefficients that decrease: the search stays among these. */
    private static boolean isDecreasing(double[] c) {
        for (int j = 1; j < c.length; j++) {
            if (!(c[j] >= 0 && c[j] <= c[j - 1])) {
                return false;
            }
        }
        return true;
    }

    private static double[] direction(double[] gradient, double[][] moves, double[][] changes, int done) {
        double[] q = Arrays.stream(gradient).map(one -> -one).toArray();
        int oldest = Math.max(0, done - MEMORY);
        var part = new double[MEMORY];
        for (int i = done - 1; i >= oldest; i--) {
            double curvature = dot(moves[i % MEMORY], changes[i % MEMORY]);
            if (curvature > 0) {
                part[i % MEMORY] = dot(moves[i % MEMORY], q) / curvature;
                add(q, changes[i % MEMORY], -part[i % MEMORY]);
            }
        }
        if (done > 0) {
            double[] move = moves[(done - 1) % MEMORY];
            double[] change = changes[(done - 1) % MEMORY];
            double curvature = dot(move, change);
            if (curvature > 0) {
                double scale = curvature / dot(change, change);
                for (int j = 0; j < q.length; j++) {
                    q[j] *= scale;
                }
            }
        } else {
            double scale = 0.01 / Math.max(1e-12, Math.sqrt(dot(q, q)));
            for (int j = 0; j < q.length; j++) {
                q[j] *= Math.min(1, scale);
            }
        }
        for (int i = oldest; i < done; i++) {
            double curvature = dot(moves[i % MEMORY], changes[i % MEMORY]);
            if (curvature > 0) {
                add(q, moves[i % MEMORY], part[i % MEMORY] - dot(changes[i % MEMORY], q) / curvature);
            }
        }
        return dot(q, gradient) < 0
                ? q
                : Arrays.stream(gradient).map(one -> -one).toArray();
    }

    /** The value to be minimized, and its gradient in all coefficients but the first, which is 1. */
    static double value(double[] c, int steps, double[] gradient) {
        double[] inverse = inverse(c, steps);
        double error = 0;
        var pull = new double[steps];
        double prefix = 0;
        for (int k = 0; k < steps; k++) {
            prefix += inverse[k];
            double weight = (double) (steps - k) / steps;
            error += prefix * prefix * weight;
            pull[k] = 2 * prefix * weight;
        }
        for (int k = steps - 2; k >= 0; k--) {
            pull[k] += pull[k + 1]; // by inverse[k]
        }
        double[] twice = solve(c, inverse); // of C^-2: the inverse moves by -C^-2 for each coefficient
        double norm = dot(c, c);
        for (int j = 1; j < c.length; j++) {
            double moved = 0;
            for (int k = j; k < steps; k++) {
                moved -= pull[k] * twice[k - j];
            }
            gradient[j] = moved * norm + error * 2 * c[j];
        }
        gradient[0] = 0;
        return error * norm;
    }

    private static void add(double[] to, double[] what, double times) {
        for (int j = 0; j < to.length; j++) {
            to[j] += times * what[j];
        }
    }

    private static double dot(double[] a, double[] b) {
        double sum = 0;
        for (int j = 0; j < a.length; j++) {
            sum += a[j] * b[j];
        }
        return sum;
    }
}
