// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.features;

import org.hipparchus.linear.Array2DRowRealMatrix;
import org.hipparchus.linear.EigenDecompositionSymmetric;

/**
 * Coordinates of patches in which those of drawings are uncorrelated and have nearly equal variances.
 *
 * <p>Patches and their mirror images are equally likely, so every principal direction is its own mirror image, or the opposite
 * of it. A patch p is therefore taken as its halves \( (p_d \pm p_{m(d)}) / 2 \), d over the left half of its columns and m(d)
 * the mirror image of d: mirroring leaves the first half alone and negates the second, and so it does with the coordinates.
 */
final class PatchWhitening {
    private static final int SIDE = PatchOptions.SIDE;

    private final int dimension;
    private final double[] symmetricMean;

    /** Row j takes the symmetric half to coordinate j, in order of falling variance. */
    final double[][] symmetric;

    /** Row j takes the other half to its coordinate j. */
    final double[][] opposite;

    /**
     * Learns the directions.
     *
     * @param mean of patches, equal to its mirror image
     * @param covariance of patches, equal to the bit after mirroring rows and columns
     * @param damping added to the variances that directions are scaled by
     */
    PatchWhitening(double[] mean, double[][] covariance, double damping) {
        this.dimension = mean.length;
        int half = dimension / 2;
        this.symmetricMean = new double[half];
        double[][] sums = new double[half][half];
        double[][] differences = new double[half][half];
        for (int i = 0; i < half; i++) {
            int d = pixel(i);
            symmetricMean[i] = mean[d];
            for (int j = 0; j < half; j++) {
                // The covariance of (p_d +- p_m(d)) / sqrt(2) and the same of e.
                sums[i][j] = covariance[d][pixel(j)] + covariance[d][mirror(pixel(j))];
                differences[i][j] = covariance[d][pixel(j)] - covariance[d][mirror(pixel(j))];
            }
        }
        this.symmetric = whitening(sums, damping);
        this.opposite = whitening(differences, damping);
    }

    private static double[][] whitening(double[][] covariance, double damping) {
        var eigen = new EigenDecompositionSymmetric(new Array2DRowRealMatrix(covariance, false));
        double[][] out = new double[covariance.length][];
        for (int j = 0; j < out.length; j++) {
            // Halves are sqrt(2) smaller than the orthonormal coordinates that the covariance is of.
            double scale = Math.sqrt(2 / (Math.max(0, eigen.getEigenvalue(j)) + damping));
            out[j] = eigen.getEigenvector(j).mapMultiplyToSelf(scale).toArray();
        }
        return out;
    }

    /** The entry of a patch that is entry i of its halves, and whose mirror image is not. */
    static int pixel(int i) {
        return i / (SIDE / 2) * SIDE + i % (SIDE / 2);
    }

    /** The entry of a patch at the mirror image's place of entry d. */
    static int mirror(int d) {
        int column = d % SIDE;
        return d - column + SIDE - 1 - column;
    }

    /** The coordinates of a patch: the symmetric ones, then the others. */
    double[] coordinates(double[] patch) {
        int half = dimension / 2;
        double[] sum = new double[half];
        double[] difference = new double[half];
        for (int i = 0; i < half; i++) {
            int d = pixel(i);
            sum[i] = (patch[d] + patch[mirror(d)]) / 2 - symmetricMean[i];
            difference[i] = (patch[d] - patch[mirror(d)]) / 2;
        }
        double[] out = new double[dimension];
        for (int j = 0; j < half; j++) {
            out[j] = dot(symmetric[j], sum);
            out[half + j] = dot(opposite[j], difference);
        }
        return out;
    }

    /** What symmetric coordinate j is of a patch of zeros. */
    double bias(int j) {
        return -dot(symmetric[j], symmetricMean);
    }

    /** Weights of a patch's pixels whose weighted sum is that of its coordinates, but for a constant. */
    double[] inPixels(double[] weights) {
        int half = dimension / 2;
        double[] out = new double[dimension];
        for (int i = 0; i < half; i++) {
            double sum = 0;
            double difference = 0;
            for (int j = 0; j < half; j++) {
                sum += weights[j] * symmetric[j][i] / 2;
                difference += weights[half + j] * opposite[j][i] / 2;
            }
            out[pixel(i)] = sum + difference;
            out[mirror(pixel(i))] = sum - difference;
        }
        return out;
    }

    private static double dot(double[] a, double[] b) {
        double sum = 0;
        for (int i = 0; i < a.length; i++) {
            sum += a[i] * b[i];
        }
        return sum;
    }
}
