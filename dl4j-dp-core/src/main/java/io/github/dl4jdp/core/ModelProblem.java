// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core;

import io.github.dl4jdp.core.internal.check.Problem;
import java.util.List;

/**
 * One reason why a network cannot be trained with privacy as it is.
 *
 * @param layerIndex index of the layer in {@code getLayers()}, or -1 for a problem of the whole network or of a vertex without layer
 * @param layerName name of the layer or vertex, "" for the whole network
 * @param layerClass simple class name of the layer, vertex or network
 * @param reason what is wrong and what to do about it
 */
public record ModelProblem(int layerIndex, String layerName, String layerClass, String reason) {
    static List<ModelProblem> of(List<Problem> problems) {
        return problems.stream()
                .map(one -> new ModelProblem(one.layerIndex(), one.layerName(), one.layerClass(), one.reason()))
                .toList();
    }

    @Override
    public String toString() {
        if (layerName.isEmpty() && layerIndex < 0) {
            return "network (" + layerClass + "): " + reason;
        }
        return (layerIndex < 0 ? "vertex" : "layer " + layerIndex) + " \"" + layerName + "\" (" + layerClass + "): "
                + reason;
    }
}
