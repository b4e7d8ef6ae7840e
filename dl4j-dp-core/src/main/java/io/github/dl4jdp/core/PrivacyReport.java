// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core;

import io.github.dl4jdp.accountant.PrivacyGuarantee;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.OptionalDouble;
import org.nd4j.shade.jackson.core.JsonProcessingException;
import org.nd4j.shade.jackson.databind.ObjectMapper;

/**
 * What a private training run did, what it guarantees and on what assumptions.
 *
 * @param plan what was run
 * @param steps lots released so far
 * @param guarantee the guarantee of what was released
 * @param momentsEpsilon what the moments accountant says, where the plan's accountant is a tighter one
 * @param clippingNorm the clipping norm in force for the next lot
 * @param isPrivate whether there is a guarantee at all: noise, from a secure generator
 * @param layers the layers that trained
 * @param assumptions what the guarantee rests on
 * @param notCovered what is computed from the training data and has no guarantee
 */
public record PrivacyReport(
        DpSgdPlan plan,
        long steps,
        PrivacyGuarantee guarantee,
        OptionalDouble momentsEpsilon,
        double clippingNorm,
        boolean isPrivate,
        List<String> layers,
        List<String> assumptions,
        List<String> notCovered) {

    /** Copies the lists. */
    public PrivacyReport {
        layers = List.copyOf(layers);
        assumptions = List.copyOf(assumptions);
        notCovered = List.copyOf(notCovered);
    }

    static PrivacyReport of(PrivacyEngine engine, List<TrainableLayer> trainable) {
        return new PrivacyReport(
                engine.plan(),
                engine.steps(),
                engine.guarantee(),
                engine.momentsEpsilon(),
                engine.clippingNorm(),
                engine.plan().isPrivate(),
                trainable.stream()
                        .map(layer -> layer.name() + " (" + layer.type() + ", " + layer.length() + " parameters"
                                + (layer.path().equals(TrainableLayer.SLICES) ? ", one example at a time)" : ")"))
                        .toList(),
                assumptions(engine),
                notCovered(engine.plan().sampling()));
    }

    private static List<String> assumptions(PrivacyEngine engine) {
        var assumptions = new ArrayList<String>(List.of(
                "one row of the data set is one person's whole contribution",
                "the initial parameters and the updater's state do not depend on the training data",
                "normalisation and other preprocessing use no statistics of the training data",
                "the number of examples, the expected lot size and the number of steps are public"));
        if (engine.plan().sampling() == Sampling.OWN_ITERATOR) {
            assumptions.add(
                    "the iterator gives each example at most once a pass, in an order that does not depend on the data");
        }
        if (!engine.hasLedger()) {
            assumptions.add(
                    "there is no ledger: nobody went on from an earlier copy of the model, and no step was lost in a crash");
        }
        return assumptions;
    }

    private static List<String> notCovered(Sampling sampling) {
        var notCovered = new ArrayList<String>();
        notCovered.add(
                "the training score and everything else that listeners of others compute from the training data");
        if (sampling == Sampling.POISSON) {
            notCovered.add("the check that the data set has about the plan's size");
        }
        notCovered.add("evaluation on the training data, and choices made by it");
        notCovered.add("running time");
        return notCovered;
    }

    /** The guarantee in one sentence. */
    private String verdict() {
        String values =
                String.format(Locale.ROOT, "epsilon = %.4g, delta = %.3g", guarantee.epsilon(), guarantee.delta());
        if (isPrivate) {
            return "(" + values + ")-differential privacy, " + guarantee.relation() + ", one example";
        }
        return plan.noiseMultiplier() == 0
                ? "NOT PRIVATE: no noise was added"
                : "NOT PRIVATE: the noise comes from a seed (with secret noise: " + values + ", " + guarantee.relation()
                        + ")";
    }

    private String accountant() {
        return plan.accountantKind()
                + (momentsEpsilon.isPresent()
                        ? String.format(
                                Locale.ROOT, " (moments accountant: epsilon = %.4g)", momentsEpsilon.getAsDouble())
                        : ", the moments accountant");
    }

    /** What was run, by name, in a fixed order. */
    private Map<String, String> facts() {
        var facts = new LinkedHashMap<String, String>();
        facts.put("guarantee", verdict());
        facts.put("steps", steps + " of " + plan.steps());
        facts.put(
                "sampling",
                plan.sampling() + ", " + plan.examples() + " examples, expected lot size " + plan.expectedLotSize()
                        + ", probability " + plan.samplingProbability());
        facts.put(
                "clipping norm",
                plan.clipping().describe()
                        + (plan.clipping() instanceof Clipping.Adaptive
                                ? "; now " + clippingNorm + ", a noised release that the guarantee covers"
                                : ""));
        facts.put("noise multiplier", plan.noiseMultiplier() + " (relative to the clipping norm)");
        facts.put("accountant", accountant());
        facts.put("trained layers", String.join(", ", layers));
        return facts;
    }

    /** The report as text. */
    @Override
    public String toString() {
        var lines = new ArrayList<String>();
        lines.add("Privacy report");
        facts().forEach((name, value) -> lines.add(String.format(Locale.ROOT, "  %-18s%s", name, value)));
        lines.add("  assumed");
        assumptions.forEach(item -> lines.add("    - " + item));
        lines.add("  not covered");
        notCovered.forEach(item -> lines.add("    - " + item));
        return String.join(System.lineSeparator(), lines);
    }

    /** The report as Markdown, to go with the model. */
    public String toMarkdown() {
        var lines = new ArrayList<String>();
        lines.add("# Privacy report");
        lines.add("");
        lines.add("| | |");
        lines.add("|---|---|");
        facts().forEach((name, value) -> lines.add("| " + name + " | " + value.replace("|", "\\|") + " |"));
        lines.add("");
        lines.add("## Assumed");
        lines.add("");
        assumptions.forEach(item -> lines.add("- " + item));
        lines.add("");
        lines.add("## Not covered");
        lines.add("");
        notCovered.forEach(item -> lines.add("- " + item));
        return String.join("\n", lines) + "\n";
    }

    /**
     * The report as JSON: {@code private}, {@code epsilon}, {@code delta}, {@code momentsEpsilon} where known, {@code relation}, {@code unit}, {@code steps}, {@code plan},
     * {@code layers}, {@code assumptions}, {@code notCovered}. An infinite epsilon is the string {@code "Infinity"}.
     */
    public String toJson() {
        var json = new LinkedHashMap<String, Object>();
        json.put("private", isPrivate);
        json.put("epsilon", guarantee.epsilon());
        json.put("delta", guarantee.delta());
        momentsEpsilon.ifPresent(epsilon -> json.put("momentsEpsilon", epsilon));
        json.put("relation", guarantee.relation().name());
        json.put("unit", "one example");
        json.put("steps", steps);
        json.put("plan", PlanCodec.toMap(plan));
        json.put("layers", layers);
        json.put("assumptions", assumptions);
        json.put("notCovered", notCovered);
        try {
            return new ObjectMapper().writerWithDefaultPrettyPrinter().writeValueAsString(json);
        } catch (JsonProcessingException e) {
            throw new IllegalStateException("a report of strings and numbers could not be written as JSON", e);
        }
    }
}
