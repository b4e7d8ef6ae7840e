// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core;

import io.github.dl4jdp.accountant.DpEvent;
import io.github.dl4jdp.accountant.NeighboringRelation;
import io.github.dl4jdp.accountant.PrivacyGuarantee;
import io.github.dl4jdp.accountant.PrivacyLedger.Head;
import io.github.dl4jdp.accountant.RoundedBounds;
import io.github.dl4jdp.accountant.TradeOffCurve;
import io.github.dl4jdp.core.internal.charging.Spending;
import io.github.dl4jdp.core.internal.plan.ExampleShape;
import io.github.dl4jdp.core.internal.plan.Truncation;
import io.github.dl4jdp.core.mechanism.Clipping;
import io.github.dl4jdp.core.mechanism.NoiseSchedule;
import io.github.dl4jdp.core.mechanism.Sampling;
import io.github.dl4jdp.core.mechanism.TrainableLayer;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Path;
import java.time.LocalDate;
import java.time.ZoneOffset;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.Properties;
import org.deeplearning4j.nn.multilayer.MultiLayerNetwork;
import org.nd4j.evaluation.IEvaluation;
import org.nd4j.evaluation.classification.Evaluation;
import org.nd4j.shade.jackson.core.JsonProcessingException;
import org.nd4j.shade.jackson.databind.ObjectMapper;
import org.nd4j.shade.jackson.databind.util.RawValue;

/** What a private training run did, what it guarantees and on what assumptions. */
public final class PrivacyReport {
    private final DpSgdPlan plan;
    private final RunState run;
    private final Map<String, String> versions;
    private final Map<String, String> names;
    private final Map<String, String> evaluation;

    /** Of the search that selected the run, in words; empty if none did. */
    private final String search;

    PrivacyReport(DpSgdPlan plan, RunState run) {
        this(plan, run, "");
    }

    /** A report on the best run of a search. */
    PrivacyReport(DpSgdPlan plan, RunState run, String search) {
        this(
                plan,
                run,
                runningVersions(),
                Map.of("date", LocalDate.now(ZoneOffset.UTC).toString()),
                Map.of(),
                search);
    }

    private PrivacyReport(
            DpSgdPlan plan,
            RunState run,
            Map<String, String> versions,
            Map<String, String> names,
            Map<String, String> evaluation,
            String search) {
        this.plan = plan;
        this.run = run;
        this.search = search;
        this.versions = versions;
        this.names = Collections.unmodifiableMap(names);
        this.evaluation = Collections.unmodifiableMap(evaluation);
    }

    /** What was run. */
    public DpSgdPlan plan() {
        return plan;
    }

    /** Lots released so far. */
    public long steps() {
        return run.steps();
    }

    /** The guarantee of what was released. */
    public PrivacyGuarantee guarantee() {
        return new PrivacyGuarantee(run.epsilon(), plan.delta(), plan.relation());
    }

    /** The moments accountant's epsilon, where the plan's accountant is a tighter one. */
    public OptionalDouble momentsEpsilon() {
        return run.momentsEpsilon();
    }

    /** What was charged under other plans before this one; the guarantee includes it. */
    public List<String> history() {
        return run.history();
    }

    /** What was forgotten by {@link PrivacyEngine#forget} or {@link PrivacyEngine#forgetUnprotected}, and why; the guarantee does not include it. */
    public List<String> forgotten() {
        return run.account().forgottenInWords();
    }

    /** Whether there is a guarantee at all: noise from a secure generator, and no past that leaves none. */
    public boolean isPrivate() {
        return plan.isPrivate() && run.epsilon() < Double.POSITIVE_INFINITY;
    }

    /** Everything released so far, as the accountant composes it. */
    public DpEvent spent() {
        return run.spent();
    }

    /** The last line of the ledger, if there is one. */
    public Optional<Head> ledger() {
        return run.ledger();
    }

    /** The layers that trained, and how their per-example gradients are computed. */
    public List<String> layers() {
        return run.layers().stream()
                .map(layer -> layer.name() + " (" + layer.type() + ", " + layer.length() + " parameters"
                        + (layer.path().equals(TrainableLayer.SLICES) ? ", one example at a time)" : ")"))
                .toList();
    }

