// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core.gradient;

import org.bytedeco.javacpp.FloatPointer;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.memory.MemoryWorkspace;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/**
 * The one product of a layer's sum in which the terms of all examples are added to each other, {@code R^T L} of factors with one row for each term, with a
 * bound on its rounding error.
 *
 * <p>A chain of n additions in single precision may lose n roundings of every term. So floats are added in three stages: {@code block} terms by the BLAS
 * library in one call, which sums them before it adds them to what is there; {@code group / block} such sums; and the groups in double precision. A term then
 * takes part in at most {@code block + group / block} roundings in single precision. Where that is too many, groups become shorter, and in the end all is
 * done in double precision.
 */
final class SharedProduct {
    /**
     * A way to sum.
     *
     * @param group terms that are added up in single precision
     * @param block terms of one call
     */
    private record Stage(int group, int block) {
        /** What {@code n} terms, of norms at most {@code largest} and {@code total} together, lose at most. */
        double bound(long n, double total, double largest) {
            long b = Math.min(block, n);
            long r = (Math.min(group, n) + b - 1) / b;
            // Every partial sum is rounded by at most u times its norm. By depth: a term is part of b + r of them. By
            // size: in whatever order a block is
            // summed, the terms of its partial sums number at most b (b + 1) / 2, and the k-th sum of blocks has at
            // most k b.
            double byDepth = (b + r) * total;
            double bySize = n * largest * (b + r + 2) / 2.0;
            return 0x1p-24 * Math.min(byDepth, bySize);
        }
    }

    private static final Stage[] STAGES = {
        new Stage(512, 32), new Stage(256, 16), new Stage(128, 16), new Stage(64, 8),
    };

    /** Longer sums might overflow in single precision. */
    private static final double LARGEST_TOTAL = 0x1p120;

    /** Rows that are turned into doubles at a time. */
    private static final int DOUBLE_ROWS = 256;

    /** Covers terms of second order. */
    private static final double SLACK = 1.02;

    private static final ThreadLocal<Buffers> BUFFERS = ThreadLocal.withInitial(Buffers::new);

    private final INDArray left;
    private final INDArray right;
    private final double total;
    private final double largest;
    private final ParallelRanges ranges;

    /**
     * The product of two factors.
     *
     * @param left [n, p], c order, finite
     * @param right [n, q], c order, finite, of the same data type
     * @param total bound on the sum over the rows k of {@code ||left_k|| ||right_k||}
     * @param largest bound on each of these
     */
    SharedProduct(INDArray left, INDArray right, double total, double largest, ParallelRanges ranges) {
        this.left = left;
        this.right = right;
        this.total = total;
        this.largest = largest;
        this.ranges = ranges;
    }

    /**
     * Adds {@code R^T L}.
     *
     * @param into [q, p], DOUBLE, c-contiguous
     * @param allowance the error that may be made
     * @return a bound on the error that was made
     */
    double addTo(INDArray into, double allowance) {
        long n = left.size(0);
        CpuBlas blas = CpuBlas.find();
        if (blas != null && left.dataType() == DataType.FLOAT && total < LARGEST_TOTAL && blas.sumsBeforeItAdds()) {
            double underflow = n * Math.sqrt((double) into.length()) * Float.MIN_NORMAL;
            for (Stage stage : STAGES) {
                double bound = SLACK * (stage.bound(n, total, largest) + underflow) + n * 0x1p-52 * total;
                if (bound <= allowance) {
                    addFloats(blas, stage, into);
                    return bound;
                }
            }
        }
        addDoubles(into);
        return (n + 2) * 0x1p-52 * total;
    }

    private void addDoubles(INDArray into) {
        try (MemoryWorkspace outside = Nd4j.getMemoryManager().scopeOutOfWorkspaces()) {
            INDArray transposed = into.transpose();
            if (left.dataType() == DataType.DOUBLE) {
                Nd4j.gemm(left, right, transposed, true, false, 1.0, 1.0);
                return;
            }
            int n = (int) left.size(0);
            for (int from = 0; from < n; from += DOUBLE_ROWS) {
                int to = Math.min(n, from + DOUBLE_ROWS);
                Nd4j.gemm(doubles(left, from, to), doubles(right, from, to), transposed, true, false, 1.0, 1.0);
            }
        }
    }

