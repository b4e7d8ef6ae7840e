// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.accountant.cli;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.dl4jdp.accountant.AccountantKind;
import io.github.dl4jdp.accountant.CorrelatedNoise;
import io.github.dl4jdp.accountant.CorrelationMatrix;
import io.github.dl4jdp.accountant.DpEvent;
import io.github.dl4jdp.accountant.DpEvent.Composed;
import io.github.dl4jdp.accountant.DpEvent.Gaussian;
import io.github.dl4jdp.accountant.DpEvent.NoOp;
import io.github.dl4jdp.accountant.DpEvent.PoissonSampled;
import io.github.dl4jdp.accountant.DpEvent.RandomAllocation;
import io.github.dl4jdp.accountant.DpEvent.SampledWithoutReplacement;
import io.github.dl4jdp.accountant.DpEvent.SelfComposed;
import io.github.dl4jdp.accountant.GroupPrivacy;
import io.github.dl4jdp.accountant.NeighboringRelation;
import io.github.dl4jdp.accountant.PrivacyLedger;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.assertj.core.data.Percentage;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * Every pair of options, on top of every kind of question: an answer is that of the library for an event that is built here from the same words, or there is one line of error. An option that does not
 * fit into what is asked is never just ignored.
 */
class OptionPairsTest {
    private static final String DELTA = "1e-5";

    /** Poisson samples of one example, which may share noise. */
    private static final DpEvent POISSON = new SelfComposed(new PoissonSampled(0.01, new Gaussian(2)), 50);

    private static final DpEvent PLAIN = new Gaussian(6);

    /** What {@link #expected} cannot say must be refused. */
    private static final class NoSuchQuestion extends RuntimeException {
        private static final long serialVersionUID = 1;
    }

    @TempDir
    @SuppressWarnings("NullAway.Init") // JUnit sets it
    Path folder;

    private final Map<Parameter, List<String>> values = new EnumMap<>(Parameter.class);

    @BeforeEach
    void prepare() {
        String ledger = ledger("plain.ledger", POISSON, POISSON);
        String cyclic = ledger("cyclic.ledger", POISSON, new NoOp());
        values.put(Parameter.SAMPLING_PROBABILITY, List.of("0.02"));
        values.put(Parameter.STEPS, List.of("40", "7"));
        values.put(Parameter.EXAMPLES, List.of("1000"));
        values.put(Parameter.LOT_SIZE, List.of("20"));
        values.put(Parameter.LOTS_PER_PASS, List.of("10"));
        values.put(Parameter.EPOCHS, List.of("2", "0.5"));
        values.put(Parameter.SAMPLING, List.of("poisson", "fixed-size", "random-allocation", "given-batches"));
        values.put(Parameter.RELATION, List.of("add-or-remove-one", "zero-out", "replace-one"));
        values.put(Parameter.UNIT, List.of("patient"));
        values.put(Parameter.NOISE_MULTIPLIER, List.of("3"));
        values.put(Parameter.NOISE_SCHEDULE, List.of("1:1.5,3:1"));
        values.put(Parameter.COUNT_NOISE, List.of("4"));
        values.put(Parameter.RELEASES_PER_LOT, List.of("3"));
        values.put(Parameter.CORRELATED_NOISE, List.of("band-mf:4", "lambda-cgd:0.9"));
        values.put(Parameter.PARTICIPATIONS, List.of("2"));
        values.put(Parameter.SEPARATION, List.of("5"));
        values.put(Parameter.GROUP_SIZE, List.of("1", "3"));
        values.put(Parameter.ACCOUNTANT, List.of("rdp", "pld"));
        values.put(Parameter.EVENT, List.of(PLAIN.toJson(), POISSON.toJson()));
        values.put(Parameter.LEDGER, List.of(ledger, cyclic));
        values.put(Parameter.EARLIER_RELEASES, List.of(PLAIN.toJson(), POISSON.toJson()));
        values.put(Parameter.EARLIER_LEDGER, List.of(ledger, cyclic));
    }

