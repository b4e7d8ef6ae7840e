// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core.internal.training;

import io.github.dl4jdp.core.data.InMemoryExamples;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.dataset.DataSet;
import org.nd4j.linalg.dataset.api.DataSetPreProcessor;
import org.nd4j.linalg.dataset.api.MultiDataSet;
import org.nd4j.linalg.dataset.api.iterator.DataSetIterator;

/**
 * The lots of a plan as an iterator for {@code net.fit}: each {@code next()} is one lot, one pass over the iterator is one pass of the plan.
 *
 * <p>A lot larger than the physical batch size is accumulated inside {@code next()}, which returns its last part: DL4J sees one iteration a
 * lot, whatever its size. An empty lot is returned as one row that does not count.
 */
public final class LotIterator implements DataSetIterator {
    private static final long serialVersionUID = 1L;

    private final transient LotSource source;
    private transient @Nullable DataSetPreProcessor preProcessor;

    public LotIterator(LotSource source) {
        this.source = source;
    }

    @Override
    public boolean hasNext() {
        return source.hasNext();
    }

    @Override
    public DataSet next() {
        RefusedLot refusal = source.refusal();
        if (refusal != null) {
            return refusal;
        }
        return toDataSet(source.next(this::preProcess));
    }

    private MultiDataSet preProcess(MultiDataSet part) {
        if (preProcessor == null) {
            return part;
        }
        DataSet data = toDataSet(part);
        preProcessor.preProcess(data);
        return InMemoryExamples.toMultiDataSet(data);
    }

    public static DataSet toDataSet(MultiDataSet data) {
        if (data.numFeatureArrays() != 1 || data.numLabelsArrays() != 1) {
            throw new IllegalArgumentException("data must have one array of features and one of labels, has "
                    + data.numFeatureArrays() + " and " + data.numLabelsArrays()
                    + "; train with net.fit(engine.multiLots(data), plan.epochs())");
        }
        return new DataSet(
                data.getFeatures(0),
                data.getLabels(0),
                first(data.getFeaturesMaskArrays()),
                first(data.getLabelsMaskArrays()));
    }

    private static @Nullable INDArray first(@Nullable INDArray @Nullable [] masks) {
        return masks == null ? null : masks[0];
    }

    @Override
    public DataSet next(int num) {
        throw new UnsupportedOperationException(
                "the size of a lot is drawn by the plan and cannot be asked for; call next()");
    }

    @Override
    public void reset() {
        source.nextPass();
    }

    @Override
    public boolean resetSupported() {
        source.requireNoPrefetching();
        return true;
    }

    /** A prefetching thread would run the network while it trains. */
    @Override
    public boolean asyncSupported() {
        return false;
    }

    @Override
    public int batch() {
        return source.expectedLotSize();
    }

    @Override
    public int inputColumns() {
        return source.columns(true);
    }

    @Override
    public int totalOutcomes() {
        return source.columns(false);
    }

    @Override
    public void setPreProcessor(@Nullable DataSetPreProcessor preProcessor) {
        source.noticePreProcessor(preProcessor);
        this.preProcessor = preProcessor;
    }

    @Override
    public @Nullable DataSetPreProcessor getPreProcessor() {
        return preProcessor;
    }

    @Override
    public @Nullable List<String> getLabels() {
        return null;
    }
}
