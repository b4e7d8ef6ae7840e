// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core.internal.network;

import java.util.List;
import java.util.function.Consumer;
import java.util.stream.Stream;
import org.deeplearning4j.nn.conf.layers.Layer;
import org.deeplearning4j.nn.conf.layers.misc.FrozenLayer;
import org.deeplearning4j.nn.conf.layers.recurrent.Bidirectional;
import org.deeplearning4j.nn.conf.layers.wrapper.BaseWrapperLayer;

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
}
