// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core.internal.arrays;

import java.util.Arrays;

/** im2col and its adjoint for one image on Java arrays; the patches lie as [patchSize, positions], so that products give NCHW at once. */
public final class CpuPatches {
    private final PatchGeometry geometry;
    private final int height;
    private final int width;
    private final boolean shiftsPlanes;
    private final Shift[] shifts;

    public CpuPatches(PatchGeometry geometry, int height, int width) {
        this.geometry = geometry;
        this.height = height;
        this.width = width;
        shiftsPlanes = geometry.strides()[0] == 1
                && geometry.strides()[1] == 1
                && geometry.out()[0] == height
                && geometry.out()[1] == width;
        shifts = shiftsPlanes ? shifts() : new Shift[0];
    }

    private Shift[] shifts() {
        int[] kernel = geometry.kernel();
        var all = new Shift[kernel[0] * kernel[1]];
        for (int k = 0; k < all.length; k++) {
            int dy = k / kernel[1] * geometry.dilation()[0] - geometry.pad()[0];
            int dx = k % kernel[1] * geometry.dilation()[1] - geometry.pad()[1];
            all[k] = Shift.of(dy, dx, height, width);
        }
        return all;
    }

    /** Elements of one image. */
    public int imageSize() {
        return geometry.inChannels() * height * width;
    }

    /** Elements of one image's patches. */
    public int size() {
        return geometry.patchSize() * geometry.positions();
    }

    /** Gathers the patches of {@code image} into {@code patches}. */
    public void gather(float[] image, float[] patches) {
        if (shiftsPlanes) {
            forEachShift((plane, shift, at) -> {
                System.arraycopy(image, plane + shift.from(), patches, at + shift.to(), shift.length());
                shift.clearOutside(patches, at);
            });
            return;
        }
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
        if (first >= end) {
            Arrays.fill(patches, to, to + outWidth, 0);
            return;
        }
        Arrays.fill(patches, to, to + first, 0);
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

    /** Adds patch gradients back onto {@code image}, which must be zero at first. What lies outside of the image may be cleared from {@code patches}. */
    public void scatter(float[] patches, float[] image) {
        if (shiftsPlanes) {
            forEachShift((plane, shift, at) -> {
                shift.clearOutside(patches, at);
                add(patches, at + shift.to(), image, plane + shift.from(), shift.length());
            });
            return;
        }
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

    private static void add(float[] from, int fromIndex, float[] to, int toIndex, int length) {
        for (int i = 0; i < length; i++) {
            to[toIndex + i] += from[fromIndex + i];
        }
    }

    /** What is done for one element of the kernel and one channel. */
    private interface ShiftAction {
        /**
         * @param plane where the channel begins in the image
         * @param at where the positions of the element begin in the patches
         */
        void run(int plane, Shift shift, int at);
    }

    private void forEachShift(ShiftAction action) {
        int area = height * width;
        int at = 0;
        for (int channel = 0; channel < geometry.inChannels(); channel++) {
            for (Shift shift : shifts) {
                action.run(channel * area, shift, at);
                at += area;
            }
        }
    }

    /**
     * One element of the kernel where outputs lie as inputs do: its values for all positions are the plane itself, moved, but for the borders that
     * come from outside.
     *
     * @param from first element of the plane that is used, {@code to} the position that it goes to
     * @param length elements from the first used to the last, with those at the left and right borders that wrap around
     * @param left columns that come from outside, likewise {@code right}
     */
    private record Shift(int from, int to, int length, int left, int right, int height, int width) {
        static Shift of(int dy, int dx, int height, int width) {
            int left = Math.min(width, Math.max(0, -dx));
            int right = Math.min(width, Math.max(0, dx));
            int firstRow = Math.max(0, -dy);
            int endRow = Math.min(height, height - dy);
            if (firstRow >= endRow || left + right >= width) {
                return new Shift(0, 0, 0, width, 0, height, width);
            }
            int to = firstRow * width + left;
            int length = (endRow - firstRow - 1) * width + (width - right - left);
            return new Shift(to + dy * width + dx, to, length, left, right, height, width);
        }

        void clearOutside(float[] patches, int at) {
            int area = height * width;
            Arrays.fill(patches, at, at + to, 0);
            Arrays.fill(patches, at + to + length, at + area, 0);
            if (left + right > 0 && left < width) {
                for (int row = at; row < at + area; row += width) {
                    for (int x = 0; x < left; x++) {
                        patches[row + x] = 0;
                    }
                    for (int x = width - right; x < width; x++) {
                        patches[row + x] = 0;
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
