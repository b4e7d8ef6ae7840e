// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.accountant;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.dl4jdp.accountant.DpEvent.Composed;
import io.github.dl4jdp.accountant.DpEvent.Gaussian;
import io.github.dl4jdp.accountant.DpEvent.PoissonSampled;
import io.github.dl4jdp.accountant.DpEvent.SelfComposed;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class PldMemoryTest {
    private static final int KINDS = 2 * PldMemory.GROUP + 7;

    private static DpEvent kind(double q, double sigma, long count) {
        return new SelfComposed(new PoissonSampled(q, new Gaussian(sigma)), count);
    }

    private static List<DpEvent> past(double least, double most, Random random) {
        List<DpEvent> past = new ArrayList<>();
        for (int i = 0; i < KINDS; i++) {
            double q = least * Math.pow(most / least, random.nextDouble());
            past.add(kind(q, 0.7 + random.nextDouble(), 1 + random.nextInt(30)));
        }
        return past;
    }

    /** What was composed for others is taken over, and changes no digit. */
    @ParameterizedTest
    @CsvSource({"1e-3, 0.03, 1e-6, LossComposition", "1e-7, 1e-5, 1e-9, OctaveComposition"})
    void epsilon_besideManyKinds_equalsThatOfAFreshAccountant(
            double least, double most, double delta, String composition) {
        List<DpEvent> past = past(least, most, new Random(1));
        PldMemory shared = new PldMemory();
        for (double sigma : new double[] {1, 0.9, 0.905, 1}) {
            for (int place : new int[] {0, KINDS}) {
                List<DpEvent> events = new ArrayList<>(past);
                events.add(place, kind(most, sigma, 40));
                double fresh = new PldAccountant().compose(new Composed(events)).epsilon(delta);
                assertThat(new PldAccountant(NeighboringRelation.ADD_OR_REMOVE_ONE, shared)
                                .compose(new Composed(events))
                                .epsilon(delta))
                        .isEqualTo(fresh);
            }
        }
        Map<LossPair, Long> pairs = new LinkedHashMap<>();
        EventParts.of(new Composed(past), 1, "test", NeighboringRelation.ADD_OR_REMOVE_ONE, leaf -> null)
                .forEach((leaf, count) -> pairs.put(LossPairs.of(leaf, NeighboringRelation.ADD_OR_REMOVE_ONE), count));
        assertThat(new CompositionCache(shared)
                        .compositionForDelta(pairs, delta)
                        .getClass()
                        .getSimpleName())
                .isEqualTo(composition);
    }

    /** Gaussian noise of many sizes is one Gaussian, in groups too. */
    @ParameterizedTest
    @ValueSource(doubles = {0.1, 1e-3, 1e-8})
    void lossComposition_manyKinds_aboveClosedFormAndClose(double delta) {
        Random random = new Random(2);
        Map<LossPair, Long> pairs = new LinkedHashMap<>();
        double square = 0;
        double once = 0;
        for (int i = 0; i < KINDS; i++) {
            double sigma = 20 + 20 * random.nextDouble();
            long count = 1L + random.nextInt(20);
            pairs.put(GaussianPair.plain(sigma), count);
            square += count / (sigma * sigma);
            once += 1 / (sigma * sigma);
        }
        double exact = GaussianTradeOff.epsilon(Math.sqrt(square), delta);
        LossPlan plan = LossPlan.forDelta(pairs, delta, 1);
        var composition = new LossComposition(plan, LossNet.exact(pairs), new PldMemory());
        assertThat(composition.epsilon(delta)).isBetween(exact * (1 - 1e-12), exact * 1.002);
        pairs.keySet().forEach(pair -> composition.add(pair, 1));
        double more = GaussianTradeOff.epsilon(Math.sqrt(square + once), delta);
        assertThat(composition.epsilon(delta)).isBetween(more * (1 - 1e-12), more * 1.01);
    }

    /** Pairs that say nothing, or all: delta tells how many of each there were. */
    @ParameterizedTest
    @ValueSource(ints = {1, 5, 1000})
    void octaveComposition_manyKinds_everyEventOnce(int most) {
        Random random = new Random(most);
        Map<LossPair, Long> pairs = new LinkedHashMap<>();
        double log = 0;
        double sum = 0;
        for (int i = 0; i < KINDS; i++) {
            double probability = 1e-6 * (1 + random.nextInt(9));
            long count = 1L + random.nextInt(most);
            pairs.put(new AtomPair(0, probability), count);
            log += count * Math.log1p(-probability);
            sum += count * probability;
        }
        OctaveComposition composition = OctaveComposition.of(pairs, 1e-3, 1, 16, new PldMemory());
        assertThat(composition.delta(0)).isBetween(-Math.expm1(log) * (1 - 1e-9), sum * (1 + 1e-5));
    }

    /** Points that are further apart for larger losses cost next to nothing. */
    @ParameterizedTest
    @CsvSource({
        "0.01, 0.7, 3000, 1e-6",
        "0.001, 0.5, 2000, 1e-9",
        "0.3, 2, 100, 1e-12",
        "0.05, 0.4, 500, 1e-3",
        "1e-4, 0.6, 20000, 1e-5",
        "0.9, 0.3, 50, 1e-7"
    })
    void lossComposition_onOctaves_isNearAnEvenLattice(double q, double sigma, long steps, double delta) {
        for (LossPair pair : List.of(GaussianPair.poisson(q, sigma), GaussianPair.poissonReplace(q, sigma))) {
            Map<LossPair, Long> pairs = Map.of(pair, steps);
            LossPlan plan = LossPlan.forDelta(pairs, delta, 1);
            double even = new LossComposition(plan, pairs).epsilon(delta);
            double octaves = new LossComposition(plan, LossNet.exact(pairs), new PldMemory()).epsilon(delta);
            assertThat(octaves).isBetween(even * (1 - 1e-9), even * (1 + 3e-5));
        }
    }
}
