// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.spark;

import io.github.dl4jdp.core.data.MappedArray;
import java.io.Serializable;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Objects;
import org.jspecify.annotations.Nullable;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.memory.MemoryWorkspace;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.dataset.api.MultiDataSet;
import org.nd4j.linalg.factory.Nd4j;
import org.nd4j.linalg.indexing.NDArrayIndex;

/**
 * How the arrays of an example follow each other in a row of a shard: features, labels, masks of both, each in C order.
 *
 * <p>A shard is an array file of 32-bit numbers, or of 64-bit ones where an array needs them, little endian, [examples, numbers of a row].
 */
final class RowLayout implements Serializable {
    private static final long serialVersionUID = 1L;

    enum Role {
        FEATURES,
        LABELS,
        FEATURES_MASK,
        LABELS_MASK
    }

    private static final List<Role> ROLES = List.of(Role.values());

    /**
     * One array of an example.
     *
     * @param position among the arrays of its role
     * @param shape without the dimension of the examples
     */
    @SuppressWarnings("ArrayRecordComponent") // compared by the layout
    record Column(Role role, int position, DataType type, long[] shape) implements Serializable {
        long length() {
            return Arrays.stream(shape).reduce(1, Math::multiplyExact);
        }

        String describe() {
            return role + " " + position + " " + type + " " + Arrays.toString(shape);
        }
    }

    private final ArrayList<Column> columns;
    /** The number of arrays of each role; 0 for masks that no example has. */
    private final int[] counts;

    RowLayout(List<Column> columns, int[] counts) {
        this.columns = new ArrayList<>(columns);
        this.counts = counts.clone();
        if (columns.stream().noneMatch(column -> column.role() == Role.FEATURES)
                || columns.stream().noneMatch(column -> column.role() == Role.LABELS)
                || counts.length != Role.values().length) {
            throw new IllegalArgumentException("an example must have features and labels, has " + describe());
        }
        var seen = new HashSet<String>();
        for (Column column : columns) {
            if (column.position() < 0
                    || column.position() >= counts[ROLES.indexOf(column.role())]
                    || !seen.add(column.role() + " " + column.position())
                    || Arrays.stream(column.shape()).anyMatch(size -> size < 1)) {
                throw new IllegalArgumentException("each array of an example must be there once and not be empty, has "
                        + column.describe() + " in " + describe());
            }
        }
    }

    static RowLayout of(MultiDataSet examples) {
        var columns = new ArrayList<Column>();
        var counts = new int[Role.values().length];
        for (Role role : ROLES) {
            int count = count(examples, role);
            for (int i = 0; i < count; i++) {
                INDArray array = array(examples, role, i);
                if (array != null) {
                    requireValues(array);
                    long[] shape = array.shape();
                    columns.add(new Column(role, i, array.dataType(), Arrays.copyOfRange(shape, 1, shape.length)));
                    counts[ROLES.indexOf(role)] = count;
                }
            }
        }
        return new RowLayout(columns, counts);
    }

    /** Kryo copies the fields of ND4J's arrays that are not transient, which are none. */
    private static void requireValues(INDArray array) {
        if (array.data() == null) {
            throw new IllegalArgumentException(
                    "an array of an example came without its values: Spark's Kryo serializer does not know ND4J's arrays."
                            + " Set spark.kryo.registrator to that of nd4j-kryo, or spark.serializer to Java's, while RDDs of DataSets are written as shards");
        }
    }

    private static @Nullable INDArray @Nullable [] arrays(MultiDataSet examples, Role role) {
        return switch (role) {
            case FEATURES -> examples.getFeatures();
            case LABELS -> examples.getLabels();
            case FEATURES_MASK -> examples.getFeaturesMaskArrays();
            case LABELS_MASK -> examples.getLabelsMaskArrays();
        };
    }

    private static int count(MultiDataSet examples, Role role) {
        @Nullable INDArray @Nullable [] arrays = arrays(examples, role);
        return arrays == null ? 0 : arrays.length;
    }

    private static @Nullable INDArray array(MultiDataSet examples, Role role, int position) {
        @Nullable INDArray @Nullable [] arrays = arrays(examples, role);
        return arrays == null || position >= arrays.length ? null : arrays[position];
    }

    List<Column> columns() {
        return columns;
    }

    int[] counts() {
        return counts.clone();
    }

    /** The numbers of a row. */
    int length() {
        long length = 0;
        for (Column column : columns) {
            length = Math.addExact(length, column.length());
        }
        return Math.toIntExact(length);
    }

    MappedArray.Element element() {
        return columns.stream().allMatch(column -> column.type() == DataType.FLOAT)
                ? MappedArray.Element.FLOAT32
                : MappedArray.Element.FLOAT64;
    }

    /** The rows of some examples, one after the other. */
    double[] rows(MultiDataSet examples) {
        int count = Math.toIntExact(examples.getFeatures(0).size(0));
        int length = length();
        var rows = new double[Math.multiplyExact(count, length)];
        int at = 0;
        try (MemoryWorkspace outside = Nd4j.getMemoryManager().scopeOutOfWorkspaces()) {
            for (Column column : columns) {
                INDArray array = Objects.requireNonNull(array(examples, column.role(), column.position()));
                if (array.size(0) != count) {
                    throw new IllegalArgumentException("every array must have one row for each of the " + count
                            + " examples, " + column.describe() + " has " + array.size(0));
                }
                double[] values = array.dup('c').data().asDouble();
                int size = Math.toIntExact(column.length());
                for (int row = 0; row < count; row++) {
                    System.arraycopy(values, row * size, rows, row * length + at, size);
                }
                at += size;
            }
        }
        return rows;
    }

    /**
     * The examples of some rows.
     *
     * @param rows [examples, {@link #length}]
     */
    MultiDataSet examples(INDArray rows) {
        try (MemoryWorkspace outside = Nd4j.getMemoryManager().scopeOutOfWorkspaces()) {
            var arrays = new INDArray[Role.values().length][];
            for (Role role : Role.values()) {
                arrays[ROLES.indexOf(role)] = new INDArray[counts[ROLES.indexOf(role)]];
            }
            long at = 0;
            for (Column column : columns) {
                long[] shape = new long[column.shape().length + 1];
                shape[0] = rows.size(0);
                System.arraycopy(column.shape(), 0, shape, 1, column.shape().length);
                arrays[ROLES.indexOf(column.role())][column.position()] = rows.get(
                                NDArrayIndex.all(), NDArrayIndex.interval(at, at + column.length()))
                        .dup('c')
                        .castTo(column.type())
                        .reshape('c', shape);
                at += column.length();
            }
            return new org.nd4j.linalg.dataset.MultiDataSet(arrays[0], arrays[1], orNull(arrays[2]), orNull(arrays[3]));
        }
    }

    private static INDArray @Nullable [] orNull(INDArray[] arrays) {
        return arrays.length == 0 ? null : arrays;
    }

    String describe() {
        return columns.stream().map(Column::describe).toList().toString();
    }

    @Override
    public boolean equals(@Nullable Object other) {
        return other instanceof RowLayout that
                && Arrays.equals(counts, that.counts)
                && describe().equals(that.describe());
    }

    @Override
    public int hashCode() {
        return describe().hashCode();
    }
}
