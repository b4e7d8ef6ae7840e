// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core.internal.arrays;

import java.util.Arrays;
import org.nd4j.linalg.api.ndarray.INDArray;

/** Max pooling plane by plane on Java arrays; pairs are height, width. Among equal maxima the first gets the gradient, as in ND4J. */
@SuppressWarnings("ArrayRecordComponent") // read-only carrier inside the package, never compared
public record CpuMaxPooling(
        int[] kernel, int[] strides, int[] pad, int[] dilation, int[] in, int[] out, ParallelRanges ranges) {
    /** The winner of a window that has none: it lies in the padding, or holds nothing above minus infinity. */
    private static final int NONE = -1;
    /** Examples that a thread takes at a time. */
    private static final int BLOCK = 4;

    public int outHeight() {
        return out[0];
    }

    public int outWidth() {
        return out[1];
    }

    private int inSize() {
        return in[0] * in[1];
    }

    private int outSize() {
        return out[0] * out[1];
    }

    /**
     * The maximum under every window.
     *
     * @param x [examples, channels, height, width], c order
     * @param output [examples, channels, outHeight, outWidth], c order
     * @param winners receives, in the order of {@code output}, where in its example every maximum was found
     */
    public void forward(INDArray x, INDArray output, int[] winners) {
        int channels = (int) x.size(1);
        boolean pairs = isPairs();
        ranges.run((int) x.size(0), BLOCK, (worker, from, to) -> {
            float[] image = new float[channels * inSize()];
            float[] maxima = new float[channels * outSize()];
            for (int i = from; i < to; i++) {
                HostArrays.read(x, (long) i * image.length, image, image.length);
                int at = i * maxima.length;
                for (int c = 0; c < channels; c++) {
                    if (pairs) {
                        maximaOfPairs(image, c * inSize(), maxima, c * outSize(), winners, at + c * outSize());
                    } else {
                        maxima(image, c * inSize(), maxima, c * outSize(), winners, at + c * outSize());
                    }
                }
                HostArrays.write(maxima, output, (long) i * maxima.length, maxima.length);
            }
        });
    }

    /** Whether the windows are 2 by 2 without holes and lie inside the image: the usual case, worth a loop of its own. */
    private boolean isPairs() {
        return Arrays.equals(kernel, new int[] {2, 2})
                && Arrays.equals(dilation, new int[] {1, 1})
                && Arrays.equals(pad, new int[] {0, 0})
                && (out[0] - 1) * strides[0] + 2 <= in[0]
                && (out[1] - 1) * strides[1] + 2 <= in[1];
    }

    private void maximaOfPairs(float[] image, int plane, float[] maxima, int to, int[] winners, int winner) {
        if (strides[0] == 1 && strides[1] == 1) {
            maximaOfOverlappingPairs(image, plane, maxima, to, winners, winner);
            return;
        }
        int step = strides[1];
        for (int oy = 0; oy < out[0]; oy++) {
            int upper = plane + oy * strides[0] * in[1];
            int lower = upper + in[1];
            for (int ox = 0; ox < out[1]; ox++, upper += step, lower += step) {
                float a = image[upper];
                float b = image[upper + 1];
                float c = image[lower];
                float d = image[lower + 1];
                float top = Math.max(a, b);
                float bottom = Math.max(c, d);
                int topAt = b > a ? upper + 1 : upper;
                int bottomAt = d > c ? lower + 1 : lower;
                maxima[to + oy * out[1] + ox] = Math.max(top, bottom);
                winners[winner + oy * out[1] + ox] = bottom > top ? bottomAt : topAt;
            }
        }
    }

    /** Windows one apart: the pairs of a row belong to the windows above and below it, and are looked at once. Columns outside, so that they stay in registers. */
    private void maximaOfOverlappingPairs(float[] image, int plane, float[] maxima, int to, int[] winners, int winner) {
        int width = in[1];
        int outWidth = out[1];
        int end = to + outSize();
        for (int ox = 0; ox < outWidth; ox++) {
            int at = plane + ox;
            float left = image[at];
            float right = image[at + 1];
            float top = Math.max(left, right);
            int topAt = right > left ? at + 1 : at;
            int won = winner + ox;
            for (int i = to + ox; i < end; i += outWidth, won += outWidth) {
                at += width;
                left = image[at];
                right = image[at + 1];
                float bottom = Math.max(left, right);
                int bottomAt = right > left ? at + 1 : at;
                maxima[i] = Math.max(top, bottom);
                winners[won] = bottom > top ? bottomAt : topAt;
                top = bottom;
                topAt = bottomAt;
            }
        }
    }

    private void maxima(float[] image, int plane, float[] maxima, int to, int[] winners, int winner) {
        Arrays.fill(maxima, to, to + outSize(), Float.NEGATIVE_INFINITY);
        Arrays.fill(winners, winner, winner + outSize(), NONE);
        for (int oy = 0; oy < out[0]; oy++) {
            int row = oy * out[1];
            for (int ky = 0; ky < kernel[0]; ky++) {
                int y = oy * strides[0] + ky * dilation[0] - pad[0];
                if (y < 0 || y >= in[0]) {
                    continue;
                }
                for (int kx = 0; kx < kernel[1]; kx++) {
                    int x0 = kx * dilation[1] - pad[1];
                    int end = CpuPatches.endInside(x0, strides[1], in[1], out[1]);
                    int source = plane + y * in[1] + x0;
                    for (int ox = CpuPatches.firstInside(x0, strides[1]); ox < end; ox++) {
                        int from = source + ox * strides[1];
                        float value = image[from];
                        // NaN wins and stays: it marks the example.
                        if (value > maxima[to + row + ox] || Float.isNaN(value)) {
                            maxima[to + row + ox] = value;
                            winners[winner + row + ox] = from;
                        }
                    }
                }
            }
        }
    }

    /**
     * Sends every output's gradient to the input it came from.
     *
     * @param winners of {@link #forward}
     * @param epsilon derivative with respect to the output, c order
     * @param below receives the derivative with respect to {@code x}, c order
     */
    public void backward(int[] winners, INDArray epsilon, INDArray below) {
        int channels = (int) below.size(1);
        ranges.run((int) below.size(0), BLOCK, (worker, from, to) -> {
            float[] gradient = new float[channels * inSize()];
            float[] eps = new float[channels * outSize()];
            for (int i = from; i < to; i++) {
                HostArrays.read(epsilon, (long) i * eps.length, eps, eps.length);
                Arrays.fill(gradient, 0);
                int at = i * eps.length;
                for (int j = 0; j < eps.length; j++) {
                    int source = winners[at + j];
                    if (source != NONE) {
                        gradient[source] += eps[j];
                    }
                }
                HostArrays.write(gradient, below, (long) i * gradient.length, gradient.length);
            }
        });
    }
}
