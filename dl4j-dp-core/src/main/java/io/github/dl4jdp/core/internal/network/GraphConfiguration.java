// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core.internal.network;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.util.Arrays;
import java.util.List;
import java.util.function.UnaryOperator;
import org.deeplearning4j.nn.api.Layer;
import org.deeplearning4j.nn.api.Updater;
import org.deeplearning4j.nn.conf.ComputationGraphConfiguration;
import org.deeplearning4j.nn.conf.NeuralNetConfiguration;
import org.deeplearning4j.nn.conf.graph.LayerVertex;
import org.deeplearning4j.nn.graph.ComputationGraph;
import org.deeplearning4j.nn.updater.graph.ComputationGraphUpdater;
import org.jspecify.annotations.Nullable;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.learning.config.IUpdater;

/** The configuration of a {@link ComputationGraph}. */
public final class GraphConfiguration extends NetworkConfiguration {
    /**
     * A graph's configuration field has no setter. Changing the shared object instead would make every other network that was built from it
     * refuse to train, so the field itself is the smaller evil.
     */
    private static final VarHandle CONFIGURATION = configurationField();

    private final ComputationGraph network;

    GraphConfiguration(ComputationGraph network) {
        this.network = network;
    }

    private static VarHandle configurationField() {
        try {
            return MethodHandles.privateLookupIn(ComputationGraph.class, MethodHandles.lookup())
                    .findVarHandle(ComputationGraph.class, "configuration", ComputationGraphConfiguration.class);
        } catch (ReflectiveOperationException e) {
            throw new IllegalStateException(
                    "this version of DeepLearning4J keeps a graph's configuration elsewhere than 1.0.0-M2.1 does", e);
        }
    }

    @Override
    public Layer[] layers() {
        return network.getLayers();
    }

    @Override
    List<NeuralNetConfiguration> configurations() {
        return configurations(network.getConfiguration());
    }

    private List<NeuralNetConfiguration> configurations(ComputationGraphConfiguration configuration) {
        var vertices = configuration.getVertices();
        return Arrays.stream(network.getVertices())
                .filter(vertex -> vertex.hasLayer())
                .map(vertex -> layerVertex(vertices.get(vertex.getVertexName())).getLayerConf())
                .toList();
    }

    private static LayerVertex layerVertex(org.deeplearning4j.nn.conf.graph.@Nullable GraphVertex vertex) {
        if (vertex instanceof LayerVertex layer) {
            return layer;
        }
        if (vertex instanceof org.deeplearning4j.nn.conf.graph.FrozenVertex frozen) {
            return layerVertex(frozen.getUnderlying());
        }
        throw new IllegalStateException("a vertex with a layer must be configured by a LayerVertex, was " + vertex);
    }

    @Override
    public void setCounts(int iteration, int epoch) {
        network.getConfiguration().setIterationCount(iteration);
        network.getConfiguration().setEpochCount(epoch);
        for (Layer layer : network.getLayers()) {
            layer.setIterationCount(iteration);
            layer.setEpochCount(epoch);
        }
    }

    @Override
    public int epochs() {
        return network.getConfiguration().getEpochCount();
    }

    @Override
    public int iterations() {
        return network.getConfiguration().getIterationCount();
    }

    @Override
    public void takeOwn() {
        CONFIGURATION.set(network, clone(network.getConfiguration()));
    }

    /** DL4J's clone leaves out the counts and the order of the parameters. */
    public static ComputationGraphConfiguration clone(ComputationGraphConfiguration configuration) {
        ComputationGraphConfiguration clone = configuration.clone();
        clone.setIterationCount(configuration.getIterationCount());
        clone.setEpochCount(configuration.getEpochCount());
        clone.setTopologicalOrder(configuration.getTopologicalOrder());
        clone.setTopologicalOrderStr(configuration.getTopologicalOrderStr());
        return clone;
    }

    @Override
    public ComputationGraph copy(UnaryOperator<IUpdater> updaters) {
        ComputationGraphConfiguration conf = clone(network.getConfiguration());
        configurations(conf).forEach(layer -> LayerUpdaters.replace(layer.getLayer(), updaters));
        var copy = new ComputationGraph(conf);
        copy.init(network.params().dup(), false);
        return copy;
    }

    @Override
    public @Nullable Updater currentUpdater() {
        return network.getUpdater(false);
    }

    @Override
    void setUpdater(Updater updater) {
        network.setUpdater((ComputationGraphUpdater) updater);
    }

    @Override
    Updater privateUpdater(UpdateGate gate, @Nullable INDArray state) {
        return new DpComputationGraphUpdater(network, gate, state);
    }

    @Override
    Updater plainUpdater(@Nullable INDArray state) {
        return new ComputationGraphUpdater(network, state);
    }
}
