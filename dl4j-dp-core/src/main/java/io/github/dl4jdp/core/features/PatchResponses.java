// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core.features;

import java.util.Arrays;

/** Averages filter responses over the cells of an image; has buffers of its own, so one thread each. */
final class PatchResponses {
    private static final int GRID = PatchOptions.GRID;
    private static final int CELLS = GRID * GRID;

    private final PatchFilters filters;
    private final int channels;
    private final int height;
    private final int width;

    /** Positions of patches in order of their cells, as row and column of the upper left pixel. */
    private final int[] rows;

    private final int[] columns;

    /** First position of each cell, and the number of positions. */
    private final int[] cellStarts;

    /** Entry d of all patches is row d. */
    private final float[][] patches;

    private final float[] patch;
    private final float[] response;
    private final float[] opposite;

    PatchResponses(PatchFilters filters, int channels, int height, int width) {
        this.filters = filters;
        this.channels = channels;
        this.height = height;
        this.width = width;
        int down = (height - PatchOptions.SIDE) / PatchOptions.STRIDE + 1;
        int across = (width - PatchOptions.SIDE) / PatchOptions.STRIDE + 1;
        this.rows = new int[down * across];
        this.columns = new int[down * across];
        this.cellStarts = new int[CELLS + 1];
        int next = 0;
        for (int cell = 0; cell < CELLS; cell++) {
            cellStarts[cell] = next;
            for (int r = border(cell / GRID, down); r < border(cell / GRID + 1, down); r++) {
                for (int c = border(cell % GRID, across); c < border(cell % GRID + 1, across); c++) {
                    rows[next] = r * PatchOptions.STRIDE;
                    columns[next++] = c * PatchOptions.STRIDE;
                }
            }
        }
        cellStarts[CELLS] = next;
        this.patch = new float[channels * PatchOptions.SIDE * PatchOptions.SIDE];
        this.patches = new float[patch.length][next];
        this.response = new float[next];
        this.opposite = new float[next];
    }

    private static int border(int index, int positions) {
        return (int) Math.round((double) index * positions / GRID);
    }

    /**
     * Averages \( \max(0, \pm f_k \cdot p - t) \) over the patches p of each cell, and over an image and its mirror image.
     *
     * @param to [cell][2 k] and [cell][2 k + 1] for the two signs of filter pair k
     */
    void average(float[] image, float[][] to) {
        for (int n = 0; n < rows.length; n++) {
            PatchFilters.copyPatch(image, channels, height, width, rows[n], columns[n], patch);
            for (int d = 0; d < patch.length; d++) {
                patches[d][n] = patch[d];
            }
        }
        int pairs = filters.filters.length / 2;
        for (float[] cell : to) {
            Arrays.fill(cell, 0);
        }
        for (int k = 0; k < filters.filters.length; k++) {
            respond(k);
            int pair = k % pairs;
            for (int cell = 0; cell < CELLS; cell++) {
                // A filter's mirror image answers to an image as the filter does to its mirror image, in the mirrored
                // cell.
                int row = cell - cell % GRID;
                float[] target = k < pairs ? to[cell] : to[row + GRID - 1 - cell % GRID];
                int start = cellStarts[cell];
                int end = cellStarts[cell + 1];
                float share = 0.5f / (end - start);
                target[2 * pair] += share * sum(response, start, end);
                target[2 * pair + 1] += share * sum(opposite, start, end);
            }
        }
    }

    private void respond(int k) {
        float[] filter = filters.filters[k];
        int length = response.length;
        Arrays.fill(response, filters.biases[k]);
        for (int d = 0; d < filter.length; d += 4) {
            Rows.addCombined(
                    response,
                    patches[d],
                    filter[d],
                    patches[d + 1],
                    filter[d + 1],
                    patches[d + 2],
                    filter[d + 2],
                    patches[d + 3],
                    filter[d + 3],
                    length);
        }
        Rows.threshold(response, opposite, PatchOptions.THRESHOLD, length);
    }

    /** Four sums at a time, so that an addition need not wait for the one before. */
    private static float sum(float[] values, int from, int to) {
        float a = 0;
        float b = 0;
        float c = 0;
        float d = 0;
        int i = from;
        for (; i + 4 <= to; i += 4) {
            a += values[i];
            b += values[i + 1];
            c += values[i + 2];
            d += values[i + 3];
        }
        for (; i < to; i++) {
            a += values[i];
        }
        return a + b + (c + d);
    }
}
