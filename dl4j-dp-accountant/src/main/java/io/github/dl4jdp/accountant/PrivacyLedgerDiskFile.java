// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.accountant;

import io.github.dl4jdp.accountant.PrivacyLedgerException.Reason;
import java.io.FileInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.RandomAccessFile;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.channels.OverlappingFileLockException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.BasicFileAttributes;
import java.util.HashSet;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * A ledger on disk, locked against every other trainer.
 *
 * <p>Reads and writes go through {@link RandomAccessFile}: a {@code FileChannel} closes itself when its thread is
 * interrupted, and an interrupt must not take the ledger away from a training run.
 */
final class PrivacyLedgerDiskFile implements PrivacyLedgerFile {
    /*
     * The lock is on a file of its own, path + ".lock": POSIX drops a process's locks on a file as soon as the process closes
     * any descriptor of it, so reading the ledger in the trainer's process would unlock it. For the same reason a
     * second trainer in the process must be stopped before it opens the lock file, which takes a register of the process.
     */

    /** The lock files held by this process, as a lock is a property of the process. */
    private static final Set<Object> HELD = new HashSet<>();

    private final Path path;
    private final RandomAccessFile file;
    private final Object identity;
    private final Lock lock;

    private PrivacyLedgerDiskFile(Path path, RandomAccessFile file, Object identity, Lock lock) {
        this.path = path;
        this.file = file;
        this.identity = identity;
        this.lock = lock;
    }

    /**
     * Locks and opens the file.
     *
     * @param mayCreate whether a missing file is made
     * @throws PrivacyLedgerException of reason MISSING if the file is missing and must not be made, LOCKED if another
     *     trainer has it
     */
    static PrivacyLedgerDiskFile open(Path path, boolean mayCreate) throws IOException {
        if (!mayCreate && !Files.exists(path)) {
            throw PrivacyLedger.missing(path);
        }
        // Opening a channel while the thread is interrupted may fail; the interrupt is meant for the caller's waits,
        // not for this one.
        boolean interrupted = Thread.interrupted();
        @Nullable Lock lock = null;
        try {
            lock = Lock.acquire(path);
            boolean created = !Files.exists(path);
            RandomAccessFile file = new RandomAccessFile(path.toFile(), "rw");
            try {
                if (created) {
                    file.getFD().sync();
                    forceDirectoryOf(path);
                }
                PrivacyLedgerDiskFile opened = new PrivacyLedgerDiskFile(path, file, identityOf(path), lock);
                lock = null;
                return opened;
            } catch (IOException e) {
                file.close();
                throw e;
            }
        } finally {
            if (lock != null) {
                lock.close();
            }
            if (interrupted) {
                Thread.currentThread().interrupt();
            }
        }
    }

    @Override
    public long length() throws IOException {
        return file.length();
    }

    @Override
    public InputStream read() throws IOException {
        return new FileInputStream(path.toFile());
    }

    @Override
    public void truncate(long length) throws IOException {
        file.setLength(length);
    }

    @Override
    public void append(byte[] bytes) throws IOException {
        file.seek(file.length());
        file.write(bytes);
    }

    @Override
    public void force() throws IOException {
        file.getFD().sync();
    }

    @Override
    public boolean isInPlace() {
        try {
            return identity.equals(identityOf(path));
        } catch (IOException e) {
            return false;
        }
    }

    @Override
    public void close() throws IOException {
        try {
            file.close();
        } finally {
            lock.close();
        }
    }

    /** Device and inode where there are such things, else the path with all links resolved. */
    private static Object identityOf(Path path) throws IOException {
        Object fileKey = Files.readAttributes(path, BasicFileAttributes.class).fileKey();
        return fileKey != null ? fileKey : path.toRealPath();
    }

    /** Makes the file's name as durable as its content. */
    private static void forceDirectoryOf(Path path) throws IOException {
        if (path.getFileSystem().getSeparator().equals("\\")) {
            // Windows cannot open a directory; NTFS journals names itself.
            return;
        }
        Path directory = path.toAbsolutePath().getParent();
        if (directory != null) {
            try (FileChannel channel = FileChannel.open(directory, StandardOpenOption.READ)) {
                channel.force(true);
            }
        }
    }

    /** The right to write to one ledger. */
    private record Lock(Object identity, FileChannel channel, FileLock fileLock) {

        static Lock acquire(Path ledger) throws IOException {
            // Links to one ledger must lead to one lock.
            Path real = Files.exists(ledger) ? ledger.toRealPath() : ledger.toAbsolutePath();
            Path path = real.resolveSibling(real.getFileName() + ".lock");
            // One at a time, since creating the file closes a descriptor of it.
            synchronized (HELD) {
                if (!Files.exists(path)) {
                    Files.createFile(path);
                }
                Object identity = identityOf(path);
                if (HELD.contains(identity)) {
                    throw locked(ledger, "in this process");
                }
                FileChannel channel = FileChannel.open(path, StandardOpenOption.WRITE);
                try {
                    FileLock fileLock = channel.tryLock();
                    if (fileLock != null) {
                        HELD.add(identity);
                        return new Lock(identity, channel, fileLock);
                    }
                } catch (IOException | OverlappingFileLockException e) {
                    channel.close();
                    throw e;
                }
                channel.close();
                throw locked(ledger, "in another process");
            }
        }

        private static PrivacyLedgerException locked(Path ledger, String where) {
            return new PrivacyLedgerException(
                    Reason.LOCKED,
                    "privacy ledger " + ledger + " is in use by another trainer " + where
                            + "; stop that trainer first, or use another ledger for this run");
        }

        void close() throws IOException {
            synchronized (HELD) {
                HELD.remove(identity);
                channel.close();
            }
        }
    }
}
