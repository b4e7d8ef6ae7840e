// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core.gradient;

import io.github.dl4jdp.audit.testkit.GradientCase;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.Combinators;
import org.deeplearning4j.nn.conf.RNNFormat;
import org.deeplearning4j.nn.conf.inputs.InputType;
import org.deeplearning4j.nn.conf.layers.DenseLayer;
import org.deeplearning4j.nn.conf.layers.recurrent.TimeDistributed;
import org.nd4j.linalg.activations.Activation;

class TimeDistributedRuleTest extends BuiltInRuleContract {
    @Override
    protected Arbitrary<GradientCase> cases() {
        return Combinators.combine(
                        Arbitraries.integers().between(1, 5),
                        Arbitraries.integers().between(1, 7),
                        Arbitraries.of(RNNFormat.values()),
                        Arbitraries.of(true, false),
                        Cases.extras())
                .as((nOut, steps, format, masked, extra) -> GradientCase.of(
                                InputType.recurrent(3, steps, format),
                                Cases.simpleRnn(3, format),
                                new TimeDistributed(
                                        new DenseLayer.Builder()
                                                .nOut(nOut)
                                                .hasBias(masked)
                                                .activation(Activation.TANH)
                                                .build(),
                                        format),
                                Cases.rnnOutput(format))
                        .withFeatureMask(masked && steps > 1)
                        .withConfiguration(builder ->
                                format == RNNFormat.NWC ? extra.apply(builder).dropOut(null) : extra.apply(builder)));
    }
}
