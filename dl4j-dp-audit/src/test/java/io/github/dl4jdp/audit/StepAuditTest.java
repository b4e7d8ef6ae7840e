// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.audit;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.dl4jdp.accountant.CorrelatedNoise;
import io.github.dl4jdp.accountant.DpEvent;
import io.github.dl4jdp.core.DpSgdPlan;
import io.github.dl4jdp.core.ExecutionOptions;
import java.nio.file.Path;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.nd4j.linalg.dataset.DataSet;
import org.nd4j.linalg.learning.config.Adam;
import org.nd4j.linalg.learning.config.Sgd;

class StepAuditTest {
    private static DpSgdPlan plan(int examples) {
        return DpSgdPlan.poisson(examples, examples)
                .withSteps(1)
                .withClippingNorm(1.0)
                .withNoiseMultiplier(0.5)
                .withDelta(1e-5)
                .withSeed(5);
    }

    private static StepAudit audit(PlantedBug bug, DpSgdPlan claimed) {
        return StepAudit.of(
                        () -> bug.into(AuditNetworks.network(new Sgd(1.0)), claimed),
                        bug.run(claimed),
                        AuditNetworks.data((int) claimed.examples()),
                        AuditNetworks.canary())
                .withClaim(claimed.stepEvent())
                .withCoins(new Random(7))
                .withConfidence(0.99)
                .withTrials(300);
    }

    @ParameterizedTest
    @EnumSource
    void run_plantedBug_isCaught(PlantedBug bug) {
        StepAuditResult result = audit(bug, plan(2)).run();

        assertThat(result.isContradicted()).as(result.toString()).isEqualTo(bug != PlantedBug.NONE);
    }

    @Test
    void run_realizedDivisorAtExpectedLotOfFour_isCaught() {
        DpSgdPlan plan = plan(4).withNoiseMultiplier(1.0);

        assertThat(audit(PlantedBug.REALISED_DIVISOR, plan).run().isContradicted())
                .isTrue();
    }

    @Test
    void run_physicalBatchesOfOne_changesNothing() {
        StepAuditResult result = audit(PlantedBug.NONE, plan(2))
                .withOptions(ExecutionOptions.defaults().withPhysicalBatchSize(1))
                .run();

        assertThat(result.isContradicted()).isFalse();
        assertThat(result.gaussianEpsilonLowerBound()).isBetween(1.0, result.claimedEpsilon());
    }

    @Test
    void run_severalCopiesOfEachExample_holdTheClaimOfOne() {
        StepAuditResult result =
                audit(PlantedBug.NONE, plan(2).withAugmentationMultiplicity(3)).run();

        assertThat(result.isContradicted()).isFalse();
        assertThat(result.gaussianEpsilonLowerBound()).isBetween(1.0, result.claimedEpsilon());
    }

    /** The canary is a person of three rows, whose mean is clipped as one: the claim holds, and rows that were clipped one by one would break it. */
    @Test
    void run_ownerOfSeveralRows_holdsTheClaimOfOneExample() {
        DpSgdPlan plan = plan(2).withUnit("patient", 3);
        DataSet canary = AuditNetworks.canary();
        StepAudit audit = StepAudit.of(
                        () -> AuditNetworks.network(new Sgd(1.0)),
                        plan,
                        AuditNetworks.data(2),
                        DataSet.merge(List.of(canary, canary, canary)))
                .withCoins(new Random(7))
                .withConfidence(0.99)
                .withTrials(300);
        StepAuditResult result = audit.run();

        assertThat(result.isContradicted()).isFalse();
        assertThat(result.gaussianEpsilonLowerBound()).isBetween(1.0, result.claimedEpsilon());
        // A claim of three times the noise does not hold.
        assertThat(audit.withClaim(new DpEvent.Gaussian(1.5)).run().isContradicted())
                .isTrue();
        assertThatIllegalArgumentException()
                .isThrownBy(() -> StepAudit.of(
                        () -> AuditNetworks.network(new Sgd(1.0)),
                        plan.withUnit("patient", 2),
                        AuditNetworks.data(2),
                        DataSet.merge(List.of(canary, canary, canary))))
                .withMessageContaining("canary must be 1 to 2 rows of one patient, was 3");
    }

    @Test
    void run_sampledSteps_holdTheirAmplifiedClaimAndNotASmallerOne() {
        DpSgdPlan plan = DpSgdPlan.poisson(4, 2)
                .withSteps(1)
                .withClippingNorm(1.0)
                .withNoiseMultiplier(0.1)
                .withDelta(1e-5)
                .withSeed(8);
        // At 300 trials one seed of 16 leaves the smaller claim standing; at 600 none of 12 did.
        StepAudit audit = audit(PlantedBug.NONE, plan).withTrials(600);

        assertThat(audit.run().isContradicted()).isFalse();
        assertThat(audit.withClaim(new DpEvent.PoissonSampled(0.1, new DpEvent.Gaussian(0.1)))
                        .run()
                        .isContradicted())
                .isTrue();
    }

    @Test
    void run_graphWithAdam_isNotAccusedAndLeavesItsMark() {
        StepAuditResult result = StepAudit.of(
                        () -> AuditNetworks.graph(new Adam(0.01)),
                        plan(2),
                        AuditNetworks.data(2),
                        AuditNetworks.canary())
                .withCoins(new Random(9))
                .withTrials(300)
                .withConfidence(0.99)
                .run();

        assertThat(result.isContradicted()).isFalse();
        assertThat(result.gaussianEpsilonLowerBound()).isGreaterThan(1);
        assertThat(result.trialsWithCanary() + result.trialsWithout()).isBetween(150, 151);
        assertThat(result.canaryLength()).isGreaterThan(2);
    }

