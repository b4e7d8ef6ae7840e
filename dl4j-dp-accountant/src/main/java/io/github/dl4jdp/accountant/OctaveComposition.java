// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.accountant;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * The privacy loss of many events together on a lattice that is fine for small losses and coarse for large ones.
 *
 * <p>Where sampling is rare, most losses are tiny and a few are huge, and the few decide: no even lattice is at once fine and long
 * enough. This one has the same relative precision everywhere, composes by repeated doubling, and moves what
 * comes out of a convolution to the lattice again by the same splitting of atoms that {@link LossLattice} uses: both masses of
 * the pair are kept, so that the result dominates. Each move adds at most (width / 2)^2 to the variance of a loss, that is a fixed
 * share of its square, once for each doubling.
 *
 * <p>Sums and products of masses are all there is: nothing is subtracted, so that every mass keeps its relative precision, the smallest
 * ones too, and no tilt is needed.
 *
 * <p>See Ghazi, Kamath, Kumar and Manurangsi 2022, "Faster privacy accounting via evolving discretization".
 */
final class OctaveComposition implements Composition {
    private static final double UNIT = 0x1p-53;

    /** Twice so many events would lose more to rounding than delta is good for. */
    private static final int MOST_DOUBLINGS = 46;

    /** One kind of event: its powers of 2^0, 2^1, ... in both directions, as far as they were needed. */
    private static final class Part {
        final List<OctaveMasses[]> powers = new ArrayList<>();
        final double slack;
        long count;

        Part(OctaveMasses[] single, double slack) {
            powers.add(single);
            this.slack = slack;
        }
    }

    /** Points of an octave: an epsilon then comes out less than 0.1 % too large. */
    private static final int OCTAVE = 128;

    /** Where points are a loss of one or more apart, splitting an atom moves nearly all of it up: they must be closer. */
    private static final int OCTAVE_OF_LARGE = 256;

    private static final double LARGE_EPSILON = 24;

    /** The smallest step divides the typical loss of one event into so many. */
    private static final double FINENESS = 256;

    /** Larger losses than this many times an event's largest are counted as infinite, where there are as many events. */
    private static final double MOST_AT_ONCE = 1 << 16;

    private static final int MOST_LEVELS = 200;

    private static final double SMALLEST_STEP = 0x1p-100;

    /** Kinds whose losses sum up to a smaller share than this are not looked at. */
    private static final double SHARE_THAT_MATTERS = 1e-7;

    /** Share of delta for what is dropped. */
    private static final double SHARE_DROPPED = 1e-6;

    private final Map<LossPair, Part> parts = new LinkedHashMap<>();
    private final double negligible;
    private OctaveMasses[] total;

    /**
     * The composition of the given pairs.
     *
     * @param step the smallest step, a power of two
     * @param octave points of an octave
     * @param levels number of octaves
     * @param tail mass that each event may have beyond the lattice
     * @param negligible mass that all that is dropped on the way to the result may sum up to
     */
    OctaveComposition(Map<LossPair, Long> pairs, double step, int octave, int levels, double tail, double negligible) {
        this.negligible = negligible;
        LossGrid grid = LossGrid.octaves(step, octave);
        pairs.forEach((pair, count) -> {
            LossLattice lattice = pair.lattice(grid, tail);
            OctaveMasses[] single = {
                OctaveMasses.of(lattice.forward(), step, octave, levels),
                OctaveMasses.of(lattice.backward(), step, octave, levels)
            };
            Part part = new Part(single, lattice.slack());
            part.count = count;
            parts.put(pair, part);
        });
        if (parts.isEmpty()) {
            throw new IllegalArgumentException("pairs must not be empty");
        }
        this.total = product();
    }

    /** A composition for epsilon at the given delta; the number of events may grow by the factor {@code growth}. */
    static OctaveComposition forDelta(Map<LossPair, Long> pairs, double delta, double growth) {
        OctaveComposition first = of(pairs, delta, growth, OCTAVE);
        return first.epsilon(delta) <= LARGE_EPSILON ? first : of(pairs, delta, growth, OCTAVE_OF_LARGE);
    }

