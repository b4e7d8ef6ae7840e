// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.accountant;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import io.github.dl4jdp.accountant.DpEvent.Composed;
import io.github.dl4jdp.accountant.DpEvent.EpsilonDelta;
import io.github.dl4jdp.accountant.DpEvent.Gaussian;
import io.github.dl4jdp.accountant.DpEvent.Laplace;
import io.github.dl4jdp.accountant.DpEvent.NonPrivate;
import io.github.dl4jdp.accountant.DpEvent.PoissonSampled;
import io.github.dl4jdp.accountant.DpEvent.RandomAllocation;
import io.github.dl4jdp.accountant.DpEvent.SelfComposed;
import java.util.List;
import java.util.Random;
import org.apache.commons.numbers.gamma.Erfc;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Random allocation against the truth: closed forms, quadrature, simulation of the pair, and bounds from both sides. */
class RandomAllocationTest {
    private static final double TAIL = 1e-14;

    /** Of the lattice of the simulated passes. */
    private static final double STEP = 0.02;

    private static DpEvent passes(long lots, long passes, double sigma) {
        return new SelfComposed(new RandomAllocation(lots, new Gaussian(sigma)), passes);
    }

    private static double epsilon(DpEvent event, double delta) {
        return new PldAccountant().compose(event).epsilon(delta);
    }

    private static double phi(double z) {
        return Erfc.value(-z / Math.sqrt(2)) / 2;
    }

    @Test
    void epsilon_oneLot_isPlainGaussian() {
        for (double sigma : new double[] {0.5, 1, 4}) {
            assertThat(epsilon(passes(1, 7, sigma), 1e-6))
                    .isEqualTo(epsilon(new SelfComposed(new Gaussian(sigma), 7), 1e-6));
        }
    }

    /** Without the closed form for one lot: the law of one ratio is that of the Gaussian itself, in both directions. */
    @ParameterizedTest
    @ValueSource(doubles = {0.3, 1, 3, 50})
    void ratioLaw_oneLot_bracketsPlainGaussian(double sigma) {
        RatioLaw upper = RatioLaw.ofGaussian(sigma, true, TAIL);
        RatioLaw lower = RatioLaw.ofGaussian(sigma, false, TAIL);
        for (double epsilon : new double[] {0, 0.01 / sigma, 0.5 / sigma, 2 / sigma, 4 / sigma}) {
            double exact = GaussianTradeOff.delta(1 / sigma, epsilon);
            assertBracketed(exact, forward(lower, epsilon), forward(upper, epsilon));
            assertBracketed(exact, backward(lower, epsilon), backward(upper, epsilon));
        }
    }

    private static void assertBracketed(double exact, double low, double high) {
        assertThat(low).isLessThanOrEqualTo(exact * (1 + 1e-9) + 1e-13).isGreaterThan(exact * 0.99 - 1e-12);
        assertThat(high).isGreaterThanOrEqualTo(exact * (1 - 1e-9) - 1e-13).isLessThan(exact * 1.01 + 1e-12);
    }

    /** Delta where an example is removed: E_Q[(R - exp(epsilon))+]. */
    private static double forward(RatioLaw law, double epsilon) {
        double sum = law.infinite();
        for (int i = 0; i < law.size(); i++) {
            sum += law.mass(i) * Math.max(0, law.value(i) - Math.exp(epsilon));
        }
        return sum;
    }

    /** Delta where one is added: E_Q[(1 - exp(epsilon) R)+]. */
    private static double backward(RatioLaw law, double epsilon) {
        double sum = 0;
        for (int i = 0; i < law.size(); i++) {
            sum += law.mass(i) * Math.max(0, 1 - Math.exp(epsilon) * law.value(i));
        }
        return sum;
    }

    /**
     * One pass of two lots: given the first ratio w, the second one must be above 2 exp(e) - w, or below 2 exp(-e) - w, and its
     * mean beyond is a Gaussian tail.
     */
    private static double twoLots(double sigma, double epsilon, boolean added) {
        double middle = 2 * Math.exp(added ? -epsilon : epsilon);
        double sum = 0;
        double step = 1e-3;
        for (double g = -12; g <= 12; g += step) {
            double w = Math.exp(g / sigma - 0.5 / (sigma * sigma));
            double rest = middle - w;
            double z = rest > 0 ? Math.log(rest) * sigma + 0.5 / sigma : Double.NEGATIVE_INFINITY;
            // Of the second ratio under Q: how often it is beyond, and its mean there.
            double often = added ? phi(z) : phi(-z);
            double mean = added ? phi(z - 1 / sigma) : phi(1 / sigma - z);
            double part = added
                    ? often * (1 - Math.exp(epsilon) * w / 2) - Math.exp(epsilon) * mean / 2
                    : (w * often + mean) / 2 - Math.exp(epsilon) * often;
            sum += Math.exp(-g * g / 2) * part;
        }
        return sum * step / Math.sqrt(2 * Math.PI);
    }

