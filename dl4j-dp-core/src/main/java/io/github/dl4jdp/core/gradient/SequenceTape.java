// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core.gradient;

import io.github.dl4jdp.core.internal.arrays.CpuBlas;
import io.github.dl4jdp.core.internal.arrays.CpuMemory;
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
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.bytedeco.javacpp.FloatPointer;
import org.jspecify.annotations.Nullable;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.memory.MemoryWorkspace;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/**
 * The tape of weights that are used once in every time step (or position): with the left factor {@code A_i} [T, p] and the delta {@code D_i}
 * [T, q] of example {@code i},
 *
 * <pre>
 *   dW_i = A_i^T D_i,  ||dW_i||^2 = sum over s, t of (A_i A_i^T)[s,t] (D_i D_i^T)[s,t],  sum w_i dW_i = A^T diag(w) D
 * </pre>
 *
 * <p>Several weights can share one delta, as the input and the recurrent weights of a recurrent layer do. The norms come from the two Gram
 * matrices or from the per-example products themselves, whichever is cheaper.
 *
 * <p>The terms of an example may cancel: they may be far larger than its gradient. With {@code m_i}, the sum over t of {@code ||a_it|| ||d_it||}, the norm from
 * Gram matrices is wrong by at most {@code g m_i^2} in its square, and the shared product differs from a product made by itself by {@code g m_i}, with {@code g}
 * a few hundred roundings. An example for which that could be more than {@link Rounding#own} of its norm <b>goes by its row</b>: its product is made by itself,
 * its norm is that of this product, and this product is what is added to the sum, in double precision; in the shared product its terms are zero, where they
 * could otherwise take the low digits of everybody else's.
 *
 * <p>Source: Li et al., Large Language Models Can Be Strong Differentially Private Learners, ICLR 2022 (ghost clipping).
 */
final class SequenceTape implements BoundedTape {
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

    /** Squared norms from here to its inverse are so far from the ends of the range that no product of two of the terms' elements counts that is not within it. */
    private static final double SMALLEST_FLOAT_SQUARE = 0x1p-80;

    private static final double SMALLEST_DOUBLE_SQUARE = 0x1p-900;

    private final List<Factor> factors;
    private final INDArray delta;
    private final int steps;
    private final int examples;
    /** [examples, p * q] for each factor, if held. */
    private final List<INDArray> held = new ArrayList<>();
    /** Of the gradients, over all factors. */
    private final double[] norms;
    /** {@code m_i}: the sums of the norms of the terms. Known where nothing is held. */
    private final double[] magnitudes;
    /** The norms of the terms [T * examples]. Known where nothing is held. */
    private double[] terms = new double[0];
    /** The sums over the steps of the norms of the left factors. */
    private final double[] leftMagnitudes;
    /** Which examples go by their rows. */
    private final boolean[] byRow;

    /** @param delta [T, examples, q], c order, the tape's own */
    SequenceTape(List<Factor> factors, INDArray delta) {
        for (Factor factor : factors) {
            EqualShapes.require(
                    "a left factor of a delta in every step",
                    factor.left(),
                    delta.size(0),
                    delta.size(1),
                    factor.width());
        }
        this.factors = List.copyOf(factors);
        this.delta = delta;
        this.steps = (int) delta.size(0);
        this.examples = (int) delta.size(1);
        this.norms = new double[examples];
        this.magnitudes = new double[examples];
        this.leftMagnitudes = new double[examples];
        this.byRow = new boolean[examples];
    }

