// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.accountant.cli;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonToken;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.Charset;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * What {@code --csv} promises: every number printed comes from the cells of its row, and from options for which the file has no column. A bad
 * row or header ends it with one line of error and nothing printed.
 */
class CsvTest {
    private static final String FULL = "delta,noise_multiplier,sampling_probability,steps";
    private static final String CELLS = "1e-9,1.1,0.01,1000";

    @TempDir
    @SuppressWarnings("NullAway.Init") // JUnit sets it
    Path folder;

    @SuppressWarnings("NullAway.Init") // before each test
    private Path file;

    @BeforeEach
    void nameFile() {
        file = folder.resolve("settings.csv");
    }

    private Outcome epsilon(String content, String... options) throws IOException {
        return epsilon(content.getBytes(StandardCharsets.UTF_8), options);
    }

    private Outcome epsilon(byte[] content, String... options) throws IOException {
        Files.write(file, content);
        List<String> arguments = new ArrayList<>(List.of("epsilon", "--accountant", "rdp", "--csv", file.toString()));
        arguments.addAll(List.of(options));
        return Outcome.of(arguments);
    }

    private static String answer(String delta) {
        String json = Outcome.of(
                        "epsilon --accountant rdp --noise-multiplier 1.1 --sampling-probability 0.01 --steps 1000 --json --delta "
                                + delta)
                .answered()
                .out();
        return json.substring(json.indexOf(':') + 1, json.indexOf(','));
    }

    @Test
    void csv_byteOrderMark_isNoPartOfTheFirstName() throws IOException {
        Outcome outcome = epsilon("\uFEFF" + FULL + "\r\n" + CELLS + "\r\n", "--delta", "1e-3");
        assertThat(outcome.answered().out()).isEqualTo(FULL + ",epsilon\n" + CELLS + "," + answer("1e-9") + "\n");
    }

    @Test
    void csv_otherColumns_arePassedThroughAsTheyAre() throws IOException {
        Outcome outcome =
                epsilon("who," + FULL + ",remark\nA,1e-9,1.1,0.01,1000,\"one, \"\"two\"\"\"\nB," + CELLS + ",\n");
        assertThat(outcome.answered().out())
                .isEqualTo("who," + FULL + ",remark,epsilon\nA," + CELLS + ",\"one, \"\"two\"\"\"," + answer("1e-9")
                        + "\nB," + CELLS + ",," + answer("1e-9") + "\n");
        assertThat(outcome.err()).isEmpty();
    }

    @Test
    void csv_unknownColumnWhileAnOptionGivesWhatTheFileLacks_isRefused() throws IOException {
        String lacking = "who,noise_multiplier,sampling_probability,steps\nA,1.1,0.01,1000\n";
        epsilon(lacking, "--delta", "1e-3").refused("column who is not known", "--delta", "--other-columns who");
        assertThat(epsilon(lacking, "--delta", "1e-9", "--other-columns", "who")
                        .answered()
                        .out())
                .isEqualTo("who,noise_multiplier,sampling_probability,steps,epsilon\nA,1.1,0.01,1000," + answer("1e-9")
                        + "\n");
        // The file has everything: the option stands in for nothing.
        assertThat(epsilon("who," + FULL + "\nA," + CELLS + "\n", "--delta", "1e-3")
                        .answered()
                        .out())
                .endsWith("," + answer("1e-9") + "\n");
    }

    @Test
    void csv_columnOfAParameterThatIsNone_saysSo() throws IOException {
        epsilon(FULL + ",unit\n" + CELLS + ",patient\n")
                .refused(", unit, is a parameter that this command does not take from a file; remove the column");
        epsilon(FULL + ",Event\n" + CELLS + ",x\n")
                .refused(", Event, resembles event, a parameter that this command does not take from a file");
    }

    @Test
    void csv_otherColumnsThatAreNotThereOrKnown_areRefused() throws IOException {
        epsilon(FULL + "\n" + CELLS, "--other-columns", "who").refused("other-columns", "who", "not there");
        epsilon(FULL + "\n" + CELLS, "--other-columns", "delta").refused("other-columns", "delta");
        Outcome.of("epsilon --delta 1 --other-columns who").refused("other-columns must come with csv");
    }

