// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core.gradient;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.deeplearning4j.nn.api.Layer;
import org.deeplearning4j.nn.layers.ActivationLayer;
import org.deeplearning4j.nn.layers.DropoutLayer;
import org.deeplearning4j.nn.layers.LossLayer;
import org.deeplearning4j.nn.layers.RepeatVector;
import org.deeplearning4j.nn.layers.convolution.Cnn3DLossLayer;
import org.deeplearning4j.nn.layers.convolution.CnnLossLayer;
import org.deeplearning4j.nn.layers.convolution.Cropping1DLayer;
import org.deeplearning4j.nn.layers.convolution.Cropping2DLayer;
import org.deeplearning4j.nn.layers.convolution.Cropping3DLayer;
import org.deeplearning4j.nn.layers.convolution.SpaceToDepth;
import org.deeplearning4j.nn.layers.convolution.ZeroPadding1DLayer;
import org.deeplearning4j.nn.layers.convolution.ZeroPadding3DLayer;
import org.deeplearning4j.nn.layers.convolution.ZeroPaddingLayer;
import org.deeplearning4j.nn.layers.convolution.subsampling.Subsampling1DLayer;
import org.deeplearning4j.nn.layers.convolution.subsampling.Subsampling3DLayer;
import org.deeplearning4j.nn.layers.convolution.upsampling.Upsampling1D;
import org.deeplearning4j.nn.layers.convolution.upsampling.Upsampling2D;
import org.deeplearning4j.nn.layers.convolution.upsampling.Upsampling3D;
import org.deeplearning4j.nn.layers.normalization.LocalResponseNormalization;
import org.deeplearning4j.nn.layers.objdetect.Yolo2OutputLayer;
import org.deeplearning4j.nn.layers.pooling.GlobalPoolingLayer;
import org.deeplearning4j.nn.layers.recurrent.RnnLossLayer;
import org.deeplearning4j.nn.layers.util.MaskLayer;

/**
 * The rules by which a network's layers are found trainable with privacy. What no rule names is refused: a layer that mixes the examples of a
 * batch would make one example's gradient depend on another's, and clipping would bound nothing.
 *
 * <p>Immutable; lookup is by the exact class of the layer.
 */
public final class GradientRules {
    private static final List<PerExampleGradientRule> BUILT_IN = List.of(
            new DenseRule(),
            new OutputRule(),
            new LossRule(
                    LossLayer.class, layer -> ((LossLayer) layer).layerConf().getLossFn()),
            new LossRule(
                    RnnLossLayer.class,
                    layer -> ((RnnLossLayer) layer).layerConf().getLossFn()),
            new LossRule(
                    CnnLossLayer.class,
                    layer -> ((CnnLossLayer) layer).layerConf().getLossFn()),
            new LossRule(
                    Cnn3DLossLayer.class,
                    layer -> ((Cnn3DLossLayer) layer).layerConf().getLossFn()),
            new RnnOutputRule(),
            new LstmRule(),
            new GravesLstmRule(),
            new SimpleRnnRule(),
            new EmbeddingRule(),
            new EmbeddingSequenceRule(),
            new ConvolutionRule(),
            new Convolution1DRule(),
            new Deconvolution2DRule(),
            new DepthwiseConvolution2DRule(),
            new SeparableConvolution2DRule(),
            new PReluRule(),
            new GroupNormalizationRule(),
            new ElementWiseMultiplicationRule(),
            new ExampleWiseRule(ActivationLayer.class),
            new ExampleWiseRule(DropoutLayer.class),
            new SubsamplingRule(),
            new ExampleWiseRule(GlobalPoolingLayer.class),
            new ExampleWiseRule(LocalResponseNormalization.class),
            new ExampleWiseRule(ZeroPaddingLayer.class),
            new ExampleWiseRule(Cropping2DLayer.class),
            new ExampleWiseRule(Upsampling2D.class),
            new ExampleWiseRule(Subsampling1DLayer.class),
            new ExampleWiseRule(Subsampling3DLayer.class),
            new ExampleWiseRule(Upsampling1D.class),
            new ExampleWiseRule(Upsampling3D.class),
            new ExampleWiseRule(Cropping1DLayer.class),
            new ExampleWiseRule(Cropping3DLayer.class),
            new ExampleWiseRule(ZeroPadding1DLayer.class),
            new ExampleWiseRule(ZeroPadding3DLayer.class),
            new ExampleWiseRule(SpaceToDepth.class),
            new ExampleWiseRule(RepeatVector.class),
            new ExampleWiseRule(MaskLayer.class),
            new ExampleWiseRule(Yolo2OutputLayer.class));

    private final Map<Class<? extends Layer>, PerExampleGradientRule> byClass;
    private final List<PerExampleGradientRule> added;

    private GradientRules(List<PerExampleGradientRule> added) {
        this.added = List.copyOf(added);
        var map = new LinkedHashMap<Class<? extends Layer>, PerExampleGradientRule>();
        BUILT_IN.forEach(rule -> map.put(rule.layerClass(), rule));
        SlicedLayers.rules().forEach(rule -> map.put(rule.layerClass(), rule));
        wrappers().forEach(rule -> map.put(rule.layerClass(), rule));
        for (var rule : added) {
            if (map.put(rule.layerClass(), rule) != null) {
                throw new IllegalArgumentException("rule.layerClass must be a class without a rule, was "
                        + rule.layerClass().getName());
            }
        }
        this.byClass = map;
    }

    /** The rules that look up the rule of a layer inside. */
    private List<PerExampleGradientRule> wrappers() {
        return List.of(
                new LastTimeStepRule(this),
                new MaskZeroRule(this),
                new TimeDistributedRule(this),
                new BidirectionalRule(this),
                new FrozenWithBackpropRule(this));
    }

    /** The rules of the library. */
    public static GradientRules builtIn() {
        return new GradientRules(List.of());
    }

    /**
     * These rules and one more.
     *
     * @throws IllegalArgumentException if there is a rule for that class already: built-in rules cannot be replaced
     */
    public GradientRules with(PerExampleGradientRule rule) {
        var all = new ArrayList<>(added);
        all.add(rule);
        return new GradientRules(all);
    }

    /** The rule for a layer, by its exact class. */
    public Optional<PerExampleGradientRule> find(Layer layer) {
        return Optional.ofNullable(byClass.get(layer.getClass()));
    }

    /** Every rule, the library's own first. */
    public List<PerExampleGradientRule> all() {
        return List.copyOf(byClass.values());
    }

    /** The rules that a user added: they carry the privacy guarantee too, so the report names them. */
    public List<PerExampleGradientRule> added() {
        return added;
    }
}
