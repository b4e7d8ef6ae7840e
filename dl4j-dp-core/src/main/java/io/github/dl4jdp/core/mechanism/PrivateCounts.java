// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core.mechanism;

import io.github.dl4jdp.accountant.DpEvent;
import io.github.dl4jdp.accountant.NeighboringRelation;
import io.github.dl4jdp.core.random.GaussianNoise;
import io.github.dl4jdp.core.random.RandomStreams;
import java.util.OptionalLong;

/**
 * Private histograms: for each of several columns, how many examples are in each of its bins, released once with noise.
 *
 * <p><b>Formal guarantee.</b> An example adds 1 to at most one bin of each of c columns, a vector of norm {@code sqrt(c)} at most: an example more or less, or one replaced by a null record, moves the counts by
 * that, and noise of standard deviation {@code z sqrt(c)} is {@code Gaussian(z)}. One replaced by another moves each column's counts by 1 in two bins at most, together {@code sqrt(2 c)}: {@code Gaussian(z / sqrt(2))}.
 * The counts are integers, so their sums are exact in any order.
 */
public final class PrivateCounts {
    /** For a column in which an example has no value. */
    public static final int NO_BIN = -1;

    private static final String STREAM = "counts";

    /** Below it a count is exact as a double. */
    private static final long MOST_EXAMPLES = 1L << 53;

    private final int columns;
    private final int bins;
    private final long[] counts;
    private long examples;

    /**
     * Histograms of nothing yet.
     *
     * @throws IllegalArgumentException if a number is below 1
     */
    public PrivateCounts(int columns, int bins) {
        if (columns < 1 || bins < 1) {
            throw new IllegalArgumentException("columns and bins must be >= 1, were " + columns + " and " + bins);
        }
        this.columns = columns;
        this.bins = bins;
        this.counts = new long[Math.multiplyExact(columns, bins)];
    }

    /**
     * Adds one example.
     *
     * @param binOfColumn [columns], in [0, bins) or {@link #NO_BIN}
     * @throws IllegalArgumentException if it has another length or a bin that does not exist; nothing is added
     */
    public void add(int[] binOfColumn) {
        if (binOfColumn.length != columns) {
            throw new IllegalArgumentException(
                    "binOfColumn must have " + columns + " entries, had " + binOfColumn.length);
        }
        for (int bin : binOfColumn) {
            if (bin < NO_BIN || bin >= bins) {
                throw new IllegalArgumentException("bins must be in [-1, " + bins + "), one was " + bin);
            }
        }
        if (++examples >= MOST_EXAMPLES) {
            throw new IllegalStateException("more examples than can be counted exactly, 2^53");
        }
        for (int c = 0; c < columns; c++) {
            if (binOfColumn[c] != NO_BIN) {
                counts[c * bins + binOfColumn[c]]++;
            }
        }
    }

    /** The counts without noise, column after column. */
    double[] sum() {
        double[] sum = new double[counts.length];
        for (int i = 0; i < sum.length; i++) {
            sum[i] = counts[i];
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
        if (!noise.isComplete()) {
            throw new IllegalStateException("not every count received noise; nothing was released");
        }
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