    @Override
    public void addNorms(double[] into) {
        Arrays.fill(norms, 0);
        Arrays.fill(magnitudes, 0);
        Arrays.fill(leftMagnitudes, 0);
        Arrays.fill(byRow, false);
        held.clear();
        try (MemoryWorkspace outside = Nd4j.getMemoryManager().scopeOutOfWorkspaces()) {
            long left = factors.stream().mapToLong(Factor::width).sum();
            long weights = left * delta.size(2);
            boolean holds = weights * examples <= TapeRecorder.MOST_HELD;
            double gramCost =
                    (double) steps * steps * (left + delta.size(2) + 2 * READ_COST) + (double) steps * weights;
            double rowsCost = (double) steps * weights * (holds ? 1 : 2) + (double) ROW_COST * weights;
            if (rowsCost <= gramCost && holds) {
                takeNormsOfRows(true);
            } else {
                measureTerms();
                if (rowsCost <= gramCost) {
                    takeNormsOfRows(false);
                } else {
                    takeNormsOfGrams();
                }
                chooseRows(rowsCost <= gramCost ? 0 : widest() + delta.size(2) + 1 + factors.size());
            }
            for (int i = 0; i < examples; i++) {
                into[i] = Norms.together(into[i], norms[i]);
            }
        }
    }

    private long widest() {
        return factors.stream().mapToLong(Factor::width).max().orElseThrow();
    }

    private void takeNormsOfRows(boolean hold) {
        for (Factor factor : factors) {
            long weights = factor.width() * delta.size(2);
            int group = (int) Math.min(examples, Math.max(1, TapeRecorder.MOST_HELD / weights));
            for (int from = 0; from < examples; from += group) {
                int to = Math.min(examples, from + group);
                INDArray rows = products(factor, from, to).reshape('c', to - from, weights);
                double[] ofRows = Norms.ofRows(rows);
                for (int i = from; i < to; i++) {
                    norms[i] = Norms.together(norms[i], ofRows[i - from]);
                }
                if (hold) {
                    held.add(rows);
                }
            }
        }
    }

    /** The norms of every term's factors, without overflow and underflow. */
    private void measureTerms() {
        double[] right = Norms.ofRows(rowsOf(delta));
        double[] left = new double[right.length];
        for (Factor factor : factors) {
            double[] more = Norms.ofRows(rowsOf(factor.left()));
            for (int k = 0; k < left.length; k++) {
                left[k] = Norms.together(left[k], more[k]);
            }
        }
        terms = new double[left.length];
        for (int k = 0; k < left.length; k++) {
            terms[k] = left[k] * right[k];
            magnitudes[k % examples] += terms[k];
            leftMagnitudes[k % examples] += left[k];
        }
    }

    /** [T * examples, width]. */
    private INDArray rowsOf(INDArray timeMajor) {
        return timeMajor.reshape('c', (long) steps * examples, timeMajor.size(2));
    }

    private void takeNormsOfGrams() {
        int group = (int) Math.min(examples, Math.max(1, TapeRecorder.MOST_HELD / ((long) steps * steps)));
        for (int from = 0; from < examples; from += group) {
            takeNormsOfGrams(from, Math.min(examples, from + group));
        }
    }

    private void takeNormsOfGrams(int from, int to) {
        CpuBlas blas = CpuBlas.find();
        if (blas != null && delta.dataType() == DataType.FLOAT) {
            takeNormsOfGrams(blas, from, to);
            return;
        }
        double[] ofDelta = grams(delta, from, to);
        double[] ofLeft = grams(factors.get(0).left(), from, to);
        for (Factor factor : factors.subList(1, factors.size())) {
            double[] more = grams(factor.left(), from, to);
            for (int j = 0; j < more.length; j++) {
                ofLeft[j] += more[j];
            }
        }
        int length = steps * steps;
        for (int i = from; i < to; i++) {
            double sum = 0;
            for (int j = (i - from) * length; j < (i - from + 1) * length; j++) {
                sum += ofLeft[j] * ofDelta[j];
            }
            // NaN stays NaN: it marks the example, or sends it by its row.
            norms[i] = sum < 0 ? 0 : Math.sqrt(sum);
            byRow[i] = !inRange(ofDelta, i - from) || !inRange(ofLeft, i - from);
        }
    }

