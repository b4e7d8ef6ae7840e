// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core;

import java.util.List;
import java.util.function.UnaryOperator;
import java.util.stream.LongStream;
import org.jspecify.annotations.Nullable;
import org.nd4j.linalg.dataset.DataSet;
import org.nd4j.linalg.dataset.api.DataSetPreProcessor;
import org.nd4j.linalg.dataset.api.iterator.DataSetIterator;

/** The batches of a user's iterator, each a lot; a pass is charged before its first batch is asked for. */
final class OwnLotIterator implements DataSetIterator {
    private static final long serialVersionUID = 1L;

    private final transient PrivateTraining training;
    private final transient DataSetIterator iterator;
    private final int physicalBatchSize;
    private boolean passBegun;
    private long examples;

    OwnLotIterator(PrivateTraining training, DataSetIterator iterator, int physicalBatchSize) {
        this.training = training;
        this.iterator = iterator;
        this.physicalBatchSize = physicalBatchSize;
    }

    @Override
    public boolean hasNext() {
        return training.remainingSteps() > 0 && (passBegun || training.remainingPasses() > 0) && iterator.hasNext();
    }

    @Override
    public DataSet next() {
        if (!passBegun) {
            training.beginPass();
            passBegun = true;
            examples = 0;
        }
        DataSet batch = iterator.next();
        long rows = batch.getFeatures().size(0);
        examples += rows;
        if (examples > training.plan().examples()) {
            throw new IllegalStateException("a pass must have at most plan.examples = "
                    + training.plan().examples() + " examples, has " + examples
                    + " so far; nothing of this batch was released");
        }
        return LotIterator.toDataSet(LotSource.feed(
                training,
                RandomAccessExamples.of(batch),
                LongStream.range(0, rows).toArray(),
                physicalBatchSize,
                UnaryOperator.identity()));
    }

    @Override
    public DataSet next(int num) {
        throw new UnsupportedOperationException("the size of a batch is the iterator's own; call next()");
    }

    @Override
    public void reset() {
        iterator.reset();
        passBegun = false;
    }

    @Override
    public boolean resetSupported() {
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
