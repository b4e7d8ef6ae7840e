// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core.random;

import static org.assertj.core.api.Assertions.assertThat;

import org.apache.commons.statistics.distribution.ChiSquaredDistribution;
import org.apache.commons.statistics.distribution.NormalDistribution;
import org.apache.commons.statistics.inference.KolmogorovSmirnovTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * What leaves {@link GaussianNoise} is Gaussian of the promised width, and independent between coordinates, steps and runs.
 *
 * <p>All seeds are fixed, so no test is flaky; the rates given are the probability with which a right sampler would fail
 * under a random seed.
 */
class GaussianNoiseStatisticsTest {

    /** Of each single check, two-sided. */
    private static final double FALSE_FAILURE_RATE = 1e-6;

    /** A standard normal variable exceeds this in absolute value with the false-failure rate. */
    private static final double QUANTILE =
            NormalDistribution.of(0, 1).inverseSurvivalProbability(FALSE_FAILURE_RATE / 2);

    private static double[] noise(double noiseMultiplier, double clippingNorm, int count, long seed, long step) {
        double[] sum = new double[count];
        new GaussianNoise(noiseMultiplier, clippingNorm, count)
                .release(RandomStreams.seeded(seed), "noise", step)
                .addTo(sum, 0, count);
        return sum;
    }

    private static double kolmogorovSmirnov(double[] values, double standardDeviation) {
        NormalDistribution normal = NormalDistribution.of(0, standardDeviation);
        return KolmogorovSmirnovTest.withDefaults()
                .test(values, normal::cumulativeProbability)
                .getPValue();
    }

    /**
     * Accepts sigma C, rejects 2/3 and 3/2 of it. False failure of the acceptance: 1e-6. With 20 000 values the distance of
     * the distributions (0.08 or more) is eleven times the distance that is accepted, so a wrong width cannot pass.
     */
    @ParameterizedTest
    @CsvSource({"1.1, 1.0", "0.5, 0.1", "8.0, 3.0"})
    void addTo_widthOfTheNoise_isSigmaTimesTheClippingNorm(double noiseMultiplier, double clippingNorm) {
        double sigma = noiseMultiplier * clippingNorm;
        double[] values = noise(noiseMultiplier, clippingNorm, 20_000, 21, 0);
        assertThat(kolmogorovSmirnov(values, sigma)).isGreaterThan(FALSE_FAILURE_RATE);
        assertThat(kolmogorovSmirnov(values, sigma * 2 / 3)).isLessThan(1e-30);
        assertThat(kolmogorovSmirnov(values, sigma * 3 / 2)).isLessThan(1e-30);
    }

    /** Mean, variance (chi-squared), skewness and kurtosis of 4 million values; false failure 4e-6. */
    @Test
    void addTo_moments_areThoseOfTheNormalDistribution() {
        int n = 4_000_000;
        double[] values = noise(1.0, 1.0, n, 22, 0);
        double standardDeviation = new GaussianNoise(1.0, 1.0, n).standardDeviation();
        double[] moments = new double[5];
        for (double value : values) {
            double z = value / standardDeviation;
            double power = 1;
            for (int k = 1; k < moments.length; k++) {
                power *= z;
                moments[k] += power;
            }
        }
        assertThat(moments[1] / Math.sqrt(n)).isBetween(-QUANTILE, QUANTILE);
        ChiSquaredDistribution chiSquared = ChiSquaredDistribution.of(n);
        assertThat(moments[2])
                .isBetween(
                        chiSquared.inverseCumulativeProbability(FALSE_FAILURE_RATE / 2),
                        chiSquared.inverseSurvivalProbability(FALSE_FAILURE_RATE / 2));
        // Var Z^3 = 15, Var Z^4 = 105 - 9 = 96
        assertThat(moments[3] / Math.sqrt(15.0 * n)).isBetween(-QUANTILE, QUANTILE);
        assertThat((moments[4] - 3.0 * n) / Math.sqrt(96.0 * n)).isBetween(-QUANTILE, QUANTILE);
    }

    /** False failure 1e-6 each: neighboring coordinates, coordinates one keystream segment apart, and their magnitudes. */
    @ParameterizedTest
    @CsvSource({"1", "2", "512", "4096", "8192"})
    void addTo_coordinates_areUncorrelated(int distance) {
        double[] values = noise(1.0, 1.0, 1_000_000, 23, 0);
        int n = values.length - distance;
        double products = 0;
        double squares = 0;
        for (int i = 0; i < n; i++) {
            double x = values[i];
            double y = values[i + distance];
            products += x * y;
            squares += (x * x - 1) * (y * y - 1);
        }
        // Var(XY) = 1 and Var((X^2 - 1)(Y^2 - 1)) = 4
        assertThat(products / Math.sqrt(n)).isBetween(-QUANTILE, QUANTILE);
        assertThat(squares / Math.sqrt(4.0 * n)).isBetween(-QUANTILE, QUANTILE);
    }

    /** The same coordinate in other steps and other runs; false failure 1e-6 each. */
    @ParameterizedTest
    @CsvSource({"24, 1", "24, 2", "25, 0", "-24, 0"})
    void addTo_stepsAndRuns_areUncorrelated(long seed, long step) {
        double[] one = noise(1.0, 1.0, 1_000_000, 24, 0);
        double[] other = noise(1.0, 1.0, 1_000_000, seed, step);
        double products = 0;
        double squares = 0;
        for (int i = 0; i < one.length; i++) {
            double x = one[i];
            double y = other[i];
            products += x * y;
            squares += (x * x - 1) * (y * y - 1);
        }
        assertThat(products / Math.sqrt(one.length)).isBetween(-QUANTILE, QUANTILE);
        assertThat(squares / Math.sqrt(4.0 * one.length)).isBetween(-QUANTILE, QUANTILE);
    }

    /** The noise of one coordinate over many steps is Gaussian too; false failure 1e-6. */
    @Test
    void addTo_oneCoordinateOverSteps_isNormal() {
        double[] values = new double[3000];
        for (int step = 0; step < values.length; step++) {
            values[step] = noise(1.0, 1.0, 1, 26, step)[0];
        }
        assertThat(kolmogorovSmirnov(values, 1.0)).isGreaterThan(FALSE_FAILURE_RATE);
    }
}
