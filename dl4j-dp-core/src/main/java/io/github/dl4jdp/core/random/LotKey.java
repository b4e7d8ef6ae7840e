// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core.random;

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.security.GeneralSecurityException;
import java.util.Objects;
import java.util.function.LongFunction;
import java.util.random.RandomGenerator;
import javax.crypto.Mac;
import javax.crypto.SecretKey;
import javax.crypto.spec.SecretKeySpec;

/**
 * The randomness of one lot: who is in it, how its examples are augmented, which units are dropped. All of it follows from this key, so that a lot can be
 * computed again, or elsewhere, and is the same lot.
 *
 * <p><b>Formal guarantee.</b> A lot's key is a pseudo-random function of the run's key and the lot's number: its holder learns nothing about other lots, nor about
 * any noise, which no lot key is used for.
 */
public final class LotKey {
    private static final String ALGORITHM = "HmacSHA256";
    /** No other stream has this label. */
    static final String LABEL = "lot key";

    /** Nor this one, of the key that tells the members of all lots of a pass. */
    static final String PASS_LABEL = "pass key";

    private static final int KEY_BYTES = 32;
    private static final int STREAM_KEY_BYTES = 16;
    /** A block of AES has 16 bytes. */
    private static final int LONGS_A_BLOCK = 2;

    private final byte[] key;

    private LotKey(byte[] key) {
        this.key = key;
    }

    /**
     * The key that {@link #toBytes} gave.
     *
     * @throws IllegalArgumentException if it is not of 32 bytes
     */
    public static LotKey of(byte[] key) {
        if (key.length != KEY_BYTES) {
            throw new IllegalArgumentException("key must have " + KEY_BYTES + " bytes, had " + key.length);
        }
        return new LotKey(key.clone());
    }

    /** The 32 bytes of the key, as secret as the lot's members. */
    public byte[] toBytes() {
        return key.clone();
    }

    /**
     * The stream of a label and an index, from its beginning.
     *
     * @throws IllegalArgumentException if the label is empty or contains U+0000, or if {@code index < 0}
     */
    public RandomGenerator stream(String label, long index) {
        return stream(label, index, 0);
    }

    /** The stream of a label and an index after its first {@code skipped} 64-bit values, without drawing them. */
    public RandomGenerator stream(String label, long index, long skipped) {
        byte[] start = KeystreamGenerator.counterBlock(0, skipped / LONGS_A_BLOCK);
        var stream = new KeystreamGenerator(streamKey(label, index), start);
        for (long i = 0; i < skipped % LONGS_A_BLOCK; i++) {
            stream.nextLong();
        }
        return stream;
    }

    /** A stream for each number, which no other number's meets, by the rules of {@link #stream}: one generator, which goes to the beginning of the stream that is asked for. */
    public LongFunction<RandomGenerator> numbered(String label, long index) {
        var generator = new KeystreamGenerator(streamKey(label, index), 0L);
        return number -> {
            generator.restart(number);
            return generator;
        };
    }

    /** The stream of a label and an index, by the rules of {@link #stream}, to be read in any order. */
    public IndexedKeystream indexed(String label, long index) {
        return new IndexedKeystream(streamKey(label, index));
    }

    private SecretKey streamKey(String label, long index) {
        return streamKey(new SecretKeySpec(key, ALGORITHM), label, index);
    }

    /** The first 16 bytes of {@link #tag}. */
    static SecretKey streamKey(SecretKey key, String label, long index) {
        return new SecretKeySpec(tag(key, label, index), 0, STREAM_KEY_BYTES, "AES");
    }

    /** {@code HMAC-SHA-256(key, UTF-8(label) || 0x00 || index as 8 bytes, big endian)}. */
    static byte[] tag(SecretKey key, String label, long index) {
        Objects.requireNonNull(label, "label");
        if (label.isEmpty() || label.indexOf('\0') >= 0) {
            throw new IllegalArgumentException("label must not be empty nor contain U+0000, was \"" + label + "\"");
        }
        if (index < 0) {
            throw new IllegalArgumentException("index must be >= 0, was " + index);
        }
        try {
            Mac mac = Mac.getInstance(ALGORITHM);
            mac.init(key);
            mac.update(label.getBytes(StandardCharsets.UTF_8));
            mac.update((byte) 0);
            return mac.doFinal(ByteBuffer.allocate(Long.BYTES).putLong(index).array());
        } catch (GeneralSecurityException e) {
            throw new IllegalStateException("this Java runtime offers no " + ALGORITHM, e);
        }
    }

    static LotKey of(SecretKey runKey, long lot) {
        return new LotKey(tag(runKey, LABEL, lot));
    }

    static LotKey ofPass(SecretKey runKey, long pass) {
        return new LotKey(tag(runKey, PASS_LABEL, pass));
    }
}
