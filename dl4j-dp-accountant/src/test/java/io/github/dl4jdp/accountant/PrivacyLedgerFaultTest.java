// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.accountant;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowable;

import io.github.dl4jdp.accountant.PrivacyLedger.Head;
import io.github.dl4jdp.accountant.PrivacyLedger.Terms;
import io.github.dl4jdp.accountant.PrivacyLedgerException.Reason;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** A ledger on storage that fails, and that forgets at a power failure what was not forced. */
class PrivacyLedgerFaultTest {

    private static final Terms TERMS = new Terms(
            "plan", "configuration", "0.1.0", NeighboringRelation.ADD_OR_REMOVE_ONE, new DpEvent.Gaussian(1.0));

    private static PrivacyLedger open(PrivacyLedgerFile file, @Nullable Head expected) {
        return PrivacyLedger.open(file, "test", TERMS, expected, false);
    }

    @Test
    void charge_everyCall_appendsThenForcesThenReturns() {
        Storage storage = new Storage();
        try (PrivacyLedger ledger = open(storage, null)) {
            assertThat(storage.operations).containsExactly("append", "force");
            storage.operations.clear();
            ledger.charge(1);
            storage.operations.add("released");
            ledger.charge(1);
            storage.operations.add("released");
        }
        assertThat(storage.operations)
                .containsExactly("append", "force", "released", "append", "force", "released", "close");
    }

    @Test
    void charge_forceStillRunning_hasNotReturned() throws Exception {
        CountDownLatch forcing = new CountDownLatch(1);
        CountDownLatch forced = new CountDownLatch(1);
        Storage storage = new Storage();
        try (PrivacyLedger ledger = open(storage, null)) {
            storage.beforeForce = () -> {
                forcing.countDown();
                awaitQuietly(forced);
            };
            CompletableFuture<Head> charge = CompletableFuture.supplyAsync(() -> ledger.charge(1));
            assertThat(forcing.await(1, TimeUnit.MINUTES)).isTrue();
            assertThat(charge).isNotDone();
            forced.countDown();
            assertThat(charge.get(1, TimeUnit.MINUTES)).isEqualTo(ledger.head());
        }
    }

    private static void awaitQuietly(CountDownLatch latch) {
        try {
            if (!latch.await(1, TimeUnit.MINUTES)) {
                throw new AssertionError("nobody counted down");
            }
        } catch (InterruptedException e) {
            throw new AssertionError(e);
        }
    }

    private enum Fault {
        APPEND_WRITES_NOTHING,
        APPEND_WRITES_HALF,
        FORCE_FAILS,
        OUT_OF_MEMORY
    }

    @ParameterizedTest
    @EnumSource(Fault.class)
    void charge_fault_isRefusedAndNothingMoreIsCharged(Fault fault) {
        Storage storage = new Storage();
        long released = 0;
        PrivacyLedger ledger = open(storage, null);
        Head head = ledger.charge(1);
        released++;
        storage.fault = fault;
        Throwable thrown = catchThrowable(() -> ledger.charge(1));
        if (fault == Fault.OUT_OF_MEMORY) {
            assertThat(thrown).isInstanceOf(OutOfMemoryError.class);
        } else {
            assertThat(thrown).isInstanceOfSatisfying(PrivacyLedgerException.class, e -> {
                assertThat(e.reason()).isEqualTo(Reason.INPUT_OUTPUT);
                assertThat(e).hasMessageContaining("cannot write to privacy ledger test");
                assertThat(e).hasRootCauseMessage("No space left on device");
            });
        }
        storage.fault = null;
        assertThatThrownBy(() -> ledger.charge(1))
                .isInstanceOfSatisfying(PrivacyLedgerException.class, e -> assertThat(e.reason())
                        .isEqualTo(Reason.UNUSABLE));
        assertThat(ledger.head()).isEqualTo(head);
        ledger.close();
        try (PrivacyLedger reopened = open(storage.afterProcessDeath(), head)) {
            assertThat(reopened.steps()).isBetween(released, released + 1);
            reopened.charge(1);
        }
    }

