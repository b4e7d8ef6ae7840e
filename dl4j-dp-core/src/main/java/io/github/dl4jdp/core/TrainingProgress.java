// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core;

import io.github.dl4jdp.accountant.PrivacyLedger.Head;
import java.util.LinkedHashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * How far a private network has come: what its configuration carries, so that it is stored with the model.
 *
 * @param steps lots released
 * @param charges charges made by the current plan: as many, or the passes begun
 * @param head where the ledger stood, or null without one
 * @param clippingNorm the norm in force for the next lot where clipping is adaptive, or null
 */
record TrainingProgress(
        long steps,
        long charges,
        @Nullable Head head,
        @Nullable Double clippingNorm) {
    static final TrainingProgress NONE = new TrainingProgress(0, 0, null, null);

    TrainingProgress {
        if (steps < 0 || charges < 0) {
            throw new IllegalArgumentException(
                    "steps and charges must be at least 0, were " + steps + " and " + charges);
        }
        if (clippingNorm != null) {
            PlanValues.requirePositive("clippingNorm", clippingNorm);
        }
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
            return new TrainingProgress(steps.longValue(), charges.longValue(), head, clippingNorm);
        }
        throw new IllegalArgumentException("the stored progress must have steps and charges, has " + map);
    }
}
