// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import io.github.dl4jdp.accountant.PrivacyLedger.Charge;
import io.github.dl4jdp.accountant.PrivacyLedgerHistory;
import java.io.File;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.IntStream;
import org.deeplearning4j.nn.api.Model;
import org.deeplearning4j.nn.graph.ComputationGraph;
import org.deeplearning4j.nn.multilayer.MultiLayerNetwork;
import org.deeplearning4j.optimize.api.BaseTrainingListener;
import org.deeplearning4j.optimize.solvers.BaseOptimizer;
import org.deeplearning4j.util.ModelSerializer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.dataset.DataSet;
import org.nd4j.linalg.dataset.adapter.SingletonDataSetIterator;
import org.nd4j.linalg.factory.Nd4j;
import org.nd4j.linalg.indexing.NDArrayIndex;
import org.nd4j.linalg.learning.config.Adam;
import org.nd4j.linalg.learning.config.Sgd;

/** Truncated backpropagation through time in training: k releases about every lot, each of clipped gradients, one charge. */
class TruncatedBackpropTest {
    private static final int EXAMPLES = 6;
    private static final int LENGTH = 8;
    private static final int SEGMENTS = 3;

    @TempDir
    @SuppressWarnings("NullAway.Init") // JUnit sets it
    Path folder;

    /** Every example in every lot. */
    private static DpSgdPlan fullLots(int lots) {
        return DpSgdPlan.fixedSize(EXAMPLES, EXAMPLES)
                .withSteps(lots)
                .withClippingNorm(1e30)
                .withoutNoise()
                .withDelta(1e-5)
                .withSeed(5)
                .withTruncatedBackprop(LENGTH, TruncatedNetworks.SEGMENT);
    }

    private static DataSet example(DataSet data, int i) {
        INDArray[] arrays = {
            data.getFeatures(), data.getLabels(), data.getFeaturesMaskArray(), data.getLabelsMaskArray()
        };
        for (int a = 0; a < arrays.length; a++) {
            arrays[a] = arrays[a].get(NDArrayIndex.interval(i, i + 1)).dup();
        }
        return new DataSet(arrays[0], arrays[1], arrays[2], arrays[3]);
    }

    private static List<INDArray> releases(Model network, DpSgdPlan plan, DataSet data) {
        try (var engine = PrivacyEngine.attach(network, plan)) {
            var gradients = TruncatedNetworks.gradients(network);
            TruncatedNetworks.fit(network, engine, data, plan.epochs());
            assertThat(engine.remainingSteps()).isZero();
            return gradients;
        }
    }

    /** Neither padding nor a smaller physical batch changes what DL4J does by itself. */
    @ParameterizedTest
    @EnumSource
    void fit_noClippingNoNoise_equalsPlainDl4j(TruncatedNetworks.Kind kind) {
        DataSet shorter = TruncatedNetworks.data(EXAMPLES, LENGTH - 1);
        DataSet padded = LotIterator.toDataSet(SequencePadding.pad(InMemoryExamples.toMultiDataSet(shorter), LENGTH));
        for (DataSet data : List.of(padded, shorter)) {
            Model plain = kind.network(new Adam(0.01));
            Model network = kind.network(new Adam(0.01));
            INDArray before = network.params().dup();
            for (int lot = 0; lot < 3; lot++) {
                TruncatedNetworks.fit(plain, padded);
            }
            var options = ExecutionOptions.defaults().withPhysicalBatchSize(2).withPrefetch(true);
            try (var engine = PrivacyEngine.attach(network, fullLots(3), options)) {
                TruncatedNetworks.fit(network, engine, data, 3);
                assertThat(engine.steps()).isEqualTo(3);
            }
            assertThat(network.params().distance2(before)).isGreaterThan(0.1);
            assertThat(network.params().distance2(plain.params())).isLessThan(1e-9);
            assertThat(BaseOptimizer.getIterationCount(network)).isEqualTo(3 * SEGMENTS);
        }
    }

