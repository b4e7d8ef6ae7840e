// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core.gradient;

import io.github.dl4jdp.core.internal.arrays.HostArrays;
import io.github.dl4jdp.core.internal.arrays.Norms;
import io.github.dl4jdp.core.internal.arrays.RowSums;
import io.github.dl4jdp.core.internal.arrays.Slices;
import io.github.dl4jdp.core.internal.arrays.Sums;
import java.util.Arrays;
import java.util.Map;
import java.util.Optional;
import org.deeplearning4j.nn.params.DefaultParamInitializer;
import org.nd4j.linalg.api.memory.MemoryWorkspace;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/**
 * The tape of an embedding table: the gradient of example {@code i} is zero but for the rows of the tokens it holds, and the row of token
 * {@code v} is the sum of the deltas of the positions that hold {@code v}.
 *
 * <pre>
 *   ||dW_i||^2 = sum over tokens v of || sum over positions t with token v of d_it ||^2
 * </pre>
 *
 * <p>Nothing of the size of the table is ever made for one example: the deltas of the positions that hold a token are added up in the place of the first of
 * them, and these sums are what norms are taken of and what is summed.
 */
final class EmbeddingTape implements BoundedTape {
    /** In the place of a position whose token stands earlier in its example. */
    private static final int MERGED = -1;

    private final int[] tokens;
    /** [examples, T, width], c order. */
    private final INDArray delta;

    private final int steps;
    private final int examples;
    private final int width;
    private final boolean hasBias;
    /** [examples, width]; empty without bias. */
    private final double[] biasGradients;

    private double[] norms = new double[0];
    private boolean merged;

    /**
     * @param tokens of example {@code i} from index {@code i * T}
     * @param delta [examples, T, width], c order, the tape's own
     */
    EmbeddingTape(int[] tokens, INDArray delta, boolean hasBias) {
        if (tokens.length != delta.size(0) * delta.size(1)) {
            throw new IllegalStateException(
                    "an embedding must have one delta for each of its " + tokens.length + " tokens, had "
                            + delta.size(0) + " times " + delta.size(1) + "; nothing of this lot was released");
        }
        this.tokens = tokens.clone();
        this.delta = delta;
        this.examples = (int) delta.size(0);
        this.steps = (int) delta.size(1);
        this.width = (int) delta.size(2);
        this.hasBias = hasBias;
        this.biasGradients = new double[hasBias ? examples * width : 0];
    }

    /** Adds up what belongs to one row of the table, once. */
    private void merge() {
        if (merged) {
            return;
        }
        merged = true;
        var deltas = new double[steps * width];
        for (int i = 0; i < examples; i++) {
            HostArrays.read(delta, (long) i * deltas.length, deltas, deltas.length);
            if (hasBias) {
                for (int t = 0; t < steps; t++) {
                    for (int j = 0; j < width; j++) {
                        biasGradients[i * width + j] += deltas[t * width + j];
                    }
                }
            }
            if (mergeTokens(i, deltas)) {
                HostArrays.write(deltas, delta, (long) i * deltas.length, deltas.length);
            }
        }
    }

    /** Whether any token stood more than once. */
    private boolean mergeTokens(int example, double[] deltas) {
        long[] order = positionsByToken(example);
        boolean found = false;
        for (int k = 1; k < steps; k++) {
            int first = k - 1;
            for (; k < steps && (int) (order[k] >> Integer.SIZE) == (int) (order[first] >> Integer.SIZE); k++) {
                int position = (int) order[k];
                int into = (int) order[first];
                for (int j = 0; j < width; j++) {
                    deltas[into * width + j] += deltas[position * width + j];
                    deltas[position * width + j] = 0;
                }
                tokens[example * steps + position] = MERGED;
                found = true;
            }
        }
        return found;
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

    @Override
    public void addNorms(double[] into) {
        merge();
        norms = Norms.ofRows(delta);
        for (int i = 0; i < examples; i++) {
            if (hasBias) {
                norms[i] = Norms.together(norms[i], Norms.of(biasGradients, i * width, (i + 1) * width));
            }
            into[i] = Norms.together(into[i], norms[i]);
        }
    }

    @Override
    public double addWeightedSum(double[] weights, Map<String, INDArray> sums, double allowance) {
        addTo(0, examples, weights, sums);
        return RowSums.doubleBound(RowSums.total(weights, norms), examples);
    }

    @Override
    public void addRow(int example, Map<String, INDArray> row) {
        var weights = new double[examples];
        weights[example] = 1;
        addTo(example, example + 1, weights, row);
    }

    /** DL4J keeps the table [vocabulary, width] in f order, so it is filled column by column. */
    private void addTo(int from, int to, double[] weights, Map<String, INDArray> into) {
        merge();
        try (MemoryWorkspace outside = Nd4j.getMemoryManager().scopeOutOfWorkspaces()) {
            INDArray columns =
                    Sums.parameter(into, DefaultParamInitializer.WEIGHT_KEY).transpose();
            var column = new double[(int) columns.size(1)];
            var deltas = new double[(to - from) * steps * width];
            HostArrays.read(delta, (long) from * steps * width, deltas, deltas.length);
            for (int j = 0; j < width; j++) {
                long offset = (long) j * column.length;
                HostArrays.read(columns, offset, column, column.length);
                int at = j;
                for (int i = from; i < to; i++) {
                    for (int t = 0; t < steps; t++, at += width) {
                        int token = tokens[i * steps + t];
                        if (token != MERGED) {
                            column[token] += weights[i] * deltas[at];
                        }
                    }
                }
                HostArrays.write(column, columns, offset, column.length);
            }
            if (hasBias) {
                var bias = new double[width];
                for (int i = from; i < to; i++) {
                    for (int j = 0; j < width; j++) {
                        bias[j] += weights[i] * biasGradients[i * width + j];
                    }
                }
                Sums.add(Sums.parameter(into, DefaultParamInitializer.BIAS_KEY), bias, 0);
            }
        }
    }

    @Override
    public void discard(int example) {
        Slices.at(delta, 0, example).assign(0);
        if (hasBias) {
            Arrays.fill(biasGradients, example * width, (example + 1) * width, 0);
        }
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
        INDArray deltas = HostArrays.detached(
                delta.reshape('c', copies, count, (long) steps * width).permute(1, 0, 2));
        return Optional.of(
                new EmbeddingTape(byExample, deltas.reshape('c', count, (long) copies * steps, width), hasBias));
    }
}
