// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core.internal.arrays;

import org.jspecify.annotations.Nullable;
import org.nd4j.linalg.activations.IActivation;
import org.nd4j.linalg.activations.impl.ActivationSigmoid;
import org.nd4j.linalg.activations.impl.ActivationTanH;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.api.ops.impl.transforms.same.TimesOneMinus;
import org.nd4j.linalg.factory.Nd4j;

/**
 * The forward and the backward pass of an LSTM over a whole sequence, which keeps the deltas of every time step.
 *
 * <p>As in DL4J, in the order input, forget, output, modulation gate (with peepholes, if any, from {@code c}):
 *
 * <pre>
 *   z = x W + h' R + b,  i = act(z_i),  f, o, g = gate(z_f, z_o, z_g)
 *   c = f c' + g i,  h = o act(c)
 * </pre>
 *
 * <p>All arrays are time-major, see {@link TimeMajor}, and are used again in the next pass over a batch of the same shape.
 */
public final class LstmSequence {
    private static final int INPUT = 0;
    private static final int FORGET = 1;
    private static final int OUTPUT = 2;
    private static final int MODULATION = 3;
    private static final int GATES = 4;

    private final IActivation activation;
    private final IActivation gate;
    private final int steps;
    private final int examples;
    private final int hidden;

    /** [T, B, 4H]: pre-activations, after the backward pass the deltas. */
    private final INDArray z;

    private final INDArray[] zByStep;
    private final INDArray[][] zByGate;
    /** [T, B, H] for each gate: activations. */
    private final INDArray[] gates = new INDArray[GATES];
    /** [T, B, H] for each gate: its derivative times the other factor of its product, after the backward pass its delta. */
    private final INDArray[] factors = new INDArray[GATES];

    private final INDArray[][] gateByStep = new INDArray[GATES][];
    private final INDArray[][] factorByStep = new INDArray[GATES][];
    /** [T + 1, B, H]: the state before the first step, zero, and after every step. */
    private final INDArray cells;

    private final INDArray[] cellByStep;
    private final INDArray hiddens;
    private final INDArray[] hiddenByStep;
    /** [T, B, H]: act(c). */
    private final INDArray squashed;

    private final INDArray[] squashedByStep;
    private final INDArray scratch;
    private boolean masked;

    public LstmSequence(DataType type, int steps, int examples, int hidden, IActivation activation, IActivation gate) {
        this.activation = activation;
        this.gate = gate;
        this.steps = steps;
        this.examples = examples;
        this.hidden = hidden;
        z = Nd4j.createUninitialized(type, new long[] {steps, examples, (long) GATES * hidden}, 'c');
        zByStep = byStep(z);
        zByGate = new INDArray[GATES][steps];
        for (int k = 0; k < GATES; k++) {
            gates[k] = Nd4j.createUninitialized(type, new long[] {steps, examples, hidden}, 'c');
            factors[k] = Nd4j.createUninitialized(type, new long[] {steps, examples, hidden}, 'c');
            gateByStep[k] = byStep(gates[k]);
            factorByStep[k] = byStep(factors[k]);
            for (int t = 0; t < steps; t++) {
                zByGate[k][t] = Slices.range(zByStep[t], 1, (long) k * hidden, (k + 1L) * hidden);
            }
        }
        cells = Nd4j.create(type, new long[] {steps + 1L, examples, hidden}, 'c');
        cellByStep = byStep(cells);
        hiddens = Nd4j.create(type, new long[] {steps + 1L, examples, hidden}, 'c');
        hiddenByStep = byStep(hiddens);
        squashed = Nd4j.createUninitialized(type, new long[] {steps, examples, hidden}, 'c');
        squashedByStep = byStep(squashed);
        scratch = Nd4j.createUninitialized(type, new long[] {examples, hidden}, 'c');
    }