    /** Batches of one, segment by segment; the learning rate is zero, so that every segment has the same parameters. */
    @ParameterizedTest
    @EnumSource
    void release_clipped_isTheSumOfDl4jsGradientsOfBatchesOfOne(TruncatedNetworks.Kind kind) {
        double clippingNorm = 0.5;
        DataSet data = TruncatedNetworks.data(EXAMPLES, LENGTH);
        INDArray[] expected = new INDArray[SEGMENTS];
        int clipped = 0;
        for (int i = 0; i < EXAMPLES; i++) {
            Model alone = kind.network(new Sgd(0));
            var gradients = TruncatedNetworks.gradients(alone);
            TruncatedNetworks.fit(alone, example(data, i));
            assertThat(gradients).hasSize(SEGMENTS);
            for (int s = 0; s < SEGMENTS; s++) {
                INDArray gradient = gradients.get(s);
                double norm = gradient.norm2Number().doubleValue();
                clipped += norm > clippingNorm ? 1 : 0;
                gradient.muli(Math.min(1, clippingNorm / norm));
                expected[s] = expected[s] == null ? gradient : expected[s].add(gradient);
            }
        }
        assertThat(clipped).isBetween(1, EXAMPLES * SEGMENTS - 1);

        var releases = releases(kind.network(new Sgd(0)), fullLots(2).withClippingNorm(clippingNorm), data);

        assertThat(releases).hasSize(2 * SEGMENTS);
        for (int r = 0; r < releases.size(); r++) {
            assertThat(releases.get(r).distance2(expected[r % SEGMENTS])).isLessThan(1e-9);
        }
    }

    /** In plain DL4J: the segments that were there keep their gradients, those in the padding have none. */
    @ParameterizedTest
    @EnumSource
    void pad_shorterSequencesWithoutMasks_changesNoGradient(TruncatedNetworks.Kind kind) {
        DataSet masked = TruncatedNetworks.data(EXAMPLES, LENGTH - 3);
        var data = new DataSet(masked.getFeatures(), masked.getLabels());
        Model network = kind.network(new Sgd(0));
        var gradients = TruncatedNetworks.gradients(network);
        TruncatedNetworks.fit(network, data);
        assertThat(gradients).hasSize(SEGMENTS - 1);
        TruncatedNetworks.fit(
                network, LotIterator.toDataSet(SequencePadding.pad(InMemoryExamples.toMultiDataSet(data), LENGTH)));
        assertThat(gradients).hasSize(SEGMENTS - 1 + SEGMENTS);
        for (int s = 0; s < SEGMENTS - 1; s++) {
            INDArray before = gradients.get(s);
            assertThat(before.norm2Number().doubleValue()).isGreaterThan(0.1);
            assertThat(before.distance2(gradients.get(SEGMENTS - 1 + s))).isLessThan(1e-12);
        }
        assertThat(gradients.get(2 * SEGMENTS - 2).norm2Number().doubleValue()).isZero();
    }

    /** A wild example is replaced by nothing at all: every segment moves by the clipping norm at most, and some do. */
    @ParameterizedTest
    @EnumSource
    void release_neighbouringData_differsByTheClippingNormAtMost(TruncatedNetworks.Kind kind) {
        DataSet data = TruncatedNetworks.data(EXAMPLES, LENGTH);
        data.getFeatures().get(NDArrayIndex.point(1)).muli(50);
        DataSet neighbour = data.copy();
        for (INDArray array : List.of(
                neighbour.getFeatures(),
                neighbour.getLabels(),
                neighbour.getFeaturesMaskArray(),
                neighbour.getLabelsMaskArray())) {
            array.get(NDArrayIndex.point(1)).assign(0);
        }
        var plan = fullLots(1).withClippingNorm(0.01);
        var releases = releases(kind.network(new Sgd(0)), plan, data);
        var others = releases(kind.network(new Sgd(0)), plan, neighbour);

        assertThat(releases).hasSameSizeAs(others);
        List<Double> distances = IntStream.range(0, releases.size())
                .mapToObj(r -> releases.get(r).distance2(others.get(r)))
                .toList();
        assertThat(distances).allSatisfy(distance -> assertThat(distance).isLessThan(0.01 * (1 + 1e-9)));
        assertThat(distances).anySatisfy(distance -> assertThat(distance).isGreaterThan(0.0099));
    }

    /** A fixed seed: no false failures. The standard error of the deviation is 1 / sqrt(2 n) = 4 %. */
    @Test
    void release_noise_isOfTheSameSizeAndItsOwnInEverySegment() {
        DataSet data = TruncatedNetworks.data(EXAMPLES, LENGTH);
        Model network = TruncatedNetworks.Kind.LSTM.network(new Sgd(0));
        double sigma = 3;
        var clean = releases(
                TruncatedNetworks.Kind.LSTM.network(new Sgd(0)), fullLots(2).withClippingNorm(1), data);
        var noisy = releases(network, fullLots(2).withClippingNorm(1).withNoiseMultiplier(sigma), data);
        var noises = new ArrayList<INDArray>();
        for (int r = 0; r < noisy.size(); r++) {
            INDArray noise = noisy.get(r).sub(clean.get(r)).divi(sigma);
            assertThat(noise.norm2Number().doubleValue() / Math.sqrt((double) noise.length()))
                    .isCloseTo(1, within(0.2));
            noises.add(noise);
        }
        for (int a = 0; a < noises.size(); a++) {
            for (int b = 0; b < a; b++) {
                double correlation = Nd4j.getBlasWrapper().dot(noises.get(a), noises.get(b))
                        / noises.get(a).length();
                assertThat(correlation).isCloseTo(0, within(0.3));
            }
        }
    }

