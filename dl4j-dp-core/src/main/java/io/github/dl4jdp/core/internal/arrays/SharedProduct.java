// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core.internal.arrays;

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
public final class SharedProduct {
    /**
     * A way to sum.
     *
     * @param group terms that are added up in single precision
     * @param block terms of one call
     */
    private record Stage(int group, int block) {
        /** What terms of these norms lose at most, in this order. Every partial sum is rounded by at most u times its norm. */
        double bound(double[] terms) {
            double partialSums = 0;
            double chain = 0;
            for (int from = 0; from < terms.length; from += block) {
                int count = Math.min(block, terms.length - from);
                double total = 0;
                double largest = 0;
                for (int k = from; k < from + count; k++) {
                    total += terms[k];
                    largest = Math.max(largest, terms[k]);
                }
                // In whatever order the library sums a block, a term is part of at most count sums, and the terms of
                // all its sums number at most count (count + 1) / 2.
                partialSums += Math.min(count * total, largest * count * (count + 1) / 2);
                // The blocks of a group are added one after the other.
                chain = from % group == 0 ? total : chain + total;
                partialSums += chain;
            }
            return 0x1p-24 * partialSums;
        }
    }

    /** Groups are multiples of their blocks. */
    private static final Stage[] STAGES = {
        new Stage(1 << 16, 128),
        new Stage(1 << 13, 64),
        new Stage(4096, 32),
        new Stage(1024, 32),
        new Stage(512, 32),
        new Stage(256, 16),
        new Stage(128, 16),
        new Stage(64, 8),
    };

    /** Groups whose sums are added to what is there at a time. */
    private static final int GROUPS = 2;

    /** Where a product has so few rows, its blocks have to be longer to be worth a call, and it is faster if they need not be gathered from columns. */
    public static final int NARROW = 32;

    static final int NARROW_BLOCKS = 16;

    /** Shorter products of few rows are made at once. */
    private static final int SHORTEST_HALF = 64;

    /** Longer sums might overflow in single precision. */
    private static final double LARGEST_TOTAL = 0x1p120;

    /** Rows that are turned into doubles at a time. */
    private static final int DOUBLE_ROWS = 256;

    /** Covers terms of second order. */
    private static final double SLACK = 1.02;

    private static final ThreadLocal<Buffers> BUFFERS = ThreadLocal.withInitial(Buffers::new);

    private final INDArray left;
    private final INDArray right;
    private final double[] terms;
    private final ParallelRanges ranges;

    /**
     * The product of two factors.
     *
     * @param left [n, p], c order, finite
     * @param right [n, q], c order, finite, of the same data type
     * @param terms bounds on {@code ||left_k|| ||right_k||} for every row k
     */
    public SharedProduct(INDArray left, INDArray right, double[] terms, ParallelRanges ranges) {
        this.left = left;
        this.right = right;
        this.terms = terms;
        this.ranges = ranges;
    }

    /**
     * Adds {@code R^T L}.
     *
     * @param into [q, p], DOUBLE, c-contiguous
     * @param allowance the error that may be made
     * @return a bound on the error that was made
     */
    public double addTo(INDArray into, double allowance) {
        int n = terms.length;
        double total = 0;
        for (double term : terms) {
            total += term;
        }
        CpuBlas blas = CpuBlas.find();
        if (blas != null && left.dataType() == DataType.FLOAT && total < LARGEST_TOTAL && blas.sumsBeforeItAdds()) {
            double underflow = n * Math.sqrt((double) into.length()) * Float.MIN_NORMAL;
            for (Stage stage : STAGES) {
                double bound = SLACK * (stage.bound(terms) + underflow) + n * 0x1p-52 * total;
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
        // Tiles of whole rows of the result are added faster.
        boolean byLeft = q <= p && ParallelRanges.blockOf(q) == q;
        boolean narrow = byLeft && q <= NARROW;
        // Few columns need not be gathered where they lie one after the other.
        INDArray factor = narrow ? HostArrays.detached(right.transpose()) : right;
        int count = byLeft ? p : q;
        int part = narrow
                ? Math.min(NARROW_BLOCKS * ParallelRanges.blockOf(count), half(count))
                : ParallelRanges.blockOf(count);
        blas.withSingleThreadedProducts(() -> ranges.run(count, part, (worker, from, to) -> {
            int rows = byLeft ? q : to - from;
            int columns = byLeft ? to - from : p;
            int size = rows * columns;
            Buffers buffers = BUFFERS.get();
            int n = terms.length;
            int groups = (int) Math.min(GROUPS, ((long) n + stage.group() - 1) / stage.group());
            FloatPointer memory = buffers.memory.ensure((long) groups * size);
            int held = 0;
            for (int first = 0; first < n; first += stage.group()) {
                int last = (int) Math.min(n, (long) first + stage.group());
                FloatPointer sum = CpuMemory.at(memory, (long) held * size);
                addGroup(blas, stage, first, last, factor, byLeft, narrow, from, rows, columns, sum);
                held++;
                if (held == groups || last == n) {
                    buffers.addTo(into, byLeft ? 0 : from, byLeft ? from : 0, rows, columns, held);
                    held = 0;
                }
            }
        }));
    }

    /** Half of a dimension in whole vectors, for two threads; all of it if it is short. */
    private static int half(int length) {
        int half = (length / 2 + CpuMemory.VECTOR - 1) / CpuMemory.VECTOR * CpuMemory.VECTOR;
        return half < SHORTEST_HALF ? length : half;
    }

    /** What a thread needs for a tile: fresh memory would cost a page fault for every 4 KB, at every step. */
    private static final class Buffers {
        /** Small enough to stay in the first-level cache. */
        private static final int CHUNK = 2048;

        private final CpuMemory memory = new CpuMemory();
        private final float[] chunk = new float[CHUNK];
        private final double[] sum = new double[CHUNK];

        /** Adds {@code held} sums of a tile [rows, columns] in memory to their place, in double precision. */
        public void addTo(INDArray into, int row, int column, int rows, int columns, int held) {
            FloatPointer floats = memory.ensure((long) held * rows * columns);
            boolean whole = columns == into.size(1);
            int lines = whole ? 1 : rows;
            int length = whole ? rows * columns : columns;
            for (int i = 0; i < lines; i++) {
                long start = (row + i) * into.size(1) + column;
                for (int done = 0; done < length; done += CHUNK) {
                    int n = Math.min(CHUNK, length - done);
                    HostArrays.read(into, start + done, sum, n);
                    for (int g = 0; g < held; g++) {
                        CpuMemory.at(floats, (long) (g * rows + i) * columns + done)
                                .get(chunk, 0, n);
                        add(chunk, sum, n);
                    }
                    HostArrays.write(sum, into, start + done, n);
                }
            }
        }

        private static void add(float[] values, double[] sum, int length) {
            for (int j = 0; j < length; j++) {
                sum[j] += values[j];
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
                    narrow ? CpuMemory.at(r, k) : CpuMemory.at(r, (long) k * q + (byLeft ? 0 : from)),
                    narrow ? n : q,
                    CpuMemory.at(l, (long) k * p + (byLeft ? from : 0)),
                    p,
                    k == first ? 0f : 1f,
                    memory,
                    columns);
        }
    }
}
