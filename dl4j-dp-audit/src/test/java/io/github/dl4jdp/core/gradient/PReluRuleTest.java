// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core.gradient;

import io.github.dl4jdp.audit.testkit.GradientCase;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.Combinators;
import org.deeplearning4j.nn.conf.inputs.InputType;
import org.deeplearning4j.nn.conf.layers.ConvolutionLayer;
import org.deeplearning4j.nn.conf.layers.DenseLayer;
import org.deeplearning4j.nn.conf.layers.PReLULayer;
import org.nd4j.linalg.activations.Activation;

class PReluRuleTest extends BuiltInRuleContract {
    @Override
    protected Arbitrary<GradientCase> cases() {
        return Combinators.combine(Arbitraries.integers().between(1, 3), Arbitraries.of(0, 1, 2), Cases.extras())
                .as((channels, kind, extra) -> (switch (kind) {
                            case 0 ->
                                GradientCase.of(
                                        InputType.feedForward(3),
                                        new DenseLayer.Builder()
                                                .nOut(channels)
                                                .activation(Activation.IDENTITY)
                                                .build(),
                                        new PReLULayer.Builder()
                                                .inputShape(channels)
                                                .build(),
                                        Cases.output());
                            case 1 -> image(channels, new PReLULayer.Builder().inputShape(channels, 3, 3));
                            default ->
                                image(
                                        channels,
                                        new PReLULayer.Builder()
                                                .inputShape(channels, 3, 3)
                                                .sharedAxes(2, 3));
                        })
                        .withConfiguration(extra));
    }

    private static GradientCase image(int channels, PReLULayer.Builder prelu) {
        // DL4J's operator takes at most 64 times as many inputs as slopes: with shared axes, six pictures of 3 x 3 are
        // within that.
        return GradientCase.of(
                InputType.convolutional(4, 4, 1),
                new ConvolutionLayer.Builder(2, 2)
                        .nOut(channels)
                        .activation(Activation.IDENTITY)
                        .build(),
                prelu.build(),
                Cases.output());
    }
}
