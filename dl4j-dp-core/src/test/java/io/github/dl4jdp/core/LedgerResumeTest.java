// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.withinPercentage;

import io.github.dl4jdp.accountant.PrivacyLedgerException;
import io.github.dl4jdp.accountant.PrivacyLedgerException.Reason;
import io.github.dl4jdp.accountant.PrivacyLedgerHistory;
import java.io.File;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.deeplearning4j.nn.api.Model;
import org.deeplearning4j.nn.multilayer.MultiLayerNetwork;
import org.deeplearning4j.optimize.api.BaseTrainingListener;
import org.deeplearning4j.util.ModelSerializer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.dataset.DataSet;
import org.nd4j.linalg.learning.config.Adam;

/** Stopping and going on, with the ledger and without. */
class LedgerResumeTest {
    private static final DataSet DATA = Networks.data(DataType.DOUBLE, 40);

    @TempDir
    @SuppressWarnings("NullAway.Init") // JUnit sets it
    Path folder;

    private static DpSgdPlan plan() {
        return DpSgdPlan.poisson(40, 10)
                .withEpochs(3)
                .withClippingNorm(1)
                .withNoiseMultiplier(1)
                .withDelta(1e-5)
                .withSeed(4);
    }

    private DpSgdPlan ledgerPlan() {
        return plan().withLedger(folder.resolve("run.ledger"));
    }

    private static MultiLayerNetwork network() {
        return Networks.classifier(DataType.DOUBLE, new Adam(0.05));
    }

