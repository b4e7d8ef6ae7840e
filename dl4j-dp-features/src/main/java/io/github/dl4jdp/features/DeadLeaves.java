// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.features;

import java.util.Arrays;
import java.util.random.RandomGenerator;

/**
 * Pictures of nothing: discs and rectangles of all sizes that hide one another, in random colors. Their edges, corners and
 * spectra are those of photographs (A. Lee, D. Mumford, J. Huang, Occlusion Models for Natural Images, IJCV 2001), and no
 * photograph is needed to draw them.
 */
final class DeadLeaves {
    private static final int CHANNELS = 3;

    /** Radii are \( r = 2 (1 - u)^{-0.6} \), at most 40: a power law, cut where a shape would fill the picture. */
    private static final double SMALLEST_RADIUS = 2;

    private static final double LARGEST_RADIUS = 40;
    private static final double RADIUS_EXPONENT = -0.6;

    /** Colors are gray of any brightness, plus this much of each primary: neighboring primaries go together in photographs. */
    private static final double COLOUR_SPREAD = 0.18;

    /** Brightness changes linearly over a shape, by this much (standard deviation) a pixel. */
    private static final double SHADING = 0.01;

    /** Shapes after which what is still bare stays black; seldom reached. */
    private static final int MOST_SHAPES = 600;

    private final RandomGenerator random;
    private final int size;

    DeadLeaves(RandomGenerator random, int size) {
        this.random = random;
        this.size = size;
    }

    /** Draws the next picture, [3, size, size], from 0 to 1. */
    float[] next() {
        float[] image = new float[CHANNELS * size * size];
        boolean[] bare = new boolean[size * size];
        Arrays.fill(bare, true);
        int left = bare.length;
        for (int shape = 0; shape < MOST_SHAPES && left > 0; shape++) {
            left -= draw(image, bare);
        }
        for (int i = 0; i < image.length; i++) {
            image[i] = Math.max(0, Math.min(1, image[i]));
        }
        return blurred(image);
    }

    /** Draws a shape behind all others; returns how many pixels of it are seen. */
    private int draw(float[] image, boolean[] bare) {
        double radius =
                Math.min(LARGEST_RADIUS, SMALLEST_RADIUS * StrictMath.pow(1 - random.nextDouble(), RADIUS_EXPONENT));
        double column = random.nextDouble() * size;
        double row = random.nextDouble() * size;
        double angle = random.nextDouble() * Math.PI;
        double cos = StrictMath.cos(angle);
        double sin = StrictMath.sin(angle);
        double aspect = 0.3 + 0.7 * random.nextDouble();
        boolean disc = random.nextBoolean();
        double brightness = random.nextDouble();
        double[] color = new double[CHANNELS];
        for (int c = 0; c < CHANNELS; c++) {
            color[c] = brightness + COLOUR_SPREAD * random.nextGaussian();
        }
        double shadingAlong = SHADING * random.nextGaussian();
        double shadingAcross = SHADING * random.nextGaussian();
        int seen = 0;
        for (int i = 0; i < bare.length; i++) {
            double x = i % size - column;
            double y = Math.floorDiv(i, size) - row;
            double along = x * cos + y * sin;
            double across = y * cos - x * sin;
            boolean inside = disc
                    ? along * along + across * across / (aspect * aspect) < radius * radius
                    : Math.abs(along) < radius && Math.abs(across) < radius * aspect;
            if (inside && bare[i]) {
                bare[i] = false;
                seen++;
                for (int c = 0; c < CHANNELS; c++) {
                    image[c * size * size + i] = (float) (color[c] + along * shadingAlong + across * shadingAcross);
                }
            }
        }
        return seen;
    }

    /** As a lens does: a binomial of three pixels along each axis. */
    private float[] blurred(float[] image) {
        float[] rows = new float[image.length];
        float[] out = new float[image.length];
        for (int line = 0; line < CHANNELS * size; line++) {
            for (int c = 0; c < size; c++) {
                rows[line * size + c] = 0.25f * image[line * size + Math.max(0, c - 1)]
                        + 0.5f * image[line * size + c]
                        + 0.25f * image[line * size + Math.min(size - 1, c + 1)];
            }
        }
        for (int channel = 0; channel < CHANNELS; channel++) {
            int base = channel * size * size;
            for (int r = 0; r < size; r++) {
                int above = base + Math.max(0, r - 1) * size;
                int below = base + Math.min(size - 1, r + 1) * size;
                for (int c = 0; c < size; c++) {
                    out[base + r * size + c] =
                            0.25f * rows[above + c] + 0.5f * rows[base + r * size + c] + 0.25f * rows[below + c];
                }
            }
        }
        return out;
    }
}
