// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core.gradient;

import io.github.dl4jdp.core.internal.arrays.InputGradients;
import java.util.List;
import org.deeplearning4j.nn.api.Layer;
import org.deeplearning4j.nn.conf.layers.BasePretrainNetwork;
import org.deeplearning4j.nn.gradient.Gradient;
import org.deeplearning4j.nn.layers.feedforward.autoencoder.AutoEncoder;
import org.deeplearning4j.nn.params.DefaultParamInitializer;
import org.deeplearning4j.nn.workspace.LayerWorkspaceMgr;
import org.nd4j.common.primitives.Pair;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * The encoder, trained with the network: a dense layer, see {@link OuterProductTape}. Only pretraining uses its corruption and its visible bias, whose gradient
 * is zero.
 */
final class AutoEncoderRule extends AutoEncoder {
    private static final long serialVersionUID = 1L;
    static final LayerRule RULE = LayerRule.of(AutoEncoder.class, LayerRule.OUTER_PRODUCT, AutoEncoderRule::new)
            .refusing(AutoEncoderRule::problems);

    private final transient TapeRecorder recorder;

    private AutoEncoderRule(AutoEncoder layer, TapeRecorder recorder) {
        super(layer.conf(), layer.getDataType());
        this.recorder = recorder;
    }

    private static List<String> problems(Layer layer) {
        return ((BasePretrainNetwork) layer.conf().getLayer()).getIDropout() == null
                ? List.of()
                : List.of(
                        "DL4J 1.0.0-M2.1 applies its dropout in the backward pass only; put a DropoutLayer before it");
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
        INDArray below = InputGradients.dense(recorder.needsInputGradient(), weights, delta, input, workspaceMgr);
        recorder.record(OuterProductTape.of(recorder, input, delta, true));
        weightNoiseParams.clear();
        return new Pair<>(InputGradients.views(gradientViews), below);
    }
}
