// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core.gradient;

import io.github.dl4jdp.audit.testkit.GradientCase;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.Combinators;
import org.deeplearning4j.nn.conf.RNNFormat;
import org.deeplearning4j.nn.conf.inputs.InputType;
import org.deeplearning4j.nn.conf.layers.LSTM;
import org.deeplearning4j.nn.conf.layers.recurrent.LastTimeStep;
import org.deeplearning4j.nn.conf.layers.util.MaskZeroLayer;
import org.nd4j.linalg.activations.Activation;

class MaskZeroRuleTest extends BuiltInRuleContract {
    @Override
    protected Arbitrary<GradientCase> cases() {
        return Combinators.combine(
                        Arbitraries.integers().between(1, 5),
                        Arbitraries.integers().between(1, 7),
                        Arbitraries.of(true, false),
                        Arbitraries.of(0.0, 1.0, 2.0))
                .as((nOut, moreSteps, last, value) -> {
                    // DL4J refuses an example without any step below its last time step.
                    int steps = last ? moreSteps + 7 : moreSteps;
                    var lstm = new LSTM.Builder()
                            .nOut(nOut)
                            .activation(Activation.TANH)
                            .build();
                    // Tokens themselves are the features, so that whole steps have the masking value.
                    var masking = new MaskZeroLayer(lstm, value);
                    return last
                            ? GradientCase.of(InputType.recurrent(1, steps), new LastTimeStep(masking), Cases.output())
                                    .withVocabulary(3)
                            : GradientCase.of(InputType.recurrent(1, steps), masking, Cases.rnnOutput(RNNFormat.NCW))
                                    .withVocabulary(3);
                });
    }
}
