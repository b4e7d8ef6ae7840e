// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core.gradient;

import java.util.List;
import org.deeplearning4j.nn.api.Layer;
import org.deeplearning4j.nn.layers.FrozenLayerWithBackprop;

/**
 * A layer whose parameters do not train, but which passes the gradient on to layers that do: its tape is thrown away, and its gradient
 * views stay zero.
 *
 * @param rules find the rule of the layer inside, which must treat every example on its own all the same
 */
record FrozenWithBackpropRule(GradientRules rules) implements PerExampleGradientRule {
    @Override
    public Class<? extends Layer> layerClass() {
        return FrozenLayerWithBackprop.class;
    }

    @Override
    public List<String> problems(Layer layer) {
        return WrapperRules.problems(rules, WrapperRules.wrapped(layer));
    }

    @Override
    public String path() {
        return "does not train";
    }

    @Override
    public Layer hook(Layer layer, TapeRecorder recorder) {
        return new FrozenLayerWithBackprop(
                WrapperRules.hook(rules, WrapperRules.wrapped(layer), new Discarding(recorder)));
    }

    private static final class Discarding extends ForwardingRecorder {
        Discarding(TapeRecorder recorder) {
            super(recorder);
        }

        @Override
        public void record(LayerTape tape) {}
    }
}
