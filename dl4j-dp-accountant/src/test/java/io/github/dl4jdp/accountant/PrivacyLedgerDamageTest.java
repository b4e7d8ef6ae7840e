// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.accountant;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.dl4jdp.accountant.PrivacyLedger.Head;
import io.github.dl4jdp.accountant.PrivacyLedger.Terms;
import io.github.dl4jdp.accountant.PrivacyLedgerException.Reason;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Ledger files that are missing, shortened, altered, torn, forked or something else: refused, or mended where that is safe. */
class PrivacyLedgerDamageTest {

    private static final DpEvent STEP = new DpEvent.PoissonSampled(0.01, new DpEvent.Gaussian(1.1));

    private final Path folder;
    private final Path path;

    PrivacyLedgerDamageTest(@TempDir Path folder) {
        this.folder = folder;
        this.path = folder.resolve("privacy-ledger.jsonl");
    }

    private static Terms terms() {
        return new Terms("sha256:ab12", "sha256:cd34", "0.1.0", NeighboringRelation.ADD_OR_REMOVE_ONE, STEP);
    }

    private static void assertRefused(Reason reason, String message, ThrowingCallable action) {
        assertThatThrownBy(action).isInstanceOfSatisfying(PrivacyLedgerException.class, e -> {
            assertThat(e.reason()).isEqualTo(reason);
            assertThat(e).hasMessageContaining(message);
        });
    }

    @Test
    void open_fileMissing_isRefusedForAModelThatHadOne() throws IOException {
        Head head = new Head(3, "a".repeat(64));
        assertRefused(Reason.MISSING, "does not exist", () -> PrivacyLedger.open(path, terms(), head));
        assertRefused(Reason.MISSING, "does not exist", () -> PrivacyLedgerHistory.read(path));
        assertThat(path).doesNotExist();
        Files.createFile(path);
        assertRefused(Reason.MISSING, "is empty", () -> PrivacyLedger.open(path, terms(), head));
        assertRefused(Reason.MISSING, "no complete line", () -> PrivacyLedgerHistory.read(path));
    }

    @Test
    void open_shorterThanTheHead_isRefused() throws IOException {
        Head head;
        try (PrivacyLedger ledger = PrivacyLedger.open(path, terms())) {
            ledger.charge(1);
            head = ledger.charge(1);
        }
        List<String> lines = Files.readAllLines(path);
        Files.writeString(path, lines.get(0) + "\n" + lines.get(1) + "\n");
        assertRefused(
                Reason.SHORTENED,
                "has 2 lines, but the model was trained on one of at least 3",
                () -> PrivacyLedger.open(path, terms(), head));
    }

    @Test
    void open_forkedCopy_isRefused() throws IOException {
        Head fork;
        try (PrivacyLedger ledger = PrivacyLedger.open(path, terms())) {
            fork = ledger.charge(1);
        }
        Path copy = folder.resolve("copy.jsonl");
        Files.copy(path, copy);
        Head trainedOnCopy;
        try (PrivacyLedger ledger = PrivacyLedger.open(copy, terms(), fork)) {
            trainedOnCopy = ledger.charge(1);
        }
        try (PrivacyLedger ledger = PrivacyLedger.open(path, terms(), fork)) {
            ledger.charge(1);
        }
        assertRefused(Reason.FORKED, "hash mismatch", () -> PrivacyLedger.open(path, terms(), trainedOnCopy));
    }

    /** Every single byte matters, wherever it is in a complete line. */
    @Test
    void open_anyByteAltered_isRefused() throws IOException {
        try (PrivacyLedger ledger = PrivacyLedger.open(path, terms())) {
            ledger.charge(1);
            ledger.charge(2);
        }
        byte[] good = Files.readAllBytes(path);
        for (int i = 0; i < good.length - 1; i++) {
            byte[] altered = good.clone();
            altered[i] ^= 1;
            Files.write(path, altered);
            assertRefused(Reason.BROKEN, "line ", () -> PrivacyLedger.open(path, terms()));
            assertRefused(Reason.BROKEN, "line ", () -> PrivacyLedgerHistory.read(path));
            assertThat(path).hasBinaryContent(altered);
        }
    }

