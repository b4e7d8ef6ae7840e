// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.withinPercentage;

import io.github.dl4jdp.accountant.AccountantKind;
import io.github.dl4jdp.accountant.DpEvent;
import io.github.dl4jdp.accountant.DpEvent.Composed;
import io.github.dl4jdp.accountant.DpEvent.Gaussian;
import io.github.dl4jdp.accountant.DpEvent.PoissonSampled;
import io.github.dl4jdp.accountant.DpEvent.SelfComposed;
import io.github.dl4jdp.accountant.PldAccountant;
import io.github.dl4jdp.accountant.PrivacyGuarantee;
import io.github.dl4jdp.accountant.PrivacyLedger.Charge;
import io.github.dl4jdp.accountant.PrivacyLedgerHistory;
import io.github.dl4jdp.accountant.RoundedBounds;
import io.github.dl4jdp.accountant.UnsupportedEventException;
import io.github.dl4jdp.core.mechanism.NoiseSchedule;
import java.io.File;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.deeplearning4j.nn.api.Model;
import org.deeplearning4j.nn.multilayer.MultiLayerNetwork;
import org.deeplearning4j.optimize.api.BaseTrainingListener;
import org.deeplearning4j.util.ModelSerializer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.dataset.DataSet;
import org.nd4j.linalg.learning.config.Adam;
import org.nd4j.linalg.learning.config.Sgd;

/** Noise that changes over a run, and releases beside it. */
class NoiseScheduleTest {
    private static final DataSet DATA = Networks.data(DataType.DOUBLE, 40);
    private static final NoiseSchedule SCHEDULE =
            NoiseSchedule.startingAt(1.5).then(4, 1).then(9, 0.75);
    private static final Gaussian STATISTICS = new Gaussian(4);

    @TempDir
    @SuppressWarnings("NullAway.Init") // JUnit sets it
    Path folder;

    private static DpSgdPlan plan() {
        return DpSgdPlan.poisson(40, 10)
                .withSteps(12)
                .withClippingNorm(1)
                .withNoiseMultiplier(2)
                .withDelta(1e-5);
    }

    private static DpEvent lot(double sigma) {
        return new PoissonSampled(0.25, new Gaussian(sigma));
    }

    private static double epsilon(DpEvent event) {
        return new PldAccountant().compose(event).epsilon(1e-5);
    }

    @ParameterizedTest
    @ValueSource(doubles = {0, -1, Double.NaN, Double.POSITIVE_INFINITY})
    void then_factorNotFiniteAndPositive_throws(double factor) {
        assertThatIllegalArgumentException()
                .isThrownBy(() -> NoiseSchedule.startingAt(factor))
                .withMessageContaining("factor must be finite and > 0, was " + factor);
        assertThatIllegalArgumentException().isThrownBy(() -> SCHEDULE.then(20, factor));
    }

