// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.accountant.cli;

import static java.util.stream.Collectors.joining;
import static org.assertj.core.api.Assertions.assertThat;

import io.github.dl4jdp.accountant.DpEvent.Gaussian;
import io.github.dl4jdp.accountant.NeighboringRelation;
import io.github.dl4jdp.accountant.PrivacyLedger;
import io.github.dl4jdp.accountant.PrivacyLedger.Terms;
import io.github.dl4jdp.accountant.PrivacyLedgerKey;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.security.GeneralSecurityException;
import java.security.KeyPair;
import java.security.KeyPairGenerator;
import java.util.Base64;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class VerifyCommandTest {
    private static final Terms TERMS =
            new Terms("plan", "network", "1", NeighboringRelation.ADD_OR_REMOVE_ONE, new Gaussian(2));

    @TempDir
    @SuppressWarnings("NullAway.Init") // JUnit sets it
    Path folder;

    private static KeyPair pair() throws GeneralSecurityException {
        return KeyPairGenerator.getInstance("Ed25519").generateKeyPair();
    }

    private Path publicKey(KeyPair pair, String name) throws IOException {
        return Files.writeString(
                folder.resolve(name),
                "-----BEGIN PUBLIC KEY-----\n"
                        + Base64.getMimeEncoder()
                                .encodeToString(pair.getPublic().getEncoded())
                        + "\n-----END PUBLIC KEY-----\n");
    }

    @Test
    void verify_signedLedger_saysWhatWasVerified() throws IOException, GeneralSecurityException {
        KeyPair pair = pair();
        PrivacyLedgerKey key = PrivacyLedgerKey.of(pair.getPrivate());
        Path ledger = folder.resolve("signed.ledger");
        try (PrivacyLedger signed = PrivacyLedger.openSigned(ledger, TERMS, null, false, key)) {
            signed.charge(7);
        }
        byte[] before = Files.readAllBytes(ledger);
        String verify = "verify --ledger " + ledger;
        assertThat(Outcome.of(verify + " --public-key " + publicKey(pair, "key.pem"))
                        .answered()
                        .out())
                .contains(
                        "7 charges in 1 session",
                        "every line is signed by the key of SHA-256 " + key.fingerprint(),
                        "line 1 is the last");
        assertThat(Outcome.of(verify).answered().out())
                .contains("which was not verified: give --public-key", key.fingerprint());
        assertThat(Files.readAllBytes(ledger)).isEqualTo(before);

        Outcome other = Outcome.of(verify + " --public-key " + publicKey(pair(), "other.pem"));
        assertThat(other.code()).isEqualTo(1);
        assertThat(other.out()).isEmpty();
        assertThat(other.err()).contains("is signed by another key");
        Path none = Files.writeString(folder.resolve("none.pem"), "no key");
        assertThat(Outcome.of(verify + " --public-key " + none).err()).contains("public key must be");

        String altered = Files.readString(ledger).replace("\"steps\":7", "\"steps\":1");
        Outcome broken = Outcome.of("verify --ledger " + Files.writeString(folder.resolve("altered.ledger"), altered)
                + " --public-key " + publicKey(pair, "key.pem"));
        assertThat(broken.code()).isEqualTo(1);
        assertThat(broken.err()).contains("line 2");
    }

    @Test
    void ledger_lastLineTorn_isAnsweredWithAWarningOfOneLine() throws IOException {
        Path ledger = folder.resolve("torn.ledger");
        try (PrivacyLedger plain = PrivacyLedger.open(ledger, TERMS)) {
            plain.charge(1);
        }
        for (String question : List.of(
                "verify --ledger ",
                "epsilon --delta 1e-5 --ledger ",
                "delta --epsilon 1 --ledger ",
                "statement --delta 1e-5 --ledger ",
                "noise --epsilon 5 --delta 1e-5 --sampling-probability 0.1 --steps 9 --earlier-ledger ")) {
            Files.writeString(ledger, Files.readString(ledger).lines().limit(2).collect(joining("\n", "", "\n")));
            Outcome whole = Outcome.of(question + ledger).answered();
            assertThat(whole.err()).isEmpty();
            Files.writeString(ledger, "{\"n\":2,", StandardOpenOption.APPEND);

            Outcome torn = Outcome.of(question + ledger).answered();
            assertThat(torn.out()).isEqualTo(whole.out());
            assertThat(torn.err().lines()).singleElement().asString().contains("warning: ", "unfinished line, 7 bytes");
        }
    }

    @Test
    void verify_unsignedLedger_saysSo() {
        Path ledger = folder.resolve("plain.ledger");
        PrivacyLedger.open(ledger, TERMS).close();
        assertThat(Outcome.of("verify --ledger " + ledger).answered().out())
                .contains("0 charges in 1 session", "not signed");
        assertThat(Outcome.of("verify --ledger " + folder.resolve("missing")).code())
                .isEqualTo(1);
        assertThat(Outcome.of("verify").code()).isEqualTo(2);
    }
}
