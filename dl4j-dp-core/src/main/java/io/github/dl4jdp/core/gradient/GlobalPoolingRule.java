// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core.gradient;

import java.util.Arrays;
import java.util.List;
import org.deeplearning4j.nn.api.Layer;
import org.deeplearning4j.nn.layers.pooling.GlobalPoolingLayer;

/** Global pooling has no parameters and treats each example on its own, unless it is told to pool over the examples. */
final class GlobalPoolingRule {
    static final LayerRule RULE =
            LayerRule.exampleWise(GlobalPoolingLayer.class).refusing(GlobalPoolingRule::problems);

    private GlobalPoolingRule() {}

    private static List<String> problems(Layer layer) {
        var conf = (org.deeplearning4j.nn.conf.layers.GlobalPoolingLayer)
                layer.conf().getLayer();
        int[] dimensions = conf.getPoolingDimensions();
        return dimensions != null && Arrays.stream(dimensions).anyMatch(dimension -> dimension < 1)
                ? List.of("it pools over the examples of a batch; give it pooling dimensions from 1 on")
                : List.of();
    }
}
