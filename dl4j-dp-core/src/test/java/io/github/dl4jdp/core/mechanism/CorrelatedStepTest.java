// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core.mechanism;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;
import static org.assertj.core.api.Assertions.within;

import io.github.dl4jdp.accountant.CorrelatedNoise;
import io.github.dl4jdp.accountant.CorrelationMatrix;
import io.github.dl4jdp.accountant.DpEvent;
import io.github.dl4jdp.accountant.NeighboringRelation;
import io.github.dl4jdp.accountant.PldAccountant;
import io.github.dl4jdp.core.random.RandomStreams;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.stream.Stream;
import org.assertj.core.data.Percentage;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

class CorrelatedStepTest {
    private static final double SIGMA = 2;
    private static final double NORM = 0.5;
    private static final int LOT_SIZE = 5;
    /** Coordinates of a sum: so many independent runs. */
    private static final int DIMENSION = 20_000;

    private static final int LOTS = 6;

    static Stream<CorrelatedNoise> noises() {
        return Stream.of(
                CorrelatedNoise.lambdaCgd(0.9),
                CorrelatedNoise.bisr(4),
                CorrelatedNoise.bandedSquareRoot(3),
                CorrelatedNoise.bandMf(4));
    }

    private static Mechanism given(CorrelatedNoise noise, long examples, long steps, long separation) {
        return mechanism(
                Sampling.GIVEN_BATCHES, NeighboringRelation.ZERO_OUT, noise, examples, steps, separation, false);
    }

    private static Mechanism mechanism(
            Sampling sampling,
            NeighboringRelation relation,
            CorrelatedNoise noise,
            long examples,
            long steps,
            long separation,
            boolean seeded) {
        return new Mechanism(
                sampling,
                examples,
                LOT_SIZE,
                examples,
                0,
                relation,
                Clipping.flat(NORM),
                SIGMA,
                NoiseSchedule.CONSTANT,
                1,
                1,
                PrivacyUnit.EXAMPLE,
                steps,
                Optional.of(new Correlation(noise, separation)),
                seeded ? OptionalLong.of(5) : OptionalLong.empty());
    }

    private static double[][] releases(PrivateStep step, Charges charges, int from, int to) {
        var releases = new double[to - from][];
        for (int lot = from + 1; lot <= to; lot++) {
            releases[lot - from - 1] = release(step, charges.next(), lot);
        }
        return releases;
    }

    private static double[] release(PrivateStep step, Charge charge, long lot) {
        return release(step, charge, lot, LOT_SIZE);
    }

    private static double[] release(PrivateStep step, Charge charge, long lot, int examples) {
        PrivateStep.Lot open = step.open(charge, lot, 0);
        open.add(new ShardSum(new long[DIMENSION], 0, examples, open.gridStep(), NORM));
        return open.release().clone();
    }

    private static Charges charges(Mechanism mechanism) {
        return new Charges(mechanism, 0, event -> {});
    }

    /** C times what was released of empty sums, in draws: what was drawn, up to rounding. */
    private static double[][] whitened(CorrelatedNoise noise, int lots, double[][] released) {
        double[] c = CorrelationMatrix.of(noise, lots, 1, lots).coefficients();
        var draws = new double[released.length][DIMENSION];
        for (int t = 0; t < released.length; t++) {
            for (int j = 0; j < c.length && j <= t; j++) {
                for (int i = 0; i < DIMENSION; i++) {
                    draws[t][i] += c[j] * released[t - j][i] * LOT_SIZE / (SIGMA * NORM);
                }
            }
        }
        return draws;
    }

    private static double mean(double[] a, double[] b) {
        double sum = 0;
        for (int i = 0; i < DIMENSION; i++) {
            sum += a[i] * b[i];
        }
        return sum / DIMENSION;
    }

    @ParameterizedTest
    @MethodSource("noises")
    void release_correlatedNoise_isTheInverseOfTheMatrixTimesIndependentDraws(CorrelatedNoise noise) {
        Mechanism mechanism = given(noise, LOT_SIZE * LOTS, LOTS, LOTS);
        var step = new PrivateStep(mechanism, RandomStreams.secure(), DIMENSION, 0);
        double[][] draws = whitened(noise, LOTS, releases(step, charges(mechanism), 0, LOTS));
        // Means of products have a standard deviation of 0.0071, of squares 0.01: 21 bounds of 5.5 of them fail in less
        // than 1e-6 of all runs.
        for (int t = 0; t < LOTS; t++) {
            for (int s = 0; s < t; s++) {
                assertThat(mean(draws[t], draws[s]))
                        .as("lots %d and %d", t + 1, s + 1)
                        .isCloseTo(0, within(0.039));
            }
            assertThat(mean(draws[t], draws[t])).as("lot %d", t + 1).isCloseTo(1, within(0.055));
        }
    }

