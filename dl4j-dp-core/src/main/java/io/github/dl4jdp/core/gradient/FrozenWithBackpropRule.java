// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core.gradient;

import org.deeplearning4j.nn.layers.FrozenLayerWithBackprop;

/**
 * A layer whose parameters do not train, but which passes the gradient on to layers that do: its tape is thrown away, and its gradient
 * views stay zero.
 */
final class FrozenWithBackpropRule {
    private FrozenWithBackpropRule() {}

    /** @param rules find the rule of the layer inside, which must treat every example on its own all the same */
    static LayerRule rule(GradientRules rules) {
        return new LayerRule(
                FrozenLayerWithBackprop.class,
                "does not train",
                layer -> LayerRule.problemsInside(rules, LayerRule.inside(layer)),
                (layer, recorder) -> new FrozenLayerWithBackprop(
                        LayerRule.hookInside(rules, LayerRule.inside(layer), new Discarding(recorder))));
    }

    private static final class Discarding extends ForwardingRecorder {
        Discarding(TapeRecorder recorder) {
            super(recorder);
        }

        @Override
        public void record(LayerTape tape) {}
    }
}
