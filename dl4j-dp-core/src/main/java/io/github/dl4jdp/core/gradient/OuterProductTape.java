// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core.gradient;

import io.github.dl4jdp.core.internal.arrays.EqualShapes;
import io.github.dl4jdp.core.internal.arrays.HostArrays;
import io.github.dl4jdp.core.internal.arrays.Norms;
import io.github.dl4jdp.core.internal.arrays.ParallelRanges;
import io.github.dl4jdp.core.internal.arrays.Rounding;
import io.github.dl4jdp.core.internal.arrays.RowSums;
import io.github.dl4jdp.core.internal.arrays.SharedProduct;
import io.github.dl4jdp.core.internal.arrays.Slices;
import io.github.dl4jdp.core.internal.arrays.Sums;
import io.github.dl4jdp.core.internal.arrays.TimeMajor;
import io.github.dl4jdp.core.internal.arrays.WeightedSteps;
import java.util.Map;
import java.util.Optional;
import org.deeplearning4j.nn.params.DefaultParamInitializer;
import org.jspecify.annotations.Nullable;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.memory.MemoryWorkspace;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/**
 * The tape of {@code z = x W + b}: the gradient of example {@code i} is the outer product of its input and its delta.
 *
 * <pre>
 *   dW_i = x_i^T d_i,  db_i = d_i,  ||g_i||^2 = (||x_i||^2 + 1) ||d_i||^2,  sum w_i dW_i = X^T diag(w) D
 * </pre>
 *
 * <p>Every example has one term, as long as its gradient: nothing cancels, and the shared product is a {@link SharedProduct} of terms of at most the clipping
 * norm.
 *
 * <p>Source: Goodfellow, Efficient Per-Example Gradient Computations, 2015; Bu et al., Differentially Private Optimization on Large Model at
 * Small Cost, ICML 2023 (book-keeping).
 */
final class OuterProductTape implements BoundedTape {
    /** Numbers that stay in the first-level cache while they are scaled and added up. */
    private static final int CHUNK = 4096;

    private final ParallelRanges ranges;
    /** [examples, nIn], c order; belongs to the network, so it is copied before it is changed. */
    private INDArray input;
    /** [examples, nOut], c order; our own. */
    private final INDArray delta;

    private final boolean hasBias;
    private final double @Nullable [] inputNorms;
    private double[] norms = new double[0];
    /** Of every input with the 1 that stands for the bias. */
    private double[] leftNorms = new double[0];

    private boolean ownsInput;

    /**
     * @param input the layer's input [examples, nIn], alive until the backward pass ends
     * @param delta the loss's derivative with respect to the pre-activation [examples, nOut], c order, which the tape takes over
     * @param inputNorms the norm of every row of the input, if it is known
     */
    OuterProductTape(
            INDArray input, INDArray delta, boolean hasBias, double @Nullable [] inputNorms, ParallelRanges ranges) {
        EqualShapes.require("the input of a layer", input, delta.size(0), input.size(1));
        this.inputNorms = inputNorms;
        INDArray x = input.castTo(delta.dataType());
        this.input = HostArrays.isContiguous(x) ? x : HostArrays.detached(x);
        this.delta = delta;
        this.hasBias = hasBias;
        this.ranges = ranges;
    }

    /**
     * The tape of one row for each example, or of one for each time step of each example: then a {@link SequenceTape}.
     *
     * @param input [rows, nIn]
     * @param delta [rows, nOut]; copied, since it dies with its workspace
     */
    static BoundedTape of(TapeRecorder recorder, INDArray input, INDArray delta, boolean hasBias) {
        return ofOwn(recorder, input, HostArrays.detached(delta), hasBias, null);
    }

    /**
     * As {@link #of}, for a delta in c order that the tape may take over.
     *
     * @param inputNorms the norm of every row of the input, if it is known
     */
    static BoundedTape ofOwn(
            TapeRecorder recorder, INDArray input, INDArray delta, boolean hasBias, double @Nullable [] inputNorms) {
        int examples = recorder.examples();
        // A cast would die with the workspace of the layer.
        INDArray x = input.dataType() == delta.dataType() ? input : HostArrays.detached(input.castTo(delta.dataType()));
        return delta.size(0) == examples
                ? new OuterProductTape(x, delta, hasBias, inputNorms, new ParallelRanges(recorder.threads()))
                : SequenceTape.ofDense(
                        TimeMajor.ofRows(x, examples),
                        TimeMajor.ofRows(delta, examples),
                        DefaultParamInitializer.WEIGHT_KEY,
                        hasBias ? DefaultParamInitializer.BIAS_KEY : null);
    }

    @Override
    public void addNorms(double[] into) {
        double[] x = inputNorms == null ? Norms.ofRows(input, ranges) : inputNorms;
        norms = Norms.ofRows(delta, ranges);
        leftNorms = new double[norms.length];
        for (int i = 0; i < norms.length; i++) {
            leftNorms[i] = hasBias ? Norms.together(x[i], 1) : x[i];
            norms[i] *= leftNorms[i];
            into[i] = Norms.together(into[i], norms[i]);
        }
    }