    @ParameterizedTest
    @EnumSource(names = {"LSTM", "LSTM_GRAPH"})
    void fit_emptyLots_makeAllTheirReleases(TruncatedNetworks.Kind kind) {
        DataSet data = TruncatedNetworks.data(30, LENGTH - 3);
        var plan = DpSgdPlan.poisson(30, 1)
                .withSteps(12)
                .withClippingNorm(1)
                .withoutNoise()
                .withDelta(1e-5)
                .withSeed(3)
                .withTruncatedBackprop(LENGTH, TruncatedNetworks.SEGMENT);
        var releases = releases(kind.network(new Sgd(0.1)), plan, data);
        assertThat(releases).hasSize(12 * SEGMENTS);
        // An empty lot has no gradient in its first segment either, where no sequence ends.
        long empty = IntStream.range(0, 12)
                .filter(lot -> releases.get(lot * SEGMENTS).norm2Number().doubleValue() == 0)
                .count();
        assertThat(empty).isBetween(1L, 11L);
    }

    @Test
    void fit_ownIterator_chargesAPassForAllSegments() {
        DataSet data = TruncatedNetworks.data(EXAMPLES, LENGTH);
        var plan = DpSgdPlan.ownIterator(EXAMPLES, EXAMPLES)
                .withEpochs(2)
                .withClippingNorm(1)
                .withNoiseMultiplier(5)
                .withDelta(1e-5)
                .withTruncatedBackprop(LENGTH, TruncatedNetworks.SEGMENT);
        var network = (MultiLayerNetwork) TruncatedNetworks.Kind.LSTM.network(new Sgd(0.1));
        var engine = PrivacyEngine.attach(network, plan);
        network.fit(engine.lots(new SingletonDataSetIterator(data)), 2);
        assertThat(engine.steps()).isEqualTo(2);
        assertThat(network.getIterationCount()).isEqualTo(2 * SEGMENTS);
        assertThat(engine.epsilon()).isEqualTo(plan.guarantee().epsilon());
    }

    @Test
    void fit_sequenceLongerThanDeclared_isRefusedBeforeTheLotIsCharged() {
        Model network = TruncatedNetworks.Kind.LSTM.network(new Sgd(0.1));
        var engine = PrivacyEngine.attach(network, fullLots(1).withNoiseMultiplier(1));
        DataSet data = TruncatedNetworks.data(EXAMPLES, LENGTH + 1);
        assertThatIllegalArgumentException()
                .isThrownBy(() -> TruncatedNetworks.fit(network, engine, data, 1))
                .withMessageContaining("maximumLength = 8 time steps, a lot has 9; nothing of it was released");
        assertThat(engine.steps()).isZero();
        assertThat(engine.epsilon()).isZero();
    }

    /** DL4J only warns of such data and goes on to the next batch. */
    @Test
    void fit_noTimeSeries_isRefused() {
        Model network = TruncatedNetworks.Kind.LSTM.network(new Sgd(0.1));
        var engine = PrivacyEngine.attach(network, fullLots(1));
        var flat = new DataSet(Nd4j.ones(DataType.DOUBLE, EXAMPLES, 3), Nd4j.ones(DataType.DOUBLE, EXAMPLES, 2));
        assertThatIllegalArgumentException()
                .isThrownBy(() -> TruncatedNetworks.fit(network, engine, flat, 1))
                .withMessageContaining("one has rank 2");
        var uneven =
                new DataSet(Nd4j.ones(DataType.DOUBLE, EXAMPLES, 3, 4), Nd4j.ones(DataType.DOUBLE, EXAMPLES, 2, 5));
        assertThatIllegalArgumentException()
                .isThrownBy(() -> TruncatedNetworks.fit(network, engine, uneven, 1))
                .withMessageContaining("have 4 and 5");
        assertThat(engine.steps()).isZero();
    }