    /** Ways in which a name goes wrong by hand, by a spreadsheet or by another program. */
    private static Set<String> mistyped(String name) {
        Set<String> names = new LinkedHashSet<>();
        for (int i = 0; i < name.length(); i++) {
            String before = name.substring(0, i);
            String after = name.substring(i + 1);
            names.add(before + after);
            names.add(before + name.charAt(i) + name.charAt(i) + after);
            names.add(before + (name.charAt(i) == 'x' ? 'y' : 'x') + after);
            names.add(before + '\u0435' + after); // Cyrillic
            if (i > 0) {
                names.add(name.substring(0, i - 1) + name.charAt(i) + name.charAt(i - 1) + after);
            }
        }
        names.add(name.toUpperCase(Locale.ROOT));
        names.add(Character.toUpperCase(name.charAt(0)) + name.substring(1));
        names.add(name.replace('_', '-'));
        names.add(name.replace('_', ' '));
        names.add(name.replace("_", ""));
        names.add("--" + name.replace('_', '-'));
        names.add("\uFEFF" + name);
        names.add("\u200B" + name);
        names.add(name + "\u00A0");
        names.add("'" + name + "'");
        names.add(name + ":");
        names.add(name + "1");
        names.add(name + "_value");
        names.add("the_" + name);
        names.add("target" + Character.toUpperCase(name.charAt(0)) + name.substring(1));
        names.add(name.substring(0, Math.max(3, name.length() / 2)));
        StringBuilder fullwidth = new StringBuilder();
        name.chars().forEach(c -> fullwidth.append((char) (c == '_' ? c : c - ' ' + 0xFF00)));
        names.add(fullwidth.toString());
        names.remove(name);
        names.remove("");
        return names;
    }

    private static final Map<String, List<Parameter>> ASKED = Map.of(
            "epsilon", new Questions.Epsilon().parameters(),
            "delta", new Questions.Delta().parameters(),
            "noise", new Questions.Noise().parameters(),
            "steps", new Questions.Steps().parameters(),
            "lot-size", new Questions.LotSize().parameters(),
            "search", new SearchCommand().parameters());

    /** No mistyped name of any parameter of any command ever passes, whatever else is in the file. */
    @Test
    void csv_mistypedName_isRefusedByEveryCommand() throws IOException {
        int count = 0;
        for (Map.Entry<String, List<Parameter>> command : ASKED.entrySet()) {
            for (Parameter parameter : command.getValue()) {
                if (!parameter.isColumn()) {
                    continue;
                }
                for (String name : mistyped(parameter.column())) {
                    if (command.getValue().stream().anyMatch(p -> p.column().equals(name.trim()))) {
                        continue;
                    }
                    assertThat(ColumnNames.resembled(name.trim(), command.getValue()))
                            .as(command.getKey() + " " + name)
                            .isNotNull();
                    if (count % 97 == 0) {
                        Files.writeString(file, "who,\"" + name + "\"\nA,1\n");
                        Outcome.of(List.of(command.getKey(), "--csv", file.toString()))
                                .refused("header: column 2");
                    }
                    count++;
                }
            }
        }
        assertThat(count).isGreaterThan(3000);
    }

    @Test
    void csv_usualSymbolsAndNamesElsewhere_areRefused() throws IOException {
        for (String name : List.of(
                "q", "sigma", "\u03c3", "\u03b4", "n", "N", "batch_size", "iterations", "Batch Size", "n_examples")) {
            epsilon(name + "," + FULL + "\n1," + CELLS).refused("header: column 1", "rename");
        }
    }

    @Test
    void csv_plainNames_passThrough() throws IOException {
        for (String name : List.of(
                "name",
                "id",
                "run",
                "model",
                "comment",
                "note",
                "label",
                "date",
                "data",
                "loss",
                "accuracy",
                "seed",
                "dataset",
                "team",
                "experiment",
                "Größe",
                "author",
                "weight",
                "cost",
                "learning_rate",
                "optimizer")) {
            assertThat(epsilon(name + "," + FULL + "\nx," + CELLS).answered().out())
                    .startsWith(name + ",");
        }
    }

    /** Columns of other commands would change the question if they were known. */
    @Test
    void csv_parametersOfOtherCommands_areRefused() throws IOException {
        for (String name :
                List.of("expected_runs", "run_epsilon", "shape", "event", "ledger", "earlier_releases", "Ledger")) {
            epsilon(name + "," + FULL + "\n1," + CELLS).refused("header: column 1", name);
        }
        epsilon("epsilon," + FULL + "\n1," + CELLS).refused("column epsilon is the answer");
    }

    @Test
    void csv_headerThatIsNone_isRefused() throws IOException {
        epsilon("").refused("is empty");
        epsilon("\uFEFF").refused("is empty");
        epsilon(" \n\n").refused("is empty");
        epsilon(FULL + "\n").refused("row 1");
        epsilon("delta," + FULL + "\n1e-3," + CELLS).refused("header: column 2, delta", "twice");
        epsilon("who,who," + FULL + "\na,b," + CELLS).refused("header: column 2, who", "twice");
        epsilon("," + FULL + "\na," + CELLS).refused("header: column 1", "name");
        epsilon(FULL.replace(',', ';') + "\n" + CELLS.replace(',', ';')).refused("commas");
        epsilon(FULL.replace(',', '\t') + "\n" + CELLS.replace(',', '\t')).refused("commas");
    }

