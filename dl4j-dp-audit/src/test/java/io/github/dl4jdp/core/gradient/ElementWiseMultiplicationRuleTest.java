// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core.gradient;

import io.github.dl4jdp.audit.testkit.GradientCase;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.Combinators;
import org.deeplearning4j.nn.conf.RNNFormat;
import org.deeplearning4j.nn.conf.inputs.InputType;
import org.deeplearning4j.nn.conf.layers.DenseLayer;
import org.deeplearning4j.nn.conf.layers.misc.ElementWiseMultiplicationLayer;
import org.nd4j.linalg.activations.Activation;

class ElementWiseMultiplicationRuleTest extends BuiltInRuleContract {
    @Override
    protected Arbitrary<GradientCase> cases() {
        return Combinators.combine(
                        Arbitraries.integers().between(1, 5),
                        Arbitraries.of(true, false),
                        Arbitraries.of(Activation.IDENTITY, Activation.TANH))
                .as((size, overTime, activation) -> {
                    var layer = new ElementWiseMultiplicationLayer.Builder()
                            .nIn(size)
                            .nOut(size)
                            .activation(activation)
                            .build();
                    return overTime
                            ? GradientCase.of(
                                    InputType.recurrent(3, 4),
                                    Cases.simpleRnn(size, RNNFormat.NCW),
                                    layer,
                                    Cases.rnnOutput(RNNFormat.NCW))
                            : GradientCase.of(
                                    InputType.feedForward(3),
                                    new DenseLayer.Builder()
                                            .nOut(size)
                                            .activation(Activation.TANH)
                                            .build(),
                                    layer,
                                    Cases.output());
                });
    }
}
