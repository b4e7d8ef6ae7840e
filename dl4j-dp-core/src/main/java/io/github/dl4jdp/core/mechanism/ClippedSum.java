// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core.mechanism;

import io.github.dl4jdp.core.gradient.BoundedTape;
import io.github.dl4jdp.core.gradient.LayerTape;
import io.github.dl4jdp.core.internal.arrays.HostArrays;
import io.github.dl4jdp.core.internal.arrays.Rounding;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.memory.MemoryWorkspace;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/**
 * The sum of clipped per-example gradients of one lot, gathered over its physical batches in a buffer of its own: the network's gradient
 * views never hold it, since listeners and crash dumps can see those.
 *
 * <h2>Formal guarantee</h2>
 *
 * Whatever the examples are, the sums of two neighboring data sets (one example more) are at most {@code C (1 + a)} apart, {@code a} being
 * {@link Rounding#allowance}: every example adds a vector of its own, of norm at most {@code C (1 + own)}, and all rounding in which examples meet stays below
 * {@code shared C} for the whole lot. The sum is kept in double precision, and the tapes are told how much of {@code shared C} is left; what they cannot do
 * within it they do in double precision.
 */
public final class ClippedSum {
    private final INDArray sum;
    private final List<TrainableLayer> layers;
    private final List<Map<String, INDArray>> views;
    private final DataType dataType;
    private final LotClipping clipping;
    private final int copies;
    private final double allowance;
    private double error;
    private long examplesOfLot;
    private long clippedOfLot;

    /**
     * An empty sum.
     *
     * @param copies of each example, whose gradients are averaged before they are clipped
     * @param lotSize the expected number of examples of a lot
     * @param layers that train
     * @param numParams of the network
     * @param dataType the network's
     */
    public ClippedSum(
            Clipping clipping,
            int copies,
            long lotSize,
            List<TrainableLayer> layers,
            long numParams,
            DataType dataType) {
        this.layers = layers;
        this.dataType = dataType;
        this.copies = copies;
        this.clipping = new LotClipping(clipping);
        this.allowance = Rounding.shared(dataType, lotSize);
        try (MemoryWorkspace outside = Nd4j.getMemoryManager().scopeOutOfWorkspaces()) {
            INDArray buffer = Nd4j.create(DataType.DOUBLE, numParams);
            this.views = layers.stream().map(layer -> layer.views(buffer)).toList();
            this.sum = buffer;
        }
    }

    /** Starts a sum with the clipping norm {@code C}. */
    public void begin(double clippingNorm) {
        sum.assign(0);
        clipping.begin(clippingNorm);
        error = 0;
        examplesOfLot = 0;
        clippedOfLot = 0;
    }

    /** As {@link #add(List, int, int, int)}, for examples of one row. */
    public void add(List<LayerTape> recorded, int examples, int rows) {
        add(recorded, examples, rows, 1);
    }

    /**
     * Clips and adds the gradients of one physical batch.
     *
     * @param recorded one tape for each trainable layer, of all copies of the examples
     * @param examples how many of the batch's examples count: the rest pad an empty lot and contribute nothing, whatever they hold
     * @param rows number of examples of the batch
     * @param each how many rows every example of the batch has: copy k of row j of example i is row {@code (k each + j) rows + i}
     * @throws IllegalStateException if the lot has so many examples that rounding in double precision alone could take more than is allowed for
     */
    public void add(List<LayerTape> recorded, int examples, int rows, int each) {
        List<BoundedTape> tapes = bounded(
                AveragedTape.of(recorded, layers, dataType, rows, Math.multiplyExact(copies, each)),
                layers,
                dataType,
                rows);
        double[][] norms = norms(tapes, rows);
        double[] whole = LotClipping.together(norms);
        for (int i = 0; i < rows; i++) {
            if (whole[i] > Rounding.largest(dataType)) {
                // Longer than any number of the network: not finite, as its row would be.
                norms[0][i] = Double.POSITIVE_INFINITY;
            }
        }
        double[][] factors = clipping.factors(norms, examples, Rounding.unit(dataType));
        fade(factors, whole);
        examplesOfLot += examples;
        for (int i = 0; i < examples; i++) {
            for (double[] layer : factors) {
                if (layer[i] < 1) {
                    clippedOfLot++;
                    break;
                }
            }
        }
        double[] totals = totals(norms, factors);
        double length = 0;
        for (double total : totals) {
            length = Math.hypot(length, total);
        }
        double left = allowance * clipping.norm() - error;
        double made = 0;
        for (int layer = 0; layer < tapes.size(); layer++) {
            BoundedTape tape = tapes.get(layer);
            for (int i = 0; i < rows; i++) {
                if (factors[layer][i] == 0) {
                    tape.discard(i);
                }
            }
            // Errors of different layers add up by their squares; a layer of little gradient gets a small share all the
            // same. Layers may share their factors:
            // what a user's rule does to its array must not reach the next.
            double part = length > 0 ? totals[layer] / length : 0;
            double share = 0.99 * left * Math.hypot(part, 0.03 / Math.sqrt((double) tapes.size()));
            made = Math.hypot(made, tape.addWeightedSum(factors[layer].clone(), views.get(layer), share));
        }
        error += made;
        if (error > allowance * clipping.norm()) {
            throw new IllegalStateException(
                    "a lot of " + examplesOfLot + " examples cannot be summed in double precision with"
                            + " the rounding error that the noise covers; make lots smaller");
        }
    }

