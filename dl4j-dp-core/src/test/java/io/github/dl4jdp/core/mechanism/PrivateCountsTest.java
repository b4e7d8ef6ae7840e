// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core.mechanism;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.within;

import io.github.dl4jdp.accountant.DpEvent;
import io.github.dl4jdp.accountant.NeighboringRelation;
import java.util.Arrays;
import java.util.OptionalLong;
import java.util.Random;
import org.junit.jupiter.api.Test;

class PrivateCountsTest {
    private static int[] example(Random random, int columns, int bins) {
        return random.ints(columns, -1, bins).toArray();
    }

    private static double distance(double[] a, double[] b) {
        double squares = 0;
        for (int i = 0; i < a.length; i++) {
            squares += (a[i] - b[i]) * (a[i] - b[i]);
        }
        return Math.sqrt(squares);
    }

    @Test
    void sum_neighbors_areAtMostTheSensitivityApart() {
        Random random = new Random(1);
        for (int run = 0; run < 200; run++) {
            int columns = 1 + random.nextInt(6);
            int bins = 1 + random.nextInt(9);
            var one = new PrivateCounts(columns, bins);
            for (int i = random.nextInt(20); i > 0; i--) {
                one.add(example(random, columns, bins));
            }
            double[] without = one.sum();
            int[] last = example(random, columns, bins);
            one.add(last);
            double[] with = one.sum();
            assertThat(distance(with, without)).isLessThanOrEqualTo(Math.sqrt(columns) * (1 + 1e-12));

            // the same data with another example in the place of the last one
            var other = new PrivateCounts(columns, bins);
            int[] replacement = example(random, columns, bins);
            other.add(replacement);
            double[] replaced = other.sum();
            for (int i = 0; i < replaced.length; i++) {
                replaced[i] += without[i];
            }
            assertThat(distance(with, replaced)).isLessThanOrEqualTo(Math.sqrt(2.0 * columns) * (1 + 1e-12));
        }
    }

    /** An owner with all rows, of which there may be many, goes or is another one. */
    @Test
    void sum_oneOwnerLess_isAtMostTheSensitivityApart() {
        Random random = new Random(2);
        for (int run = 0; run < 300; run++) {
            int columns = 1 + random.nextInt(6);
            int bins = 1 + random.nextInt(40);
            var counts = new PrivateCounts(columns, bins);
            for (int i = random.nextInt(20); i > 0; i--) {
                addOwner(counts, random, columns, bins);
            }
            double[] without = counts.sum();
            addOwner(counts, random, columns, bins);
            double[] with = counts.sum();
            assertThat(distance(with, without)).isLessThanOrEqualTo(Math.sqrt(columns) * (1 + 1e-12));

            var other = new PrivateCounts(columns, bins);
            addOwner(other, random, columns, bins);
            double[] replaced = other.sum();
            for (int i = 0; i < replaced.length; i++) {
                replaced[i] += without[i];
            }
            assertThat(distance(with, replaced)).isLessThanOrEqualTo(Math.sqrt(2.0 * columns) * (1 + 1e-12));
        }
    }

    /** Rows spread over bins, all in one of them, or without values. */
    private static void addOwner(PrivateCounts counts, Random random, int columns, int bins) {
        int[] same = random.nextInt(3) == 0 ? example(random, columns, bins) : null;
        for (int row = 1 + random.nextInt(1 << random.nextInt(9)); row > 0; row--) {
            counts.addRow(same == null ? example(random, columns, bins) : same);
        }
        counts.endOwner();
    }

    @Test
    void sum_ownersRows_areSharesOfThoseWithAValue() {
        var counts = new PrivateCounts(2, 3);
        counts.addRow(new int[] {0, PrivateCounts.NO_BIN});
        counts.addRow(new int[] {2, 1});
        counts.addRow(new int[] {2, 1});
        counts.addRow(new int[] {2, 2});
        counts.endOwner();
        counts.add(new int[] {0, PrivateCounts.NO_BIN});

        double[] sum = counts.sum();

        // Shares are cut down to multiples of 2^-20.
        assertThat(sum).containsExactly(new double[] {1.25, 0, 0.75, 0, 2 / 3.0, 1 / 3.0}, within(0x1p-20));
        assertThat(sum[4] + sum[5]).isLessThanOrEqualTo(1);
    }

    /** The mean of 20,000 squares has a relative error of 1 %; five times that fails once in 1.7 million runs. */
    @Test
    void release_noise_hasTheDeviationOfTheClaim() {
        double[][] noisy = new PrivateCounts(4, 5000).release(3, OptionalLong.of(7));
        double variance = Arrays.stream(noisy)
                .flatMapToDouble(Arrays::stream)
                .map(x -> x * x)
                .average()
                .orElseThrow();
        assertThat(Math.sqrt(variance)).isBetween(5.7, 6.3);
        assertThat(PrivateCounts.standardDeviation(3, 4)).isEqualTo(6);
    }

    @Test
    void release_twice_hasNoiseOfItsOwn() {
        var counts = new PrivateCounts(1, 3);
        assertThat(counts.release(1, OptionalLong.empty())[0]).isNotEqualTo(counts.release(1, OptionalLong.empty())[0]);
    }

    @Test
    void event_byRelation_isWhatTheProofGives() {
        var none = OptionalLong.empty();
        for (NeighboringRelation relation :
                new NeighboringRelation[] {NeighboringRelation.ADD_OR_REMOVE_ONE, NeighboringRelation.ZERO_OUT}) {
            assertThat(PrivateCounts.event(4, relation, none)).isEqualTo(new DpEvent.Gaussian(4));
        }
        var replaced = (DpEvent.Gaussian) PrivateCounts.event(4, NeighboringRelation.REPLACE_ONE, none);
        assertThat(replaced.noiseMultiplier() * Math.sqrt(2)).isBetween(4 - 1e-12, 4.0);
        assertThat(PrivateCounts.event(4, NeighboringRelation.ZERO_OUT, OptionalLong.of(1)))
                .isEqualTo(new DpEvent.NonPrivate());
    }

    @Test
    void add_binThatDoesNotExist_isRefusedAndNotCounted() {
        var counts = new PrivateCounts(2, 3);
        assertThatIllegalArgumentException()
                .isThrownBy(() -> counts.add(new int[] {0, 3}))
                .withMessageContaining("[-1, 3)");
        assertThatIllegalArgumentException().isThrownBy(() -> counts.add(new int[] {0}));
        assertThat(counts.sum()).containsOnly(0);
    }
}
