// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core.gradient;

import io.github.dl4jdp.core.internal.arrays.InputGradients;
import io.github.dl4jdp.core.internal.arrays.TimeMajor;
import java.util.List;
import org.deeplearning4j.nn.gradient.Gradient;
import org.deeplearning4j.nn.layers.feedforward.dense.DenseLayer;
import org.deeplearning4j.nn.params.DefaultParamInitializer;
import org.deeplearning4j.nn.workspace.LayerWorkspaceMgr;
import org.nd4j.common.primitives.Pair;
import org.nd4j.linalg.api.memory.MemoryWorkspace;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.api.ops.impl.transforms.custom.LayerNorm;
import org.nd4j.linalg.api.ops.impl.transforms.custom.LayerNormBp;
import org.nd4j.linalg.factory.Nd4j;

/**
 * The dense layer with layer normalization, {@code z = g norm(x W) + b}: {@code db_i = d_i}, {@code dg_i = d_i norm(x_i W)}, and the weights as
 * in {@link OuterProductTape} with the delta before the normalization.
 */
final class NormalizedDense extends DenseLayer {
    private static final long serialVersionUID = 1L;
    private final transient TapeRecorder recorder;

    NormalizedDense(DenseLayer layer, TapeRecorder recorder) {
        super(layer.conf(), layer.getDataType());
        this.recorder = recorder;
    }

    @Override
    public Pair<Gradient, INDArray> backpropGradient(INDArray epsilon, LayerWorkspaceMgr workspaceMgr) {
        assertInputSet(true);
        Pair<INDArray, INDArray> forward = preOutputWithPreNorm(true, true, workspaceMgr);
        INDArray product = forward.getSecond();
        INDArray delta = layerConf()
                .getActivationFn()
                .backprop(forward.getFirst(), epsilon)
                .getFirst();
        if (maskArray != null) {
            applyMask(delta);
        }
        int examples = recorder.examples();
        INDArray gain = getParam(DefaultParamInitializer.GAIN_KEY);
        INDArray before;
        BoundedTape ofGain;
        BoundedTape ofBias;
        try (MemoryWorkspace outside = Nd4j.getMemoryManager().scopeOutOfWorkspaces()) {
            INDArray normalized = product.ulike();
            Nd4j.exec(new LayerNorm(product, Nd4j.onesLike(gain), normalized, true, 1));
            ofGain = RowsTape.of(
                    DefaultParamInitializer.GAIN_KEY, TimeMajor.sumOfSteps(normalized.muli(delta), examples));
            ofBias = RowsTape.of(DefaultParamInitializer.BIAS_KEY, TimeMajor.sumOfSteps(delta, examples));
            before = delta.dup();
            Nd4j.exec(new LayerNormBp(product, gain, delta, before, gain.ulike(), true, 1));
        }
        INDArray weights = getParamWithNoise(DefaultParamInitializer.WEIGHT_KEY, true, workspaceMgr);
        INDArray below = InputGradients.dense(recorder.needsInputGradient(), weights, before, input, workspaceMgr);
        if (recorder.needsInputGradient()) {
            below = backpropDropOutIfPresent(below);
        }
        BoundedTape ofWeights = OuterProductTape.of(recorder, input, before, false);
        recorder.record(new CompositeTape(hasBias() ? List.of(ofWeights, ofGain, ofBias) : List.of(ofWeights, ofGain)));
        weightNoiseParams.clear();
        return new Pair<>(InputGradients.views(gradientViews), below);
    }
}
