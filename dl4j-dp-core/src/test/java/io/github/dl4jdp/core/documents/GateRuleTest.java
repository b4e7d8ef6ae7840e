// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core.documents;

import io.github.dl4jdp.core.gradient.GradientCase;
import io.github.dl4jdp.core.gradient.GradientRules;
import io.github.dl4jdp.core.gradient.PerExampleGradientRuleContract;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import org.deeplearning4j.nn.conf.inputs.InputType;
import org.deeplearning4j.nn.conf.layers.DenseLayer;
import org.deeplearning4j.nn.conf.layers.OutputLayer;
import org.nd4j.linalg.activations.Activation;
import org.nd4j.linalg.lossfunctions.LossFunctions.LossFunction;

/** The contract, for the gate. */
public class GateRuleTest extends PerExampleGradientRuleContract {
    @Override
    protected GradientRules rules() {
        return GradientRules.builtIn().with(new GateRule());
    }

    @Override
    protected Arbitrary<GradientCase> cases() {
        return Arbitraries.integers()
                .between(1, 6)
                .map(size -> GradientCase.of(
                        InputType.feedForward(3),
                        new DenseLayer.Builder()
                                .nOut(size)
                                .activation(Activation.TANH)
                                .build(),
                        new Gate(size),
                        new OutputLayer.Builder(LossFunction.MCXENT)
                                .nOut(3)
                                .activation(Activation.SOFTMAX)
                                .build()));
    }
}