    @Test
    void csv_otherEncodings_areRefusedWithTheLine() throws IOException {
        String content = FULL + "\n" + CELLS + "\n";
        for (String charset : List.of("UTF-16", "UTF-16LE", "UTF-16BE", "x-UTF-16LE-BOM", "UTF-32")) {
            epsilon(content.getBytes(Charset.forName(charset))).refused("must be UTF-8", "line 1", "UTF-16");
        }
        epsilon(("who," + FULL + "\nA," + CELLS + "\nGr\u00f6\u00dfe," + CELLS).getBytes(StandardCharsets.ISO_8859_1))
                .refused("must be UTF-8", "line 3");
    }

    @Test
    void csv_badRow_namesItAndPrintsNothing() throws IOException {
        String good = FULL + "\n" + CELLS + "\n";
        epsilon(good + "1e-9,\"1.1,0.01,1000\n").refused("row 2", "quote");
        epsilon(good + "1e-9,\"1.1\"x,0.01,1000\n").refused("row 2", "quote");
        epsilon(good + "1e-9,\"1.\n1\",0.01,1000\n").refused("row 2", "line break");
        epsilon(good + "1e-9,1.1,0.01\n").refused("row 2: it has 3 cells where the header has 4");
        epsilon(good + "1e-9,1.1,0.01,1000,1\n").refused("row 2: it has 5 cells");
        epsilon(good + "1e-9,-1,0.01,1000\n").refused("row 2: noiseMultiplier must be finite and > 0, was -1.0");
        epsilon(good + "1e-9,x,0.01,1000\n").refused("row 2: noise_multiplier must be a number", "was x");
        epsilon(good + "1e-9,\"1,1\",0.01,1000\n").refused("row 2: noise_multiplier must be a number", "was 1,1");
        epsilon(good + ",1.1,0.01,1000\n").refused("row 2: delta is missing");
        epsilon(good + ",1.1,0.01,1000\n", "--delta", "1e-3").refused("row 2: delta is empty", "--delta");
        epsilon(good + CELLS + "\n1e-9,1.1,0.01,1.5\n").refused("row 3: steps must be a whole number, was 1.5");
        epsilon(good + "1e-9,1.1,1e-400,1000\n").refused("row 2: sampling_probability must be", "1e-400");
        epsilon(good + "1e-9,1e400,0.01,1000\n").refused("row 2: noise_multiplier must be", "1e400");
        epsilon(good + "1e-9,0x1p3,0.01,1000\n").refused("row 2: noise_multiplier must be a number");
        epsilon(good + "1e-9,1.1f,0.01,1000\n").refused("row 2: noise_multiplier must be a number");
        epsilon(good + "NaN,1.1,0.01,1000\n").refused("row 2: delta must be >= 0 and <= 1, was NaN");
    }

    @Test
    void csv_columnsOfWords_areUnderstood() throws IOException {
        Outcome outcome =
                epsilon("sampling,relation,examples,lot_size,epochs,noise_multiplier,delta,group_size,noise_schedule\n"
                        + "poisson,,60000,256,15,1.1,1e-5,,\n"
                        + "fixed-size,replace-one,60000,256,15,1.1,1e-5,,\n"
                        + "Given_Batches,zero-out,60000,256,15,1.1,1e-5,3,\"1:1.2,5:1\"\n");
        List<String> lines = outcome.answered().out().lines().toList();
        String run =
                "epsilon --accountant rdp --json --examples 60000 --lot-size 256 --epochs 15 --noise-multiplier 1.1 --delta 1e-5 ";
        List<String> options = List.of(
                "--sampling poisson",
                "--sampling fixed-size",
                "--sampling given-batches --group-size 3 --noise-schedule 1:1.2,5:1");
        for (int i = 0; i < 3; i++) {
            String json = Outcome.of(run + options.get(i)).answered().out();
            assertThat(lines.get(i + 1)).endsWith("," + json.substring(json.indexOf(':') + 1, json.indexOf(',')));
        }
        epsilon("relation," + FULL + "\nadd," + CELLS).refused("row 1: relation must be one of add-or-remove-one");
    }