    @ParameterizedTest
    @MethodSource("noises")
    void release_seeded_mixesTheDrawsOfEarlierLotsExactly(CorrelatedNoise noise) {
        Mechanism mechanism = mechanism(
                Sampling.GIVEN_BATCHES, NeighboringRelation.ZERO_OUT, noise, LOT_SIZE * LOTS, LOTS, LOTS, true);
        var streams = RandomStreams.seeded(9);
        double[][] mixed = releases(new PrivateStep(mechanism, streams, DIMENSION, 0), charges(mechanism), 0, LOTS);
        var independent = new Mechanism(
                Sampling.GIVEN_BATCHES,
                LOT_SIZE * LOTS,
                LOT_SIZE,
                LOT_SIZE * LOTS,
                0,
                NeighboringRelation.ZERO_OUT,
                Clipping.flat(NORM),
                SIGMA,
                NoiseSchedule.CONSTANT,
                1,
                1,
                PrivacyUnit.EXAMPLE,
                LOTS,
                Optional.empty(),
                OptionalLong.of(5));
        var plain = new PrivateStep(independent, streams, DIMENSION, 0);
        Charge pass = charges(independent).next();
        double[][] draws = whitened(noise, LOTS, mixed);
        for (int t = 0; t < LOTS; t++) {
            double[] drawn = release(plain, pass, t + 1);
            for (int i = 0; i < DIMENSION; i += 501) {
                assertThat(draws[t][i]).isCloseTo(drawn[i] * LOT_SIZE / (SIGMA * NORM), within(1e-4));
            }
        }
    }

    @ParameterizedTest
    @MethodSource("noises")
    void continueAfter_seededRun_releasesWhatItWouldHave(CorrelatedNoise noise) {
        Mechanism mechanism = mechanism(
                Sampling.GIVEN_BATCHES, NeighboringRelation.ZERO_OUT, noise, LOT_SIZE * LOTS, LOTS, LOTS, true);
        double[][] whole = releases(
                new PrivateStep(mechanism, RandomStreams.seeded(3), DIMENSION, 0), charges(mechanism), 0, LOTS);
        var resumed = new PrivateStep(mechanism, RandomStreams.seeded(3), DIMENSION, 0);
        resumed.continueAfter(4);
        double[][] rest = releases(resumed, charges(mechanism), 4, LOTS);
        assertThat(rest).isDeepEqualTo(new double[][] {whole[4], whole[5]});
        // Without drawing again, the noise of the first lots would not be taken back.
        var forgetful = new PrivateStep(mechanism, RandomStreams.seeded(3), DIMENSION, 0);
        assertThat(releases(forgetful, charges(mechanism), 4, LOTS)[0]).isNotEqualTo(whole[4]);
    }

    private static byte[] noiseOf(PrivateStep step) throws IOException {
        var bytes = new ByteArrayOutputStream();
        step.writeNoise(new DataOutputStream(bytes));
        return bytes.toByteArray();
    }

    private static PrivateStep goneOn(Mechanism mechanism, RandomStreams streams, byte[] noise) throws IOException {
        var step = new PrivateStep(mechanism, streams, DIMENSION, 0);
        step.readNoise(new DataInputStream(new ByteArrayInputStream(noise)));
        return step;
    }

