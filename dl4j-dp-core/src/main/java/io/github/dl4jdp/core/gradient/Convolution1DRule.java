// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core.gradient;

import io.github.dl4jdp.core.internal.arrays.InputGradients;
import io.github.dl4jdp.core.internal.arrays.PatchGeometry;
import io.github.dl4jdp.core.internal.arrays.Slices;
import io.github.dl4jdp.core.internal.arrays.Sums;
import io.github.dl4jdp.core.internal.arrays.TimeMajor;
import java.util.List;
import org.deeplearning4j.nn.conf.RNNFormat;
import org.deeplearning4j.nn.gradient.Gradient;
import org.deeplearning4j.nn.layers.convolution.Convolution1DLayer;
import org.deeplearning4j.nn.params.ConvolutionParamInitializer;
import org.deeplearning4j.nn.workspace.LayerWorkspaceMgr;
import org.deeplearning4j.util.ConvolutionUtils;
import org.nd4j.common.primitives.Pair;
import org.nd4j.linalg.api.memory.MemoryWorkspace;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/** The one-dimensional convolution, see {@link SequenceTape}. */
final class Convolution1DRule extends Convolution1DLayer {
    private static final long serialVersionUID = 1L;
    static final LayerRule RULE = LayerRule.of(Convolution1DLayer.class, LayerRule.SEQUENCE, Convolution1DRule::new)
            .refusing(layer -> ((Convolution1DLayer) layer).layerConf().getRnnDataFormat() == RNNFormat.NWC
                    ? List.of(
                            "its backward pass in the format NWC is wrong in DL4J 1.0.0-M2.1 itself; use RNNFormat.NCW")
                    : List.of());

    private final transient TapeRecorder recorder;
    private final transient ScratchGradients scratch;

    private Convolution1DRule(Convolution1DLayer layer, TapeRecorder recorder) {
        super(layer.conf(), layer.getDataType());
        this.recorder = recorder;
        this.scratch = new ScratchGradients(this);
    }

    @Override
    public Pair<Gradient, INDArray> backpropGradient(INDArray epsilon, LayerWorkspaceMgr workspaceMgr) {
        assertInputSet(true);
        recorder.examples(); // refuses a batch that is not recorded
        INDArray z = preOutput(false, true, workspaceMgr).getFirst();
        INDArray delta = layerConf().getActivationFn().backprop(z, epsilon).getFirst();
        BoundedTape tape = tape(input.castTo(dataType), delta);
        INDArray below = scratch.below(recorder, workspaceMgr, () -> super.backpropGradient(epsilon, workspaceMgr));
        recorder.record(tape);
        weightNoiseParams.clear();
        return new Pair<>(InputGradients.views(gradientViews), below);
    }

    /** The padding is made by hand: it differs by mode, and the causal one is not symmetric. */
    private BoundedTape tape(INDArray x, INDArray delta) {
        var conf = layerConf();
        int[] kernel = {conf.getKernelSize()[0], 1};
        int[] strides = {conf.getStride()[0], 1};
        int[] dilation = {conf.getDilation()[0], 1};
        int[] out = {(int) delta.size(2), 1};
        int length = (int) x.size(2);
        int left =
                switch (convolutionMode) {
                    case Same ->
                        ConvolutionUtils.getSameModeTopLeftPadding(
                                out, new int[] {length, 1}, kernel, strides, dilation)[0];
                    case Causal -> (kernel[0] - 1) * dilation[0];
                    case Strict, Truncate -> conf.getPadding()[0];
                };
        int needed = (out[0] - 1) * strides[0] + (kernel[0] - 1) * dilation[0] + 1;
        try (MemoryWorkspace outside = Nd4j.getMemoryManager().scopeOutOfWorkspaces()) {
            INDArray padded = Nd4j.create(x.dataType(), new long[] {x.size(0), x.size(1), needed, 1}, 'c');
            int used = Math.min(length, needed - left);
            Slices.at(Slices.range(padded, 2, left, (long) left + used), 3, 0).assign(Slices.range(x, 2, 0, used));
            var geometry = new PatchGeometry(
                    (int) delta.size(1), (int) x.size(1), kernel, strides, new int[] {0, 0}, dilation, out, false);
            INDArray patches = geometry.patches(padded).permute(1, 0, 2).dup('c');
            INDArray factor = hasBias() ? TimeMajor.withOnes(patches) : patches;
            return new SequenceTape(
                    List.of(new SequenceTape.Factor(factor, target(x.size(1), kernel[0], hasBias()))),
                    delta.permute(2, 0, 1).dup('c'));
        }
    }

    /** DL4J's weights have the shape [nOut, nIn, kernel, 1] and are used as if it were [kernel, nIn, nOut]. */
    private static SequenceTape.Target target(long nIn, long kernel, boolean hasBias) {
        return (parameters, product) -> {
            long nOut = product.size(1);
            INDArray weights =
                    Slices.range(product, 0, 0, nIn * kernel).dup('c').reshape('c', nIn, kernel, nOut);
            Sums.add(
                    Sums.parameter(parameters, ConvolutionParamInitializer.WEIGHT_KEY)
                            .reshape('c', kernel, nIn, nOut),
                    weights.permute(1, 0, 2));
            if (hasBias) {
                Sums.add(parameters, ConvolutionParamInitializer.BIAS_KEY, Slices.at(product, 0, nIn * kernel));
            }
        };
    }
}
