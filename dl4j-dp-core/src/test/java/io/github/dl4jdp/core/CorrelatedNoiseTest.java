// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;
import static org.assertj.core.api.Assertions.within;

import io.github.dl4jdp.accountant.AccountantKind;
import io.github.dl4jdp.accountant.CorrelatedNoise;
import io.github.dl4jdp.accountant.CorrelationMatrix;
import io.github.dl4jdp.accountant.DpEvent;
import io.github.dl4jdp.accountant.NeighboringRelation;
import io.github.dl4jdp.accountant.PldAccountant;
import io.github.dl4jdp.accountant.PrivacyGuarantee;
import io.github.dl4jdp.accountant.PrivacyLedger;
import io.github.dl4jdp.accountant.PrivacyLedgerHistory;
import io.github.dl4jdp.core.mechanism.Clipping;
import io.github.dl4jdp.core.mechanism.NoiseSchedule;
import java.io.File;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.assertj.core.data.Percentage;
import org.deeplearning4j.datasets.iterator.utilty.ListDataSetIterator;
import org.deeplearning4j.nn.graph.ComputationGraph;
import org.deeplearning4j.nn.multilayer.MultiLayerNetwork;
import org.deeplearning4j.nn.transferlearning.TransferLearning;
import org.deeplearning4j.util.ModelSerializer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.dataset.DataSet;
import org.nd4j.linalg.dataset.api.iterator.DataSetIterator;
import org.nd4j.linalg.learning.config.Sgd;

class CorrelatedNoiseTest {
    private static final int EXAMPLES = 20;
    private static final CorrelatedNoise BISR = CorrelatedNoise.bisr(3);

    @TempDir
    @SuppressWarnings("NullAway.Init") // JUnit sets it
    Path folder;

    private static DpSgdPlan given(int epochs) {
        return DpSgdPlan.givenBatches(EXAMPLES, 5)
                .withEpochs(epochs)
                .withClippingNorm(1)
                .withNoiseMultiplier(3)
                .withDelta(1e-5);
    }

    private static DataSetIterator batches(int size) {
        return new ListDataSetIterator<>(
                Networks.data(DataType.DOUBLE, EXAMPLES).asList(), size);
    }

    private static MultiLayerNetwork network() {
        return Networks.classifier(DataType.DOUBLE, new Sgd(0.1));
    }

    private static void fitLots(MultiLayerNetwork net, PrivacyEngine engine, int count) {
        fitLots(net, engine, 5, count);
    }

    private static void fitLots(MultiLayerNetwork net, PrivacyEngine engine, int size, int count) {
        DataSetIterator lots = engine.lots(batches(size));
        for (int lot = 0; lot < count; lot++) {
            if (!lots.hasNext()) {
                lots.reset();
            }
            net.fit(lots.next());
        }
    }

    private static double sigma(DpEvent event) {
        return ((DpEvent.Gaussian) event).noiseMultiplier();
    }

    @Test
    void event_givenBatches_isOneGaussianOfTheSensitivityOfAllPasses() {
        DpSgdPlan plan = given(3).withCorrelatedNoise(BISR);
        double sensitivity = CorrelationMatrix.of(BISR, 12, 3, 4).sensitivity();
        assertThat(sigma(plan.event())).isCloseTo(3 / sensitivity, Percentage.withPercentage(1e-9));
        assertThat(plan.guarantee().epsilon())
                .isCloseTo(
                        new PldAccountant(NeighboringRelation.ZERO_OUT)
                                .compose(new DpEvent.Gaussian(3 / sensitivity))
                                .epsilon(1e-5),
                        within(1e-6));
        // Any order: lots of an example may follow each other.
        assertThat(sigma(given(3).withCorrelatedNoise(BISR, 1).event()))
                .isCloseTo(3 / CorrelationMatrix.of(BISR, 12, 3, 1).sensitivity(), Percentage.withPercentage(1e-9));
        // A run that ends early costs what it released.
        for (int t = 1; t <= 12; t++) {
            assertThat(plan.epsilonAfter(t))
                    .isCloseTo(
                            new PldAccountant(NeighboringRelation.ZERO_OUT)
                                    .compose(new DpEvent.Gaussian(3
                                            / Math.sqrt(CorrelationMatrix.of(BISR, 12, 3, 4)
                                                    .squaredSensitivity(t))))
                                    .epsilon(1e-5),
                            within(1e-6));
        }
    }

