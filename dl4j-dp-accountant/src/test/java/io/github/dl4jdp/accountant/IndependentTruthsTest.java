// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.accountant;

import static io.github.dl4jdp.accountant.ReferenceTable.dpSgd;
import static io.github.dl4jdp.accountant.ReferenceTable.number;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import io.github.dl4jdp.accountant.DpEvent.Composed;
import io.github.dl4jdp.accountant.DpEvent.EpsilonDelta;
import io.github.dl4jdp.accountant.DpEvent.Gaussian;
import io.github.dl4jdp.accountant.DpEvent.Laplace;
import io.github.dl4jdp.accountant.DpEvent.PoissonSampled;
import io.github.dl4jdp.accountant.DpEvent.SampledWithoutReplacement;
import io.github.dl4jdp.accountant.DpEvent.SelfComposed;
import io.github.dl4jdp.accountant.DpEvent.TruncatedPoissonSampled;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.Combinators;
import net.jqwik.api.EdgeCasesMode;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;
import net.jqwik.api.ShrinkingMode;
import org.apache.commons.csv.CSVRecord;
import org.junit.jupiter.api.Test;

/** Bounds against values that were found without any lattice, and against bounds from below. */
class IndependentTruthsTest {
    private static final NeighboringRelation ADD = NeighboringRelation.ADD_OR_REMOVE_ONE;
    private static final NeighboringRelation ZERO = NeighboringRelation.ZERO_OUT;
    private static final NeighboringRelation REPLACE = NeighboringRelation.REPLACE_ONE;

    private static double pld(NeighboringRelation relation, DpEvent event, double delta) {
        return new PldAccountant(relation).compose(event).epsilon(delta);
    }

    /** The table's values are good to 1e-7; see contour.py. */
    @Test
    void deltaAndEpsilon_randomCompositions_neverBelowTheTruthAndTight() {
        for (CSVRecord row : ReferenceTable.rows("contour.csv")) {
            NeighboringRelation relation = NeighboringRelation.valueOf(row.get("relation"));
            DpEvent event = DpEvent.fromJson(row.get("event"));
            double epsilon = number(row, "epsilon");
            double truth = number(row, "delta");
            assertThat(new PldAccountant(relation).compose(event).delta(epsilon))
                    .as(row.toString())
                    .isBetween(truth * (1 - 2e-7), truth * 1.05);
            // A smaller delta needs a larger epsilon: what the table's error may cost is on the safe side.
            assertThat(pld(relation, event, truth * (1 - 2e-7)))
                    .as(row.toString())
                    .isBetween(epsilon, 1.005 * epsilon + 1e-4);
        }
    }

    /** Rare large losses and large plain Gaussians, with values that an audit found by other means; one in a thousand above at most. */
    @Test
    void epsilon_rareLargeLosses_reachesTheTruth() {
        assertNear(0.01380, pld(ADD, dpSgd(2.539e-6, 0.7126, 685), 9.52e-12));
        assertNear(1198.93, pld(ADD, dpSgd(1024 / 1e8, 0.1, 976_563), 1e-7));
        assertNear(0.2963, pld(ADD, dpSgd(1e-6, 0.5, 1_000_000), 1e-8));
        DpEvent oneRare = new Composed(List.of(dpSgd(8.4e-5, 3, 370_000), dpSgd(1e-4, 0.6, 1)));
        assertNear(0.264, pld(ADD, oneRare, 1e-9));
        DpEvent plain = new Composed(List.of(new SelfComposed(new Gaussian(1.1), 15), dpSgd(256 / 60_000.0, 1.1, 100)));
        assertNear(20.565, pld(ZERO, plain, 1e-5));
        assertNear(23.751, pld(REPLACE, dpSgd(0.3, 0.12, 1), 1e-5));
    }