    /** The very arrays of the lot, not equal ones: neither at its start nor between its segments. */
    @ParameterizedTest
    @EnumSource(names = {"LSTM", "LSTM_GRAPH"})
    void fit_dataThatAreNotTheLot_areRefused(TruncatedNetworks.Kind kind) {
        DataSet data = TruncatedNetworks.data(EXAMPLES, LENGTH);
        Model network = kind.network(new Sgd(0.1));
        var engine = PrivacyEngine.attach(network, fullLots(3));
        DataSet lot = engine.lots(data).next();
        assertThatIllegalStateException().isThrownBy(() -> TruncatedNetworks.fit(network, lot.copy()));
        assertThat(engine.steps()).isZero();
        DataSet again = engine.lots(data).next();
        TruncatedNetworks.fit(network, again);
        assertThat(engine.steps()).isEqualTo(1);
        assertThatIllegalStateException().isThrownBy(() -> TruncatedNetworks.fit(network, again));
        assertThat(engine.steps()).isEqualTo(1);
    }

    /** The lot is charged in full by its first release; the next fit goes on with the next lot. */
    @ParameterizedTest
    @ValueSource(ints = {0, 1})
    void fit_failureBetweenSegments_chargesTheLotInFullAndGoesOnWithTheNext(int failing) {
        DataSet data = TruncatedNetworks.data(EXAMPLES, LENGTH);
        Path ledger = folder.resolve("run.ledger");
        var plan = fullLots(3).withClippingNorm(1).withNoiseMultiplier(4).withLedger(ledger);
        Model network = TruncatedNetworks.Kind.LSTM.network(new Sgd(0.1));
        int[] iterations = {0};
        var chargedAtFirst = new ArrayList<Long>();
        try (var engine = PrivacyEngine.attach(network, plan)) {
            TruncatedNetworks.listen(network, new BaseTrainingListener() {
                @Override
                public void onBackwardPass(Model model) {
                    chargedAtFirst.add(charged(ledger));
                }

                @Override
                public void iterationDone(Model model, int iteration, int epoch) {
                    if (iterations[0]++ == failing) {
                        throw new IllegalStateException("listener");
                    }
                }
            });
            assertThatThrownBy(() -> TruncatedNetworks.fit(network, engine, data, 3))
                    .hasMessage("listener");
            assertThat(engine.steps()).isEqualTo(1);
            assertThat(engine.epsilon()).isEqualTo(plan.epsilonAfter(1));
            TruncatedNetworks.fit(network, engine, data, 3);
            assertThat(engine.steps()).isEqualTo(3);
            assertThat(iterations[0]).isEqualTo(failing + 1 + 2 * SEGMENTS);
        }
        assertThat(chargedAtFirst.get(0)).isEqualTo(1);
        assertThat(PrivacyLedgerHistory.read(ledger).charges()).containsExactly(new Charge(plan.stepEvent(), 3));
    }

    /** What a recurrent layer carries belongs to the examples of its lot: the next lot starts as a fresh network does. */
    @ParameterizedTest
    @EnumSource
    void fit_afterAnInterruptedLot_carriesNothingOver(TruncatedNetworks.Kind kind) {
        DataSet data = TruncatedNetworks.data(EXAMPLES, LENGTH);
        var plan = fullLots(2).withClippingNorm(1);
        var fresh = releases(kind.network(new Sgd(0)), plan, data);
        Model network = kind.network(new Sgd(0));
        try (var engine = PrivacyEngine.attach(network, plan)) {
            var interrupted = TruncatedNetworks.gradients(network);
            TruncatedNetworks.listen(network, new BaseTrainingListener() {
                @Override
                public void iterationDone(Model model, int iteration, int epoch) {
                    if (interrupted.size() == 2) {
                        throw new IllegalStateException("listener");
                    }
                }
            });
            assertThatThrownBy(() -> TruncatedNetworks.fit(network, engine, data, 1))
                    .hasMessage("listener");
            TruncatedNetworks.fit(network, engine, data, 1);
            assertThat(interrupted).hasSize(2 + SEGMENTS);
            for (int s = 0; s < SEGMENTS; s++) {
                assertThat(interrupted.get(2 + s)).isEqualTo(fresh.get(SEGMENTS + s));
            }
        }
    }

    /** DL4J's evaluation leaves a state behind, of other examples in the same rows: it must not reach the next segment. */
    @ParameterizedTest
    @EnumSource
    void fit_evaluationBetweenSegments_carriesNothingOfItsDataIntoTheNext(TruncatedNetworks.Kind kind) {
        DataSet data = TruncatedNetworks.data(EXAMPLES, LENGTH);
        var runs = new ArrayList<List<INDArray>>();
        for (double scale : new double[] {1, -20}) {
            DataSet evaluated = data.copy();
            evaluated.getFeatures().muli(scale);
            Model network = kind.network(new Sgd(0.1));
            TruncatedNetworks.listen(network, new BaseTrainingListener() {
                @Override
                public void iterationDone(Model model, int iteration, int epoch) {
                    var iterator = new SingletonDataSetIterator(evaluated);
                    if (model instanceof ComputationGraph graph) {
                        graph.evaluate(iterator);
                    } else {
                        ((MultiLayerNetwork) model).evaluate(iterator);
                    }
                }
            });
            runs.add(releases(network, fullLots(2).withClippingNorm(1), data));
        }
        assertThat(runs.get(0)).hasSize(2 * SEGMENTS).isEqualTo(runs.get(1));
    }

