// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core.gradient;

import io.github.dl4jdp.core.internal.PlainTrainingGuard;
import io.github.dl4jdp.core.internal.arrays.HostArrays;
import io.github.dl4jdp.core.internal.arrays.InputGradients;
import io.github.dl4jdp.core.internal.arrays.ParameterViews;
import java.util.List;
import java.util.function.Supplier;
import org.deeplearning4j.nn.api.Layer;
import org.deeplearning4j.nn.conf.layers.BaseLayer;
import org.deeplearning4j.nn.gradient.DefaultGradient;
import org.deeplearning4j.nn.gradient.Gradient;
import org.deeplearning4j.nn.workspace.ArrayType;
import org.deeplearning4j.nn.workspace.LayerWorkspaceMgr;
import org.jspecify.annotations.Nullable;
import org.nd4j.common.primitives.Pair;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.memory.MemoryWorkspace;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/**
 * The backward pass of a layer without a rule of its own: the batch's input gradient comes from DL4J, and the per-example gradients
 * from DL4J too, one example at a time, see {@link SliceTape}.
 */
final class SlicePass {
    private final Layer hooked;
    private final TapeRecorder recorder;
    private final ScratchGradients scratch;
    private final boolean forwardFirst;
    private final boolean inputGradientApart;
    private @Nullable Layer worker;

    SlicePass(Layer hooked, TapeRecorder recorder) {
        this(hooked, recorder, false, false);
    }

    /**
     * @param forwardFirst whether the layer's backward pass needs what its forward pass keeps besides the input
     * @param inputGradientApart whether the input gradient comes from single examples too, where that of a batch is not known to keep them apart
     */
    SlicePass(Layer hooked, TapeRecorder recorder, boolean forwardFirst, boolean inputGradientApart) {
        this.hooked = hooked;
        this.forwardFirst = forwardFirst;
        this.inputGradientApart = inputGradientApart;
        this.recorder = recorder;
        this.scratch = new ScratchGradients(hooked);
    }

    /** What of a layer's configuration one example at a time cannot reproduce, with the remedy. */
    static List<String> problems(Layer layer) {
        return layer.conf().getLayer() instanceof BaseLayer conf && PlainTrainingGuard.noiseOf(conf) != null
                ? List.of("weight noise has no per-example rule with this layer; build it without weightNoise")
                : List.of();
    }

    /**
     * The hooked layer's {@code backpropGradient}.
     *
     * @param backprop DL4J's own
     * @param input reads the layer's input, dropout applied
     * @param mask the layer's mask, first dimension as that of the input
     */
    Pair<Gradient, INDArray> backprop(
            INDArray epsilon,
            LayerWorkspaceMgr workspaceMgr,
            Supplier<Pair<Gradient, INDArray>> backprop,
            Supplier<INDArray> input,
            @Nullable INDArray mask) {
        int examples = recorder.examples();
        INDArray own = HostArrays.detached(epsilon);
        var tape = new SliceTape(worker(), input.get(), mask, own, examples, forwardFirst);
        INDArray below;
        if (!recorder.needsInputGradient()) {
            below = InputGradients.placeholder(input.get(), workspaceMgr);
        } else if (inputGradientApart) {
            below = workspaceMgr.dup(ArrayType.ACTIVATION_GRAD, tape.inputGradient());
        } else {
            below = scratch.inputGradient(backprop);
        }
        recorder.record(tape);
        Gradient gradient = new DefaultGradient();
        ParameterViews.of(hooked.conf(), hooked.getGradientsViewArray()).forEach(gradient::setGradientFor);
        return new Pair<>(gradient, below);
    }

    /** A layer of DL4J's over the same parameters, without dropout: the input has it already. */
    private Layer worker() {
        Layer current = worker;
        if (current == null) {
            try (MemoryWorkspace outside = Nd4j.getMemoryManager().scopeOutOfWorkspaces()) {
                current = worker(hooked, hooked.params());
            }
            worker = current;
        }
        return current;
    }

    /** A layer like {@code layer} over given parameters, without dropout and with a gradient view of its own. */
    static Layer worker(Layer layer, INDArray params) {
        var conf = layer.conf().clone();
        var layerConf = conf.getLayer().clone();
        layerConf.setIDropout(null);
        conf.setLayer(layerConf);
        if (layer.numParams() == 0) {
            return layerConf.instantiate(conf, List.of(), layer.getIndex(), null, false, DataType.FLOAT);
        }
        Layer worker = layerConf.instantiate(
                conf, List.of(), layer.getIndex(), params.reshape(params.length()), false, params.dataType());
        worker.setBackpropGradientsViewArray(Nd4j.create(params.dataType(), params.length()));
        return worker;
    }
}
