// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core.gradient;

import java.util.List;
import org.deeplearning4j.nn.api.Layer;
import org.deeplearning4j.nn.layers.recurrent.LastTimeStepLayer;

/**
 * The last time step of a recurrent layer: no parameters of its own.
 *
 * @param rules find the rule of the layer inside
 */
record LastTimeStepRule(GradientRules rules) implements PerExampleGradientRule {
    @Override
    public Class<? extends Layer> layerClass() {
        return LastTimeStepLayer.class;
    }

    @Override
    public List<String> problems(Layer layer) {
        return WrapperRules.problems(rules, WrapperRules.wrapped(layer));
    }

    @Override
    public String path() {
        return "as the layer inside";
    }

    @Override
    public Layer hook(Layer layer, TapeRecorder recorder) {
        return new LastTimeStepLayer(WrapperRules.hook(rules, WrapperRules.wrapped(layer), recorder));
    }
}
