// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core.gradient;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.dl4jdp.audit.testkit.GradientCase;
import java.util.function.UnaryOperator;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.Combinators;
import net.jqwik.api.Example;
import org.deeplearning4j.nn.conf.NeuralNetConfiguration;
import org.deeplearning4j.nn.conf.RNNFormat;
import org.deeplearning4j.nn.conf.inputs.InputType;
import org.deeplearning4j.nn.conf.layers.LSTM;
import org.nd4j.linalg.activations.Activation;
import org.nd4j.linalg.api.buffer.DataType;

class LstmRuleTest extends BuiltInRuleContract {
    @Override
    protected Arbitrary<GradientCase> cases() {
        return Combinators.combine(
                        Arbitraries.integers().between(1, 4),
                        Arbitraries.integers().between(1, 6),
                        Arbitraries.of(Activation.TANH, Activation.SOFTSIGN, Activation.RELU),
                        Arbitraries.of(Activation.SIGMOID, Activation.HARDSIGMOID),
                        Arbitraries.of(RNNFormat.values()),
                        Arbitraries.of(true, false),
                        Cases.extras())
                .as(LstmRuleTest::twoLayers);
    }

    @SuppressWarnings("TooManyParameters")
    private static GradientCase twoLayers(
            int nOut,
            int steps,
            Activation activation,
            Activation gate,
            RNNFormat format,
            boolean masked,
            UnaryOperator<NeuralNetConfiguration.Builder> extra) {
        return GradientCase.of(
                        InputType.recurrent(3, steps, format),
                        lstm(nOut, activation, gate, format),
                        lstm(2, Activation.TANH, Activation.SIGMOID, format),
                        Cases.rnnOutput(format))
                .withFeatureMask(masked && steps > 1)
                .withLabelMask(masked && steps > 1 ? GradientCase.LabelMask.PER_STEP : GradientCase.LabelMask.NONE)
                // DL4J forgets the dropout of its first forward pass in the second one that its backward pass makes.
                .withConfiguration(builder ->
                        format == RNNFormat.NWC ? extra.apply(builder).dropOut(null) : extra.apply(builder));
    }

    private static LSTM lstm(int nOut, Activation activation, Activation gate, RNNFormat format) {
        return new LSTM.Builder()
                .nOut(nOut)
                .activation(activation)
                .gateActivationFunction(gate)
                .dataFormat(format)
                .build();
    }

    @Example
    void problems_softmaxInTheRecurrence_namesRemedy() {
        var network = GradientCase.of(
                        InputType.recurrent(3, 4),
                        lstm(2, Activation.SOFTMAX, Activation.SIGMOID, RNNFormat.NCW),
                        Cases.rnnOutput(RNNFormat.NCW))
                .network(DataType.FLOAT);
        assertThat(LstmRule.RULE.problems(network.getLayer(0)))
                .singleElement()
                .asString()
                .contains("ActivationSoftmax")
                .contains("TANH");
    }
}