    @Override
    public double addWeightedSum(double[] given, Map<String, INDArray> sums, double allowance) {
        double[] weights = given.clone();
        try (MemoryWorkspace outside = Nd4j.getMemoryManager().scopeOutOfWorkspaces()) {
            INDArray view =
                    Sums.parameter(sums, DefaultParamInitializer.WEIGHT_KEY).transpose();
            INDArray weightSum = Sums.isDouble(view) ? view : Nd4j.create(DataType.DOUBLE, view.shape(), 'c');
            double[] biasSum = new double[(int) delta.size(1)];
            double[] terms = new double[weights.length];
            for (int i = 0; i < weights.length; i++) {
                if (weights[i] != 0 && losesDigits(i, weights[i])) {
                    addAlone(i, weights[i], weightSum, biasSum);
                    weights[i] = 0;
                } else if (weights[i] != 0) {
                    terms[i] = weights[i] * norms[i];
                }
            }
            scaleDelta(weights, biasSum);
            double bound = new SharedProduct(input, delta, terms, ranges).addTo(weightSum, allowance);
            if (weightSum != view) {
                Sums.add(view, weightSum);
            }
            if (hasBias) {
                Sums.add(Sums.parameter(sums, DefaultParamInitializer.BIAS_KEY), biasSum, 0);
            }
            return bound + RowSums.doubleBound(RowSums.total(given, norms), weights.length);
        }
    }

    /** Whether a scaled delta may become so small that what the range of numbers takes from it counts. */
    private boolean losesDigits(int example, double weight) {
        double lost = Rounding.underflow(delta.dataType()) * Math.sqrt((double) delta.size(1)) * leftNorms[example];
        return weight != 1 && lost > Rounding.own(delta.dataType()) / 4 * weight * norms[example];
    }

    /** Adds one example's gradient in double precision, the larger factor scaled first. */
    private void addAlone(int example, double weight, INDArray weightSum, double[] biasSum) {
        double[] x = row(input, example);
        double[] d = row(delta, example);
        double[] column = new double[x.length];
        for (int j = 0; j < d.length; j++) {
            HostArrays.read(weightSum, (long) j * x.length, column, x.length);
            for (int k = 0; k < x.length; k++) {
                column[k] += (weight * x[k]) * d[j];
            }
            HostArrays.write(column, weightSum, (long) j * x.length, x.length);
            biasSum[j] += weight * d[j];
        }
    }

    private static double[] row(INDArray rows, int example) {
        double[] row = new double[(int) rows.size(1)];
        HostArrays.read(rows, (long) example * row.length, row, row.length);
        return row;
    }

    /** Multiplies the deltas by their weights, and adds them up: by chunks, whose sums are added in their order. */
    private void scaleDelta(double[] weights, double[] biasSum) {
        int nOut = biasSum.length;
        int rows = Math.max(1, CHUNK / nOut);
        var sums = new double[(weights.length + rows - 1) / rows][nOut];
        var floats = new ParallelRanges.Floats(ranges);
        ranges.run(weights.length, rows, (worker, from, to) -> {
            double[] sum = sums[from / rows];
            if (delta.dataType() == DataType.FLOAT) {
                float[] d = floats.get(worker, (to - from) * nOut);
                HostArrays.read(delta, (long) from * nOut, d, d.length);
                for (int i = from; i < to; i++) {
                    int at = (i - from) * nOut;
                    WeightedSteps.scale(d, at, nOut, weights[i]);
                    for (int j = 0; j < nOut; j++) {
                        sum[j] += d[at + j];
                    }
                }
                HostArrays.write(d, delta, (long) from * nOut, d.length);
            } else {
                double[] d = new double[(to - from) * nOut];
                HostArrays.read(delta, (long) from * nOut, d, d.length);
                for (int i = from; i < to; i++) {
                    int at = (i - from) * nOut;
                    for (int j = 0; j < nOut; j++) {
                        d[at + j] *= weights[i];
                        sum[j] += d[at + j];
                    }
                }
                HostArrays.write(d, delta, (long) from * nOut, d.length);
            }
        });
        for (double[] sum : sums) {
            for (int j = 0; j < nOut; j++) {
                biasSum[j] += sum[j];
            }
        }
    }

    @Override
    public void addRow(int example, Map<String, INDArray> row) {
        try (MemoryWorkspace outside = Nd4j.getMemoryManager().scopeOutOfWorkspaces()) {
            INDArray x = Slices.range(input, 0, example, example + 1).dup('c');
            INDArray d = Slices.range(delta, 0, example, example + 1).dup('c');
            INDArray product = Nd4j.createUninitialized(delta.dataType(), new long[] {x.size(1), d.size(1)}, 'f');
            Nd4j.gemm(x, d, product, true, false, 1.0, 0.0);
            Sums.add(Sums.parameter(row, DefaultParamInitializer.WEIGHT_KEY), product);
            if (hasBias) {
                Sums.add(row, DefaultParamInitializer.BIAS_KEY, d);
            }
        }
    }

    @Override
    public void discard(int example) {
        if (!ownsInput) {
            input = HostArrays.detached(input);
            ownsInput = true;
        }
        Slices.range(input, 0, example, example + 1).assign(0);
        Slices.range(delta, 0, example, example + 1).assign(0);
    }

    /** The copies of an example are the steps of a sequence: {@code h_i = X_i^T D_i}. */
    @Override
    public Optional<LayerTape> sumOfCopies(int copies) {
        int examples = (int) (delta.size(0) / copies);
        return Optional.of(SequenceTape.ofDense(
                TimeMajor.ofRows(input, examples),
                delta.reshape('c', copies, examples, delta.size(1)),
                DefaultParamInitializer.WEIGHT_KEY,
                hasBias ? DefaultParamInitializer.BIAS_KEY : null));
    }
}
