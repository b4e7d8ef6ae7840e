// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core.gradient;

import io.github.dl4jdp.audit.testkit.GradientCase;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.Combinators;
import org.deeplearning4j.nn.conf.RNNFormat;
import org.deeplearning4j.nn.conf.inputs.InputType;
import org.deeplearning4j.nn.conf.layers.DenseLayer;
import org.nd4j.linalg.activations.Activation;

class NormalizedDenseTest extends BuiltInRuleContract {
    @Override
    protected Arbitrary<GradientCase> cases() {
        return Combinators.combine(
                        Arbitraries.integers().between(3, 6),
                        Arbitraries.of(true, false),
                        Arbitraries.of(true, false),
                        Cases.extras())
                .as((size, overTime, bias, extra) -> (overTime
                                ? GradientCase.of(
                                        InputType.recurrent(3, 4),
                                        Cases.simpleRnn(size, RNNFormat.NCW),
                                        dense(size, bias),
                                        Cases.rnnOutput(RNNFormat.NCW))
                                : GradientCase.of(
                                        InputType.feedForward(3), dense(size, true), dense(4, bias), Cases.output()))
                        .withConfiguration(extra));
    }

    private static DenseLayer dense(int size, boolean bias) {
        return new DenseLayer.Builder()
                .nOut(size)
                .hasLayerNorm(true)
                .hasBias(bias)
                .activation(Activation.TANH)
                .build();
    }
}