    @Test
    void open_linesRemovedSwappedOrRepeated_isRefused() throws IOException {
        try (PrivacyLedger ledger = PrivacyLedger.open(path, terms())) {
            for (int i = 0; i < 4; i++) {
                ledger.charge(1);
            }
        }
        List<String> good = Files.readAllLines(path);
        List<List<String>> tampered = new ArrayList<>();
        tampered.add(List.of(good.get(0), good.get(1), good.get(3), good.get(4)));
        tampered.add(List.of(good.get(0), good.get(2), good.get(1), good.get(3), good.get(4)));
        tampered.add(List.of(good.get(0), good.get(1), good.get(1), good.get(2)));
        tampered.add(List.of(good.get(1), good.get(2)));
        for (List<String> lines : tampered) {
            Files.write(path, lines);
            assertRefused(Reason.BROKEN, "does not match the lines", () -> PrivacyLedger.open(path, terms()));
        }
    }

    /** No ledger charges one release twice: which of the two events it was is not known. */
    @Test
    void read_releaseChargedAgain_isRefused() throws IOException {
        PrivacyLedger.Head head;
        try (PrivacyLedger ledger = PrivacyLedger.open(path, terms())) {
            head = ledger.charge(new DpEvent.Gaussian(3), "some-release");
        }
        String again = PrivacyLedgerLine.release(head.sequenceNumber() + 1, head.hash(), "some-release", null);
        Files.writeString(path, again + "\n", StandardOpenOption.APPEND);
        assertRefused(Reason.BROKEN, "charges the release some-release again", () -> PrivacyLedgerHistory.read(path));
    }

    @Test
    void open_tornLastLine_isRecoveredAtEveryLength() throws IOException {
        Head head;
        try (PrivacyLedger ledger = PrivacyLedger.open(path, terms())) {
            head = ledger.charge(1);
            ledger.charge(1);
        }
        byte[] good = Files.readAllBytes(path);
        int complete = new String(good, StandardCharsets.UTF_8).lastIndexOf("{\"n\":2");
        for (int length = complete + 1; length < good.length; length++) {
            Files.write(path, Arrays.copyOf(good, length));
            assertThat(PrivacyLedgerHistory.read(path).tornBytes()).isEqualTo(length - complete);
            try (PrivacyLedger ledger = PrivacyLedger.open(path, terms(), head)) {
                assertThat(ledger.recoveredBytes()).isEqualTo(length - complete);
                assertThat(ledger.steps()).isEqualTo(1);
                ledger.charge(1);
            }
            assertThat(PrivacyLedgerHistory.read(path).steps()).isEqualTo(2);
        }
    }

    @Test
    void open_tornFirstLine_startsAnew() throws IOException {
        PrivacyLedger.open(path, terms()).close();
        byte[] good = Files.readAllBytes(path);
        for (int length : new int[] {1, 5, 30, good.length - 1}) {
            Files.write(path, Arrays.copyOf(good, length));
            try (PrivacyLedger ledger = PrivacyLedger.open(path, terms())) {
                assertThat(ledger.steps()).isZero();
            }
            assertThat(PrivacyLedgerHistory.read(path).sessions()).isEqualTo(1);
        }
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "my diary",
                "{}",
                "{\"n\":1,",
                "{\"n\":0}\n",
                "\n",
                "name,value\n1,2\n",
                "\0\0\1PNG",
                "{\"n\":0,\"ledger\":1,\"session\":\"\t"
            })
    void open_someOtherFile_isRefusedAndUntouched(String content) throws IOException {
        Files.writeString(path, content);
        assertRefused(Reason.BROKEN, "line 1 ", () -> PrivacyLedger.open(path, terms()));
        assertThat(path).hasContent(content);
    }
}
