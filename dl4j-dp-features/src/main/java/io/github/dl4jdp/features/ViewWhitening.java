// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.features;

import java.util.Arrays;
import java.util.stream.IntStream;

/**
 * Weakens the directions in which two views of one drawing differ, and so strengthens those that they agree in: with S the
 * covariance of the differences and d its mean variance over all groups, a group's numbers are multiplied by \( L^{-1} \), where
 * \( L L^T = S + d I \).
 *
 * <p>Any other root of \( (S + d I)^{-1} \) would give the same inner products of examples, so a linear model would learn the same.
 *
 * <p>Source: A. Hatch, S. Kajarekar, A. Stolcke, Within-Class Covariance Normalization for SVM-based Speaker Recognition, Interspeech
 * 2006; here every drawing is a class.
 */
final class ViewWhitening {
    /** Added to the variances, of their mean. */
    private static final double DAMPING = 1;

    /** Row i of a group is column i of L, with zeros before the diagonal. */
    private final float[][][] columns;

    /**
     * Learns the directions.
     *
     * @param products for each group the sums of products of differences, symmetric; overwritten
     * @param count of the differences that were summed
     */
    ViewWhitening(float[][][] products, int count) {
        this.columns = products;
        double sum = 0;
        int numbers = 0;
        for (float[][] group : products) {
            numbers += group.length;
            for (int i = 0; i < group.length; i++) {
                sum += group[i][i];
            }
        }
        float damping = (float) (DAMPING * sum / count / numbers);
        IntStream.range(0, products.length).parallel().forEach(group -> decompose(products[group], count, damping));
    }

    /** Adds the products of the entries of each row to their sums. */
    static void addProducts(float[][] products, float[][] rows) {
        int size = products.length;
        float[] none = new float[size];
        for (int n = 0; n < rows.length; n += 4) {
            float[] a = rows[n];
            float[] b = n + 1 < rows.length ? rows[n + 1] : none;
            float[] c = n + 2 < rows.length ? rows[n + 2] : none;
            float[] d = n + 3 < rows.length ? rows[n + 3] : none;
            for (int i = 0; i < size; i++) {
                Rows.addCombined(products[i], a, a[i], b, b[i], c, c[i], d, d[i], size);
            }
        }
    }

    /** Cholesky's decomposition, by rows of the upper triangle. */
    private static void decompose(float[][] matrix, int count, float damping) {
        int size = matrix.length;
        for (int i = 0; i < size; i++) {
            Rows.scale(matrix[i], 1f / count, size);
            matrix[i][i] += damping;
        }
        for (int k = 0; k < size; k++) {
            Arrays.fill(matrix[k], 0, k, 0);
            Rows.scale(matrix[k], (float) (1 / Math.sqrt(matrix[k][k])), size);
            for (int i = k + 1; i < size; i++) {
                Rows.addScaled(matrix[i], matrix[k], -matrix[k][i], size);
            }
        }
    }

    /** Replaces each row x of a group's numbers by \( L^{-1} x \). */
    void apply(int group, float[][] rows) {
        float[][] column = columns[group];
        for (int k = 0; k < column.length; k++) {
            float scale = 1 / column[k][k];
            for (float[] row : rows) {
                float value = row[k] * scale;
                Rows.addScaled(row, column[k], -value, column.length);
                row[k] = value;
            }
        }
    }
}
