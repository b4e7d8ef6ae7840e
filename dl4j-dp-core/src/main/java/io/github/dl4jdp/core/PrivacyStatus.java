// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core;

import io.github.dl4jdp.accountant.NeighboringRelation;
import io.github.dl4jdp.accountant.RoundedBounds;
import io.github.dl4jdp.core.mechanism.PrivacyUnit;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalDouble;
import org.nd4j.shade.jackson.core.JsonProcessingException;
import org.nd4j.shade.jackson.databind.ObjectMapper;

/**
 * Where a private run stands after a lot.
 *
 * <p>All but {@link #clippedFraction} is covered by the guarantee: it depends on the plan, on the number of steps and on what was released.
 */
public final class PrivacyStatus {
    private static final List<String> NAMES = List.of(
            "steps",
            "remaining_steps",
            "epsilon",
            "delta",
            "relation",
            "moments_epsilon",
            "budget",
            "projected_epsilon",
            "noise_to_signal",
            "clipped_fraction_outside_the_guarantee");

    private final long steps;
    private final long remainingSteps;
    private final double epsilon;
    private final double delta;
    private final NeighboringRelation relation;
    private final String unit;
    private final OptionalDouble momentsEpsilon;
    private final OptionalDouble budget;
    private final double projectedEpsilon;
    private final OptionalDouble noiseToSignal;
    private final OptionalDouble clippedFraction;

    PrivacyStatus(
            long steps,
            long remainingSteps,
            double epsilon,
            double delta,
            NeighboringRelation relation,
            String unit,
            OptionalDouble momentsEpsilon,
            OptionalDouble budget,
            double projectedEpsilon,
            OptionalDouble noiseToSignal,
            OptionalDouble clippedFraction) {
        this.steps = steps;
        this.remainingSteps = remainingSteps;
        this.epsilon = epsilon;
        this.delta = delta;
        this.relation = relation;
        this.unit = unit;
        this.momentsEpsilon = momentsEpsilon;
        this.budget = budget;
        this.projectedEpsilon = projectedEpsilon;
        this.noiseToSignal = noiseToSignal;
        this.clippedFraction = clippedFraction;
    }

    /** Lots released so far. */
    public long steps() {
        return steps;
    }

    /** Lots that the plan still allows. */
    public long remainingSteps() {
        return remainingSteps;
    }

    /** Privacy spent so far, at {@link #delta} and under {@link #relation}; infinite without noise. */
    public double epsilon() {
        return epsilon;
    }

    /** The plan's delta. */
    public double delta() {
        return delta;
    }

    /** The neighboring relation, between data sets that differ in one unit. */
    public NeighboringRelation relation() {
        return relation;
    }

    /** The unit of privacy: "example", or the plan's word for the owner of rows. */
    public String unit() {
        return unit;
    }

    /** The moments accountant's epsilon, where the plan's accountant is a tighter one. */
    public OptionalDouble momentsEpsilon() {
        return momentsEpsilon;
    }

    /** The epsilon that the plan was calibrated to, if it was. */
    public OptionalDouble budget() {
        return budget;
    }

    /** The epsilon of everything once the plan is at its end, what was charged before it included. */
    public double projectedEpsilon() {
        return projectedEpsilon;
    }

    /** Length of the noise against the length of the clipped sum, estimated from the noised sums: one over the root of the running average of {@code ||released||^2 / (d s^2) - 1}; infinite where the signal cannot be distinguished from the noise, absent where there is no noise. */
    public OptionalDouble noiseToSignal() {
        return noiseToSignal;
    }

    /** The share of the lot's examples that were clipped, if it was asked for: private data, <b>outside the guarantee</b>. */
    public OptionalDouble clippedFraction() {
        return clippedFraction;
    }

    private boolean isOfExamples() {
        return unit.equals(PrivacyUnit.EXAMPLE.name());
    }

    /** The names of {@link #values()}, in their order. */
    public static List<String> names() {
        return NAMES;
    }

    /** The values by name, the relation with the unit if that is not the example: numbers, strings, {@code "Infinity"} for an infinite number and the empty string for an unknown one. */
    public Map<String, Object> values() {
        List<Object> values = List.of(
                steps,
                remainingSteps,
                number(epsilon),
                delta,
                isOfExamples() ? relation.name() : relation + " of one " + unit,
                number(momentsEpsilon.orElse(Double.NaN)),
                number(budget.orElse(Double.NaN)),
                number(projectedEpsilon),
                number(noiseToSignal.orElse(Double.NaN)),
                number(clippedFraction.orElse(Double.NaN)));
        var named = new LinkedHashMap<String, Object>();
        for (int i = 0; i < values.size(); i++) {
            named.put(NAMES.get(i), values.get(i));
        }
        return named;
    }

    private static Object number(double value) {
        if (Double.isNaN(value)) {
            return "";
        }
        return Double.isInfinite(value) ? "Infinity" : (Object) value;
    }

    /** {@link #values()} as one line of JSON, unknown values being {@code null}. */
    public String toJson() {
        var json = new LinkedHashMap<String, Object>();
        values().forEach((name, value) -> json.put(name, "".equals(value) ? null : value));
        try {
            return new ObjectMapper().writeValueAsString(json);
        } catch (JsonProcessingException e) {
            throw new IllegalStateException("numbers and strings could not be written as JSON", e);
        }
    }

    /** The status as one line of a log, with bounds rounded upwards. */
    @Override
    public String toString() {
        return "step " + steps + ": epsilon = " + RoundedBounds.upper(epsilon, 4) + " (delta = "
                + RoundedBounds.upper(delta, 3)
                + (isOfExamples() ? "" : ", one " + unit)
                + (momentsEpsilon.isPresent()
                        ? "; moments accountant: " + RoundedBounds.upper(momentsEpsilon.getAsDouble(), 4) + ")"
                        : ")");
    }
}
