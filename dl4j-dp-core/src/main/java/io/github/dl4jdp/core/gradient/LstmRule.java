// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core.gradient;

import io.github.dl4jdp.core.internal.arrays.ElementwiseActivations;
import io.github.dl4jdp.core.internal.arrays.InputGradients;
import java.util.List;
import java.util.stream.Stream;
import org.deeplearning4j.nn.api.Layer;
import org.deeplearning4j.nn.conf.layers.AbstractLSTM;
import org.deeplearning4j.nn.gradient.Gradient;
import org.deeplearning4j.nn.layers.recurrent.GravesLSTM;
import org.deeplearning4j.nn.layers.recurrent.LSTM;
import org.deeplearning4j.nn.workspace.LayerWorkspaceMgr;
import org.nd4j.common.primitives.Pair;
import org.nd4j.linalg.api.ndarray.INDArray;

/** The LSTM without peepholes, and with them (Graves 2012), see {@link LstmPass}. */
@SuppressWarnings("deprecation") // DL4J calls GravesLSTM deprecated, and networks with it exist
final class LstmRule {
    static final LayerRule RULE =
            LayerRule.of(LSTM.class, LayerRule.SEQUENCE, Plain::new).refusing(LstmRule::problems);
    static final LayerRule PEEPHOLES =
            LayerRule.of(GravesLSTM.class, LayerRule.SEQUENCE, Peepholes::new).refusing(LstmRule::problems);

    private LstmRule() {}

    private static List<String> problems(Layer layer) {
        var conf = (AbstractLSTM) layer.conf().getLayer();
        return Stream.of(conf.getActivationFn(), conf.getGateActivationFn())
                .flatMap(activation -> ElementwiseActivations.problems(activation).stream())
                .toList();
    }

    /** What both layers do; the methods without a body are those of DL4J's classes. */
    private interface Hooked extends Layer {
        LstmPass pass();

        INDArray dropOut(LayerWorkspaceMgr workspaceMgr);

        INDArray backThroughDropOut(INDArray gradient);

        INDArray inFormat(INDArray series);

        INDArray parameter(String key, LayerWorkspaceMgr workspaceMgr);

        /** [B, nOut, T]. */
        default INDArray forward(LayerWorkspaceMgr workspaceMgr) {
            INDArray x = inFormat(dropOut(workspaceMgr));
            return pass().forward(x, key -> parameter(key, workspaceMgr), getMaskArray(), workspaceMgr);
        }

        /** Records the tape, and gives the gradient of the input. */
        default INDArray backward(INDArray epsilon, LayerWorkspaceMgr workspaceMgr, TapeRecorder recorder) {
            recorder.examples(); // refuses a batch that is not recorded
            if (!pass().hasForward()) {
                forward(workspaceMgr); // a frozen layer runs as in inference and passes gradients on as in training
            }
            INDArray mask = this instanceof Peepholes ? getMaskArray() : null;
            LayerTape tape = pass().backward(inFormat(epsilon), key -> parameter(key, workspaceMgr), mask);
            INDArray below = InputGradients.placeholder(input(), workspaceMgr);
            if (recorder.needsInputGradient()) {
                INDArray series = pass().inputGradient(key -> parameter(key, workspaceMgr), workspaceMgr);
                below = backThroughDropOut(inFormat(series)); // the mask has the input's format
            }
            recorder.record(tape);
            return below;
        }
    }

    private static final class Plain extends LSTM implements Hooked {
        private static final long serialVersionUID = 1L;
        private final transient TapeRecorder recorder;
        private final transient LstmPass pass;

        Plain(LSTM layer, TapeRecorder recorder) {
            super(layer.conf(), layer.getDataType());
            this.recorder = recorder;
            this.pass = new LstmPass(recorder, layerConf(), false);
        }

        @Override
        public INDArray activate(INDArray input, boolean training, LayerWorkspaceMgr workspaceMgr) {
            setInput(input, workspaceMgr);
            return activate(training, workspaceMgr);
        }

        @Override
        public INDArray activate(boolean training, LayerWorkspaceMgr workspaceMgr) {
            return training && recorder.isRecording()
                    ? permuteIfNWC(forward(workspaceMgr))
                    : super.activate(training, workspaceMgr);
        }

        @Override
        public Pair<Gradient, INDArray> backpropGradient(INDArray epsilon, LayerWorkspaceMgr workspaceMgr) {
            assertInputSet(true);
            INDArray below = backward(epsilon, workspaceMgr, recorder);
            weightNoiseParams.clear();
            return new Pair<>(InputGradients.views(gradientViews), below);
        }

        @Override
        public LstmPass pass() {
            return pass;
        }

        @Override
        public INDArray dropOut(LayerWorkspaceMgr workspaceMgr) {
            applyDropOutIfNecessary(true, workspaceMgr);
            return input.castTo(dataType);
        }

        @Override
        public INDArray backThroughDropOut(INDArray gradient) {
            return backpropDropOutIfPresent(gradient);
        }

        @Override
        public INDArray inFormat(INDArray series) {
            return permuteIfNWC(series);
        }

        @Override
        public INDArray parameter(String key, LayerWorkspaceMgr workspaceMgr) {
            return getParamWithNoise(key, true, workspaceMgr);
        }
    }

    private static final class Peepholes extends GravesLSTM implements Hooked {
        private static final long serialVersionUID = 1L;
        private final transient TapeRecorder recorder;
        private final transient LstmPass pass;

        Peepholes(GravesLSTM layer, TapeRecorder recorder) {
            super(layer.conf(), layer.getDataType());
            this.recorder = recorder;
            this.pass = new LstmPass(recorder, layerConf(), true);
        }

        @Override
        public INDArray activate(INDArray input, boolean training, LayerWorkspaceMgr workspaceMgr) {
            setInput(input, workspaceMgr);
            return activate(training, workspaceMgr);
        }

        @Override
        public INDArray activate(boolean training, LayerWorkspaceMgr workspaceMgr) {
            return training && recorder.isRecording()
                    ? permuteIfNWC(forward(workspaceMgr))
                    : super.activate(training, workspaceMgr);
        }

        @Override
        public Pair<Gradient, INDArray> backpropGradient(INDArray epsilon, LayerWorkspaceMgr workspaceMgr) {
            assertInputSet(true);
            INDArray below = backward(epsilon, workspaceMgr, recorder);
            weightNoiseParams.clear();
            return new Pair<>(InputGradients.views(gradientViews), below);
        }

        @Override
        public LstmPass pass() {
            return pass;
        }

        @Override
        public INDArray dropOut(LayerWorkspaceMgr workspaceMgr) {
            applyDropOutIfNecessary(true, workspaceMgr);
            return input.castTo(dataType);
        }

        @Override
        public INDArray backThroughDropOut(INDArray gradient) {
            return backpropDropOutIfPresent(gradient);
        }

        @Override
        public INDArray inFormat(INDArray series) {
            return permuteIfNWC(series);
        }

        @Override
        public INDArray parameter(String key, LayerWorkspaceMgr workspaceMgr) {
            return getParamWithNoise(key, true, workspaceMgr);
        }
    }
}
