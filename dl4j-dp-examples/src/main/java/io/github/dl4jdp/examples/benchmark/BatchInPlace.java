// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.examples.benchmark;

import io.github.dl4jdp.core.data.RandomAccessExamples;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.dataset.DataSet;
import org.nd4j.linalg.dataset.MultiDataSet;
import org.nd4j.linalg.indexing.NDArrayIndex;

/**
 * The one batch of a benchmark, of which every lot is the whole: parts of it are views. Fetching costs nothing, as it costs plain DL4J's steps nothing.
 */
record BatchInPlace(DataSet data) implements RandomAccessExamples {
    @Override
    public long size() {
        return data.numExamples();
    }

    /** @throws IllegalArgumentException if the indices are not consecutive */
    @Override
    public org.nd4j.linalg.dataset.api.MultiDataSet get(long[] indices) {
        long from = indices[0];
        long to = from + indices.length;
        if (indices[indices.length - 1] != to - 1) {
            throw new IllegalArgumentException("a lot must be the whole batch");
        }
        return new MultiDataSet(part(data.getFeatures(), from, to), part(data.getLabels(), from, to));
    }

    @Override
    public boolean hasFixedShapes() {
        return true;
    }

    private static INDArray part(INDArray array, long from, long to) {
        return from == 0 && to == array.size(0) ? array : array.get(NDArrayIndex.interval(from, to));
    }
}