    @ParameterizedTest
    @MethodSource("noises")
    void readNoise_runThatStopped_takesItsDrawsBackAndDrawsAnew(CorrelatedNoise noise) throws IOException {
        Mechanism seeded = mechanism(
                Sampling.GIVEN_BATCHES, NeighboringRelation.ZERO_OUT, noise, LOT_SIZE * LOTS, LOTS, LOTS, true);
        double[][] whole =
                releases(new PrivateStep(seeded, RandomStreams.seeded(3), DIMENSION, 0), charges(seeded), 0, LOTS);
        for (int stop = 1; stop < LOTS; stop++) {
            var first = new PrivateStep(seeded, RandomStreams.seeded(3), DIMENSION, 0);
            releases(first, charges(seeded), 0, stop);
            double[] next = release(
                    goneOn(seeded, RandomStreams.seeded(3), noiseOf(first)),
                    charges(seeded).next(),
                    stop + 1);
            assertThat(next).as("stopped after %d", stop).isEqualTo(whole[stop]);
        }
        Mechanism mechanism = given(noise, LOT_SIZE * LOTS, LOTS, LOTS);
        var first = new PrivateStep(mechanism, RandomStreams.secure(), DIMENSION, 0);
        var released = new double[LOTS][];
        System.arraycopy(releases(first, charges(mechanism), 0, 3), 0, released, 0, 3);
        // Two runs of one state, as after a copy of it: no draw of theirs is that of the other, or of what was before.
        var draws = new ArrayList<double[][]>();
        for (int copy = 0; copy < 2; copy++) {
            PrivateStep second = goneOn(mechanism, RandomStreams.secure(), noiseOf(first));
            System.arraycopy(releases(second, charges(mechanism), 3, LOTS), 0, released, 3, LOTS - 3);
            draws.add(whitened(noise, LOTS, released));
        }
        // 48 bounds of 5.5 standard deviations, as above: they fail in less than 2e-6 of all runs.
        for (int t = 3; t < LOTS; t++) {
            for (double[][] one : draws) {
                assertThat(mean(one[t], one[t])).as("lot %d", t + 1).isCloseTo(1, within(0.055));
                for (int s = 0; s < t; s++) {
                    assertThat(mean(one[t], one[s]))
                            .as("lots %d, %d", t + 1, s + 1)
                            .isCloseTo(0, within(0.039));
                }
            }
            for (int s = 3; s < LOTS; s++) {
                assertThat(mean(draws.get(0)[t], draws.get(1)[s]))
                        .as("lots %d and %d of two runs", t + 1, s + 1)
                        .isCloseTo(0, within(0.039));
            }
        }
    }

    @Test
    void readNoise_draws_canBeTakenBackOnly() throws IOException {
        CorrelatedNoise noise = CorrelatedNoise.lambdaCgd(0.9);
        Mechanism mechanism = given(noise, LOT_SIZE * LOTS, LOTS, LOTS);
        var first = new PrivateStep(mechanism, RandomStreams.secure(), DIMENSION, 0);
        releases(first, charges(mechanism), 0, 2);
        assertThat(first.mixed()).isEqualTo(2);
        // A count and the key of the last release: no key of the run.
        assertThat(noiseOf(first)).hasSize(8 + 16);
        assertThatIllegalStateException()
                .isThrownBy(() -> first.readNoise(new DataInputStream(new ByteArrayInputStream(noiseOf(first)))))
                .withMessageContaining("before its first release");
    }

    @Test
    void continueAfter_secureRun_beginsAnew() {
        CorrelatedNoise noise = CorrelatedNoise.lambdaCgd(0.9);
        Mechanism mechanism = given(noise, LOT_SIZE * LOTS, LOTS, LOTS);
        var step = new PrivateStep(mechanism, RandomStreams.secure(), DIMENSION, 0);
        step.continueAfter(3);
        double[][] draws = whitened(noise, LOTS, releases(step, charges(mechanism), 3, LOTS));
        assertThat(mean(draws[0], draws[0])).isCloseTo(1, within(0.055));
        assertThat(mean(draws[1], draws[1])).isCloseTo(1, within(0.055));
        assertThat(mean(draws[0], draws[1])).isCloseTo(0, within(0.039));
    }

    @ParameterizedTest
    @MethodSource("noises")
    void release_thatFailed_leavesNoTraceInLaterNoise(CorrelatedNoise noise) {
        Mechanism mechanism = given(noise, LOT_SIZE * LOTS, LOTS, LOTS);
        var step = new PrivateStep(mechanism, RandomStreams.secure(), DIMENSION, 0);
        var isFull = new boolean[1];
        var charges = new Charges(mechanism, 0, event -> {
            if (isFull[0]) {
                throw new IllegalStateException("the disk is full");
            }
        });
        var released = new double[LOTS][];
        for (int lot = 1; lot <= LOTS; lot++) {
            isFull[0] = true;
            int number = lot;
            assertThatIllegalStateException()
                    .isThrownBy(() -> release(step, charges.next(), number))
                    .withMessage("the disk is full");
            isFull[0] = false;
            released[lot - 1] = release(step, charges.next(), lot);
        }
        double[][] draws = whitened(noise, LOTS, released);
        for (int t = 0; t < LOTS; t++) {
            assertThat(mean(draws[t], draws[t])).as("lot %d", t + 1).isCloseTo(1, within(0.055));
        }
    }

