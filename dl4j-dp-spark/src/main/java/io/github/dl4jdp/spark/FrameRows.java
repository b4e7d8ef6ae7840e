// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.spark;

import java.io.Serializable;
import java.util.Arrays;
import java.util.List;
import org.apache.spark.api.java.JavaPairRDD;
import org.apache.spark.api.java.JavaRDD;
import org.apache.spark.api.java.function.Function;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.types.ArrayType;
import org.jspecify.annotations.Nullable;
import org.nd4j.linalg.dataset.DataSet;
import org.nd4j.linalg.factory.Nd4j;
import scala.Tuple2;

/**
 * Examples of the rows of a data frame, for {@link ShardedExamples#write(JavaRDD, String)}: a column of vectors, those of Spark ML or arrays of numbers, and a column of labels. A row is an example.
 *
 * <p>Needs {@code spark-sql}, which the rest of this module does not. For other columns, map {@code frame.javaRDD()} yourself.
 */
public final class FrameRows {
    private FrameRows() {}

    /**
     * Rows whose label is the number of a class, as one-hot labels.
     *
     * @param features name of the column of vectors, all of one length
     * @param label name of the column of whole numbers in [0, classes)
     * @param classes how many there are, at least 2, a public constant
     * @return FLOAT features [1, length] and labels [1, classes]
     * @throws IllegalArgumentException if a column is not there, or {@code classes < 2}. Spark throws when the RDD is computed if a value is missing or of another kind
     */
    public static JavaRDD<DataSet> classification(Dataset<Row> frame, String features, String label, int classes) {
        return frame.javaRDD().map(rows(frame, features, label, classes(label, classes)));
    }

    /**
     * As {@link #classification(Dataset, String, String, int)}, with the owner of each row, for {@link ShardedExamples#writeByOwner}.
     *
     * @param owner name of the column of ids, text or whole numbers, which is no part of the features
     */
    public static JavaPairRDD<String, DataSet> classification(
            Dataset<Row> frame, String features, String label, int classes, String owner) {
        return byOwner(frame, owner, rows(frame, features, label, classes(label, classes)));
    }

    /**
     * Rows whose label is a number to predict.
     *
     * @param features name of the column of vectors, all of one length
     * @param label name of the column of numbers
     * @return FLOAT features [1, length] and labels [1, 1]
     * @throws IllegalArgumentException if a column is not there
     */
    public static JavaRDD<DataSet> regression(Dataset<Row> frame, String features, String label) {
        return frame.javaRDD().map(rows(frame, features, label, number(label)));
    }

    /**
     * As {@link #regression(Dataset, String, String)}, with the owner of each row, for {@link ShardedExamples#writeByOwner}.
     *
     * @param owner name of the column of ids, text or whole numbers, which is no part of the features
     */
    public static JavaPairRDD<String, DataSet> regression(
            Dataset<Row> frame, String features, String label, String owner) {
        return byOwner(frame, owner, rows(frame, features, label, number(label)));
    }

    private static Labels classes(String label, int classes) {
        if (classes < 2) {
            throw new IllegalArgumentException("classes must be at least 2, was " + classes);
        }
        return value -> oneHot(value, label, classes);
    }

    private static Labels number(String label) {
        return value -> new float[] {number(value, label).floatValue()};
    }

    private static JavaPairRDD<String, DataSet> byOwner(
            Dataset<Row> frame, String owner, Function<Row, DataSet> examples) {
        int index = index(frame, owner);
        return frame.javaRDD()
                .mapToPair(row ->
                        new Tuple2<>(id(row.isNullAt(index) ? null : row.get(index), owner), examples.call(row)));
    }

    /** A missing one is refused where rows are written. A fraction is no id: 7 and 7.0000001 may be one person. */
    private static @Nullable String id(@Nullable Object value, String column) {
        if (value == null || value instanceof String) {
            return (String) value;
        }
        if (value instanceof Long || value instanceof Integer || value instanceof Short || value instanceof Byte) {
            return value.toString();
        }
        throw new IllegalArgumentException("column \"" + column + "\" must hold ids, as text or whole numbers, holds "
                + value.getClass().getName());
    }

    private interface Labels extends Serializable {
        float[] of(@Nullable Object value);
    }

    private static Function<Row, DataSet> rows(Dataset<Row> frame, String features, String label, Labels labels) {
        int vector = index(frame, features);
        int target = index(frame, label);
        boolean isArray = frame.schema().fields()[vector].dataType() instanceof ArrayType;
        return row -> new DataSet(
                Nd4j.createFromArray(new float[][] {
                    isArray
                            ? numbers(row.isNullAt(vector) ? null : row.getList(vector), features)
                            : entries(row.get(vector), features)
                }),
                Nd4j.createFromArray(new float[][] {labels.of(row.get(target))}));
    }

    private static int index(Dataset<Row> frame, String column) {
        int index = Arrays.asList(frame.columns()).indexOf(column);
        if (index < 0) {
            throw new IllegalArgumentException(
                    "the frame must have a column \"" + column + "\", has " + Arrays.toString(frame.columns()));
        }
        return index;
    }

    private static float[] numbers(@Nullable List<?> values, String column) {
        if (values == null) {
            throw missing(column);
        }
        var numbers = new float[values.size()];
        for (int i = 0; i < numbers.length; i++) {
            numbers[i] = number(values.get(i), column).floatValue();
        }
        return numbers;
    }

    /** Of a vector of Spark ML, whose artifact is not needed otherwise. */
    private static float[] entries(@Nullable Object vector, String column) {
        if (vector == null) {
            throw missing(column);
        }
        double[] values;
        try {
            values = (double[]) vector.getClass().getMethod("toArray").invoke(vector);
        } catch (ReflectiveOperationException | ClassCastException e) {
            throw new IllegalArgumentException(
                    "column \"" + column + "\" must hold vectors or arrays of numbers, holds "
                            + vector.getClass().getName(),
                    e);
        }
        var entries = new float[values.length];
        for (int i = 0; i < entries.length; i++) {
            entries[i] = (float) values[i];
        }
        return entries;
    }

    private static float[] oneHot(@Nullable Object value, String column, int classes) {
        double number = number(value, column).doubleValue();
        if (!(number >= 0 && number < classes && number == Math.rint(number))) {
            // Without the value: it is private, and this crosses the network.
            throw new IllegalArgumentException(
                    "column \"" + column + "\" must hold whole numbers from 0 to " + (classes - 1) + ", holds another");
        }
        var labels = new float[classes];
        labels[(int) number] = 1;
        return labels;
    }

    private static Number number(@Nullable Object value, String column) {
        if (value == null) {
            throw missing(column);
        }
        if (value instanceof Number number) {
            return number;
        }
        throw new IllegalArgumentException("column \"" + column + "\" must hold numbers, holds "
                + value.getClass().getName());
    }

    private static IllegalArgumentException missing(String column) {
        return new IllegalArgumentException("column \"" + column + "\" must hold a value in every row, one has none");
    }
}
