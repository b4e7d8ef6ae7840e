// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core.gradient;

import io.github.dl4jdp.core.internal.arrays.CpuBlas;
import io.github.dl4jdp.core.internal.arrays.CpuMaxPooling;
import io.github.dl4jdp.core.internal.arrays.EqualShapes;
import io.github.dl4jdp.core.internal.arrays.HostArrays;
import io.github.dl4jdp.core.internal.arrays.Nd4jBuild;
import io.github.dl4jdp.core.internal.arrays.ParallelRanges;
import java.util.Arrays;
import java.util.List;
import org.deeplearning4j.nn.api.Layer;
import org.deeplearning4j.nn.conf.CNN2DFormat;
import org.deeplearning4j.nn.conf.ConvolutionMode;
import org.deeplearning4j.nn.conf.layers.PoolingType;
import org.deeplearning4j.nn.gradient.DefaultGradient;
import org.deeplearning4j.nn.gradient.Gradient;
import org.deeplearning4j.nn.layers.convolution.subsampling.SubsamplingLayer;
import org.deeplearning4j.nn.workspace.ArrayType;
import org.deeplearning4j.nn.workspace.LayerWorkspaceMgr;
import org.deeplearning4j.util.ConvolutionUtils;
import org.nd4j.common.primitives.Pair;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * Subsampling has no parameters and treats each example on its own. Max pooling of FLOAT, NCHW networks is done here on the CPU backend, since DL4J's
 * generic operation would take a third of a small network's step.
 */
final class SubsamplingRule extends SubsamplingLayer {
    private static final long serialVersionUID = 1L;
    static final LayerRule RULE = new LayerRule(
            SubsamplingLayer.class,
            LayerRule.NO_PARAMETERS,
            layer -> List.of(),
            (layer, recorder) -> hook((SubsamplingLayer) layer, recorder));

    private final transient TapeRecorder recorder;
    /** Where the maxima of the last recorded pass came from; used again by the next. */
    private transient int[] winners = new int[0];

    private transient boolean pooled;

    private SubsamplingRule(SubsamplingLayer layer, TapeRecorder recorder) {
        super(layer.conf(), layer.getDataType());
        this.recorder = recorder;
    }

    private static Layer hook(SubsamplingLayer original, TapeRecorder recorder) {
        boolean fast = CpuBlas.find() != null
                && original.getDataType() == DataType.FLOAT
                && original.layerConf().getPoolingType() == PoolingType.MAX
                && original.layerConf().getCnn2dDataFormat() == CNN2DFormat.NCHW;
        // ND4J's pooling by oneDNN takes no notice of holes: what is trained must be what is used later.
        boolean holes = Arrays.stream(original.layerConf().getDilation()).anyMatch(d -> d != 1);
        if (!fast || (holes && Nd4jBuild.usesOneDnn())) {
            return original;
        }
        var hooked = new SubsamplingRule(original, recorder);
        LayerRule.place(original, hooked);
        return hooked;
    }

    @Override
    public INDArray activate(boolean training, LayerWorkspaceMgr workspaceMgr) {
        pooled = false;
        if (!training || !recorder.isRecording() || input == null || input.rank() != 4) {
            return super.activate(training, workspaceMgr);
        }
        INDArray x = HostArrays.contiguous(input.castTo(dataType));
        CpuMaxPooling pooling = pooling(x);
        INDArray out = workspaceMgr.createUninitialized(
                ArrayType.ACTIVATIONS,
                dataType,
                new long[] {x.size(0), x.size(1), pooling.outHeight(), pooling.outWidth()},
                'c');
        if (winners.length < out.length()) {
            winners = new int[Math.toIntExact(out.length())];
        }
        pooling.forward(x, out, winners);
        pooled = true;
        return out;
    }

    @Override
    public Pair<Gradient, INDArray> backpropGradient(INDArray epsilon, LayerWorkspaceMgr workspaceMgr) {
        if (!pooled) {
            return super.backpropGradient(epsilon, workspaceMgr);
        }
        pooled = false;
        INDArray below = workspaceMgr.createUninitialized(ArrayType.ACTIVATION_GRAD, dataType, input.shape(), 'c');
        CpuMaxPooling pooling = pooling(input);
        EqualShapes.requireAbove(epsilon, input.size(0), input.size(1), pooling.outHeight(), pooling.outWidth());
        pooling.backward(winners, HostArrays.contiguous(epsilon.castTo(dataType)), below);
        return new Pair<>(new DefaultGradient(), below);
    }

    private CpuMaxPooling pooling(INDArray x) {
        int[] kernel = layerConf().getKernelSize();
        int[] strides = layerConf().getStride();
        int[] dilation = layerConf().getDilation();
        int[] configured =
                convolutionMode == ConvolutionMode.Same ? null : layerConf().getPadding();
        int[] in = {(int) x.size(2), (int) x.size(3)};
        int[] out = ConvolutionUtils.getOutputSize(
                x, kernel, strides, configured, convolutionMode, dilation, CNN2DFormat.NCHW);
        int[] pad = configured != null
                ? configured
                : ConvolutionUtils.getSameModeTopLeftPadding(out, in, kernel, strides, dilation);
        return new CpuMaxPooling(kernel, strides, pad, dilation, in, out, new ParallelRanges(recorder.threads()));
    }
}
