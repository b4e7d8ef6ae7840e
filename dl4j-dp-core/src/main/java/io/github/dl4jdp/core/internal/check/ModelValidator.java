// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core.internal.check;

import io.github.dl4jdp.core.gradient.GradientRules;
import io.github.dl4jdp.core.gradient.NetworkParts;
import io.github.dl4jdp.core.gradient.TimeDistributedRule;
import io.github.dl4jdp.core.internal.network.HookedMultiLayerNetwork;
import io.github.dl4jdp.core.internal.network.LayerUpdaters;
import io.github.dl4jdp.core.internal.network.NetworkConfiguration;
import io.github.dl4jdp.core.internal.network.StochasticParts;
import io.github.dl4jdp.core.internal.plan.Truncation;
import io.github.dl4jdp.core.mechanism.TrainableLayer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.deeplearning4j.nn.api.Layer;
import org.deeplearning4j.nn.api.Model;
import org.deeplearning4j.nn.api.OptimizationAlgorithm;
import org.deeplearning4j.nn.api.Updater;
import org.deeplearning4j.nn.conf.GradientNormalization;
import org.deeplearning4j.nn.conf.InputPreProcessor;
import org.deeplearning4j.nn.conf.NeuralNetConfiguration;
import org.deeplearning4j.nn.graph.ComputationGraph;
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
import org.deeplearning4j.nn.multilayer.MultiLayerNetwork;
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

    static final String NOTHING_TRAINS = "no layer trains; unfreeze at least the output layer";
    static final String SHARED_PARAMETERS =
            "it shares its parameters with another layer, so that they would get one clipped gradient for each use; give it its own";
    private static final String NOT_INITIALISED = "it is not initialized; call init() first";

    private ModelValidator() {}

    /**
     * Everything for which {@code attach} would refuse the network.
     *
     * @param truncation what the plan declares, or null
     */
    public static List<Problem> problems(Model model, GradientRules rules, @Nullable Truncation truncation) {
        var problems = new ArrayList<Problem>();
        Dl4jVersion.problems().forEach(reason -> problems.add(Problem.ofNetwork(model, reason)));
        if (model instanceof MultiLayerNetwork network) {
            if (!network.isInitCalled()) {
                return List.of(Problem.ofNetwork(network, NOT_INITIALISED));
            }
            var conf = network.getLayerWiseConfigurations();
            checkNetwork(network, network.getUpdater(false), conf.getDataType(), problems);
            if (!NetworkConfiguration.isAttached(network.getUpdater(false))) {
                checkMiniBatch(network, conf.getConfs(), problems);
                TruncationValidator.networkProblems(
                                conf.getBackpropType(), conf.getTbpttFwdLength(), conf.getTbpttBackLength(), truncation)
                        .forEach(reason -> problems.add(Problem.ofNetwork(network, reason)));
                checkLayers(network, rules, truncation, problems);
            }
        } else if (model instanceof ComputationGraph network) {
            if (network.getVertices() == null) {
                return List.of(Problem.ofNetwork(network, NOT_INITIALISED));
            }
            var conf = network.getConfiguration();
            checkNetwork(network, network.getUpdater(false), conf.getDataType(), problems);
            if (!NetworkConfiguration.isAttached(network.getUpdater(false))) {
                TruncationValidator.networkProblems(
                                conf.getBackpropType(), conf.getTbpttFwdLength(), conf.getTbpttBackLength(), truncation)
                        .forEach(reason -> problems.add(Problem.ofNetwork(network, reason)));
                checkMiniBatch(
                        network,
                        Arrays.stream(network.getLayers()).map(Layer::conf).toList(),
                        problems);
                problems.addAll(GraphValidator.problems(network, rules, truncation));
            }
        } else {
            return List.of(Problem.ofNetwork(model, NetworkConfiguration.UNKNOWN_CLASS));
        }
        return problems;
    }

    private static void checkNetwork(
            Model network, @Nullable Updater updater, DataType dataType, List<Problem> problems) {
        if (NetworkConfiguration.isAttached(updater)) {
            problems.add(
                    Problem.ofNetwork(
                            network,
                            "it is already attached to a PrivacyEngine; close() that engine first, which keeps the privacy account"));
            return;
        }
        if (dataType != DataType.FLOAT && dataType != DataType.DOUBLE) {
            problems.add(Problem.ofNetwork(
                    network,
                    "its data type must be FLOAT or DOUBLE, was " + dataType
                            + "; use convertDataType(DataType.FLOAT)"));
        }
        if (network.conf().getOptimizationAlgo() != OptimizationAlgorithm.STOCHASTIC_GRADIENT_DESCENT) {
            problems.add(
                    Problem.ofNetwork(
                            network,
                            "the optimization algorithm " + network.conf().getOptimizationAlgo()
                                    + " evaluates the loss on the private data any number of times; use STOCHASTIC_GRADIENT_DESCENT"));
        }
    }

    /** The plan divides by the expected lot size, and preprocessors must know how many examples there are. */
    private static void checkMiniBatch(Model network, List<NeuralNetConfiguration> layers, List<Problem> problems) {
        if (!network.conf().isMiniBatch() || layers.stream().anyMatch(conf -> conf != null && !conf.isMiniBatch())) {
            problems.add(Problem.ofNetwork(
                    network,
                    "miniBatch(false) makes DL4J treat all examples of a batch as the time steps of one, and asks for no division, while"
                            + " the plan divides by its expected lot size; build the network with miniBatch(true), DL4J's default, and multiply the"
                            + " learning rate by the expected lot size to train on the sum"));
        }
    }

    private static void checkLayers(
            MultiLayerNetwork network, GradientRules rules, @Nullable Truncation truncation, List<Problem> problems) {
        Layer[] layers = network.getLayers();
        int first = HookedMultiLayerNetwork.firstTrainable(layers);
        boolean trains = false;
        long from = 0;
        for (int i = 0; i < layers.length; i++) {
            trains |= i >= first && TrainableLayer.trains(layers[i]);
            var conf = network.getLayerWiseConfigurations().getConf(i).getLayer();
            for (String reason : layerProblems(conf, layers[i], rules, i >= first)) {
                add(problems, layers[i], i, reason);
            }
            if (truncation != null) {
                for (String reason : TruncationValidator.layerProblems(layers[i], truncation)) {
                    add(problems, layers[i], i, reason);
                }
            }
            for (String reason :
                    preProcessorProblems(network.getLayerWiseConfigurations().getInputPreProcess(i), rules)) {
                add(problems, layers[i], i, reason);
            }
            if (!ownsRange(layers[i], network.params(), from)) {
                add(problems, layers[i], i, SHARED_PARAMETERS);
            }
            from += layers[i].numParams();
        }
        if (!trains) {
            problems.add(Problem.ofNetwork(network, NOTHING_TRAINS));
        }
    }

    /** What is wrong with a preprocessor between two layers. */
    static List<String> preProcessorProblems(@Nullable InputPreProcessor preProcessor, GradientRules rules) {
        return preProcessor == null ? List.of() : NetworkParts.problems(preProcessor, rules);
    }

    /**
     * What is wrong with a layer, frozen or not.
     *
     * @param conf its configuration in the network
     * @param isReached whether backpropagation comes to it
     */
    static List<String> layerProblems(
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
                    + " would act on the noised sum, where it bounds nothing; use None: the plan clips every example");
        }
        return reasons;
    }

    private static boolean holdsItsUpdaters(Layer layer) {
        var conf = layer.conf().getLayer();
        List<IUpdater> held = LayerUpdaters.of(conf);
        return layer.paramTable(true).keySet().stream()
                .map(conf::getUpdaterByParam)
                .allMatch(updater -> held.stream().anyMatch(one -> one == updater));
    }

    /** Whether a layer's parameters are its own part of the network's, from index {@code from} on. */
    static boolean ownsRange(Layer layer, INDArray params, long from) {
        return layer.numParams() == 0
                || (layer.params().data().pointer().address()
                                == params.data().pointer().address()
                        && layer.params().offset() == params.offset() + from);
    }

    private static void add(List<Problem> problems, Layer layer, int index, String reason) {
        problems.add(new Problem(
                index, NetworkConfiguration.name(layer, index), NetworkConfiguration.typeOf(layer), reason));
    }
}
