// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core;

import java.util.List;
import org.deeplearning4j.nn.api.Model;
import org.deeplearning4j.nn.api.Updater;
import org.jspecify.annotations.Nullable;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.dataset.api.MultiDataSet;

/**
 * A DL4J network whose trainable layers hand their per-example gradients to a {@link BackwardPass}.
 *
 * <p>The one place that knows how a network class keeps its layers; the rest of the engine sees parameter ranges.
 */
interface HookedNetwork {
    /** The network itself. */
    Model model();

    /** The layers that train, in the order of the flattened parameters. */
    List<TrainableLayer> trainable();

    /** The flattened gradient [1, numParams] that DL4J's updater reads. */
    INDArray gradientView();

    /** Whether the network's configuration divides the gradient by the batch size. */
    boolean dividesByBatchSize();

    /**
     * One forward and backward pass over a batch, without listeners, updater or any change of the parameters and counts.
     */
    void forwardAndBackward(MultiDataSet batch);

    /** Whether the arrays that the network is working on now are exactly those of {@code batch}. */
    boolean isWorkingOn(MultiDataSet batch);

    /** The updater that DL4J will call, or null if it was dropped. */
    @Nullable
    Updater currentUpdater();

    /** Whether every hooked layer is still in its place. */
    boolean isIntact();

    /** Puts the original layers back. */
    void unhook();
}
