// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core.gradient;

import io.github.dl4jdp.core.internal.arrays.EqualShapes;
import io.github.dl4jdp.core.internal.arrays.InputGradients;
import io.github.dl4jdp.core.internal.arrays.TimeMajor;
import org.deeplearning4j.nn.gradient.Gradient;
import org.deeplearning4j.nn.layers.feedforward.PReLU;
import org.deeplearning4j.nn.params.PReLUParamInitializer;
import org.deeplearning4j.nn.workspace.ArrayType;
import org.deeplearning4j.nn.workspace.LayerWorkspaceMgr;
import org.nd4j.common.primitives.Pair;
import org.nd4j.linalg.activations.impl.ActivationPReLU;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.ops.transforms.Transforms;

/** The parametric rectifier {@code max(x, 0) + a min(x, 0)}: the gradient of {@code a} is {@code epsilon min(x, 0)}, summed over the shared axes. */
final class PReluRule extends PReLU {
    private static final long serialVersionUID = 1L;
    static final LayerRule RULE = LayerRule.of(PReLU.class, LayerRule.ROWS, PReluRule::new);

    private final transient TapeRecorder recorder;

    private PReluRule(PReLU layer, TapeRecorder recorder) {
        super(layer.conf(), layer.getDataType());
        this.recorder = recorder;
    }

    @Override
    public Pair<Gradient, INDArray> backpropGradient(INDArray epsilon, LayerWorkspaceMgr workspaceMgr) {
        assertInputSet(true);
        EqualShapes.requireAbove(epsilon, input.shape());
        INDArray gradients = Transforms.min(input.castTo(dataType), 0, true).muli(epsilon);
        long[] shared = layerConf().getSharedAxes();
        if (shared != null) {
            gradients = gradients.sum(
                    true,
                    java.util.Arrays.stream(shared).mapToInt(Math::toIntExact).toArray());
        }
        LayerTape tape =
                RowsTape.of(PReLUParamInitializer.WEIGHT_KEY, TimeMajor.sumOfSteps(gradients, recorder.examples()));
        INDArray alpha = getParam(PReLUParamInitializer.WEIGHT_KEY);
        INDArray below = new ActivationPReLU(alpha, shared)
                .backprop(workspaceMgr.dup(ArrayType.ACTIVATION_GRAD, input, input.ordering()), epsilon)
                .getFirst();
        below = backpropDropOutIfPresent(workspaceMgr.leverageTo(ArrayType.ACTIVATION_GRAD, below));
        recorder.record(tape);
        return new Pair<>(InputGradients.views(gradientViews), below);
    }
}
