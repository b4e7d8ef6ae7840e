// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core.data;

import io.github.dl4jdp.core.internal.arrays.Slices;
import java.util.stream.LongStream;
import org.nd4j.linalg.api.memory.MemoryWorkspace;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.api.ops.impl.reduce.longer.MatchCondition;
import org.nd4j.linalg.dataset.api.MultiDataSet;
import org.nd4j.linalg.factory.Nd4j;
import org.nd4j.linalg.indexing.conditions.Conditions;

/**
 * A look at all examples before training. In training an example whose gradient is not finite contributes zero, and how many do is private, so nothing is logged: a table of NaN would
 * spend the whole budget on noise.
 *
 * <p><b>Outside the guarantee.</b> The outcome is computed from the data without noise. It is for the person who prepares the data, and must not be published.
 */
public final class FiniteExamples {
    private static final int BATCH = 1024;

    private FiniteExamples() {}

    /**
     * Reads every example once.
     *
     * @throws IllegalArgumentException if the features or labels of an example contain NaN or an infinity; names the first such example
     */
    public static void require(RandomAccessExamples examples) {
        try (MemoryWorkspace outside = Nd4j.getMemoryManager().scopeOutOfWorkspaces()) {
            for (long from = 0; from < examples.size(); from += BATCH) {
                long[] indices = LongStream.range(from, Math.min(examples.size(), from + BATCH))
                        .toArray();
                MultiDataSet batch = examples.get(indices);
                requireFinite(batch.getFeatures(), "features", indices, examples);
                requireFinite(batch.getLabels(), "labels", indices, examples);
            }
        }
    }

    private static void requireFinite(INDArray[] arrays, String what, long[] indices, RandomAccessExamples examples) {
        for (INDArray array : arrays) {
            if (isFinite(array)) {
                continue;
            }
            for (int row = 0; row < indices.length; row++) {
                INDArray one = Slices.range(array, 0, row, row + 1);
                if (!isFinite(one)) {
                    throw new IllegalArgumentException(
                            "the " + what + " of every example must be finite, those of example "
                                    + indices[row] + " of " + examples.size()
                                    + " are not; it would contribute nothing in training. Correct or remove it. This message is"
                                    + " computed from private data: do not publish it");
                }
            }
        }
    }

    private static boolean isFinite(INDArray array) {
        if (!array.dataType().isFPType()) {
            return true;
        }
        return array.isEmpty()
                || Nd4j.getExecutioner()
                                .exec(new MatchCondition(array, Conditions.notFinite()))
                                .getLong(0)
                        == 0;
    }
}
