// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core.gradient;

import java.util.List;
import java.util.function.BiFunction;
import java.util.function.Function;
import org.deeplearning4j.nn.api.Layer;
import org.deeplearning4j.nn.layers.LossLayer;
import org.deeplearning4j.nn.layers.convolution.Cnn3DLossLayer;
import org.deeplearning4j.nn.layers.convolution.CnnLossLayer;
import org.deeplearning4j.nn.layers.objdetect.Yolo2OutputLayer;
import org.deeplearning4j.nn.layers.recurrent.RnnLossLayer;
import org.jspecify.annotations.Nullable;
import org.nd4j.linalg.lossfunctions.ILossFunction;

/**
 * A loss layer has no parameters; its loss function must be a sum over examples, and the examples may have weights.
 *
 * @param lossFunction reads the loss function of a layer of that class, or null where the loss is the layer's own and a sum over examples
 * @param weighted makes the layer that weighs its examples
 * @param rules know the losses that were opted in to
 */
record LossRule(
        Class<? extends Layer> layerClass,
        Function<Layer, @Nullable ILossFunction> lossFunction,
        BiFunction<Layer, TapeRecorder, Layer> weighted,
        GradientRules rules)
        implements PerExampleGradientRule {
    /** The rules of DL4J's loss layers. */
    static List<PerExampleGradientRule> all(GradientRules rules) {
        return List.of(
                new LossRule(
                        LossLayer.class,
                        layer -> ((LossLayer) layer).layerConf().getLossFn(),
                        (layer, recorder) -> new WeightedLosses.Plain((LossLayer) layer, recorder),
                        rules),
                new LossRule(
                        RnnLossLayer.class,
                        layer -> ((RnnLossLayer) layer).layerConf().getLossFn(),
                        (layer, recorder) -> new WeightedLosses.OverTime((RnnLossLayer) layer, recorder),
                        rules),
                new LossRule(
                        CnnLossLayer.class,
                        layer -> ((CnnLossLayer) layer).layerConf().getLossFn(),
                        (layer, recorder) -> new WeightedLosses.OverPixels((CnnLossLayer) layer, recorder),
                        rules),
                new LossRule(
                        Cnn3DLossLayer.class,
                        layer -> ((Cnn3DLossLayer) layer).layerConf().getLossFn(),
                        (layer, recorder) -> new WeightedLosses.OverVoxels((Cnn3DLossLayer) layer, recorder),
                        rules),
                new LossRule(
                        Yolo2OutputLayer.class,
                        layer -> null,
                        (layer, recorder) -> new WeightedLosses.OfBoxes((Yolo2OutputLayer) layer, recorder),
                        rules));
    }

    @Override
    public List<String> problems(Layer layer) {
        ILossFunction loss = lossFunction.apply(layer);
        return loss == null ? List.of() : PerExampleLosses.problems(loss.getClass(), rules);
    }

    @Override
    public String path() {
        return "no parameters";
    }

    @Override
    public Layer hook(Layer layer, TapeRecorder recorder) {
        return weighted.apply(layer, recorder);
    }
}