    private static INDArray[] byStep(INDArray timeMajor) {
        var slices = new INDArray[(int) timeMajor.size(0)];
        for (int t = 0; t < slices.length; t++) {
            slices[t] = Slices.at(timeMajor, 0, t);
        }
        return slices;
    }

    public boolean fits(DataType type, long stepCount, long exampleCount) {
        return z.dataType() == type && steps == stepCount && examples == exampleCount;
    }

    /**
     * The forward pass.
     *
     * @param x [T, B, nIn + 1], the last column ones
     * @param w [nIn + 1, 4H], f order, the last row the biases
     * @param recurrent [H, 4H], f order
     * @param peepholes [H, 3]: forget, output, modulation; null if there are none
     * @param mask [B, T], or null
     * @return h [T, B, H]
     */
    public INDArray forward(
            INDArray x, INDArray w, INDArray recurrent, @Nullable INDArray peepholes, @Nullable INDArray mask) {
        masked = mask != null;
        long rows = (long) steps * examples;
        Nd4j.gemm(
                w,
                x.reshape('c', rows, x.size(2)),
                z.reshape('c', rows, (long) GATES * hidden).transpose(),
                true,
                true,
                1.0,
                0.0);
        for (int t = 0; t < steps; t++) {
            if (t > 0) {
                Nd4j.gemm(recurrent, hiddenByStep[t], zByStep[t].transpose(), true, true, 1.0, 1.0);
            }
            INDArray i = preActivation(INPUT, t, cellByStep[t], null);
            activate(activation, i);
            INDArray f = preActivation(FORGET, t, cellByStep[t], column(peepholes, 0));
            activate(gate, f);
            INDArray g = preActivation(MODULATION, t, cellByStep[t], column(peepholes, 2));
            activate(gate, g);
            INDArray c = cellByStep[t + 1];
            f.muli(cellByStep[t], c);
            c.addi(g.muli(i, scratch));
            INDArray o = preActivation(OUTPUT, t, c, column(peepholes, 1));
            activate(gate, o);
            INDArray a = squashedByStep[t].assign(c);
            activate(activation, a);
            o.muli(a, hiddenByStep[t + 1]);
            if (mask != null) {
                INDArray column = Slices.range(mask, 1, t, t + 1L);
                hiddenByStep[t + 1].muliColumnVector(column);
                c.muliColumnVector(column);
            }
        }
        return Slices.range(hiddens, 0, 1, steps + 1L);
    }

    private INDArray preActivation(int k, int t, INDArray cell, @Nullable INDArray peephole) {
        INDArray value = gateByStep[k][t].assign(zByGate[k][t]);
        if (peephole != null) {
            value.addi(cell.mulRowVector(peephole));
            zByGate[k][t].assign(value);
        }
        return value;
    }

    private static @Nullable INDArray column(@Nullable INDArray peepholes, int k) {
        return peepholes == null ? null : Slices.at(peepholes, 1, k);
    }

    private static void activate(IActivation function, INDArray values) {
        INDArray result = function.getActivation(values, true);
        if (result != values) {
            values.assign(result);
        }
    }

