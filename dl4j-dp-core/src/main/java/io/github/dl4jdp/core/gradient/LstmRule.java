// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core.gradient;

import io.github.dl4jdp.core.internal.arrays.ElementwiseActivations;
import io.github.dl4jdp.core.internal.arrays.InputGradients;
import java.util.List;
import java.util.function.BiFunction;
import java.util.function.Function;
import java.util.function.UnaryOperator;
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

    /**
     * What both layers do, with what DL4J's classes keep to themselves.
     *
     * @param layer the hooked layer
     * @param input reads its input, dropout applied
     * @param backThroughDropOut the derivative of that dropout
     * @param inFormat turns a series from the layer's format to [B, size, T], and back
     * @param parameter by name, with weight noise
     * @param masksDelta whether its backward pass heeds the mask
     */
    private record Hook(
            Layer layer,
            TapeRecorder recorder,
            LstmPass pass,
            Function<LayerWorkspaceMgr, INDArray> input,
            UnaryOperator<INDArray> backThroughDropOut,
            UnaryOperator<INDArray> inFormat,
            BiFunction<String, LayerWorkspaceMgr, INDArray> parameter,
            boolean masksDelta) {
        /** [B, nOut, T], in the layer's format. */
        INDArray forward(LayerWorkspaceMgr workspaceMgr) {
            INDArray x = inFormat.apply(input.apply(workspaceMgr));
            return inFormat.apply(
                    pass.forward(x, key -> parameter.apply(key, workspaceMgr), layer.getMaskArray(), workspaceMgr));
        }

        /** Records the tape, and returns the gradient of the input. */
        INDArray backward(INDArray epsilon, LayerWorkspaceMgr workspaceMgr) {
            recorder.examples(); // refuses a batch that is not recorded
            if (!pass.hasForward()) {
                forward(workspaceMgr); // a frozen layer runs as in inference and passes gradients on as in training
            }
            Function<String, INDArray> parameters = key -> parameter.apply(key, workspaceMgr);
            LayerTape tape =
                    pass.backward(inFormat.apply(epsilon), parameters, masksDelta ? layer.getMaskArray() : null);
            INDArray below = InputGradients.placeholder(layer.input(), workspaceMgr);
            if (recorder.needsInputGradient()) {
                INDArray series = pass.inputGradient(parameters, workspaceMgr);
                below = backThroughDropOut.apply(inFormat.apply(series)); // the mask has the input's format
            }
            recorder.record(tape);
            return below;
        }
    }

    private static final class Plain extends LSTM {
        private static final long serialVersionUID = 1L;
        private final transient Hook hook;

        Plain(LSTM layer, TapeRecorder recorder) {
            super(layer.conf(), layer.getDataType());
            hook = new Hook(
                    this,
                    recorder,
                    new LstmPass(recorder, layerConf(), dataType, false),
                    this::input,
                    this::backpropDropOutIfPresent,
                    this::permuteIfNWC,
                    (key, workspaceMgr) -> getParamWithNoise(key, true, workspaceMgr),
                    false);
        }

        private INDArray input(LayerWorkspaceMgr workspaceMgr) {
            applyDropOutIfNecessary(true, workspaceMgr);
            return input.castTo(dataType);
        }

        @Override
        public INDArray activate(INDArray input, boolean training, LayerWorkspaceMgr workspaceMgr) {
            setInput(input, workspaceMgr);
            return activate(training, workspaceMgr);
        }

        @Override
        public INDArray activate(boolean training, LayerWorkspaceMgr workspaceMgr) {
            return training && hook.recorder().isRecording()
                    ? hook.forward(workspaceMgr)
                    : super.activate(training, workspaceMgr);
        }

        @Override
        public Pair<Gradient, INDArray> backpropGradient(INDArray epsilon, LayerWorkspaceMgr workspaceMgr) {
            assertInputSet(true);
            INDArray below = hook.backward(epsilon, workspaceMgr);
            weightNoiseParams.clear();
            return new Pair<>(InputGradients.views(gradientViews), below);
        }
    }

    private static final class Peepholes extends GravesLSTM {
        private static final long serialVersionUID = 1L;
        private final transient Hook hook;

        Peepholes(GravesLSTM layer, TapeRecorder recorder) {
            super(layer.conf(), layer.getDataType());
            hook = new Hook(
                    this,
                    recorder,
                    new LstmPass(recorder, layerConf(), dataType, true),
                    this::input,
                    this::backpropDropOutIfPresent,
                    this::permuteIfNWC,
                    (key, workspaceMgr) -> getParamWithNoise(key, true, workspaceMgr),
                    true);
        }

        private INDArray input(LayerWorkspaceMgr workspaceMgr) {
            applyDropOutIfNecessary(true, workspaceMgr);
            return input.castTo(dataType);
        }

        @Override
        public INDArray activate(INDArray input, boolean training, LayerWorkspaceMgr workspaceMgr) {
            setInput(input, workspaceMgr);
            return activate(training, workspaceMgr);
        }

        @Override
        public INDArray activate(boolean training, LayerWorkspaceMgr workspaceMgr) {
            return training && hook.recorder().isRecording()
                    ? hook.forward(workspaceMgr)
                    : super.activate(training, workspaceMgr);
        }

        @Override
        public Pair<Gradient, INDArray> backpropGradient(INDArray epsilon, LayerWorkspaceMgr workspaceMgr) {
            assertInputSet(true);
            INDArray below = hook.backward(epsilon, workspaceMgr);
            weightNoiseParams.clear();
            return new Pair<>(InputGradients.views(gradientViews), below);
        }
    }
}
