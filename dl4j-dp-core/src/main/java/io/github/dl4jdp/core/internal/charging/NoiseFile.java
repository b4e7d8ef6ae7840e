// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core.internal.charging;

import io.github.dl4jdp.accountant.PrivacyLedger.Head;
import io.github.dl4jdp.core.internal.Sha256;
import io.github.dl4jdp.core.mechanism.Charges;
import java.io.BufferedInputStream;
import java.io.BufferedOutputStream;
import java.io.DataInput;
import java.io.DataInputStream;
import java.io.DataOutput;
import java.io.DataOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.nio.channels.Channels;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.PosixFileAttributes;
import java.nio.file.attribute.PosixFilePermission;
import java.nio.file.attribute.PosixFilePermissions;
import java.security.DigestInputStream;
import java.security.DigestOutputStream;
import java.security.MessageDigest;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.Optional;
import java.util.Set;
import java.util.UUID;

/**
 * The file in which a clean stop leaves what later noise is mixed with, so that the next engine goes on with the noise of a run.
 *
 * <h2>Formal guarantee</h2>
 *
 * The file has no key from which noise is drawn for a lot to come, only draws that were made, to be taken back: whatever is done with it, no two sums get the same draw. It is taken once, removed from the storage device before the engine that
 * found it releases anything, and by the run alone that left it: same plan, configuration and library, and a ledger that has the line at which the run stopped and no charge after it. Only its owner can read it.
 */
final class NoiseFile {
    private static final String FORMAT = "dl4j-dp noise 2";
    private static final int DIGEST_BYTES = 32;
    private static final Set<PosixFilePermission> OWNER =
            EnumSet.of(PosixFilePermission.OWNER_READ, PosixFilePermission.OWNER_WRITE);

    /**
     * Where a run stopped.
     *
     * @param run digest of all that the run is
     * @param head the ledger's last line
     * @param inLedger the charges of the whole ledger
     * @param stop the run's own
     */
    record Header(String run, Head head, long inLedger, Charges.Stop stop) {
        private void write(DataOutput out) throws IOException {
            out.writeUTF(FORMAT);
            out.writeUTF(run);
            out.writeLong(head.sequenceNumber());
            out.writeUTF(head.hash());
            for (long number :
                    new long[] {inLedger, stop.charges(), stop.began(), stop.passes(), stop.lots(), stop.examples()}) {
                out.writeLong(number);
            }
            out.writeInt(stop.sizes().size());
            for (long size : stop.sizes()) {
                out.writeLong(size);
            }
        }

        private static Header read(DataInput in) throws IOException {
            if (!in.readUTF().equals(FORMAT)) {
                throw new IOException("its first line is not that of such a file");
            }
            String run = in.readUTF();
            var head = new Head(in.readLong(), in.readUTF());
            long inLedger = in.readLong();
            var numbers = new long[5];
            for (int i = 0; i < numbers.length; i++) {
                numbers[i] = in.readLong();
            }
            var sizes = new ArrayList<Long>();
            for (int left = in.readInt(); left > 0; left--) {
                sizes.add(in.readLong());
            }
            return new Header(
                    run,
                    head,
                    inLedger,
                    new Charges.Stop(numbers[0], numbers[1], numbers[2], numbers[3], numbers[4], sizes));
        }
    }

    private final Path path;

    NoiseFile(Path path) {
        this.path = path;
    }

    /**
     * Refuses a place where no file could be kept from other users, before anything is released.
     *
     * @throws IllegalArgumentException if there is no such folder, it cannot be written, or its file system has no owners and permissions
     */
    void requirePlace() {
        Path folder = folder();
        if (!Files.isDirectory(folder) || !Files.isWritable(folder)) {
            throw new IllegalArgumentException(
                    "the file of kept noise must be in a folder that exists and can be written, was " + path);
        }
        if (!folder.getFileSystem().supportedFileAttributeViews().contains("posix")) {
            throw new IllegalArgumentException(
                    "the file of kept noise must be on a file system with owners and permissions (POSIX), so that others cannot read it, was "
                            + path + "; leave withNoiseKeptIn out: the noise then begins anew after a stop");
        }
    }

    private Path folder() {
        Path folder = path.toAbsolutePath().getParent();
        if (folder == null) {
            throw new IllegalArgumentException("the file of kept noise must be in a folder, was " + path);
        }
        return folder;
    }