    @Test
    void then_stagesOutOfOrder_throws() {
        assertThatIllegalArgumentException()
                .isThrownBy(() -> SCHEDULE.then(9, 1))
                .withMessageContaining("stages must ascend");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> new NoiseSchedule(List.of(new NoiseSchedule.Stage(2, 1))))
                .withMessageContaining("must begin with one from lot 1");
        assertThatIllegalArgumentException().isThrownBy(() -> new NoiseSchedule(List.of()));
        assertThatIllegalArgumentException()
                .isThrownBy(() -> NoiseSchedule.startingAt(1).then(0, 1))
                .withMessageContaining("from must be at least 1, was 0");
    }

    @Test
    void event_schedule_composesEveryLotWithItsOwnNoise() {
        var plan = plan().withNoiseSchedule(SCHEDULE);
        assertThat(plan.event())
                .isEqualTo(new Composed(List.of(
                        new SelfComposed(lot(3), 3), new SelfComposed(lot(2), 5), new SelfComposed(lot(1.5), 4))));
        assertThat(plan.stepEvent(3)).isEqualTo(lot(3));
        assertThat(plan.stepEvent(4)).isEqualTo(lot(2));
        assertThatIllegalStateException().isThrownBy(plan::stepEvent).withMessageContaining("stepEvent(charge)");
        assertThat(plan.withSteps(3).event()).isEqualTo(new SelfComposed(lot(3), 3));
        assertThat(plan.epsilonAfter(5))
                .isEqualTo(epsilon(new Composed(List.of(new SelfComposed(lot(3), 3), new SelfComposed(lot(2), 2)))));
        assertThat(plan.withoutNoise().guarantee().epsilon()).isInfinite();
    }

    @Test
    void event_givenBatches_countsStagesInPasses() {
        var plan = DpSgdPlan.givenBatches(10, 4)
                .withEpochs(3)
                .withClippingNorm(1)
                .withNoiseMultiplier(2)
                .withDelta(1e-5)
                .withNoiseSchedule(NoiseSchedule.startingAt(1).then(3, 2));
        assertThat(plan.event())
                .isEqualTo(new Composed(
                        List.of(new SelfComposed(new Gaussian(2), 2), new SelfComposed(new Gaussian(4), 1))));
    }

    @Test
    void event_earlierReleases_areIncludedFromTheStart() {
        var plan = plan().withOtherReleases(STATISTICS);
        assertThat(plan.event()).isEqualTo(new Composed(List.of(STATISTICS, new SelfComposed(lot(2), 12))));
        assertThat(plan.epsilonAfter(0)).isEqualTo(epsilon(STATISTICS)).isPositive();
        assertThat(plan.epsilonAfter(5))
                .isEqualTo(epsilon(new Composed(List.of(STATISTICS, new SelfComposed(lot(2), 5)))));
        assertThat(plan.withOtherReleases(new DpEvent.NoOp())).isEqualTo(plan());
    }

    @Test
    void calibratedTo_scheduleAndEarlierReleases_meetsTheTarget() {
        var guarantee = new PrivacyGuarantee(3, 1e-5);
        var flat = plan().calibratedTo(guarantee);
        var scheduled = flat.withNoiseSchedule(SCHEDULE);
        assertThat(scheduled.guarantee().epsilon()).isBetween(3 * (1 - 1e-4), 3.0);
        assertThat(scheduled.noiseMultiplier()).isNotEqualTo(flat.noiseMultiplier());
        assertThat(flat.withNoiseSchedule(NoiseSchedule.startingAt(2)).noiseMultiplier())
                .isCloseTo(flat.noiseMultiplier() / 2, withinPercentage(0.01));

        var withStatistics = flat.withOtherReleases(STATISTICS);
        assertThat(withStatistics.guarantee().epsilon()).isBetween(3 * (1 - 1e-4), 3.0);
        assertThat(withStatistics.noiseMultiplier()).isGreaterThan(flat.noiseMultiplier());
        assertThatIllegalArgumentException()
                .isThrownBy(() -> flat.withOtherReleases(new Gaussian(0.5)))
                .withMessageContaining("target epsilon must be at least");
    }

    @Test
    void codec_scheduleAndEarlierReleases_readBackEqual() {
        for (var plan : List.of(
                plan().withNoiseSchedule(SCHEDULE),
                plan().withOtherReleases(new SelfComposed(STATISTICS, 2)),
                plan().withNoiseSchedule(NoiseSchedule.startingAt(0.5)).withOtherReleases(STATISTICS))) {
            assertThat(PlanJson.fromMap(PlanJson.toMap(plan))).isEqualTo(plan);
            assertThat(plan.isSameMechanismAs(plan())).isFalse();
        }
        assertThat(PlanJson.toMap(plan())).doesNotContainKeys("noiseStages", "earlierReleases");
        var map = PlanJson.toMap(plan());
        map.put("noiseStages", List.of(List.of(1, "loud")));
        assertThatIllegalArgumentException()
                .isThrownBy(() -> PlanJson.fromMap(map))
                .withMessageContaining("noiseStages");
    }

    /** What the gradient holds is noise all but alone; a chi distribution of 43 degrees lies within 45 % but for one case in ten thousand. */
    @Test
    void fit_schedule_addsTheNoiseOfTheLot() {
        MultiLayerNetwork network = Networks.classifier(DataType.DOUBLE, new Sgd(1e-9));
        var plan = plan().withNoiseMultiplier(1000)
                .withNoiseSchedule(NoiseSchedule.startingAt(10).then(4, 1).then(9, 0.1));
        var lengths = new ArrayList<Double>();
        network.setListeners(new BaseTrainingListener() {
            @Override
            public void onBackwardPass(Model model) {
                lengths.add(plan.expectedLotSize()
                        * model.gradient().gradient().norm2Number().doubleValue()
                        / Math.sqrt(43));
            }
        });
        var engine = PrivacyEngine.attach(network, plan);
        network.fit(engine.lots(DATA), plan.epochs());
        for (int lot = 1; lot <= 12; lot++) {
            double expected = lot < 4 ? 10_000 : lot < 9 ? 1000 : 100;
            assertThat(lengths.get(lot - 1) / expected).isBetween(0.55, 1.45);
        }
    }

    private static MultiLayerNetwork network() {
        return Networks.classifier(DataType.DOUBLE, new Adam(0.05));
    }

    private static void train(MultiLayerNetwork network, PrivacyEngine engine, int lots) {
        var iterator = engine.lots(DATA);
        for (int i = 0; i < lots; i++) {
            if (!iterator.hasNext()) {
                iterator.reset();
            }
            network.fit(iterator.next());
        }
    }

    @ParameterizedTest
    @ValueSource(booleans = {true, false})
    void epsilon_everyStep_isThatOfThePlan(boolean ledger) {
        var plan = plan().withNoiseSchedule(SCHEDULE).withOtherReleases(STATISTICS);
        MultiLayerNetwork network = network();
        try (var engine =
                PrivacyEngine.attach(network, ledger ? plan.withLedger(folder.resolve("run.ledger")) : plan)) {
            for (int step = 0; step <= 12; step++) {
                assertThat(engine.epsilon())
                        .isCloseTo(plan.epsilonAfter(step), withinPercentage(0.1))
                        .isLessThanOrEqualTo(plan.epsilonAfter(step) * (1 + 1e-12));
                assertThat(engine.runningEpsilon()).isCloseTo(plan.epsilonAfter(step), withinPercentage(0.3));
                assertThat(engine.momentsEpsilon().orElseThrow())
                        .isCloseTo(plan.withAccountant(AccountantKind.RDP).epsilonAfter(step), withinPercentage(1e-6));
                if (step < 12) {
                    train(network, engine, 1);
                }
            }
            assertThat(engine.remainingSteps()).isZero();
            assertThat(engine.report().toString())
                    .contains("times 1.5 from 1, 1.0 from 4, 0.75 from 9")
                    .contains("other releases")
                    .contains("included in epsilon");
        }
    }

    /** Stopped within a stage, at its end, and right before a change. */
    @ParameterizedTest
    @ValueSource(ints = {0, 1, 3, 5, 8, 11})
    void resume_schedule_equalsNeverStoppedAndChargesEachLotAsWhatItIs(int stop) throws IOException {
        var plan = plan().withNoiseSchedule(SCHEDULE).withOtherReleases(STATISTICS);
        // Noise from a seed makes runs comparable, and is charged as no noise.
        var seeded = plan.withSeed(4);
        MultiLayerNetwork straight = network();
        try (var engine = PrivacyEngine.attach(straight, seeded)) {
            train(straight, engine, 12);
        }
        MultiLayerNetwork resumed = resumed(seeded, folder.resolve("seeded.ledger"), stop);
        assertThat(resumed.params()).isEqualTo(straight.params());
        Path ledger = folder.resolve("run.ledger");
        resumed(plan, ledger, stop);
        assertThat(PrivacyLedgerHistory.read(ledger).charges())
                .containsExactly(
                        new Charge(new Composed(List.of(STATISTICS)), 1),
                        new Charge(lot(3), 3),
                        new Charge(lot(2), 5),
                        new Charge(lot(1.5), 4));
    }

    /** A network that was stopped after some lots and trained to the end from a file. */
    private MultiLayerNetwork resumed(DpSgdPlan plan, Path ledger, int stop) throws IOException {
        MultiLayerNetwork first = network();
        try (var engine = PrivacyEngine.attach(first, plan.withLedger(ledger))) {
            train(first, engine, stop);
        }
        File file = folder.resolve("model.zip").toFile();
        ModelSerializer.writeModel(first, file, true);
        MultiLayerNetwork second = stop == 0 ? first : ModelSerializer.restoreMultiLayerNetwork(file, true);
        try (var engine = PrivacyEngine.attach(second, plan.withLedger(ledger))) {
            assertThat(engine.steps()).isEqualTo(stop);
            if (plan.isPrivate()) {
                assertThat(engine.epsilon()).isCloseTo(plan.epsilonAfter(stop), withinPercentage(0.1));
            }
            train(second, engine, 12 - stop);
            assertThat(engine.remainingSteps()).isZero();
        }
        return second;
    }

    @Test
    void resume_olderCheckpoint_goesOnInTheStageOfTheLedger() throws IOException {
        var plan = plan().withNoiseSchedule(SCHEDULE).withLedger(folder.resolve("run.ledger"));
        MultiLayerNetwork network = network();
        File checkpoint = folder.resolve("old.zip").toFile();
        try (var engine = PrivacyEngine.attach(network, plan)) {
            train(network, engine, 2);
            ModelSerializer.writeModel(network, checkpoint, true);
            train(network, engine, 4);
        }
        MultiLayerNetwork old = ModelSerializer.restoreMultiLayerNetwork(checkpoint, true);
        try (var engine = PrivacyEngine.attach(old)) {
            assertThat(engine.steps()).isEqualTo(6);
            assertThat(engine.epsilon()).isCloseTo(plan.epsilonAfter(6), withinPercentage(0.1));
            train(old, engine, 6);
            assertThat(engine.epsilon()).isCloseTo(plan.guarantee().epsilon(), withinPercentage(0.1));
        }
    }

    /** What was released besides is one release, whichever of the plans that follow one another name it. */
    @ParameterizedTest
    @ValueSource(booleans = {true, false})
    void continuing_scheduleAndEarlierReleases_composeWithThePlanBefore(boolean ledger) {
        Path file = folder.resolve("run.ledger");
        DpSgdPlan before = plan().withOtherReleases(STATISTICS);
        DpSgdPlan after = plan().withNoiseSchedule(SCHEDULE).withOtherReleases(STATISTICS);
        MultiLayerNetwork network = network();
        try (var engine = PrivacyEngine.attach(network, ledger ? before.withLedger(file) : before)) {
            train(network, engine, 2);
        }
        double expected = epsilon(new Composed(List.of(
                STATISTICS, new SelfComposed(lot(2), 2), new SelfComposed(lot(3), 3), new SelfComposed(lot(2), 1))));
        DpSgdPlan following = (ledger ? after.withLedger(file) : after).continuing();
        try (var engine = PrivacyEngine.attach(network, following)) {
            train(network, engine, 4);
            assertThat(engine.steps()).isEqualTo(4);
            assertThat(engine.epsilon()).isCloseTo(expected, withinPercentage(0.1));
        }
        try (var engine = PrivacyEngine.attach(network)) {
            assertThat(engine.steps()).isEqualTo(4);
            assertThat(engine.epsilon()).isCloseTo(expected, withinPercentage(0.1));
        }
        if (ledger) {
            assertThat(PrivacyLedgerHistory.read(file).charges())
                    .containsExactlyInAnyOrder(
                            new Charge(new Composed(List.of(STATISTICS)), 1),
                            new Charge(lot(2), 3),
                            new Charge(lot(3), 3));
        }
    }

    @Test
    void condition_budget_countsEveryLotAsWhatItIs() {
        var plan = plan().withNoiseSchedule(SCHEDULE).withOtherReleases(STATISTICS);
        var engine = PrivacyEngine.attach(network(), plan);
        double budget = (plan.epsilonAfter(5) + plan.epsilonAfter(6)) / 2;
        assertThat(new PrivacyBudgetTerminationCondition(engine, budget))
                .hasToString("PrivacyBudgetTerminationCondition(epsilon = " + RoundedBounds.upper(budget, 4)
                        + ", delta = 1.00e-05, 5 steps)");
    }

    @Test
    void attach_eventThatTheAccountantCannotBound_throwsAndChangesNothing() {
        MultiLayerNetwork network = network();
        String before = network.getLayerWiseConfigurations().toJson();
        var plan = plan().withOtherReleases(new DpEvent.SampledWithoutReplacement(10, 2, STATISTICS))
                .withLedger(folder.resolve("run.ledger"));
        assertThatThrownBy(() -> PrivacyEngine.attach(network, plan)).isInstanceOf(UnsupportedEventException.class);
        assertThat(network.getLayerWiseConfigurations().toJson()).isEqualTo(before);
        assertThat(folder.resolve("run.ledger")).doesNotExist();
    }

    @Test
    void announcement_scheduleOrEarlierReleases_saysWhatTheWholePlanCosts() {
        assertThat(PrivacyListener.announcement(plan().withOtherReleases(STATISTICS)))
                .startsWith("The whole plan (3 epochs, 12 steps), with the other releases, costs epsilon = ");
        assertThat(PrivacyListener.announcement(plan().withNoiseSchedule(SCHEDULE)))
                .startsWith("The whole plan (3 epochs, 12 steps) costs epsilon = ");
    }

    /** The code of docs/noise.md. */
    @Test
    void document_everyJavaLine_standsInThisTest() throws IOException {
        DpSgdPlan plan = DpSgdPlan.poisson(60_000, 256)
                .withEpochs(15)
                .withClippingNorm(1.0)
                .withNoiseSchedule(NoiseSchedule.startingAt(1.2).then(2001, 1.0).then(3001, 0.8))
                .withOtherReleases(new DpEvent.Gaussian(10)) // means and variances, released with noise
                .calibratedTo(new PrivacyGuarantee(3.0, 1e-5));
        double noise = plan.noiseMultiplier(); // lots 1 to 2000 get 1.2 times this
        assertThat(noise).isPositive();
        assertThat(plan.guarantee().epsilon()).isBetween(2.99, 3.0);
        DocumentCode.assertRunBy(NoiseScheduleTest.class, "docs/noise.md", 7);
    }
}
