// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.audit.testkit;

import io.github.dl4jdp.core.gradient.GradientRules;
import io.github.dl4jdp.core.gradient.LayerTape;
import io.github.dl4jdp.core.gradient.TapeRecorder;
import io.github.dl4jdp.core.internal.arrays.ParameterViews;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.deeplearning4j.nn.api.Layer;
import org.deeplearning4j.nn.layers.FrozenLayerWithBackprop;
import org.deeplearning4j.nn.multilayer.MultiLayerNetwork;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.memory.MemoryWorkspace;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.dataset.DataSet;
import org.nd4j.linalg.factory.Nd4j;
import org.nd4j.linalg.indexing.NDArrayIndex;

/**
 * One forward and backward pass of a hooked network and everything that its tapes say.
 *
 * @param rows [examples, numParams], in double precision
 * @param squaredNorms of every example
 * @param sum the weighted sum over the examples [numParams], in double precision
 * @param gradientViews what the pass left in the network's own gradient [numParams]
 */
@SuppressWarnings("ArrayRecordComponent") // read-only carrier of the tests, never compared
record RecordedPass(INDArray rows, double[] squaredNorms, INDArray sum, INDArray gradientViews) {

    /**
     * Runs a batch through {@code network} with its layers hooked; the network is as before afterwards.
     *
     * @param copies of each example: row {@code k * examples + i} of the data is copy k of example i, and everything is by example, about the sum of the
     *     gradients of its copies
     * @throws java.util.NoSuchElementException if a tape has no way of its own to make the sums
     */
    static RecordedPass run(
            MultiLayerNetwork network,
            GradientRules rules,
            DataSet data,
            double[] weights,
            Set<Integer> discarded,
            int copies) {
        return new Run(network, rules, data, weights, discarded, copies).result();
    }

    private static final class Run {
        private final MultiLayerNetwork network;
        private final double[] weights;
        private final Set<Integer> discarded;
        private final int rows;
        private final int copies;
        private final int examples;
        private final List<Layer> trainable = new ArrayList<>();
        private final List<Long> offsets = new ArrayList<>();
        private final Map<Integer, LayerTape> tapes = new HashMap<>();
        private final RecordedPass[] result = new RecordedPass[1];

        Run(
                MultiLayerNetwork network,
                GradientRules rules,
                DataSet data,
                double[] weights,
                Set<Integer> discarded,
                int copies) {
            this.network = network;
            this.weights = weights;
            this.discarded = discarded;
            this.copies = copies;
            this.rows = (int) data.getFeatures().size(0);
            this.examples = rows / copies;
            network.initGradientsView();
            network.getFlattenedGradients().assign(0);
            Layer[] live = network.getLayers();
            Layer[] original = live.clone();
            long offset = 0;
            for (int i = 0; i < live.length; i++) {
                boolean trains = original[i].numParams() > 0 && !(original[i] instanceof FrozenLayerWithBackprop);
                boolean needsInputGradient = !trainable.isEmpty();
                if (trains) {
                    trainable.add(original[i]);
                    offsets.add(offset);
                }
                offset += original[i].numParams();
                var rule = rules.find(original[i]).orElseThrow();
                if (!rule.problems(original[i]).isEmpty()) {
                    throw new IllegalArgumentException(
                            rule.problems(original[i]).toString());
                }
                live[i] = rule.hook(original[i], recorder(trainable.size() - 1, needsInputGradient));
                live[i].allowInputModification(false);
            }
            network.setInput(data.getFeatures());
            network.setLabels(data.getLabels());
            network.setLayerMaskArrays(data.getFeaturesMaskArray(), data.getLabelsMaskArray());
            network.computeGradientAndScore();
            network.clearLayerMaskArrays();
            System.arraycopy(original, 0, live, 0, live.length);
        }

        private TapeRecorder recorder(int position, boolean needsInputGradient) {
            return new TapeRecorder() {
                @Override
                public boolean isRecording() {
                    return true;
                }

                @Override
                public int examples() {
                    return rows;
                }

                @Override
                public boolean needsInputGradient() {
                    return needsInputGradient;
                }

                @Override
                public void record(LayerTape tape) {
                    if (tapes.put(position, tape) != null) {
                        throw new IllegalStateException("layer " + position + " reported twice");
                    }
                    if (tapes.size() == trainable.size()) {
                        try (MemoryWorkspace outside = Nd4j.getMemoryManager().scopeOutOfWorkspaces()) {
                            read();
                        }
                    }
                }
            };
        }

        private void read() {
            if (copies > 1) {
                tapes.replaceAll((position, tape) -> tape.sumOfCopies(copies).orElseThrow());
            }
            double[] squaredNorms = new double[examples];
            tapes.values().forEach(tape -> tape.addSquaredNorms(squaredNorms));
            INDArray rows = Nd4j.create(DataType.DOUBLE, examples, network.numParams());
            for (int i = 0; i < examples; i++) {
                INDArray row = flat();
                for (int position = 0; position < trainable.size(); position++) {
                    tape(position).addRow(i, views(row, position));
                }
                rows.getRow(i).assign(row.castTo(DataType.DOUBLE));
            }
            discarded.forEach(i -> tapes.values().forEach(tape -> tape.discard(i)));
            INDArray sum = flat();
            for (int position = 0; position < trainable.size(); position++) {
                tape(position).addWeightedSum(weights, views(sum, position));
            }
            INDArray gradientViews = network.getFlattenedGradients().dup().reshape(network.numParams());
            result[0] = new RecordedPass(rows, squaredNorms, sum.castTo(DataType.DOUBLE), gradientViews);
        }

        private LayerTape tape(int position) {
            LayerTape tape = tapes.get(position);
            if (tape == null) {
                throw new IllegalStateException("layer " + position + " did not report");
            }
            return tape;
        }

        private INDArray flat() {
            return Nd4j.create(network.params().dataType(), network.numParams());
        }

        private Map<String, INDArray> views(INDArray flat, int position) {
            Layer layer = trainable.get(position);
            long from = offsets.get(position);
            INDArray range = flat.get(NDArrayIndex.interval(from, from + layer.numParams()));
            return ParameterViews.of(layer.conf(), range);
        }

        RecordedPass result() {
            if (result[0] == null) {
                throw new IllegalStateException(tapes.size() + " of " + trainable.size() + " layers reported");
            }
            return result[0];
        }
    }
}
