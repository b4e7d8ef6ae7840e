// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core.gradient;

import java.util.List;
import org.deeplearning4j.nn.api.Layer;
import org.deeplearning4j.nn.layers.LossLayer;

/** The loss layer has no parameters; only its loss function must be a sum over examples. */
final class LossRule implements PerExampleGradientRule {
    @Override
    public Class<? extends Layer> layerClass() {
        return LossLayer.class;
    }

    @Override
    public List<String> problems(Layer layer) {
        return PerExampleLosses.problems(((LossLayer) layer).layerConf().getLossFn());
    }

    @Override
    public Layer hook(Layer layer, TapeRecorder recorder) {
        return layer;
    }
}
