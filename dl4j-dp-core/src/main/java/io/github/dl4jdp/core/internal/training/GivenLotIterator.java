// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core.internal.training;

import io.github.dl4jdp.core.data.InMemoryExamples;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.nd4j.linalg.dataset.DataSet;
import org.nd4j.linalg.dataset.api.DataSetPreProcessor;
import org.nd4j.linalg.dataset.api.iterator.DataSetIterator;

/** The batches of a user's iterator, each a lot; a pass is charged before its first batch is asked for. */
public final class GivenLotIterator implements DataSetIterator {
    private static final long serialVersionUID = 1L;

    private final transient DataSetIterator iterator;
    private final transient GivenBatches passes;

    public GivenLotIterator(DataSetIterator iterator, GivenBatches passes) {
        this.iterator = iterator;
        this.passes = passes;
        passes.noticePreProcessor(iterator.getPreProcessor());
    }

    @Override
    public boolean hasNext() {
        return passes.hasNext(iterator::hasNext);
    }

    @Override
    public DataSet next() {
        RefusedLot refusal = passes.refusal();
        if (refusal != null) {
            return refusal;
        }
        passes.noticePreProcessor(iterator.getPreProcessor());
        return LotIterator.toDataSet(passes.next(() -> InMemoryExamples.toMultiDataSet(iterator.next())));
    }

    @Override
    public DataSet next(int num) {
        throw new UnsupportedOperationException("the size of a batch is the iterator's own; call next()");
    }

    @Override
    public void reset() {
        passes.reset(iterator::reset);
    }

    @Override
    public boolean resetSupported() {
        passes.requireNoPrefetching();
        return iterator.resetSupported();
    }

    /** A prefetching thread would run the network while it trains. */
    @Override
    public boolean asyncSupported() {
        return false;
    }

    @Override
    public int batch() {
        return iterator.batch();
    }

    @Override
    public int inputColumns() {
        return iterator.inputColumns();
    }

    @Override
    public int totalOutcomes() {
        return iterator.totalOutcomes();
    }

    @Override
    public void setPreProcessor(@Nullable DataSetPreProcessor preProcessor) {
        passes.noticePreProcessor(preProcessor);
        iterator.setPreProcessor(preProcessor);
    }

    @Override
    public @Nullable DataSetPreProcessor getPreProcessor() {
        return iterator.getPreProcessor();
    }

    @Override
    public @Nullable List<String> getLabels() {
        return iterator.getLabels();
    }
}
