// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.accountant.cli;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.dl4jdp.accountant.DpEvent.Gaussian;
import io.github.dl4jdp.accountant.DpEvent.PoissonSampled;
import io.github.dl4jdp.accountant.RdpAccountant;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.apache.commons.csv.CSVFormat;
import org.apache.commons.csv.CSVParser;
import org.apache.commons.csv.CSVRecord;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * Random command lines and files. Whatever is asked, there is an answer and exit code 0, or one line of error, nothing printed and another code;
 * never a stack trace and never NaN.
 */
class CommandLineFuzzTest {
    private static final List<String> COMMANDS =
            List.of("epsilon", "noise", "delta", "steps", "lot-size", "search", "statement", "plot");

    private static final List<String> JUNK = List.of(
            "",
            " ",
            "NaN",
            "-NaN",
            "Infinity",
            "-Infinity",
            "-1",
            "0",
            "-0",
            "1e-400",
            "1e400",
            "0x10",
            "1f",
            "1,5",
            "1_000",
            "1e",
            "--",
            "-",
            "@x",
            "{}",
            "{\"type\":",
            "\u0000",
            "\uD800",
            "\n",
            "a\nb",
            "1\u00A0",
            "\u0663",
            "true",
            "null",
            "9007199254740993",
            "1e18",
            "[1]",
            "/",
            "/dev",
            "no/such/file",
            "'1'",
            "\"1\"",
            "%s%n",
            "${sys:user.home}");

    @TempDir
    @SuppressWarnings("NullAway.Init") // JUnit sets it
    Path folder;

    private static <T> T any(List<T> list, Random random) {
        return list.get(random.nextInt(list.size()));
    }

    /** A value that makes sense. Such as take the accountants long are not among them: they are tested elsewhere. */
    private String sensible(Parameter parameter, Random random) {
        return switch (parameter) {
            case SAMPLING_PROBABILITY -> any(List.of("0.01", "1", "0.2", "0.004"), random);
            case STEPS -> any(List.of("1", "100", "3000"), random);
            case EXAMPLES -> any(List.of("1000", "60000"), random);
            case LOT_SIZE -> any(List.of("1", "256", "1000", "31.5"), random);
            case EPOCHS -> any(List.of("1", "0.5", "10"), random);
            case LOTS_PER_PASS -> any(List.of("1", "8", "50"), random);
            case SAMPLING -> any(List.of("poisson", "fixed-size", "GIVEN_BATCHES", "random-allocation"), random);
            case RELATION -> any(List.of("add-or-remove-one", "zero-out", "replace-one"), random);
            case UNIT -> any(List.of("example", "patient", "user-day"), random);
            case NOISE_MULTIPLIER -> any(List.of("1.1", "4", "0.7", "20"), random);
            case NOISE_SCHEDULE -> any(List.of("1:1", "1:1.2,50:1", "1:1,2:2,3:3"), random);
            case COUNT_NOISE -> any(List.of("5", "12.8"), random);
            case CORRELATED_NOISE -> any(List.of("lambda-cgd:0.9", "bisr:4", "banded-square-root:2"), random);
            case PARTICIPATIONS, SEPARATION -> any(List.of("1", "3", "200"), random);
            case RELEASES_PER_LOT, GROUP_SIZE -> any(List.of("1", "2", "3"), random);
            case ACCOUNTANT -> any(List.of("rdp", "rdp", "pld", "PLD"), random);
            case EPSILON, RUN_EPSILON -> any(List.of("0.5", "2", "8"), random);
            case DELTA -> any(List.of("1e-5", "1e-9", "0.001"), random);
            case EXPECTED_RUNS -> any(List.of("1", "10", "100"), random);
            case DISTRIBUTION -> any(List.of("logarithmic", "geometric", "poisson"), random);
            case SHAPE -> any(List.of("0", "1", "Infinity", "-0.5"), random);
            case EVENT, EARLIER_RELEASES ->
                any(List.of(new Gaussian(5).toJson(), new PoissonSampled(0.1, new Gaussian(2)).toJson()), random);
            case LEDGER, EARLIER_LEDGER -> folder.resolve("none").toString();
            case GROUPS -> any(List.of("2", "2,3", "1"), random);
            case CLIPPING_NORM -> any(List.of("1", "0.1"), random);
        };
    }

