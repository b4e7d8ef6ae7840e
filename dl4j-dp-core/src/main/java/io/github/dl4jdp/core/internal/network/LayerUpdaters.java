// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core.internal.network;

import java.util.List;
import java.util.Objects;
import java.util.function.UnaryOperator;
import java.util.stream.Stream;
import org.deeplearning4j.nn.conf.layers.BaseLayer;
import org.deeplearning4j.nn.conf.layers.Layer;
import org.deeplearning4j.nn.conf.layers.samediff.AbstractSameDiffLayer;
import org.nd4j.linalg.learning.config.IUpdater;

/** The updaters that a layer's configuration holds, for weights and biases, its own or those of the layers it wraps. */
public final class LayerUpdaters {
    private LayerUpdaters() {}

    /** Replaces every updater of a configuration that is a clone, those of frozen layers too. */
    static void replace(Layer conf, UnaryOperator<IUpdater> replacement) {
        InnerLayers.change(conf, layer -> {
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
    public static List<IUpdater> of(Layer conf) {
        return InnerLayers.of(conf).stream()
                .flatMap(LayerUpdaters::ofInnermost)
                .filter(Objects::nonNull)
                .toList();
    }

    private static Stream<IUpdater> ofInnermost(Layer layer) {
        if (layer instanceof BaseLayer base) {
            return Stream.of(base.getIUpdater(), base.getBiasUpdater());
        }
        return layer instanceof AbstractSameDiffLayer sameDiff
                ? Stream.of(sameDiff.getUpdater(), sameDiff.getBiasUpdater())
                : Stream.of();
    }
}
