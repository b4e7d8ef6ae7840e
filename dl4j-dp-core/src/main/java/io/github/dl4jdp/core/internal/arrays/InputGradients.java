// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core.internal.arrays;

import java.util.Map;
import org.deeplearning4j.nn.gradient.DefaultGradient;
import org.deeplearning4j.nn.gradient.Gradient;
import org.deeplearning4j.nn.workspace.ArrayType;
import org.deeplearning4j.nn.workspace.LayerWorkspaceMgr;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/** What {@code backpropGradient} of a hooked layer returns. */
public final class InputGradients {
    private InputGradients() {}

    /** The gradient with respect to the input of {@code z = x W + b}, or a placeholder where it is not needed. */
    public static INDArray dense(
            boolean needed, INDArray weights, INDArray delta, INDArray input, LayerWorkspaceMgr workspaceMgr) {
        if (!needed) {
            return placeholder(input, workspaceMgr);
        }
        INDArray below = workspaceMgr.createUninitialized(
                ArrayType.ACTIVATION_GRAD, delta.dataType(), new long[] {weights.size(0), delta.size(0)}, 'f');
        return weights.mmuli(delta.transpose(), below).transpose();
    }

    /**
     * The gradient with respect to the input of {@code z_t = x_t W} in every time step.
     *
     * @param weights [nIn, nOut], f order
     * @param delta [T, B, nOut], c order
     * @return [B, nIn, T]
     */
    public static INDArray timeMajor(INDArray weights, INDArray delta, LayerWorkspaceMgr workspaceMgr) {
        long nIn = weights.size(0);
        INDArray below = workspaceMgr.createUninitialized(
                ArrayType.ACTIVATION_GRAD, delta.dataType(), new long[] {delta.size(0), delta.size(1), nIn}, 'c');
        long rows = delta.size(0) * delta.size(1);
        INDArray deltaRows = delta.reshape('c', rows, delta.size(2));
        Nd4j.gemm(weights, deltaRows.transpose(), below.reshape('c', rows, nIn).transpose(), false, false, 1.0, 0.0);
        return below.permute(1, 2, 0);
    }

    /**
     * An array of the input's shape for DL4J to pass around: preprocessors below the first layer reshape it, and none of its values is
     * ever read.
     */
    public static INDArray placeholder(INDArray input, LayerWorkspaceMgr workspaceMgr) {
        return workspaceMgr.createUninitialized(ArrayType.ACTIVATION_GRAD, input.dataType(), input.shape(), 'c');
    }

    /** DL4J's gradient object over the layer's views, which hold the noised sum or zeros once the tape is recorded. */
    public static Gradient views(Map<String, INDArray> gradientViews) {
        var gradient = new DefaultGradient();
        gradientViews.forEach(gradient::setGradientFor);
        return gradient;
    }
}
