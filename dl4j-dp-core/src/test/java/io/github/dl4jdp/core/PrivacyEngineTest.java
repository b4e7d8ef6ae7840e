// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.deeplearning4j.nn.api.Model;
import org.deeplearning4j.nn.multilayer.MultiLayerNetwork;
import org.deeplearning4j.optimize.api.BaseTrainingListener;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.dataset.DataSet;
import org.nd4j.linalg.dataset.api.iterator.DataSetIterator;
import org.nd4j.linalg.factory.Nd4j;
import org.nd4j.linalg.learning.config.AMSGrad;
import org.nd4j.linalg.learning.config.AdaGrad;
import org.nd4j.linalg.learning.config.Adam;
import org.nd4j.linalg.learning.config.IUpdater;
import org.nd4j.linalg.learning.config.Nesterovs;
import org.nd4j.linalg.learning.config.RmsProp;
import org.nd4j.linalg.learning.config.Sgd;
import org.nd4j.linalg.schedule.ExponentialSchedule;
import org.nd4j.linalg.schedule.ScheduleType;

class PrivacyEngineTest {
    private static final int EXAMPLES = 12;

    private static DpSgdPlan plan(long examples, long lotSize) {
        return DpSgdPlan.poisson(examples, lotSize)
                .withSteps(20)
                .withClippingNorm(1.0)
                .withNoiseMultiplier(1.0)
                .withDelta(1e-5)
                .withSeed(5);
    }

    /** Every lot is the whole data set, nothing is clipped and nothing is added: private training is plain training. */
    private static DpSgdPlan plainPlan() {
        return plan(EXAMPLES, EXAMPLES).withClippingNorm(1e30).withoutNoise();
    }

    static Stream<IUpdater> updaters() {
        var schedule = new ExponentialSchedule(ScheduleType.ITERATION, 0.1, 0.9);
        return Stream.of(
                new Sgd(schedule),
                new Nesterovs(schedule),
                new Adam(schedule),
                new AMSGrad(schedule),
                new RmsProp(schedule),
                new AdaGrad(0.1));
    }

    @ParameterizedTest
    @MethodSource("updaters")
    void fit_noClippingNoNoise_equalsPlainDl4j(IUpdater updater) {
        DataSet data = Networks.data(DataType.DOUBLE, EXAMPLES);
        MultiLayerNetwork plain = Networks.classifier(DataType.DOUBLE, updater);
        for (int i = 0; i < 20; i++) {
            plain.fit(data);
        }
        for (int physicalBatch : new int[] {1, 5, 100}) {
            MultiLayerNetwork network = Networks.classifier(DataType.DOUBLE, updater);
            var engine = PrivacyEngine.attach(
                    network, plainPlan(), ExecutionOptions.defaults().withPhysicalBatchSize(physicalBatch));
            network.fit(engine.lots(data), engine.plan().epochs());

            assertThat(engine.steps()).isEqualTo(20);
            assertThat(network.getIterationCount()).isEqualTo(20);
            assertThat(network.params().distance2(plain.params()))
                    .isLessThan(1e-10 * plain.params().norm2Number().doubleValue());
        }
    }

    @Test
    void attach_planInConfiguration_trainsAsAttachedPlan() {
        DataSet data = Networks.data(DataType.DOUBLE, EXAMPLES);
        var plan = plan(EXAMPLES, 6);
        MultiLayerNetwork first = Networks.classifier(DataType.DOUBLE, new Adam(0.01));
        MultiLayerNetwork second = Networks.classifier(DataType.DOUBLE, DpUpdater.of(new Adam(0.01), plan));

        var firstEngine = PrivacyEngine.attach(first, plan);
        var secondEngine = PrivacyEngine.attach(second);
        first.fit(firstEngine.lots(data), plan.epochs());
        second.fit(secondEngine.lots(data), plan.epochs());

        assertThat(secondEngine.plan()).isEqualTo(plan);
        assertThat(second.params()).isEqualTo(first.params());
        assertThat(second.params()
                        .distance2(Networks.classifier(DataType.DOUBLE, new Adam(0.01))
                                .params()))
                .isGreaterThan(0.1);
    }

    @Test
    void fit_networksOfOneConfiguration_leavesTheOtherPlain() {
        MultiLayerNetwork network = Networks.classifier(DataType.FLOAT, new Sgd(0.1));
        var other = new MultiLayerNetwork(network.getLayerWiseConfigurations());
        other.init();

        PrivacyEngine.attach(network, plan(EXAMPLES, 6));
        other.fit(Networks.data(DataType.FLOAT, EXAMPLES));

        assertThat(other.getIterationCount()).isEqualTo(1);
    }

    @Test
    void fit_dpUpdaterWithoutEngine_throws() {
        var network = Networks.classifier(DataType.FLOAT, DpUpdater.of(new Adam(0.01), plan(EXAMPLES, 6)));
        INDArray before = network.params().dup();

        assertThatThrownBy(() -> network.fit(Networks.data(DataType.FLOAT, EXAMPLES)))
                .isInstanceOf(IllegalStateException.class)
                .hasMessageContaining("PrivacyEngine.attach");
        assertThat(network.params()).isEqualTo(before);
    }

