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

/** {@link Lots} of one array of features and one of labels. */
public final class LotIterator extends Lots<DataSet, DataSetPreProcessor> implements DataSetIterator {
    private static final long serialVersionUID = 1L;

    /** Lots that the plan draws. */
    public LotIterator(LotSource supply) {
        super(supply);
    }

    /**
     * Lots from a user's iterator.
     *
     * @param supply reads from {@code given}
     */
    public LotIterator(GivenBatches supply, DataSetIterator given) {
        super(supply, given::getPreProcessor, preProcessor -> given.setPreProcessor(preProcessor));
    }

    @Override
    DataSet handedOut(RefusedLot refusal) {
        return refusal;
    }

    @Override
    DataSet handedOut(MultiDataSet lot) {
        return toDataSet(lot);
    }

    @Override
    MultiDataSet preProcessed(MultiDataSet part, DataSetPreProcessor preProcessor) {
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
    public int batch() {
        return supply.lotSize();
    }

    @Override
    public int inputColumns() {
        return supply.columns(true);
    }

    @Override
    public int totalOutcomes() {
        return supply.columns(false);
    }

    @Override
    public @Nullable List<String> getLabels() {
        return supply.labels();
    }
}
