// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.features;

import java.util.random.RandomGenerator;

/**
 * Two views of the same part of a drawn picture: shifted, turned and zoomed at random. What differs between them does not tell what
 * the picture shows.
 */
final class DrawnViews {
    /** The logarithm of the zoom is at most this far from zero. */
    private static final double LOG_ZOOM = 0.4;

    private static final double DEGREES = 15;

    /** Of 32 pixels. */
    private static final double SHIFT = 5;

    private final int size;
    private final int height;
    private final int width;

    /**
     * Views of square pictures.
     *
     * @param size side of a picture
     * @param height of a view, at most half of {@code size}
     * @param width of a view, at most half of {@code size}
     */
    DrawnViews(int size, int height, int width) {
        this.size = size;
        this.height = height;
        this.width = width;
    }

    /**
     * A view.
     *
     * @param picture [channels, size, size]
     * @param part 0 to 3: the quarter of the picture that the view is of
     * @return [channels, height, width]
     */
    float[] next(float[] picture, int part, RandomGenerator random) {
        double zoom = StrictMath.exp(symmetric(random, LOG_ZOOM));
        double angle = StrictMath.toRadians(symmetric(random, DEGREES));
        double cos = StrictMath.cos(angle) / zoom;
        double sin = StrictMath.sin(angle) / zoom;
        double top = part / 2 * height + (height - 1) / 2.0 + symmetric(random, SHIFT * height / 32);
        double left = part % 2 * width + (width - 1) / 2.0 + symmetric(random, SHIFT * width / 32);
        int plane = height * width;
        int channels = picture.length / (size * size);
        float[] out = new float[channels * plane];
        for (int i = 0; i < plane; i++) {
            double down = Math.floorDiv(i, width) - (height - 1) / 2.0;
            double across = i % width - (width - 1) / 2.0;
            double row = within(top + cos * down + sin * across);
            double column = within(left + cos * across - sin * down);
            for (int channel = 0; channel < channels; channel++) {
                out[channel * plane + i] = interpolated(picture, channel, row, column);
            }
        }
        return out;
    }

    private static double symmetric(RandomGenerator random, double most) {
        return (2 * random.nextDouble() - 1) * most;
    }

    private double within(double place) {
        return Math.max(0, Math.min(size - 1.001, place));
    }

    private float interpolated(float[] picture, int channel, double row, double column) {
        int r = (int) row;
        int c = (int) column;
        int at = (channel * size + r) * size + c;
        double down = row - r;
        double across = column - c;
        double above = (1 - across) * picture[at] + across * picture[at + 1];
        double below = (1 - across) * picture[at + size] + across * picture[at + size + 1];
        return (float) ((1 - down) * above + down * below);
    }
}
