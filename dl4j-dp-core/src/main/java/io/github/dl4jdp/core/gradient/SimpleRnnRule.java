// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core.gradient;

import io.github.dl4jdp.core.internal.arrays.ElementwiseActivations;
import io.github.dl4jdp.core.internal.arrays.EqualShapes;
import io.github.dl4jdp.core.internal.arrays.InputGradients;
import io.github.dl4jdp.core.internal.arrays.Slices;
import io.github.dl4jdp.core.internal.arrays.TimeMajor;
import java.util.List;
import org.deeplearning4j.nn.api.Layer;
import org.deeplearning4j.nn.gradient.Gradient;
import org.deeplearning4j.nn.layers.recurrent.SimpleRnn;
import org.deeplearning4j.nn.params.SimpleRnnParamInitializer;
import org.deeplearning4j.nn.workspace.ArrayType;
import org.deeplearning4j.nn.workspace.LayerWorkspaceMgr;
import org.jspecify.annotations.Nullable;
import org.nd4j.common.primitives.Pair;
import org.nd4j.linalg.api.memory.MemoryWorkspace;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/**
 * The simple recurrent layer {@code h = act(x W + h' R + b)}: with the delta {@code D} of every time step, {@code dW = X^T D}, {@code dR = H'^T D}
 * and {@code db} is the sum of {@code D}, see {@link SequenceTape}.
 */
final class SimpleRnnRule extends SimpleRnn {
    private static final long serialVersionUID = 1L;
    private static final String WEIGHT = SimpleRnnParamInitializer.WEIGHT_KEY;
    private static final String RECURRENT = SimpleRnnParamInitializer.RECURRENT_WEIGHT_KEY;
    private static final String BIAS = SimpleRnnParamInitializer.BIAS_KEY;
    static final LayerRule RULE = LayerRule.of(SimpleRnn.class, LayerRule.SEQUENCE, SimpleRnnRule::new)
            .refusing(SimpleRnnRule::problems);

    private final transient TapeRecorder recorder;
    /** Of the forward pass, time-major: [T, B, nIn + 1], [T, B, nOut] and, with a zero state in front, [T + 1, B, nOut]. */
    private transient @Nullable INDArray x;

    private transient @Nullable INDArray z;
    private transient @Nullable INDArray h;

    private SimpleRnnRule(SimpleRnn layer, TapeRecorder recorder) {
        super(layer.conf(), layer.getDataType());
        this.recorder = recorder;
    }

    private static List<String> problems(Layer layer) {
        var rnn = (SimpleRnn) layer;
        return rnn.hasLayerNorm()
                ? List.of(
                        "its layer normalization fails in DL4J 1.0.0-M2.1 itself; build the layer with hasLayerNorm(false)")
                : ElementwiseActivations.problems(rnn.layerConf().getActivationFn());
    }

    @Override
    public INDArray activate(boolean training, LayerWorkspaceMgr workspaceMgr) {
        if (!training || !recorder.isRecording()) {
            return super.activate(training, workspaceMgr);
        }
        return permuteIfNWC(forward(workspaceMgr));
    }

    /** [B, nOut, T]. */
    private INDArray forward(LayerWorkspaceMgr workspaceMgr) {
        applyDropOutIfNecessary(true, workspaceMgr);
        INDArray w = getParamWithNoise(WEIGHT, true, workspaceMgr);
        INDArray r = getParamWithNoise(RECURRENT, true, workspaceMgr);
        INDArray b = getParamWithNoise(BIAS, true, workspaceMgr);
        INDArray out;
        try (MemoryWorkspace outside = Nd4j.getMemoryManager().scopeOutOfWorkspaces()) {
            INDArray series = permuteIfNWC(input.castTo(dataType));
            EqualShapes.requireInputs(series, w.size(0));
            out = forward(series.permute(2, 0, 1), w, r, b);
        }
        INDArray result = workspaceMgr.createUninitialized(ArrayType.ACTIVATIONS, out.dataType(), out.shape(), 'c');
        return result.assign(out).permute(1, 2, 0);
    }

