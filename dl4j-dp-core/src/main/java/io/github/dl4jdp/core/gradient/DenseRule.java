// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core.gradient;

import org.deeplearning4j.nn.api.Layer;
import org.deeplearning4j.nn.gradient.Gradient;
import org.deeplearning4j.nn.layers.feedforward.dense.DenseLayer;
import org.deeplearning4j.nn.params.DefaultParamInitializer;
import org.deeplearning4j.nn.workspace.LayerWorkspaceMgr;
import org.nd4j.common.primitives.Pair;
import org.nd4j.linalg.api.ndarray.INDArray;

/** The dense layer, see {@link OuterProductTape}. */
final class DenseRule implements PerExampleGradientRule {
    @Override
    public Class<? extends Layer> layerClass() {
        return DenseLayer.class;
    }

    @Override
    public String path() {
        return "outer product of input and delta";
    }

    @Override
    public Layer hook(Layer layer, TapeRecorder recorder) {
        var dense = (DenseLayer) layer;
        DenseLayer hooked = dense.hasLayerNorm() ? new NormalizedDense(dense, recorder) : new Hooked(dense, recorder);
        LayerState.share(dense, hooked);
        return hooked;
    }

    private static final class Hooked extends DenseLayer {
        private static final long serialVersionUID = 1L;
        private final transient TapeRecorder recorder;

        Hooked(DenseLayer layer, TapeRecorder recorder) {
            super(layer.conf(), layer.getDataType());
            this.recorder = recorder;
        }

        @Override
        public Pair<Gradient, INDArray> backpropGradient(INDArray epsilon, LayerWorkspaceMgr workspaceMgr) {
            assertInputSet(true);
            INDArray z = preOutput(true, workspaceMgr);
            INDArray delta = layerConf().getActivationFn().backprop(z, epsilon).getFirst();
            if (maskArray != null) {
                applyMask(delta);
            }
            INDArray weights = getParamWithNoise(DefaultParamInitializer.WEIGHT_KEY, true, workspaceMgr);
            INDArray below = InputGradients.dense(recorder, weights, delta, input, workspaceMgr);
            if (recorder.needsInputGradient()) {
                below = backpropDropOutIfPresent(below);
            }
            recorder.record(DenseTapes.of(recorder, input, delta, hasBias()));
            weightNoiseParams.clear();
            return new Pair<>(InputGradients.views(gradientViews), below);
        }
    }
}
