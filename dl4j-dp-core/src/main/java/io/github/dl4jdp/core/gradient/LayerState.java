// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core.gradient;

import org.deeplearning4j.nn.layers.AbstractLayer;
import org.deeplearning4j.nn.layers.BaseLayer;

/** The state that a replacement takes over from the DL4J layer it stands for. */
final class LayerState {
    private LayerState() {}

    /** Makes {@code to} use the parameter and gradient views of {@code from}, and its place in the network. */
    static void share(BaseLayer<?> from, BaseLayer<?> to) {
        // A loss layer has an empty table, and a graph counts its parameters.
        to.setParamTable(from.paramTable(false));
        if (from.numParams() > 0) {
            to.setParamsViewArray(from.params());
            if (from.getGradientsViewArray() != null) {
                to.setBackpropGradientsViewArray(from.getGradientsViewArray());
            }
        }
        place(from, to);
    }

    /** Gives {@code to} the place of {@code from} in the network. */
    static void place(AbstractLayer<?> from, AbstractLayer<?> to) {
        to.setIndex(from.getIndex());
        to.setListeners(from.getListeners());
        to.setIterationCount(from.getIterationCount());
        to.setEpochCount(from.getEpochCount());
        to.setCacheMode(from.conf().getCacheMode());
    }
}
