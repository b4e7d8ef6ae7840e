// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core.internal.network;

import io.github.dl4jdp.core.mechanism.TrainableLayer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.deeplearning4j.nn.api.Layer;
import org.deeplearning4j.nn.conf.graph.ElementWiseVertex;
import org.deeplearning4j.nn.conf.graph.FrozenVertex;
import org.deeplearning4j.nn.conf.graph.L2Vertex;
import org.deeplearning4j.nn.conf.graph.ReshapeVertex;
import org.deeplearning4j.nn.conf.graph.rnn.LastTimeStepVertex;
import org.deeplearning4j.nn.conf.graph.rnn.ReverseTimeSeriesVertex;
import org.deeplearning4j.nn.graph.ComputationGraph;
import org.deeplearning4j.nn.graph.vertex.GraphVertex;
import org.deeplearning4j.nn.graph.vertex.VertexIndices;
import org.deeplearning4j.nn.layers.FrozenLayer;
import org.jspecify.annotations.Nullable;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * Which vertices of a graph train, and where backpropagation goes: from the outputs down, and not into or through anything frozen.
 *
 * <p>That is ComputationGraph's own rule. It differs from MultiLayerNetwork's, where everything below the last frozen layer stands
 * still: here a layer beside a frozen branch trains.
 */
final class GraphTopology {
    private final ComputationGraph network;
    private final GraphVertex[] vertices;
    /** Every vertex that is not an input, in the order in which DL4J runs them and lays out their parameters. */
    private final List<GraphVertex> ordered = new ArrayList<>();
    /** Position in {@code getLayers()} of every vertex that has a layer, by vertex index. */
    private final Map<Integer, Integer> layerIndices = new HashMap<>();

    private final Set<Integer> reached = new HashSet<>();
    private final Set<Integer> trainableAtOrBelow = new HashSet<>();

    GraphTopology(ComputationGraph network) {
        this.network = network;
        this.vertices = network.getVertices();
        for (GraphVertex vertex : vertices) {
            if (vertex.hasLayer()) {
                layerIndices.put(vertex.getVertexIndex(), layerIndices.size());
            }
        }
        for (int index : network.topologicalSortOrder()) {
            if (!vertices[index].isInputVertex()) {
                ordered.add(vertices[index]);
            }
        }
        var outputs = new HashSet<>(network.getConfiguration().getNetworkOutputs());
        for (int i = ordered.size() - 1; i >= 0; i--) {
            GraphVertex vertex = ordered.get(i);
            if (isFrozen(vertex) || !(outputs.contains(vertex.getVertexName()) || isReached(vertex))) {
                continue;
            }
            reached.add(vertex.getVertexIndex());
            inputs(vertex).forEach(input -> reached.add(input.getVertexIndex()));
        }
        for (GraphVertex vertex : ordered) {
            if (isReached(vertex) && (trains(vertex) || hasTrainableBelow(vertex))) {
                trainableAtOrBelow.add(vertex.getVertexIndex());
            }
        }
    }

    /** Every vertex but the inputs, in the order of the parameters. */
    List<GraphVertex> ordered() {
        return ordered;
    }

    /** Position in {@code network.getLayers()} of a vertex that has a layer. */
    int layerIndex(GraphVertex vertex) {
        Integer index = layerIndices.get(vertex.getVertexIndex());
        if (index == null) {
            throw new IllegalArgumentException("vertex must have a layer, was " + vertex);
        }
        return index;
    }

    static boolean isFrozen(GraphVertex vertex) {
        return vertex instanceof org.deeplearning4j.nn.graph.vertex.impl.FrozenVertex
                || (vertex.hasLayer() && vertex.getLayer() instanceof FrozenLayer);
    }

    /** Whether backpropagation comes to this vertex. */
    boolean isReached(GraphVertex vertex) {
        return !isFrozen(vertex) && reached.contains(vertex.getVertexIndex());
    }

    /** Whether parameters of this vertex train. */
    boolean trains(GraphVertex vertex) {
        return isReached(vertex) && vertex.hasLayer() && TrainableLayer.trains(vertex.getLayer());
    }

    /** Whether something trains below this vertex, so that it must hand an input gradient on. */
    boolean hasTrainableBelow(GraphVertex vertex) {
        return inputs(vertex).stream().anyMatch(input -> trainableAtOrBelow.contains(input.getVertexIndex()));
    }

    /** Whether the loss of this output vertex depends on anything that trains. */
    boolean matters(GraphVertex output) {
        return trainableAtOrBelow.contains(output.getVertexIndex());
    }

    private List<GraphVertex> inputs(GraphVertex vertex) {
        VertexIndices[] inputs = vertex.getInputVertices();
        return inputs == null
                ? List.of()
                : Arrays.stream(inputs)
                        .map(input -> vertices[input.getVertexIndex()])
                        .toList();
    }

