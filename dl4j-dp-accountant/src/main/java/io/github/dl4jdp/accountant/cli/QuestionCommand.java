// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.accountant.cli;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonGenerator;
import io.github.dl4jdp.accountant.AccountantKind;
import java.io.IOException;
import java.io.StringWriter;
import java.math.BigDecimal;
import java.math.MathContext;
import java.math.RoundingMode;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import org.apache.commons.csv.CSVFormat;
import org.apache.commons.csv.CSVPrinter;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;

/** A command that answers with one number, for one setting or for every row of a file. */
abstract class QuestionCommand extends SettingCommand {
    /** Digits of the plain answer, rounded to the safe side. */
    private static final int DIGITS = 6;

    @Option(names = "--json", description = "Answer with a JSON object, or an array of them with --csv.")
    boolean json;

    @Option(
            names = "--csv",
            paramLabel = "FILE",
            description =
                    "Answer every row of a CSV file, - for standard input. Columns are named like the options, with"
                            + " underscores; the answer is appended. Options fill in for missing columns.")
    @Nullable
    String csv;

    @Option(
            names = "--other-columns",
            paramLabel = "NAME",
            split = ",",
            description = "Columns of the file that are passed through though they look like parameters.")
    @Nullable
    List<String> otherColumns;

    private final Parameter answerName;

    /**
     * @param answerName what the number is
     * @param parameters what can be asked
     */
    QuestionCommand(Parameter answerName, List<Parameter> parameters) {
        super(parameters);
        this.answerName = answerName;
    }

    /** What the number is, in words. */
    abstract String subject(Setting setting);

    /** What is said after the number. */
    String explanation(Setting setting) {
        return "is " + subject(setting) + " (" + circumstances(setting) + ", " + answeredBy(setting) + ")";
    }

    /** What the answer is about, in a few words. */
    String circumstances(Setting setting) {
        return setting.description();
    }

    abstract double answer(Setting setting);

    /** Which accountant gives the answer. */
    AccountantKind answeredBy(Setting setting) {
        return setting.accountantKind();
    }

    /** What JSON shows of a setting: all that was given, and what follows from it where that is not plain. */
    Map<Parameter, Object> shown(Setting setting) {
        return setting.values();
    }

    @Override
    public Integer call() throws IOException {
        Map<Parameter, Object> given = given();
        Setting setting = setting(given);
        if (csv != null) {
            if (setting.isOfEvent()) {
                throw new IllegalArgumentException("csv and " + (setting.has(Parameter.EVENT) ? "event" : "ledger")
                        + " exclude each other; remove one of them");
            }
            Set<String> others = otherColumns == null ? Set.of() : Set.copyOf(otherColumns);
            SettingTable table =
                    SettingTable.read(csv, new SettingTable.Question(parameters(), answerName, given.keySet(), others));
            out().print(table(table, setting));
        } else if (otherColumns != null) {
            throw new IllegalArgumentException("other-columns must come with csv, whose columns they are");
        } else {
            double answer = checked(answer(setting));
            out().println(json ? json(setting, answer, Map.of()) : plain(answer) + " " + explanation(setting));
        }
        printWarnings();
        return 0;
    }

    private static double checked(double answer) {
        if (answer >= 0) {
            return answer;
        }
        // Negative or NaN
        throw new IllegalStateException(
                "the accountant failed: it answers " + Double.toString(answer).replace("NaN", "with no number"));
    }

    /** Six digits, rounded upwards: more epsilon, more delta and more noise are the safe side. */
    static String rounded(double value) {
        return value > 0 && value < Double.POSITIVE_INFINITY
                ? new BigDecimal(value, new MathContext(DIGITS, RoundingMode.CEILING)).toString()
                : Double.toString(value);
    }

    /** The number that an explanation follows. */
    private String plain(double value) {
        return isCount() ? exact(value) : rounded(value);
    }

    /** All digits. */
    private String exact(double value) {
        return isCount() ? Setting.text(value) : Double.toString(value);
    }

    private boolean isCount() {
        return answerName == Parameter.STEPS || answerName == Parameter.LOT_SIZE;
    }

    private String json(Setting setting, double answer, Map<String, String> others) throws IOException {
        StringWriter text = new StringWriter();
        try (JsonGenerator generator = new JsonFactory().createGenerator(text)) {
            generator.writeStartObject();
            generator.writeFieldName(answerName.column());
            write(generator, answer, exact(answer));
            Map<String, Object> values = new TreeMap<>();
            shown(setting).forEach((parameter, value) -> values.put(parameter.column(), value));
            values.keySet().removeAll(List.of("accountant", "relation", "sampling", "unit"));
            for (Map.Entry<String, Object> value : values.entrySet()) {
                generator.writeFieldName(value.getKey());
                write(generator, value.getValue(), Setting.text(value.getValue()));
            }
            for (Map.Entry<String, String> other : new TreeMap<>(others).entrySet()) {
                generator.writeStringField(other.getKey(), other.getValue());
            }
            generator.writeStringField("accountant", Parameter.text(answeredBy(setting)));
            generator.writeStringField("relation", Parameter.text(setting.relation()));
            if (!setting.isOfExamples()) {
                generator.writeStringField("unit", setting.unit());
            }
            if (!setting.isOfEvent()) {
                generator.writeStringField("sampling", Parameter.text(setting.sampling()));
            }
            generator.writeEndObject();
        }
        return text.toString();
    }

    /** JSON has no number that is infinite. */
    private static void write(JsonGenerator generator, Object value, String text) throws IOException {
        if (!(value instanceof Double number)) {
            generator.writeString(text);
        } else if (number < Double.POSITIVE_INFINITY) {
            generator.writeNumber(text);
        } else {
            generator.writeString("infinity");
        }
    }

    /** All rows are answered before the first is printed: a bad one leaves no half table behind. */
    private String table(SettingTable table, Setting defaults) throws IOException {
        StringBuilder text = new StringBuilder();
        List<String> objects = new ArrayList<>();
        try (CSVPrinter printer = new CSVPrinter(
                text, CSVFormat.DEFAULT.builder().setRecordSeparator('\n').build())) {
            List<String> header = new ArrayList<>(table.header());
            header.add(answerName.column());
            printer.printRecord(header);
            for (SettingTable.Row row : table.rows()) {
                Setting setting = defaults.with(row.values());
                double answer;
                try {
                    answer = checked(answer(setting));
                } catch (IllegalArgumentException | ArithmeticException | IllegalStateException e) {
                    throw row.failure(e);
                }
                List<String> cells = new ArrayList<>(row.cells());
                cells.add(exact(answer));
                printer.printRecord(cells);
                if (json) {
                    objects.add(json(setting, answer, others(table, row)));
                }
            }
        }
        return json ? "[\n" + String.join(",\n", objects) + "\n]\n" : text.toString();
    }

    private static Map<String, String> others(SettingTable table, SettingTable.Row row) {
        Map<String, String> others = new TreeMap<>();
        for (int i = 0; i < row.cells().size(); i++) {
            if (table.parameters().get(i) == null) {
                others.put(table.header().get(i), row.cells().get(i));
            }
        }
        return others;
    }
}
