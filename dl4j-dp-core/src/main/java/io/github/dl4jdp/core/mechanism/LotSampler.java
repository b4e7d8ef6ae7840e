// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core.mechanism;

import io.github.dl4jdp.core.random.LotKey;
import java.util.Arrays;
import java.util.random.RandomGenerator;
import java.util.stream.LongStream;

/** Draws the members of lots: functions of the lot's key, so that a lot is the same wherever it is drawn. */
final class LotSampler {
    static final String STREAM = "sampling";
    /** Of the rows of members that have many. */
    static final String ROWS = "rows of a unit";

    private static final String ANOTHER_COIN = "sampling again";

    private LotSampler() {}

    /**
     * The members of a Poisson lot among the examples from {@code from} (inclusive) to {@code to} (exclusive), ascending.
     *
     * <p>Proof of independence: example {@code i} joins when the upper 53 bits of value {@code i} of the lot's stream are below {@code q 2^53}, rounded down. Its coin depends on the key
     * and {@code i} alone, so neighboring data sets meet the same coins, and the probability is never above q.
     */
    static long[] poisson(LotKey lot, double samplingProbability, long from, long to) {
        long threshold = (long) (samplingProbability * 0x1p53);
        RandomGenerator coins = lot.stream(STREAM, 0, from);
        var members = LongStream.builder();
        for (long i = from; i < to; i++) {
            if (coins.nextLong() >>> 11 < threshold) {
                members.add(i);
            }
        }
        return members.build().toArray();
    }

    /**
     * The members of a cyclic Poisson lot: of the examples whose number is {@code part} modulo {@code parts}, each joins with the given probability.
     *
     * <p>An example's part is a function of its number alone, and {@code parts} lots are between two lots of a part. Its coins are those of {@link #poisson}.
     */
    static long[] cyclic(LotKey lot, double probability, long part, int parts, long from, long to) {
        return Arrays.stream(poisson(lot, probability, from, to))
                .filter(member -> member % parts == part)
                .toArray();
    }

    /**
     * The members of one lot of a pass among the examples from {@code from} (inclusive) to {@code to} (exclusive), ascending, where each example is in one of {@code lots} lots.
     *
     * <p>Proof of uniformity and independence: example {@code i} is in the lot that value {@code i} of the pass's stream leaves as its remainder, if the value is below the largest multiple of {@code lots} in
     * 64 bits, below which every remainder is equally frequent; otherwise in one that a stream of the example's own draws. Its coin depends on the key and {@code i} alone, so that neighboring data sets meet the
     * same coins, and each example is in one lot and no other.
     *
     * @param pass the key of the pass, which tells the members of all its lots
     * @param lot which one, from 0
     */
    static long[] allocated(LotKey pass, long lots, long lot, long from, long to) {
        long largest = largestFairCoin(lots);
        RandomGenerator coins = pass.stream(STREAM, 0, from);
        var members = LongStream.builder();
        for (long i = from; i < to; i++) {
            long coin = coins.nextLong();
            long joined = Long.compareUnsigned(coin, largest) <= 0
                    ? Long.remainderUnsigned(coin, lots)
                    : pass.stream(ANOTHER_COIN, i).nextLong(lots);
            if (joined == lot) {
                members.add(i);
            }
        }
        return members.build().toArray();
    }

    /** The largest value, unsigned, of 64 bits up to which every remainder modulo {@code lots} is equally frequent. */
    static long largestFairCoin(long lots) {
        return -1 - Long.remainderUnsigned(-lots, lots);
    }

    /**
     * The members of a lot of exactly {@code lotSize} examples, ascending.
     *
     * <p>Proof of uniformity: selection sampling (Knuth, The Art of Computer Programming 2, 3.4.2, Algorithm S) takes example {@code i} with probability (members still
     * needed) / (examples still left), which makes every subset equally likely.
     */
    static long[] fixedSize(RandomGenerator coins, long examples, long lotSize) {
        var members = new long[Math.toIntExact(lotSize)];
        int count = 0;
        for (long i = 0; count < lotSize; i++) {
            if (coins.nextLong(examples - i) < lotSize - count) {
                members[count++] = i;
            }
        }
        return members;
    }
}
