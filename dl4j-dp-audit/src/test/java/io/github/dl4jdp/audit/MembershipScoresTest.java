// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.audit;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.within;

import org.deeplearning4j.nn.api.Model;
import org.deeplearning4j.nn.conf.NeuralNetConfiguration;
import org.deeplearning4j.nn.conf.layers.OutputLayer;
import org.deeplearning4j.nn.graph.ComputationGraph;
import org.deeplearning4j.nn.multilayer.MultiLayerNetwork;
import org.junit.jupiter.api.Test;
import org.nd4j.linalg.activations.Activation;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.dataset.DataSet;
import org.nd4j.linalg.factory.Nd4j;
import org.nd4j.linalg.learning.config.Sgd;
import org.nd4j.linalg.lossfunctions.LossFunctions.LossFunction;

class MembershipScoresTest {
    private static final DataSet DATA = AuditNetworks.data(1100);

    private static INDArray output(Model model, int row) {
        INDArray features = DATA.getFeatures().getRow(row, true);
        return model instanceof MultiLayerNetwork network
                ? network.output(features)
                : ((ComputationGraph) model).outputSingle(features);
    }

    @Test
    void scores_overSeveralBatches_areThoseOfEachExampleAlone() {
        for (Model model : new Model[] {AuditNetworks.network(new Sgd(1)), AuditNetworks.graph(new Sgd(1))}) {
            double[] losses = MembershipScores.negativeLosses(model, DATA);
            double[] confidences = MembershipScores.logitConfidences(model, DATA);

            assertThat(losses).hasSize(1100);
            for (int i : new int[] {0, 1, 511, 512, 1099}) {
                double p = output(model, i).getDouble(i % 3);
                assertThat(losses[i]).isCloseTo(Math.log(p), within(1e-5));
                assertThat(confidences[i]).isCloseTo(Math.log(p / (1 - p)), within(1e-5));
            }
        }
    }

    @Test
    void logitConfidences_verySureNetwork_isFiniteAndKeepsTheOrder() {
        MultiLayerNetwork network = single(3, Activation.SOFTMAX, LossFunction.MCXENT);
        network.setParams(Nd4j.createFromArray(new float[] {0, 0, 1, 0, 0, 0}).reshape(1, 6));
        INDArray labels = Nd4j.createFromArray(new float[][] {{0, 0, 1}, {0, 0, 1}, {0, 0, 1}, {1, 0, 0}});
        var data = new DataSet(Nd4j.createFromArray(new float[][] {{20}, {40}, {1e6f}, {1e6f}}), labels);

        double[] confidences = MembershipScores.logitConfidences(network, data);

        assertThat(confidences[0]).isCloseTo(20 - Math.log(2), within(1e-4));
        assertThat(confidences[1]).isCloseTo(40 - Math.log(2), within(1e-4));
        assertThat(confidences[2]).isBetween(80.0, 100.0);
        assertThat(confidences[3]).isBetween(-100.0, -80.0);
    }

    @Test
    void logitConfidences_singleSigmoid_isTheLogit() {
        MultiLayerNetwork network = single(1, Activation.SIGMOID, LossFunction.XENT);
        network.setParams(Nd4j.createFromArray(new float[] {1, 0}).reshape(1, 2));
        var data = new DataSet(
                Nd4j.createFromArray(new float[][] {{2}, {2}}), Nd4j.createFromArray(new float[][] {{1}, {0}}));

        assertThat(MembershipScores.logitConfidences(network, data))
                .containsExactly(new double[] {2, -2}, within(1e-4));
    }

    private static MultiLayerNetwork single(int outputs, Activation activation, LossFunction loss) {
        var network = new MultiLayerNetwork(new NeuralNetConfiguration.Builder()
                .list()
                .layer(new OutputLayer.Builder(loss)
                        .nIn(1)
                        .nOut(outputs)
                        .activation(activation)
                        .build())
                .build());
        network.init();
        return network;
    }

    @Test
    void logitConfidences_labelsOfSequences_throws() {
        var data = new DataSet(Nd4j.zeros(2, 6, 4), Nd4j.zeros(2, 3, 4));

        assertThatIllegalArgumentException()
                .isThrownBy(() -> MembershipScores.logitConfidences(AuditNetworks.network(new Sgd(1)), data))
                .withMessageContaining("[2, 3, 4]");
    }
}
