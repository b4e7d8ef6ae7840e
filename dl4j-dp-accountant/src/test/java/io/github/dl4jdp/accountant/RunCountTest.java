// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.accountant;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.SplittableRandom;
import java.util.function.IntToDoubleFunction;
import java.util.random.RandomGenerator;
import org.apache.commons.numbers.gamma.LogGamma;
import org.apache.commons.numbers.gamma.RegularizedGamma;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** The number of runs of a search: its distribution, and draws from it. */
class RunCountTest {
    private static final double POISSON = Double.POSITIVE_INFINITY;

    /** Long and short tails, large shapes that are drawn as a sum, and Poisson likewise. */
    private static final List<RunCount> COUNTS = List.of(
            RunCount.logarithmic(1.001),
            RunCount.logarithmic(10),
            RunCount.geometric(10),
            new RunCount(10, 0.5),
            new RunCount(10, -0.5),
            new RunCount(1.5, 3),
            new RunCount(40, 1e6),
            new RunCount(2000, 1000),
            RunCount.poisson(1),
            RunCount.poisson(7),
            RunCount.poisson(1200));

    /** log P(k) as definition 1 of Papernot and Steinke 2022 has it, the product written with gamma functions. */
    private static double logProbability(RunCount count, int k) {
        if (count.isPoisson()) {
            return k * Math.log(count.mean()) - count.mean() - LogGamma.value(k + 1.0);
        }
        double t = count.logInverseGamma();
        double eta = count.shape();
        double power = k * Math.log1p(-Math.exp(-t));
        if (eta == 0) {
            return power - Math.log(k * t);
        }
        // log |Gamma(eta)| of eta in (-1, 0); its sign is that of gamma^-eta - 1
        double first = eta > 0 ? LogGamma.value(eta) : LogGamma.value(eta + 1) - Math.log(-eta);
        double norm = eta * t > 500 ? eta * t : Math.log(Math.abs(Math.expm1(eta * t)));
        return power + LogGamma.value(k + eta) - first - LogGamma.value(k + 1.0) - norm;
    }

    private static int smallest(RunCount count) {
        return count.isPoisson() ? 0 : 1;
    }

    @Test
    void mean_everyDistribution_isTheSumOverItsProbabilities() {
        for (RunCount count : COUNTS) {
            double sum = 0;
            double mean = 0;
            for (int k = smallest(count); k < 20_000; k++) {
                double probability = Math.exp(logProbability(count, k));
                sum += probability;
                mean += k * probability;
            }
            // The logarithms of gamma functions of a million have errors of 1e-9.
            assertThat(sum).as(count.toString()).isCloseTo(1, within(1e-7));
            assertThat(mean / count.mean()).as(count.toString()).isCloseTo(1, within(1e-7));
        }
    }

    /**
     * The root of {@code eta (e^t - 1) / (1 - e^(-eta t)) = mean}, {@code (e^t - 1) / t = mean} at zero, by bisection in 40 digits:
     *
     * <pre>{@code
     * from mpmath import *; mp.dps = 40
     * def root(m, e):
     *     f = lambda t: expm1(t) / t if e == 0 else e * expm1(t) / -expm1(-e * t)
     *     return findroot(lambda t: f(t) - m, (mpf(10) ** -6, 60), solver='bisect', maxsteps=300)
     * }</pre>
     */
    @ParameterizedTest
    @CsvSource({
        "10, 0, 3.6149504270875306297",
        "10, 0.5, 2.7725887222397812377",
        "10, 1, 2.302585092994045684",
        "10, -0.5, 5.88887795833288092",
        "1.5, 3, 0.2100598749078047483",
        "100, 0, 6.4746003795893581203",
        "1.001, 0, 0.0019986677767711025586"
    })
    void logInverseGamma_referenceValues_isNeverBelow(double mean, double shape, double reference) {
        assertThat(new RunCount(mean, shape).logInverseGamma()).isBetween(reference, reference * (1 + 1e-10));
    }

    @Test
    void logInverseGamma_meanOne_isZero() {
        assertThat(new RunCount(1, 0).logInverseGamma()).isZero();
        assertThat(new RunCount(1, 0).draw()).isEqualTo(1);
    }

