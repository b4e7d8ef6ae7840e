// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core.random;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.security.GeneralSecurityException;
import java.util.random.RandomGenerator;
import javax.crypto.Cipher;
import javax.crypto.SecretKey;
import javax.crypto.spec.IvParameterSpec;

/**
 * A random generator that reads the keystream of AES in counter mode (NIST SP 800-38A, section 6.5).
 *
 * <p>Without the key, the output cannot be distinguished from uniform bits, and the same key gives the same output on
 * every machine. Every other value follows from {@link #nextLong()} as {@link RandomGenerator} specifies: an int is its upper half, a double the multiple of 2^-53 of its upper 53 bits. Obtained from {@link RandomStreams#stream}; not safe for use by several threads at once: give each thread
 * a stream of its own.
 *
 * <p>{@link #nextGaussian()}, inherited, is an ordinary floating-point sampler: noise that protects data comes from {@link
 * GaussianNoise}.
 */
final class KeystreamGenerator implements RandomGenerator {

    /** Bytes a cipher call: long enough for the JIT's counter-mode intrinsic, short enough for the first-level cache. */
    private static final int CHUNK_BYTES = 4096;

    private static final byte[] ZEROS = new byte[CHUNK_BYTES];

    private static final VarHandle LONGS = MethodHandles.byteArrayViewVarHandle(long[].class, ByteOrder.LITTLE_ENDIAN);

    private final SecretKey key;
    private final Cipher cipher;
    private final byte[] chunk = new byte[CHUNK_BYTES];
    private int position = CHUNK_BYTES;

    /** The keystream under {@code key} whose counter starts at {@code segment * 2^64}. */
    KeystreamGenerator(SecretKey key, long segment) {
        this(key, counterBlock(segment, 0));
    }

    /** The keystream under {@code key} from the 16-byte counter block {@code initialCounter} on. */
    KeystreamGenerator(SecretKey key, byte[] initialCounter) {
        this.key = key;
        try {
            this.cipher = Cipher.getInstance("AES/CTR/NoPadding");
        } catch (GeneralSecurityException e) {
            throw new IllegalStateException("this Java runtime offers no AES/CTR/NoPadding cipher", e);
        }
        initialize(initialCounter);
    }

    /** Continues with the keystream whose counter starts at {@code segment * 2^64}; segments never overlap. */
    void restart(long segment) {
        initialize(counterBlock(segment, 0));
        position = CHUNK_BYTES;
    }

    /** Returns 64 uniform bits. */
    @Override
    public long nextLong() {
        int at = position;
        if (at == CHUNK_BYTES) {
            refill();
            at = 0;
        }
        position = at + Long.BYTES;
        return (long) LONGS.get(chunk, at);
    }

    /** Fills an array with what as many calls of {@link #nextLong()} would give. */
    void fill(long[] values) {
        for (int done = 0; done < values.length; ) {
            if (position == CHUNK_BYTES) {
                refill();
                position = 0;
            }
            int count = Math.min(values.length - done, (CHUNK_BYTES - position) / Long.BYTES);
            ByteBuffer.wrap(chunk, position, count * Long.BYTES)
                    .order(ByteOrder.LITTLE_ENDIAN)
                    .asLongBuffer()
                    .get(values, done, count);
            position += count * Long.BYTES;
            done += count;
        }
    }

    private void refill() {
        try {
            int written = cipher.update(ZEROS, 0, CHUNK_BYTES, chunk, 0);
            if (written != CHUNK_BYTES) {
                throw new IllegalStateException("the AES/CTR cipher of " + cipher.getProvider() + " wrote " + written
                        + " of " + CHUNK_BYTES + " bytes");
            }
        } catch (GeneralSecurityException e) {
            throw new IllegalStateException("the AES/CTR cipher of " + cipher.getProvider() + " failed", e);
        }
    }

    private void initialize(byte[] initialCounter) {
        try {
            cipher.init(Cipher.ENCRYPT_MODE, key, new IvParameterSpec(initialCounter));
        } catch (GeneralSecurityException e) {
            throw new IllegalStateException("the AES/CTR cipher of " + cipher.getProvider() + " refused its key", e);
        }
    }

    /** The counter of a block of 16 bytes in a segment. */
    static byte[] counterBlock(long segment, long block) {
        return ByteBuffer.allocate(16).putLong(segment).putLong(block).array();
    }
}
