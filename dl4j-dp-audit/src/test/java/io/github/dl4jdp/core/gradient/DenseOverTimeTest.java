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

/** A dense layer between recurrent ones: DL4J's preprocessors make every time step a row. */
class DenseOverTimeTest extends BuiltInRuleContract {
    @Override
    protected Arbitrary<GradientCase> cases() {
        return Combinators.combine(
                        Arbitraries.integers().between(1, 6),
                        Arbitraries.integers().between(1, 40),
                        Arbitraries.of(RNNFormat.values()),
                        Arbitraries.of(true, false),
                        Arbitraries.of(true, false))
                .as((nOut, steps, format, bias, masked) -> GradientCase.of(
                                InputType.recurrent(3, steps, format),
                                Cases.simpleRnn(3, format),
                                new DenseLayer.Builder()
                                        .nOut(nOut)
                                        .hasBias(bias)
                                        .activation(Activation.SOFTSIGN)
                                        .build(),
                                Cases.simpleRnn(2, format),
                                Cases.rnnOutput(format))
                        .withFeatureMask(masked && steps > 1)
                        .withLabelMask(
                                masked && steps > 1 ? GradientCase.LabelMask.PER_STEP : GradientCase.LabelMask.NONE));
    }
}
