// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core.internal.training;

import io.github.dl4jdp.core.data.InMemoryExamples;
import io.github.dl4jdp.core.data.RandomAccessExamples;
import io.github.dl4jdp.core.internal.arrays.HostArrays;
import io.github.dl4jdp.core.mechanism.Charge;
import java.util.List;
import java.util.Objects;
import java.util.function.BooleanSupplier;
import java.util.function.Supplier;
import java.util.function.UnaryOperator;
import java.util.stream.LongStream;
import org.jspecify.annotations.Nullable;
import org.nd4j.linalg.dataset.api.MultiDataSet;
import org.nd4j.linalg.dataset.api.iterator.DataSetIterator;
import org.nd4j.linalg.dataset.api.iterator.MultiDataSetIterator;

/**
 * The passes over a user's iterator: each is charged before the first release about it, and has no more examples than the plan says. A batch whose fit
 * failed is handed out again.
 */
public final class GivenBatches extends LotSupply {
    private final int physicalBatchSize;
    private final BooleanSupplier more;
    private final Supplier<MultiDataSet> read;
    private final Runnable reset;
    private final BooleanSupplier canReset;
    /** What describes the examples, where there is one array of features and of labels. */
    private final @Nullable DataSetIterator described;
    /** The user's iterator, whose preprocessors, and those of iterators inside it, may be set at any time. */
    private final Object given;

    /** What the pass under way is paid with, or null before its first batch. */
    private @Nullable Charge charge;
    /** What the first batch of the pass under way is paid with. */
    private @Nullable Charge first;
    /** What the batch that was read last is paid with. */
    private @Nullable Charge last;

    private long examples;
    /** The batch that was read last, and the number of the lot that it is. */
    private @Nullable MultiDataSet batch;

    private long batchLot;

    private GivenBatches(
            PrivateTraining training,
            int physicalBatchSize,
            BooleanSupplier more,
            Supplier<MultiDataSet> read,
            Runnable reset,
            BooleanSupplier canReset,
            @Nullable DataSetIterator described,
            Object given) {
        super(training);
        training.noticeStage(given);
        this.given = given;
        this.physicalBatchSize = physicalBatchSize;
        this.more = more;
        this.read = read;
        this.reset = reset;
        this.canReset = canReset;
        this.described = described;
    }

    /** The batches of {@code given}. */
    public static GivenBatches of(PrivateTraining training, int physicalBatchSize, DataSetIterator given) {
        return new GivenBatches(
                training,
                physicalBatchSize,
                given::hasNext,
                () -> InMemoryExamples.toMultiDataSet(given.next()),
                given::reset,
                given::resetSupported,
                given,
                given);
    }

    /** The batches of {@code given}. */
    public static GivenBatches of(PrivateTraining training, int physicalBatchSize, MultiDataSetIterator given) {
        return new GivenBatches(
                training,
                physicalBatchSize,
                given::hasNext,
                given::next,
                given::reset,
                given::resetSupported,
                null,
                given);
    }

    /** Whether the plan allows one batch more, of this pass or of the next, and there is one. */
    @Override
    boolean hasLot() {
        boolean isOut = training.desk().isOut(number);
        boolean mayGoOn = training.remainingSteps() > (isOut ? 1 : 0)
                && (charge != null || training.remainingPasses() > (isOut && !isCharged(last) ? 1 : 0));
        return mayGoOn && ((unreleased() != null && !isOut) || more.getAsBoolean());
    }

    @Override
    MultiDataSet next(UnaryOperator<MultiDataSet> preProcess) {
        training.desk().requireTraining(number);
        training.noticeStage(given);
        Charge paidWith = charge;
        if (paidWith == null) {
            examples = 0;
        }
        boolean isOvertaken = paidWith != null && training.spending().isOvertaken(paidWith);
        if (paidWith == null || (isOvertaken && !isCharged(first))) {
            paidWith = training.beginPass();
            charge = paidWith;
            first = paidWith;
        } else if (isOvertaken
                || (paidWith.isRecorded() && !training.plan().mechanism().chargesByPass())) {
            paidWith = training.spending().nextChargeOfSamePass(paidWith);
            charge = paidWith;
        }
        last = paidWith;
        MultiDataSet lot = unreleased();
        if (lot == null) {
            // The iterator may read ahead into a workspace, and a lot whose fit failed is handed out again.
            lot = InMemoryExamples.map(read.get(), HostArrays::kept);
            if (lot.getFeatures(0).isEmpty()) {
                throw new IllegalStateException(
                        "a batch must have one example at least, the one after " + examples
                                + " examples of the pass has none; nothing was charged for it. Leave empty batches out of the iterator");
            }
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
                true,
                paidWith);
    }

    /** The batch that was read last, or null if it is released. */
    private @Nullable MultiDataSet unreleased() {
        return training.steps() < batchLot ? batch : null;
    }

    private static boolean isCharged(@Nullable Charge charge) {
        return charge != null && charge.isRecorded();
    }

    @Override
    void startPass() {
        reset.run();
        charge = null;
        batch = null;
        training.returnThreads();
    }

    @Override
    boolean canReset() {
        return canReset.getAsBoolean();
    }

    @Override
    int lotSize() {
        return Objects.requireNonNull(described).batch();
    }

    @Override
    int columns(boolean features) {
        DataSetIterator given = Objects.requireNonNull(described);
        return features ? given.inputColumns() : given.totalOutcomes();
    }

    @Override
    @Nullable
    List<String> labels() {
        return Objects.requireNonNull(described).getLabels();
    }
}
