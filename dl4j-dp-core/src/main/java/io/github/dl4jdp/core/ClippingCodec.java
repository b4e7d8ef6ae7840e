// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core;

import java.util.List;
import java.util.Map;

/** A kind of clipping as plain values of a stored plan. Flat clipping is its norm alone, as in the first plans that were stored. */
final class ClippingCodec {
    private static final String KIND = "clipping";
    private static final String NORM = "clippingNorm";
    private static final String NORMS = "clippingNorms";
    private static final String STABILITY = "clippingStability";
    private static final String QUANTILE = "clippingQuantile";
    private static final String LEARNING_RATE = "clippingLearningRate";
    private static final String COUNT_NOISE = "clippingCountNoise";

    private ClippingCodec() {}

    static void put(Clipping clipping, Map<String, Object> map) {
        map.put(NORM, clipping.norm());
        if (clipping instanceof Clipping.PerLayer perLayer) {
            map.put(KIND, "PER_LAYER");
            map.put(NORMS, perLayer.norms());
        } else if (clipping instanceof Clipping.Automatic automatic) {
            map.put(KIND, "AUTOMATIC");
            map.put(STABILITY, automatic.stability());
        } else if (clipping instanceof Clipping.Adaptive adaptive) {
            map.put(KIND, "ADAPTIVE");
            map.put(QUANTILE, adaptive.quantile());
            map.put(LEARNING_RATE, adaptive.learningRate());
            map.put(COUNT_NOISE, adaptive.requireCountNoise());
        }
    }

    /**
     * Reads back {@link #put}.
     *
     * @throws IllegalArgumentException if a value is missing or out of its range, or the kind is unknown
     */
    static Clipping read(Map<String, Object> map) {
        double norm = PlanCodec.number(map, NORM).doubleValue();
        if (!map.containsKey(KIND)) {
            return Clipping.flat(norm);
        }
        String kind = PlanCodec.text(map, KIND);
        return switch (kind) {
            case "PER_LAYER" -> new Clipping.PerLayer(norm, norms(map));
            case "AUTOMATIC" ->
                new Clipping.Automatic(norm, PlanCodec.number(map, STABILITY).doubleValue());
            case "ADAPTIVE" ->
                new Clipping.Adaptive(
                        norm,
                        PlanCodec.number(map, QUANTILE).doubleValue(),
                        PlanCodec.number(map, LEARNING_RATE).doubleValue(),
                        PlanCodec.number(map, COUNT_NOISE).doubleValue());
            default ->
                throw new IllegalArgumentException(
                        "clipping must be PER_LAYER, AUTOMATIC or ADAPTIVE in a stored plan, was " + kind);
        };
    }

    private static List<Double> norms(Map<String, Object> map) {
        if (map.get(NORMS) instanceof List<?> list && list.stream().allMatch(Number.class::isInstance)) {
            return list.stream().map(one -> ((Number) one).doubleValue()).toList();
        }
        throw new IllegalArgumentException(
                NORMS + " must be a list of numbers in a stored plan, was " + map.get(NORMS));
    }
}
