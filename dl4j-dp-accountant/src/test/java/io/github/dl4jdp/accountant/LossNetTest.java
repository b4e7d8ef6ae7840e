// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.accountant;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.dl4jdp.accountant.DpEvent.Composed;
import io.github.dl4jdp.accountant.DpEvent.Gaussian;
import io.github.dl4jdp.accountant.DpEvent.Laplace;
import io.github.dl4jdp.accountant.DpEvent.PoissonSampled;
import io.github.dl4jdp.accountant.DpEvent.SampledWithoutReplacement;
import io.github.dl4jdp.accountant.DpEvent.SelfComposed;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.apache.commons.csv.CSVRecord;
import org.apache.commons.numbers.gamma.Erfc;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

class LossNetTest {
    private static final NeighboringRelation ADD = NeighboringRelation.ADD_OR_REMOVE_ONE;

    private static final NeighboringRelation REPLACE = NeighboringRelation.REPLACE_ONE;

    private enum Schedule {
        NOISE,
        LOT_SIZE,
        BOTH_WORSE,
        BOTH_OPPOSITE;

        double q(double t) {
            return this == NOISE ? 0.01 : 0.001 * Math.pow(10, t);
        }

        double sigma(double t) {
            return switch (this) {
                case LOT_SIZE -> 1;
                case NOISE, BOTH_WORSE -> 2 * Math.pow(0.4, t);
                case BOTH_OPPOSITE -> 0.8 * Math.pow(2.5, t);
            };
        }

        DpEvent event(int kinds) {
            List<DpEvent> events = new ArrayList<>();
            for (int i = 0; i < kinds; i++) {
                double t = i / (kinds - 1.0);
                events.add(new SelfComposed(new PoissonSampled(q(t), new Gaussian(sigma(t))), 1 + i % 3));
            }
            return new Composed(events);
        }
    }

    private static Map<LossPair, Long> pairs(DpEvent event, NeighboringRelation relation) {
        Map<LossPair, Long> pairs = new LinkedHashMap<>();
        EventParts.of(event, 1, "test", relation, leaf -> null)
                .forEach((leaf, count) -> pairs.put(LossPairs.of(leaf, relation), count));
        return pairs;
    }

    private static double tail(double z) {
        return Erfc.value(z / Math.sqrt(2)) / 2;
    }

    /** The hockey-stick divergence of order {@code z >= 1}, by its closed form (Balle and Wang 2018), removed or added, or replaced. */
    private static double divergence(LossNet.Place place, NeighboringRelation relation, double z, boolean added) {
        double q = place.q();
        double sigma = place.sigma();
        if (relation == REPLACE) {
            double a = q * Math.exp(-1 / (8 * sigma * sigma));
            double b = (1 - q) * (1 - z);
            double y = (-b + Math.sqrt(b * b + 4 * a * a * z)) / (2 * a);
            double x = 2 * sigma * sigma * Math.log(y);
            return (1 - q) * (1 - z) * tail(x / sigma) + q * tail((x - 0.5) / sigma) - z * q * tail((x + 0.5) / sigma);
        }
        if (added) {
            // Q - z P is positive where the ratio is below 1 / z.
            if (1 / z <= 1 - q) {
                return 0;
            }
            double x = sigma * sigma * Math.log((1 / z - 1 + q) / q) + 0.5;
            return (1 - z * (1 - q)) * tail(-x / sigma) - z * q * tail((1 - x) / sigma);
        }
        double x = sigma * sigma * Math.log((z - 1 + q) / q) + 0.5;
        return (1 - q - z) * tail(x / sigma) + q * tail((x - 1) / sigma);
    }

    /** The convexity that mixtures rest on: between nodes, at every order and in both directions, the kind itself tells no more. */
    @ParameterizedTest
    @EnumSource(Schedule.class)
    void mixture_anyOrder_dominatesItsKind(Schedule schedule) {
        int compared = 0;
        for (NeighboringRelation relation : List.of(ADD, REPLACE)) {
            Map<LossPair, Long> pairs = pairs(schedule.event(199), relation);
            LossNet net = LossNet.of(pairs);
            assertThat(net.isExact()).isFalse();
            for (LossPair pair : pairs.keySet()) {
                LossNet.Mixture mixture = net.mixture(pair);
                assertThat(mixture.weights()).hasSameSizeAs(mixture.nodes());
                for (double z = 1; z < 100; z = 1 + (z - 1) * 1.5 + 1e-5) {
                    for (boolean added : new boolean[] {false, true}) {
                        double mixed = 0;
                        for (int i = 0; i < mixture.nodes().length; i++) {
                            LossPair node = net.nodes().get(mixture.nodes()[i]);
                            mixed += mixture.weights()[i] * divergence(LossNet.place(node), relation, z, added);
                        }
                        double kind = divergence(LossNet.place(pair), relation, z, added);
                        assertThat(mixed)
                                .as("%s %s %s", LossNet.place(pair), z, added)
                                .isGreaterThanOrEqualTo(kind * (1 - 1e-9) - 1e-16);
                        compared++;
                    }
                }
            }
        }
        assertThat(compared).isGreaterThan(10_000);
    }

