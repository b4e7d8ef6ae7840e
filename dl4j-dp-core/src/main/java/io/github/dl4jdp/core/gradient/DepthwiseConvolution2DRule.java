// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core.gradient;

import io.github.dl4jdp.core.internal.arrays.InputGradients;
import java.util.List;
import org.deeplearning4j.nn.gradient.Gradient;
import org.deeplearning4j.nn.layers.convolution.DepthwiseConvolution2DLayer;
import org.deeplearning4j.nn.params.DepthwiseConvolutionParamInitializer;
import org.deeplearning4j.nn.workspace.LayerWorkspaceMgr;
import org.nd4j.common.primitives.Pair;
import org.nd4j.linalg.api.memory.MemoryWorkspace;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/** The depthwise convolution, see {@link DepthwiseGradients}. */
final class DepthwiseConvolution2DRule extends DepthwiseConvolution2DLayer {
    private static final long serialVersionUID = 1L;
    static final LayerRule RULE =
            LayerRule.of(DepthwiseConvolution2DLayer.class, LayerRule.ROWS, DepthwiseConvolution2DRule::new);

    private final transient TapeRecorder recorder;
    private final transient ScratchGradients scratch;

    private DepthwiseConvolution2DRule(DepthwiseConvolution2DLayer layer, TapeRecorder recorder) {
        super(layer.conf(), layer.getDataType());
        this.recorder = recorder;
        this.scratch = new ScratchGradients(this);
    }

    @Override
    public Pair<Gradient, INDArray> backpropGradient(INDArray epsilon, LayerWorkspaceMgr workspaceMgr) {
        assertInputSet(true);
        recorder.examples(); // refuses a batch that is not recorded
        INDArray z = preOutput4d(true, true, workspaceMgr).getFirst();
        INDArray delta = layerConf().getActivationFn().backprop(z, epsilon).getFirst();
        var format = layerConf().getCnn2dDataFormat();
        BoundedTape tape = tape(
                DepthwiseGradients.toNchw(input.castTo(dataType), format), DepthwiseGradients.toNchw(delta, format));
        INDArray below = scratch.below(recorder, workspaceMgr, () -> super.backpropGradient(epsilon, workspaceMgr));
        recorder.record(tape);
        weightNoiseParams.clear();
        return new Pair<>(InputGradients.views(gradientViews), below);
    }

    private BoundedTape tape(INDArray x, INDArray delta) {
        try (MemoryWorkspace outside = Nd4j.getMemoryManager().scopeOutOfWorkspaces()) {
            int[] out = {(int) delta.size(2), (int) delta.size(3)};
            int multiplier = (int) (delta.size(1) / x.size(1));
            INDArray gradients = new DepthwiseGradients(x, layerConf(), convolutionMode, out, multiplier).of(delta);
            // DL4J's weights are [kernelHeight, kernelWidth, inChannels, multiplier].
            BoundedTape weights =
                    RowsTape.of(DepthwiseConvolutionParamInitializer.WEIGHT_KEY, gradients.permute(0, 2, 1, 3));
            return hasBias()
                    ? new CompositeTape(List.of(
                            weights, RowsTape.of(DepthwiseConvolutionParamInitializer.BIAS_KEY, delta.sum(2, 3))))
                    : weights;
        }
    }
}
