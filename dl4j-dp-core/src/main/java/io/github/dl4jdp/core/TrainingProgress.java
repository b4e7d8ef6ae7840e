// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core;

import io.github.dl4jdp.accountant.PrivacyLedger.Head;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * How far a private network has come: what its configuration carries, so that it is stored with the model.
 *
 * @param steps lots released under the current plan
 * @param charges charges made by the current plan: as many, or the passes begun
 * @param head where the ledger stood, or null without one
 * @param clippingNorm the norm in force for the next lot where clipping is adaptive, or null
 * @param history what was charged under the plans before the current one, in their order
 */
record TrainingProgress(
        long steps,
        long charges,
        @Nullable Head head,
        @Nullable Double clippingNorm,
        List<Earlier> history) {
    static final TrainingProgress NONE = new TrainingProgress(0, 0, null, null, List.of());

    /**
     * A plan that another one has followed on.
     *
     * @param plan as it is stored with a model, see {@link PlanCodec}
     * @param charges how often its step was charged
     */
    record Earlier(Map<String, Object> plan, long charges) {
        DpSgdPlan asPlan() {
            return PlanCodec.fromMap(plan);
        }
    }

    TrainingProgress {
        if (steps < 0 || charges < 0) {
            throw new IllegalArgumentException(
                    "steps and charges must be at least 0, were " + steps + " and " + charges);
        }
        if (clippingNorm != null) {
            PlanValues.requirePositive("clippingNorm", clippingNorm);
        }
        history = List.copyOf(history);
    }

    /** The progress of a plan that follows on {@code plan}, under which this network has come so far. */
    TrainingProgress followedOn(DpSgdPlan plan) {
        var longer = new ArrayList<>(history);
        if (charges > 0 || plan.hasEarlierReleases()) {
            longer.add(new Earlier(PlanCodec.mechanism(plan), charges));
        }
        return new TrainingProgress(0, 0, head, null, longer);
    }

    /** The charges made by all plans. */
    long allCharges() {
        return charges + history.stream().mapToLong(Earlier::charges).sum();
    }

    Map<String, Object> toMap() {
        var map = new LinkedHashMap<String, Object>();
        map.put("steps", steps);
        map.put("charges", charges);
        if (head != null) {
            map.put("ledgerLine", head.sequenceNumber());
            map.put("ledgerHash", head.hash());
        }
        if (clippingNorm != null) {
            map.put("clippingNorm", clippingNorm);
        }
        if (!history.isEmpty()) {
            map.put(
                    "history",
                    history.stream()
                            .map(earlier -> Map.of("plan", earlier.plan(), "charges", earlier.charges()))
                            .toList());
        }
        return map;
    }

    /** Reads back {@link #toMap()}; {@code null} and an empty map stand for no progress. */
    static TrainingProgress fromMap(@Nullable Map<String, Object> map) {
        if (map == null || map.isEmpty()) {
            return NONE;
        }
        if (map.get("steps") instanceof Number steps && map.get("charges") instanceof Number charges) {
            var head = map.get("ledgerLine") instanceof Number line && map.get("ledgerHash") instanceof String hash
                    ? new Head(line.longValue(), hash)
                    : null;
            var clippingNorm = map.get("clippingNorm") instanceof Number norm ? norm.doubleValue() : null;
            return new TrainingProgress(steps.longValue(), charges.longValue(), head, clippingNorm, history(map));
        }
        throw new IllegalArgumentException("the stored progress must have steps and charges, has " + map);
    }

    private static List<Earlier> history(Map<String, Object> map) {
        Object stored = map.get("history");
        if (stored == null) {
            return List.of();
        }
        var history = new ArrayList<Earlier>();
        if (stored instanceof List<?> list) {
            for (Object entry : list) {
                if (entry instanceof Map<?, ?> earlier
                        && earlier.get("plan") instanceof Map<?, ?> plan
                        && earlier.get("charges") instanceof Number charges) {
                    var values = new LinkedHashMap<String, Object>();
                    plan.forEach((key, value) -> values.put(String.valueOf(key), value));
                    history.add(new Earlier(values, charges.longValue()));
                }
            }
            if (history.size() == list.size()) {
                return history;
            }
        }
        throw new IllegalArgumentException("the stored history must be a list of plans and charges, was " + stored);
    }
}
