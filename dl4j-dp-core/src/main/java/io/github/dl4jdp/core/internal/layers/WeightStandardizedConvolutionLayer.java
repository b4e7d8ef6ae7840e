// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core.internal.layers;

import io.github.dl4jdp.core.internal.arrays.HostArrays;
import io.github.dl4jdp.core.internal.arrays.Sums;
import org.deeplearning4j.nn.conf.NeuralNetConfiguration;
import org.deeplearning4j.nn.gradient.Gradient;
import org.deeplearning4j.nn.layers.convolution.ConvolutionLayer;
import org.deeplearning4j.nn.params.ConvolutionParamInitializer;
import org.deeplearning4j.nn.workspace.LayerWorkspaceMgr;
import org.jspecify.annotations.Nullable;
import org.nd4j.common.primitives.Pair;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.memory.MemoryWorkspace;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/** What runs a {@code WeightStandardizedConvolution}: configure that one, DL4J makes this one. */
public class WeightStandardizedConvolutionLayer extends ConvolutionLayer {
    /** Name of the gains, one for each output channel. */
    public static final String GAIN = "gain";

    private static final long serialVersionUID = 1L;

    private final double epsilon;
    private transient @Nullable INDArray standardized;

    /**
     * A layer without parameters yet.
     *
     * @param epsilon the least sum of squared deviations that a filter is divided by the root of, positive
     */
    public WeightStandardizedConvolutionLayer(NeuralNetConfiguration conf, DataType dataType, double epsilon) {
        super(conf, dataType);
        this.epsilon = epsilon;
    }

    /** A layer of the same configuration, without parameters yet. */
    public WeightStandardizedConvolutionLayer(WeightStandardizedConvolutionLayer other) {
        this(other.conf, other.dataType, other.epsilon);
    }

    /** The standardization of the weights as they are now. */
    public final WeightStandardization standardization() {
        return new WeightStandardization(
                values(getParam(ConvolutionParamInitializer.WEIGHT_KEY)), values(getParam(GAIN)), epsilon);
    }

    public static double[] values(INDArray parameter) {
        double[] values = new double[Math.toIntExact(parameter.length())];
        HostArrays.read(parameter, 0, values, values.length);
        return values;
    }

    /** DL4J's convolution asks for its weights here, in both passes. */
    @Override
    protected INDArray getParamWithNoise(String param, boolean training, LayerWorkspaceMgr workspaceMgr) {
        if (!param.equals(ConvolutionParamInitializer.WEIGHT_KEY)) {
            return super.getParamWithNoise(param, training, workspaceMgr);
        }
        INDArray into = standardized;
        if (into == null) {
            try (MemoryWorkspace outside = Nd4j.getMemoryManager().scopeOutOfWorkspaces()) {
                INDArray weights = getParam(ConvolutionParamInitializer.WEIGHT_KEY);
                into = Nd4j.createUninitialized(weights.dataType(), weights.shape(), 'c');
            }
            standardized = into;
        }
        double[] weights = standardization().weights();
        HostArrays.write(weights, into, 0, weights.length);
        return into;
    }

    @Override
    public Pair<Gradient, INDArray> backpropGradient(INDArray epsilonAbove, LayerWorkspaceMgr workspaceMgr) {
        Pair<Gradient, INDArray> result = super.backpropGradient(epsilonAbove, workspaceMgr);
        INDArray weightView = Sums.parameter(gradientViews, ConvolutionParamInitializer.WEIGHT_KEY);
        INDArray gainView = Sums.parameter(gradientViews, GAIN);
        double[] gradient = values(weightView);
        double[] gain = new double[Math.toIntExact(gainView.length())];
        standardization().pullBack(gradient, gain);
        HostArrays.write(gradient, weightView, 0, gradient.length);
        HostArrays.write(gain, gainView, 0, gain.length);
        result.getFirst().setGradientFor(GAIN, gainView);
        return result;
    }
}