    @Test
    void assertNotBroken_brokenEngine_throwsWithTheEvidence() {
        assertThatThrownBy(() -> audit(PlantedBug.NO_NOISE, plan(2)).assertNotBroken())
                .isInstanceOf(AssertionError.class)
                .hasMessageContaining("CONTRADICTED")
                .hasMessageContaining("missed the canary in 0 of");
    }

    @Test
    void tooFewTrials_throwsWithTheNumberNeeded_whichIsEnough() {
        assertThatIllegalArgumentException()
                .isThrownBy(() ->
                        audit(PlantedBug.NO_NOISE, plan(2)).withTrials(100).run())
                .withMessageContaining("trials must be at least 140")
                .withMessageContaining("were 100");
        assertThat(audit(PlantedBug.NO_NOISE, plan(2)).withTrials(140).run().isContradicted())
                .isTrue();
    }

    @Test
    void shortCanary_throwsWithTheLengthNeeded() {
        assertThatIllegalArgumentException()
                .isThrownBy(() -> StepAudit.of(
                                () -> AuditNetworks.network(new Sgd(1.0)),
                                plan(2).withClippingNorm(100),
                                AuditNetworks.data(2),
                                AuditNetworks.canary())
                        .run())
                .withMessageContaining("at least plan.clippingNorm = 100.0")
                .withMessageContaining("larger features");
    }

    @Test
    void unfitPlans_throw() {
        assertRefused(plan(2).withLedger(Path.of("ledger")), "ledger");
        assertRefused(plan(3), "examples = 3 examples, had 2");
        assertRefused(
                DpSgdPlan.fixedSize(2, 2)
                        .withSteps(1)
                        .withClippingNorm(1.0)
                        .withNoiseMultiplier(1.0)
                        .withDelta(1e-5),
                "Poisson");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> StepAudit.of(
                        () -> AuditNetworks.network(new Sgd(1.0)),
                        plan(2),
                        AuditNetworks.data(2),
                        AuditNetworks.data(2)))
                .withMessageContaining("canary must be 1 example, was 2");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> audit(PlantedBug.NONE, plan(2).withoutNoise()).run())
                .withMessageContaining("NonPrivate");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> audit(PlantedBug.NONE, plan(2)).withTrials(3));
        assertThatIllegalArgumentException()
                .isThrownBy(() -> audit(PlantedBug.NONE, plan(2)).withConfidence(Double.NaN));
        assertThatIllegalStateException()
                .isThrownBy(() -> StepAudit.of(
                        () -> AuditNetworks.network(new Sgd(1.0)),
                        DpSgdPlan.poisson(2, 2),
                        AuditNetworks.data(2),
                        AuditNetworks.canary()));
    }

    private static void assertRefused(DpSgdPlan plan, String reason) {
        assertThatIllegalArgumentException()
                .isThrownBy(() -> StepAudit.of(
                        () -> AuditNetworks.network(new Sgd(1.0)), plan, AuditNetworks.data(2), AuditNetworks.canary()))
                .withMessageContaining(reason);
    }

    /**
     * The noise is not seeded. Half of the 480 runs choose the attack, the other 240 measure it. Both plans tell the canary apart as a Gaussian's shift of mu = S / sigma = 2.9 does, of which the attack proves 1.91 with a standard
     * deviation of 0.19 (100,000 simulated audits). The test fails where the attack proves more than 2.9, which one of them did, or less than what the smaller claim allows, 0.67 or 1.07, which none did: in 2 of 100,000 runs at most, by
     * these. It takes 4 to 10 seconds for each plan.
     */
    @ParameterizedTest
    @CsvSource({"lambda-cgd:0.9, 1.5", "bisr:4, 0.94"})
    void run_correlatedNoise_holdsTheSensitivityOfItsMatrixAndNotASmallerOne(String code, double sigma) {
        DpSgdPlan plan = DpSgdPlan.givenBatches(4, 2)
                .withEpochs(3)
                .withClippingNorm(1.0)
                .withNoiseMultiplier(sigma)
                .withDelta(1e-5)
                .withCorrelatedNoise(CorrelatedNoise.parse(code));
        StepAuditResult result = StepAudit.of(
                        () -> AuditNetworks.network(new Sgd(1.0)), plan, AuditNetworks.data(4), AuditNetworks.canary())
                .withCoins(new Random(7))
                .withConfidence(0.995)
                .withTrials(480)
                .run();

        assertThat(result.isContradicted()).as(result.toString()).isFalse();
        // The error rates of one attack, against what the run would cost if the matrix had one column, of norm 1.
        var smaller = new Claim(new DpEvent.Gaussian(sigma));
        assertThat(result.missRateBound())
                .as(result.toString())
                .isLessThan(smaller.leastMissed(result.falseAlarmRateBound()));
    }

    @Test
    void of_correlatedPoissonLots_isRefused() {
        DpSgdPlan plan = DpSgdPlan.poisson(4, 2)
                .withCorrelatedNoise(CorrelatedNoise.bandMf(2))
                .withSteps(2)
                .withClippingNorm(1)
                .withNoiseMultiplier(1)
                .withDelta(1e-5);
        assertThatIllegalArgumentException()
                .isThrownBy(() -> StepAudit.of(
                        () -> AuditNetworks.network(new Sgd(1.0)), plan, AuditNetworks.data(4), AuditNetworks.canary()))
                .withMessageContaining("given batches to be audited");
    }
}
