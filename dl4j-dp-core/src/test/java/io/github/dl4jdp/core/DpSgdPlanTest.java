// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.dl4jdp.accountant.AccountantKind;
import io.github.dl4jdp.accountant.CorrelatedNoise;
import io.github.dl4jdp.accountant.DpEvent;
import io.github.dl4jdp.accountant.NeighboringRelation;
import io.github.dl4jdp.accountant.PrivacyGuarantee;
import io.github.dl4jdp.accountant.RdpAccountant;
import java.nio.file.Path;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class DpSgdPlanTest {
    private static DpSgdPlan plan() {
        return DpSgdPlan.poisson(60_000, 256)
                .withEpochs(15)
                .withClippingNorm(1.5)
                .withNoiseMultiplier(1.1)
                .withDelta(1e-5);
    }

    @ParameterizedTest
    @CsvSource({
        "0, 1, examples must be at least 1",
        "-5, 1, examples must be at least 1",
        "10, 0, expectedLotSize must be at least 1",
        "10, -1, expectedLotSize must be at least 1",
        "10, 11, expectedLotSize must be at most examples = 10"
    })
    void poisson_sizesOutOfRange_throws(long examples, long lotSize, String message) {
        assertThatIllegalArgumentException()
                .isThrownBy(() -> DpSgdPlan.poisson(examples, lotSize))
                .withMessageContaining(message)
                .withMessageContaining("was ");
    }

    @ParameterizedTest
    @ValueSource(doubles = {0, -1, Double.NaN, Double.POSITIVE_INFINITY, Double.NEGATIVE_INFINITY})
    void withClippingNormAndNoiseMultiplier_notFiniteAndPositive_throws(double value) {
        assertThatIllegalArgumentException()
                .isThrownBy(() -> plan().withClippingNorm(value))
                .withMessageContaining("clippingNorm must be finite and > 0, was " + value);
        assertThatIllegalArgumentException()
                .isThrownBy(() -> plan().withNoiseMultiplier(value))
                .withMessageContaining("noiseMultiplier must be finite and > 0, was " + value);
    }

    @ParameterizedTest
    @ValueSource(doubles = {0, 1, -1e-5, 2, Double.NaN, Double.POSITIVE_INFINITY})
    void withDelta_notInOpenUnitInterval_throws(double value) {
        assertThatIllegalArgumentException()
                .isThrownBy(() -> plan().withDelta(value))
                .withMessageContaining("delta must be in (0, 1), was " + value);
    }

    @ParameterizedTest
    @ValueSource(ints = {0, -1})
    void withEpochsAndSteps_belowOne_throws(int value) {
        assertThatIllegalArgumentException()
                .isThrownBy(() -> plan().withEpochs(value))
                .withMessageContaining("epochs must be at least 1, was " + value);
        assertThatIllegalArgumentException()
                .isThrownBy(() -> plan().withSteps(value))
                .withMessageContaining("steps must be at least 1, was " + value);
    }

    @Test
    void accessors_partMissing_namesIt() {
        var plan = DpSgdPlan.poisson(100, 10);
        assertThatThrownBy(plan::steps).hasMessageContaining("withEpochs or withSteps");
        assertThatThrownBy(plan::clippingNorm).hasMessageContaining("withClippingNorm");
        assertThatThrownBy(plan::noiseMultiplier).hasMessageContaining("withNoiseMultiplier");
        assertThatThrownBy(plan::delta).hasMessageContaining("withDelta");
        assertThatThrownBy(
                        () -> plan.calibratedTo(new PrivacyGuarantee(1, 1e-5)).noiseMultiplier())
                .hasMessageContaining("no length");
    }

    @Test
    void event_poisson_composesSampledGaussians() {
        assertThat(plan().steps()).isEqualTo(3516);
        assertThat(plan().event())
                .isEqualTo(new DpEvent.SelfComposed(
                        new DpEvent.PoissonSampled(256.0 / 60_000, new DpEvent.Gaussian(1.1)), 3516));
    }

    @Test
    void epsilonAfter_wholePlan_equalsAccountant() {
        var plan = plan().withAccountant(AccountantKind.RDP);
        double expected = new RdpAccountant(NeighboringRelation.ADD_OR_REMOVE_ONE)
                .compose(plan.event())
                .epsilon(1e-5);
        assertThat(plan.guarantee().epsilon()).isEqualTo(expected);
        assertThat(plan.guarantee().relation()).isEqualTo(NeighboringRelation.ADD_OR_REMOVE_ONE);
        assertThat(plan.epsilonAfter(0)).isZero();
    }

    @Test
    void accountantKind_notGiven_isTightAndKnowsEveryPlan() {
        for (var plan : new DpSgdPlan[] {
            DpSgdPlan.poisson(100, 10), DpSgdPlan.fixedSize(100, 10), DpSgdPlan.givenBatches(100, 10)
        }) {
            for (var relation : plan.sampling().relations()) {
                var complete = plan.withRelation(relation)
                        .withSteps(3)
                        .withClippingNorm(1)
                        .withNoiseMultiplier(2)
                        .withDelta(1e-5);
                assertThat(complete.accountantKind()).isEqualTo(AccountantKind.PLD);
                assertThat(complete.guarantee().epsilon())
                        .isLessThan(complete.withAccountant(AccountantKind.RDP)
                                .guarantee()
                                .epsilon());
            }
        }
    }

    @Test
    void calibratedTo_accountantNotGiven_needsLessNoiseThanTheMomentsAccountant() {
        var guarantee = new PrivacyGuarantee(3, 1e-5);
        var plan = plan().calibratedTo(guarantee);
        var moments = plan.withAccountant(AccountantKind.RDP);
        assertThat(plan.noiseMultiplier()).isBetween(0.9 * moments.noiseMultiplier(), 0.97 * moments.noiseMultiplier());
        assertThat(plan.guarantee().epsilon()).isBetween(3 * (1 - 1e-4), 3.0);
    }

    @Property(tries = 30)
    void calibratedTo_anyEpsilon_isReachedFromBelow(@ForAll @IntRange(min = 1, max = 100) int tenths) {
        double target = tenths / 10.0;
        var plan = DpSgdPlan.poisson(50_000, 512)
                .withEpochs(10)
                .withClippingNorm(1)
                .withAccountant(AccountantKind.RDP)
                .calibratedTo(new PrivacyGuarantee(target, 1e-5));
        assertThat(plan.guarantee().epsilon()).isBetween(target * (1 - 1e-4), target);
    }

    @Test
    void calibratedTo_lengthChangedLater_calibratesAnew() {
        var guarantee = new PrivacyGuarantee(2, 1e-5);
        var before = DpSgdPlan.poisson(50_000, 512).calibratedTo(guarantee).withEpochs(5);
        var after = before.withEpochs(50);
        assertThat(after.noiseMultiplier()).isGreaterThan(before.noiseMultiplier());
        assertThat(after.guarantee().epsilon()).isLessThanOrEqualTo(2);
        assertThat(after.withClippingNorm(3).noiseMultiplier()).isEqualTo(after.noiseMultiplier());
    }

    @Test
    void calibratedTo_anotherRelation_throws() {
        var guarantee = new PrivacyGuarantee(1, 1e-5, NeighboringRelation.REPLACE_ONE);
        assertThatIllegalArgumentException()
                .isThrownBy(() -> plan().calibratedTo(guarantee))
                .withMessageContaining("relation")
                .withMessageContaining("REPLACE_ONE");
    }

    @Test
    void withDelta_otherThanCalibrated_throws() {
        var plan = plan().calibratedTo(new PrivacyGuarantee(1, 1e-5));
        assertThatIllegalArgumentException()
                .isThrownBy(() -> plan.withDelta(1e-6))
                .withMessageContaining("1.0E-5");
    }

    @Test
    void withoutNoise_isNotPrivateAndInfinite() {
        var plan = plan().withoutNoise();
        assertThat(plan.isPrivate()).isFalse();
        assertThat(plan.noiseMultiplier()).isZero();
        assertThat(plan.event()).isEqualTo(new DpEvent.SelfComposed(new DpEvent.NonPrivate(), 3516));
        assertThat(plan.guarantee().epsilon()).isInfinite();
    }

    @Test
    void withSeed_isNotPrivate() {
        assertThat(plan().isPrivate()).isTrue();
        assertThat(plan().withSeed(1).isPrivate()).isFalse();
    }

    /** Pass e yields ceil(eN/L) - ceil((e-1)N/L) lots, and every lot belongs to one pass. */
    @Property
    void passOf_everyLot_agreesWithLotsAfter(
            @ForAll @IntRange(min = 1, max = 500) int examples,
            @ForAll @IntRange(min = 1, max = 500) int lotSize,
            @ForAll @IntRange(min = 1, max = 1000) int lot) {
        var plan = DpSgdPlan.poisson(Math.max(examples, lotSize), lotSize)
                .withSteps(1)
                .withClippingNorm(1)
                .withoutNoise();
        long pass = plan.mechanism().passOf(lot);
        assertThat(plan.mechanism().lotsAfter(pass - 1)).isLessThan(lot);
        assertThat(plan.mechanism().lotsAfter(pass)).isGreaterThanOrEqualTo(lot);
        assertThat(plan.mechanism().lotsAfter(pass))
                .isEqualTo((long) Math.ceil(pass * (double) plan.examples() / lotSize - 1e-9));
    }

    @Test
    void codec_plan_readsBackEqual() {
        for (var plan : new DpSgdPlan[] {
            plan(),
            plan().withSeed(9),
            plan().withoutNoise(),
            plan().withAccountant(AccountantKind.RDP).calibratedTo(new PrivacyGuarantee(2, 1e-6)),
            plan().calibratedTo(new PrivacyGuarantee(2, 1e-6))
        }) {
            assertThat(PlanJson.fromMap(PlanJson.toMap(plan))).isEqualTo(plan).hasToString(plan.toString());
        }
    }

    @Test
    void codec_valueMissing_throws() {
        var map = PlanJson.toMap(plan());
        map.remove("clippingNorm");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> PlanJson.fromMap(map))
                .withMessageContaining("clippingNorm");
    }

    /** A release is relative to one unit under one relation. */
    @Test
    void with_otherTermsThanThoseOfChargedReleases_isRefused() {
        DpSgdPlan charged = DpSgdPlan.givenBatches(60, 12)
                .withSteps(5)
                .withClippingNorm(1)
                .withOtherReleases(new DpEvent.Gaussian(20));
        assertThat(charged.relation()).isEqualTo(NeighboringRelation.ZERO_OUT);
        assertThatIllegalArgumentException()
                .isThrownBy(() -> charged.withRelation(NeighboringRelation.REPLACE_ONE))
                .withMessageContaining("relation must stay")
                .withMessageContaining("REPLACE_ONE");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> charged.calibratedTo(new PrivacyGuarantee(3, 1e-5, NeighboringRelation.REPLACE_ONE)))
                .withMessageContaining("relation must stay");
        DpSgdPlan poisson = DpSgdPlan.poisson(60, 12).withOtherRelease("one", new DpEvent.Gaussian(20));
        assertThatIllegalArgumentException()
                .isThrownBy(() -> poisson.withUnit("patient", 4))
                .withMessageContaining("unit must stay")
                .withMessageContaining("patient");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> poisson.withMaximumLotSize(40))
                .withMessageContaining("relation must stay");
        assertThat(DpSgdPlan.poisson(60, 12)
                        .withOtherReleases(new DpEvent.Gaussian(20))
                        .withOtherReleases(new DpEvent.NoOp())
                        .withUnit("patient", 4)
                        .unit())
                .isEqualTo("patient");
    }

    @Test
    void withNoiseKeptIn_ledgerItself_isRefused() {
        Path file = Path.of("target", "one-file");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> DpSgdPlan.givenBatches(60, 12)
                        .withCorrelatedNoise(CorrelatedNoise.lambdaCgd(0.5))
                        .withLedger(file)
                        .withNoiseKeptIn(Path.of("target", ".", "one-file")))
                .withMessageContaining("must be another one than the ledger");
    }
}
