// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core.gradient;

import io.github.dl4jdp.core.internal.arrays.CpuActivation;
import io.github.dl4jdp.core.internal.arrays.CpuBlas;
import io.github.dl4jdp.core.internal.arrays.CpuElements;
import io.github.dl4jdp.core.internal.arrays.HostArrays;
import io.github.dl4jdp.core.internal.arrays.ParallelRanges;
import java.util.List;
import org.deeplearning4j.nn.api.Layer;
import org.deeplearning4j.nn.gradient.DefaultGradient;
import org.deeplearning4j.nn.gradient.Gradient;
import org.deeplearning4j.nn.layers.ActivationLayer;
import org.deeplearning4j.nn.workspace.ArrayType;
import org.deeplearning4j.nn.workspace.LayerWorkspaceMgr;
import org.jspecify.annotations.Nullable;
import org.nd4j.common.primitives.Pair;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * An activation function has no parameters and treats each number on its own. The usual ones of FLOAT networks are applied here on the CPU backend, in one pass over
 * memory each way; DL4J copies input and output once more.
 */
final class ActivationRule extends ActivationLayer {
    private static final long serialVersionUID = 1L;
    static final LayerRule RULE = new LayerRule(
            ActivationLayer.class,
            LayerRule.NO_PARAMETERS,
            layer -> List.of(),
            (layer, recorder) -> hook((ActivationLayer) layer, recorder));

    private final transient TapeRecorder recorder;
    private final transient CpuActivation activation;
    private final transient CpuElements elements;
    /** Of the last recorded pass. */
    private transient @Nullable INDArray output;

    private ActivationRule(ActivationLayer layer, CpuActivation activation, TapeRecorder recorder) {
        super(layer.conf(), layer.getDataType());
        this.recorder = recorder;
        this.activation = activation;
        elements = new CpuElements(new ParallelRanges(recorder.threads()));
    }

    private static Layer hook(ActivationLayer original, TapeRecorder recorder) {
        CpuActivation activation = CpuActivation.of(original.layerConf().getActivationFn());
        if (CpuBlas.find() == null
                || original.getDataType() != DataType.FLOAT
                || activation == null
                || activation == CpuActivation.IDENTITY) {
            return original;
        }
        var hooked = new ActivationRule(original, activation, recorder);
        LayerRule.place(original, hooked);
        return hooked;
    }

    @Override
    public INDArray activate(boolean training, LayerWorkspaceMgr workspaceMgr) {
        output = null;
        if (!training || !recorder.isRecording() || input == null || !isUsual(input)) {
            return super.activate(training, workspaceMgr);
        }
        INDArray out = workspaceMgr.createUninitialized(ArrayType.ACTIVATIONS, DataType.FLOAT, input.shape(), 'c');
        elements.apply(activation, input, out);
        output = out;
        return out;
    }

    private static boolean isUsual(INDArray array) {
        return array.dataType() == DataType.FLOAT && HostArrays.isContiguous(array);
    }

    @Override
    public Pair<Gradient, INDArray> backpropGradient(INDArray epsilon, LayerWorkspaceMgr workspaceMgr) {
        INDArray out = output;
        if (out == null) {
            return super.backpropGradient(epsilon, workspaceMgr);
        }
        output = null;
        INDArray below = workspaceMgr.createUninitialized(ArrayType.ACTIVATION_GRAD, DataType.FLOAT, out.shape(), 'c');
        elements.multiplySlope(activation, HostArrays.contiguous(epsilon.castTo(DataType.FLOAT)), out, below);
        return new Pair<>(new DefaultGradient(), below);
    }
}
