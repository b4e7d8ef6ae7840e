// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core.gradient;

import io.github.dl4jdp.audit.testkit.GradientCase;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.Combinators;
import org.deeplearning4j.nn.conf.RNNFormat;
import org.deeplearning4j.nn.conf.inputs.InputType;
import org.deeplearning4j.nn.conf.layers.RnnOutputLayer;
import org.nd4j.linalg.activations.Activation;
import org.nd4j.linalg.lossfunctions.LossFunctions.LossFunction;

class RnnOutputRuleTest extends BuiltInRuleContract {
    @Override
    protected Arbitrary<GradientCase> cases() {
        return Combinators.combine(
                        Arbitraries.integers().between(1, 5),
                        Arbitraries.integers().between(1, 7),
                        Arbitraries.of(RNNFormat.values()),
                        Arbitraries.of(GradientCase.LabelMask.NONE, GradientCase.LabelMask.PER_STEP),
                        Cases.extras())
                .as((nIn, steps, format, mask, extra) -> GradientCase.of(
                                InputType.recurrent(nIn, steps, format),
                                Cases.simpleRnn(4, format),
                                new RnnOutputLayer.Builder(LossFunction.MSE)
                                        .nOut(3)
                                        .dataFormat(format)
                                        .activation(Activation.TANH)
                                        .build())
                        .withLabels(GradientCase.Labels.REAL)
                        .withLabelMask(mask)
                        .withConfiguration(builder ->
                                format == RNNFormat.NWC ? extra.apply(builder).dropOut(null) : extra.apply(builder)));
    }
}