    @Test
    void csv_json_isAnArrayWithAllThatWasGiven() throws IOException {
        Outcome outcome = epsilon("who," + FULL + "\n\"A \"\"1\"\"\"," + CELLS + "\nB," + CELLS + "\n", "--json");
        List<String> epsilons = new ArrayList<>();
        List<String> names = new ArrayList<>();
        try (JsonParser json = new JsonFactory().createParser(outcome.answered().out())) {
            assertThat(json.nextToken()).isEqualTo(JsonToken.START_ARRAY);
            while (json.nextToken() != null) {
                if (json.currentToken() == JsonToken.FIELD_NAME
                        && json.currentName().equals("epsilon")) {
                    json.nextToken();
                    epsilons.add(json.getText());
                } else if (json.currentToken() == JsonToken.FIELD_NAME
                        && json.currentName().equals("who")) {
                    names.add(json.nextTextValue());
                }
            }
        }
        assertThat(epsilons).containsExactly(answer("1e-9"), answer("1e-9"));
        assertThat(names).containsExactly("A \"1\"", "B");
        epsilon(FULL + "\n" + CELLS + "\n1e-9,0,0.01,1000\n", "--json").refused("row 2");
    }

    @Test
    void csv_standardInput_isRead() {
        InputStream before = System.in;
        System.setIn(new ByteArrayInputStream((FULL + "\n" + CELLS + "\n").getBytes(StandardCharsets.UTF_8)));
        try {
            assertThat(Outcome.of("epsilon --accountant rdp --csv -").answered().out())
                    .contains(answer("1e-9"));
        } finally {
            System.setIn(before);
        }
    }

    @Test
    void csv_eventOrLedger_isRefused() {
        Outcome.of("epsilon --delta 1e-5 --csv x.csv --event", "{\"type\":\"NoOp\"}")
                .refused("csv and event exclude each other");
    }

    /**
     * Random tables: values are dealt to columns and options at random, options also where the file has a column. Every answer is that of the
     * row's cells, and of options for what has no column.
     */
    @Test
    void csv_randomDeals_everyNumberComesFromItsRow() throws IOException {
        Random random = new Random(13);
        for (int trial = 0; trial < 60; trial++) {
            Map<String, String> options = new LinkedHashMap<>();
            List<String> columns = new ArrayList<>();
            for (String name : List.of("delta", "noise_multiplier", "sampling_probability", "steps")) {
                boolean column = random.nextBoolean();
                if (column) {
                    columns.add(random.nextInt(columns.size() + 1), name);
                }
                if (!column || random.nextBoolean()) {
                    options.put(name, value(name, random));
                }
            }
            if (columns.isEmpty()) {
                continue;
            }
            List<Map<String, String>> rows = new ArrayList<>();
            StringBuilder table =
                    new StringBuilder(random.nextBoolean() ? "\uFEFF" : "").append(String.join(",", columns));
            for (int i = 0; i <= random.nextInt(3); i++) {
                Map<String, String> row = new LinkedHashMap<>();
                columns.forEach(name -> row.put(name, value(name, random)));
                rows.add(row);
                table.append(random.nextBoolean() ? "\r\n" : "\n").append(String.join(",", row.values()));
            }
            List<String> given = new ArrayList<>();
            options.forEach((name, value) -> given.addAll(List.of("--" + name.replace('_', '-'), value)));
            List<String> lines = epsilon(table.toString(), given.toArray(String[]::new))
                    .answered()
                    .out()
                    .lines()
                    .toList();
            for (int i = 0; i < rows.size(); i++) {
                Map<String, String> all = new LinkedHashMap<>(options);
                all.putAll(rows.get(i));
                List<String> single = new ArrayList<>(List.of("epsilon", "--accountant", "rdp", "--json"));
                all.forEach((name, value) -> single.addAll(List.of("--" + name.replace('_', '-'), value)));
                String json = Outcome.of(single).answered().out();
                assertThat(lines.get(i + 1))
                        .isEqualTo(String.join(",", rows.get(i).values()) + ","
                                + json.substring(json.indexOf(':') + 1, json.indexOf(',')));
            }
            // The same with one name mistyped never gives an answer.
            String name = columns.get(random.nextInt(columns.size()));
            List<String> wrong = List.copyOf(mistyped(name));
            String typo = wrong.get(random.nextInt(wrong.size()));
            epsilon(table.toString().replaceFirst(name, typo), given.toArray(String[]::new))
                    .refused("header: column");
        }
    }

    private static String value(String name, Random random) {
        return switch (name) {
            case "delta" -> "1e-" + (3 + random.nextInt(9));
            case "noise_multiplier" -> Double.toString(1 + random.nextInt(40) / 10.0);
            case "sampling_probability" -> Double.toString((1 + random.nextInt(99)) / 1000.0);
            default -> Integer.toString(1 + random.nextInt(5000));
        };
    }
}
