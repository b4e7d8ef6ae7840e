// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core.gradient;

import io.github.dl4jdp.audit.testkit.GradientCase;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.Combinators;
import org.deeplearning4j.nn.conf.RNNFormat;
import org.deeplearning4j.nn.conf.inputs.InputType;
import org.deeplearning4j.nn.conf.layers.EmbeddingLayer;
import org.nd4j.linalg.activations.Activation;

class EmbeddingRuleTest extends BuiltInRuleContract {
    @Override
    protected Arbitrary<GradientCase> cases() {
        return Combinators.combine(
                        Arbitraries.integers().between(1, 5),
                        Arbitraries.integers().between(2, 9),
                        Arbitraries.of(Activation.IDENTITY, Activation.TANH),
                        Arbitraries.of(true, false),
                        Arbitraries.of(true, false))
                .as((nOut, steps, activation, bias, sequence) -> {
                    var embedding = new EmbeddingLayer.Builder()
                            .nIn(4)
                            .nOut(nOut)
                            .hasBias(bias)
                            .activation(activation)
                            .build();
                    return (sequence
                                    ? GradientCase.of(
                                            InputType.recurrent(4, steps),
                                            embedding,
                                            Cases.simpleRnn(3, RNNFormat.NCW),
                                            Cases.rnnOutput(RNNFormat.NCW))
                                    : GradientCase.of(InputType.feedForward(4), embedding, Cases.output()))
                            .withVocabulary(4);
                });
    }
}
