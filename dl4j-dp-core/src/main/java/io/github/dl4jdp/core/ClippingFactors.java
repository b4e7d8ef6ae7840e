// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core;

import io.github.dl4jdp.core.gradient.Norms;
import java.util.Arrays;
import java.util.List;

/**
 * The factors by which per-example gradients enter the sum.
 *
 * <p>All of them aim a few ulp below their bound: rounding in the arithmetic that forms the sum then ends below it rather than above. An example of
 * which any norm is not finite gets the factor 0 everywhere.
 */
final class ClippingFactors {
    private ClippingFactors() {}

    /**
     * The factors of a kind of clipping.
     *
     * <p>Formal guarantee: {@code sum over layers of ||factors[l][i] g_i,l||^2 <= norm^2} for every example.
     *
     * @param clipping the kind
     * @param norm {@code C} in force
     * @param byLayer {@code ||g_i,l||} by layer and example
     * @param ulp relative rounding error of the arithmetic that forms the sum
     * @return one array of factors for each layer; where layers share their factors they share the array
     */
    static double[][] of(Clipping clipping, double norm, double[][] byLayer, double ulp) {
        double[] norms = together(byLayer);
        if (clipping instanceof Clipping.PerLayer perLayer) {
            return perLayer(bounds(perLayer, byLayer.length), byLayer, norms, ulp);
        }
        double[] factors = clipping instanceof Clipping.Automatic automatic
                ? automatic(norms, norm, automatic.stability(), ulp)
                : flat(norms, norm, ulp);
        var all = new double[byLayer.length][];
        Arrays.fill(all, factors);
        return all;
    }

    /** {@code ||g_i||} over all layers, without overflow and underflow. */
    static double[] together(double[][] byLayer) {
        var norms = new double[byLayer[0].length];
        for (double[] layer : byLayer) {
            for (int i = 0; i < norms.length; i++) {
                norms[i] = Norms.together(norms[i], layer[i]);
            }
        }
        return norms;
    }

    /** {@code C_l} of every layer, by what was given or in equal shares. */
    static double[] bounds(Clipping.PerLayer clipping, int layers) {
        List<Double> given = clipping.norms();
        if (given.isEmpty()) {
            var equal = new double[layers];
            Arrays.fill(equal, clipping.norm() / Math.sqrt(layers));
            return equal;
        }
        if (given.size() != layers) {
            throw new IllegalArgumentException(
                    "norms must have one value for each of the " + layers + " layers that train, had " + given.size());
        }
        return given.stream().mapToDouble(Double::doubleValue).toArray();
    }

    private static double below(double bound, double ulp) {
        return bound * (1 - 8 * ulp);
    }

    private static double[] flat(double[] norms, double clippingNorm, double ulp) {
        var factors = new double[norms.length];
        double bound = below(clippingNorm, ulp);
        for (int i = 0; i < factors.length; i++) {
            factors[i] = flat(norms[i], bound);
        }
        return factors;
    }

    private static double flat(double norm, double bound) {
        if (norm <= bound) {
            return 1;
        }
        return norm < Double.POSITIVE_INFINITY ? bound / norm : 0;
    }

    private static double[] automatic(double[] norms, double clippingNorm, double stability, double ulp) {
        var factors = new double[norms.length];
        double bound = below(clippingNorm, ulp);
        for (int i = 0; i < factors.length; i++) {
            factors[i] = norms[i] < Double.POSITIVE_INFINITY ? bound / (norms[i] + stability) : 0;
        }
        return factors;
    }

    private static double[][] perLayer(double[] bounds, double[][] byLayer, double[] norms, double ulp) {
        var factors = new double[bounds.length][norms.length];
        for (int layer = 0; layer < bounds.length; layer++) {
            double bound = below(bounds[layer], ulp);
            for (int i = 0; i < norms.length; i++) {
                factors[layer][i] = norms[i] < Double.POSITIVE_INFINITY ? flat(byLayer[layer][i], bound) : 0;
            }
        }
        return factors;
    }
}