    /** What {@link #withEvaluation} was given. */
    public Map<String, String> evaluation() {
        return evaluation;
    }

    /** What the guarantee rests on. */
    public List<String> assumptions() {
        var assumptions = new ArrayList<String>(List.of(
                unitAssumption(),
                "the initial parameters and the updater's state do not depend on the training data",
                "normalization and other preprocessing use no statistics of the training data",
                sizeAssumption()));
        if (!search.isEmpty()) {
            assumptions.add(
                    "nothing about the other runs of the search is disclosed, neither their number nor their scores, logs or running time");
            assumptions.add("the candidates and the score were chosen without looking at the training data");
        }
        if (plan.sampling() == Sampling.GIVEN_BATCHES) {
            assumptions.add(
                    "the iterator gives each example at most once a pass, in an order that does not depend on the data");
        }
        if (plan.sampling() == Sampling.GIVEN_BATCHES && plan.isSinglePass()) {
            assumptions.add("the stream gives each example once, and no other iterator gives it again");
        } else if (plan.sampling() == Sampling.GIVEN_BATCHES) {
            plan.correlation()
                    .filter(one -> plan.epochs() > 1)
                    .ifPresent(
                            one -> assumptions.add("the order of the examples is such that from a lot of an example to"
                                    + " its next one there are at least " + one.separation()
                                    + " lots, as it is where every pass has the same order"));
        }
        if (plan.mechanism().restsOnOrder()) {
            assumptions.add(
                    "the data are the same in the same order whenever lots are drawn from them, in a resumed run too:"
                            + " the place of an example decides "
                            + (plan.sampling() == Sampling.RANDOM_ALLOCATION
                                    ? "which lot of a pass it is in"
                                    : "which lots it may be in")
                            + "; of data that it reads itself, an engine compares the number and some examples before every lot");
        }
        if (run.remainingSteps() > 0) {
            assumptions.add(
                    "the number of lots was not chosen by looking at training results such as a score; if it was, the epsilon of"
                            + " the whole plan applies");
        }
        if (plan.truncation() != null) {
            assumptions.add("the maximum length of a sequence is public");
        }
        if (run.shapesMatter()) {
            assumptions.add(
                    "the shape of an example (time steps, height and width) is public and was not derived from the training data,"
                            + " for instance from the longest training sequence");
        }
        if (run.augments()) {
            assumptions.add(
                    "augmentation makes the copies of an example from that example and randomness alone, and preprocessing"
                            + " keeps their order");
        }
        assumptions.addAll(run.assumptions());
        if (!run.hasLedger()) {
            assumptions.add(
                    "there is no ledger: no step was lost in a crash, and none was taken by another copy of the model");
        }
        return assumptions;
    }

    private String unitAssumption() {
        return plan.privacyUnit().isGroup()
                ? "all rows of one " + plan.unit() + " have the same id, and a row is about no other " + plan.unit()
                : "one row of the data set is one person's whole contribution";
    }

    /** What the relation takes the number of examples for. */
    private String sizeAssumption() {
        String others = "the expected lot size and the number of steps are public";
        return switch (plan.relation()) {
            case ADD_OR_REMOVE_ONE ->
                "the number of " + units() + ", " + plan.examples()
                        + ", is a constant that was known without counting the training data; if it is their exact count, the"
                        + " guarantee is the same for ZERO_OUT instead; " + others;
            case ZERO_OUT, REPLACE_ONE ->
                "the number of " + units() + ", " + plan.examples()
                        + ", may be the exact count of the training data: it is public, and the guarantee does not hide it; "
                        + others;
        };
    }

    /**
     * The points of a review after NIST SP 800-226, in a fixed order: each answered for this run, or declared outside of what the library can know. docs/sp800-226.md explains them.
     */
    public Map<String, String> review() {
        return ReviewPoints.of(this);
    }

    /** Several of the unit, in words. */
    private String units() {
        return plan.privacyUnit().plural();
    }

