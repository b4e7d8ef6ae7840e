// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core.internal.arrays;

import org.bytedeco.javacpp.FloatPointer;
import org.jspecify.annotations.Nullable;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * L2 norms that neither overflow nor underflow: a norm that a double can hold is right to a relative error below 2^-17 for floats that are summed by the
 * BLAS library, and to a few units in the last place otherwise; subnormal numbers are numbers like others.
 *
 * <p>The squares of floats are summed in double precision, which holds them all. The squares of doubles are summed as they are where that is safe and
 * scaled by a power of two, which is exact, where it is not.
 */
public final class Norms {
    /** Elements copied at a time: small enough to stay in the first-level cache. */
    private static final int CHUNK = 4096;

    /** Rows that a thread takes at a time. */
    private static final int BLOCK = 64;

    /** Sums of squares between these bounds have lost nothing to the range of a double. */
    private static final double SMALLEST_SUM = 1e-270;

    private static final double LARGEST_SUM = 1e300;

    /** A sum of n squares of floats that is n times this has lost less than 2^-26 of itself to squares below the range of a float. */
    private static final double SMALLEST_FLOAT_SQUARE = 0x1p-100;

    private Norms() {}

    /**
     * The largest absolute value of an array; NaN where it has one. The amax of ND4J 1.0.0-M2.1 leaves NaN out unless it comes first.
     *
     * @param array of any shape and type; 0 where it is empty
     */
    public static double largest(INDArray array) {
        if (array.isEmpty()) {
            return 0;
        }
        return array.isR() && array.isNaN().any()
                ? Double.NaN
                : array.amaxNumber().doubleValue();
    }

    /**
     * The norm of every example.
     *
     * @param array [examples, ...] of any rank from 1
     * @return one value for each example; not finite where a row is not
     */
    public static double[] ofRows(INDArray array) {
        return ofRows(array, new ParallelRanges(1));
    }

    /** As {@link #ofRows(INDArray)}, on several threads. */
    public static double[] ofRows(INDArray array, ParallelRanges ranges) {
        INDArray rows = HostArrays.contiguous(array);
        int examples = (int) rows.size(0);
        double[] norms = new double[examples];
        ranges.run(examples, BLOCK, (worker, from, to) -> ofRows(rows, from, to, norms));
        return norms;
    }

    /** Writes the norms of the rows {@code from} (inclusive) to {@code to} (exclusive) of an array in c order into {@code norms}. */
    public static void ofRows(INDArray rows, int from, int to, double[] norms) {
        long length = rows.length() / rows.size(0);
        if (rows.dataType() == DataType.FLOAT) {
            CpuBlas blas = CpuBlas.find();
            FloatPointer memory = HostArrays.floats(rows);
            for (int i = from; i < to; i++) {
                norms[i] = of(blas, CpuMemory.at(memory, i * length), length);
            }
            return;
        }
        var row = new double[Math.toIntExact(length)];
        for (int i = from; i < to; i++) {
            HostArrays.read(rows, i * length, row, row.length);
            norms[i] = of(row, 0, row.length);
        }
    }

    /** The norm of {@code n} floats in memory. */
    public static double of(@Nullable CpuBlas blas, FloatPointer memory, long n) {
        if (blas != null) {
            double fast = blas.squaredNorm(memory, n);
            if (fast < Double.POSITIVE_INFINITY && fast >= n * SMALLEST_FLOAT_SQUARE) {
                return Math.sqrt(fast);
            }
        }
        double sum = 0;
        var chunk = new float[(int) Math.min(CHUNK, n)];
        for (long done = 0; done < n; done += chunk.length) {
            int count = (int) Math.min(chunk.length, n - done);
            CpuMemory.at(memory, done).get(chunk, 0, count);
            sum += sum(chunk, 0, count);
        }
        return Math.sqrt(sum);
    }

    /** The norm of {@code values[from .. to - 1]}. */
    public static double of(float[] values, int from, int to) {
        return Math.sqrt(sum(values, from, to));
    }

    /** Four partial sums break the chain of dependent additions. */
    private static double sum(float[] values, int from, int to) {
        double a = 0;
        double b = 0;
        double c = 0;
        double d = 0;
        int i = from;
        for (; i + 3 < to; i += 4) {
            a += (double) values[i] * values[i];
            b += (double) values[i + 1] * values[i + 1];
            c += (double) values[i + 2] * values[i + 2];
            d += (double) values[i + 3] * values[i + 3];
        }
        for (; i < to; i++) {
            a += (double) values[i] * values[i];
        }
        return (a + b) + (c + d);
    }

    /** The norm of {@code values[from .. to - 1]}; not finite where one of them is not. */
    public static double of(double[] values, int from, int to) {
        double a = 0;
        double b = 0;
        int i = from;
        for (; i + 1 < to; i += 2) {
            a += values[i] * values[i];
            b += values[i + 1] * values[i + 1];
        }
        for (; i < to; i++) {
            a += values[i] * values[i];
        }
        double sum = a + b;
        return sum >= SMALLEST_SUM && sum <= LARGEST_SUM ? Math.sqrt(sum) : scaled(values, from, to);
    }

    private static double scaled(double[] values, int from, int to) {
        double largest = 0;
        for (int i = from; i < to; i++) {
            double size = Math.abs(values[i]);
            if (!(size < Double.POSITIVE_INFINITY)) {
                return size;
            }
            largest = Math.max(largest, size);
        }
        if (largest == 0) {
            return 0;
        }
        int exponent = Math.getExponent(largest);
        double sum = 0;
        for (int i = from; i < to; i++) {
            double value = Math.scalb(values[i], -exponent);
            sum += value * value;
        }
        return Math.scalb(Math.sqrt(sum), exponent);
    }

    /** The norm of two parts of a vector together, from their norms: {@code sqrt(a^2 + b^2)}; not finite where one of them is not. */
    public static double together(double a, double b) {
        if (b == 0) {
            return a;
        }
        double sum = a * a + b * b;
        return sum >= SMALLEST_SUM && sum <= LARGEST_SUM ? Math.sqrt(sum) : hypotOrNaN(a, b);
    }

    private static double hypotOrNaN(double a, double b) {
        return Double.isNaN(a) || Double.isNaN(b) ? Double.NaN : Math.hypot(a, b);
    }
}
