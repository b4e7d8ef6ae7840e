// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core.gradient;

import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Objects;
import org.deeplearning4j.nn.api.Layer;
import org.deeplearning4j.nn.api.Model;
import org.deeplearning4j.nn.conf.InputPreProcessor;
import org.deeplearning4j.nn.graph.ComputationGraph;
import org.deeplearning4j.nn.graph.vertex.GraphVertex;
import org.deeplearning4j.nn.graph.vertex.impl.LayerVertex;
import org.deeplearning4j.nn.multilayer.MultiLayerNetwork;
import org.deeplearning4j.nn.workspace.LayerWorkspaceMgr;
import org.jspecify.annotations.Nullable;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.dataset.api.MultiDataSet;

/** What comes to the layers of one configuration class when a network sees a batch. */
final class FallbackInputs {
    private FallbackInputs() {}

    /** The layers of a network with exactly that configuration class, by name. */
    static Map<String, Layer> layers(Model network, Class<?> configuration) {
        var layers = new LinkedHashMap<String, Layer>();
        if (network instanceof MultiLayerNetwork multiLayer) {
            for (int i = 0; i < multiLayer.getLayers().length; i++) {
                add(layers, Integer.toString(i), multiLayer.getLayer(i), configuration);
            }
        } else if (network instanceof ComputationGraph graph) {
            for (GraphVertex vertex : graph.getVertices()) {
                if (vertex instanceof LayerVertex) {
                    add(layers, vertex.getVertexName(), vertex.getLayer(), configuration);
                }
            }
        } else {
            throw new IllegalArgumentException("network must be a MultiLayerNetwork or a ComputationGraph, was "
                    + network.getClass().getName());
        }
        return layers;
    }

    private static void add(Map<String, Layer> layers, String name, Layer layer, Class<?> configuration) {
        if (layer.conf().getLayer().getClass() == configuration) {
            layers.put(name, layer);
        }
    }

    /**
     * A layer's input in inference, preprocessed.
     *
     * @param name as in {@link #layers}
     */
    static INDArray input(Model network, String name, MultiDataSet batch) {
        int examples = (int) batch.getFeatures(0).size(0);
        if (network instanceof MultiLayerNetwork multiLayer) {
            int index = Integer.parseInt(name);
            INDArray features = batch.getFeatures(0);
            INDArray activations = index == 0
                    ? features
                    : multiLayer.feedForwardToLayer(index - 1, features).get(index);
            multiLayer.setInput(null);
            return preProcess(multiLayer.getLayerWiseConfigurations().getInputPreProcess(index), activations, examples);
        }
        var graph = (ComputationGraph) network;
        var vertex = (LayerVertex) graph.getVertex(name);
        GraphVertex below = graph.getVertices()[vertex.getInputVertices()[0].getVertexIndex()];
        INDArray activations = below.isInputVertex()
                ? batch.getFeatures(graph.getConfiguration().getNetworkInputs().indexOf(below.getVertexName()))
                : Objects.requireNonNull(
                        graph.feedForward(batch.getFeatures(), false).get(below.getVertexName()));
        graph.clearLayersStates();
        graph.setInputs(new INDArray[graph.getNumInputArrays()]);
        return preProcess(vertex.getLayerPreProcessor(), activations, examples);
    }

    private static INDArray preProcess(@Nullable InputPreProcessor preProcessor, INDArray activations, int examples) {
        return preProcessor == null
                ? activations
                : preProcessor.preProcess(activations.dup(), examples, LayerWorkspaceMgr.noWorkspaces());
    }
}
