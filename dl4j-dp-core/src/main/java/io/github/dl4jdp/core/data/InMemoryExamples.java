// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core.data;

import io.github.dl4jdp.core.internal.arrays.HostArrays;
import java.util.Arrays;
import java.util.Collection;
import java.util.List;
import java.util.Objects;
import java.util.function.UnaryOperator;
import org.jspecify.annotations.Nullable;
import org.nd4j.linalg.api.memory.MemoryWorkspace;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.dataset.api.DataSet;
import org.nd4j.linalg.dataset.api.MultiDataSet;
import org.nd4j.linalg.factory.Nd4j;

/** Rows of in-memory arrays. */
public final class InMemoryExamples implements RandomAccessExamples {
    private final MultiDataSet data;
    private final long size;
    /** What the data went through before: the engine finds it here. */
    @SuppressWarnings("unused")
    private final List<Object> stages;

    InMemoryExamples(MultiDataSet data) {
        this(data, List.of());
    }

    /** @param stages preprocessors that were applied to the data, and stages of their way */
    InMemoryExamples(MultiDataSet data, Collection<Object> stages) {
        this.stages = List.copyOf(stages);
        this.data = map(data, InMemoryExamples::kept);
        this.size = data.getFeatures(0).size(0);
        map(data, array -> {
            if (array.size(0) != size) {
                throw new IllegalArgumentException("every array of the data must have one row for each of the " + size
                        + " examples, one has " + array.size(0));
            }
            return array;
        });
    }

    public static MultiDataSet toMultiDataSet(DataSet data) {
        return new org.nd4j.linalg.dataset.MultiDataSet(
                new INDArray[] {Objects.requireNonNull(data.getFeatures(), "data.features")},
                new INDArray[] {Objects.requireNonNull(data.getLabels(), "data.labels")},
                data.getFeaturesMaskArray() == null ? null : new INDArray[] {data.getFeaturesMaskArray()},
                data.getLabelsMaskArray() == null ? null : new INDArray[] {data.getLabelsMaskArray()});
    }

    @Override
    public long size() {
        return size;
    }

    @Override
    public boolean hasFixedShapes() {
        return true;
    }

    @Override
    public MultiDataSet get(long[] indices) {
        int[] rows = intRows(indices);
        try (MemoryWorkspace outside = Nd4j.getMemoryManager().scopeOutOfWorkspaces()) {
            return map(data, array -> rows(array, rows));
        }
    }

    @Override
    public MultiDataSet get(long[] indices, MultiDataSet reuse) {
        int[] rows = intRows(indices);
        fill(data.getFeatures(), rows, reuse.getFeatures());
        fill(data.getLabels(), rows, reuse.getLabels());
        fill(data.getFeaturesMaskArrays(), rows, reuse.getFeaturesMaskArrays());
        fill(data.getLabelsMaskArrays(), rows, reuse.getLabelsMaskArrays());
        return reuse;
    }

    private static int[] intRows(long[] indices) {
        return Arrays.stream(indices).mapToInt(Math::toIntExact).toArray();
    }

    private static INDArray rows(INDArray array, int[] indices) {
        long[] shape = array.shape().clone();
        INDArray gathered = Nd4j.pullRows(asMatrix(array), 1, indices, 'c');
        shape[0] = indices.length;
        return gathered.reshape('c', shape);
    }

    private static void fill(
            @Nullable INDArray @Nullable [] arrays, int[] indices, @Nullable INDArray @Nullable [] to) {
        for (int i = 0; arrays != null && to != null && i < arrays.length; i++) {
            INDArray array = arrays[i];
            INDArray target = to[i];
            if (array != null && target != null) {
                Nd4j.pullRows(asMatrix(array), asMatrix(target), 1, indices);
            }
        }
    }

    private static INDArray asMatrix(INDArray array) {
        return array.reshape('c', array.size(0), array.length() / array.size(0));
    }

    /** The array itself where possible, in c order: the reshape to rows must not copy the data set at every lot. */
    private static INDArray kept(INDArray array) {
        return array.ordering() == 'c' && !array.isView() ? HostArrays.kept(array) : HostArrays.detached(array);
    }

    /** A new data set of what the function makes of every array that is there. */
    public static MultiDataSet map(MultiDataSet data, UnaryOperator<INDArray> function) {
        return new org.nd4j.linalg.dataset.MultiDataSet(
                map(data.getFeatures(), function),
                map(data.getLabels(), function),
                map(data.getFeaturesMaskArrays(), function),
                map(data.getLabelsMaskArrays(), function));
    }

    private static @Nullable INDArray @Nullable [] map(
            @Nullable INDArray @Nullable [] arrays, UnaryOperator<INDArray> function) {
        if (arrays == null) {
            return null;
        }
        @Nullable INDArray[] mapped = new @Nullable INDArray[arrays.length];
        for (int i = 0; i < arrays.length; i++) {
            INDArray array = arrays[i];
            mapped[i] = array == null ? null : function.apply(array);
        }
        return mapped;
    }
}
