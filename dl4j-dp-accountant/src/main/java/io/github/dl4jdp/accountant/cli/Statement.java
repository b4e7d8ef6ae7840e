// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.accountant.cli;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonGenerator;
import io.github.dl4jdp.accountant.DpEvent;
import io.github.dl4jdp.accountant.DpEvent.Gaussian;
import io.github.dl4jdp.accountant.DpEvent.SelfComposed;
import io.github.dl4jdp.accountant.GroupPrivacy;
import io.github.dl4jdp.accountant.NeighboringRelation;
import io.github.dl4jdp.accountant.PldAccountant;
import io.github.dl4jdp.accountant.PrivacyAccountant;
import io.github.dl4jdp.accountant.RdpAccountant;
import io.github.dl4jdp.accountant.TradeOffCurve;
import java.io.IOException;
import java.io.StringWriter;
import java.util.List;
import java.util.Locale;

/**
 * A privacy statement: what is guaranteed, to whom, under which assumptions, and what is not covered.
 *
 * @see <a href="https://arxiv.org/abs/2303.00654">Ponomareva et al. 2023, How to DP-fy ML, section 5.3</a>
 */
final class Statement {
    private static final double FALSE_POSITIVES = 0.01;

    private static final List<String> ASSUMPTIONS = List.of(
            "Every lot is a Poisson sample: each example takes part in each step independently with the same probability.",
            "Every example's gradient is clipped to a fixed L2 norm, and Gaussian noise with a standard deviation of the"
                    + " noise multiplier times that norm is added to the sum, from a cryptographic generator.",
            "The number of steps, the sampling probability and the clipping norm do not depend on the data.",
            "Initial parameters, pre-training and preprocessing do not depend on the protected data.");

    private static final List<String> NOT_COVERED = List.of(
            "Choosing hyper-parameters, features or a model by looking at the protected data.",
            "Metrics on the protected data that are published beside the model.",
            "Several examples of one person: the unit is one example; the epsilon of a group is larger.",
            "Whoever can see the raw data, the gradients before noise, or the random generator's state.");

    private final double delta;
    private final double noiseMultiplier;
    private final double samplingProbability;
    private final long steps;
    private final long passes;
    private final double tight;
    private final double renyi;
    private final double shuffled;
    private final double pair;
    private final double truePositives;

    Statement(Setting setting) {
        delta = setting.number(Setting.DELTA);
        noiseMultiplier = setting.number(Setting.NOISE_MULTIPLIER);
        samplingProbability = setting.samplingProbability();
        steps = setting.steps();
        passes = setting.passes();
        DpEvent run = setting.event(noiseMultiplier);
        PrivacyAccountant accountant = new PldAccountant().compose(run);
        tight = accountant.epsilon(delta);
        renyi = new RdpAccountant().compose(run).epsilon(delta);
        shuffled = new PldAccountant(NeighboringRelation.ZERO_OUT)
                .compose(new SelfComposed(new Gaussian(noiseMultiplier), passes))
                .epsilon(delta);
        pair = new PldAccountant().compose(GroupPrivacy.event(run, 2)).epsilon(delta);
        truePositives = TradeOffCurve.of(accountant).truePositiveRate(FALSE_POSITIVES);
    }

    private static String number(double value) {
        return QuestionCommand.rounded(value);
    }

    String markdown() {
        return String.format(
                Locale.ROOT,
                """
                # Privacy statement

                The model was trained with DP-SGD: %d steps, each on lots in which an example takes part with probability %s,
                with noise multiplier %s.

                ## Guarantee
                **Epsilon %s at delta %s**, for add-or-remove-one: the trained parameters, and everything else released
                during training, hide whether any one example was in the data.
                * Unit of privacy: one example. For two examples of one person together: epsilon %s.
                * In other words: an attacker who wrongly accuses 1 %% of the absent finds out at most %s %% of the present.
                * Computed with privacy loss distributions (an upper bound); the moments accountant says %s.
                * Setting: central. A trusted party holds the data and trains.

                ## If lots were not Poisson samples
                Where the data were only shuffled, or walked in a fixed order, amplification by sampling does not hold. What
                holds then is **epsilon %s** at delta %s, for zero-out (an example replaced by an empty one), with one noisy
                release per pass over the data, %d passes, each example at most once a pass, in an order that does not depend
                on the data.

                ## Assumptions
                %s
                ## Not covered
                %s""",
                steps,
                samplingProbability,
                noiseMultiplier,
                number(tight),
                delta,
                number(pair),
                number(100 * truePositives),
                number(renyi),
                number(shuffled),
                delta,
                passes,
                list(ASSUMPTIONS),
                list(NOT_COVERED));
    }

    private static String list(List<String> lines) {
        StringBuilder text = new StringBuilder();
        lines.forEach(line -> text.append("* ").append(line).append('\n'));
        return text.toString();
    }

    String json() throws IOException {
        StringWriter text = new StringWriter();
        try (JsonGenerator json = new JsonFactory().createGenerator(text).useDefaultPrettyPrinter()) {
            json.writeStartObject();
            json.writeObjectFieldStart("guarantee");
            epsilon(json, "epsilon", tight);
            json.writeNumberField("delta", delta);
            json.writeStringField("relation", "add-or-remove-one");
            json.writeStringField("unit", "example");
            json.writeStringField("setting", "central");
            json.writeStringField("accountant", "privacy loss distributions");
            epsilon(json, "epsilon_moments_accountant", renyi);
            epsilon(json, "epsilon_two_examples", pair);
            json.writeNumberField("true_positive_rate_at_0.01", truePositives);
            json.writeEndObject();
            json.writeObjectFieldStart("without_poisson_sampling");
            epsilon(json, "epsilon", shuffled);
            json.writeNumberField("delta", delta);
            json.writeStringField("relation", "zero-out");
            json.writeNumberField("passes", passes);
            json.writeEndObject();
            json.writeObjectFieldStart("mechanism");
            json.writeNumberField("sampling_probability", samplingProbability);
            json.writeNumberField("noise_multiplier", noiseMultiplier);
            json.writeNumberField("steps", steps);
            json.writeEndObject();
            array(json, "assumptions", ASSUMPTIONS);
            array(json, "not_covered", NOT_COVERED);
            json.writeEndObject();
        }
        return text.toString();
    }

    private static void epsilon(JsonGenerator json, String name, double value) throws IOException {
        if (value < Double.POSITIVE_INFINITY) {
            json.writeNumberField(name, value);
        } else {
            json.writeStringField(name, "infinity");
        }
    }

    private static void array(JsonGenerator json, String name, List<String> lines) throws IOException {
        json.writeArrayFieldStart(name);
        for (String line : lines) {
            json.writeString(line);
        }
        json.writeEndArray();
    }
}
