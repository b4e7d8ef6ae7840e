// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core.fuzz;

import io.github.dl4jdp.core.data.RandomAccessExamples;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.dataset.api.MultiDataSet;
import org.nd4j.linalg.factory.Nd4j;
import org.nd4j.linalg.indexing.NDArrayIndex;

/** Sequences [B, size, T] that are as long as the longest of those that are asked for, as DL4J's own readers of sequences make them. */
public final class PaddedExamples implements RandomAccessExamples {
    private final MultiDataSet data;

    /** @param data with masks of the features: as long as an example's last one is the example */
    public PaddedExamples(MultiDataSet data) {
        this.data = data;
        INDArray mask = data.getFeaturesMaskArray(0);
        for (int i = 0; i < mask.size(0); i++) {
            for (long t = mask.size(1) - 1; t >= 0 && mask.getDouble(i, t) == 0; t--) {
                data.getFeatures(0)
                        .get(NDArrayIndex.point(i), NDArrayIndex.all(), NDArrayIndex.point(t))
                        .assign(0);
                if (data.getLabels(0).rank() == 3) {
                    data.getLabels(0)
                            .get(NDArrayIndex.point(i), NDArrayIndex.all(), NDArrayIndex.point(t))
                            .assign(0);
                }
            }
        }
    }

    @Override
    public long size() {
        return data.getFeatures(0).size(0);
    }

    @Override
    public MultiDataSet get(long[] indices) {
        int[] rows = Arrays.stream(indices).mapToInt(Math::toIntExact).toArray();
        INDArray mask = Nd4j.pullRows(data.getFeaturesMaskArray(0), 1, rows, 'c');
        long steps = mask.size(1);
        while (steps > 1
                && mask.get(NDArrayIndex.all(), NDArrayIndex.interval(steps - 1, steps))
                                .sumNumber()
                                .doubleValue()
                        == 0) {
            steps--;
        }
        return new org.nd4j.linalg.dataset.MultiDataSet(
                cut(data.getFeatures(), rows, steps),
                cut(data.getLabels(), rows, steps),
                cut(data.getFeaturesMaskArrays(), rows, steps),
                cut(data.getLabelsMaskArrays(), rows, steps));
    }

    private @Nullable INDArray @Nullable [] cut(@Nullable INDArray @Nullable [] arrays, int[] rows, long steps) {
        if (arrays == null) {
            return null;
        }
        @Nullable INDArray[] all = new @Nullable INDArray[arrays.length];
        for (int i = 0; i < arrays.length; i++) {
            INDArray array = arrays[i];
            all[i] = array == null ? null : cut(array, rows, steps);
        }
        return all;
    }

    private INDArray cut(INDArray array, int[] rows, long steps) {
        long[] shape = array.shape().clone();
        shape[0] = rows.length;
        INDArray taken = Nd4j.pullRows(
                        array.dup('c').reshape('c', array.size(0), array.length() / array.size(0)), 1, rows, 'c')
                .reshape('c', shape);
        boolean isSeries = array.rank() == 3
                || (array.rank() == 2
                        && array.size(1) == data.getFeaturesMaskArray(0).size(1));
        if (!isSeries) {
            return taken;
        }
        return array.rank() == 3
                ? taken.get(NDArrayIndex.all(), NDArrayIndex.all(), NDArrayIndex.interval(0, steps))
                        .dup('c')
                : taken.get(NDArrayIndex.all(), NDArrayIndex.interval(0, steps)).dup('c');
    }
}
