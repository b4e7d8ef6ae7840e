// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core.gradient;

import io.github.dl4jdp.core.internal.arrays.CpuActivation;
import io.github.dl4jdp.core.internal.arrays.CpuBlas;
import io.github.dl4jdp.core.internal.arrays.EqualShapes;
import io.github.dl4jdp.core.internal.arrays.HostArrays;
import io.github.dl4jdp.core.internal.arrays.InputGradients;
import io.github.dl4jdp.core.internal.arrays.ParallelRanges;
import io.github.dl4jdp.core.internal.arrays.PatchGeometry;
import org.deeplearning4j.nn.conf.CNN2DFormat;
import org.deeplearning4j.nn.conf.ConvolutionMode;
import org.deeplearning4j.nn.gradient.Gradient;
import org.deeplearning4j.nn.layers.convolution.ConvolutionLayer;
import org.deeplearning4j.nn.params.ConvolutionParamInitializer;
import org.deeplearning4j.nn.workspace.ArrayType;
import org.deeplearning4j.nn.workspace.LayerWorkspaceMgr;
import org.deeplearning4j.util.ConvolutionUtils;
import org.jspecify.annotations.Nullable;
import org.nd4j.common.primitives.Pair;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.convolution.Convolution;

/** The two-dimensional convolution layer, see {@link PatchTape}. */
final class ConvolutionRule extends ConvolutionLayer {
    private static final long serialVersionUID = 1L;
    static final LayerRule RULE = LayerRule.of(
            ConvolutionLayer.class,
            "per-example products of patches and delta, kept or recomputed for the sum",
            ConvolutionRule::new);

    private final transient TapeRecorder recorder;
    private final transient @Nullable CpuConvolution fast;
    private transient @Nullable INDArray output;

    private ConvolutionRule(ConvolutionLayer layer, TapeRecorder recorder) {
        super(layer.conf(), layer.getDataType());
        this.recorder = recorder;
        CpuBlas blas = CpuBlas.find();
        CpuActivation activation = CpuActivation.of(layerConf().getActivationFn());
        if (blas != null
                && activation != null
                && dataType == DataType.FLOAT
                && layerConf().getCnn2dDataFormat() == CNN2DFormat.NCHW) {
            recorder.sharesWork();
            recorder.keepsBitsOfRows();
            recorder.holds(layer.numParams());
            this.fast = new CpuConvolution(blas, activation, new ParallelRanges(recorder.threads()));
        } else {
            this.fast = null;
        }
    }

    @Override
    public INDArray activate(boolean training, LayerWorkspaceMgr workspaceMgr) {
        output = null;
        if (fast == null || !training || !recorder.isRecording() || input.size(0) != recorder.examples()) {
            return super.activate(training, workspaceMgr);
        }
        assertInputSet(false);
        validateInputRank();
        applyDropOutIfNecessary(true, workspaceMgr);
        INDArray weights = getParamWithNoise(ConvolutionParamInitializer.WEIGHT_KEY, true, workspaceMgr);
        INDArray bias = getParamWithNoise(ConvolutionParamInitializer.BIAS_KEY, true, workspaceMgr);
        INDArray x = input.castTo(dataType);
        validateInputDepth(weights.size(1));
        var g = geometry(x, weights);
        INDArray z = workspaceMgr.createUninitialized(
                ArrayType.ACTIVATIONS, dataType, new long[] {x.size(0), g.outChannels(), g.out()[0], g.out()[1]}, 'c');
        fast.forward(HostArrays.contiguous(x), HostArrays.contiguous(weights), hasBias() ? bias : null, z, g);
        output = z;
        return z;
    }

    private Pair<Gradient, INDArray> fastBackward(
            CpuConvolution convolution, INDArray out, INDArray epsilon, LayerWorkspaceMgr workspaceMgr) {
        INDArray weights = getParamWithNoise(ConvolutionParamInitializer.WEIGHT_KEY, true, workspaceMgr);
        INDArray x = HostArrays.contiguous(input.castTo(dataType));
        INDArray below = workspaceMgr.createUninitialized(ArrayType.ACTIVATION_GRAD, dataType, x.shape(), 'c');
        EqualShapes.requireAbove(epsilon, out.shape());
        var tape = convolution.backward(
                x,
                HostArrays.contiguous(weights),
                hasBias(),
                HostArrays.contiguous(epsilon.castTo(dataType)),
                out,
                recorder.needsInputGradient() ? below : null,
                geometry(x, weights));
        if (recorder.needsInputGradient()) {
            below = backpropDropOutIfPresent(below);
        }
        output = null;
        recorder.record(tape);
        weightNoiseParams.clear();
        return new Pair<>(InputGradients.views(gradientViews), below);
    }

