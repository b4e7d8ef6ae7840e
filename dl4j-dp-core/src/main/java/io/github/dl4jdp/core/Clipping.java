// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core;

/** Flat clipping of per-example gradients to an L2 norm. */
final class Clipping {
    private Clipping() {}

    /**
     * The factors {@code c_i = min(1, C / ||g_i||)}, and 0 for every example whose norm is not finite.
     *
     * <p>Formal guarantee: {@code ||c_i g_i|| <= C} for every example.
     *
     * @param squaredNorms {@code ||g_i||^2}
     * @param clippingNorm {@code C}, finite and positive
     * @param ulp relative rounding error of the arithmetic that forms the sum: clipped gradients end a few ulp below C rather than above
     */
    static double[] factors(double[] squaredNorms, double clippingNorm, double ulp) {
        double[] factors = new double[squaredNorms.length];
        double bound = clippingNorm * (1 - 8 * ulp);
        for (int i = 0; i < factors.length; i++) {
            double norm = Math.sqrt(squaredNorms[i]);
            if (norm <= bound) {
                factors[i] = 1;
            } else if (norm < Double.POSITIVE_INFINITY) {
                factors[i] = bound / norm;
            }
        }
        return factors;
    }
}