    /**
     * Pearson's chi-square over 50,000 draws. Each distribution fails for one seed in a million; so small a p-value for a mean that
     * is 20 % too large shows that the test would notice.
     */
    @Test
    void draw_manyNumbers_followTheDistribution() {
        for (RunCount count : COUNTS.subList(1, COUNTS.size())) {
            RandomGenerator random = new SplittableRandom(6);
            int[] drawn = new int[50_000];
            Arrays.setAll(drawn, i -> count.draw(random));
            assertThat(pValue(drawn, count)).as(count.toString()).isGreaterThan(1e-6);
            RunCount other = new RunCount(count.mean() * 1.2, count.shape());
            assertThat(pValue(drawn, other)).as(other.toString()).isLessThan(1e-6);
        }
    }

    /** Cells of equal numbers where at least 50 draws are expected in each, the last one open. */
    private static double pValue(int[] drawn, RunCount count) {
        int[] histogram = new int[Arrays.stream(drawn).max().orElseThrow() + 1];
        Arrays.stream(drawn).forEach(k -> histogram[k]++);
        IntToDoubleFunction expected = k -> k < smallest(count) ? 0 : drawn.length * Math.exp(logProbability(count, k));
        double statistic = 0;
        int cells = 0;
        double cell = 0;
        int found = 0;
        double restExpected = drawn.length;
        int restFound = drawn.length;
        for (int k = 0; k < histogram.length && restExpected - cell > 100; k++) {
            cell += expected.applyAsDouble(k);
            found += histogram[k];
            if (cell >= 50) {
                statistic += (found - cell) * (found - cell) / cell;
                cells++;
                restExpected -= cell;
                restFound -= found;
                cell = 0;
                found = 0;
            }
        }
        statistic += (restFound - restExpected) * (restFound - restExpected) / restExpected;
        return RegularizedGamma.Q.value(cells / 2.0, statistic / 2);
    }

    /** The smallest and the largest number there is, and the ends of every number's interval in a distribution with a closed form. */
    @Test
    void draw_uniformNumbers_invertsTheDistributionFunction() {
        for (RunCount count : COUNTS) {
            if (count.shape() != 1000) { // where zeros are drawn again
                assertThat(count.draw(always(0))).as(count.toString()).isEqualTo(smallest(count));
            }
            assertThat(count.draw(always(1 - 0x1p-53))).as(count.toString()).isGreaterThan((int) count.mean());
        }
        RunCount geometric = RunCount.geometric(10);
        for (int k = 1; k < 200; k++) {
            double end = 1 - Math.pow(0.9, k);
            assertThat(geometric.draw(always(end - 1e-12))).isEqualTo(k);
            assertThat(geometric.draw(always(end + 1e-12))).isEqualTo(k + 1);
        }
    }

    private static RandomGenerator always(double uniform) {
        return new RandomGenerator() {
            @Override
            public long nextLong() {
                throw new UnsupportedOperationException("draws take doubles");
            }

            @Override
            public double nextDouble() {
                return uniform;
            }
        };
    }

    /** All 200 draws alike: a probability of 1e-113. */
    @Test
    void draw_withoutGenerator_differs() {
        Set<Integer> drawn = new HashSet<>();
        for (int i = 0; i < 200; i++) {
            drawn.add(RunCount.logarithmic(10).draw());
        }
        assertThat(drawn).hasSizeGreaterThan(1).allMatch(k -> k >= 1);
    }

    @Test
    void constructor_shapeOutOfRange_throws() {
        for (double bad : new double[] {-1, Double.NEGATIVE_INFINITY, Double.NaN, 1.1e6}) {
            assertThatThrownBy(() -> new RunCount(10, bad))
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessage("shape must be > -1 and <= 1e6, or infinite for Poisson, was " + bad);
        }
    }

    @Test
    void constructor_meanOutOfRange_throws() {
        for (double bad : new double[] {0.999, -3, Double.NaN, Double.POSITIVE_INFINITY, 2203}) {
            assertThatThrownBy(() -> RunCount.logarithmic(bad))
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessageMatching("mean must be >= 1 and <= 2202\\.54\\d* at shape 0\\.0, was " + bad);
        }
        assertThatThrownBy(() -> new RunCount(0.5, POISSON))
                .hasMessage("mean must be >= 1 and <= 10000.0 at shape Infinity, was 0.5");
        assertThat(RunCount.logarithmic(2202).logInverseGamma()).isLessThan(10);
    }

    @Test
    void equals_negativeZeroShape_isTheLogarithmicDistribution() {
        assertThat(new RunCount(10, -0.0)).isEqualTo(RunCount.logarithmic(10));
    }
}
