// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.accountant;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.within;

import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.stream.Stream;
import org.assertj.core.data.Percentage;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

class CorrelationMatrixTest {
    private static final int STEPS = 8;

    static Stream<CorrelatedNoise> noises() {
        return Stream.of(
                CorrelatedNoise.lambdaCgd(0.3),
                CorrelatedNoise.lambdaCgd(0.95),
                CorrelatedNoise.bisr(2),
                CorrelatedNoise.bisr(4),
                CorrelatedNoise.bisr(16),
                CorrelatedNoise.bandedSquareRoot(3),
                CorrelatedNoise.bandedSquareRoot(16),
                CorrelatedNoise.bandMf(2),
                CorrelatedNoise.bandMf(4),
                CorrelatedNoise.bandMf(16));
    }

    /** C by elimination, from what noise is mixed with: nothing here is shared with the class. */
    private static double[][] dense(CorrelationMatrix matrix, int steps) {
        long[] weights = matrix.weights();
        var given = new double[steps][steps];
        for (int t = 0; t < steps; t++) {
            given[t][t] = 1;
            for (int j = 1; j <= weights.length && j <= t; j++) {
                given[t][t - j] = weights[j - 1] / (double) (1 << 24);
            }
        }
        if (matrix.noise().isBanded()) {
            return given;
        }
        var inverse = new double[steps][steps];
        for (int column = 0; column < steps; column++) {
            for (int t = 0; t < steps; t++) {
                double value = t == column ? 1 : 0;
                for (int s = 0; s < t; s++) {
                    value -= given[t][s] * inverse[s][column];
                }
                inverse[t][column] = value;
            }
        }
        return inverse;
    }

    /** All sets of at most k steps of t that are at least b apart. */
    private static List<List<Integer>> patterns(int t, int k, int b) {
        var patterns = new ArrayList<List<Integer>>();
        for (int bits = 1; bits < 1 << t; bits++) {
            var steps = new ArrayList<Integer>();
            boolean isAllowed = Integer.bitCount(bits) <= k;
            for (int i = 0; i < t && isAllowed; i++) {
                if ((bits >> i & 1) == 1) {
                    isAllowed = steps.isEmpty() || i - steps.get(steps.size() - 1) >= b;
                    steps.add(i);
                }
            }
            if (isAllowed) {
                patterns.add(steps);
            }
        }
        return patterns;
    }

    private static double squaredNorm(double[][] c, int t, List<Integer> steps, double[][] vectors) {
        double sum = 0;
        for (int row = 0; row < t; row++) {
            var value = new double[vectors[0].length];
            for (int j = 0; j < steps.size(); j++) {
                for (int i = 0; i < value.length; i++) {
                    value[i] += c[row][steps.get(j)] * vectors[j][i];
                }
            }
            for (double one : value) {
                sum += one * one;
            }
        }
        return sum;
    }

    @ParameterizedTest
    @MethodSource("noises")
    void squaredSensitivity_everyParticipation_isTheLargestOfAllPatterns(CorrelatedNoise noise) {
        for (int k = 1; k <= 4; k++) {
            for (int b = 1; b <= 5; b++) {
                CorrelationMatrix matrix = CorrelationMatrix.of(noise, STEPS, k, b);
                double[][] c = dense(matrix, STEPS);
                double[][] equal = {{1}, {1}, {1}, {1}};
                for (int t = 1; t <= STEPS; t++) {
                    double largest = 0;
                    for (List<Integer> steps : patterns(t, k, b)) {
                        largest = Math.max(largest, squaredNorm(c, t, steps, equal));
                    }
                    assertThat(matrix.squaredSensitivity(t))
                            .as("%s, k = %d, b = %d, t = %d", noise.code(), k, b, t)
                            .isGreaterThanOrEqualTo(largest * (1 - 1e-14))
                            .isCloseTo(largest, Percentage.withPercentage(1e-7));
                }
            }
        }
    }

    @ParameterizedTest
    @MethodSource("noises")
    void squaredSensitivity_vectorsOfAnyDirection_isNeverExceeded(CorrelatedNoise noise) {
        var random = new Random(7);
        CorrelationMatrix matrix = CorrelationMatrix.of(noise, STEPS, 3, 2);
        double[][] c = dense(matrix, STEPS);
        for (List<Integer> steps : patterns(STEPS, 3, 2)) {
            for (int trial = 0; trial < 20; trial++) {
                var vectors = new double[steps.size()][3];
                for (double[] vector : vectors) {
                    double norm = 0;
                    for (int i = 0; i < 3; i++) {
                        vector[i] = random.nextGaussian();
                        norm += vector[i] * vector[i];
                    }
                    for (int i = 0; i < 3; i++) {
                        vector[i] /= Math.sqrt(norm);
                    }
                }
                assertThat(squaredNorm(c, STEPS, steps, vectors))
                        .isLessThanOrEqualTo(matrix.squaredSensitivity(STEPS) * (1 + 1e-14));
            }
        }
    }

