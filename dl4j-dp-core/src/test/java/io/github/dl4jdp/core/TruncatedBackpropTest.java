// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;
import static org.assertj.core.api.Assertions.within;

import io.github.dl4jdp.core.data.InMemoryExamples;
import io.github.dl4jdp.core.internal.training.LotIterator;
import io.github.dl4jdp.core.internal.training.SequencePadding;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.IntStream;
import org.deeplearning4j.nn.api.Model;
import org.deeplearning4j.nn.multilayer.MultiLayerNetwork;
import org.deeplearning4j.optimize.solvers.BaseOptimizer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
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

    private static DataSet example(DataSet data, int i) {
        INDArray[] arrays = {
            data.getFeatures(), data.getLabels(), data.getFeaturesMaskArray(), data.getLabelsMaskArray()
        };
        for (int a = 0; a < arrays.length; a++) {
            arrays[a] = arrays[a].get(NDArrayIndex.interval(i, i + 1)).dup();
        }
        return new DataSet(arrays[0], arrays[1], arrays[2], arrays[3]);
    }

    /** Neither padding nor a smaller physical batch changes what DL4J does by itself. */
    @ParameterizedTest
    @EnumSource
    void fit_noClippingNoNoise_equalsPlainDl4j(TruncatedNetworks.Kind kind) {
        DataSet shorter = TruncatedNetworks.data(TruncatedNetworks.EXAMPLES, TruncatedNetworks.LENGTH - 1);
        DataSet padded = LotIterator.toDataSet(
                SequencePadding.pad(InMemoryExamples.toMultiDataSet(shorter), TruncatedNetworks.TRUNCATION));
        for (DataSet data : List.of(padded, shorter)) {
            Model plain = kind.network(new Adam(0.01));
            Model network = kind.network(new Adam(0.01));
            INDArray before = network.params().dup();
            for (int lot = 0; lot < 3; lot++) {
                TruncatedNetworks.fit(plain, padded);
            }
            var options = ExecutionOptions.defaults().withPhysicalBatchSize(2).withPrefetch(true);
            try (var engine = PrivacyEngine.attach(network, TruncatedNetworks.fullLots(3), options)) {
                TruncatedNetworks.fit(network, engine, data, 3);
                assertThat(engine.steps()).isEqualTo(3);
            }
            assertThat(network.params().distance2(before)).isGreaterThan(0.1);
            assertThat(network.params().distance2(plain.params())).isLessThan(1e-9);
            assertThat(BaseOptimizer.getIterationCount(network)).isEqualTo(3 * TruncatedNetworks.SEGMENTS);
        }
    }

    /** Batches of one, segment by segment; the learning rate is zero, so that every segment has the same parameters. */
    @ParameterizedTest
    @EnumSource
    void release_clipped_isTheSumOfDl4jsGradientsOfBatchesOfOne(TruncatedNetworks.Kind kind) {
        double clippingNorm = 0.5;
        DataSet data = TruncatedNetworks.data(TruncatedNetworks.EXAMPLES, TruncatedNetworks.LENGTH);
        INDArray[] expected = new INDArray[TruncatedNetworks.SEGMENTS];
        int clipped = 0;
        for (int i = 0; i < TruncatedNetworks.EXAMPLES; i++) {
            Model alone = kind.network(new Sgd(0));
            var gradients = TruncatedNetworks.gradients(alone);
            TruncatedNetworks.fit(alone, example(data, i));
            assertThat(gradients).hasSize(TruncatedNetworks.SEGMENTS);
            for (int s = 0; s < TruncatedNetworks.SEGMENTS; s++) {
                INDArray gradient = gradients.get(s);
                double norm = gradient.norm2Number().doubleValue();
                clipped += norm > clippingNorm ? 1 : 0;
                gradient.muli(Math.min(1, clippingNorm / norm));
                expected[s] = expected[s] == null ? gradient : expected[s].add(gradient);
            }
        }
        assertThat(clipped).isBetween(1, TruncatedNetworks.EXAMPLES * TruncatedNetworks.SEGMENTS - 1);

        var releases = TruncatedNetworks.releases(
                kind.network(new Sgd(0)), TruncatedNetworks.fullLots(2).withClippingNorm(clippingNorm), data);

        assertThat(releases).hasSize(2 * TruncatedNetworks.SEGMENTS);
        for (int r = 0; r < releases.size(); r++) {
            assertThat(releases.get(r).distance2(expected[r % TruncatedNetworks.SEGMENTS]))
                    .isLessThan(1e-9);
        }
    }

    /** In plain DL4J: the segments that were there keep their gradients, those in the padding have none. */
    @ParameterizedTest
    @EnumSource
    void pad_shorterSequencesWithoutMasks_changesNoGradient(TruncatedNetworks.Kind kind) {
        DataSet masked = TruncatedNetworks.data(TruncatedNetworks.EXAMPLES, TruncatedNetworks.LENGTH - 3);
        var data = new DataSet(masked.getFeatures(), masked.getLabels());
        Model network = kind.network(new Sgd(0));
        var gradients = TruncatedNetworks.gradients(network);
        TruncatedNetworks.fit(network, data);
        assertThat(gradients).hasSize(TruncatedNetworks.SEGMENTS - 1);
        TruncatedNetworks.fit(
                network,
                LotIterator.toDataSet(
                        SequencePadding.pad(InMemoryExamples.toMultiDataSet(data), TruncatedNetworks.TRUNCATION)));
        assertThat(gradients).hasSize(TruncatedNetworks.SEGMENTS - 1 + TruncatedNetworks.SEGMENTS);
        for (int s = 0; s < TruncatedNetworks.SEGMENTS - 1; s++) {
            INDArray before = gradients.get(s);
            assertThat(before.norm2Number().doubleValue()).isGreaterThan(0.1);
            assertThat(before.distance2(gradients.get(TruncatedNetworks.SEGMENTS - 1 + s)))
                    .isLessThan(1e-12);
        }
        assertThat(gradients
                        .get(2 * TruncatedNetworks.SEGMENTS - 2)
                        .norm2Number()
                        .doubleValue())
                .isZero();
    }

    /** A wild example is replaced by nothing at all: every segment moves by the clipping norm at most, and some do. */
    @ParameterizedTest
    @EnumSource
    void release_neighboringData_differsByTheClippingNormAtMost(TruncatedNetworks.Kind kind) {
        DataSet data = TruncatedNetworks.data(TruncatedNetworks.EXAMPLES, TruncatedNetworks.LENGTH);
        data.getFeatures().get(NDArrayIndex.point(1)).muli(50);
        DataSet neighbor = data.copy();
        for (INDArray array : List.of(
                neighbor.getFeatures(),
                neighbor.getLabels(),
                neighbor.getFeaturesMaskArray(),
                neighbor.getLabelsMaskArray())) {
            array.get(NDArrayIndex.point(1)).assign(0);
        }
        var plan = TruncatedNetworks.fullLots(1).withClippingNorm(0.01);
        var releases = TruncatedNetworks.releases(kind.network(new Sgd(0)), plan, data);
        var others = TruncatedNetworks.releases(kind.network(new Sgd(0)), plan, neighbor);

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
        DataSet data = TruncatedNetworks.data(TruncatedNetworks.EXAMPLES, TruncatedNetworks.LENGTH);
        Model network = TruncatedNetworks.Kind.LSTM.network(new Sgd(0));
        double sigma = 3;
        var clean = TruncatedNetworks.releases(
                TruncatedNetworks.Kind.LSTM.network(new Sgd(0)),
                TruncatedNetworks.fullLots(2).withClippingNorm(1),
                data);
        var noisy = TruncatedNetworks.releases(
                network, TruncatedNetworks.fullLots(2).withClippingNorm(1).withNoiseMultiplier(sigma), data);
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
        DataSet data = TruncatedNetworks.data(30, TruncatedNetworks.LENGTH - 3);
        var plan = DpSgdPlan.poisson(30, 1)
                .withSteps(12)
                .withClippingNorm(1)
                .withoutNoise()
                .withDelta(1e-5)
                .withSeed(3)
                .withTruncatedBackprop(TruncatedNetworks.LENGTH, TruncatedNetworks.SEGMENT);
        var releases = TruncatedNetworks.releases(kind.network(new Sgd(0.1)), plan, data);
        assertThat(releases).hasSize(12 * TruncatedNetworks.SEGMENTS);
        // An empty lot has no gradient in its first segment either, where no sequence ends.
        long empty = IntStream.range(0, 12)
                .filter(lot -> releases.get(lot * TruncatedNetworks.SEGMENTS)
                                .norm2Number()
                                .doubleValue()
                        == 0)
                .count();
        assertThat(empty).isBetween(1L, 11L);
    }

    @Test
    void fit_givenBatches_chargesAPassForAllSegments() {
        DataSet data = TruncatedNetworks.data(TruncatedNetworks.EXAMPLES, TruncatedNetworks.LENGTH);
        var plan = DpSgdPlan.givenBatches(TruncatedNetworks.EXAMPLES, TruncatedNetworks.EXAMPLES)
                .withEpochs(2)
                .withClippingNorm(1)
                .withNoiseMultiplier(5)
                .withDelta(1e-5)
                .withTruncatedBackprop(TruncatedNetworks.LENGTH, TruncatedNetworks.SEGMENT);
        var network = (MultiLayerNetwork) TruncatedNetworks.Kind.LSTM.network(new Sgd(0.1));
        var engine = PrivacyEngine.attach(network, plan);
        network.fit(engine.lots(new SingletonDataSetIterator(data)), 2);
        assertThat(engine.steps()).isEqualTo(2);
        assertThat(network.getIterationCount()).isEqualTo(2 * TruncatedNetworks.SEGMENTS);
        assertThat(engine.epsilon()).isEqualTo(plan.guarantee().epsilon());
    }

    @Test
    void fit_sequenceLongerThanDeclared_isRefusedBeforeTheLotIsCharged() {
        Model network = TruncatedNetworks.Kind.LSTM.network(new Sgd(0.1));
        var engine = PrivacyEngine.attach(network, TruncatedNetworks.fullLots(1).withNoiseMultiplier(1));
        DataSet data = TruncatedNetworks.data(TruncatedNetworks.EXAMPLES, TruncatedNetworks.LENGTH + 1);
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
        var engine = PrivacyEngine.attach(network, TruncatedNetworks.fullLots(1));
        var flat = new DataSet(
                Nd4j.ones(DataType.DOUBLE, TruncatedNetworks.EXAMPLES, 3),
                Nd4j.ones(DataType.DOUBLE, TruncatedNetworks.EXAMPLES, 2));
        assertThatIllegalArgumentException()
                .isThrownBy(() -> TruncatedNetworks.fit(network, engine, flat, 1))
                .withMessageContaining("one has rank 2");
        var uneven = new DataSet(
                Nd4j.ones(DataType.DOUBLE, TruncatedNetworks.EXAMPLES, 3, 4),
                Nd4j.ones(DataType.DOUBLE, TruncatedNetworks.EXAMPLES, 2, 5));
        assertThatIllegalArgumentException()
                .isThrownBy(() -> TruncatedNetworks.fit(network, engine, uneven, 1))
                .withMessageContaining("have 4 and 5");
        assertThat(engine.steps()).isZero();
    }

    /** The very arrays of the lot, not equal ones: neither at its start nor between its segments. */
    @ParameterizedTest
    @EnumSource(names = {"LSTM", "LSTM_GRAPH"})
    void fit_dataThatAreNotTheLot_areRefused(TruncatedNetworks.Kind kind) {
        DataSet data = TruncatedNetworks.data(TruncatedNetworks.EXAMPLES, TruncatedNetworks.LENGTH);
        Model network = kind.network(new Sgd(0.1));
        var engine = PrivacyEngine.attach(network, TruncatedNetworks.fullLots(3));
        DataSet lot = engine.lots(data).next();
        assertThatIllegalStateException().isThrownBy(() -> TruncatedNetworks.fit(network, lot.copy()));
        assertThat(engine.steps()).isZero();
        DataSet again = engine.lots(data).next();
        TruncatedNetworks.fit(network, again);
        assertThat(engine.steps()).isEqualTo(1);
        assertThatIllegalStateException().isThrownBy(() -> TruncatedNetworks.fit(network, again));
        assertThat(engine.steps()).isEqualTo(1);
    }

    @Test
    void listener_everyLot_reportsOnceALot() {
        DataSet data = TruncatedNetworks.data(TruncatedNetworks.EXAMPLES, TruncatedNetworks.LENGTH);
        Model network = TruncatedNetworks.Kind.LSTM.network(new Sgd(0.1));
        var engine = PrivacyEngine.attach(
                network, TruncatedNetworks.fullLots(3).withClippingNorm(1).withNoiseMultiplier(4));
        var steps = new ArrayList<Long>();
        TruncatedNetworks.listen(network, new PrivacyListener(engine, 1, status -> steps.add(status.steps())));
        TruncatedNetworks.fit(network, engine, data, 3);
        assertThat(steps).containsExactly(1L, 2L, 3L);
        assertThat(engine.report().toString())
                .contains(
                        "3 segments of 3 time steps, for sequences of at most 8",
                        "the maximum length of a sequence is public");
    }
}
