// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.accountant;

import io.github.dl4jdp.accountant.PrivacyLedger.Head;
import io.github.dl4jdp.accountant.PrivacyLedger.Terms;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.util.Arrays;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** A ledger's storage for the engine's tests: it notes what is done with it, and its disk gets full when it is told so. */
public final class LedgerStorage {
    /** What the disk does. */
    public enum Disk {
        WORKS,
        TAKES_HALF_A_LINE,
        FAILS_TO_FLUSH
    }

    private final List<String> operations;
    private byte[] content = new byte[0];
    private Disk disk = Disk.WORKS;

    /**
     * Empty storage.
     *
     * @param operations gets "append" and "force", in their order
     */
    public LedgerStorage(List<String> operations) {
        this.operations = operations;
    }

    /** What happens from now on. */
    public void set(Disk disk) {
        this.disk = disk;
    }

    /** Opens the ledger in it. */
    public PrivacyLedger open(Terms terms, @Nullable Head head, boolean changedPlan) {
        return PrivacyLedger.open(new File(), "in memory", terms, head, changedPlan);
    }

    /** The steps that somebody finds charged who opens the storage now. */
    public long steps() {
        var history = new PrivacyLedgerHistory("in memory", null);
        try (InputStream in = new ByteArrayInputStream(content)) {
            history.scan(in, content.length);
        } catch (IOException e) {
            throw new IllegalStateException("memory can be read", e);
        }
        return history.steps();
    }

    private final class File implements PrivacyLedgerFile {
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
            content = Arrays.copyOf(content, (int) length);
        }

        @Override
        public void append(byte[] bytes) throws IOException {
            operations.add("append");
            var longer = new ByteArrayOutputStream();
            longer.writeBytes(content);
            longer.write(bytes, 0, disk == Disk.TAKES_HALF_A_LINE ? bytes.length / 2 : bytes.length);
            content = longer.toByteArray();
            if (disk == Disk.TAKES_HALF_A_LINE) {
                throw new IOException("No space left on device");
            }
        }

        @Override
        public void force() throws IOException {
            operations.add("force");
            if (disk == Disk.FAILS_TO_FLUSH) {
                throw new IOException("No space left on device");
            }
        }

        @Override
        public boolean isInPlace() {
            return true;
        }

        @Override
        public void close() {}
    }
}
