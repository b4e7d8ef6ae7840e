// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.examples.data;

import io.github.dl4jdp.examples.data.AdultColumn.Amount;
import io.github.dl4jdp.examples.data.AdultColumn.Category;
import io.github.dl4jdp.examples.data.AdultColumn.Ignored;
import io.github.dl4jdp.examples.data.AdultColumn.Measure;
import io.github.dl4jdp.examples.data.AdultColumn.Raw;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.io.Reader;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.zip.GZIPInputStream;
import org.apache.commons.csv.CSVFormat;
import org.apache.commons.csv.CSVParser;
import org.apache.commons.csv.CSVRecord;
import org.nd4j.linalg.dataset.DataSet;
import org.nd4j.linalg.factory.Nd4j;

/**
 * Adult census income, bundled: does a person earn more than 50,000 dollars a year? (R. Kohavi, Scaling Up the Accuracy of
 * Naive-Bayes Classifiers, KDD 1996; 32,561 training and 16,281 test rows.)
 *
 * <p>Every constant that a row is encoded with is public: the lists of categories and the ranges of the numbers are those of
 * the description of the data set and of the survey (ages are recorded from 17 up to 90, hours from 1 to 99, gains up to
 * 99,999), and the knots between are round numbers that someone chose, not quantiles of the rows. A normalizer or quantiles
 * fitted on the training rows would tell about them outside the privacy guarantee.
 */
public final class AdultData {
    /** Classes, in the order of the label columns: at most 50,000 dollars, more. */
    public static final List<String> CLASSES = List.of("<=50K", ">50K");

    // In the order of the file. fnlwgt says how many people a row stands for, not who the person is.
    private static final List<AdultColumn> COLUMNS = List.of(
            Measure.of("age", 17., 22., 27., 32., 37., 45., 55., 65., 75., 90.),
            Category.of(
                    "workclass",
                    "Private",
                    "Self-emp-not-inc",
                    "Self-emp-inc",
                    "Federal-gov",
                    "Local-gov",
                    "State-gov",
                    "Without-pay",
                    "Never-worked"),
            new Ignored("fnlwgt"),
            Category.of(
                    "education",
                    "Bachelors",
                    "Some-college",
                    "11th",
                    "HS-grad",
                    "Prof-school",
                    "Assoc-acdm",
                    "Assoc-voc",
                    "9th",
                    "7th-8th",
                    "12th",
                    "Masters",
                    "1st-4th",
                    "10th",
                    "Doctorate",
                    "5th-6th",
                    "Preschool"),
            Measure.of("education-num", 1., 4., 7., 9., 10., 12., 13., 14., 16.),
            Category.of(
                    "marital-status",
                    "Married-civ-spouse",
                    "Divorced",
                    "Never-married",
                    "Separated",
                    "Widowed",
                    "Married-spouse-absent",
                    "Married-AF-spouse"),
            Category.of(
                    "occupation",
                    "Tech-support",
                    "Craft-repair",
                    "Other-service",
                    "Sales",
                    "Exec-managerial",
                    "Prof-specialty",
                    "Handlers-cleaners",
                    "Machine-op-inspct",
                    "Adm-clerical",
                    "Farming-fishing",
                    "Transport-moving",
                    "Priv-house-serv",
                    "Protective-serv",
                    "Armed-Forces"),
            Category.of("relationship", "Wife", "Own-child", "Husband", "Not-in-family", "Other-relative", "Unmarried"),
            Category.of("race", "White", "Asian-Pac-Islander", "Amer-Indian-Eskimo", "Other", "Black"),
            Category.of("sex", "Female", "Male"),
            Amount.of("capital-gain", 0., 1000., 3000., 4500., 5500., 7000., 10_000., 20_000., 99_999.),
            Amount.of("capital-loss", 0., 1000., 1500., 1700., 1800., 1950., 2100., 2300., 2600., 5000.),
            Measure.of("hours-per-week", 1., 20., 30., 39., 41., 50., 60., 99.),
            Category.of(
                    "native-country",
                    "United-States",
                    "Cambodia",
                    "England",
                    "Puerto-Rico",
                    "Canada",
                    "Germany",
                    "Outlying-US(Guam-USVI-etc)",
                    "India",
                    "Japan",
                    "Greece",
                    "South",
                    "China",
                    "Cuba",
                    "Iran",
                    "Honduras",
                    "Philippines",
                    "Italy",
                    "Poland",
                    "Jamaica",
                    "Vietnam",
                    "Mexico",
                    "Portugal",
                    "Ireland",
                    "France",
                    "Dominican-Republic",
                    "Laos",
                    "Ecuador",
                    "Taiwan",
                    "Haiti",
                    "Columbia",
                    "Hungary",
                    "Guatemala",
                    "Nicaragua",
                    "Scotland",
                    "Thailand",
                    "Yugoslavia",
                    "El-Salvador",
                    "Trinadad&Tobago",
                    "Peru",
                    "Hong",
                    "Holand-Netherlands"));

