// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core.gradient;

import io.github.dl4jdp.core.internal.arrays.InputGradients;
import io.github.dl4jdp.core.internal.arrays.Slices;
import io.github.dl4jdp.core.internal.arrays.Sums;
import io.github.dl4jdp.core.internal.arrays.TimeMajor;
import java.util.List;
import org.deeplearning4j.nn.gradient.Gradient;
import org.deeplearning4j.nn.layers.convolution.SeparableConvolution2DLayer;
import org.deeplearning4j.nn.params.SeparableConvolutionParamInitializer;
import org.deeplearning4j.nn.workspace.LayerWorkspaceMgr;
import org.nd4j.common.primitives.Pair;
import org.nd4j.linalg.api.memory.MemoryWorkspace;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/** The separable convolution: a depthwise one, see {@link DepthwiseGradients}, and a pointwise one over its output, see {@link SequenceTape}. */
final class SeparableConvolution2DRule extends SeparableConvolution2DLayer {
    private static final long serialVersionUID = 1L;
    static final LayerRule RULE = LayerRule.of(
            SeparableConvolution2DLayer.class,
            "per-example gradients (depthwise); Gram matrices or per-example products (pointwise)",
            SeparableConvolution2DRule::new);

    private final transient TapeRecorder recorder;
    private final transient ScratchGradients scratch;

    private SeparableConvolution2DRule(SeparableConvolution2DLayer layer, TapeRecorder recorder) {
        super(layer.conf(), layer.getDataType());
        this.recorder = recorder;
        this.scratch = new ScratchGradients(this);
    }

    @Override
    public Pair<Gradient, INDArray> backpropGradient(INDArray epsilon, LayerWorkspaceMgr workspaceMgr) {
        assertInputSet(true);
        recorder.examples(); // refuses a batch that is not recorded
        INDArray depth =
                getParamWithNoise(SeparableConvolutionParamInitializer.DEPTH_WISE_WEIGHT_KEY, true, workspaceMgr);
        INDArray point =
                getParamWithNoise(SeparableConvolutionParamInitializer.POINT_WISE_WEIGHT_KEY, true, workspaceMgr);
        INDArray z = preOutput4d(true, true, workspaceMgr).getFirst();
        INDArray delta = layerConf().getActivationFn().backprop(z, epsilon).getFirst();
        var format = layerConf().getCnn2dDataFormat();
        BoundedTape tape = tape(
                DepthwiseGradients.toNchw(input.castTo(dataType), format),
                DepthwiseGradients.toNchw(delta, format),
                depth,
                point);
        INDArray below = scratch.below(recorder, workspaceMgr, () -> super.backpropGradient(epsilon, workspaceMgr));
        recorder.record(tape);
        weightNoiseParams.clear();
        return new Pair<>(InputGradients.views(gradientViews), below);
    }

    private BoundedTape tape(INDArray x, INDArray delta, INDArray depth, INDArray point) {
        try (MemoryWorkspace outside = Nd4j.getMemoryManager().scopeOutOfWorkspaces()) {
            int[] out = {(int) delta.size(2), (int) delta.size(3)};
            long examples = x.size(0);
            long outChannels = delta.size(1);
            long middle = point.size(1);
            long positions = (long) out[0] * out[1];
            var depthwise = new DepthwiseGradients(x, layerConf(), convolutionMode, out, (int) depth.size(0));
            INDArray d = delta.permute(1, 0, 2, 3).dup('c').reshape('c', outChannels, examples * positions);
            INDArray middleDelta = point.reshape('c', outChannels, middle)
                    .transpose()
                    .mmul(d)
                    .dup('c')
                    .reshape('c', middle, examples, positions)
                    .permute(1, 0, 2);
            INDArray left = depthwise.forward(depth, examples).permute(2, 0, 1).dup('c');
            INDArray rows = delta.permute(2, 3, 0, 1).dup('c').reshape('c', positions, examples, outChannels);
            // DL4J's depthwise weights are [multiplier, inChannels, kernelHeight, kernelWidth].
            return new CompositeTape(List.of(
                    RowsTape.of(
                            SeparableConvolutionParamInitializer.DEPTH_WISE_WEIGHT_KEY,
                            depthwise.of(middleDelta).permute(0, 3, 1, 2)),
                    new SequenceTape(
                            List.of(new SequenceTape.Factor(
                                    hasBias() ? TimeMajor.withOnes(left) : left, target(middle, hasBias()))),
                            rows)));
        }
    }

    private static SequenceTape.Target target(long middle, boolean hasBias) {
        return (parameters, product) -> {
            Sums.add(
                    Sums.parameter(parameters, SeparableConvolutionParamInitializer.POINT_WISE_WEIGHT_KEY)
                            .reshape('c', product.size(1), middle)
                            .transpose(),
                    Slices.range(product, 0, 0, middle));
            if (hasBias) {
                Sums.add(parameters, SeparableConvolutionParamInitializer.BIAS_KEY, Slices.at(product, 0, middle));
            }
        };
    }
}
