// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.accountant;

import java.io.IOException;
import java.io.InputStreamReader;
import java.io.Reader;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Objects;
import org.apache.commons.csv.CSVFormat;
import org.apache.commons.csv.CSVParser;
import org.apache.commons.csv.CSVRecord;

/** Reads the reference tables; the README beside them says how each was made. */
final class ReferenceTable {

    private ReferenceTable() {}

    static List<CSVRecord> rows(String name) {
        try (Reader reader = new InputStreamReader(
                        Objects.requireNonNull(ReferenceTable.class.getResourceAsStream("reference/" + name)),
                        StandardCharsets.UTF_8);
                CSVParser parser = CSVFormat.DEFAULT
                        .builder()
                        .setHeader()
                        .setSkipHeaderRecord(true)
                        .setCommentMarker('#')
                        .build()
                        .parse(reader)) {
            return parser.getRecords();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    static double number(CSVRecord row, String column) {
        String value = row.get(column);
        return value.equals("inf") ? Double.POSITIVE_INFINITY : Double.parseDouble(value);
    }

    static boolean has(CSVRecord row, String column) {
        return !row.get(column).isEmpty();
    }

    /** |actual / expected - 1|, with 0 / 0 counted as agreement. */
    static double relativeError(double actual, double expected) {
        return actual == expected ? 0 : Math.abs(actual - expected) / Math.abs(expected);
    }

    /** Poisson lots with Gaussian noise, {@code steps} times. */
    static DpEvent dpSgd(double q, double sigma, long steps) {
        return new DpEvent.SelfComposed(new DpEvent.PoissonSampled(q, new DpEvent.Gaussian(sigma)), steps);
    }
}
