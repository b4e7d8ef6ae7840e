// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core.internal.arrays;

import java.util.LinkedHashMap;
import java.util.Map;
import org.deeplearning4j.nn.conf.NeuralNetConfiguration;
import org.deeplearning4j.nn.conf.layers.Layer;
import org.deeplearning4j.nn.conf.layers.recurrent.Bidirectional;
import org.deeplearning4j.nn.params.BidirectionalParamInitializer;
import org.nd4j.linalg.api.ndarray.INDArray;

/** A layer's part of a flat array, parameter by parameter. */
public final class ParameterViews {
    private ParameterViews() {}

    /**
     * DL4J's own views, by parameter name.
     *
     * @param conf the layer's configuration
     * @param flat [numParams of the layer], in the order of {@code layer.params()}
     */
    public static Map<String, INDArray> of(NeuralNetConfiguration conf, INDArray flat) {
        if (!(conf.getLayer() instanceof Bidirectional bidirectional)) {
            return conf.getLayer().initializer().getGradientsFromFlattened(conf, flat);
        }
        // DL4J hands the layers inside the wrapper's configuration, which they reject.
        var views = new LinkedHashMap<String, INDArray>();
        long half = flat.length() / 2;
        addDirection(views, conf, bidirectional.getFwd(), BidirectionalParamInitializer.FORWARD_PREFIX, flat, 0, half);
        addDirection(
                views,
                conf,
                bidirectional.getBwd(),
                BidirectionalParamInitializer.BACKWARD_PREFIX,
                flat,
                half,
                2 * half);
        return views;
    }

    @SuppressWarnings("TooManyParameters")
    private static void addDirection(
            Map<String, INDArray> views,
            NeuralNetConfiguration conf,
            Layer inner,
            String prefix,
            INDArray flat,
            long from,
            long to) {
        NeuralNetConfiguration innerConf = conf.clone();
        innerConf.setLayer(inner);
        of(innerConf, Slices.range(flat, 0, from, to)).forEach((name, view) -> views.put(prefix + name, view));
    }
}
