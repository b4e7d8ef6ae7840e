// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core.gradient;

import org.bytedeco.javacpp.FloatPointer;
import org.jspecify.annotations.Nullable;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;

/** Squared L2 norms over everything but the first dimension, summed in double precision. */
final class SquaredNorms {
    /** Elements copied at a time: small enough to stay in the first-level cache. */
    private static final int CHUNK = 4096;

    /** Rows that a thread takes at a time. */
    private static final int BLOCK = 64;

    private SquaredNorms() {}

    /**
     * The squared norm of every example.
     *
     * @param array [examples, ...] of any rank from 1
     * @return one value for each example; not finite where a row is not
     */
    static double[] ofRows(INDArray array) {
        return ofRows(array, new ParallelRanges(1));
    }

    /** As {@link #ofRows(INDArray)}, on several threads. */
    static double[] ofRows(INDArray array, ParallelRanges ranges) {
        INDArray rows = HostArrays.isContiguous(array) ? array : array.dup('c');
        int examples = (int) rows.size(0);
        double[] norms = new double[examples];
        ranges.run(examples, BLOCK, (worker, from, to) -> ofRows(rows, from, to, norms));
        return norms;
    }

    /** Adds the squared norms of the rows {@code from} (inclusive) to {@code to} (exclusive) of an array in c order to {@code norms}. */
    static void ofRows(INDArray rows, int from, int to, double[] norms) {
        long length = rows.length() / rows.size(0);
        if (rows.dataType() == DataType.FLOAT) {
            CpuBlas blas = CpuBlas.find();
            FloatPointer memory = HostArrays.floats(rows);
            for (int i = from; i < to; i++) {
                norms[i] += of(blas, NativeFloats.at(memory, i * length), length);
            }
            return;
        }
        var chunk = new double[(int) Math.min(CHUNK, length)];
        for (int i = from; i < to; i++) {
            for (long done = 0; done < length; done += chunk.length) {
                int n = (int) Math.min(chunk.length, length - done);
                HostArrays.read(rows, i * length + done, chunk, n);
                norms[i] += sum(chunk, n);
            }
        }
    }

    /** The squared norm of {@code n} numbers in memory; squares that are too large for a float need not be too large for a double. */
    static double of(@Nullable CpuBlas blas, FloatPointer memory, long n) {
        if (blas != null) {
            double fast = blas.squaredNorm(memory, n);
            if (fast < Double.POSITIVE_INFINITY) {
                return fast;
            }
        }
        double norm = 0;
        var chunk = new float[(int) Math.min(CHUNK, n)];
        for (long done = 0; done < n; done += chunk.length) {
            int count = (int) Math.min(chunk.length, n - done);
            NativeFloats.at(memory, done).get(chunk, 0, count);
            norm += sum(chunk, count);
        }
        return norm;
    }

    /** Four partial sums break the chain of dependent additions. */
    static double sum(float[] values, int n) {
        return sum(values, 0, n);
    }

    /** The squared norm of {@code values[from .. to - 1]}. */
    static double sum(float[] values, int from, int to) {
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

    private static double sum(double[] values, int n) {
        double a = 0;
        double b = 0;
        int i = 0;
        for (; i + 1 < n; i += 2) {
            a += values[i] * values[i];
            b += values[i + 1] * values[i + 1];
        }
        for (; i < n; i++) {
            a += values[i] * values[i];
        }
        return a + b;
    }
}