    private static INDArray doubles(INDArray rows, int from, int to) {
        int width = (int) rows.size(1);
        INDArray copy = Nd4j.createUninitialized(DataType.DOUBLE, new long[] {to - from, width}, 'c');
        var values = new double[(to - from) * width];
        HostArrays.read(rows, (long) from * width, values, values.length);
        HostArrays.write(values, copy, 0, values.length);
        return copy;
    }

    private void addFloats(CpuBlas blas, Stage stage, INDArray into) {
        int p = (int) left.size(1);
        int q = (int) right.size(1);
        boolean byLeft = q <= p;
        boolean narrow = byLeft && q <= OuterProductTape.NARROW;
        // Few columns need not be gathered where they lie one after the other.
        INDArray factor = narrow ? Detached.copy(right.transpose()) : right;
        int count = byLeft ? p : q;
        int part = (narrow ? OuterProductTape.NARROW_BLOCKS : 1) * ParallelRanges.blockOf(count);
        blas.withSingleThreadedProducts(() -> ranges.run(count, part, (worker, from, to) -> {
            int rows = byLeft ? q : to - from;
            int columns = byLeft ? to - from : p;
            Buffers buffers = BUFFERS.get();
            FloatPointer memory = buffers.memory.ensure((long) rows * columns);
            double[] sum = buffers.doubles(rows * columns);
            for (int first = 0; first < left.size(0); first += stage.group()) {
                int last = (int) Math.min(left.size(0), (long) first + stage.group());
                addGroup(blas, stage, first, last, factor, byLeft, narrow, from, rows, columns, memory);
                buffers.addTo(sum, rows * columns, first == 0);
            }
            addTile(sum, rows, columns, into, byLeft ? 0 : from, byLeft ? from : 0);
        }));
    }

    /** What a thread needs for a tile: fresh memory would cost a page fault for every 4 KB, at every step. */
    private static final class Buffers {
        private static final int CHUNK = 4096;

        private final NativeFloats memory = new NativeFloats();
        private final float[] chunk = new float[CHUNK];
        private double[] doubles = new double[0];

        double[] doubles(int length) {
            if (doubles.length < length) {
                doubles = new double[length];
            }
            return doubles;
        }

        /** Adds the floats in memory, or puts them in the place of what is there. */
        void addTo(double[] sum, int length, boolean replace) {
            FloatPointer floats = memory.ensure(length);
            for (int done = 0; done < length; done += CHUNK) {
                int n = Math.min(CHUNK, length - done);
                NativeFloats.at(floats, done).get(chunk, 0, n);
                if (replace) {
                    for (int j = 0; j < n; j++) {
                        sum[done + j] = chunk[j];
                    }
                } else {
                    for (int j = 0; j < n; j++) {
                        sum[done + j] += chunk[j];
                    }
                }
            }
        }
    }

    /** {@code memory = R^T L} over the terms {@code first} to {@code last}, of a tile of the columns of one factor from {@code from} on. */
    @SuppressWarnings("TooManyParameters")
    private void addGroup(
            CpuBlas blas,
            Stage stage,
            int first,
            int last,
            INDArray factor,
            boolean byLeft,
            boolean narrow,
            int from,
            int rows,
            int columns,
            FloatPointer memory) {
        int n = (int) left.size(0);
        int p = (int) left.size(1);
        int q = (int) right.size(1);
        FloatPointer l = HostArrays.floats(left);
        FloatPointer r = HostArrays.floats(factor);
        for (int k = first; k < last; k += stage.block()) {
            blas.gemm(
                    !narrow,
                    false,
                    rows,
                    columns,
                    Math.min(stage.block(), last - k),
                    narrow ? NativeFloats.at(r, k) : NativeFloats.at(r, (long) k * q + (byLeft ? 0 : from)),
                    narrow ? n : q,
                    NativeFloats.at(l, (long) k * p + (byLeft ? from : 0)),
                    p,
                    k == first ? 0f : 1f,
                    memory,
                    columns);
        }
    }

    private static void addTile(double[] tile, int rows, int columns, INDArray into, int row, int column) {
        long width = into.size(1);
        var values = new double[columns];
        for (int i = 0; i < rows; i++) {
            long at = (row + i) * width + column;
            HostArrays.read(into, at, values, columns);
            for (int j = 0; j < columns; j++) {
                values[j] += tile[i * columns + j];
            }
            HostArrays.write(values, into, at, columns);
        }
    }
}