    @ParameterizedTest
    @CsvSource({
        "0.5, 0.2",
        "0.5, 3",
        "0.5, 9",
        "1, 0.1",
        "1, 1",
        "1, 3",
        "1, 4.5",
        "2, 0.05",
        "2, 0.7",
        "2, 1.6",
        "8, 0.01",
        "8, 0.2"
    })
    void delta_twoLots_bracketsQuadratureInBothDirections(double sigma, double epsilon) {
        double removed = twoLots(sigma, epsilon, false);
        double added = twoLots(sigma, epsilon, true);
        RatioLaw upper = RatioLaw.ofGaussian(sigma, true, TAIL).meanOf(2, TAIL);
        RatioLaw lower = RatioLaw.ofGaussian(sigma, false, TAIL).meanOf(2, TAIL);
        assertBracketed(removed, forward(lower, epsilon), forward(upper, epsilon));
        assertBracketed(added, backward(lower, epsilon), backward(upper, epsilon));
        // The lattice of the accountant, whose two directions are kept apart.
        LossLattice lattice = new AllocationPair(2, sigma).lattice(LossGrid.even(1e-4 / sigma), 1e-15);
        assertThat(delta(lattice.forward(), epsilon)).isBetween(removed * (1 - 1e-9), removed * 1.01 + 1e-12);
        assertThat(delta(lattice.backward(), epsilon)).isBetween(added * (1 - 1e-9), added * 1.01 + 1e-12);
        double delta = new PldAccountant().compose(passes(2, 1, sigma)).delta(epsilon);
        assertThat(delta).isBetween(Math.max(removed, added) * (1 - 1e-9), Math.max(removed, added) * 1.02);
    }

    private static double delta(LossMasses masses, double epsilon) {
        double sum = masses.infinite();
        for (int i = 0; i < masses.size(); i++) {
            sum += masses.mass(i) * Math.max(0, -Math.expm1(epsilon - masses.loss(i)));
        }
        return sum;
    }

    /** The ratio's second moment is 1 + (exp(1 / sigma^2) - 1) / t: larger points have a larger one, smaller points a smaller one. */
    @ParameterizedTest
    @CsvSource({"2, 2", "3, 2", "7, 1.5", "64, 2", "1000, 5", "1000003, 3"})
    void ratioLaw_secondMoment_isBracketed(long lots, double sigma) {
        double exact = Math.expm1(1 / (sigma * sigma)) / lots;
        double upper = variance(RatioLaw.ofGaussian(sigma, true, 1e-30).meanOf(lots, 1e-30));
        double lower = variance(RatioLaw.ofGaussian(sigma, false, 1e-30).meanOf(lots, 1e-30));
        assertThat(lower).isBetween(exact * 0.99, exact * (1 + 1e-9));
        assertThat(upper).isBetween(exact * (1 - 1e-9), exact * 1.01);
    }

    private static double variance(RatioLaw law) {
        double sum = 0;
        for (int i = 0; i < law.size(); i++) {
            sum += law.mass(i) * (law.value(i) - 1) * (law.value(i) - 1);
        }
        return sum;
    }

