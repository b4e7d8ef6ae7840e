// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core.internal.arrays;

import org.bytedeco.javacpp.FloatPointer;
import org.jspecify.annotations.Nullable;
import org.nd4j.linalg.api.ndarray.INDArray;

/** Applies a {@link CpuActivation} and its slope to c-contiguous FLOAT arrays, in pieces that stay in the first-level cache; one for each layer. */
public final class CpuElements {
    private static final int CHUNK = CpuActivation.CHUNK;
    /** Pieces that a thread takes at a time. */
    private static final int CHUNKS = 32;

    private final ParallelRanges ranges;
    private final ParallelRanges.Floats values;
    private final ParallelRanges.Floats others;

    public CpuElements(ParallelRanges ranges) {
        this.ranges = ranges;
        values = new ParallelRanges.Floats(ranges);
        others = new ParallelRanges.Floats(ranges);
    }

    /** {@code into = act(x)}; both may be the same array. */
    public void apply(CpuActivation activation, INDArray x, INDArray into) {
        EqualShapes.require("the input of an activation function", x, into.shape());
        FloatPointer from = HostArrays.floats(x);
        FloatPointer to = HostArrays.floats(into);
        forEachChunk(x.length(), (worker, at, n) -> {
            float[] chunk = values.get(worker, CHUNK);
            CpuMemory.at(from, at).get(chunk, 0, n);
            activation.apply(chunk, 0, n);
            CpuMemory.at(to, at).put(chunk, 0, n);
        });
    }

    /** {@code into} = the derivative with respect to the activation's input, from that with respect to its output. */
    public void multiplySlope(CpuActivation activation, INDArray epsilon, INDArray output, INDArray into) {
        EqualShapes.requireAbove(epsilon, output.shape());
        EqualShapes.require("the gradient of an activation function's input", into, output.shape());
        FloatPointer from = HostArrays.floats(epsilon);
        FloatPointer out = HostArrays.floats(output);
        FloatPointer to = HostArrays.floats(into);
        forEachChunk(output.length(), (worker, at, n) -> {
            float[] gradient = values.get(worker, CHUNK);
            float[] o = others.get(worker, CHUNK);
            CpuMemory.at(from, at).get(gradient, 0, n);
            CpuMemory.at(out, at).get(o, 0, n);
            activation.multiplySlope(gradient, o, n);
            CpuMemory.at(to, at).put(gradient, 0, n);
        });
    }

    private interface Chunk {
        void run(int worker, long from, int length);
    }

    private void forEachChunk(long length, Chunk body) {
        int chunks = (int) ((length + CHUNK - 1) / CHUNK);
        ranges.run(chunks, CHUNKS, (worker, from, to) -> {
            for (int k = from; k < to; k++) {
                long at = (long) k * CHUNK;
                body.run(worker, at, (int) Math.min(CHUNK, length - at));
            }
        });
    }

    /**
     * {@code z = act(z + bias)}, by the thread of a worker.
     *
     * @param bias of {@code columns}, or null
     * @param length a multiple of {@code columns}
     */
    public void addBiasAndApply(
            CpuActivation activation, float @Nullable [] bias, FloatPointer z, long length, int columns, int worker) {
        float[] chunk = values.get(worker, CHUNK);
        // Whole rows, or parts of one.
        int most = columns <= CHUNK ? CHUNK / columns * columns : CHUNK;
        for (long at = 0; at < length; ) {
            int column = (int) (at % columns);
            int n = (int) Math.min(columns <= CHUNK ? length - at : columns - column, most);
            FloatPointer part = CpuMemory.at(z, at);
            part.get(chunk, 0, n);
            if (bias != null) {
                for (int row = 0; row < n; row += columns) {
                    add(chunk, row, bias, column, Math.min(columns, n - row));
                }
            }
            activation.apply(chunk, 0, n);
            part.put(chunk, 0, n);
            at += n;
        }
    }

    private static void add(float[] values, int at, float[] more, int from, int length) {
        for (int j = 0; j < length; j++) {
            values[at + j] += more[from + j];
        }
    }
}
