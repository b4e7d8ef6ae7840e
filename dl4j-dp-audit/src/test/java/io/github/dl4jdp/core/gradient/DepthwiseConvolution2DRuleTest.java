// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core.gradient;

import io.github.dl4jdp.audit.testkit.GradientCase;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.Combinators;
import org.deeplearning4j.nn.conf.CNN2DFormat;
import org.deeplearning4j.nn.conf.ConvolutionMode;
import org.deeplearning4j.nn.conf.inputs.InputType;
import org.deeplearning4j.nn.conf.layers.ConvolutionLayer;
import org.deeplearning4j.nn.conf.layers.DepthwiseConvolution2D;
import org.nd4j.linalg.activations.Activation;

class DepthwiseConvolution2DRuleTest extends BuiltInRuleContract {
    @Override
    protected Arbitrary<GradientCase> cases() {
        return Combinators.combine(
                        Arbitraries.integers().between(1, 3),
                        Arbitraries.integers().between(1, 2),
                        Arbitraries.integers().between(2, 3),
                        Arbitraries.integers().between(1, 2),
                        Arbitraries.of(ConvolutionMode.Truncate, ConvolutionMode.Same),
                        Arbitraries.of(CNN2DFormat.values()),
                        Arbitraries.of(true, false))
                .as((nOut, multiplier, kernel, stride, mode, format, bias) -> GradientCase.of(
                        InputType.convolutional(6, 5, 1, format),
                        new ConvolutionLayer.Builder(2, 2)
                                .nOut(2)
                                .dataFormat(format)
                                .activation(Activation.TANH)
                                .build(),
                        new DepthwiseConvolution2D.Builder()
                                .kernelSize(kernel, kernel)
                                .stride(stride, stride)
                                .depthMultiplier(nOut)
                                .nOut(2 * nOut)
                                .dataFormat(format)
                                .convolutionMode(mode)
                                .hasBias(bias)
                                .activation(Activation.TANH)
                                .build(),
                        Cases.output()));
    }
}
