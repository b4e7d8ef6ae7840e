// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core.gradient;

import io.github.dl4jdp.audit.testkit.GradientCase;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.Combinators;
import org.deeplearning4j.nn.conf.inputs.InputType;
import org.deeplearning4j.nn.conf.layers.DenseLayer;
import org.deeplearning4j.nn.conf.layers.OutputLayer;
import org.nd4j.linalg.activations.Activation;
import org.nd4j.linalg.lossfunctions.LossFunctions.LossFunction;

class OutputRuleTest extends BuiltInRuleContract {
    private record Head(LossFunction loss, Activation activation, GradientCase.Labels labels) {}

    @Override
    protected Arbitrary<GradientCase> cases() {
        var heads = Arbitraries.of(
                new Head(LossFunction.MCXENT, Activation.SOFTMAX, GradientCase.Labels.ONE_HOT),
                new Head(LossFunction.XENT, Activation.SIGMOID, GradientCase.Labels.ONE_HOT),
                new Head(LossFunction.MSE, Activation.TANH, GradientCase.Labels.REAL),
                new Head(LossFunction.L1, Activation.IDENTITY, GradientCase.Labels.REAL),
                new Head(LossFunction.HINGE, Activation.IDENTITY, GradientCase.Labels.REAL),
                new Head(LossFunction.POISSON, Activation.SOFTPLUS, GradientCase.Labels.ONE_HOT));
        return Combinators.combine(
                        Arbitraries.integers().between(1, 6),
                        Arbitraries.integers().between(2, 5),
                        Arbitraries.of(true, false),
                        heads,
                        Arbitraries.of(GradientCase.LabelMask.NONE, GradientCase.LabelMask.PER_OUTPUT),
                        Cases.extras())
                .as((nIn, nOut, bias, head, mask, extra) -> GradientCase.of(
                                InputType.feedForward(nIn),
                                new DenseLayer.Builder()
                                        .nOut(4)
                                        .activation(Activation.TANH)
                                        .build(),
                                new OutputLayer.Builder(head.loss())
                                        .nOut(nOut)
                                        .hasBias(bias)
                                        .activation(head.activation())
                                        .build())
                        .withLabels(head.labels())
                        // DL4J refuses masks of single outputs under a softmax: they would not be a distribution.
                        .withLabelMask(head.activation() == Activation.SOFTMAX ? GradientCase.LabelMask.NONE : mask)
                        .withConfiguration(extra));
    }
}