    /** A thousand kinds need the lattices and transforms of some, and lose next to nothing by it. */
    @ParameterizedTest
    @EnumSource(Schedule.class)
    void epsilon_manyKinds_fewLatticesAndNearlyTheSame(Schedule schedule) {
        Map<LossPair, Long> thousand = pairs(schedule.event(1000), ADD);
        LossNet coarse = LossNet.of(thousand);
        LossNet net = coarse.fitting(LossPlan.forDelta(coarse.expected(), 1e-6, 1));
        boolean oneParameter = schedule == Schedule.NOISE || schedule == Schedule.LOT_SIZE;
        assertThat(net.isExact()).isFalse();
        assertThat(net.nodes()).hasSizeLessThan(oneParameter ? 80 : 350);
        for (NeighboringRelation relation : List.of(ADD, REPLACE)) {
            double delta = relation == ADD ? 1e-9 : 1e-3;
            DpEvent event = schedule.event(oneParameter ? 250 : 700);
            Map<LossPair, Long> pairs = pairs(event, relation);
            LossPlan plan = LossPlan.forDelta(pairs, delta, 1);
            double alone = new LossComposition(plan, pairs).epsilon(delta);
            LossNet few = LossNet.of(pairs).fitting(plan);
            assertThat(new LossComposition(plan, few, new PldMemory()).epsilon(delta))
                    .as("%s", relation)
                    .isBetween(alone * (1 - 1e-9), alone * 1.002);
            PldAccountant accountant = new PldAccountant(relation);
            accountant.compose(event);
            double epsilon = accountant.epsilon(delta);
            assertThat(epsilon).isBetween(alone * 0.998, alone * 1.002);
            assertThat(accountant.delta(epsilon)).isBetween(0.95 * delta, 1.05 * delta);
        }
    }

    /** The table's values are good to 1e-7; see schedules.py. */
    @Test
    void deltaAndEpsilon_schedules_neverBelowTheTruthAndTight() {
        int many = 0;
        for (CSVRecord row : ReferenceTable.rows("schedules.csv")) {
            NeighboringRelation relation = NeighboringRelation.valueOf(row.get("relation"));
            int kinds = Integer.parseInt(row.get("kinds"));
            double q = ReferenceTable.number(row, "q");
            double qLast = ReferenceTable.number(row, "q_last");
            double sigma = ReferenceTable.number(row, "sigma");
            double sigmaLast = ReferenceTable.number(row, "sigma_last");
            PldAccountant accountant = new PldAccountant(relation);
            for (int i = 0; i < kinds; i++) {
                double t = i / (kinds - 1.0);
                accountant.compose(
                        new PoissonSampled(
                                q * Math.pow(qLast / q, t), new Gaussian(sigma * Math.pow(sigmaLast / sigma, t))),
                        Long.parseLong(row.get("count")));
            }
            double truth = ReferenceTable.number(row, "delta");
            double epsilon = ReferenceTable.number(row, "epsilon");
            assertThat(accountant.delta(epsilon)).as(row.toString()).isBetween(truth * (1 - 2e-7), truth * 1.05);
            assertThat(accountant.epsilon(truth * (1 - 2e-7)))
                    .as(row.toString())
                    .isBetween(epsilon, 1.005 * epsilon + 1e-4);
            many++;
        }
        assertThat(many).isEqualTo(10);
    }