    /** What DL4J allows where it may change a layer's input in place: its own inputs that are not read later. */
    void allowInputModification() {
        List<String> networkInputs = network.getConfiguration().getNetworkInputs();
        var lastReader = new HashMap<String, GraphVertex>();
        for (GraphVertex vertex : ordered) {
            inputs(vertex).forEach(input -> lastReader.put(input.getVertexName(), vertex));
        }
        for (GraphVertex vertex : ordered) {
            if (vertex.hasLayer()) {
                String input = inputs(vertex).get(0).getVertexName();
                Layer layer = vertex.getLayer();
                layer.allowInputModification(!networkInputs.contains(input) && lastReader.get(input) == vertex);
            }
        }
    }

    /**
     * Checks on the arrays of the current pass what a configuration cannot tell: that no reshape moved values from one example to another, that no element-wise
     * operation broadcast one example over others, that a distance is one of arrays of the same shape, and that gradients have the shapes of outputs.
     *
     * @throws IllegalStateException if one did
     */
    void requireSeparateExamples() {
        var configurations = network.getConfiguration().getVertices();
        for (GraphVertex vertex : ordered) {
            var conf = configurations.get(vertex.getVertexName());
            if (conf instanceof FrozenVertex frozen) {
                conf = frozen.getUnderlying();
            }
            INDArray[] in = vertex.getInputs();
            if (conf instanceof ElementWiseVertex) {
                for (INDArray array : in) {
                    if (array.rank() != in[0].rank() || array.size(0) != in[0].size(0)) {
                        throw mixing(vertex, in[0].shape(), array.shape());
                    }
                }
            }
            requireGradientOfOutput(vertex);
            if (conf instanceof L2Vertex && in[0].rank() > 2) {
                throw new IllegalStateException(
                        "the L2Vertex \"" + vertex.getVertexName()
                                + "\" must have inputs of rank 2, [examples, size], had rank " + in[0].rank()
                                + ": of arrays of more dimensions that lie in memory in different orders, ND4J 1.0.0-M2.1 pairs numbers of different"
                                + " examples; nothing of this lot was released. Put a layer that makes vectors below it, such as GlobalPoolingLayer");
            }
            if (conf instanceof L2Vertex && !in[0].equalShapes(in[1])) {
                throw new IllegalStateException("the L2Vertex \"" + vertex.getVertexName()
                        + "\" must have two inputs of the same shape, had "
                        + Arrays.toString(in[0].shape()) + " and " + Arrays.toString(in[1].shape())
                        + ": ND4J 1.0.0-M2.1 reads past the shorter one, into the next examples; nothing of this lot was released. Give both layers the same"
                        + " nOut");
            }
            if (conf instanceof ReverseTimeSeriesVertex reverse && reverse.getMaskArrayInputName() != null) {
                MaskLengths.requireReversible(vertex.getVertexName(), in[0], maskOf(reverse.getMaskArrayInputName()));
            }
            if (conf instanceof LastTimeStepVertex last) {
                MaskLengths.require(vertex.getVertexName(), in[0], maskOf(last.getMaskArrayInputName()));
            }
            if (conf instanceof ReshapeVertex) {
                for (VertexIndices out : vertex.getOutputVertices()) {
                    INDArray reshaped = vertices[out.getVertexIndex()].getInputs()[out.getVertexEdgeNumber()];
                    if (reshaped.size(0) != in[0].size(0)) {
                        throw mixing(vertex, in[0].shape(), reshaped.shape());
                    }
                }
            }
        }
    }

    /** The gradient that a vertex got from those above is that of what it gave them: another shape means that numbers were paired wrongly. */
    private void requireGradientOfOutput(GraphVertex vertex) {
        INDArray epsilon = vertex.getEpsilon();
        VertexIndices[] above = vertex.getOutputVertices();
        if (epsilon == null || above == null || !trainableAtOrBelow.contains(vertex.getVertexIndex())) {
            return;
        }
        for (VertexIndices out : above) {
            INDArray output = vertices[out.getVertexIndex()].getInputs()[out.getVertexEdgeNumber()];
            if (!Arrays.equals(withoutTrailingOnes(epsilon.shape()), withoutTrailingOnes(output.shape()))) {
                throw new IllegalStateException(
                        "the gradient that comes to the vertex \"" + vertex.getVertexName()
                                + "\" must have the shape of its output, "
                                + Arrays.toString(output.shape()) + ", had " + Arrays.toString(epsilon.shape())
                                + ": inputs of different shapes meet in a vertex above it; nothing of this lot was released. Give them the same shape");
            }
        }
    }

    /** DL4J hands a gradient [B, n, 1] to a layer of output [B, n] where one time step follows: the same numbers in the same order. */
    private static long[] withoutTrailingOnes(long[] shape) {
        int rank = shape.length;
        while (rank > 1 && shape[rank - 1] == 1) {
            rank--;
        }
        return Arrays.copyOf(shape, rank);
    }

    private @Nullable INDArray maskOf(String input) {
        INDArray[] masks = network.getInputMaskArrays();
        return masks == null
                ? null
                : masks[network.getConfiguration().getNetworkInputs().indexOf(input)];
    }

    private static IllegalStateException mixing(GraphVertex vertex, long[] first, long[] second) {
        return new IllegalStateException(
                "vertex \"" + vertex.getVertexName() + "\" must keep one row for each example, has "
                        + Arrays.toString(first) + " and " + Arrays.toString(second));
    }
}
