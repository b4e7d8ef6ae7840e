// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core.random;

import java.io.DataInput;
import java.io.DataOutput;
import java.io.IOException;
import java.util.ArrayDeque;
import java.util.Arrays;
import java.util.Deque;
import org.jspecify.annotations.Nullable;

/**
 * Mixes the noise of a release with that of earlier releases of a run, in integers.
 *
 * <p>With N_t the integer draw of release t in one coordinate, release t adds, in units of its grid,
 *
 * <pre>{@code
 * m_t = N_t + rint( w_1 N_(t-1) + ... + w_p N_(t-p) )     where the inverse of C has bands
 * m_t = N_t - rint( c_1 m_(t-1) + ... + c_p m_(t-p) )     where C has bands
 * }</pre>
 *
 * with terms before the first release left out. Coefficients are multiples of 2^-24 and sums are exact; rint rounds to the nearest integer, halves upwards.
 *
 * <p>In the first form, earlier draws are drawn again from the keys of their releases, and nothing else is kept. In the second, the last p vectors m are kept: 8 p bytes for every coordinate of the sum. Both are as secret as the data.
 *
 * <p><b>Formal guarantee.</b> m_t is a function of the draws of releases 1 to t, each drawn once and each the same wherever it is used: see {@code core.mechanism} for what that protects. A release counts from {@link #keep} on; one that
 * was not kept is as if it had not been, and must not leave.
 *
 * <p>Several threads may mix disjoint ranges of one release at the same time.
 */
public final class NoiseMixer {
    private static final int FRACTION_BITS = 24;
    private static final int KEY_BYTES = 16;
    private static final long HALF = 1L << (FRACTION_BITS - 1);
    private static final long[] NONE = {};

    /** By which earlier terms enter the sum that is rounded: {@code w_1 ... w_p}, or {@code -c_1 ... -c_p}, in units of 2^-24. */
    private final long[] weights;

    private final boolean keepsNoise;
    /** The last releases, the latest first. */
    private final Deque<Term> earlier = new ArrayDeque<>();
    /** The noise of the release that was begun, where it is kept. */
    private long[] next = NONE;

    private long kept;

    /** A release that later ones are mixed with: by its draws, which are drawn again, or by its noise, of coordinates up to its length. */
    @SuppressWarnings("ArrayRecordComponent") // never compared
    private record Term(GaussianNoise.@Nullable Release draws, long[] noise) {
        void addTo(long[] sums, long weight, int from, int to) {
            if (draws == null) {
                for (int i = from; i < Math.min(to, noise.length); i++) {
                    sums[i - from] += weight * noise[i];
                }
                return;
            }
            draws.forEachSegment(from, to, (integers, origin, start, end) -> {
                for (int i = start; i < end; i++) {
                    sums[i - from] += weight * integers[i - origin];
                }
            });
        }
    }

    /**
     * A mixer before its first release.
     *
     * @param weights the coefficients of {@code N_(t-1), N_(t-2), ...}, or of {@code m_(t-1), ...}, in units of 2^-24
     * @param keepsNoise whether they are of the noise of earlier releases instead of their draws
     */
    public NoiseMixer(long[] weights, boolean keepsNoise) {
        this.weights = Arrays.stream(weights)
                .map(weight -> keepsNoise ? -weight : weight)
                .toArray();
        this.keepsNoise = keepsNoise;
    }

    /** Hands the mixed integers of a range to an action, segment by segment. */
    void mix(GaussianNoise.Release release, int from, int to, GaussianNoise.SegmentAction action) {
        if (keepsNoise && next.length < to) {
            throw new IllegalStateException(
                    "the mixer must be begun for " + to + " coordinates, was for " + next.length);
        }
        long[] noise = next;
        var sums = new long[to - from];
        int j = 0;
        for (Term term : earlier) {
            term.addTo(sums, weights[j++], from, to);
        }
        release.forEachSegment(from, to, (integers, origin, start, end) -> {
            for (int i = start; i < end; i++) {
                integers[i - origin] += rounded(sums[i - from]);
                if (keepsNoise) {
                    noise[i] = integers[i - origin];
                }
            }
            action.run(integers, origin, start, end);
        });
    }

    private static long rounded(long sum) {
        return (sum + HALF) >> FRACTION_BITS;
    }

    /** Begins a release of a sum of {@code length} coordinates; one that was begun and not kept is dropped. */
    public synchronized void begin(int length) {
        if (keepsNoise && next.length != length) {
            next = new long[length];
        }
    }

    /** Counts a release, all of whose coordinates were mixed, as one that later ones are mixed with. */
    public synchronized void keep(GaussianNoise.Release release) {
        kept++;
        if (weights.length == 0) {
            return;
        }
        earlier.addFirst(keepsNoise ? new Term(null, next) : new Term(release, NONE));
        Term oldest = earlier.size() > weights.length ? earlier.removeLast() : null;
        if (keepsNoise) {
            next = oldest == null ? new long[next.length] : oldest.noise();
        }
    }

    /** How many releases were kept. */
    public synchronized long kept() {
        return kept;
    }

    /**
     * Writes all that later noise is mixed with: the keys of the last releases, or their noise. As secret as the data.
     *
     * @throws IOException if it cannot be written
     */
    public synchronized void write(DataOutput out) throws IOException {
        out.writeLong(kept);
        for (Term term : earlier) {
            if (term.draws() != null) {
                out.write(term.draws().key());
                continue;
            }
            out.writeInt(term.noise().length);
            for (long value : term.noise()) {
                out.writeLong(value);
            }
        }
    }

    /**
     * Goes on where another mixer of these coefficients stood. What was drawn before is only taken back: later releases have keys of their own.
     *
     * @param in what that mixer wrote
     * @param noise the draws of its releases
     * @throws IOException if it cannot be read
     * @throws IllegalStateException if a release was kept already
     */
    public synchronized void read(DataInput in, GaussianNoise noise) throws IOException {
        if (kept > 0) {
            throw new IllegalStateException("a mixer must go on before its first release, had " + kept);
        }
        kept = in.readLong();
        for (long part = 0; part < Math.min(kept, weights.length); part++) {
            if (keepsNoise) {
                var vector = new long[in.readInt()];
                for (int i = 0; i < vector.length; i++) {
                    vector[i] = in.readLong();
                }
                earlier.addLast(new Term(null, vector));
            } else {
                byte[] key = new byte[KEY_BYTES];
                in.readFully(key);
                earlier.addLast(new Term(noise.made(key), NONE));
            }
        }
    }
}
