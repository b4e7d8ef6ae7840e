// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core;

import java.util.ArrayList;
import java.util.List;
import org.deeplearning4j.nn.api.Layer;
import org.deeplearning4j.nn.api.Updater;
import org.deeplearning4j.nn.conf.MultiLayerConfiguration;
import org.deeplearning4j.nn.conf.NeuralNetConfiguration;
import org.deeplearning4j.nn.conf.layers.BaseLayer;
import org.deeplearning4j.nn.layers.FrozenLayer;
import org.deeplearning4j.nn.multilayer.MultiLayerNetwork;
import org.deeplearning4j.nn.updater.MultiLayerUpdater;
import org.jspecify.annotations.Nullable;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.learning.config.IUpdater;

/**
 * The configuration side of an attached network: its updaters are wrapped so that it fails closed wherever the configuration goes
 * without the engine.
 */
final class NetworkConfiguration {
    private final MultiLayerNetwork network;
    private @Nullable Updater updater;

    private NetworkConfiguration(MultiLayerNetwork network) {
        this.network = network;
    }

    /**
     * Gives the network a configuration of its own, since networks built from one configuration share it, and wraps the updaters of weights
     * and biases.
     */
    static NetworkConfiguration privatize(MultiLayerNetwork network, DpSgdPlan plan) {
        MultiLayerConfiguration own = network.getLayerWiseConfigurations().clone();
        network.setLayerWiseConfigurations(own);
        Layer[] layers = network.getLayers();
        for (int i = 0; i < layers.length; i++) {
            NeuralNetConfiguration conf = own.getConf(i);
            if (conf.getLayer() instanceof BaseLayer base) {
                base.setIUpdater(wrap(base.getIUpdater(), plan));
                base.setBiasUpdater(wrap(base.getBiasUpdater(), plan));
            }
            if (!(layers[i] instanceof FrozenLayer)) {
                layers[i].setConf(conf);
            }
        }
        return new NetworkConfiguration(network);
    }

    private static @Nullable IUpdater wrap(@Nullable IUpdater updater, DpSgdPlan plan) {
        return updater == null || updater instanceof DpUpdater ? updater : DpUpdater.of(updater, plan);
    }

    /** Replaces the network's updater by the engine's, going on with its state. */
    void installUpdater(PrivacyEngine engine) {
        updater = new DpMultiLayerUpdater(network, engine, stateOf(network.getUpdater(false)));
        network.setUpdater(updater);
    }

    private static @Nullable INDArray stateOf(@Nullable Updater updater) {
        return updater == null ? null : updater.getStateViewArray();
    }

    /** The engine's updater. */
    @Nullable
    Updater updater() {
        return updater;
    }

    /** Undoes {@link #privatize} and {@link #installUpdater}. */
    void restoreUpdater() {
        for (NeuralNetConfiguration conf : network.getLayerWiseConfigurations().getConfs()) {
            if (conf.getLayer() instanceof BaseLayer base) {
                base.setIUpdater(unwrap(base.getIUpdater()));
                base.setBiasUpdater(unwrap(base.getBiasUpdater()));
            }
        }
        network.setUpdater(new MultiLayerUpdater(network, stateOf(updater)));
        updater = null;
    }

    private static @Nullable IUpdater unwrap(@Nullable IUpdater updater) {
        return updater instanceof DpUpdater own ? own.updater() : updater;
    }

    /** The plan in the network's configuration. */
    static DpSgdPlan planOf(MultiLayerNetwork network) {
        List<DpSgdPlan> plans = plansOf(network);
        if (plans.size() != 1) {
            throw new IllegalArgumentException(
                    plans.isEmpty()
                            ? "the network's configuration carries no plan: build it with .updater(DpUpdater.of(updater, plan)), or call"
                                    + " attach(network, plan)"
                            : "the network's layers must carry one plan, they carry " + plans);
        }
        return plans.get(0);
    }

    /** Refuses another plan than the one that the configuration carries, if it carries one. */
    static void requireSamePlan(MultiLayerNetwork network, DpSgdPlan plan) {
        for (DpSgdPlan carried : plansOf(network)) {
            if (!carried.equals(plan)) {
                throw new IllegalArgumentException(
                        "plan must be the one in the network's configuration, " + carried + ", was " + plan);
            }
        }
    }

    private static List<DpSgdPlan> plansOf(MultiLayerNetwork network) {
        var plans = new ArrayList<DpSgdPlan>();
        for (NeuralNetConfiguration conf : network.getLayerWiseConfigurations().getConfs()) {
            if (conf.getLayer() instanceof BaseLayer base) {
                for (IUpdater updater : new IUpdater[] {base.getIUpdater(), base.getBiasUpdater()}) {
                    if (updater instanceof DpUpdater own && !plans.contains(own.plan())) {
                        plans.add(own.plan());
                    }
                }
            }
        }
        return plans;
    }
}
