// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core.gradient;

import io.github.dl4jdp.core.internal.arrays.EqualShapes;
import io.github.dl4jdp.core.internal.arrays.TimeMajor;
import java.util.Arrays;
import java.util.List;
import java.util.function.BiFunction;
import java.util.function.Function;
import java.util.function.Supplier;
import org.deeplearning4j.nn.api.Layer;
import org.deeplearning4j.nn.api.layers.IOutputLayer;
import org.deeplearning4j.nn.gradient.Gradient;
import org.deeplearning4j.nn.layers.BaseLayer;
import org.deeplearning4j.nn.layers.LossLayer;
import org.deeplearning4j.nn.layers.convolution.Cnn3DLossLayer;
import org.deeplearning4j.nn.layers.convolution.CnnLossLayer;
import org.deeplearning4j.nn.layers.objdetect.Yolo2OutputLayer;
import org.deeplearning4j.nn.layers.recurrent.RnnLossLayer;
import org.deeplearning4j.nn.workspace.LayerWorkspaceMgr;
import org.jspecify.annotations.Nullable;
import org.nd4j.common.primitives.Pair;
import org.nd4j.linalg.api.memory.MemoryWorkspace;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;
import org.nd4j.linalg.lossfunctions.ILossFunction;

/** Example weights: the derivative of an example's loss times its weight, whatever the loss, see {@link TapeRecorder#lossWeights}. */
final class WeightedLosses {
    private WeightedLosses() {}

    /**
     * The rules of DL4J's loss layers: without parameters, of loss functions that are sums over examples.
     *
     * @param rules know the losses that were opted in to
     */
    static List<LayerRule> rules(GradientRules rules) {
        return List.of(
                of(LossLayer.class, Plain::new, layer -> layer.layerConf().getLossFn(), rules),
                of(RnnLossLayer.class, OverTime::new, layer -> layer.layerConf().getLossFn(), rules),
                of(
                        CnnLossLayer.class,
                        OverPixels::new,
                        layer -> layer.layerConf().getLossFn(),
                        rules),
                of(
                        Cnn3DLossLayer.class,
                        OverVoxels::new,
                        layer -> layer.layerConf().getLossFn(),
                        rules),
                // Its loss is its own, and a sum over examples.
                new LayerRule(
                        Yolo2OutputLayer.class,
                        LayerRule.NO_PARAMETERS,
                        layer -> List.of(),
                        (layer, recorder) -> new OfBoxes((Yolo2OutputLayer) layer, recorder)));
    }

    private static <L extends BaseLayer<?>> LayerRule of(
            Class<L> layerClass,
            BiFunction<L, TapeRecorder, ? extends L> replacement,
            Function<L, ILossFunction> lossFunction,
            GradientRules rules) {
        return LayerRule.of(layerClass, LayerRule.NO_PARAMETERS, replacement)
                .refusing(layer -> PerExampleLosses.problems(
                        lossFunction.apply(layerClass.cast(layer)).getClass(), rules));
    }

    /**
     * Multiplies rows of the loss's derivative by the weights of their examples.
     *
     * @param delta [rows, ...], first dimension as in {@link TimeMajor#ofRows}; may be changed
     */
    static INDArray weighted(TapeRecorder recorder, INDArray delta) {
        double @Nullable [] weights = recorder.isRecording() ? recorder.lossWeights() : null;
        if (weights == null) {
            return delta;
        }
        int rows = Math.toIntExact(delta.size(0));
        double[] all = new double[rows];
        for (int row = 0; row < rows; row++) {
            all[row] = weights[row % weights.length];
        }
        long[] shape = new long[delta.rank()];
        Arrays.fill(shape, 1);
        shape[0] = rows;
        try (MemoryWorkspace outside = Nd4j.getMemoryManager().scopeOutOfWorkspaces()) {
            return delta.muli(Nd4j.createFromArray(all).castTo(delta.dataType()).reshape(shape));
        }
    }

    /**
     * Refuses a mask of one number for each example at an output layer without time steps: masks of labels like that are weights by now, so it is one of features,
     * which DL4J takes for a mask of the labels, of single outputs in a batch of one.
     */
    static void requireNoMaskOfFeatures(TapeRecorder recorder, Layer layer) {
        INDArray mask = layer.getMaskArray();
        if (recorder.isRecording()
                && mask != null
                && mask.length() == layer.input().size(0)) {
            throw new IllegalStateException("a mask of features reaches the output layer \""
                    + layer.conf().getLayer().getLayerName()
                    + "\" and would mask its labels, or a mask was set on the lot after engine.lots returned it; nothing of this lot was released. Remove the masks of features that are neither sequences nor"
                    + " images, and weight examples by label masks [examples, 1]");
        }
    }

