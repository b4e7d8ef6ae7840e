// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core.mechanism;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.dl4jdp.core.random.LotKey;
import io.github.dl4jdp.core.random.RandomStreams;
import java.math.BigInteger;
import java.util.Arrays;
import java.util.stream.LongStream;
import org.junit.jupiter.api.Test;

class LotSamplerTest {
    private static final int EXAMPLES = 200;
    private static final int LOTS = 20_000;
    private static final double Q = 0.1;

    /**
     * Each example joins a binomial number of lots, each pair a binomial number of lots together. With bounds at 5.5 standard deviations a
     * correct sampler fails for one of 200 + 199 counts with probability below 2e-5; the seed is fixed. All of them together tell a probability that is
     * 1.5 % larger, but for one seed in 100,000.
     */
    @Test
    void draw_manyLots_includesExamplesIndependentlyWithProbabilityQ() {
        var sampler = Mechanisms.sampler(3, Q);
        int[] joined = new int[EXAMPLES];
        int[] joinedWithNext = new int[EXAMPLES];
        for (int lot = 1; lot <= LOTS; lot++) {
            long[] members = sampler.draw(lot, EXAMPLES);
            for (int i = 0; i < members.length; i++) {
                joined[(int) members[i]]++;
                if (i > 0 && members[i] == members[i - 1] + 1) {
                    joinedWithNext[(int) members[i - 1]]++;
                }
            }
        }
        assertThat(Arrays.stream(joined).boxed().toList()).allSatisfy(count -> assertWithin(count, Q));
        assertThat(Arrays.stream(joinedWithNext).limit(EXAMPLES - 1L).boxed().toList())
                .allSatisfy(count -> assertWithin(count, Q * Q));
        assertWithin(Arrays.stream(joined).sum(), (double) LOTS * EXAMPLES, Q);
    }

    private static void assertWithin(int count, double probability) {
        assertWithin(count, LOTS, probability);
    }

    private static void assertWithin(int count, double draws, double probability) {
        double spread = 5.5 * Math.sqrt(draws * probability * (1 - probability));
        assertThat((double) count).isBetween(draws * probability - spread, draws * probability + spread);
    }

    @Test
    void draw_oneExampleMore_leavesTheOthersCoinsAlone() {
        var sampler = Mechanisms.sampler(3, Q);
        for (int lot = 1; lot <= 100; lot++) {
            long[] fewer = sampler.draw(lot, EXAMPLES);
            long[] more = sampler.draw(lot, EXAMPLES + 1);
            assertThat(Arrays.stream(more).filter(i -> i < EXAMPLES).toArray()).isEqualTo(fewer);
        }
    }

    @Test
    void draw_lotThatWasNotReleased_returnsItAgain() {
        var sampler = new Mechanisms.Sampler(RandomStreams.secure(), Q);
        long[] members = sampler.draw(1, EXAMPLES);

        assertThat(sampler.draw(1, EXAMPLES)).isEqualTo(members);
        assertThat(sampler.draw(2, EXAMPLES)).isNotEqualTo(members);
    }

    @Test
    void draw_probabilityOne_takesEveryExample() {
        assertThat(Mechanisms.sampler(1, 1.0).draw(1, EXAMPLES)).hasSize(EXAMPLES);
    }

    @Test
    void draw_secureStreams_differBetweenRuns() {
        assertThat(new Mechanisms.Sampler(RandomStreams.secure(), 0.5).draw(1, EXAMPLES))
                .isNotEqualTo(new Mechanisms.Sampler(RandomStreams.secure(), 0.5).draw(1, EXAMPLES));
    }

    @Test
    void drawFixed_secureLotNotReleased_isDrawnAgainTheSame() {
        var sampler = new Mechanisms.Sampler(RandomStreams.secure(), 1);
        long[] first = sampler.drawFixed(1, EXAMPLES, 20);
        assertThat(sampler.drawFixed(1, EXAMPLES, 20)).isEqualTo(first);
        assertThat(sampler.drawFixed(2, EXAMPLES, 20)).isNotEqualTo(first);
    }

    @Test
    void largestFairCoin_anyNumberOfLots_isOneBelowTheLargestMultiple() {
        BigInteger all = BigInteger.ONE.shiftLeft(64);
        for (long lots : new long[] {1, 2, 3, 5, 64, 234, 1_000_003, 1L << 40, (1L << 62) + 1, Long.MAX_VALUE}) {
            BigInteger coins =
                    new BigInteger(Long.toUnsignedString(LotSampler.largestFairCoin(lots))).add(BigInteger.ONE);
            assertThat(coins.mod(BigInteger.valueOf(lots))).isZero();
            assertThat(all.subtract(coins)).isBetween(BigInteger.ZERO, BigInteger.valueOf(lots - 1));
        }
    }

    /** A quarter of the coins is thrown again, which never leaves an example without a lot. */
    @Test
    void allocated_coinsThatAreNotFair_areThrownAgain() {
        var key = RandomStreams.seeded(6).passKey(1);
        long lots = 3L << 61;
        int thrownAgain = 0;
        var coins = key.stream(LotSampler.STREAM, 0);
        for (int i = 0; i < EXAMPLES; i++) {
            thrownAgain += Long.compareUnsigned(coins.nextLong(), LotSampler.largestFairCoin(lots)) > 0 ? 1 : 0;
        }
        assertThat(thrownAgain).isBetween(20, 80);
        assertThat(LotSampler.allocated(key, lots, 0, 0, EXAMPLES)).isEmpty();
    }

    /** What a cluster draws shard by shard is what is drawn in one place. */
    @Test
    void poisson_partsOfTheData_areThoseOfTheWhole() {
        var key = RandomStreams.seeded(4).lotKey(7);
        long[] whole = LotSampler.poisson(key, Q, 0, EXAMPLES);
        for (int cut = 0; cut <= EXAMPLES; cut += 7) {
            long[] parts = LongStream.concat(
                            Arrays.stream(LotSampler.poisson(LotKey.of(key.toBytes()), Q, 0, cut)),
                            Arrays.stream(LotSampler.poisson(key, Q, cut, EXAMPLES)))
                    .toArray();
            assertThat(parts).isEqualTo(whole);
        }
    }
}
