// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import ch.qos.logback.classic.Logger;
import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.core.read.ListAppender;
import io.github.dl4jdp.core.mechanism.Mechanisms;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.deeplearning4j.nn.api.Model;
import org.deeplearning4j.nn.multilayer.MultiLayerNetwork;
import org.deeplearning4j.optimize.api.BaseTrainingListener;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;
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
import org.slf4j.LoggerFactory;

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

    static Stream<Arguments> updaters() {
        var schedule = new ExponentialSchedule(ScheduleType.ITERATION, 0.1, 0.9);
        return Stream.of(
                        new Sgd(schedule),
                        new Nesterovs(schedule),
                        new Adam(schedule),
                        new AMSGrad(schedule),
                        new RmsProp(schedule),
                        AdaGrad.builder().learningRateSchedule(schedule).build())
                .flatMap(updater -> NetworkKind.all().stream().map(kind -> Arguments.of(kind, updater)));
    }

    @ParameterizedTest
    @MethodSource("updaters")
    void fit_noClippingNoNoise_equalsPlainDl4j(NetworkKind kind, IUpdater updater) {
        DataSet data = Networks.data(DataType.DOUBLE, EXAMPLES);
        Model plain = kind.classifier(DataType.DOUBLE, updater);
        for (int i = 0; i < 20; i++) {
            kind.fit(plain, data);
        }
        // One example at a time takes as long as all the rest; one updater will do for that.
        for (int physicalBatch : updater instanceof Adam ? new int[] {1, 5, 100} : new int[] {5, 100}) {
            Model network = kind.classifier(DataType.DOUBLE, updater);
            var engine = PrivacyEngine.attach(
                    network, plainPlan(), ExecutionOptions.defaults().withPhysicalBatchSize(physicalBatch));
            kind.fit(network, engine.lots(data), engine.plan().epochs());

            assertThat(engine.steps()).isEqualTo(20);
            assertThat(kind.iterations(network)).isEqualTo(20);
            assertThat(network.params().distance2(plain.params()))
                    .isLessThan(1e-10 * plain.params().norm2Number().doubleValue());
        }
    }

    @ParameterizedTest
    @EnumSource
    void attach_planInConfiguration_trainsAsAttachedPlan(NetworkKind kind) {
        DataSet data = Networks.data(DataType.DOUBLE, EXAMPLES);
        var plan = plan(EXAMPLES, 6);
        Model first = kind.classifier(DataType.DOUBLE, new Adam(0.01));
        Model second = kind.classifier(DataType.DOUBLE, DpUpdater.of(new Adam(0.01), plan));

        var firstEngine = PrivacyEngine.attach(first, plan);
        var secondEngine = PrivacyEngine.attach(second);
        kind.fit(first, firstEngine.lots(data), plan.epochs());
        kind.fit(second, secondEngine.lots(data), plan.epochs());

        assertThat(secondEngine.plan()).isEqualTo(plan);
        assertThat(second.params()).isEqualTo(first.params());
        assertThat(second.params()
                        .distance2(
                                kind.classifier(DataType.DOUBLE, new Adam(0.01)).params()))
                .isGreaterThan(0.1);
    }

    @ParameterizedTest
    @EnumSource
    void fit_networksOfOneConfiguration_leavesTheOtherPlain(NetworkKind kind) {
        Model network = kind.classifier(DataType.FLOAT, new Sgd(0.1));
        Model other = kind.ofSameConfiguration(network);

        PrivacyEngine.attach(network, plan(EXAMPLES, 6));
        kind.fit(other, Networks.data(DataType.FLOAT, EXAMPLES));

        assertThat(kind.iterations(other)).isEqualTo(1);
    }

    @ParameterizedTest
    @EnumSource
    void fit_dpUpdaterWithoutEngine_throws(NetworkKind kind) {
        var network = kind.classifier(DataType.FLOAT, DpUpdater.of(new Adam(0.01), plan(EXAMPLES, 6)));
        INDArray before = network.params().dup();

        assertThatThrownBy(() -> kind.fit(network, Networks.data(DataType.FLOAT, EXAMPLES)))
                .isInstanceOf(IllegalStateException.class)
                .hasMessageContaining("PrivacyEngine.attach");
        assertThat(network.params()).isEqualTo(before);
    }

    @ParameterizedTest
    @EnumSource
    void fit_cloneOfAttachedNetwork_throws(NetworkKind kind) {
        var network = kind.classifier(DataType.FLOAT, new Adam(0.01));
        PrivacyEngine.attach(network, plan(EXAMPLES, 6));
        Model clone = kind.copy(network);

        assertThatThrownBy(() -> kind.fit(clone, Networks.data(DataType.FLOAT, EXAMPLES)))
                .hasMessageContaining("PrivacyEngine.attach");
    }

    @ParameterizedTest
    @EnumSource
    void fit_foreignData_throwsBeforeAnyUpdate(NetworkKind kind) {
        var network = kind.classifier(DataType.FLOAT, new Sgd(0.1));
        DataSet data = Networks.data(DataType.FLOAT, EXAMPLES);
        var engine = PrivacyEngine.attach(network, plan(EXAMPLES, 6));
        INDArray before = network.params().dup();

        assertThatThrownBy(() -> kind.fit(network, data)).hasMessageContaining("engine.lots");
        engine.lots(data).next();
        assertThatThrownBy(() -> kind.fit(network, data)).hasMessageContaining("engine.lots");
        assertThatThrownBy(() -> kind.computeGradients(network, data)).hasMessageContaining("engine.lots");

        assertThat(network.params()).isEqualTo(before);
        assertThat(engine.steps()).isZero();
    }

    @ParameterizedTest
    @EnumSource
    void fit_afterLotThatWasNotReleased_goesOnWithIt(NetworkKind kind) {
        DataSet data = Networks.data(DataType.FLOAT, EXAMPLES);
        var network = kind.classifier(DataType.FLOAT, new Sgd(0.1));
        var secret = DpSgdPlan.poisson(EXAMPLES, 6)
                .withSteps(2)
                .withClippingNorm(1.0)
                .withNoiseMultiplier(1.0)
                .withDelta(1e-5);
        var engine = PrivacyEngine.attach(network, secret);
        INDArray drawn = engine.lots(data).next().getFeatures();
        assertThatThrownBy(() -> kind.fit(network, data)).hasMessageContaining("engine.lots");

        assertThat(engine.lots(data).next().getFeatures()).isEqualTo(drawn);
        kind.fit(network, engine.lots(data), 1);

        assertThat(engine.steps()).isEqualTo(2);
    }

    @ParameterizedTest
    @EnumSource
    void fit_sameLotTwice_throws(NetworkKind kind) {
        var network = kind.classifier(DataType.FLOAT, new Sgd(0.1));
        var engine = PrivacyEngine.attach(network, plan(EXAMPLES, 6));
        DataSet lot = engine.lots(Networks.data(DataType.FLOAT, EXAMPLES)).next();
        kind.fit(network, lot);

        assertThat(engine.steps()).isEqualTo(1);
        assertThatThrownBy(() -> kind.fit(network, lot)).hasMessageContaining("engine.lots");
    }

    @ParameterizedTest
    @EnumSource
    void fit_updaterReplaced_throwsBeforeAnyUpdate(NetworkKind kind) {
        DataSet data = Networks.data(DataType.FLOAT, EXAMPLES);
        for (boolean drop : new boolean[] {true, false}) {
            var network = kind.classifier(DataType.FLOAT, new Adam(0.1));
            var engine = PrivacyEngine.attach(network, plan(EXAMPLES, 6));
            DataSetIterator lots = engine.lots(data);
            kind.fit(network, lots.next());
            INDArray before = network.params().dup();
            if (drop) {
                kind.dropUpdater(network);
            } else {
                kind.setLearningRate(network, 0.5);
            }

            assertThatThrownBy(() -> kind.fit(network, lots, 1)).hasMessageContaining("updater was replaced");
            assertThat(network.params()).isEqualTo(before);
        }
    }

    @ParameterizedTest
    @EnumSource
    void fit_layerReplaced_throws(NetworkKind kind) {
        var network = kind.classifier(DataType.FLOAT, new Sgd(0.1));
        var engine = PrivacyEngine.attach(network, plan(EXAMPLES, 6));
        kind.layers(network)[0] = kind.layers(kind.classifier(DataType.FLOAT, new Sgd(0.1)))[0];

        assertThatThrownBy(() -> kind.fit(network, engine.lots(Networks.data(DataType.FLOAT, EXAMPLES)), 1))
                .hasMessageContaining("layer of the network was replaced");
    }

    @ParameterizedTest
    @EnumSource
    void attach_twice_throws(NetworkKind kind) {
        var network = kind.classifier(DataType.FLOAT, new Sgd(0.1));
        PrivacyEngine.attach(network, plan(EXAMPLES, 6));

        assertThatThrownBy(() -> PrivacyEngine.attach(network, plan(EXAMPLES, 6)))
                .isInstanceOf(UnsupportedModelException.class)
                .hasMessageContaining("already attached to a PrivacyEngine");
    }

    @ParameterizedTest
    @EnumSource
    void detach_afterTraining_trainsPlainFromThere(NetworkKind kind) {
        DataSet data = Networks.data(DataType.DOUBLE, EXAMPLES);
        Model plain = kind.classifier(DataType.DOUBLE, new Adam(0.1));
        Model network = kind.classifier(DataType.DOUBLE, new Adam(0.1));
        var engine = PrivacyEngine.attach(network, plainPlan().withSteps(3));
        kind.fit(network, engine.lots(data), 3);
        engine.detach();
        kind.fit(network, data);
        for (int i = 0; i < 4; i++) {
            kind.fit(plain, data);
        }

        assertThat(network.params().distance2(plain.params())).isLessThan(1e-10);
        assertThat(kind.json(network)).doesNotContain("DpUpdater");
    }

    @ParameterizedTest
    @EnumSource
    void fit_listenersLookingAtGradients_seeNoiseOnly(NetworkKind kind) {
        DataSet data = Networks.data(DataType.DOUBLE, EXAMPLES);
        var plain = new ArrayList<INDArray>();
        var noisy = new ArrayList<INDArray>();
        for (var plan : List.of(
                plan(EXAMPLES, EXAMPLES).withoutNoise(),
                plan(EXAMPLES, EXAMPLES).withNoiseMultiplier(100))) {
            var network = kind.classifier(DataType.DOUBLE, new Sgd(0.1));
            var seen = plan.noiseMultiplier() == 0 ? plain : noisy;
            kind.setListeners(network, new BaseTrainingListener() {
                @Override
                public void onBackwardPass(Model model) {
                    seen.add(model.gradient().gradient().mul(EXAMPLES));
                }

                @Override
                public void onGradientCalculation(Model model) {
                    seen.add(model.gradient().gradient().mul(EXAMPLES));
                }
            });
            var engine = PrivacyEngine.attach(
                    network, plan, ExecutionOptions.defaults().withPhysicalBatchSize(5));
            kind.fit(network, engine.lots(data).next());
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

    @ParameterizedTest
    @EnumSource
    void fit_emptyLots_stepWithNoiseAndCount(NetworkKind kind) {
        var network = kind.classifier(DataType.FLOAT, new Sgd(1.0));
        INDArray before = network.params().dup();
        var plan = DpSgdPlan.poisson(1000, 1)
                .withSteps(4)
                .withClippingNorm(1.0)
                .withNoiseMultiplier(1.0)
                .withDelta(1e-5)
                .withSeed(1);
        var data = Networks.data(DataType.FLOAT, 1000);
        var sampler = Mechanisms.sampler(1, plan.samplingProbability());
        assertThat(Stream.of(1, 2, 3, 4).map(lot -> sampler.draw(lot, 1000).length))
                .contains(0);
        var engine = PrivacyEngine.attach(network, plan);

        kind.fit(network, engine.lots(data), plan.epochs());

        assertThat(engine.steps()).isEqualTo(4);
        assertThat(kind.iterations(network)).isEqualTo(4);
        // Four steps of unit noise on 43 parameters: about 2 sqrt(43) = 13.
        assertThat(network.params().distance2(before)).isBetween(8.0, 20.0);
    }

    /** What stands in for an example in an empty lot adds nothing to the sum, not even a bias's gradient. */
    @ParameterizedTest
    @EnumSource
    void fit_emptyLotsWithoutNoise_releaseZero(NetworkKind kind) {
        var network = kind.classifier(DataType.DOUBLE, new Sgd(0.1));
        var plan = DpSgdPlan.poisson(1000, 1)
                .withSteps(4)
                .withClippingNorm(1.0)
                .withoutNoise()
                .withDelta(1e-5)
                .withSeed(1);
        var sampler = Mechanisms.sampler(1, plan.samplingProbability());
        var lengths = new ArrayList<Double>();
        kind.setListeners(network, new BaseTrainingListener() {
            @Override
            public void onGradientCalculation(Model model) {
                lengths.add(model.getGradientsViewArray().norm2Number().doubleValue());
            }
        });

        kind.fit(
                network, PrivacyEngine.attach(network, plan).lots(Networks.data(DataType.DOUBLE, 1000)), plan.epochs());

        assertThat(lengths).hasSize(4).contains(0.0).anyMatch(length -> length > 0);
        for (int lot = 1; lot <= 4; lot++) {
            assertThat(lengths.get(lot - 1) > 0).isEqualTo(sampler.draw(lot, 1000).length > 0);
        }
    }

    @ParameterizedTest
    @EnumSource
    void fit_nonFiniteExample_contributesZero(NetworkKind kind) {
        DataSet clean = Networks.data(DataType.DOUBLE, EXAMPLES);
        DataSet dirty = Networks.data(DataType.DOUBLE, EXAMPLES);
        dirty.getFeatures().putScalar(3, 1, Double.NaN);
        dirty.getFeatures().putScalar(7, 0, Double.POSITIVE_INFINITY);
        Model network = kind.classifier(DataType.DOUBLE, new Sgd(0.1));

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

    @ParameterizedTest
    @EnumSource
    void lots_dataOfAnotherSize_throws(NetworkKind kind) {
        var engine = PrivacyEngine.attach(kind.classifier(DataType.FLOAT, new Sgd(0.1)), plan(1000, 6));

        assertThatThrownBy(() -> engine.lots(Networks.data(DataType.FLOAT, 980)))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("1000")
                .hasMessageContaining("980");
        assertThat(engine.lots(Networks.data(DataType.FLOAT, 995))).isNotNull();
    }

    @ParameterizedTest
    @EnumSource
    void fit_moreEpochsThanPlanned_stopsAtTheLastLot(NetworkKind kind) {
        var network = kind.classifier(DataType.FLOAT, new Sgd(0.1));
        var plan = plan(EXAMPLES, 6).withEpochs(2);
        var engine = PrivacyEngine.attach(network, plan);
        kind.fit(network, engine.lots(Networks.data(DataType.FLOAT, EXAMPLES)), 5);

        assertThat(engine.steps()).isEqualTo(4);
        assertThat(engine.remainingSteps()).isZero();
        assertThat(engine.remainingEpochs()).isZero();
        assertThat(kind.iterations(network)).isEqualTo(4);
        assertThatThrownBy(() -> engine.lots(Networks.data(DataType.FLOAT, EXAMPLES)))
                .hasMessageContaining("exhausted");
    }

    @Test
    void fit_manyEpochsTooMany_warnsOnce() {
        var appender = new ListAppender<ILoggingEvent>();
        appender.start();
        var logger = (Logger) LoggerFactory.getLogger("io.github.dl4jdp.core.internal.training.LotSource");
        logger.addAppender(appender);
        try {
            var network = Networks.classifier(DataType.FLOAT, new Sgd(0.1));
            var engine = PrivacyEngine.attach(network, plan(EXAMPLES, 6).withEpochs(2));
            network.fit(engine.lots(Networks.data(DataType.FLOAT, EXAMPLES)), 17);
        } finally {
            logger.detachAppender(appender);
        }

        assertThat(appender.list)
                .singleElement()
                .extracting(ILoggingEvent::getFormattedMessage)
                .asString()
                .contains("remainingEpochs");
    }

    @Test
    void remainingEpochs_anywhereInARun_passesThatReleaseAllThatIsLeft() {
        var plan = plan(EXAMPLES, 5).withEpochs(3);
        for (long done = 0; done < plan.steps(); done++) {
            var network = Networks.classifier(DataType.FLOAT, new Sgd(0.1));
            var engine = PrivacyEngine.attach(network, plan);
            var lots = engine.lots(Networks.data(DataType.FLOAT, EXAMPLES));
            for (long step = 0; step < done; step++) {
                if (!lots.hasNext()) {
                    lots.reset();
                }
                network.fit(lots.next());
            }
            int passes = engine.remainingEpochs();
            assertThat(passes).as("after %d steps", done).isBetween(1, 3);

            if (passes > 1) {
                network.fit(engine.lots(Networks.data(DataType.FLOAT, EXAMPLES)), passes - 1);
            }
            assertThat(engine.remainingSteps())
                    .as("a pass less, after %d steps", done)
                    .isPositive();
            network.fit(engine.lots(Networks.data(DataType.FLOAT, EXAMPLES)), 1);
            assertThat(engine.remainingSteps()).as("after %d steps", done).isZero();
        }
    }

    @Test
    void exportForInference_afterClose_namesTheOrder(@TempDir Path folder) {
        var network = Networks.classifier(DataType.FLOAT, new Sgd(0.1));
        var engine = PrivacyEngine.attach(network, plan(EXAMPLES, 6).withEpochs(2));
        engine.close();

        assertThatThrownBy(() ->
                        engine.exportForInference(folder.resolve("model.zip").toFile()))
                .isInstanceOf(IllegalStateException.class)
                .hasMessageContaining("before close()");
    }

    /** An example that stands in a lot twice would move the sum by two clipping norms. */
    @ParameterizedTest
    @ValueSource(ints = {5, 60})
    void lots_preprocessorThatRepeatsRows_isRefused(int physicalBatch) {
        MultiLayerNetwork network = Networks.classifier(DataType.DOUBLE, new Sgd(0.1));
        var options = ExecutionOptions.defaults().withPhysicalBatchSize(physicalBatch);
        var plan = DpSgdPlan.poisson(60, 30)
                .withSteps(2)
                .withClippingNorm(1)
                .withNoiseMultiplier(1)
                .withDelta(1e-5);
        var engine = PrivacyEngine.attach(network, plan, options, OwnPreProcessor.optedIn());
        var lots = engine.lots(Networks.data(DataType.DOUBLE, 60));
        lots.setPreProcessor(new OwnPreProcessor(rows -> {
            rows.setFeatures(Nd4j.concat(0, rows.getFeatures(), rows.getFeatures()));
            rows.setLabels(Nd4j.concat(0, rows.getLabels(), rows.getLabels()));
        }));

        assertThatThrownBy(lots::next)
                .isInstanceOf(IllegalStateException.class)
                .hasMessageContaining("a preprocessor must keep the number of rows of a batch");
        assertThat(engine.steps()).isZero();
    }
}
