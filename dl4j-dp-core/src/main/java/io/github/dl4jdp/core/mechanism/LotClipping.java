// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core.mechanism;

import io.github.dl4jdp.core.internal.Require;
import io.github.dl4jdp.core.internal.arrays.Norms;
import java.util.Arrays;
import java.util.List;
import java.util.function.DoubleUnaryOperator;

/**
 * The factors by which the per-example gradients of a lot enter its sum, and the count by which an adaptive clipping norm moves.
 *
 * <h2>Formal guarantee</h2>
 *
 * For every kind of clipping and every example i, {@code sum over layers l of (factor_l ||g_i,l||)^2 <= C^2}, {@code C} being the norm in force:
 *
 * <ul>
 *   <li>flat: {@code min(1, C / ||g_i||) ||g_i|| <= C};
 *   <li>per layer: each term is at most {@code C_l^2}, and they sum to {@code C^2};
 *   <li>automatic: {@code C ||g_i|| / (||g_i|| + gamma) < C};
 *   <li>adaptive: flat, with a norm that earlier releases alone decide on.
 * </ul>
 *
 * Factors aim a few ulp below their bound: rounding in the arithmetic that forms the sum then ends below it rather than above. An example of which any norm is not finite gets the
 * factor 0 everywhere. One example moves the shifted count by at most 1/2. An example's share in it is continuous in its norm, so that the last bits of the norm, which may depend on the other
 * examples of a batch, do not decide on the whole of it.
 */
final class LotClipping {
    /** One example moves the shifted count by at most this much. */
    static final double COUNT_SENSITIVITY = 0.5;

    /** Shares in the count are whole numbers of this. */
    static final double COUNT_STEP = 0x1p-20;

    /** An example whose norm is within {@code (1 - RAMP) C} counts 1/2, one beyond {@code (1 + RAMP) C} counts -1/2, and one in between in proportion. */
    private static final double RAMP = 0x1p-6;

    private final Clipping clipping;
    private double norm;
    private long count;

    LotClipping(Clipping clipping) {
        this.clipping = clipping;
        this.norm = clipping.norm();
    }

    /** Starts a sum with the clipping norm {@code C}. */
    void begin(double clippingNorm) {
        norm = clippingNorm;
        count = 0;
    }

    /** {@code C} in force. */
    double norm() {
        return norm;
    }

    /** The sum over the examples of their shares, in units of {@link #COUNT_STEP}: about how many are within C, less half of all; 0 unless clipping is adaptive. Private data. */
    long shiftedCount() {
        return count;
    }

    /**
     * By what part of {@link #COUNT_SENSITIVITY} the places of the examples in their physical batches may move the count, once for each of two neighboring data sets.
     *
     * @param rows how far they may move the sum, as a part of C: {@code Rounding.rows}
     */
    static double countAllowance(double rows) {
        return 2 * rows / (2 * RAMP) / COUNT_SENSITIVITY;
    }

    /**
     * The factors of one physical batch, by layer and example.
     *
     * @param norms {@code ||g_i,l||} by layer and row
     * @param examples how many rows count; the others get the factor 0
     * @param ulp relative rounding error of the arithmetic that forms the sum
     */
    double[][] factors(double[][] norms, int examples, double ulp) {
        double[][] factors = of(clipping, norm, norms, ulp);
        for (double[] layer : factors) {
            Arrays.fill(layer, examples, layer.length, 0);
        }
        if (clipping instanceof Clipping.Adaptive) {
            double[] whole = together(norms);
            for (int i = 0; i < examples; i++) {
                count += share(whole[i]);
            }
        }
        return factors;
    }

    /** A norm that is not a number is not within any bound. */
    private long share(double of) {
        double distance = (norm - of) / (2 * RAMP * norm);
        double share = distance >= -COUNT_SENSITIVITY ? Math.min(COUNT_SENSITIVITY, distance) : -COUNT_SENSITIVITY;
        return Math.round(share / COUNT_STEP);
    }

    /**
     * The factors of a kind of clipping.
     *
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
        double bound = below(norm, ulp);
        DoubleUnaryOperator factor = clipping instanceof Clipping.Automatic automatic
                ? one -> one < Double.POSITIVE_INFINITY ? bound / (one + automatic.stability()) : 0
                : one -> flat(one, bound);
        var all = new double[byLayer.length][];
        Arrays.fill(all, Arrays.stream(norms).map(factor).toArray());
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
        Require.that(
                given.size() == layers,
                "norms must have one value for each of the " + layers + " layers that train, had " + given.size());
        return given.stream().mapToDouble(Double::doubleValue).toArray();
    }

    private static double below(double bound, double ulp) {
        return bound * (1 - 8 * ulp);
    }

    private static double flat(double norm, double bound) {
        if (norm <= bound) {
            return 1;
        }
        return norm < Double.POSITIVE_INFINITY ? bound / norm : 0;
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
