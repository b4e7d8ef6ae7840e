// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core.gradient;

import java.util.Arrays;
import org.nd4j.linalg.api.ndarray.INDArray;

/** Max pooling plane by plane on Java arrays; pairs are height, width. Among equal maxima the first gets the gradient, as in ND4J. */
@SuppressWarnings("ArrayRecordComponent") // read-only carrier inside the package, never compared
record FloatMaxPooling(int[] kernel, int[] strides, int[] pad, int[] dilation, int[] in, int[] out) {
    int outHeight() {
        return out[0];
    }

    int outWidth() {
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
     */
    void forward(INDArray x, INDArray output) {
        int channels = (int) x.size(1);
        ParallelRanges.run((int) x.size(0), (part, from, to) -> {
            float[] image = new float[channels * inSize()];
            float[] maxima = new float[channels * outSize()];
            for (int i = from; i < to; i++) {
                HostArrays.read(x, (long) i * image.length, image, image.length);
                Arrays.fill(maxima, Float.NEGATIVE_INFINITY);
                for (int c = 0; c < channels; c++) {
                    maxima(image, c * inSize(), maxima, c * outSize());
                }
                HostArrays.write(maxima, output, (long) i * maxima.length, maxima.length);
            }
        });
    }

    private void maxima(float[] image, int plane, float[] maxima, int to) {
        for (int oy = 0; oy < out[0]; oy++) {
            int row = to + oy * out[1];
            for (int ky = 0; ky < kernel[0]; ky++) {
                int y = oy * strides[0] + ky * dilation[0] - pad[0];
                if (y < 0 || y >= in[0]) {
                    continue;
                }
                for (int kx = 0; kx < kernel[1]; kx++) {
                    int x0 = kx * dilation[1] - pad[1];
                    int first = FloatPatches.firstInside(x0, strides[1]);
                    int end = FloatPatches.endInside(x0, strides[1], in[1], out[1]);
                    int source = plane + y * in[1] + x0;
                    if (strides[1] == 1) {
                        for (int ox = first; ox < end; ox++) {
                            maxima[row + ox] = Math.max(maxima[row + ox], image[source + ox]);
                        }
                    } else {
                        for (int ox = first; ox < end; ox++) {
                            maxima[row + ox] = Math.max(maxima[row + ox], image[source + ox * strides[1]]);
                        }
                    }
                }
            }
        }
    }

    /**
     * Sends every output's gradient to the input it came from.
     *
     * @param below receives the derivative with respect to {@code x}, c order
     */
    void backward(INDArray x, INDArray output, INDArray epsilon, INDArray below) {
        int channels = (int) x.size(1);
        ParallelRanges.run((int) x.size(0), (part, from, to) -> {
            float[] image = new float[channels * inSize()];
            float[] gradient = new float[channels * inSize()];
            float[] maxima = new float[channels * outSize()];
            float[] eps = new float[channels * outSize()];
            for (int i = from; i < to; i++) {
                HostArrays.read(x, (long) i * image.length, image, image.length);
                HostArrays.read(output, (long) i * maxima.length, maxima, maxima.length);
                HostArrays.read(epsilon, (long) i * eps.length, eps, eps.length);
                Arrays.fill(gradient, 0);
                int at = 0;
                for (int c = 0; c < channels; c++) {
                    for (int oy = 0; oy < out[0]; oy++) {
                        for (int ox = 0; ox < out[1]; ox++, at++) {
                            int source = source(image, c * inSize(), oy, ox, maxima[at]);
                            if (source >= 0) {
                                gradient[source] += eps[at];
                            }
                        }
                    }
                }
                HostArrays.write(gradient, below, (long) i * gradient.length, gradient.length);
            }
        });
    }

    /** Where in the window of output (oy, ox) the maximum is; -1 if nowhere, which only NaN can cause. */
    private int source(float[] image, int plane, int oy, int ox, float maximum) {
        for (int ky = 0; ky < kernel[0]; ky++) {
            int y = oy * strides[0] + ky * dilation[0] - pad[0];
            if (y < 0 || y >= in[0]) {
                continue;
            }
            int row = plane + y * in[1];
            for (int kx = 0; kx < kernel[1]; kx++) {
                int x = ox * strides[1] + kx * dilation[1] - pad[1];
                if (x >= 0 && x < in[1] && image[row + x] == maximum) {
                    return row + x;
                }
            }
        }
        return -1;
    }
}
