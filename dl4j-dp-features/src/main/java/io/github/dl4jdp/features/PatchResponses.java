// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.features;

import java.util.Arrays;

/** How an image's patches answer to filters; has buffers of its own, so one thread each. */
final class PatchResponses {
    private static final int SIDE = PatchOptions.SIDE;

    private static final int BOX = 3;

    private final int height;
    private final int width;
    private final int rows;
    private final int columns;
    private final int pairs;

    /** Whitening of the two halves of patches, as many directions each as are kept. */
    private final float[][][] whitening;

    private final float[] biases;
    private final float normFloor;

    /** Row j has coordinate j of all filters; the first half is that of symmetric coordinates. */
    private final float[][] filters;

    private final PatchPooling pooling;

    /** Entry d of all patches is row d; later the halves' entries are. */
    private final float[][] patches;

    /** Coordinate j of all patches is row j. */
    private final float[][] coordinates;

    private final float[] sums;
    private final float[] scales;

    /** Responses of all filters, and of their mirror images, at one position. */
    private final float[] response;

    private final float[] mirrored;

    /** Sums over the positions of a box: first what exceeds the threshold, then what exceeds it with the other sign. */
    private final float[][] positive;

    private final float[][] negative;
    private final float[][] both;

    PatchResponses(PatchFilters filters, int channels, int height, int width) {
        this.height = height;
        this.width = width;
        this.rows = height - SIDE + 1;
        this.columns = width - SIDE + 1;
        this.pairs = filters.filters.length;
        int half = channels * SIDE * SIDE / 2;
        int kept = Math.min(PatchOptions.DIRECTIONS / 2, half - half % 4);
        this.whitening =
                new float[][][] {floats(filters.whitening.symmetric, kept), floats(filters.whitening.opposite, kept)};
        this.biases = new float[kept];
        for (int j = 0; j < kept; j++) {
            biases[j] = (float) filters.whitening.bias(j);
        }
        this.normFloor = (float) (PatchOptions.NORM_FLOOR * filters.medianNorm);
        this.filters = kept(filters.filters, kept);
        this.pooling = new PatchPooling(rows, columns, 2 * pairs, BOX);
        this.patches = new float[2 * half][rows * columns];
        this.coordinates = new float[2 * kept][rows * columns];
        this.sums = new float[rows * columns];
        this.scales = new float[rows * columns];
        this.response = new float[pairs];
        this.mirrored = new float[pairs];
        this.positive = new float[pooling.boxes()][pairs];
        this.negative = new float[pooling.boxes()][pairs];
        this.both = new float[pooling.boxes()][2 * pairs];
    }

    private static float[][] floats(double[][] rows, int count) {
        float[][] out = new float[count][rows[0].length];
        for (int j = 0; j < count; j++) {
            for (int i = 0; i < out[j].length; i++) {
                out[j][i] = (float) rows[j][i];
            }
        }
        return out;
    }

    /** The coordinates that are kept of each filter, scaled to norm one again. */
    private static float[][] kept(double[][] filters, int kept) {
        float[][] out = new float[2 * kept][filters.length];
        for (int k = 0; k < filters.length; k++) {
            double squares = 0;
            for (int j = 0; j < 2 * kept; j++) {
                double value = filters[k][source(j, kept, filters[k].length)];
                squares += value * value;
            }
            for (int j = 0; j < 2 * kept; j++) {
                out[j][k] = (float) (filters[k][source(j, kept, filters[k].length)] / Math.sqrt(squares));
            }
        }
        return out;
    }

    private static int source(int j, int kept, int dimension) {
        return j < kept ? j : dimension / 2 + j - kept;
    }

