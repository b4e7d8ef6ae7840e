// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core.random;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import org.apache.commons.statistics.distribution.BinomialDistribution;
import org.apache.commons.statistics.distribution.NormalDistribution;
import org.apache.commons.statistics.inference.ChiSquareTest;
import org.apache.commons.statistics.inference.KolmogorovSmirnovTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class RoundedGaussianTest {

    private static final NormalDistribution NORMAL = NormalDistribution.of(0, 1);

    /**
     * The probability that the tables give to a point, summed over the pieces, is one and the same multiple of exp(-x^2/2)
     * everywhere: the tables have no error that could be seen in any number of samples.
     */
    @ParameterizedTest
    @ValueSource(ints = {4, 8, 20, 30, 40})
    void tables_everyPoint_isProportionalToTheDensity(int bits) {
        RoundedGaussian gaussian = new RoundedGaussian(bits);
        double scale = (double) (1L << bits);
        double r = (gaussian.widest(0) + 0.5) / scale;
        // of the tail, both sides, from an independent implementation
        double tailMass = 2 * NORMAL.survivalProbability(r) * Math.sqrt(2 * Math.PI);
        double perDensity = gaussian.tailProbability() / tailMass;
        for (int i = 0; i <= 20_000; i++) {
            double x = r * i / 20_001.0;
            double expected = perDensity * Math.exp(-0.5 * x * x);
            assertThat(pointProbability(gaussian, scale, x)).isCloseTo(expected, within(expected * 1e-13));
        }
    }

    private static double pointProbability(RoundedGaussian gaussian, double scale, double x) {
        long n = Math.round(x * scale);
        double sum = (1 - gaussian.tailProbability()) / (2 * (gaussian.widest(0) + 0.5) / scale);
        double density = Math.exp(-0.5 * x * x);
        for (int i = 1; i < gaussian.layers(); i++) {
            double accepted = n <= gaussian.safe(i)
                    ? 1
                    : Math.min(1, Math.max(0, (density - gaussian.bottom(i)) / gaussian.height(i)));
            if (n <= gaussian.widest(i)) {
                sum += accepted / (2 * (gaussian.widest(i) + 0.5) / scale);
            } else {
                assertThat(accepted).isZero();
            }
        }
        return sum;
    }

    @ParameterizedTest
    @ValueSource(ints = {4, 8, 20, 30, 40})
    void tables_safeCells_lieBelowTheCurve(int bits) {
        RoundedGaussian gaussian = new RoundedGaussian(bits);
        double scale = (double) (1L << bits);
        for (int i = 1; i < gaussian.layers(); i++) {
            if (gaussian.safe(i) >= 0) {
                double x = (gaussian.safe(i) + 0.5) / scale;
                assertThat(Math.exp(-0.5 * x * x)).isGreaterThanOrEqualTo(gaussian.bottom(i) + gaussian.height(i));
            }
        }
    }

    /** A right sampler fails with probability 1e-6 (fixed seed: it does not). */
    @Test
    void sample_coarseScale_hasTheExactProbabilities() {
        RoundedGaussian gaussian = new RoundedGaussian(4);
        int reach = 64; // 4 standard deviations, and one bin for what lies beyond on each side
        long[] counts = new long[2 * reach + 1];
        double[] expected = new double[2 * reach + 1];
        for (int n = -reach; n <= reach; n++) {
            double upper = n == reach ? 1 : NORMAL.cumulativeProbability((n + 0.5) / 16);
            double lower = n == -reach ? 0 : NORMAL.cumulativeProbability((n - 0.5) / 16);
            expected[n + reach] = upper - lower;
        }
        KeystreamGenerator random =
                new KeystreamGenerator(RandomStreams.seeded(11).streamKey("noise", 0), 0L);
        for (int i = 0; i < 4_000_000; i++) {
            long n = gaussian.sample(random);
            counts[(int) Math.max(-reach, Math.min(reach, n)) + reach]++;
        }
        assertThat(ChiSquareTest.withDefaults().test(expected, counts).getPValue())
                .isGreaterThan(1e-6);
    }

    /** A right sampler fails with probability 1e-6 (fixed seed: it does not). */
    @Test
    void sample_fineScale_isNormal() {
        double[] values = standardized(12, 200_000);
        double p = KolmogorovSmirnovTest.withDefaults()
                .test(values, NORMAL::cumulativeProbability)
                .getPValue();
        assertThat(p).isGreaterThan(1e-6);
    }

    /**
     * The tail beyond r = 3.65, which is drawn by another method, has the right mass and the right shape. A right sampler
     * fails with probability 1e-6 for each of the three (fixed seed: it does not).
     */
    @Test
    void sample_tail_hasTheRightMassAndShape() {
        int count = 20_000_000;
        double from = 3.7;
        RoundedGaussian gaussian = new RoundedGaussian(30);
        KeystreamGenerator random =
                new KeystreamGenerator(RandomStreams.seeded(13).streamKey("noise", 0), 0L);
        double[] tail = new double[10_000];
        int upper = 0;
        int lower = 0;
        for (int i = 0; i < count; i++) {
            double x = gaussian.sample(random) * 0x1p-30;
            if (Math.abs(x) > from) {
                tail[upper + lower] = Math.abs(x);
                if (x > 0) {
                    upper++;
                } else {
                    lower++;
                }
            }
        }
        double mass = NORMAL.survivalProbability(from);
        assertBinomial(upper, count, mass);
        assertBinomial(lower, count, mass);
        double p = KolmogorovSmirnovTest.withDefaults()
                .test(java.util.Arrays.copyOf(tail, upper + lower), x -> 1 - NORMAL.survivalProbability(x) / mass)
                .getPValue();
        assertThat(p).isGreaterThan(1e-6);
    }

    private static void assertBinomial(int observed, int trials, double probability) {
        BinomialDistribution binomial = BinomialDistribution.of(trials, probability);
        assertThat(observed)
                .isBetween(binomial.inverseCumulativeProbability(0.5e-6), binomial.inverseSurvivalProbability(0.5e-6));
    }

    /** Every bit of the integer below the standard deviation is fair. Fails with probability 3e-5 for a right sampler. */
    @Test
    void sample_lowBits_areFair() {
        RoundedGaussian gaussian = new RoundedGaussian(30);
        KeystreamGenerator random =
                new KeystreamGenerator(RandomStreams.seeded(14).streamKey("noise", 0), 0L);
        int count = 1_000_000;
        int[] ones = new int[28];
        for (int i = 0; i < count; i++) {
            long n = gaussian.sample(random);
            for (int bit = 0; bit < ones.length; bit++) {
                ones[bit] += (int) (n >>> bit) & 1;
            }
        }
        for (int one : ones) {
            assertBinomial(one, count, 0.5);
        }
    }

    @ParameterizedTest
    @ValueSource(ints = {3, 41})
    void constructor_bitsOutsideRange_throws(int bits) {
        assertThatThrownBy(() -> new RoundedGaussian(bits))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage("bits must be from 4 to 40, was " + bits);
    }

    private static double[] standardized(long seed, int count) {
        RoundedGaussian gaussian = new RoundedGaussian(30);
        KeystreamGenerator random =
                new KeystreamGenerator(RandomStreams.seeded(seed).streamKey("noise", 0), 0L);
        double[] values = new double[count];
        for (int i = 0; i < count; i++) {
            values[i] = gaussian.sample(random) * 0x1p-30;
        }
        return values;
    }
}
