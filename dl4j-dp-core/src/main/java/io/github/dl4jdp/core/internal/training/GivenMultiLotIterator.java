// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core.internal.training;

import org.jspecify.annotations.Nullable;
import org.nd4j.linalg.dataset.api.MultiDataSet;
import org.nd4j.linalg.dataset.api.MultiDataSetPreProcessor;
import org.nd4j.linalg.dataset.api.iterator.MultiDataSetIterator;

/** The {@link GivenLotIterator} of networks with several inputs or outputs. */
public final class GivenMultiLotIterator implements MultiDataSetIterator {
    private static final long serialVersionUID = 1L;

    private final transient MultiDataSetIterator iterator;
    private final transient GivenBatches passes;

    public GivenMultiLotIterator(MultiDataSetIterator iterator, GivenBatches passes) {
        this.iterator = iterator;
        this.passes = passes;
        passes.noticePreProcessor(iterator.getPreProcessor());
    }

    @Override
    public boolean hasNext() {
        return passes.hasNext(iterator::hasNext);
    }

    @Override
    public MultiDataSet next() {
        RefusedLot refusal = passes.refusal();
        if (refusal != null) {
            return refusal.toMultiDataSet();
        }
        passes.noticePreProcessor(iterator.getPreProcessor());
        return MultiLotIterator.handedOut(passes.next(() -> iterator.next()));
    }

    @Override
    public MultiDataSet next(int num) {
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
    public void setPreProcessor(@Nullable MultiDataSetPreProcessor preProcessor) {
        passes.noticePreProcessor(preProcessor);
        iterator.setPreProcessor(preProcessor);
    }

    @Override
    public @Nullable MultiDataSetPreProcessor getPreProcessor() {
        return iterator.getPreProcessor();
    }
}
