// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core.gradient;

import java.util.List;
import java.util.function.Function;
import org.deeplearning4j.nn.api.Layer;
import org.nd4j.linalg.lossfunctions.ILossFunction;

/**
 * A loss layer has no parameters; only its loss function must be a sum over examples.
 *
 * @param lossFunction reads the loss function of a layer of that class
 */
record LossRule(Class<? extends Layer> layerClass, Function<Layer, ILossFunction> lossFunction)
        implements PerExampleGradientRule {
    @Override
    public List<String> problems(Layer layer) {
        return PerExampleLosses.problems(lossFunction.apply(layer));
    }

    @Override
    public String path() {
        return "no parameters";
    }

    @Override
    public Layer hook(Layer layer, TapeRecorder recorder) {
        return layer;
    }
}
