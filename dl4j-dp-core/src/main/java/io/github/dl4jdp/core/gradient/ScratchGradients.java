// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core.gradient;

import io.github.dl4jdp.core.internal.arrays.InputGradients;
import java.util.function.Supplier;
import org.deeplearning4j.nn.api.Layer;
import org.deeplearning4j.nn.gradient.Gradient;
import org.deeplearning4j.nn.workspace.LayerWorkspaceMgr;
import org.jspecify.annotations.Nullable;
import org.nd4j.common.primitives.Pair;
import org.nd4j.linalg.api.memory.MemoryWorkspace;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/** Computes the input gradient of a batch by DL4J's own backward pass; its weight gradients go to an array that is never read. */
final class ScratchGradients {
    private final Layer layer;
    private @Nullable INDArray scratch;

    /** @param layer the hooked layer */
    ScratchGradients(Layer layer) {
        this.layer = layer;
    }

    /** The input gradient where somebody needs it. */
    INDArray below(TapeRecorder recorder, LayerWorkspaceMgr workspaceMgr, Supplier<Pair<Gradient, INDArray>> backprop) {
        return recorder.needsInputGradient()
                ? inputGradient(backprop)
                : InputGradients.placeholder(layer.input(), workspaceMgr);
    }

    /** Runs DL4J's backward pass; the layer's gradient views keep what they hold. */
    INDArray inputGradient(Supplier<Pair<Gradient, INDArray>> backprop) {
        INDArray views = layer.getGradientsViewArray();
        INDArray sink = scratch;
        if (sink == null) {
            try (MemoryWorkspace outside = Nd4j.getMemoryManager().scopeOutOfWorkspaces()) {
                sink = Nd4j.create(views.dataType(), views.shape());
            }
            scratch = sink;
        }
        layer.setBackpropGradientsViewArray(sink);
        try {
            return backprop.get().getSecond();
        } finally {
            layer.setBackpropGradientsViewArray(views);
            sink.assign(0);
        }
    }
}
