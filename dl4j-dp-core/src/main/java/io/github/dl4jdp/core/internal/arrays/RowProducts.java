// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core.internal.arrays;

import org.bytedeco.javacpp.FloatPointer;
import org.nd4j.linalg.api.ndarray.INDArray;

/** Products of many rows with one FLOAT matrix on the CPU backend. No row of a product depends on another row of its left factor. */
public final class RowProducts {
    private final CpuBlas blas;

    public RowProducts(CpuBlas blas) {
        this.blas = blas;
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

    /** How many rows of {@code x} a product of few columns should have, so that they are still in the cache if something else has just read them. */
    public int narrowBlock() {
        return blas.usesOneDnn() ? 8 : 64;
    }

    private boolean turnsAround(int columns) {
        return columns <= SharedProduct.NARROW && blas.usesOneDnn();
    }

    private ParallelRanges.Body product(INDArray left, INDArray weights, boolean forward, INDArray into) {
        // DL4J keeps weights in f order, so that this is them.
        INDArray matrix = HostArrays.contiguous(weights.transpose());
        int inner = (int) left.size(1);
        int outer = (int) into.size(1);
        FloatPointer a = HostArrays.floats(left);
        FloatPointer b = HostArrays.floats(matrix);
        FloatPointer c = HostArrays.floats(into);
        if (forward && turnsAround(outer)) {
            return (worker, from, to) -> narrow(
                    to - from,
                    outer,
                    (int) matrix.size(1),
                    CpuMemory.at(a, (long) from * inner),
                    b,
                    CpuMemory.at(c, (long) from * outer));
        }
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

    /** Few columns: the product of the other order, which is faster, and its transpose. */
    private void narrow(int rows, int columns, int inner, FloatPointer a, FloatPointer b, FloatPointer c) {
        float[] turned = new float[columns * rows];
        float[] result = new float[columns * rows];
        try (FloatPointer product = new FloatPointer(turned.length)) {
            blas.gemm(false, true, columns, rows, inner, b, inner, a, inner, 0f, product, rows);
            product.get(turned, 0, turned.length);
        }
        for (int i = 0; i < rows; i++) {
            for (int j = 0; j < columns; j++) {
                result[i * columns + j] = turned[j * rows + i];
            }
        }
        c.put(result, 0, result.length);
    }
}