    @Test
    void fit_cloneOfAttachedNetwork_throws() {
        var network = Networks.classifier(DataType.FLOAT, new Adam(0.01));
        PrivacyEngine.attach(network, plan(EXAMPLES, 6));
        MultiLayerNetwork clone = network.clone();

        assertThatThrownBy(() -> clone.fit(Networks.data(DataType.FLOAT, EXAMPLES)))
                .hasMessageContaining("PrivacyEngine.attach");
    }

    @Test
    void fit_foreignData_throwsBeforeAnyUpdate() {
        var network = Networks.classifier(DataType.FLOAT, new Sgd(0.1));
        DataSet data = Networks.data(DataType.FLOAT, EXAMPLES);
        var engine = PrivacyEngine.attach(network, plan(EXAMPLES, 6));
        INDArray before = network.params().dup();

        assertThatThrownBy(() -> network.fit(data)).hasMessageContaining("engine.lots");
        engine.lots(data).next();
        assertThatThrownBy(() -> network.fit(data)).hasMessageContaining("engine.lots");
        assertThatThrownBy(() -> network.calculateGradients(data.getFeatures(), data.getLabels(), null, null))
                .hasMessageContaining("engine.lots");

        assertThat(network.params()).isEqualTo(before);
        assertThat(engine.steps()).isZero();
    }

    @Test
    void fit_sameLotTwice_throws() {
        var network = Networks.classifier(DataType.FLOAT, new Sgd(0.1));
        var engine = PrivacyEngine.attach(network, plan(EXAMPLES, 6));
        DataSet lot = engine.lots(Networks.data(DataType.FLOAT, EXAMPLES)).next();
        network.fit(lot);

        assertThat(engine.steps()).isEqualTo(1);
        assertThatThrownBy(() -> network.fit(lot)).hasMessageContaining("engine.lots");
    }

    @Test
    void fit_updaterReplaced_throwsBeforeAnyUpdate() {
        DataSet data = Networks.data(DataType.FLOAT, EXAMPLES);
        for (boolean clear : new boolean[] {true, false}) {
            var network = Networks.classifier(DataType.FLOAT, new Adam(0.1));
            var engine = PrivacyEngine.attach(network, plan(EXAMPLES, 6));
            DataSetIterator lots = engine.lots(data);
            network.fit(lots.next());
            INDArray before = network.params().dup();
            if (clear) {
                network.clear();
            } else {
                network.setLearningRate(0.5);
            }

            assertThatThrownBy(() -> network.fit(lots, 1)).hasMessageContaining("updater was replaced");
            assertThat(network.params()).isEqualTo(before);
        }
    }

    @Test
    void fit_layerReplaced_throws() {
        var network = Networks.classifier(DataType.FLOAT, new Sgd(0.1));
        var engine = PrivacyEngine.attach(network, plan(EXAMPLES, 6));
        network.getLayers()[0] =
                Networks.classifier(DataType.FLOAT, new Sgd(0.1)).getLayer(0);

        assertThatThrownBy(() -> network.fit(engine.lots(Networks.data(DataType.FLOAT, EXAMPLES)), 1))
                .hasMessageContaining("layer of the network was replaced");
    }

    @Test
    void attach_twice_throws() {
        var network = Networks.classifier(DataType.FLOAT, new Sgd(0.1));
        PrivacyEngine.attach(network, plan(EXAMPLES, 6));

        assertThatThrownBy(() -> PrivacyEngine.attach(network, plan(EXAMPLES, 6)))
                .isInstanceOf(UnsupportedModelException.class)
                .hasMessageContaining("attached to a PrivacyEngine already");
    }

    @Test
    void detach_afterTraining_trainsPlainFromThere() {
        DataSet data = Networks.data(DataType.DOUBLE, EXAMPLES);
        MultiLayerNetwork plain = Networks.classifier(DataType.DOUBLE, new Adam(0.1));
        MultiLayerNetwork network = Networks.classifier(DataType.DOUBLE, new Adam(0.1));
        var engine = PrivacyEngine.attach(network, plainPlan().withSteps(3));
        network.fit(engine.lots(data), 3);
        engine.detach();
        network.fit(data);
        for (int i = 0; i < 4; i++) {
            plain.fit(data);
        }

        assertThat(network.params().distance2(plain.params())).isLessThan(1e-10);
        assertThat(network.getLayerWiseConfigurations().toJson()).doesNotContain("DpUpdater");
    }