    @Override
    public Pair<Gradient, INDArray> backpropGradient(INDArray epsilon, LayerWorkspaceMgr workspaceMgr) {
        assertInputSet(true);
        INDArray out = output;
        if (fast != null && out != null) {
            return fastBackward(fast, out, epsilon, workspaceMgr);
        }
        boolean nhwc = layerConf().getCnn2dDataFormat() == CNN2DFormat.NHWC;
        INDArray weights = getParamWithNoise(ConvolutionParamInitializer.WEIGHT_KEY, true, workspaceMgr);
        INDArray z = toNchw(preOutput4d(true, true, workspaceMgr).getFirst(), nhwc);
        INDArray eps = toNchw(epsilon.castTo(dataType), nhwc);
        INDArray x = toNchw(input.castTo(dataType), nhwc);
        INDArray delta = layerConf().getActivationFn().backprop(z, eps).getFirst();
        var geometry = geometry(x, weights);

        INDArray below = InputGradients.placeholder(input, workspaceMgr);
        if (recorder.needsInputGradient()) {
            INDArray xGradient = inputGradient(weights, delta, x, geometry, workspaceMgr);
            below = backpropDropOutIfPresent(nhwc ? xGradient.permute(0, 2, 3, 1) : xGradient);
        }
        recorder.record(
                x.size(0) == recorder.examples()
                        ? new PatchTape(x, delta, geometry, hasBias())
                        : PatchSequence.ofImages(x, delta, geometry, hasBias(), recorder.examples()));
        weightNoiseParams.clear();
        return new Pair<>(InputGradients.views(gradientViews), below);
    }

    private PatchGeometry geometry(INDArray x, INDArray weights) {
        int[] kernel = layerConf().getKernelSize();
        int[] strides = layerConf().getStride();
        int[] dilation = layerConf().getDilation();
        boolean same = convolutionMode == ConvolutionMode.Same;
        int[] configured = same ? null : layerConf().getPadding();
        int[] out = ConvolutionUtils.getOutputSize(
                x, kernel, strides, configured, convolutionMode, dilation, CNN2DFormat.NCHW);
        int[] in = {(int) x.size(2), (int) x.size(3)};
        int[] pad = configured != null
                ? configured
                : ConvolutionUtils.getSameModeTopLeftPadding(out, in, kernel, strides, dilation);
        return new PatchGeometry(
                (int) weights.size(0), (int) weights.size(1), kernel, strides, pad, dilation, out, same);
    }

    /** W^T delta, folded back from patches to the image: DL4J's own way. */
    private INDArray inputGradient(
            INDArray weights, INDArray delta, INDArray x, PatchGeometry g, LayerWorkspaceMgr workspaceMgr) {
        long batch = x.size(0);
        INDArray delta2d = delta.permute(1, 0, 2, 3).reshape('c', g.outChannels(), batch * g.positions());
        INDArray w2d = weights.permute(3, 2, 1, 0).reshape('f', g.patchSize(), g.outChannels());
        INDArray patches = w2d.mmul(delta2d)
                .reshape('f', g.kernel()[1], g.kernel()[0], g.inChannels(), g.out()[1], g.out()[0], batch)
                .permute(5, 2, 1, 0, 4, 3);
        INDArray into = workspaceMgr
                .createUninitialized(
                        ArrayType.ACTIVATION_GRAD,
                        patches.dataType(),
                        new long[] {g.inChannels(), batch, x.size(2), x.size(3)},
                        'c')
                .permute(1, 0, 2, 3);
        Convolution.col2im(
                patches,
                into,
                g.strides()[0],
                g.strides()[1],
                g.pad()[0],
                g.pad()[1],
                (int) x.size(2),
                (int) x.size(3),
                g.dilation()[0],
                g.dilation()[1]);
        return into;
    }

    private static INDArray toNchw(INDArray array, boolean nhwc) {
        return nhwc ? array.permute(0, 3, 1, 2) : array;
    }
}