    private String ledger(String name, DpEvent first, DpEvent second) {
        Path file = folder.resolve(name);
        try (PrivacyLedger ledger = PrivacyLedger.open(
                file, new PrivacyLedger.Terms("plan", "network", "1", NeighboringRelation.ZERO_OUT, first))) {
            ledger.charge(first, 1);
            ledger.charge(second, 1);
        }
        return file.toString();
    }

    /** Complete questions of every kind. */
    private List<Map<Parameter, String>> questions() {
        String ledger = folder.resolve("plain.ledger").toString();
        return List.of(
                Map.of(Parameter.SAMPLING_PROBABILITY, "0.02", Parameter.STEPS, "40", Parameter.NOISE_MULTIPLIER, "3"),
                with(Map.of(), Parameter.LOT_SIZE, "20", Parameter.EPOCHS, "2"),
                with(Map.of(Parameter.SAMPLING, "fixed-size"), Parameter.LOT_SIZE, "20", Parameter.STEPS, "40"),
                with(Map.of(Parameter.SAMPLING, "given-batches"), Parameter.LOT_SIZE, "20", Parameter.EPOCHS, "2"),
                with(
                        Map.of(Parameter.SAMPLING, "given-batches", Parameter.CORRELATED_NOISE, "band-mf:4"),
                        Parameter.LOT_SIZE,
                        "20",
                        Parameter.EPOCHS,
                        "2"),
                with(Map.of(Parameter.CORRELATED_NOISE, "band-mf:4"), Parameter.LOT_SIZE, "20", Parameter.STEPS, "40"),
                Map.of(
                        Parameter.SAMPLING,
                        "random-allocation",
                        Parameter.LOTS_PER_PASS,
                        "10",
                        Parameter.EPOCHS,
                        "2",
                        Parameter.NOISE_MULTIPLIER,
                        "3"),
                Map.of(Parameter.EVENT, PLAIN.toJson()),
                Map.of(Parameter.EVENT, POISSON.toJson()),
                Map.of(Parameter.LEDGER, ledger));
    }

    private static Map<Parameter, String> with(
            Map<Parameter, String> some, Parameter one, String value, Parameter other, String otherValue) {
        Map<Parameter, String> all = new EnumMap<>(Parameter.class);
        all.put(Parameter.EXAMPLES, "1000");
        all.put(Parameter.NOISE_MULTIPLIER, "3");
        all.put(one, value);
        all.put(other, otherValue);
        all.putAll(some);
        return all;
    }

    private static List<String> line(String command, Map<Parameter, String> given, String... more) {
        List<String> line = new ArrayList<>(List.of(command));
        given.forEach((parameter, value) -> line.addAll(List.of(parameter.option(), value)));
        line.addAll(List.of(more));
        return line;
    }

    /** All that come of a question by setting one more option, or two. */
    private List<Map<Parameter, String>> variants(Map<Parameter, String> question) {
        List<Map<Parameter, String>> all = new ArrayList<>(List.of(question));
        List<Parameter> parameters = List.copyOf(values.keySet());
        for (int i = 0; i < parameters.size(); i++) {
            for (String first : Objects.requireNonNull(values.get(parameters.get(i)))) {
                Map<Parameter, String> one = new EnumMap<>(question);
                one.put(parameters.get(i), first);
                all.add(one);
                for (int j = i + 1; j < parameters.size(); j++) {
                    for (String second : Objects.requireNonNull(values.get(parameters.get(j)))) {
                        Map<Parameter, String> two = new EnumMap<>(one);
                        two.put(parameters.get(j), second);
                        all.add(two);
                    }
                }
            }
        }
        return List.copyOf(new LinkedHashMap<>(index(all)).values());
    }

    private static Map<String, Map<Parameter, String>> index(List<Map<Parameter, String>> all) {
        Map<String, Map<Parameter, String>> index = new LinkedHashMap<>();
        all.forEach(one -> index.put(one.toString(), one));
        return index;
    }