    private INDArray forward(INDArray series, INDArray w, INDArray r, INDArray b) {
        INDArray left = TimeMajor.withOnes(series);
        long steps = left.size(0);
        long examples = left.size(1);
        long nOut = w.size(1);
        INDArray wb = Nd4j.concat(0, w, b.reshape(1, nOut)).dup('f');
        INDArray pre = Nd4j.createUninitialized(left.dataType(), new long[] {steps, examples, nOut}, 'c');
        long rows = steps * examples;
        INDArray preRows = pre.reshape('c', rows, nOut);
        Nd4j.gemm(wb, left.reshape('c', rows, left.size(2)), preRows.transpose(), true, true, 1.0, 0.0);
        INDArray states = Nd4j.create(left.dataType(), new long[] {steps + 1, examples, nOut}, 'c');
        INDArray mask = maskArray == null ? null : maskArray.castTo(dataType);
        for (long t = 0; t < steps; t++) {
            INDArray zt = Slices.at(pre, 0, t);
            if (t > 0) {
                INDArray before = Slices.at(states, 0, t);
                Nd4j.gemm(r, before, zt.transpose(), true, true, 1.0, 1.0);
            }
            INDArray ht = Slices.at(states, 0, t + 1);
            ht.assign(layerConf().getActivationFn().getActivation(zt.dup('c'), true));
            if (mask != null) {
                INDArray column = Slices.range(mask, 1, t, t + 1);
                ht.muliColumnVector(column);
                zt.muliColumnVector(column);
            }
        }
        x = left;
        z = pre;
        h = states;
        return Slices.range(states, 0, 1, steps + 1);
    }

    @Override
    public Pair<Gradient, INDArray> backpropGradient(INDArray epsilon, LayerWorkspaceMgr workspaceMgr) {
        assertInputSet(true);
        recorder.examples(); // refuses a batch that is not recorded
        if (x == null) {
            forward(workspaceMgr); // a frozen layer runs as in inference and passes gradients on as in training
        }
        INDArray left = x;
        INDArray pre = z;
        INDArray states = h;
        if (left == null || pre == null || states == null) {
            throw new IllegalStateException(
                    "the backward pass of a recurrent layer needs a recorded forward pass before it");
        }
        x = null;
        z = null;
        h = null;
        INDArray w = getParamWithNoise(WEIGHT, true, workspaceMgr);
        INDArray r = getParamWithNoise(RECURRENT, true, workspaceMgr);
        INDArray delta;
        LayerTape tape;
        try (MemoryWorkspace outside = Nd4j.getMemoryManager().scopeOutOfWorkspaces()) {
            INDArray above = TimeMajor.ofSeries(permuteIfNWC(epsilon).castTo(dataType));
            EqualShapes.requireAbove(above, pre.shape());
            delta = backward(above, pre, r);
            INDArray before = Slices.range(states, 0, 0, left.size(0));
            tape = new SequenceTape(
                    List.of(
                            new SequenceTape.Factor(left, SequenceTape.denseTarget(WEIGHT, BIAS)),
                            new SequenceTape.Factor(before, SequenceTape.denseTarget(RECURRENT, null))),
                    delta);
        }
        INDArray below = InputGradients.placeholder(input, workspaceMgr);
        if (recorder.needsInputGradient()) {
            // The mask has the input's format.
            below = backpropDropOutIfPresent(permuteIfNWC(InputGradients.timeMajor(w, delta, workspaceMgr)));
        }
        recorder.record(tape);
        weightNoiseParams.clear();
        return new Pair<>(InputGradients.views(gradientViews), below);
    }

    private INDArray backward(INDArray epsilon, INDArray pre, INDArray r) {
        INDArray delta = layerConf()
                .getActivationFn()
                .backprop(pre, Nd4j.ones(pre.dataType(), pre.shape()))
                .getFirst();
        INDArray mask = maskArray == null ? null : maskArray.castTo(dataType);
        for (long t = delta.size(0) - 1; t >= 0; t--) {
            INDArray dh = Slices.at(epsilon, 0, t);
            INDArray dt = Slices.at(delta, 0, t);
            if (t < delta.size(0) - 1) {
                INDArray next = Slices.at(delta, 0, t + 1);
                Nd4j.gemm(r, next.transpose(), dh.transpose(), false, false, 1.0, 1.0);
            }
            dt.muli(dh);
            if (mask != null) {
                dt.muliColumnVector(Slices.range(mask, 1, t, t + 1));
            }
        }
        return delta;
    }
}
