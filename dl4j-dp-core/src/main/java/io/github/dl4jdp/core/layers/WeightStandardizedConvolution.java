// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core.layers;

import io.github.dl4jdp.core.internal.PlainTrainingGuard;
import io.github.dl4jdp.core.internal.layers.WeightStandardizedConvolutionLayer;
import java.util.Collection;
import org.deeplearning4j.nn.api.Layer;
import org.deeplearning4j.nn.api.ParamInitializer;
import org.deeplearning4j.nn.conf.NeuralNetConfiguration;
import org.deeplearning4j.nn.conf.layers.ConvolutionLayer;
import org.deeplearning4j.optimize.api.TrainingListener;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * A two-dimensional convolution whose filters are standardized before they are applied: what batch normalization does for the size of
 * activations, without a look at other examples.
 *
 * <pre>
 *   standardized w = gain_o (w - mean_o) / sqrt(max(n variance_o, 0.0001))
 * </pre>
 *
 * <p>Mean and variance are over the n weights of output channel o (input channels times kernel), so that a filter has mean zero and, but for
 * the gain, norm one. The gains are trained, one for each output channel, and start at 1. Everything else is configured as for DL4J's {@link
 * ConvolutionLayer}; weight noise is refused, and regularization applies to the weights before standardization. Best together with {@link
 * GroupNormalization}.
 *
 * <p><b>Formal guarantee:</b> per-example gradients are with respect to the parameters, so through the standardization, and their norms are
 * those of what is summed.
 *
 * <p>Source: Qiao et al., Micro-Batch Training with Batch-Channel Normalization and Weight Standardization, 2019; with gains and without
 * the square root of n as in De et al., Unlocking High-Accuracy Differentially Private Image Classification through Scale, 2022, section 3.
 */
public final class WeightStandardizedConvolution extends ConvolutionLayer {
    private static final long serialVersionUID = 1L;

    /** As in De et al.: a filter of equal weights has no direction to be scaled to. */
    private static final double EPSILON = 1e-4;

    /** For JSON. */
    WeightStandardizedConvolution() {}

    private WeightStandardizedConvolution(Builder builder) {
        super(builder);
    }

    @Override
    public Layer instantiate(
            NeuralNetConfiguration conf,
            Collection<TrainingListener> trainingListeners,
            int layerIndex,
            INDArray layerParamsView,
            boolean initializeParams,
            DataType networkDataType) {
        String name = "WeightStandardizedConvolution \"" + getLayerName() + "\" (layer " + layerIndex + ")";
        if (nIn <= 0 || nOut <= 0) {
            throw new IllegalStateException(name + ": nIn and nOut must be positive, were " + nIn + " and " + nOut);
        }
        if (PlainTrainingGuard.noiseOf(this) != null) {
            throw new IllegalStateException(name + ": weightNoise must be null, was " + PlainTrainingGuard.noiseOf(this)
                    + "; the weights that it would change are not the ones that are applied");
        }
        var layer = new WeightStandardizedConvolutionLayer(conf, networkDataType, EPSILON);
        layer.setListeners(trainingListeners);
        layer.setIndex(layerIndex);
        layer.setParamsViewArray(layerParamsView);
        layer.setParamTable(initializer().init(conf, layerParamsView, initializeParams));
        layer.setConf(conf);
        return layer;
    }

    @Override
    public ParamInitializer initializer() {
        return WeightStandardizedConvolutionParams.INSTANCE;
    }

    @Override
    public boolean equals(Object other) {
        return other instanceof WeightStandardizedConvolution && super.equals(other);
    }

    @Override
    public boolean canEqual(Object other) {
        return other instanceof WeightStandardizedConvolution;
    }

    @Override
    public int hashCode() {
        return 31 * super.hashCode() + 1;
    }

    /** Builds a {@link WeightStandardizedConvolution}; its settings are those of DL4J's convolution. */
    @SuppressWarnings("unchecked") // DL4J leaves the type of what is built to the caller
    public static final class Builder extends ConvolutionLayer.Builder {
        /** Starts with this kernel and DL4J's default stride and padding. */
        public Builder(int... kernelSize) {
            super(kernelSize);
        }

        @Override
        public WeightStandardizedConvolution build() {
            // Here DL4J checks kernel, stride and padding.
            super.build();
            return new WeightStandardizedConvolution(this);
        }
    }
}
