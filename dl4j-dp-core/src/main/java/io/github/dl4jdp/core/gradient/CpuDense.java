// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core.gradient;

import io.github.dl4jdp.core.internal.arrays.CpuActivation;
import io.github.dl4jdp.core.internal.arrays.CpuBlas;
import io.github.dl4jdp.core.internal.arrays.CpuElements;
import io.github.dl4jdp.core.internal.arrays.CpuMemory;
import io.github.dl4jdp.core.internal.arrays.HostArrays;
import io.github.dl4jdp.core.internal.arrays.Norms;
import io.github.dl4jdp.core.internal.arrays.ParallelRanges;
import io.github.dl4jdp.core.internal.arrays.RowProducts;
import io.github.dl4jdp.core.internal.arrays.SharedProduct;
import java.util.Arrays;
import org.bytedeco.javacpp.FloatPointer;
import org.jspecify.annotations.Nullable;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.memory.MemoryWorkspace;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/**
 * The products of a FLOAT dense layer on the CPU backend. ND4J makes some of them into a temporary array of the other order first, and DL4J
 * makes the forward one twice a step.
 */
final class CpuDense {
    private final CpuBlas blas;
    private final ParallelRanges ranges;
    private final CpuElements function;
    private final RowProducts products;
    private @Nullable INDArray buffer;

    private CpuDense(CpuBlas blas, ParallelRanges ranges) {
        this.blas = blas;
        this.ranges = ranges;
        function = new CpuElements(ranges);
        products = new RowProducts(blas);
    }

    /** For one layer; null where the layer goes through ND4J. */
    static @Nullable CpuDense find(DataType dataType, TapeRecorder recorder) {
        CpuBlas blas = CpuBlas.find();
        if (blas == null || dataType != DataType.FLOAT) {
            return null;
        }
        recorder.sharesWork();
        recorder.keepsBitsOfRows();
        return new CpuDense(blas, new ParallelRanges(recorder.threads()));
    }

    /**
     * {@code z = act(x W + b)}.
     *
     * @param x [rows, nIn], c order
     * @param weights [nIn, nOut]
     * @param bias [1, nOut] or null
     * @param activation is applied while the rows are in the cache
     * @param z [rows, nOut], c order
     * @return the norm of every row of x, where it comes almost for nothing: few columns make a product that waits for x, and while x is in the
     *     cache, its norms are taken as well. Null otherwise
     */
    double @Nullable [] product(
            INDArray x, INDArray weights, @Nullable INDArray bias, CpuActivation activation, INDArray z) {
        int rows = (int) x.size(0);
        int nOut = (int) z.size(1);
        ParallelRanges.Body multiply = products.times(x, weights, z);
        FloatPointer into = HostArrays.floats(z);
        float[] b = bias == null ? null : new float[nOut];
        if (bias != null && b != null) {
            HostArrays.read(bias, 0, b, nOut);
        }
        double[] norms = nOut <= SharedProduct.NARROW ? new double[rows] : null;
        int block = norms == null ? products.block(rows) : products.narrowBlock();
        blas.withSingleThreadedProducts(() -> ranges.run(rows, block, (worker, from, to) -> {
            if (norms != null) {
                Norms.ofRows(x, from, to, norms);
            }
            multiply.run(worker, from, to);
            if (b != null || activation != CpuActivation.IDENTITY) {
                FloatPointer c = CpuMemory.at(into, (long) from * nOut);
                function.addBiasAndApply(activation, b, c, (long) (to - from) * nOut, nOut, worker);
            }
        }));
        return norms;
    }

    /**
     * The derivative with respect to {@code z}, in an array of this layer that the next backward pass uses again.
     *
     * @param epsilon derivative with respect to the output, c order
     * @param output act(z), c order
     */
    INDArray delta(CpuActivation activation, INDArray epsilon, INDArray output) {
        INDArray delta = own(output.shape());
        function.multiplySlope(activation, epsilon, output, delta);
        return delta;
    }

    /**
     * {@code below = delta W^T}.
     *
     * @param weights [nIn, nOut]
     * @param delta [rows, nOut], c order
     * @param below [rows, nIn], c order
     */
    void inputGradient(INDArray weights, INDArray delta, INDArray below) {
        int rows = (int) delta.size(0);
        ParallelRanges.Body multiply = products.timesTransposed(delta, weights, below);
        blas.withSingleThreadedProducts(() -> ranges.run(rows, products.block(rows), multiply));
    }

    /** An array outside every workspace, contents undefined; the one handed out last if the shape is the same. */
    INDArray own(long[] shape) {
        INDArray own = buffer;
        if (own == null || !Arrays.equals(own.shape(), shape)) {
            try (MemoryWorkspace outside = Nd4j.getMemoryManager().scopeOutOfWorkspaces()) {
                own = Nd4j.createUninitialized(DataType.FLOAT, shape, 'c');
            }
            buffer = own;
        }
        return own;
    }
}
