// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core.internal.network;

import io.github.dl4jdp.core.data.InMemoryExamples;
import io.github.dl4jdp.core.internal.arrays.Norms;
import io.github.dl4jdp.core.internal.arrays.Slices;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.memory.MemoryWorkspace;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.dataset.api.MultiDataSet;
import org.nd4j.linalg.factory.Nd4j;

/**
 * A batch as DL4J is to see it, and the weights of its examples, taken out of the label masks: the gradient of a weighted example is its weight times
 * what it is without.
 *
 * <p>DL4J's own losses do other things to label masks that are neither 0 nor 1: most scale the pre-output too, and a mask of one number is
 * sometimes taken for one of single outputs, so that an example's gradient would depend on how many others are there.
 *
 * @param batch its label masks 0 and 1
 * @param weights for each output, those of the examples, or null if all are 1
 */
@SuppressWarnings("ArrayRecordComponent") // short-lived, never compared
public record ExampleWeights(MultiDataSet batch, double @Nullable [] @Nullable [] weights) {
    /**
     * Takes the weights out of a batch. Its masks get the network's data type: DL4J reads masks of another type, booleans say, as if they had it.
     *
     * @throws IllegalArgumentException if a mask has other numbers than 0 and 1 that differ within an example
     */
    public static ExampleWeights of(MultiDataSet given, DataType type) {
        MultiDataSet batch = typed(given, type);
        requireBinary(batch.getFeaturesMaskArrays());
        INDArray[] masks = batch.getLabelsMaskArrays();
        if (masks == null) {
            return new ExampleWeights(batch, null);
        }
        double[][] weights = new double[masks.length][];
        @Nullable INDArray[] kept = new @Nullable INDArray[masks.length];
        boolean changes = false;
        try (MemoryWorkspace outside = Nd4j.getMemoryManager().scopeOutOfWorkspaces()) {
            for (int i = 0; i < masks.length; i++) {
                INDArray mask = masks[i];
                kept[i] = mask;
                if (mask == null) {
                    continue;
                }
                if (mask.length() == mask.size(0)) {
                    weights[i] =
                            mask.reshape(mask.length()).castTo(DataType.DOUBLE).toDoubleVector();
                    requireNoOtherMask(batch.getLabels(i), weights[i], batch.getFeaturesMaskArrays());
                    kept[i] = null;
                    changes = true;
                } else if (!isBinary(mask)) {
                    INDArray ones = mask.neq(0).castTo(mask.dataType());
                    weights[i] = constants(mask);
                    kept[i] = ones;
                    changes = true;
                }
            }
        }
        return changes
                ? new ExampleWeights(
                        new org.nd4j.linalg.dataset.MultiDataSet(
                                batch.getFeatures(), batch.getLabels(), batch.getFeaturesMaskArrays(), anyOf(kept)),
                        weights)
                : new ExampleWeights(batch, null);
    }

    /**
     * Labels of one time step: their mask is also one of examples, and would have stood above one of the features at the output, where there is none any more.
     *
     * @throws IllegalArgumentException if a mask of features could take its place there
     */
    private static void requireNoOtherMask(
            INDArray labels, double[] weights, @Nullable INDArray @Nullable [] featuresMasks) {
        if (labels.rank() != 3 || labels.size(2) != 1 || featuresMasks == null) {
            return;
        }
        for (INDArray mask : featuresMasks) {
            if (mask != null && !coversWeights(mask, weights)) {
                throw new IllegalArgumentException(
                        "labels of one time step must not have a mask besides a mask of the features, whose shape is "
                                + Arrays.toString(mask.shape())
                                + ", that masks other steps or examples; nothing of this lot was released. Use labels [examples, classes] below a LastTimeStep or pooling layer");
            }
        }
    }

    private static boolean coversWeights(INDArray mask, double[] weights) {
        if (mask.length() != weights.length) {
            return false;
        }
        double[] values = mask.reshape(mask.length()).castTo(DataType.DOUBLE).toDoubleVector();
        for (int i = 0; i < weights.length; i++) {
            if (values[i] == 0 && weights[i] != 0) {
                return false;
            }
        }
        return true;
    }

