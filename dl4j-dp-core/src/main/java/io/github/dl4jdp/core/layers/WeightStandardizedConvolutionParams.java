// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core.layers;

import io.github.dl4jdp.core.internal.arrays.Slices;
import io.github.dl4jdp.core.internal.layers.WeightStandardizedConvolutionLayer;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.deeplearning4j.nn.api.ParamInitializer;
import org.deeplearning4j.nn.conf.NeuralNetConfiguration;
import org.deeplearning4j.nn.conf.layers.Layer;
import org.deeplearning4j.nn.params.ConvolutionParamInitializer;
import org.nd4j.linalg.api.ndarray.INDArray;

/** The parameters of {@link WeightStandardizedConvolution}: those of a convolution, then the gains. */
final class WeightStandardizedConvolutionParams extends ConvolutionParamInitializer {
    static final WeightStandardizedConvolutionParams INSTANCE = new WeightStandardizedConvolutionParams();

    /** Not {@code super}, which would take the gains for weights. */
    private static ParamInitializer convolution() {
        return ConvolutionParamInitializer.getInstance();
    }

    @Override
    public long numParams(Layer layer) {
        return convolution().numParams(layer) + ((WeightStandardizedConvolution) layer).getNOut();
    }

    @Override
    public List<String> paramKeys(Layer layer) {
        var keys = new ArrayList<>(convolution().paramKeys(layer));
        keys.add(WeightStandardizedConvolutionLayer.GAIN);
        return keys;
    }

    @Override
    public Map<String, INDArray> init(NeuralNetConfiguration conf, INDArray paramsView, boolean initializeParams) {
        Map<String, INDArray> params = convolution().init(conf, part(conf, paramsView, true), initializeParams);
        INDArray gains = part(conf, paramsView, false);
        if (initializeParams) {
            gains.assign(1);
        }
        params.put(WeightStandardizedConvolutionLayer.GAIN, gains);
        conf.addVariable(WeightStandardizedConvolutionLayer.GAIN);
        return params;
    }

    @Override
    public Map<String, INDArray> getGradientsFromFlattened(NeuralNetConfiguration conf, INDArray gradientView) {
        var views = new LinkedHashMap<>(convolution().getGradientsFromFlattened(conf, part(conf, gradientView, true)));
        views.put(WeightStandardizedConvolutionLayer.GAIN, part(conf, gradientView, false));
        return views;
    }

    /** What belongs to the convolution, or the gains. */
    private static INDArray part(NeuralNetConfiguration conf, INDArray view, boolean ofConvolution) {
        long first = convolution().numParams(conf);
        INDArray flat = view.reshape(view.length());
        return Slices.range(flat, 0, ofConvolution ? 0 : first, ofConvolution ? first : view.length());
    }
}
