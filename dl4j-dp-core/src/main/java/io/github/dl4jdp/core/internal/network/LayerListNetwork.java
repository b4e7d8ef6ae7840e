// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core.internal.network;

import io.github.dl4jdp.core.internal.InputGuard;
import io.github.dl4jdp.core.internal.arrays.HostArrays;
import io.github.dl4jdp.core.internal.arrays.Slices;
import io.github.dl4jdp.core.internal.plan.Segment;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.function.UnaryOperator;
import org.deeplearning4j.nn.api.Layer;
import org.deeplearning4j.nn.api.Trainable;
import org.deeplearning4j.nn.api.Updater;
import org.deeplearning4j.nn.conf.InputPreProcessor;
import org.deeplearning4j.nn.conf.MultiLayerConfiguration;
import org.deeplearning4j.nn.conf.NeuralNetConfiguration;
import org.deeplearning4j.nn.gradient.Gradient;
import org.deeplearning4j.nn.layers.FrozenLayer;
import org.deeplearning4j.nn.layers.recurrent.BidirectionalLayer;
import org.deeplearning4j.nn.layers.recurrent.RnnOutputLayer;
import org.deeplearning4j.nn.layers.wrapper.BaseWrapperLayer;
import org.deeplearning4j.nn.multilayer.MultiLayerNetwork;
import org.deeplearning4j.nn.updater.MultiLayerUpdater;
import org.deeplearning4j.nn.workspace.ArrayType;
import org.deeplearning4j.nn.workspace.LayerWorkspaceMgr;
import org.deeplearning4j.optimize.api.TrainingListener;
import org.deeplearning4j.util.TimeSeriesUtils;
import org.jspecify.annotations.Nullable;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.memory.MemoryWorkspace;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.dataset.api.MultiDataSet;
import org.nd4j.linalg.factory.Nd4j;
import org.nd4j.linalg.learning.config.IUpdater;

/** A {@link MultiLayerNetwork}: {@code getLayers()} returns its live array, so a layer is replaced in place. */
final class LayerListNetwork extends DpNetwork {
    private final MultiLayerNetwork network;

    LayerListNetwork(MultiLayerNetwork network) {
        this.network = network;
    }

    @Override
    public MultiLayerNetwork model() {
        return network;
    }

    @Override
    Object configuration() {
        return network.getLayerWiseConfigurations();
    }

    @Override
    Collection<TrainingListener> listeners() {
        return network.getListeners();
    }

    @Override
    public boolean isInitialized() {
        return network.isInitCalled();
    }

    @Override
    public Layer[] layers() {
        return network.getLayers();
    }

    @Override
    public List<NeuralNetConfiguration> configurations() {
        return network.getLayerWiseConfigurations().getConfs();
    }

    /** Backpropagation stops at the last frozen layer: what lies below does not train, and what lies above does. */
    @Override
    public List<Part> parts() {
        Layer[] layers = network.getLayers();
        int first = 0;
        for (int i = 0; i < layers.length; i++) {
            if (layers[i] instanceof FrozenLayer) {
                first = i + 1;
            }
        }
        MultiLayerConfiguration conf = network.getLayerWiseConfigurations();
        var parts = new ArrayList<Part>();
        boolean trainsBelow = false;
        for (int i = 0; i < layers.length; i++) {
            parts.add(new Part(
                    i,
                    name(layers[i], i),
                    typeOf(layers[i]),
                    layers[i],
                    layers[i].numParams(),
                    null,
                    conf.getConf(i).getLayer(),
                    InputGuard.without(conf.getInputPreProcess(i)),
                    i == 0 ? List.of(0) : List.of(),
                    i == 0 ? List.of() : List.of(i - 1),
                    layers[i] instanceof FrozenLayer,
                    i >= first,
                    trainsBelow,
                    i == layers.length - 1 ? 0 : -1));
            trainsBelow |= parts.get(i).trains();
        }
        return parts;
    }