    /**
     * Power fails at a random operation, again and again; what was forced survives, of the rest any part, with holes
     * of zeros. The ledger never knows of fewer steps than were released, nor of more than one call's steps more a failure.
     */
    @Property(tries = 300)
    void open_afterPowerFailures_coversWhatWasReleased(@ForAll long seed) {
        Random random = new Random(seed);
        Storage storage = new Storage();
        long released = 0;
        long mayBeChargedBesides = 0;
        Head model = null;
        for (int failure = 0; failure < 8; failure++) {
            storage.operationsUntilPowerFailure = random.nextInt(25);
            long underWay = 0;
            try {
                PrivacyLedger ledger = open(storage, model);
                assertThat(ledger.steps()).isBetween(released, released + mayBeChargedBesides);
                while (true) {
                    underWay = 1L + random.nextInt(3);
                    Head head = ledger.charge(underWay);
                    released += underWay;
                    underWay = 0;
                    if (random.nextInt(4) == 0) {
                        model = head;
                    }
                }
            } catch (PowerFailure e) {
                mayBeChargedBesides += underWay;
                storage = storage.afterPowerFailure(random);
            }
        }
        storage.operationsUntilPowerFailure = Integer.MAX_VALUE;
        try (PrivacyLedger ledger = open(storage, model)) {
            assertThat(ledger.steps()).isBetween(released, released + mayBeChargedBesides);
        }
    }

    private static final class PowerFailure extends RuntimeException {
        private static final long serialVersionUID = 1L;
    }

    /** Bytes in memory, of which the first {@code durable} have been forced. */
    private static final class Storage implements PrivacyLedgerFile {
        final List<String> operations = new ArrayList<>();
        Runnable beforeForce = () -> {};

        @Nullable
        Fault fault;

        int operationsUntilPowerFailure = Integer.MAX_VALUE;

        private byte[] content = new byte[0];
        private int durable;

        Storage afterProcessDeath() {
            Storage storage = new Storage();
            storage.content = content.clone();
            storage.durable = content.length;
            return storage;
        }

        Storage afterPowerFailure(Random random) {
            Storage storage = new Storage();
            int kept = durable + random.nextInt(content.length - durable + 1);
            storage.content = Arrays.copyOf(content, kept);
            if (random.nextInt(3) == 0) {
                int lost = durable + random.nextInt(kept - durable + 1);
                int found = lost + random.nextInt(kept - lost + 1);
                Arrays.fill(storage.content, lost, found, (byte) 0);
            }
            storage.durable = kept;
            return storage;
        }

        private void countDown() {
            if (operationsUntilPowerFailure-- == 0) {
                throw new PowerFailure();
            }
        }

        @Override
        public long length() {
            return content.length;
        }

        @Override
        public InputStream read() {
            return new ByteArrayInputStream(content);
        }

        @Override
        public void truncate(long length) {
            countDown();
            content = Arrays.copyOf(content, (int) length);
            durable = Math.min(durable, content.length);
        }

        @Override
        public void append(byte[] bytes) throws IOException {
            operations.add("append");
            int written = bytes.length;
            if (fault == Fault.APPEND_WRITES_NOTHING || fault == Fault.OUT_OF_MEMORY) {
                written = 0;
            } else if (fault == Fault.APPEND_WRITES_HALF) {
                written = bytes.length / 2;
            }
            int before = content.length;
            content = Arrays.copyOf(content, before + written);
            System.arraycopy(bytes, 0, content, before, written);
            countDown();
            if (fault == Fault.OUT_OF_MEMORY) {
                throw new OutOfMemoryError("injected");
            }
            if (written < bytes.length) {
                throw new IOException("No space left on device");
            }
        }

        @Override
        public void force() throws IOException {
            operations.add("force");
            beforeForce.run();
            countDown();
            if (fault == Fault.FORCE_FAILS) {
                throw new IOException("No space left on device");
            }
            durable = content.length;
            countDown();
        }

        @Override
        public boolean isInPlace() {
            return true;
        }

        @Override
        public void close() {
            operations.add("close");
        }
    }
}
