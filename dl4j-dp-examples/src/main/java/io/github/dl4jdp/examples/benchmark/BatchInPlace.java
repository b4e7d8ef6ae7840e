// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.examples.benchmark;

import io.github.dl4jdp.core.data.RandomAccessExamples;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.dataset.DataSet;
import org.nd4j.linalg.dataset.MultiDataSet;
import org.nd4j.linalg.indexing.NDArrayIndex;

/**
 * The one batch of a benchmark as a data set of so many lots, each of which is the batch: fetching costs nothing, as it costs plain DL4J's steps nothing.
 */
record BatchInPlace(DataSet data, int lots) implements RandomAccessExamples {
    @Override
    public long size() {
        return (long) lots * data.numExamples();
    }

    /** The first rows of the batch, whichever are asked for. */
    @Override
    public org.nd4j.linalg.dataset.api.MultiDataSet get(long[] indices) {
        return new MultiDataSet(first(data.getFeatures(), indices.length), first(data.getLabels(), indices.length));
    }

    @Override
    public boolean hasFixedShapes() {
        return true;
    }

    private static INDArray first(INDArray array, int rows) {
        return rows == array.size(0) ? array : array.get(NDArrayIndex.interval(0, rows));
    }
}
