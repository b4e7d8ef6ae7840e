// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core;

import java.util.stream.LongStream;
import org.jspecify.annotations.Nullable;
import org.nd4j.linalg.dataset.api.MultiDataSet;

/** The passes over a user's iterator: each is charged before its first batch is asked for, and has no more examples than the plan says. */
final class OwnPasses {
    private final PrivateTraining training;
    private final int physicalBatchSize;
    private boolean begun;
    private long examples;

    OwnPasses(PrivateTraining training, int physicalBatchSize) {
        this.training = training;
        this.physicalBatchSize = physicalBatchSize;
    }

    void noticePreProcessor(@Nullable Object preProcessor) {
        training.noticePreProcessor(preProcessor);
    }

    /** Whether the plan allows one batch more, of this pass or of the next. */
    boolean mayGoOn() {
        return training.remainingSteps() > 0 && (begun || training.remainingPasses() > 0);
    }

    /** Begins a pass where none is under way. */
    void begin() {
        if (!begun) {
            training.beginPass();
            begun = true;
            examples = 0;
        }
    }

    /** Ends the pass. */
    void end() {
        begun = false;
        training.rest();
    }

    /** Feeds a batch of this pass to the engine as a lot and returns what {@code fit} is to have. */
    MultiDataSet feed(MultiDataSet batch) {
        long rows = batch.getFeatures(0).size(0);
        examples += rows;
        if (examples > training.plan().examples()) {
            throw new IllegalStateException("a pass must have at most plan.examples = "
                    + training.plan().examples() + " examples, has " + examples
                    + " so far; nothing of this batch was released");
        }
        RandomAccessExamples data = RandomAccessExamples.of(batch);
        long[] members = LongStream.range(0, rows).toArray();
        return LotSource.feed(
                training,
                members,
                examples - rows,
                physicalBatchSize,
                part -> LotSource.fetch(data, LotSource.part(members, physicalBatchSize, part)),
                part -> training.shapes().shaped(part, false));
    }
}
