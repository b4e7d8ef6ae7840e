// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core.gradient;

import io.github.dl4jdp.audit.testkit.GradientCase;
import io.github.dl4jdp.core.layers.WeightStandardizedConvolution;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.Combinators;
import org.deeplearning4j.nn.conf.CNN2DFormat;
import org.deeplearning4j.nn.conf.ConvolutionMode;
import org.deeplearning4j.nn.conf.inputs.InputType;
import org.deeplearning4j.nn.conf.layers.ConvolutionLayer;
import org.nd4j.linalg.activations.Activation;

class WeightStandardizedConvolutionRuleTest extends BuiltInRuleContract {
    @Override
    protected Arbitrary<GradientCase> cases() {
        return Combinators.combine(
                        Arbitraries.of(ConvolutionMode.Truncate, ConvolutionMode.Same),
                        Arbitraries.of(1, 2),
                        Arbitraries.integers().between(1, 3),
                        Arbitraries.integers().between(1, 4),
                        Arbitraries.of(true, false),
                        Arbitraries.of(CNN2DFormat.values()),
                        Arbitraries.of(true, false))
                .as((mode, stride, nIn, nOut, bias, format, dropout) -> {
                    var second = convolution(format, mode, stride, nOut, bias);
                    if (dropout && format == CNN2DFormat.NCHW) {
                        second.dropOut(new FixedDropout());
                    }
                    return GradientCase.of(
                            InputType.convolutional(6, 7, nIn, format),
                            convolution(format, ConvolutionMode.Same, 1, 2, true)
                                    .build(),
                            second.build(),
                            Cases.output());
                });
    }

    private static ConvolutionLayer.Builder convolution(
            CNN2DFormat format, ConvolutionMode mode, int stride, int nOut, boolean bias) {
        var builder = new WeightStandardizedConvolution.Builder(3, 3);
        builder.dataFormat(format)
                .convolutionMode(mode)
                .stride(stride, stride)
                .nOut(nOut)
                .hasBias(bias)
                .activation(Activation.TANH);
        return builder;
    }
}
