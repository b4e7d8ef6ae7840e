// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.features;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.util.Arrays;
import java.util.Random;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;

class PatchPoolingTest {
    @Property(tries = 40)
    void spectrum_equalResponses_hasFrequencyZeroOnly(
            @ForAll @IntRange(min = 11, max = 59) int rows, @ForAll @IntRange(min = 11, max = 59) int columns) {
        double[][] responses = new double[rows][columns];
        for (double[] row : responses) {
            Arrays.fill(row, 2.25);
        }

        float[][] spectrum = spectrum(responses);

        // Sixteen cells of root 1.5, in an orthonormal transform.
        assertThat(spectrum[0][0]).isCloseTo(4 * 1.5f, within(1e-4f));
        for (int frequency = 1; frequency < 16; frequency++) {
            assertThat(spectrum[frequency][0]).isCloseTo(0, within(1e-4f));
        }
    }

    @Property(tries = 40)
    void spectrum_randomResponses_equalsTheDefinition(
            @ForAll @IntRange(min = 11, max = 59) int rows,
            @ForAll @IntRange(min = 11, max = 59) int columns,
            @ForAll @IntRange(min = 0, max = 1000) int seed) {
        Random random = new Random(seed);
        double[][] responses = new double[rows][columns];
        for (double[] row : responses) {
            for (int c = 0; c < columns; c++) {
                row[c] = random.nextDouble();
            }
        }

        float[][] spectrum = spectrum(responses);

        double[][] roots = roots(responses);
        for (int frequency = 0; frequency < 16; frequency++) {
            double sum = 0;
            for (int cell = 0; cell < 16; cell++) {
                sum += roots[cell / 4][cell % 4] * cosine(frequency / 4, cell / 4) * cosine(frequency % 4, cell % 4);
            }
            assertThat(spectrum[frequency][0]).isCloseTo((float) sum, within(1e-4f));
        }
    }

    /** Every response is added twice: as the image's, and as that of its mirror image. */
    private static float[][] spectrum(double[][] responses) {
        int rows = responses.length;
        int columns = responses[0].length;
        PatchPooling pooling = new PatchPooling(rows, columns, 1, 3);
        float[][] sums = new float[pooling.boxes()][1];
        for (int r = 0; r < rows; r++) {
            for (int c = 0; c < columns; c++) {
                sums[pooling.box(r, c)][0] += (float) responses[r][c];
                sums[pooling.box(r, columns - 1 - c)][0] += (float) responses[r][columns - 1 - c];
            }
        }
        float[][] out = new float[16][1];
        pooling.spectrum(sums, out);
        return out;
    }

    /** Roots of the averages of box means, weighted by a Gaussian of the boxes' centers. */
    private static double[][] roots(double[][] responses) {
        int down = Math.max(4, Math.round(responses.length / 3f));
        int across = Math.max(4, Math.round(responses[0].length / 3f));
        double[][] sums = new double[down][across];
        double[][] counts = new double[down][across];
        for (int r = 0; r < responses.length; r++) {
            for (int c = 0; c < responses[0].length; c++) {
                sums[r * down / responses.length][c * across / responses[0].length] += responses[r][c];
                counts[r * down / responses.length][c * across / responses[0].length]++;
            }
        }
        double[][] out = new double[4][4];
        for (int cell = 0; cell < 16; cell++) {
            double weighted = 0;
            double weights = 0;
            for (int r = 0; r < down; r++) {
                for (int c = 0; c < across; c++) {
                    double y = (r + 0.5) / down * 2 - 1 - center(cell / 4);
                    double x = (c + 0.5) / across * 2 - 1 - center(cell % 4);
                    double weight = Math.exp(-(x * x + y * y) / (2 * 0.33 * 0.33));
                    weighted += weight * sums[r][c] / counts[r][c];
                    weights += weight;
                }
            }
            out[cell / 4][cell % 4] = Math.sqrt(weighted / weights);
        }
        return out;
    }

    private static double center(int cell) {
        return 0.73 * new double[] {-1, -1.0 / 3, 1.0 / 3, 1}[cell];
    }

    private static double cosine(int frequency, int cell) {
        return Math.sqrt(frequency == 0 ? 0.25 : 0.5) * Math.cos(Math.PI * frequency * (2 * cell + 1) / 8);
    }
}
