// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core;

import io.github.dl4jdp.core.internal.network.GraphNetwork;
import io.github.dl4jdp.core.internal.network.InnerLayers;
import io.github.dl4jdp.core.layers.GroupNormalization;
import java.util.Objects;
import java.util.function.Function;
import org.deeplearning4j.nn.conf.ComputationGraphConfiguration;
import org.deeplearning4j.nn.conf.GradientNormalization;
import org.deeplearning4j.nn.conf.MultiLayerConfiguration;
import org.deeplearning4j.nn.conf.NeuralNetConfiguration;
import org.deeplearning4j.nn.conf.graph.LayerVertex;
import org.deeplearning4j.nn.conf.layers.BaseLayer;
import org.deeplearning4j.nn.conf.layers.BatchNormalization;
import org.deeplearning4j.nn.conf.layers.Layer;
import org.deeplearning4j.nn.conf.layers.samediff.AbstractSameDiffLayer;
import org.deeplearning4j.nn.graph.ComputationGraph;
import org.deeplearning4j.nn.multilayer.MultiLayerNetwork;
import org.nd4j.linalg.activations.impl.ActivationIdentity;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * Converts a network that cannot be trained with privacy into one that can, as far as its configuration is the reason: batch normalization is
 * replaced, and DL4J's gradient normalization, which would act on the noised sum, is set to {@code None}.
 *
 * <p>The given network does not change. The returned network has its own configuration and the same counts; every parameter whose layer and name
 * still exist keeps its value, the others are drawn anew. It computes another function than before, so train it or at least check its accuracy.
 * {@link PrivacyEngine#check} lists the remaining problems.
 */
public final class ModelFixer {
    private static final int MAX_GROUPS = 32;
    /** A group of one channel at one position would always be normalized to zero, and one of two to a sign. */
    private static final int MIN_CHANNELS_OF_A_GROUP = 4;

    private final Function<BatchNormalization, Layer> replacement;

    private ModelFixer(Function<BatchNormalization, Layer> replacement) {
        this.replacement = replacement;
    }

    /**
     * Replaces batch normalization by {@link GroupNormalization}: at most 32 groups, of at least 4 channels each, otherwise one group. Its
     * gamma and beta are those of the layer it replaces.
     */
    public static ModelFixer withGroupNormalization() {
        return new ModelFixer(old -> new GroupNormalization.Builder(groups(old.getNIn()))
                .nIn(old.getNIn())
                .nOut(old.getNOut())
                .epsilon(old.getEps())
                .dataFormat(old.getCnn2DFormat())
                .build());
    }

    /** The largest fitting divisor of the number of channels. */
    private static int groups(long channels) {
        int groups = (int) Math.min(MAX_GROUPS, channels / MIN_CHANNELS_OF_A_GROUP);
        while (groups > 1 && channels % groups != 0) {
            groups--;
        }
        return Math.max(1, groups);
    }

    /**
     * Replaces batch normalization by layers of your choice.
     *
     * @param replacement gives, for each batch normalization that trains, a layer with the same input and output; updaters and the
     *     like that it leaves open are taken from the layer it replaces. A frozen one runs on fixed statistics and stays
     */
    public static ModelFixer replacingBatchNormalization(Function<BatchNormalization, Layer> replacement) {
        return new ModelFixer(Objects.requireNonNull(replacement, "replacement"));
    }

    /** A network without batch and gradient normalization, with the weights of {@code network} where they fit. */
    public MultiLayerNetwork fix(MultiLayerNetwork network) {
        MultiLayerConfiguration conf = network.getLayerWiseConfigurations().clone();
        conf.getConfs().forEach(this::fix);
        var fixed = new MultiLayerNetwork(conf);
        fixed.init();
        keepParameters(network.getLayers(), fixed.getLayers());
        return fixed;
    }

    /** As {@link #fix(MultiLayerNetwork)}. */
    public ComputationGraph fix(ComputationGraph network) {
        ComputationGraphConfiguration conf = GraphNetwork.clone(network.getConfiguration());
        conf.getVertices().values().forEach(vertex -> {
            if (vertex instanceof LayerVertex layer) {
                fix(layer.getLayerConf());
            }
        });
        var fixed = new ComputationGraph(conf);
        fixed.init();
        keepParameters(network.getLayers(), fixed.getLayers());
        return fixed;
    }

    private void fix(NeuralNetConfiguration conf) {
        if (conf.getLayer() instanceof BatchNormalization old) {
            Layer layer = replacement.apply(old);
            layer.setLayerName(old.getLayerName());
            if (layer instanceof BaseLayer base) {
                inherit(old, base);
            }
            conf.setLayer(layer);
            conf.clearVariables();
        }
        InnerLayers.change(conf.getLayer(), layer -> {
            if (layer instanceof BaseLayer base) {
                base.setGradientNormalization(GradientNormalization.None);
            } else if (layer instanceof AbstractSameDiffLayer sameDiff) {
                sameDiff.setGradientNormalization(GradientNormalization.None);
            }
        });
    }

    /** What DL4J's builder would have given the layer. */
    private static void inherit(BatchNormalization old, BaseLayer layer) {
        if (layer.getIUpdater() == null) {
            layer.setIUpdater(old.getIUpdater());
        }
        if (layer.getBiasUpdater() == null) {
            layer.setBiasUpdater(old.getBiasUpdater());
        }
        if (layer.getWeightInitFn() == null) {
            layer.setWeightInitFn(old.getWeightInitFn());
        }
        if (layer.getActivationFn() == null) {
            layer.setActivationFn(new ActivationIdentity());
        }
        // A layer's own builder leaves these open as NaN, which would become the parameters' values.
        if (Double.isNaN(layer.getBiasInit())) {
            layer.setBiasInit(0);
        }
        if (Double.isNaN(layer.getGainInit())) {
            layer.setGainInit(1);
        }
    }

    private static void keepParameters(org.deeplearning4j.nn.api.Layer[] from, org.deeplearning4j.nn.api.Layer[] into) {
        for (int i = 0; i < from.length; i++) {
            var old = from[i].paramTable();
            if (old == null || into[i].paramTable() == null) {
                continue;
            }
            into[i].paramTable().forEach((name, parameter) -> {
                INDArray value = old.get(name);
                if (value != null && value.length() == parameter.length()) {
                    parameter.assign(value.reshape(parameter.shape()));
                }
            });
        }
    }
}
