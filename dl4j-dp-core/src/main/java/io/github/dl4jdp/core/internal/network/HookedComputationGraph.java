// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core.internal.network;

import io.github.dl4jdp.core.gradient.GradientRules;
import io.github.dl4jdp.core.gradient.TimeDistributedRule;
import io.github.dl4jdp.core.internal.plan.Segment;
import io.github.dl4jdp.core.mechanism.TrainableLayer;
import java.lang.reflect.Field;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import org.deeplearning4j.nn.api.Layer;
import org.deeplearning4j.nn.api.Updater;
import org.deeplearning4j.nn.api.layers.IOutputLayer;
import org.deeplearning4j.nn.graph.ComputationGraph;
import org.deeplearning4j.nn.graph.vertex.GraphVertex;
import org.deeplearning4j.nn.graph.vertex.impl.LayerVertex;
import org.deeplearning4j.optimize.api.TrainingListener;
import org.jspecify.annotations.Nullable;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.dataset.api.MultiDataSet;

/** A {@link ComputationGraph} with hooks: it keeps every layer twice, in {@code getLayers()} and in its vertex. */
final class HookedComputationGraph implements HookedNetwork {
    private static final Field LABELS = labelsField();

    private final ComputationGraph network;
    private final GraphTopology topology;
    private final Layer[] original;
    private final Layer[] hooked;
    private final List<TrainableLayer> trainable = new ArrayList<>();

    /** Hooks a network that {@code GraphValidator} found in order. */
    HookedComputationGraph(ComputationGraph network, GradientRules rules, BackwardPass pass) {
        this.network = network;
        if (network.getFlattenedGradients() == null) {
            network.initGradientsView();
        }
        this.topology = new GraphTopology(network);
        this.original = network.getLayers().clone();
        this.hooked = original.clone();
        long from = 0;
        for (GraphVertex vertex : topology.ordered()) {
            long length = vertex.numParams();
            if (topology.trains(vertex)) {
                Layer layer = vertex.getLayer();
                trainable.add(new TrainableLayer(
                        vertex.getVertexName(),
                        layer.getClass().getSimpleName(),
                        rules.find(layer).orElseThrow().path(),
                        layer.conf(),
                        from,
                        length));
            }
            if (topology.isReached(vertex) && vertex.hasLayer()) {
                var recorder = pass.recorder(
                        trainable.size() - 1,
                        topology.hasTrainableBelow(vertex),
                        network.getConfiguration().getNetworkOutputs().indexOf(vertex.getVertexName()));
                hooked[topology.layerIndex(vertex)] =
                        rules.find(vertex.getLayer()).orElseThrow().hook(vertex.getLayer(), recorder);
            } else if (vertex instanceof LayerVertex) {
                hooked[topology.layerIndex(vertex)] = TimeDistributedRule.inOrder(vertex.getLayer());
            }
            from += length;
        }
        pass.resize(trainable.size());
        install(hooked);
        // A hooked layer keeps its input until the backward pass is over: no dropout may write into it.
        for (Layer layer : hooked) {
            layer.allowInputModification(false);
        }
    }

    static List<Layer> trainableLayers(ComputationGraph network) {
        var topology = new GraphTopology(network);
        return topology.ordered().stream()
                .filter(topology::trains)
                .map(GraphVertex::getLayer)
                .toList();
    }

    private void install(Layer[] replacement) {
        System.arraycopy(replacement, 0, network.getLayers(), 0, replacement.length);
        for (GraphVertex vertex : topology.ordered()) {
            if (vertex instanceof LayerVertex layerVertex) {
                layerVertex.setLayer(replacement[topology.layerIndex(vertex)]);
            }
        }
    }

    @Override
    public ComputationGraph model() {
        return network;
    }

    @Override
    public List<TrainableLayer> trainable() {
        return trainable;
    }

    @Override
    public INDArray gradientView() {
        return network.getFlattenedGradients();
    }

    @Override
    public boolean dividesByBatchSize() {
        return network.conf().isMiniBatch();
    }