    @Test
    void fit_listenersLookingAtGradients_seeNoiseOnly() {
        DataSet data = Networks.data(DataType.DOUBLE, EXAMPLES);
        var plain = new ArrayList<INDArray>();
        var noisy = new ArrayList<INDArray>();
        for (var plan : List.of(
                plan(EXAMPLES, EXAMPLES).withoutNoise(),
                plan(EXAMPLES, EXAMPLES).withNoiseMultiplier(100))) {
            var network = Networks.classifier(DataType.DOUBLE, new Sgd(0.1));
            var seen = plan.noiseMultiplier() == 0 ? plain : noisy;
            network.setListeners(new BaseTrainingListener() {
                @Override
                public void onBackwardPass(Model model) {
                    seen.add(model.gradient().gradient().dup());
                }

                @Override
                public void onGradientCalculation(Model model) {
                    seen.add(model.gradient().gradient().dup());
                }
            });
            var engine = PrivacyEngine.attach(
                    network, plan, ExecutionOptions.defaults().withPhysicalBatchSize(5));
            network.fit(engine.lots(data).next());
        }

        assertThat(plain).hasSize(2);
        assertThat(noisy).hasSize(2);
        double root = Math.sqrt((double) noisy.get(0).length());
        for (int i = 0; i < 2; i++) {
            // A chi distribution with 43 degrees of freedom lies within 40 % of its mean but for less than one case in
            // a thousand.
            assertThat(noisy.get(i).distance2(plain.get(i))).isCloseTo(100 * root, within(40 * root));
        }
    }

    @Test
    void fit_emptyLots_stepWithNoiseAndCount() {
        var network = Networks.classifier(DataType.FLOAT, new Sgd(1.0));
        INDArray before = network.params().dup();
        var plan = DpSgdPlan.poisson(1000, 1)
                .withSteps(4)
                .withClippingNorm(1.0)
                .withNoiseMultiplier(1.0)
                .withDelta(1e-5)
                .withSeed(1);
        var data = Networks.data(DataType.FLOAT, 1000);
        var sampler = new LotSampler(io.github.dl4jdp.core.random.RandomStreams.seeded(1), plan.samplingProbability());
        assertThat(Stream.of(1, 2, 3, 4).map(lot -> sampler.draw(lot, 1000).length))
                .contains(0);
        var engine = PrivacyEngine.attach(network, plan);

        network.fit(engine.lots(data), plan.epochs());

        assertThat(engine.steps()).isEqualTo(4);
        assertThat(network.getIterationCount()).isEqualTo(4);
        // Four steps of unit noise on 43 parameters: about 2 sqrt(43) = 13.
        assertThat(network.params().distance2(before)).isBetween(8.0, 20.0);
    }

    @Test
    void fit_nonFiniteExample_contributesZero() {
        DataSet clean = Networks.data(DataType.DOUBLE, EXAMPLES);
        DataSet dirty = Networks.data(DataType.DOUBLE, EXAMPLES);
        dirty.getFeatures().putScalar(3, 1, Double.NaN);
        dirty.getFeatures().putScalar(7, 0, Double.POSITIVE_INFINITY);
        MultiLayerNetwork network = Networks.classifier(DataType.DOUBLE, new Sgd(0.1));

        INDArray sum = PerExampleGradients.clippedSum(network, dirty, 0.5);

        INDArray rows = PerExampleGradients.materialize(network, clean);
        INDArray expected = Nd4j.zeros(DataType.DOUBLE, network.numParams());
        for (int i = 0; i < EXAMPLES; i++) {
            if (i != 3 && i != 7) {
                double norm = rows.getRow(i).norm2Number().doubleValue();
                expected.addi(rows.getRow(i).mul(Math.min(1, 0.5 / norm)));
            }
        }
        assertThat(sum.distance2(expected)).isLessThan(1e-12);
        assertThat(Double.isNaN(dirty.getFeatures().getDouble(3, 1))).isTrue();
    }

    @Test
    void lots_dataOfAnotherSize_throws() {
        var engine = PrivacyEngine.attach(Networks.classifier(DataType.FLOAT, new Sgd(0.1)), plan(1000, 6));

        assertThatThrownBy(() -> engine.lots(Networks.data(DataType.FLOAT, 980)))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("1000")
                .hasMessageContaining("980");
        assertThat(engine.lots(Networks.data(DataType.FLOAT, 995))).isNotNull();
    }

    @Test
    void fit_moreEpochsThanPlanned_stopsAtTheLastLot() {
        var network = Networks.classifier(DataType.FLOAT, new Sgd(0.1));
        var plan = plan(EXAMPLES, 6).withEpochs(2);
        var engine = PrivacyEngine.attach(network, plan);
        network.fit(engine.lots(Networks.data(DataType.FLOAT, EXAMPLES)), 5);

        assertThat(engine.steps()).isEqualTo(4);
        assertThat(engine.remainingSteps()).isZero();
        assertThat(network.getIterationCount()).isEqualTo(4);
        assertThatThrownBy(() -> engine.lots(Networks.data(DataType.FLOAT, EXAMPLES)))
                .hasMessageContaining("exhausted");
    }
}