    /** What is computed from the training data and has no guarantee. */
    public List<String> notCovered() {
        var notCovered = new ArrayList<String>();
        notCovered.add("the training score and anything third-party listeners compute from the training data");
        if (plan.relation() == NeighboringRelation.ADD_OR_REMOVE_ONE) {
            notCovered.add("the data set size check");
        }
        notCovered.add("evaluation on the training data, and choices based on it");
        notCovered.add("running time");
        return notCovered;
    }

    /** The guarantee in one sentence. */
    String verdict() {
        String values = "epsilon = " + RoundedBounds.upper(guarantee().epsilon(), 4) + ", delta = "
                + RoundedBounds.upper(guarantee().delta(), 3);
        if (isPrivate()) {
            return "(" + values + ")-differential privacy, " + guarantee().relation() + ", one " + plan.unit();
        }
        if (plan.noiseMultiplier() == 0) {
            return "NOT PRIVATE: no noise was added";
        }
        if (plan.seed().isPresent()) {
            return "NOT PRIVATE: the noise comes from a seed; epsilon is infinite";
        }
        return "NOT PRIVATE: epsilon is infinite"
                + (run.account().notPrivate().isEmpty()
                        ? ""
                        : ", because of the network's past: "
                                + String.join("; ", run.account().notPrivate()));
    }

    private String accountant() {
        return plan.accountantKind()
                + (momentsEpsilon().isPresent()
                        ? " (moments accountant: epsilon = "
                                + RoundedBounds.upper(momentsEpsilon().getAsDouble(), 4) + ")"
                        : ", the moments accountant");
    }

    /** What was run, by name, in a fixed order. */
    Map<String, String> facts() {
        var facts = new LinkedHashMap<String, String>();
        facts.putAll(names);
        facts.put("guarantee", verdict());
        facts.put("neighbors", "two data sets, where " + guarantee().relation().description(plan.unit()));
        facts.put("steps", steps() + " of " + plan.steps());
        if (!search.isEmpty()) {
            facts.put("search", search);
        } else if (isPrivate()) {
            facts.put(
                    "whole plan",
                    "epsilon = " + RoundedBounds.upper(run.epsilonAtEnd(), 4) + " after all steps"
                            + (history().isEmpty() ? "" : ", with what was charged before"));
        }
        if (!history().isEmpty()) {
            facts.put("before this plan", String.join("; ", history()));
        }
        if (!forgotten().isEmpty()) {
            facts.put("FORGOTTEN", String.join("; ", forgotten()) + "; NOT in epsilon");
        }
        facts.put(
                "sampling",
                plan.sampling() + ", " + plan.examples() + " " + units() + ", expected lot size "
                        + plan.expectedLotSize()
                        + (plan.sampling() == Sampling.RANDOM_ALLOCATION
                                ? ", each in one of the " + plan.mechanism().lotsPerPass() + " lots of every pass"
                                : ", probability " + plan.samplingProbability()));
        if (plan.privacyUnit().isGroup()) {
            facts.put("unit of privacy", plan.privacyUnit().describe());
        }
        facts.put(
                "clipping norm",
                plan.clipping().describe()
                        + (plan.clipping() instanceof Clipping.Adaptive
                                ? "; now " + run.clippingNorm() + ", a noised value that the guarantee covers"
                                : ""));
        facts.put(
                "noise multiplier",
                plan.noiseMultiplier() + " (relative to the clipping norm)"
                        + (plan.noiseSchedule().equals(NoiseSchedule.CONSTANT)
                                ? ""
                                : ", times " + plan.noiseSchedule().describe()));
        plan.correlation()
                .ifPresent(
                        one -> facts.put(
                                "correlated noise",
                                one.describe() + "; the noise multiplier is that of the draws which noise is mixed from"
                                        + (run.noiseBegan() == 0
                                                ? ""
                                                : "; it began anew after " + run.noiseBegan()
                                                        + " lots, since no noise was kept from before, and both parts are included in epsilon")));
        if (!plan.exampleShape().equals(ExampleShape.NONE)) {
            facts.put("shape of an example", plan.exampleShape().describe());
        }
        Truncation truncation = plan.truncation();
        if (truncation != null) {
            facts.put(
                    "backpropagation",
                    "truncated, " + truncation.describe() + ": " + truncation.segments()
                            + " noised sums a lot, all included in the lot's charge");
        }
        if (plan.augmentationMultiplicity() > 1) {
            facts.put(
                    "augmentation",
                    plan.augmentationMultiplicity() + " copies of each example, averaged before clipping");
        }
        if (!plan.others().isEmpty()) {
            facts.put("other releases", plan.otherReleases() + ", included in epsilon");
        }
        facts.put("accountant", accountant());
        facts.put(
                "randomness",
                plan.seed().isPresent() ? "a seed (for tests only, not private)" : "cryptographic generator");
        facts.put(
                "ledger",
                ledger().map(line -> "line " + line.sequenceNumber() + ", SHA-256 " + line.hash()
                                + plan.ledgerKey()
                                        .map(key -> ", signed by the key of SHA-256 " + key.fingerprint())
                                        .orElse(""))
                        .orElse("none"));
        facts.put("trained layers", String.join(", ", layers()));
        versions.forEach(facts::put);
        return facts;
    }

