// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core.gradient;

import java.util.Arrays;
import java.util.Map;
import java.util.Optional;
import org.bytedeco.javacpp.FloatPointer;
import org.deeplearning4j.nn.params.DefaultParamInitializer;
import org.jspecify.annotations.Nullable;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/**
 * The tape of {@code z = x W + b}: the gradient of example {@code i} is the outer product of its input and its delta.
 *
 * <pre>
 *   dW_i = x_i^T d_i,  db_i = d_i,  ||g_i||^2 = (||x_i||^2 + 1) ||d_i||^2,  sum w_i dW_i = X^T diag(w) D
 * </pre>
 *
 * Source: Goodfellow, Efficient Per-Example Gradient Computations, 2015; Bu et al., Differentially Private Optimization on Large Model at
 * Small Cost, ICML 2023 (book-keeping).
 */
final class OuterProductTape implements LayerTape {
    /** Where a product has so few rows, its blocks have to be longer to be worth a call, and it is faster if they need not be gathered from columns. */
    static final int NARROW = 32;

    private static final int NARROW_BLOCKS = 4;

    private final ParallelRanges ranges;
    /** [examples, nIn]; belongs to the network, so it is copied before it is changed. */
    private INDArray input;
    /** [examples, nOut], c order; our own. */
    private final INDArray delta;

    private final boolean hasBias;
    private final double @Nullable [] inputNorms;
    private boolean ownsInput;

    /**
     * @param input the layer's input [examples, nIn], alive until the backward pass ends
     * @param delta the loss's derivative with respect to the pre-activation [examples, nOut], c order, which the tape takes over
     * @param inputNorms the squared norm of every row of the input, if it is known
     */
    OuterProductTape(
            INDArray input, INDArray delta, boolean hasBias, double @Nullable [] inputNorms, ParallelRanges ranges) {
        this.inputNorms = inputNorms;
        this.input = input.castTo(delta.dataType());
        this.delta = delta;
        this.hasBias = hasBias;
        this.ranges = ranges;
    }

    @Override
    public void addSquaredNorms(double[] squaredNorms) {
        double[] x = inputNorms == null ? SquaredNorms.ofRows(input, ranges) : inputNorms;
        double[] d = SquaredNorms.ofRows(delta, ranges);
        double bias = hasBias ? 1 : 0;
        for (int i = 0; i < squaredNorms.length; i++) {
            squaredNorms[i] += (x[i] + bias) * d[i];
        }
    }

    @Override
    public void addWeightedSum(double[] weights, Map<String, INDArray> sums) {
        INDArray weightSum = parameter(sums, DefaultParamInitializer.WEIGHT_KEY);
        CpuBlas blas = CpuBlas.find();
        if (blas != null
                && delta.dataType() == DataType.FLOAT
                && HostArrays.isContiguous(input)
                && HostArrays.isContiguous(weightSum.transpose())) {
            addWeightedSum(blas, weights, weightSum, sums);
            return;
        }
        INDArray w = Nd4j.createFromArray(weights).castTo(delta.dataType());
        delta.muliColumnVector(w.reshape(w.length(), 1));
        Nd4j.gemm(input, delta, weightSum, true, false, 1.0, 1.0);
        if (hasBias) {
            INDArray bias = parameter(sums, DefaultParamInitializer.BIAS_KEY);
            bias.addi(delta.sum(0).reshape(bias.shape()));
        }
    }

    /** The same without ND4J's operations; the sum of W is in f order, so its transpose [nOut, nIn] is made. */
    private void addWeightedSum(CpuBlas blas, double[] weights, INDArray weightSum, Map<String, INDArray> sums) {
        int nIn = (int) input.size(1);
        int nOut = (int) delta.size(1);
        int rows = weights.length;
        float[] d = new float[rows * nOut];
        HostArrays.read(delta, 0, d, d.length);
        double[] biasSum = new double[nOut];
        for (int i = 0; i < rows; i++) {
            float weight = (float) weights[i];
            for (int j = i * nOut; j < (i + 1) * nOut; j++) {
                d[j] *= weight;
            }
            for (int j = 0; j < nOut; j++) {
                biasSum[j] += d[i * nOut + j];
            }
        }
        boolean byInputs = nOut <= nIn;
        boolean narrow = byInputs && nOut <= NARROW;
        float[] factor = narrow ? transposed(d, rows, nOut) : d;
        HostArrays.write(factor, delta, 0, factor.length);
        FloatPointer left = HostArrays.floats(delta);
        FloatPointer right = HostArrays.floats(input);
        FloatPointer into = HostArrays.floats(weightSum.transpose());
        if (byInputs) {
            blas.withSingleThreadedProducts(() -> ranges.run(
                    nIn,
                    (narrow ? NARROW_BLOCKS : 1) * ParallelRanges.blockOf(nIn),
                    (worker, from, to) -> blas.gemm(
                            !narrow,
                            false,
                            nOut,
                            to - from,
                            rows,
                            left,
                            narrow ? rows : nOut,
                            NativeFloats.at(right, from),
                            nIn,
                            1f,
                            NativeFloats.at(into, from),
                            nIn)));
        } else {
            blas.withSingleThreadedProducts(() -> ranges.run(
                    nOut,
                    ParallelRanges.blockOf(nOut),
                    (worker, from, to) -> blas.gemm(
                            true,
                            false,
                            to - from,
                            nIn,
                            rows,
                            NativeFloats.at(left, from),
                            nOut,
                            right,
                            nIn,
                            1f,
                            NativeFloats.at(into, (long) from * nIn),
                            nIn)));
        }
        if (hasBias) {
            INDArray bias = parameter(sums, DefaultParamInitializer.BIAS_KEY);
            double[] sum = new double[nOut];
            HostArrays.read(bias, 0, sum, nOut);
            Arrays.setAll(sum, j -> sum[j] + biasSum[j]);
            HostArrays.write(sum, bias, 0, nOut);
        }
    }

    private static float[] transposed(float[] matrix, int rows, int columns) {
        float[] result = new float[matrix.length];
        for (int i = 0; i < rows; i++) {
            for (int j = 0; j < columns; j++) {
                result[j * rows + i] = matrix[i * columns + j];
            }
        }
        return result;
    }

    @Override
    public void addRow(int example, Map<String, INDArray> row) {
        INDArray x = input.getRow(example, true).dup('c');
        INDArray d = delta.getRow(example, true).dup('c');
        Nd4j.gemm(x, d, parameter(row, DefaultParamInitializer.WEIGHT_KEY), true, false, 1.0, 1.0);
        if (hasBias) {
            INDArray bias = parameter(row, DefaultParamInitializer.BIAS_KEY);
            bias.addi(d.reshape(bias.shape()));
        }
    }

    @Override
    public void discard(int example) {
        if (!ownsInput) {
            input = Detached.copy(input);
            ownsInput = true;
        }
        input.getRow(example).assign(0);
        delta.getRow(example).assign(0);
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

    static INDArray parameter(Map<String, INDArray> parameters, String name) {
        @Nullable INDArray array = parameters.get(name);
        if (array == null) {
            throw new IllegalArgumentException("parameters must hold " + name + ", has " + parameters.keySet());
        }
        return array;
    }
}
