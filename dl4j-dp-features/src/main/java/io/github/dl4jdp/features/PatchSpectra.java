// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.features;

import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.random.RandomGenerator;

/** How images answer to patterns at one resolution. */
final class PatchSpectra implements GridSpectra {
    /** Pooling needs four positions of a patch along each axis. */
    private static final int LEAST_SIDE = PatchOptions.SIDE + PatchOptions.GRID - 1;

    private final int channels;
    private final int newHeight;
    private final int newWidth;
    private final Resampling resampling;
    private final PatchFilters filters;
    private final ConcurrentLinkedQueue<PatchResponses> idle = new ConcurrentLinkedQueue<>();

    /**
     * Draws pictures and learns from them.
     *
     * @param zoom sides of the resampled images, of the images' own
     */
    PatchSpectra(PatchOptions options, double zoom, int channels, int height, int width, RandomGenerator random) {
        this.channels = channels;
        this.newHeight = zoomed(height, zoom);
        this.newWidth = zoomed(width, zoom);
        this.resampling = new Resampling(height, width, newHeight, newWidth);
        this.filters = new PatchFilters(options, channels, zoom, PatchOptions.PATCH_DAMPING, random);
    }

    private static int zoomed(int side, double zoom) {
        return Math.max(LEAST_SIDE, (int) Math.round(side * zoom));
    }

    @Override
    public int length() {
        return 2 * filters.filters.length;
    }

    @Override
    public void find(float[][] images, float[][][] to) {
        PatchResponses polled = idle.poll();
        PatchResponses responses = polled != null ? polled : new PatchResponses(filters, channels, newHeight, newWidth);
        for (int n = 0; n < images.length; n++) {
            responses.spectrum(resampling.apply(images[n]), to[n]);
        }
        idle.add(responses);
    }
}
