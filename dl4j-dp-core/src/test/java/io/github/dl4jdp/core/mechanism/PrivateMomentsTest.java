// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core.mechanism;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.DoubleRange;
import net.jqwik.api.constraints.IntRange;
import org.junit.jupiter.api.Test;

class PrivateMomentsTest {
    private static final int CHANNELS = 3;
    private static final int EACH = 2 * CHANNELS;

    private static PrivateMoments of(float[]... examples) {
        return of(1.5, 4, examples);
    }

    private static PrivateMoments of(double meanBound, double squareBound, float[]... examples) {
        var sum = new PrivateMoments(CHANNELS, meanBound, squareBound);
        for (float[] example : examples) {
            sum.add(example, 0, EACH);
        }
        return sum;
    }

    private static double distance(PrivateMoments one, PrivateMoments other) {
        double squares = 0;
        for (int i = 0; i < 2 * CHANNELS; i++) {
            double difference = one.sum()[i] - other.sum()[i];
            squares += difference * difference;
        }
        return Math.sqrt(squares);
    }

    /** Magnitudes from 1e-30 to 1e30, now and then infinite or not a number. */
    private static float[][] examples(int count, SplittableRandom random) {
        float[][] examples = new float[count][EACH];
        for (float[] example : examples) {
            double scale = Math.pow(10, 60 * random.nextDouble() - 30);
            for (int i = 0; i < EACH; i++) {
                example[i] = (float) (scale * random.nextGaussian());
            }
            if (random.nextInt(5) == 0) {
                example[random.nextInt(EACH)] = random.nextBoolean() ? Float.NaN : Float.POSITIVE_INFINITY;
            }
        }
        return examples;
    }

    @Property(tries = 500)
    void sum_neighboringData_isAtMostTheSensitivityApart(
            @ForAll long seed,
            @ForAll @IntRange(min = 1, max = 30) int count,
            @ForAll @DoubleRange(min = -6, max = 6) double meanBoundExponent,
            @ForAll @DoubleRange(min = -6, max = 6) double squareBoundExponent) {
        double meanBound = Math.pow(10, meanBoundExponent);
        double squareBound = Math.pow(10, squareBoundExponent);
        var random = new SplittableRandom(seed);
        float[][] with = examples(count, random);
        float[][] without = Arrays.copyOf(with, count - 1);
        float[][] replaced = with.clone();
        replaced[count - 1] = examples(1, random)[0];
        PrivateMoments all = of(meanBound, squareBound, with);

        // What rounding of the norms may add is covered by the noise many times over.
        assertThat(distance(all, of(meanBound, squareBound, without))).isLessThan(1 + 1e-12);
        assertThat(distance(all, of(meanBound, squareBound, replaced))).isLessThan(2 + 1e-12);
    }

    private static PrivateMoments ofOwners(double meanBound, double squareBound, List<float[][]> owners) {
        var sum = new PrivateMoments(CHANNELS, meanBound, squareBound);
        for (float[][] rows : owners) {
            for (float[] row : rows) {
                sum.addRow(row, 0, EACH);
            }
            sum.endOwner();
        }
        return sum;
    }

    /** An owner with all rows, of which there may be many, goes or is another one. */
    @Property(tries = 500)
    void sum_oneOwnerLess_isAtMostTheSensitivityApart(
            @ForAll long seed,
            @ForAll @IntRange(min = 1, max = 12) int count,
            @ForAll @DoubleRange(min = -6, max = 6) double meanBoundExponent,
            @ForAll @DoubleRange(min = -6, max = 6) double squareBoundExponent) {
        double meanBound = Math.pow(10, meanBoundExponent);
        double squareBound = Math.pow(10, squareBoundExponent);
        var random = new SplittableRandom(seed);
        var with = new ArrayList<float[][]>();
        for (int i = 0; i < count; i++) {
            with.add(examples(1 + random.nextInt(1 << random.nextInt(7)), random));
        }
        var replaced = new ArrayList<>(with);
        replaced.set(count - 1, examples(1 + random.nextInt(40), random));
        PrivateMoments all = ofOwners(meanBound, squareBound, with);

        assertThat(distance(all, ofOwners(meanBound, squareBound, with.subList(0, count - 1))))
                .isLessThan(1 + 1e-12);
        assertThat(distance(all, ofOwners(meanBound, squareBound, replaced))).isLessThan(2 + 1e-12);
    }

