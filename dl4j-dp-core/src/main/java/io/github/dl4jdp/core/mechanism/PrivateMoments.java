// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core.mechanism;

import io.github.dl4jdp.accountant.DpEvent;
import io.github.dl4jdp.accountant.NeighboringRelation;
import io.github.dl4jdp.core.internal.Require;
import io.github.dl4jdp.core.random.GaussianNoise;
import io.github.dl4jdp.core.random.RandomStreams;
import java.util.Arrays;
import java.util.OptionalLong;

/**
 * Private moments: the sum over examples, or over owners of rows, of their channels' means and squares, every share bounded, released once with noise.
 *
 * <p>With m the means of an example's channels over their positions and s the means of the squares, the share is
 *
 * <pre>{@code u = (m min(1 / B, 1 / ||m||), s min(1 / D, 1 / ||s||)) / sqrt(2),   ||u|| <= 1}</pre>
 *
 * <p>Of an owner of several rows, m and s are the means over the rows. A row with a feature that is not finite is left out, and a share of none is zero.
 *
 * <p><b>Formal guarantee.</b> A share is a function of its own example or owner, and each half of it is clipped to {@code 1 / sqrt(2)} after the mean over the rows was taken, so a share has norm 1 at most, however many
 * rows it is made of: an example or owner more or less, or one replaced by a null record, moves the sum by at
 * most 1, and noise of standard deviation z is {@code Gaussian(z)}; one replaced by another moves it by at most 2: {@code Gaussian(z / 2)}.
 */
public final class PrivateMoments {
    private static final String STREAM = "normalization";

    /*
     * Shares are cut, towards zero, to multiples of 2^-26 and summed as integers, so that the sum is exact, whatever the order
     * of the examples: floating-point sums of neighboring data sets may be further apart than the example in which they differ
     * (Casacuberta et al. 2022). Up to 2^27 examples the sum is below 2^53 units, and so exact as a double too. What the cut
     * takes away, 2^-26 of a bound at most, is far less than the noise.
     */
    private static final double UNITS = 0x1p26;

    /** The most examples whose sum is exact. */
    public static final long MOST_EXAMPLES = 1L << 27;

    private final int channels;
    private final double meanBound;
    private final double squareBound;
    private final long[] sums;
    /** Of the owner whose rows are being added: the means, then the squares. */
    private final double[] own;
    /** Of one row. */
    private final double[] row;

    private long rows;

    /**
     * An empty sum.
     *
     * @param meanBound B, finite and positive
     * @param squareBound D, finite and positive
     */
    public PrivateMoments(int channels, double meanBound, double squareBound) {
        this.channels = channels;
        this.meanBound = meanBound;
        this.squareBound = squareBound;
        this.sums = new long[2 * channels];
        this.own = new double[2 * channels];
        this.row = new double[2 * channels];
    }

    /** Adds one example: the {@code length} numbers from {@code from} on, channel after channel. */
    public void add(float[] features, int from, int length) {
        addRow(features, from, length);
        endOwner();
    }

    /** Adds one row of the owner who is next to end, as {@link #add} an example. */
    public void addRow(float[] features, int from, int length) {
        int positions = length / channels;
        for (int c = 0; c < channels; c++) {
            double sum = 0;
            double sumOfSquares = 0;
            int start = from + c * positions;
            for (int i = start; i < start + positions; i++) {
                double value = features[i];
                sum += value;
                sumOfSquares += value * value;
            }
            if (!Double.isFinite(sumOfSquares)) {
                return;
            }
            row[c] = sum / positions;
            row[channels + c] = sumOfSquares / positions;
        }
        Arrays.setAll(own, i -> own[i] + row[i]);
        rows++;
    }

    /** Adds the share of the owner whose rows were added since the last one ended. */
    public void endOwner() {
        if (rows == 0) {
            return;
        }
        Arrays.setAll(own, i -> own[i] / rows);
        addClipped(0, meanBound);
        addClipped(channels, squareBound);
        Arrays.fill(own, 0);
        rows = 0;
    }

    /** Clips one half of a share, and adds it. */
    private void addClipped(int from, double bound) {
        int to = from + channels;
        double norm = Math.sqrt(
                Arrays.stream(own, from, to).map(value -> value * value).sum());
        double factor = UNITS * Math.min(1 / bound, 1 / norm) / Math.sqrt(2);
        for (int i = from; i < to; i++) {
            sums[i] += (long) (own[i] * factor);
        }
    }

    /** The sum of the shares: those of the means, then those of the squares. */
    double[] sum() {
        return Arrays.stream(sums).mapToDouble(units -> units / UNITS).toArray();
    }

    /**
     * The noised sum: the means, then the squares.
     *
     * @param noiseMultiplier z, finite and positive
     * @param seed of the noise in tests, which is not private; empty otherwise
     */
    public double[] release(double noiseMultiplier, OptionalLong seed) {
        double[] noisy = sum();
        GaussianNoise.Release noise =
                new GaussianNoise(noiseMultiplier, 1.0, noisy.length).release(RandomStreams.of(seed), STREAM, 0);
        noise.addTo(noisy, 0, noisy.length);
        Require.state(noise.isComplete(), "not every mean and square received noise; nothing was released");
        return noisy;
    }

    /** What {@link #release} costs. */
    public static DpEvent event(double noiseMultiplier, NeighboringRelation relation, OptionalLong seed) {
        if (seed.isPresent()) {
            return new DpEvent.NonPrivate();
        }
        return switch (relation) {
            case ADD_OR_REMOVE_ONE, ZERO_OUT -> new DpEvent.Gaussian(noiseMultiplier);
            case REPLACE_ONE -> new DpEvent.Gaussian(noiseMultiplier / 2);
        };
    }
}
