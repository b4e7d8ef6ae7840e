// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core.gradient;

import io.github.dl4jdp.core.internal.arrays.Rounding;
import java.util.Map;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * A tape that knows what rounding does to its sums. All tapes of the library are of this kind; from other tapes the engine takes rows only, and measures and
 * sums them itself.
 *
 * <h2>Formal guarantee</h2>
 *
 * With the norms {@code n_i} of {@link #addNorms} and weights {@code w_i}, the sum that {@link #addWeightedSum(double[], Map, double)} computes is within its
 * returned bound, in the L2 norm, of the exact sum of vectors {@code r_i}, where {@code r_i} depends on example i alone and {@code ||r_i|| <= w_i n_i (1 + own)},
 * {@code own} being {@link Rounding}'s.
 */
public interface BoundedTape extends LayerTape {
    /**
     * Replaces {@code norms[i]} by {@code sqrt(norms[i]^2 + ||g_i||^2)} for every example, without overflow or underflow.
     *
     * @param norms one value for each example of the physical batch; a non-finite result marks an example that cannot be used
     */
    void addNorms(double[] norms);

    /**
     * Adds {@code sum over i of weights[i] * g_i} to {@code sums}, as precisely as {@code allowance} asks for. Called at most once for a tape, after
     * {@link #addNorms}: it may overwrite what the tape holds.
     *
     * @param weights one finite weight for each example, not negative; 0 for every discarded example
     * @param sums this layer's part of the sum, by parameter name; DOUBLE in the engine
     * @param allowance the L2 error that may be made; where it cannot be kept, the sum is made in double precision
     * @return a bound on the L2 error that was made
     */
    double addWeightedSum(double[] weights, Map<String, INDArray> sums, double allowance);

    /**
     * A tape that is known to be of this kind.
     *
     * @throws IllegalArgumentException if it is not: a user's rule within a layer of the library
     */
    static BoundedTape require(LayerTape tape) {
        if (tape instanceof BoundedTape bounded) {
            return bounded;
        }
        throw new IllegalArgumentException(
                "a layer inside another one must be recorded by a rule of the library, was recorded by "
                        + tape.getClass().getName());
    }

    @Override
    default void addSquaredNorms(double[] squaredNorms) {
        var norms = new double[squaredNorms.length];
        addNorms(norms);
        for (int i = 0; i < norms.length; i++) {
            squaredNorms[i] += norms[i] * norms[i];
        }
    }

    @Override
    default void addWeightedSum(double[] weights, Map<String, INDArray> sums) {
        addWeightedSum(weights, sums, Double.POSITIVE_INFINITY);
    }
}
