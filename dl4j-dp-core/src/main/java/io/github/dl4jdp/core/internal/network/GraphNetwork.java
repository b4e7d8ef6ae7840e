// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core.internal.network;

import io.github.dl4jdp.core.internal.InputGuard;
import io.github.dl4jdp.core.internal.arrays.HostArrays;
import io.github.dl4jdp.core.internal.plan.Segment;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.lang.reflect.Field;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.List;
import java.util.Objects;
import java.util.function.BiConsumer;
import java.util.function.UnaryOperator;
import org.deeplearning4j.nn.api.Layer;
import org.deeplearning4j.nn.api.Trainable;
import org.deeplearning4j.nn.api.Updater;
import org.deeplearning4j.nn.api.layers.IOutputLayer;
import org.deeplearning4j.nn.conf.ComputationGraphConfiguration;
import org.deeplearning4j.nn.conf.InputPreProcessor;
import org.deeplearning4j.nn.conf.NeuralNetConfiguration;
import org.deeplearning4j.nn.conf.graph.FrozenVertex;
import org.deeplearning4j.nn.conf.graph.LayerVertex;
import org.deeplearning4j.nn.gradient.Gradient;
import org.deeplearning4j.nn.graph.ComputationGraph;
import org.deeplearning4j.nn.graph.vertex.GraphVertex;
import org.deeplearning4j.nn.updater.graph.ComputationGraphUpdater;
import org.deeplearning4j.nn.workspace.LayerWorkspaceMgr;
import org.deeplearning4j.optimize.api.TrainingListener;
import org.jspecify.annotations.Nullable;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.memory.MemoryWorkspace;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.dataset.api.MultiDataSet;
import org.nd4j.linalg.factory.Nd4j;
import org.nd4j.linalg.learning.config.IUpdater;

/** A {@link ComputationGraph}: it keeps every layer twice, in {@code getLayers()} and in its vertex. */
public final class GraphNetwork extends DpNetwork {
    private static final VarHandle LABELS = field("labels", INDArray[].class);

    /**
     * A graph's configuration field has no setter. Changing the shared object instead would make every other network that was built from it
     * refuse to train, so the field itself is the smaller evil.
     */
    private static final VarHandle CONFIGURATION = field("configuration", ComputationGraphConfiguration.class);

    /** A vertex keeps the preprocessor of its configuration, and has no setter for it. */
    private static final Field PRE_PROCESSOR = preProcessorField();

    private final ComputationGraph network;
    private @Nullable GraphTopology topology;

    GraphNetwork(ComputationGraph network) {
        this.network = network;
    }

    private static VarHandle field(String name, Class<?> type) {
        try {
            return MethodHandles.privateLookupIn(ComputationGraph.class, MethodHandles.lookup())
                    .findVarHandle(ComputationGraph.class, name, type);
        } catch (ReflectiveOperationException e) {
            throw new IllegalStateException(
                    "this version of DeepLearning4J keeps a graph's " + name + " elsewhere than 1.0.0-M2.1 does", e);
        }
    }

    private static Field preProcessorField() {
        try {
            Field field =
                    org.deeplearning4j.nn.graph.vertex.impl.LayerVertex.class.getDeclaredField("layerPreProcessor");
            field.setAccessible(true);
            return field;
        } catch (ReflectiveOperationException e) {
            throw new IllegalStateException(
                    "this version of DeepLearning4J keeps a vertex's preprocessor elsewhere than 1.0.0-M2.1 does", e);
        }
    }

    @Override
    public ComputationGraph model() {
        return network;
    }

    @Override
    Object configuration() {
        return network.getConfiguration();
    }

    @Override
    Collection<TrainingListener> listeners() {
        return network.getListeners();
    }

    @Override
    public boolean isInitialized() {
        return network.getVertices() != null;
    }

    @Override
    public Layer[] layers() {
        return network.getLayers();
    }

    @Override
    public List<NeuralNetConfiguration> configurations() {
        return configurations(network.getConfiguration());
    }

