// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core.data;

import java.io.IOException;
import java.nio.ByteOrder;
import java.nio.file.Path;
import java.util.function.Function;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.dataset.api.MultiDataSet;

/**
 * Examples in array files that are mapped into memory, so that the data set may be larger than it: features in one file, labels in another,
 * row {@code i} of both being example {@code i}.
 *
 * <p>The files must not change while they are in use. They are as private as the examples: store them where the examples may be stored.
 */
public final class ArrayFileExamples implements RandomAccessExamples {
    private final MappedArray features;
    private final Function<long[], INDArray> labels;

    private ArrayFileExamples(MappedArray features, MappedArray labels, Function<long[], INDArray> readLabels) {
        if (features.rows() != labels.rows()) {
            throw new IllegalArgumentException("features and labels must have one row for each example, "
                    + features.file() + " has " + features.rows() + " and " + labels.file() + " has " + labels.rows());
        }
        requireRank(features);
        this.features = features;
        this.labels = readLabels;
    }

    private static void requireRank(MappedArray array) {
        if (array.rank() < 2) {
            throw new IllegalArgumentException(
                    "the array in " + array.file() + " must have at least two dimensions, examples first, has one");
        }
    }

    /**
     * Files that {@code numpy.save} wrote: numbers of type f4, f8, u1, i4 or i8, in C order.
     *
     * @param features [examples, ...]
     * @param labels [examples, ...] as the network's loss takes them
     * @throws IOException if a file cannot be read
     * @throws IllegalArgumentException if a file is no such array, or they have different numbers of rows
     */
    public static ArrayFileExamples numpy(Path features, Path labels) throws IOException {
        MappedArray array = NumpyHeader.map(labels);
        requireRank(array);
        return new ArrayFileExamples(NumpyHeader.map(features), array, array::get);
    }

    /**
     * As {@link #numpy(Path, Path)}, with labels that are class numbers.
     *
     * @param labels [examples], whole numbers from 0 to {@code classes - 1}; they become one-hot rows
     * @throws IOException if a file cannot be read
     * @throws IllegalArgumentException if a file is no such array, they have different numbers of rows, or {@code classes < 1}
     */
    public static ArrayFileExamples numpy(Path features, Path labels, int classes) throws IOException {
        if (classes < 1) {
            throw new IllegalArgumentException("classes must be at least 1, was " + classes);
        }
        MappedArray array = NumpyHeader.map(labels);
        if (array.rank() != 1) {
            throw new IllegalArgumentException(
                    "the array of class numbers in " + labels + " must have one dimension, has " + array.rank());
        }
        return new ArrayFileExamples(NumpyHeader.map(features), array, rows -> array.oneHot(rows, classes));
    }

    /**
     * Files of nothing but 32-bit floating-point numbers, little endian, in C order.
     *
     * @param featuresShape the whole array's, examples first
     * @param labelsShape the whole array's, examples first
     * @throws IOException if a file cannot be read
     * @throws IllegalArgumentException if a file has another length than its shape asks for, or they have different numbers of rows
     */
    public static ArrayFileExamples floats(Path features, long[] featuresShape, Path labels, long[] labelsShape)
            throws IOException {
        MappedArray array = floats(labels, labelsShape);
        requireRank(array);
        return new ArrayFileExamples(floats(features, featuresShape), array, array::get);
    }

    private static MappedArray floats(Path file, long[] shape) throws IOException {
        if (shape.length == 0) {
            throw new IllegalArgumentException("the shape of " + file + " must have at least one dimension, has none");
        }
        return MappedArray.map(file, 0, MappedArray.Element.FLOAT32, ByteOrder.LITTLE_ENDIAN, shape);
    }

    @Override
    public boolean hasFixedShapes() {
        return true;
    }

    @Override
    public long size() {
        return features.rows();
    }

    @Override
    public MultiDataSet get(long[] indices) {
        return new org.nd4j.linalg.dataset.MultiDataSet(features.get(indices), labels.apply(indices));
    }
}
