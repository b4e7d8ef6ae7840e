// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.accountant.cli;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonGenerator;
import io.github.dl4jdp.accountant.AccountantKind;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.PrintWriter;
import java.io.Reader;
import java.io.StringWriter;
import java.math.BigDecimal;
import java.math.MathContext;
import java.math.RoundingMode;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.Callable;
import org.apache.commons.csv.CSVFormat;
import org.apache.commons.csv.CSVParser;
import org.apache.commons.csv.CSVPrinter;
import org.apache.commons.csv.CSVRecord;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** A command that answers with one number, for one setting or for every row of a file. */
abstract class QuestionCommand implements Callable<Integer> {
    /** Digits of the plain answer, rounded to the safe side. */
    private static final int DIGITS = 6;

    @Mixin
    SettingOptions options = new SettingOptions();

    @Option(names = "--json", description = "Answer with a JSON object.")
    boolean json;

    @Option(
            names = "--csv",
            paramLabel = "FILE",
            description =
                    "Answer every row of a CSV file, - for standard input. Columns are named like the options, with"
                            + " underscores; the answer is appended. Options fill in for missing columns.")
    @Nullable
    String csv;

    @Spec
    @Nullable
    CommandSpec spec;

    /** The name of the answer. */
    abstract String answerName();

    /** What is said after the number. */
    abstract String explanation(Setting setting);

    abstract double answer(Setting setting);

    /** Which accountant gives the answer. */
    AccountantKind answeredBy() {
        return options.accountant;
    }

    /** The options of this command alone. */
    abstract Map<String, Double> given();

    @Override
    public Integer call() throws IOException {
        Map<String, Double> values = new TreeMap<>(options.given());
        values.putAll(given());
        Setting setting = new Setting(values);
        PrintWriter out = spec().commandLine().getOut();
        if (csv != null) {
            table(csv, setting, out);
            return 0;
        }
        double answer = answer(setting);
        if (json) {
            out.println(json(values, answer));
        } else {
            out.println(rounded(answer) + " " + explanation(setting));
        }
        return 0;
    }

    CommandSpec spec() {
        if (spec == null) {
            throw new IllegalStateException("commands are run by picocli");
        }
        return spec;
    }

    /** Six digits, rounded upwards: more epsilon, more delta and more noise are the safe side. */
    static String rounded(double value) {
        return value > 0 && value < Double.POSITIVE_INFINITY
                ? new BigDecimal(value, new MathContext(DIGITS, RoundingMode.CEILING)).toString()
                : Double.toString(value);
    }

    private String json(Map<String, Double> values, double answer) throws IOException {
        StringWriter text = new StringWriter();
        try (JsonGenerator generator = new JsonFactory().createGenerator(text)) {
            generator.writeStartObject();
            generator.writeFieldName(answerName());
            writeNumber(generator, answer, Double.toString(answer));
            for (Map.Entry<String, Double> value : values.entrySet()) {
                generator.writeFieldName(value.getKey());
                writeNumber(generator, value.getValue(), Setting.text(value.getValue()));
            }
            generator.writeStringField("accountant", answeredBy().name().toLowerCase(Locale.ROOT));
            generator.writeStringField("relation", "add-or-remove-one");
            generator.writeEndObject();
        }
        return text.toString();
    }

    /** JSON has no number that is infinite. */
    private static void writeNumber(JsonGenerator generator, double value, String text) throws IOException {
        if (value < Double.POSITIVE_INFINITY) {
            generator.writeNumber(text);
        } else {
            generator.writeString("infinity");
        }
    }

    private void table(String file, Setting defaults, PrintWriter out) throws IOException {
        CSVFormat format = CSVFormat.DEFAULT
                .builder()
                .setHeader()
                .setSkipHeaderRecord(true)
                .setTrim(true)
                .setIgnoreEmptyLines(true)
                .build();
        try (Reader reader = open(file);
                CSVParser parser = format.parse(reader);
                CSVPrinter printer = new CSVPrinter(
                        out,
                        CSVFormat.DEFAULT.builder().setRecordSeparator('\n').build())) {
            List<String> header = new ArrayList<>(parser.getHeaderNames());
            if (header.contains(answerName())) {
                throw new IllegalArgumentException("column " + answerName() + " is the answer and cannot be given");
            }
            header.add(answerName());
            printer.printRecord(header);
            for (CSVRecord row : parser) {
                List<String> cells = new ArrayList<>(row.toList());
                cells.add(Double.toString(answer(row, parser.getHeaderNames(), defaults)));
                printer.printRecord(cells);
            }
            printer.flush();
        }
    }

    private static Reader open(String file) throws IOException {
        return file.equals("-")
                ? new InputStreamReader(System.in, StandardCharsets.UTF_8)
                : Files.newBufferedReader(Path.of(file), StandardCharsets.UTF_8);
    }

    private double answer(CSVRecord row, List<String> header, Setting defaults) {
        try {
            if (!row.isConsistent()) {
                throw new IllegalArgumentException(
                        "it has " + row.size() + " cells where the header has " + header.size());
            }
            Map<String, Double> values = new TreeMap<>();
            for (String column : header) {
                if (!row.get(column).isEmpty()) {
                    values.put(column, number(column, row.get(column)));
                }
            }
            return answer(defaults.with(values));
        } catch (IllegalArgumentException e) {
            throw new IllegalArgumentException("row " + row.getRecordNumber() + ": " + e.getMessage(), e);
        }
    }

    private static double number(String column, String cell) {
        try {
            return Double.parseDouble(cell);
        } catch (NumberFormatException e) {
            throw new IllegalArgumentException(column + " must be a number, was " + cell, e);
        }
    }
}
