// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.accountant.cli;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonGenerator;
import io.github.dl4jdp.accountant.AccountantKind;
import io.github.dl4jdp.accountant.DpEvent;
import io.github.dl4jdp.accountant.NeighboringRelation;
import io.github.dl4jdp.accountant.PrivacyAccountant;
import io.github.dl4jdp.accountant.TradeOffCurve;
import java.io.IOException;
import java.io.StringWriter;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.OptionalDouble;
import java.util.function.Supplier;

/**
 * A privacy statement: what is guaranteed, to whom, under which assumptions, and what is not covered.
 *
 * @see <a href="https://arxiv.org/abs/2303.00654">Ponomareva et al. 2023, How to DP-fy ML, section 5.3</a>
 */
final class Statement {
    private static final double FALSE_POSITIVES = 0.01;
    /** The usual advice is a delta well below 1 / examples: here, a tenth of it. */
    private static final double WELL_BELOW = 0.1;

    private static final String SEVERAL_EXAMPLES =
            "Several examples of one person: the unit is one example; the epsilon of a group is larger.";

    private static final List<String> NOT_COVERED = List.of(
            "Choosing hyper-parameters, features or a model by looking at the protected data.",
            "Metrics on the protected data that are published beside the model.",
            SEVERAL_EXAMPLES,
            "An adversary who can see the raw data, the gradients before noise, or the random generator's state.");

    private final Setting setting;
    private final AccountantKind kind;
    private final NeighboringRelation relation;
    private final double delta;
    private final double epsilon;
    private final OptionalDouble other;
    private final Map<Integer, OptionalDouble> groups = new LinkedHashMap<>();
    private final OptionalDouble shuffled;
    private final double truePositives;
    private final Grade grade;
    private final List<String> warnings = new ArrayList<>();

    Statement(Setting setting) {
        this.setting = setting;
        kind = setting.accountantKind();
        relation = setting.relation();
        delta = setting.number(Parameter.DELTA);
        if (setting.has(Parameter.CLIPPING_NORM)) {
            setting.positive(Parameter.CLIPPING_NORM);
        }
        DpEvent all = setting.event();
        PrivacyAccountant accountant = setting.accountant().compose(all);
        epsilon = accountant.epsilon(delta);
        other = epsilon(otherKind(), () -> all);
        setting.groups().forEach(size -> groups.put(size, epsilon(kind, () -> setting.eventForGroup(size))));
        shuffled = ofSamples()
                ? epsilonUnderZeroOut(setting.with(Map.of(Parameter.RELATION, NeighboringRelation.ZERO_OUT)))
                : OptionalDouble.empty();
        truePositives = TradeOffCurve.of(accountant).truePositiveRate(FALSE_POSITIVES);
        double share = setting.has(Parameter.EXAMPLES) ? 1.0 / setting.examples() : 1;
        grade = Grade.of(epsilon, delta, share, truePositives, relation);
        grade.warning().ifPresent(warnings::add);
        if (!setting.has(Parameter.EXAMPLES)) {
            warnings.add(
                    "the number of examples was not given; delta is meaningful only if it is well below 1 / examples");
        } else if (delta < share && delta > WELL_BELOW * share) {
            warnings.add("delta is below 1 / examples = " + Setting.significant(share)
                    + ", but not well below it, a tenth or less");
        }
    }

    private AccountantKind otherKind() {
        return kind == AccountantKind.PLD ? AccountantKind.RDP : AccountantKind.PLD;
    }

    /** Whether privacy is amplified by coins of every example, which shuffled data are not. */
    private boolean ofSamples() {
        return !setting.isOfEvent()
                && !setting.hasEarlier()
                && !setting.has(Parameter.CORRELATED_NOISE)
                && (setting.sampling() == LotSampling.POISSON || setting.sampling() == LotSampling.RANDOM_ALLOCATION);
    }

    private OptionalDouble epsilonUnderZeroOut(Setting withoutSampling) {
        return OptionalDouble.of(withoutSampling
                .accountant()
                .compose(withoutSampling.withoutSampling())
                .epsilon(delta));
    }

