// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core.internal.network;

/** What stands before and after every update of an attached network. */
public interface UpdateGate {
    /**
     * Called before the updater reads the gradient.
     *
     * @throws IllegalStateException if the gradient is not a release of the engine's
     */
    void beforeUpdate();

    /** Called after the parameters have moved. */
    void afterUpdate();
}
