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
import org.deeplearning4j.nn.conf.layers.AutoEncoder;
import org.nd4j.linalg.activations.Activation;
import org.nd4j.linalg.api.buffer.DataType;

class AutoEncoderRuleTest extends BuiltInRuleContract {
    @Override
    protected Arbitrary<GradientCase> cases() {
        return Combinators.combine(
                        Arbitraries.integers().between(1, 6),
                        Arbitraries.integers().between(1, 6),
                        Arbitraries.integers().between(0, 3),
                        Arbitraries.of(Activation.TANH, Activation.RELU, Activation.IDENTITY, Activation.SOFTMAX),
                        extras())
                .as((nIn, nOut, steps, activation, extra) -> (steps == 0
                                ? GradientCase.of(InputType.feedForward(nIn), encoder(nOut, activation), Cases.output())
                                : GradientCase.of(
                                        InputType.recurrent(nIn, steps),
                                        encoder(nOut, activation),
                                        Cases.rnnOutput(RNNFormat.NCW)))
                        .withConfiguration(extra));
    }

    private static Arbitrary<UnaryOperator<NeuralNetConfiguration.Builder>> extras() {
        return Arbitraries.of(
                UnaryOperator.identity(),
                builder -> builder.weightNoise(new FixedWeightNoise()),
                builder -> builder.l1(0.01).l2(0.02).weightDecay(0.03));
    }

    private static AutoEncoder encoder(int nOut, Activation activation) {
        return new AutoEncoder.Builder(0.3).nOut(nOut).activation(activation).build();
    }

    @Example
    void problems_dropout_namesRemedy() {
        var network = GradientCase.of(InputType.feedForward(3), encoder(2, Activation.TANH), Cases.output())
                .withConfiguration(builder -> builder.dropOut(0.5))
                .network(DataType.FLOAT);
        assertThat(AutoEncoderRule.RULE.problems(network.getLayer(0)))
                .singleElement()
                .asString()
                .contains("DropoutLayer");
    }
}