    /** Deltas down to 1e-30 of one event, where a transform knows little but its rounding; see rare.py. */
    @Test
    void deltaAndEpsilon_tinyDeltas_neverBelowTheTruthAndTight() {
        for (CSVRecord row : ReferenceTable.rows("rare.csv")) {
            NeighboringRelation relation = NeighboringRelation.valueOf(row.get("relation"));
            DpEvent event = dpSgd(number(row, "q"), number(row, "sigma"), 1);
            double truth = number(row, "delta");
            double epsilon = number(row, "epsilon");
            assertThat(new PldAccountant(relation).compose(event).delta(epsilon))
                    .as(row.toString())
                    .isBetween(truth * (1 - 1e-9), truth * 1.02);
            assertThat(pld(relation, event, truth * (1 - 1e-12)))
                    .as(row.toString())
                    .isBetween(epsilon * (1 - 1e-12), 1.005 * epsilon + 4e-5);
        }
        assertNear(0.0055885, pld(ADD, dpSgd(3.6e-8, 0.711, 1), 1.7e-23));
    }

    private static void assertNear(double truth, double epsilon) {
        assertThat(epsilon).isBetween(truth * (1 - 2e-3), truth * (1 + 2e-3));
    }

    @Provide
    Arbitrary<DpEvent> rare() {
        return Combinators.combine(
                        Arbitraries.doubles().between(-8, -3),
                        Arbitraries.doubles().between(-1, 0.5),
                        Arbitraries.doubles().between(0, 6))
                .as((q, sigma, steps) -> dpSgd(Math.pow(10, q), Math.pow(10, sigma), Math.round(Math.pow(10, steps))));
    }

    /** Twice as fine a lattice is nearer to the truth, so a bound is above it; both agree within a few parts in a thousand. */
    @Property(tries = 12, edgeCases = EdgeCasesMode.NONE, shrinking = ShrinkingMode.OFF, seed = "11")
    void octaves_finerLattice_isNotAboveTheCoarser(@ForAll("rare") DpEvent event) {
        SelfComposed run = (SelfComposed) event;
        Map<LossPair, Long> pairs = new LinkedHashMap<>();
        pairs.put(LossPairs.of(run.event(), ADD), run.count());
        double coarse =
                OctaveComposition.of(pairs, 1e-9, 1, 64, new PldMemory()).epsilon(1e-9);
        double fine = OctaveComposition.of(pairs, 1e-9, 1, 128, new PldMemory()).epsilon(1e-9);
        assertThat(fine).isBetween(coarse * 0.96 - 1e-9, coarse * (1 + 1e-4) + 1e-9);
    }

    /** What has a closed form: a plain Gaussian many times, composed as if it were none. */
    @Test
    void octaves_plainGaussian_isNotBelowTheClosedForm() {
        for (double sigma : new double[] {0.3, 2, 20, 300}) {
            for (long steps : new long[] {1, 3, 100, 10_000}) {
                double mu = Math.sqrt((double) steps) / sigma;
                if (mu < 8) {
                    Map<LossPair, Long> pairs = Map.of(GaussianPair.plain(sigma), steps);
                    for (double delta : new double[] {1e-12, 1e-5, 0.1}) {
                        double truth = GaussianTradeOff.epsilon(mu, delta);
                        double epsilon = OctaveComposition.of(pairs, delta, 1, 128, new PldMemory())
                                .epsilon(delta);
                        assertThat(epsilon)
                                .as(sigma + " " + steps + " " + delta)
                                .isBetween(truth * (1 - 1e-12), truth * 1.006 + 1e-6);
                    }
                }
            }
        }
    }

    /** Where the moves to the lattice are larger than all losses together, no tilt may see little but them. */
    @Test
    void epsilon_losesAlmostNothing_isAlmostNothing() {
        for (double sigma : new double[] {200, 642, 3000}) {
            for (long steps : new long[] {100, 2639, 20_746}) {
                DpEvent gaussian = new SelfComposed(new PoissonSampled(1e-6, new Gaussian(sigma)), steps);
                DpEvent laplace = new SelfComposed(new PoissonSampled(1e-6, new Laplace(sigma)), steps);
                DpEvent group = GroupPrivacy.event(gaussian, 3);
                DpEvent fixed = GroupPrivacy.event(
                        new SelfComposed(new SampledWithoutReplacement(1_000_000, 1, new Gaussian(sigma)), steps), 3);
                for (double delta : new double[] {1e-12, 1.2e-5, 0.1}) {
                    for (DpEvent event : List.of(gaussian, laplace, group)) {
                        assertThat(pld(ADD, event, delta))
                                .as(event + " " + delta)
                                .isBetween(0.0, 3e-5);
                    }
                    assertThat(pld(REPLACE, fixed, delta))
                            .as(fixed + " " + delta)
                            .isBetween(0.0, 3e-5);
                }
            }
        }
    }

