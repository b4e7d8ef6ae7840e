// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.accountant;

import static io.github.dl4jdp.accountant.ReferenceTable.dpSgd;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import io.github.dl4jdp.accountant.DpEvent.Composed;
import io.github.dl4jdp.accountant.DpEvent.EpsilonDelta;
import io.github.dl4jdp.accountant.DpEvent.Gaussian;
import io.github.dl4jdp.accountant.DpEvent.GaussianMixture;
import io.github.dl4jdp.accountant.DpEvent.Laplace;
import io.github.dl4jdp.accountant.DpEvent.NoOp;
import io.github.dl4jdp.accountant.DpEvent.NonPrivate;
import io.github.dl4jdp.accountant.DpEvent.PoissonSampled;
import io.github.dl4jdp.accountant.DpEvent.RepeatAndSelect;
import io.github.dl4jdp.accountant.DpEvent.SampledWithoutReplacement;
import io.github.dl4jdp.accountant.DpEvent.SelfComposed;
import java.util.List;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.Combinators;
import net.jqwik.api.EdgeCasesMode;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;
import net.jqwik.api.ShrinkingMode;
import org.junit.jupiter.api.Test;

/** The cost of the best of several runs, as an event among others; {@link SelectionDivergenceTest} has the exact divergences. */
class RepeatAndSelectTest {
    private static final DpEvent RUN = dpSgd(0.01, 2, 1000);
    private static final RunCount TEN = RunCount.logarithmic(10);

    /** A search has no orders between those of the grid. */
    private static double atOrdersOfTheGrid(DpEvent event) {
        return new RdpAccountant(NeighboringRelation.ADD_OR_REMOVE_ONE, new RdpAccountant().orders())
                .compose(event)
                .epsilon(1e-5);
    }

    private static double epsilon(DpEvent event) {
        return new RdpAccountant().compose(event).epsilon(1e-5);
    }

    /** One run, how often it is expected, and the shape of that number's distribution. */
    record Search(double sigma, double mean, double shape) {
        double epsilon() {
            return RepeatAndSelectTest.epsilon(new RepeatAndSelect(dpSgd(0.01, sigma, 500), new RunCount(mean, shape)));
        }

        double single() {
            return RepeatAndSelectTest.epsilon(dpSgd(0.01, sigma, 500));
        }
    }

    @Provide
    Arbitrary<Search> searches() {
        return Combinators.combine(
                        Arbitraries.doubles().between(0.5, 10),
                        Arbitraries.doubles().between(1, 40),
                        Arbitraries.of(-0.5, 0.0, 0.3, 1.0, 5.0, Double.POSITIVE_INFINITY))
                .as(Search::new);
    }

    @Property(tries = 100, edgeCases = EdgeCasesMode.NONE, shrinking = ShrinkingMode.OFF, seed = "1")
    void epsilon_anySearch_isMonotoneInRunsAndNoiseAndAboveOneRun(@ForAll("searches") Search s) {
        double epsilon = s.epsilon();
        assertThat(epsilon).isFinite().isGreaterThanOrEqualTo(s.single());
        assertThat(new Search(s.sigma, s.mean * 1.2, s.shape).epsilon()).isGreaterThan(epsilon);
        assertThat(new Search(s.sigma * 1.1, s.mean, s.shape).epsilon()).isLessThan(epsilon);
    }

    @Test
    void epsilon_meanOne_isThatOfOneRun() {
        double single = atOrdersOfTheGrid(RUN);
        for (double shape : new double[] {-0.5, 0, 1, 30}) {
            double one = atOrdersOfTheGrid(new RepeatAndSelect(RUN, new RunCount(1, shape)));
            assertThat(one).isCloseTo(single, within(1e-11 * single));
            double nearlyOne = atOrdersOfTheGrid(new RepeatAndSelect(RUN, new RunCount(1 + 1e-9, shape)));
            assertThat(nearlyOne).isCloseTo(single, within(1e-7));
        }
    }

    /** Theorem 2 at one order each, a = b = 2, where R = 1/4: 1/4 + 1/8 (1 + eta) + (1 + eta) log(10) / 2 + log 10. */
    @Test
    void divergence_oneOrder_isTheTheorem() {
        RdpAccountant two = new RdpAccountant(NeighboringRelation.ADD_OR_REMOVE_ONE, 2);
        two.compose(new RepeatAndSelect(new Gaussian(2), RunCount.geometric(10)));
        assertThat(two.divergences()[0]).isCloseTo(0.5 + 2 * Math.log(10), within(1e-11));
    }

