// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core.internal.check;

import io.github.dl4jdp.core.gradient.GradientRules;
import io.github.dl4jdp.core.gradient.NetworkParts;
import io.github.dl4jdp.core.gradient.TimeDistributedRule;
import io.github.dl4jdp.core.internal.network.DpNetwork;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import org.deeplearning4j.nn.api.Layer;
import org.deeplearning4j.nn.conf.graph.FrozenVertex;
import org.deeplearning4j.nn.conf.graph.GraphVertex;
import org.deeplearning4j.nn.conf.graph.L2NormalizeVertex;
import org.deeplearning4j.nn.conf.graph.MergeVertex;
import org.deeplearning4j.nn.conf.graph.ReshapeVertex;
import org.deeplearning4j.nn.conf.graph.StackVertex;
import org.deeplearning4j.nn.conf.graph.UnstackVertex;
import org.deeplearning4j.nn.layers.FrozenLayer;

/** Finds what stands in the way of training a part of a graph with privacy, besides what does in its layer. */
final class VertexValidator {
    private VertexValidator() {}

    /**
     * What is wrong with a vertex.
     *
     * @param layers those of the parts before with their names; this one's is added
     */
    static List<String> problems(DpNetwork.Part part, Map<Layer, String> layers, GradientRules rules) {
        var reasons = new ArrayList<String>();
        Layer layer = part.layer();
        if (layer != null) {
            String other = layers.put(layer, part.name());
            if (other != null) {
                reasons.add("it shares its layer with \"" + other + "\"; give each vertex its own layer");
            }
            String name = layer.getConfig().getLayerName();
            if (part.trains() && !part.name().equals(name)) {
                reasons.add("its layer's configuration is called \"" + name
                        + "\": one configuration was added to several vertices, and DL4J's updater finds layers by name;"
                        + " build a configuration for each vertex");
            }
            if (part.isFrozen() && TimeDistributedRule.isIn(layer) && !(layer instanceof FrozenLayer)) {
                reasons.add(
                        "in a FrozenVertex, DL4J mixes up the examples' masks for TimeDistributed; use a FrozenLayer");
            }
        }
        if (!part.isFrozen() && !part.isReached()) {
            reasons.add(
                    "no gradient reaches it: it leads only to frozen layers, or to no output; freeze it too, or remove it");
        }
        if (part.output() >= 0 && !part.hasLoss()) {
            reasons.add("it is an output of the network without a loss; use an output or loss layer");
        }
        GraphVertex conf = part.vertex() instanceof FrozenVertex frozen ? frozen.getUnderlying() : part.vertex();
        if (part.conf() == null && conf != null) {
            reasons.addAll(withoutLayer(conf, rules));
        }
        return reasons;
    }

    private static List<String> withoutLayer(GraphVertex conf, GradientRules rules) {
        if (conf instanceof StackVertex || conf instanceof UnstackVertex) {
            return List.of(
                    "it moves examples along the batch, so that a row is no longer one example; use one branch of layers for each input");
        }
        if (conf.numParams(true) > 0) {
            return List.of("there is no per-example gradient rule for its parameters; use layers instead");
        }
        List<String> known = NetworkParts.problems(conf, rules);
        if (!known.isEmpty()) {
            return known;
        }
        if (conf instanceof MergeVertex merge && merge.getMergeAxis() < 1) {
            return List.of("it may merge along the batch; give it a merge axis from 1 on");
        }
        if (conf instanceof L2NormalizeVertex normalize
                && normalize.getDimension() != null
                && Arrays.stream(normalize.getDimension()).anyMatch(dimension -> dimension < 1)) {
            return List.of("it normalizes over the batch; give it dimensions from 1 on");
        }
        if (conf instanceof ReshapeVertex reshape && !keepsFirstDimension(reshape)) {
            return List.of("its new shape must begin with -1, so that every example keeps its own row");
        }
        return List.of();
    }

    /** Whether it can keep the first dimension: that it did is checked in every pass. */
    private static boolean keepsFirstDimension(ReshapeVertex reshape) {
        int[] mask = reshape.getMaskShape();
        return reshape.getNewShape()[0] == -1 && (mask == null || mask[0] == -1);
    }
}
