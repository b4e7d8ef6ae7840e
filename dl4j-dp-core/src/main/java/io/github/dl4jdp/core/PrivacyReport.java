// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core;

import io.github.dl4jdp.accountant.PrivacyGuarantee;
import java.util.List;
import java.util.Locale;
import java.util.stream.Collectors;

/**
 * What a private training run did, what it guarantees and on what assumptions.
 *
 * @param plan what was run
 * @param steps lots released so far
 * @param guarantee the guarantee of what was released
 * @param isPrivate whether there is a guarantee at all: noise, from a secure generator
 * @param layers the layers that trained
 * @param assumptions what the guarantee rests on
 * @param notCovered what is computed from the training data and has no guarantee
 */
public record PrivacyReport(
        DpSgdPlan plan,
        long steps,
        PrivacyGuarantee guarantee,
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
                engine.plan().isPrivate(),
                trainable.stream()
                        .map(layer -> layer.name() + " (" + layer.type() + ", " + layer.length() + " parameters)")
                        .toList(),
                List.of(
                        "one row of the data set is one person's whole contribution",
                        "the initial parameters and the updater's state do not depend on the training data",
                        "normalisation and other preprocessing use no statistics of the training data",
                        "the number of examples, the expected lot size and the number of steps are public"),
                List.of(
                        "the training score and everything else that listeners of others compute from the training data",
                        "the check that the data set has about the plan's size",
                        "evaluation on the training data, and choices made by it",
                        "running time"));
    }

    /** The report as text. */
    @Override
    public String toString() {
        String verdict = isPrivate
                ? String.format(
                        Locale.ROOT,
                        "(epsilon = %.4g, delta = %.3g)-differential privacy, %s, one example",
                        guarantee.epsilon(),
                        guarantee.delta(),
                        guarantee.relation())
                : plan.noiseMultiplier() == 0
                        ? "NOT PRIVATE: no noise was added"
                        : String.format(
                                Locale.ROOT,
                                "NOT PRIVATE: the noise comes from a seed (with secret noise: epsilon = %.4g, delta = %.3g, %s)",
                                guarantee.epsilon(),
                                guarantee.delta(),
                                guarantee.relation());
        return String.join(
                System.lineSeparator(),
                "Privacy report",
                "  guarantee         " + verdict,
                "  steps             " + steps + " of " + plan.steps(),
                "  sampling          " + plan.sampling() + ", " + plan.examples() + " examples, expected lot size "
                        + plan.expectedLotSize() + ", probability " + plan.samplingProbability(),
                "  clipping norm     " + plan.clippingNorm() + " (flat, L2)",
                "  noise multiplier  " + plan.noiseMultiplier() + " (relative to the clipping norm)",
                "  accountant        " + plan.accountantKind(),
                "  trained layers    " + String.join(", ", layers),
                "  assumed",
                bullets(assumptions),
                "  not covered",
                bullets(notCovered));
    }

    private static String bullets(List<String> items) {
        return items.stream().map(item -> "    - " + item).collect(Collectors.joining(System.lineSeparator()));
    }
}
