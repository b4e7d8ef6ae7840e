// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.dl4jdp.accountant.LedgerStorage;
import io.github.dl4jdp.accountant.LedgerStorage.Disk;
import io.github.dl4jdp.accountant.PrivacyLedgerException;
import io.github.dl4jdp.accountant.PrivacyLedgerException.Reason;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import org.deeplearning4j.nn.api.Model;
import org.deeplearning4j.nn.multilayer.MultiLayerNetwork;
import org.deeplearning4j.optimize.api.BaseTrainingListener;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.dataset.DataSet;

/** Faults of the ledger's file: nothing is released that is not on the disk, the error says what to do, and doing it goes on. */
class LedgerFaultsTest extends FaultyRuns {
    @Test
    void force_everyLot_precedesWhatListenersAndUpdaterSee() {
        var operations = new ArrayList<String>();
        var storage = new LedgerStorage(operations);
        MultiLayerNetwork network = network();
        network.setListeners(new BaseTrainingListener() {
            @Override
            public void onBackwardPass(Model model) {
                operations.add("backward");
            }

            @Override
            public void onGradientCalculation(Model model) {
                operations.add("gradient");
            }

            @Override
            public void iterationDone(Model model, int iteration, int epoch) {
                operations.add("iteration");
            }
        });
        try (var engine = attach(network, plan(), storage)) {
            operations.clear();
            network.fit(engine.lots(DATA), 1);
        }
        assertThat(operations)
                .containsExactly(
                        "append",
                        "force",
                        "backward",
                        "gradient",
                        "iteration",
                        "append",
                        "force",
                        "backward",
                        "gradient",
                        "iteration");
    }

    @ParameterizedTest
    @EnumSource(value = Disk.class, mode = EnumSource.Mode.EXCLUDE, names = "WORKS")
    void fit_diskFull_releasesNothingAndGoesOnWhenThereIsSpace(Disk fault) {
        var storage = new LedgerStorage(new ArrayList<>());
        MultiLayerNetwork network = network();
        try (var engine = attach(network, plan(), storage)) {
            var lots = engine.lots(DATA);
            network.fit(lots.next());
            INDArray params = network.params().dup();
            DataSet lot = lots.next();
            network.getFlattenedGradients().assign(7);
            storage.set(fault);
            assertThatThrownBy(() -> network.fit(lot))
                    .isInstanceOfSatisfying(PrivacyLedgerException.class, e -> assertThat(e.reason())
                            .isEqualTo(Reason.INPUT_OUTPUT))
                    .hasMessageContaining("No space left on device")
                    .hasMessageContaining("the disk has space, then attach again");
            assertThat(engine.steps()).isEqualTo(1);
            assertThat(network.params()).isEqualTo(params);
            assertThat(network.getFlattenedGradients().minNumber().doubleValue())
                    .isEqualTo(7);
            storage.set(Disk.WORKS);
            // Nobody knows what is on the disk: it has to be read again.
            assertThatThrownBy(() -> network.fit(lots.next())).hasMessageContaining("attach to it again");
        }
        try (var engine = attach(network, plan(), storage)) {
            assertThat(engine.steps()).isBetween(1L, 2L);
            network.fit(engine.lots(DATA), LOTS);
            assertThat(engine.remainingSteps()).isZero();
            assertThat(storage.steps()).isEqualTo(LOTS);
        }
    }

    @Test
    void attach_folderReadOnly_throwsAndChangesNothing() throws IOException {
        Path readOnly = Files.createDirectory(folder.resolve("read-only"));
        assertThat(readOnly.toFile().setWritable(false)).isTrue();
        // To root, nothing is read-only but what the kernel itself keeps.
        Path file = (Files.isWritable(readOnly) ? Path.of("/proc") : readOnly).resolve("run.ledger");
        MultiLayerNetwork network = network();
        String before = network.getLayerWiseConfigurations().toJson();
        assertThatThrownBy(() -> PrivacyEngine.attach(network, draft().withLedger(file)))
                .isInstanceOfSatisfying(PrivacyLedgerException.class, e -> assertThat(e.reason())
                        .isEqualTo(Reason.INPUT_OUTPUT))
                .hasMessageContaining("its folder exists and is writable");
        assertThat(network.getLayerWiseConfigurations().toJson()).isEqualTo(before);
        assertThat(readOnly.toFile().setWritable(true)).isTrue();
    }

    /** Holds the lock of a ledger until its input ends. */
    static final class OtherTrainer {
        private OtherTrainer() {}

        public static void main(String[] args) throws IOException {
            try (var channel = FileChannel.open(Path.of(args[0]), StandardOpenOption.CREATE, StandardOpenOption.WRITE);
                    var lock = channel.lock()) {
                System.out.write(lock.isValid() ? 'L' : 'x');
                System.out.flush();
                assertThat(System.in.read()).isEqualTo(-1);
            }
        }
    }

    @Test
    void attach_ledgerLockedByAnotherProcess_throwsUntilThatEnds() throws Exception {
        Process other = new ProcessBuilder(
                        ProcessHandle.current().info().command().orElse("java"),
                        "-XX:TieredStopAtLevel=1",
                        "-cp",
                        System.getProperty("java.class.path"),
                        OtherTrainer.class.getName(),
                        ledger + ".lock")
                .redirectError(ProcessBuilder.Redirect.INHERIT)
                .start();
        MultiLayerNetwork network = network();
        String before = network.getLayerWiseConfigurations().toJson();
        try (var out = other.getOutputStream()) {
            assertThat(other.getInputStream().read()).isEqualTo('L');
            assertThatThrownBy(() -> PrivacyEngine.attach(network, plan()))
                    .isInstanceOfSatisfying(PrivacyLedgerException.class, e -> assertThat(e.reason())
                            .isEqualTo(Reason.LOCKED))
                    .hasMessageContaining("another process")
                    .hasMessageContaining("stop that trainer first");
            assertThat(network.getLayerWiseConfigurations().toJson()).isEqualTo(before);
        }
        assertThat(other.waitFor()).isZero();
        PrivacyEngine.attach(network, plan()).close();
    }
}
