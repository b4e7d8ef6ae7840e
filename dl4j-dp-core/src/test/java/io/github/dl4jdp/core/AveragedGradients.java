// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core;

import io.github.dl4jdp.core.gradient.GradientRules;
import io.github.dl4jdp.core.gradient.LayerTape;
import io.github.dl4jdp.core.internal.network.BackwardPass;
import io.github.dl4jdp.core.internal.network.DpNetwork;
import io.github.dl4jdp.core.mechanism.ClippedSum;
import io.github.dl4jdp.core.mechanism.Clipping;
import io.github.dl4jdp.core.mechanism.Mechanisms;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import org.deeplearning4j.nn.api.Model;
import org.deeplearning4j.nn.graph.ComputationGraph;
import org.deeplearning4j.nn.multilayer.MultiLayerNetwork;
import org.jspecify.annotations.Nullable;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.memory.MemoryWorkspace;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.dataset.MultiDataSet;
import org.nd4j.linalg.factory.Nd4j;
import org.nd4j.linalg.indexing.NDArrayIndex;

/**
 * The gradients of examples of which a batch holds several copies, as the engine sees them.
 *
 * @param rows the mean over the copies of each example [examples, numParams]
 * @param norms of the means
 * @param sum of the means, each clipped to the norm that was asked for [numParams]
 */
@SuppressWarnings("ArrayRecordComponent") // read-only carrier of the tests, never compared
record AveragedGradients(INDArray rows, double[] norms, INDArray sum) {
    /** Row {@code k * examples + i} of the data is copy k of example i. */
    static AveragedGradients of(Model model, GradientRules rules, MultiDataSet data, int copies, double clippingNorm) {
        var pass = new BackwardPass(1);
        DpNetwork network = DpNetwork.of(model).hook(rules, pass);
        try {
            @Nullable AveragedGradients[] result = {null};
            int rows = (int) data.getFeatures(0).size(0);
            pass.open(rows, null, new BackwardPass.Observer() {
                @Override
                public void starting() {}

                @Override
                public void complete(List<LayerTape> tapes) {
                    try (MemoryWorkspace outside = Nd4j.getMemoryManager().scopeOutOfWorkspaces()) {
                        result[0] = read(network, tapes, rows / copies, copies, clippingNorm);
                    }
                }
            });
            network.forwardAndBackward(data);
            return Objects.requireNonNull(result[0]);
        } finally {
            network.unhook();
        }
    }

    private static AveragedGradients read(
            DpNetwork network, List<LayerTape> tapes, int examples, int copies, double clippingNorm) {
        DataType type = network.model().params().dataType();
        List<LayerTape> means = Mechanisms.averaged(tapes, network.trainable(), type, examples, copies);
        // The sum comes last: it may overwrite what the tapes hold.
        double[] norms = ClippedSum.norms(means, network.trainable(), type, examples);
        INDArray rows = Nd4j.create(type, examples, network.model().numParams());
        for (int i = 0; i < examples; i++) {
            INDArray row = rows.getRow(i);
            for (int layer = 0; layer < means.size(); layer++) {
                means.get(layer).addRow(i, network.trainable().get(layer).views(row));
            }
        }
        var sum = new ClippedSum(
                Clipping.flat(clippingNorm),
                1,
                examples,
                network.trainable(),
                network.model().numParams(),
                type);
        sum.begin(clippingNorm);
        sum.add(means, examples, examples);
        return new AveragedGradients(
                rows.castTo(DataType.DOUBLE), norms, sum.sum().castTo(DataType.DOUBLE));
    }

    /** DL4J's own gradient of the copies of one example alone, divided by their number [examples, numParams]. */
    static INDArray byDl4j(Model model, MultiDataSet data, int copies) {
        int examples = (int) data.getFeatures(0).size(0) / copies;
        INDArray all = Nd4j.create(DataType.DOUBLE, examples, model.numParams());
        for (int i = 0; i < examples; i++) {
            INDArray @Nullable [] features = copiesOf(data.getFeatures(), i, examples);
            INDArray @Nullable [] labels = copiesOf(data.getLabels(), i, examples);
            INDArray @Nullable [] featureMasks = copiesOf(data.getFeaturesMaskArrays(), i, examples);
            INDArray @Nullable [] labelMasks = copiesOf(data.getLabelsMaskArrays(), i, examples);
            if (model instanceof ComputationGraph graph) {
                graph.setInputs(features);
                graph.setLabels(labels);
                graph.setLayerMaskArrays(featureMasks, labelMasks);
                graph.computeGradientAndScore();
                graph.clearLayerMaskArrays();
            } else {
                var layers = (MultiLayerNetwork) model;
                layers.setInput(Objects.requireNonNull(features)[0]);
                layers.setLabels(Objects.requireNonNull(labels)[0]);
                layers.setLayerMaskArrays(
                        featureMasks == null ? null : featureMasks[0], labelMasks == null ? null : labelMasks[0]);
                layers.computeGradientAndScore();
                layers.clearLayerMaskArrays();
            }
            all.getRow(i)
                    .assign(model.gradient()
                            .gradient()
                            .reshape(model.numParams())
                            .castTo(DataType.DOUBLE)
                            .div(copies));
        }
        return all;
    }

    private static INDArray @Nullable [] copiesOf(INDArray @Nullable [] arrays, int i, int examples) {
        return arrays == null
                ? null
                : Arrays.stream(arrays)
                        .map(array -> array == null
                                ? null
                                : array.get(NDArrayIndex.interval(i, examples, array.size(0)))
                                        .dup('c'))
                        .toArray(INDArray[]::new);
    }
}