    /**
     * The mechanism itself, in both directions: which lot an example is in, the noise of all lots, the ratio of the densities. The
     * mean over 60,000 passes is within five standard errors of the exact delta but for a probability of 6e-7 a comparison, ten in all.
     */
    @ParameterizedTest
    @CsvSource({"3, 1, 1, 0.3", "8, 2, 1, 0.3", "16, 1, 0.7, 0.5", "40, 3, 0.6, 0.4", "5, 4, 1.5, 0.5"})
    void delta_simulatedPasses_agrees(int lots, int passes, double sigma, double epsilon) {
        Random random = new Random(17);
        int runs = 60_000 / passes;
        double[] sum = new double[2];
        double[] squares = new double[2];
        for (int run = 0; run < runs; run++) {
            for (int side = 0; side < 2; side++) {
                double loss = 0;
                for (int pass = 0; pass < passes; pass++) {
                    int chosen = side == 0 ? random.nextInt(lots) : -1;
                    double ratio = 0;
                    for (int i = 0; i < lots; i++) {
                        double z = (i == chosen ? 1 : 0) + sigma * random.nextGaussian();
                        ratio += Math.exp((2 * z - 1) / (2 * sigma * sigma));
                    }
                    loss += Math.log(ratio / lots);
                }
                double value = Math.max(0, -Math.expm1(epsilon - (side == 0 ? loss : -loss)));
                sum[side] += value;
                squares[side] += value * value;
            }
        }
        // Both directions, as masses on a lattice, composed without the accountant's transform.
        LossLattice lattice = new AllocationPair(lots, sigma).lattice(LossGrid.even(STEP), 1e-13);
        double[] bound = {
            delta(composed(lattice.forward(), passes), epsilon), delta(composed(lattice.backward(), passes), epsilon)
        };
        for (int side = 0; side < 2; side++) {
            double mean = sum[side] / runs;
            double error = Math.sqrt((squares[side] / runs - mean * mean) / runs);
            assertThat(bound[side]).isBetween(mean - 5 * error, mean * 1.01 + 5 * error);
        }
        double delta = new PldAccountant().compose(passes(lots, passes, sigma)).delta(epsilon);
        assertThat(delta).isCloseTo(Math.max(bound[0], bound[1]), within(1e-2 * delta));
    }

    private static LossMasses composed(LossMasses one, int count) {
        LossMasses all = one;
        for (int i = 1; i < count; i++) {
            double[] mass = new double[all.size() + one.size() - 1];
            for (int a = 0; a < all.size(); a++) {
                for (int b = 0; b < one.size(); b++) {
                    mass[a + b] += all.mass(a) * one.mass(b);
                }
            }
            double infinite = all.infinite() + one.infinite();
            all = new LossMasses(
                    LossGrid.even(STEP), all.first() + one.first(), mass, new double[mass.length], infinite);
        }
        return all;
    }

    /** Estimates by another program, rounded to nearest and not bounds, with those for Poisson lots of the same mean size. */
    @ParameterizedTest
    @CsvSource({
        "128, 10, 0.8, 2.53, 2.72",
        "128, 10, 1.0, 1.48, 1.58",
        "64, 20, 1.0, 3.16, 3.37",
        "16, 50, 2.0, 4.08, 4.22"
    })
    void epsilon_tableOfEstimates_agrees(long lots, long passes, double sigma, double estimate, double poisson) {
        double epsilon = epsilon(passes(lots, passes, sigma), 1e-5);
        assertThat(epsilon).isCloseTo(estimate, within(0.0051 + 0.002 * estimate));
        DpEvent sampled = new SelfComposed(new PoissonSampled(1.0 / lots, new Gaussian(sigma)), lots * passes);
        assertThat(epsilon(sampled, 1e-5)).isCloseTo(poisson, within(0.0051 + 0.002 * poisson));
    }

    @ParameterizedTest
    @CsvSource({
        "2, 1, 1",
        "2, 300, 10",
        "3, 40, 1.7",
        "16, 50, 2",
        "128, 10, 0.8",
        "234, 15, 0.72",
        "1000, 1, 0.5",
        "1000, 200, 1",
        "1024, 100, 0.7",
        "4096, 15, 0.5",
        "17, 5, 8",
        "128, 1, 0.3"
    })
    void epsilon_anySetting_isWithinHalfAPercentOfLowerBound(long lots, long passes, double sigma) {
        PldAccountant accountant = new PldAccountant();
        accountant.compose(passes(lots, passes, sigma));
        for (double delta : new double[] {1e-5, 1e-8}) {
            double lower = accountant.epsilonLowerBound(delta);
            double epsilon = accountant.epsilon(delta);
            assertThat(epsilon)
                    .as("delta " + delta)
                    .isGreaterThanOrEqualTo(lower)
                    .isLessThan(lower * 1.005 + 2e-4);
        }
    }

    /** An attacker who knows the lots of the example in all passes sees plain Gaussians; with more lots it hides better. */
    @Test
    void epsilon_moreLotsOrMoreNoise_isSmaller() {
        double before = epsilon(new SelfComposed(new Gaussian(1.2), 4), 1e-6);
        for (long lots : new long[] {2, 3, 4, 9, 100, 101, 5000}) {
            double epsilon = epsilon(passes(lots, 4, 1.2), 1e-6);
            assertThat(epsilon).isLessThan(before);
            before = epsilon;
        }
        assertThat(epsilon(passes(100, 4, 1.3), 1e-6)).isLessThan(epsilon(passes(100, 4, 1.2), 1e-6));
        assertThat(epsilon(passes(100, 5, 1.2), 1e-6)).isGreaterThan(epsilon(passes(100, 4, 1.2), 1e-6));
    }

