// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.accountant.cli;

import java.io.IOException;
import java.io.StringReader;
import java.io.UncheckedIOException;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.HashMap;
import java.util.HashSet;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;
import org.apache.commons.csv.CSVFormat;
import org.apache.commons.csv.CSVParser;
import org.apache.commons.csv.CSVRecord;
import org.jspecify.annotations.Nullable;

/**
 * The questions of a CSV file, all read and checked before the first is answered.
 *
 * <p>What must hold: every number that is printed comes from the cells of its row, and from options for which the file has no column. So a column that
 * is not known is refused where it may have been meant for a parameter, or where an option stands in for something that the file lacks; an option
 * never stands in for a cell.
 *
 * @param header names of the columns
 * @param parameters the parameter of each column, null where it is passed through
 * @param rows the rows
 */
record SettingTable(List<String> header, List<@Nullable Parameter> parameters, List<Row> rows) {

    private static final CSVFormat FORMAT =
            CSVFormat.DEFAULT.builder().setTrim(true).setIgnoreEmptyLines(true).build();

    /**
     * A row.
     *
     * @param number from 1, the header not counted
     * @param cells as they stand in the file, without spaces around them
     * @param values those of its cells that are not empty and not passed through
     */
    record Row(long number, List<String> cells, Map<Parameter, Object> values) {
        /** The exception with the row's number. */
        IllegalArgumentException failure(RuntimeException e) {
            return SettingTable.failure(number, String.valueOf(e.getMessage()), e);
        }
    }

    /** What is asked. */
    record Question(List<Parameter> parameters, Parameter answer, Set<Parameter> options, Set<String> passedThrough) {}

    private static IllegalArgumentException failure(long row, String message, @Nullable Throwable cause) {
        return new IllegalArgumentException("row " + row + ": " + message, cause);
    }

    /** Reads a file, {@code -} for standard input. */
    static SettingTable read(String file, Question question) throws IOException {
        String text = InputFile.decode(file, InputFile.read(file));
        if (text.isBlank()) {
            throw new IllegalArgumentException(file + " is empty; its first row must name the columns");
        }
        List<List<String>> records = records(text);
        List<String> header = records.get(0);
        List<@Nullable Parameter> parameters = columns(header, question);
        if (records.size() == 1) {
            throw new IllegalArgumentException("row 1: missing; " + file + " has only a header");
        }
        List<Row> rows = new ArrayList<>();
        for (int i = 1; i < records.size(); i++) {
            rows.add(row(i, records.get(i), header, parameters, question));
        }
        return new SettingTable(header, parameters, rows);
    }

    private static List<List<String>> records(String text) throws IOException {
        List<List<String>> records = new ArrayList<>();
        try (CSVParser parser = CSVParser.parse(new StringReader(text), FORMAT)) {
            Iterator<CSVRecord> iterator = parser.iterator();
            while (iterator.hasNext()) {
                records.add(iterator.next().toList());
            }
        } catch (IOException | UncheckedIOException | IllegalStateException e) {
            throw new IllegalArgumentException(
                    where(records.size())
                            + " must be CSV, with every quote closed and followed by a comma or the end of its row; see line "
                            + (1 + records.size()) + " of the file and those after it",
                    e);
        }
        for (int i = 0; i < records.size(); i++) {
            for (String cell : records.get(i)) {
                if (cell.indexOf('\n') >= 0 || cell.indexOf('\r') >= 0) {
                    throw new IllegalArgumentException(
                            where(i)
                                    + " must not have a line break within a cell; close the quote, or put the text on one line");
                }
            }
        }
        if (records.isEmpty()) {
            throw new IllegalArgumentException("header: missing; the first row must name the columns");
        }
        return records;
    }

    private static String where(int record) {
        return record == 0 ? "header:" : "row " + record + ":";
    }

