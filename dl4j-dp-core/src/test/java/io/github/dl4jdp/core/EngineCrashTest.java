// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.dl4jdp.accountant.AccountantKind;
import io.github.dl4jdp.accountant.PrivacyLedgerHistory;
import java.io.ByteArrayInputStream;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.FileOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import org.deeplearning4j.nn.api.Model;
import org.deeplearning4j.nn.multilayer.MultiLayerNetwork;
import org.deeplearning4j.optimize.api.BaseTrainingListener;
import org.deeplearning4j.util.ModelSerializer;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.learning.config.Adam;

/**
 * A training process, killed without warning again and again, with checkpoints that are behind its ledger: on resuming, the engine's epsilon is
 * never below that of the gradients that a listener has seen.
 */
class EngineCrashTest {
    private static final int ATTACHED = 'A';
    private static final int RELEASED = 'r';
    private static final int ATTACHED_BYTES = 1 + Double.BYTES + Long.BYTES;

    @TempDir
    @SuppressWarnings("NullAway.Init") // JUnit sets it
    Path folder;

    @Test
    void resume_after5Kills_epsilonCoversWhatWasReleased() throws Exception {
        killRepeatedly(5, 1);
    }

    @Test
    @Tag("slow")
    void resume_after200Kills_epsilonCoversWhatWasReleased() throws Exception {
        killRepeatedly(200, 2);
    }

    private static DpSgdPlan plan(Path folder) {
        return DpSgdPlan.poisson(40, 10)
                .withSteps(1_000_000)
                .withClippingNorm(1)
                .withNoiseMultiplier(30)
                .withDelta(1e-5)
                .withAccountant(AccountantKind.RDP)
                .withLedger(folder.resolve("run.ledger"));
    }

    private void killRepeatedly(int kills, long seed) throws Exception {
        Path ledger = folder.resolve("run.ledger");
        Path records = folder.resolve("records");
        var random = new Random(seed);
        long released = 0;
        int whileTraining = 0;
        int resumed = 0;
        for (int kill = 1; kill <= kills; kill++) {
            Process child = startChild(records);
            if (kill % 5 == 0) {
                // While the process starts, restores the model, opens the ledger or takes its first steps.
                Thread.sleep(random.nextInt(4000));
            } else {
                awaitFirstRelease(child, records);
                TimeUnit.MICROSECONDS.sleep(random.nextInt(300_000));
            }
            child.destroyForcibly();
            assertThat(child.waitFor(1, TimeUnit.MINUTES)).isTrue();
            byte[] record = Files.readAllBytes(records);
            if (record.length >= ATTACHED_BYTES) {
                resumed++;
                assertResumedAbove(record, released, kill);
            }
            long releasedByChild = Math.max(0, record.length - ATTACHED_BYTES);
            whileTraining += releasedByChild > 0 ? 1 : 0;
            released += releasedByChild;
            if (Files.exists(ledger) && Files.size(ledger) > 0) {
                assertThat(PrivacyLedgerHistory.read(ledger).steps()).isBetween(released, released + kill);
            } else {
                assertThat(released).isZero();
            }
        }
        assertThat(whileTraining).as("kills that met a child training").isGreaterThanOrEqualTo(kills * 4 / 5);
        // Few kills may all come before the first checkpoint.
        assertThat(kills < 50 || Files.exists(folder.resolve("model.zip"))).isTrue();
        System.out.println(kills + " kills, " + whileTraining + " while training, " + resumed + " attachments: "
                + released + " steps released, "
                + PrivacyLedgerHistory.read(ledger).steps() + " charged");
    }

    /** What the child's engine said right after it was attached, before it released anything. */
    private void assertResumedAbove(byte[] record, long released, int kill) throws IOException {
        try (var in = new DataInputStream(new ByteArrayInputStream(record))) {
            assertThat(in.readByte()).isEqualTo((byte) ATTACHED);
            assertThat(in.readDouble()).isGreaterThanOrEqualTo(plan(folder).epsilonAfter(released));
            assertThat(in.readLong()).isBetween(released, released + kill);
            while (in.available() > 0) {
                assertThat(in.readByte()).isEqualTo((byte) RELEASED);
            }
        }
    }

    private static void awaitFirstRelease(Process child, Path records) throws Exception {
        while (Files.size(records) <= ATTACHED_BYTES) {
            assertThat(child.isAlive()).isTrue();
            Thread.sleep(1);
        }
    }

    private Process startChild(Path records) throws IOException {
        Files.write(records, new byte[0]);
        String java = ProcessHandle.current().info().command().orElse("java");
        var builder = new ProcessBuilder(
                        java,
                        "-XX:TieredStopAtLevel=1",
                        "-XX:+UseSerialGC",
                        "-Xshare:auto",
                        "-Xmx256m",
                        "-cp",
                        System.getProperty("java.class.path"),
                        Child.class.getName(),
                        folder.toString(),
                        records.toString())
                .redirectOutput(ProcessBuilder.Redirect.DISCARD)
                .redirectError(ProcessBuilder.Redirect.INHERIT);
        builder.environment().put("OMP_NUM_THREADS", "1");
        return builder.start();
    }

    /** Trains until it is killed; goes on from its last checkpoint, which it makes every few lots. */
    static final class Child {
        private static final int LOTS_A_CHECKPOINT = 8;

        private Child() {}

        public static void main(String[] args) throws IOException {
            Path folder = Path.of(args[0]);
            Path model = folder.resolve("model.zip");
            MultiLayerNetwork network = Files.exists(model)
                    ? ModelSerializer.restoreMultiLayerNetwork(model.toFile(), true)
                    : Networks.classifier(DataType.FLOAT, new Adam(0.001));
            var data = Networks.data(DataType.FLOAT, 40);
            // Unbuffered: what is written here stays, whatever happens to the process.
            try (var records = new FileOutputStream(args[1], true);
                    var engine = PrivacyEngine.attach(network, plan(folder))) {
                attached(records, engine);
                network.setListeners(new BaseTrainingListener() {
                    @Override
                    public void onBackwardPass(Model released) {
                        try {
                            records.write(RELEASED);
                        } catch (IOException e) {
                            throw new UncheckedIOException(e);
                        }
                    }
                });
                var lots = engine.lots(data);
                for (int lot = 1; ; lot++) {
                    if (!lots.hasNext()) {
                        lots.reset();
                    }
                    network.fit(lots.next());
                    if (lot % LOTS_A_CHECKPOINT == 0) {
                        Path written = folder.resolve("model.tmp");
                        ModelSerializer.writeModel(network, written.toFile(), true);
                        Files.move(written, model, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
                    }
                }
            }
        }

        private static void attached(FileOutputStream records, PrivacyEngine engine) throws IOException {
            var bytes = new java.io.ByteArrayOutputStream();
            var out = new DataOutputStream(bytes);
            out.writeByte(ATTACHED);
            out.writeDouble(engine.epsilon());
            out.writeLong(engine.steps());
            records.write(bytes.toByteArray());
        }
    }
}
