// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core.internal.training;

import org.jspecify.annotations.Nullable;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.dataset.api.MultiDataSet;
import org.nd4j.linalg.dataset.api.MultiDataSetPreProcessor;
import org.nd4j.linalg.dataset.api.iterator.MultiDataSetIterator;

/** {@link Lots} of several arrays of features or labels. */
public final class MultiLotIterator extends Lots<MultiDataSet, MultiDataSetPreProcessor>
        implements MultiDataSetIterator {
    private static final long serialVersionUID = 1L;

    /** Lots that the plan draws. */
    public MultiLotIterator(LotSource supply) {
        super(supply);
    }

    /**
     * Lots from a user's iterator.
     *
     * @param supply reads from {@code given}
     */
    public MultiLotIterator(GivenBatches supply, MultiDataSetIterator given) {
        super(supply, given::getPreProcessor, preProcessor -> given.setPreProcessor(preProcessor));
    }

    @Override
    MultiDataSet handedOut(RefusedLot refusal) {
        return refusal.toMultiDataSet();
    }

    /** What happens to the object handed out must not reach the one that the engine compares with. */
    @Override
    MultiDataSet handedOut(MultiDataSet lot) {
        return new org.nd4j.linalg.dataset.MultiDataSet(
                copy(lot.getFeatures()),
                copy(lot.getLabels()),
                copy(lot.getFeaturesMaskArrays()),
                copy(lot.getLabelsMaskArrays()));
    }

    private static INDArray @Nullable [] copy(INDArray @Nullable [] arrays) {
        return arrays == null ? null : arrays.clone();
    }

    @Override
    MultiDataSet preProcessed(MultiDataSet part, MultiDataSetPreProcessor preProcessor) {
        preProcessor.preProcess(part);
        return part;
    }
}