    private List<String> commandLine(Random random) {
        String command = any(COMMANDS, random);
        List<Parameter> parameters =
                switch (command) {
                    case "epsilon" -> new Questions.Epsilon().parameters();
                    case "noise" -> new Questions.Noise().parameters();
                    case "delta" -> new Questions.Delta().parameters();
                    case "steps" -> new Questions.Steps().parameters();
                    case "lot-size" -> new Questions.LotSize().parameters();
                    case "search" -> new SearchCommand().parameters();
                    case "statement" -> new StatementCommand().parameters();
                    default -> new PlotCommand().parameters();
                };
        List<String> line = new ArrayList<>(List.of(command));
        boolean junk = random.nextInt(3) == 0;
        boolean lots = random.nextBoolean();
        for (Parameter parameter : parameters) {
            boolean usual =
                    switch (parameter) {
                        case NOISE_MULTIPLIER, DELTA, EPSILON, EXPECTED_RUNS -> true;
                        case SAMPLING_PROBABILITY, STEPS -> !lots;
                        case EXAMPLES, LOT_SIZE, EPOCHS -> lots;
                        default -> false;
                    };
            if (usual ? random.nextInt(12) > 0 : random.nextInt(parameter == Parameter.ACCOUNTANT ? 2 : 12) == 0) {
                line.add(parameter.option());
                line.add(junk && random.nextInt(6) == 0 ? any(JUNK, random) : sensible(parameter, random));
            }
        }
        if (command.equals("plot")) {
            line.add("--output");
            line.add(folder.resolve(any(List.of("a.png", "b.svg", "c/d.png", "e.gif"), random))
                    .toString());
        }
        if (random.nextInt(8) == 0) {
            line.add(
                    random.nextInt(line.size() + 1),
                    any(List.of("--json", "--csv", "--help", "-V", "--against", "--other-columns"), random));
        }
        if (random.nextInt(15) == 0) {
            line.add(random.nextInt(line.size() + 1), any(JUNK, random));
        }
        return line;
    }

    private static Outcome check(List<String> line) {
        Outcome outcome = Outcome.of(line);
        String all = outcome.out() + outcome.err();
        assertThat(all).as(line.toString()).doesNotContain("Exception", "\tat ", "internal error");
        if (outcome.code() == 0) {
            assertThat(outcome.out()).as(line.toString()).isNotBlank().doesNotContain("NaN");
            assertThat(outcome.err().lines()).as(line.toString()).allMatch(text -> text.startsWith("warning: "));
        } else {
            assertThat(outcome.code()).as(line.toString()).isBetween(1, 2);
            assertThat(outcome.out()).as(line.toString()).isEmpty();
            assertThat(outcome.err().lines()).as(line.toString()).hasSize(1);
            assertThat(outcome.err()).as(line.toString()).isNotBlank();
        }
        return outcome;
    }

    @Test
    void commandLines_random_answerOrExplainInOneLine() {
        assertAnswers(new Random(2026), 120);
    }

    @Tag("slow")
    @Test
    void commandLines_manyRandom_answerOrExplainInOneLine() {
        assertAnswers(new Random(2027), 3000);
    }

    private void assertAnswers(Random random, int count) {
        int answered = 0;
        for (int i = 0; i < count; i++) {
            answered += check(commandLine(random)).code() == 0 ? 1 : 0;
        }
        assertThat(answered).isBetween(count / 8, count - count / 8);
    }