    /**
     * Averages \( \max(0, \pm f_k \cdot q - t) \), q the whitened patches of norm nearly one, over an image's cells and over the
     * image and its mirror image, and transforms the averages' roots over the cells.
     *
     * @param to [frequency][k] and [frequency][filters + k] for the two signs of filter pair k
     */
    void spectrum(float[] image, float[][] to) {
        copyPatches(image);
        whiten();
        for (int box = 0; box < positive.length; box++) {
            Arrays.fill(positive[box], 0);
            Arrays.fill(negative[box], 0);
        }
        for (int row = 0; row < rows; row++) {
            for (int column = 0; column < columns; column++) {
                respond(row * columns + column);
                add(response, pooling.box(row, column));
                // A filter's mirror image answers to an image as the filter does to its mirror image, in the mirrored
                // place.
                add(mirrored, pooling.box(row, columns - 1 - column));
            }
        }
        for (int box = 0; box < both.length; box++) {
            System.arraycopy(positive[box], 0, both[box], 0, pairs);
            System.arraycopy(negative[box], 0, both[box], pairs, pairs);
        }
        pooling.spectrum(both, to);
    }

    private void copyPatches(float[] image) {
        for (int d = 0; d < patches.length; d++) {
            int channel = d / (SIDE * SIDE);
            int top = d / SIDE % SIDE;
            for (int row = 0; row < rows; row++) {
                int from = (channel * height + top + row) * width + d % SIDE;
                System.arraycopy(image, from, patches[d], row * columns, columns);
            }
        }
    }

    /** Gives all patches mean zero and the contrast that all have, whitens them and scales them to norm one, but for the floors. */
    private void whiten() {
        int length = sums.length;
        int half = patches.length / 2;
        Arrays.fill(sums, 0);
        for (int i = 0; i < half; i++) {
            int d = PatchWhitening.pixel(i);
            Rows.halfAddSub(patches[d], patches[PatchWhitening.mirror(d)], length);
            Rows.addScaled(sums, patches[d], 1f / half, length);
        }
        Arrays.fill(scales, PatchOptions.CONTRAST_FLOOR * PatchOptions.CONTRAST_FLOOR);
        for (int i = 0; i < half; i++) {
            int d = PatchWhitening.pixel(i);
            Rows.addScaled(patches[d], sums, -1, length);
            Rows.addSquares(scales, patches[d], 1f / half, length);
            Rows.addSquares(scales, patches[PatchWhitening.mirror(d)], 1f / half, length);
        }
        Rows.inverseRoot(scales, length);
        int kept = biases.length;
        Arrays.fill(sums, normFloor * normFloor);
        for (int j = 0; j < 2 * kept; j++) {
            project(j < kept ? whitening[0][j] : whitening[1][j - kept], j < kept, coordinates[j]);
            Rows.scaleEach(coordinates[j], scales, j < kept ? biases[j] : 0, length);
            Rows.addSquares(sums, coordinates[j], 1, length);
        }
        Rows.inverseRoot(sums, length);
        for (float[] coordinate : coordinates) {
            Rows.scaleEach(coordinate, sums, 0, length);
        }
    }

    private void project(float[] weights, boolean symmetric, float[] to) {
        Arrays.fill(to, 0);
        for (int i = 0; i < weights.length; i += 2) {
            Rows.addScaled(to, half(i, symmetric), weights[i], half(i + 1, symmetric), weights[i + 1], to.length);
        }
    }

    private float[] half(int i, boolean symmetric) {
        int d = PatchWhitening.pixel(i);
        return patches[symmetric ? d : PatchWhitening.mirror(d)];
    }

    private void respond(int position) {
        int kept = biases.length;
        respond(position, 0, kept, response);
        respond(position, kept, 2 * kept, mirrored);
        Rows.addSub(response, mirrored, pairs);
    }

    private void respond(int position, int from, int to, float[] out) {
        Arrays.fill(out, 0);
        for (int j = from; j < to; j += 4) {
            Rows.addCombined(
                    out,
                    filters[j],
                    coordinates[j][position],
                    filters[j + 1],
                    coordinates[j + 1][position],
                    filters[j + 2],
                    coordinates[j + 2][position],
                    filters[j + 3],
                    coordinates[j + 3][position],
                    out.length);
        }
    }

    private void add(float[] responses, int box) {
        Rows.addExcess(positive[box], negative[box], responses, PatchOptions.THRESHOLD, pairs);
    }
}
