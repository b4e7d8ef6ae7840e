// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.within;

import java.util.Random;
import org.deeplearning4j.nn.conf.NeuralNetConfiguration;
import org.deeplearning4j.nn.conf.layers.DenseLayer;
import org.deeplearning4j.nn.conf.layers.OutputLayer;
import org.deeplearning4j.nn.multilayer.MultiLayerNetwork;
import org.junit.jupiter.api.Test;
import org.nd4j.linalg.activations.Activation;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.dataset.DataSet;
import org.nd4j.linalg.factory.Nd4j;
import org.nd4j.linalg.lossfunctions.impl.LossMCXENT;

class ClassWeightsTest {
    private static DataSet data(int size) {
        Random random = new Random(5);
        float[][] features = new float[size][4];
        float[][] labels = new float[size][2];
        for (int i = 0; i < size; i++) {
            for (int j = 0; j < 4; j++) {
                features[i][j] = (float) random.nextGaussian();
            }
            labels[i][i % 5 == 0 ? 1 : 0] = 1;
        }
        return new DataSet(Nd4j.create(features), Nd4j.create(labels));
    }

    private static MultiLayerNetwork network(OutputLayer output) {
        var net = new MultiLayerNetwork(new NeuralNetConfiguration.Builder()
                .seed(1)
                .dataType(DataType.DOUBLE)
                .list()
                .layer(new DenseLayer.Builder()
                        .nIn(4)
                        .nOut(3)
                        .activation(Activation.TANH)
                        .build())
                .layer(output)
                .build());
        net.init();
        return net;
    }

    @Test
    void balanced_inALoss_scalesTheGradientsOfAClassByItsWeight() {
        INDArray weights = ClassWeights.balanced(0.98, 0.02); // public shares of the classes: 0.0204 and 1
        OutputLayer output = new OutputLayer.Builder(new LossMCXENT(weights))
                .nOut(2)
                .activation(Activation.SOFTMAX)
                .build();
        DataSet data = data(20);
        INDArray weighted = PerExampleGradients.norms(network(output), data);
        INDArray plain = PerExampleGradients.norms(
                network(new OutputLayer.Builder(new LossMCXENT())
                        .nOut(2)
                        .activation(Activation.SOFTMAX)
                        .build()),
                data);

        for (int i = 0; i < 20; i++) {
            double weight = i % 5 == 0 ? 1 : 0.02 / 0.98;
            assertThat(weighted.getDouble(i)).isCloseTo(weight * plain.getDouble(i), within(1e-6));
        }
    }

    @Test
    void balanced_anyShares_haveALargestWeightOfOneAndEqualSums() {
        Random random = new Random(6);
        for (int run = 0; run < 100; run++) {
            double[] shares = random.doubles(2 + random.nextInt(5), 1e-3, 10).toArray();
            INDArray weights = ClassWeights.balanced(shares);
            assertThat(weights.maxNumber().doubleValue()).isEqualTo(1);
            for (int c = 0; c < shares.length; c++) {
                assertThat(weights.getDouble(c) * shares[c])
                        .isCloseTo(weights.getDouble(0) * shares[0], within(1e-6 * shares[0]));
            }
        }
    }

    @Test
    void balanced_shareThatIsNone_isRefused() {
        for (double[] shares : new double[][] {{}, {1}, {1, 0}, {1, Double.NaN}, {1, Double.POSITIVE_INFINITY}}) {
            assertThatIllegalArgumentException()
                    .isThrownBy(() -> ClassWeights.balanced(shares))
                    .withMessageContaining("shares");
        }
    }
}
