// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core.gradient;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.UnaryOperator;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.deeplearning4j.nn.api.Layer;
import org.deeplearning4j.nn.api.Model;
import org.deeplearning4j.nn.layers.DropoutLayer;
import org.deeplearning4j.nn.layers.RepeatVector;
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
import org.deeplearning4j.nn.layers.samediff.SameDiffLayer;
import org.deeplearning4j.nn.layers.util.MaskLayer;
import org.nd4j.linalg.dataset.DataSet;
import org.nd4j.linalg.dataset.api.DataSetPreProcessor;
import org.nd4j.linalg.dataset.api.MultiDataSet;
import org.nd4j.linalg.dataset.api.MultiDataSetPreProcessor;

/**
 * The rules by which a network's layers are found trainable with privacy. What no rule names is refused: a layer that mixes the examples of a
 * batch would make one example's gradient depend on another's, and clipping would bound nothing.
 *
 * <p>Immutable; lookup is by the exact class of the layer.
 */
public final class GradientRules {
    private static final List<LayerRule> BUILT_IN = List.of(
            DenseRule.RULE,
            AutoEncoderRule.RULE,
            LstmRule.RULE,
            LstmRule.PEEPHOLES,
            SimpleRnnRule.RULE,
            EmbeddingRule.RULE,
            EmbeddingSequenceRule.RULE,
            ConvolutionRule.RULE,
            WeightStandardizedConvolutionRule.RULE,
            Convolution1DRule.RULE,
            Deconvolution2DRule.RULE,
            DepthwiseConvolution2DRule.RULE,
            SeparableConvolution2DRule.RULE,
            PReluRule.RULE,
            GroupNormalizationRule.RULE,
            ElementWiseMultiplicationRule.RULE,
            ActivationRule.RULE,
            LayerRule.exampleWise(DropoutLayer.class),
            SubsamplingRule.RULE,
            GlobalPoolingRule.RULE,
            LayerRule.exampleWise(LocalResponseNormalization.class),
            LayerRule.exampleWise(ZeroPaddingLayer.class),
            LayerRule.exampleWise(Cropping2DLayer.class),
            LayerRule.exampleWise(Upsampling2D.class),
            LayerRule.exampleWise(Subsampling1DLayer.class),
            LayerRule.exampleWise(Subsampling3DLayer.class),
            LayerRule.exampleWise(Upsampling1D.class),
            LayerRule.exampleWise(Upsampling3D.class),
            LayerRule.exampleWise(Cropping1DLayer.class),
            LayerRule.exampleWise(Cropping3DLayer.class),
            LayerRule.exampleWise(ZeroPadding1DLayer.class),
            LayerRule.exampleWise(ZeroPadding3DLayer.class),
            LayerRule.exampleWise(SpaceToDepth.class),
            LayerRule.exampleWise(RepeatVector.class),
            LayerRule.exampleWise(MaskLayer.class));

    private final Map<Class<? extends Layer>, PerExampleGradientRule> byClass;
    private final List<PerExampleGradientRule> added;
    private final List<Fallback> fallbacks;
    private final List<Part> parts;

    /**
     * A part of the user's that was looked at.
     *
     * @param type its class, exactly
     * @param underMasks whether batches with masks were looked at
     * @param looked what it was checked on, in words
     */
    private record Part(Class<?> type, boolean underMasks, String looked) {}

    /**
     * A layer of the user's that takes the slice-wise path.
     *
     * @param layerClass its implementation
     * @param configuration its configuration class
     * @param looked what it was checked on, in words
     */
    private record Fallback(Class<? extends Layer> layerClass, Class<?> configuration, String looked) {}

