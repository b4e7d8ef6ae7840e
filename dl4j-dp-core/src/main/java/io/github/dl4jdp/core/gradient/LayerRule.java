// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core.gradient;

import java.util.List;
import java.util.function.BiFunction;
import java.util.function.Function;
import java.util.stream.Stream;
import org.deeplearning4j.nn.api.Layer;
import org.deeplearning4j.nn.layers.AbstractLayer;
import org.deeplearning4j.nn.layers.BaseLayer;
import org.deeplearning4j.nn.layers.wrapper.BaseWrapperLayer;

/**
 * A rule of the library. A layer is one file with its replacement and a rule made here, one line in {@link GradientRules} and one test class that extends
 * {@code GradientRuleContract}.
 *
 * @param layerClass see {@link PerExampleGradientRule#layerClass}
 * @param path see {@link PerExampleGradientRule#path}
 * @param problems see {@link PerExampleGradientRule#problems}
 * @param hook see {@link PerExampleGradientRule#hook}
 */
record LayerRule(
        Class<? extends Layer> layerClass,
        String path,
        Function<Layer, List<String>> problems,
        BiFunction<Layer, TapeRecorder, Layer> hook)
        implements PerExampleGradientRule {
    static final String OUTER_PRODUCT =
            "outer product of input and delta; over time steps, Gram matrices or per-example products";
    static final String SEQUENCE = "Gram matrices or per-example products, whichever is cheaper";
    static final String ROWS = "per-example gradients";
    static final String TOKENS = "sums over equal tokens";
    static final String SLICES = "slices";
    static final String INSIDE = "as the layer inside";
    static final String NO_PARAMETERS = "no parameters";

    /**
     * The rule of a layer with parameters.
     *
     * @param replacement makes the hooked layer, which takes over parameters, gradient views and place
     */
    static <L extends BaseLayer<?>> LayerRule of(
            Class<L> layerClass, String path, BiFunction<L, TapeRecorder, ? extends L> replacement) {
        return new LayerRule(layerClass, path, layer -> List.of(), (layer, recorder) -> {
            L original = layerClass.cast(layer);
            return PerExampleGradientRule.inPlaceOf(original, replacement.apply(original, recorder));
        });
    }

    /** The rule of a layer without parameters whose output for an example depends on that example alone: it stays as it is. */
    static LayerRule exampleWise(Class<? extends Layer> layerClass) {
        return new LayerRule(layerClass, NO_PARAMETERS, layer -> List.of(), (layer, recorder) -> layer);
    }

    /**
     * The rule of a wrapper around one layer, which is hooked by its own rule.
     *
     * @param rules find the rule of the layer inside
     * @param replacement makes the hooked wrapper of the original and the hooked layer inside
     */
    static <L extends BaseWrapperLayer> LayerRule wrapping(
            Class<L> layerClass, GradientRules rules, BiFunction<L, Layer, Layer> replacement) {
        return new LayerRule(
                layerClass,
                INSIDE,
                layer -> problemsInside(rules, inside(layer)),
                (layer, recorder) ->
                        replacement.apply(layerClass.cast(layer), hookInside(rules, inside(layer), recorder)));
    }

    /** The layer inside a wrapper. */
    static Layer inside(Layer wrapper) {
        return ((BaseWrapperLayer) wrapper).getUnderlying();
    }

    /** What stands in the way of a layer inside another one. */
    static List<String> problemsInside(GradientRules rules, Layer inner) {
        return rules.find(inner)
                .map(rule -> rule.problems(inner))
                .orElseGet(() -> List.of("there is no per-example gradient rule for the layer inside it, "
                        + inner.getClass().getSimpleName() + "; replace it, or write a rule"
                        + " (GradientRules.builtIn().with(rule))"));
    }

    /** The layer in the place of one inside another. */
    static Layer hookInside(GradientRules rules, Layer inner, TapeRecorder recorder) {
        return rules.find(inner).orElseThrow().hook(inner, recorder);
    }

    /** Gives {@code to} the place of {@code from} in the network. */
    static void place(AbstractLayer<?> from, AbstractLayer<?> to) {
        to.setIndex(from.getIndex());
        to.setListeners(from.getListeners());
        to.setIterationCount(from.getIterationCount());
        to.setEpochCount(from.getEpochCount());
        to.setCacheMode(from.conf().getCacheMode());
    }

    /** This rule for fewer configurations: {@code more} are problems besides the ones it has. */
    LayerRule refusing(Function<Layer, List<String>> more) {
        return new LayerRule(
                layerClass,
                path,
                layer -> Stream.concat(problems(layer).stream(), more.apply(layer).stream())
                        .toList(),
                hook);
    }

    @Override
    public List<String> problems(Layer layer) {
        return problems.apply(layer);
    }

    @Override
    public Layer hook(Layer layer, TapeRecorder recorder) {
        return hook.apply(layer, recorder);
    }
}
