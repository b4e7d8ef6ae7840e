// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core.internal.arrays;

import java.util.Arrays;
import java.util.Objects;
import org.jspecify.annotations.Nullable;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.convolution.Convolution;
import org.nd4j.linalg.factory.Nd4j;

/**
 * The shape of a convolution seen as a product of patches and weights; pairs are height, width.
 *
 * @param out output height and width
 * @param same whether the convolution mode is "same"
 */
@SuppressWarnings("ArrayRecordComponent") // read-only
public record PatchGeometry(
        int outChannels,
        int inChannels,
        int[] kernel,
        int[] strides,
        int[] pad,
        int[] dilation,
        int[] out,
        boolean same) {

    @Override
    public boolean equals(@Nullable Object other) {
        return other instanceof PatchGeometry g
                && outChannels == g.outChannels
                && inChannels == g.inChannels
                && same == g.same
                && Arrays.equals(kernel, g.kernel)
                && Arrays.equals(strides, g.strides)
                && Arrays.equals(pad, g.pad)
                && Arrays.equals(dilation, g.dilation)
                && Arrays.equals(out, g.out);
    }

    @Override
    public int hashCode() {
        return Objects.hash(outChannels, inChannels, same, Arrays.hashCode(kernel), Arrays.hashCode(out));
    }

    /** Output positions of one example. */
    public int positions() {
        return out[0] * out[1];
    }

    /** Weights of one output channel. */
    public int patchSize() {
        return inChannels * kernel[0] * kernel[1];
    }

    /** Weights of the layer. */
    public long weights() {
        return (long) outChannels * patchSize();
    }

    /**
     * The patches under every output position.
     *
     * @param x [examples, inChannels, height, width]
     * @return [examples, positions, patchSize], c order
     */
    public INDArray patches(INDArray x) {
        long examples = x.size(0);
        INDArray col = Nd4j.createUninitialized(
                x.dataType(), new long[] {examples, out[0], out[1], inChannels, kernel[0], kernel[1]}, 'c');
        Convolution.im2col(
                x,
                kernel[0],
                kernel[1],
                strides[0],
                strides[1],
                pad[0],
                pad[1],
                dilation[0],
                dilation[1],
                same,
                col.permute(0, 3, 4, 5, 1, 2));
        return col.reshape('c', examples, positions(), patchSize());
    }
}
