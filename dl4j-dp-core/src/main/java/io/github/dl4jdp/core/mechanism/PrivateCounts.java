// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core.mechanism;

import io.github.dl4jdp.accountant.DpEvent;
import io.github.dl4jdp.accountant.NeighboringRelation;
import io.github.dl4jdp.core.internal.Require;
import io.github.dl4jdp.core.random.GaussianNoise;
import io.github.dl4jdp.core.random.RandomStreams;
import java.util.Arrays;
import java.util.BitSet;
import java.util.OptionalLong;

/**
 * Private histograms: for each of several columns, how many examples, or owners of rows, are in each of its bins, released once with noise.
 *
 * <p>An owner of several rows adds to each bin the share of its rows that are there, of those that have a value in the column: 1 in a column altogether.
 *
 * <p><b>Formal guarantee.</b> In each of c columns an example or owner adds numbers that are not negative and sum to 1 at most, a vector of norm 1 at most since {@code sum p^2 <= (sum p)^2}; of all columns, {@code sqrt(c)} at most, however
 * many rows an owner has: an example or owner more or less, or one replaced by a null record, moves the counts by that, and noise of standard deviation {@code z sqrt(c)} is {@code Gaussian(z)}. One replaced by another moves each column by
 * {@code ||p - q||^2 <= ||p||^2 + ||q||^2 <= 2}, since p and q are not negative, together by {@code sqrt(2 c)}: {@code Gaussian(z / sqrt(2))}. Shares are cut down to multiples of 2^-20 and summed as integers, so the sums are exact in any order.
 */
public final class PrivateCounts {
    /** For a column in which an example has no value. */
    public static final int NO_BIN = -1;

    private static final String STREAM = "counts";

    /** Counts are of these, so that shares of an owner's rows are integers. */
    private static final int UNITS_BITS = 20;

    private static final long UNITS = 1L << UNITS_BITS;

    /** Below it a count is exact as a double. */
    private static final long MOST_EXAMPLES = 1L << (53 - UNITS_BITS);

    private final int columns;
    private final int bins;
    private final long[] counts;
    private long examples;

    /** The rows of the owner who is next to end: in each bin, and with a value in each column. */
    private final long[] own;

    private final long[] ownOfColumn;
    /** Which bins those are. */
    private final BitSet touched = new BitSet();

    /**
     * Histograms of nothing yet.
     *
     * @throws IllegalArgumentException if a number is below 1
     */
    public PrivateCounts(int columns, int bins) {
        Require.that(columns >= 1 && bins >= 1, "columns and bins must be >= 1, were " + columns + " and " + bins);
        this.columns = columns;
        this.bins = bins;
        this.counts = new long[Math.multiplyExact(columns, bins)];
        this.own = new long[counts.length];
        this.ownOfColumn = new long[columns];
    }

    /**
     * Adds one example.
     *
     * @param binOfColumn [columns], in [0, bins) or {@link #NO_BIN}
     * @throws IllegalArgumentException if it has another length or a bin that does not exist; nothing is added
     */
    public void add(int[] binOfColumn) {
        addRow(binOfColumn);
        endOwner();
    }

    /**
     * Adds one row of the owner who is next to end.
     *
     * @param binOfColumn [columns], in [0, bins) or {@link #NO_BIN}
     * @throws IllegalArgumentException if it has another length or a bin that does not exist; nothing is added
     */
    public void addRow(int[] binOfColumn) {
        Require.that(
                binOfColumn.length == columns,
                "binOfColumn must have " + columns + " entries, had " + binOfColumn.length);
        for (int bin : binOfColumn) {
            if (bin < NO_BIN || bin >= bins) {
                throw new IllegalArgumentException("bins must be in [-1, " + bins + "), one was " + bin);
            }
        }
        for (int c = 0; c < columns; c++) {
            if (binOfColumn[c] != NO_BIN) {
                int at = c * bins + binOfColumn[c];
                own[at]++;
                touched.set(at);
                ownOfColumn[c]++;
            }
        }
    }

    /** Adds the shares of the owner whose rows were added since the last one ended. */
    public void endOwner() {
        Require.state(++examples < MOST_EXAMPLES, "more examples than can be counted exactly, 2^33");
        touched.stream().forEach(at -> {
            counts[at] += Math.multiplyExact(own[at], UNITS) / ownOfColumn[at / bins];
            own[at] = 0;
        });
        touched.clear();
        Arrays.fill(ownOfColumn, 0);
    }

    /** The counts without noise, column after column. */
    double[] sum() {
        double[] sum = new double[counts.length];
        for (int i = 0; i < sum.length; i++) {
            sum[i] = (double) counts[i] / UNITS;
        }
        return sum;
    }

    /**
     * The noised counts: [columns][bins].
     *
     * @param noiseMultiplier z, finite and positive
     * @param seed of the noise in tests, which is not private; empty otherwise
     */
    public double[][] release(double noiseMultiplier, OptionalLong seed) {
        double[] noisy = sum();
        GaussianNoise.Release noise = new GaussianNoise(noiseMultiplier, Math.sqrt(columns), noisy.length)
                .release(RandomStreams.of(seed), STREAM, 0);
        noise.addTo(noisy, 0, noisy.length);
        Require.state(noise.isComplete(), "not every count received noise; nothing was released");
        double[][] released = new double[columns][bins];
        for (int c = 0; c < columns; c++) {
            System.arraycopy(noisy, c * bins, released[c], 0, bins);
        }
        return released;
    }

    /** The standard deviation of the noise in every count. */
    public static double standardDeviation(double noiseMultiplier, int columns) {
        return noiseMultiplier * Math.sqrt(columns);
    }

    /** What {@link #release} costs. */
    public static DpEvent event(double noiseMultiplier, NeighboringRelation relation, OptionalLong seed) {
        if (seed.isPresent()) {
            return new DpEvent.NonPrivate();
        }
        return switch (relation) {
            case ADD_OR_REMOVE_ONE, ZERO_OUT -> new DpEvent.Gaussian(noiseMultiplier);
            case REPLACE_ONE -> new DpEvent.Gaussian(Math.nextDown(noiseMultiplier / Math.sqrt(2)));
        };
    }
}
