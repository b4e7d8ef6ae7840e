// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core.random;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;
import java.security.GeneralSecurityException;
import java.util.Objects;
import java.util.random.RandomGenerator;
import javax.crypto.Cipher;
import javax.crypto.SecretKey;

/**
 * A keystream of AES-128 in counter mode (NIST SP 800-38A, section 6.5) that is read by index: the value of (row, major, minor) follows from
 * the key and these three numbers alone, whatever else is read.
 *
 * <p>The counter block of a value holds its kind (16 bits), its row (48), its major (32) and a block of its minors (32), so that no two
 * values share bits. Obtained from {@link RandomStreams#indexed}; not safe for use by several threads at once.
 */
public final class IndexedKeystream {
    /** Blocks a cipher call: 4 KiB, long enough for the processor's pipelines, short enough for its first-level cache. */
    private static final int BLOCKS = 256;

    private static final int BLOCK_BYTES = 16;
    private static final int INTS_A_BLOCK = 4;
    private static final int LONGS_A_BLOCK = 2;

    private static final long WORDS = 0;
    private static final long GAUSSIANS = 1;
    /** From here on: the blocks of {@link #at}, one after the other. */
    private static final long ELEMENT = 2;

    private static final long MOST_KINDS = 1L << 16;
    private static final long ROWS = 1L << 48;

    private static final VarHandle BIG = MethodHandles.byteArrayViewVarHandle(long[].class, ByteOrder.BIG_ENDIAN);
    private static final VarHandle LONGS = MethodHandles.byteArrayViewVarHandle(long[].class, ByteOrder.LITTLE_ENDIAN);
    private static final VarHandle INTS = MethodHandles.byteArrayViewVarHandle(int[].class, ByteOrder.LITTLE_ENDIAN);

    private final Cipher cipher;
    private final byte[] counters = new byte[BLOCKS * BLOCK_BYTES];
    private final byte[] stream = new byte[BLOCKS * BLOCK_BYTES];
    private final byte[] single = new byte[BLOCK_BYTES];
    private final Element element = new Element();

    IndexedKeystream(SecretKey key) {
        try {
            // The blocks of counter mode, in an order of our own.
            this.cipher = Cipher.getInstance("AES/ECB/NoPadding");
            cipher.init(Cipher.ENCRYPT_MODE, key);
        } catch (GeneralSecurityException e) {
            throw new IllegalStateException("this Java runtime offers no AES/ECB/NoPadding cipher", e);
        }
    }

    /**
     * Uniform 32-bit values.
     *
     * @param row in [0, 2^48)
     * @param firstMajor the first of {@code majors} consecutive ones, {@code >= 0}
     * @param minors how many of each major, from 0
     * @param into receives the value of (firstMajor + a, b) at {@code offset + a * minors + b}
     * @throws IllegalArgumentException if an index is out of range
     * @throws IndexOutOfBoundsException if {@code into} is too short
     */
    public void words(long row, int firstMajor, int majors, int minors, int[] into, int offset) {
        requireRange(row, firstMajor);
        Objects.checkFromIndexSize(offset, Math.multiplyExact(majors, minors), into.length);
        int perMajor = (minors + INTS_A_BLOCK - 1) / INTS_A_BLOCK;
        var run = new Blocks(counter(WORDS, row), firstMajor, perMajor, Math.multiplyExact(majors, perMajor));
        int at = offset;
        int block = 0;
        while (run.next()) {
            for (int k = 0; k < run.filled; k++) {
                int lanes = Math.min(INTS_A_BLOCK, minors - INTS_A_BLOCK * block);
                for (int lane = 0; lane < lanes; lane++) {
                    into[at++] = (int) INTS.get(stream, k * BLOCK_BYTES + lane * Integer.BYTES);
                }
                block = block + 1 == perMajor ? 0 : block + 1;
            }
        }
    }

