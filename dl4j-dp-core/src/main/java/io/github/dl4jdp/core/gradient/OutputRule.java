// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core.gradient;

import io.github.dl4jdp.core.internal.arrays.CpuActivation;
import io.github.dl4jdp.core.internal.arrays.EqualShapes;
import io.github.dl4jdp.core.internal.arrays.HostArrays;
import io.github.dl4jdp.core.internal.arrays.InputGradients;
import org.deeplearning4j.nn.gradient.Gradient;
import org.deeplearning4j.nn.layers.OutputLayer;
import org.deeplearning4j.nn.params.DefaultParamInitializer;
import org.deeplearning4j.nn.workspace.ArrayType;
import org.deeplearning4j.nn.workspace.LayerWorkspaceMgr;
import org.jspecify.annotations.Nullable;
import org.nd4j.common.primitives.Pair;
import org.nd4j.linalg.api.ndarray.INDArray;

/** The output layer: a dense layer whose delta is the derivative of the loss, see {@link OuterProductTape}. */
final class OutputRule extends OutputLayer {
    private static final long serialVersionUID = 1L;
    private final transient TapeRecorder recorder;
    private final transient @Nullable CpuDense fast;
    /** The pre-output of {@link #ofInput}: DL4J asks for it again, for the score, after the backward pass. */
    private transient @Nullable INDArray known;

    private transient @Nullable INDArray ofInput;
    private transient double @Nullable [] inputNorms;

    private OutputRule(OutputLayer layer, TapeRecorder recorder) {
        super(layer.conf(), layer.getDataType());
        this.recorder = recorder;
        this.fast = CpuDense.find(dataType, recorder);
    }

    /** @param rules know the losses that were opted in to */
    static LayerRule rule(GradientRules rules) {
        return LayerRule.of(OutputLayer.class, LayerRule.OUTER_PRODUCT, OutputRule::new)
                .refusing(layer -> PerExampleLosses.problems(
                        ((OutputLayer) layer).layerConf().getLossFn().getClass(), rules));
    }

    @Override
    public void setInput(INDArray input, LayerWorkspaceMgr workspaceMgr) {
        known = null;
        ofInput = null;
        inputNorms = null;
        super.setInput(input, workspaceMgr);
    }

    /** A copy each time: loss functions and activations may overwrite it. */
    @Override
    protected INDArray preOutput2d(boolean training, LayerWorkspaceMgr workspaceMgr) {
        INDArray z = known;
        if (training && z != null && ofInput == input) {
            known = null;
            return z;
        }
        boolean usual = input != null
                && input.rank() == 2
                && input.size(1) == layerConf().getNIn();
        if (fast == null || !usual || !training || !recorder.isRecording() || maskArray != null) {
            return super.preOutput2d(training, workspaceMgr);
        }
        applyDropOutIfNecessary(true, workspaceMgr);
        INDArray weights = getParamWithNoise(DefaultParamInitializer.WEIGHT_KEY, true, workspaceMgr);
        INDArray bias = getParamWithNoise(DefaultParamInitializer.BIAS_KEY, true, workspaceMgr);
        INDArray x = HostArrays.contiguous(input.castTo(dataType));
        z = fast.own(new long[] {x.size(0), weights.size(1)});
        inputNorms = fast.product(x, weights, hasBias() ? bias : null, CpuActivation.IDENTITY, z);
        known = z;
        ofInput = input;
        return HostArrays.detached(z);
    }

    @Override
    public Pair<Gradient, INDArray> backpropGradient(INDArray epsilon, LayerWorkspaceMgr workspaceMgr) {
        assertInputSet(true);
        WeightedLosses.requireNoMaskOfFeatures(recorder, this);
        INDArray z = preOutput2d(true, workspaceMgr);
        INDArray labels2d = WeightedLosses.forGradient(
                layerConf().getLossFn(), getLabels2d(workspaceMgr, ArrayType.BP_WORKING_MEM));
        INDArray delta = WeightedLosses.weighted(
                recorder,
                layerConf().getLossFn().computeGradient(labels2d, z, layerConf().getActivationFn(), maskArray));
        INDArray weights = getParamWithNoise(DefaultParamInitializer.WEIGHT_KEY, true, workspaceMgr);
        EqualShapes.require("the derivative of the loss", delta, input.size(0), weights.size(1));
        INDArray below = input.rank() == 2 && fast != null && recorder.needsInputGradient()
                ? below(fast, weights, delta, workspaceMgr)
                : InputGradients.dense(recorder.needsInputGradient(), weights, delta, input, workspaceMgr);
        if (recorder.needsInputGradient()) {
            below = backpropDropOutIfPresent(below);
        }
        recorder.record(OuterProductTape.ofOwn(recorder, input, HostArrays.detached(delta), hasBias(), inputNorms));
        return new Pair<>(InputGradients.views(gradientViews), below);
    }

    private INDArray below(CpuDense dense, INDArray weights, INDArray delta, LayerWorkspaceMgr workspaceMgr) {
        INDArray below = workspaceMgr.createUninitialized(
                ArrayType.ACTIVATION_GRAD, dataType, new long[] {delta.size(0), weights.size(0)}, 'c');
        dense.inputGradient(weights, HostArrays.contiguous(delta), below);
        return below;
    }
}
