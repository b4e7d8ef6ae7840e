// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core.monitor;

import io.github.dl4jdp.accountant.PrivacyGuarantee;
import io.github.dl4jdp.core.DpSgdPlan;
import io.github.dl4jdp.core.PrivacyEngine;
import io.github.dl4jdp.core.PrivacyStatus;
import io.github.dl4jdp.core.Statuses;
import java.util.OptionalDouble;
import org.deeplearning4j.nn.conf.NeuralNetConfiguration;
import org.deeplearning4j.nn.conf.layers.OutputLayer;
import org.deeplearning4j.nn.multilayer.MultiLayerNetwork;
import org.nd4j.linalg.activations.Activation;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.dataset.DataSet;
import org.nd4j.linalg.factory.Nd4j;
import org.nd4j.linalg.learning.config.Sgd;
import org.nd4j.linalg.lossfunctions.LossFunctions.LossFunction;

/** A small private run to be watched. */
record Runs(MultiLayerNetwork network, PrivacyEngine engine) {
    static final PrivacyStatus STATUS = Statuses.of(7, 13, OptionalDouble.empty(), 0.75, Double.POSITIVE_INFINITY);

    static Runs of(int steps) {
        Nd4j.getRandom().setSeed(5);
        var network = new MultiLayerNetwork(new NeuralNetConfiguration.Builder()
                .seed(3)
                .updater(new Sgd(0.1))
                .list()
                .layer(new OutputLayer.Builder(LossFunction.MCXENT)
                        .nIn(4)
                        .nOut(2)
                        .activation(Activation.SOFTMAX)
                        .build())
                .build());
        network.init();
        var plan = DpSgdPlan.poisson(100, 10)
                .withSteps(steps)
                .withClippingNorm(1)
                .calibratedTo(new PrivacyGuarantee(2, 1e-5));
        return new Runs(network, PrivacyEngine.attach(network, plan));
    }

    static DataSet data() {
        var labels = Nd4j.zeros(DataType.FLOAT, 100, 2);
        for (int i = 0; i < 100; i++) {
            labels.putScalar(i, i % 2, 1);
        }
        return new DataSet(Nd4j.randn(DataType.FLOAT, 100, 4), labels);
    }

    void fit() {
        network.fit(engine.lots(data()), engine.plan().epochs());
    }
}
