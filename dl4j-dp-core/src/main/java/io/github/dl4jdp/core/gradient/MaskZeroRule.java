// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core.gradient;

import java.util.List;
import org.deeplearning4j.nn.api.Layer;
import org.deeplearning4j.nn.conf.RNNFormat;
import org.deeplearning4j.nn.conf.layers.BaseRecurrentLayer;
import org.deeplearning4j.nn.conf.layers.recurrent.Bidirectional;
import org.deeplearning4j.nn.layers.recurrent.MaskZeroLayer;
import org.deeplearning4j.nn.layers.wrapper.BaseWrapperLayer;
import org.deeplearning4j.nn.workspace.LayerWorkspaceMgr;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * A recurrent layer that masks the time steps whose inputs all have a certain value: no parameters of its own. DL4J's layer does not expose that value, so the layer itself
 * makes the mask.
 */
final class MaskZeroRule extends MaskZeroLayer {
    private static final long serialVersionUID = 1L;
    private final MaskZeroLayer original;

    private MaskZeroRule(MaskZeroLayer original, Layer inner) {
        super(inner, 0);
        this.original = original;
    }

    /** @param rules find the rule of the layer inside */
    static LayerRule rule(GradientRules rules) {
        return LayerRule.wrapping(MaskZeroLayer.class, rules, MaskZeroRule::new)
                .refusing(layer -> isTimeSecond(layer)
                        ? List.of("in the format NWC its mask does not match DL4J's derivative; use RNNFormat.NCW")
                        : List.of());
    }

    /** Whether a layer, or one inside it, takes [examples, time steps, size]. */
    private static boolean isTimeSecond(Layer layer) {
        if (layer instanceof BaseWrapperLayer wrapper) {
            return isTimeSecond(wrapper.getUnderlying());
        }
        var conf = layer.conf().getLayer();
        if (conf instanceof Bidirectional bidirectional) {
            conf = bidirectional.getFwd();
        }
        return conf instanceof BaseRecurrentLayer recurrent && recurrent.getRnnDataFormat() == RNNFormat.NWC;
    }

    @Override
    public INDArray activate(boolean training, LayerWorkspaceMgr workspaceMgr) {
        Layer inside = original.getUnderlying();
        original.setUnderlying(getUnderlying());
        try {
            return original.activate(training, workspaceMgr);
        } finally {
            original.setUnderlying(inside);
        }
    }

    @Override
    public INDArray activate(INDArray input, boolean training, LayerWorkspaceMgr workspaceMgr) {
        setInput(input, workspaceMgr);
        return activate(training, workspaceMgr);
    }
}
