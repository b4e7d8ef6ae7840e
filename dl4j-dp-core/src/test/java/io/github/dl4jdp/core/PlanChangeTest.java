// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.dl4jdp.accountant.AccountantKind;
import io.github.dl4jdp.accountant.DpEvent;
import io.github.dl4jdp.accountant.NeighboringRelation;
import io.github.dl4jdp.accountant.PrivacyGuarantee;
import io.github.dl4jdp.accountant.PrivacyLedgerException;
import io.github.dl4jdp.accountant.PrivacyLedgerException.Reason;
import java.io.File;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.deeplearning4j.nn.api.Model;
import org.deeplearning4j.util.ModelSerializer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.dataset.DataSet;
import org.nd4j.linalg.learning.config.Adam;

/** Another noise, clipping norm or lot size from one run to the next: refused in silence, composed when asked for. */
class PlanChangeTest {
    private static final DataSet DATA = Networks.data(DataType.DOUBLE, 40);
    private static final double DELTA = 1e-5;

    @TempDir
    @SuppressWarnings("NullAway.Init") // JUnit sets it
    Path folder;

    /** What another run may change. */
    enum Change {
        NOISE,
        CLIPPING,
        LOTS,
        LENGTH,
        ACCOUNTANT;

        DpSgdPlan of(DpSgdPlan plan) {
            return switch (this) {
                case NOISE -> plan.withNoiseMultiplier(2.5);
                case CLIPPING -> plan.withClippingNorm(0.25);
                case LOTS ->
                    DpSgdPlan.poisson(40, 5)
                            .withSteps(6)
                            .withClippingNorm(1)
                            .withNoiseMultiplier(1.5)
                            .withDelta(DELTA)
                            .withAccountant(AccountantKind.RDP);
                case LENGTH -> plan.withSteps(3);
                case ACCOUNTANT -> plan.withAccountant(AccountantKind.PLD);
            };
        }
    }

    private static DpSgdPlan first() {
        return DpSgdPlan.poisson(40, 10)
                .withSteps(8)
                .withClippingNorm(1)
                .withNoiseMultiplier(1.5)
                .withDelta(DELTA)
                .withAccountant(AccountantKind.RDP);
    }

    private DpSgdPlan within(boolean ledger, DpSgdPlan plan) {
        return ledger ? plan.withLedger(folder.resolve("run.ledger")) : plan;
    }

    private static Model network() {
        return NetworkKind.MULTI_LAYER.classifier(DataType.DOUBLE, new Adam(0.05));
    }

    private static void train(Model network, PrivacyEngine engine, int lots) {
        var iterator = engine.lots(DATA);
        for (int i = 0; i < lots; i++) {
            if (!iterator.hasNext()) {
                iterator.reset();
            }
            NetworkKind.MULTI_LAYER.fit(network, iterator.next());
        }
    }

    private Model saveAndRestore(Model network, String name) throws IOException {
        File file = folder.resolve(name).toFile();
        ModelSerializer.writeModel(network, file, true);
        return NetworkKind.MULTI_LAYER.restore(file);
    }

    /** Trains five lots under the first plan and restores the model from its file. */
    private Model afterFirstRun(boolean ledger) throws IOException {
        Model network = network();
        try (var engine = PrivacyEngine.attach(network, within(ledger, first()))) {
            train(network, engine, 5);
        }
        return saveAndRestore(network, "first.zip");
    }

    private static double composed(DpSgdPlan accountedBy, DpEvent one, long times, DpEvent other, long otherTimes) {
        return accountedBy
                .newAccountant()
                .compose(new DpEvent.Composed(java.util.List.of(
                        new DpEvent.SelfComposed(one, times), new DpEvent.SelfComposed(other, otherTimes))))
                .epsilon(DELTA);
    }

