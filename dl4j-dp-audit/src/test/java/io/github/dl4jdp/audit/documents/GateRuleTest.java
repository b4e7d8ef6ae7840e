// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.audit.documents;

import io.github.dl4jdp.audit.testkit.GradientCase;
import io.github.dl4jdp.audit.testkit.GradientRuleContract;
import io.github.dl4jdp.core.gradient.GradientRules;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import org.deeplearning4j.nn.conf.inputs.InputType;
import org.deeplearning4j.nn.conf.layers.DenseLayer;
import org.deeplearning4j.nn.conf.layers.OutputLayer;
import org.nd4j.linalg.activations.Activation;
import org.nd4j.linalg.lossfunctions.LossFunctions.LossFunction;

/** The contract, for the gate. */
public class GateRuleTest extends GradientRuleContract {
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