    @Test
    void epsilon_everyPairOfOptions_isTheLibrarysOrRefused() {
        int answered = 0;
        int refused = 0;
        List<String> wrong = new ArrayList<>();
        for (Map<Parameter, String> question : questions()) {
            for (Map<Parameter, String> given : variants(question)) {
                Outcome outcome = Outcome.of(line("epsilon", given, "--delta", DELTA));
                Double expected = epsilon(given);
                if (expected == null
                        ? outcome.code() == 0
                        : outcome.code() != 0 || !isThat(expected, outcome.number())) {
                    wrong.add(given + ": " + outcome.out() + outcome.err() + " instead of "
                            + (expected == null ? "a refusal" : expected));
                } else if (expected == null) {
                    outcome.refused(" ");
                    refused++;
                } else {
                    answered++;
                }
            }
        }
        assertThat(wrong).isEmpty();
        assertThat(answered).isGreaterThan(1000);
        assertThat(refused).isGreaterThan(1000);
    }

    /** Up to the rounding of six digits, upwards, and of probabilities that are computed otherwise. */
    private static boolean isThat(double expected, double answer) {
        return answer >= expected * (1 - 1e-9) && answer <= expected * (1 + 1.1e-5);
    }

    /** The other commands about a run answer what {@code epsilon} answers, and refuse what it refuses: their answer, asked about, is within the target. */
    @Test
    void otherCommands_everyOption_agreeWithEpsilon() throws IOException {
        int answered = 0;
        for (Map<Parameter, String> question : questions()) {
            List<Map<Parameter, String>> all = new ArrayList<>(List.of(question));
            values.forEach((parameter, some) -> some.forEach(value -> {
                Map<Parameter, String> one = new EnumMap<>(question);
                one.put(parameter, value);
                all.add(one);
            }));
            for (Map<Parameter, String> given : index(all).values()) {
                Double epsilon = epsilon(given);
                assertDelta(given, epsilon);
                assertStatement(given, epsilon);
                assertTable(given, epsilon);
                answered += assertNoise(given, epsilon) ? 1 : 0;
                answered += assertCount("steps", Parameter.STEPS, given) ? 1 : 0;
                answered += assertCount("lot-size", Parameter.LOT_SIZE, given) ? 1 : 0;
            }
        }
        assertThat(answered).isGreaterThan(100);
    }

    private static void assertDelta(Map<Parameter, String> given, @Nullable Double epsilon) {
        Outcome outcome = Outcome.of(line("delta", given, "--epsilon", epsilon == null ? "1" : epsilon.toString()));
        if (epsilon == null) {
            outcome.refused(" ");
        } else {
            assertThat(outcome.number()).as(given.toString()).isBetween(0.0, 1.02e-5);
        }
    }

    private void assertStatement(Map<Parameter, String> given, @Nullable Double epsilon) {
        if (given.containsKey(Parameter.GROUP_SIZE)) {
            return;
        }
        Outcome outcome = Outcome.of(line("statement", given, "--delta", DELTA, "--groups", "3"));
        if (epsilon == null) {
            outcome.refused(" ");
            return;
        }
        String text = outcome.answered().out();
        assertThat(text).contains("**Epsilon " + QuestionCommand.rounded(epsilon) + " at delta 1.0E-5**");
        Map<Parameter, String> group = new EnumMap<>(given);
        group.put(Parameter.GROUP_SIZE, "3");
        Double ofGroup = epsilon(group);
        assertThat(text)
                .as(given.toString())
                .contains(": epsilon "
                        + (ofGroup == null ? "not bounded by this accountant" : QuestionCommand.rounded(ofGroup)));
    }

    /** What are columns stand in a file, the rest are options. */
    private void assertTable(Map<Parameter, String> given, @Nullable Double epsilon) throws IOException {
        Map<Parameter, String> options = new EnumMap<>(Parameter.class);
        List<String> header = new ArrayList<>(List.of("delta"));
        List<String> cells = new ArrayList<>(List.of(DELTA));
        given.forEach((parameter, value) -> {
            if (parameter.isColumn()) {
                header.add(parameter.column());
                cells.add("\"" + value + "\"");
            } else {
                options.put(parameter, value);
            }
        });
        Path file = folder.resolve("table.csv");
        Files.writeString(file, String.join(",", header) + "\n" + String.join(",", cells) + "\n");
        Outcome outcome = Outcome.of(line("epsilon", options, "--csv", file.toString()));
        if (epsilon == null || options.containsKey(Parameter.EVENT) || options.containsKey(Parameter.LEDGER)) {
            outcome.refused(" ");
        } else {
            String row = outcome.answered().out().lines().toList().get(1);
            assertThat(Double.parseDouble(row.substring(row.lastIndexOf(',') + 1)))
                    .as(given.toString())
                    .isCloseTo(epsilon, Percentage.withPercentage(1e-7));
        }
    }