    private File save(MultiLayerNetwork network, String name) throws IOException {
        File file = folder.resolve(name).toFile();
        ModelSerializer.writeModel(network, file, true);
        return file;
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

    @Test
    void resume_afterCleanStop_equalsNeverHavingStopped() throws IOException {
        MultiLayerNetwork straight = network();
        try (var engine = PrivacyEngine.attach(straight, plan())) {
            train(straight, engine, 12);
        }
        MultiLayerNetwork first = network();
        try (var engine = PrivacyEngine.attach(first, ledgerPlan())) {
            train(first, engine, 5);
        }
        MultiLayerNetwork second = ModelSerializer.restoreMultiLayerNetwork(save(first, "model.zip"), true);
        try (var engine = PrivacyEngine.attach(second)) {
            assertThat(engine.steps()).isEqualTo(5);
            assertThat(engine.plan()).isEqualTo(ledgerPlan());
            train(second, engine, 7);
            assertThat(engine.remainingSteps()).isZero();
            assertThat(engine.epsilon()).isEqualTo(plan().guarantee().epsilon());
        }
        assertThat(second.params().toDoubleVector()).isEqualTo(straight.params().toDoubleVector());
        assertThat(second.getUpdater().getStateViewArray().toDoubleVector())
                .isEqualTo(straight.getUpdater().getStateViewArray().toDoubleVector());
    }

    /** With noise that nobody knows, so that epsilon is finite: after a clean stop, with and without a ledger, and from an older checkpoint. */
    @Test
    void resume_secureNoise_epsilonIsThatOfAllCharges() throws IOException {
        DpSgdPlan secure = DpSgdPlan.poisson(plan().examples(), plan().expectedLotSize())
                .withSteps(plan().steps())
                .withClippingNorm(plan().clippingNorm())
                .withNoiseMultiplier(plan().noiseMultiplier())
                .withDelta(plan().delta());
        for (DpSgdPlan plan : List.of(secure, secure.withLedger(folder.resolve("secure.ledger")))) {
            MultiLayerNetwork network = network();
            File older;
            try (var engine = PrivacyEngine.attach(network, plan)) {
                train(network, engine, 3);
                older = save(network, "older.zip");
                train(network, engine, 2);
                assertThat(engine.epsilon()).isFinite().isCloseTo(secure.epsilonAfter(5), withinPercentage(0.1));
            }
            boolean ledger = plan.ledger().isPresent();
            MultiLayerNetwork resumed =
                    ModelSerializer.restoreMultiLayerNetwork(ledger ? older : save(network, "newer.zip"), true);
            try (var engine = PrivacyEngine.attach(resumed)) {
                assertThat(engine.epsilon()).isFinite().isCloseTo(secure.epsilonAfter(5), withinPercentage(0.1));
                train(resumed, engine, 7);
                assertThat(engine.remainingSteps()).isZero();
                assertThat(engine.epsilon()).isFinite().isCloseTo(secure.epsilonAfter(12), withinPercentage(0.1));
            }
        }
    }

    @Test
    void resume_withoutLedger_goesOnWhereTheModelStands() throws IOException {
        MultiLayerNetwork first = network();
        try (var engine = PrivacyEngine.attach(first, plan())) {
            train(first, engine, 5);
        }
        MultiLayerNetwork second = ModelSerializer.restoreMultiLayerNetwork(save(first, "model.zip"), true);
        assertThatThrownBy(() -> second.fit(DATA)).hasMessageContaining("PrivacyEngine.attach");
        try (var engine = PrivacyEngine.attach(second)) {
            assertThat(engine.steps()).isEqualTo(5);
            assertThat(engine.epsilon()).isEqualTo(plan().epsilonAfter(5));
        }
    }

    @Test
    void resume_fromOlderCheckpoint_chargesWhatTheLedgerKnows() throws IOException {
        MultiLayerNetwork network = network();
        File checkpoint;
        try (var engine = PrivacyEngine.attach(network, ledgerPlan())) {
            train(network, engine, 3);
            checkpoint = save(network, "old.zip");
            train(network, engine, 4);
        }
        MultiLayerNetwork old = ModelSerializer.restoreMultiLayerNetwork(checkpoint, true);
        try (var engine = PrivacyEngine.attach(old)) {
            assertThat(engine.steps()).isEqualTo(7);
            assertThat(engine.epsilon()).isEqualTo(plan().epsilonAfter(7));
            train(old, engine, 5);
            assertThat(engine.remainingSteps()).isZero();
        }
        assertThat(PrivacyLedgerHistory.read(folder.resolve("run.ledger")).steps())
                .isEqualTo(12);
    }

    @Test
    void resume_ledgerMissingOrShortened_throws() throws IOException {
        MultiLayerNetwork network = network();
        Path ledger = folder.resolve("run.ledger");
        try (var engine = PrivacyEngine.attach(network, ledgerPlan())) {
            train(network, engine, 3);
        }
        File model = save(network, "model.zip");
        byte[] whole = Files.readAllBytes(ledger);

        Files.delete(ledger);
        assertRefused(model, Reason.MISSING);
        int lastLine = new String(whole, StandardCharsets.US_ASCII).trim().lastIndexOf('\n') + 1;
        Files.write(ledger, Arrays.copyOf(whole, lastLine));
        assertRefused(model, Reason.SHORTENED);
        Files.write(ledger, whole);
        MultiLayerNetwork restored = ModelSerializer.restoreMultiLayerNetwork(model, true);
        assertThatThrownBy(() -> PrivacyEngine.attach(restored, plan()))
                .isInstanceOf(IllegalStateException.class)
                .hasMessageContaining("withLedger");
        PrivacyEngine.attach(restored).close();
    }

    private static void assertRefused(File model, Reason reason) throws IOException {
        MultiLayerNetwork restored = ModelSerializer.restoreMultiLayerNetwork(model, true);
        assertThatThrownBy(() -> PrivacyEngine.attach(restored))
                .isInstanceOfSatisfying(PrivacyLedgerException.class, e -> assertThat(e.reason())
                        .isEqualTo(reason));
        assertThatThrownBy(() -> restored.fit(DATA)).hasMessageContaining("PrivacyEngine.attach");
    }

    @Test
    void attach_secondTrainerOnOneLedger_throws() {
        try (var engine = PrivacyEngine.attach(network(), ledgerPlan())) {
            assertThatThrownBy(() -> PrivacyEngine.attach(network(), ledgerPlan()))
                    .isInstanceOfSatisfying(PrivacyLedgerException.class, e -> assertThat(e.reason())
                            .isEqualTo(Reason.LOCKED));
            assertThat(engine.steps()).isZero();
        }
    }

    @Test
    void attach_ledgerOfAnotherPlan_throwsAndChangesNothing() {
        PrivacyEngine.attach(network(), ledgerPlan()).close();
        MultiLayerNetwork other = network();
        String before = other.getLayerWiseConfigurations().toJson();
        assertThatThrownBy(() -> PrivacyEngine.attach(other, ledgerPlan().withClippingNorm(2)))
                .isInstanceOfSatisfying(PrivacyLedgerException.class, e -> assertThat(e.reason())
                        .isEqualTo(Reason.OTHER_PLAN));
        assertThat(other.getLayerWiseConfigurations().toJson()).isEqualTo(before);
    }

    /** Listeners see the gradient first in onBackwardPass: by then the ledger must have the step. */
    @Test
    void fit_listenerSeesGradient_ledgerHasTheStep() {
        MultiLayerNetwork network = network();
        var onDisk = new ArrayList<Long>();
        network.setListeners(new BaseTrainingListener() {
            @Override
            public void onBackwardPass(Model model) {
                onDisk.add(
                        PrivacyLedgerHistory.read(folder.resolve("run.ledger")).steps());
            }
        });
        try (var engine = PrivacyEngine.attach(network, ledgerPlan())) {
            train(network, engine, 3);
        }
        assertThat(onDisk).containsExactly(1L, 2L, 3L);
    }

    /** The file is taken away in the middle of the run: the step is refused, and neither gradient nor parameters show anything. */
    @Test
    void fit_ledgerFails_releasesNothing() throws IOException {
        MultiLayerNetwork network = network();
        try (var engine = PrivacyEngine.attach(network, ledgerPlan())) {
            train(network, engine, 2);
            var params = network.params().dup();
            var lots = engine.lots(DATA);
            DataSet lot = lots.next();
            Files.delete(folder.resolve("run.ledger"));
            network.getFlattenedGradients().assign(7);
            assertThatThrownBy(() -> network.fit(lot)).isInstanceOf(PrivacyLedgerException.class);
            assertThat(engine.steps()).isEqualTo(2);
            assertThat(network.params()).isEqualTo(params);
            assertThat(network.getFlattenedGradients().minNumber().doubleValue())
                    .isEqualTo(7);
        }
    }
}