    @Test
    void compose_everyWayOfNesting_isTheSameSum() {
        DpEvent search = new RepeatAndSelect(RUN, TEN);
        DpEvent thrice = new Composed(List.of(new SelfComposed(search, 2), new Gaussian(3), search));
        RdpAccountant one = (RdpAccountant) new RdpAccountant().compose(search);
        RdpAccountant other = (RdpAccountant) new RdpAccountant().compose(new Gaussian(3));
        RdpAccountant all = (RdpAccountant) new RdpAccountant().compose(thrice);
        for (int i = 0; i < all.divergences().length; i++) {
            double sum = 3 * one.divergences()[i] + other.divergences()[i];
            assertThat(all.divergences()[i]).isCloseTo(sum, within(1e-12 * sum));
        }
        assertThat(all.event()).isEqualTo(new Composed(List.of(new SelfComposed(search, 3), new Gaussian(3))));
        assertThat(epsilon(all.event())).isEqualTo(all.epsilon(1e-5));
    }

    @Test
    void epsilon_searchAmongSearches_isAboveTheSearch() {
        DpEvent search = new RepeatAndSelect(RUN, TEN);
        assertThat(epsilon(new RepeatAndSelect(search, RunCount.geometric(3)))).isGreaterThan(epsilon(search));
    }

    @Test
    void epsilon_runsWithoutReleaseOrProtection_areNothingAndInfinite() {
        assertThat(new RdpAccountant()
                        .compose(new RepeatAndSelect(new Composed(List.of()), TEN))
                        .event())
                .isEqualTo(new NoOp());
        for (PrivacyAccountant accountant : List.of(new RdpAccountant(), new PldAccountant())) {
            accountant.compose(new RepeatAndSelect(new Composed(List.of(RUN, new NonPrivate())), TEN));
            assertThat(accountant.epsilon(0.1)).isInfinite();
        }
        assertThat(epsilon(new RepeatAndSelect(new EpsilonDelta(Double.POSITIVE_INFINITY, 0), TEN)))
                .isInfinite();
    }

    @Test
    void supports_everyRelation_isThatOfOneRun() {
        DpEvent fixedSize = new SampledWithoutReplacement(1000, 10, new Gaussian(2));
        for (DpEvent run : List.of(RUN, fixedSize, new Laplace(3), new EpsilonDelta(0.1, 0))) {
            for (NeighboringRelation relation : NeighboringRelation.values()) {
                assertThat(new RdpAccountant(relation).supports(new RepeatAndSelect(run, TEN)))
                        .as(relation + " " + run)
                        .isEqualTo(new RdpAccountant(relation).supports(run));
            }
        }
    }

    @Test
    void compose_whatHasNoBound_isRefusedWithTheReason() {
        DpEvent search = new RepeatAndSelect(RUN, TEN);
        assertRefused(new PldAccountant(), search, "only be bounded by Renyi divergences; use RdpAccountant");
        DpEvent sampled = new PoissonSampled(0.1, search);
        assertRefused(new RdpAccountant(), sampled, "no amplification bound is known for the mechanism on the sample");
        assertRefused(
                new RdpAccountant(),
                new PoissonSampled(0.1, new SelfComposed(search, 2)),
                "several releases on one sample must all be Gaussian");
        assertRefused(
                new RdpAccountant(),
                new RepeatAndSelect(new EpsilonDelta(1, 1e-9), TEN),
                "a mechanism with a delta has no Renyi bound");
        DpEvent mixture = new GaussianMixture(1, List.of(1.0), List.of(1.0));
        assertRefused(new RdpAccountant(), new RepeatAndSelect(mixture, TEN), "cannot bound GaussianMixture[");
        assertThatThrownBy(() -> GroupPrivacy.event(search, 2)).hasMessageContaining("found RepeatAndSelect[");
    }

    private static void assertRefused(PrivacyAccountant accountant, DpEvent event, String reason) {
        assertThatThrownBy(() -> accountant.compose(event))
                .isInstanceOf(UnsupportedEventException.class)
                .hasMessageContaining(reason);
        assertThat(accountant.event()).isEqualTo(new NoOp());
    }

    @Test
    void noiseMultiplier_ofASearch_meetsTheTarget() {
        PrivacyGuarantee target = new PrivacyGuarantee(3, 1e-5);
        double sigma = NoiseCalibration.to(target)
                .withAccountant(AccountantKind.RDP)
                .noiseMultiplier(s -> new RepeatAndSelect(dpSgd(0.01, s, 1000), TEN));
        assertThat(epsilon(new RepeatAndSelect(dpSgd(0.01, sigma, 1000), TEN))).isBetween(2.9999, 3.0);
    }
}