    private static boolean assertNoise(Map<Parameter, String> given, @Nullable Double epsilon) {
        Map<Parameter, String> rest = new EnumMap<>(given);
        rest.remove(Parameter.NOISE_MULTIPLIER);
        Outcome outcome = Outcome.of(
                line("noise", rest, "--delta", DELTA, "--epsilon", epsilon == null ? "1" : epsilon.toString()));
        if (epsilon == null || rest.containsKey(Parameter.EVENT) || rest.containsKey(Parameter.LEDGER)) {
            outcome.refused(" ");
            return false;
        }
        // Earlier releases may leave nothing for the run's own noise to decide.
        assertThat(outcome.number()).as(given.toString()).isBetween(2.99, 3.01);
        return true;
    }

    private static boolean assertCount(String command, Parameter unknown, Map<Parameter, String> given) {
        Map<Parameter, String> rest = new EnumMap<>(given);
        rest.remove(unknown);
        if (unknown == Parameter.STEPS) {
            rest.remove(Parameter.EPOCHS);
        }
        Outcome outcome = Outcome.of(line(command, rest, "--delta", DELTA, "--epsilon", "4"));
        if (outcome.code() != 0) {
            outcome.refused(" ");
            return false;
        }
        long count = (long) outcome.number();
        rest.put(unknown, Long.toString(count));
        Double most = epsilon(rest);
        assertThat(most).as(command + " " + rest).isNotNull().isLessThanOrEqualTo(4);
        rest.put(unknown, Long.toString(count + 1));
        Double more = epsilon(rest);
        assertThat(more == null || more > 4).as(command + " " + rest).isTrue();
        return true;
    }

    /** The library's answer, null where there is none. */
    private static @Nullable Double epsilon(Map<Parameter, String> given) {
        try {
            DpEvent event = expected(given);
            AccountantKind kind =
                    "rdp".equals(given.get(Parameter.ACCOUNTANT)) ? AccountantKind.RDP : AccountantKind.PLD;
            return kind.create(relation(given)).compose(event).epsilon(1e-5);
        } catch (NoSuchQuestion | IllegalArgumentException e) {
            return null;
        }
    }

    private static String sampling(Map<Parameter, String> given) {
        return given.getOrDefault(Parameter.SAMPLING, "poisson");
    }

    private static boolean isOfRun(Map<Parameter, String> given) {
        return !given.containsKey(Parameter.EVENT) && !given.containsKey(Parameter.LEDGER);
    }

    private static NeighboringRelation relation(Map<Parameter, String> given) {
        boolean ledger = given.containsKey(Parameter.LEDGER) || given.containsKey(Parameter.EARLIER_LEDGER);
        boolean cyclic =
                given.containsKey(Parameter.CORRELATED_NOISE) && sampling(given).equals("poisson");
        String usual = ledger || cyclic
                ? "zero-out"
                : isOfRun(given)
                        ? switch (sampling(given)) {
                            case "fixed-size" -> "replace-one";
                            case "given-batches" -> "zero-out";
                            default -> "add-or-remove-one";
                        }
                        : "add-or-remove-one";
        String relation = given.getOrDefault(Parameter.RELATION, usual);
        require(!(ledger || cyclic) || relation.equals("zero-out"));
        if (isOfRun(given)) {
            require(
                    switch (sampling(given)) {
                        case "fixed-size" -> relation.equals("replace-one");
                        case "given-batches" -> !relation.equals("add-or-remove-one");
                        case "random-allocation" -> !relation.equals("replace-one");
                        default -> true;
                    });
        }
        return NeighboringRelation.valueOf(
                relation.toUpperCase(java.util.Locale.ROOT).replace('-', '_'));
    }

    private static void require(boolean condition) {
        if (!condition) {
            throw new NoSuchQuestion();
        }
    }

