// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core.gradient;

import io.github.dl4jdp.audit.testkit.GradientCase;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.Combinators;
import org.deeplearning4j.nn.conf.RNNFormat;
import org.deeplearning4j.nn.conf.inputs.InputType;
import org.deeplearning4j.nn.conf.layers.LSTM;
import org.deeplearning4j.nn.conf.layers.recurrent.Bidirectional;
import org.nd4j.linalg.activations.Activation;

class BidirectionalRuleTest extends BuiltInRuleContract {
    @Override
    protected Arbitrary<GradientCase> cases() {
        return Combinators.combine(
                        Arbitraries.integers().between(1, 4),
                        Arbitraries.integers().between(1, 7),
                        Arbitraries.of(Bidirectional.Mode.values()),
                        Arbitraries.of(RNNFormat.values()),
                        Arbitraries.of(true, false),
                        Arbitraries.of(true, false))
                .as((nOut, steps, mode, format, simple, masked) -> GradientCase.of(
                                InputType.recurrent(3, steps, format),
                                Cases.simpleRnn(3, format),
                                new Bidirectional(
                                        mode,
                                        simple
                                                ? Cases.simpleRnn(nOut, format)
                                                : new LSTM.Builder()
                                                        .nOut(nOut)
                                                        .dataFormat(format)
                                                        .activation(Activation.TANH)
                                                        .build()),
                                Cases.rnnOutput(format))
                        .withFeatureMask(masked && steps > 1)
                        .withLabelMask(
                                masked && steps > 1 ? GradientCase.LabelMask.PER_STEP : GradientCase.LabelMask.NONE));
    }
}
