// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core.gradient;

import io.github.dl4jdp.core.internal.arrays.InputGradients;
import io.github.dl4jdp.core.internal.arrays.PatchGeometry;
import io.github.dl4jdp.core.internal.arrays.Sums;
import java.util.List;
import org.deeplearning4j.nn.conf.CNN2DFormat;
import org.deeplearning4j.nn.conf.ConvolutionMode;
import org.deeplearning4j.nn.gradient.Gradient;
import org.deeplearning4j.nn.layers.convolution.Deconvolution2DLayer;
import org.deeplearning4j.nn.params.DeconvolutionParamInitializer;
import org.deeplearning4j.nn.workspace.LayerWorkspaceMgr;
import org.deeplearning4j.util.ConvolutionUtils;
import org.nd4j.common.primitives.Pair;
import org.nd4j.linalg.api.memory.MemoryWorkspace;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/** The transposed convolution: with the patches of the delta under every position of the input, {@code dW_i = X_i^T P(D_i)}, see
 * {@link SequenceTape}. */
final class Deconvolution2DRule extends Deconvolution2DLayer {
    private static final long serialVersionUID = 1L;
    static final LayerRule RULE =
            LayerRule.of(Deconvolution2DLayer.class, LayerRule.SEQUENCE, Deconvolution2DRule::new);

    private final transient TapeRecorder recorder;
    private final transient ScratchGradients scratch;

    private Deconvolution2DRule(Deconvolution2DLayer layer, TapeRecorder recorder) {
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
        BoundedTape tape = tape(toNchw(input.castTo(dataType)), toNchw(delta));
        INDArray below = scratch.below(recorder, workspaceMgr, () -> super.backpropGradient(epsilon, workspaceMgr));
        recorder.record(tape);
        weightNoiseParams.clear();
        return new Pair<>(InputGradients.views(gradientViews), below);
    }

    private BoundedTape tape(INDArray x, INDArray delta) {
        try (MemoryWorkspace outside = Nd4j.getMemoryManager().scopeOutOfWorkspaces()) {
            var geometry = geometry(x, delta);
            INDArray left = x.permute(2, 3, 0, 1).dup('c').reshape('c', geometry.positions(), x.size(0), x.size(1));
            INDArray patches = geometry.patches(delta).permute(1, 0, 2).dup('c');
            var weights = new SequenceTape(
                    List.of(new SequenceTape.Factor(
                            left,
                            (parameters, product) ->
                                    Sums.add(parameters, DeconvolutionParamInitializer.WEIGHT_KEY, product))),
                    patches);
            return hasBias()
                    ? new CompositeTape(
                            List.of(weights, RowsTape.of(DeconvolutionParamInitializer.BIAS_KEY, delta.sum(2, 3))))
                    : weights;
        }
    }

    /** Of the convolution that this layer is the transpose of: from its output to its input. */
    private PatchGeometry geometry(INDArray x, INDArray delta) {
        int[] kernel = layerConf().getKernelSize();
        int[] strides = layerConf().getStride();
        int[] dilation = layerConf().getDilation();
        int[] to = {(int) x.size(2), (int) x.size(3)};
        int[] from = {(int) delta.size(2), (int) delta.size(3)};
        boolean same = convolutionMode == ConvolutionMode.Same;
        int[] pad = same
                ? ConvolutionUtils.getSameModeTopLeftPadding(to, from, kernel, strides, dilation)
                : layerConf().getPadding();
        return new PatchGeometry((int) x.size(1), (int) delta.size(1), kernel, strides, pad, dilation, to, same);
    }

    private INDArray toNchw(INDArray array) {
        return layerConf().getCnn2dDataFormat() == CNN2DFormat.NHWC ? array.permute(0, 3, 1, 2) : array;
    }
}