    /** The first layer's input is enough: transfer learning freezes and keeps a list of layers from its beginning. DL4J may infer preprocessors from nothing before a first layer. */
    @Override
    void guardInputs(boolean detached) {
        unguardInputs();
        for (Layer layer : network.getLayers()) {
            if (layer.numParams() > 0) {
                if (!NoisyLayers.isAsked(layer.conf().getLayer()) && network.getnLayers() > 1) {
                    Map<Integer, InputPreProcessor> own =
                            network.getLayerWiseConfigurations().getInputPreProcessors();
                    own.put(0, InputGuard.around(own.get(0), network, true, detached));
                }
                return;
            }
        }
    }

    @Override
    void unguardInputs() {
        Map<Integer, InputPreProcessor> own =
                network.getLayerWiseConfigurations().getInputPreProcessors();
        for (Integer layer : List.copyOf(own.keySet())) {
            InputPreProcessor plain = InputGuard.without(own.get(layer));
            if (plain == null) {
                own.remove(layer);
            } else {
                own.put(layer, plain);
            }
        }
    }

    @Override
    public DataType dataType() {
        return network.getLayerWiseConfigurations().getDataType();
    }

    @Override
    public Backpropagation backpropagation() {
        var conf = network.getLayerWiseConfigurations();
        return new Backpropagation(conf.getBackpropType(), conf.getTbpttFwdLength(), conf.getTbpttBackLength());
    }

    @Override
    void setOwnCounts(int iteration, int epoch) {
        network.getLayerWiseConfigurations().setIterationCount(iteration);
        network.getLayerWiseConfigurations().setEpochCount(epoch);
    }

    @Override
    public void takeOwn() {
        // Transfer learning may leave an entry without a preprocessor, which DL4J cannot clone.
        Map<Integer, InputPreProcessor> preProcessors =
                new HashMap<>(network.getLayerWiseConfigurations().getInputPreProcessors());
        preProcessors.values().removeIf(Objects::isNull);
        network.getLayerWiseConfigurations().setInputPreProcessors(preProcessors);
        network.setLayerWiseConfigurations(network.getLayerWiseConfigurations().clone());
    }

    @Override
    public MultiLayerNetwork copy(UnaryOperator<IUpdater> updaters) {
        MultiLayerConfiguration conf = network.getLayerWiseConfigurations().clone();
        conf.getConfs().forEach(layer -> InnerLayers.replaceUpdaters(layer.getLayer(), updaters));
        var copy = new MultiLayerNetwork(conf);
        copy.init(HostArrays.detached(network.params()), false);
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
        return new GatedUpdater(network, gate, state);
    }

    @Override
    Updater plainUpdater(@Nullable INDArray state) {
        try (MemoryWorkspace outside = Nd4j.getMemoryManager().scopeOutOfWorkspaces()) {
            return new MultiLayerUpdater(network, state);
        }
    }

    @Override
    void install(Layer[] layers, boolean hooked) {
        Layer[] live = network.getLayers();
        System.arraycopy(layers, 0, live, 0, live.length);
        for (int i = 1; i < live.length; i++) {
            // A hooked layer keeps its input until the backward pass is over; the next layer's dropout must not write
            // into it.
            live[i].allowInputModification(!hooked);
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
            network.setInput(batch.getFeatures(0));
            network.setLabels(batch.getLabels(0));
            network.setLayerMaskArrays(mask(batch.getFeaturesMaskArrays()), mask(batch.getLabelsMaskArrays()));
            network.computeGradientAndScore();
        } finally {
            network.clearLayerMaskArrays();
            network.setInput(null);
            network.setLabels(null);
            network.setListeners(listeners);
            network.setScore(score);
        }
    }

    private static @Nullable INDArray mask(INDArray @Nullable [] masks) {
        return masks == null ? null : masks[0];
    }

