// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core.gradient;

import io.github.dl4jdp.audit.testkit.GradientCase;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.Combinators;
import net.jqwik.api.lifecycle.AfterContainer;
import net.jqwik.api.lifecycle.BeforeContainer;
import org.deeplearning4j.nn.conf.RNNFormat;
import org.deeplearning4j.nn.conf.inputs.InputType;
import org.deeplearning4j.nn.conf.layers.LSTM;
import org.deeplearning4j.nn.conf.layers.recurrent.LastTimeStep;
import org.nd4j.linalg.activations.Activation;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.factory.Nd4j;

class LastTimeStepRuleTest extends BuiltInRuleContract {
    /** Under a mask DL4J makes the last steps an array of the default type: with FLOAT a network in double precision would round. */
    @BeforeContainer
    static void useDoubleByDefault() {
        Nd4j.setDefaultDataTypes(DataType.DOUBLE, DataType.DOUBLE);
    }

    @AfterContainer
    static void useFloatByDefault() {
        Nd4j.setDefaultDataTypes(DataType.FLOAT, DataType.FLOAT);
    }

    @Override
    protected Arbitrary<GradientCase> cases() {
        return Combinators.combine(
                        Arbitraries.integers().between(1, 5),
                        Arbitraries.integers().between(1, 7),
                        Arbitraries.of(RNNFormat.values()),
                        Arbitraries.of(true, false),
                        Arbitraries.of(true, false))
                .as((nOut, steps, format, simple, masked) -> GradientCase.of(
                                InputType.recurrent(3, steps, format),
                                Cases.simpleRnn(3, format),
                                new LastTimeStep(
                                        simple
                                                ? Cases.simpleRnn(nOut, format)
                                                : new LSTM.Builder()
                                                        .nOut(nOut)
                                                        .dataFormat(format)
                                                        .activation(Activation.TANH)
                                                        .build()),
                                Cases.output())
                        .withFeatureMask(masked && steps > 1));
    }
}
