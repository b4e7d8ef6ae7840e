// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.features;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.util.SplittableRandom;
import java.util.random.RandomGenerator;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class RowFftTest {
    private static final int COLUMNS = 5;

    @ParameterizedTest
    @ValueSource(ints = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 12, 14, 15, 16, 18, 20, 25, 29, 36, 40, 49, 64, 72, 77, 116})
    void transform_anySize_isTheDefiningSum(int size) {
        RandomGenerator random = new SplittableRandom(7);
        float[][] re = random(random, size);
        float[][] im = random(random, size);
        double[][] expectedRe = new double[size][COLUMNS];
        double[][] expectedIm = new double[size][COLUMNS];
        for (int k = 0; k < size; k++) {
            for (int n = 0; n < size; n++) {
                double angle = -2 * Math.PI * ((long) k * n % size) / size;
                for (int c = 0; c < COLUMNS; c++) {
                    expectedRe[k][c] += re[n][c] * Math.cos(angle) - im[n][c] * Math.sin(angle);
                    expectedIm[k][c] += re[n][c] * Math.sin(angle) + im[n][c] * Math.cos(angle);
                }
            }
        }

        new RowFft(size).transform(re, im, COLUMNS);

        // Rounding of a float FFT grows with the root of its depth: 2e-6 of the norm is several times what is seen.
        double tolerance = 2e-6 * size;
        for (int k = 0; k < size; k++) {
            for (int c = 0; c < COLUMNS; c++) {
                assertThat((double) re[k][c]).as("re %d", k).isCloseTo(expectedRe[k][c], within(tolerance));
                assertThat((double) im[k][c]).as("im %d", k).isCloseTo(expectedIm[k][c], within(tolerance));
            }
        }
    }

    @ParameterizedTest
    @ValueSource(ints = {20, 36, 40, 29})
    void transform_partsExchanged_isTheInverse(int size) {
        RandomGenerator random = new SplittableRandom(7);
        float[][] re = random(random, size);
        float[][] im = random(random, size);
        float[][] original = copy(re);
        RowFft fft = new RowFft(size);

        fft.transform(re, im, COLUMNS);
        fft.transform(im, re, COLUMNS);

        for (int k = 0; k < size; k++) {
            for (int c = 0; c < COLUMNS; c++) {
                assertThat(re[k][c] / size).isCloseTo(original[k][c], within(1e-5f));
            }
        }
    }

    @Test
    void constructor_sizeZero_throws() {
        assertThatThrownBy(() -> new RowFft(0))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("size must be >= 1, was 0");
    }

    private static float[][] random(RandomGenerator random, int size) {
        float[][] rows = new float[size][COLUMNS];
        for (float[] row : rows) {
            for (int c = 0; c < COLUMNS; c++) {
                row[c] = random.nextFloat(-1, 1);
            }
        }
        return rows;
    }

    private static float[][] copy(float[][] rows) {
        float[][] out = new float[rows.length][];
        for (int r = 0; r < rows.length; r++) {
            out[r] = rows[r].clone();
        }
        return out;
    }
}
