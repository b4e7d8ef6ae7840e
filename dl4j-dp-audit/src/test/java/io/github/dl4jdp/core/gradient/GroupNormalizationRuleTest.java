// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core.gradient;

import io.github.dl4jdp.audit.testkit.GradientCase;
import io.github.dl4jdp.core.layers.GroupNormalization;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.Combinators;
import org.deeplearning4j.nn.conf.CNN2DFormat;
import org.deeplearning4j.nn.conf.RNNFormat;
import org.deeplearning4j.nn.conf.inputs.InputType;
import org.deeplearning4j.nn.conf.layers.ConvolutionLayer;
import org.deeplearning4j.nn.conf.layers.DenseLayer;
import org.nd4j.linalg.activations.Activation;

class GroupNormalizationRuleTest extends BuiltInRuleContract {
    private enum Kind {
        IMAGE,
        VECTOR,
        TIME_STEPS
    }

    @Override
    protected Arbitrary<GradientCase> cases() {
        return Combinators.combine(
                        Arbitraries.of(1, 2, 4),
                        Arbitraries.of(Kind.values()),
                        Arbitraries.of(CNN2DFormat.values()),
                        Arbitraries.of(true, false))
                .as((groups, kind, format, dropout) -> {
                    var norm = new GroupNormalization.Builder(groups);
                    if (dropout && format == CNN2DFormat.NCHW) {
                        norm.dropOut(new FixedDropout());
                    }
                    return switch (kind) {
                        case IMAGE ->
                            GradientCase.of(
                                    InputType.convolutional(4, 3, 2, format),
                                    new ConvolutionLayer.Builder(2, 2)
                                            .nOut(4)
                                            .dataFormat(format)
                                            .activation(Activation.TANH)
                                            .build(),
                                    norm.build(),
                                    Cases.output());
                        case VECTOR ->
                            GradientCase.of(
                                    InputType.feedForward(3),
                                    new DenseLayer.Builder()
                                            .nOut(12)
                                            .activation(Activation.TANH)
                                            .build(),
                                    norm.build(),
                                    Cases.output());
                        case TIME_STEPS ->
                            GradientCase.of(
                                    InputType.recurrent(3, 4),
                                    Cases.simpleRnn(12, RNNFormat.NCW),
                                    new DenseLayer.Builder()
                                            .nOut(12)
                                            .activation(Activation.TANH)
                                            .build(),
                                    norm.build(),
                                    Cases.rnnOutput(RNNFormat.NCW));
                    };
                });
    }
}
