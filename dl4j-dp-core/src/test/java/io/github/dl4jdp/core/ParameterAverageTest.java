// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.ArrayList;
import java.util.List;
import org.deeplearning4j.nn.api.Model;
import org.deeplearning4j.nn.multilayer.MultiLayerNetwork;
import org.deeplearning4j.optimize.api.BaseTrainingListener;
import org.junit.jupiter.api.Test;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.dataset.DataSet;
import org.nd4j.linalg.learning.config.Sgd;

class ParameterAverageTest {
    private static final double DECAY = 0.8;

    @Test
    void applyTo_copyAfterPrivateTraining_holdsTheWeightedMeanOverLots() {
        MultiLayerNetwork network = Networks.classifier(DataType.DOUBLE, new Sgd(0.5));
        DataSet data = Networks.data(DataType.DOUBLE, 60);
        DpSgdPlan plan = DpSgdPlan.poisson(60, 30)
                .withSteps(7)
                .withClippingNorm(1)
                .withNoiseMultiplier(1)
                .withDelta(1e-3);
        // Lots of several physical batches: the average must count lots.
        PrivacyEngine engine =
                PrivacyEngine.attach(network, plan, ExecutionOptions.defaults().withPhysicalBatchSize(4));
        List<INDArray> seen = new ArrayList<>();
        var average = new ParameterAverage(DECAY);
        network.addListeners(average, new BaseTrainingListener() {
            @Override
            public void iterationDone(Model model, int iteration, int epoch) {
                seen.add(model.params().dup());
            }
        });
        network.fit(engine.lots(data), plan.epochs());

        assertThat(seen).hasSize(7);
        INDArray expected = seen.get(0).mul(0);
        double weights = 0;
        for (int i = 0; i < 7; i++) {
            double weight = Math.pow(DECAY, 6 - i);
            expected.addi(seen.get(i).mul(weight));
            weights += weight;
        }
        expected.divi(weights);
        INDArray trained = network.params().dup();
        MultiLayerNetwork copy = network.clone();
        average.applyTo(copy);

        assertThat(copy.params().distance2(expected)).isLessThan(1e-12);
        assertThat(network.params()).isEqualTo(trained);
        assertThat(copy.params().distance2(trained)).isGreaterThan(1e-3);

        average.applyTo(network);
        assertThat(network.params().distance2(expected)).isLessThan(1e-12);
    }

    @Test
    void applyTo_floatNetwork_keepsItsType() {
        MultiLayerNetwork network = Networks.classifier(DataType.FLOAT, new Sgd(0.5));
        INDArray before = network.params().dup();
        var average = new ParameterAverage(0.99);
        for (int i = 0; i < 1000; i++) {
            average.iterationDone(network, i, 0);
        }
        average.applyTo(network);

        assertThat(network.params().dataType()).isEqualTo(DataType.FLOAT);
        assertThat(network.params().distance2(before)).isLessThan(1e-6);
    }

    @Test
    void applyTo_beforeTraining_throws() {
        MultiLayerNetwork network = Networks.classifier(DataType.FLOAT, new Sgd(0.5));

        assertThatThrownBy(() -> new ParameterAverage(0.9).applyTo(network))
                .isInstanceOf(IllegalStateException.class)
                .hasMessageContaining("add this listener to the network and train");
    }

    @Test
    void iterationDone_secondNetwork_isRefused() {
        MultiLayerNetwork first = Networks.classifier(DataType.FLOAT, new Sgd(0.5));
        MultiLayerNetwork second = Networks.classifier(DataType.FLOAT, new Sgd(0.5));
        var average = new ParameterAverage(0.9);
        first.addListeners(average);
        second.addListeners(average);
        DataSet data = Networks.data(DataType.FLOAT, 60);
        first.fit(data);

        assertThatThrownBy(() -> second.fit(data))
                .isInstanceOf(IllegalStateException.class)
                .hasMessageContaining("must hear one network");
    }

    @Test
    void applyTo_networkOfAnotherRun_throws() {
        DpSgdPlan plan = DpSgdPlan.poisson(60, 30)
                .withSteps(2)
                .withClippingNorm(1)
                .withNoiseMultiplier(1)
                .withDelta(1e-3);
        DataSet data = Networks.data(DataType.FLOAT, 60);
        MultiLayerNetwork averaged = Networks.classifier(DataType.FLOAT, new Sgd(0.5));
        var average = new ParameterAverage(0.9);
        averaged.addListeners(average);
        MultiLayerNetwork other = Networks.classifier(DataType.FLOAT, new Sgd(0.5));
        for (MultiLayerNetwork network : List.of(averaged, other)) {
            try (var engine = PrivacyEngine.attach(network, plan)) {
                network.fit(engine.lots(data), plan.epochs());
            }
        }
        INDArray before = other.params().dup();

        assertThatThrownBy(() -> average.applyTo(other))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("another run");
        assertThat(other.params()).isEqualTo(before);
        average.applyTo(averaged);
    }

    @Test
    void decay_outOfRange_throws() {
        for (double decay : new double[] {-0.1, 1, Double.NaN}) {
            assertThatThrownBy(() -> new ParameterAverage(decay))
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessageContaining("decay must be in [0, 1), was " + decay);
        }
    }
}
