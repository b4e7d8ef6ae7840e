// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core.internal.arrays;

import org.bytedeco.javacpp.FloatPointer;
import org.jspecify.annotations.Nullable;
import org.nd4j.linalg.activations.IActivation;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/**
 * {@link LstmSequence} for FLOAT networks without peepholes on the CPU backend, with activations whose derivative follows from their output: all gates of a few
 * examples at a time, while they are in the cache. ND4J needs some thirty operations for a time step, each of which passes over memory.
 *
 * <p>Input, bias and hidden state before a step lie side by side, {@code [x 1 h']}: one left factor for all weights. Examples do not meet, so blocks of them go through
 * the whole sequence on threads of their own.
 */
public final class CpuLstm {
    private static final int GATES = 4;
    /** Examples that go through the sequence together: with fewer, products take a third longer. */
    private static final int BLOCK = 64;
    /** Pre-activations that stay in the first-level cache. */
    private static final int CHUNK = 4096;

    private final CpuBlas blas;
    private final CpuActivation activation;
    private final CpuActivation gate;
    private final ParallelRanges ranges;
    private final int steps;
    private final int examples;
    private final int inputs;
    private final int hidden;
    /** Examples whose gates are computed together. */
    private final int group;

    /** [T, B, nIn + 1 + H]. */
    private final INDArray left;
    /** [T, B, 4H]: pre-activations, then activations, after the backward pass the deltas. */
    private final INDArray z;
    /** [T + 1, B, H]: the state before the first step, zero, and after every step. */
    private final INDArray cells;
    /** [T, B, H]: act(c), of cells before a mask. */
    private final INDArray squashed;

    private final RowProducts products;
    private boolean masked;

    private CpuLstm(
            CpuBlas blas,
            CpuActivation activation,
            CpuActivation gate,
            ParallelRanges ranges,
            int steps,
            int examples,
            int inputs,
            int hidden) {
        this.blas = blas;
        this.products = new RowProducts(blas);
        this.activation = activation;
        this.gate = gate;
        this.ranges = ranges;
        this.steps = steps;
        this.examples = examples;
        this.inputs = inputs;
        this.hidden = hidden;
        this.group = Math.max(1, Math.min(BLOCK, CHUNK / (GATES * hidden)));
        left = Nd4j.create(DataType.FLOAT, new long[] {steps, examples, inputs + 1L + hidden}, 'c');
        z = Nd4j.createUninitialized(DataType.FLOAT, new long[] {steps, examples, (long) GATES * hidden}, 'c');
        cells = Nd4j.create(DataType.FLOAT, new long[] {steps + 1L, examples, hidden}, 'c');
        squashed = Nd4j.createUninitialized(DataType.FLOAT, new long[] {steps, examples, hidden}, 'c');
    }

    /** For layers of these activations; null where they go through ND4J. */
    public static @Nullable Factory find(
            DataType type, IActivation activation, IActivation gate, boolean hasPeepholes, ParallelRanges ranges) {
        CpuBlas blas = CpuBlas.find();
        CpuActivation ofCell = CpuActivation.of(activation);
        CpuActivation ofGates = CpuActivation.of(gate);
        if (blas == null || type != DataType.FLOAT || hasPeepholes || ofCell == null || ofGates == null) {
            return null;
        }
        return (steps, examples, inputs, hidden) ->
                new CpuLstm(blas, ofCell, ofGates, ranges, steps, examples, inputs, hidden);
    }

    /** Makes the arrays for batches of one shape. */
    public interface Factory {
        CpuLstm create(int steps, int examples, int inputs, int hidden);
    }

    public boolean fits(long stepCount, long exampleCount, long inputCount) {
        return steps == stepCount && examples == exampleCount && inputs == inputCount;
    }

    /** [T, B, nIn + 1 + H]: input, 1 and the hidden state before the step; the left factor of all weights. */
    public INDArray left() {
        return left;
    }

    private int width() {
        return inputs + 1 + hidden;
    }

