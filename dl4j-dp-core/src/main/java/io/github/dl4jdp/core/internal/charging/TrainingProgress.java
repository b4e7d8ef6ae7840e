// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core.internal.charging;

import io.github.dl4jdp.accountant.PrivacyLedger.Head;
import io.github.dl4jdp.core.internal.Require;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/**
 * How far a private network has come: what its configuration carries, so that it is stored with the model.
 *
 * @param steps lots released under the current plan
 * @param charges charges made by the current plan: as many, or the passes begun
 * @param head where the ledger stood, or null without one
 * @param clippingNorm the norm in force for the next lot where clipping is adaptive, or null
 * @param run the account's sessions under the current plan: the charges are theirs
 * @param account everything that went into the parameters, under this plan and any other
 * @param shapes of the run's examples, see {@code ExampleShapes}
 */
public record TrainingProgress(
        long steps,
        long charges,
        @Nullable Head head,
        @Nullable Double clippingNorm,
        List<String> run,
        PrivacyAccount account,
        Map<String, List<Long>> shapes) {
    public static final TrainingProgress NONE =
            new TrainingProgress(0, 0, null, null, List.of(), PrivacyAccount.EMPTY, Map.of());

    public TrainingProgress {
        if (steps < 0 || charges < 0) {
            throw new IllegalArgumentException(
                    "steps and charges must be at least 0, were " + steps + " and " + charges);
        }
        if (clippingNorm != null) {
            Require.positive("clippingNorm", clippingNorm);
        }
        run = List.copyOf(run);
        shapes = Collections.unmodifiableMap(new TreeMap<>(shapes));
    }

    /** The progress of a plan that follows on another, under which this network has come so far. */
    public TrainingProgress followedOn() {
        return new TrainingProgress(0, 0, head, null, List.of(), account, Map.of());
    }

    /** The same progress with another account. */
    public TrainingProgress with(PrivacyAccount other) {
        return new TrainingProgress(steps, charges, head, clippingNorm, run, other, shapes);
    }

    public Map<String, Object> toMap() {
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
        if (!run.isEmpty()) {
            map.put("run", run);
        }
        map.put("account", account.toMap());
        if (!shapes.isEmpty()) {
            map.put("shapes", shapes);
        }
        return map;
    }

    /** The head among stored values, or null. */
    public static @Nullable Head head(Map<String, Object> map) {
        return map.get("ledgerLine") instanceof Number line && map.get("ledgerHash") instanceof String hash
                ? new Head(line.longValue(), hash)
                : null;
    }

    private static Map<String, List<Long>> shapes(@Nullable Object stored) {
        var shapes = new TreeMap<String, List<Long>>();
        if (stored instanceof Map<?, ?> map) {
            map.forEach((name, sizes) -> shapes.put(
                    String.valueOf(name),
                    sizes instanceof List<?> list
                            ? list.stream()
                                    .map(size -> Long.valueOf(String.valueOf(size)))
                                    .toList()
                            : List.of()));
        }
        return shapes;
    }

    /** Reads back {@link #toMap()}; {@code null} and an empty map stand for no progress. */
    public static TrainingProgress fromMap(@Nullable Map<String, Object> map) {
        if (map == null || map.isEmpty()) {
            return NONE;
        }
        if (map.get("steps") instanceof Number steps && map.get("charges") instanceof Number charges) {
            var clippingNorm = map.get("clippingNorm") instanceof Number norm ? norm.doubleValue() : null;
            List<String> run = map.get("run") instanceof List<?> list
                    ? list.stream().map(String::valueOf).toList()
                    : List.of();
            return new TrainingProgress(
                    steps.longValue(),
                    charges.longValue(),
                    head(map),
                    clippingNorm,
                    run,
                    PrivacyAccount.fromMap(map.get("account")),
                    shapes(map.get("shapes")));
        }
        throw new IllegalArgumentException("the stored progress must have steps and charges, has " + map);
    }
}