    private static final List<String> FEATURE_NAMES =
            COLUMNS.stream().flatMap(c -> c.features().stream()).toList();

    /** The same columns without anything that someone knows about their numbers: as one finds them in a table. */
    private static final List<AdultColumn> RAW_COLUMNS = COLUMNS.stream()
            .map(column -> column instanceof Category ? column : new Raw(column.name()))
            .toList();

    private AdultData() {}

    /** Names of the features, in the order of the feature columns. */
    public static List<String> featureNames() {
        return FEATURE_NAMES;
    }

    /**
     * Reads the bundled rows.
     *
     * @return features of shape [rows, {@link #featureNames()}.size()] in [0, 1] and one-hot labels of shape [rows, 2]
     * @throws IOException if the resources cannot be read
     */
    public static TrainTest<DataSet> load() throws IOException {
        return load(COLUMNS);
    }

    /**
     * Reads the bundled rows with their numbers as they are; categories are one-hot.
     *
     * @return features of shape [rows, columns] and one-hot labels of shape [rows, 2]
     * @throws IOException if the resources cannot be read
     */
    public static TrainTest<DataSet> loadRaw() throws IOException {
        return load(RAW_COLUMNS);
    }

    /** The columns of {@link #loadRaw} that hold numbers. */
    public static int[] rawNumbers() {
        List<Integer> numbers = new ArrayList<>();
        int offset = 0;
        for (AdultColumn column : RAW_COLUMNS) {
            if (column instanceof Raw) {
                numbers.add(offset);
            }
            offset += column.features().size();
        }
        return numbers.stream().mapToInt(Integer::intValue).toArray();
    }

    private static TrainTest<DataSet> load(List<AdultColumn> columns) throws IOException {
        return new TrainTest<>(
                resource("/adult/adult-train.csv.gz", columns), resource("/adult/adult-test.csv.gz", columns));
    }

    private static DataSet resource(String name, List<AdultColumn> columns) throws IOException {
        InputStream raw = AdultData.class.getResourceAsStream(name);
        if (raw == null) {
            throw new IOException("resource " + name + " is missing from the class path");
        }
        try (Reader reader = new InputStreamReader(new GZIPInputStream(raw), StandardCharsets.UTF_8)) {
            return read(reader, columns);
        }
    }

    /**
     * Encodes rows in the form of {@code adult.data}: no header, fields separated by comma and space, {@code ?} for what is
     * unknown, labels with or without a full stop.
     *
     * @return features of shape [rows, features] and one-hot labels of shape [rows, 2]
     * @throws IOException if the text cannot be read
     * @throws IllegalArgumentException if there is no row, or a row has not fifteen fields, or a field a value that the
     *     column cannot hold
     */
    public static DataSet read(Reader csv) throws IOException {
        return read(csv, COLUMNS);
    }

    private static DataSet read(Reader csv, List<AdultColumn> columns) throws IOException {
        CSVFormat format = CSVFormat.DEFAULT
                .builder()
                .setIgnoreSurroundingSpaces(true)
                .setIgnoreEmptyLines(true)
                .build();
        List<float[]> rows = new ArrayList<>();
        List<float[]> labels = new ArrayList<>();
        try (CSVParser records = format.parse(csv)) {
            for (CSVRecord record : records) {
                try {
                    rows.add(features(record, columns));
                    labels.add(label(record.get(COLUMNS.size())));
                } catch (IllegalArgumentException e) {
                    throw new IllegalArgumentException("row " + record.getRecordNumber() + ": " + e.getMessage(), e);
                }
            }
        }
        if (rows.isEmpty()) {
            throw new IllegalArgumentException("the text has no rows");
        }
        return new DataSet(
                Nd4j.createFromArray(rows.toArray(float[][]::new)),
                Nd4j.createFromArray(labels.toArray(float[][]::new)));
    }

    private static float[] features(CSVRecord record, List<AdultColumn> columns) {
        if (record.size() != COLUMNS.size() + 1) {
            throw new IllegalArgumentException(
                    "number of fields must be " + (COLUMNS.size() + 1) + ", was " + record.size());
        }
        float[] row = new float
                [columns.stream().mapToInt(column -> column.features().size()).sum()];
        int offset = 0;
        for (int c = 0; c < columns.size(); c++) {
            AdultColumn column = columns.get(c);
            column.encode(record.get(c), row, offset);
            offset += column.features().size();
        }
        return row;
    }

    private static float[] label(String field) {
        String name = field.endsWith(".") ? field.substring(0, field.length() - 1) : field;
        int index = CLASSES.indexOf(name);
        if (index < 0) {
            throw new IllegalArgumentException("label must be one of " + CLASSES + ", was \"" + field + "\"");
        }
        float[] oneHot = new float[CLASSES.size()];
        oneHot[index] = 1;
        return oneHot;
    }
}