    @Test
    void sum_ownersRows_areAveragedBeforeTheyAreBounded() {
        float[] one = {0.1f, 0.3f, -0.5f, -0.5f, 0, 0};
        float[] other = {0.2f, 0.2f, 0.5f, 0.7f, 0, 1};
        float[] bad = {1, 2, 3, 4, 5, Float.NaN};

        double[] sum = ofOwners(1.5, 4, List.<float[][]>of(new float[][] {one, bad, other}))
                .sum();

        double mean = 2 * 1.5 * Math.sqrt(2);
        double square = 2 * 4 * Math.sqrt(2);
        double[] expected = {0.4 / mean, 0.1 / mean, 0.5 / mean, 0.09 / square, (0.25 + 0.37) / square, 0.5 / square};
        assertThat(sum).containsExactly(expected, within(1e-6));
        // One row, a hundred times, is that row; rows that are all bad are nothing.
        float[][] many = new float[100][];
        Arrays.fill(many, one);
        assertThat(ofOwners(1.5, 4, List.of(many, new float[][] {bad, bad})).sum())
                .containsExactly(of(one).sum(), within(1e-7));
    }

    @Test
    void sum_largeExample_isAsFarAsTheSensitivitySays() {
        float[] large = {1e9f, 1e9f, 2e9f, 2e9f, -1e9f, -1e9f};
        float[] opposite = {-1e9f, -1e9f, -2e9f, -2e9f, 1e9f, 1e9f};

        assertThat(distance(of(large), of())).isCloseTo(1, within(1e-6));
        // The means are opposite, the squares the same.
        assertThat(distance(of(large), of(opposite))).isCloseTo(Math.sqrt(2), within(1e-6));
    }

    @Test
    void sum_smallExamples_isThatOfTheirMeansAndSquares() {
        float[] one = {0.1f, 0.3f, -0.5f, -0.5f, 0, 0};
        float[] other = {0.2f, 0.2f, 0.5f, 0.7f, 0, 1};

        double[] sum = of(one, other).sum();

        double mean = 1.5 * Math.sqrt(2);
        double square = 4 * Math.sqrt(2);
        double[] expected = {0.4 / mean, 0.1 / mean, 0.5 / mean, 0.09 / square, (0.25 + 0.37) / square, 0.5 / square};
        assertThat(sum).containsExactly(expected, within(1e-6));
    }

    @Test
    void sum_anyOrder_isTheSameToTheLastBit() {
        float[][] examples = examples(200, new SplittableRandom(5));
        float[][] reversed = examples.clone();
        for (int i = 0; i < examples.length; i++) {
            reversed[i] = examples[examples.length - 1 - i];
        }

        assertThat(of(examples).sum()).isEqualTo(of(reversed).sum());
        assertThat(of(examples).sum()).doesNotContain(0.0);
    }

    @Test
    void add_notFinite_addsNothing() {
        float[] good = {1, 2, 3, 4, 5, 6};
        for (float bad : new float[] {Float.NaN, Float.POSITIVE_INFINITY, Float.NEGATIVE_INFINITY}) {
            for (int at = 0; at < EACH; at++) {
                float[] example = good.clone();
                example[at] = bad;
                assertThat(of(good, example).sum()).isEqualTo(of(good).sum());
            }
        }
    }

    @Test
    void sum_ofNothing_isZero() {
        assertThat(of().sum()).hasSize(2 * CHANNELS).containsOnly(0);
    }
}
