// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core.gradient;

import java.util.List;
import java.util.stream.Stream;
import org.deeplearning4j.nn.api.Layer;
import org.deeplearning4j.nn.gradient.Gradient;
import org.deeplearning4j.nn.layers.recurrent.GravesLSTM;
import org.deeplearning4j.nn.workspace.LayerWorkspaceMgr;
import org.nd4j.common.primitives.Pair;
import org.nd4j.linalg.api.ndarray.INDArray;

/** The LSTM with peepholes (Graves 2012), see {@link LstmPass}. */
@SuppressWarnings("deprecation") // DL4J calls the layer deprecated, and networks with it exist
final class GravesLstmRule implements PerExampleGradientRule {
    @Override
    public Class<? extends Layer> layerClass() {
        return GravesLSTM.class;
    }

    @Override
    public List<String> problems(Layer layer) {
        var conf = ((GravesLSTM) layer).layerConf();
        return Stream.of(conf.getActivationFn(), conf.getGateActivationFn())
                .flatMap(activation -> ElementwiseActivations.problems(activation).stream())
                .toList();
    }

    @Override
    public String path() {
        return "Gram matrices or per-example products, whichever is cheaper";
    }

    @Override
    public Layer hook(Layer layer, TapeRecorder recorder) {
        var hooked = new Hooked((GravesLSTM) layer, recorder);
        LayerState.share((GravesLSTM) layer, hooked);
        return hooked;
    }

    private static final class Hooked extends GravesLSTM {
        private static final long serialVersionUID = 1L;
        private final transient TapeRecorder recorder;
        private final transient LstmPass pass;

        Hooked(GravesLSTM layer, TapeRecorder recorder) {
            super(layer.conf(), layer.getDataType());
            this.recorder = recorder;
            this.pass = new LstmPass(
                    recorder,
                    layerConf().getNOut(),
                    layerConf().getActivationFn(),
                    layerConf().getGateActivationFn(),
                    true);
        }

        @Override
        public INDArray activate(INDArray input, boolean training, LayerWorkspaceMgr workspaceMgr) {
            setInput(input, workspaceMgr);
            return activate(training, workspaceMgr);
        }

        @Override
        public INDArray activate(boolean training, LayerWorkspaceMgr workspaceMgr) {
            if (!training || !recorder.isRecording()) {
                return super.activate(training, workspaceMgr);
            }
            return permuteIfNWC(forward(workspaceMgr));
        }

        private INDArray forward(LayerWorkspaceMgr workspaceMgr) {
            applyDropOutIfNecessary(true, workspaceMgr);
            return pass.forward(
                    permuteIfNWC(input.castTo(dataType)),
                    key -> getParamWithNoise(key, true, workspaceMgr),
                    maskArray,
                    workspaceMgr);
        }

        @Override
        public Pair<Gradient, INDArray> backpropGradient(INDArray epsilon, LayerWorkspaceMgr workspaceMgr) {
            assertInputSet(true);
            recorder.examples(); // refuses a batch that is not recorded
            if (!pass.hasForward()) {
                forward(workspaceMgr); // a frozen layer runs as in inference and passes gradients on as in training
            }
            LayerTape tape =
                    pass.backward(permuteIfNWC(epsilon), key -> getParamWithNoise(key, true, workspaceMgr), maskArray);
            INDArray below = InputGradients.placeholder(input, workspaceMgr);
            if (recorder.needsInputGradient()) {
                INDArray series = pass.inputGradient(key -> getParamWithNoise(key, true, workspaceMgr), workspaceMgr);
                below = backpropDropOutIfPresent(permuteIfNWC(series)); // the mask has the input's format
            }
            recorder.record(tape);
            weightNoiseParams.clear();
            return new Pair<>(InputGradients.views(gradientViews), below);
        }
    }
}