    private static MultiDataSet typed(MultiDataSet batch, DataType type) {
        INDArray[] features = batch.getFeaturesMaskArrays();
        INDArray[] labels = batch.getLabelsMaskArrays();
        if (areOf(features, type) && areOf(labels, type)) {
            return batch;
        }
        try (MemoryWorkspace outside = Nd4j.getMemoryManager().scopeOutOfWorkspaces()) {
            return new org.nd4j.linalg.dataset.MultiDataSet(
                    batch.getFeatures(), batch.getLabels(), cast(features, type), cast(labels, type));
        }
    }

    private static boolean areOf(@Nullable INDArray @Nullable [] masks, DataType type) {
        return masks == null || Arrays.stream(masks).allMatch(mask -> mask == null || mask.dataType() == type);
    }

    private static @Nullable INDArray @Nullable [] cast(@Nullable INDArray @Nullable [] masks, DataType type) {
        return masks == null
                ? null
                : Arrays.stream(masks)
                        .map(mask -> mask == null ? null : mask.castTo(type))
                        .toArray(INDArray[]::new);
    }

    private static @Nullable INDArray @Nullable [] anyOf(@Nullable INDArray[] masks) {
        return Arrays.stream(masks).allMatch(mask -> mask == null) ? null : masks;
    }

    private static boolean isBinary(INDArray mask) {
        // x (x - 1) is zero for 0 and 1 alone, and NaN for NaN.
        return Norms.largest(mask.mul(mask.sub(1))) == 0;
    }

    private static void requireBinary(@Nullable INDArray @Nullable [] masks) {
        try (MemoryWorkspace outside = Nd4j.getMemoryManager().scopeOutOfWorkspaces()) {
            for (int i = 0; masks != null && i < masks.length; i++) {
                if (masks[i] != null && !isBinary(masks[i])) {
                    throw new IllegalArgumentException(
                            "masks of features must be 0 and 1, that of features " + i
                                    + " has other numbers; nothing of this lot was released. Weight examples by label masks [examples, 1]");
                }
            }
        }
    }

    /** The one number besides 0 that each example's mask has; 1 where it has none. */
    private static double[] constants(INDArray mask) {
        int examples = Math.toIntExact(mask.size(0));
        long entries = mask.length() / examples;
        INDArray rows = mask.dup('c').reshape('c', examples, entries).castTo(DataType.DOUBLE);
        double[] weights = new double[examples];
        for (int i = 0; i < examples; i++) {
            double[] row = Slices.at(rows, 0, i).toDoubleVector();
            double weight =
                    Arrays.stream(row).filter(value -> value != 0).findFirst().orElse(1);
            if (!Arrays.stream(row).allMatch(value -> value == 0 || value == weight)) {
                throw new IllegalArgumentException(
                        "the label mask of an example must contain 0 and at most one other number, its weight; one mask has"
                                + " several, which losses interpret differently; nothing of this lot was released. Use masks of 0 and 1, and"
                                + " weights of whole examples");
            }
            weights[i] = weight;
        }
        return weights;
    }

    /**
     * The batch as DL4J understands it: a mask of one number, of the one time step of the one example of a batch, DL4J takes for one of single outputs, which most
     * losses refuse.
     *
     * @return the batch; if it is such a one, the example twice, of which the second must not count
     */
    public static MultiDataSet unambiguous(MultiDataSet batch) {
        INDArray[] masks = batch.getFeaturesMaskArrays();
        boolean oneStep = masks != null && Arrays.stream(masks).anyMatch(mask -> mask != null && mask.length() == 1);
        if (!oneStep) {
            return batch;
        }
        try (MemoryWorkspace outside = Nd4j.getMemoryManager().scopeOutOfWorkspaces()) {
            return InMemoryExamples.map(batch, array -> Nd4j.concat(0, array, array));
        }
    }
}
