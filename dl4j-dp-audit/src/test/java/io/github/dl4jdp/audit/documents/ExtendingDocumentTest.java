// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.audit.documents;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.dl4jdp.core.DpSgdPlan;
import io.github.dl4jdp.core.ExecutionOptions;
import io.github.dl4jdp.core.PrivacyEngine;
import io.github.dl4jdp.core.UnsupportedModelException;
import io.github.dl4jdp.core.gradient.GradientRules;
import org.deeplearning4j.nn.conf.NeuralNetConfiguration;
import org.deeplearning4j.nn.conf.layers.OutputLayer;
import org.deeplearning4j.nn.multilayer.MultiLayerNetwork;
import org.junit.jupiter.api.Test;
import org.nd4j.linalg.activations.Activation;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.dataset.DataSet;
import org.nd4j.linalg.factory.Nd4j;
import org.nd4j.linalg.learning.config.Sgd;
import org.nd4j.linalg.lossfunctions.LossFunctions.LossFunction;

/** Training with the rule of docs/extending.md; {@code DocumentsTest} of the core compares this package with the page. */
class ExtendingDocumentTest {
    private static DataSet data() {
        Nd4j.getRandom().setSeed(17);
        INDArray labels = Nd4j.zeros(200, 3);
        for (int i = 0; i < 200; i++) {
            labels.putScalar(i, i % 3, 1);
        }
        return new DataSet(Nd4j.randn(200, 4), labels);
    }

    @Test
    void extending_samples_trainWithTheRuleAndAreRefusedWithout() {
        DataSet trainingData = data();
        MultiLayerNetwork net = new MultiLayerNetwork(new NeuralNetConfiguration.Builder()
                .updater(new Sgd(0.1))
                .list()
                .layer(new Gate(4))
                .layer(new OutputLayer.Builder(LossFunction.MCXENT)
                        .nIn(4)
                        .nOut(3)
                        .activation(Activation.SOFTMAX)
                        .build())
                .build());
        net.init();
        DpSgdPlan plan = DpSgdPlan.poisson(200, 50)
                .withEpochs(2)
                .withClippingNorm(1.0)
                .withNoiseMultiplier(1.0)
                .withDelta(1e-5);
        assertThatThrownBy(() -> PrivacyEngine.attach(net, plan))
                .isInstanceOf(UnsupportedModelException.class)
                .hasMessageContaining("GateLayer");
        INDArray before = net.params().dup();

        GradientRules rules = GradientRules.builtIn().with(new GateRule());
        PrivacyEngine engine = PrivacyEngine.attach(net, plan, ExecutionOptions.defaults(), rules);
        net.fit(engine.lots(trainingData), plan.epochs());

        assertThat(engine.remainingSteps()).isZero();
        assertThat(net.params().distance2(before)).isPositive();
        assertThat(engine.report().toString().replaceAll("\\s+", " "))
                .contains("GateLayer are right (a rule added to the library");
    }
}
