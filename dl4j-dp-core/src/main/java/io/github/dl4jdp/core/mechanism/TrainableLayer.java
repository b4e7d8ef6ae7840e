// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core.mechanism;

import io.github.dl4jdp.core.gradient.BoundedTape;
import io.github.dl4jdp.core.gradient.LayerTape;
import io.github.dl4jdp.core.gradient.SummedRowsTape;
import io.github.dl4jdp.core.internal.arrays.ParameterViews;
import io.github.dl4jdp.core.internal.arrays.Slices;
import java.util.Map;
import org.deeplearning4j.nn.api.Layer;
import org.deeplearning4j.nn.conf.NeuralNetConfiguration;
import org.deeplearning4j.nn.layers.FrozenLayer;
import org.deeplearning4j.nn.layers.FrozenLayerWithBackprop;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * A layer that trains and where its parameters lie.
 *
 * @param name the layer's name, or its index where it has none
 * @param type simple name of the DL4J layer class
 * @param path how its per-example gradients are computed
 * @param conf the layer's configuration
 * @param from index of its first parameter in {@code model.params()}
 * @param length number of its parameters
 */
public record TrainableLayer(
        String name, String type, String path, NeuralNetConfiguration conf, long from, long length) {
    /** The path of layers without a formula: DL4J's own backward pass, one example at a time. */
    public static final String SLICES = "slices";

    /** Whether a layer that backpropagation comes to has parameters that train. */
    public static boolean trains(Layer layer) {
        return layer.numParams() > 0 && !(layer instanceof FrozenLayer) && !(layer instanceof FrozenLayerWithBackprop);
    }

    /** A tape whose sums are known to be of what it measured: that of another's rule gives its rows only. */
    BoundedTape bounded(LayerTape tape, DataType dataType, int rows) {
        return tape instanceof BoundedTape bounded
                ? bounded
                : new SummedRowsTape(tape, conf, length, dataType, rows, 1);
    }

    /** This layer's part of a flat array in the order of {@code model.params()}, as views by parameter name. */
    public Map<String, INDArray> views(INDArray flat) {
        INDArray range = Slices.range(flat.reshape(flat.length()), 0, from, from + length);
        return ParameterViews.of(conf, range);
    }
}
