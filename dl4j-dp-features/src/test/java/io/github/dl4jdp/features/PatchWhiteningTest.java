// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.features;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.util.Random;
import org.junit.jupiter.api.Test;

class PatchWhiteningTest {
    private static final int SIZE = 36;
    private static final double DAMPING = 0.1;

    private final Random random = new Random(1);
    private final double[] mean = new double[SIZE];
    private final double[][] covariance = new double[SIZE][SIZE];
    private final PatchWhitening whitening;

    PatchWhiteningTest() {
        // Of 50 random patches and their mirror images.
        for (int n = 0; n < 50; n++) {
            double[] patch = randomPatch();
            for (int d = 0; d < SIZE; d++) {
                mean[d] += (patch[d] + patch[PatchWhitening.mirror(d)]) / 100;
                for (int e = 0; e < SIZE; e++) {
                    covariance[d][e] +=
                            (patch[d] * patch[e] + patch[PatchWhitening.mirror(d)] * patch[PatchWhitening.mirror(e)])
                                    / 100;
                }
            }
        }
        whitening = new PatchWhitening(mean, covariance, DAMPING);
    }

    private double[] randomPatch() {
        double slope = random.nextGaussian();
        double[] out = new double[SIZE];
        for (int d = 0; d < SIZE; d++) {
            out[d] = 0.2 * random.nextGaussian() + 0.3 * slope * (d % 6 - 2) + 0.1 * d;
        }
        return out;
    }

    @Test
    void coordinates_mirrorImage_keepsTheFirstHalfAndNegatesTheOther() {
        double[] patch = randomPatch();
        double[] mirrored = new double[SIZE];
        for (int d = 0; d < SIZE; d++) {
            mirrored[d / 6 * 6 + 5 - d % 6] = patch[d];
        }

        double[] original = whitening.coordinates(patch);
        double[] other = whitening.coordinates(mirrored);

        for (int j = 0; j < SIZE; j++) {
            assertThat(other[j]).isCloseTo(j < SIZE / 2 ? original[j] : -original[j], within(1e-12));
        }
    }

    @Test
    void coordinates_squaredDistances_areThoseOfTheDampedInverseCovariance() {
        // With T the map from patches to coordinates, T'T (covariance + damping) = I.
        double[][] map = new double[SIZE][];
        double[] origin = whitening.coordinates(new double[SIZE]);
        for (int d = 0; d < SIZE; d++) {
            double[] unit = new double[SIZE];
            unit[d] = 1;
            map[d] = whitening.coordinates(unit);
            for (int j = 0; j < SIZE; j++) {
                map[d][j] -= origin[j];
            }
        }
        for (int d = 0; d < SIZE; d++) {
            for (int e = 0; e < SIZE; e++) {
                double sum = 0;
                for (int f = 0; f < SIZE; f++) {
                    double gram = 0;
                    for (int j = 0; j < SIZE; j++) {
                        gram += map[d][j] * map[f][j];
                    }
                    sum += gram * (covariance[f][e] + (f == e ? DAMPING : 0));
                }
                assertThat(sum).isCloseTo(d == e ? 1 : 0, within(1e-9));
            }
        }
    }

    @Test
    void coordinates_mean_isZero() {
        assertThat(whitening.coordinates(mean)).containsOnly(new double[] {0}, within(1e-12));
        for (int j = 0; j < SIZE / 2; j++) {
            assertThat(whitening.bias(j))
                    .isCloseTo(whitening.coordinates(new double[SIZE])[j], within(1e-12))
                    .isNotZero();
        }
    }

    @Test
    void inPixels_weights_giveTheWeightedSumOfCoordinates() {
        double[] weights = randomPatch();
        double[] filter = whitening.inPixels(weights);
        double[] first = randomPatch();
        double[] second = randomPatch();

        double expected = dot(weights, whitening.coordinates(first)) - dot(weights, whitening.coordinates(second));

        assertThat(dot(filter, first) - dot(filter, second)).isCloseTo(expected, within(1e-9));
    }

    private static double dot(double[] a, double[] b) {
        double sum = 0;
        for (int i = 0; i < a.length; i++) {
            sum += a[i] * b[i];
        }
        return sum;
    }
}