    /**
     * The stop that the file is of; empty if there is no file.
     *
     * @throws IllegalStateException if others can read it, or it is damaged
     */
    Optional<Header> header() {
        if (!Files.exists(path, LinkOption.NOFOLLOW_LINKS)) {
            return Optional.empty();
        }
        try {
            var attributes = Files.readAttributes(path, PosixFileAttributes.class, LinkOption.NOFOLLOW_LINKS);
            if (!attributes.isRegularFile() || !OWNER.containsAll(attributes.permissions())) {
                throw refused("must be a file that its owner alone can read and write (rw-------), was "
                        + PosixFilePermissions.toString(attributes.permissions())
                        + ": who has read it can take the noise off what was released");
            }
            requireWhole();
            try (var in = open()) {
                return Optional.of(Header.read(in));
            }
        } catch (IOException | IllegalArgumentException e) {
            throw unreadable(e);
        }
    }

    private void requireWhole() throws IOException {
        long length = Files.size(path) - DIGEST_BYTES;
        MessageDigest digest = Sha256.digest();
        try (InputStream file = new BufferedInputStream(Files.newInputStream(path, LinkOption.NOFOLLOW_LINKS));
                var in = new DigestInputStream(file, digest)) {
            byte[] block = new byte[1 << 16];
            for (long left = length; left > 0; ) {
                int read = in.read(block, 0, (int) Math.min(block.length, left));
                left = read < 0 ? 0 : left - read;
            }
            in.on(false);
            if (length < 0 || !MessageDigest.isEqual(digest.digest(), in.readAllBytes())) {
                throw new IOException("its digest is another one: it was damaged or not written to its end");
            }
        }
    }

    private DataInputStream open() throws IOException {
        return new DataInputStream(new BufferedInputStream(Files.newInputStream(path, LinkOption.NOFOLLOW_LINKS)));
    }

    /**
     * Reads the draws, and removes the file: it is gone from the storage device when this returns.
     *
     * @throws IllegalStateException if it cannot be read or removed
     */
    void take(Spending.NoiseReader draws) {
        try {
            try (var in = open()) {
                Header.read(in);
                draws.read(in);
            }
            Files.delete(path);
            forceFolder();
        } catch (IOException e) {
            throw unreadable(e);
        }
    }

    /**
     * Writes the file, complete or not at all.
     *
     * @throws UncheckedIOException if it cannot be written
     */
    void leave(Header header, Spending.NoiseWriter draws) {
        // A name that no file of the user's has.
        Path part = path.resolveSibling(path.getFileName() + "." + UUID.randomUUID() + ".part");
        try {
            if (Files.exists(path, LinkOption.NOFOLLOW_LINKS)) {
                throw new IOException("another file is in its place");
            }
            try (var channel = FileChannel.open(
                    part,
                    EnumSet.of(StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE),
                    PosixFilePermissions.asFileAttribute(OWNER))) {
                OutputStream file = new BufferedOutputStream(Channels.newOutputStream(channel));
                MessageDigest digest = Sha256.digest();
                var out = new DataOutputStream(new DigestOutputStream(file, digest));
                header.write(out);
                draws.write(out);
                out.flush();
                file.write(digest.digest());
                file.flush();
                channel.force(true);
            }
            Files.move(part, path, StandardCopyOption.ATOMIC_MOVE);
            forceFolder();
        } catch (IOException e) {
            part.toFile().delete();
            throw new UncheckedIOException(
                    "the noise cannot be kept in " + path + ", and begins anew when the network is attached again", e);
        }
    }

    private void forceFolder() throws IOException {
        try (FileChannel channel = FileChannel.open(folder(), StandardOpenOption.READ)) {
            channel.force(true);
        }
    }

    /** A refusal of this file, with the remedy. */
    IllegalStateException refused(String why) {
        return new IllegalStateException(
                "the file of kept noise " + path + " " + why
                        + ". Remove it to begin the noise anew: both parts are then charged as runs of their own. If it is no file of kept noise, name another one");
    }

    private IllegalStateException unreadable(Exception e) {
        IllegalStateException refused = refused("cannot be used: " + e.getMessage());
        refused.initCause(e);
        return refused;
    }
}
