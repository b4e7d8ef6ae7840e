// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core.gradient;

import java.util.List;
import org.deeplearning4j.nn.api.Layer;
import org.deeplearning4j.nn.gradient.Gradient;
import org.deeplearning4j.nn.layers.OutputLayer;
import org.deeplearning4j.nn.params.DefaultParamInitializer;
import org.deeplearning4j.nn.workspace.ArrayType;
import org.deeplearning4j.nn.workspace.LayerWorkspaceMgr;
import org.nd4j.common.primitives.Pair;
import org.nd4j.linalg.api.ndarray.INDArray;

/** The output layer: a dense layer whose delta is the derivative of the loss, see {@link OuterProductTape}. */
final class OutputRule implements PerExampleGradientRule {
    @Override
    public Class<? extends Layer> layerClass() {
        return OutputLayer.class;
    }

    @Override
    public List<String> problems(Layer layer) {
        return PerExampleLosses.problems(((OutputLayer) layer).layerConf().getLossFn());
    }

    @Override
    public String path() {
        return "outer product of input and delta";
    }

    @Override
    public Layer hook(Layer layer, TapeRecorder recorder) {
        var hooked = new Hooked((OutputLayer) layer, recorder);
        LayerState.share((OutputLayer) layer, hooked);
        return hooked;
    }

    private static final class Hooked extends OutputLayer {
        private static final long serialVersionUID = 1L;
        private final transient TapeRecorder recorder;

        Hooked(OutputLayer layer, TapeRecorder recorder) {
            super(layer.conf(), layer.getDataType());
            this.recorder = recorder;
        }

        @Override
        public Pair<Gradient, INDArray> backpropGradient(INDArray epsilon, LayerWorkspaceMgr workspaceMgr) {
            assertInputSet(true);
            INDArray z = preOutput2d(true, workspaceMgr);
            INDArray labels2d = getLabels2d(workspaceMgr, ArrayType.BP_WORKING_MEM);
            INDArray delta = layerConf()
                    .getLossFn()
                    .computeGradient(labels2d, z, layerConf().getActivationFn(), maskArray);
            INDArray weights = getParamWithNoise(DefaultParamInitializer.WEIGHT_KEY, true, workspaceMgr);
            INDArray below = InputGradients.dense(recorder, weights, delta, input, workspaceMgr);
            if (recorder.needsInputGradient()) {
                below = backpropDropOutIfPresent(below);
            }
            recorder.record(DenseTapes.of(recorder, input, delta, hasBias()));
            return new Pair<>(InputGradients.views(gradientViews), below);
        }
    }
}
