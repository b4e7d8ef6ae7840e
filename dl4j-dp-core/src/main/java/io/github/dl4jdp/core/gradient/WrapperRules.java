// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core.gradient;

import java.util.List;
import org.deeplearning4j.nn.api.Layer;
import org.deeplearning4j.nn.layers.wrapper.BaseWrapperLayer;

/** What the rules of wrappers around one layer share: the wrapped layer is hooked by its own rule. */
final class WrapperRules {
    private WrapperRules() {}

    static Layer wrapped(Layer wrapper) {
        return ((BaseWrapperLayer) wrapper).getUnderlying();
    }

    /** What stands in the way of the wrapped layer. */
    static List<String> problems(GradientRules rules, Layer inner) {
        return rules.find(inner)
                .map(rule -> rule.problems(inner))
                .orElseGet(() -> List.of("there is no per-example gradient rule for the layer inside it, "
                        + inner.getClass().getSimpleName() + "; replace it, or write a rule"
                        + " (GradientRules.builtIn().with(rule))"));
    }

    static Layer hook(GradientRules rules, Layer inner, TapeRecorder recorder) {
        return rules.find(inner).orElseThrow().hook(inner, recorder);
    }
}
