// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core;

import io.github.dl4jdp.core.gradient.GradientRules;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.deeplearning4j.nn.api.Layer;
import org.deeplearning4j.nn.api.Model;
import org.deeplearning4j.nn.api.OptimizationAlgorithm;
import org.deeplearning4j.nn.api.Updater;
import org.deeplearning4j.nn.conf.GradientNormalization;
import org.deeplearning4j.nn.conf.InputPreProcessor;
import org.deeplearning4j.nn.conf.preprocessor.Cnn3DToFeedForwardPreProcessor;
import org.deeplearning4j.nn.conf.preprocessor.CnnToFeedForwardPreProcessor;
import org.deeplearning4j.nn.conf.preprocessor.CnnToRnnPreProcessor;
import org.deeplearning4j.nn.conf.preprocessor.FeedForwardToCnn3DPreProcessor;
import org.deeplearning4j.nn.conf.preprocessor.FeedForwardToCnnPreProcessor;
import org.deeplearning4j.nn.conf.preprocessor.FeedForwardToRnnPreProcessor;
import org.deeplearning4j.nn.conf.preprocessor.RnnToCnnPreProcessor;
import org.deeplearning4j.nn.conf.preprocessor.RnnToFeedForwardPreProcessor;
import org.deeplearning4j.nn.graph.ComputationGraph;
import org.deeplearning4j.nn.layers.FrozenLayer;
import org.deeplearning4j.nn.layers.normalization.BatchNormalization;
import org.deeplearning4j.nn.layers.ocnn.OCNNOutputLayer;
import org.deeplearning4j.nn.layers.training.CenterLossOutputLayer;
import org.deeplearning4j.nn.layers.variational.VariationalAutoencoder;
import org.deeplearning4j.nn.multilayer.MultiLayerNetwork;
import org.jspecify.annotations.Nullable;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.learning.config.IUpdater;

/** Finds everything that stands in the way of training a network with privacy. */
final class ModelValidator {
    /**
     * Preprocessors that keep the first dimension, one row in is one row out, or whose rows are the time steps of the examples, in
     * the order that the rules expect.
     */
    private static final Set<Class<? extends InputPreProcessor>> EXAMPLE_WISE_PREPROCESSORS = Set.of(
            CnnToFeedForwardPreProcessor.class,
            FeedForwardToCnnPreProcessor.class,
            Cnn3DToFeedForwardPreProcessor.class,
            FeedForwardToCnn3DPreProcessor.class,
            RnnToFeedForwardPreProcessor.class,
            FeedForwardToRnnPreProcessor.class,
            RnnToCnnPreProcessor.class,
            CnnToRnnPreProcessor.class);

    /** Layers that can never be private as they are, with the reason and the remedy. */
    private static final Map<Class<? extends Layer>, String> NEVER_PRIVATE = Map.of(
            BatchNormalization.class,
            "its output for one example depends on the others of the batch, and its statistics are stored in the model; use"
                    + " GroupNormalization (ModelFixer.withGroupNormalization() replaces it), or freeze it",
            CenterLossOutputLayer.class,
            "its class centres are averages over the batch; use OutputLayer",
            OCNNOutputLayer.class,
            "its radius is a quantile over the batch; use OutputLayer",
            VariationalAutoencoder.class,
            "its pretraining loss is not trained by backpropagation of one loss per example; use an encoder of DenseLayers");

    static final String NOTHING_TRAINS = "no layer trains; unfreeze at least the output layer";
    static final String SHARED_PARAMETERS =
            "its parameters are not a part of the network's of their own; shared parameters get one clipped gradient for each use,"
                    + " give the layer its own";
    private static final String NOT_INITIALISED = "it is not initialised; call init() first";

    private ModelValidator() {}

    /** Everything for which {@code attach} would refuse the network under a plan of one release a lot. */
    static List<ModelProblem> problems(Model model, GradientRules rules) {
        return problems(model, rules, null);
    }

    /**
     * Everything for which {@code attach} would refuse the network.
     *
     * @param truncation what the plan declares, or null
     */
    static List<ModelProblem> problems(Model model, GradientRules rules, @Nullable Truncation truncation) {
        var problems = new ArrayList<ModelProblem>();
        if (model instanceof MultiLayerNetwork network) {
            if (!network.isInitCalled()) {
                return List.of(ModelProblem.ofNetwork(network, NOT_INITIALISED));
            }
            var conf = network.getLayerWiseConfigurations();
            checkNetwork(network, network.getUpdater(false), conf.getDataType(), problems);
            if (!isAttached(network.getUpdater(false))) {
                TruncationValidator.networkProblems(
                                conf.getBackpropType(), conf.getTbpttFwdLength(), conf.getTbpttBackLength(), truncation)
                        .forEach(reason -> problems.add(ModelProblem.ofNetwork(network, reason)));
                checkLayers(network, rules, truncation, problems);
            }
        } else if (model instanceof ComputationGraph network) {
            if (network.getVertices() == null) {
                return List.of(ModelProblem.ofNetwork(network, NOT_INITIALISED));
            }
            var conf = network.getConfiguration();
            checkNetwork(network, network.getUpdater(false), conf.getDataType(), problems);
            if (!isAttached(network.getUpdater(false))) {
                TruncationValidator.networkProblems(
                                conf.getBackpropType(), conf.getTbpttFwdLength(), conf.getTbpttBackLength(), truncation)
                        .forEach(reason -> problems.add(ModelProblem.ofNetwork(network, reason)));
                problems.addAll(GraphValidator.problems(network, rules, truncation));
            }
        } else {
            throw unknownClass(model);
        }
        return problems;
    }