    @ParameterizedTest
    @ValueSource(doubles = {1e-12, 1e-8, 1e-3, 0.0999, 0.1001, 1e3, 1e6, 1e9, 1e12})
    void epsilon_extremeNoise_isABoundWithoutFailing(double sigma) {
        double epsilon = epsilon(passes(50, 3, sigma), 1e-5);
        double plain = epsilon(new SelfComposed(new Gaussian(sigma), 3), 1e-5);
        assertThat(epsilon).isNotNaN();
        if (sigma > 0.05) {
            assertThat(epsilon).isFinite();
        }
        if (sigma > 1) {
            assertThat(epsilon).isBetween(0.0, plain + 1e-4);
        } else {
            assertThat(epsilon).isGreaterThan(plain - 3 * Math.log(50) - 1);
        }
    }

    @Test
    void compose_severalReleasesOfALot_isOneGaussian() {
        DpEvent inner = new Composed(List.of(new Gaussian(3), new Gaussian(4)));
        assertThat(epsilon(new RandomAllocation(20, inner), 1e-5))
                .isCloseTo(epsilon(new RandomAllocation(20, new Gaussian(2.4)), 1e-5), within(1e-9));
        assertThat(epsilon(new RandomAllocation(20, new NonPrivate()), 1e-5)).isInfinite();
        assertThat(epsilon(new RandomAllocation(20, new Composed(List.of())), 1e-5))
                .isZero();
    }

    @Test
    void compose_whatHasNoBound_isRefused() {
        List<DpEvent> unknown = List.of(
                new RandomAllocation(9, new Laplace(1)),
                new RandomAllocation(9, new EpsilonDelta(1, 0)),
                new RandomAllocation(9, new PoissonSampled(0.5, new Gaussian(1))),
                new RandomAllocation(9, new RandomAllocation(9, new Gaussian(1))),
                new PoissonSampled(0.5, new RandomAllocation(9, new Gaussian(1))));
        for (DpEvent event : unknown) {
            assertThatThrownBy(() -> new PldAccountant().compose(event)).isInstanceOf(UnsupportedEventException.class);
        }
        assertThatThrownBy(() -> new RdpAccountant().compose(new RandomAllocation(9, new Gaussian(1))))
                .hasMessageContaining("use PldAccountant");
        assertThatThrownBy(() -> new PldAccountant(NeighboringRelation.REPLACE_ONE)
                        .compose(new RandomAllocation(9, new Gaussian(1))))
                .hasMessageContaining("add-or-remove-one and zero-out");
        assertThatThrownBy(() -> new RandomAllocation(0, new Gaussian(1))).hasMessage("lots must be >= 1, was 0");
    }

    /** Both examples of a group may fall into one lot: never less than the group's cost there, told by who knows the lots. */
    @Test
    void groupPrivacy_anySize_isTheUnamplifiedBound() {
        DpEvent run = passes(30, 2, 4);
        assertThat(GroupPrivacy.event(run, 1)).isEqualTo(run);
        assertThat(GroupPrivacy.event(run, 4)).isEqualTo(new SelfComposed(new Gaussian(1), 2));
        assertThatThrownBy(() -> GroupPrivacy.event(new RandomAllocation(9, new Laplace(1)), 2))
                .hasMessageContaining("must be Gaussian in a random allocation");
    }

    @Test
    void calibration_target_isMetAndUsedUp() {
        PrivacyGuarantee target = new PrivacyGuarantee(3, 1e-5);
        double sigma = NoiseCalibration.to(target).noiseMultiplier(s -> passes(234, 15, s));
        assertThat(epsilon(passes(234, 15, sigma), 1e-5)).isBetween(3 * (1 - 1e-4), 3.0);
        double poisson = NoiseCalibration.to(target)
                .noiseMultiplier(s -> new SelfComposed(new PoissonSampled(1.0 / 234, new Gaussian(s)), 234 * 15));
        assertThat(sigma).isLessThan(poisson);
        long passes = NoiseCalibration.to(target).steps(count -> passes(234, count, sigma));
        assertThat(passes).isEqualTo(15);
    }
}
