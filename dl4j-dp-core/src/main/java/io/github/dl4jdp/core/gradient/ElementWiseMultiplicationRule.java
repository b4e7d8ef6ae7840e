// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core.gradient;

import io.github.dl4jdp.core.internal.arrays.InputGradients;
import io.github.dl4jdp.core.internal.arrays.TimeMajor;
import java.util.List;
import org.deeplearning4j.nn.gradient.Gradient;
import org.deeplearning4j.nn.layers.feedforward.elementwise.ElementWiseMultiplicationLayer;
import org.deeplearning4j.nn.params.ElementWiseParamInitializer;
import org.deeplearning4j.nn.workspace.ArrayType;
import org.deeplearning4j.nn.workspace.LayerWorkspaceMgr;
import org.nd4j.common.primitives.Pair;
import org.nd4j.linalg.api.ndarray.INDArray;

/** The element-wise product {@code z = x w + b}: {@code dw_i = x_i d_i}, {@code db_i = d_i}. */
final class ElementWiseMultiplicationRule extends ElementWiseMultiplicationLayer {
    private static final long serialVersionUID = 1L;
    static final LayerRule RULE =
            LayerRule.of(ElementWiseMultiplicationLayer.class, LayerRule.ROWS, ElementWiseMultiplicationRule::new);

    private final transient TapeRecorder recorder;

    private ElementWiseMultiplicationRule(ElementWiseMultiplicationLayer layer, TapeRecorder recorder) {
        super(layer.conf(), layer.getDataType());
        this.recorder = recorder;
    }

    @Override
    public Pair<Gradient, INDArray> backpropGradient(INDArray epsilon, LayerWorkspaceMgr workspaceMgr) {
        assertInputSet(true);
        INDArray z = preOutput(true, workspaceMgr);
        INDArray delta = layerConf().getActivationFn().backprop(z, epsilon).getFirst();
        if (maskArray != null) {
            applyMask(delta);
        }
        int examples = recorder.examples();
        BoundedTape tape = new CompositeTape(List.of(
                RowsTape.of(
                        ElementWiseParamInitializer.WEIGHT_KEY,
                        TimeMajor.sumOfSteps(input.castTo(dataType).mul(delta), examples)),
                RowsTape.of(ElementWiseParamInitializer.BIAS_KEY, TimeMajor.sumOfSteps(delta, examples))));
        INDArray below = workspaceMgr.leverageTo(
                ArrayType.ACTIVATION_GRAD, delta.mulRowVector(getParam(ElementWiseParamInitializer.WEIGHT_KEY)));
        below = backpropDropOutIfPresent(below);
        recorder.record(tape);
        return new Pair<>(InputGradients.views(gradientViews), below);
    }
}
