// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.accountant;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.withinPercentage;
import static org.assertj.core.api.Assumptions.assumeThat;

import io.github.dl4jdp.accountant.PrivacyLedger.Charge;
import io.github.dl4jdp.accountant.PrivacyLedger.Head;
import io.github.dl4jdp.accountant.PrivacyLedger.Terms;
import io.github.dl4jdp.accountant.PrivacyLedgerException.Reason;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class PrivacyLedgerTest {

    private static final DpEvent STEP = new DpEvent.PoissonSampled(0.01, new DpEvent.Gaussian(1.1));
    private static final DpEvent OTHER_STEP = new DpEvent.Gaussian(2.5);

    private final Path folder;
    private final Path path;

    PrivacyLedgerTest(@TempDir Path folder) {
        this.folder = folder;
        this.path = folder.resolve("privacy-ledger.jsonl");
    }

    private static Terms terms() {
        return terms(STEP);
    }

    private static Terms terms(DpEvent event) {
        return new Terms("sha256:ab12", "sha256:cd34", "0.1.0", NeighboringRelation.ADD_OR_REMOVE_ONE, event);
    }

    private static void assertRefused(Reason reason, String message, ThrowingCallable action) {
        assertThatThrownBy(action).isInstanceOfSatisfying(PrivacyLedgerException.class, e -> {
            assertThat(e.reason()).isEqualTo(reason);
            assertThat(e).hasMessageContaining(message);
        });
    }

    @Test
    void open_newFile_startsAnEmptyLedger() {
        try (PrivacyLedger ledger = PrivacyLedger.open(path, terms())) {
            assertThat(ledger.steps()).isZero();
            assertThat(ledger.charges()).isEmpty();
            assertThat(ledger.head().sequenceNumber()).isZero();
            assertThat(ledger.stepsBeyondModel()).isZero();
        }
        assertThat(PrivacyLedgerHistory.read(path).steps()).isZero();
    }

    @Test
    void charge_steps_areOneSmallLineEach() throws IOException {
        try (PrivacyLedger ledger = PrivacyLedger.open(path, terms())) {
            ledger.charge(1);
            ledger.charge(25);
        }
        List<String> lines = Files.readAllLines(path);
        assertThat(lines).hasSize(3);
        assertThat(lines.get(0))
                .startsWith("{\"n\":0,\"ledger\":1,\"session\":\"")
                .contains(
                        "\"plan\":\"sha256:ab12\"",
                        "\"configuration\":\"sha256:cd34\"",
                        "\"library\":\"0.1.0\"",
                        "\"relation\":\"ADD_OR_REMOVE_ONE\"",
                        "\"noiseMultiplier\":1.1");
        assertThat(lines.get(1)).matches("\\{\"n\":1,\"steps\":1,\"hash\":\"[0-9a-f]{64}\"}");
        assertThat(lines.get(2)).matches("\\{\"n\":2,\"steps\":25,\"hash\":\"[0-9a-f]{64}\"}");
    }

    @Test
    void open_afterACleanStop_goesOn() {
        Head head;
        try (PrivacyLedger ledger = PrivacyLedger.open(path, terms())) {
            ledger.charge(3);
            head = ledger.charge(1);
            assertThat(head).isEqualTo(ledger.head());
        }
        try (PrivacyLedger ledger = PrivacyLedger.open(path, terms(), head)) {
            assertThat(ledger.steps()).isEqualTo(4);
            assertThat(ledger.stepsBeyondModel()).isZero();
            ledger.charge(2);
            assertThat(ledger.charges()).containsExactly(new Charge(STEP, 6));
            assertThat(ledger.stepsBeyondModel()).isZero();
        }
        PrivacyLedgerHistory history = PrivacyLedgerHistory.read(path);
        assertThat(history.steps()).isEqualTo(6);
        assertThat(history.sessions()).isEqualTo(2);
        assertThat(history.terms()).isEqualTo(terms());
    }

    @Test
    void open_fromAnOlderCheckpoint_keepsTheLaterSteps() {
        Head checkpoint;
        try (PrivacyLedger ledger = PrivacyLedger.open(path, terms())) {
            checkpoint = ledger.charge(10);
            ledger.charge(1);
            ledger.charge(1);
        }
        for (int resumption = 0; resumption < 3; resumption++) {
            try (PrivacyLedger ledger = PrivacyLedger.open(path, terms(), checkpoint)) {
                assertThat(ledger.stepsBeyondModel()).isEqualTo(2 + resumption);
                ledger.charge(1);
            }
        }
        assertThat(PrivacyLedgerHistory.read(path).steps()).isEqualTo(15);
    }

    @Test
    void openForChangedPlan_otherEvent_composesBoth() {
        Head head;
        try (PrivacyLedger ledger = PrivacyLedger.open(path, terms())) {
            head = ledger.charge(7);
        }
        try (PrivacyLedger ledger = PrivacyLedger.openForChangedPlan(path, terms(OTHER_STEP), head)) {
            ledger.charge(2);
        }
        try (PrivacyLedger ledger = PrivacyLedger.openForChangedPlan(path, terms(), null)) {
            ledger.charge(1);
            assertThat(ledger.charges()).containsExactly(new Charge(STEP, 8), new Charge(OTHER_STEP, 2));
        }
    }

    @Test
    void releases_chargesOfAnIdentity_areThoseAlone() {
        DpEvent release = new DpEvent.Gaussian(4);
        try (PrivacyLedger ledger = PrivacyLedger.open(path, terms())) {
            ledger.charge(release, 1);
            ledger.charge(release, "some-release");
            ledger.charge(STEP, 3);
        }
        try (PrivacyLedger ledger = PrivacyLedger.openForChangedPlan(path, terms(), null)) {
            assertThat(ledger.releases()).containsOnly(Map.entry("some-release", release));
            assertThat(ledger.charges())
                    .containsExactly(new PrivacyLedger.Charge(release, 2), new PrivacyLedger.Charge(STEP, 3));
            assertThatThrownBy(() -> ledger.charge(OTHER_STEP, "some-release"))
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessageContaining("not be charged yet");
        }
    }

    @Test
    void composeInto_severalSessions_costsWhatTheirEventsCost() {
        try (PrivacyLedger ledger = PrivacyLedger.open(path, terms())) {
            assertThat(ledger.composeInto(new RdpAccountant()).epsilon(1e-5)).isZero();
            ledger.charge(40);
        }
        try (PrivacyLedger ledger = PrivacyLedger.openForChangedPlan(path, terms(OTHER_STEP), null)) {
            ledger.charge(2);
            ledger.charge(1);
        }
        PrivacyAccountant expected = new RdpAccountant().compose(STEP, 40).compose(OTHER_STEP, 3);
        PrivacyAccountant fromLedger = PrivacyLedgerHistory.read(path).composeInto(new RdpAccountant());
        assertThat(fromLedger.epsilon(1e-5)).isCloseTo(expected.epsilon(1e-5), withinPercentage(1e-9));
        assertThat(fromLedger.epsilon(1e-5)).isGreaterThan(1);
        PrivacyAccountant replaceOne = new RdpAccountant(NeighboringRelation.REPLACE_ONE);
        assertThatThrownBy(() -> PrivacyLedgerHistory.read(path).composeInto(replaceOne))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("ledger's relation ADD_OR_REMOVE_ONE, was REPLACE_ONE");
    }

    @Test
    void open_otherTerms_isRefusedWithTheDifference() {
        Head head;
        try (PrivacyLedger ledger = PrivacyLedger.open(path, terms())) {
            head = ledger.charge(7);
        }
        NeighboringRelation relation = NeighboringRelation.ADD_OR_REMOVE_ONE;
        Terms plan = new Terms("other", "sha256:cd34", "0.1.0", relation, STEP);
        Terms configuration = new Terms("sha256:ab12", "other", "0.1.0", relation, STEP);
        Terms event = terms(OTHER_STEP);
        assertRefused(Reason.OTHER_PLAN, "plan must be", () -> PrivacyLedger.open(path, plan, head));
        assertRefused(Reason.OTHER_PLAN, "configuration must be", () -> PrivacyLedger.open(path, configuration));
        assertRefused(Reason.OTHER_PLAN, "event must be", () -> PrivacyLedger.open(path, event, head));
        Terms replaceOne = new Terms("sha256:ab12", "sha256:cd34", "0.1.0", NeighboringRelation.REPLACE_ONE, STEP);
        assertRefused(
                Reason.OTHER_PLAN, "relation must be", () -> PrivacyLedger.openForChangedPlan(path, replaceOne, head));
        Terms newerLibrary = new Terms("sha256:ab12", "sha256:cd34", "0.2.0", relation, STEP);
        PrivacyLedger.open(path, newerLibrary, head).close();
    }

    @Test
    void open_secondTrainerInThisProcess_isRefusedAlsoThroughALink() throws IOException {
        try (PrivacyLedger ledger = PrivacyLedger.open(path, terms())) {
            ledger.charge(1);
            assertRefused(Reason.LOCKED, "in use by another trainer", () -> PrivacyLedger.open(path, terms()));
            Path link = Files.createSymbolicLink(folder.resolve("link"), path);
            assertRefused(Reason.LOCKED, "in use by another trainer", () -> PrivacyLedger.open(link, terms()));
            assertThat(PrivacyLedgerHistory.read(path).steps()).isEqualTo(1);
            ledger.charge(1);
        }
        PrivacyLedger.open(path, terms()).close();
    }

    /** Also after a refused second trainer and a reader in the first process, which on POSIX could give its lock free. */
    @Test
    void open_secondTrainerInAnotherProcess_isRefused() throws Exception {
        try (PrivacyLedger ledger = PrivacyLedger.open(path, terms())) {
            ledger.charge(1);
            assertRefused(Reason.LOCKED, "in this process", () -> PrivacyLedger.open(path, terms()));
            assertThat(PrivacyLedgerHistory.read(path).steps()).isEqualTo(1);
            assertThat(openInAnotherProcess()).isEqualTo("LOCKED");
        }
        assertThat(openInAnotherProcess()).isEqualTo("OPENED");
    }

    private String openInAnotherProcess() throws Exception {
        Process process = PrivacyLedgerCrashTest.startChild("open", path, ProcessBuilder.Redirect.PIPE);
        String answer = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        assertThat(process.waitFor(1, TimeUnit.MINUTES)).isTrue();
        return answer;
    }

    @Test
    void charge_fileRemovedOrReplaced_isRefused() throws IOException {
        try (PrivacyLedger ledger = PrivacyLedger.open(path, terms())) {
            ledger.charge(1);
            Files.move(path, folder.resolve("elsewhere"));
            assertRefused(Reason.REPLACED, "removed, replaced", () -> ledger.charge(1));
            assertRefused(Reason.UNUSABLE, "attach to it again", () -> ledger.charge(1));
        }
        try (PrivacyLedger ledger = PrivacyLedger.open(path, terms())) {
            byte[] content = Files.readAllBytes(path);
            Files.delete(path);
            Files.createFile(folder.resolve("takes the freed inode"));
            Files.write(path, content);
            assertRefused(Reason.REPLACED, "removed, replaced", () -> ledger.charge(1));
        }
    }

    @Test
    void charge_someoneElseWrote_isRefused() throws IOException {
        try (PrivacyLedger ledger = PrivacyLedger.open(path, terms())) {
            Files.writeString(path, "x", StandardOpenOption.APPEND);
            assertRefused(Reason.REPLACED, "changed by another process", () -> ledger.charge(1));
        }
    }

    @Test
    void charge_interruptedThread_chargesAndStaysInterrupted() {
        try {
            Thread.currentThread().interrupt();
            try (PrivacyLedger ledger = PrivacyLedger.open(path, terms())) {
                assertThat(Thread.currentThread().isInterrupted()).isTrue();
                ledger.charge(1);
                ledger.charge(1);
            }
            assertThat(PrivacyLedgerHistory.read(path).steps()).isEqualTo(2);
        } finally {
            assertThat(Thread.interrupted()).isTrue();
        }
    }

    @Test
    void charge_closedLedger_isRefused() {
        PrivacyLedger ledger = PrivacyLedger.open(path, terms());
        ledger.close();
        ledger.close();
        assertRefused(Reason.UNUSABLE, "was closed", () -> ledger.charge(1));
    }

    @ParameterizedTest
    @ValueSource(longs = {0, -1, Long.MIN_VALUE})
    void charge_lessThanOneStep_throws(long steps) {
        try (PrivacyLedger ledger = PrivacyLedger.open(path, terms())) {
            assertThatThrownBy(() -> ledger.charge(steps))
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessage("steps must be >= 1, was " + steps);
            ledger.charge(1);
        }
    }

    /** Whatever is charged can be read and is counted; what cannot be counted is refused and leaves no trace. */
    @ParameterizedTest
    @ValueSource(longs = {999_999_999_999_999_999L, 1_000_000_000_000_000_000L, Long.MAX_VALUE - 1, Long.MAX_VALUE})
    void charge_manySteps_areCountedOrRefused(long steps) {
        long sum = 0;
        try (PrivacyLedger ledger = PrivacyLedger.open(path, terms())) {
            for (int i = 0; i < 12; i++) {
                DpEvent event = i % 2 == 0 ? STEP : OTHER_STEP;
                Head before = ledger.head();
                long room = Long.MAX_VALUE - sum;
                if (steps <= room) {
                    ledger.charge(event, steps);
                    sum += steps;
                } else {
                    assertThatThrownBy(() -> ledger.charge(event, steps))
                            .isInstanceOf(IllegalArgumentException.class)
                            .hasMessageContaining("steps must be at most " + room);
                    assertThat(ledger.head()).isEqualTo(before);
                }
            }
            if (sum == Long.MAX_VALUE) {
                assertThatThrownBy(() -> ledger.charge(STEP, "statistics"))
                        .isInstanceOf(IllegalArgumentException.class)
                        .hasMessageContaining("steps must be at most 0");
                assertThatThrownBy(() -> ledger.charge(1)).isInstanceOf(IllegalArgumentException.class);
            }
            assertThat(ledger.steps()).isEqualTo(sum);
            for (AccountantKind kind : AccountantKind.values()) {
                assertThat(ledger.composeInto(kind.create(NeighboringRelation.ADD_OR_REMOVE_ONE))
                                .epsilon(1e-5))
                        .isGreaterThan(1e14);
            }
        }
        assertThat(PrivacyLedgerHistory.read(path).steps()).isEqualTo(sum);
        PrivacyLedger.open(path, terms(PrivacyLedgerHistory.read(path).terms().event()))
                .close();
    }

    /** An event that no reader would take is not written either. */
    @Test
    void charge_eventNestedTooDeep_isRefusedAndLeavesNoTrace() {
        DpEvent deep = STEP;
        for (int i = 0; i < 1200; i++) {
            deep = new DpEvent.SelfComposed(deep, 1);
        }
        DpEvent nested = deep;
        try (PrivacyLedger ledger = PrivacyLedger.open(path, terms())) {
            assertThatThrownBy(() -> ledger.charge(nested, 1))
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessageContaining("event must fit on a line of a ledger");
            ledger.charge(2);
        }
        assertThat(PrivacyLedgerHistory.read(path).steps()).isEqualTo(2);
    }

    /** A link to the device that is always full. */
    @Test
    void open_fullDisk_isRefused() throws IOException {
        Path full = Path.of("/dev/full");
        assumeThat(full).exists();
        Files.createSymbolicLink(path, full);
        assumeThat(Files.isWritable(path)).isTrue();
        assertRefused(Reason.INPUT_OUTPUT, "disk has space", () -> PrivacyLedger.open(path, terms()));
    }

    @Test
    void open_folderMissingOrUnsuitable_isRefused() throws IOException {
        assertRefused(
                Reason.INPUT_OUTPUT, "folder exists", () -> PrivacyLedger.open(folder.resolve("no/ledger"), terms()));
        Path file = Files.createFile(folder.resolve("file"));
        assertRefused(Reason.INPUT_OUTPUT, "folder exists", () -> PrivacyLedger.open(file.resolve("ledger"), terms()));
        Path directory = Files.createDirectory(folder.resolve("directory"));
        assertRefused(Reason.INPUT_OUTPUT, "folder exists", () -> PrivacyLedger.open(directory, terms()));
    }

    @Test
    void open_readOnlyFolder_isRefused() throws IOException {
        Path readOnly = Files.createDirectory(folder.resolve("read-only"));
        assumeThat(readOnly.toFile().setWritable(false)).isTrue();
        try {
            // the superuser may write everywhere
            assumeThat(Files.isWritable(readOnly)).isFalse();
            assertRefused(
                    Reason.INPUT_OUTPUT, "writable", () -> PrivacyLedger.open(readOnly.resolve("ledger"), terms()));
        } finally {
            assertThat(readOnly.toFile().setWritable(true)).isTrue();
        }
    }

    @Test
    void terms_badToken_throws() {
        NeighboringRelation relation = NeighboringRelation.ADD_OR_REMOVE_ONE;
        for (String bad : new String[] {"", "a b", "a\"b", "a\nb", "x".repeat(201)}) {
            assertThatThrownBy(() -> new Terms(bad, "c", "v", relation, STEP))
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessageContaining("planDigest must be");
            assertThatThrownBy(() -> new Terms("p", bad, "v", relation, STEP))
                    .hasMessageContaining("configurationDigest must be");
            assertThatThrownBy(() -> new Terms("p", "c", bad, relation, STEP))
                    .hasMessageContaining("libraryVersion must be");
        }
    }

    @Test
    void head_badForm_throws() {
        assertThatThrownBy(() -> new Head(-1, "a".repeat(64))).hasMessage("sequenceNumber must be >= 0, was -1");
        for (String bad : new String[] {"", "A".repeat(64), "a".repeat(63), "g".repeat(64)}) {
            assertThatThrownBy(() -> new Head(0, bad)).hasMessageContaining("64 lower-case hexadecimal digits");
        }
    }
}
