// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.accountant;

import java.util.Map;
import java.util.function.DoubleFunction;
import org.jspecify.annotations.Nullable;

/** Keeps a composition for as long as its plan serves: the next step of training then costs one product of spectra. */
final class CompositionCache {
    /** How far ahead a plan looks once it is asked again: by a quarter, and by at least so many events. */
    private static final double HEADROOM = 1.25;

    private static final double LEAST_HEADROOM = 32;

    /** But not further than this: a tilt that suits few events leaves many of them outside the window, and the bound grows loose. */
    private static final double MOST_HEADROOM = 3;

    /** A plan made for one delta serves others within this factor, one made for one epsilon others within this share. */
    private static final double DELTA_REACH = 4;

    private static final double EPSILON_REACH = 0.05;

    /** For such an epsilon the excess does not matter. */
    private static final double NEGLIGIBLE_EPSILON = 1e-5;

    /** An even lattice that is longer is slower than one of octaves, but not as coarse where epsilon is large. */
    private static final int LONGEST_EVEN = 1 << 16;

    private static final double LARGE_EPSILON = 8;

    /** Each kind is a few products on a lattice of octaves, of some milliseconds each. */
    private static final int FEW_KINDS = 16;

    private final PldMemory memory;
    private @Nullable Composition composition;
    private Map<LossPair, Long> composed = Map.of();
    private double target;
    private double capacity;

    CompositionCache(PldMemory memory) {
        this.memory = memory;
    }

    /** A composition planned for about this delta. */
    Composition compositionForDelta(Map<LossPair, Long> pairs, double delta) {
        boolean near = delta <= target * DELTA_REACH && delta * DELTA_REACH >= target;
        Composition kept = extended(pairs, near);
        return kept != null ? kept : remember(pairs, delta, growth -> forDelta(pairs, delta, growth, memory));
    }

    /** Epsilon at several deltas in ascending order: what is planned for a small delta knows larger ones too, as far down as its losses reach. */
    double[] epsilons(Map<LossPair, Long> pairs, double[] deltas) {
        double[] epsilons = new double[deltas.length];
        double planned = deltas[0];
        Composition known = forDelta(pairs, planned, 1, memory);
        for (int i = 0; i < deltas.length; i++) {
            epsilons[i] = known.epsilon(deltas[i]);
            if (deltas[i] > planned * DELTA_REACH && !isKnown(known, epsilons[i])) {
                planned = deltas[i];
                known = forDelta(pairs, planned, 1, memory);
                epsilons[i] = known.epsilon(planned);
            }
        }
        return epsilons;
    }

    /** Whether a composition for a smaller delta is as good at this epsilon as one for its own would be; octaves are good everywhere. */
    private static boolean isKnown(Composition composition, double epsilon) {
        return !(composition instanceof LossComposition even)
                || (epsilon >= even.leastEpsilon() && !even.isBadlyKnown(epsilon));
    }

    private static Composition forDelta(Map<LossPair, Long> pairs, double delta, double growth, PldMemory memory) {
        LossNet coarse = LossNet.of(pairs);
        LossPlan plan = LossPlan.forDelta(coarse.expected(), delta, growth);
        LossNet net = coarse.fitting(plan);
        if (!isShort(plan, net)) {
            Composition octaves = OctaveComposition.forDelta(pairs, delta, growth, memory);
            if (plan.coarse() || pairs.size() == 1 || !net.fits(plan)) {
                return octaves;
            }
            // Beside few large losses, octaves are coarse for the many small ones.
            Composition even = new LossComposition(plan, net, memory);
            return even.epsilon(delta) < octaves.epsilon(delta) ? even : octaves;
        }
        LossComposition first = new LossComposition(plan, net, memory);
        double epsilon = first.epsilon(delta);
        if (epsilon < NEGLIGIBLE_EPSILON) {
            return first;
        }
        Composition best = first;
        if (epsilon < first.leastEpsilon()) {
            // Few events with rare, large losses make epsilon far smaller than Chernoff's bound.
            LossPlan again = LossPlan.forDeltaNear(net.expected(), delta, growth, epsilon);
            LossNet finer = net.fitting(again);
            best = better(
                    first,
                    isShort(again, finer)
                            ? new LossComposition(again, finer, memory)
                            : OctaveComposition.forDelta(pairs, delta, growth, memory),
                    delta);
        }
        if (!(best instanceof LossComposition even) || !even.isBadlyKnown(even.epsilon(delta))) {
            return best;
        }
        if (net.counts().size() <= FEW_KINDS) {
            // Octaves add nothing for rounding.
            return better(even, OctaveComposition.forDelta(pairs, delta, growth, memory), delta);
        }
        LossPlan tiny = LossPlan.forTinyDelta(net.expected(), delta, growth, even.epsilon(delta));
        LossNet finer = net.fitting(tiny);
        return !tiny.coarse() && finer.fits(tiny)
                ? better(even, new LossComposition(tiny, finer, memory), delta)
                : even;
    }