    private List<NeuralNetConfiguration> configurations(ComputationGraphConfiguration configuration) {
        var vertices = configuration.getVertices();
        return Arrays.stream(network.getVertices())
                .filter(vertex -> vertex.hasLayer())
                .map(vertex -> layerVertex(vertices.get(vertex.getVertexName())))
                .map(vertex -> Objects.requireNonNull(vertex).getLayerConf())
                .toList();
    }

    /** The configuration of a vertex with a layer, frozen or not; null of any other. */
    private static @Nullable LayerVertex layerVertex(org.deeplearning4j.nn.conf.graph.@Nullable GraphVertex vertex) {
        if (vertex instanceof LayerVertex layer) {
            return layer;
        }
        return vertex instanceof FrozenVertex frozen ? layerVertex(frozen.getUnderlying()) : null;
    }

    /** The topology of the network as it is hooked, or as it is. */
    private GraphTopology topology() {
        if (topology == null) {
            topology = new GraphTopology(network);
        }
        return topology;
    }

    @Override
    public List<Part> parts() {
        ComputationGraphConfiguration conf = network.getConfiguration();
        List<String> names =
                topology().ordered().stream().map(GraphVertex::getVertexName).toList();
        return topology().ordered().stream()
                .map(vertex -> {
                    var own = Objects.requireNonNull(conf.getVertices().get(vertex.getVertexName()));
                    LayerVertex layer = layerVertex(own);
                    return new Part(
                            vertex.hasLayer() ? topology().layerIndex(vertex) : -1,
                            vertex.getVertexName(),
                            vertex.hasLayer()
                                    ? typeOf(vertex.getLayer())
                                    : vertex.getClass().getSimpleName(),
                            vertex.hasLayer() ? vertex.getLayer() : null,
                            vertex.numParams(),
                            own,
                            layer == null ? null : layer.getLayerConf().getLayer(),
                            layer == null ? null : InputGuard.without(layer.getPreProcessor()),
                            Objects.requireNonNull(conf.getVertexInputs().get(vertex.getVertexName())).stream()
                                    .map(conf.getNetworkInputs()::indexOf)
                                    .filter(input -> input >= 0)
                                    .toList(),
                            Objects.requireNonNull(conf.getVertexInputs().get(vertex.getVertexName())).stream()
                                    .map(names::indexOf)
                                    .filter(place -> place >= 0)
                                    .toList(),
                            GraphTopology.isFrozen(vertex),
                            topology().isReached(vertex),
                            topology().hasTrainableBelow(vertex),
                            conf.getNetworkOutputs().indexOf(vertex.getVertexName()));
                })
                .toList();
    }

    @Override
    void guardInputs(boolean detached) {
        forEachLayer((live, conf) -> {
            InputPreProcessor own = InputGuard.without(conf.getPreProcessor());
            Layer layer = live.getLayer();
            boolean isSilent = live.numParams() > 0
                    && lossOf(layer) == null
                    && !NoisyLayers.isAsked(layer.conf().getLayer());
            setPreProcessor(live, conf, isSilent ? InputGuard.around(own, network, false, detached) : own);
        });
    }

    @Override
    void unguardInputs() {
        forEachLayer((live, conf) -> setPreProcessor(live, conf, InputGuard.without(conf.getPreProcessor())));
    }

    private void forEachLayer(BiConsumer<org.deeplearning4j.nn.graph.vertex.impl.LayerVertex, LayerVertex> action) {
        for (GraphVertex vertex : network.getVertices()) {
            LayerVertex conf =
                    layerVertex(network.getConfiguration().getVertices().get(vertex.getVertexName()));
            if (conf != null && vertex instanceof org.deeplearning4j.nn.graph.vertex.impl.LayerVertex live) {
                action.accept(live, conf);
            }
        }
    }

    private static void setPreProcessor(
            org.deeplearning4j.nn.graph.vertex.impl.LayerVertex live,
            LayerVertex conf,
            @Nullable InputPreProcessor preProcessor) {
        conf.setPreProcessor(preProcessor);
        try {
            PRE_PROCESSOR.set(live, preProcessor);
        } catch (IllegalAccessException e) {
            throw new IllegalStateException(e); // it was made accessible
        }
    }

