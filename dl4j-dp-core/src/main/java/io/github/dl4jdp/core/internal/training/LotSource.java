// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core.internal.training;

import io.github.dl4jdp.core.data.Augmentation;
import io.github.dl4jdp.core.data.GroupedExamples;
import io.github.dl4jdp.core.data.InMemoryExamples;
import io.github.dl4jdp.core.data.RandomAccessExamples;
import io.github.dl4jdp.core.internal.network.ExampleWeights;
import io.github.dl4jdp.core.mechanism.Charge;
import io.github.dl4jdp.core.mechanism.LotSums;
import io.github.dl4jdp.core.mechanism.Mechanism;
import io.github.dl4jdp.core.mechanism.PrivacyUnit;
import java.util.Arrays;
import java.util.List;
import java.util.NoSuchElementException;
import java.util.function.IntFunction;
import java.util.function.Supplier;
import java.util.function.UnaryOperator;
import org.jspecify.annotations.Nullable;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.dataset.api.MultiDataSet;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Draws lots, feeds all but the last physical batch of each through the engine, and hands out the last one.
 *
 * <p>Where a run stands is read from the engine's count of releases alone, so that a lot that was drawn but never
 * released (an exception in between) is handed out again, and a resumed run goes on in the middle of its pass.
 */
public final class LotSource extends LotSupply {
    private static final Logger log = LoggerFactory.getLogger(LotSource.class);

    private final RandomAccessExamples data;
    /** The data, where rows have owners. */
    private final @Nullable GroupedExamples groups;

    private final @Nullable Augmentation augmentation;
    private final @Nullable LotSums sums;
    private final int physicalBatchSize;
    private final int shards;
    private final @Nullable ReadAhead readAhead;
    private long passEnd;
    /** A pass was begun with no step left: too many epochs were requested, if a lot of this pass is requested. */
    private boolean begunInVain;

    private boolean warned;

    /** Arrays that may be filled again: what was in them has been accumulated. */
    private @Nullable MultiDataSet spent;

    /** Arrays of the physical batch that is being accumulated. */
    private @Nullable MultiDataSet inUse;

    /** @param augmentation makes the copies of the examples, if they are augmented */
    public LotSource(
            PrivateTraining training,
            RandomAccessExamples data,
            @Nullable Augmentation augmentation,
            Execution options) {
        this(training, data, augmentation, null, options);
    }

    /** Lots that are summed elsewhere. */
    public LotSource(PrivateTraining training, LotSums sums, Execution options) {
        this(training, standIn(sums), null, sums, options);
        training.noticeSums(sums);
    }

    private LotSource(
            PrivateTraining training,
            RandomAccessExamples data,
            @Nullable Augmentation augmentation,
            @Nullable LotSums sums,
            Execution options) {
        super(training);
        this.data = data;
        this.groups = data instanceof GroupedExamples grouped ? grouped : null;
        this.sums = sums;
        this.augmentation = augmentation;
        if (augmentation != null) {
            training.augmentedLots().noteUse();
        }
        this.physicalBatchSize = training.physicalBatchSize(options);
        PrivacyUnit unit = training.plan().mechanism().unit();
        if (physicalBatchSize < unit.maximumRows()) {
            throw new IllegalArgumentException("physicalBatchSize must hold all rows that one " + unit.name()
                    + " has in a lot, which are averaged before they are clipped: at least "
                    + Math.multiplyExact(
                            unit.maximumRows(), training.plan().mechanism().copies())
                    + ", was " + options.physicalBatchSize()
                    + "; set ExecutionOptions.withPhysicalBatchSize, or a smaller maximum in plan.withUnit");
        }
        this.shards = options.shards();
        this.readAhead = options.prefetch() ? new ReadAhead() : null;
        if (sums == null) {
            training.noticeStage(data);
            training.noticeStage(augmentation);
            training.requireSameOrder(data);
        }
        setPassEnd();
    }

    private static RandomAccessExamples standIn(LotSums sums) {
        return new RandomAccessExamples() {
            @Override
            public long size() {
                return sums.size();
            }

            @Override
            public MultiDataSet get(long[] indices) {
                return sums.standIn();
            }
        };
    }

    private void setPassEnd() {
        Mechanism plan = training.plan().mechanism();
        // A lot that is still to be trained on belongs to the pass before.
        long done = training.steps() + (training.desk().isOut(number) ? 1 : 0);
        passEnd = done >= plan.steps() ? done : Math.min(plan.steps(), plan.lotsAfter(plan.passOf(done + 1)));
    }

