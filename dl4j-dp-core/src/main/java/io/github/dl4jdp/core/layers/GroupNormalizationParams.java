// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core.layers;

import io.github.dl4jdp.core.internal.arrays.Slices;
import io.github.dl4jdp.core.internal.layers.GroupNormalizationLayer;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.deeplearning4j.nn.conf.NeuralNetConfiguration;
import org.deeplearning4j.nn.conf.layers.Layer;
import org.deeplearning4j.nn.params.EmptyParamInitializer;
import org.nd4j.linalg.api.ndarray.INDArray;

/** The parameters of {@link GroupNormalization}: gamma, then beta, one of each for a channel. */
final class GroupNormalizationParams extends EmptyParamInitializer {
    static final GroupNormalizationParams INSTANCE = new GroupNormalizationParams();

    @Override
    public long numParams(NeuralNetConfiguration conf) {
        return numParams(conf.getLayer());
    }

    @Override
    public long numParams(Layer layer) {
        return 2 * ((GroupNormalization) layer).getNIn();
    }

    @Override
    public List<String> paramKeys(Layer layer) {
        return List.of(GroupNormalizationLayer.GAMMA, GroupNormalizationLayer.BETA);
    }

    @Override
    public Map<String, INDArray> init(NeuralNetConfiguration conf, INDArray paramsView, boolean initializeParams) {
        Map<String, INDArray> params = getGradientsFromFlattened(conf, paramsView);
        params.forEach((name, view) -> {
            if (initializeParams) {
                view.assign(name.equals(GroupNormalizationLayer.GAMMA) ? 1 : 0);
            }
            conf.addVariable(name);
        });
        return params;
    }

    @Override
    public Map<String, INDArray> getGradientsFromFlattened(NeuralNetConfiguration conf, INDArray gradientView) {
        long channels = ((GroupNormalization) conf.getLayer()).getNIn();
        INDArray flat = gradientView.reshape(gradientView.length());
        var views = new LinkedHashMap<String, INDArray>();
        views.put(GroupNormalizationLayer.GAMMA, Slices.range(flat, 0, 0, channels));
        views.put(GroupNormalizationLayer.BETA, Slices.range(flat, 0, channels, 2 * channels));
        return views;
    }
}