    /** Nothing where no bound is known. */
    private OptionalDouble epsilon(AccountantKind by, Supplier<DpEvent> event) {
        try {
            return OptionalDouble.of(by.create(relation).compose(event.get()).epsilon(delta));
        } catch (IllegalArgumentException e) {
            return OptionalDouble.empty();
        }
    }

    Grade grade() {
        return grade;
    }

    private static String number(double value) {
        return QuestionCommand.rounded(value);
    }

    private static String number(OptionalDouble value) {
        return value.isPresent() ? number(value.getAsDouble()) : "not known";
    }

    private static String name(AccountantKind kind) {
        return kind == AccountantKind.PLD ? "privacy loss distributions" : "moments accountant";
    }

    private static String withArticle(AccountantKind kind) {
        return (kind == AccountantKind.RDP ? "the " : "") + name(kind);
    }

    /** A text about examples, in the words of the unit. */
    private String worded(String text) {
        return setting.isOfExamples()
                ? text
                : text.replace("examples", "units")
                        .replace("an example", "one " + setting.unit())
                        .replace("example", setting.unit());
    }

    private List<String> notCovered() {
        return NOT_COVERED.stream()
                .map(line -> line.equals(SEVERAL_EXAMPLES) && !setting.isOfExamples()
                        ? "A " + setting.unit()
                                + " whose rows are counted as those of several. Neighbors differ in one with all rows: data that differ in one row alone are two steps apart, as for two of them together."
                        : line)
                .toList();
    }

    private String mechanism() {
        if (setting.isOfEvent()) {
            return "Accounted releases: " + setting.releases() + ".";
        }
        StringBuilder text = new StringBuilder("The model was trained with DP-SGD: ");
        if (setting.sampling() == LotSampling.GIVEN_BATCHES) {
            text.append(setting.passes()).append(" passes over the data in given batches");
        } else if (setting.sampling() == LotSampling.RANDOM_ALLOCATION) {
            text.append(setting.steps())
                    .append(" steps in ")
                    .append(setting.passes())
                    .append(" passes over the data, each of ")
                    .append(Setting.text(setting.number(Parameter.LOTS_PER_PASS)))
                    .append(" lots, of which an example takes part in exactly one, drawn at random");
        } else {
            text.append(setting.steps())
                    .append(" steps, each on lots in which an example takes part with probability ")
                    .append(setting.samplingProbability());
            if (setting.has(Parameter.CORRELATED_NOISE)) {
                text.append(" on average: in turn, of as many parts of the data as there are bands");
            }
        }
        if (setting.has(Parameter.EXAMPLES)) {
            text.append(", of ").append(setting.examples()).append(" examples");
        }
        if (setting.has(Parameter.LOT_SIZE)) {
            text.append(setting.sampling() == LotSampling.POISSON ? ", expected lot size " : ", lot size ")
                    .append(Setting.text(setting.number(Parameter.LOT_SIZE)));
        }
        text.append(", with noise multiplier ").append(setting.number(Parameter.NOISE_MULTIPLIER));
        optional(text, Parameter.CORRELATED_NOISE, " of the draws of correlated noise, ");
        optional(text, Parameter.PARTICIPATIONS, ", most lots of an example ");
        optional(text, Parameter.SEPARATION, ", least number of lots to the next of an example ");
        optional(text, Parameter.NOISE_SCHEDULE, " times ");
        optional(text, Parameter.CLIPPING_NORM, ", clipping norm ");
        optional(text, Parameter.COUNT_NOISE, ", noise of the count ");
        optional(text, Parameter.RELEASES_PER_LOT, ", releases per lot ");
        return text.append('.').toString();
    }

    private void optional(StringBuilder text, Parameter parameter, String before) {
        Object value = setting.values().get(parameter);
        if (value != null) {
            text.append(before).append(Setting.text(value));
        }
    }

    private List<String> assumptionsInWords() {
        return assumptions().stream().map(this::worded).toList();
    }