    @Test
    void calibratedTo_everyNoise_scalesWithTheSensitivity() {
        var guarantee = new PrivacyGuarantee(2, 1e-5, NeighboringRelation.ZERO_OUT);
        double independent = given(1).calibratedTo(guarantee).noiseMultiplier();
        for (CorrelatedNoise noise : List.of(BISR, CorrelatedNoise.lambdaCgd(0.8), CorrelatedNoise.bandMf(4))) {
            for (AccountantKind kind : AccountantKind.values()) {
                DpSgdPlan plan =
                        given(3).withCorrelatedNoise(noise).withAccountant(kind).calibratedTo(guarantee);
                assertThat(plan.guarantee().epsilon()).isLessThanOrEqualTo(2).isGreaterThan(1.99);
                if (kind == AccountantKind.PLD) {
                    assertThat(plan.noiseMultiplier())
                            .isCloseTo(
                                    independent
                                            * CorrelationMatrix.of(noise, 12, 3, 4)
                                                    .sensitivity(),
                                    Percentage.withPercentage(0.01));
                }
            }
        }
    }

    @Test
    void singlePass_stream_hasAFixedEpsilonAndNoPasses() {
        DpSgdPlan plan = DpSgdPlan.singlePass(1000, 10)
                .withClippingNorm(1)
                .withCorrelatedNoise(CorrelatedNoise.bandMf(8))
                .calibratedTo(new PrivacyGuarantee(1, 1e-6, NeighboringRelation.ZERO_OUT));
        assertThat(plan.steps()).isEqualTo(100);
        assertThat(plan.guarantee().epsilon()).isCloseTo(1, within(0.001));
        assertThat(plan.epsilonAfter(1)).isLessThan(0.8);
        assertThat(plan.withSteps(50).steps()).isEqualTo(50);
        assertThatIllegalArgumentException()
                .isThrownBy(() -> plan.withEpochs(1))
                .withMessageContaining("once");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> plan.withSteps(101))
                .withMessageContaining("steps must be at most 100");
    }

    @ParameterizedTest
    @ValueSource(strings = {"lambda-cgd:0.9", "bisr:3", "banded-square-root:3", "band-mf:3"})
    void toMap_correlatedNoise_isReadBack(String code) {
        DpSgdPlan plan = given(2).withCorrelatedNoise(CorrelatedNoise.parse(code), 2);
        assertThat(PlanJson.fromMap(PlanJson.toMap(plan))).isEqualTo(plan).hasToString(plan.toString());
        assertThat(plan.isSameMechanismAs(given(2))).isFalse();
        DpSgdPlan stream = DpSgdPlan.singlePass(20, 5)
                .withClippingNorm(1)
                .withNoiseMultiplier(1)
                .withDelta(1e-5);
        assertThat(PlanJson.fromMap(PlanJson.toMap(stream))).isEqualTo(stream);
        assertThat(PlanJson.fromMap(PlanJson.toMap(stream)).isSinglePass()).isTrue();
    }

    @Test
    void withCorrelatedNoise_planOfAnotherRelation_isRefusedWithTheCallThatRepairsIt() {
        DpSgdPlan plan = DpSgdPlan.poisson(EXAMPLES, 4);
        CorrelatedNoise noise = CorrelatedNoise.bandMf(3);
        assertThatIllegalArgumentException()
                .isThrownBy(() ->
                        plan.withRelation(NeighboringRelation.ADD_OR_REMOVE_ONE).withCorrelatedNoise(noise))
                .withMessageContaining("leave out withRelation, or call withRelation(NeighboringRelation.ZERO_OUT)");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> plan.withSteps(9)
                        .withClippingNorm(1)
                        .calibratedTo(new PrivacyGuarantee(3, 1e-5))
                        .withCorrelatedNoise(noise))
                .withMessageContaining(
                        "call withCorrelatedNoise first, then calibratedTo(new PrivacyGuarantee(epsilon, delta, NeighboringRelation.ZERO_OUT))");
    }

    @Test
    void withCorrelatedNoise_whatItDoesNotAllow_isRefusedWithTheReason() {
        DpSgdPlan plan = given(2).withCorrelatedNoise(BISR);
        assertThatIllegalArgumentException()
                .isThrownBy(() -> plan.withClipping(Clipping.adaptive(1)))
                .withMessageContaining("one clipping norm for all lots");
        assertThatIllegalArgumentException()
                .isThrownBy(
                        () -> plan.withNoiseSchedule(NoiseSchedule.startingAt(2).then(3, 1)))
                .withMessageContaining("same noise in all lots");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> plan.withTruncatedBackprop(10, 5))
                .withMessageContaining("several releases about one lot");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> DpSgdPlan.poisson(100, 5).withCorrelatedNoise(BISR))
                .withMessageContaining("needs a matrix with bands");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> DpSgdPlan.fixedSize(100, 5).withCorrelatedNoise(BISR))
                .withMessageContaining("fixed size");
        assertThatIllegalStateException().isThrownBy(plan::stepEvent).withMessageContaining("correlated");
    }

    @Test
    void fit_givenBatches_chargesEachLotWhatItAdds() throws IOException {
        Path file = folder.resolve("ledger");
        DpSgdPlan plan = given(3).withCorrelatedNoise(BISR).withLedger(file);
        MultiLayerNetwork net = network();
        try (PrivacyEngine engine = PrivacyEngine.attach(net, plan)) {
            net.fit(engine.lots(batches(5)), 2);
            assertThat(engine.steps()).isEqualTo(8);
            assertThat(engine.epsilon()).isCloseTo(plan.epsilonAfter(8), within(1e-6));
            assertThat(engine.report().toString().replaceAll("\\s+", " "))
                    .contains("banded inverse square root, 3 bands, lots of an example at least 4 apart")
                    .contains("there are at least 4 lots, as it is where every pass has the same order");
            net.fit(engine.lots(batches(5)), 1);
            assertThat(engine.remainingSteps()).isZero();
            assertThat(engine.epsilon()).isCloseTo(plan.guarantee().epsilon(), within(1e-6));
        }
        assertThat(PrivacyLedgerHistory.read(file).charges().stream()
                        .mapToLong(charge -> charge.count())
                        .sum())
                .isEqualTo(12);
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void attach_again_beginsTheNoiseAnewAndPaysForBothParts(boolean hasLedger) throws IOException {
        DpSgdPlan plan = given(3).withCorrelatedNoise(BISR);
        if (hasLedger) {
            plan = plan.withLedger(folder.resolve("ledger"));
        }
        MultiLayerNetwork net = network();
        try (PrivacyEngine engine = PrivacyEngine.attach(net, plan)) {
            fitLots(net, engine, 6);
        }
        File saved = folder.resolve("model.zip").toFile();
        ModelSerializer.writeModel(net, saved, true);
        MultiLayerNetwork restored = ModelSerializer.restoreMultiLayerNetwork(saved, true);
        try (PrivacyEngine engine = PrivacyEngine.attach(restored, plan)) {
            assertThat(engine.steps()).isEqualTo(6);
            fitLots(restored, engine, 6);
            assertThat(engine.steps()).isEqualTo(12);
            CorrelationMatrix matrix = CorrelationMatrix.of(BISR, 12, 3, 4);
            double both = Math.sqrt(2 * matrix.squaredSensitivity(6));
            assertThat(engine.epsilon())
                    .isCloseTo(
                            new PldAccountant(NeighboringRelation.ZERO_OUT)
                                    .compose(new DpEvent.Gaussian(3 / both))
                                    .epsilon(1e-5),
                            within(1e-5))
                    .isGreaterThan(plan.guarantee().epsilon());
            assertThat(engine.report().toString()).contains("it began anew after 6 lots");
            if (hasLedger) {
                double precision = 0;
                for (var charge :
                        PrivacyLedgerHistory.read(folder.resolve("ledger")).charges()) {
                    if (charge.event() instanceof DpEvent.Gaussian gaussian) {
                        precision += charge.count() / Math.pow(gaussian.noiseMultiplier(), 2);
                    }
                }
                assertThat(precision).isCloseTo(both * both / 9, Percentage.withPercentage(1e-9));
            }
        }
    }

    @Test
    void attach_againWithATarget_endsBeforeItIsExceeded() throws IOException {
        DpSgdPlan plan = given(3).withCorrelatedNoise(CorrelatedNoise.bandMf(2))
                .calibratedTo(new PrivacyGuarantee(2, 1e-5, NeighboringRelation.ZERO_OUT));
        MultiLayerNetwork net = network();
        try (PrivacyEngine engine = PrivacyEngine.attach(net, plan)) {
            fitLots(net, engine, 6);
        }
        try (PrivacyEngine engine = PrivacyEngine.attach(net, plan)) {
            assertThat(engine.remainingSteps()).isPositive().isLessThan(6);
            fitLots(net, engine, (int) engine.remainingSteps());
            assertThat(engine.remainingSteps()).isZero();
            assertThat(engine.epsilon()).isLessThanOrEqualTo(2);
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"lambda-cgd:0.9", "bisr:3", "banded-square-root:3", "band-mf:3"})
    void attach_againWithASeed_goesOnAsIfItHadNotStopped(String code) throws IOException {
        DpSgdPlan plan =
                given(3).withCorrelatedNoise(CorrelatedNoise.parse(code)).withSeed(11);
        MultiLayerNetwork whole = network();
        try (PrivacyEngine engine = PrivacyEngine.attach(whole, plan)) {
            whole.fit(engine.lots(batches(5)), 3);
        }
        MultiLayerNetwork net = network();
        try (PrivacyEngine engine = PrivacyEngine.attach(net, plan)) {
            net.fit(engine.lots(batches(5)), 2);
        }
        try (PrivacyEngine engine = PrivacyEngine.attach(net, plan)) {
            net.fit(engine.lots(batches(5)), 1);
        }
        assertThat(net.params().toDoubleVector()).isEqualTo(whole.params().toDoubleVector());
    }

    @Test
    void fit_physicalBatches_doNotChangeTheNoise() {
        DpSgdPlan plan = given(2).withCorrelatedNoise(CorrelatedNoise.bandMf(3)).withSeed(4);
        var results = new ArrayList<double[]>();
        for (int physical : List.of(2, 5)) {
            MultiLayerNetwork net = network();
            try (PrivacyEngine engine =
                    PrivacyEngine.attach(net, plan, ExecutionOptions.defaults().withPhysicalBatchSize(physical))) {
                net.fit(engine.lots(batches(5)), 2);
            }
            results.add(net.params().toDoubleVector());
        }
        assertThat(results.get(0)).containsExactly(results.get(1), within(1e-9));
    }

    @Test
    void fit_passThatEndsEarly_isNotFollowedByAnotherOne() {
        MultiLayerNetwork net = network();
        try (PrivacyEngine engine = PrivacyEngine.attach(net, given(2).withCorrelatedNoise(BISR))) {
            DataSetIterator half =
                    new ListDataSetIterator<>(Networks.data(DataType.DOUBLE, 10).asList(), 5);
            assertThatIllegalStateException()
                    .isThrownBy(() -> net.fit(engine.lots(half), 2))
                    .withMessageContaining("a pass must have at least 4 lots")
                    .withMessageContaining("it had 2");
            assertThat(engine.steps()).isEqualTo(2);
        }
    }

    /** In lots of 2 and then of 5, rows 6 and 7 would be in lots 4 and 6, not 4 apart. */
    @Test
    void fit_otherBatchesInTheSecondPass_areRefusedBeforeTheyAreCharged() {
        MultiLayerNetwork net = network();
        try (PrivacyEngine engine = PrivacyEngine.attach(net, given(2).withCorrelatedNoise(BISR))) {
            fitLots(net, engine, 2, 4);
            double epsilon = engine.epsilon();
            assertThatIllegalStateException()
                    .isThrownBy(() -> fitLots(net, engine, 5, 1))
                    .withMessageContaining("lot 1 of pass 2 must have 2 examples")
                    .withMessageContaining("the same batches in every pass");
            assertThat(engine.steps()).isEqualTo(4);
            assertThat(engine.epsilon()).isEqualTo(epsilon);
            fitLots(net, engine, 2, 4);
            assertThat(engine.steps()).isEqualTo(8);
        }
    }

    @Test
    void fit_twoIteratorsInTurn_isRefused() {
        MultiLayerNetwork net = network();
        try (PrivacyEngine engine = PrivacyEngine.attach(net, given(3).withCorrelatedNoise(BISR, 2))) {
            DataSetIterator one = engine.lots(batches(5));
            DataSetIterator other = engine.lots(batches(5));
            net.fit(one.next());
            net.fit(one.next());
            net.fit(other.next());
            net.fit(other.next());
            // Rows 10 to 14, which the other iterator has next.
            assertThatIllegalStateException()
                    .isThrownBy(() -> net.fit(one.next()))
                    .withMessageContaining("pass 1 was to go on after pass 2 had begun");
            net.fit(other.next());
            assertThat(engine.steps()).isEqualTo(5);
        }
    }

    @Test
    void withCorrelatedNoise_separationThatNoPassHas_isRefusedWithThePlan() {
        assertThatIllegalArgumentException()
                .isThrownBy(() -> given(2).withCorrelatedNoise(BISR, 1000))
                .withMessageContaining("separation of at most the 4 lots of a pass")
                .withMessageContaining("was 1000");
        DpSgdPlan once = DpSgdPlan.givenBatches(EXAMPLES, 5).withCorrelatedNoise(BISR, 5);
        assertThatIllegalArgumentException()
                .isThrownBy(() -> once.withEpochs(2))
                .withMessageContaining("was 5");
        assertThat(once.withEpochs(1).steps()).isEqualTo(4);
    }

    @Test
    void fit_poissonLotsOfDataInAnotherOrder_isRefusedBeforeTheyAreCharged() {
        DpSgdPlan plan = DpSgdPlan.poisson(EXAMPLES, 4)
                .withCorrelatedNoise(CorrelatedNoise.bandMf(3))
                .withSteps(10)
                .withClippingNorm(1)
                .withNoiseMultiplier(3)
                .withDelta(1e-5);
        MultiLayerNetwork net = network();
        DataSet data = Networks.data(DataType.DOUBLE, EXAMPLES);
        DataSet rotated = DataSet.merge(List.of((DataSet) data.getRange(1, EXAMPLES), (DataSet) data.getRange(0, 1)));
        try (PrivacyEngine engine = PrivacyEngine.attach(net, plan)) {
            DataSetIterator lots = engine.lots(data);
            net.fit(lots.next());
            assertThatIllegalStateException()
                    .isThrownBy(() -> engine.lots(rotated))
                    .withMessageContaining("in the same order in every pass")
                    .withMessageContaining("Do not shuffle");
            net.fit(engine.lots(data).next());
            data.getFeatures().putRow(0, data.getFeatures().getRow(1).dup());
            assertThatIllegalStateException().isThrownBy(lots::next).withMessageContaining("in the same order");
            assertThat(engine.steps()).isEqualTo(2);
            assertThat(String.join(" ", engine.report().assumptions()))
                    .contains("in the same order whenever lots are drawn")
                    .contains("which lots it may be in");
        }
    }

    @Test
    void fit_stream_endsWithTheStreamAndCostsWhatWasReleased() {
        DpSgdPlan plan = DpSgdPlan.singlePass(EXAMPLES, 5)
                .withClippingNorm(1)
                .withNoiseMultiplier(3)
                .withDelta(1e-5)
                .withCorrelatedNoise(BISR);
        MultiLayerNetwork net = network();
        try (PrivacyEngine engine = PrivacyEngine.attach(net, plan)) {
            DataSetIterator lots = engine.lots(
                    new ListDataSetIterator<>(Networks.data(DataType.DOUBLE, 10).asList(), 5));
            while (lots.hasNext()) {
                net.fit(lots.next());
            }
            assertThat(engine.steps()).isEqualTo(2);
            assertThat(engine.epsilon()).isCloseTo(plan.epsilonAfter(2), within(1e-6));
            assertThat(engine.report().assumptions())
                    .contains("the stream gives each example once, and no other iterator gives it again");
        }
    }

    @Test
    void fit_poissonLots_areOfOnePartAndChargedByRounds() {
        DpSgdPlan plan = DpSgdPlan.poisson(EXAMPLES, 4)
                .withCorrelatedNoise(CorrelatedNoise.bandMf(3))
                .withSteps(7)
                .withClippingNorm(1)
                .withNoiseMultiplier(3)
                .withDelta(1e-5);
        assertThat(plan.relation()).isEqualTo(NeighboringRelation.ZERO_OUT);
        MultiLayerNetwork net = network();
        DataSet data = Networks.data(DataType.DOUBLE, EXAMPLES);
        try (PrivacyEngine engine = PrivacyEngine.attach(net, plan)) {
            net.fit(engine.lots(data), plan.epochs());
            assertThat(engine.steps()).isEqualTo(7);
            assertThat(engine.epsilon()).isCloseTo(plan.guarantee().epsilon(), Percentage.withPercentage(0.2));
        }
        // A lot inside of a round is charged with nothing: by that the command line tells such a ledger from others.
        Path ledger = folder.resolve("ledger");
        MultiLayerNetwork other = network();
        try (PrivacyEngine engine = PrivacyEngine.attach(other, plan.withLedger(ledger))) {
            DataSetIterator lots = engine.lots(data);
            other.fit(lots.next());
            other.fit(lots.next());
        }
        assertThat(PrivacyLedgerHistory.read(ledger).charges())
                .extracting(PrivacyLedger.Charge::event)
                .hasSize(2)
                .contains(new DpEvent.NoOp());
        double bands = CorrelationMatrix.of(CorrelatedNoise.bandMf(3), 7, 1, 3).sensitivity();
        assertThat(plan.guarantee().epsilon())
                .isCloseTo(
                        new PldAccountant(NeighboringRelation.ZERO_OUT)
                                .compose(new DpEvent.PoissonSampled(0.6, new DpEvent.Gaussian(3 / bands)), 3)
                                .epsilon(1e-5),
                        Percentage.withPercentage(0.01));
    }

    @Test
    void fit_frozenLayer_getsNoNoise() {
        MultiLayerNetwork net =
                new TransferLearning.Builder(network()).setFeatureExtractor(0).build();
        double[] frozen = net.getLayer(0).params().toDoubleVector();
        double[] trained = net.getLayer(1).params().toDoubleVector();
        try (PrivacyEngine engine =
                PrivacyEngine.attach(net, given(2).withCorrelatedNoise(CorrelatedNoise.bandMf(3)))) {
            net.fit(engine.lots(batches(5)), 2);
            assertThat(engine.steps()).isEqualTo(8);
        }
        assertThat(net.getLayer(0).params().toDoubleVector()).isEqualTo(frozen);
        assertThat(net.getLayer(1).params().toDoubleVector()).isNotEqualTo(trained);
    }

    @Test
    void fit_graphWithAveragedParameters_trains() {
        ComputationGraph net =
                Networks.classifier(DataType.DOUBLE, new Sgd(0.1)).toComputationGraph();
        var average = new ParameterAverage(0.9);
        net.addListeners(average);
        try (PrivacyEngine engine = PrivacyEngine.attach(net, given(2).withCorrelatedNoise(BISR))) {
            net.fit(engine.lots(batches(5)), 2);
            assertThat(engine.epsilon()).isCloseTo(engine.plan().guarantee().epsilon(), within(1e-6));
        }
        double[] last = net.params().toDoubleVector();
        average.applyTo(net);
        assertThat(net.params().toDoubleVector()).isNotEqualTo(last);
    }

    @Test
    void privateRelease_poissonLots_releasesCorrelatedNoise() {
        DpSgdPlan plan = DpSgdPlan.poisson(EXAMPLES, 4)
                .withCorrelatedNoise(CorrelatedNoise.bandMf(3))
                .withSteps(6)
                .withClippingNorm(1)
                .withNoiseMultiplier(3)
                .withDelta(1e-5);
        try (PrivateRelease release = PrivateRelease.of(plan, 2)) {
            for (int lot = 0; lot < 6; lot++) {
                for (long member : release.nextLot()) {
                    assertThat(member % 3).isEqualTo(lot % 3);
                }
                release.release(new double[2]);
            }
            assertThat(release.epsilon()).isCloseTo(plan.guarantee().epsilon(), Percentage.withPercentage(0.2));
        }
        assertThatIllegalArgumentException()
                .isThrownBy(() -> PrivateRelease.of(given(1).withCorrelatedNoise(BISR), 2))
                .withMessageContaining("plan must draw and charge lot by lot");
    }

    @Test
    void fit_withoutNoise_costsEverything() {
        DpSgdPlan plan = given(1).withCorrelatedNoise(BISR).withoutNoise();
        MultiLayerNetwork net = network();
        try (PrivacyEngine engine = PrivacyEngine.attach(net, plan)) {
            net.fit(engine.lots(batches(5)), 1);
            assertThat(engine.epsilon()).isInfinite();
        }
    }

    /** The code of docs/correlated-noise.md. */
    @Test
    void document_plan_trains() {
        MultiLayerNetwork network = network();
        DataSetIterator iterator = batches(5);
        DpSgdPlan plan = DpSgdPlan.givenBatches(20, 5) // examples of a pass, batch size
                .withEpochs(3)
                .withClippingNorm(1.0)
                .withCorrelatedNoise(CorrelatedNoise.bandMf(4))
                .calibratedTo(new PrivacyGuarantee(2.0, 1e-5, NeighboringRelation.ZERO_OUT));
        PrivacyEngine engine = PrivacyEngine.attach(network, plan);
        network.fit(engine.lots(iterator), plan.epochs()); // your iterator, the same order in every pass
        // docs
        assertThat(engine.epsilon()).isBetween(1.99, 2.0);
        engine.close();
    }

    /** The second sample of docs/correlated-noise.md. */
    @Test
    void document_keptNoise_goesOn() throws IOException {
        MultiLayerNetwork network = network();
        DataSetIterator iterator = batches(5);
        DpSgdPlan plan = given(3).withCorrelatedNoise(BISR);
        File model = folder.resolve("model.zip").toFile();
        // docs
        DpSgdPlan kept = plan.withLedger(folder.resolve("ledger")).withNoiseKeptIn(folder.resolve("noise"));
        try (PrivacyEngine engine = PrivacyEngine.attach(network, kept)) {
            network.fit(engine.lots(iterator), 2); // stop at the end of a pass
        } // close() leaves what later noise takes back in the file
        ModelSerializer.writeModel(network, model, true);
        // docs
        MultiLayerNetwork restored = ModelSerializer.restoreMultiLayerNetwork(model, true);
        try (PrivacyEngine engine = PrivacyEngine.attach(restored, kept)) {
            restored.fit(engine.lots(iterator), 1);
            assertThat(engine.epsilon()).isCloseTo(plan.guarantee().epsilon(), within(1e-6));
        }
    }

    @Test
    void document_code_isThatOfThisTest() throws IOException {
        DocumentCode.assertRunBy(CorrelatedNoiseTest.class, "docs/correlated-noise.md", 12);
    }
}
