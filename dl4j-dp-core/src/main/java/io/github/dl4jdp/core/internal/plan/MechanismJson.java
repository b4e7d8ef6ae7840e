// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core.internal.plan;

import io.github.dl4jdp.accountant.CorrelatedNoise;
import io.github.dl4jdp.accountant.NeighboringRelation;
import io.github.dl4jdp.core.mechanism.Clipping;
import io.github.dl4jdp.core.mechanism.Correlation;
import io.github.dl4jdp.core.mechanism.Mechanism;
import io.github.dl4jdp.core.mechanism.NoiseSchedule;
import io.github.dl4jdp.core.mechanism.PrivacyUnit;
import io.github.dl4jdp.core.mechanism.Sampling;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.Set;

/** A mechanism as plain values: what is stored with a model, and what the digests of a ledger cover. */
public final class MechanismJson {
    /** The names of all values. */
    public static final Set<String> KEYS = Set.of(
            "sampling",
            "examples",
            "expectedLotSize",
            "maximumLotSize",
            "lotsPerPass",
            "relation",
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
            "releasesPerLot",
            "augmentationMultiplicity",
            "correlatedNoise",
            "separation",
            "unit",
            "maximumRows",
            "seed");

    private MechanismJson() {}

    /** Adds the values of a mechanism, in a fixed order. */
    public static void put(Mechanism mechanism, Map<String, Object> map) {
        map.put("sampling", mechanism.sampling().name());
        map.put("examples", mechanism.examples());
        map.put("expectedLotSize", mechanism.lotSize());
        if (mechanism.maximumLotSize() < mechanism.examples()) {
            map.put("maximumLotSize", mechanism.maximumLotSize());
        }
        if (mechanism.lotsPerPass() > 0) {
            map.put("lotsPerPass", mechanism.lotsPerPass());
        }
        map.put("relation", mechanism.relation().name());
        map.put("steps", mechanism.steps());
        putClipping(mechanism.clipping(), map);
        map.put("noiseMultiplier", mechanism.noiseMultiplier());
        if (!mechanism.noiseSchedule().equals(NoiseSchedule.CONSTANT)) {
            map.put(
                    "noiseStages",
                    mechanism.noiseSchedule().stages().stream()
                            .map(stage -> List.<Number>of(stage.from(), stage.factor()))
                            .toList());
        }
        if (mechanism.releasesPerLot() > 1) {
            map.put("releasesPerLot", mechanism.releasesPerLot());
        }
        if (mechanism.copies() > 1) {
            map.put("augmentationMultiplicity", mechanism.copies());
        }
        mechanism.correlation().ifPresent(one -> {
            map.put("correlatedNoise", one.noise().code());
            map.put("separation", one.separation());
        });
        if (mechanism.unit().isGroup()) {
            map.put("unit", mechanism.unit().name());
            map.put("maximumRows", mechanism.unit().maximumRows());
        }
        mechanism.seed().ifPresent(seed -> map.put("seed", seed));
    }

    private static void putClipping(Clipping clipping, Map<String, Object> map) {
        map.put("clippingNorm", clipping.norm());
        if (clipping instanceof Clipping.PerLayer perLayer) {
            map.put("clipping", "PER_LAYER");
            map.put("clippingNorms", perLayer.norms());
        } else if (clipping instanceof Clipping.Automatic automatic) {
            map.put("clipping", "AUTOMATIC");
            map.put("clippingStability", automatic.stability());
        } else if (clipping instanceof Clipping.Adaptive adaptive) {
            map.put("clipping", "ADAPTIVE");
            map.put("clippingQuantile", adaptive.quantile());
            map.put("clippingLearningRate", adaptive.learningRate());
            map.put("clippingCountNoise", adaptive.requireCountNoise());
        }
    }

    /**
     * Reads back {@link #put}; other values are left alone. The noise multiplier is taken as it was stored, never calibrated anew.
     *
     * @throws IllegalArgumentException if a value is missing or out of its range
     */
    public static Mechanism read(Map<String, Object> map) {
        return new Mechanism(
                Sampling.valueOf(text(map, "sampling")),
                number(map, "examples").longValue(),
                number(map, "expectedLotSize").longValue(),
                number(map, map.containsKey("maximumLotSize") ? "maximumLotSize" : "examples")
                        .longValue(),
                map.containsKey("lotsPerPass") ? number(map, "lotsPerPass").longValue() : 0,
                NeighboringRelation.valueOf(text(map, "relation")),
                clipping(map),
                number(map, "noiseMultiplier").doubleValue(),
                noiseSchedule(map),
                map.containsKey("releasesPerLot")
                        ? number(map, "releasesPerLot").longValue()
                        : 1,
                map.containsKey("augmentationMultiplicity")
                        ? number(map, "augmentationMultiplicity").intValue()
                        : 1,
                map.containsKey("unit") || map.containsKey("maximumRows")
                        ? new PrivacyUnit(
                                text(map, "unit"), number(map, "maximumRows").intValue())
                        : PrivacyUnit.EXAMPLE,
                number(map, "steps").longValue(),
                correlation(map),
                map.containsKey("seed") ? OptionalLong.of(number(map, "seed").longValue()) : OptionalLong.empty());
    }

    private static Optional<Correlation> correlation(Map<String, Object> map) {
        return map.containsKey("correlatedNoise")
                ? Optional.of(new Correlation(
                        CorrelatedNoise.parse(text(map, "correlatedNoise")),
                        number(map, "separation").longValue()))
                : Optional.empty();
    }

    private static Clipping clipping(Map<String, Object> map) {
        double norm = number(map, "clippingNorm").doubleValue();
        if (!map.containsKey("clipping")) {
            return Clipping.flat(norm);
        }
        String kind = text(map, "clipping");
        return switch (kind) {
            case "PER_LAYER" ->
                new Clipping.PerLayer(
                        norm,
                        numbers(map, "clippingNorms").stream()
                                .map(Number::doubleValue)
                                .toList());
            case "AUTOMATIC" ->
                new Clipping.Automatic(norm, number(map, "clippingStability").doubleValue());
            case "ADAPTIVE" ->
                new Clipping.Adaptive(
                        norm,
                        number(map, "clippingQuantile").doubleValue(),
                        number(map, "clippingLearningRate").doubleValue(),
                        number(map, "clippingCountNoise").doubleValue());
            default ->
                throw new IllegalArgumentException(
                        "clipping must be PER_LAYER, AUTOMATIC or ADAPTIVE in a stored plan, was " + kind);
        };
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

    /** A stored text. */
    public static String text(Map<String, Object> map, String key) {
        if (map.get(key) instanceof String text) {
            return text;
        }
        throw missing(map, key);
    }

    /** A stored number. */
    public static Number number(Map<String, Object> map, String key) {
        if (map.get(key) instanceof Number number) {
            return number;
        }
        throw missing(map, key);
    }

    /** Stored numbers. */
    public static List<Number> numbers(Map<String, Object> map, String key) {
        if (map.get(key) instanceof List<?> list && list.stream().allMatch(Number.class::isInstance)) {
            return list.stream().map(Number.class::cast).toList();
        }
        throw missing(map, key);
    }

    private static IllegalArgumentException missing(Map<String, Object> map, String key) {
        return new IllegalArgumentException("the stored plan must have a value for " + key + ", has " + map);
    }
}
