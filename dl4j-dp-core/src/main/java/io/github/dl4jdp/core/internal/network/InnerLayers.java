// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core.internal.network;

import java.util.List;
import java.util.Objects;
import java.util.function.Consumer;
import java.util.function.UnaryOperator;
import java.util.stream.Stream;
import org.deeplearning4j.nn.conf.layers.BaseLayer;
import org.deeplearning4j.nn.conf.layers.Layer;
import org.deeplearning4j.nn.conf.layers.misc.FrozenLayer;
import org.deeplearning4j.nn.conf.layers.recurrent.Bidirectional;
import org.deeplearning4j.nn.conf.layers.samediff.AbstractSameDiffLayer;
import org.deeplearning4j.nn.conf.layers.wrapper.BaseWrapperLayer;
import org.nd4j.linalg.learning.config.IUpdater;

/** The configurations inside a layer's configuration: the layer itself, or those that it wraps. */
public final class InnerLayers {
    private InnerLayers() {}

    /** Every innermost configuration. */
    public static List<Layer> of(Layer conf) {
        if (conf instanceof BaseWrapperLayer wrapper) {
            return of(wrapper.getUnderlying());
        }
        if (conf instanceof Bidirectional bidirectional) {
            return Stream.concat(of(bidirectional.getFwd()).stream(), of(bidirectional.getBwd()).stream())
                    .toList();
        }
        return conf instanceof FrozenLayer frozen ? of(frozen.getLayer()) : List.of(conf);
    }

    /**
     * Changes every innermost configuration of one that is a clone. DL4J's clone of a wrapper shares the configuration of the layer inside with
     * the original, so that one is cloned here.
     */
    public static void change(Layer conf, Consumer<Layer> change) {
        if (conf instanceof BaseWrapperLayer wrapper) {
            wrapper.setUnderlying(changedClone(wrapper.getUnderlying(), change));
        } else if (conf instanceof Bidirectional bidirectional) {
            bidirectional.setFwd(changedClone(bidirectional.getFwd(), change));
            bidirectional.setBwd(changedClone(bidirectional.getBwd(), change));
        } else if (conf instanceof FrozenLayer frozen) {
            // The clone of a frozen layer is a deep one.
            change(frozen.getLayer(), change);
        } else {
            change.accept(conf);
        }
    }

    private static Layer changedClone(Layer inner, Consumer<Layer> change) {
        Layer clone = inner.clone();
        change(clone, change);
        return clone;
    }

    /** Replaces every updater, for weights and biases, of a configuration that is a clone, those of frozen layers too. */
    static void replaceUpdaters(Layer conf, UnaryOperator<IUpdater> replacement) {
        change(conf, layer -> {
            if (layer instanceof BaseLayer base) {
                if (base.getIUpdater() != null) {
                    base.setIUpdater(replacement.apply(base.getIUpdater()));
                }
                if (base.getBiasUpdater() != null) {
                    base.setBiasUpdater(replacement.apply(base.getBiasUpdater()));
                }
            } else if (layer instanceof AbstractSameDiffLayer sameDiff) {
                if (sameDiff.getUpdater() != null) {
                    sameDiff.setUpdater(replacement.apply(sameDiff.getUpdater()));
                }
                if (sameDiff.getBiasUpdater() != null) {
                    sameDiff.setBiasUpdater(replacement.apply(sameDiff.getBiasUpdater()));
                }
            }
        });
    }

    /** Every updater of a configuration. */
    public static List<IUpdater> updaters(Layer conf) {
        return of(conf).stream()
                .flatMap(InnerLayers::updatersOfInnermost)
                .filter(Objects::nonNull)
                .toList();
    }

    private static Stream<IUpdater> updatersOfInnermost(Layer layer) {
        if (layer instanceof BaseLayer base) {
            return Stream.of(base.getIUpdater(), base.getBiasUpdater());
        }
        return layer instanceof AbstractSameDiffLayer sameDiff
                ? Stream.of(sameDiff.getUpdater(), sameDiff.getBiasUpdater())
                : Stream.of();
    }
}
