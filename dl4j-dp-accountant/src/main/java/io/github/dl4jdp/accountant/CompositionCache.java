// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.accountant;

import java.util.Map;
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

    private @Nullable LossComposition composition;
    private Map<LossPair, Long> composed = Map.of();
    private double target;
    private double capacity;

    /** A composition planned for about this delta. */
    LossComposition compositionForDelta(Map<LossPair, Long> pairs, double delta) {
        boolean near = delta <= target * DELTA_REACH && delta * DELTA_REACH >= target;
        LossComposition kept = extended(pairs, near);
        return kept != null ? kept : remember(pairs, delta, growth -> LossPlan.forDelta(pairs, delta, growth));
    }

    /** A composition planned for about this epsilon. */
    LossComposition compositionForEpsilon(Map<LossPair, Long> pairs, double epsilon) {
        boolean near = Math.abs(epsilon - target) <= EPSILON_REACH * target;
        LossComposition kept = extended(pairs, near);
        return kept != null ? kept : remember(pairs, epsilon, growth -> LossPlan.forEpsilon(pairs, epsilon, growth));
    }

    private @Nullable LossComposition extended(Map<LossPair, Long> pairs, boolean near) {
        LossComposition kept = composition;
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

    @FunctionalInterface
    private interface Planning {
        LossPlan plan(double growth);
    }

    private LossComposition remember(Map<LossPair, Long> pairs, double newTarget, Planning planning) {
        double total = total(pairs);
        double ahead = Math.min(MOST_HEADROOM, (total + LEAST_HEADROOM) / total);
        double growth = composition == null ? 1 : Math.max(HEADROOM, ahead);
        LossComposition fresh = new LossComposition(planning.plan(growth), pairs);
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
