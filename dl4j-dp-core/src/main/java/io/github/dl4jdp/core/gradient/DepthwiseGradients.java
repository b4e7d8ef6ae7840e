// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core.gradient;

import io.github.dl4jdp.core.internal.arrays.PatchGeometry;
import io.github.dl4jdp.core.internal.arrays.Slices;
import org.deeplearning4j.nn.conf.CNN2DFormat;
import org.deeplearning4j.nn.conf.ConvolutionMode;
import org.deeplearning4j.nn.conf.layers.ConvolutionLayer;
import org.deeplearning4j.util.ConvolutionUtils;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/**
 * The depthwise convolution: every input channel {@code c} has {@code m} kernels of its own, and with that channel's patches {@code P_ic}
 * [k, positions] the gradient of example {@code i} is {@code dW_ic = P_ic D_ic^T}.
 */
final class DepthwiseGradients {
    private final int inChannels;
    private final int multiplier;
    private final int kernelSize;
    private final int positions;
    /** [examples * inChannels, k, positions]. */
    private final INDArray patches;

    /**
     * @param x [examples, inChannels, height, width]
     * @param conf kernel, strides, padding and dilation
     * @param out height and width of the output
     */
    DepthwiseGradients(INDArray x, ConvolutionLayer conf, ConvolutionMode mode, int[] out, int multiplier) {
        int[] kernel = conf.getKernelSize();
        boolean same = mode == ConvolutionMode.Same;
        int[] in = {(int) x.size(2), (int) x.size(3)};
        int[] pad = same
                ? ConvolutionUtils.getSameModeTopLeftPadding(out, in, kernel, conf.getStride(), conf.getDilation())
                : conf.getPadding();
        inChannels = (int) x.size(1);
        this.multiplier = multiplier;
        kernelSize = kernel[0] * kernel[1];
        var geometry = new PatchGeometry(
                inChannels * multiplier, inChannels, kernel, conf.getStride(), pad, conf.getDilation(), out, same);
        positions = geometry.positions();
        patches = geometry.patches(x)
                .reshape('c', x.size(0), positions, inChannels, kernelSize)
                .permute(0, 2, 3, 1)
                .dup('c')
                .reshape('c', x.size(0) * inChannels, kernelSize, positions);
    }

    static INDArray toNchw(INDArray array, CNN2DFormat format) {
        return format == CNN2DFormat.NHWC ? array.permute(0, 3, 1, 2) : array;
    }

    /**
     * The per-example gradients.
     *
     * @param delta [examples, inChannels * multiplier, ...], any shape of the positions
     * @return [examples, inChannels, k, multiplier]
     */
    INDArray of(INDArray delta) {
        long examples = delta.size(0);
        INDArray d = delta.dup('c').reshape('c', examples * inChannels, multiplier, positions);
        INDArray out =
                Nd4j.createUninitialized(d.dataType(), new long[] {examples * inChannels, kernelSize, multiplier}, 'c');
        Nd4j.matmul(patches, d, out, false, true, false);
        return out.reshape('c', examples, inChannels, kernelSize, multiplier);
    }

    /**
     * The layer's output before bias and activation.
     *
     * @param weights [multiplier, inChannels, kernelHeight, kernelWidth]
     * @return [examples, inChannels * multiplier, positions]
     */
    INDArray forward(INDArray weights, long examples) {
        INDArray byChannel = weights.permute(1, 0, 2, 3).dup('c').reshape('c', 1, inChannels, multiplier, kernelSize);
        INDArray w = Nd4j.createUninitialized(
                weights.dataType(), new long[] {examples, inChannels, multiplier, kernelSize}, 'c');
        for (long i = 0; i < examples; i++) {
            Slices.range(w, 0, i, i + 1).assign(byChannel);
        }
        INDArray out = Nd4j.createUninitialized(
                weights.dataType(), new long[] {examples * inChannels, multiplier, positions}, 'c');
        Nd4j.matmul(w.reshape('c', examples * inChannels, multiplier, kernelSize), patches, out, false, false, false);
        return out.reshape('c', examples, (long) inChannels * multiplier, positions);
    }
}
