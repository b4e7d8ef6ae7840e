// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core.internal.layers;

import io.github.dl4jdp.core.internal.arrays.HostArrays;
import io.github.dl4jdp.core.internal.arrays.InputGradients;
import io.github.dl4jdp.core.internal.arrays.ParallelRanges;
import io.github.dl4jdp.core.internal.arrays.Sums;
import org.deeplearning4j.nn.conf.CNN2DFormat;
import org.deeplearning4j.nn.conf.NeuralNetConfiguration;
import org.deeplearning4j.nn.gradient.Gradient;
import org.deeplearning4j.nn.layers.BaseLayer;
import org.deeplearning4j.nn.workspace.ArrayType;
import org.deeplearning4j.nn.workspace.LayerWorkspaceMgr;
import org.jspecify.annotations.Nullable;
import org.nd4j.common.primitives.Pair;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;

/** What runs a {@code GroupNormalization}: configure that one, DL4J makes this one. */
public class GroupNormalizationLayer extends BaseLayer<org.deeplearning4j.nn.conf.layers.BaseLayer> {
    /** Name of the scales. */
    public static final String GAMMA = "gamma";
    /** Name of the shifts. */
    public static final String BETA = "beta";

    private static final long serialVersionUID = 1L;
    private final int groups;
    private final double epsilon;
    private final CNN2DFormat format;
    private transient @Nullable GroupStatistics statistics;

    /**
     * A layer without parameters yet.
     *
     * @param groups a divisor of the number of channels
     * @param epsilon what is added to the variance, positive
     */
    public GroupNormalizationLayer(
            NeuralNetConfiguration conf, DataType dataType, int groups, double epsilon, CNN2DFormat format) {
        super(conf, dataType);
        this.groups = groups;
        this.epsilon = epsilon;
        this.format = format;
    }

    /** A layer of the same configuration, without parameters yet. */
    public GroupNormalizationLayer(GroupNormalizationLayer other) {
        this(other.conf, other.dataType, other.groups, other.epsilon, other.format);
    }

    @Override
    public boolean isPretrainLayer() {
        return false;
    }

    @Override
    public boolean hasBias() {
        return false;
    }

    @Override
    public INDArray activate(boolean training, LayerWorkspaceMgr workspaceMgr) {
        assertInputSet(false);
        applyDropOutIfNecessary(training, workspaceMgr);
        INDArray x = channelsFirst(input.castTo(dataType));
        INDArray y = workspaceMgr.createUninitialized(ArrayType.ACTIVATIONS, dataType, x.shape(), 'c');
        statistics = GroupStatistics.normalize(
                HostArrays.contiguous(x), getParam(GAMMA), getParam(BETA), groups, epsilon, y, ranges());
        return channelsAsConfigured(y);
    }

    @Override
    public Pair<Gradient, INDArray> backpropGradient(INDArray epsilonAbove, LayerWorkspaceMgr workspaceMgr) {
        assertInputSet(true);
        GroupStatistics forward = statistics;
        if (forward == null) {
            throw new IllegalStateException("the backward pass needs a forward pass before it " + layerId());
        }
        INDArray x = channelsFirst(input.castTo(dataType));
        INDArray above = channelsFirst(epsilonAbove.castTo(dataType));
        INDArray below = workspaceMgr.createUninitialized(ArrayType.ACTIVATION_GRAD, dataType, x.shape(), 'c');
        GroupStatistics.Gradients rows =
                forward.backward(HostArrays.contiguous(x), HostArrays.contiguous(above), getParam(GAMMA), below);
        below = backpropDropOutIfPresent(channelsAsConfigured(below));
        record(rows);
        return new Pair<>(InputGradients.views(gradientViews), below);
    }

    /** The threads that the passes are shared out to. */
    protected ParallelRanges ranges() {
        return ParallelRanges.standard();
    }

    /** Takes the parameters' gradients row by row; here they are summed into the gradient views. */
    protected void record(GroupStatistics.Gradients rows) {
        Sums.parameter(gradientViews, GAMMA).assign(rows.gamma().sum(0));
        Sums.parameter(gradientViews, BETA).assign(rows.beta().sum(0));
    }

    private INDArray channelsFirst(INDArray array) {
        return array.rank() == 4 && format == CNN2DFormat.NHWC ? array.permute(0, 3, 1, 2) : array;
    }

    private INDArray channelsAsConfigured(INDArray array) {
        return array.rank() == 4 && format == CNN2DFormat.NHWC ? array.permute(0, 2, 3, 1) : array;
    }
}
