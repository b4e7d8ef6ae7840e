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
 * every machine. Obtained from {@link RandomStreams#stream}; not safe for use by several threads at once: give each thread
 * a stream of its own.
 *
 * <p>{@link #nextGaussian()}, inherited, is an ordinary floating-point sampler: noise that protects data comes from {@link
 * GaussianNoise}.
 */
public final class KeystreamGenerator implements RandomGenerator {

    /** Bytes a cipher call: long enough for the JIT's counter-mode intrinsic, short enough for the first-level cache. */
    private static final int CHUNK_BYTES = 4096;

    private static final byte[] ZEROS = new byte[CHUNK_BYTES];

    private static final VarHandle LONGS = MethodHandles.byteArrayViewVarHandle(long[].class, ByteOrder.LITTLE_ENDIAN);

    private static final double TWO_TO_MINUS_53 = 0x1p-53;

    private final SecretKey key;
    private final Cipher cipher;
    private final byte[] chunk = new byte[CHUNK_BYTES];
    private int position = CHUNK_BYTES;

    /** The keystream under {@code key} whose counter starts at {@code segment * 2^64}. */
    KeystreamGenerator(SecretKey key, long segment) {
        this(key, counterBlock(segment));
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
    public void restart(long segment) {
        initialize(counterBlock(segment));
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

    /** Returns the upper half of {@link #nextLong()}. */
    @Override
    public int nextInt() {
        return (int) (nextLong() >>> 32);
    }

    /** Returns a multiple of 2^-53, uniform on [0, 1). */
    @Override
    public double nextDouble() {
        return (nextLong() >>> 11) * TWO_TO_MINUS_53;
    }

    /** Returns a multiple of 2^-24, uniform on [0, 1). */
    @Override
    public float nextFloat() {
        return (nextInt() >>> 8) * 0x1p-24f;
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

    private static byte[] counterBlock(long segment) {
        return ByteBuffer.allocate(16).putLong(segment).putLong(0).array();
    }
}
