// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core;

import java.util.List;
import java.util.Optional;
import java.util.function.UnaryOperator;
import java.util.stream.Stream;
import org.deeplearning4j.nn.conf.layers.BaseLayer;
import org.deeplearning4j.nn.conf.layers.Layer;
import org.deeplearning4j.nn.conf.layers.misc.FrozenLayer;
import org.deeplearning4j.nn.conf.layers.recurrent.Bidirectional;
import org.deeplearning4j.nn.conf.layers.samediff.AbstractSameDiffLayer;
import org.deeplearning4j.nn.conf.layers.wrapper.BaseWrapperLayer;
import org.jspecify.annotations.Nullable;
import org.nd4j.linalg.learning.config.IUpdater;

/** The updaters that a layer's configuration holds, for weights and biases, its own or those of the layers it wraps. */
final class LayerUpdaters {
    private LayerUpdaters() {}

    /**
     * Replaces every updater of a configuration that is a clone of its own, those of frozen layers too. DL4J's clone of a wrapper shares the
     * configuration of the layer inside with the original, so that one is cloned here.
     */
    static void replace(Layer conf, UnaryOperator<IUpdater> replacement) {
        if (conf instanceof BaseLayer base) {
            if (base.getIUpdater() != null) {
                base.setIUpdater(replacement.apply(base.getIUpdater()));
            }
            if (base.getBiasUpdater() != null) {
                base.setBiasUpdater(replacement.apply(base.getBiasUpdater()));
            }
        } else if (conf instanceof AbstractSameDiffLayer sameDiff) {
            if (sameDiff.getUpdater() != null) {
                sameDiff.setUpdater(replacement.apply(sameDiff.getUpdater()));
            }
            if (sameDiff.getBiasUpdater() != null) {
                sameDiff.setBiasUpdater(replacement.apply(sameDiff.getBiasUpdater()));
            }
        } else if (conf instanceof BaseWrapperLayer wrapper) {
            wrapper.setUnderlying(replacedClone(wrapper.getUnderlying(), replacement));
        } else if (conf instanceof Bidirectional bidirectional) {
            bidirectional.setFwd(replacedClone(bidirectional.getFwd(), replacement));
            bidirectional.setBwd(replacedClone(bidirectional.getBwd(), replacement));
        } else if (conf instanceof FrozenLayer frozen) {
            // The clone of a frozen layer is a deep one.
            replace(frozen.getLayer(), replacement);
        }
    }

    private static Layer replacedClone(Layer inner, UnaryOperator<IUpdater> replacement) {
        Layer clone = inner.clone();
        replace(clone, replacement);
        return clone;
    }

    /** Every updater of a configuration. */
    static List<IUpdater> of(Layer conf) {
        if (conf instanceof BaseLayer base) {
            return present(base.getIUpdater(), base.getBiasUpdater());
        }
        if (conf instanceof AbstractSameDiffLayer sameDiff) {
            return present(sameDiff.getUpdater(), sameDiff.getBiasUpdater());
        }
        if (conf instanceof BaseWrapperLayer wrapper) {
            return of(wrapper.getUnderlying());
        }
        if (conf instanceof Bidirectional bidirectional) {
            return Stream.concat(of(bidirectional.getFwd()).stream(), of(bidirectional.getBwd()).stream())
                    .toList();
        }
        return conf instanceof FrozenLayer frozen ? of(frozen.getLayer()) : List.of();
    }

    private static List<IUpdater> present(@Nullable IUpdater weights, @Nullable IUpdater biases) {
        return Stream.of(Optional.ofNullable(weights), Optional.ofNullable(biases))
                .flatMap(Optional::stream)
                .toList();
    }
}
