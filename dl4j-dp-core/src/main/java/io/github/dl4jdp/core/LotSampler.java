// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core;

import io.github.dl4jdp.core.random.RandomStreams;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.function.Function;
import java.util.random.RandomGenerator;

/** Draws the members of lots. */
final class LotSampler {
    private static final String STREAM = "sampling";

    private final RandomStreams streams;
    /** An example joins when 53 uniform bits fall below this: the probability is q rounded down, never up. */
    private final long threshold;

    /** Of the lot at hand and the one after it, which may be read ahead. */
    private final Map<Drawn, long[]> drawn = new LinkedHashMap<>();

    private record Drawn(long lot, long examples) {}

    LotSampler(RandomStreams streams, double samplingProbability) {
        this.streams = streams;
        this.threshold = (long) (samplingProbability * 0x1p53);
    }

    /**
     * The members of one Poisson lot, ascending. Example {@code i} is decided by coin {@code i} of the lot's own stream, whatever the other
     * examples are: neighbouring data sets meet the same coins.
     *
     * @param lot number of the lot, from 1
     * @param examples size of the data set
     */
    long[] draw(long lot, long examples) {
        return drawOnce(lot, examples, coins -> {
            var members = new long[64];
            int count = 0;
            for (long i = 0; i < examples; i++) {
                if (coins.nextLong() >>> 11 < threshold) {
                    if (count == members.length) {
                        members = Arrays.copyOf(members, 2 * count);
                    }
                    members[count++] = i;
                }
            }
            return Arrays.copyOf(members, count);
        });
    }

    /**
     * The members of one lot of exactly {@code lotSize} examples, ascending: every subset is equally likely (selection sampling, Knuth,
     * The Art of Computer Programming 2, 3.4.2, Algorithm S).
     *
     * @param lot number of the lot, from 1
     * @param examples size of the data set
     */
    long[] drawFixed(long lot, long examples, long lotSize) {
        return drawOnce(lot, examples, coins -> {
            var members = new long[Math.toIntExact(lotSize)];
            int count = 0;
            for (long i = 0; count < lotSize; i++) {
                if (coins.nextLong(examples - i) < lotSize - count) {
                    members[count++] = i;
                }
            }
            return members;
        });
    }

    /** The two lots drawn last can be asked for again: one that was not released is still to come, and its stream is given out only once. */
    private long[] drawOnce(long lot, long examples, Function<RandomGenerator, long[]> members) {
        var key = new Drawn(lot, examples);
        long[] known = drawn.get(key);
        if (known == null) {
            known = members.apply(streams.stream(STREAM, lot));
            drawn.put(key, known);
            if (drawn.size() > 2) {
                drawn.remove(drawn.keySet().iterator().next());
            }
        }
        return known.clone();
    }
}
