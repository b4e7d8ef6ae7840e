// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core.features;

import java.util.Arrays;
import java.util.random.RandomGenerator;
import org.hipparchus.linear.Array2DRowRealMatrix;
import org.hipparchus.linear.EigenDecompositionSymmetric;

/**
 * Whitened patches of drawn pictures, used as filters: random patches work about as well as learnt dictionaries (A. Coates and
 * A. Ng, The Importance of Encoding Versus Training with Sparse Coding and Vector Quantization, ICML 2011).
 */
final class PatchFilters {
    private static final int PATCHES_PER_PICTURE = 300;
    private static final int CANDIDATES_PER_FILTER = 20;
    private static final int PICTURE_SIZE = 64;

    private final int channels;
    private final int dimension;

    /** Row k is filter k, already whitened: it acts on patches of equal contrast. The second half mirrors the first. */
    final float[][] filters;

    /** What is added to the response of filter k, because whitening subtracts a mean. */
    final float[] biases;

    PatchFilters(PatchOptions options, int channels, RandomGenerator random) {
        this.channels = channels;
        this.dimension = channels * PatchOptions.SIDE * PatchOptions.SIDE;
        float[][] pictures = new float[options.filterPictures()][];
        DeadLeaves leaves = new DeadLeaves(random, PICTURE_SIZE);
        for (int i = 0; i < pictures.length; i++) {
            pictures[i] = asChannels(leaves.next(), channels);
        }
        double[] mean = new double[dimension];
        double[][] covariance = moments(pictures, random, mean);
        double[][] whitening = inverseRoot(covariance);
        double[][] chosen = choose(options.filters(), pictures, random, mean, whitening);
        this.filters = new float[2 * chosen.length][dimension];
        this.biases = new float[2 * chosen.length];
        for (int k = 0; k < chosen.length; k++) {
            double[] filter = multiply(whitening, chosen[k]);
            double bias = 0;
            for (int d = 0; d < dimension; d++) {
                filters[k][d] = (float) filter[d];
                filters[chosen.length + k][mirror(d)] = (float) filter[d];
                bias -= filter[d] * mean[d];
            }
            biases[k] = (float) bias;
            biases[chosen.length + k] = (float) bias;
        }
    }

    /** Colour pictures as they are, or their mean over the channels. */
    static float[] asChannels(float[] colours, int channels) {
        if (channels == 3) {
            return colours;
        }
        int plane = colours.length / 3;
        float[] grey = new float[plane];
        for (int i = 0; i < plane; i++) {
            grey[i] = (colours[i] + colours[plane + i] + colours[2 * plane + i]) / 3;
        }
        return grey;
    }

    private static int mirror(int d) {
        int column = d % PatchOptions.SIDE;
        return d - column + PatchOptions.SIDE - 1 - column;
    }

    /** Mean and covariance of patches and their mirror images. */
    private double[][] moments(float[][] pictures, RandomGenerator random, double[] mean) {
        int patches = PATCHES_PER_PICTURE * pictures.length;
        double[][] second = new double[dimension][dimension];
        for (int n = 0; n < patches; n++) {
            double[] patch = patch(pictures, random);
            for (int d = 0; d < dimension; d++) {
                mean[d] += (patch[d] + patch[mirror(d)]) / (2.0 * patches);
                for (int e = 0; e < dimension; e++) {
                    second[d][e] += patch[d] * patch[e];
                }
            }
        }
        double[][] covariance = new double[dimension][dimension];
        for (int d = 0; d < dimension; d++) {
            for (int e = 0; e < dimension; e++) {
                covariance[d][e] = (second[d][e] + second[mirror(d)][mirror(e)]) / (2.0 * patches) - mean[d] * mean[e];
            }
        }
        return covariance;
    }

    private double[] patch(float[][] pictures, RandomGenerator random) {
        float[] picture = pictures[random.nextInt(pictures.length)];
        int row = random.nextInt(PICTURE_SIZE - PatchOptions.SIDE + 1);
        int column = random.nextInt(PICTURE_SIZE - PatchOptions.SIDE + 1);
        float[] patch = new float[dimension];
        copyPatch(picture, channels, PICTURE_SIZE, PICTURE_SIZE, row, column, patch);
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

    private double[][] inverseRoot(double[][] covariance) {
        var eigen = new EigenDecompositionSymmetric(new Array2DRowRealMatrix(covariance, false));
        double[][] out = new double[dimension][dimension];
        for (int j = 0; j < dimension; j++) {
            double scale = 1 / Math.sqrt(Math.max(0, eigen.getEigenvalue(j)) + PatchOptions.PATCH_DAMPING);
            double[] vector = eigen.getEigenvector(j).toArray();
            for (int d = 0; d < dimension; d++) {
                for (int e = 0; e < dimension; e++) {
                    out[d][e] += scale * vector[d] * vector[e];
                }
            }
        }
        return out;
    }

    /** Whitened patches of norm one, out of the half that has more than the median before: the others are nearly flat. */
    private double[][] choose(
            int count, float[][] pictures, RandomGenerator random, double[] mean, double[][] whitening) {
        double[][] candidates = new double[CANDIDATES_PER_FILTER * count][];
        double[] norms = new double[candidates.length];
        for (int n = 0; n < candidates.length; n++) {
            double[] patch = patch(pictures, random);
            for (int d = 0; d < dimension; d++) {
                patch[d] -= mean[d];
            }
            candidates[n] = multiply(whitening, patch);
            norms[n] = norm(candidates[n]);
        }
        double[] sorted = norms.clone();
        Arrays.sort(sorted);
        double median = sorted[sorted.length / 2];
        double[][] chosen = new double[count][];
        int found = 0;
        for (int n = 0; found < count; n++) {
            if (norms[n] >= median) {
                double norm = norms[n];
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

    private static double[] multiply(double[][] matrix, double[] v) {
        double[] out = new double[matrix.length];
        for (int r = 0; r < matrix.length; r++) {
            double sum = 0;
            for (int c = 0; c < v.length; c++) {
                sum += matrix[r][c] * v[c];
            }
            out[r] = sum;
        }
        return out;
    }
}
