// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.accountant;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.dl4jdp.accountant.PrivacyLedger.Terms;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A training process that is killed without warning, again and again, leaves a ledger that covers what it released. */
class PrivacyLedgerCrashTest {

    private static final DpEvent STEP = new DpEvent.Gaussian(20.0);

    private final Path folder;

    PrivacyLedgerCrashTest(@TempDir Path folder) {
        this.folder = folder;
    }

    @Test
    void open_after10Kills_coversWhatWasReleased() throws Exception {
        killRepeatedly(10, 1);
    }

    @Test
    @Tag("slow")
    void open_after250Kills_coversWhatWasReleased() throws Exception {
        killRepeatedly(250, 2);
    }

    private void killRepeatedly(int kills, long seed) throws Exception {
        Path path = folder.resolve("ledger.jsonl");
        Path releases = folder.resolve("releases");
        Random random = new Random(seed);
        long released = 0;
        int killsWhileCharging = 0;
        for (int kill = 1; kill <= kills; kill++) {
            Process child = startChild("train", path, ProcessBuilder.Redirect.to(releases.toFile()));
            if (kill % 5 == 0) {
                // while the process starts, opens the ledger or takes its first steps
                Thread.sleep(random.nextInt(600));
            } else {
                awaitFirstRelease(child, releases);
                TimeUnit.MICROSECONDS.sleep(random.nextInt(30_000));
            }
            child.destroyForcibly();
            assertThat(child.waitFor(1, TimeUnit.MINUTES)).isTrue();
            long releasedByChild = Files.size(releases);
            if (releasedByChild > 0) {
                killsWhileCharging++;
            }
            released += releasedByChild;
            if (Files.exists(path) && Files.size(path) > 0) {
                PrivacyLedgerHistory history = PrivacyLedgerHistory.read(path);
                assertThat(history.steps()).isBetween(released, released + kill);
                assertEpsilonCovers(history, released);
            } else {
                assertThat(released).isZero();
            }
        }
        assertThat(killsWhileCharging).as("kills that met a child at work").isGreaterThanOrEqualTo(kills * 4 / 5);
        System.out.println(kills + " kills (" + killsWhileCharging + " while charging): " + released
                + " steps released, " + PrivacyLedgerHistory.read(path).steps() + " charged");
    }

    private static void awaitFirstRelease(Process child, Path releases) throws Exception {
        while (Files.size(releases) == 0) {
            assertThat(child.isAlive()).isTrue();
            Thread.sleep(1);
        }
    }

    private static void assertEpsilonCovers(PrivacyLedgerHistory history, long released) {
        double recovered = history.composeInto(new RdpAccountant()).epsilon(1e-5);
        double spent = new RdpAccountant().compose(STEP, released).epsilon(1e-5);
        assertThat(recovered).isGreaterThanOrEqualTo(spent);
    }

    /** Starts {@link Child} in a process of its own. */
    static Process startChild(String mode, Path path, ProcessBuilder.Redirect output) throws IOException {
        String java = ProcessHandle.current().info().command().orElse("java");
        return new ProcessBuilder(
                        java,
                        "-XX:TieredStopAtLevel=1",
                        "-Xshare:auto",
                        "-Xmx64m",
                        "-cp",
                        System.getProperty("java.class.path"),
                        Child.class.getName(),
                        mode,
                        path.toString())
                .redirectOutput(output)
                .redirectError(ProcessBuilder.Redirect.INHERIT)
                .start();
    }

    /** Charges steps until it is killed, and writes one byte for each step that it releases. */
    static final class Child {

        private Child() {}

        public static void main(String[] args) {
            Terms terms = new Terms("plan", "configuration", "0.1.0", NeighboringRelation.ADD_OR_REMOVE_ONE, STEP);
            if (args[0].equals("open")) {
                System.out.print(tryToOpen(Path.of(args[1])));
                return;
            }
            try (PrivacyLedger ledger = PrivacyLedger.open(Path.of(args[1]), terms)) {
                while (true) {
                    ledger.charge(1);
                    System.out.write('.');
                    System.out.flush();
                }
            }
        }

        private static String tryToOpen(Path path) {
            PrivacyLedgerHistory history = PrivacyLedgerHistory.read(path);
            try {
                PrivacyLedger.open(path, history.terms()).close();
                return "OPENED";
            } catch (PrivacyLedgerException e) {
                return e.reason().name();
            }
        }
    }
}
