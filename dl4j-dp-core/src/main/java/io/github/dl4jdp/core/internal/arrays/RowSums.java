// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core.internal.arrays;

import org.bytedeco.javacpp.FloatPointer;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * Weighted sums of gradients that are held as rows. What is added are the very numbers whose norms were taken, so nothing of one row can be lost in another:
 * floats are summed by the BLAS library over {@value #BLOCK} rows at a time, and these sums in double precision.
 */
public final class RowSums {
    /** Rows that are summed in single precision: their sum has at most this many roundings on the way of every row. */
    public static final int BLOCK = 16;

    /** Columns that are summed at a time: they stay in the first-level cache. */
    private static final int COLUMNS = 4096;

    /** Below, a weight has not all digits as a float; its row is then added in double precision. */
    private static final double SMALLEST_WEIGHT = 0x1p-100;

    /** Sums beyond might overflow in single precision. */
    private static final double LARGEST_TOTAL = 0x1p120;

    private RowSums() {}

    /**
     * {@code into += sum of weights[i] rows[i]}.
     *
     * @param rows [examples, n], c order
     * @param norms the norms of the rows
     * @param into [n]
     * @param allowance see {@code BoundedTape}
     * @return the bound on the error
     */
    public static double add(INDArray rows, double[] weights, double[] norms, double[] into, double allowance) {
        EqualShapes.require("rows that are summed", rows, weights.length, into.length);
        CpuBlas blas = CpuBlas.find();
        if (blas != null && rows.dataType() == DataType.FLOAT) {
            return add(blas, HostArrays.floats(rows), weights, norms, into, allowance, new ParallelRanges(1));
        }
        var row = new double[into.length];
        for (int i = 0; i < weights.length; i++) {
            if (weights[i] != 0) {
                HostArrays.read(rows, (long) i * row.length, row, row.length);
                for (int j = 0; j < row.length; j++) {
                    into[j] += weights[i] * row[j];
                }
            }
        }
        return doubleBound(total(weights, norms), weights.length);
    }

    /** As {@link #add(INDArray, double[], double[], double[], double)}, for floats in memory, on several threads. */
    public static double add(
            CpuBlas blas,
            FloatPointer rows,
            double[] weights,
            double[] norms,
            double[] into,
            double allowance,
            ParallelRanges ranges) {
        double total = total(weights, norms);
        double bound = floatBound(total, weights.length, into.length);
        if (total < LARGEST_TOTAL && bound <= allowance) {
            addFloats(blas, rows, weights, into, ranges);
            return bound;
        }
        ranges.run(into.length, COLUMNS, (worker, from, to) -> {
            var part = new float[to - from];
            for (int i = 0; i < weights.length; i++) {
                if (weights[i] != 0) {
                    CpuMemory.at(rows, (long) i * into.length + from).get(part, 0, part.length);
                    addTo(into, from, part, weights[i]);
                }
            }
        });
        return doubleBound(total, weights.length);
    }

    /** {@code sum of weights[i] norms[i]} over the rows that count. */
    public static double total(double[] weights, double[] norms) {
        double total = 0;
        for (int i = 0; i < weights.length; i++) {
            if (weights[i] != 0) {
                total += weights[i] * norms[i];
            }
        }
        return total;
    }

    /** Of rows whose weighted norms add up to {@code total}, summed in blocks of floats: the weight and its product with the row are rounded, and every sum. */
    public static double floatBound(double total, int rows, int n) {
        return 1.02 * ((BLOCK + 2) * 0x1p-24 * total + rows * Math.sqrt((double) n) * Float.MIN_NORMAL)
                + doubleBound(total, rows);
    }

    /** Of rows that are summed in double precision one by one. */
    public static double doubleBound(double total, int rows) {
        return (rows + 2) * 0x1p-52 * total;
    }

    private static void addFloats(
            CpuBlas blas, FloatPointer rows, double[] weights, double[] into, ParallelRanges ranges) {
        int n = into.length;
        int examples = weights.length;
        var w = new float[examples];
        for (int i = 0; i < examples; i++) {
            w[i] = weights[i] < SMALLEST_WEIGHT ? 0 : (float) weights[i];
        }
        try (FloatPointer factors = new FloatPointer(examples)) {
            factors.put(w, 0, examples);
            blas.withSingleThreadedProducts(() -> ranges.run(n, COLUMNS, (worker, from, to) -> {
                int columns = to - from;
                var part = new float[columns];
                try (FloatPointer sum = new FloatPointer(columns)) {
                    for (int i = 0; i < examples; i += BLOCK) {
                        blas.weightedSumOfRows(
                                Math.min(BLOCK, examples - i),
                                columns,
                                CpuMemory.at(rows, (long) i * n + from),
                                n,
                                CpuMemory.at(factors, i),
                                sum);
                        sum.get(part, 0, columns);
                        addTo(into, from, part, 1);
                    }
                }
                for (int i = 0; i < examples; i++) {
                    if (weights[i] != 0 && weights[i] < SMALLEST_WEIGHT) {
                        CpuMemory.at(rows, (long) i * n + from).get(part, 0, columns);
                        addTo(into, from, part, weights[i]);
                    }
                }
            }));
        }
    }

    private static void addTo(double[] into, int from, float[] part, double weight) {
        for (int j = 0; j < part.length; j++) {
            into[from + j] += weight * part[j];
        }
    }
}
