// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.features;

import io.github.dl4jdp.core.data.RandomAccessExamples;
import java.util.Arrays;
import org.nd4j.linalg.api.memory.MemoryWorkspace;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.dataset.MultiDataSet;
import org.nd4j.linalg.factory.Nd4j;

/** Examples whose features stay in their file until a lot needs them. */
final class LabeledFeatures implements RandomAccessExamples {
    private final FeatureFile features;
    private final INDArray labels;

    LabeledFeatures(FeatureFile features, INDArray labels) {
        if (labels.rank() != 2 || labels.size(0) != features.size()) {
            throw new IllegalArgumentException("labels must have shape [" + features.size() + ", classes], was "
                    + Arrays.toString(labels.shape()));
        }
        this.features = features;
        this.labels = labels.dup('c');
    }

    @Override
    public boolean hasFixedShapes() {
        return true;
    }

    @Override
    public long size() {
        return features.size();
    }

    @Override
    public org.nd4j.linalg.dataset.api.MultiDataSet get(long[] indices) {
        int[] rows = intRows(indices);
        try (MemoryWorkspace outside = Nd4j.getMemoryManager().scopeOutOfWorkspaces()) {
            return new MultiDataSet(features.read(rows), Nd4j.pullRows(labels, 1, rows, 'c'));
        }
    }

    @Override
    public org.nd4j.linalg.dataset.api.MultiDataSet get(
            long[] indices, org.nd4j.linalg.dataset.api.MultiDataSet reuse) {
        int[] rows = intRows(indices);
        features.read(rows, reuse.getFeatures(0));
        Nd4j.pullRows(labels, reuse.getLabels(0), 1, rows);
        return reuse;
    }

    private static int[] intRows(long[] indices) {
        return Arrays.stream(indices).mapToInt(Math::toIntExact).toArray();
    }
}
