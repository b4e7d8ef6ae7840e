// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core.internal.check;

import io.github.dl4jdp.core.gradient.GradientRules;
import io.github.dl4jdp.core.gradient.NetworkParts;
import io.github.dl4jdp.core.gradient.TimeDistributedRule;
import io.github.dl4jdp.core.internal.network.DpNetwork;
import io.github.dl4jdp.core.internal.network.InnerLayers;
import io.github.dl4jdp.core.internal.network.StochasticParts;
import io.github.dl4jdp.core.internal.network.UpdateParts;
import io.github.dl4jdp.core.internal.plan.Truncation;
import io.github.dl4jdp.core.mechanism.TrainableLayer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.IdentityHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Stream;
import org.deeplearning4j.nn.api.Layer;
import org.deeplearning4j.nn.api.Model;
import org.deeplearning4j.nn.api.OptimizationAlgorithm;
import org.deeplearning4j.nn.conf.GradientNormalization;
import org.deeplearning4j.nn.conf.NeuralNetConfiguration;
import org.deeplearning4j.nn.layers.FrozenLayer;
import org.deeplearning4j.nn.layers.FrozenLayerWithBackprop;
import org.deeplearning4j.nn.layers.feedforward.autoencoder.AutoEncoder;
import org.deeplearning4j.nn.layers.normalization.BatchNormalization;
import org.deeplearning4j.nn.layers.ocnn.OCNNOutputLayer;
import org.deeplearning4j.nn.layers.pooling.GlobalPoolingLayer;
import org.deeplearning4j.nn.layers.recurrent.LastTimeStepLayer;
import org.deeplearning4j.nn.layers.recurrent.MaskZeroLayer;
import org.deeplearning4j.nn.layers.recurrent.TimeDistributedLayer;
import org.deeplearning4j.nn.layers.samediff.SameDiffLayer;
import org.deeplearning4j.nn.layers.training.CenterLossOutputLayer;
import org.deeplearning4j.nn.layers.variational.VariationalAutoencoder;
import org.deeplearning4j.nn.layers.wrapper.BaseWrapperLayer;
import org.jspecify.annotations.Nullable;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.learning.config.IUpdater;

/** Finds everything that stands in the way of training a network with privacy. */
public final class ModelValidator {
    /** Layers that mix the examples of a batch in training, or have no gradient for each, but run on single examples once they are frozen. */
    private static final Set<Class<? extends Layer>> INFERENCE_EXAMPLE_WISE =
            Set.of(BatchNormalization.class, VariationalAutoencoder.class, AutoEncoder.class);

    /** Wrappers that are what the layer inside is, in inference. */
    private static final Set<Class<? extends Layer>> INFERENCE_WRAPPERS = Set.of(
            FrozenLayer.class,
            FrozenLayerWithBackprop.class,
            TimeDistributedLayer.class,
            LastTimeStepLayer.class,
            MaskZeroLayer.class);

    /** Layers that can never be private as they are, with the reason and the remedy. */
    private static final Map<Class<? extends Layer>, String> NEVER_PRIVATE = Map.of(
            BatchNormalization.class,
            "its output for one example depends on the other examples of the batch, and its statistics are stored in the model; use"
                    + " GroupNormalization (ModelFixer.withGroupNormalization() replaces it), or freeze it",
            CenterLossOutputLayer.class,
            "its class centers are averages over the batch; use OutputLayer",
            OCNNOutputLayer.class,
            "its radius is a quantile over the batch; use OutputLayer",
            VariationalAutoencoder.class,
            "its pretraining loss is not trained by backpropagation of one loss per example; use an encoder of DenseLayers");

    private static final String NOTHING_TRAINS = "no layer trains; unfreeze at least the output layer";
    private static final String SHARED_PARAMETERS =
            "it shares its parameters with another layer, so that they would get one clipped gradient for each use; give it its own";
    private static final String IN_WORKSPACE =
            "its parameters, its gradients or the state of its updater are in an ND4J workspace, where others write on them once it is opened again; call init() and"
                    + " getUpdater() outside of workspaces, or train a clone() made there";
    private static final String NOT_INITIALISED = "it is not initialized; call init() first";

    private final DpNetwork network;
    private final GradientRules rules;
    private final long sequenceLength;
    private final @Nullable Truncation truncation;
    private final List<Problem> problems = new ArrayList<>();

    private ModelValidator(
            DpNetwork network, GradientRules rules, long sequenceLength, @Nullable Truncation truncation) {
        this.network = network;
        this.rules = rules;
        this.sequenceLength = sequenceLength;
        this.truncation = truncation;
    }

