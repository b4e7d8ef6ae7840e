// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core.gradient;

import org.deeplearning4j.nn.api.Layer;
import org.deeplearning4j.nn.conf.weightnoise.IWeightNoise;
import org.deeplearning4j.nn.workspace.LayerWorkspaceMgr;
import org.jspecify.annotations.Nullable;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/** Weight noise that is the same in every pass. */
public final class FixedWeightNoise implements IWeightNoise {
    private static final long serialVersionUID = 1L;

    @Override
    public @Nullable INDArray getParameter(
            Layer layer, String paramKey, int iteration, int epoch, boolean train, LayerWorkspaceMgr workspaceMgr) {
        INDArray parameter = layer.getParam(paramKey);
        if (parameter == null) {
            return null; // DL4J asks for the bias of a layer without one
        }
        INDArray ramp = Nd4j.linspace(parameter.dataType(), 0.9, 0.2 / parameter.length(), parameter.length());
        return parameter.mul(ramp.reshape(parameter.ordering(), parameter.shape()));
    }

    @Override
    public IWeightNoise clone() {
        return new FixedWeightNoise();
    }
}