    /** Fixed-size lots of growing size, and kinds that have no place between others, which stay as they are. */
    @Test
    void epsilon_otherKinds_areMixedOrKept() {
        List<DpEvent> events = new ArrayList<>();
        for (int i = 0; i < 150; i++) {
            events.add(new SampledWithoutReplacement(10_000, 50 + i, new Gaussian(1.5)));
        }
        Map<LossPair, Long> pairs = pairs(new Composed(events), REPLACE);
        LossPlan plan = LossPlan.forDelta(pairs, 1e-6, 1);
        LossNet net = LossNet.of(pairs).fitting(plan);
        assertThat(net.isExact()).isFalse();
        double alone = new LossComposition(plan, pairs).epsilon(1e-6);
        assertThat(new LossComposition(plan, net, new PldMemory()).epsilon(1e-6))
                .isBetween(alone * (1 - 1e-9), alone * 1.002);
        List<DpEvent> laplace = new ArrayList<>();
        for (int i = 0; i < 40; i++) {
            laplace.add(new Laplace(5 + i));
        }
        assertThat(LossNet.of(pairs(new Composed(laplace), ADD)).isExact()).isTrue();
        laplace.addAll(events.subList(0, 100));
        Map<LossPair, Long> both = pairs(new Composed(laplace), REPLACE);
        LossPlan bothPlan = LossPlan.forDelta(both, 1e-6, 1);
        LossNet bothNet = LossNet.of(both).fitting(bothPlan);
        assertThat(bothNet.nodes()).hasSizeBetween(41, 70);
        double bothAlone = new LossComposition(bothPlan, both).epsilon(1e-6);
        assertThat(new LossComposition(bothPlan, bothNet, new PldMemory()).epsilon(1e-6))
                .isBetween(bothAlone * (1 - 1e-9), bothAlone * 1.002);
    }

    /** Noise so small or so nearly the same that total variation distances hardly differ, or sampling probabilities do. */
    @Test
    void mixture_hardlyDifferentKinds_isNotBelow() {
        for (double sigma : new double[] {0.03, 0.05, 1, 1e6}) {
            for (double width : new double[] {1e-13, 1e-9, 1e-3, 0.5}) {
                Map<LossPair, Long> pairs = new LinkedHashMap<>();
                for (int i = 0; i < 100; i++) {
                    pairs.put(GaussianPair.poisson(1e-3 * (1 + width * i / 99), sigma * (1 + width * i / 99)), 1L);
                }
                LossNet net = LossNet.of(pairs);
                for (LossPair pair : pairs.keySet()) {
                    LossNet.Mixture mixture = net.mixture(pair);
                    double sum = 0;
                    double q = 0;
                    double far = 0;
                    for (int i = 0; i < mixture.nodes().length; i++) {
                        LossNet.Place node = LossNet.place(net.nodes().get(mixture.nodes()[i]));
                        assertThat(mixture.weights()[i]).isBetween(0.0, 1.0);
                        sum += mixture.weights()[i];
                        q += mixture.weights()[i] * node.q();
                        far += mixture.weights()[i] * tail(1 / (2 * node.sigma()));
                    }
                    assertThat(sum).isBetween(1 - 1e-15, 1 + 1e-15);
                    assertThat(q).isGreaterThanOrEqualTo(LossNet.place(pair).q() * (1 - 1e-15));
                    // The part that the Gaussians share.
                    assertThat(far)
                            .isLessThanOrEqualTo(
                                    tail(1 / (2 * LossNet.place(pair).sigma())) * (1 + 1e-13));
                }
            }
        }
    }

    /** Deltas that are mostly rounding at the usual tilt: as near to octaves, which add nothing for rounding, as to larger deltas. */
    @ParameterizedTest
    @CsvSource("53, 5.2e-3, 1e-2, 0.663, 0.952, 1, 2e-47")
    void epsilon_manyKindsAtTinyDeltas_isNearThatOfOctaves(
            int kinds, double q, double lastQ, double sigma, double lastSigma, long count, double delta) {
        PldAccountant accountant = new PldAccountant();
        Map<LossPair, Long> pairs = new LinkedHashMap<>();
        for (int i = 0; i < kinds; i++) {
            double t = i / (kinds - 1.0);
            double probability = q * Math.pow(lastQ / q, t);
            double noise = sigma * Math.pow(lastSigma / sigma, t);
            accountant.compose(new PoissonSampled(probability, new Gaussian(noise)), count);
            pairs.put(GaussianPair.poisson(probability, noise), count);
        }
        double octaves =
                OctaveComposition.forDelta(pairs, delta, 1, new PldMemory()).epsilon(delta);
        assertThat(accountant.epsilon(delta)).isBetween(octaves * 0.99, octaves * 1.01);
    }
}