    @Override
    public DataType dataType() {
        return network.getConfiguration().getDataType();
    }

    @Override
    public Backpropagation backpropagation() {
        var conf = network.getConfiguration();
        return new Backpropagation(conf.getBackpropType(), conf.getTbpttFwdLength(), conf.getTbpttBackLength());
    }

    @Override
    void setOwnCounts(int iteration, int epoch) {
        network.getConfiguration().setIterationCount(iteration);
        network.getConfiguration().setEpochCount(epoch);
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
        configurations(conf).forEach(layer -> InnerLayers.replaceUpdaters(layer.getLayer(), updaters));
        var copy = new ComputationGraph(conf);
        copy.init(HostArrays.detached(network.params()), false);
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
        return new GatedUpdater(network, gate, state);
    }

    @Override
    Updater plainUpdater(@Nullable INDArray state) {
        try (MemoryWorkspace outside = Nd4j.getMemoryManager().scopeOutOfWorkspaces()) {
            return new ComputationGraphUpdater(network, state);
        }
    }

    @Override
    void install(Layer[] layers, boolean hooked) {
        System.arraycopy(layers, 0, network.getLayers(), 0, layers.length);
        for (GraphVertex vertex : topology().ordered()) {
            if (vertex instanceof org.deeplearning4j.nn.graph.vertex.impl.LayerVertex layerVertex) {
                layerVertex.setLayer(layers[topology().layerIndex(vertex)]);
            }
        }
        if (hooked) {
            // A hooked layer keeps its input until the backward pass is over: no dropout may write into it.
            for (Layer layer : layers) {
                layer.allowInputModification(false);
            }
        } else {
            topology().allowInputModification();
        }
    }

    @Override
    public INDArray gradientView() {
        if (network.getFlattenedGradients() == null) {
            network.initGradientsView();
        }
        return network.getFlattenedGradients();
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
            throw foreignBatch();
        }
        topology().requireSeparateExamples();
        MaskLengths.require(network.getLayers(), network.params().dataType());
    }

    @Override
    public boolean isGiven(MultiDataSet batch, Segment segment) {
        return same(segment, (INDArray[]) LABELS.get(network), batch.getLabels());
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
            IOutputLayer loss = lossOf(output.getLayer());
            if (topology().matters(output) && (loss == null || !segment.isOf(batch.getLabels(i), loss.getLabels()))) {
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
    public boolean isIntact() {
        Layer[] live = network.getLayers();
        for (GraphVertex vertex : topology().ordered()) {
            if (vertex.hasLayer()) {
                int i = topology().layerIndex(vertex);
                if (live[i] != hooked()[i]
                        || network.getVertex(vertex.getVertexName()) != vertex
                        || (vertex instanceof org.deeplearning4j.nn.graph.vertex.impl.LayerVertex
                                && vertex.getLayer() != hooked()[i])) {
                    return false;
                }
            }
        }
        return true;
    }

    /** As {@link LayerListNetwork.GatedUpdater}. */
    static final class GatedUpdater extends ComputationGraphUpdater {
        private static final long serialVersionUID = 1L;

        private final transient UpdateGate gate;

        GatedUpdater(ComputationGraph network, UpdateGate gate, @Nullable INDArray state) {
            super(network, state);
            this.gate = gate;
            PrivateUpdater.drive(getUpdaterBlocks());
        }

        @Override
        public synchronized void update(
                Gradient gradient, int iteration, int epoch, int batchSize, LayerWorkspaceMgr workspaces) {
            gate.beforeUpdate();
            super.update(gradient, iteration, epoch, batchSize, workspaces);
            gate.afterUpdate();
        }

        @Override
        protected boolean isMiniBatch() {
            return false;
        }

        @Override
        public void preApply(Trainable layer, Gradient gradient, int iteration) {
            requireNoNormalization(layer.getConfig());
        }
    }
}
