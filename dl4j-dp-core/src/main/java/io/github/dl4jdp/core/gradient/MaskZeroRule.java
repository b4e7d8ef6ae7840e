// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core.gradient;

import java.util.List;
import org.deeplearning4j.nn.api.Layer;
import org.deeplearning4j.nn.layers.recurrent.MaskZeroLayer;
import org.deeplearning4j.nn.workspace.LayerWorkspaceMgr;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * A recurrent layer that masks the time steps whose inputs all have a certain value: no parameters of its own.
 *
 * @param rules find the rule of the layer inside
 */
record MaskZeroRule(GradientRules rules) implements PerExampleGradientRule {
    @Override
    public Class<? extends Layer> layerClass() {
        return MaskZeroLayer.class;
    }

    @Override
    public List<String> problems(Layer layer) {
        return WrapperRules.problems(rules, WrapperRules.wrapped(layer));
    }

    @Override
    public String path() {
        return "as the layer inside";
    }

    @Override
    public Layer hook(Layer layer, TapeRecorder recorder) {
        return new Hooked((MaskZeroLayer) layer, WrapperRules.hook(rules, WrapperRules.wrapped(layer), recorder));
    }

    /** DL4J's layer does not tell its masking value, so it is left to itself to make the mask. */
    private static final class Hooked extends MaskZeroLayer {
        private static final long serialVersionUID = 1L;
        private final MaskZeroLayer original;

        Hooked(MaskZeroLayer original, Layer inner) {
            super(inner, 0);
            this.original = original;
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
}
