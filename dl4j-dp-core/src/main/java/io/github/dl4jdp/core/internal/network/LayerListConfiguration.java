// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core.internal.network;

import java.util.List;
import java.util.function.UnaryOperator;
import org.deeplearning4j.nn.api.Layer;
import org.deeplearning4j.nn.api.Updater;
import org.deeplearning4j.nn.conf.MultiLayerConfiguration;
import org.deeplearning4j.nn.conf.NeuralNetConfiguration;
import org.deeplearning4j.nn.multilayer.MultiLayerNetwork;
import org.deeplearning4j.nn.updater.MultiLayerUpdater;
import org.jspecify.annotations.Nullable;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.learning.config.IUpdater;

/** The configuration of a {@link MultiLayerNetwork}. */
final class LayerListConfiguration extends NetworkConfiguration {
    private final MultiLayerNetwork network;

    LayerListConfiguration(MultiLayerNetwork network) {
        this.network = network;
    }

    @Override
    public Layer[] layers() {
        return network.getLayers();
    }

    @Override
    List<NeuralNetConfiguration> configurations() {
        return network.getLayerWiseConfigurations().getConfs();
    }

    @Override
    public void setCounts(int iteration, int epoch) {
        network.getLayerWiseConfigurations().setIterationCount(iteration);
        network.getLayerWiseConfigurations().setEpochCount(epoch);
        for (Layer layer : network.getLayers()) {
            layer.setIterationCount(iteration);
            layer.setEpochCount(epoch);
        }
    }

    @Override
    public int epochs() {
        return network.getLayerWiseConfigurations().getEpochCount();
    }

    @Override
    public int iterations() {
        return network.getLayerWiseConfigurations().getIterationCount();
    }

    @Override
    public void takeOwn() {
        network.setLayerWiseConfigurations(network.getLayerWiseConfigurations().clone());
    }

    @Override
    public MultiLayerNetwork copy(UnaryOperator<IUpdater> updaters) {
        MultiLayerConfiguration conf = network.getLayerWiseConfigurations().clone();
        conf.getConfs().forEach(layer -> LayerUpdaters.replace(layer.getLayer(), updaters));
        var copy = new MultiLayerNetwork(conf);
        copy.init(network.params().dup(), false);
        return copy;
    }

    @Override
    public @Nullable Updater currentUpdater() {
        return network.getUpdater(false);
    }

    @Override
    void setUpdater(Updater updater) {
        network.setUpdater(updater);
    }

    @Override
    Updater privateUpdater(UpdateGate gate, @Nullable INDArray state) {
        return new DpMultiLayerUpdater(network, gate, state);
    }

    @Override
    Updater plainUpdater(@Nullable INDArray state) {
        return new MultiLayerUpdater(network, state);
    }
}
