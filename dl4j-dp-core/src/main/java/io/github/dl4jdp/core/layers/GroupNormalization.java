// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core.layers;

import io.github.dl4jdp.core.internal.layers.GroupNormalizationLayer;
import java.util.Collection;
import java.util.List;
import java.util.Objects;
import org.deeplearning4j.nn.api.Layer;
import org.deeplearning4j.nn.api.ParamInitializer;
import org.deeplearning4j.nn.conf.CNN2DFormat;
import org.deeplearning4j.nn.conf.InputPreProcessor;
import org.deeplearning4j.nn.conf.NeuralNetConfiguration;
import org.deeplearning4j.nn.conf.inputs.InputType;
import org.deeplearning4j.nn.conf.layers.FeedForwardLayer;
import org.deeplearning4j.nn.conf.memory.LayerMemoryReport;
import org.deeplearning4j.nn.conf.memory.MemoryReport;
import org.deeplearning4j.nn.conf.preprocessor.FeedForwardToCnnPreProcessor;
import org.deeplearning4j.optimize.api.TrainingListener;
import org.jspecify.annotations.Nullable;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.learning.regularization.Regularization;
import org.nd4j.shade.jackson.annotation.JsonProperty;

/**
 * Group normalization: the private stand-in for batch normalization, whose output for an example depends on that example alone.
 *
 * <pre>
 *   y = gamma_c (x - mean) / sqrt(variance + epsilon) + beta_c
 * </pre>
 *
 * <p>Mean and variance are over all positions of the channels of one group of one example. Takes images in both formats, and vectors,
 * whose elements are channels of one position. There is no activation function; put an {@code ActivationLayer} after it. The parameters
 * are not regularized.
 *
 * <p>Source: Wu and He, Group Normalization, ECCV 2018.
 */
public final class GroupNormalization extends FeedForwardLayer {
    private static final long serialVersionUID = 1L;
    private static final double DEFAULT_EPSILON = 1e-5;

    @JsonProperty
    private int groups;

    @JsonProperty
    private double epsilon;

    @JsonProperty
    private CNN2DFormat format = CNN2DFormat.NCHW;

    /** For JSON. */
    GroupNormalization() {
        this(new Builder(1));
    }

    private GroupNormalization(Builder builder) {
        super(builder);
        this.groups = builder.groups;
        this.epsilon = builder.epsilon;
        this.format = builder.format;
        initializeConstraints(builder);
    }

    /** Number of groups that the channels are divided into. */
    public int getGroups() {
        return groups;
    }

    /** What is added to the variance. */
    public double getEpsilon() {
        return epsilon;
    }

    /** Where the channels of an image are; set by the network's input type. */
    public CNN2DFormat getFormat() {
        return format;
    }

    @Override
    public Layer instantiate(
            NeuralNetConfiguration conf,
            Collection<TrainingListener> trainingListeners,
            int layerIndex,
            INDArray layerParamsView,
            boolean initializeParams,
            DataType networkDataType) {
        if (nIn <= 0 || nIn % groups != 0) {
            throw new IllegalStateException("GroupNormalization \"" + getLayerName() + "\" (layer " + layerIndex
                    + "): the number of channels must be a positive multiple of its " + groups + " groups, was " + nIn);
        }
        var layer = new GroupNormalizationLayer(conf, networkDataType, groups, epsilon, format);
        layer.setListeners(trainingListeners);
        layer.setIndex(layerIndex);
        layer.setParamsViewArray(layerParamsView);
        layer.setParamTable(initializer().init(conf, layerParamsView, initializeParams));
        layer.setConf(conf);
        return layer;
    }

    @Override
    public ParamInitializer initializer() {
        return GroupNormalizationParams.INSTANCE;
    }

    @Override
    public InputType getOutputType(int layerIndex, InputType inputType) {
        return switch (inputType.getType()) {
            case FF, CNN, CNNFlat -> inputType;
            case RNN, CNN3D ->
                throw new IllegalStateException("GroupNormalization takes images and vectors, not " + inputType
                        + " (layer " + layerIndex + ", \"" + getLayerName() + "\")");
        };
    }

    @Override
    public void setNIn(InputType inputType, boolean override) {
        if (nIn > 0 && !override) {
            return;
        }
        if (inputType instanceof InputType.InputTypeConvolutional image) {
            nIn = image.getChannels();
            format = image.getFormat();
        } else if (inputType instanceof InputType.InputTypeConvolutionalFlat flat) {
            nIn = flat.getDepth();
        } else if (inputType instanceof InputType.InputTypeFeedForward vector) {
            nIn = vector.getSize();
        }
        nOut = nIn;
    }

    @Override
    public @Nullable InputPreProcessor getPreProcessorForInputType(InputType inputType) {
        return inputType instanceof InputType.InputTypeConvolutionalFlat flat
                ? new FeedForwardToCnnPreProcessor(flat.getHeight(), flat.getWidth(), flat.getDepth())
                : null;
    }

    @Override
    public @Nullable List<Regularization> getRegularizationByParam(String paramName) {
        return null;
    }

    @Override
    public boolean isPretrainParam(String paramName) {
        return false;
    }

    @Override
    public LayerMemoryReport getMemoryReport(InputType inputType) {
        long parameters = initializer().numParams(this);
        return new LayerMemoryReport.Builder(layerName, GroupNormalization.class, inputType, inputType)
                .standardMemory(parameters, getIUpdater().stateSize(parameters))
                .workingMemory(0, 0, 0, inputType.arrayElementsPerExample())
                .cacheMemory(MemoryReport.CACHE_MODE_ALL_ZEROS, MemoryReport.CACHE_MODE_ALL_ZEROS)
                .build();
    }

    @Override
    public boolean equals(Object other) {
        return other instanceof GroupNormalization that
                && super.equals(other)
                && groups == that.groups
                && Double.compare(epsilon, that.epsilon) == 0
                && format == that.format;
    }

    @Override
    public boolean canEqual(Object other) {
        return other instanceof GroupNormalization;
    }

    @Override
    public int hashCode() {
        return Objects.hash(super.hashCode(), groups, epsilon, format);
    }

    /** Builds a {@link GroupNormalization}. */
    @SuppressWarnings("unchecked") // DL4J leaves the type of what is built to the caller
    public static final class Builder extends FeedForwardLayer.Builder<Builder> {
        private final int groups;
        private double epsilon = DEFAULT_EPSILON;
        private CNN2DFormat format = CNN2DFormat.NCHW;

        /**
         * Starts with epsilon 1e-5.
         *
         * @param groups number of groups, at least 1; it must divide the number of channels
         * @throws IllegalArgumentException if {@code groups < 1}
         */
        public Builder(int groups) {
            if (groups < 1) {
                throw new IllegalArgumentException("groups must be >= 1, was " + groups);
            }
            this.groups = groups;
        }

        /**
         * What is added to the variance.
         *
         * @throws IllegalArgumentException if {@code epsilon} is not finite and positive
         */
        public Builder epsilon(double value) {
            if (!(value > 0 && value < Double.POSITIVE_INFINITY)) {
                throw new IllegalArgumentException("epsilon must be finite and > 0, was " + value);
            }
            this.epsilon = value;
            return this;
        }

        /** Where the channels of an image are; a network built with an input type sets it by itself. */
        public Builder dataFormat(CNN2DFormat value) {
            this.format = value;
            return this;
        }

        @Override
        public GroupNormalization build() {
            return new GroupNormalization(this);
        }
    }
}
