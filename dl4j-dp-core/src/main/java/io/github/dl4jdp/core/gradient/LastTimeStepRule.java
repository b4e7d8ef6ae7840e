// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core.gradient;

import org.deeplearning4j.nn.api.Layer;
import org.deeplearning4j.nn.conf.RNNFormat;
import org.deeplearning4j.nn.layers.recurrent.LastTimeStepLayer;
import org.deeplearning4j.nn.workspace.LayerWorkspaceMgr;
import org.deeplearning4j.util.TimeSeriesUtils;
import org.jspecify.annotations.Nullable;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * The last time step of a recurrent layer: no parameters of its own. Refuses a mask that is longer than its sequences: DL4J would read beyond an example's numbers, and
 * write beyond its gradient.
 */
final class LastTimeStepRule extends LastTimeStepLayer {
    private static final long serialVersionUID = 1L;

    /** @param rules find the rule of the layer inside */
    static LayerRule rule(GradientRules rules) {
        return LayerRule.wrapping(LastTimeStepLayer.class, rules, (layer, inner) -> new LastTimeStepRule(inner));
    }

    private LastTimeStepRule(Layer underlying) {
        super(underlying);
    }

    @Override
    public INDArray activate(boolean training, LayerWorkspaceMgr workspaceMgr) {
        requireFittingMask(input());
        return super.activate(training, workspaceMgr);
    }

    @Override
    public INDArray activate(INDArray input, boolean training, LayerWorkspaceMgr workspaceMgr) {
        requireFittingMask(input);
        return super.activate(input, training, workspaceMgr);
    }

    private void requireFittingMask(@Nullable INDArray input) {
        INDArray mask = getUnderlying().getMaskArray();
        if (mask == null || input == null || input.rank() != 3) {
            return;
        }
        boolean isNwc =
                TimeSeriesUtils.getFormatFromRnnLayer(getUnderlying().conf().getLayer()) == RNNFormat.NWC;
        long steps = input.size(isNwc ? 1 : 2);
        if (mask.size(1) != steps) {
            throw new IllegalStateException(
                    "the mask of a LastTimeStep layer must have as many time steps as its input, "
                            + steps + ", had " + mask.size(1)
                            + ": a layer below crops, pads or repeats steps and DL4J 1.0.0-M2.1 leaves the mask as it was; nothing of this lot was"
                            + " released. Train without masks of the features, or without that layer");
        }
    }
}
