// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.accountant;

import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Objects;
import java.util.function.Supplier;
import java.util.function.ToDoubleFunction;
import org.jspecify.annotations.Nullable;

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

    /** Numbers of events within this factor share a lattice. */
    private static final double SHARED_PLAN = 256;

    /** More than how often something is dropped of an event's masses, as parts of larger and larger products. */
    private static final double MOST_DROPS = 128;

    /** Share of delta for what is dropped. */
    private static final double SHARE_DROPPED = 1e-6;

    /** A lattice so many times coarser tells, in a fraction of the time, which direction of the relation decides. */
    private static final int ROUGHER = 4;

    /** One kind of event and how many of it. */
    private record Part(OctavePowers powers, long count) {}

    private final Map<LossPair, Part> parts = new LinkedHashMap<>();
    private final double dropped;
    private final boolean symmetric;
    private final Supplier<OctaveComposition> roughly;
    private final @Nullable OctaveMasses[] totals = new @Nullable OctaveMasses[2];
    private @Nullable OctaveComposition rough;

    /**
     * The composition of the given pairs.
     *
     * @param step the smallest step, a power of two
     * @param octave points of an octave
     * @param levels number of octaves
     * @param tail mass that each event may have beyond the lattice
     * @param dropped mass of each event that may be dropped on the way to the result
     */
    private OctaveComposition(
            Map<LossPair, Long> pairs,
            double step,
            int octave,
            int levels,
            double tail,
            double dropped,
            PldMemory memory) {
        if (pairs.isEmpty()) {
            throw new IllegalArgumentException("pairs must not be empty");
        }
        this.dropped = dropped;
        this.symmetric = pairs.keySet().stream().allMatch(LossPair::isSymmetric);
        pairs.forEach((pair, count) -> parts.put(
                pair, new Part(memory.powers(new OctavePowers.Key(pair, step, octave, levels, tail, dropped)), count)));
        this.roughly =
                () -> new OctaveComposition(counts(), step * ROUGHER, octave / ROUGHER, levels, tail, dropped, memory);
    }

    /** A composition for epsilon at the given delta; the number of events may grow by the factor {@code growth}. */
    static OctaveComposition forDelta(Map<LossPair, Long> pairs, double delta, double growth, PldMemory memory) {
        OctaveComposition first = of(pairs, delta, growth, OCTAVE, memory);
        return first.epsilon(delta) <= LARGE_EPSILON ? first : of(pairs, delta, growth, OCTAVE_OF_LARGE, memory);
    }

    /** A composition for delta at the given epsilon, where delta is likely to be about {@code guess} or more. */
    static OctaveComposition forEpsilon(
            Map<LossPair, Long> pairs, double epsilon, double guess, double growth, PldMemory memory) {
        int octave = epsilon <= LARGE_EPSILON ? OCTAVE : OCTAVE_OF_LARGE;
        OctaveComposition first = of(pairs, guess, growth, octave, memory);
        double delta = first.delta(epsilon);
        return delta >= guess ? first : of(pairs, Math.max(delta * SHARE_DROPPED, 1e-240), growth, octave, memory);
    }

    static OctaveComposition of(Map<LossPair, Long> pairs, double delta, double growth, int octave, PldMemory memory) {
        double events =
                planned(growth * pairs.values().stream().mapToDouble(n -> n).sum());
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
        return new OctaveComposition(pairs, step, octave, levels, tail, negligible / MOST_DROPS / events, memory);
    }

    /** A number of events, or more, such that many numbers share one lattice. */
    private static double planned(double events) {
        double planned = 1;
        while (planned < events) {
            planned *= SHARED_PLAN;
        }
        return planned;
    }

    private Map<LossPair, Long> counts() {
        Map<LossPair, Long> counts = new LinkedHashMap<>();
        parts.forEach((pair, part) -> counts.put(pair, part.count));
        return counts;
    }

    private OctaveMasses total(int direction) {
        OctaveMasses total = totals[direction];
        if (total == null) {
            for (Part part : parts.values()) {
                OctaveMasses power = part.powers.of(direction, part.count);
                total = total == null ? power : total.times(power, dropped * part.count);
            }
            totals[direction] = Objects.requireNonNull(total);
        }
        return Objects.requireNonNull(totals[direction]);
    }

    /** The larger of the values of both directions. One that is smaller even on a coarser lattice, where it is larger, is not computed. */
    private double largest(ToDoubleFunction<OctaveMasses> value) {
        if (symmetric) {
            return value.applyAsDouble(total(0));
        }
        if (totals[0] != null && totals[1] != null) {
            return Math.max(value.applyAsDouble(total(0)), value.applyAsDouble(total(1)));
        }
        OctaveComposition coarse = rough;
        if (coarse == null) {
            coarse = roughly.get();
            rough = coarse;
        }
        double forward = value.applyAsDouble(coarse.total(0));
        double backward = value.applyAsDouble(coarse.total(1));
        int first = forward >= backward ? 0 : 1;
        double largest = value.applyAsDouble(total(first));
        return Math.min(forward, backward) <= largest
                ? largest
                : Math.max(largest, value.applyAsDouble(total(1 - first)));
    }

    private boolean isTooMany() {
        return parts.values().stream().anyMatch(part -> OctavePowers.isTooMany(part.count));
    }

    @Override
    public void add(LossPair pair, long count) {
        Part part = parts.get(pair);
        if (part == null) {
            throw new IllegalArgumentException("pair must be one of those composed");
        }
        parts.put(pair, new Part(part.powers, part.count + count));
        totals[0] = null;
        totals[1] = null;
        rough = null;
    }

    private double slack() {
        return parts.values().stream()
                        .mapToDouble(p -> p.count * p.powers.slack())
                        .sum()
                * (1 + 1e-9);
    }

    @Override
    public double epsilon(double delta) {
        if (isTooMany()) {
            return Double.POSITIVE_INFINITY;
        }
        return (largest(total -> total.epsilon(delta)) + slack()) * (1 + 4 * UNIT);
    }

    @Override
    public double delta(double epsilon) {
        if (isTooMany()) {
            return 1;
        }
        double shifted = Math.max(0, epsilon * (1 - 4 * UNIT) - slack());
        return Math.min(1, largest(total -> total.delta(shifted)));
    }
}
