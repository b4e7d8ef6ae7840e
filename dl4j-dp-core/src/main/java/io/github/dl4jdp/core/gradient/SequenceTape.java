// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core.gradient;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.memory.MemoryWorkspace;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;
import org.nd4j.linalg.indexing.NDArrayIndex;

/**
 * The tape of weights that are used once in every time step (or position): with the left factor {@code A_i} [T, p] and the delta {@code D_i}
 * [T, q] of example {@code i},
 *
 * <pre>
 *   dW_i = A_i^T D_i,  ||dW_i||^2 = sum over s, t of (A_i A_i^T)[s,t] (D_i D_i^T)[s,t],  sum w_i dW_i = A^T diag(w) D
 * </pre>
 *
 * <p>Several weights can share one delta, as the input and the recurrent weights of a recurrent layer do. The norms come from the two Gram
 * matrices or from the per-example products themselves, whichever is cheaper; where the terms of the Gram form cancel so far that it
 * would lose digits, the product of that example is made all the same.
 *
 * <p>Source: Li et al., Large Language Models Can Be Strong Differentially Private Learners, ICLR 2022 (ghost clipping).
 */
final class SequenceTape implements LayerTape {
    /** Where the gradient of one weight goes. */
    interface Target {
        /** Adds a product [p, q] to the layer's part of a gradient. */
        void add(Map<String, INDArray> parameters, INDArray product);
    }

    /**
     * One left factor.
     *
     * @param left [T, examples, p], c order, the tape's own
     * @param target takes the products {@code A^T D}
     */
    record Factor(INDArray left, Target target) {
        long width() {
            return left.size(2);
        }
    }

    /** Cost of reading a number in Java and of a matrix-vector product's pass over it, in multiplications of a matrix product; measured. */
    private static final long READ_COST = 100;

    private static final long ROW_COST = 150;

    private final List<Factor> factors;
    private final INDArray delta;
    private final int steps;
    private final int examples;
    /** [examples, p * q] for each factor, if held. */
    private final List<INDArray> held = new ArrayList<>();

    /** @param delta [T, examples, q], c order, the tape's own */
    SequenceTape(List<Factor> factors, INDArray delta) {
        this.factors = List.copyOf(factors);
        this.delta = delta;
        this.steps = (int) delta.size(0);
        this.examples = (int) delta.size(1);
    }

    @Override
    public void addSquaredNorms(double[] squaredNorms) {
        try (MemoryWorkspace outside = Nd4j.getMemoryManager().scopeOutOfWorkspaces()) {
            long left = factors.stream().mapToLong(Factor::width).sum();
            long weights = left * delta.size(2);
            boolean holds = weights * examples <= TapeRecorder.MOST_HELD;
            double gramCost =
                    (double) steps * steps * (left + delta.size(2) + 2 * READ_COST) + (double) steps * weights;
            double rowsCost = (double) steps * weights * (holds ? 1 : 2) + (double) ROW_COST * weights;
            if (rowsCost <= gramCost) {
                addNormsOfRows(squaredNorms, holds);
            } else {
                addNormsOfGrams(squaredNorms);
            }
        }
    }

    private void addNormsOfRows(double[] squaredNorms, boolean hold) {
        for (Factor factor : factors) {
            long weights = factor.width() * delta.size(2);
            int group = (int) Math.min(examples, Math.max(1, TapeRecorder.MOST_HELD / weights));
            for (int from = 0; from < examples; from += group) {
                int to = Math.min(examples, from + group);
                INDArray rows = products(factor, from, to).reshape('c', to - from, weights);
                double[] norms = SquaredNorms.ofRows(rows);
                for (int i = from; i < to; i++) {
                    squaredNorms[i] += norms[i - from];
                }
                if (hold) {
                    held.add(rows);
                }
            }
        }
    }

    private void addNormsOfGrams(double[] squaredNorms) {
        int group = (int) Math.min(examples, Math.max(1, TapeRecorder.MOST_HELD / ((long) steps * steps)));
        for (int from = 0; from < examples; from += group) {
            addNormsOfGrams(squaredNorms, from, Math.min(examples, from + group));
        }
    }

    private void addNormsOfGrams(double[] squaredNorms, int from, int to) {
        double[] ofDelta = grams(delta, from, to);
        double[] ofLeft = grams(factors.get(0).left(), from, to);
        for (Factor factor : factors.subList(1, factors.size())) {
            double[] more = grams(factor.left(), from, to);
            for (int j = 0; j < more.length; j++) {
                ofLeft[j] += more[j];
            }
        }
        // A sum whose terms cancel to this part of their magnitude keeps at least 4 (float) or 8 (double) digits.
        double cancelled = delta.dataType() == DataType.FLOAT ? 1e-2 : 1e-6;
        int length = steps * steps;
        for (int i = from; i < to; i++) {
            double sum = 0;
            double magnitude = 0;
            for (int j = (i - from) * length; j < (i - from + 1) * length; j++) {
                double term = ofLeft[j] * ofDelta[j];
                sum += term;
                magnitude += Math.abs(term);
            }
            // Written so that NaN stays NaN: it marks the example.
            squaredNorms[i] += sum < cancelled * magnitude ? squaredNormOfRow(i) : sum;
        }
    }