    @Override
    public void forwardAndBackward(MultiDataSet batch) {
        Collection<TrainingListener> listeners = new ArrayList<>(network.getListeners());
        double score = network.score();
        network.setListeners(List.of());
        try {
            network.setInputs(batch.getFeatures());
            network.setLabels(batch.getLabels());
            network.setLayerMaskArrays(batch.getFeaturesMaskArrays(), batch.getLabelsMaskArrays());
            network.computeGradientAndScore();
        } finally {
            network.clearLayerMaskArrays();
            network.clearLayersStates();
            network.setInputs(new INDArray[network.getNumInputArrays()]);
            network.setLabels(new INDArray[network.getNumOutputArrays()]);
            network.setListeners(listeners);
            network.setScore(score);
        }
    }

    @Override
    public void requirePassOver(MultiDataSet batch, Segment segment) {
        if (!isWorkingOn(batch, segment)) {
            throw HookedNetwork.foreignBatch();
        }
        topology.requireSeparateExamples();
        MaskLengths.require(network.getLayers(), network.params().dataType());
    }

    @Override
    public boolean isGiven(MultiDataSet batch, Segment segment) {
        return same(segment, labels(network), batch.getLabels());
    }

    /** A graph shows its labels to nobody. */
    private static INDArray @Nullable [] labels(ComputationGraph network) {
        try {
            return (INDArray[]) LABELS.get(network);
        } catch (IllegalAccessException e) {
            throw new IllegalStateException("the field is accessible", e);
        }
    }

    private static Field labelsField() {
        try {
            Field field = ComputationGraph.class.getDeclaredField("labels");
            field.setAccessible(true);
            return field;
        } catch (NoSuchFieldException e) {
            throw new IllegalStateException("ComputationGraph of DL4J 1.0.0-M2.1 has the field labels", e);
        }
    }

    @Override
    public void clearMasks() {
        network.clearLayerMaskArrays();
    }

    private boolean isWorkingOn(MultiDataSet batch, Segment segment) {
        if (!same(segment, network.getInputs(), batch.getFeatures())
                || !same(segment, network.getInputMaskArrays(), batch.getFeaturesMaskArrays())
                || !same(segment, network.getLabelMaskArrays(), batch.getLabelsMaskArrays())) {
            return false;
        }
        List<String> outputs = network.getConfiguration().getNetworkOutputs();
        for (int i = 0; i < outputs.size(); i++) {
            GraphVertex output = network.getVertex(outputs.get(i));
            // A graph tells its labels to the output layers only, and to each when backpropagation comes to it.
            IOutputLayer loss = GraphTopology.lossOf(output);
            if (topology.matters(output) && (loss == null || !segment.isOf(batch.getLabels(i), loss.getLabels()))) {
                return false;
            }
        }
        return true;
    }

    private static boolean same(
            Segment segment, @Nullable INDArray @Nullable [] actual, @Nullable INDArray @Nullable [] expected) {
        int length = Math.max(actual == null ? 0 : actual.length, expected == null ? 0 : expected.length);
        for (int i = 0; i < length; i++) {
            if (!segment.isOf(expected == null ? null : expected[i], actual == null ? null : actual[i])) {
                return false;
            }
        }
        return true;
    }

    @Override
    public void clearCarriedState() {
        network.rnnClearPreviousState();
    }

    @Override
    public @Nullable Updater currentUpdater() {
        return network.getUpdater(false);
    }

    @Override
    public boolean isIntact() {
        Layer[] live = network.getLayers();
        for (GraphVertex vertex : topology.ordered()) {
            if (vertex.hasLayer()) {
                int i = topology.layerIndex(vertex);
                if (live[i] != hooked[i]
                        || network.getVertex(vertex.getVertexName()) != vertex
                        || (vertex instanceof LayerVertex && vertex.getLayer() != hooked[i])) {
                    return false;
                }
            }
        }
        return true;
    }

    @Override
    public void unhook() {
        install(original);
        topology.allowInputModification();
    }
}