    /** Within a lot the state goes on: the first segment tells in the second. */
    @ParameterizedTest
    @EnumSource
    void release_secondSegment_dependsOnTheFirst(TruncatedNetworks.Kind kind) {
        DataSet data = TruncatedNetworks.data(EXAMPLES, LENGTH);
        DataSet other = data.copy();
        other.getFeatures()
                .get(NDArrayIndex.all(), NDArrayIndex.all(), NDArrayIndex.interval(0, TruncatedNetworks.SEGMENT))
                .muli(-2);
        INDArray second = releases(kind.network(new Sgd(0)), fullLots(1), data).get(1);
        INDArray changed =
                releases(kind.network(new Sgd(0)), fullLots(1), other).get(1);
        assertThat(second.distance2(changed)).isGreaterThan(1e-3);
    }

    /**
     * DL4J 1.0.0-M2.1 by itself: with segments of one time step, whatever is carried into a segment is all that the recurrent weights see, and
     * their gradient is zero nevertheless. Its backward pass starts every segment from an empty state, and the engine follows it.
     */
    @Test
    void plainDl4j_backwardPass_startsFromAnEmptyState() {
        var network = (MultiLayerNetwork) TruncatedNetworks.Kind.LSTM.network(new Sgd(0));
        network.getLayerWiseConfigurations().setTbpttFwdLength(1);
        network.getLayerWiseConfigurations().setTbpttBackLength(1);
        var norms = new ArrayList<Double>();
        TruncatedNetworks.listen(network, new BaseTrainingListener() {
            @Override
            public void onGradientCalculation(Model model) {
                norms.add(model.gradient().getGradientFor("0_RW").norm2Number().doubleValue());
            }
        });
        TruncatedNetworks.fit(network, TruncatedNetworks.data(EXAMPLES, LENGTH));
        assertThat(norms).hasSize(LENGTH).containsOnly(0.0);
    }

    private static long charged(Path ledger) {
        return PrivacyLedgerHistory.read(ledger).charges().stream()
                .mapToLong(Charge::count)
                .sum();
    }

    @Test
    void resume_savedBetweenLots_equalsNeverHavingStopped() throws IOException {
        DataSet data = TruncatedNetworks.data(EXAMPLES, LENGTH);
        var plan = fullLots(4).withClippingNorm(1).withNoiseMultiplier(0.5);
        Model straight = TruncatedNetworks.Kind.LSTM.network(new Adam(0.01));
        releases(straight, plan, data);
        var first = (MultiLayerNetwork) TruncatedNetworks.Kind.LSTM.network(new Adam(0.01));
        try (var engine = PrivacyEngine.attach(first, plan)) {
            TruncatedNetworks.fit(first, engine, data, 2);
        }
        File file = folder.resolve("model.zip").toFile();
        ModelSerializer.writeModel(first, file, true);
        MultiLayerNetwork second = ModelSerializer.restoreMultiLayerNetwork(file, true);
        try (var engine = PrivacyEngine.attach(second)) {
            assertThat(engine.steps()).isEqualTo(2);
            assertThat(engine.plan().releasesPerLot()).isEqualTo(SEGMENTS);
            TruncatedNetworks.fit(second, engine, data, 2);
        }
        assertThat(second.params()).isEqualTo(straight.params());
    }

    @Test
    void listener_everyLot_reportsOnceALot() {
        DataSet data = TruncatedNetworks.data(EXAMPLES, LENGTH);
        Model network = TruncatedNetworks.Kind.LSTM.network(new Sgd(0.1));
        var engine =
                PrivacyEngine.attach(network, fullLots(3).withClippingNorm(1).withNoiseMultiplier(4));
        var steps = new ArrayList<Long>();
        TruncatedNetworks.listen(network, new PrivacyListener(engine, 1, status -> steps.add(status.iteration())));
        TruncatedNetworks.fit(network, engine, data, 3);
        assertThat(steps).containsExactly(1L, 2L, 3L);
        assertThat(engine.report().toString())
                .contains(
                        "3 segments of 3 time steps, for sequences of at most 8",
                        "the maximum length of a sequence is public");
    }
}
