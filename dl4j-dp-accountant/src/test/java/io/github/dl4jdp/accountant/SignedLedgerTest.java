// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.accountant;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.dl4jdp.accountant.PrivacyLedger.Terms;
import io.github.dl4jdp.accountant.PrivacyLedgerException.Reason;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.security.KeyFactory;
import java.security.KeyPair;
import java.security.KeyPairGenerator;
import java.security.MessageDigest;
import java.security.PublicKey;
import java.security.spec.PKCS8EncodedKeySpec;
import java.util.ArrayList;
import java.util.Base64;
import java.util.HexFormat;
import java.util.List;
import java.util.Random;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Signed ledgers: what a change of the file by someone without the key looks like to someone with the public key. */
class SignedLedgerTest {
    private static final Terms TERMS =
            new Terms("plan", "network", "1", NeighboringRelation.ADD_OR_REMOVE_ONE, new DpEvent.Gaussian(2));

    private static final KeyPair PAIR = pair();
    private static final PrivacyLedgerKey KEY = PrivacyLedgerKey.of(PAIR.getPrivate());

    @TempDir
    @SuppressWarnings("NullAway.Init") // JUnit sets it
    Path folder;

    private static KeyPair pair() {
        try {
            return KeyPairGenerator.getInstance("Ed25519").generateKeyPair();
        } catch (GeneralSecurityException e) {
            throw new AssertionError(e);
        }
    }

    private Path file() {
        return folder.resolve("signed.ledger");
    }

    private static PrivacyLedger open(Path file, PrivacyLedgerKey key) {
        return PrivacyLedger.openSigned(file, TERMS, null, false, key);
    }

    /** A ledger of two sessions, with charges of two kinds and a release. */
    private Path written() {
        try (PrivacyLedger ledger = open(file(), KEY)) {
            ledger.charge(3);
            ledger.charge(new DpEvent.Gaussian(5), "a-release");
        }
        try (PrivacyLedger ledger = PrivacyLedger.openSigned(file(), TERMS, null, true, KEY)) {
            ledger.charge(4);
        }
        return file();
    }

    private static void assertRefused(Reason reason, String message, ThrowingCallable call) {
        assertThatThrownBy(call)
                .isInstanceOfSatisfying(
                        PrivacyLedgerException.class,
                        e -> assertThat(e.reason()).as(e.getMessage()).isEqualTo(reason))
                .hasMessageContaining(message);
    }

    /** Example of RFC 8032, section 7.1, test 1: the public part follows from the private one. */
    @Test
    void key_privatePart_hasThePublicPartOfTheStandard() throws GeneralSecurityException {
        byte[] secret = HexFormat.of().parseHex("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60");
        byte[] encoded = HexFormat.of()
                .parseHex("302e020100300506032b657004220420" + HexFormat.of().formatHex(secret));
        PrivacyLedgerKey key = PrivacyLedgerKey.of(
                KeyFactory.getInstance("Ed25519").generatePrivate(new PKCS8EncodedKeySpec(encoded)));
        assertThat(key.publicHex())
                .endsWith("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a")
                .hasSize(88);
        for (int i = 0; i < 20; i++) {
            KeyPair pair = pair();
            assertThat(PrivacyLedgerKey.of(pair.getPrivate()).publicKey()).isEqualTo(pair.getPublic());
        }
    }

    @Test
    void key_ofAnotherKind_isRefused() throws GeneralSecurityException {
        KeyPair rsa = KeyPairGenerator.getInstance("RSA").generateKeyPair();
        KeyPair other = KeyPairGenerator.getInstance("Ed448").generateKeyPair();
        assertThatThrownBy(() -> PrivacyLedgerKey.of(rsa.getPrivate())).hasMessageContaining("Ed25519");
        assertThatThrownBy(() -> PrivacyLedgerKey.of(other.getPrivate())).hasMessageContaining("Ed25519");
        assertThatThrownBy(() -> PrivacyLedgerKey.of(PAIR.getPrivate(), pair().getPublic()))
                .hasMessageContaining("that of privateKey");
        assertThat(KEY.toString())
                .contains(KEY.fingerprint())
                .doesNotContain(HexFormat.of().formatHex(PAIR.getPrivate().getEncoded()));
    }