    /** Of one example after the other: only the triangles below the diagonal, from rows where they lie. */
    private void takeNormsOfGrams(CpuBlas blas, int from, int to) {
        int length = steps * steps;
        var ofLeft = new float[length];
        var ofDelta = new float[length];
        try (FloatPointer memory = new FloatPointer(length)) {
            blas.withSingleThreadedProducts(() -> {
                for (int i = from; i < to; i++) {
                    for (int f = 0; f < factors.size(); f++) {
                        addGram(blas, factors.get(f).left(), i, f == 0 ? 0 : 1, memory);
                    }
                    memory.get(ofLeft, 0, length);
                    addGram(blas, delta, i, 0, memory);
                    memory.get(ofDelta, 0, length);
                    double sum = 0;
                    boolean inRange = true;
                    for (int t = 0; t < steps; t++) {
                        int row = t * steps;
                        double below = 0;
                        for (int s = 0; s < t; s++) {
                            below += (double) ofLeft[row + s] * ofDelta[row + s];
                        }
                        sum += 2 * below + (double) ofLeft[row + t] * ofDelta[row + t];
                        inRange &= inRange(ofLeft[row + t]) && inRange(ofDelta[row + t]);
                    }
                    norms[i] = sum < 0 ? 0 : Math.sqrt(sum);
                    byRow[i] = !inRange;
                }
            });
        }
    }

    private void addGram(CpuBlas blas, INDArray timeMajor, int example, float beta, FloatPointer into) {
        int width = (int) timeMajor.size(2);
        FloatPointer rows = CpuMemory.at(HostArrays.floats(timeMajor), (long) example * width);
        blas.gram(steps, width, rows, examples * width, beta, into, steps);
    }

    /** Whether no square of an example's Gram matrix may have left the range of numbers: its diagonal holds the squared norms of the terms. */
    private boolean inRange(double[] grams, int example) {
        for (int t = 0; t < steps; t++) {
            if (!inRange(grams[(example * steps + t) * steps + t])) {
                return false;
            }
        }
        return true;
    }

    private boolean inRange(double square) {
        double smallest = delta.dataType() == DataType.FLOAT ? SMALLEST_FLOAT_SQUARE : SMALLEST_DOUBLE_SQUARE;
        return square == 0 || (square >= smallest && square <= 1 / smallest);
    }

