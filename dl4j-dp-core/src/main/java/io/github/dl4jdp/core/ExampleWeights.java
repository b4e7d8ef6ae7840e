// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core;

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
            return InMemoryExamples.map(batch, array -> Nd4j.concat(0, array, array));
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
}