    /**
     * Standard normal values, of the precision of {@link RandomGenerator#nextGaussian()}: not for noise that protects data.
     *
     * @param row in [0, 2^48)
     * @param firstMajor the first of {@code majors} consecutive ones, {@code >= 0}
     * @param minors how many of each major, from 0
     * @param into receives the value of (firstMajor + a, b) at {@code offset + a * minors + b}
     * @throws IllegalArgumentException if an index is out of range
     * @throws IndexOutOfBoundsException if {@code into} is too short
     */
    public void gaussians(long row, int firstMajor, int majors, int minors, double[] into, int offset) {
        requireRange(row, firstMajor);
        Objects.checkFromIndexSize(offset, Math.multiplyExact(majors, minors), into.length);
        int perMajor = (minors + LONGS_A_BLOCK - 1) / LONGS_A_BLOCK;
        var run = new Blocks(counter(GAUSSIANS, row), firstMajor, perMajor, Math.multiplyExact(majors, perMajor));
        int at = offset;
        int block = 0;
        int major = firstMajor;
        while (run.next()) {
            for (int k = 0; k < run.filled; k++) {
                int lanes = Math.min(LONGS_A_BLOCK, minors - LONGS_A_BLOCK * block);
                for (int lane = 0; lane < lanes; lane++) {
                    // Most values take 64 bits; those that take more have a stream of their own.
                    element.start(row, major, LONGS_A_BLOCK * block + lane);
                    element.first = (long) LONGS.get(stream, k * BLOCK_BYTES + lane * Long.BYTES);
                    element.hasFirst = true;
                    into[at++] = element.nextGaussian();
                }
                if (++block == perMajor) {
                    block = 0;
                    major++;
                }
            }
        }
    }

    /**
     * The stream of one index, from its beginning, for values that take an unknown number of bits. Valid until the next call of any method.
     *
     * @param row in [0, 2^48)
     * @param major {@code >= 0}
     * @param minor {@code >= 0}
     * @throws IllegalArgumentException if an index is out of range
     */
    public RandomGenerator at(long row, int major, int minor) {
        requireRange(row, major);
        element.start(row, major, minor);
        return element;
    }

    private static void requireRange(long row, int major) {
        if (row < 0 || row >= ROWS) {
            throw new IllegalArgumentException("row must be in [0, 2^48), was " + row);
        }
        if (major < 0) {
            throw new IllegalArgumentException("major must be >= 0, was " + major);
        }
    }

    private static long counter(long kind, long row) {
        return kind << 48 | row;
    }

    private void encrypt(byte[] from, int length, byte[] into) {
        try {
            int written = cipher.update(from, 0, length, into, 0);
            if (written != length) {
                throw new IllegalStateException(
                        "the AES cipher of " + cipher.getProvider() + " wrote " + written + " of " + length + " bytes");
            }
        } catch (GeneralSecurityException e) {
            throw new IllegalStateException("the AES cipher of " + cipher.getProvider() + " failed", e);
        }
    }

    /** The blocks (major, 0 to perMajor - 1) of consecutive majors, a chunk at a time. */
    private final class Blocks {
        private final long high;
        private final int perMajor;
        private int left;
        private long major;
        private int block;
        private int filled;

        Blocks(long high, int firstMajor, int perMajor, int count) {
            this.high = high;
            this.perMajor = perMajor;
            this.left = count;
            this.major = firstMajor;
        }

        boolean next() {
            filled = Math.min(left, BLOCKS);
            left -= filled;
            for (int k = 0; k < filled; k++) {
                BIG.set(counters, k * BLOCK_BYTES, high);
                BIG.set(counters, k * BLOCK_BYTES + Long.BYTES, major << 32 | block);
                if (++block == perMajor) {
                    block = 0;
                    major++;
                }
            }
            if (filled > 0) {
                encrypt(counters, filled * BLOCK_BYTES, stream);
            }
            return filled > 0;
        }
    }

    /** The stream of one index. */
    private final class Element implements RandomGenerator {
        private final byte[] counter = new byte[BLOCK_BYTES];
        private long row;
        private long low;
        private long kind;
        private boolean hasFirst;
        private long first;
        private boolean hasSecond;

        void start(long ofRow, int major, int minor) {
            if (minor < 0) {
                throw new IllegalArgumentException("minor must be >= 0, was " + minor);
            }
            row = ofRow;
            low = (long) major << 32 | minor;
            kind = ELEMENT;
            hasFirst = false;
            hasSecond = false;
        }

        @Override
        public long nextLong() {
            if (hasFirst) {
                hasFirst = false;
                return first;
            }
            if (hasSecond) {
                hasSecond = false;
                return (long) LONGS.get(single, Long.BYTES);
            }
            if (kind == MOST_KINDS) {
                throw new IllegalStateException("an element's stream must not be read beyond its 2^17 - 4 values");
            }
            BIG.set(counter, 0, counter(kind++, row));
            BIG.set(counter, Long.BYTES, low);
            encrypt(counter, BLOCK_BYTES, single);
            hasSecond = true;
            return (long) LONGS.get(single, 0);
        }
    }
}
