// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core.gradient;

import io.github.dl4jdp.audit.testkit.GradientCase;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.Combinators;
import org.deeplearning4j.nn.conf.inputs.InputType;
import org.deeplearning4j.nn.conf.layers.DenseLayer;
import org.nd4j.linalg.activations.Activation;

class DenseRuleTest extends BuiltInRuleContract {
    @Override
    protected Arbitrary<GradientCase> cases() {
        return Combinators.combine(
                        Arbitraries.integers().between(1, 6),
                        Arbitraries.integers().between(1, 6),
                        Arbitraries.of(true, false),
                        Arbitraries.of(Activation.TANH, Activation.RELU, Activation.IDENTITY, Activation.SOFTMAX),
                        Cases.extras())
                .as((nIn, nOut, bias, activation, extra) -> GradientCase.of(
                                InputType.feedForward(nIn),
                                dense(nOut, bias, activation),
                                dense(4, !bias, Activation.ELU),
                                Cases.output())
                        .withConfiguration(extra));
    }

    private static DenseLayer dense(int nOut, boolean bias, Activation activation) {
        return new DenseLayer.Builder()
                .nOut(nOut)
                .hasBias(bias)
                .activation(activation)
                .build();
    }
}
