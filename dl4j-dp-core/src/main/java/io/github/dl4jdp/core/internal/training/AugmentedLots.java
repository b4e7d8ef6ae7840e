// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core.internal.training;

import io.github.dl4jdp.core.data.Augmentation;
import io.github.dl4jdp.core.data.InMemoryExamples;
import io.github.dl4jdp.core.internal.arrays.Slices;
import io.github.dl4jdp.core.random.LotKey;
import io.github.dl4jdp.core.random.RandomStreams;
import java.util.Arrays;
import java.util.random.RandomGenerator;
import org.nd4j.linalg.api.memory.MemoryWorkspace;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.dataset.api.MultiDataSet;
import org.nd4j.linalg.factory.Nd4j;

/**
 * Makes the copies of the examples of lots. The randomness of a copy follows from the lot, the example and the number of the copy alone: neighboring
 * data sets meet the same draws, and neither physical batches nor reading ahead change them.
 */
public final class AugmentedLots {
    private static final String STREAM = "augmentation";

    private final RandomStreams streams;
    private final int copies;
    private boolean used;

    public AugmentedLots(RandomStreams streams, int copies) {
        this.streams = streams;
        this.copies = copies;
    }

    /**
     * The copies of a physical batch.
     *
     * @param examples arrays of B rows, the features one array
     * @param lot number of the lot, from 1
     * @param members indices of the examples
     * @return arrays of {@code B * copies} rows: row {@code k * B + i} is copy k of example i; labels and masks are repeated
     */
    public MultiDataSet copiesOf(MultiDataSet examples, Augmentation augmentation, long lot, long[] members) {
        return copiesOf(examples, augmentation, streams.lotKey(lot), members);
    }

    /** As {@link #copiesOf(MultiDataSet, Augmentation, long, long[])}, of the lot that has the key. */
    MultiDataSet copiesOf(MultiDataSet examples, Augmentation augmentation, LotKey key, long[] members) {
        if (examples.numFeatureArrays() != 1) {
            throw new IllegalArgumentException(
                    "examples must have one array of features to be augmented, have " + examples.numFeatureArrays()
                            + "; train without augmentation, or augment the examples where they are read");
        }
        try (MemoryWorkspace outside = Nd4j.getMemoryManager().scopeOutOfWorkspaces()) {
            MultiDataSet all = InMemoryExamples.map(examples, this::repeated);
            var draws = key.numbered(STREAM, 0);
            for (int k = 0; k < copies; k++) {
                for (int i = 0; i < members.length; i++) {
                    RandomGenerator random = draws.apply(keyOf(members[i], k));
                    augment(all.getFeatures(0), (long) k * members.length + i, augmentation, random);
                }
            }
            return all;
        }
    }

    private static void augment(INDArray all, long row, Augmentation augmentation, RandomGenerator random) {
        INDArray own = Slices.range(all, 0, row, row + 1);
        INDArray copy = augmentation.augment(own, random);
        if (!Arrays.equals(copy.shape(), own.shape())) {
            throw new IllegalStateException("an augmentation must keep the shape of the features, "
                    + Arrays.toString(own.shape()) + ", returned " + Arrays.toString(copy.shape()));
        }
        if (copy != own) {
            own.assign(copy);
        }
    }

    /**
     * The number of examples of a batch that holds all copies of each.
     *
     * @throws IllegalStateException if the number of rows is not a multiple of that of the copies
     */
    public int examplesOf(MultiDataSet batch) {
        long rows = batch.getFeatures(0).size(0);
        if (rows % copies != 0) {
            throw new IllegalStateException("a batch must have " + copies
                    + " rows for each example, the plan's augmentation multiplicity, has " + rows);
        }
        return (int) (rows / copies);
    }

    /** Each example as many times as the plan has copies of it, in the order of {@link #copiesOf}. */
    MultiDataSet repeated(MultiDataSet examples) {
        if (copies == 1) {
            return examples;
        }
        try (MemoryWorkspace outside = Nd4j.getMemoryManager().scopeOutOfWorkspaces()) {
            return InMemoryExamples.map(examples, this::repeated);
        }
    }

    /** A number for each row of {@link #copiesOf}, which no other example and copy has. */
    public long[] keysOf(long[] members) {
        var keys = new long[Math.multiplyExact(members.length, copies)];
        for (int k = 0; k < copies; k++) {
            for (int i = 0; i < members.length; i++) {
                keys[k * members.length + i] = keyOf(members[i], k);
            }
        }
        return keys;
    }

    private long keyOf(long member, int copy) {
        return Math.addExact(Math.multiplyExact(member, (long) copies), copy);
    }

    /** Notes that lots of augmented examples were asked for. */
    void noteUse() {
        used = true;
    }

    /** Whether lots of augmented examples were asked for. */
    public boolean wasUsed() {
        return used;
    }

    /** All rows, {@code copies} times one after the other. */
    private INDArray repeated(INDArray array) {
        long rows = array.size(0);
        long[] shape = array.shape().clone();
        shape[0] = copies * rows;
        INDArray all = Nd4j.createUninitialized(array.dataType(), shape, 'c');
        for (int k = 0; k < copies; k++) {
            Slices.range(all, 0, k * rows, (k + 1) * rows).assign(array);
        }
        return all;
    }
}
