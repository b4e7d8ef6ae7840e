// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core;

import static io.github.dl4jdp.core.internal.plan.MechanismJson.number;
import static io.github.dl4jdp.core.internal.plan.MechanismJson.numbers;
import static io.github.dl4jdp.core.internal.plan.MechanismJson.text;

import io.github.dl4jdp.accountant.AccountantKind;
import io.github.dl4jdp.accountant.DpEvent;
import io.github.dl4jdp.core.internal.plan.MechanismJson;
import io.github.dl4jdp.core.internal.plan.OtherReleases;
import io.github.dl4jdp.core.internal.plan.Truncation;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/** A complete plan as plain values: what is stored with a model, and what the digests of a ledger cover. */
public final class PlanJson {
    private static final Set<String> KEYS = Set.of(
            "earlierReleases",
            "otherReleases",
            "releases",
            "maximumLength",
            "segmentLength",
            "sequenceLength",
            "imageSize",
            "singlePass",
            "delta",
            "accountant",
            "targetEpsilon",
            "ledger",
            "keptNoise");

    private PlanJson() {}

    /** The plan's values in a fixed order. */
    static Map<String, Object> toMap(DpSgdPlan plan) {
        var map = mechanism(plan);
        plan.ledger().ifPresent(file -> map.put("ledger", file.toString()));
        plan.keptNoise().ifPresent(file -> map.put("keptNoise", file.toString()));
        OtherReleases others = plan.others();
        if (!others.identified().isEmpty()) {
            if (others.hasUnnamed()) {
                map.put("otherReleases", others.unnamed().toJson());
            }
            map.put(
                    "releases",
                    others.identified().entrySet().stream()
                            .map(one -> List.of(one.getKey(), one.getValue().toJson()))
                            .toList());
        }
        return map;
    }

    /**
     * All of the plan but where its ledger lies and which releases those are that it was charged with: what decides on what is released. A script that runs again
     * and releases the same anew has the same mechanism.
     */
    static Map<String, Object> mechanism(DpSgdPlan plan) {
        plan.requireComplete();
        var map = new LinkedHashMap<String, Object>();
        MechanismJson.put(plan.mechanism(), map);
        if (!plan.others().isEmpty()) {
            map.put("earlierReleases", plan.others().all().toJson());
        }
        Truncation truncation = plan.truncation();
        if (truncation != null) {
            map.put("maximumLength", truncation.maximumLength());
            map.put("segmentLength", truncation.segmentLength());
        }
        if (plan.exampleShape().sequenceLength() > 0) {
            map.put("sequenceLength", plan.exampleShape().sequenceLength());
        }
        if (!plan.exampleShape().imageSize().isEmpty()) {
            map.put("imageSize", plan.exampleShape().imageSize());
        }
        if (plan.isSinglePass()) {
            map.put("singlePass", true);
        }
        map.put("delta", plan.delta());
        map.put("accountant", plan.accountantKind().name());
        plan.target().ifPresent(target -> map.put("targetEpsilon", target.epsilon()));
        return map;
    }

    /**
     * Reads back {@link #toMap}: the noise multiplier is taken as it was stored, never calibrated anew.
     *
     * @throws IllegalArgumentException if a value is missing or out of its range
     */
    static DpSgdPlan fromMap(Map<String, Object> map) {
        for (String key : map.keySet()) {
            if (!KEYS.contains(key) && !MechanismJson.KEYS.contains(key)) {
                // What is not understood may be a part of the mechanism: another one must not run in its name.
                throw new IllegalArgumentException("the stored plan must be of this version of the library, which does"
                        + " not know its " + key + "; use the version that stored it, or a later one");
            }
        }
        DpSgdPlan plan = DpSgdPlan.of(MechanismJson.read(map), Boolean.TRUE.equals(map.get("singlePass")))
                .withDelta(number(map, "delta").doubleValue())
                .withAccountant(AccountantKind.valueOf(text(map, "accountant")));
        if (map.containsKey("releases")) {
            plan = withReleases(plan, map);
        } else if (map.containsKey("earlierReleases")) {
            plan = plan.withOtherReleases(DpEvent.fromJson(text(map, "earlierReleases")));
        }
        if (map.containsKey("maximumLength") || map.containsKey("segmentLength")) {
            plan = plan.withTruncatedBackprop(
                    number(map, "maximumLength").longValue(),
                    number(map, "segmentLength").longValue());
        }
        if (map.containsKey("sequenceLength")) {
            plan = plan.withSequenceLength(number(map, "sequenceLength").longValue());
        }
        if (map.containsKey("imageSize")) {
            plan = plan.withImageSize(numbers(map, "imageSize").stream()
                    .mapToLong(Number::longValue)
                    .toArray());
        }
        if (map.containsKey("ledger")) {
            plan = plan.withLedger(Path.of(text(map, "ledger")));
        }
        if (map.containsKey("keptNoise")) {
            plan = plan.withNoiseKeptIn(Path.of(text(map, "keptNoise")));
        }
        return map.containsKey("targetEpsilon")
                ? plan.withStoredTarget(number(map, "targetEpsilon").doubleValue())
                : plan;
    }

    private static DpSgdPlan withReleases(DpSgdPlan plan, Map<String, Object> map) {
        DpSgdPlan charged = map.containsKey("otherReleases")
                ? plan.withOtherReleases(DpEvent.fromJson(text(map, "otherReleases")))
                : plan;
        if (map.get("releases") instanceof List<?> list) {
            for (Object one : list) {
                if (!(one instanceof List<?> pair
                        && pair.size() == 2
                        && pair.get(0) instanceof String identity
                        && pair.get(1) instanceof String event)) {
                    throw new IllegalArgumentException(
                            "releases must be a list of pairs of identity and event in a stored plan, was " + list);
                }
                charged = charged.withOtherRelease(identity, DpEvent.fromJson(event));
            }
            return charged;
        }
        throw new IllegalArgumentException("the stored plan must have a list of releases, has " + map);
    }
}
