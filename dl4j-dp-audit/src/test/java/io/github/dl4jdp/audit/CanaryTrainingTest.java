// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.audit;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.dl4jdp.accountant.PrivacyGuarantee;
import io.github.dl4jdp.core.DpSgdPlan;
import io.github.dl4jdp.core.PrivacyEngine;
import java.util.Random;
import org.deeplearning4j.nn.conf.NeuralNetConfiguration;
import org.deeplearning4j.nn.conf.layers.DenseLayer;
import org.deeplearning4j.nn.conf.layers.OutputLayer;
import org.deeplearning4j.nn.multilayer.MultiLayerNetwork;
import org.junit.jupiter.api.Test;
import org.nd4j.linalg.activations.Activation;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.dataset.DataSet;
import org.nd4j.linalg.factory.Nd4j;
import org.nd4j.linalg.learning.config.Adam;
import org.nd4j.linalg.lossfunctions.LossFunctions.LossFunction;

/** The audit of one run, on networks that were really trained: what has no privacy is found out, what has is not accused. */
class CanaryTrainingTest {
    private static final int INPUTS = 40;
    private static final int CANARIES = 100;
    private static final PrivacyGuarantee CLAIM = new PrivacyGuarantee(1.0, 1e-5);

    private final CanaryAudit audit = CanaryAudit.of(CANARIES, new Random(31));
    private final DataSet canaries = noise(CANARIES, 32);
    private final DataSet trainingData = audit.trainingSet(noise(100, 33), canaries);

    /** Noise with random labels: whoever knows a label was trained on it. */
    private static DataSet noise(int examples, int seed) {
        Nd4j.getRandom().setSeed(seed);
        INDArray labels = Nd4j.zeros(examples, 2);
        var random = new Random(seed);
        for (int i = 0; i < examples; i++) {
            labels.putScalar(i, random.nextInt(2), 1);
        }
        return new DataSet(Nd4j.randn(examples, INPUTS), labels);
    }

    private static MultiLayerNetwork network() {
        var network = new MultiLayerNetwork(new NeuralNetConfiguration.Builder()
                .seed(34)
                .updater(new Adam(0.02))
                .list()
                .layer(new DenseLayer.Builder()
                        .nIn(INPUTS)
                        .nOut(64)
                        .activation(Activation.TANH)
                        .build())
                .layer(new OutputLayer.Builder(LossFunction.MCXENT)
                        .nOut(2)
                        .activation(Activation.SOFTMAX)
                        .build())
                .build());
        network.init();
        return network;
    }

    @Test
    void evaluate_networkWithoutPrivacy_contradictsTheClaim() {
        MultiLayerNetwork network = network();
        for (int i = 0; i < 100; i++) {
            network.fit(trainingData);
        }
        double[] scores = MembershipScores.negativeLosses(network, canaries);

        assertThat(audit.evaluate(scores, 50).epsilonLowerBound(1e-5, 0.95)).isGreaterThan(1.5);
        assertThatThrownBy(() -> audit.evaluate(scores, 50).assertConsistentWith(CLAIM, 0.95))
                .isInstanceOf(AssertionError.class);
    }

    @Test
    void evaluate_privateNetwork_doesNot() {
        MultiLayerNetwork network = network();
        var plan = DpSgdPlan.poisson(trainingData.numExamples(), 50)
                .withEpochs(10)
                .withClippingNorm(1.0)
                .calibratedTo(CLAIM)
                .withSeed(35);
        PrivacyEngine engine = PrivacyEngine.attach(network, plan);
        network.fit(engine.lots(trainingData), plan.epochs());
        double[] scores = MembershipScores.negativeLosses(network, canaries);

        audit.evaluate(scores, 50).assertConsistentWith(CLAIM, 0.95);
        assertThat(audit.evaluate(scores, 50).epsilonLowerBound(1e-5, 0.95)).isLessThan(1);
    }

    @Test
    void trainingSet_holdsTheIncludedCanariesInOrder() {
        boolean[] included = audit.included();
        assertThat(trainingData.numExamples()).isEqualTo(100 + audit.includedCount());
        int row = 100;
        for (int i = 0; i < CANARIES; i++) {
            if (included[i]) {
                assertThat(trainingData.get(row).getFeatures())
                        .isEqualTo(canaries.get(i).getFeatures());
                row++;
            }
        }
    }

    @Test
    void trainingSet_otherNumberOfCanaries_throws() {
        assertThatIllegalArgumentException()
                .isThrownBy(() -> audit.trainingSet(canaries, noise(CANARIES - 1, 1)))
                .withMessageContaining("length 100, was 99");
    }
}