    /** What two data sets need as draws for the same releases, when mixtures are rounded: integers of one coordinate. */
    private static double squaredDistance(CorrelationMatrix matrix, long[] released, long[] x, long[] other, int t) {
        long[] draws = draws(matrix, released, x);
        long[] others = draws(matrix, released, other);
        double sum = 0;
        for (int s = 0; s < t; s++) {
            double apart = draws[s] - others[s];
            sum += apart * apart;
        }
        return sum;
    }

    private static long[] draws(CorrelationMatrix matrix, long[] released, long[] x) {
        long[] weights = matrix.weights();
        boolean banded = matrix.noise().isBanded();
        var draws = new long[x.length];
        for (int t = 0; t < x.length; t++) {
            long mixture = 0;
            for (int j = 1; j <= weights.length && j <= t; j++) {
                mixture += weights[j - 1] * (banded ? released[t - j] - x[t - j] : draws[t - j]);
            }
            long rounded = Math.round(mixture / (double) (1 << 24));
            draws[t] = released[t] - x[t] + (banded ? rounded : -rounded);
        }
        return draws;
    }

    @ParameterizedTest
    @MethodSource("noises")
    void rounding_anyReleases_coversWhatRoundingMixturesAdds(CorrelatedNoise noise) {
        var random = new Random(11);
        int steps = 40;
        int b = 6;
        CorrelationMatrix matrix = CorrelationMatrix.of(noise, steps, 3, b);
        double closest = 0;
        for (int trial = 0; trial < 300; trial++) {
            int length = 20; // of one example's share, in units: rounding is a large part of it
            var released = new long[steps];
            var x = new long[steps];
            for (int t = 0; t < steps; t++) {
                released[t] = random.nextInt(2001) - 1000L;
                x[t] = random.nextInt(2001) - 1000L;
            }
            long[] other = x.clone();
            for (int j = 0, at = 0; j < 3; j++, at += b + random.nextInt(3)) {
                other[at] += trial % 2 == 0 ? length : random.nextLong(2L * length + 1) - length;
            }
            for (int t = 1; t <= steps; t++) {
                double bound = Math.sqrt(matrix.squaredSensitivity(t)) * (length + matrix.rounding());
                double found = Math.sqrt(squaredDistance(matrix, released, x, other, t));
                assertThat(found).as("%s, t = %d", noise.code(), t).isLessThanOrEqualTo(bound);
                closest = Math.max(closest, found / (Math.sqrt(matrix.squaredSensitivity(t)) * length));
            }
        }
        assertThat(closest).as("the bound is needed").isGreaterThan(1);
    }

    @Test
    void squaredSensitivity_lambdaCgd_isTheClosedFormOfThePaper() {
        // arXiv 2601.22334, theorem 1: (1 - l^(2b)) / ((1 - l^2) (1 - l^b)^2) sum over j < k of (1 - l^(b (j + 1)))^2,
        // for T = k b.
        for (double lambda : List.of(0.25, 0.5, 0.875)) { // multiples of 2^-24
            for (int b : List.of(1, 3, 40)) {
                for (int k : List.of(1, 2, 7)) {
                    double sum = 0;
                    for (int j = 0; j < k; j++) {
                        sum += Math.pow(1 - Math.pow(lambda, b * (j + 1)), 2);
                    }
                    double expected = (1 - Math.pow(lambda, 2 * b))
                            / ((1 - lambda * lambda) * Math.pow(1 - Math.pow(lambda, b), 2))
                            * sum;
                    assertThat(CorrelationMatrix.of(CorrelatedNoise.lambdaCgd(lambda), (long) k * b, k, b)
                                    .squaredSensitivity((long) k * b))
                            .isCloseTo(expected, Percentage.withPercentage(1e-7));
                }
            }
        }
    }

    @Test
    void coefficients_squareRoots_areThePublishedOnes() {
        // Fichtenberger, Henzinger and Upadhyay 2023: of (1 - x)^(-1/2), and of (1 - x)^(1/2) for the inverse.
        double[] root = CorrelationMatrix.of(CorrelatedNoise.bandedSquareRoot(5), 100, 1, 1)
                .coefficients();
        assertThat(root).containsExactly(new double[] {1, 0.5, 0.375, 0.3125, 0.2734375}, within(1e-7));
        assertThat(CorrelationMatrix.of(CorrelatedNoise.bisr(5), 100, 1, 1).weights())
                .containsExactly(
                        Math.round(-0.5 * (1 << 24)),
                        Math.round(-0.125 * (1 << 24)),
                        Math.round(-0.0625 * (1 << 24)),
                        Math.round(-0.0390625 * (1 << 24)));
        // With all bands, both are the square root of the prefix sums, whose first column is that of the matrix.
        double[] inverted =
                CorrelationMatrix.of(CorrelatedNoise.bisr(32), 32, 1, 1).coefficients();
        double[] direct = CorrelationMatrix.of(CorrelatedNoise.bandedSquareRoot(32), 32, 1, 1)
                .coefficients();
        assertThat(inverted).containsExactly(direct, within(1e-5));
    }

