// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core.gradient;

import io.github.dl4jdp.audit.testkit.GradientCase;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.Combinators;
import org.deeplearning4j.nn.conf.inputs.InputType;
import org.deeplearning4j.nn.conf.layers.DenseLayer;
import org.deeplearning4j.nn.conf.layers.misc.FrozenLayerWithBackprop;
import org.nd4j.linalg.activations.Activation;

class FrozenWithBackpropRuleTest extends BuiltInRuleContract {
    @Override
    protected Arbitrary<GradientCase> cases() {
        return Combinators.combine(Arbitraries.integers().between(1, 5), Arbitraries.of(true, false))
                .as((nOut, bias) -> GradientCase.of(
                        InputType.feedForward(3),
                        dense(4, !bias),
                        new FrozenLayerWithBackprop(dense(nOut, bias)),
                        Cases.output()));
    }

    private static DenseLayer dense(int nOut, boolean bias) {
        return new DenseLayer.Builder()
                .nOut(nOut)
                .hasBias(bias)
                .activation(Activation.TANH)
                .build();
    }
}
