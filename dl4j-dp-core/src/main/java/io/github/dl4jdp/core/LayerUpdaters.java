// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core;

import java.util.ArrayList;
import java.util.List;
import java.util.function.UnaryOperator;
import org.deeplearning4j.nn.conf.layers.BaseLayer;
import org.deeplearning4j.nn.conf.layers.Layer;
import org.deeplearning4j.nn.conf.layers.misc.FrozenLayer;
import org.deeplearning4j.nn.conf.layers.recurrent.Bidirectional;
import org.deeplearning4j.nn.conf.layers.samediff.AbstractSameDiffLayer;
import org.deeplearning4j.nn.conf.layers.wrapper.BaseWrapperLayer;
import org.nd4j.linalg.learning.config.IUpdater;

/** The updaters that a layer's configuration holds, for weights and biases, its own or those of the layers it wraps. */
final class LayerUpdaters {
    private LayerUpdaters() {}

    /** Replaces every updater of a configuration in place, those of frozen layers too. */
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
            replace(wrapper.getUnderlying(), replacement);
        } else if (conf instanceof Bidirectional bidirectional) {
            replace(bidirectional.getFwd(), replacement);
            replace(bidirectional.getBwd(), replacement);
        } else if (conf instanceof FrozenLayer frozen) {
            replace(frozen.getLayer(), replacement);
        }
    }

    /** Every updater of a configuration. */
    static List<IUpdater> of(Layer conf) {
        var updaters = new ArrayList<IUpdater>();
        replace(conf, updater -> {
            updaters.add(updater);
            return updater;
        });
        return updaters;
    }
}
