// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core.internal.training;

import io.github.dl4jdp.core.data.InMemoryExamples;
import java.util.function.UnaryOperator;
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
        return InMemoryExamples.map(lot, UnaryOperator.identity());
    }

    @Override
    MultiDataSet preProcessed(MultiDataSet part, MultiDataSetPreProcessor preProcessor) {
        preProcessor.preProcess(part);
        return part;
    }
}
