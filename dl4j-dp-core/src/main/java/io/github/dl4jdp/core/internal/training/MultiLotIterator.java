// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core.internal.training;

import org.jspecify.annotations.Nullable;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.dataset.api.MultiDataSet;
import org.nd4j.linalg.dataset.api.MultiDataSetPreProcessor;
import org.nd4j.linalg.dataset.api.iterator.MultiDataSetIterator;

/** The {@link LotIterator} of networks with several inputs or outputs. */
public final class MultiLotIterator implements MultiDataSetIterator {
    private static final long serialVersionUID = 1L;

    private final transient LotSource source;
    private transient @Nullable MultiDataSetPreProcessor preProcessor;

    public MultiLotIterator(LotSource source) {
        this.source = source;
    }

    @Override
    public boolean hasNext() {
        return source.hasNext();
    }

    @Override
    public MultiDataSet next() {
        RefusedLot refusal = source.refusal();
        if (refusal != null) {
            return refusal.toMultiDataSet();
        }
        MultiDataSet lot = source.next(this::preProcess);
        return handedOut(lot);
    }

    /** What happens to the object handed out must not reach the one that the engine compares with. */
    static MultiDataSet handedOut(MultiDataSet lot) {
        return new org.nd4j.linalg.dataset.MultiDataSet(
                copy(lot.getFeatures()),
                copy(lot.getLabels()),
                copy(lot.getFeaturesMaskArrays()),
                copy(lot.getLabelsMaskArrays()));
    }

    private static INDArray @Nullable [] copy(INDArray @Nullable [] arrays) {
        return arrays == null ? null : arrays.clone();
    }

    private MultiDataSet preProcess(MultiDataSet part) {
        if (preProcessor != null) {
            preProcessor.preProcess(part);
        }
        return part;
    }

    @Override
    public MultiDataSet next(int num) {
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
    public void setPreProcessor(@Nullable MultiDataSetPreProcessor preProcessor) {
        source.noticePreProcessor(preProcessor);
        this.preProcessor = preProcessor;
    }

    @Override
    public @Nullable MultiDataSetPreProcessor getPreProcessor() {
        return preProcessor;
    }
}
