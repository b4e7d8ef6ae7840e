// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core.gradient;

import io.github.dl4jdp.core.internal.arrays.CpuLstm;
import io.github.dl4jdp.core.internal.arrays.EqualShapes;
import io.github.dl4jdp.core.internal.arrays.InputGradients;
import io.github.dl4jdp.core.internal.arrays.LstmSequence;
import io.github.dl4jdp.core.internal.arrays.ParallelRanges;
import io.github.dl4jdp.core.internal.arrays.Slices;
import io.github.dl4jdp.core.internal.arrays.Sums;
import io.github.dl4jdp.core.internal.arrays.TimeMajor;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Function;
import org.deeplearning4j.nn.conf.layers.AbstractLSTM;
import org.deeplearning4j.nn.params.LSTMParamInitializer;
import org.deeplearning4j.nn.workspace.ArrayType;
import org.deeplearning4j.nn.workspace.LayerWorkspaceMgr;
import org.jspecify.annotations.Nullable;
import org.nd4j.linalg.activations.IActivation;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.memory.MemoryWorkspace;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/**
 * One layer's passes over an {@link LstmSequence} and the tape that comes of them: with {@code A = [x 1]} and {@code H'} the hidden state before
 * every step, {@code dW, db = A^T D} and {@code dR = H'^T D}. Where there is a {@link CpuLstm}, A and H' are one factor.
 *
 * <p>The forward pass is made once; DL4J repeats it in its backward pass.
 */
final class LstmPass {
    /** Layers up to this size have products, in every time step, that several threads make slower: 128 units, 103 ms on one thread, 170 on two. */
    private static final int SMALL = 256;

    private static final String WEIGHT = LSTMParamInitializer.INPUT_WEIGHT_KEY;
    private static final String RECURRENT = LSTMParamInitializer.RECURRENT_WEIGHT_KEY;
    private static final String BIAS = LSTMParamInitializer.BIAS_KEY;

    private final long hidden;
    private final IActivation activation;
    private final IActivation gate;
    private final boolean hasPeepholes;
    private final CpuLstm.@Nullable Factory factory;
    private @Nullable CpuLstm fast;
    private @Nullable LstmSequence sequence;
    private @Nullable INDArray x;
    private @Nullable INDArray delta;

    LstmPass(TapeRecorder recorder, AbstractLSTM conf, DataType type, boolean hasPeepholes) {
        this.hidden = conf.getNOut();
        this.activation = conf.getActivationFn();
        this.gate = conf.getGateActivationFn();
        this.hasPeepholes = hasPeepholes;
        this.factory = CpuLstm.find(type, activation, gate, hasPeepholes, new ParallelRanges(recorder.threads()));
        if (factory != null || hidden <= SMALL) {
            recorder.sharesWork(); // ND4J's threads would only slow a small one down
        }
        if (factory != null) {
            recorder.keepsBitsOfRows();
        }
    }

    /**
     * The forward pass.
     *
     * @param series [B, nIn, T]
     * @param parameters the layer's parameters, by name
     * @param mask [B, T], or null
     * @return [B, H, T], in the workspace of the activations
     */
    INDArray forward(
            INDArray series,
            Function<String, INDArray> parameters,
            @Nullable INDArray mask,
            LayerWorkspaceMgr workspaceMgr) {
        EqualShapes.requireInputs(series, parameters.apply(WEIGHT).size(0));
        if (factory != null) {
            return forward(factory, series, parameters, mask, workspaceMgr);
        }
        INDArray out;
        try (MemoryWorkspace outside = Nd4j.getMemoryManager().scopeOutOfWorkspaces()) {
            INDArray left = TimeMajor.withOnes(series.permute(2, 0, 1));
            LstmSequence current = sequence;
            if (current == null || !current.fits(left.dataType(), left.size(0), left.size(1))) {
                current = new LstmSequence(
                        left.dataType(), (int) left.size(0), (int) left.size(1), (int) hidden, activation, gate);
            }
            INDArray w = weightsAndBias(parameters, left.dataType());
            INDArray recurrent = parameters.apply(RECURRENT);
            out = current.forward(
                    left,
                    w,
                    gates(recurrent),
                    peepholes(recurrent),
                    mask == null ? null : mask.castTo(left.dataType()));
            sequence = current;
            x = left;
        }
        INDArray result = workspaceMgr.createUninitialized(ArrayType.ACTIVATIONS, out.dataType(), out.shape(), 'c');
        return result.assign(out).permute(1, 2, 0);
    }

    private INDArray forward(
            CpuLstm.Factory make,
            INDArray series,
            Function<String, INDArray> parameters,
            @Nullable INDArray mask,
            LayerWorkspaceMgr workspaceMgr) {
        int examples = (int) series.size(0);
        int inputs = (int) series.size(1);
        int steps = (int) series.size(2);
        INDArray result = workspaceMgr.createUninitialized(
                ArrayType.ACTIVATIONS, DataType.FLOAT, new long[] {steps, examples, hidden}, 'c');
        try (MemoryWorkspace outside = Nd4j.getMemoryManager().scopeOutOfWorkspaces()) {
            CpuLstm current = fast;
            if (current == null || !current.fits(steps, examples, inputs)) {
                current = make.create(steps, examples, inputs, (int) hidden);
            }
            current.forward(
                    series.permute(2, 0, 1),
                    weightsAndBias(parameters, DataType.FLOAT),
                    parameters.apply(RECURRENT),
                    mask == null ? null : mask.castTo(DataType.FLOAT),
                    result);
            fast = current;
            x = current.left();
        }
        return result.permute(1, 2, 0);
    }

