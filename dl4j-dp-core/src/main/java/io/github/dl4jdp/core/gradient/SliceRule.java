// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core.gradient;

import java.util.List;
import java.util.function.BiFunction;
import org.deeplearning4j.nn.api.Layer;

/**
 * A layer whose per-example gradients come from DL4J's own backward pass, one example at a time, see {@link SliceTape}.
 *
 * @param replacement makes the hooked layer
 */
record SliceRule(Class<? extends Layer> layerClass, BiFunction<Layer, TapeRecorder, Layer> replacement)
        implements PerExampleGradientRule {
    @Override
    public List<String> problems(Layer layer) {
        return SlicePass.problems(layer);
    }

    @Override
    public String path() {
        return "slices";
    }

    @Override
    public Layer hook(Layer layer, TapeRecorder recorder) {
        return replacement.apply(layer, recorder);
    }
}
