// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core.gradient;

import io.github.dl4jdp.audit.testkit.GradientCase;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.Combinators;
import org.deeplearning4j.nn.conf.ConvolutionMode;
import org.deeplearning4j.nn.conf.RNNFormat;
import org.deeplearning4j.nn.conf.inputs.InputType;
import org.deeplearning4j.nn.conf.layers.Convolution1DLayer;
import org.nd4j.linalg.activations.Activation;

/** Without masks: under one DL4J 1.0.0-M2.1 itself fails in the mask's reduction. */
class Convolution1DRuleTest extends BuiltInRuleContract {
    @Override
    protected Arbitrary<GradientCase> cases() {
        return Combinators.combine(
                        Arbitraries.integers().between(1, 4),
                        Arbitraries.integers().between(1, 3),
                        Arbitraries.integers().between(1, 2),
                        Arbitraries.integers().between(1, 2),
                        Arbitraries.of(ConvolutionMode.Truncate, ConvolutionMode.Same, ConvolutionMode.Causal),
                        Arbitraries.of(true, false))
                .as((nOut, kernel, stride, dilation, mode, bias) -> GradientCase.of(
                        InputType.recurrent(3, 9),
                        Cases.simpleRnn(3, RNNFormat.NCW),
                        new Convolution1DLayer.Builder(kernel)
                                .nOut(nOut)
                                .stride(stride)
                                .dilation(dilation)
                                .convolutionMode(mode)
                                .hasBias(bias)
                                .activation(Activation.TANH)
                                .build(),
                        Cases.simpleRnn(2, RNNFormat.NCW),
                        Cases.rnnOutput(RNNFormat.NCW)));
    }
}