    /**
     * Everything for which {@code attach} would refuse the network.
     *
     * @param sequenceLength time steps of every sequence that the plan declares; 0 if none
     * @param truncation what the plan declares, or null
     */
    public static List<Problem> problems(
            Model model, GradientRules rules, long sequenceLength, @Nullable Truncation truncation) {
        if (!DpNetwork.isKnown(model)) {
            return List.of(Problem.ofNetwork(model, DpNetwork.UNKNOWN_CLASS));
        }
        var validator = new ModelValidator(DpNetwork.of(model), rules, sequenceLength, truncation);
        validator.checkNetwork();
        return validator.problems;
    }

    private void checkNetwork() {
        if (!network.isInitialized()) {
            add(NOT_INITIALISED);
            return;
        }
        Dl4jVersion.problems().forEach(this::add);
        if (DpNetwork.isAttached(network.currentUpdater())) {
            add(
                    "it is already attached to a PrivacyEngine; close() that engine first, which keeps the privacy account");
            return;
        }
        if (network.isInWorkspace()) {
            add(IN_WORKSPACE);
        }
        DataType dataType = network.dataType();
        if (dataType != DataType.FLOAT && dataType != DataType.DOUBLE) {
            add("its data type must be FLOAT or DOUBLE, was " + dataType + "; use convertDataType(DataType.FLOAT)");
        }
        NeuralNetConfiguration conf = network.model().conf();
        if (conf.getOptimizationAlgo() != OptimizationAlgorithm.STOCHASTIC_GRADIENT_DESCENT) {
            add("the optimization algorithm " + conf.getOptimizationAlgo()
                    + " evaluates the loss on the private data any number of times; use STOCHASTIC_GRADIENT_DESCENT");
        } else {
            network.optimizerProblem().ifPresent(this::add);
        }
        // The plan divides by the expected lot size, and preprocessors must know how many examples there are.
        if (!Stream.concat(
                        Stream.concat(Stream.of(conf), network.configurations().stream()),
                        Arrays.stream(network.layers()).map(Layer::conf))
                .allMatch(one -> one == null || one.isMiniBatch())) {
            add(
                    "miniBatch(false) makes DL4J treat all examples of a batch as the time steps of one, and asks for no division, while"
                            + " the plan divides by its expected lot size; build the network with miniBatch(true), DL4J's default, and multiply the"
                            + " learning rate by the expected lot size to train on the sum");
        }
        TruncationValidator.networkProblems(network.backpropagation(), truncation)
                .forEach(this::add);
        checkParts();
        checkTimeSteps();
    }

    /** Of segments, the last one may be shorter. */
    private void checkTimeSteps() {
        if (truncation == null) {
            if (sequenceLength > 0) {
                TimeSteps.check(network, sequenceLength, "the plan's sequenceLength = " + sequenceLength, this::add);
            }
            return;
        }
        int before = problems.size();
        long first = Math.min(truncation.segmentLength(), truncation.paddedLength());
        TimeSteps.check(network, first, "the plan's segments of " + first + " time steps", this::add);
        long last = truncation.paddedLength() % truncation.segmentLength();
        if (last > 0 && problems.size() == before) {
            TimeSteps.check(network, last, "the plan's last segment of " + last + " time steps", this::add);
        }
    }

    private void checkParts() {
        List<DpNetwork.Part> parts = network.parts();
        var layers = new IdentityHashMap<Layer, String>();
        long from = 0;
        for (DpNetwork.Part part : parts) {
            if (part.vertex() != null) {
                VertexValidator.problems(part, layers, rules).forEach(reason -> add(part, reason));
            }
            if (part.layer() != null) {
                checkLayer(part, part.layer(), from);
            }
            from += part.parameters();
        }
        if (parts.stream().noneMatch(DpNetwork.Part::trains)) {
            add(NOTHING_TRAINS);
        }
    }

    private void checkLayer(DpNetwork.Part part, Layer layer, long from) {
        if (!ownsRange(layer, network.model().params(), from)) {
            add(part, SHARED_PARAMETERS);
        }
        if (truncation != null) {
            TruncationValidator.layerProblems(layer, truncation).forEach(reason -> add(part, reason));
        }
        if (part.conf() != null) {
            layerProblems(part.conf(), layer, rules, part.isReached()).forEach(reason -> add(part, reason));
        }
        UpdateParts.problems(layer, network.configurations().get(part.index()), part.trains())
                .forEach(reason -> add(part, reason));
        if (part.preProcessor() != null) {
            NetworkParts.problems(part.preProcessor(), rules).forEach(reason -> add(part, reason));
        }
    }