    /**
     * Decides which examples go by their rows, and takes the norms of these rows.
     *
     * @param dots roundings of an element of a Gram matrix, 0 where norms were taken of rows
     */
    private void chooseRows(long dots) {
        double unit = Rounding.unit(delta.dataType());
        // A tenth is left to the rounding of the norms themselves.
        double own = 0.9 * Rounding.own(delta.dataType());
        for (int i = 0; i < examples; i++) {
            double magnitude = magnitudes[i];
            double norm = norms[i];
            if (magnitude == 0) {
                // Every term is zero, also where a Gram matrix is not finite.
                norms[i] = 0;
                byRow[i] = false;
                continue;
            }
            if (!(magnitude < Double.POSITIVE_INFINITY)) {
                norms[i] = normOfRow(i);
                byRow[i] = true;
                continue;
            }
            // Of the norm: half of its square's, or what a product in floating point may be from the exact one. Of the
            // sum: the weight's rounding.
            boolean exact = dots > 0
                    ? 1.02 * dots * unit * (magnitude / norm) * (magnitude / norm) <= own
                    : 1.02 * (steps + 1) * unit * magnitude <= own / 2 * norm;
            boolean shared = exact && !byRow[i] && 4 * unit * magnitude <= own / 4 * norm;
            byRow[i] = !shared;
            if (!shared) {
                norms[i] = normOfRow(i);
            }
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

    private double normOfRow(int example) {
        double norm = 0;
        for (Factor factor : factors) {
            norm = Norms.together(norm, Norms.ofRows(products(factor, example, example + 1))[0]);
        }
        return norm;
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
        return Slices.range(timeMajor, 1, from, to).permute(1, 0, 2);
    }

    @Override
    public double addWeightedSum(double[] weights, Map<String, INDArray> sums, double allowance) {
        try (MemoryWorkspace outside = Nd4j.getMemoryManager().scopeOutOfWorkspaces()) {
            double bound = held.isEmpty()
                    ? addProducts(weights.clone(), sums, allowance)
                    : addHeld(weights, sums, allowance / factors.size());
            return bound + RowSums.doubleBound(RowSums.total(weights, norms), examples);
        }
    }

    private double addHeld(double[] weights, Map<String, INDArray> sums, double allowance) {
        double bound = 0;
        for (int f = 0; f < factors.size(); f++) {
            Factor factor = factors.get(f);
            double[] sum = new double[(int) (factor.width() * delta.size(2))];
            bound += RowSums.add(held.get(f), weights, norms, sum, allowance);
            factor.target().add(sums, Sums.array(sum, new long[] {factor.width(), delta.size(2)}));
        }
        return bound;
    }

    private double addProducts(double[] weights, Map<String, INDArray> sums, double allowance) {
        INDArray[] products = new INDArray[factors.size()];
        for (int f = 0; f < products.length; f++) {
            products[f] = Nd4j.create(
                    DataType.DOUBLE, new long[] {delta.size(2), factors.get(f).width()}, 'c');
        }
        for (int i = 0; i < examples; i++) {
            if (weights[i] != 0 && (byRow[i] || losesDigits(i, weights[i]))) {
                addAlone(i, weights[i], products);
                weights[i] = 0;
            }
        }
        double[] weighted = new double[terms.length];
        for (int k = 0; k < weighted.length; k++) {
            // Terms of examples that are left out need not be finite.
            double weight = weights[k % examples];
            weighted[k] = weight == 0 ? 0 : weight * terms[k];
        }
        WeightedSteps.multiply(delta, weights);
        double bound = 0;
        for (int f = 0; f < products.length; f++) {
            Factor factor = factors.get(f);
            // The factors' terms are as long together as the terms.
            var product = new SharedProduct(rowsOf(factor.left()), rowsOf(delta), weighted, new ParallelRanges(1));
            bound = Math.max(bound, product.addTo(products[f], allowance));
            factor.target().add(sums, products[f].transpose());
        }
        return bound;
    }

    /** Whether a scaled delta may become so small that what the range of numbers takes from it counts. */
    private boolean losesDigits(int example, double weight) {
        double lost =
                Rounding.underflow(delta.dataType()) * Math.sqrt((double) delta.size(2)) * leftMagnitudes[example];
        return weight != 1 && lost > Rounding.own(delta.dataType()) / 4 * weight * norms[example];
    }

    /** Adds one example's own products, in double precision. */
    private void addAlone(int example, double weight, INDArray[] sums) {
        double[][] rows = new double[factors.size()][];
        double norm = 0;
        for (int f = 0; f < rows.length; f++) {
            rows[f] = new double[(int) (factors.get(f).width() * delta.size(2))];
            // [q, p], as the sums are.
            INDArray product = products(factors.get(f), example, example + 1)
                    .reshape('c', factors.get(f).width(), delta.size(2))
                    .transpose()
                    .dup('c');
            HostArrays.read(product, 0, rows[f], rows[f].length);
            norm = Norms.together(norm, Norms.of(rows[f], 0, rows[f].length));
        }
        if (!(norm < Double.POSITIVE_INFINITY)) {
            return;
        }
        double factor = norm > norms[example] ? weight * (norms[example] / norm) : weight;
        for (int f = 0; f < rows.length; f++) {
            double[] row = rows[f];
            double[] sum = new double[row.length];
            HostArrays.read(sums[f], 0, sum, sum.length);
            Arrays.setAll(sum, j -> sum[j] + factor * row[j]);
            HostArrays.write(sum, sums[f], 0, sum.length);
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
        Slices.at(delta, 1, example).assign(0);
        factors.forEach(factor -> Slices.at(factor.left(), 1, example).assign(0));
        held.forEach(rows -> Slices.at(rows, 0, example).assign(0));
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
                Sums.add(Sums.parameter(parameters, weight), Slices.range(product, 0, 0, nIn));
            }
            if (bias != null) {
                Sums.add(parameters, bias, Slices.at(product, 0, nIn));
            }
        };
    }
}