    /** Many events that lose next to nothing add next to nothing to a large one. */
    @Test
    void epsilon_manyTinyLossesBesideALargeOne_isThatOfTheLargeOne() {
        DpEvent large = new SelfComposed(new Gaussian(10.288), 18);
        for (double sigma : new double[] {335.8, 369.4}) {
            DpEvent tiny = new SelfComposed(new SampledWithoutReplacement(7_229_272, 1, new Gaussian(sigma)), 590_359);
            double alone = pld(REPLACE, large, 2.9e-3);
            assertThat(pld(REPLACE, new Composed(List.of(GroupPrivacy.event(tiny, 5), large)), 2.9e-3))
                    .isBetween(alone * (1 - 1e-4), alone * 1.002);
            Map<LossPair, Long> octaves = new LinkedHashMap<>();
            octaves.put(
                    LossPairs.of(new SampledWithoutReplacement(7_229_272, 6, new Gaussian(sigma)), REPLACE), 590_359L);
            octaves.put(GaussianPair.plain(10.288 / Math.sqrt(18)), 1L);
            assertThat(OctaveComposition.of(octaves, 2.9e-3, 1, 256, new PldMemory())
                            .epsilon(2.9e-3))
                    .isBetween(alone * (1 - 1e-4), alone * 1.01);
        }
    }

    /** Delta far below Chernoff's bound is planned for again. */
    @Test
    void delta_rareLargeLosses_isTheOneThatEpsilonWasAskedFor() {
        DpEvent group = GroupPrivacy.event(dpSgd(8.266e-7, 1.00547, 833), 43);
        for (DpEvent event : List.of(group, dpSgd(2.539e-6, 0.7126, 685), dpSgd(1e-6, 1, 1000))) {
            for (double delta : new double[] {3.7e-13, 1e-11, 1e-9}) {
                double epsilon = pld(ZERO, event, delta);
                if (epsilon > 0) {
                    assertThat(new PldAccountant(ZERO).compose(event).delta(epsilon))
                            .as(event + " " + delta)
                            .isBetween(0.9 * delta, 1.1 * delta);
                }
            }
        }
    }

    @Test
    void delta_oneUlp_isNotBelow() {
        DpEvent both = new Composed(List.of(new EpsilonDelta(1, 0.1), new EpsilonDelta(2, 0.2)));
        for (AccountantKind kind : AccountantKind.values()) {
            assertThat(kind.create(ADD).compose(both).delta(3)).isBetween(0.28, 0.28 * (1 + 1e-14));
        }
        assertThat(new RdpAccountant().compose(new Laplace(49)).epsilon(0)).isGreaterThanOrEqualTo(1 / 49.0);
    }

    @Test
    void answers_absurdInput_areBoundsAndNeverNan() {
        double[] scales = {1e-300, 1e-20, 1e-5, 1e20, 1e155, 1e300};
        for (NeighboringRelation relation : NeighboringRelation.values()) {
            for (double s : scales) {
                DpEvent gaussian = new Gaussian(s);
                DpEvent[] events = {
                    gaussian,
                    new Laplace(s),
                    new PoissonSampled(0.1, gaussian),
                    new PoissonSampled(0.1, new Laplace(s)),
                    new SampledWithoutReplacement(100, 10, gaussian),
                    new TruncatedPoissonSampled(0.1, 100, 12, gaussian),
                    GroupPrivacy.event(new PoissonSampled(0.1, gaussian), 3),
                    new Composed(List.of(gaussian, new PoissonSampled(1e-3, new Gaussian(1))))
                };
                for (DpEvent event : events) {
                    for (AccountantKind kind : AccountantKind.values()) {
                        PrivacyAccountant accountant = kind.create(relation);
                        if (accountant.supports(event)) {
                            accountant.compose(event);
                            assertThat(accountant.epsilon(1e-5))
                                    .as(event.toString())
                                    .isGreaterThanOrEqualTo(0);
                            assertThat(accountant.epsilon(0.999))
                                    .as(event.toString())
                                    .isGreaterThanOrEqualTo(0);
                            assertThat(accountant.delta(1)).as(event.toString()).isBetween(0.0, 1.0);
                            assertThat(accountant.delta(1e155))
                                    .as(event.toString())
                                    .isBetween(0.0, 1.0);
                            assertThat(accountant.delta(0)).as(event.toString()).isBetween(0.0, 1.0);
                        }
                    }
                }
            }
        }
        assertThat(new PldAccountant().compose(new Gaussian(1)).delta(1e155)).isPositive();
    }