    @ParameterizedTest
    @MethodSource("noises")
    void event_chargesOfLots_addUpToOneGaussianOfTheSensitivity(CorrelatedNoise noise) {
        Mechanism mechanism = given(noise, LOT_SIZE * 10, 30, 10);
        for (int t = 1; t <= 30; t++) {
            double precision = 0;
            for (int lot = 1; lot <= t; lot++) {
                DpEvent event = mechanism.event(lot);
                precision += event instanceof DpEvent.Gaussian gaussian ? Math.pow(gaussian.noiseMultiplier(), -2) : 0;
            }
            double squared = CorrelationMatrix.of(noise, 30, 3, 10).squaredSensitivity(t);
            assertThat(precision).isCloseTo(squared / (SIGMA * SIGMA), Percentage.withPercentage(1e-9));
            assertThat(((DpEvent.Gaussian) mechanism.events(0, t)).noiseMultiplier())
                    .isCloseTo(SIGMA / Math.sqrt(squared), Percentage.withPercentage(1e-9));
        }
        // Noise that began anew after 13 lots costs what a run of its own costs.
        assertThat(mechanism.events(13, 13, 20)).isEqualTo(mechanism.events(0, 7));
        assertThat(mechanism.event(13, 14)).isEqualTo(mechanism.event(1));
    }

    @Test
    void record_noiseThatBeganAnew_isChargedFromTheFirstLotOn() {
        Mechanism mechanism = given(CorrelatedNoise.bisr(4), LOT_SIZE * 10, 30, 10);
        var recorded = new ArrayList<DpEvent>();
        var charges = new Charges(mechanism, 13, recorded::add);
        var step = new PrivateStep(mechanism, RandomStreams.secure(), DIMENSION, 0);
        release(step, charges.nextOfNewPass(), 14);
        release(step, charges.next(), 15);
        assertThat(recorded).containsExactly(mechanism.event(1), mechanism.event(2));
        assertThat(mechanism.event(1)).isNotEqualTo(mechanism.event(14));
    }

    @Test
    void event_replaceOne_countsHalf() {
        CorrelatedNoise noise = CorrelatedNoise.bisr(4);
        Mechanism mechanism =
                mechanism(Sampling.GIVEN_BATCHES, NeighboringRelation.REPLACE_ONE, noise, LOT_SIZE * 10, 10, 10, false);
        assertThat(((DpEvent.Gaussian) mechanism.events(0, 10)).noiseMultiplier())
                .isCloseTo(
                        SIGMA / 2 / CorrelationMatrix.of(noise, 10, 1, 10).sensitivity(),
                        Percentage.withPercentage(1e-9));
    }

    @Test
    void event_poissonLots_isOneSampledGaussianForEachRoundOfBands() {
        CorrelatedNoise noise = CorrelatedNoise.bandMf(4);
        Mechanism mechanism = mechanism(Sampling.POISSON, NeighboringRelation.ZERO_OUT, noise, 100, 10, 4, false);
        var round = new DpEvent.PoissonSampled(
                0.2,
                new DpEvent.Gaussian(Math.nextDown(
                        SIGMA / CorrelationMatrix.of(noise, 10, 1, 4).sensitivity())));
        assertThat(mechanism.events(0, 10)).isEqualTo(new DpEvent.SelfComposed(round, 3));
        assertThat(mechanism.events(0, 4)).isEqualTo(round);
        assertThat(mechanism.events(0, 5)).isEqualTo(new DpEvent.SelfComposed(round, 2));
        assertThat(mechanism.event(5)).isEqualTo(round);
        assertThat(mechanism.event(6)).isEqualTo(new DpEvent.NoOp());
        assertThat(mechanism.events(3, 3, 8)).isEqualTo(new DpEvent.SelfComposed(round, 2));
        assertThat(mechanism.events(3, 4, 8)).isEqualTo(round);
        assertThat(new PldAccountant(NeighboringRelation.ZERO_OUT)
                        .compose(mechanism.events(0, 10))
                        .epsilon(1e-5))
                .isPositive();
    }

