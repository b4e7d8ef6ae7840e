// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core;

import java.util.Arrays;
import org.deeplearning4j.nn.gradient.Gradient;
import org.deeplearning4j.nn.graph.ComputationGraph;
import org.deeplearning4j.nn.multilayer.MultiLayerNetwork;
import org.jspecify.annotations.Nullable;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.dataset.DataSet;
import org.nd4j.linalg.dataset.api.MultiDataSet;
import org.nd4j.linalg.factory.Nd4j;
import org.nd4j.linalg.indexing.NDArrayIndex;

/** The oracle of the gradient tests: DL4J's own gradient of each example in a batch of its own. */
final class BatchesOfOne {
    private BatchesOfOne() {}

    /** [B, numParams] in double precision, columns in the order of {@code network.params()}. */
    static INDArray gradients(MultiLayerNetwork network, DataSet data) {
        int examples = (int) data.getFeatures().size(0);
        INDArray rows = Nd4j.create(DataType.DOUBLE, examples, network.numParams());
        for (int i = 0; i < examples; i++) {
            DataSet one = example(data, i);
            network.setInput(one.getFeatures());
            network.setLabels(one.getLabels());
            network.setLayerMaskArrays(one.getFeaturesMaskArray(), one.getLabelsMaskArray());
            network.computeGradientAndScore();
            Gradient gradient = network.gradient();
            rows.getRow(i)
                    .assign(gradient.gradient().reshape(network.numParams()).castTo(DataType.DOUBLE));
            network.clearLayerMaskArrays();
        }
        return rows;
    }

    /** As {@link #gradients(MultiLayerNetwork, DataSet)}, for a graph. */
    static INDArray gradients(ComputationGraph network, MultiDataSet data) {
        int examples = (int) data.getFeatures(0).size(0);
        INDArray rows = Nd4j.create(DataType.DOUBLE, examples, network.numParams());
        for (int i = 0; i < examples; i++) {
            network.setInputs(rows(data.getFeatures(), i));
            network.setLabels(rows(data.getLabels(), i));
            network.setLayerMaskArrays(rows(data.getFeaturesMaskArrays(), i), rows(data.getLabelsMaskArrays(), i));
            network.computeGradientAndScore();
            rows.getRow(i)
                    .assign(network.gradient()
                            .gradient()
                            .reshape(network.numParams())
                            .castTo(DataType.DOUBLE));
            network.clearLayerMaskArrays();
        }
        return rows;
    }

    private static INDArray @Nullable [] rows(INDArray @Nullable [] arrays, int i) {
        return arrays == null
                ? null
                : Arrays.stream(arrays)
                        .map(array -> array == null ? null : row(array, i))
                        .toArray(INDArray[]::new);
    }

    /** The {@code i}-th example as a batch of one. */
    static DataSet example(DataSet data, int i) {
        return new DataSet(
                row(data.getFeatures(), i),
                row(data.getLabels(), i),
                data.getFeaturesMaskArray() == null ? null : row(data.getFeaturesMaskArray(), i),
                data.getLabelsMaskArray() == null ? null : row(data.getLabelsMaskArray(), i));
    }

    private static INDArray row(INDArray array, int i) {
        return array.get(NDArrayIndex.interval(i, i + 1)).dup('c');
    }
}
