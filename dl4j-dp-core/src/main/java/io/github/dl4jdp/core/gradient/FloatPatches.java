// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core.gradient;

import java.util.Arrays;

/** im2col and its adjoint for one image on Java arrays; the patches lie as [patchSize, positions], so that products give NCHW at once. */
final class FloatPatches {
    private final PatchGeometry geometry;
    private final int height;
    private final int width;

    FloatPatches(PatchGeometry geometry, int height, int width) {
        this.geometry = geometry;
        this.height = height;
        this.width = width;
    }

    /** Elements of one image. */
    int imageSize() {
        return geometry.inChannels() * height * width;
    }

    /** Elements of one image's patches. */
    int size() {
        return geometry.patchSize() * geometry.positions();
    }

    /** Gathers the patches of {@code image} into {@code patches}. */
    void gather(float[] image, float[] patches) {
        int outWidth = geometry.out()[1];
        int at = 0;
        for (int channel = 0; channel < geometry.inChannels(); channel++) {
            int plane = channel * height * width;
            for (int ky = 0; ky < geometry.kernel()[0]; ky++) {
                for (int kx = 0; kx < geometry.kernel()[1]; kx++) {
                    int x0 = kx * geometry.dilation()[1] - geometry.pad()[1];
                    int first = firstInside(x0, geometry.strides()[1]);
                    int end = Math.max(first, endInside(x0, geometry.strides()[1], width, outWidth));
                    for (int oy = 0; oy < geometry.out()[0]; oy++, at += outWidth) {
                        int y = oy * geometry.strides()[0] + ky * geometry.dilation()[0] - geometry.pad()[0];
                        if (y < 0 || y >= height) {
                            Arrays.fill(patches, at, at + outWidth, 0);
                        } else {
                            row(image, plane + y * width + x0, patches, at, first, end, outWidth);
                        }
                    }
                }
            }
        }
    }

    private void row(float[] image, int from, float[] patches, int to, int first, int end, int outWidth) {
        int stride = geometry.strides()[1];
        Arrays.fill(patches, to, to + Math.min(first, outWidth), 0);
        if (stride == 1) {
            System.arraycopy(image, from + first, patches, to + first, end - first);
        } else {
            for (int x = first; x < end; x++) {
                patches[to + x] = image[from + x * stride];
            }
        }
        if (end < outWidth) {
            Arrays.fill(patches, to + end, to + outWidth, 0);
        }
    }

    /** Adds patch gradients back onto {@code image}, which must be zero at first. */
    void scatter(float[] patches, float[] image) {
        int outWidth = geometry.out()[1];
        int stride = geometry.strides()[1];
        int at = 0;
        for (int channel = 0; channel < geometry.inChannels(); channel++) {
            int plane = channel * height * width;
            for (int ky = 0; ky < geometry.kernel()[0]; ky++) {
                for (int kx = 0; kx < geometry.kernel()[1]; kx++) {
                    int x0 = kx * geometry.dilation()[1] - geometry.pad()[1];
                    int first = firstInside(x0, stride);
                    int end = endInside(x0, stride, width, outWidth);
                    for (int oy = 0; oy < geometry.out()[0]; oy++, at += outWidth) {
                        int y = oy * geometry.strides()[0] + ky * geometry.dilation()[0] - geometry.pad()[0];
                        if (y < 0 || y >= height) {
                            continue;
                        }
                        int to = plane + y * width + x0;
                        if (stride == 1) {
                            for (int x = first; x < end; x++) {
                                image[to + x] += patches[at + x];
                            }
                        } else {
                            for (int x = first; x < end; x++) {
                                image[to + x * stride] += patches[at + x];
                            }
                        }
                    }
                }
            }
        }
    }

    /** The first output position whose input position {@code x0 + x * stride} is not left of the image. */
    static int firstInside(int x0, int stride) {
        return x0 >= 0 ? 0 : (-x0 + stride - 1) / stride;
    }

    /** One more than the last output position whose input position lies in the image. */
    static int endInside(int x0, int stride, int width, int outWidth) {
        return x0 >= width ? 0 : Math.min(outWidth, (width - 1 - x0) / stride + 1);
    }
}