    private static double number(Map<Parameter, String> given, Parameter parameter) {
        String value = given.get(parameter);
        require(value != null);
        return Double.parseDouble(Objects.requireNonNull(value));
    }

    /** The event that the options describe, in the words of the documentation. */
    private static DpEvent expected(Map<Parameter, String> given) {
        require(!(given.containsKey(Parameter.EVENT) && given.containsKey(Parameter.LEDGER)));
        require(!(given.containsKey(Parameter.EARLIER_RELEASES) && given.containsKey(Parameter.EARLIER_LEDGER)));
        boolean ledger = given.containsKey(Parameter.LEDGER) || given.containsKey(Parameter.EARLIER_LEDGER);
        require(!(ledger && given.containsKey(Parameter.UNIT)));
        int group = (int) Double.parseDouble(given.getOrDefault(Parameter.GROUP_SIZE, "1"));
        List<DpEvent> all = new ArrayList<>();
        boolean unknown = false;
        for (Parameter parameter :
                List.of(Parameter.EARLIER_RELEASES, Parameter.EARLIER_LEDGER, Parameter.EVENT, Parameter.LEDGER)) {
            String value = given.get(parameter);
            if (value == null) {
                continue;
            }
            boolean poisson = !value.equals(PLAIN.toJson());
            boolean plainLedger = value.endsWith("plain.ledger");
            all.add(poisson ? new SelfComposed(POISSON, plainLedger ? 2 : 1) : PLAIN);
            unknown |= poisson && !plainLedger;
        }
        if (isOfRun(given)) {
            all.add(run(given));
            unknown |= given.containsKey(Parameter.CORRELATED_NOISE)
                    && sampling(given).equals("poisson");
        } else {
            for (Parameter ofRun : List.of(
                    Parameter.SAMPLING_PROBABILITY,
                    Parameter.STEPS,
                    Parameter.LOT_SIZE,
                    Parameter.LOTS_PER_PASS,
                    Parameter.EPOCHS,
                    Parameter.SAMPLING,
                    Parameter.NOISE_MULTIPLIER,
                    Parameter.NOISE_SCHEDULE,
                    Parameter.COUNT_NOISE,
                    Parameter.RELEASES_PER_LOT,
                    Parameter.CORRELATED_NOISE,
                    Parameter.PARTICIPATIONS,
                    Parameter.SEPARATION)) {
                require(!given.containsKey(ofRun));
            }
        }
        require(group == 1 || !unknown);
        return GroupPrivacy.event(new Composed(all), group);
    }

    private static DpEvent run(Map<Parameter, String> given) {
        String sampling = sampling(given);
        boolean replace = relation(given) == NeighboringRelation.REPLACE_ONE;
        double sigma = number(given, Parameter.NOISE_MULTIPLIER);
        boolean byProbability = given.containsKey(Parameter.SAMPLING_PROBABILITY);
        boolean bySize = given.containsKey(Parameter.LOT_SIZE);
        require(!(byProbability && bySize));
        require(!byProbability || sampling.equals("poisson"));
        require(given.containsKey(Parameter.LOTS_PER_PASS) == sampling.equals("random-allocation"));
        require(!sampling.equals("random-allocation") || !bySize);
        require(!(given.containsKey(Parameter.STEPS) && given.containsKey(Parameter.EPOCHS)));
        String code = given.get(Parameter.CORRELATED_NOISE);
        if (code != null) {
            return correlated(given, CorrelatedNoise.parse(code), replace ? sigma / 2 : sigma);
        }
        require(!given.containsKey(Parameter.PARTICIPATIONS) && !given.containsKey(Parameter.SEPARATION));
        long charges =
                sampling.equals("given-batches") || sampling.equals("random-allocation") ? passes(given) : steps(given);
        if (!given.containsKey(Parameter.NOISE_SCHEDULE)) {
            return new SelfComposed(charge(given, sigma, replace), charges);
        }
        List<DpEvent> stages = new ArrayList<>();
        stages.add(new SelfComposed(charge(given, 1.5 * sigma, replace), Math.min(2, charges)));
        if (charges > 2) {
            stages.add(new SelfComposed(charge(given, sigma, replace), charges - 2));
        }
        return new Composed(stages);
    }