    @Test
    void epsilon_manyEvents_areCounted() {
        long many = 1_000_000_000_000_000_000L;
        assertThat(pld(ADD, dpSgd(0.01, 1, many), 1e-5)).isGreaterThan(1e12);
        assertThat(pld(ADD, new SelfComposed(new EpsilonDelta(0.1, 0), many), 1e-5))
                .isGreaterThan(1e15);
    }

    @Test
    void fromJson_wholeNumbers_areNumbers() {
        assertThat(DpEvent.fromJson("{\"type\":\"Gaussian\",\"noiseMultiplier\":1}"))
                .isEqualTo(new Gaussian(1));
        assertThatThrownBy(() -> DpEvent.fromJson("{\"type\":\"Gaussian\",\"noiseMultiplier\":9007199254740993}"))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("noiseMultiplier must be exact in double precision, was 9007199254740993");
    }

    /** A group of one is one example; a larger one costs more, but not more than its distance does. */
    @Test
    void group_fixedSizeLots_liesBetweenItsBounds() {
        DpEvent step = new SampledWithoutReplacement(50_000, 1024, new Gaussian(4));
        DpEvent run = new SelfComposed(step, 1000);
        double one = pld(REPLACE, run, 1e-5);
        assertThat(pld(REPLACE, GroupPrivacy.event(run, 1), 1e-5)).isEqualTo(one);
        double previous = one;
        for (int k : new int[] {2, 4}) {
            double group = pld(REPLACE, GroupPrivacy.event(run, k), 1e-5);
            double allTogether = pld(
                    REPLACE,
                    new SelfComposed(new SampledWithoutReplacement(50_000, 1024L * k, new Gaussian(4.0 / k)), 1000),
                    1e-5);
            assertThat(group).isBetween(previous, allTogether);
            // Poisson lots of this expected size tell no more about groups than lots of this size do.
            double poisson = pld(ADD, GroupPrivacy.event(dpSgd(1024 / 50_000.0, 4, 1000), k), 1e-5);
            assertThat(group).isBetween(poisson, 1.2 * poisson);
            assertThat(new RdpAccountant(REPLACE)
                            .compose(GroupPrivacy.event(run, k))
                            .epsilon(1e-5))
                    .isBetween(group, 1.25 * group);
            previous = group;
        }
        assertThat(new PldAccountant(ADD).supports(GroupPrivacy.event(run, 2))).isFalse();
    }