    /**
     * The forward pass.
     *
     * @param x [T, B, nIn]
     * @param w [nIn + 1, 4H], f order, the last row the biases
     * @param recurrent [H, 4H], f order
     * @param mask [B, T], c order, or null
     * @param h [T, B, H], c order: receives the hidden states
     */
    public void forward(INDArray x, INDArray w, INDArray recurrent, @Nullable INDArray mask, INDArray h) {
        EqualShapes.require("the input of the layer", x, steps, examples, inputs);
        EqualShapes.require("the weights of the input, with the biases,", w, inputs + 1L, (long) GATES * hidden);
        masked = mask != null;
        Slices.range(left, 2, 0, inputs).assign(x);
        Slices.range(left, 2, inputs, inputs + 1L).assign(1);
        int rows = steps * examples;
        FloatPointer factors = HostArrays.floats(left);
        FloatPointer sums = HostArrays.floats(z);
        FloatPointer ofInput = HostArrays.floats(w.transpose());
        FloatPointer ofHidden = HostArrays.floats(HostArrays.contiguous(recurrent.transpose()));
        float[] present = mask == null ? null : mask.dup('c').data().asFloat();
        FloatPointer out = HostArrays.floats(h);
        blas.withSingleThreadedProducts(() -> {
            ranges.run(
                    rows,
                    blas.wholeBlocks(ParallelRanges.blockOfRows(rows)),
                    (worker, from, to) -> blas.rowsTimes(
                            true,
                            to - from,
                            GATES * hidden,
                            inputs + 1,
                            CpuMemory.at(factors, (long) from * width()),
                            width(),
                            ofInput,
                            inputs + 1,
                            0f,
                            CpuMemory.at(sums, (long) from * GATES * hidden),
                            GATES * hidden));
            ranges.run(examples, BLOCK, (worker, from, to) -> {
                var block = new Block();
                for (int t = 0; t < steps; t++) {
                    if (t > 0) {
                        blas.rowsTimes(
                                true,
                                to - from,
                                GATES * hidden,
                                hidden,
                                CpuMemory.at(factors, ((long) t * examples + from) * width() + inputs + 1),
                                width(),
                                ofHidden,
                                hidden,
                                1f,
                                CpuMemory.at(sums, ((long) t * examples + from) * GATES * hidden),
                                GATES * hidden);
                    }
                    for (int i = from; i < to; i += group) {
                        block.forward(t, i, Math.min(group, to - i), present, out);
                    }
                }
            });
        });
    }

    /**
     * The backward pass.
     *
     * @param epsilon [T, B, H], c order: derivative with respect to h from above; overwritten
     * @param recurrent [H, 4H], f order
     * @return derivative with respect to z [T, B, 4H]
     */
    public INDArray backward(INDArray epsilon, INDArray recurrent) {
        EqualShapes.requireAbove(epsilon, steps, examples, hidden);
        FloatPointer deltas = HostArrays.floats(z);
        FloatPointer above = HostArrays.floats(epsilon);
        FloatPointer ofHidden = HostArrays.floats(HostArrays.contiguous(recurrent.transpose()));
        blas.withSingleThreadedProducts(() -> ranges.run(examples, BLOCK, (worker, from, to) -> {
            var block = new Block();
            float[] carried = new float[(to - from) * hidden];
            for (int t = steps - 1; t >= 0; t--) {
                if (t < steps - 1) {
                    blas.rowsTimes(
                            false,
                            to - from,
                            hidden,
                            GATES * hidden,
                            CpuMemory.at(deltas, ((t + 1L) * examples + from) * GATES * hidden),
                            GATES * hidden,
                            ofHidden,
                            hidden,
                            1f,
                            CpuMemory.at(above, ((long) t * examples + from) * hidden),
                            hidden);
                }
                for (int i = from; i < to; i += group) {
                    block.backward(t, i, Math.min(group, to - i), above, carried, (i - from) * hidden);
                }
            }
        }));
        return z;
    }

    /** The gates of a few examples, in Java arrays. */
    private final class Block {
        private final int width = GATES * hidden;
        private final int most = group * hidden;
        private final float[] all = new float[GATES * most];
        /** Of the input gates. */
        private final float[] in = new float[most];
        /** Of forget, output and modulation gates, example by example. */
        private final float[] gates = new float[(GATES - 1) * most];

        private final float[] before = new float[most];
        private final float[] cell = new float[most];
        private final float[] flat = new float[most];
        private final float[] above = new float[most];
        private final float[] dIn = new float[most];
        private final float[] dGates = new float[(GATES - 1) * most];

        private void readGates(FloatPointer memory, int count) {
            memory.get(all, 0, count * width);
            for (int k = 0; k < count; k++) {
                System.arraycopy(all, k * width, in, k * hidden, hidden);
                System.arraycopy(all, k * width + hidden, gates, k * (width - hidden), width - hidden);
            }
        }

        private void writeGates(float[] input, float[] others, FloatPointer memory, int count) {
            for (int k = 0; k < count; k++) {
                System.arraycopy(input, k * hidden, all, k * width, hidden);
                System.arraycopy(others, k * (width - hidden), all, k * width + hidden, width - hidden);
            }
            memory.put(all, 0, count * width);
        }

        private FloatPointer state(INDArray states, int t, int example) {
            return CpuMemory.at(HostArrays.floats(states), ((long) t * examples + example) * hidden);
        }

