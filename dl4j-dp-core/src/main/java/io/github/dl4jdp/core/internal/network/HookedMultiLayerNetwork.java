// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core.internal.network;

import io.github.dl4jdp.core.gradient.GradientRules;
import io.github.dl4jdp.core.gradient.LayerTape;
import io.github.dl4jdp.core.gradient.Slices;
import io.github.dl4jdp.core.gradient.TapeRecorder;
import io.github.dl4jdp.core.gradient.TimeDistributedRule;
import io.github.dl4jdp.core.internal.plan.Segment;
import io.github.dl4jdp.core.mechanism.TrainableLayer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.List;
import org.deeplearning4j.nn.api.Layer;
import org.deeplearning4j.nn.api.Updater;
import org.deeplearning4j.nn.layers.FrozenLayer;
import org.deeplearning4j.nn.layers.recurrent.BidirectionalLayer;
import org.deeplearning4j.nn.layers.recurrent.RnnOutputLayer;
import org.deeplearning4j.nn.layers.wrapper.BaseWrapperLayer;
import org.deeplearning4j.nn.multilayer.MultiLayerNetwork;
import org.deeplearning4j.nn.workspace.ArrayType;
import org.deeplearning4j.nn.workspace.LayerWorkspaceMgr;
import org.deeplearning4j.optimize.api.TrainingListener;
import org.deeplearning4j.util.TimeSeriesUtils;
import org.jspecify.annotations.Nullable;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.dataset.api.MultiDataSet;

/** A {@link MultiLayerNetwork} with hooks: {@code getLayers()} returns its live array, so a layer is replaced in place. */
public final class HookedMultiLayerNetwork implements HookedNetwork {
    /** For layers that backpropagation does not come to. */
    private static final TapeRecorder UNRECORDED = new TapeRecorder() {
        @Override
        public boolean isRecording() {
            return false;
        }

        @Override
        public int examples() {
            throw new IllegalStateException("a layer below a frozen one has no backward pass");
        }

        @Override
        public boolean needsInputGradient() {
            return false;
        }

        @Override
        public void record(LayerTape tape) {
            throw new IllegalStateException("a layer below a frozen one has no gradients");
        }
    };

    private final MultiLayerNetwork network;
    private final Layer[] original;
    private final Layer[] hooked;
    private final List<TrainableLayer> trainable = new ArrayList<>();

    /** Hooks a network that {@code ModelValidator} found in order. */
    HookedMultiLayerNetwork(MultiLayerNetwork network, GradientRules rules, BackwardPass pass) {
        this.network = network;
        if (network.getFlattenedGradients() == null) {
            network.initGradientsView();
        }
        Layer[] layers = network.getLayers();
        original = layers.clone();
        hooked = layers.clone();
        int first = firstTrainable(layers);
        long from = 0;
        for (int i = 0; i < layers.length; i++) {
            long length = layers[i].numParams();
            boolean hasTrainableBelow = !trainable.isEmpty();
            if (i >= first && TrainableLayer.trains(layers[i])) {
                trainable.add(new TrainableLayer(
                        NetworkConfiguration.name(layers[i], i),
                        layers[i].getClass().getSimpleName(),
                        rules.find(layers[i]).orElseThrow().path(),
                        layers[i].conf(),
                        from,
                        length));
            }
            if (i >= first) {
                var recorder = pass.recorder(trainable.size() - 1, hasTrainableBelow, i == layers.length - 1 ? 0 : -1);
                hooked[i] = rules.find(layers[i]).orElseThrow().hook(layers[i], recorder);
            } else if (!(layers[i] instanceof FrozenLayer)) {
                // It runs as in training all the same, and is to treat rows and configurations as hooked layers do.
                hooked[i] = rules.find(layers[i]).orElseThrow().hook(layers[i], UNRECORDED);
            } else {
                hooked[i] = TimeDistributedRule.inOrder(layers[i]);
            }
            from += length;
        }
        pass.resize(trainable.size());
        install(hooked);
    }

    /** Backpropagation stops at the last frozen layer: what lies below does not train, and what lies above does. */
    public static int firstTrainable(Layer[] layers) {
        int first = 0;
        for (int i = 0; i < layers.length; i++) {
            if (layers[i] instanceof FrozenLayer) {
                first = i + 1;
            }
        }
        return first;
    }

    static List<Layer> trainableLayers(MultiLayerNetwork network) {
        Layer[] layers = network.getLayers();
        return Arrays.stream(layers, firstTrainable(layers), layers.length)
                .filter(TrainableLayer::trains)
                .toList();
    }

    private void install(Layer[] replacement) {
        Layer[] live = network.getLayers();
        System.arraycopy(replacement, 0, live, 0, live.length);
        for (int i = 1; i < live.length; i++) {
            // A hooked layer keeps its input until the backward pass is over; the next layer's dropout must not write
            // into it.
            live[i].allowInputModification(replacement == original);
        }
    }

    @Override
    public MultiLayerNetwork model() {
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
            throw HookedNetwork.foreignBatch();
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
                && network.getLayerWiseConfigurations().getInputPreProcess(0) == null
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
    public @Nullable Updater currentUpdater() {
        return network.getUpdater(false);
    }

    @Override
    public boolean isIntact() {
        Layer[] live = network.getLayers();
        for (int i = 0; i < live.length; i++) {
            if (live[i] != hooked[i]) {
                return false;
            }
        }
        return true;
    }

    @Override
    public void unhook() {
        install(original);
    }
}