    @ParameterizedTest
    @EnumSource
    void attach_changedPlan_refusesAndNamesTheRemedy(Change change) throws IOException {
        for (boolean ledger : new boolean[] {false, true}) {
            Model network = afterFirstRun(ledger);
            var changed = within(ledger, change.of(first()));
            assertThatThrownBy(() -> PrivacyEngine.attach(network, changed))
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessageContaining("plan.continuing()");
            // Nothing was changed: it still goes on under its own plan.
            try (var engine = PrivacyEngine.attach(network)) {
                assertThat(engine.steps()).isEqualTo(5);
            }
        }
    }

    @ParameterizedTest
    @EnumSource
    void attach_continuingPlan_composesBothAndKeepsDoingSo(Change change) throws IOException {
        for (boolean ledger : new boolean[] {false, true}) {
            Model network = afterFirstRun(ledger);
            var changed = within(ledger, change.of(first()));
            DpEvent before = first().stepEvent();
            try (var engine = PrivacyEngine.attach(network, changed.continuing())) {
                assertThat(engine.plan()).isEqualTo(changed);
                assertThat(engine.steps()).isZero();
                assertThat(engine.remainingSteps()).isEqualTo(changed.steps());
                assertThat(engine.epsilon())
                        .isCloseTo(
                                changed.newAccountant().compose(before, 5).epsilon(DELTA),
                                org.assertj.core.api.Assertions.within(1e-6));
                train(network, engine, 2);
                assertThat(engine.epsilon())
                        .isGreaterThanOrEqualTo(composed(changed, before, 5, changed.stepEvent(), 2) * (1 - 1e-3))
                        .isGreaterThan(
                                first().newAccountant().compose(before, 5).epsilon(DELTA) * 0.5);
                assertThat(engine.report().history()).singleElement().asString().startsWith("5 times ");
                assertThat(engine.report().toString()).contains("before this plan");
                assertThat(engine.report().toJson()).contains("\"history\"");
            }
            Model again = saveAndRestore(network, "second.zip");
            try (var engine = PrivacyEngine.attach(again)) {
                assertThat(engine.plan()).isEqualTo(changed);
                assertThat(engine.steps()).isEqualTo(2);
                assertThat(engine.epsilon())
                        .isCloseTo(
                                composed(changed, before, 5, changed.stepEvent(), 2),
                                org.assertj.core.api.Assertions.withinPercentage(0.2));
            }
            Files.deleteIfExists(folder.resolve("run.ledger"));
        }
    }

    /** The second plan alone would stay within its guarantee; with what was spent before it has to end early. */
    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void fit_continuingCalibratedPlan_endsBeforeTheGuaranteeIsExceeded(boolean ledger) throws IOException {
        var accountant = ledger ? AccountantKind.RDP : AccountantKind.PLD;
        Model network = afterFirstRun(ledger);
        double spent = first().epsilonAfter(5);
        var target = new PrivacyGuarantee(spent * 1.6, DELTA);
        var changed = within(
                ledger,
                DpSgdPlan.poisson(40, 5)
                        .withSteps(60)
                        .withClippingNorm(1)
                        .withAccountant(accountant)
                        .calibratedTo(target));
        try (var engine = PrivacyEngine.attach(network, changed.continuing())) {
            long affordable = engine.remainingSteps();
            assertThat(affordable).isBetween(1L, 59L);
            NetworkKind.MULTI_LAYER.fit(network, engine.lots(DATA), changed.epochs());
            assertThat(engine.steps()).isEqualTo(affordable);
            assertThat(engine.epsilon()).isLessThanOrEqualTo(target.epsilon());
            assertThat(composed(changed, first().stepEvent(), 5, changed.stepEvent(), affordable + 1))
                    .isGreaterThan(target.epsilon());
            assertThatThrownBy(() -> engine.lots(DATA)).hasMessageContaining("budget is spent");
        }
        Model again = saveAndRestore(network, "third.zip");
        try (var engine = PrivacyEngine.attach(again)) {
            assertThat(engine.remainingSteps()).isZero();
        }
    }

