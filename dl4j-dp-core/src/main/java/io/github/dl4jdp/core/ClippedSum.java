// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core;

import io.github.dl4jdp.core.gradient.LayerTape;
import java.util.List;
import java.util.Map;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.memory.MemoryWorkspace;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/**
 * The sum of clipped per-example gradients of one lot, gathered over its physical batches in a buffer of its own: the network's gradient
 * views never hold it, since listeners and crash dumps can see those.
 */
final class ClippedSum {
    private final INDArray sum;
    private final List<Map<String, INDArray>> views;
    private final LotClipping clipping;
    private long examplesOfLot;
    private long clippedOfLot;

    ClippedSum(List<TrainableLayer> layers, long numParams, DataType dataType, LotClipping clipping) {
        try (MemoryWorkspace outside = Nd4j.getMemoryManager().scopeOutOfWorkspaces()) {
            INDArray buffer = Nd4j.create(dataType, numParams);
            this.views = layers.stream().map(layer -> layer.views(buffer)).toList();
            this.sum = buffer;
        }
        this.clipping = clipping;
    }

    /** Starts a lot. */
    void clear() {
        sum.assign(0);
        clipping.clear();
        examplesOfLot = 0;
        clippedOfLot = 0;
    }

    /**
     * Clips and adds the gradients of one physical batch.
     *
     * @param tapes one for each trainable layer
     * @param examples how many of the batch's rows count: the rest pad an empty lot and contribute nothing, whatever they hold
     * @param rows number of rows of the batch
     */
    void add(List<LayerTape> tapes, int examples, int rows) {
        double[][] factors = clipping.factors(squaredNorms(tapes, rows), examples, ulp(sum.dataType()));
        examplesOfLot += examples;
        for (int i = 0; i < examples; i++) {
            for (double[] layer : factors) {
                if (layer[i] < 1) {
                    clippedOfLot++;
                    break;
                }
            }
        }
        for (int layer = 0; layer < tapes.size(); layer++) {
            LayerTape tape = tapes.get(layer);
            for (int i = 0; i < rows; i++) {
                if (factors[layer][i] == 0) {
                    tape.discard(i);
                }
            }
            // Layers may share their factors: what a rule of somebody's own does to its array must not reach the next.
            tape.addWeightedSum(factors[layer].clone(), views.get(layer));
        }
    }

    /** The squared norms by layer and row. */
    static double[][] squaredNorms(List<LayerTape> tapes, int rows) {
        var squaredNorms = new double[tapes.size()][rows];
        for (int layer = 0; layer < squaredNorms.length; layer++) {
            tapes.get(layer).addSquaredNorms(squaredNorms[layer]);
        }
        return squaredNorms;
    }

    /** The share of the lot's examples whose gradient was made smaller, NaN for an empty lot. Private data. */
    double clippedFraction() {
        return (double) clippedOfLot / examplesOfLot;
    }

    private static double ulp(DataType dataType) {
        return dataType == DataType.DOUBLE ? 0x1p-53 : 0x1p-24;
    }

    /** The sum so far [numParams], in the order of {@code model.params()}; zero where nothing trains. */
    INDArray sum() {
        return sum;
    }
}
