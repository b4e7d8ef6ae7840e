// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core.internal.arrays;

import org.bytedeco.javacpp.FloatPointer;
import org.jspecify.annotations.Nullable;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * Products of many rows with one FLOAT matrix on the CPU backend: by oneDNN where ND4J was built with it, else by the BLAS library. No row of a product
 * depends on another row of its left factor.
 *
 * <p>OpenBLAS 0.3.19 has no AVX-512 kernels for processors that it does not know; oneDNN looks at what the processor can do.
 */
public final class RowProducts {
    /** Multiplications for which the BLAS library takes a quarter of a millisecond: below, the arranging of an operation is worth more than what oneDNN gains. */
    private static final long WORTH = 1L << 24;

    private final CpuBlas blas;
    private final @Nullable OneDnn oneDnn;

    /** For one layer, whose products use these threads. */
    public RowProducts(CpuBlas blas, ParallelRanges ranges) {
        this.blas = blas;
        this.oneDnn = OneDnn.find(ranges);
    }

    /**
     * {@code z = x W}, for the rows it is called with.
     *
     * @param x [rows, nIn], c order
     * @param weights [nIn, nOut]
     * @param z [rows, nOut], c order
     */
    public ParallelRanges.Body times(INDArray x, INDArray weights, INDArray z) {
        return product(x, weights, true, z);
    }

    /**
     * {@code below = delta W^T}, for the rows it is called with.
     *
     * @param delta [rows, nOut], c order
     * @param weights [nIn, nOut]
     * @param below [rows, nIn], c order
     */
    public ParallelRanges.Body timesTransposed(INDArray delta, INDArray weights, INDArray below) {
        return product(delta, weights, false, below);
    }

    private ParallelRanges.Body product(INDArray left, INDArray weights, boolean forward, INDArray into) {
        // DL4J keeps weights in f order, so that this is them.
        INDArray matrix = HostArrays.contiguous(weights.transpose());
        OneDnn library = oneDnn;
        if (library != null && left.length() * into.size(1) >= WORTH) {
            return (worker, from, to) -> {
                INDArray rows = Slices.range(left, 0, from, to);
                INDArray results = Slices.range(into, 0, from, to);
                library.multiply(worker, rows, matrix, forward, results);
            };
        }
        int inner = (int) left.size(1);
        int outer = (int) into.size(1);
        FloatPointer a = HostArrays.floats(left);
        FloatPointer b = HostArrays.floats(matrix);
        FloatPointer c = HostArrays.floats(into);
        return (worker, from, to) -> blas.gemm(
                false,
                forward,
                to - from,
                outer,
                inner,
                CpuMemory.at(a, (long) from * inner),
                inner,
                b,
                (int) matrix.size(1),
                0f,
                CpuMemory.at(c, (long) from * outer),
                outer);
    }
}