    static UnsupportedModelException unknownClass(Model model) {
        return new UnsupportedModelException(List.of(ModelProblem.ofNetwork(
                model,
                "only MultiLayerNetwork and ComputationGraph can be trained with privacy; build it as one of these")));
    }

    private static boolean isAttached(@Nullable Updater updater) {
        return updater instanceof DpMultiLayerUpdater || updater instanceof DpComputationGraphUpdater;
    }

    private static void checkNetwork(
            Model network, @Nullable Updater updater, DataType dataType, List<ModelProblem> problems) {
        if (isAttached(updater)) {
            problems.add(ModelProblem.ofNetwork(
                    network, "it is attached to a PrivacyEngine already; detach() that one first"));
            return;
        }
        if (dataType != DataType.FLOAT && dataType != DataType.DOUBLE) {
            problems.add(ModelProblem.ofNetwork(
                    network,
                    "its data type must be FLOAT or DOUBLE, was " + dataType
                            + "; use convertDataType(DataType.FLOAT)"));
        }
        if (network.conf().getOptimizationAlgo() != OptimizationAlgorithm.STOCHASTIC_GRADIENT_DESCENT) {
            problems.add(ModelProblem.ofNetwork(
                    network,
                    "the optimization algorithm " + network.conf().getOptimizationAlgo()
                            + " evaluates the loss of the private data at will; use STOCHASTIC_GRADIENT_DESCENT"));
        }
    }

    private static void checkLayers(
            MultiLayerNetwork network,
            GradientRules rules,
            @Nullable Truncation truncation,
            List<ModelProblem> problems) {
        Layer[] layers = network.getLayers();
        int first = HookedMultiLayerNetwork.firstTrainable(layers);
        boolean trains = false;
        long from = 0;
        for (int i = 0; i < layers.length; i++) {
            // A frozen layer runs as in inference. One that lies below it runs as in training, although it stands
            // still.
            if (!(layers[i] instanceof FrozenLayer)) {
                trains |= i >= first && TrainableLayer.trains(layers[i]);
                for (String reason : layerProblems(layers[i], rules)) {
                    add(problems, layers[i], i, reason);
                }
            }
            if (truncation != null) {
                for (String reason : TruncationValidator.layerProblems(layers[i])) {
                    add(problems, layers[i], i, reason);
                }
            }
            for (String reason :
                    preProcessorProblems(network.getLayerWiseConfigurations().getInputPreProcess(i))) {
                add(problems, layers[i], i, reason);
            }
            if (!ownsRange(layers[i], network.params(), from)) {
                add(problems, layers[i], i, SHARED_PARAMETERS);
            }
            from += layers[i].numParams();
        }
        if (!trains) {
            problems.add(ModelProblem.ofNetwork(network, NOTHING_TRAINS));
        }
    }

    /** What is wrong with a preprocessor between two layers. */
    static List<String> preProcessorProblems(@Nullable InputPreProcessor preProcessor) {
        if (preProcessor == null || EXAMPLE_WISE_PREPROCESSORS.contains(preProcessor.getClass())) {
            return List.of();
        }
        return List.of("its preprocessor " + preProcessor.getClass().getSimpleName()
                + " is not known to keep one row for each example");
    }

    /** What is wrong with a layer that runs as in training. */
    static List<String> layerProblems(Layer layer, GradientRules rules) {
        String never = NEVER_PRIVATE.get(layer.getClass());
        if (never != null) {
            return List.of(never);
        }
        var rule = rules.find(layer);
        if (rule.isEmpty()) {
            return List.of(
                    layer.numParams() > 0
                            ? "there is no per-example gradient rule for its parameters; replace it, freeze it, write a rule"
                                    + " (GradientRules.builtIn().with(rule)), or opt in to the slow fallback (withFallback)"
                            : "it is not known to treat every example on its own; replace it, or write a rule for it");
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
                    + " would act on the noised sum, where it bounds nothing; use None, the plan clips every example");
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

    private static void add(List<ModelProblem> problems, Layer layer, int index, String reason) {
        problems.add(new ModelProblem(index, name(layer, index), typeOf(layer), reason));
    }

    static String typeOf(Layer layer) {
        return layer instanceof FrozenLayer frozen
                ? frozen.getInsideLayer().getClass().getSimpleName()
                : layer.getClass().getSimpleName();
    }

    /** The layer's name, or its index where it has none. */
    static String name(Layer layer, int index) {
        String name = layer.conf() == null || layer.conf().getLayer() == null
                ? null
                : layer.conf().getLayer().getLayerName();
        return name == null ? Integer.toString(index) : name;
    }
}