    private GradientRules(List<PerExampleGradientRule> added, List<Fallback> fallbacks, List<Part> parts) {
        this.added = List.copyOf(added);
        this.fallbacks = List.copyOf(fallbacks);
        this.parts = List.copyOf(parts);
        var map = new LinkedHashMap<Class<? extends Layer>, PerExampleGradientRule>();
        Stream.of(BUILT_IN, SlicedLayers.RULES, WeightedLosses.rules(this), dependent())
                .flatMap(List::stream)
                .forEach(rule -> map.put(rule.layerClass(), rule));
        for (var fallback : fallbacks) {
            map.putIfAbsent(
                    fallback.layerClass(),
                    new FallbackRule(fallback.layerClass(), configurations(fallback.layerClass())));
        }
        for (var rule : added) {
            if (map.put(rule.layerClass(), rule) != null) {
                throw new IllegalArgumentException("rule.layerClass must be a class without a rule, was "
                        + rule.layerClass().getName());
            }
        }
        this.byClass = map;
    }

    private Set<Class<?>> configurations(Class<? extends Layer> layerClass) {
        return fallbacks.stream()
                .filter(fallback -> fallback.layerClass() == layerClass)
                .map(Fallback::configuration)
                .collect(Collectors.toSet());
    }

    /** The rules that depend on what was opted in to, or look up the rule of a layer inside. */
    private List<LayerRule> dependent() {
        return List.of(
                OutputRule.rule(this),
                RnnOutputRule.rule(this),
                SameDiffRule.rule(configurations(SameDiffLayer.class)),
                LastTimeStepRule.rule(this),
                MaskZeroRule.rule(this),
                TimeDistributedRule.rule(this),
                BidirectionalRule.rule(this),
                FrozenWithBackpropRule.rule(this));
    }

    /** The rules of the library. */
    public static GradientRules builtIn() {
        return new GradientRules(List.of(), List.of(), List.of());
    }

    /**
     * These rules and one more.
     *
     * @throws IllegalArgumentException if there is a rule for that class already: built-in rules cannot be replaced
     */
    public GradientRules with(PerExampleGradientRule rule) {
        var all = new ArrayList<>(added);
        all.add(rule);
        return new GradientRules(all, fallbacks, parts);
    }

    /**
     * These rules, and the fallback for your own layer: DL4J's backward pass over one example at a time, exact and slow. It is correct only for
     * layers that compute every example independently, for which you are responsible. The given batches are checked first: no output and no gradient
     * of one example may change with another example, and the gradients of single examples must sum to the batch's. The report names the layer among
     * the guarantee's assumptions.
     *
     * <p>It supports hidden layers that are neither recurrent nor wrappers, without masks and without their own dropout; also your own SameDiff layers.
     *
     * @param configuration the layer's configuration class, exactly
     * @param network an initialized network with such layers; it stays as it is
     * @param realBatches batches like those it will be trained on, public or private: nothing is released, except that the check failed
     * @throws IllegalArgumentException if the network has no such layer, one has a rule already, cannot take the fallback or fails the check, or a batch
     *     has masks or no two different examples
     */
    public GradientRules withFallback(
            Class<? extends org.deeplearning4j.nn.conf.layers.Layer> configuration,
            Model network,
            DataSet... realBatches) {
        return withFallback(configuration, network, multi(realBatches));
    }

    /** As {@link #withFallback(Class, Model, DataSet...)}, for networks of several inputs or outputs. */
    public GradientRules withFallback(
            Class<? extends org.deeplearning4j.nn.conf.layers.Layer> configuration,
            Model network,
            MultiDataSet... realBatches) {
        var layers = FallbackInputs.layers(network, configuration);
        if (layers.isEmpty()) {
            throw new IllegalArgumentException(
                    "network must have a layer of configuration " + configuration.getName() + ", has none");
        }
        requireSome(realBatches);
        var all = new ArrayList<>(fallbacks);
        layers.forEach((name, layer) -> {
            String called = name + " (" + layer.getClass().getSimpleName() + ")";
            requireWithoutRule(called, layer);
            for (MultiDataSet batch : realBatches) {
                if (batch.hasMaskArrays()) {
                    throw new IllegalArgumentException(
                            "realBatches must have no masks: the fallback does not support them");
                }
                int examples = (int) batch.getFeatures(0).size(0);
                FallbackCheck.require(called, layer, FallbackInputs.input(network, name, batch), examples);
            }
            if (!configurations(layer.getClass()).contains(configuration)) {
                all.add(new Fallback(
                        layer.getClass(),
                        configuration,
                        configuration.getSimpleName()
                                + " layers compute every example independently (opted in to; checked on "
                                + realBatches.length + " batches)"));
            }
        });
        return new GradientRules(added, all.stream().distinct().toList(), parts);
    }