    /** The same event under another clipping norm is another plan, and its charges are the guarantee's too. */
    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void fit_continuingPlanOfTheSameEvent_countsTheEarlierCharges(boolean ledger) throws IOException {
        var calibrated = first().calibratedTo(new PrivacyGuarantee(2, DELTA));
        Model network = network();
        try (var engine = PrivacyEngine.attach(network, within(ledger, calibrated))) {
            train(network, engine, 5);
        }
        Model restored = saveAndRestore(network, "same.zip");
        try (var engine = PrivacyEngine.attach(
                restored, within(ledger, calibrated.withClippingNorm(0.5)).continuing())) {
            assertThat(engine.remainingSteps()).isEqualTo(3);
            NetworkKind.MULTI_LAYER.fit(restored, engine.lots(DATA), 5);
            assertThat(engine.epsilon()).isBetween(1.9, 2.0);
        }
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void attach_thirdPlan_composesAllThree(boolean ledger) throws IOException {
        Model network = afterFirstRun(ledger);
        var second = within(ledger, first().withNoiseMultiplier(2.5));
        try (var engine = PrivacyEngine.attach(network, second.continuing())) {
            train(network, engine, 3);
        }
        Model restored = saveAndRestore(network, "second.zip");
        var third = within(ledger, first().withNoiseMultiplier(4));
        try (var engine = PrivacyEngine.attach(restored, third.continuing())) {
            train(restored, engine, 2);
            double expected = first().newAccountant()
                    .compose(first().stepEvent(), 5)
                    .compose(second.stepEvent(), 3)
                    .compose(third.stepEvent(), 2)
                    .epsilon(DELTA);
            assertThat(engine.epsilon()).isCloseTo(expected, org.assertj.core.api.Assertions.within(1e-9));
            assertThat(engine.report().history()).hasSize(2);
        }
    }

    @Test
    void attach_continuingUnderAnotherRelation_throws() throws IOException {
        Model network = afterFirstRun(false);
        var other = DpSgdPlan.fixedSize(40, 10)
                .withSteps(4)
                .withClippingNorm(1)
                .withNoiseMultiplier(4)
                .withDelta(DELTA)
                .continuing();
        assertThat(other.relation()).isEqualTo(NeighboringRelation.REPLACE_ONE);
        assertThatThrownBy(() -> PrivacyEngine.attach(network, other))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("do not add up");
    }

    @Test
    void attach_anotherPlanOnTheLedgerOfAnotherModel_composesWhenContinuing() {
        try (var engine = PrivacyEngine.attach(network(), within(true, first()))) {
            assertThat(engine.steps()).isZero();
        }
        Model one = network();
        try (var engine = PrivacyEngine.attach(one, within(true, first()))) {
            train(one, engine, 4);
        }
        var changed = within(true, first().withNoiseMultiplier(3));
        assertThatThrownBy(() -> PrivacyEngine.attach(network(), changed))
                .isInstanceOfSatisfying(PrivacyLedgerException.class, e -> assertThat(e.reason())
                        .isEqualTo(Reason.OTHER_PLAN));
        try (var engine = PrivacyEngine.attach(network(), changed.continuing())) {
            assertThat(engine.steps()).isZero();
            assertThat(engine.epsilon()).isEqualTo(first().epsilonAfter(4));
        }
    }

    /** Attaching alone must not make a model forget what it has spent. */
    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void save_attachedButNotTrained_keepsWhatWasSpent(boolean ledger) throws IOException {
        Model network = afterFirstRun(ledger);
        PrivacyEngine.attach(network).close();
        Model again = saveAndRestore(network, "again.zip");
        try (var engine = PrivacyEngine.attach(again)) {
            assertThat(engine.steps()).isEqualTo(5);
            assertThat(engine.epsilon()).isEqualTo(first().epsilonAfter(5));
        }
    }
}
