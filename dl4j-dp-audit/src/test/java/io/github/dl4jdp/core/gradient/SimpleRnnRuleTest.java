// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core.gradient;

import io.github.dl4jdp.audit.testkit.GradientCase;
import java.util.function.UnaryOperator;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.Combinators;
import org.deeplearning4j.nn.conf.NeuralNetConfiguration;
import org.deeplearning4j.nn.conf.RNNFormat;
import org.deeplearning4j.nn.conf.inputs.InputType;
import org.deeplearning4j.nn.conf.layers.recurrent.SimpleRnn;
import org.nd4j.linalg.activations.Activation;

class SimpleRnnRuleTest extends BuiltInRuleContract {
    @Override
    protected Arbitrary<GradientCase> cases() {
        return Combinators.combine(
                        Arbitraries.integers().between(1, 4),
                        Arbitraries.integers().between(1, 6),
                        Arbitraries.of(Activation.TANH, Activation.SOFTSIGN, Activation.RELU),
                        Arbitraries.of(RNNFormat.values()),
                        Arbitraries.of(true, false),
                        Cases.extras())
                .as(SimpleRnnRuleTest::twoLayers);
    }

    @SuppressWarnings("TooManyParameters")
    private static GradientCase twoLayers(
            int nOut,
            int steps,
            Activation activation,
            RNNFormat format,
            boolean masked,
            UnaryOperator<NeuralNetConfiguration.Builder> extra) {
        return GradientCase.of(
                        InputType.recurrent(3, steps, format),
                        rnn(nOut, activation, format),
                        rnn(2, Activation.TANH, format),
                        Cases.rnnOutput(format))
                .withFeatureMask(masked && steps > 1)
                .withLabelMask(masked && steps > 1 ? GradientCase.LabelMask.PER_STEP : GradientCase.LabelMask.NONE)
                // DL4J forgets the dropout of its first forward pass in the second one that its backward pass makes.
                .withConfiguration(builder ->
                        format == RNNFormat.NWC ? extra.apply(builder).dropOut(null) : extra.apply(builder));
    }

    private static SimpleRnn rnn(int nOut, Activation activation, RNNFormat format) {
        return new SimpleRnn.Builder()
                .nOut(nOut)
                .activation(activation)
                .dataFormat(format)
                .build();
    }
}