    @Test
    void draw_poissonLots_areOfOnePartWithTheProbabilityOfTheEvent() {
        int examples = 1000;
        Mechanism mechanism = mechanism(
                Sampling.POISSON, NeighboringRelation.ZERO_OUT, CorrelatedNoise.bandMf(4), examples, 400, 4, false);
        var streams = RandomStreams.seeded(1);
        var counts = new long[examples];
        for (int lot = 1; lot <= 400; lot++) {
            long[] members = mechanism.draw(streams.lotKey(lot), lot, 0, examples, examples);
            for (long member : members) {
                assertThat(member % 4).isEqualTo((lot - 1) % 4);
                counts[(int) member]++;
            }
            long[] halves = Stream.of(
                            mechanism.draw(streams.lotKey(lot), lot, 0, 333, examples),
                            mechanism.draw(streams.lotKey(lot), lot, 333, examples, examples))
                    .flatMapToLong(Arrays::stream)
                    .toArray();
            assertThat(halves).isEqualTo(members);
        }
        assertThat(mechanism.samplingProbability()).isEqualTo(0.02);
        // 100 lots of each part: 2000 members on average, standard deviation 44.
        assertThat(Arrays.stream(counts).sum()).isBetween(1780L, 2220L);
    }

    @Test
    void release_passThatWasTooShort_isNotFollowedByAnotherOne() {
        Mechanism mechanism = given(CorrelatedNoise.lambdaCgd(0.9), LOT_SIZE * 4, 8, 4);
        var step = new PrivateStep(mechanism, RandomStreams.secure(), DIMENSION, 0);
        var charges = charges(mechanism);
        release(step, charges.nextOfNewPass(), 1);
        for (int lot = 2; lot <= 3; lot++) {
            release(step, charges.next(), lot);
        }
        assertThatIllegalStateException()
                .isThrownBy(charges::nextOfNewPass)
                .withMessageContaining("at least 4 lots")
                .withMessageContaining("it had 3");
        release(step, charges.next(), 4);
        release(step, charges.nextOfNewPass(), 5);
        assertThat(charges.passes()).isEqualTo(2);
        for (int lot = 6; lot <= 8; lot++) {
            release(step, charges.next(), lot);
        }
        assertThatIllegalStateException()
                .isThrownBy(charges::nextOfNewPass)
                .withMessageContaining("all of its 2 passes were begun");
    }

    /** Rows 5 and 6 would be in lots 3 and 5, though passes of 4 and of 2 lots keep a distance of 2. */
    @Test
    void release_lotOfAnotherSizeThanInThePassBefore_isRefusedBeforeItIsCharged() {
        Mechanism mechanism = given(CorrelatedNoise.bandMf(4), LOT_SIZE * 4, 12, 2);
        var step = new PrivateStep(mechanism, RandomStreams.secure(), DIMENSION, 0);
        var charges = charges(mechanism);
        release(step, charges.nextOfNewPass(), 1, 3);
        release(step, charges.next(), 2, 2);
        // A pass may go on where the one before it was left, and is then what later ones are held to.
        release(step, charges.nextOfNewPass(), 3, 3);
        release(step, charges.next(), 4, 2);
        release(step, charges.next(), 5, 4);
        assertThatIllegalStateException()
                .isThrownBy(() -> release(step, charges.nextOfNewPass(), 6, 5))
                .withMessageContaining("lot 1 of pass 3 must have 3 examples")
                .withMessageContaining("it had 5, and nothing of it was released")
                .withMessageContaining("withCorrelatedNoise(noise, 1)");
        assertThat(charges.made()).isEqualTo(5);
        release(step, charges.nextOfNewPass(), 6, 3);
        release(step, charges.next(), 7, 2);
        assertThatIllegalStateException()
                .isThrownBy(() -> release(step, charges.next(), 8, 3))
                .withMessageContaining("lot 3 of pass 3 must have 4 examples");
        release(step, charges.next(), 8, 4);
        assertThat(charges.made()).isEqualTo(8);
    }

    @Test
    void release_lotsOfOtherSizesWithSeparationOne_areReleased() {
        Mechanism mechanism = given(CorrelatedNoise.bandMf(4), LOT_SIZE * 2, 4, 1);
        var step = new PrivateStep(mechanism, RandomStreams.secure(), DIMENSION, 0);
        var charges = charges(mechanism);
        release(step, charges.nextOfNewPass(), 1, 3);
        release(step, charges.next(), 2, 2);
        release(step, charges.nextOfNewPass(), 3, 5);
        assertThat(charges.made()).isEqualTo(3);
    }