    @Override
    boolean hasLot() {
        if (begunInVain && !warned) {
            warned = true;
            // Only now: a loop of the user's own may reset the lots after its last pass, and ask for no more.
            log.warn(
                    "No lot is left after {} of the plan's {} steps; this pass and all later ones are empty. net.fit was called with more epochs than the plan and its budget allow: pass engine.remainingEpochs().",
                    training.steps(),
                    training.plan().mechanism().steps());
        }
        long out = training.desk().isOut(number) ? 1 : 0;
        return training.steps() + out < passEnd && training.remainingSteps() > out;
    }

    @Override
    void startPass() {
        begunInVain = training.remainingSteps() == 0;
        setPassEnd();
    }

    @Override
    boolean canReset() {
        return true;
    }

    @Override
    MultiDataSet next(UnaryOperator<MultiDataSet> preProcess) {
        training.desk().requireTraining(number);
        long lot = training.steps() + 1;
        if (lot > passEnd || training.remainingSteps() == 0) {
            throw new NoSuchElementException(
                    training.remainingSteps() == 0
                            ? "the plan has no further lot: " + training.steps() + " of its "
                                    + training.plan().mechanism().steps()
                                    + " steps are done, or its budget is spent"
                            : "the pass has no further lot: call reset() for the next pass");
        }
        if (sums != null) {
            return training.lotOf(sums);
        }
        if (readAhead != null) {
            readAhead.finish();
        }
        training.requireSameOrder(data);
        LotParts parts = parts(lot);
        return feed(
                training,
                parts,
                0,
                part -> read(lot, parts, part),
                batch -> training.shapes().shaped(preProcess.apply(batch), data.hasFixedShapes()),
                readAhead != null,
                training.chargeOf(lot));
    }

    private LotParts parts(long lot) {
        Mechanism mechanism = training.plan().mechanism();
        long planned = mechanism.examples();
        GroupedExamples owned = groups;
        long size = owned == null ? data.size() : owned.units();
        // Data may have become fewer since the engine was given them: lots of a fixed size would hold everyone more
        // often.
        training.requireSize(size);
        long[] members = training.drawLot(lot, size);
        if (owned == null) {
            return LotParts.of(members, planned, shards, physicalBatchSize);
        }
        long[][] rows = training.drawRows(lot, members, owned::rowCount);
        for (int i = 0; i < members.length; i++) {
            for (int j = 0; j < rows[i].length; j++) {
                rows[i][j] = owned.row(members[i], rows[i][j]);
            }
        }
        int maximumRows = mechanism.unit().maximumRows();
        return LotParts.ofUnits(members, rows, maximumRows, planned, shards, physicalBatchSize);
    }

    private MultiDataSet read(long lot, LotParts parts, int part) {
        if (part > 0 && inUse != null) {
            spent = inUse; // the next part is asked for when this one has been accumulated
        }
        inUse = null;
        boolean isLast = parts.isLast(part);
        MultiDataSet batch = readAhead == null
                ? reader(lot, parts, part).get()
                : readAhead.get(lot, part, () -> reader(lot, parts, part).get());
        if (readAhead != null && !isLast) {
            readAhead.start(lot, part + 1, reader(lot, parts, part + 1));
        } else if (readAhead != null && lot < training.plan().mechanism().steps()) {
            readAhead.start(lot + 1, 0, reader(lot + 1, parts(lot + 1), 0));
        }
        if (!isLast && augmentation == null) {
            // As they are now: a preprocessor may put arrays of its own in their place.
            inUse = InMemoryExamples.map(batch, UnaryOperator.identity());
        }
        return batch;
    }

    /** What reads a physical batch; takes the arrays that it may fill at once, so that no other does. */
    private Supplier<MultiDataSet> reader(long lot, LotParts parts, int part) {
        long[] rows = parts.rows().get(part);
        MultiDataSet free = spent;
        if (free == null || free.getFeatures(0).size(0) != rows.length) {
            return () -> batch(fetch(data, rows), lot, parts.keys().get(part));
        }
        spent = null;
        return () -> checked(data.get(rows, free), rows);
    }

