// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core.gradient;

import java.util.Map;
import org.deeplearning4j.nn.params.DefaultParamInitializer;
import org.jspecify.annotations.Nullable;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/**
 * The tape of {@code z = x W + b}: the gradient of example {@code i} is the outer product of its input and its delta.
 *
 * <pre>
 *   dW_i = x_i^T d_i,  db_i = d_i,  ||g_i||^2 = (||x_i||^2 + 1) ||d_i||^2,  sum w_i dW_i = X^T diag(w) D
 * </pre>
 *
 * Source: Goodfellow, Efficient Per-Example Gradient Computations, 2015; Bu et al., Differentially Private Optimization on Large Model at
 * Small Cost, ICML 2023 (book-keeping).
 */
final class OuterProductTape implements LayerTape {
    /** [examples, nIn]; belongs to the network, so it is copied before it is changed. */
    private INDArray input;
    /** [examples, nOut]; our own. */
    private final INDArray delta;

    private final boolean hasBias;
    private boolean ownsInput;

    /**
     * @param input the layer's input [examples, nIn], alive until the backward pass ends
     * @param delta the loss's derivative with respect to the pre-activation [examples, nOut]; copied, since it dies with its workspace
     */
    OuterProductTape(INDArray input, INDArray delta, boolean hasBias) {
        this.input = input.castTo(delta.dataType());
        this.delta = Detached.copy(delta);
        this.hasBias = hasBias;
    }

    @Override
    public void addSquaredNorms(double[] squaredNorms) {
        double[] x = SquaredNorms.ofRows(input);
        double[] d = SquaredNorms.ofRows(delta);
        double bias = hasBias ? 1 : 0;
        for (int i = 0; i < squaredNorms.length; i++) {
            squaredNorms[i] += (x[i] + bias) * d[i];
        }
    }

    @Override
    public void addWeightedSum(double[] weights, Map<String, INDArray> sums) {
        INDArray w = Nd4j.createFromArray(weights).castTo(delta.dataType());
        delta.muliColumnVector(w.reshape(w.length(), 1));
        Nd4j.gemm(input, delta, parameter(sums, DefaultParamInitializer.WEIGHT_KEY), true, false, 1.0, 1.0);
        if (hasBias) {
            INDArray bias = parameter(sums, DefaultParamInitializer.BIAS_KEY);
            bias.addi(delta.sum(0).reshape(bias.shape()));
        }
    }

    @Override
    public void addRow(int example, Map<String, INDArray> row) {
        INDArray x = input.getRow(example, true).dup('c');
        INDArray d = delta.getRow(example, true).dup('c');
        Nd4j.gemm(x, d, parameter(row, DefaultParamInitializer.WEIGHT_KEY), true, false, 1.0, 1.0);
        if (hasBias) {
            INDArray bias = parameter(row, DefaultParamInitializer.BIAS_KEY);
            bias.addi(d.reshape(bias.shape()));
        }
    }

    @Override
    public void discard(int example) {
        if (!ownsInput) {
            input = Detached.copy(input);
            ownsInput = true;
        }
        input.getRow(example).assign(0);
        delta.getRow(example).assign(0);
    }

    static INDArray parameter(Map<String, INDArray> parameters, String name) {
        @Nullable INDArray array = parameters.get(name);
        if (array == null) {
            throw new IllegalArgumentException("parameters must hold " + name + ", has " + parameters.keySet());
        }
        return array;
    }
}