    @Test
    void read_signedLedger_isVerifiedAndHasItsCharges() {
        PrivacyLedgerHistory history = PrivacyLedgerHistory.read(written(), PAIR.getPublic());
        assertThat(history.steps()).isEqualTo(8);
        assertThat(history.keyFingerprint()).contains(KEY.fingerprint());
        assertThat(PrivacyLedgerHistory.read(file()).steps()).isEqualTo(8);
        try (PrivacyLedger ledger = open(file(), KEY)) {
            assertThat(ledger.steps()).isEqualTo(8);
        }
    }

    @Test
    void publicKey_pemBase64OrHexadecimal_isRead() {
        PublicKey key = PAIR.getPublic();
        String base64 = Base64.getEncoder().encodeToString(key.getEncoded());
        for (String text : List.of(
                base64, KEY.publicHex(), "-----BEGIN PUBLIC KEY-----\n" + base64 + "\n-----END PUBLIC KEY-----\n")) {
            assertThat(PrivacyLedgerHistory.publicKey(text)).isEqualTo(key);
        }
        for (String bad : List.of("", "x", "!!!", "AAAA")) {
            assertThatThrownBy(() -> PrivacyLedgerHistory.publicKey(bad)).isInstanceOf(IllegalArgumentException.class);
        }
    }

    @Test
    void open_otherKeyOrNone_isRefusedAndNothingChanges() throws IOException {
        byte[] before = Files.readAllBytes(written());
        PrivacyLedgerKey other = PrivacyLedgerKey.of(pair().getPrivate());
        assertRefused(Reason.OTHER_KEY, "signed by another key", () -> open(file(), other));
        assertRefused(Reason.OTHER_KEY, "signedBy(privateKey)", () -> PrivacyLedger.open(file(), TERMS));
        assertRefused(Reason.OTHER_KEY, "another key", () -> PrivacyLedgerHistory.read(file(), other.publicKey()));
        assertThat(Files.readAllBytes(file())).isEqualTo(before);
        Path plain = folder.resolve("plain.ledger");
        PrivacyLedger.open(plain, TERMS).close();
        assertRefused(Reason.OTHER_KEY, "is not signed", () -> open(plain, KEY));
        assertRefused(Reason.OTHER_KEY, "is not signed", () -> PrivacyLedgerHistory.read(plain, PAIR.getPublic()));
    }

    private static String hash(String previous, String body) {
        try {
            MessageDigest digest = MessageDigest.getInstance("SHA-256");
            digest.update(previous.getBytes(StandardCharsets.US_ASCII));
            return HexFormat.of().formatHex(digest.digest(body.getBytes(StandardCharsets.UTF_8)));
        } catch (GeneralSecurityException e) {
            throw new AssertionError(e);
        }
    }

    /** The file as an adversary would forge it who knows the format and has no key: all hashes fresh, signatures as they were or made with the adversary's own key. */
    private static void forge(Path file, List<String> bodies, List<String> signatures, @Nullable PrivacyLedgerKey own)
            throws IOException {
        StringBuilder text = new StringBuilder();
        String previous = "0".repeat(64);
        for (int i = 0; i < bodies.size(); i++) {
            String hash = hash(previous, bodies.get(i));
            String signature = own == null ? signatures.get(i) : own.sign(hash);
            text.append(bodies.get(i)).append(",\"hash\":\"").append(hash).append("\",\"signature\":\"");
            text.append(signature).append("\"}\n");
            previous = hash;
        }
        Files.writeString(file, text);
    }