        void forward(int t, int example, int count, float @Nullable [] present, FloatPointer out) {
            int length = count * hidden;
            FloatPointer rows = CpuMemory.at(HostArrays.floats(z), ((long) t * examples + example) * width);
            readGates(rows, count);
            activation.apply(in, 0, length);
            gate.apply(gates, 0, (GATES - 1) * length);
            writeGates(in, gates, rows, count);
            state(cells, t, example).get(before, 0, length);
            for (int k = 0; k < count; k++) {
                addCells(k * hidden, k * (width - hidden));
            }
            System.arraycopy(cell, 0, flat, 0, length);
            activation.apply(flat, 0, length);
            state(squashed, t, example).put(flat, 0, length);
            for (int k = 0; k < count; k++) {
                multiply(flat, k * hidden, gates, k * (width - hidden) + hidden);
            }
            if (present != null) {
                for (int k = 0; k < count; k++) {
                    float factor = present[(example + k) * steps + t];
                    for (int j = k * hidden; j < (k + 1) * hidden; j++) {
                        cell[j] *= factor;
                        flat[j] *= factor;
                    }
                }
            }
            state(cells, t + 1, example).put(cell, 0, length);
            CpuMemory.at(out, ((long) t * examples + example) * hidden).put(flat, 0, length);
            if (t + 1 < steps) {
                FloatPointer next = HostArrays.floats(left);
                for (int k = 0; k < count; k++) {
                    long row = (t + 1L) * examples + example + k;
                    CpuMemory.at(next, row * width() + inputs + 1).put(flat, k * hidden, hidden);
                }
            }
        }

        /** {@code c = f c' + g i}. */
        private void addCells(int at, int gatesAt) {
            for (int j = 0; j < hidden; j++) {
                cell[at + j] = gates[gatesAt + j] * before[at + j] + gates[gatesAt + 2 * hidden + j] * in[at + j];
            }
        }

        private void multiply(float[] values, int at, float[] others, int othersAt) {
            for (int j = 0; j < hidden; j++) {
                values[at + j] *= others[othersAt + j];
            }
        }

        void backward(int t, int example, int count, FloatPointer epsilon, float[] carried, int carriedAt) {
            int length = count * hidden;
            FloatPointer rows = CpuMemory.at(HostArrays.floats(z), ((long) t * examples + example) * width);
            readGates(rows, count);
            state(cells, t, example).get(before, 0, length);
            state(squashed, t, example).get(flat, 0, length);
            CpuMemory.at(epsilon, ((long) t * examples + example) * hidden).get(above, 0, length);
            for (int k = 0; k < count; k++) {
                // do = dh act(c), dc = dh o
                int at = k * hidden;
                int o = k * (width - hidden) + hidden;
                for (int j = 0; j < hidden; j++) {
                    dGates[o + j] = above[at + j] * flat[at + j];
                }
                multiply(above, at, gates, o);
            }
            if (masked) {
                // A mask zeroes c after the activation, and DL4J takes the derivative at the masked value.
                state(cells, t + 1, example).get(flat, 0, length);
                activation.apply(flat, 0, length);
            }
            activation.multiplySlope(above, flat, length);
            for (int j = 0; j < length; j++) {
                above[j] += carried[carriedAt + j];
            }
            for (int k = 0; k < count; k++) {
                spread(k * hidden, k * (width - hidden));
            }
            for (int k = 0; k < count; k++) {
                int at = k * hidden;
                int f = k * (width - hidden);
                for (int j = 0; j < hidden; j++) {
                    carried[carriedAt + at + j] = above[at + j] * gates[f + j];
                }
            }
            activation.multiplySlope(dIn, in, length);
            gate.multiplySlope(dGates, gates, (GATES - 1) * length);
            writeGates(dIn, dGates, rows, count);
        }

        /** From the derivative with respect to c to that with respect to the other three gates. */
        private void spread(int at, int gatesAt) {
            for (int j = 0; j < hidden; j++) {
                dGates[gatesAt + j] = above[at + j] * before[at + j];
            }
            for (int j = 0; j < hidden; j++) {
                dGates[gatesAt + 2 * hidden + j] = above[at + j] * in[at + j];
            }
            for (int j = 0; j < hidden; j++) {
                dIn[at + j] = above[at + j] * gates[gatesAt + 2 * hidden + j];
            }
        }
    }

    /** The input's part of {@code D W^T}. */
    public void inputGradient(INDArray weights, INDArray below) {
        int rows = steps * examples;
        ParallelRanges.Body multiply = products.timesTransposed(
                z.reshape('c', rows, (long) GATES * hidden), weights, below.reshape('c', rows, inputs));
        blas.withSingleThreadedProducts(() -> ranges.run(rows, ParallelRanges.blockOfRows(rows), multiply));
    }
}
