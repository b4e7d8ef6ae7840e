// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core.gradient;

import io.github.dl4jdp.audit.testkit.GradientCase;
import io.github.dl4jdp.core.layers.WeightStandardizedConvolution;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.Combinators;
import org.deeplearning4j.nn.conf.ConvolutionMode;
import org.deeplearning4j.nn.conf.RNNFormat;
import org.deeplearning4j.nn.conf.inputs.InputType;
import org.deeplearning4j.nn.conf.layers.ConvolutionLayer;
import org.deeplearning4j.nn.conf.preprocessor.CnnToRnnPreProcessor;
import org.deeplearning4j.nn.conf.preprocessor.RnnToCnnPreProcessor;
import org.nd4j.linalg.activations.Activation;

/** A convolution between recurrent layers: DL4J's preprocessors make every time step an image of the batch. */
class ConvolutionOverTimeTest extends BuiltInRuleContract {
    @Override
    protected Arbitrary<GradientCase> cases() {
        return Combinators.combine(
                        Arbitraries.integers().between(1, 3),
                        Arbitraries.integers().between(2, 4),
                        Arbitraries.of(ConvolutionMode.Same, ConvolutionMode.Truncate),
                        Arbitraries.of(true, false),
                        Arbitraries.of(true, false))
                .as((nOut, steps, mode, bias, standardized) -> GradientCase.of(
                                InputType.recurrent(2, steps),
                                Cases.simpleRnn(12, RNNFormat.NCW),
                                builder(standardized)
                                        .nOut(nOut)
                                        .convolutionMode(mode)
                                        .hasBias(bias)
                                        .activation(Activation.TANH)
                                        .build(),
                                Cases.simpleRnn(2, RNNFormat.NCW),
                                Cases.rnnOutput(RNNFormat.NCW))
                        .withPreProcessor(1, new RnnToCnnPreProcessor(3, 4, 1))
                        .withPreProcessor(
                                2,
                                mode == ConvolutionMode.Same
                                        ? new CnnToRnnPreProcessor(3, 4, nOut)
                                        : new CnnToRnnPreProcessor(2, 3, nOut)));
    }

    private static ConvolutionLayer.Builder builder(boolean standardized) {
        return standardized ? new WeightStandardizedConvolution.Builder(2, 2) : new ConvolutionLayer.Builder(2, 2);
    }
}