    /** Labels for the derivative of a loss that may write on them: then a copy. */
    static INDArray forGradient(ILossFunction loss, INDArray labels) {
        return PerExampleLosses.mayWriteOnLabels(loss) ? labels.dup() : labels;
    }

    /** The backward pass of a layer whose loss may write on the labels: over a copy of them. */
    private static Pair<Gradient, INDArray> apart(
            IOutputLayer layer, ILossFunction loss, Supplier<Pair<Gradient, INDArray>> backward) {
        INDArray labels = layer.getLabels();
        layer.setLabels(forGradient(loss, labels));
        try {
            return backward.get();
        } finally {
            layer.setLabels(labels);
        }
    }

    private static Pair<Gradient, INDArray> weighted(
            TapeRecorder recorder, Layer layer, Pair<Gradient, INDArray> backward) {
        EqualShapes.require(
                "the derivative of the loss",
                backward.getSecond(),
                layer.input().shape());
        backward.setSecond(weighted(recorder, backward.getSecond()));
        return backward;
    }

    private static final class Plain extends LossLayer {
        private static final long serialVersionUID = 1L;
        private final transient TapeRecorder recorder;

        Plain(LossLayer layer, TapeRecorder recorder) {
            super(layer.conf(), layer.getDataType());
            this.recorder = recorder;
        }

        @Override
        public Pair<Gradient, INDArray> backpropGradient(INDArray epsilon, LayerWorkspaceMgr workspaceMgr) {
            requireNoMaskOfFeatures(recorder, this);
            return weighted(
                    recorder,
                    this,
                    apart(this, layerConf().getLossFn(), () -> super.backpropGradient(epsilon, workspaceMgr)));
        }
    }

    private static final class OverTime extends RnnLossLayer {
        private static final long serialVersionUID = 1L;
        private final transient TapeRecorder recorder;

        OverTime(RnnLossLayer layer, TapeRecorder recorder) {
            super(layer.conf(), layer.getDataType());
            this.recorder = recorder;
        }

        @Override
        public Pair<Gradient, INDArray> backpropGradient(INDArray epsilon, LayerWorkspaceMgr workspaceMgr) {
            return weighted(
                    recorder,
                    this,
                    apart(this, layerConf().getLossFn(), () -> super.backpropGradient(epsilon, workspaceMgr)));
        }
    }

    private static final class OverPixels extends CnnLossLayer {
        private static final long serialVersionUID = 1L;
        private final transient TapeRecorder recorder;

        OverPixels(CnnLossLayer layer, TapeRecorder recorder) {
            super(layer.conf(), layer.getDataType());
            this.recorder = recorder;
        }

        @Override
        public Pair<Gradient, INDArray> backpropGradient(INDArray epsilon, LayerWorkspaceMgr workspaceMgr) {
            return weighted(
                    recorder,
                    this,
                    apart(this, layerConf().getLossFn(), () -> super.backpropGradient(epsilon, workspaceMgr)));
        }
    }

    private static final class OverVoxels extends Cnn3DLossLayer {
        private static final long serialVersionUID = 1L;
        private final transient TapeRecorder recorder;

        OverVoxels(Cnn3DLossLayer layer, TapeRecorder recorder) {
            super(layer.conf(), layer.getDataType());
            this.recorder = recorder;
        }

        @Override
        public Pair<Gradient, INDArray> backpropGradient(INDArray epsilon, LayerWorkspaceMgr workspaceMgr) {
            return weighted(
                    recorder,
                    this,
                    apart(this, layerConf().getLossFn(), () -> super.backpropGradient(epsilon, workspaceMgr)));
        }
    }

    private static final class OfBoxes extends Yolo2OutputLayer {
        private static final long serialVersionUID = 1L;
        private final transient TapeRecorder recorder;

        OfBoxes(Yolo2OutputLayer layer, TapeRecorder recorder) {
            super(layer.conf(), layer.getDataType());
            this.recorder = recorder;
            LayerRule.place(layer, this);
        }

        @Override
        public Pair<Gradient, INDArray> backpropGradient(INDArray epsilon, LayerWorkspaceMgr workspaceMgr) {
            return weighted(recorder, this, super.backpropGradient(epsilon, workspaceMgr));
        }
    }
}
