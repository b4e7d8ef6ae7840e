// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core.gradient;

import io.github.dl4jdp.core.internal.arrays.ParallelRanges;
import org.jspecify.annotations.Nullable;

/** The engine's side of a hooked layer: takes what the layer recorded. One for each hooked layer. */
public interface TapeRecorder {
    /** The most numbers of per-example gradients that a layer should hold at a time: 64 MiB of floats. */
    long MOST_HELD = 16L << 20;

    /** Whether the current forward pass belongs to a backward pass that will be recorded. */
    boolean isRecording();

    /**
     * The number B of examples of the current physical batch. A layer whose input has more rows than that sees the time steps of
     * an example as rows of their own.
     *
     * @throws IllegalStateException if no recorded pass is under way
     */
    int examples();

    /**
     * Whether a layer below needs the gradient with respect to this layer's input. Where not, the layer returns any array of the
     * input's shape: it is never read.
     */
    boolean needsInputGradient();

    /**
     * The weights of the examples of the current physical batch, for a layer that computes a loss: it multiplies the derivative of each example's loss by them. Null
     * if there are none.
     */
    default double @Nullable [] lossWeights() {
        return null;
    }

    /** The most threads that the layer may use for itself, the calling one included; results must not depend on it. */
    default int threads() {
        return ParallelRanges.standard().threads();
    }

    /**
     * Called while the layer is hooked, by a layer that holds the gradient of every example of a physical batch: physical batches are by default
     * so small that these are at most {@link #MOST_HELD}.
     *
     * @param numbers that the layer holds for each example
     */
    default void holds(long numbers) {}

    /**
     * Called while the layer is hooked, by a layer that shares out its work to {@link #threads} threads of its own. If all layers do, ND4J's own
     * threads rest during a step.
     */
    default void sharesWork() {}

    /** The layer's rows have the same bits in any place of a physical batch, if oneDNN is there to make its products. */
    default void keepsBitsOfRows() {}

    /**
     * Takes the tape of this layer for the current backward pass. Called exactly once a backward pass, from
     * {@code backpropGradient}. When it returns, the gradient views of the network hold either the noised sum or zeros.
     *
     * @throws IllegalStateException if no recorded pass is under way: the batch did not come from the engine
     */
    void record(LayerTape tape);
}