    @Test
    void release_lotAboveTheBatchSize_isRefusedBeforeItIsCharged() {
        Mechanism mechanism = given(CorrelatedNoise.bandMf(4), LOT_SIZE * 4, 8, 1);
        var step = new PrivateStep(mechanism, RandomStreams.secure(), DIMENSION, 0);
        var charges = charges(mechanism);
        assertThatIllegalStateException()
                .isThrownBy(() -> release(step, charges.nextOfNewPass(), 1, LOT_SIZE + 1))
                .withMessageContaining("at most the plan's batch size, 5 examples, had 6");
        assertThat(charges.made()).isZero();
    }

    @Test
    void mechanism_separationAboveTheLotsOfAPass_isRefused() {
        CorrelatedNoise noise = CorrelatedNoise.bandMf(4);
        assertThatIllegalArgumentException()
                .isThrownBy(() -> given(noise, LOT_SIZE * 4, 8, 5))
                .withMessageContaining("separation of at most the 4 lots of a pass")
                .withMessageContaining("was 5");
        assertThat(given(noise, LOT_SIZE * 4, 8, 4).passes()).isEqualTo(2);
        assertThat(given(noise, LOT_SIZE * 4 - 1, 9, 4).passes()).isEqualTo(3);
        assertThat(given(noise, LOT_SIZE * 4, 4, 1000).passes()).isEqualTo(1);
    }

    @Test
    void release_moreExamplesThanThePassHas_isRefused() {
        Mechanism mechanism = given(CorrelatedNoise.lambdaCgd(0.9), LOT_SIZE * 2, 4, 2);
        var step = new PrivateStep(mechanism, RandomStreams.secure(), DIMENSION, 0);
        var charges = charges(mechanism);
        release(step, charges.nextOfNewPass(), 1);
        release(step, charges.next(), 2);
        assertThatIllegalStateException()
                .isThrownBy(() -> release(step, charges.next(), 3))
                .withMessageContaining("over at most 10 examples");
        assertThat(charges.made()).isEqualTo(2);
    }

    @Test
    void gridNoise_manySteps_paysForTheRoundingOfMixtures() {
        CorrelatedNoise noise = CorrelatedNoise.lambdaCgd(0.99);
        Mechanism mechanism = given(noise, LOT_SIZE * 10_000L, 10_000, 10_000);
        var step = new PrivateStep(mechanism, RandomStreams.secure(), DIMENSION, 0);
        double deviation = step.open(charges(mechanism).next(), 1, 0).gridStep() * 0x1p30;
        double rounding = CorrelationMatrix.of(noise, 10_000, 1, 10_000).rounding();
        assertThat(rounding).isGreaterThan(1000);
        double grid = deviation * 0x1p-30;
        assertThat(deviation)
                .isCloseTo(
                        SIGMA * (NORM + (2 + rounding) * grid * Math.sqrt(DIMENSION)), Percentage.withPercentage(1e-9));
    }

    @Test
    void mechanism_whatCorrelatedNoiseDoesNotAllow_isRefusedWithTheReason() {
        CorrelatedNoise banded = CorrelatedNoise.bandMf(4);
        CorrelatedNoise lambda = CorrelatedNoise.lambdaCgd(0.9);
        var reasons = new ArrayList<String>();
        for (Runnable wrong : List.<Runnable>of(
                () -> mechanism(Sampling.FIXED_SIZE, NeighboringRelation.REPLACE_ONE, banded, 100, 10, 4, false),
                () -> mechanism(Sampling.POISSON, NeighboringRelation.ZERO_OUT, lambda, 100, 10, 2, false),
                () -> mechanism(Sampling.POISSON, NeighboringRelation.ZERO_OUT, banded, 19, 10, 4, false),
                () -> mechanism(Sampling.POISSON, NeighboringRelation.ZERO_OUT, banded, 100, 10, 3, false),
                () -> mechanism(Sampling.POISSON, NeighboringRelation.ADD_OR_REMOVE_ONE, banded, 100, 10, 4, false))) {
            assertThatIllegalArgumentException()
                    .isThrownBy(wrong::run)
                    .satisfies(e -> reasons.add(String.valueOf(e.getMessage())));
        }
        assertThat(reasons.get(0)).contains("lots of a fixed size are not");
        assertThat(reasons.get(1)).contains("needs a matrix with bands for Poisson lots");
        assertThat(reasons.get(2)).contains("one of 4 parts");
        assertThat(reasons.get(3)).contains("4 apart for Poisson lots, not 3");
        assertThat(reasons.get(4)).contains("relation must be one of [ZERO_OUT]");
    }
}
