// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.features;

import io.github.dl4jdp.core.data.RandomAccessExamples;
import org.nd4j.linalg.api.memory.MemoryWorkspace;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.dataset.MultiDataSet;
import org.nd4j.linalg.factory.Nd4j;

/** Examples whose one array of features is normalized when a lot needs them. */
record NormalizedExamples(RandomAccessExamples examples, ChannelNormalization normalization)
        implements RandomAccessExamples {
    @Override
    public boolean hasFixedShapes() {
        return examples.hasFixedShapes();
    }

    @Override
    public long size() {
        return examples.size();
    }

    @Override
    public org.nd4j.linalg.dataset.api.MultiDataSet get(long[] indices) {
        try (MemoryWorkspace outside = Nd4j.getMemoryManager().scopeOutOfWorkspaces()) {
            org.nd4j.linalg.dataset.api.MultiDataSet raw = examples.get(indices);
            if (raw.numFeatureArrays() != 1) {
                throw new IllegalArgumentException(
                        "examples must have one array of features, have " + raw.numFeatureArrays());
            }
            return new MultiDataSet(
                    new INDArray[] {normalization.normalize(raw.getFeatures(0))},
                    raw.getLabels(),
                    raw.getFeaturesMaskArrays(),
                    raw.getLabelsMaskArrays());
        }
    }
}
