// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core.gradient;

import io.github.dl4jdp.audit.testkit.GradientCase;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.Combinators;
import org.deeplearning4j.nn.conf.RNNFormat;
import org.deeplearning4j.nn.conf.inputs.InputType;
import org.deeplearning4j.nn.conf.layers.EmbeddingSequenceLayer;
import org.nd4j.linalg.activations.Activation;

class EmbeddingSequenceRuleTest extends BuiltInRuleContract {
    @Override
    protected Arbitrary<GradientCase> cases() {
        return Combinators.combine(
                        Arbitraries.integers().between(1, 5),
                        Arbitraries.integers().between(1, 9),
                        Arbitraries.of(Activation.IDENTITY, Activation.TANH),
                        Arbitraries.of(true, false),
                        Arbitraries.of(true, false))
                .as((nOut, steps, activation, bias, masked) -> GradientCase.of(
                                InputType.recurrent(4, steps),
                                // Fewer tokens than steps: the same token several times in an example.
                                new EmbeddingSequenceLayer.Builder()
                                        .nIn(4)
                                        .nOut(nOut)
                                        .inputLength(steps)
                                        .hasBias(bias)
                                        .activation(activation)
                                        .build(),
                                Cases.simpleRnn(3, RNNFormat.NCW),
                                Cases.rnnOutput(RNNFormat.NCW))
                        .withVocabulary(4)
                        .withFeatureMask(masked && steps > 1));
    }
}