    private static Composition better(Composition first, Composition second, double delta) {
        return second.epsilon(delta) < first.epsilon(delta) ? second : first;
    }

    private static Composition forEpsilon(Map<LossPair, Long> pairs, double epsilon, double growth, PldMemory memory) {
        LossNet net = LossNet.of(pairs);
        LossPlan plan = LossPlan.forEpsilon(net.expected(), epsilon, growth);
        LossNet fitting = net.fitting(plan);
        Composition best = isShort(plan, fitting)
                ? new LossComposition(plan, fitting, memory)
                : OctaveComposition.forEpsilon(net.counts(), epsilon, plan.delta(), growth, memory);
        double delta = best.delta(epsilon);
        if (best instanceof LossComposition even && delta > 0 && even.isBadlyKnown(epsilon)) {
            Composition other;
            if (net.counts().size() <= FEW_KINDS) {
                other = OctaveComposition.forEpsilon(pairs, epsilon, delta, growth, memory);
            } else {
                LossPlan tiny = LossPlan.forEpsilonAtTinyDelta(net.expected(), epsilon, growth, delta);
                LossNet finer = net.fitting(tiny);
                other = !tiny.coarse() && finer.fits(tiny) ? new LossComposition(tiny, finer, memory) : best;
            }
            return other.delta(epsilon) < delta ? other : best;
        }
        return best;
    }

    private static boolean isShort(LossPlan plan, LossNet net) {
        return !plan.coarse()
                && (plan.length() <= LONGEST_EVEN
                        || plan.leastEpsilon() > LARGE_EPSILON
                        || (!net.isExact() && net.fits(plan)));
    }

    /** A composition planned for about this epsilon. */
    Composition compositionForEpsilon(Map<LossPair, Long> pairs, double epsilon) {
        boolean near = Math.abs(epsilon - target) <= EPSILON_REACH * target;
        Composition kept = extended(pairs, near);
        return kept != null ? kept : remember(pairs, epsilon, growth -> forEpsilon(pairs, epsilon, growth, memory));
    }

    private @Nullable Composition extended(Map<LossPair, Long> pairs, boolean near) {
        Composition kept = composition;
        if (kept == null || !near || total(pairs) > capacity || !pairs.keySet().equals(composed.keySet())) {
            return null;
        }
        for (Map.Entry<LossPair, Long> pair : pairs.entrySet()) {
            if (pair.getValue() < composed.getOrDefault(pair.getKey(), 0L)) {
                return null;
            }
        }
        pairs.forEach((pair, count) -> {
            long added = count - composed.getOrDefault(pair, 0L);
            if (added > 0) {
                kept.add(pair, added);
            }
        });
        composed = Map.copyOf(pairs);
        return kept;
    }

    private Composition remember(Map<LossPair, Long> pairs, double newTarget, DoubleFunction<Composition> planning) {
        double total = total(pairs);
        double ahead = Math.min(MOST_HEADROOM, (total + LEAST_HEADROOM) / total);
        double growth = composition == null ? 1 : Math.max(HEADROOM, ahead);
        Composition fresh = planning.apply(growth);
        composition = fresh;
        composed = Map.copyOf(pairs);
        target = newTarget;
        capacity = total * growth;
        return fresh;
    }

    private static double total(Map<LossPair, Long> pairs) {
        return pairs.values().stream().mapToDouble(Long::doubleValue).sum();
    }
}