    private static DpEvent charge(Map<Parameter, String> given, double sigma, boolean replace) {
        DpEvent sum = new Gaussian(replace ? sigma / 2 : sigma);
        require(!(given.containsKey(Parameter.COUNT_NOISE) && given.containsKey(Parameter.RELEASES_PER_LOT)));
        DpEvent releases = sum;
        if (given.containsKey(Parameter.RELEASES_PER_LOT)) {
            releases = new SelfComposed(sum, (long) number(given, Parameter.RELEASES_PER_LOT));
        } else if (given.containsKey(Parameter.COUNT_NOISE)) {
            double count = 2 * number(given, Parameter.COUNT_NOISE);
            releases = new Composed(List.of(sum, new Gaussian(replace ? count / 2 : count)));
        }
        return switch (sampling(given)) {
            case "fixed-size" ->
                new SampledWithoutReplacement(
                        (long) number(given, Parameter.EXAMPLES), (long) number(given, Parameter.LOT_SIZE), releases);
            case "random-allocation" -> new RandomAllocation((long) number(given, Parameter.LOTS_PER_PASS), releases);
            case "given-batches" -> releases;
            default -> new PoissonSampled(probability(given), releases);
        };
    }

    private static double probability(Map<Parameter, String> given) {
        if (given.containsKey(Parameter.SAMPLING_PROBABILITY)) {
            return number(given, Parameter.SAMPLING_PROBABILITY);
        }
        double probability = number(given, Parameter.LOT_SIZE) / number(given, Parameter.EXAMPLES);
        require(probability <= 1);
        return probability;
    }

    private static long steps(Map<Parameter, String> given) {
        if (given.containsKey(Parameter.STEPS)) {
            return (long) number(given, Parameter.STEPS);
        }
        double ofPass = sampling(given).equals("random-allocation")
                ? number(given, Parameter.LOTS_PER_PASS)
                : number(given, Parameter.EXAMPLES) / number(given, Parameter.LOT_SIZE);
        return (long) Math.ceil(number(given, Parameter.EPOCHS) * ofPass - 1e-9);
    }

    private static long passes(Map<Parameter, String> given) {
        if (given.containsKey(Parameter.EPOCHS)) {
            return (long) Math.ceil(number(given, Parameter.EPOCHS));
        }
        double ofPass = sampling(given).equals("random-allocation")
                ? number(given, Parameter.LOTS_PER_PASS)
                : number(given, Parameter.EXAMPLES) / number(given, Parameter.LOT_SIZE);
        return (long) Math.max(1, Math.ceil(steps(given) / ofPass - 1e-9));
    }

    private static DpEvent correlated(Map<Parameter, String> given, CorrelatedNoise noise, double sigma) {
        for (Parameter other : List.of(Parameter.NOISE_SCHEDULE, Parameter.COUNT_NOISE, Parameter.RELEASES_PER_LOT)) {
            require(!given.containsKey(other));
        }
        long steps = steps(given);
        if (sampling(given).equals("given-batches")) {
            long participations = given.containsKey(Parameter.PARTICIPATIONS)
                    ? (long) number(given, Parameter.PARTICIPATIONS)
                    : passes(given);
            long ofPass = (long) (number(given, Parameter.EXAMPLES) / number(given, Parameter.LOT_SIZE));
            long separation =
                    given.containsKey(Parameter.SEPARATION) ? (long) number(given, Parameter.SEPARATION) : ofPass;
            require(participations >= passes(given));
            return new Gaussian(sigma
                    / CorrelationMatrix.of(noise, steps, participations, separation)
                            .sensitivity());
        }
        require(sampling(given).equals("poisson") && noise.isBanded());
        require(!given.containsKey(Parameter.PARTICIPATIONS) && !given.containsKey(Parameter.SEPARATION));
        double probability = noise.bands() * probability(given);
        require(probability <= 1);
        return new SelfComposed(
                new PoissonSampled(
                        probability,
                        new Gaussian(sigma
                                / CorrelationMatrix.of(noise, steps, 1, noise.bands())
                                        .sensitivity())),
                (steps + noise.bands() - 1) / noise.bands());
    }
}
