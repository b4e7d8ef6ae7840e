// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.accountant;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
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

    /** Kinds that were composed together in one direction, and by how much their losses may exceed their places in all. */
    record Group(OctaveMasses total, double slack) {}

    private final Map<LossPair, Long> counts;
    private final OctavePowers.Lattice lattice;
    private final PldMemory memory;
    private final boolean symmetric;
    private final @Nullable Group[] totals = new @Nullable Group[2];
    private @Nullable OctaveComposition rough;

    private OctaveComposition(Map<LossPair, Long> counts, OctavePowers.Lattice lattice, PldMemory memory) {
        if (counts.isEmpty()) {
            throw new IllegalArgumentException("pairs must not be empty");
        }
        this.counts = new LinkedHashMap<>(counts);
        this.lattice = lattice;
        this.memory = memory;
        this.symmetric = counts.keySet().stream().allMatch(LossPair::isSymmetric);
    }

    /** A composition for epsilon at the given delta; the number of events may grow by the factor {@code growth}. */
    static OctaveComposition forDelta(Map<LossPair, Long> pairs, double delta, double growth, PldMemory memory) {
        OctaveComposition first = of(pairs, delta, growth, OCTAVE, memory);
        return first.coarse().ofBoth(group -> group.total.epsilon(delta)) <= LARGE_EPSILON
                ? first
                : of(pairs, delta, growth, OCTAVE_OF_LARGE, memory);
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
        double events = planned(growth * total(pairs));
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
        return new OctaveComposition(
                pairs, new OctavePowers.Lattice(step, octave, levels, tail, negligible / MOST_DROPS / events), memory);
    }

    /** A number of events, or more, such that many numbers share one lattice. */
    private static double planned(double events) {
        double planned = 1;
        while (planned < events) {
            planned *= SHARED_PLAN;
        }
        return planned;
    }

    private Group total(int direction) {
        Group total = totals[direction];
        if (total == null) {
            total = counts.size() <= PldMemory.GROUP ? byPowers(direction) : byGroups(direction);
            totals[direction] = total;
        }
        return total;
    }

    /** Kind by kind, by powers that a search asks for again. */
    private Group byPowers(int direction) {
        @Nullable OctaveMasses total = null;
        double slack = 0;
        for (Map.Entry<LossPair, Long> kind : counts.entrySet()) {
            OctavePowers powers = memory.powers(new OctavePowers.Key(kind.getKey(), lattice));
            OctaveMasses power = powers.of(direction, kind.getValue());
            total = total == null ? power : total.times(power, lattice.dropped() * kind.getValue());
            slack += kind.getValue() * powers.slack();
        }
        return new Group(Objects.requireNonNull(total), slack * (1 + 1e-9));
    }

    /** The last kinds apart, which may be those that a search changes. */
    private Group byGroups(int direction) {
        var all = PldMemory.Group.of(List.of(lattice, direction), counts);
        int last = (all.size() - 1) / PldMemory.GROUP * PldMemory.GROUP;
        if (last == 0) {
            return memory.octaves().of(all, k -> together(direction, k.counts()));
        }
        Group before = memory.octaves().of(all.part(0, last), kinds -> {
            @Nullable Group total = null;
            for (PldMemory.Group part : kinds.parts()) {
                Group next = memory.octaves().of(part, k -> together(direction, k.counts()));
                total = total == null ? next : times(total, next);
            }
            return Objects.requireNonNull(total);
        });
        return times(before, memory.octaves().of(all.part(last, all.size()), k -> together(direction, k.counts())));
    }

    private Group times(Group first, Group second) {
        return new Group(
                first.total.times(second.total, lattice.dropped() * total(counts)),
                (first.slack + second.slack) * (1 + 4 * UNIT));
    }

    /** All powers at once: what has a bit of its number is multiplied into the square of what has the bits above it. Kept by none, single events take little memory. */
    private Group together(int direction, Map<LossPair, Long> kinds) {
        Map<LossPair, OctavePowers> events = new LinkedHashMap<>();
        double slack = 0;
        long all = 0;
        for (Map.Entry<LossPair, Long> kind : kinds.entrySet()) {
            OctavePowers event = new OctavePowers(new OctavePowers.Key(kind.getKey(), lattice));
            events.put(kind.getKey(), event);
            slack += kind.getValue() * event.slack();
            all |= kind.getValue();
        }
        @Nullable OctaveMasses total = null;
        double composed = 0;
        for (long bit = Long.highestOneBit(all); bit > 0; bit >>= 1) {
            composed *= 2;
            total = total == null ? null : total.times(total, lattice.dropped() * composed);
            for (Map.Entry<LossPair, Long> kind : kinds.entrySet()) {
                if ((kind.getValue() & bit) != 0) {
                    OctaveMasses event =
                            Objects.requireNonNull(events.get(kind.getKey())).of(direction, 1);
                    composed++;
                    total = total == null ? event : total.times(event, lattice.dropped() * composed);
                }
            }
        }
        return new Group(Objects.requireNonNull(total), slack * (1 + 1e-9));
    }

    private OctaveComposition coarse() {
        OctaveComposition coarse = rough;
        if (coarse == null) {
            coarse = new OctaveComposition(counts, lattice.coarser(ROUGHER), memory);
            rough = coarse;
        }
        return coarse;
    }

    private double ofBoth(ToDoubleFunction<Group> value) {
        double forward = value.applyAsDouble(total(0));
        return symmetric ? forward : Math.max(forward, value.applyAsDouble(total(1)));
    }

    /** The larger of the values of both directions. One that is smaller even on a coarser lattice, where it is larger, is not computed. */
    private double largest(ToDoubleFunction<Group> value) {
        if (symmetric || (totals[0] != null && totals[1] != null)) {
            return ofBoth(value);
        }
        double forward = value.applyAsDouble(coarse().total(0));
        double backward = value.applyAsDouble(coarse().total(1));
        int first = forward >= backward ? 0 : 1;
        double largest = value.applyAsDouble(total(first));
        return Math.min(forward, backward) <= largest
                ? largest
                : Math.max(largest, value.applyAsDouble(total(1 - first)));
    }

    private boolean isTooMany() {
        return counts.values().stream().anyMatch(OctavePowers::isTooMany);
    }

    private static double total(Map<LossPair, Long> counts) {
        return counts.values().stream().mapToDouble(n -> n).sum();
    }

    @Override
    public void add(LossPair pair, long count) {
        if (counts.computeIfPresent(pair, (p, before) -> before + count) == null) {
            throw new IllegalArgumentException("pair must be one of those composed");
        }
        totals[0] = null;
        totals[1] = null;
        rough = null;
    }

    @Override
    public double epsilon(double delta) {
        if (isTooMany()) {
            return Double.POSITIVE_INFINITY;
        }
        return largest(group -> group.total.epsilon(delta) + group.slack) * (1 + 4 * UNIT);
    }

    @Override
    public double delta(double epsilon) {
        if (isTooMany()) {
            return 1;
        }
        return Math.min(1, largest(group -> group.total.delta(Math.max(0, epsilon * (1 - 4 * UNIT) - group.slack))));
    }
}
