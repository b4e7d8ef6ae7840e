// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core;

import org.jspecify.annotations.Nullable;
import org.nd4j.linalg.api.memory.MemoryWorkspace;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.dataset.api.MultiDataSet;
import org.nd4j.linalg.factory.Nd4j;

/** Label masks of shape [batch, 1], which weigh examples. */
final class ExampleWeights {
    private ExampleWeights() {}

    /**
     * The batch as DL4J understands it: of a batch of one, DL4J takes such a mask for one of single outputs, and most losses refuse that.
     *
     * @return the batch; if it is a weighted one of one example, that example twice, of which the second must not count
     */
    static MultiDataSet understandable(MultiDataSet batch) {
        if (!isWeightedExample(batch)) {
            return batch;
        }
        try (MemoryWorkspace outside = Nd4j.getMemoryManager().scopeOutOfWorkspaces()) {
            return new org.nd4j.linalg.dataset.MultiDataSet(
                    twice(batch.getFeatures()),
                    twice(batch.getLabels()),
                    twice(batch.getFeaturesMaskArrays()),
                    twice(batch.getLabelsMaskArrays()));
        }
    }

    private static boolean isWeightedExample(MultiDataSet batch) {
        INDArray[] masks = batch.getLabelsMaskArrays();
        for (int i = 0; masks != null && i < masks.length; i++) {
            INDArray labels = batch.getLabels(i);
            if (masks[i] != null && masks[i].length() == 1 && labels.rank() == 2 && labels.length() > 1) {
                return true;
            }
        }
        return false;
    }

    private static @Nullable INDArray @Nullable [] twice(@Nullable INDArray @Nullable [] arrays) {
        if (arrays == null) {
            return null;
        }
        @Nullable INDArray[] out = new @Nullable INDArray[arrays.length];
        for (int i = 0; i < arrays.length; i++) {
            INDArray array = arrays[i];
            out[i] = array == null ? null : Nd4j.concat(0, array, array);
        }
        return out;
    }
}
