// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core.gradient;

import io.github.dl4jdp.core.internal.arrays.CpuActivation;
import io.github.dl4jdp.core.internal.arrays.HostArrays;
import io.github.dl4jdp.core.internal.arrays.InputGradients;
import org.deeplearning4j.nn.gradient.Gradient;
import org.deeplearning4j.nn.layers.feedforward.dense.DenseLayer;
import org.deeplearning4j.nn.params.DefaultParamInitializer;
import org.deeplearning4j.nn.workspace.ArrayType;
import org.deeplearning4j.nn.workspace.LayerWorkspaceMgr;
import org.jspecify.annotations.Nullable;
import org.nd4j.common.primitives.Pair;
import org.nd4j.linalg.api.ndarray.INDArray;

/** The dense layer, see {@link OuterProductTape}. */
final class DenseRule extends DenseLayer {
    private static final long serialVersionUID = 1L;
    static final LayerRule RULE = LayerRule.of(
            DenseLayer.class,
            LayerRule.OUTER_PRODUCT,
            (layer, recorder) ->
                    layer.hasLayerNorm() ? new NormalizedDense(layer, recorder) : new DenseRule(layer, recorder));

    private final transient TapeRecorder recorder;
    private final transient @Nullable CpuDense fast;
    private final transient @Nullable CpuActivation activation;
    /** Of the last recorded pass, if it was made here: then the backward pass needs no other. */
    private transient @Nullable INDArray output;

    private transient double @Nullable [] inputNorms;

    private DenseRule(DenseLayer layer, TapeRecorder recorder) {
        super(layer.conf(), layer.getDataType());
        this.recorder = recorder;
        this.fast = CpuDense.find(dataType, recorder);
        this.activation = CpuActivation.of(layerConf().getActivationFn());
    }

    @Override
    public INDArray activate(boolean training, LayerWorkspaceMgr workspaceMgr) {
        output = null;
        boolean usual = input != null
                && input.rank() == 2
                && input.size(1) == layerConf().getNIn();
        if (fast == null || activation == null || !usual || !training || !recorder.isRecording() || maskArray != null) {
            return super.activate(training, workspaceMgr);
        }
        applyDropOutIfNecessary(true, workspaceMgr);
        INDArray weights = getParamWithNoise(DefaultParamInitializer.WEIGHT_KEY, true, workspaceMgr);
        INDArray bias = getParamWithNoise(DefaultParamInitializer.BIAS_KEY, true, workspaceMgr);
        INDArray x = HostArrays.contiguous(input.castTo(dataType));
        INDArray z = workspaceMgr.createUninitialized(
                ArrayType.ACTIVATIONS, dataType, new long[] {x.size(0), weights.size(1)}, 'c');
        inputNorms = fast.product(x, weights, hasBias() ? bias : null, activation, z);
        output = z;
        return z;
    }

    private Pair<Gradient, INDArray> fastBackward(
            CpuDense dense, CpuActivation function, INDArray out, INDArray epsilon, LayerWorkspaceMgr workspaceMgr) {
        output = null;
        INDArray weights = getParamWithNoise(DefaultParamInitializer.WEIGHT_KEY, true, workspaceMgr);
        INDArray delta = dense.delta(function, HostArrays.contiguous(epsilon.castTo(dataType)), out);
        INDArray below = InputGradients.placeholder(input, workspaceMgr);
        if (recorder.needsInputGradient()) {
            dense.inputGradient(weights, delta, below);
            below = backpropDropOutIfPresent(below);
        }
        INDArray x = HostArrays.isContiguous(input) ? input : HostArrays.detached(input);
        recorder.record(OuterProductTape.ofOwn(recorder, x, delta, hasBias(), inputNorms));
        weightNoiseParams.clear();
        return new Pair<>(InputGradients.views(gradientViews), below);
    }

    @Override
    public Pair<Gradient, INDArray> backpropGradient(INDArray epsilon, LayerWorkspaceMgr workspaceMgr) {
        assertInputSet(true);
        INDArray out = output;
        if (fast != null && activation != null && out != null) {
            return fastBackward(fast, activation, out, epsilon, workspaceMgr);
        }
        INDArray z = preOutput(true, workspaceMgr);
        INDArray delta = layerConf().getActivationFn().backprop(z, epsilon).getFirst();
        if (maskArray != null) {
            applyMask(delta);
        }
        INDArray weights = getParamWithNoise(DefaultParamInitializer.WEIGHT_KEY, true, workspaceMgr);
        INDArray below = InputGradients.dense(recorder.needsInputGradient(), weights, delta, input, workspaceMgr);
        if (recorder.needsInputGradient()) {
            below = backpropDropOutIfPresent(below);
        }
        recorder.record(OuterProductTape.of(recorder, input, delta, hasBias()));
        weightNoiseParams.clear();
        return new Pair<>(InputGradients.views(gradientViews), below);
    }
}