    @Override
    public void requirePassOver(MultiDataSet batch, Segment segment) {
        if (!segment.isOf(batch.getFeatures(0), network.getInput())
                || !segment.isOf(batch.getLabels(0), network.getLabels())
                || !hasMasksOf(batch, segment)) {
            throw foreignBatch();
        }
        MaskLengths.require(network.getLayers(), network.params().dataType());
    }

    /** DL4J keeps masks in the layers alone: that of the features in the first one, that of the labels in the last one, each as the layer took it. */
    private boolean hasMasksOf(MultiDataSet batch, Segment segment) {
        INDArray features = mask(batch.getFeaturesMaskArrays());
        INDArray labels = mask(batch.getLabelsMaskArrays());
        Layer[] layers = network.getLayers();
        Layer last = innermost(layers[layers.length - 1]);
        INDArray atLast = last.getMaskArray();
        if (labels != null ? !isMaskOf(labels, segment, last, atLast) : features == null && atLast != null) {
            return false;
        }
        INDArray atFirst = layers[0].getMaskArray();
        boolean takesItAsItIs = layers.length > 1
                && InputGuard.without(network.getLayerWiseConfigurations().getInputPreProcess(0)) == null
                && !(layers[0] instanceof BaseWrapperLayer || layers[0] instanceof BidirectionalLayer);
        return atFirst == null || !takesItAsItIs || segment.isOf(features, atFirst);
    }

    private static Layer innermost(Layer layer) {
        Layer inner = layer;
        while (inner instanceof BaseWrapperLayer wrapper) {
            inner = wrapper.getUnderlying();
        }
        return inner;
    }

    private static boolean isMaskOf(INDArray lot, Segment segment, Layer layer, @Nullable INDArray actual) {
        if (actual == null || !(layer instanceof RnnOutputLayer)) {
            return segment.isOf(lot, actual);
        }
        INDArray part = segment.equals(Segment.WHOLE)
                ? lot
                : Slices.range(lot, lot.rank() - 1, segment.from(), Math.min(segment.to(), lot.size(lot.rank() - 1)));
        var mine = LayerWorkspaceMgr.noWorkspacesImmutable();
        INDArray taken = lot.rank() == 2
                ? TimeSeriesUtils.reshapeTimeSeriesMaskToVector(part, mine, ArrayType.INPUT)
                : TimeSeriesUtils.reshape3dTo2d(part, mine, ArrayType.INPUT);
        return taken.equals(actual);
    }

    @Override
    public boolean isGiven(MultiDataSet batch, Segment segment) {
        return segment.isOf(batch.getLabels(0), network.getLabels());
    }

    @Override
    public void clearMasks() {
        network.clearLayerMaskArrays();
    }

    @Override
    public void clearCarriedState() {
        network.rnnClearPreviousState();
    }

    @Override
    public boolean isIntact() {
        Layer[] live = network.getLayers();
        for (int i = 0; i < live.length; i++) {
            if (live[i] != hooked()[i]) {
                return false;
            }
        }
        return true;
    }

    /**
     * DL4J's updater, fed with {@code (sum + noise) / L}: the expected lot size, never the size of the batch at hand.
     *
     * <p>Everything it does to the released gradient (momentum, schedules, weight decay) is post-processing.
     */
    static final class GatedUpdater extends MultiLayerUpdater {
        private static final long serialVersionUID = 1L;

        private final transient UpdateGate gate;

        GatedUpdater(MultiLayerNetwork network, UpdateGate gate, @Nullable INDArray state) {
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

        /** DL4J's division is by the batch size at hand, which is private; the engine has divided already. */
        @Override
        protected boolean isMiniBatch() {
            return false;
        }

        /** DL4J's hook for gradient normalization. */
        @Override
        public void preApply(Trainable layer, Gradient gradient, int iteration) {
            requireNoNormalization(layer.getConfig());
        }

        @Override
        public Updater clone() {
            throw new UnsupportedOperationException(
                    "a private updater belongs to one network and one PrivacyEngine; attach an engine to this network");
        }
    }
}
