// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.features;

import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.random.RandomGenerator;
import java.util.stream.IntStream;

/** How images answer to patterns at one resolution, in the directions in which drawings differ most. */
final class PatchScale {
    private static final int CELLS = PatchOptions.GRID * PatchOptions.GRID;
    private static final int PICTURES_AT_ONCE = 32;

    /** Pooling needs four positions of a patch along each axis. */
    private static final int LEAST_SIDE = PatchOptions.SIDE + PatchOptions.GRID - 1;

    private final PatchOptions options;
    private final int channels;
    private final int height;
    private final int width;
    private final int newHeight;
    private final int newWidth;
    private final Resampling resampling;
    private final PatchFilters filters;
    private final PatchComponents components;
    private final ConcurrentLinkedQueue<PatchResponses> idle = new ConcurrentLinkedQueue<>();

    /**
     * Draws pictures and learns from them.
     *
     * @param zoom sides of the resampled images, of the images' own
     */
    PatchScale(PatchOptions options, double zoom, int channels, int height, int width, RandomGenerator random) {
        this.options = options;
        this.channels = channels;
        this.height = height;
        this.width = width;
        this.newHeight = zoomed(height, zoom);
        this.newWidth = zoomed(width, zoom);
        this.resampling = new Resampling(height, width, newHeight, newWidth);
        this.filters = new PatchFilters(options, channels, zoom, PatchOptions.PATCH_DAMPING, random);
        this.components = new PatchComponents(spectraOfDrawings(random), CELLS * options.components());
    }

    private static int zoomed(int side, double zoom) {
        return Math.max(LEAST_SIDE, (int) Math.round(side * zoom));
    }

    private float[][][] spectraOfDrawings(RandomGenerator random) {
        int size = 2 * Math.max(height, width);
        DeadLeaves leaves = new DeadLeaves(random, size);
        float[][][] out = new float[options.scalePictures() * 4][CELLS][2 * options.filters()];
        for (int from = 0; from < out.length; from += 4 * PICTURES_AT_ONCE) {
            int first = from;
            float[][] drawn = new float[Math.min(PICTURES_AT_ONCE, (out.length - from) / 4)][];
            for (int n = 0; n < drawn.length; n++) {
                drawn[n] = PatchFilters.asChannels(leaves.next(), channels);
            }
            IntStream.range(0, drawn.length).parallel().forEach(n -> {
                PatchResponses responses = responses();
                for (int part = 0; part < 4; part++) {
                    float[] piece = crop(drawn[n], size, part / 2 * height, part % 2 * width);
                    responses.spectrum(resampling.apply(piece), out[first + 4 * n + part]);
                }
                idle.add(responses);
            });
        }
        return out;
    }

    private PatchResponses responses() {
        PatchResponses polled = idle.poll();
        return polled != null ? polled : new PatchResponses(filters, channels, newHeight, newWidth);
    }

    private float[] crop(float[] picture, int size, int top, int left) {
        float[] out = new float[channels * height * width];
        for (int c = 0; c < channels; c++) {
            for (int r = 0; r < height; r++) {
                System.arraycopy(picture, (c * size + top + r) * size + left, out, (c * height + r) * width, width);
            }
        }
        return out;
    }

    /** Components of each frequency; they add up to {@code 16 options.components()}. */
    int[] sizes() {
        return components.sizes();
    }

    /**
     * Finds the components of images.
     *
     * @param images [channels, height, width] each
     * @return for each image its components, one frequency's after the other
     */
    float[][] extract(float[][] images) {
        PatchResponses responses = responses();
        float[][][] spectra = new float[images.length][CELLS][2 * options.filters()];
        for (int n = 0; n < images.length; n++) {
            responses.spectrum(resampling.apply(images[n]), spectra[n]);
        }
        idle.add(responses);
        return components.project(spectra);
    }
}
