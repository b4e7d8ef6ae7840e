// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.features;

import java.util.Arrays;
import java.util.TreeSet;

/**
 * Bins of a number of unknown size, and quantiles from noised counts of them.
 *
 * <p>Bin 0 to come is zero (below 2^-20 in magnitude); on either side eight bins an octave up to 2^40, the last one without an end. Counts below five standard deviations of their noise are taken for empty.
 * Where that loses much, 2, 4 or 8 neighboring bins are taken together.
 */
final class HistogramKnots {
    private static final int BINS_PER_OCTAVE = 8;
    private static final int FIRST_OCTAVE = -20;
    private static final int LAST_OCTAVE = 40;
    private static final int SIDE = (LAST_OCTAVE - FIRST_OCTAVE) * BINS_PER_OCTAVE;

    /** The number of bins. */
    static final int BINS = 2 * SIDE + 1;

    /** At five standard deviations one of 3.5 million empty bins is taken for full. */
    private static final double SIGNIFICANT = 5;

    /** Bins are joined until they keep this part of what the best choice keeps. */
    private static final double ENOUGH = 0.95;

    private HistogramKnots() {}

    /** The bin of a finite number. */
    static int bin(double value) {
        double magnitude = Math.abs(value);
        if (magnitude < Math.scalb(1.0, FIRST_OCTAVE)) {
            return SIDE;
        }
        int octave = Math.getExponent(magnitude);
        if (octave >= LAST_OCTAVE) {
            return value > 0 ? BINS - 1 : 0;
        }
        double within = Math.scalb(magnitude, -octave);
        int part = 0;
        while (part < BINS_PER_OCTAVE - 1 && within >= edge(part + 1)) {
            part++;
        }
        int rank = (octave - FIRST_OCTAVE) * BINS_PER_OCTAVE + part + 1;
        return SIDE + (value > 0 ? rank : -rank);
    }

    /** The smallest number in [1, 2) of a part of an octave: strictly computed, the same on every machine. */
    private static double edge(int part) {
        return StrictMath.pow(2, part / (double) BINS_PER_OCTAVE);
    }

    /** The smallest magnitude of the bin that is {@code rank} bins from zero. */
    private static double low(int rank) {
        int at = rank - 1;
        return Math.scalb(edge(at % BINS_PER_OCTAVE), FIRST_OCTAVE + at / BINS_PER_OCTAVE);
    }

    /** A stretch of numbers and how many there are in it, about. */
    private record Stretch(double low, double high, double count) {}

    /**
     * Quantiles of what is not zero, and zero where it is frequent: public, being a function of released counts.
     *
     * @param noisy counts [{@link #BINS}]
     * @param deviation of the noise in each
     * @param parts number of parts, of equal counts, between the smallest and the largest
     * @return ascending, at most {@code parts + 2}; fewer where counts are all alike, none if no bin has a significant count
     */
    static double[] knots(double[] noisy, double deviation, int parts) {
        boolean isZeroFrequent = noisy[SIDE] > SIGNIFICANT * deviation;
        Stretch[] chosen = {};
        double most = 0;
        double[] kept = new double[4];
        Stretch[][] choices = new Stretch[4][];
        for (int i = 0; i < choices.length; i++) {
            choices[i] = significant(noisy, deviation, 1 << i);
            kept[i] = Arrays.stream(choices[i]).mapToDouble(Stretch::count).sum();
            most = Math.max(most, kept[i]);
        }
        for (int i = choices.length - 1; i >= 0; i--) {
            if (kept[i] >= ENOUGH * most) {
                chosen = choices[i];
            }
        }
        TreeSet<Double> knots = new TreeSet<>();
        if (isZeroFrequent) {
            knots.add(0.0);
        }
        for (int p = 0; p <= parts && chosen.length > 0; p++) {
            knots.add(quantile(chosen, p / (double) parts));
        }
        return knots.stream().mapToDouble(Double::doubleValue).toArray();
    }

    private static Stretch[] significant(double[] noisy, double deviation, int joined) {
        double least = SIGNIFICANT * deviation * Math.sqrt(joined);
        var found = new TreeSet<Stretch>((a, b) -> Double.compare(a.low(), b.low()));
        for (int first = 1; first <= SIDE; first += joined) {
            for (int side = -1; side <= 1; side += 2) {
                double count = 0;
                for (int rank = first; rank < first + joined; rank++) {
                    count += noisy[SIDE + side * rank];
                }
                if (count > least) {
                    double low = low(first);
                    double high = low(first + joined);
                    found.add(side > 0 ? new Stretch(low, high, count) : new Stretch(-high, -low, count));
                }
            }
        }
        return found.toArray(Stretch[]::new);
    }

    private static double quantile(Stretch[] stretches, double p) {
        double all = Arrays.stream(stretches).mapToDouble(Stretch::count).sum();
        double left = p * all;
        for (Stretch stretch : stretches) {
            if (left <= stretch.count()) {
                return stretch.low() + (stretch.high() - stretch.low()) * (left / stretch.count());
            }
            left -= stretch.count();
        }
        return stretches[stretches.length - 1].high();
    }
}