    @Test
    void sensitivity_bandsWithinTheSeparation_isThatOfSeparateColumns() {
        for (CorrelatedNoise noise : List.of(CorrelatedNoise.bandMf(8), CorrelatedNoise.bandedSquareRoot(8))) {
            double once = CorrelationMatrix.of(noise, 80, 1, 8).sensitivity();
            assertThat(CorrelationMatrix.of(noise, 80, 10, 8).sensitivity())
                    .isCloseTo(once * Math.sqrt(10), Percentage.withPercentage(1e-6));
            assertThat(CorrelationMatrix.of(noise, 80, 10, 7).sensitivity())
                    .as("bands longer than the separation")
                    .isGreaterThan(once * Math.sqrt(10) * 1.01);
        }
    }

    @ParameterizedTest
    @ValueSource(ints = {2, 5, 16})
    void bandMf_nearbyCoefficients_haveMoreError(int bands) {
        int steps = 60;
        double[] best = BandedToeplitz.optimized(bands, steps);
        double value = BandedToeplitz.value(best, steps, new double[bands]);
        var random = new Random(3);
        for (int trial = 0; trial < 50; trial++) {
            double[] other = best.clone();
            for (int j = 1; j < bands; j++) {
                other[j] += 0.02 * random.nextGaussian();
            }
            assertThat(BandedToeplitz.value(other, steps, new double[bands])).isGreaterThanOrEqualTo(value);
        }
        assertThat(CorrelationMatrix.of(CorrelatedNoise.bandMf(bands), steps, 1, 1)
                        .error())
                .isLessThan(CorrelationMatrix.of(CorrelatedNoise.bandedSquareRoot(bands), steps, 1, 1)
                        .error());
    }

    @Test
    void bandMf_twoBands_isTheMinimumOfASearchByHand() {
        int steps = 12;
        double least = Double.POSITIVE_INFINITY;
        double at = 0;
        for (double c = 0; c < 1; c += 1e-5) {
            // (C^-1)_k = (-c)^k, and its prefix sums are (1 - (-c)^(k + 1)) / (1 + c)
            double error = 0;
            for (int k = 0; k < steps; k++) {
                double prefix = (1 - Math.pow(-c, k + 1)) / (1 + c);
                error += (steps - k) * prefix * prefix / steps;
            }
            if (error * (1 + c * c) < least) {
                least = error * (1 + c * c);
                at = c;
            }
        }
        CorrelationMatrix matrix = CorrelationMatrix.of(CorrelatedNoise.bandMf(2), steps, 1, 1);
        assertThat(matrix.coefficients()[1]).isCloseTo(at, within(2e-5));
        assertThat(matrix.error()).isCloseTo(Math.sqrt(least), within(1e-6));
    }

    @ParameterizedTest
    @MethodSource("noises")
    void error_anyNoise_isThatOfTheDenseMatrices(CorrelatedNoise noise) {
        CorrelationMatrix matrix = CorrelationMatrix.of(noise, STEPS, 1, 1);
        double[][] c = dense(matrix, STEPS);
        double sum = 0;
        for (int t = 0; t < STEPS; t++) {
            // Row t of A C^-1 is the solution y of y C = (1, ..., 1, 0, ...).
            var y = new double[STEPS];
            for (int s = STEPS - 1; s >= 0; s--) {
                double value = s <= t ? 1 : 0;
                for (int r = s + 1; r < STEPS; r++) {
                    value -= y[r] * c[r][s];
                }
                y[s] = value;
                sum += value * value;
            }
        }
        assertThat(matrix.error())
                .isCloseTo(Math.sqrt(sum / STEPS) * matrix.sensitivity(), Percentage.withPercentage(1e-6));
    }

    @ParameterizedTest
    @MethodSource("noises")
    void parse_code_isTheSameNoise(CorrelatedNoise noise) {
        assertThat(CorrelatedNoise.parse(noise.code())).isEqualTo(noise);
    }

    @Test
    void of_outOfRange_isRefusedByName() {
        assertThatIllegalArgumentException()
                .isThrownBy(() -> CorrelatedNoise.lambdaCgd(1))
                .withMessage("lambda must be in (0, 1), was 1.0");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> CorrelatedNoise.bisr(1))
                .withMessage("bands must be from 2 to 1024, was 1");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> CorrelatedNoise.parse("bisr:many"))
                .withMessageContaining("was bisr:many");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> CorrelationMatrix.of(CorrelatedNoise.bisr(4), 0, 1, 1))
                .withMessageContaining("steps with correlated noise");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> CorrelationMatrix.of(CorrelatedNoise.bisr(4), 9, 0, 1))
                .withMessageContaining("participations");
    }
}