    /** A larger group costs more, never less than where nothing is cut, and not much more than the general theorem on groups says. */
    @Test
    void group_truncatedPoissonLots_liesBetweenItsBounds() {
        for (int limit : new int[] {500, 530, 600}) {
            DpEvent run = new SelfComposed(new TruncatedPoissonSampled(0.01, 50_000, limit, new Gaussian(8)), 1000);
            PrivacyAccountant one = new PldAccountant(ZERO).compose(run);
            double previous = 0;
            for (int k : new int[] {2, 3, 6}) {
                double group = pld(ZERO, GroupPrivacy.event(run, k), 1e-6);
                double uncut = pld(ZERO, GroupPrivacy.event(dpSgd(0.01, 8, 1000), k), 1e-6);
                assertThat(group).isGreaterThan(Math.max(previous, uncut));
                // (epsilon, delta) of one example is (k epsilon, delta sum exp(i epsilon)) of k.
                assertThat(one.epsilon(1e-6)).isLessThan(group);
                double each = group / k;
                assertThat(Math.expm1(k * each) / Math.expm1(each) * one.delta(each))
                        .isGreaterThan(1e-7);
                if (limit == 600) {
                    assertThat(group).isLessThan(1.01 * uncut);
                }
                previous = group;
            }
        }
        // A lot of one in a large data set: nobody is likely to be in it, though each is sampled for sure.
        DpEvent tiny = new TruncatedPoissonSampled(1, 1_000_000, 1, new Gaussian(2));
        assertThat(new PldAccountant(ZERO).compose(GroupPrivacy.event(tiny, 3)).delta(0))
                .isBetween(1e-6, 3e-6);
        assertThat(new PldAccountant(ADD).supports(GroupPrivacy.event(tiny, 2))).isFalse();
        // Where all fit into the lot it is a Poisson sample.
        assertThat(GroupPrivacy.event(new TruncatedPoissonSampled(0.1, 10, 10, new Gaussian(2)), 2))
                .isEqualTo(GroupPrivacy.event(new PoissonSampled(0.1, new Gaussian(2)), 2));
    }

    @Test
    void epsilonDelta_onSamplesAndForGroups_followsTheTheorems() {
        EpsilonDelta pair = new EpsilonDelta(1, 1e-6);
        double amplified = Math.log1p(0.01 * Math.expm1(1));
        assertThat(pld(ADD, new PoissonSampled(0.01, pair), 1e-8)).isCloseTo(amplified, within(1e-12));
        assertThat(pld(REPLACE, new PoissonSampled(0.01, pair), 1e-8)).isCloseTo(1, within(1e-12));
        assertThat(pld(REPLACE, new SampledWithoutReplacement(100, 1, pair), 1.001e-8))
                .isCloseTo(amplified, within(1e-4));
        assertThat(GroupPrivacy.event(new EpsilonDelta(1, 0.1), 2))
                .isInstanceOfSatisfying(EpsilonDelta.class, group -> {
                    assertThat(group.epsilon()).isEqualTo(2);
                    assertThat(group.delta()).isCloseTo(0.1 * (1 + Math.E), within(1e-10));
                });
    }

    /** The order that the audit found to be better than the grid's, and finer grids for random settings. */
    @Test
    void rdpEpsilon_defaultOrders_areWithinATenthOfAPercentOfFinerOnes() {
        java.util.Random random = new java.util.Random(5);
        for (int i = 0; i < 60; i++) {
            double q = Math.pow(10, -4.5 + 4 * random.nextDouble());
            double sigma = Math.pow(10, -0.5 + 1.5 * random.nextDouble());
            long steps = Math.round(Math.pow(10, 5 * random.nextDouble()));
            double delta = Math.pow(10, -18 + 16 * random.nextDouble());
            RdpAccountant accountant = new RdpAccountant();
            accountant.compose(dpSgd(q, sigma, steps));
            double epsilon = accountant.epsilon(delta);
            double best = accountant.bestOrder(delta);
            if (epsilon > 0 && !accountant.bestOrderAtEdge(delta)) {
                double[] finer = new double[200];
                for (int j = 0; j < finer.length; j++) {
                    finer[j] = 1 + (best - 1) * Math.pow(1.3, (j - 100) / 100.0);
                }
                if (finer[0] > 1.001) {
                    RdpAccountant fine = new RdpAccountant(ADD, finer);
                    fine.compose(dpSgd(q, sigma, steps));
                    assertThat(epsilon)
                            .as(q + " " + sigma + " " + steps + " " + delta)
                            .isLessThanOrEqualTo(1.001 * fine.epsilon(delta));
                }
            }
        }
        RdpAccountant audited = new RdpAccountant();
        audited.compose(dpSgd(3.3e-4, 4, 10_000));
        RdpAccountant order256 = new RdpAccountant(ADD, 256);
        order256.compose(dpSgd(3.3e-4, 4, 10_000));
        assertThat(audited.epsilon(1.1e-18)).isLessThanOrEqualTo(order256.epsilon(1.1e-18));
    }
}
