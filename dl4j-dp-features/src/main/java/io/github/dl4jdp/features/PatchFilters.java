// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.features;

import java.util.Arrays;
import java.util.random.RandomGenerator;

/**
 * Whitened patches of drawn pictures, used as filters: random patches work about as well as learned dictionaries (A. Coates and
 * A. Ng, The Importance of Encoding Versus Training with Sparse Coding and Vector Quantization, ICML 2011).
 */
final class PatchFilters {
    private static final int PATCHES_PER_PICTURE = 300;
    private static final int CANDIDATES_PER_FILTER = 20;
    private static final int PICTURE_SIZE = 64;

    private final int channels;

    /** Side of the pictures that filters are cut from. */
    private final int size;

    private final int dimension;

    final PatchWhitening whitening;

    /** Row k is filter k, a whitened patch of norm one. Mirroring it negates its second half. */
    final double[][] filters;

    /** Median norm of whitened patches. */
    final double medianNorm;

    /**
     * Draws pictures and cuts filters out.
     *
     * @param zoom sides of the pictures after resampling, of those before
     * @param damping added to the variances that patches are whitened by: their finest details are mostly noise
     */
    PatchFilters(PatchOptions options, int channels, double zoom, double damping, RandomGenerator random) {
        this.channels = channels;
        this.dimension = channels * PatchOptions.SIDE * PatchOptions.SIDE;
        float[][] pictures = new float[options.filterPictures()][];
        DeadLeaves leaves = new DeadLeaves(random, PICTURE_SIZE);
        this.size = (int) Math.round(PICTURE_SIZE * zoom);
        Resampling resampling = new Resampling(PICTURE_SIZE, PICTURE_SIZE, size, size);
        for (int i = 0; i < pictures.length; i++) {
            pictures[i] = resampling.apply(asChannels(leaves.next(), channels));
        }
        double[] mean = new double[dimension];
        double[][] covariance = moments(pictures, random, mean);
        this.whitening = new PatchWhitening(mean, covariance, damping);
        double[][] candidates = new double[CANDIDATES_PER_FILTER * options.filters()][];
        for (int n = 0; n < candidates.length; n++) {
            candidates[n] = whitening.coordinates(patch(pictures, random));
        }
        double[] norms = Arrays.stream(candidates)
                .mapToDouble(PatchFilters::norm)
                .sorted()
                .toArray();
        this.medianNorm = norms[norms.length / 2];
        this.filters = choose(options.filters(), candidates);
    }

    /** What to weigh the pixels of a patch by, so that they answer to it as filter k does. */
    double[] inPixels(int k) {
        return whitening.inPixels(filters[k]);
    }

    /** Color pictures as they are, or their mean over the channels. */
    static float[] asChannels(float[] colors, int channels) {
        if (channels == 3) {
            return colors;
        }
        int plane = colors.length / 3;
        float[] gray = new float[plane];
        for (int i = 0; i < plane; i++) {
            gray[i] = (colors[i] + colors[plane + i] + colors[2 * plane + i]) / 3;
        }
        return gray;
    }

    /** Mean and covariance of patches and their mirror images. */
    private double[][] moments(float[][] pictures, RandomGenerator random, double[] mean) {
        int patches = PATCHES_PER_PICTURE * pictures.length;
        double[][] second = new double[dimension][dimension];
        for (int n = 0; n < patches; n++) {
            double[] patch = patch(pictures, random);
            for (int d = 0; d < dimension; d++) {
                mean[d] += (patch[d] + patch[PatchWhitening.mirror(d)]) / (2.0 * patches);
                for (int e = 0; e < dimension; e++) {
                    second[d][e] += patch[d] * patch[e];
                }
            }
        }
        double[][] covariance = new double[dimension][dimension];
        for (int d = 0; d < dimension; d++) {
            for (int e = 0; e < dimension; e++) {
                covariance[d][e] =
                        (second[d][e] + second[PatchWhitening.mirror(d)][PatchWhitening.mirror(e)]) / (2.0 * patches)
                                - mean[d] * mean[e];
            }
        }
        return covariance;
    }

    private double[] patch(float[][] pictures, RandomGenerator random) {
        float[] picture = pictures[random.nextInt(pictures.length)];
        int row = random.nextInt(size - PatchOptions.SIDE + 1);
        int column = random.nextInt(size - PatchOptions.SIDE + 1);
        float[] patch = new float[dimension];
        copyPatch(picture, channels, size, size, row, column, patch);
        double[] out = new double[dimension];
        for (int d = 0; d < dimension; d++) {
            out[d] = patch[d];
        }
        return out;
    }

    /** Cuts a patch out and gives it mean zero and the contrast that all patches have. */
    static void copyPatch(float[] image, int channels, int height, int width, int row, int column, float[] to) {
        int side = PatchOptions.SIDE;
        float sum = 0;
        for (int c = 0; c < channels; c++) {
            for (int r = 0; r < side; r++) {
                for (int s = 0; s < side; s++) {
                    float value = image[(c * height + row + r) * width + column + s];
                    to[(c * side + r) * side + s] = value;
                    sum += value;
                }
            }
        }
        float mean = sum / to.length;
        float squares = 0;
        for (float value : to) {
            squares += (value - mean) * (value - mean);
        }
        float floor = PatchOptions.CONTRAST_FLOOR;
        float scale = 1 / (float) Math.sqrt(squares / to.length + floor * floor);
        for (int d = 0; d < to.length; d++) {
            to[d] = (to[d] - mean) * scale;
        }
    }

    /** Those of norm one out of the half that has more than the median before: the others are nearly flat. */
    private double[][] choose(int count, double[][] candidates) {
        double[][] chosen = new double[count][];
        int found = 0;
        for (int n = 0; found < count; n++) {
            double norm = norm(candidates[n]);
            if (norm >= medianNorm) {
                chosen[found++] =
                        Arrays.stream(candidates[n]).map(v -> v / norm).toArray();
            }
        }
        return chosen;
    }

    private static double norm(double[] v) {
        double sum = 0;
        for (double x : v) {
            sum += x * x;
        }
        return Math.sqrt(sum);
    }
}
