// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core.internal.arrays;

import org.bytedeco.javacpp.FloatPointer;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/** Products of many rows with one FLOAT matrix on the CPU backend. No row of a product depends on another row of its left factor; with oneDNN, not in its last bits either, see {@link CpuBlas#rowsTimes}. */
public final class RowProducts {
    /** Rows of a product of few columns that are made together, always as many: a row's last bits then do not depend on its place. */
    private static final int NARROW_ROWS = 8;

    private static final ThreadLocal<Buffers> BUFFERS = ThreadLocal.withInitial(Buffers::new);

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
        return blas.usesOneDnn() ? NARROW_ROWS : 64;
    }

    /** How many rows a part of other products should have. */
    public int block(int rows) {
        return blas.wholeBlocks(ParallelRanges.blockOfRows(rows));
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
            // One column would be a product with a vector, in which a row's bits depend on its place.
            INDArray columns = outer > 1 ? matrix : Nd4j.concat(0, matrix, matrix);
            return (worker, from, to) -> narrow(
                    to - from,
                    outer,
                    inner,
                    CpuMemory.at(a, (long) from * inner),
                    columns,
                    CpuMemory.at(c, (long) from * outer));
        }
        return (worker, from, to) -> blas.rowsTimes(
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
    private void narrow(int rows, int columns, int inner, FloatPointer a, INDArray weights, FloatPointer c) {
        int made = (int) weights.size(0);
        int whole = Math.max(rows, NARROW_ROWS);
        float[] turned = new float[columns * whole];
        float[] result = new float[columns * rows];
        FloatPointer w = HostArrays.floats(weights);
        Buffers buffers = BUFFERS.get();
        FloatPointer left = a;
        if (rows < whole) {
            float[] values = new float[whole * inner];
            a.get(values, 0, rows * inner);
            left = buffers.filledUp.ensure(values.length);
            left.put(values, 0, values.length);
        }
        FloatPointer product = buffers.product.ensure((long) made * whole);
        blas.gemm(false, true, made, whole, inner, w, inner, left, inner, 0f, product, whole);
        product.get(turned, 0, turned.length);
        for (int i = 0; i < rows; i++) {
            for (int j = 0; j < columns; j++) {
                result[i * columns + j] = turned[j * whole + i];
            }
        }
        c.put(result, 0, result.length);
    }

    /** Of a thread: fresh memory would take as long as a small product. */
    private static final class Buffers {
        private final CpuMemory product = new CpuMemory();
        private final CpuMemory filledUp = new CpuMemory();
    }
}