    /**
     * The backward pass.
     *
     * @param epsilon [T, B, H]: derivative with respect to h from above; overwritten
     * @param deltaMask [B, T]: steps without a delta; null if there are none
     * @return derivative with respect to z [T, B, 4H]
     */
    public INDArray backward(
            INDArray epsilon, INDArray recurrent, @Nullable INDArray peepholes, @Nullable INDArray deltaMask) {
        INDArray cellsBefore = Slices.range(cells, 0, 0, steps);
        INDArray cellsAfter = Slices.range(cells, 0, 1, steps + 1L);
        fillFactor(INPUT, activation, gates[MODULATION]);
        fillFactor(FORGET, gate, cellsBefore);
        fillFactor(OUTPUT, gate, squashed);
        fillFactor(MODULATION, gate, gates[INPUT]);
        // From here on act(c) is not needed any more: its place takes the derivative of the loss with respect to c. A
        // mask
        // zeroes c after the activation, and DL4J takes the derivative at the masked value.
        if (masked || !timesDerivativeAtOutput(activation, squashed, gates[OUTPUT])) {
            squashed.assign(cellsAfter);
            timesDerivative(activation, squashed, gates[OUTPUT]);
        }
        for (int t = steps - 1; t >= 0; t--) {
            INDArray dh = Slices.at(epsilon, 0, t);
            INDArray dc = squashedByStep[t];
            if (t < steps - 1) {
                Nd4j.gemm(recurrent, zByStep[t + 1].transpose(), dh.transpose(), false, false, 1.0, 1.0);
            }
            INDArray output = factorByStep[OUTPUT][t].muli(dh);
            dc.muli(dh);
            if (peepholes != null) {
                dc.addi(output.mulRowVector(Slices.at(peepholes, 1, 1)));
                if (t < steps - 1) {
                    dc.addi(factorByStep[FORGET][t + 1].mulRowVector(Slices.at(peepholes, 1, 0)));
                    dc.addi(factorByStep[MODULATION][t + 1].mulRowVector(Slices.at(peepholes, 1, 2)));
                }
            }
            if (t < steps - 1) {
                dc.addi(squashedByStep[t + 1].muli(gateByStep[FORGET][t + 1], scratch));
            }
            factorByStep[INPUT][t].muli(dc);
            factorByStep[FORGET][t].muli(dc);
            factorByStep[MODULATION][t].muli(dc);
            for (int k = 0; k < GATES; k++) {
                if (deltaMask != null) {
                    factorByStep[k][t].muliColumnVector(Slices.range(deltaMask, 1, t, t + 1L));
                }
                zByGate[k][t].assign(factorByStep[k][t]);
            }
        }
        return z;
    }

    /** The derivative of a gate's activation times {@code other}. */
    private void fillFactor(int k, IActivation function, INDArray other) {
        INDArray into = factors[k].assign(gates[k]);
        if (!timesDerivativeAtOutput(function, into, other)) {
            into.assign(TimeMajor.columns(z, (long) k * hidden, (k + 1L) * hidden));
            timesDerivative(function, into, other);
        }
    }

    /**
     * Replaces outputs of an activation function by its derivative there times {@code other}: for the two usual functions, at a third of
     * the cost.
     *
     * @return whether it is one of them; nothing happens otherwise
     */
    private static boolean timesDerivativeAtOutput(IActivation function, INDArray outputs, INDArray other) {
        if (function.getClass() == ActivationSigmoid.class) {
            Nd4j.getExecutioner().exec(new TimesOneMinus(outputs));
        } else if (function.getClass() == ActivationTanH.class) {
            outputs.muli(outputs).rsubi(1);
        } else {
            return false;
        }
        outputs.muli(other);
        return true;
    }

    /** Replaces inputs of an activation function by its derivative there times {@code other}. */
    private static void timesDerivative(IActivation function, INDArray inputs, INDArray other) {
        INDArray result = function.backprop(inputs, other.dup()).getFirst();
        if (result != inputs) {
            inputs.assign(result);
        }
    }

    /** h before every step [T, B, H]: the left factor of the recurrent weights. */
    public INDArray hiddensBefore() {
        return Slices.range(hiddens, 0, 0, steps);
    }

    /**
     * Per-example gradients of the peephole weights, after the backward pass: {@code sum over t of delta c}.
     *
     * @return [B, 3H] in the order forget, output, modulation
     */
    public INDArray peepholeGradients() {
        INDArray before = Slices.range(cells, 0, 0, steps);
        INDArray after = Slices.range(cells, 0, 1, steps + 1L);
        return Nd4j.concat(
                1,
                factors[FORGET].mul(before).sum(0),
                factors[OUTPUT].mul(after).sum(0),
                factors[MODULATION].mul(before).sum(0));
    }
}