    /** [to - from, T, T] of one factor. */
    private double[] grams(INDArray array, int from, int to) {
        INDArray byExample = examples(array, from, to);
        INDArray out = Nd4j.createUninitialized(array.dataType(), new long[] {to - from, steps, steps}, 'c');
        Nd4j.matmul(byExample, byExample, out, false, true, false);
        double[] values = new double[(to - from) * steps * steps];
        HostArrays.read(out, 0, values, values.length);
        return values;
    }

    private double squaredNormOfRow(int example) {
        double sum = 0;
        for (Factor factor : factors) {
            sum += SquaredNorms.ofRows(products(factor, example, example + 1))[0];
        }
        return sum;
    }

    /** A_i^T D_i of the examples from (inclusive) to (exclusive): [to - from, p, q]. */
    private INDArray products(Factor factor, int from, int to) {
        INDArray out =
                Nd4j.createUninitialized(delta.dataType(), new long[] {to - from, factor.width(), delta.size(2)}, 'c');
        Nd4j.matmul(examples(factor.left(), from, to), examples(delta, from, to), out, true, false, false);
        return out;
    }

    /** [to - from, T, ...]. */
    private static INDArray examples(INDArray timeMajor, int from, int to) {
        return timeMajor
                .get(NDArrayIndex.all(), NDArrayIndex.interval(from, to), NDArrayIndex.all())
                .permute(1, 0, 2);
    }

    @Override
    public void addWeightedSum(double[] weights, Map<String, INDArray> sums) {
        try (MemoryWorkspace outside = Nd4j.getMemoryManager().scopeOutOfWorkspaces()) {
            if (!held.isEmpty()) {
                INDArray w =
                        Nd4j.createFromArray(weights).castTo(delta.dataType()).reshape(1, examples);
                for (int f = 0; f < factors.size(); f++) {
                    Factor factor = factors.get(f);
                    INDArray sum = w.mmul(held.get(f)).reshape('c', factor.width(), delta.size(2));
                    factor.target().add(sums, sum);
                }
                return;
            }
            RowScaling.multiply(delta, weights);
            long rows = (long) steps * examples;
            INDArray d = delta.reshape('c', rows, delta.size(2));
            for (Factor factor : factors) {
                INDArray sum =
                        Nd4j.createUninitialized(delta.dataType(), new long[] {factor.width(), delta.size(2)}, 'f');
                Nd4j.gemm(factor.left().reshape('c', rows, factor.width()), d, sum, true, false, 1.0, 0.0);
                factor.target().add(sums, sum);
            }
        }
    }

    @Override
    public void addRow(int example, Map<String, INDArray> row) {
        try (MemoryWorkspace outside = Nd4j.getMemoryManager().scopeOutOfWorkspaces()) {
            for (Factor factor : factors) {
                INDArray product = products(factor, example, example + 1);
                factor.target().add(row, product.reshape('c', factor.width(), delta.size(2)));
            }
        }
    }

    @Override
    public void discard(int example) {
        zero(delta, example);
        factors.forEach(factor -> zero(factor.left(), example));
        held.forEach(rows -> rows.getRow(example).assign(0));
    }

    /** The copies of an example are more steps of it: as {@code t K B + k B + i} is {@code (t K + k) B + i}, the memory stays as it is. */
    @Override
    public Optional<LayerTape> sumOfCopies(int copies) {
        try (MemoryWorkspace outside = Nd4j.getMemoryManager().scopeOutOfWorkspaces()) {
            List<Factor> longer = factors.stream()
                    .map(factor -> new Factor(withCopiesAsSteps(factor.left(), copies), factor.target()))
                    .toList();
            return Optional.of(new SequenceTape(longer, withCopiesAsSteps(delta, copies)));
        }
    }

    private static INDArray withCopiesAsSteps(INDArray timeMajor, int copies) {
        return timeMajor.reshape('c', timeMajor.size(0) * copies, timeMajor.size(1) / copies, timeMajor.size(2));
    }

    private static void zero(INDArray timeMajor, int example) {
        timeMajor
                .get(NDArrayIndex.all(), NDArrayIndex.point(example), NDArrayIndex.all())
                .assign(0);
    }

    /** The tape of {@code z_t = x_t W + b} in every time step. */
    static SequenceTape ofDense(INDArray x, INDArray delta, @Nullable String weight, @Nullable String bias) {
        INDArray left = bias == null ? x : TimeMajor.withOnes(x);
        return new SequenceTape(List.of(new Factor(left, denseTarget(weight, bias))), delta);
    }

    /** Splits a product [nIn (+ 1), nOut] into weights [nIn, nOut] and, if there is one, the bias [nOut]. */
    static Target denseTarget(@Nullable String weight, @Nullable String bias) {
        return (parameters, product) -> {
            long nIn = product.size(0) - (bias == null ? 0 : 1);
            if (weight != null) {
                OuterProductTape.parameter(parameters, weight)
                        .addi(product.get(NDArrayIndex.interval(0, nIn), NDArrayIndex.all()));
            }
            if (bias != null) {
                INDArray b = OuterProductTape.parameter(parameters, bias);
                b.addi(product.getRow(nIn).reshape(b.shape()));
            }
        };
    }
}
