// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core.gradient;

import org.deeplearning4j.nn.api.Layer;

/** A layer without parameters whose output for an example depends on that example alone: it stays as it is. */
record ExampleWiseRule(Class<? extends Layer> layerClass) implements PerExampleGradientRule {
    @Override
    public String path() {
        return "no parameters";
    }

    @Override
    public Layer hook(Layer layer, TapeRecorder recorder) {
        return layer;
    }
}