    /** [nIn + 1, 4H], f order. */
    private INDArray weightsAndBias(Function<String, INDArray> parameters, DataType type) {
        INDArray weights = parameters.apply(WEIGHT);
        long inputs = weights.size(0);
        INDArray both = Nd4j.createUninitialized(type, new long[] {inputs + 1, 4 * hidden}, 'f');
        Slices.range(both, 0, 0, inputs).assign(weights);
        Slices.at(both, 0, inputs).assign(parameters.apply(BIAS).reshape(4 * hidden));
        return both;
    }

    /** Whether a forward pass is waiting for its backward pass. */
    boolean hasForward() {
        return x != null;
    }

    private INDArray gates(INDArray recurrent) {
        return hasPeepholes ? Slices.range(recurrent, 1, 0, 4 * hidden) : recurrent;
    }

    private @Nullable INDArray peepholes(INDArray recurrent) {
        return hasPeepholes ? Slices.range(recurrent, 1, 4 * hidden, 4 * hidden + 3) : null;
    }

    /**
     * The backward pass, after {@link #forward} over the same batch.
     *
     * @param epsilon [B, H, T]
     * @param deltaMask [B, T]: steps without a delta; null if there are none
     * @throws IllegalStateException if there was no forward pass
     */
    LayerTape backward(INDArray epsilon, Function<String, INDArray> parameters, @Nullable INDArray deltaMask) {
        CpuLstm quick = fast;
        if (x != null) {
            EqualShapes.requireAbove(epsilon, x.size(1), hidden, x.size(0));
        }
        if (quick != null && x != null) {
            x = null;
            return backward(quick, epsilon, parameters);
        }
        LstmSequence current = sequence;
        INDArray left = x;
        if (current == null || left == null) {
            throw new IllegalStateException(
                    "the backward pass of a recurrent layer needs a recorded forward pass before it");
        }
        x = null;
        try (MemoryWorkspace outside = Nd4j.getMemoryManager().scopeOutOfWorkspaces()) {
            INDArray recurrent = parameters.apply(RECURRENT);
            INDArray d = current.backward(
                    TimeMajor.ofSeries(epsilon.castTo(left.dataType())),
                    gates(recurrent),
                    peepholes(recurrent),
                    deltaMask == null ? null : deltaMask.castTo(left.dataType()));
            delta = d;
            var factors = List.of(
                    new SequenceTape.Factor(left, SequenceTape.denseTarget(WEIGHT, BIAS)),
                    new SequenceTape.Factor(
                            current.hiddensBefore(),
                            (map, product) -> Sums.add(gates(Sums.parameter(map, RECURRENT)), product)));
            var tapes = new ArrayList<BoundedTape>();
            tapes.add(new SequenceTape(factors, d));
            if (hasPeepholes) {
                tapes.add(new RowsTape(current.peepholeGradients(), (map, gradient) -> {
                    INDArray view = Slices.range(Sums.parameter(map, RECURRENT), 1, 4 * hidden, 4 * hidden + 3);
                    Sums.add(view, gradient.reshape('c', 3, hidden).transpose());
                }));
            }
            return new CompositeTape(tapes);
        }
    }

    private LayerTape backward(CpuLstm current, INDArray epsilon, Function<String, INDArray> parameters) {
        try (MemoryWorkspace outside = Nd4j.getMemoryManager().scopeOutOfWorkspaces()) {
            INDArray d =
                    current.backward(TimeMajor.ofSeries(epsilon.castTo(DataType.FLOAT)), parameters.apply(RECURRENT));
            delta = d;
            return new SequenceTape(
                    List.of(new SequenceTape.Factor(current.left(), (map, product) -> {
                        long all = product.size(0);
                        SequenceTape.denseTarget(WEIGHT, BIAS).add(map, Slices.range(product, 0, 0, all - hidden));
                        Sums.add(Sums.parameter(map, RECURRENT), Slices.range(product, 0, all - hidden, all));
                    })),
                    d);
        }
    }

    /** D W^T [B, nIn, T], after {@link #backward}. */
    INDArray inputGradient(Function<String, INDArray> parameters, LayerWorkspaceMgr workspaceMgr) {
        INDArray d = delta;
        if (d == null) {
            throw new IllegalStateException(
                    "the input gradient of a recurrent layer needs its backward pass before it");
        }
        delta = null;
        CpuLstm current = fast;
        if (current != null) {
            INDArray weights = parameters.apply(WEIGHT);
            INDArray below = workspaceMgr.createUninitialized(
                    ArrayType.ACTIVATION_GRAD, DataType.FLOAT, new long[] {d.size(0), d.size(1), weights.size(0)}, 'c');
            current.inputGradient(weights, below);
            return below.permute(1, 2, 0);
        }
        return InputGradients.timeMajor(parameters.apply(WEIGHT), d, workspaceMgr);
    }
}
