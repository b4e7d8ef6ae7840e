// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core.internal.training;

import io.github.dl4jdp.core.internal.plan.Truncation;
import java.util.Arrays;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.nd4j.linalg.api.memory.MemoryWorkspace;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.dataset.api.MultiDataSet;
import org.nd4j.linalg.factory.Nd4j;

/**
 * Makes every sequence of a lot equally long by masked zeros, so that the number of segments, and of releases, is the same for every lot.
 *
 * <p>Padding changes no gradient: the features, the labels and both masks are zero there.
 */
public final class SequencePadding {
    private SequencePadding() {}

    /**
     * The lot with sequences of exactly {@link Truncation#paddedLength()} time steps; itself if it has them.
     *
     * @param lot arrays of features and labels [B, size, T], masks [B, T]
     * @throws IllegalArgumentException if an array is not a time series, if their lengths differ, or if they exceed {@link Truncation#maximumLength()}
     */
    public static MultiDataSet pad(MultiDataSet lot, Truncation truncation) {
        long steps = length(lot);
        if (steps > truncation.maximumLength()) {
            throw new IllegalArgumentException(
                    "sequences must have at most the plan's maximumLength = " + truncation.maximumLength()
                            + " time steps, a lot has " + steps
                            + "; nothing of it was released. Shorten the sequences, or"
                            + " declare a larger maximum by plan.withTruncatedBackprop");
        }
        long length = truncation.paddedLength();
        if (steps == length) {
            return lot;
        }
        return padAll(lot, length, Set.of(), true);
    }

    /**
     * A batch with sequences of exactly {@code length} time steps and with masks, whether it had them or not: with and without a mask of ones are not the same
     * computation in every layer.
     *
     * @param batch arrays of any shapes; those of rank 3 are sequences, with masks [B, T], of labels also [B, size, T] or a weight for each example
     * @param tokens numbers of the feature arrays [B, T] that are sequences of tokens
     * @param timeLast whether time is the last dimension of arrays of rank 3, or the second
     * @throws IllegalArgumentException if a sequence is longer, or a mask of another shape
     */
    public static MultiDataSet padAll(MultiDataSet batch, long length, Set<Integer> tokens, boolean timeLast) {
        int time = timeLast ? 2 : 1;
        INDArray[] features = batch.getFeatures().clone();
        INDArray[] labels = batch.getLabels().clone();
        @Nullable INDArray[] featureMasks = copy(batch.getFeaturesMaskArrays(), features.length);
        @Nullable INDArray[] labelMasks = copy(batch.getLabelsMaskArrays(), labels.length);
        try (MemoryWorkspace outside = Nd4j.getMemoryManager().scopeOutOfWorkspaces()) {
            for (int i = 0; i < features.length; i++) {
                boolean isOfTokens = features[i].rank() == 2 && tokens.contains(i);
                if (features[i].rank() == 3 || isOfTokens) {
                    int axis = isOfTokens ? 1 : time;
                    featureMasks[i] = stepMask(featureMasks[i], features[i], axis, length);
                    features[i] = longer(features[i], axis, length);
                }
            }
            for (int i = 0; i < labels.length; i++) {
                if (labels[i].rank() == 3) {
                    labelMasks[i] = stepMask(labelMasks[i], labels[i], time, length);
                    labels[i] = longer(labels[i], time, length);
                }
            }
        }
        return new org.nd4j.linalg.dataset.MultiDataSet(features, labels, orNull(featureMasks), orNull(labelMasks));
    }

    private static @Nullable INDArray[] copy(INDArray @Nullable [] masks, int length) {
        return masks == null ? new @Nullable INDArray[length] : masks.clone();
    }

    private static @Nullable INDArray @Nullable [] orNull(@Nullable INDArray[] masks) {
        return Arrays.stream(masks).allMatch(mask -> mask == null) ? null : masks;
    }

    private static INDArray stepMask(@Nullable INDArray mask, INDArray array, int time, long length) {
        long examples = array.size(0);
        long steps = array.size(time);
        if (mask == null) {
            return longer(Nd4j.ones(array.dataType(), examples, steps), 1, length);
        }
        if (mask.length() == examples) {
            INDArray repeated = Nd4j.ones(mask.dataType(), examples, steps).muliColumnVector(mask.reshape(examples, 1));
            return longer(repeated, 1, length);
        }
        int axis = mask.rank() == 3 ? time : 1;
        if (mask.rank() > 3 || mask.rank() < 2 || mask.size(axis) != steps) {
            throw new IllegalArgumentException("masks must be [examples, " + steps
                    + "] for sequences of that many time steps, one is of the shape " + Arrays.toString(mask.shape())
                    + "; nothing of this lot was released");
        }
        return longer(mask, axis, length);
    }

    private static INDArray longer(INDArray array, int axis, long length) {
        long steps = array.size(axis);
        if (steps > length) {
            throw new IllegalArgumentException(
                    "sequences must have at most the plan's sequenceLength = " + length
                            + " time steps, a lot has " + steps
                            + "; nothing of it was released. Shorten the sequences, or declare a larger length by plan.withSequenceLength");
        }
        if (steps == length) {
            return array;
        }
        long[] shape = array.shape().clone();
        shape[axis] = length - steps;
        return Nd4j.concat(axis, array, Nd4j.zeros(array.dataType(), shape));
    }

    private static long length(MultiDataSet lot) {
        long steps = -1;
        for (INDArray[] arrays : new INDArray[][] {lot.getFeatures(), lot.getLabels()}) {
            for (INDArray array : arrays) {
                if (array.rank() != 3) {
                    throw new IllegalArgumentException(
                            "features and labels must be time series [examples, size, time steps] for"
                                    + " truncated backpropagation through time, one has rank " + array.rank());
                }
                if (steps >= 0 && array.size(2) != steps) {
                    throw new IllegalArgumentException(
                            "features and labels must have equally many time steps for truncated"
                                    + " backpropagation through time, have " + steps + " and " + array.size(2));
                }
                steps = array.size(2);
            }
        }
        requireMasks(lot.getFeaturesMaskArrays(), steps);
        requireMasks(lot.getLabelsMaskArrays(), steps);
        return steps;
    }

    private static void requireMasks(@Nullable INDArray @Nullable [] masks, long steps) {
        for (int i = 0; masks != null && i < masks.length; i++) {
            INDArray mask = masks[i];
            if (mask != null && (mask.rank() != 2 || mask.size(1) != steps)) {
                throw new IllegalArgumentException("masks must be [examples, " + steps
                        + "] for truncated backpropagation through time, one is of the shape "
                        + Arrays.toString(mask.shape()));
            }
        }
    }
}
