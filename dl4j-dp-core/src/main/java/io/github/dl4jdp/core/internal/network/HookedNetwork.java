// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core.internal.network;

import io.github.dl4jdp.core.gradient.GradientRules;
import io.github.dl4jdp.core.internal.plan.Segment;
import io.github.dl4jdp.core.mechanism.TrainableLayer;
import java.util.List;
import org.deeplearning4j.nn.api.Layer;
import org.deeplearning4j.nn.api.Model;
import org.deeplearning4j.nn.api.Updater;
import org.deeplearning4j.nn.conf.layers.BaseLayer;
import org.deeplearning4j.nn.graph.ComputationGraph;
import org.deeplearning4j.nn.multilayer.MultiLayerNetwork;
import org.deeplearning4j.optimize.solvers.BaseOptimizer;
import org.jspecify.annotations.Nullable;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.dataset.api.MultiDataSet;
import org.nd4j.linalg.learning.config.IUpdater;

/**
 * A DL4J network whose trainable layers hand their per-example gradients to a {@link BackwardPass}.
 *
 * <p>The one place that knows how a network class keeps its layers; the rest of the engine sees parameter ranges.
 */
public interface HookedNetwork {
    /** Hooks a network that {@code ModelValidator} found in order. */
    static HookedNetwork hook(Model model, GradientRules rules, BackwardPass pass) {
        if (model instanceof MultiLayerNetwork network) {
            return new HookedMultiLayerNetwork(network, rules, pass);
        }
        if (model instanceof ComputationGraph network) {
            return new HookedComputationGraph(network, rules, pass);
        }
        throw new IllegalArgumentException(NetworkConfiguration.UNKNOWN_CLASS);
    }

    /** What a pass over other data than the engine's current lot gets. */
    static IllegalStateException foreignBatch() {
        return new IllegalStateException(
                "fit received a batch that is not the engine's current lot: train with net.fit(engine.lots(data), plan.epochs())");
    }

    /** The layers that train. */
    static List<Layer> trainableLayers(Model model) {
        if (model instanceof MultiLayerNetwork network) {
            return HookedMultiLayerNetwork.trainableLayers(network);
        }
        if (model instanceof ComputationGraph network) {
            return HookedComputationGraph.trainableLayers(network);
        }
        throw new IllegalArgumentException(NetworkConfiguration.UNKNOWN_CLASS);
    }

    /** The network itself. */
    Model model();

    /** The layers that train, in the order of the flattened parameters. */
    List<TrainableLayer> trainable();

    /** The flattened gradient [1, numParams] that DL4J's updater reads. */
    INDArray gradientView();

    /** Whether the network's configuration divides the gradient by the batch size. */
    boolean dividesByBatchSize();

    /**
     * One forward and backward pass over a batch, without listeners, updater or any change of the parameters, counts and score.
     */
    void forwardAndBackward(MultiDataSet batch);

    /**
     * Checks, at the end of a backward pass, that the arrays it went over are exactly those of {@code batch}, or its {@code segment}, and that they
     * kept one row for each example.
     *
     * @throws IllegalStateException if they did not
     */
    void requirePassOver(MultiDataSet batch, Segment segment);

    /**
     * Whether the network was given the labels of {@code batch}, or of its {@code segment}: what a fit begins with, and an evaluation does without.
     */
    boolean isGiven(MultiDataSet batch, Segment segment);

    /** Forgets the masks of a batch before: a fit that failed leaves them, and the next one would take them for its own. */
    void clearMasks();

    /**
     * Checks what the updater would fail on after the release.
     *
     * @throws IllegalStateException if it would
     */
    default void requireReleasable() {
        int iteration = BaseOptimizer.getIterationCount(model());
        int epoch = BaseOptimizer.getEpochCount(model());
        for (TrainableLayer layer : trainable()) {
            if (layer.conf().getLayer() instanceof BaseLayer base) {
                DpMultiLayerUpdater.requireNoNormalization(base);
            }
            for (IUpdater updater : LayerUpdaters.of(layer.conf().getLayer())) {
                if (!updater.hasLearningRate()) {
                    continue;
                }
                double rate = updater.getLearningRate(iteration, epoch);
                if (!(Math.abs(rate) < Double.POSITIVE_INFINITY)) {
                    throw new IllegalStateException("the learning rate of layer \"" + layer.name()
                            + "\" must be finite, was " + rate + " at iteration " + iteration
                            + ": it would destroy every parameter and waste a charge; correct its schedule");
                }
            }
        }
    }

    /** Forgets what recurrent layers carried from segment to segment: it is that of the examples of another lot. */
    void clearCarriedState();

    /** The updater that DL4J will call, or null if it was dropped. */
    @Nullable
    Updater currentUpdater();

    /**
     * Refuses a network that can learn nothing more: with parameters that are not finite, neither is any gradient, and a lot would be charged for
     * noise alone. The parameters are what was released so far, so this looks at nothing private.
     *
     * @throws IllegalStateException if a parameter is not finite
     */
    default void requireFiniteParameters() {
        INDArray params = model().params();
        double sum = params.sumNumber().doubleValue();
        if (!(Math.abs(sum) < Double.POSITIVE_INFINITY)) {
            throw new IllegalStateException("the network's parameters must be finite, their sum was " + sum
                    + ": every gradient would be useless, and charges would be wasted. Continue from an earlier checkpoint, with a"
                    + " lower learning rate or a larger lot size");
        }
    }

    /** Whether every hooked layer is still in its place. */
    boolean isIntact();

    /** Puts the original layers back. */
    void unhook();
}
