// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core;

import java.util.Arrays;
import java.util.List;
import java.util.function.UnaryOperator;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.deeplearning4j.nn.api.Layer;
import org.deeplearning4j.nn.api.Model;
import org.deeplearning4j.nn.api.Updater;
import org.deeplearning4j.nn.conf.NeuralNetConfiguration;
import org.deeplearning4j.nn.conf.layers.misc.FrozenLayer;
import org.deeplearning4j.nn.conf.layers.misc.FrozenLayerWithBackprop;
import org.deeplearning4j.nn.graph.ComputationGraph;
import org.deeplearning4j.nn.layers.wrapper.BaseWrapperLayer;
import org.deeplearning4j.nn.multilayer.MultiLayerNetwork;
import org.jspecify.annotations.Nullable;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.learning.config.IUpdater;

/**
 * The configuration side of a network: while it is attached, its updaters are wrapped so that it fails closed wherever the
 * configuration goes without the training.
 */
abstract class NetworkConfiguration {
    private @Nullable Updater updater;

    /**
     * The configuration of a network.
     *
     * @throws UnsupportedModelException if it is of another class than DL4J's two
     */
    static NetworkConfiguration of(Model network) {
        if (network instanceof MultiLayerNetwork multiLayer) {
            return new LayerListConfiguration(multiLayer);
        }
        if (network instanceof ComputationGraph graph) {
            return new GraphConfiguration(graph);
        }
        throw ModelValidator.unknownClass(network);
    }

    /** The network's layers, as they are now. */
    abstract Layer[] layers();

    /** The layers' configurations, in the same order. */
    abstract List<NeuralNetConfiguration> configurations();

    /** Gives the network a clone of its configuration: networks that were built from one configuration share it. */
    abstract void takeOwn();

    abstract @Nullable Updater currentUpdater();

    abstract void setUpdater(Updater updater);

    abstract Updater privateUpdater(PrivateTraining training, @Nullable INDArray state);

    abstract Updater plainUpdater(@Nullable INDArray state);

    /**
     * A network of its own with a clone of the configuration and of the parameters, as they are now.
     *
     * @param updaters what stands in the place of each updater
     */
    abstract Model copy(UnaryOperator<IUpdater> updaters);

    /** Gives the network a configuration of its own and wraps the updaters of weights and biases. */
    void privatize(DpSgdPlan plan) {
        takeOwn();
        replaceUpdaters(updater -> DpUpdater.of(plain(updater), plan));
        Layer[] layers = layers();
        List<NeuralNetConfiguration> own = configurations();
        for (int i = 0; i < layers.length; i++) {
            // A wrapper would hand its own configuration to the layer inside, which has another one.
            if (!(layers[i] instanceof BaseWrapperLayer)) {
                layers[i].setConf(own.get(i));
            }
        }
    }

    /** Replaces the network's updater by the engine's, going on with its state. */
    void installUpdater(PrivateTraining training) {
        updater = privateUpdater(training, stateOf(currentUpdater()));
        setUpdater(updater);
    }

    /** The engine's updater. */
    @Nullable
    Updater updater() {
        return updater;
    }

    /** Undoes {@link #installUpdater} alone: DL4J's own updater, which refuses what {@code DpUpdater} stands for, with the state so far. */
    void removeUpdater() {
        setUpdater(plainUpdater(stateOf(updater)));
        updater = null;
    }

    /** Undoes {@link #privatize} and {@link #installUpdater}. */
    void restoreUpdater() {
        replaceUpdaters(NetworkConfiguration::plain);
        setUpdater(plainUpdater(stateOf(updater)));
        updater = null;
    }

    private static IUpdater plain(IUpdater updater) {
        return updater instanceof DpUpdater own ? own.updater() : updater;
    }

    /** Replaces every updater of the configuration in place. */
    private void replaceUpdaters(UnaryOperator<IUpdater> replacement) {
        configurations().forEach(conf -> LayerUpdaters.replace(conf.getLayer(), replacement));
    }

    private static @Nullable INDArray stateOf(@Nullable Updater updater) {
        return updater == null ? null : updater.getStateViewArray();
    }

    /** The plan in the network's configuration. */
    DpSgdPlan plan() {
        List<DpSgdPlan> plans = plans();
        if (plans.size() != 1) {
            throw new IllegalArgumentException(
                    plans.isEmpty()
                            ? "the network's configuration carries no plan: build it with .updater(DpUpdater.of(updater, plan)), or call"
                                    + " attach(network, plan)"
                            : "the network's layers must carry one plan, they carry " + plans);
        }
        return plans.get(0);
    }

    /**
     * How far the network has come, for going on under {@code plan}.
     *
     * @throws IllegalArgumentException if the configuration carries another plan and {@code plan} may not follow on it, or the layers disagree
     */
    TrainingProgress progressUnder(DpSgdPlan plan) {
        for (DpSgdPlan carried : plans()) {
            if (!carried.isSameMechanismAs(plan)) {
                if (!plan.isContinuing()) {
                    throw new IllegalArgumentException(
                            "plan must be the one in the network's configuration, " + carried + ", was " + plan
                                    + "; to change the plan and compose the costs of both, attach plan.continuing()");
                }
                return progress().followedOn(plan());
            }
        }
        return progress();
    }

    /** The plans of the layers that may train: a frozen one may come from a network of another plan. */
    private List<DpSgdPlan> plans() {
        return updaters().map(DpUpdater::plan).distinct().toList();
    }

    /** Those of the layers that may train: a frozen one may come from a network of another plan. */
    private Stream<DpUpdater> updaters() {
        return configurations().stream()
                .filter(conf ->
                        !(conf.getLayer() instanceof FrozenLayer || conf.getLayer() instanceof FrozenLayerWithBackprop))
                .flatMap(conf -> LayerUpdaters.of(conf.getLayer()).stream())
                .filter(DpUpdater.class::isInstance)
                .map(DpUpdater.class::cast);
    }

    /**
     * How far the network has come under the plan that its configuration carries.
     *
     * @throws IllegalArgumentException if its layers disagree
     */
    TrainingProgress progress() {
        var progress = updaters().map(DpUpdater::progress).distinct().toList();
        if (progress.size() > 1) {
            throw new IllegalArgumentException(
                    "the network's layers must have come equally far with the plan, they carry " + progress);
        }
        return progress.isEmpty() ? TrainingProgress.NONE : progress.get(0);
    }

    /** Notes how far the network has come, for whoever saves it. */
    void setProgress(TrainingProgress progress) {
        updaters().forEach(own -> own.setProgress(progress));
    }

    /** What the network's parameters are, as text: the layers with their names, kinds and sizes. */
    String description() {
        return Arrays.stream(layers())
                .map(layer -> layer.conf().getLayer().getLayerName() + ":"
                        + layer.conf().getLayer().getClass().getSimpleName() + ":" + layer.numParams())
                .collect(Collectors.joining(","));
    }
}
