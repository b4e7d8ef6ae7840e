// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.features;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;

class LeadingDirectionsTest {
    /** Diagonal but for the first two directions, which are those of (1, 1) and (1, -1). */
    private static float[][] covariance(int size) {
        float[][] out = new float[size][size];
        for (int i = 0; i < size; i++) {
            out[i][i] = (float) (100 * Math.pow(i + 1, -1.5));
        }
        out[0][0] = 300;
        out[1][1] = 300;
        out[0][1] = 100;
        out[1][0] = 100;
        return out;
    }

    private static double dot(float[] a, float[] b) {
        double sum = 0;
        for (int i = 0; i < a.length; i++) {
            sum += (double) a[i] * b[i];
        }
        return sum;
    }

    @Test
    void find_smallMatrix_isExact() {
        LeadingDirections found = new LeadingDirections(covariance(20), 4);

        assertThat(found.variances)
                .containsExactly(
                        new double[] {400, 200, 100 * Math.pow(3, -1.5), 100 * Math.pow(4, -1.5)}, within(1e-4));
        assertThat(Math.abs(found.vectors[0][0] + found.vectors[0][1])).isCloseTo((float) Math.sqrt(2), within(1e-5f));
        assertThat(Math.abs(found.vectors[2][2])).isCloseTo(1, within(1e-5f));
    }

    @Test
    void find_largeMatrix_agreesWithWhatIsKnown() {
        int size = 402;
        LeadingDirections found = new LeadingDirections(covariance(size), 30);

        assertThat(found.vectors).hasNumberOfRows(30);
        assertThat(found.variances[0]).isCloseTo(400, within(1e-2));
        assertThat(found.variances[1]).isCloseTo(200, within(1e-2));
        for (int k = 2; k < 30; k++) {
            double expected = 100 * Math.pow(k + 1, -1.5);
            assertThat(found.variances[k]).isCloseTo(expected, within(0.01 * expected));
        }
        for (int k = 0; k < 30; k++) {
            for (int j = 0; j <= k; j++) {
                assertThat(dot(found.vectors[k], found.vectors[j])).isCloseTo(j == k ? 1 : 0, within(1e-4));
            }
        }
    }

    @Test
    void find_allDirectionsOfALargeMatrix_keepsTheTotalVariance() {
        float[][] covariance = covariance(300);
        var random = new SplittableRandom(1);
        for (int i = 2; i < 300; i++) {
            covariance[i][i] += random.nextFloat();
        }
        double trace = 0;
        for (int i = 0; i < 300; i++) {
            trace += covariance[i][i];
        }

        LeadingDirections found = new LeadingDirections(covariance, 300);

        double sum = 0;
        for (double variance : found.variances) {
            sum += variance;
        }
        assertThat(sum).isCloseTo(trace, within(1e-3));
    }
}