    /** The first line of every form. */
    String title() {
        return ledger().isPresent()
                ? "Privacy report"
                : "Privacy report. NO LEDGER: steps lost in a crash, or taken by another copy of this model, are not counted";
    }

    /** What the guarantee means for a person whose data are in the training set, and for an attacker. */
    List<String> plainWords() {
        if (!isPrivate()) {
            return List.of("This run gives no privacy guarantee: " + verdict() + ".");
        }
        var words = new ArrayList<String>();
        words.add(String.format(
                Locale.ROOT,
                "Two data sets are neighbors if %s. For any two neighbors, every outcome of the training is at most %s times"
                        + " as likely with one as with the other (e to the power of epsilon), except with probability %s.",
                guarantee().relation().description(plan.unit()),
                // Math.exp may be one unit in the last place too small.
                RoundedBounds.upper(Math.nextUp(Math.exp(guarantee().epsilon())), 4),
                RoundedBounds.upper(guarantee().delta(), 3)));
        words.add(String.format(
                Locale.ROOT,
                "An attacker who knows all other %1$s and sees every model of the run detects, at a false-positive rate of"
                        + " 1 %%, at most %2$s %% of the members (%1$s that were in the training data).",
                units(),
                RoundedBounds.upperPercent(tradeOff().truePositiveRate(0.01), 3)));
        words.add(
                plan.privacyUnit().isGroup()
                        ? "The guarantee protects one " + plan.unit() + " with all rows, however many they are."
                        : "The guarantee protects one example. It is weaker for a person with several examples.");
        return words;
    }

    /** What an attacker faces: the largest true positive rate at every false positive rate. */
    public TradeOffCurve tradeOff() {
        return TradeOffCurve.of(plan.newAccountant().compose(spent()));
    }

    /**
     * The same report with the quality of the model, for instance {@code report.withEvaluation("test set", net.evaluate(test))}.
     *
     * @param data what the model was evaluated on; the guarantee does not cover what is computed from the training data
     * @param results an {@code Evaluation}: its accuracy and F1 are shown; of other kinds, their statistics
     */
    public PrivacyReport withEvaluation(String data, IEvaluation<?> results) {
        var named = new LinkedHashMap<>(evaluation);
        if (results instanceof Evaluation classification) {
            named.put("accuracy, " + data, String.format(Locale.ROOT, "%.4f", classification.accuracy()));
            named.put("F1, " + data, String.format(Locale.ROOT, "%.4f", classification.f1()));
        } else {
            named.put("evaluation, " + data, results.stats().strip());
        }
        return new PrivacyReport(plan, run, versions, names, named, search);
    }

    /**
     * The same report with names for the reader who files it.
     *
     * @param model of the model, for instance {@code "credit risk 2026-11"}
     * @param data of the training data; a name that is not private
     */
    public PrivacyReport named(String model, String data) {
        var named = new LinkedHashMap<String, String>();
        named.put("model", Objects.requireNonNull(model, "model"));
        named.put("training data", Objects.requireNonNull(data, "data"));
        named.putAll(names);
        return new PrivacyReport(plan, run, versions, named, evaluation, search);
    }

