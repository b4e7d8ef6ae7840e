// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core.random;

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.security.GeneralSecurityException;
import java.security.MessageDigest;
import java.security.SecureRandom;
import java.util.HashMap;
import java.util.Map;
import java.util.OptionalLong;
import java.util.random.RandomGenerator;
import javax.crypto.SecretKey;
import javax.crypto.spec.SecretKeySpec;

/**
 * The source of all randomness of one training run: a 256-bit key from which every use derives a stream of its own.
 *
 * <p>The stream of a label and an index is AES-128 in counter mode under the key
 *
 * <pre>{@code first 16 bytes of HMAC-SHA-256(run key, UTF-8(label) || 0x00 || index as 8 bytes, big endian)}</pre>
 *
 * <p>so that streams of different labels ("noise", "sampling", "dropout") or indices (the number of the step) are
 * independent, and the randomness of step t follows from the key and t alone, whatever was drawn before: a seeded run that
 * is resumed at step t continues as if it had never stopped.
 *
 * <p><b>Formal guarantee.</b> With {@link #secure()} the output is indistinguishable from uniform bits to any adversary who does not
 * hold the key, if AES and HMAC-SHA-256 are pseudo-random and the platform's {@link SecureRandom} has seeded properly; the
 * privacy guarantee is then computational. A secure source gives each stream once only: noise that is used twice cancels.
 * With {@link #seeded(long)} there is no guarantee at all.
 *
 * <p>Safe for use by several threads.
 */
public final class RandomStreams {

    private static final int KEY_BYTES = 32;

    private final SecretKey key;
    private final boolean secure;
    private final Map<String, Long> lastIndex = new HashMap<>();

    private RandomStreams(byte[] key, boolean secure) {
        this.key = new SecretKeySpec(key, "HmacSHA256");
        this.secure = secure;
    }

    /** Returns a source under a fresh key from the platform's {@link SecureRandom}; the key is secret, and no run repeats. */
    public static RandomStreams secure() {
        byte[] key = new byte[KEY_BYTES];
        new SecureRandom().nextBytes(key);
        return new RandomStreams(key, true);
    }

    /**
     * Returns a reproducible source, for tests: <b>a run that uses it is not private</b>, whatever its noise multiplier,
     * because an adversary who guesses the seed can subtract the noise.
     */
    public static RandomStreams seeded(long seed) {
        try {
            MessageDigest digest = MessageDigest.getInstance("SHA-256");
            digest.update("dl4j-dp seeded run".getBytes(StandardCharsets.UTF_8));
            return new RandomStreams(
                    digest.digest(ByteBuffer.allocate(Long.BYTES).putLong(seed).array()), false);
        } catch (GeneralSecurityException e) {
            throw new IllegalStateException("this Java runtime offers no SHA-256", e);
        }
    }

    /** Returns {@link #seeded} streams of a seed, or {@link #secure} ones where there is none. */
    public static RandomStreams of(OptionalLong seed) {
        return seed.isPresent() ? seeded(seed.getAsLong()) : secure();
    }

    /** Returns whether the key came from {@link SecureRandom}; false means that the run is not private. */
    public boolean isSecure() {
        return secure;
    }

    /**
     * Returns the stream of a label and an index.
     *
     * @param label what the stream is for; not empty, without the character U+0000
     * @param index its number, as a rule that of the step; {@code >= 0}
     * @throws IllegalArgumentException if the label is empty or contains U+0000, or if {@code index < 0}
     * @throws IllegalStateException if this source is secure and has given this label a stream of the same or a larger
     *     index before
     */
    public RandomGenerator stream(String label, long index) {
        return new KeystreamGenerator(streamKey(label, index), 0L);
    }

    /** Returns the stream of a label and an index, by the rules of {@link #stream}, to be read in any order. */
    public IndexedKeystream indexed(String label, long index) {
        return new IndexedKeystream(streamKey(label, index));
    }

    /** Returns the key of a stream, by the rules of {@link #stream}. */
    SecretKey streamKey(String label, long index) {
        if (label.equals(LotKey.LABEL) || label.equals(LotKey.PASS_LABEL)) {
            throw new IllegalArgumentException("label must not be that of lot keys, \"" + label + "\"");
        }
        SecretKey streamKey = LotKey.streamKey(key, label, index);
        if (secure) {
            claim(label, index);
        }
        return streamKey;
    }

    /**
     * Returns the key of a lot, as often as it is asked for: the lot is the same each time.
     *
     * @param lot its number, {@code >= 0}
     */
    public LotKey lotKey(long lot) {
        return LotKey.of(key, lot);
    }

    /**
     * Returns the key of a pass, from which the members of all its lots follow. Unlike a lot's key it must not be given to those who compute single lots: it tells who is in the lots to come.
     *
     * @param pass its number, {@code >= 0}
     */
    public LotKey passKey(long pass) {
        return LotKey.ofPass(key, pass);
    }

    private synchronized void claim(String label, long index) {
        Long last = lastIndex.get(label);
        if (last != null && index <= last) {
            throw new IllegalStateException("the stream \"" + label + "\" of index " + index
                    + " must not be drawn again: index " + last
                    + " was already drawn, and randomness that is used twice protects nothing");
        }
        lastIndex.put(label, index);
    }
}
