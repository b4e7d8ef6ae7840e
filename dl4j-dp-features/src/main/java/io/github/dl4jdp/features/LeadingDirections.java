// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.features;

import java.util.Arrays;
import java.util.SplittableRandom;
import java.util.random.RandomGenerator;
import org.hipparchus.linear.Array2DRowRealMatrix;
import org.hipparchus.linear.EigenDecompositionSymmetric;

/**
 * The directions of largest variance of a covariance matrix: all of them exactly where the matrix is small, else approximately.
 *
 * <p>Large matrices go through subspace iteration: random directions, multiplied by the matrix and made orthonormal a few times,
 * turn into the span of its leading directions. The variances that are returned are those along the vectors that are
 * returned, which are orthonormal, whether or not the iteration has converged.
 *
 * <p>Source: N. Halko, P. G. Martinsson, J. A. Tropp, Finding Structure with Randomness, SIAM Review 2011.
 */
final class LeadingDirections {
    /** Matrices up to this size are decomposed as a whole. */
    private static final int SMALL = 256;

    /** Directions that are iterated beside the wanted ones, so that the last of these converge too. */
    private static final int SPARE = 64;

    private static final int ITERATIONS = 3;
    private static final long START = 1;

    /** Falling. */
    final double[] variances;

    /** A row for each direction, of norm one. */
    final float[][] vectors;

    /**
     * Finds the directions.
     *
     * @param covariance symmetric
     * @param count of directions, at most the matrix's size
     */
    LeadingDirections(float[][] covariance, int count) {
        int size = covariance.length;
        float[][] basis = size <= SMALL || count + SPARE >= size ? null : span(covariance, count + SPARE);
        var eigen = new EigenDecompositionSymmetric(
                new Array2DRowRealMatrix(basis == null ? doubles(covariance) : within(covariance, basis), false));
        this.variances = new double[count];
        this.vectors = new float[count][size];
        for (int k = 0; k < count; k++) {
            variances[k] = Math.max(0, eigen.getEigenvalue(k));
            double[] weights = eigen.getEigenvector(k).toArray();
            for (int j = 0; j < weights.length; j++) {
                if (basis == null) {
                    vectors[k][j] = (float) weights[j];
                } else {
                    Rows.addScaled(vectors[k], basis[j], (float) weights[j], size);
                }
            }
        }
    }

    private static double[][] doubles(float[][] matrix) {
        double[][] out = new double[matrix.length][matrix.length];
        for (int i = 0; i < out.length; i++) {
            for (int j = 0; j < out.length; j++) {
                out[i][j] = matrix[i][j];
            }
        }
        return out;
    }

    /** Orthonormal rows whose span holds the leading directions. */
    private static float[][] span(float[][] covariance, int count) {
        RandomGenerator random = new SplittableRandom(START);
        float[][] basis = new float[count][covariance.length];
        for (float[] row : basis) {
            for (int i = 0; i < row.length; i++) {
                row[i] = (float) random.nextGaussian();
            }
        }
        float[][] product = new float[count][covariance.length];
        for (int n = 0; n < ITERATIONS; n++) {
            multiply(basis, covariance, product);
            float[][] swap = basis;
            basis = product;
            product = swap;
            // One pass in single precision leaves rows that are nearly parallel before it a little oblique; two do not.
            orthonormalize(basis);
            orthonormalize(basis);
        }
        return basis;
    }

    private static void multiply(float[][] rows, float[][] covariance, float[][] to) {
        int size = covariance.length;
        for (float[] row : to) {
            Arrays.fill(row, 0);
        }
        int i = 0;
        for (; i + 3 < size; i += 4) {
            for (int r = 0; r < rows.length; r++) {
                float[] row = rows[r];
                Rows.addCombined(
                        to[r],
                        covariance[i],
                        row[i],
                        covariance[i + 1],
                        row[i + 1],
                        covariance[i + 2],
                        row[i + 2],
                        covariance[i + 3],
                        row[i + 3],
                        size);
            }
        }
        for (; i < size; i++) {
            for (int r = 0; r < rows.length; r++) {
                Rows.addScaled(to[r], covariance[i], rows[r][i], size);
            }
        }
    }

    private static void orthonormalize(float[][] rows) {
        int size = rows[0].length;
        for (int j = 0; j < rows.length; j++) {
            Rows.scale(rows[j], (float) (1 / Math.sqrt(dot(rows[j], rows[j]))), size);
            for (int k = j + 1; k < rows.length; k++) {
                Rows.addScaled(rows[k], rows[j], (float) -dot(rows[j], rows[k]), size);
            }
        }
    }

    /** The covariance of coordinates in the basis, equal in both triangles to the bit. */
    private static double[][] within(float[][] covariance, float[][] basis) {
        float[][] product = new float[basis.length][covariance.length];
        multiply(basis, covariance, product);
        double[][] out = new double[basis.length][basis.length];
        for (int i = 0; i < out.length; i++) {
            for (int j = 0; j <= i; j++) {
                out[i][j] = dot(product[i], basis[j]);
                out[j][i] = out[i][j];
            }
        }
        return out;
    }

    /** Four sums at once: one would wait for itself at every term. */
    private static double dot(float[] a, float[] b) {
        double first = 0;
        double second = 0;
        double third = 0;
        double fourth = 0;
        int i = 0;
        for (; i + 3 < a.length; i += 4) {
            first += (double) a[i] * b[i];
            second += (double) a[i + 1] * b[i + 1];
            third += (double) a[i + 2] * b[i + 2];
            fourth += (double) a[i + 3] * b[i + 3];
        }
        for (; i < a.length; i++) {
            first += (double) a[i] * b[i];
        }
        return first + second + third + fourth;
    }
}