    private static List<@Nullable Parameter> columns(List<String> header, Question question) {
        Map<String, Parameter> known = new HashMap<>();
        question.parameters().stream().filter(Parameter::isColumn).forEach(p -> known.put(p.column(), p));
        Set<String> seen = new HashSet<>();
        List<@Nullable Parameter> columns = new ArrayList<>();
        List<String> others = new ArrayList<>();
        for (int i = 0; i < header.size(); i++) {
            String name = header.get(i);
            String position = "header: column " + (i + 1);
            if (name.isBlank()) {
                throw new IllegalArgumentException(position + " must have a name, has none; name it or remove it");
            }
            if (!seen.add(name)) {
                throw new IllegalArgumentException(
                        position + ", " + name + ", must occur once, occurs twice; remove one of the two");
            }
            if (name.equals(question.answer().column())) {
                throw new IllegalArgumentException(
                        "header: column " + name + " is the answer and cannot be given; remove or rename it");
            }
            Parameter parameter = known.get(name);
            if (parameter == null) {
                requireHarmless(position, name, question);
                if (!question.passedThrough().contains(name)) {
                    others.add(name);
                }
            }
            columns.add(parameter);
        }
        requireNothingLacking(others, columns, question);
        for (String name : question.passedThrough()) {
            if (!seen.contains(name) || known.containsKey(name)) {
                throw new IllegalArgumentException(
                        "other-columns must name columns of the file that are not parameters, named " + name
                                + (known.containsKey(name) ? ", which is one" : ", which is not there"));
            }
        }
        return columns;
    }

    private static void requireHarmless(String position, String name, Question question) {
        if (question.passedThrough().contains(name)) {
            return;
        }
        if (name.indexOf(';') >= 0 || name.indexOf('\t') >= 0) {
            throw new IllegalArgumentException(
                    position + ", " + name + ", must not contain semicolons or tabs; separate columns by commas");
        }
        Parameter meant = ColumnNames.resembled(name, question.parameters());
        if (meant == null) {
            return;
        }
        boolean used = meant.isColumn() && question.parameters().contains(meant);
        String known = name.equals(meant.column()) ? "is a parameter" : "resembles " + meant.column() + ", a parameter";
        throw new IllegalArgumentException(position + ", " + name + ", "
                + (used
                        ? "is not known but resembles " + meant.column() + "; rename it to " + meant.column()
                        : known + " that this command does not take from a file; remove the column")
                + ", or pass it through by --other-columns " + name);
    }

    /** An option that replaces a column, beside an unknown column: the column may be the option's, mistyped. */
    private static void requireNothingLacking(
            List<String> others, List<@Nullable Parameter> columns, Question question) {
        List<Parameter> lacking = question.options().stream()
                // The choice of the bound, which holds whichever it is.
                .filter(option -> option.isColumn() && option != Parameter.ACCOUNTANT && !columns.contains(option))
                .toList();
        if (!others.isEmpty() && !lacking.isEmpty()) {
            throw new IllegalArgumentException("header: column " + others.get(0) + " is not known, while "
                    + lacking.stream().map(Parameter::option).collect(Collectors.joining(", "))
                    + " sets a parameter that the file lacks, so the column may be a mistyped name; add a column "
                    + lacking.get(0).column() + ", or declare by --other-columns " + String.join(",", others)
                    + " that it is not a parameter");
        }
    }

    private static Row row(
            int number,
            List<String> cells,
            List<String> header,
            List<@Nullable Parameter> parameters,
            Question question) {
        if (cells.size() != header.size()) {
            throw failure(
                    number,
                    "it has " + cells.size() + " cells where the header has " + header.size()
                            + "; a text with commas must be in quotes",
                    null);
        }
        Map<Parameter, Object> values = new EnumMap<>(Parameter.class);
        for (int i = 0; i < cells.size(); i++) {
            Parameter parameter = parameters.get(i);
            if (parameter == null) {
                continue;
            }
            if (!cells.get(i).isEmpty()) {
                try {
                    values.put(parameter, parameter.read(cells.get(i)));
                } catch (IllegalArgumentException e) {
                    throw failure(number, parameter.column() + " " + e.getMessage(), e);
                }
            } else if (question.options().contains(parameter)) {
                throw failure(
                        number,
                        parameter.column() + " is empty, and " + parameter.option()
                                + " does not replace single cells; fill it in",
                        null);
            }
        }
        return new Row(number, cells, values);
    }
}