    private List<String> assumptions() {
        if (setting.isOfEvent()) {
            return List.of(
                    "It contains everything that was released about the data, with the stated noise, from a cryptographic"
                            + " generator.",
                    "The kind, number and noise of the releases do not depend on the data.",
                    "Initial parameters, pre-training and preprocessing do not depend on the protected data.");
        }
        boolean isCorrelated = setting.has(Parameter.CORRELATED_NOISE);
        return List.of(
                switch (setting.sampling()) {
                    case POISSON ->
                        isCorrelated
                                ? "Every lot is a Poisson sample of one part of the data, each part in its turn, and the number of examples"
                                        + " is public."
                                : "Every lot is a Poisson sample: each example takes part in each step independently with the same"
                                        + " probability.";
                    case RANDOM_ALLOCATION ->
                        "In every pass, each example takes part in exactly one lot, drawn uniformly and independently of all other"
                                + " examples and passes.";
                    case FIXED_SIZE ->
                        "Every lot is drawn uniformly among all sets of its size, independently for each step, and the number of"
                                + " examples is public.";
                    case GIVEN_BATCHES ->
                        "Each example occurs at most once in a pass, in an order that does not depend on the data, and the"
                                + " number of examples is public."
                                + (isCorrelated
                                        ? " From a lot of an example to its next one there are as many lots as stated, or as in passes"
                                                + " of the same order."
                                        : "");
                },
                (setting.has(Parameter.COUNT_NOISE)
                                ? "Every example's gradient is clipped to an L2 norm that follows from noised counts"
                                : "Every example's gradient is clipped to a fixed L2 norm")
                        + ", and Gaussian noise with a standard deviation of the"
                        + " noise multiplier times that norm is added to the sum, from a cryptographic generator.",
                "The number of steps, the sampling probability and the clipping norm do not depend on the data.",
                "Initial parameters, pre-training and preprocessing do not depend on the protected data.");
    }

    String markdown() {
        StringBuilder text = new StringBuilder("# Privacy statement\n\n" + worded(mechanism()) + "\n");
        if (setting.hasEarlier()) {
            text.append("Other releases about the same data are included.\n");
        }
        warnings.forEach(warning -> text.append("\n> **Warning**: " + warning + "\n"));
        text.append(String.format(
                Locale.ROOT,
                """

                ## Guarantee
                **Epsilon %s at delta %s**, for %s, which means: two data sets are neighbors if %s.
                %s
                * Unit of privacy: one %s.
                """,
                number(epsilon),
                delta,
                Parameter.text(relation),
                relation.description(setting.unit()),
                worded(grade.sentence()),
                setting.isOfExamples() ? setting.unit() : setting.unit() + " with all rows"));
        groups.forEach((size, of) -> text.append("* For " + (size == 2 ? "two" : size)
                + (setting.isOfExamples()
                        ? " examples of one person together"
                        : " units together, each one " + setting.unit())
                + ": epsilon "
                + (of.isPresent() ? number(of) : "not bounded by this accountant") + ".\n"));
        text.append(String.format(
                Locale.ROOT,
                """
                * In other words: at a false-positive rate of 1 %%, an attacker detects at most %s %% of the members (the %s in the data).
                * Computed with %s (an upper bound); by %s it is %s.
                * Setting: central. A trusted party holds the data and trains.
                * Computed by dl4j-dp-accountant, version %s.
                """,
                number(100 * truePositives),
                worded("examples"),
                withArticle(kind),
                withArticle(otherKind()),
                number(other),
                AccountantCommand.Version.number()));
        shuffled.ifPresent(value -> text.append(worded(String.format(
                Locale.ROOT,
                """

                ## If lots were not %s
                Where the data were only shuffled, or walked in a fixed order, amplification by sampling does not hold. What
                holds then is **epsilon %s** at delta %s, for zero-out (an example replaced by an empty one), with one noisy
                release per pass over the data, %d passes, each example at most once a pass, in an order that does not depend
                on the data.
                """,
                setting.sampling() == LotSampling.POISSON ? "Poisson samples" : "drawn by random allocation",
                number(value),
                delta,
                setting.passes()))));
        list(text.append("\n## Assumptions\n"), assumptionsInWords());
        list(text.append("\n## Not covered\n"), notCovered());
        return text.toString();
    }

    private static void list(StringBuilder text, List<String> lines) {
        lines.forEach(line -> text.append("* ").append(line).append('\n'));
    }

