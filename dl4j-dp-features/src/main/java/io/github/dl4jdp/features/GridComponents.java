// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.features;

import java.util.random.RandomGenerator;
import java.util.stream.IntStream;

/** Spectra of images in the directions in which drawings differ most. */
final class GridComponents {
    private static final int CELLS = PatchOptions.GRID * PatchOptions.GRID;
    private static final int PICTURES_AT_ONCE = 32;

    /** Pieces of the images' size that a picture has. */
    private static final int PIECES = 4;

    private final GridSpectra spectra;
    private final PatchComponents components;

    /**
     * Draws pictures and learns from them.
     *
     * @param count components of all frequencies together
     * @param pictures to draw, four pieces of the images' size each
     */
    GridComponents(
            GridSpectra spectra, int count, int pictures, int channels, int height, int width, RandomGenerator random) {
        this.spectra = spectra;
        int size = 2 * Math.max(height, width);
        DeadLeaves leaves = new DeadLeaves(random, size);
        float[][][] drawn = new float[PIECES * pictures][CELLS][spectra.length()];
        for (int from = 0; from < pictures; from += PICTURES_AT_ONCE) {
            int first = from;
            float[][] images = new float[Math.min(PICTURES_AT_ONCE, pictures - from)][];
            for (int n = 0; n < images.length; n++) {
                images[n] = PatchFilters.asChannels(leaves.next(), channels);
            }
            IntStream.range(0, images.length).parallel().forEach(n -> {
                float[][] pieces = new float[PIECES][];
                float[][][] to = new float[PIECES][][];
                for (int piece = 0; piece < PIECES; piece++) {
                    pieces[piece] = crop(images[n], size, height, width, piece);
                    to[piece] = drawn[PIECES * (first + n) + piece];
                }
                spectra.find(pieces, to);
            });
        }
        this.components = new PatchComponents(drawn, count);
    }

    private static float[] crop(float[] picture, int size, int height, int width, int piece) {
        int top = piece / 2 * height;
        int left = piece % 2 * width;
        int channels = picture.length / (size * size);
        float[] out = new float[channels * height * width];
        for (int c = 0; c < channels; c++) {
            for (int r = 0; r < height; r++) {
                System.arraycopy(picture, (c * size + top + r) * size + left, out, (c * height + r) * width, width);
            }
        }
        return out;
    }

    /** Components of each frequency. */
    int[] sizes() {
        return components.sizes();
    }

    /**
     * Finds the components of images; callable from several threads at once.
     *
     * @param images [channels, height, width] each
     * @return for each image its components, one frequency's after the other
     */
    float[][] extract(float[][] images) {
        float[][][] found = new float[images.length][CELLS][spectra.length()];
        spectra.find(images, found);
        return components.project(found);
    }
}