    /** A composition for delta at the given epsilon, where delta is likely to be about {@code guess} or more. */
    static OctaveComposition forEpsilon(Map<LossPair, Long> pairs, double epsilon, double guess, double growth) {
        int octave = epsilon <= LARGE_EPSILON ? OCTAVE : OCTAVE_OF_LARGE;
        OctaveComposition first = of(pairs, guess, growth, octave);
        double delta = first.delta(epsilon);
        return delta >= guess ? first : of(pairs, Math.max(delta * SHARE_DROPPED, 1e-240), growth, octave);
    }

    static OctaveComposition of(Map<LossPair, Long> pairs, double delta, double growth, int octave) {
        double events = growth * pairs.values().stream().mapToDouble(n -> n).sum();
        double negligible = Math.max(1e-260, delta * SHARE_DROPPED);
        double tail = Math.max(1e-290, negligible / events);
        double largest = 0;
        Map<LossPair, Double> sizes = new LinkedHashMap<>();
        for (LossPair pair : pairs.keySet()) {
            LossMoments moments = pair.moments(tail);
            sizes.put(pair, Math.max(moments.meanSize(false), moments.meanSize(true)));
            largest = Math.max(largest, pair.range(tail));
        }
        double all = 0;
        for (Map.Entry<LossPair, Double> size : sizes.entrySet()) {
            all += pairs.getOrDefault(size.getKey(), 0L) * size.getValue();
        }
        // Many small losses next to a large one are still many: the smallest kind that matters sets the step.
        double smallest = Double.POSITIVE_INFINITY;
        for (Map.Entry<LossPair, Double> size : sizes.entrySet()) {
            if (pairs.getOrDefault(size.getKey(), 0L) * size.getValue() > SHARE_THAT_MATTERS * all) {
                smallest = Math.min(smallest, size.getValue());
            }
        }
        double finest = smallest / FINENESS;
        double step = finest > SMALLEST_STEP && finest < 1
                ? Math.scalb(1, Math.getExponent(finest))
                : finest >= 1 ? 1 : SMALLEST_STEP;
        double octaves = Math.log(largest * Math.min(MOST_AT_ONCE, events) / (step * octave)) / Math.log(2);
        int levels = octaves < MOST_LEVELS - 2 ? Math.max(2, (int) Math.ceil(octaves) + 1) : MOST_LEVELS;
        return new OctaveComposition(pairs, step, octave, levels, tail, negligible);
    }

    private OctaveMasses[] product() {
        OctaveMasses[] product = new OctaveMasses[2];
        double events = parts.values().stream().mapToDouble(p -> p.count).sum();
        for (Part part : parts.values()) {
            for (int bit = 0; bit < 64 && part.count >> bit > 0; bit++) {
                if (bit >= MOST_DOUBLINGS) {
                    return new OctaveMasses[0];
                }
                if (bit == part.powers.size()) {
                    OctaveMasses[] half = part.powers.get(bit - 1);
                    double dropped = negligible / 128 * Math.scalb(1, bit) / events;
                    part.powers.add(
                            new OctaveMasses[] {half[0].times(half[0], dropped), half[1].times(half[1], dropped)});
                }
                if ((part.count >> bit & 1) == 1) {
                    OctaveMasses[] power = part.powers.get(bit);
                    for (int d = 0; d < 2; d++) {
                        product[d] = product[d] == null ? power[d] : product[d].times(power[d], negligible / 128);
                    }
                }
            }
        }
        return product;
    }

    @Override
    public void add(LossPair pair, long count) {
        Part part = parts.get(pair);
        if (part == null) {
            throw new IllegalArgumentException("pair must be one of those composed");
        }
        part.count += count;
        total = product();
    }

    private double slack() {
        return parts.values().stream().mapToDouble(p -> p.count * p.slack).sum() * (1 + 1e-9);
    }

    @Override
    public double epsilon(double delta) {
        if (total.length == 0) {
            return Double.POSITIVE_INFINITY;
        }
        return (Math.max(total[0].epsilon(delta), total[1].epsilon(delta)) + slack()) * (1 + 4 * UNIT);
    }

    @Override
    public double delta(double epsilon) {
        if (total.length == 0) {
            return 1;
        }
        double shifted = Math.max(0, epsilon * (1 - 4 * UNIT) - slack());
        return Math.min(1, Math.max(total[0].delta(shifted), total[1].delta(shifted)));
    }
}
