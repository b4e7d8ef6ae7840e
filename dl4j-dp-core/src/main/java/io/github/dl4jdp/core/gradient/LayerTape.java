// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core.gradient;

import java.util.Map;
import java.util.Optional;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * What one layer kept of one backward pass: enough to give the norms of its per-example gradients {@code g_i}, and then any
 * weighted sum of them, without ever holding all of them at once.
 *
 * <p>The parameters of the layer are addressed by name. A map handed in holds, for every parameter of the layer, an array
 * of the parameter's shape: DL4J's own view of a flat array in the order of {@code layer.params()}.
 *
 * <h2>Formal guarantee</h2>
 *
 * The privacy of a step rests on three properties, which {@code GradientRuleContract} tests for every rule: the norms
 * of {@link #addSquaredNorms} are those of the rows of {@link #addRow}; {@link #addWeightedSum} is the weighted sum of the same
 * rows; and row {@code i} depends on example {@code i} alone. The first two hold in floating point too where a tape is a {@link BoundedTape}, as all of the
 * library are; of other tapes the engine uses the rows alone, whose norms it takes itself, so that the third is all that is asked of them.
 */
public interface LayerTape {
    /**
     * Adds {@code ||g_i||^2}, over this layer's parameters, to {@code squaredNorms[i]} for every example.
     *
     * @param squaredNorms one value for each example of the physical batch; a non-finite result marks an example that cannot be used
     */
    void addSquaredNorms(double[] squaredNorms);

    /**
     * Adds {@code sum over i of weights[i] * g_i} to {@code sums}. Called at most once for a tape, after
     * {@link #addSquaredNorms}: it may overwrite what the tape holds.
     *
     * @param weights one finite weight for each example, not negative; 0 for every discarded example
     * @param sums this layer's part of the sum, by parameter name
     */
    void addWeightedSum(double[] weights, Map<String, INDArray> sums);

    /**
     * Adds {@code g_i} of one example to {@code row}.
     *
     * @param example index within the physical batch
     * @param row this layer's part of one gradient, by parameter name
     */
    void addRow(int example, Map<String, INDArray> row);

    /**
     * Replaces everything that comes from one example by zeros. A zero weight is not enough: {@code 0 * NaN} is {@code NaN}.
     *
     * @param example index within the physical batch
     */
    void discard(int example);

    /**
     * The tape of the examples of a batch that holds several copies of each, its gradients the sums of those of the copies:
     *
     * <pre>
     *   h_i = sum over k of g_(k B + i),   B examples, row k B + i of the batch being copy k of example i
     * </pre>
     *
     * <p>The norms are those of the sums, cross terms included; to discard an example is to discard its copies. Called at most once, before
     * everything else, and this tape is not used by itself afterwards: the two may share memory.
     *
     * @param copies at least 1; the number of rows is a multiple of it
     * @return empty if this tape has no way of its own: every sum is then made of the rows of {@link #addRow}, exactly and slowly
     */
    default Optional<LayerTape> sumOfCopies(int copies) {
        return Optional.empty();
    }
}