    /** Removed, swapped, doubled or changed lines, with hashes that fit: 300 random forgeries, none of which verifies; without a signature every one would. */
    @Test
    void read_forgedWithFreshHashes_isRefused() throws IOException {
        List<String> lines = Files.readAllLines(written());
        List<String> bodies = new ArrayList<>();
        List<String> signatures = new ArrayList<>();
        for (String line : lines) {
            bodies.add(line.substring(0, line.indexOf(",\"hash\":\"")));
            signatures.add(line.substring(line.indexOf("\"signature\":\"") + 13, line.length() - 2));
        }
        Random random = new Random(11);
        PrivacyLedgerKey adversary = PrivacyLedgerKey.of(pair().getPrivate());
        Path forged = folder.resolve("forged.ledger");
        int tried = 0;
        for (int i = 0; i < 300; i++) {
            List<String> changed = new ArrayList<>(bodies);
            List<String> kept = new ArrayList<>(signatures);
            int at = 1 + random.nextInt(bodies.size() - 1);
            switch (random.nextInt(3)) {
                case 0 -> {
                    if (at == bodies.size() - 1) {
                        continue; // the last line: a cut, which signatures do not show
                    }
                    changed.remove(at);
                    kept.remove(at);
                }
                case 1 -> {
                    String steps =
                            changed.get(at).replaceAll("\"steps\":[0-9]+", "\"steps\":" + (1 + random.nextInt(2)));
                    changed.set(at, steps.replace("\"noiseMultiplier\":2", "\"noiseMultiplier\":9"));
                }
                default -> {
                    changed.add(at, changed.get(at));
                    kept.add(at, kept.get(at));
                }
            }
            for (int n = 0; n < changed.size(); n++) {
                changed.set(n, changed.get(n).replaceFirst("\"n\":[0-9]+", "\"n\":" + n));
            }
            if (changed.equals(bodies)) {
                continue;
            }
            tried++;
            boolean signsItself = random.nextBoolean();
            forge(forged, changed, kept, signsItself ? adversary : null);
            assertThatThrownBy(() -> PrivacyLedgerHistory.read(forged, PAIR.getPublic()))
                    .isInstanceOf(PrivacyLedgerException.class);
            assertThatThrownBy(() -> open(forged, KEY)).isInstanceOf(PrivacyLedgerException.class);
        }
        assertThat(tried).isGreaterThan(100);
    }

    /** Under a key of the adversary's own, named in the first line: it verifies by itself, and not by the key that the reader has from elsewhere. */
    @Test
    void read_forgedUnderAnotherKey_isRefusedByTheReadersKey() {
        Path forged = folder.resolve("forged.ledger");
        PrivacyLedgerKey adversary = PrivacyLedgerKey.of(pair().getPrivate());
        try (PrivacyLedger ledger = open(forged, adversary)) {
            ledger.charge(1);
        }
        assertThat(PrivacyLedgerHistory.read(forged).steps()).isEqualTo(1);
        assertRefused(Reason.OTHER_KEY, "another key", () -> PrivacyLedgerHistory.read(forged, PAIR.getPublic()));
    }

    /** What the threat model says that a signature does not show; the head that a model stores does. */
    @Test
    void read_cutAtTheEnd_verifies() throws IOException {
        List<String> lines = Files.readAllLines(written());
        Path cut = folder.resolve("cut.ledger");
        Files.write(cut, lines.subList(0, 2));
        assertThat(PrivacyLedgerHistory.read(cut, PAIR.getPublic()).steps()).isEqualTo(3);
        PrivacyLedger.Head head = PrivacyLedgerHistory.read(file()).head();
        assertRefused(
                Reason.SHORTENED,
                "bring the complete file",
                () -> PrivacyLedger.openSigned(cut, TERMS, head, true, KEY));
    }

    /** A signature that was removed or altered anywhere is found by a reader with the key. */
    @Test
    void read_signatureRemovedOrAltered_isRefused() throws IOException {
        List<String> lines = Files.readAllLines(written());
        for (int i = 0; i < lines.size(); i++) {
            String line = lines.get(i);
            int at = line.indexOf("\",\"signature\":\"");
            char digit = line.charAt(at + 20);
            for (String bad : List.of(
                    line.substring(0, at) + "\"}",
                    line.substring(0, at + 20) + (digit == '0' ? '1' : '0') + line.substring(at + 21),
                    line.substring(0, at + 20) + 'G' + line.substring(at + 21))) {
                List<String> changed = new ArrayList<>(lines);
                changed.set(i, bad);
                Files.write(folder.resolve("bad"), changed);
                assertRefused(
                        Reason.BROKEN,
                        "line " + (i + 1),
                        () -> PrivacyLedgerHistory.read(folder.resolve("bad"), PAIR.getPublic()));
            }
        }
    }
}