    private MultiDataSet batch(MultiDataSet examples, long lot, long[] keys) {
        return augmentation == null ? examples : training.augmentedLots().copiesOf(examples, augmentation, lot, keys);
    }

    /**
     * Feeds all but the last physical batch of one lot through the engine and returns the last one, which {@code fit} is to have.
     *
     * @param parts its physical batches
     * @param before how many examples of the pass came before the data set that they are numbered in
     * @param read gives the physical batches by their number; of an empty lot, any one example
     * @param isShared see {@link PrivateTraining#expect}
     * @param charge what the lot is paid with
     */
    static MultiDataSet feed(
            PrivateTraining training,
            LotParts parts,
            long before,
            IntFunction<MultiDataSet> read,
            UnaryOperator<MultiDataSet> preProcess,
            boolean isShared,
            Charge charge) {
        training.beginLot(charge);
        int last = parts.count() - 1;
        for (int part = 0; part < last; part++) {
            MultiDataSet batch = read.apply(part);
            int each = parts.each()[part];
            int units = training.augmentedLots().examplesOf(batch) / each;
            training.accumulate(
                    preProcessed(batch, preProcess),
                    units,
                    each,
                    numbers(parts.keys().get(part), before));
            if (parts.endsShard()[part]) {
                training.endShard();
            }
        }
        MultiDataSet batch = read.apply(last);
        if (parts.isEmpty()) {
            // The row stands in for nothing: its values must not come from an example.
            fill(batch.getFeatures(), 0);
            fill(batch.getLabels(), 0);
            fill(batch.getFeaturesMaskArrays(), 1);
            fill(batch.getLabelsMaskArrays(), 1);
        }
        int each = parts.each()[last];
        int units = parts.isEmpty() ? 0 : training.augmentedLots().examplesOf(batch) / each;
        return training.expect(
                preProcessed(batch, preProcess),
                units,
                each,
                numbers(parts.keys().get(last), before),
                isShared);
    }

    private static long[] numbers(long[] keys, long before) {
        return Arrays.stream(keys).map(key -> before + key).toArray();
    }

    /** A row more would be an example whose contribution is unbounded. */
    private static MultiDataSet preProcessed(MultiDataSet batch, UnaryOperator<MultiDataSet> preProcess) {
        MultiDataSet raw = ExampleWeights.unambiguous(batch);
        long rows = raw.getFeatures(0).size(0);
        MultiDataSet processed = preProcess.apply(raw);
        if (processed.getFeatures(0).size(0) != rows) {
            throw new IllegalStateException("a preprocessor must keep the number of rows of a batch, which had " + rows
                    + ", returned " + processed.getFeatures(0).size(0));
        }
        return processed;
    }

    /** The sampled examples and nothing else: a row too many would be an example that was not drawn. */
    static MultiDataSet fetch(RandomAccessExamples data, long[] members) {
        return checked(data.get(members), members);
    }

    private static MultiDataSet checked(MultiDataSet examples, long[] members) {
        for (INDArray[] arrays : new INDArray[][] {
            examples.getFeatures(),
            examples.getLabels(),
            examples.getFeaturesMaskArrays(),
            examples.getLabelsMaskArrays()
        }) {
            for (int i = 0; arrays != null && i < arrays.length; i++) {
                if (arrays[i] != null && arrays[i].size(0) != members.length) {
                    throw new IllegalStateException("RandomAccessExamples.get must return one row for each of the "
                            + members.length + " indices in every array, returned " + arrays[i].size(0));
                }
            }
        }
        return examples;
    }

    private static void fill(@Nullable INDArray @Nullable [] arrays, double value) {
        for (int i = 0; arrays != null && i < arrays.length; i++) {
            if (arrays[i] != null) {
                arrays[i].assign(value);
            }
        }
    }

    @Override
    int lotSize() {
        return Math.toIntExact(training.plan().mechanism().lotSize());
    }

    @Override
    int columns(boolean features) {
        MultiDataSet row = readAhead == null
                ? data.get(new long[] {0})
                : readAhead.get(
                        0,
                        0,
                        () -> data.get(new long[] {0})); // no lot has the number 0: never while another thread reads
        INDArray array = features ? row.getFeatures(0) : row.getLabels(0);
        return Math.toIntExact(array.size(1));
    }

    @Override
    @Nullable
    List<String> labels() {
        return null;
    }

    @Override
    boolean takesPreProcessors() {
        return sums == null;
    }
}
