// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core;

import java.util.Arrays;
import org.jspecify.annotations.Nullable;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.dataset.api.MultiDataSet;
import org.nd4j.linalg.factory.Nd4j;
import org.nd4j.linalg.indexing.NDArrayIndex;

/**
 * Makes every sequence of a lot equally long by masked zeros, so that the number of segments, and of releases, is the same for every lot.
 *
 * <p>Padding changes no gradient: the features, the labels and both masks are zero there.
 */
final class SequencePadding {
    private SequencePadding() {}

    /**
     * The lot with sequences of exactly {@code length} time steps; itself if it has them.
     *
     * @param lot arrays of features and labels [B, size, T], masks [B, T]
     * @throws IllegalArgumentException if an array is not a time series, if their lengths differ, or if they exceed {@code length}
     */
    static MultiDataSet pad(MultiDataSet lot, long length) {
        long steps = length(lot);
        if (steps > length) {
            throw new IllegalArgumentException("sequences must have at most the plan's maximumLength = " + length
                    + " time steps, a lot has " + steps
                    + "; nothing of it was released. Shorten the sequences, or"
                    + " declare a larger maximum by plan.withTruncatedBackprop");
        }
        if (steps == length) {
            return lot;
        }
        return new org.nd4j.linalg.dataset.MultiDataSet(
                padded(lot.getFeatures(), length),
                padded(lot.getLabels(), length),
                masks(lot.getFeaturesMaskArrays(), lot.getFeatures(), steps, length),
                masks(lot.getLabelsMaskArrays(), lot.getLabels(), steps, length));
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

    private static INDArray[] padded(INDArray[] arrays, long length) {
        INDArray[] padded = new INDArray[arrays.length];
        for (int i = 0; i < arrays.length; i++) {
            INDArray array = arrays[i];
            padded[i] = Nd4j.create(array.dataType(), array.size(0), array.size(1), length);
            padded[i]
                    .get(NDArrayIndex.all(), NDArrayIndex.all(), NDArrayIndex.interval(0, array.size(2)))
                    .assign(array);
        }
        return padded;
    }

    /** The masks of {@code arrays}, of ones where there were none, and zero in the padding. */
    private static INDArray[] masks(@Nullable INDArray @Nullable [] masks, INDArray[] arrays, long steps, long length) {
        INDArray[] padded = new INDArray[arrays.length];
        for (int i = 0; i < arrays.length; i++) {
            INDArray mask = masks == null ? null : masks[i];
            padded[i] = Nd4j.create(mask == null ? arrays[i].dataType() : mask.dataType(), arrays[i].size(0), length);
            INDArray kept = padded[i].get(NDArrayIndex.all(), NDArrayIndex.interval(0, steps));
            if (mask == null) {
                kept.assign(1);
            } else {
                kept.assign(mask);
            }
        }
        return padded;
    }
}
