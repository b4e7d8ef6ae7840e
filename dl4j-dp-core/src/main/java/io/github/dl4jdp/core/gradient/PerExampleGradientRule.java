// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core.gradient;

import java.util.List;
import org.deeplearning4j.nn.api.Layer;
import org.deeplearning4j.nn.layers.BaseLayer;

/**
 * How to get per-example gradients from one kind of DL4J layer.
 *
 * <p>A rule replaces a layer of the network by a <em>subclass</em> of its implementation class, which shares configuration, parameters and
 * gradient views with it and whose {@code backpropGradient} hands a {@link LayerTape} to the engine instead of writing the
 * aggregate gradient. A subclass, because DL4J decides much by {@code instanceof}.
 *
 * <p>Rules of the library are listed in {@link GradientRules#builtIn()}. Add your own rule by {@link GradientRules#with}; the privacy report names
 * it; test it by extending {@code GradientRuleContract}.
 */
public interface PerExampleGradientRule {
    /** The exact implementation class this rule is for. A subclass is another layer and needs its own rule. */
    Class<? extends Layer> layerClass();

    /**
     * The problems of this layer's configuration that the rule cannot handle, each with a remedy; empty if there is none.
     *
     * @param layer an initialized layer of class {@link #layerClass()}
     */
    default List<String> problems(Layer layer) {
        return List.of();
    }

    /** How the per-example gradients are computed, in a few words: for the report and the documentation. */
    default String path() {
        return layerClass().getSimpleName() + " by a rule of its own";
    }

    /**
     * The layer to put in the place of {@code layer}; {@code layer} itself if it has no parameters and needs no hook.
     *
     * @param layer an initialized layer of class {@link #layerClass()}, for which {@link #problems} is empty
     * @param recorder where the replacement hands its tapes
     */
    Layer hook(Layer layer, TapeRecorder recorder);

    /**
     * For {@link #hook}: gives the replacement the parameters, the gradient views and the place in the network of the layer it stands
     * for.
     *
     * @param layer the layer of the network, initialized
     * @param replacement of a subclass of the layer's class, made of the layer's configuration and data type
     * @return the replacement
     */
    static <L extends BaseLayer<?>> L inPlaceOf(BaseLayer<?> layer, L replacement) {
        // A loss layer has an empty table, and a graph counts its parameters.
        replacement.setParamTable(layer.paramTable(false));
        if (layer.numParams() > 0) {
            replacement.setParamsViewArray(layer.params());
            if (layer.getGradientsViewArray() != null) {
                replacement.setBackpropGradientsViewArray(layer.getGradientsViewArray());
            }
        }
        LayerRule.place(layer, replacement);
        return replacement;
    }
}
