// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core.internal.training;

import io.github.dl4jdp.core.data.RandomAccessExamples;
import io.github.dl4jdp.core.mechanism.Charge;
import java.util.function.BooleanSupplier;
import java.util.function.Supplier;
import java.util.stream.LongStream;
import org.jspecify.annotations.Nullable;
import org.nd4j.linalg.dataset.api.MultiDataSet;

/**
 * The passes over a user's iterator: each is charged before the first release about it, and has no more examples than the plan says. A batch whose fit
 * failed is handed out again.
 */
public final class GivenBatches {
    private final PrivateTraining training;
    private final int physicalBatchSize;
    private final long number;
    /** What the pass under way is paid with, or null before its first batch. */
    private @Nullable Charge charge;
    /** What the batch that was read last is paid with. */
    private @Nullable Charge last;

    private long examples;
    /** The batch that was read last, and the number of the lot that it is. */
    private @Nullable MultiDataSet batch;

    private long batchLot;

    public GivenBatches(PrivateTraining training, int physicalBatchSize) {
        this.training = training;
        this.physicalBatchSize = physicalBatchSize;
        this.number = training.desk().newIterator();
    }

    void noticePreProcessor(@Nullable Object preProcessor) {
        training.noticePreProcessor(preProcessor);
    }

    /** Who asks whether there can be a reset may be about to read ahead. */
    void requireNoPrefetching() {
        training.desk().requireNoPrefetching();
    }

    /** The refusal that a thread that reads ahead gets in place of a lot, or null on any other thread. */
    @Nullable
    RefusedLot refusal() {
        LotDesk desk = training.desk();
        return desk.isReadAhead() ? RefusedLot.of(desk.refusal()) : null;
    }

    /**
     * Whether the plan allows one batch more, of this pass or of the next, and there is one.
     *
     * @param more whether the user's iterator has one
     */
    boolean hasNext(BooleanSupplier more) {
        LotDesk desk = training.desk();
        desk.requireNoPrefetching();
        if (desk.isReadAhead()) {
            return desk.hasRefusal();
        }
        boolean isOut = desk.isOut(number);
        boolean mayGoOn = training.remainingSteps() > (isOut ? 1 : 0)
                && (charge != null || training.remainingPasses() > (isOut && !isCharged(last) ? 1 : 0));
        return mayGoOn && ((unreleased() != null && !isOut) || more.getAsBoolean());
    }

    /**
     * The next batch as a lot, fed to the engine: what {@code fit} is to have.
     *
     * @param read asks the user's iterator
     */
    MultiDataSet next(Supplier<MultiDataSet> read) {
        training.desk().requireTraining(number);
        Charge paidWith = charge;
        if (paidWith == null) {
            examples = 0;
        }
        if (paidWith == null || training.spending().isOvertaken(paidWith)) {
            paidWith = training.beginPass();
            charge = paidWith;
        }
        last = paidWith;
        MultiDataSet lot = unreleased();
        if (lot == null) {
            lot = read.get();
            examples += lot.getFeatures(0).size(0);
            if (examples > training.plan().mechanism().examples()) {
                throw new IllegalStateException("a pass must have at most plan.examples = "
                        + training.plan().mechanism().examples() + " examples, has " + examples
                        + " so far; nothing of this batch was released");
            }
            batch = lot;
        }
        batchLot = training.steps() + 1;
        return feed(lot, paidWith);
    }

    private MultiDataSet feed(MultiDataSet lot, Charge paidWith) {
        RandomAccessExamples data = RandomAccessExamples.of(lot);
        long rows = lot.getFeatures(0).size(0);
        long[] members = LongStream.range(0, rows).toArray();
        LotParts parts = LotParts.of(members, rows, 1, physicalBatchSize);
        return LotSource.feed(
                training,
                parts,
                examples - rows,
                part -> LotSource.fetch(data, parts.rows().get(part)),
                part -> training.shapes().shaped(part, false),
                paidWith);
    }

    /** The batch that was read last, or null if it is released. */
    private @Nullable MultiDataSet unreleased() {
        return training.steps() < batchLot ? batch : null;
    }

    private static boolean isCharged(@Nullable Charge charge) {
        return charge != null && charge.isRecorded();
    }

    /** Begins a pass anew; {@code reset} is the user's iterator's. */
    void reset(Runnable reset) {
        requireNoPrefetching();
        training.desk().reset(number);
        reset.run();
        charge = null;
        batch = null;
        training.rest();
    }
}