    private void add(String reason) {
        problems.add(Problem.ofNetwork(network.model(), reason));
    }

    private void add(DpNetwork.Part part, String reason) {
        problems.add(new Problem(part.index(), part.name(), part.type(), reason));
    }

    /**
     * What is wrong with a layer, frozen or not.
     *
     * @param conf its configuration in the network
     * @param isReached whether backpropagation comes to it
     */
    private static List<String> layerProblems(
            org.deeplearning4j.nn.conf.layers.Layer conf, Layer layer, GradientRules rules, boolean isReached) {
        var reasons = new LinkedHashSet<String>(
                layer.getClass() == FrozenLayer.class
                        ? inferenceProblems(((FrozenLayer) layer).getInsideLayer(), rules)
                        : trainingProblems(layer, rules));
        if (reasons.isEmpty() || rules.find(layer).isPresent() || layer.getClass() == FrozenLayer.class) {
            reasons.addAll(NetworkParts.problems(conf, layer, rules));
        }
        if (!isReached && !TimeDistributedRule.canOrder(layer)) {
            reasons.add(
                    "in it, DL4J mixes up the examples' masks for TimeDistributed, and no gradient reaches it; use TimeDistributed without"
                            + " a wrapper around it");
        }
        return List.copyOf(reasons);
    }

    /** What is wrong with a layer that runs as in inference and does not train. */
    private static List<String> inferenceProblems(Layer layer, GradientRules rules) {
        if (INFERENCE_EXAMPLE_WISE.contains(layer.getClass())) {
            return List.of();
        }
        if (INFERENCE_WRAPPERS.contains(layer.getClass())) {
            return inferenceProblems(((BaseWrapperLayer) layer).getUnderlying(), rules);
        }
        var rule = rules.find(layer);
        if (rule.isEmpty()) {
            return List.of(
                    "it is not known to compute every example independently, which frozen layers must do too; replace it, write a rule"
                            + " (GradientRules.builtIn().with(rule)), or opt in to it (withFallback)");
        }
        // What a backward pass needs is asked of no frozen layer, but SameDiff graphs and the configurations opted in
        // to
        // must be known.
        boolean everythingMatters =
                layer instanceof SameDiffLayer || layer instanceof GlobalPoolingLayer || rules.isFallback(layer);
        return everythingMatters ? rule.get().problems(layer) : List.of();
    }

    /** What is wrong with a layer that runs as in training. */
    private static List<String> trainingProblems(Layer layer, GradientRules rules) {
        String never = NEVER_PRIVATE.get(layer.getClass());
        if (never != null) {
            return List.of(never);
        }
        var rule = rules.find(layer);
        if (rule.isEmpty()) {
            return List.of(
                    layer.numParams() > 0
                            ? "there is no per-example gradient rule for its parameters; replace it, write a rule"
                                    + " (GradientRules.builtIn().with(rule)), or opt in to the slow fallback (withFallback)"
                            : "it is not known to compute every example independently; replace it, write a rule for it, or opt in to it"
                                    + " (GradientRules.builtIn().withFallback)");
        }
        var reasons = new ArrayList<>(rule.get().problems(layer));
        reasons.addAll(StochasticParts.problems(layer));
        if (TrainableLayer.trains(layer) && !holdsItsUpdaters(layer)) {
            reasons.add(
                    "its updater cannot be wrapped, so that a copy of the network would train without privacy; use DL4J's own"
                            + " layers");
        }
        GradientNormalization normalization =
                layer.getConfig() == null ? null : layer.getConfig().getGradientNormalization();
        if (normalization != null && normalization != GradientNormalization.None) {
            reasons.add("its GradientNormalization " + normalization
                    + " would act on the noised sum, where it bounds nothing; use None (ModelFixer sets it):"
                    + " the plan clips every example");
        }
        return reasons;
    }

    private static boolean holdsItsUpdaters(Layer layer) {
        var conf = layer.conf().getLayer();
        List<IUpdater> held = InnerLayers.updaters(conf);
        return layer.paramTable(true).keySet().stream()
                .map(conf::getUpdaterByParam)
                .allMatch(updater -> held.stream().anyMatch(one -> one == updater));
    }

    /** Whether a layer's parameters are its own part of the network's, from index {@code from} on. */
    private static boolean ownsRange(Layer layer, INDArray params, long from) {
        return layer.numParams() == 0
                || (layer.params().data().pointer().address()
                                == params.data().pointer().address()
                        && layer.params().offset() == params.offset() + from);
    }
}