    String json() throws IOException {
        StringWriter text = new StringWriter();
        try (JsonGenerator json = new JsonFactory().createGenerator(text).useDefaultPrettyPrinter()) {
            json.writeStartObject();
            json.writeStringField("version", AccountantCommand.Version.number());
            json.writeObjectFieldStart("guarantee");
            epsilon(json, "epsilon", OptionalDouble.of(epsilon));
            json.writeNumberField("delta", delta);
            json.writeStringField("relation", Parameter.text(relation));
            json.writeStringField(
                    "relation_in_words", "two data sets are neighbors if " + relation.description(setting.unit()));
            json.writeStringField("unit", setting.unit());
            json.writeStringField("setting", "central");
            json.writeStringField("accountant", name(kind));
            json.writeStringField("grade", Parameter.text(grade.level()));
            json.writeStringField("in_words", worded(grade.sentence().replace("**", "")));
            epsilon(
                    json,
                    otherKind() == AccountantKind.RDP
                            ? "epsilon_moments_accountant"
                            : "epsilon_privacy_loss_distributions",
                    other);
            OptionalDouble pair = groups.get(2);
            if (pair != null) {
                epsilon(json, "epsilon_two_examples", pair);
            }
            json.writeArrayFieldStart("groups");
            for (Map.Entry<Integer, OptionalDouble> group : groups.entrySet()) {
                json.writeStartObject();
                json.writeNumberField("examples", group.getKey());
                epsilon(json, "epsilon", group.getValue());
                json.writeEndObject();
            }
            json.writeEndArray();
            json.writeNumberField("true_positive_rate_at_0.01", truePositives);
            json.writeEndObject();
            array(json, "warnings", warnings);
            if (shuffled.isPresent()) {
                json.writeObjectFieldStart(
                        setting.sampling() == LotSampling.POISSON
                                ? "without_poisson_sampling"
                                : "without_random_allocation");
                epsilon(json, "epsilon", shuffled);
                json.writeNumberField("delta", delta);
                json.writeStringField("relation", "zero-out");
                json.writeNumberField("passes", setting.passes());
                json.writeEndObject();
            }
            mechanism(json);
            array(json, "assumptions", assumptionsInWords());
            array(json, "not_covered", notCovered());
            json.writeEndObject();
        }
        return text.toString();
    }

    private void mechanism(JsonGenerator json) throws IOException {
        json.writeObjectFieldStart("mechanism");
        if (setting.isOfEvent()) {
            json.writeStringField("releases", setting.releases());
        } else {
            json.writeStringField("sampling", Parameter.text(setting.sampling()));
            if (setting.sampling() == LotSampling.GIVEN_BATCHES) {
                json.writeNumberField("passes", setting.passes());
            } else if (setting.sampling() == LotSampling.RANDOM_ALLOCATION) {
                json.writeNumberField("passes", setting.passes());
                json.writeNumberField("lots_per_pass", setting.number(Parameter.LOTS_PER_PASS));
                json.writeNumberField("steps", setting.steps());
            } else {
                json.writeNumberField("sampling_probability", setting.samplingProbability());
                json.writeNumberField("steps", setting.steps());
            }
            json.writeNumberField("noise_multiplier", setting.number(Parameter.NOISE_MULTIPLIER));
        }
        for (Parameter parameter : List.of(
                Parameter.EXAMPLES,
                Parameter.LOT_SIZE,
                Parameter.CLIPPING_NORM,
                Parameter.COUNT_NOISE,
                Parameter.RELEASES_PER_LOT,
                Parameter.PARTICIPATIONS,
                Parameter.SEPARATION)) {
            if (setting.has(parameter)) {
                json.writeFieldName(parameter.column());
                json.writeNumber(Setting.text(setting.number(parameter)));
            }
        }
        for (Parameter parameter : List.of(Parameter.NOISE_SCHEDULE, Parameter.CORRELATED_NOISE)) {
            Object value = setting.values().get(parameter);
            if (value != null) {
                json.writeStringField(parameter.column(), Setting.text(value));
            }
        }
        json.writeEndObject();
    }

    private static void epsilon(JsonGenerator json, String name, OptionalDouble value) throws IOException {
        if (value.isEmpty()) {
            json.writeStringField(name, "not known");
        } else if (value.getAsDouble() < Double.POSITIVE_INFINITY) {
            json.writeNumberField(name, value.getAsDouble());
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