    /** Examples vanish gradually before they are too long to be counted: the last bits of a norm must not decide on a whole contribution. */
    private void fade(double[][] factors, double[] whole) {
        double half = Rounding.largest(dataType) / 2;
        for (int i = 0; i < whole.length; i++) {
            if (whole[i] > half && whole[i] <= 2 * half) {
                double left = 2 - whole[i] / half;
                // Layers may share their factors.
                for (int layer = 0; layer < factors.length; layer++) {
                    if (layer == 0 || factors[layer] != factors[layer - 1]) {
                        factors[layer][i] *= left;
                    }
                }
            }
        }
    }

    /** By layer: how long the sum of its clipped gradients can be. */
    private static double[] totals(double[][] norms, double[][] factors) {
        var totals = new double[norms.length];
        for (int layer = 0; layer < totals.length; layer++) {
            for (int i = 0; i < norms[layer].length; i++) {
                if (factors[layer][i] != 0) {
                    totals[layer] += norms[layer][i] * factors[layer][i];
                }
            }
        }
        return totals;
    }

    private static List<BoundedTape> bounded(
            List<LayerTape> tapes, List<TrainableLayer> layers, DataType dataType, int rows) {
        return IntStream.range(0, tapes.size())
                .mapToObj(layer -> layers.get(layer).bounded(tapes.get(layer), dataType, rows))
                .toList();
    }

    /** The norms of the examples' gradients. */
    public static double[] norms(
            List<? extends LayerTape> tapes, List<TrainableLayer> layers, DataType dataType, int rows) {
        return LotClipping.together(norms(bounded(List.copyOf(tapes), layers, dataType, rows), rows));
    }

    private static double[][] norms(List<BoundedTape> tapes, int rows) {
        var norms = new double[tapes.size()][rows];
        for (int layer = 0; layer < norms.length; layer++) {
            tapes.get(layer).addNorms(norms[layer]);
        }
        return norms;
    }

    /** The share of the lot's examples whose gradient was made smaller, NaN for an empty lot. Private data. */
    double clippedFraction() {
        return (double) clippedOfLot / examplesOfLot;
    }

    /**
     * The sum on an integer grid, with its bound.
     *
     * @param gridStep that of the lot's noise
     */
    public ShardSum onGrid(double gridStep) {
        double[] values = new double[Math.toIntExact(sum.length())];
        HostArrays.read(sum, 0, values, values.length);
        return ShardSum.of(values, clipping.shiftedCount(), examplesOfLot, gridStep, clipping.norm());
    }

    /** See {@link LotClipping#shiftedCount}. Private data. */
    long shiftedCount() {
        return clipping.shiftedCount();
    }

    /** How many examples were added. Private data. */
    long examples() {
        return examplesOfLot;
    }

    /** The bound on what rounding has made of the lot so far. Private data. */
    double error() {
        return error;
    }

    /** The sum so far [numParams] in double precision, in the order of {@code model.params()}; zero where nothing trains. */
    public INDArray sum() {
        return sum;
    }
}
