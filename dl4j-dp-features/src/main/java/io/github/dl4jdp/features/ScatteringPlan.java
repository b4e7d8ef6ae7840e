// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.features;

import java.util.Arrays;

/** The filters of a scattering for one image size, laid out for {@link ScatteringWorker}; immutable, shared by threads. */
final class ScatteringPlan {
    /** Images that a worker transforms at once: rows long enough for vector loops, and buffers that stay in the cache. */
    static final int LANES = 16;

    final int height;
    final int width;
    final int paddedHeight;
    final int paddedWidth;
    final int outHeight;
    final int outWidth;
    final RowFft fftHeight;
    final RowFft fftWidth;
    final RowFft fftHalfHeight;
    final RowFft fftHalfWidth;

    /** Wavelets of scale 0 and 1, by orientation. */
    final HalfPlanes[] fine;

    final HalfPlanes[] coarse;

    /** Low-pass filter and sampling from full and from half resolution, by axis. */
    final float[][] lowHeight;

    final float[][] lowWidth;
    final float[][] lowHalfHeight;
    final float[][] lowHalfWidth;

    ScatteringPlan(int height, int width) {
        this.height = height;
        this.width = width;
        this.paddedHeight = padded(height);
        this.paddedWidth = padded(width);
        this.outHeight = paddedHeight / 4 - 2;
        this.outWidth = paddedWidth / 4 - 2;
        this.fftHeight = new RowFft(paddedHeight);
        this.fftWidth = new RowFft(paddedWidth);
        this.fftHalfHeight = new RowFft(paddedHeight / 2);
        this.fftHalfWidth = new RowFft(paddedWidth / 2);
        this.fine = wavelets(0);
        this.coarse = wavelets(1);
        this.lowHeight = lowPass(paddedHeight, 0);
        this.lowWidth = lowPass(paddedWidth, 0);
        this.lowHalfHeight = lowPass(paddedHeight, 1);
        this.lowHalfWidth = lowPass(paddedWidth, 1);
    }

    /** Kymatio's padded size: a multiple of 2^J with at least half of that to spare on each side. */
    static int padded(int size) {
        int step = 1 << MorletFilters.SCALES;
        return ((size + step) / step + 1) * step;
    }

    private HalfPlanes[] wavelets(int scale) {
        HalfPlanes[] out = new HalfPlanes[MorletFilters.ORIENTATIONS];
        // The inverse transforms do not divide by the number of points; and where a scale is sampled at every second
        // pixel,
        // the mean of four frequencies is taken and there are a quarter of the points: the same factor.
        double norm = 1.0 / (paddedHeight * paddedWidth);
        for (int orientation = 0; orientation < out.length; orientation++) {
            double[] fourier = MorletFilters.wavelet(paddedHeight, paddedWidth, scale, orientation);
            HalfPlanes planes = new HalfPlanes(paddedHeight, paddedWidth, LANES);
            int half = paddedHeight / 2;
            for (int k = 0; k < paddedHeight; k++) {
                for (int l = 0; l < paddedWidth; l++) {
                    float value = (float) (norm * fourier[k * paddedWidth + l]);
                    float[] row = k < half ? planes.low[l] : planes.high[l];
                    int start = (k < half ? k : k - half) * LANES;
                    Arrays.fill(row, start, start + LANES, value);
                }
            }
            out[orientation] = planes;
        }
        return out;
    }

    private static float[][] lowPass(int size, int halvings) {
        double[][] matrix = MorletFilters.lowPass(size, halvings);
        float[][] out = new float[matrix.length][matrix[0].length];
        for (int r = 0; r < out.length; r++) {
            for (int c = 0; c < out[r].length; c++) {
                out[r][c] = (float) matrix[r][c];
            }
        }
        return out;
    }

    /**
     * Real numbers on the frequency plane: one row a frequency of the width axis, in it the lower or the upper half of the
     * frequencies of the height axis.
     *
     * <p>Separate arrays, because sampling at every second pixel adds frequencies half an axis apart, which has to be a loop
     * over arrays with equal indices to become vector instructions.
     */
    static final class HalfPlanes {
        final float[][] low;
        final float[][] high;

        HalfPlanes(int height, int width, int lanes) {
            low = new float[width][height / 2 * lanes];
            high = new float[width][height / 2 * lanes];
        }
    }
}
