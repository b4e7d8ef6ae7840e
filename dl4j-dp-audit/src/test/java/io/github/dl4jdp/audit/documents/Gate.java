// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.audit.documents;

import java.util.Collection;
import org.deeplearning4j.nn.api.Layer;
import org.deeplearning4j.nn.conf.NeuralNetConfiguration;
import org.deeplearning4j.nn.conf.layers.misc.ElementWiseMultiplicationLayer;
import org.deeplearning4j.optimize.api.TrainingListener;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;

/** The configuration of a layer of one's own: {@code z = x * sigmoid(W) + b}, feature by feature. */
public final class Gate extends ElementWiseMultiplicationLayer {
    private static final long serialVersionUID = 1L;

    /** A gate for so many features. */
    public Gate(int size) {
        super(new Builder().nIn(size).nOut(size));
    }

    @Override
    public Layer instantiate(
            NeuralNetConfiguration conf,
            Collection<TrainingListener> listeners,
            int index,
            INDArray parameters,
            boolean initialize,
            DataType type) {
        var layer = new GateLayer(conf, type);
        layer.setListeners(listeners);
        layer.setIndex(index);
        layer.setParamsViewArray(parameters);
        layer.setParamTable(initializer().init(conf, parameters, initialize));
        return layer;
    }
}
