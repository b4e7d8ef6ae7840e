// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core;

import io.github.dl4jdp.core.gradient.GradientRules;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.deeplearning4j.nn.api.Layer;
import org.deeplearning4j.nn.api.OptimizationAlgorithm;
import org.deeplearning4j.nn.conf.BackpropType;
import org.deeplearning4j.nn.conf.GradientNormalization;
import org.deeplearning4j.nn.conf.InputPreProcessor;
import org.deeplearning4j.nn.conf.layers.BaseLayer;
import org.deeplearning4j.nn.conf.preprocessor.CnnToFeedForwardPreProcessor;
import org.deeplearning4j.nn.conf.preprocessor.FeedForwardToCnnPreProcessor;
import org.deeplearning4j.nn.layers.FrozenLayer;
import org.deeplearning4j.nn.layers.normalization.BatchNormalization;
import org.deeplearning4j.nn.layers.ocnn.OCNNOutputLayer;
import org.deeplearning4j.nn.layers.training.CenterLossOutputLayer;
import org.deeplearning4j.nn.layers.variational.VariationalAutoencoder;
import org.deeplearning4j.nn.multilayer.MultiLayerNetwork;
import org.nd4j.linalg.api.buffer.DataType;

/** Finds everything that stands in the way of training a network with privacy. */
final class ModelValidator {
    /** Preprocessors that keep the first dimension: one row in is one row out. */
    private static final Set<Class<? extends InputPreProcessor>> EXAMPLE_WISE_PREPROCESSORS =
            Set.of(CnnToFeedForwardPreProcessor.class, FeedForwardToCnnPreProcessor.class);

    /** Layers that can never be private as they are, with the reason and the remedy. */
    private static final Map<Class<? extends Layer>, String> NEVER_PRIVATE = Map.of(
            BatchNormalization.class,
            "its output for one example depends on the others of the batch, and its statistics are stored in the model; use"
                    + " layer or group normalization, or freeze it",
            CenterLossOutputLayer.class,
            "its class centres are averages over the batch; use OutputLayer",
            OCNNOutputLayer.class,
            "its radius is a quantile over the batch; use OutputLayer",
            VariationalAutoencoder.class,
            "its pretraining loss is not trained by backpropagation of one loss per example; use an encoder of DenseLayers");

    private ModelValidator() {}

    static List<ModelProblem> problems(MultiLayerNetwork network, GradientRules rules) {
        if (!network.isInitCalled()) {
            return List.of(ModelProblem.ofNetwork(network, "it is not initialised; call init() first"));
        }
        var problems = new ArrayList<ModelProblem>();
        var conf = network.getLayerWiseConfigurations();
        if (network.getUpdater(false) instanceof DpMultiLayerUpdater) {
            problems.add(ModelProblem.ofNetwork(
                    network, "it is attached to a PrivacyEngine already; detach() that one first"));
            return problems;
        }
        DataType dataType = conf.getDataType();
        if (dataType != DataType.FLOAT && dataType != DataType.DOUBLE) {
            problems.add(ModelProblem.ofNetwork(
                    network,
                    "its data type must be FLOAT or DOUBLE, was " + dataType
                            + "; use convertDataType(DataType.FLOAT)"));
        }
        if (conf.getBackpropType() == BackpropType.TruncatedBPTT) {
            problems.add(ModelProblem.ofNetwork(
                    network,
                    "truncated backpropagation through time makes several updates on one lot, and this plan accounts for one;"
                            + " use BackpropType.Standard"));
        }
        if (network.conf().getOptimizationAlgo() != OptimizationAlgorithm.STOCHASTIC_GRADIENT_DESCENT) {
            problems.add(ModelProblem.ofNetwork(
                    network,
                    "the optimization algorithm " + network.conf().getOptimizationAlgo()
                            + " evaluates the loss of the private data at will; use STOCHASTIC_GRADIENT_DESCENT"));
        }
        Layer[] layers = network.getLayers();
        int first = HookedMultiLayerNetwork.firstTrainable(layers);
        boolean trains = false;
        for (int i = 0; i < layers.length; i++) {
            if (i < first) {
                // Frozen layers and those below them run, but do not train; only mixing examples would be a problem.
                continue;
            }
            trains |= layers[i].numParams() > 0;
            checkLayer(layers[i], i, rules, problems);
            InputPreProcessor preProcessor = conf.getInputPreProcess(i);
            if (preProcessor != null && !EXAMPLE_WISE_PREPROCESSORS.contains(preProcessor.getClass())) {
                add(
                        problems,
                        layers[i],
                        i,
                        "its input preprocessor " + preProcessor.getClass().getSimpleName()
                                + " is not known to keep one row for each example");
            }
        }
        if (!trains) {
            problems.add(ModelProblem.ofNetwork(network, "no layer trains; unfreeze at least the output layer"));
        }
        return problems;
    }

    private static void checkLayer(Layer layer, int index, GradientRules rules, List<ModelProblem> problems) {
        String never = NEVER_PRIVATE.get(layer.getClass());
        if (never != null) {
            add(problems, layer, index, never);
            return;
        }
        var rule = rules.find(layer);
        if (rule.isEmpty()) {
            add(
                    problems,
                    layer,
                    index,
                    layer.numParams() > 0
                            ? "there is no per-example gradient rule for its parameters; replace it, freeze it, or write a rule"
                                    + " (GradientRules.builtIn().with(rule))"
                            : "it is not known to treat every example on its own; replace it, or write a rule for it");
            return;
        }
        rule.get().problems(layer).forEach(reason -> add(problems, layer, index, reason));
        if (layer.conf().getLayer() instanceof BaseLayer conf
                && conf.getGradientNormalization() != null
                && conf.getGradientNormalization() != GradientNormalization.None) {
            add(
                    problems,
                    layer,
                    index,
                    "its GradientNormalization " + conf.getGradientNormalization()
                            + " would act on the noised sum, where it bounds nothing; use None, the plan clips every example");
        }
    }

    private static void add(List<ModelProblem> problems, Layer layer, int index, String reason) {
        String type = layer instanceof FrozenLayer frozen
                ? frozen.getInsideLayer().getClass().getSimpleName()
                : layer.getClass().getSimpleName();
        problems.add(new ModelProblem(index, name(layer, index), type, reason));
    }

    /** The layer's name, or its index where it has none. */
    static String name(Layer layer, int index) {
        String name = layer.conf() == null || layer.conf().getLayer() == null
                ? null
                : layer.conf().getLayer().getLayerName();
        return name == null ? Integer.toString(index) : name;
    }
}
