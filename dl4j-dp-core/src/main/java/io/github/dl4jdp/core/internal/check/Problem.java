// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core.internal.check;

/**
 * One reason for which a network is refused.
 *
 * @param layerIndex the layer's number, or -1 for the network as a whole
 * @param layerName the layer's name, or its number where it has none; empty for the network
 * @param layerClass simple name of the class
 * @param reason what is wrong, and the remedy
 */
public record Problem(int layerIndex, String layerName, String layerClass, String reason) {
    /** A problem of the network as a whole. */
    public static Problem ofNetwork(Object network, String reason) {
        return new Problem(-1, "", network.getClass().getSimpleName(), reason);
    }
}
