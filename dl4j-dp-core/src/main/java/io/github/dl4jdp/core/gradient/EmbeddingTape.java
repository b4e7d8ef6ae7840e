// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core.gradient;

import java.util.Arrays;
import java.util.Map;
import java.util.Optional;
import org.deeplearning4j.nn.params.DefaultParamInitializer;
import org.nd4j.linalg.api.memory.MemoryWorkspace;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;
import org.nd4j.linalg.indexing.NDArrayIndex;

/**
 * The tape of an embedding table: the gradient of example {@code i} is zero but for the rows of the tokens it holds, and the row of token
 * {@code v} is the sum of the deltas of the positions that hold {@code v}.
 *
 * <pre>
 *   ||dW_i||^2 = sum over tokens v of || sum over positions t with token v of d_it ||^2
 * </pre>
 *
 * <p>Nothing of the size of the table is ever made for one example.
 */
final class EmbeddingTape implements LayerTape {
    private final int[] tokens;
    private final INDArray delta;
    private final int steps;
    private final int examples;
    private final int width;
    private final boolean hasBias;

    /**
     * @param tokens of example {@code i} from index {@code i * T}
     * @param delta [examples, T, width], c order, the tape's own
     */
    EmbeddingTape(int[] tokens, INDArray delta, boolean hasBias) {
        this.tokens = tokens.clone();
        this.delta = delta;
        this.examples = (int) delta.size(0);
        this.steps = (int) delta.size(1);
        this.width = (int) delta.size(2);
        this.hasBias = hasBias;
    }

    @Override
    public void addSquaredNorms(double[] squaredNorms) {
        var deltas = new double[steps * width];
        var row = new double[width];
        var bias = new double[width];
        for (int i = 0; i < examples; i++) {
            HostArrays.read(delta, (long) i * steps * width, deltas, deltas.length);
            long[] order = positionsByToken(i);
            Arrays.fill(bias, 0);
            double sum = 0;
            for (int k = 0; k < steps; ) {
                int token = (int) (order[k] >> Integer.SIZE);
                Arrays.fill(row, 0);
                for (; k < steps && (int) (order[k] >> Integer.SIZE) == token; k++) {
                    add(deltas, (int) order[k], row);
                }
                sum += square(row);
                for (int j = 0; j < width; j++) {
                    bias[j] += row[j];
                }
            }
            squaredNorms[i] += hasBias ? sum + square(bias) : sum;
        }
    }

    /** Token in the upper half, position in the lower, sorted. */
    private long[] positionsByToken(int example) {
        var order = new long[steps];
        for (int t = 0; t < steps; t++) {
            order[t] = ((long) tokens[example * steps + t] << Integer.SIZE) | t;
        }
        Arrays.sort(order);
        return order;
    }

    private void add(double[] deltas, int position, double[] row) {
        for (int j = 0; j < width; j++) {
            row[j] += deltas[position * width + j];
        }
    }

    private static double square(double[] values) {
        double sum = 0;
        for (double value : values) {
            sum += value * value;
        }
        return sum;
    }

    @Override
    public void addWeightedSum(double[] weights, Map<String, INDArray> sums) {
        addTo(0, examples, weights, sums);
    }

    @Override
    public void addRow(int example, Map<String, INDArray> row) {
        var weights = new double[examples];
        weights[example] = 1;
        addTo(example, example + 1, weights, row);
    }

    /** DL4J keeps the table [vocabulary, width] in f order, so it is filled column by column. */
    private void addTo(int from, int to, double[] weights, Map<String, INDArray> into) {
        try (MemoryWorkspace outside = Nd4j.getMemoryManager().scopeOutOfWorkspaces()) {
            INDArray columns = OuterProductTape.parameter(into, DefaultParamInitializer.WEIGHT_KEY)
                    .transpose();
            var column = new double[(int) columns.size(1)];
            var deltas = new double[(to - from) * steps * width];
            HostArrays.read(delta, (long) from * steps * width, deltas, deltas.length);
            var bias = new double[width];
            for (int j = 0; j < width; j++) {
                long offset = (long) j * column.length;
                HostArrays.read(columns, offset, column, column.length);
                int at = j;
                for (int i = from; i < to; i++) {
                    for (int t = 0; t < steps; t++, at += width) {
                        double value = weights[i] * deltas[at];
                        column[tokens[i * steps + t]] += value;
                        bias[j] += value;
                    }
                }
                HostArrays.write(column, columns, offset, column.length);
            }
            if (hasBias) {
                INDArray view = OuterProductTape.parameter(into, DefaultParamInitializer.BIAS_KEY);
                view.addi(Nd4j.createFromArray(bias).castTo(delta.dataType()).reshape(view.shape()));
            }
        }
    }

    @Override
    public void discard(int example) {
        delta.get(NDArrayIndex.point(example)).assign(0);
    }

    /** The tokens of the copies are more tokens of the example. */
    @Override
    public Optional<LayerTape> sumOfCopies(int copies) {
        int count = examples / copies;
        int[] byExample = new int[tokens.length];
        for (int i = 0; i < count; i++) {
            for (int k = 0; k < copies; k++) {
                System.arraycopy(tokens, (k * count + i) * steps, byExample, (i * copies + k) * steps, steps);
            }
        }
        INDArray deltas = Detached.copy(
                delta.reshape('c', copies, count, (long) steps * width).permute(1, 0, 2));
        return Optional.of(
                new EmbeddingTape(byExample, deltas.reshape('c', count, (long) copies * steps, width), hasBias));
    }
}
