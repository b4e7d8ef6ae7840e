// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core.gradient;

import java.util.function.UnaryOperator;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import org.deeplearning4j.nn.conf.NeuralNetConfiguration;
import org.deeplearning4j.nn.conf.RNNFormat;
import org.deeplearning4j.nn.conf.layers.OutputLayer;
import org.deeplearning4j.nn.conf.layers.RnnOutputLayer;
import org.deeplearning4j.nn.conf.layers.recurrent.SimpleRnn;
import org.nd4j.linalg.activations.Activation;
import org.nd4j.linalg.lossfunctions.LossFunctions.LossFunction;

/** Parts that the rules' tests share. */
final class Cases {
    private Cases() {}

    /** What a configuration can add to every layer: nothing, dropout, weight noise, regularization. */
    static Arbitrary<UnaryOperator<NeuralNetConfiguration.Builder>> extras() {
        return Arbitraries.of(
                UnaryOperator.identity(),
                builder -> builder.dropOut(new FixedDropout()),
                builder -> builder.weightNoise(new FixedWeightNoise()),
                builder -> builder.l1(0.01).l2(0.02).weightDecay(0.03));
    }

    static OutputLayer output() {
        return new OutputLayer.Builder(LossFunction.MCXENT)
                .nOut(3)
                .activation(Activation.SOFTMAX)
                .build();
    }

    static SimpleRnn simpleRnn(int nOut, RNNFormat format) {
        return new SimpleRnn.Builder()
                .nOut(nOut)
                .dataFormat(format)
                .activation(Activation.TANH)
                .build();
    }

    static RnnOutputLayer rnnOutput(RNNFormat format) {
        return new RnnOutputLayer.Builder(LossFunction.MCXENT)
                .nOut(3)
                .dataFormat(format)
                .activation(Activation.SOFTMAX)
                .build();
    }
}