    private static Map<String, String> runningVersions() {
        var versions = new LinkedHashMap<String, String>();
        versions.put("dl4j-dp", Spending.libraryVersion());
        versions.put("DL4J", dl4jVersion());
        versions.put("Java", Runtime.version().toString());
        return versions;
    }

    /** DL4J's manifest does not say; the properties that Maven puts in its jar do. */
    private static String dl4jVersion() {
        var properties = new Properties();
        try (InputStream stream = MultiLayerNetwork.class.getResourceAsStream(
                "/META-INF/maven/org.deeplearning4j/deeplearning4j-nn/pom.properties")) {
            if (stream != null) {
                properties.load(stream);
            }
        } catch (IOException e) {
            return "unknown: " + e.getMessage();
        }
        return properties.getProperty("version", "unknown");
    }

    /** The report as text. */
    @Override
    public String toString() {
        return ReportText.plain(this);
    }

    /** The report as Markdown, to go with the model. */
    public String toMarkdown() {
        return ReportText.markdown(this);
    }

    /** The report as one HTML page with pictures, which loads nothing from elsewhere. */
    public String toHtml() {
        return ReportHtml.of(this);
    }

    /**
     * The report as JSON: {@code title}, {@code names} (date, and what {@link #named} was given), {@code private}, {@code epsilon}, {@code delta}, {@code relation}, {@code unit}, {@code steps}, {@code
     * plan}, {@code history}, {@code forgotten}, {@code notPrivate}, {@code spent} (the event), {@code ledger} (hash of its last line or null), {@code truePositiveRates} by false positive rate, {@code layers},
     * {@code versions}, {@code evaluation}, {@code plainWords}, {@code assumptions}, {@code notCovered}, {@code review} (answers by point). An infinite epsilon is the string {@code
     * "Infinity"}.
     */
    public String toJson() {
        var json = new LinkedHashMap<String, Object>();
        json.put("title", title());
        json.put("names", names);
        json.put("private", isPrivate());
        json.put("epsilon", guarantee().epsilon());
        json.put("delta", guarantee().delta());
        momentsEpsilon().ifPresent(epsilon -> json.put("momentsEpsilon", epsilon));
        json.put("relation", guarantee().relation().name());
        json.put("unit", "one " + plan.unit());
        json.put("steps", steps());
        json.put("plan", planWithoutPaths());
        json.put("ledger", ledger().map(Head::hash).orElse(null));
        plan.ledgerKey().ifPresent(key -> json.put("ledgerKey", key.fingerprint()));
        json.put("spent", new RawValue(spent().toJson()));
        json.put("truePositiveRates", isPrivate() ? truePositiveRates() : Map.of());
        json.put("history", history());
        json.put("forgotten", forgotten());
        json.put("notPrivate", run.account().notPrivate());
        json.put("layers", layers());
        json.put("versions", versions);
        json.put("evaluation", evaluation);
        json.put("plainWords", plainWords());
        json.put("assumptions", assumptions());
        json.put("notCovered", notCovered());
        json.put("review", review());
        try {
            return new ObjectMapper().writerWithDefaultPrettyPrinter().writeValueAsString(json);
        } catch (JsonProcessingException e) {
            throw new IllegalStateException("a report of strings and numbers could not be written as JSON", e);
        }
    }

    /** A report goes to readers who need not know where the server keeps its files. */
    private Map<String, Object> planWithoutPaths() {
        var values = new LinkedHashMap<>(PlanJson.toMap(plan));
        values.computeIfPresent(
                "ledger", (key, path) -> String.valueOf(Path.of((String) path).getFileName()));
        return values;
    }

    /** The largest true positive rates at the false positive rates that are usually asked for. */
    Map<String, Double> truePositiveRates() {
        TradeOffCurve curve = tradeOff();
        var rates = new LinkedHashMap<String, Double>();
        for (double falsePositives : List.of(0.001, 0.01, 0.05, 0.1)) {
            rates.put(String.valueOf(falsePositives), curve.truePositiveRate(falsePositives));
        }
        return rates;
    }
}
