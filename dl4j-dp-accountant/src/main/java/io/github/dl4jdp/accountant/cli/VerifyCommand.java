// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.accountant.cli;

import io.github.dl4jdp.accountant.PrivacyLedgerHistory;
import java.io.IOException;
import java.nio.file.Path;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** Verifies a ledger: that its lines follow from one another, and that each is signed by a key. */
@Command(
        name = "verify",
        description =
                "Verifies a privacy ledger: its chain of hashes, and with a public key the signature of every line.",
        footer = "The file is read, never changed. A signature does not show that lines were cut off at the end.")
final class VerifyCommand implements Callable<Integer> {
    @Spec
    private @Nullable CommandSpec spec;

    @Option(names = "--ledger", paramLabel = "FILE", required = true, description = "The privacy ledger.")
    private @Nullable String ledger;

    @Option(
            names = "--public-key",
            paramLabel = "FILE",
            description =
                    "The Ed25519 public key of who trained, as PEM, Base64 or hexadecimal, from elsewhere than the ledger.")
    private @Nullable String publicKey;

    @Override
    public Integer call() throws IOException {
        if (spec == null || ledger == null) {
            throw new IllegalStateException("the command line sets both");
        }
        Path file = Path.of(ledger);
        PrivacyLedgerHistory history = publicKey == null
                ? PrivacyLedgerHistory.read(file)
                : PrivacyLedgerHistory.read(
                        file, PrivacyLedgerHistory.publicKey(InputFile.decode(publicKey, InputFile.read(publicKey))));
        String signed = history.keyFingerprint()
                .map(print -> publicKey == null
                        ? "says that it is signed by the key of SHA-256 " + print
                                + ", which was not verified: give --public-key"
                        : "every line is signed by the key of SHA-256 " + print)
                .orElse("not signed");
        spec.commandLine()
                .getOut()
                .println("The ledger holds together: " + history.steps()
                        + (history.steps() == 1 ? " charge" : " charges")
                        + " in " + history.sessions() + (history.sessions() == 1 ? " session" : " sessions")
                        + ", line " + history.head().sequenceNumber() + " is the last, SHA-256 "
                        + history.head().hash() + "; " + signed + ".");
        String warning = Releases.warning(file, history);
        if (warning != null) {
            spec.commandLine().getErr().println("warning: " + warning);
        }
        return 0;
    }
}
