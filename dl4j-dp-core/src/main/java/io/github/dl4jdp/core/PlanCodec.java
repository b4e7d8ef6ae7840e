// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core;

import io.github.dl4jdp.accountant.AccountantKind;
import io.github.dl4jdp.accountant.DpEvent;
import io.github.dl4jdp.accountant.NeighboringRelation;
import io.github.dl4jdp.accountant.PrivacyGuarantee;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalLong;
import java.util.Set;

/** A complete plan as plain values: what is stored with a model, and what the digests of a ledger cover. */
final class PlanCodec {
    private static final Set<String> KNOWN = Set.of(
            "sampling",
            "examples",
            "expectedLotSize",
            "steps",
            "clipping",
            "clippingNorm",
            "clippingNorms",
            "clippingStability",
            "clippingQuantile",
            "clippingLearningRate",
            "clippingCountNoise",
            "noiseMultiplier",
            "noiseStages",
            "earlierReleases",
            "otherReleases",
            "releases",
            "maximumLength",
            "segmentLength",
            "sequenceLength",
            "imageSize",
            "augmentationMultiplicity",
            "delta",
            "accountant",
            "relation",
            "targetEpsilon",
            "seed",
            "ledger");

    private PlanCodec() {}

    /** The plan's values in a fixed order. */
    static Map<String, Object> toMap(DpSgdPlan plan) {
        var map = mechanism(plan);
        plan.ledger().ifPresent(file -> map.put("ledger", file.toString()));
        if (!plan.identifiedReleases().isEmpty()) {
            if (plan.hasOtherEarlierReleases()) {
                map.put("otherReleases", plan.otherEarlierReleases().toJson());
            }
            map.put(
                    "releases",
                    plan.identifiedReleases().entrySet().stream()
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
        map.put("sampling", plan.sampling().name());
        map.put("examples", plan.examples());
        map.put("expectedLotSize", plan.expectedLotSize());
        map.put("steps", plan.steps());
        ClippingCodec.put(plan.clipping(), map);
        map.put("noiseMultiplier", plan.noiseMultiplier());
        if (!plan.noiseSchedule().equals(NoiseSchedule.CONSTANT)) {
            map.put(
                    "noiseStages",
                    plan.noiseSchedule().stages().stream()
                            .map(stage -> List.<Number>of(stage.from(), stage.factor()))
                            .toList());
        }
        if (plan.hasEarlierReleases()) {
            map.put("earlierReleases", plan.earlierReleases().toJson());
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
        if (plan.augmentationMultiplicity() > 1) {
            map.put("augmentationMultiplicity", plan.augmentationMultiplicity());
        }
        map.put("delta", plan.delta());
        map.put("accountant", plan.accountantKind().name());
        map.put("relation", plan.relation().name());
        PrivacyGuarantee target = plan.target();
        if (target != null) {
            map.put("targetEpsilon", target.epsilon());
        }
        OptionalLong seed = plan.seed();
        if (seed.isPresent()) {
            map.put("seed", seed.getAsLong());
        }
        return map;
    }

    /**
     * Reads back {@link #toMap}: the noise multiplier is taken as it was stored, never calibrated anew.
     *
     * @throws IllegalArgumentException if a value is missing or out of its range
     */
    static DpSgdPlan fromMap(Map<String, Object> map) {
        for (String key : map.keySet()) {
            if (!KNOWN.contains(key)) {
                // What is not understood may be a part of the mechanism: another one must not run in its name.
                throw new IllegalArgumentException("the stored plan must be of this version of the library, which does"
                        + " not know its " + key + "; use the version that stored it, or a later one");
            }
        }
        var sampling = Sampling.valueOf(text(map, "sampling"));
        long examples = number(map, "examples").longValue();
        long lotSize = number(map, "expectedLotSize").longValue();
        DpSgdPlan plan =
                switch (sampling) {
                    case POISSON -> DpSgdPlan.poisson(examples, lotSize);
                    case FIXED_SIZE -> DpSgdPlan.fixedSize(examples, lotSize);
                    case OWN_ITERATOR -> DpSgdPlan.ownIterator(examples, lotSize);
                };
        plan = plan.withRelation(NeighboringRelation.valueOf(text(map, "relation")));
        double delta = number(map, "delta").doubleValue();
        plan = plan.withAccountant(AccountantKind.valueOf(text(map, "accountant")))
                .withClipping(ClippingCodec.read(map))
                .withDelta(delta);
        plan = plan.withNoiseSchedule(noiseSchedule(map));
        if (map.containsKey("releases")) {
            plan = withReleases(plan, map);
        } else if (map.containsKey("earlierReleases")) {
            plan = plan.withEarlierReleases(DpEvent.fromJson(text(map, "earlierReleases")));
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
            plan = plan.withImageSize(imageSize(map));
        }
        if (map.containsKey("augmentationMultiplicity")) {
            plan = plan.withAugmentationMultiplicity(
                    number(map, "augmentationMultiplicity").intValue());
        }
        double sigma = number(map, "noiseMultiplier").doubleValue();
        plan = sigma == 0 ? plan.withoutNoise() : plan.withNoiseMultiplier(sigma);
        plan = plan.withSteps(number(map, "steps").longValue());
        if (map.containsKey("seed")) {
            plan = plan.withSeed(number(map, "seed").longValue());
        }
        if (map.containsKey("ledger")) {
            plan = plan.withLedger(Path.of(text(map, "ledger")));
        }
        return map.containsKey("targetEpsilon")
                ? plan.withStoredTarget(
                        new PrivacyGuarantee(number(map, "targetEpsilon").doubleValue(), delta, plan.relation()))
                : plan;
    }

    private static DpSgdPlan withReleases(DpSgdPlan plan, Map<String, Object> map) {
        DpSgdPlan charged = map.containsKey("otherReleases")
                ? plan.withEarlierReleases(DpEvent.fromJson(text(map, "otherReleases")))
                : plan;
        if (!(map.get("releases") instanceof List<?> list)) {
            throw missing(map, "releases");
        }
        for (Object one : list) {
            if (one instanceof List<?> pair
                    && pair.size() == 2
                    && pair.get(0) instanceof String identity
                    && pair.get(1) instanceof String event) {
                charged = charged.withEarlierRelease(identity, DpEvent.fromJson(event));
            } else {
                throw new IllegalArgumentException(
                        "releases must be a list of pairs of identity and event in a stored plan, was " + list);
            }
        }
        return charged;
    }

    private static NoiseSchedule noiseSchedule(Map<String, Object> map) {
        Object stored = map.get("noiseStages");
        if (stored == null) {
            return NoiseSchedule.CONSTANT;
        }
        var stages = new ArrayList<NoiseSchedule.Stage>();
        if (stored instanceof List<?> list) {
            for (Object one : list) {
                if (one instanceof List<?> pair
                        && pair.size() == 2
                        && pair.get(0) instanceof Number from
                        && pair.get(1) instanceof Number factor) {
                    stages.add(new NoiseSchedule.Stage(from.longValue(), factor.doubleValue()));
                }
            }
            if (stages.size() == list.size()) {
                return new NoiseSchedule(stages);
            }
        }
        throw new IllegalArgumentException(
                "noiseStages must be a list of pairs of numbers in a stored plan, was " + stored);
    }

    private static long[] imageSize(Map<String, Object> map) {
        if (map.get("imageSize") instanceof List<?> sizes && sizes.stream().allMatch(Number.class::isInstance)) {
            return sizes.stream().mapToLong(size -> ((Number) size).longValue()).toArray();
        }
        throw missing(map, "imageSize");
    }

    static String text(Map<String, Object> map, String key) {
        if (map.get(key) instanceof String text) {
            return text;
        }
        throw missing(map, key);
    }

    static Number number(Map<String, Object> map, String key) {
        if (map.get(key) instanceof Number number) {
            return number;
        }
        throw missing(map, key);
    }

    private static IllegalArgumentException missing(Map<String, Object> map, String key) {
        return new IllegalArgumentException("the stored plan must have a value for " + key + ", has " + map);
    }
}