    /**
     * Tables with bytes changed, added, taken away and cut off at random. Where there still is an answer, each number is the one of what its row says,
     * by the accountant itself.
     */
    @Test
    void tables_randomlyDamaged_answerWhatTheyShowOrAreRefused() throws IOException {
        Random random = new Random(15);
        Path file = folder.resolve("table.csv");
        int answered = 0;
        for (int i = 0; i < 300; i++) {
            boolean withDelta = random.nextInt(3) > 0;
            StringBuilder table = new StringBuilder(random.nextInt(3) == 0 ? "\uFEFF" : "");
            table.append(random.nextBoolean() ? "who," : "")
                    .append(withDelta ? "delta," : "")
                    .append("noise_multiplier,steps,sampling_probability\n");
            boolean who = table.indexOf("who,") >= 0;
            for (int row = 0; row <= random.nextInt(3); row++) {
                table.append(who ? any(List.of("a,", "\"b, c\",", "\u00e4,"), random) : "")
                        .append(withDelta ? "1e-" + (3 + random.nextInt(6)) + "," : "")
                        .append(1 + random.nextInt(5))
                        .append(".5,")
                        .append(1 + random.nextInt(900))
                        .append(",0.")
                        .append(1 + random.nextInt(99))
                        .append(random.nextBoolean() ? "\n" : "\r\n");
            }
            Files.write(file, damaged(table.toString().getBytes(StandardCharsets.UTF_8), random));
            List<String> line = new ArrayList<>(List.of("epsilon", "--accountant", "rdp", "--csv", file.toString()));
            Map<String, String> options = new HashMap<>();
            if (random.nextBoolean()) {
                options.put("delta", "0.01");
                line.addAll(List.of("--delta", "0.01"));
            }
            if (random.nextInt(4) == 0) {
                options.put("steps", "7");
                line.addAll(List.of("--steps", "7"));
            }
            Outcome outcome = check(line);
            if (outcome.code() == 0) {
                answered++;
                assertThat(verified(outcome.out(), options))
                        .as(Arrays.toString(Files.readAllBytes(file)))
                        .isPositive();
            }
        }
        assertThat(answered).isBetween(45, 270);
    }

    private static byte[] damaged(byte[] bytes, Random random) {
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        double rate = random.nextInt(3) == 0 ? 0 : 1.0 / (1 + random.nextInt(100));
        for (byte b : bytes) {
            if (random.nextDouble() >= rate) {
                out.write(b);
                continue;
            }
            switch (random.nextInt(6)) {
                case 0 -> out.write(random.nextInt(256));
                case 1 -> {
                    out.write(b);
                    out.write(random.nextInt(256));
                }
                case 2 -> {
                    out.write(b);
                    out.write(b);
                }
                case 3 -> out.write("\",;\n\r\t\0e-.09".charAt(random.nextInt(12)));
                case 4 -> out.write(Character.toUpperCase(b));
                default -> {
                    // taken away
                }
            }
        }
        byte[] all = out.toByteArray();
        return random.nextInt(8) == 0 ? Arrays.copyOf(all, random.nextInt(all.length + 1)) : all;
    }

    /** The number of rows, each of which says what it is the answer to. */
    private static int verified(String table, Map<String, String> options) throws IOException {
        int rows = 0;
        try (CSVParser parser = CSVParser.parse(
                table,
                CSVFormat.DEFAULT
                        .builder()
                        .setHeader()
                        .setSkipHeaderRecord(true)
                        .build())) {
            List<String> header = parser.getHeaderNames();
            List<String> inputs = List.of("delta", "noise_multiplier", "steps", "sampling_probability");
            boolean filledIn = !header.containsAll(inputs);
            // Where an option fills in, nothing unknown is there that it could stand in for.
            assertThat(!filledIn || inputs.containsAll(header.subList(0, header.size() - 1)))
                    .isTrue();
            for (CSVRecord row : parser) {
                Map<String, Double> values = new HashMap<>();
                for (String input : inputs) {
                    values.put(
                            input,
                            Double.valueOf(
                                    header.contains(input) ? row.get(input) : String.valueOf(options.get(input))));
                }
                double exact = new RdpAccountant()
                        .compose(
                                new PoissonSampled(
                                        value(values, "sampling_probability"),
                                        new Gaussian(value(values, "noise_multiplier"))),
                                (long) value(values, "steps"))
                        .epsilon(value(values, "delta"));
                assertThat(Double.parseDouble(row.get("epsilon"))).isEqualTo(exact);
                rows++;
            }
        }
        return rows;
    }

    private static double value(Map<String, Double> values, String name) {
        return values.getOrDefault(name, Double.NaN);
    }
}