    /**
     * These rules, and your own part of layers or vertices: a loss function, an activation function (not one inside a recurrence), a dropout without
     * randomness, a preprocessor between layers, a constraint, or a vertex without parameters. You are responsible for it computing every example
     * independently. The given batches are checked first, in double precision, with the whole network in training: no activation and no gradient of
     * one example may change when others are exchanged or leave, an example alone must give the same result as in its batch, and the gradients of
     * single examples must sum to the batch's. The effect of a constraint on the parameters must not depend on the batch. The report names the
     * part among the guarantee's assumptions.
     *
     * <p>A part that was checked without masks only is refused in training with masks.
     *
     * @param part its class, exactly; of a vertex, that of its configuration
     * @param network an initialized network with such a part; it stays as it is
     * @param realBatches batches like those it will be trained on, public or private: nothing is released, except that the check failed
     * @throws IllegalArgumentException if the network has no such part, it is of a kind that cannot be opted in to or needs no opt-in, it fails the check, or
     *     a batch has no two different examples
     */
    public GradientRules withPart(Class<?> part, Model network, DataSet... realBatches) {
        return withPart(part, network, multi(realBatches));
    }

    /** As {@link #withPart(Class, Model, DataSet...)}, for networks of several inputs or outputs. */
    public GradientRules withPart(Class<?> part, Model network, MultiDataSet... realBatches) {
        String words = NetworkParts.wordsFor(part)
                .orElseThrow(() -> new IllegalArgumentException(
                        "part must be a loss function, activation function, dropout, preprocessor, constraint or vertex, was "
                                + part.getName() + "; for layers, use withFallback"));
        if (NetworkParts.isKnown(part)) {
            throw new IllegalArgumentException("part must be a class that the library does not know, was "
                    + part.getName() + ": known parts need no opt-in");
        }
        requireSome(realBatches);
        PartCheck.require(part, words, network, realBatches);
        boolean underMasks = Arrays.stream(realBatches).anyMatch(MultiDataSet::hasMaskArrays);
        return trusting(
                part,
                underMasks,
                "the " + words + " " + part.getName()
                        + " computes every example independently (opted in to; checked on " + realBatches.length
                        + " batches" + (underMasks ? "" : " without masks") + ")");
    }

    /**
     * These rules, and your own preprocessor for the lots' iterator, or inside another one. The given batches are checked first: the result for every
     * example must be the same as for the example alone. The report names its class among the guarantee's assumptions.
     *
     * @param preProcessor one of its class, as it will be used
     * @param realBatches batches of what it will work on; they stay as they are
     * @throws IllegalArgumentException if it changes an example when others change or leave, or no two examples differ
     */
    public GradientRules withPreProcessor(DataSetPreProcessor preProcessor, DataSet... realBatches) {
        return withPreProcessor(
                preProcessor,
                batch -> {
                    var data = new org.nd4j.linalg.dataset.DataSet(
                            batch.getFeatures(0),
                            batch.getLabels(0),
                            batch.getFeaturesMaskArrays() == null ? null : batch.getFeaturesMaskArray(0),
                            batch.getLabelsMaskArrays() == null ? null : batch.getLabelsMaskArray(0));
                    preProcessor.preProcess(data);
                    return data.toMultiDataSet();
                },
                multi(realBatches));
    }

