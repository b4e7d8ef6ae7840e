// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core.gradient;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.dl4jdp.audit.testkit.GradientCase;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.Combinators;
import net.jqwik.api.Example;
import org.deeplearning4j.nn.conf.inputs.InputType;
import org.deeplearning4j.nn.conf.layers.DenseLayer;
import org.deeplearning4j.nn.conf.layers.LossLayer;
import org.nd4j.linalg.activations.Activation;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.lossfunctions.LossFunctions.LossFunction;
import org.nd4j.linalg.lossfunctions.impl.LossFMeasure;

class LossRuleTest extends BuiltInRuleContract {
    @Override
    protected Arbitrary<GradientCase> cases() {
        return Combinators.combine(
                        Arbitraries.integers().between(1, 6),
                        Arbitraries.integers().between(2, 5),
                        Arbitraries.of(GradientCase.LabelMask.NONE, GradientCase.LabelMask.PER_OUTPUT),
                        Cases.extras())
                .as((nIn, nOut, mask, extra) -> GradientCase.of(
                                InputType.feedForward(nIn),
                                dense(nOut),
                                new LossLayer.Builder(LossFunction.MSE)
                                        .activation(Activation.TANH)
                                        .build())
                        .withLabels(GradientCase.Labels.REAL)
                        .withLabelMask(mask)
                        .withConfiguration(extra));
    }

    private static DenseLayer dense(int nOut) {
        return new DenseLayer.Builder()
                .nOut(nOut)
                .activation(Activation.IDENTITY)
                .build();
    }

    @Example
    void problems_lossOverTheWholeBatch_namesRemedy() {
        var network = GradientCase.of(
                        InputType.feedForward(3),
                        dense(1),
                        new LossLayer.Builder(new LossFMeasure())
                                .activation(Activation.SIGMOID)
                                .build())
                .network(DataType.FLOAT);
        assertThat(GradientRules.builtIn()
                        .find(network.getLayer(1))
                        .orElseThrow()
                        .problems(network.getLayer(1)))
                .singleElement()
                .asString()
                .contains("F-measure")
                .contains("LossBinaryXENT");
    }
}