    /** As {@link #withPreProcessor(DataSetPreProcessor, DataSet...)}, for networks of several inputs or outputs. */
    public GradientRules withPreProcessor(MultiDataSetPreProcessor preProcessor, MultiDataSet... realBatches) {
        return withPreProcessor(
                preProcessor,
                batch -> {
                    preProcessor.preProcess(batch);
                    return batch;
                },
                realBatches);
    }

    private GradientRules withPreProcessor(
            Object preProcessor, UnaryOperator<MultiDataSet> preProcess, MultiDataSet... realBatches) {
        requireSome(realBatches);
        String called = "the preprocessor " + preProcessor.getClass().getName();
        for (MultiDataSet batch : realBatches) {
            PreProcessorCheck.require(called, preProcess, batch);
        }
        // It works on masks too, or leaves them: what it makes of them was compared.
        return trusting(
                preProcessor.getClass(),
                true,
                called + " computes every example independently (opted in to; checked on " + realBatches.length
                        + " batches)");
    }

    private static void requireSome(MultiDataSet... realBatches) {
        if (realBatches.length == 0) {
            throw new IllegalArgumentException("realBatches must have at least one batch, was empty");
        }
    }

    private static MultiDataSet[] multi(DataSet... batches) {
        return Arrays.stream(batches).map(DataSet::toMultiDataSet).toArray(MultiDataSet[]::new);
    }

    /** These rules and a part that was looked at. */
    GradientRules trusting(Class<?> part, boolean underMasks, String looked) {
        var all = new ArrayList<>(parts);
        all.removeIf(known -> known.type() == part);
        all.add(new Part(part, underMasks, looked));
        return new GradientRules(added, fallbacks, all);
    }

    /** Whether a part of exactly this class was opted in to. */
    boolean hasOptedInTo(Class<?> part) {
        return parts.stream().anyMatch(known -> known.type() == part);
    }

    /** Whether a layer is of a class that the user added a rule for. */
    boolean isConfigurationOfTheUsers(Layer layer) {
        return added.stream().anyMatch(rule -> rule.layerClass() == layer.getClass());
    }

    /** Whether layers of this class were let in by an opt-in. */
    public boolean isFallback(Layer layer) {
        return find(layer).filter(FallbackRule.class::isInstance).isPresent();
    }

    /** Whether the fallback was opted in to for exactly this configuration class. */
    boolean hasOptedInToLayers(Class<?> configuration) {
        return fallbacks.stream().anyMatch(fallback -> fallback.configuration() == configuration);
    }

    /** The parts that were opted in to without a look at batches with masks. */
    public List<String> notCheckedUnderMasks() {
        return parts.stream()
                .filter(part -> !part.underMasks())
                .map(part -> part.type().getName())
                .toList();
    }

    private void requireWithoutRule(String called, Layer layer) {
        Class<?> configuration = layer.conf().getLayer().getClass();
        var rule = find(layer).filter(one -> !(one instanceof FallbackRule));
        if (rule.isPresent()
                && !(rule.get().layerClass() == SameDiffLayer.class
                        && !rule.get().problems(layer).isEmpty())) {
            throw new IllegalArgumentException("configuration must be of a layer without a rule; " + called + " of "
                    + configuration.getName() + " has one: " + rule.get().path());
        }
        var problems = FallbackRule.cannotTake(layer);
        if (!problems.isEmpty()) {
            throw new IllegalArgumentException(
                    "layer " + called + " cannot take the fallback: " + String.join("; ", problems));
        }
    }

    /** What the guarantee rests on besides the library's own rules, in words. */
    public List<String> assumptions() {
        return Stream.concat(
                        added.stream()
                                .map(rule -> "the per-example gradients of "
                                        + rule.layerClass().getName() + " are right (a rule added to the library's: "
                                        + rule.path() + ")"),
                        Stream.concat(
                                fallbacks.stream().map(Fallback::looked).distinct(),
                                parts.stream().map(Part::looked)))
                .toList();
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
