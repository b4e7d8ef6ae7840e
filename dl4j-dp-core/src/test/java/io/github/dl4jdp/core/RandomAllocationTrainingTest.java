// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;
import static org.assertj.core.api.Assertions.withinPercentage;

import io.github.dl4jdp.accountant.AccountantKind;
import io.github.dl4jdp.accountant.DpEvent;
import io.github.dl4jdp.accountant.NeighboringRelation;
import io.github.dl4jdp.accountant.PldAccountant;
import io.github.dl4jdp.accountant.PrivacyGuarantee;
import io.github.dl4jdp.accountant.PrivacyLedgerHistory;
import io.github.dl4jdp.core.data.GroupedExamples;
import io.github.dl4jdp.core.data.RandomAccessExamples;
import io.github.dl4jdp.core.mechanism.Mechanism;
import io.github.dl4jdp.core.random.RandomStreams;
import java.io.File;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.stream.LongStream;
import org.deeplearning4j.nn.multilayer.MultiLayerNetwork;
import org.deeplearning4j.util.ModelSerializer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.dataset.DataSet;
import org.nd4j.linalg.factory.Nd4j;
import org.nd4j.linalg.learning.config.Sgd;

/** Lots by random allocation: who is in them, what they cost, and what stopping in the middle of a pass costs. */
class RandomAllocationTrainingTest {
    private static final int EXAMPLES = 60;
    private static final int LOTS = 5;

    @TempDir
    @SuppressWarnings("NullAway.Init") // JUnit sets it
    Path folder;

    private static DpSgdPlan plan() {
        return DpSgdPlan.randomAllocation(EXAMPLES, LOTS)
                .withEpochs(3)
                .withClippingNorm(1)
                .withNoiseMultiplier(1.5)
                .withDelta(1e-5);
    }

    private static MultiLayerNetwork network() {
        return Networks.classifier(DataType.DOUBLE, new Sgd(0.1));
    }

    private static DataSet data() {
        return Networks.data(DataType.DOUBLE, EXAMPLES);
    }

    private static DpEvent pass(double sigma) {
        return new DpEvent.RandomAllocation(LOTS, new DpEvent.Gaussian(sigma));
    }

    private static double epsilon(long passes) {
        return new PldAccountant().compose(pass(1.5), passes).epsilon(1e-5);
    }

    private static long[] draw(Mechanism mechanism, RandomStreams streams, long lot, long from, long to) {
        return mechanism.drawOfPass(streams.passKey(mechanism.passOf(lot)), lot, from, to);
    }

    @ParameterizedTest
    @CsvSource({"60, 5", "60, 7", "60, 1", "3, 10", "1, 1", "1000, 999"})
    void draw_everyPass_hasEveryExampleInExactlyOneLot(int examples, int lots) {
        Mechanism mechanism = DpSgdPlan.randomAllocation(examples, lots)
                .withEpochs(4)
                .withClippingNorm(1)
                .withNoiseMultiplier(1)
                .withDelta(1e-9)
                .mechanism();
        assertThat(mechanism.steps()).isEqualTo(4L * lots);
        var streams = RandomStreams.secure();
        for (int pass = 0; pass < 4; pass++) {
            int[] taken = new int[examples];
            for (int lot = pass * lots + 1; lot <= (pass + 1) * lots; lot++) {
                assertThat(mechanism.passOf(lot)).isEqualTo(pass + 1);
                Arrays.stream(draw(mechanism, streams, lot, 0, examples)).forEach(i -> taken[(int) i]++);
            }
            assertThat(taken).containsOnly(1);
        }
    }

    /**
     * An example is in a given lot of 1500 passes a binomial number of times, and so are two examples in one lot together, and one example in lots of the same place of two passes in a row. At 5.5
     * standard deviations one of 60 (5 + 59 + 1) counts fails by chance with a probability below 2e-4; the seed is fixed.
     */
    @Test
    void draw_manyPasses_placesExamplesUniformlyAndIndependently() {
        Mechanism mechanism = plan().mechanism();
        var streams = RandomStreams.seeded(5);
        int passes = 1500;
        int[][] places = new int[passes][EXAMPLES];
        for (int lot = 1; lot <= passes * LOTS; lot++) {
            int pass = (lot - 1) / LOTS;
            int place = (lot - 1) % LOTS;
            Arrays.stream(draw(mechanism, streams, lot, 0, EXAMPLES)).forEach(i -> places[pass][(int) i] = place);
        }
        double spread = 5.5 * Math.sqrt(passes * 0.2 * 0.8);
        for (int i = 0; i < EXAMPLES; i++) {
            int[] in = new int[LOTS];
            int[] together = new int[EXAMPLES];
            int again = 0;
            for (int pass = 0; pass < passes; pass++) {
                in[places[pass][i]]++;
                again += pass > 0 && places[pass][i] == places[pass - 1][i] ? 1 : 0;
                for (int j = 0; j < i; j++) {
                    together[j] += places[pass][i] == places[pass][j] ? 1 : 0;
                }
            }
            for (int count : in) {
                assertThat((double) count).isBetween(300 - spread, 300 + spread);
            }
            for (int j = 0; j < i; j++) {
                assertThat((double) together[j]).isBetween(300 - spread, 300 + spread);
            }
            assertThat((double) again).isBetween(300 - spread, 300 + spread);
        }
    }

    /** Neighboring data sets meet the same coins, and so do the parts of the data. */
    @Test
    void draw_oneExampleMoreOrPartOfTheData_leavesTheOthersAlone() {
        Mechanism mechanism = plan().mechanism();
        var streams = RandomStreams.secure();
        for (int lot = 1; lot <= 3 * LOTS; lot++) {
            long[] members = draw(mechanism, streams, lot, 0, EXAMPLES);
            assertThat(Arrays.stream(draw(mechanism, streams, lot, 0, EXAMPLES + 1))
                            .filter(i -> i < EXAMPLES)
                            .toArray())
                    .isEqualTo(members);
            assertThat(draw(mechanism, streams, lot, 17, 40))
                    .isEqualTo(Arrays.stream(members)
                            .filter(i -> i >= 17 && i < 40)
                            .toArray());
        }
    }

    @Test
    void event_isOnePassACharge() {
        DpSgdPlan plan = plan();
        assertThat(plan.stepEvent()).isEqualTo(pass(1.5));
        assertThat(plan.event()).isEqualTo(new DpEvent.SelfComposed(pass(1.5), 3));
        assertThat(plan.epochs()).isEqualTo(3);
        assertThat(plan.steps()).isEqualTo(15);
        assertThat(plan.expectedLotSize()).isEqualTo(12);
        assertThat(plan.samplingProbability()).isEqualTo(0.2);
        assertThat(plan.guarantee().epsilon()).isEqualTo(epsilon(3));
        assertThat(plan.withSteps(11).event()).isEqualTo(new DpEvent.SelfComposed(pass(1.5), 3));
        assertThat(plan.withSteps(10).event()).isEqualTo(new DpEvent.SelfComposed(pass(1.5), 2));
        assertThat(PlanJson.fromMap(PlanJson.toMap(plan))).isEqualTo(plan);
        assertThat(PlanJson.toMap(plan)).containsEntry("lotsPerPass", 5L);
        assertThat(DpSgdPlan.randomAllocation(10, 6).expectedLotSize()).isEqualTo(2);
        assertThat(DpSgdPlan.randomAllocation(10, 7).expectedLotSize()).isEqualTo(1);
        assertThat(DpSgdPlan.randomAllocation(3, 10).expectedLotSize()).isEqualTo(1);
    }

    @Test
    void calibratedTo_guarantee_isReachedWithLessNoiseThanByPoissonLots() {
        PrivacyGuarantee target = new PrivacyGuarantee(2, 1e-5);
        DpSgdPlan plan = DpSgdPlan.randomAllocation(6000, 50)
                .withEpochs(4)
                .withClippingNorm(1)
                .calibratedTo(target);
        assertThat(plan.guarantee().epsilon()).isBetween(1.999, 2.0);
        assertThat(plan.noiseMultiplier())
                .isLessThan(DpSgdPlan.poisson(6000, 120)
                        .withEpochs(4)
                        .withClippingNorm(1)
                        .calibratedTo(target)
                        .noiseMultiplier());
    }

    @ParameterizedTest
    @CsvSource({"5", "1", "60", "200"})
    void fit_lotsOfAnySize_trainsAndChargesByPass(int lots) {
        MultiLayerNetwork network = network();
        DpSgdPlan plan = DpSgdPlan.randomAllocation(EXAMPLES, lots)
                .withEpochs(2)
                .withClippingNorm(1)
                .withNoiseMultiplier(1.5)
                .withDelta(1e-5)
                .withLedger(folder.resolve("run.ledger"));
        var before = network.params().dup();
        try (var engine = PrivacyEngine.attach(network, plan)) {
            network.fit(engine.lots(data()), plan.epochs());
            assertThat(engine.steps()).isEqualTo(2L * lots);
            assertThat(engine.remainingSteps()).isZero();
            assertThat(engine.report().spent())
                    .isEqualTo(
                            plan.event() instanceof DpEvent.SelfComposed all && lots == 1
                                    ? new DpEvent.SelfComposed(new DpEvent.Gaussian(1.5), all.count())
                                    : plan.event());
            assertThat(engine.report().toString()).contains("each in one of the " + lots + " lots of every pass");
        }
        assertThat(PrivacyLedgerHistory.read(folder.resolve("run.ledger")).steps())
                .isEqualTo(2);
        assertThat(network.params()).isNotEqualTo(before);
    }

    /** Owners are put into lots as examples are, and a pass costs the same. */
    @Test
    void fit_ownersOfRows_areTheUnitsThatAreAllocated() {
        DpSgdPlan plan = DpSgdPlan.randomAllocation(20, LOTS)
                .withUnit("patient", 2)
                .withEpochs(2)
                .withClippingNorm(1)
                .withNoiseMultiplier(1.5)
                .withDelta(1e-5);
        assertThat(plan.event()).isEqualTo(new DpEvent.SelfComposed(pass(1.5), 2));
        MultiLayerNetwork network = network();
        long[] owners = new long[EXAMPLES];
        Arrays.setAll(owners, row -> row % 20);
        try (var engine = PrivacyEngine.attach(network, plan)) {
            network.fit(engine.lots(GroupedExamples.of(RandomAccessExamples.of(data()), owners)), plan.epochs());
            assertThat(engine.steps()).isEqualTo(2 * LOTS);
            assertThat(engine.report().spent()).isEqualTo(plan.event());
        }
    }

    private File save(MultiLayerNetwork network) throws IOException {
        File file = folder.resolve("model.zip").toFile();
        ModelSerializer.writeModel(network, file, true);
        return file;
    }

    private static void train(MultiLayerNetwork network, PrivacyEngine engine, int lots) {
        var iterator = engine.lots(data());
        for (int i = 0; i < lots; i++) {
            if (!iterator.hasNext()) {
                iterator.reset();
            }
            network.fit(iterator.next());
        }
    }

    @Test
    void fit_endsEarly_isChargedForThePassesThatBegan() {
        MultiLayerNetwork network = network();
        try (var engine = PrivacyEngine.attach(network, plan())) {
            train(network, engine, 1);
            assertThat(engine.report().spent()).isEqualTo(pass(1.5));
            train(network, engine, 4);
            assertThat(engine.report().spent()).isEqualTo(pass(1.5));
            train(network, engine, 1);
            assertThat(engine.report().spent()).isEqualTo(new DpEvent.SelfComposed(pass(1.5), 2));
            assertThat(engine.epsilon()).isCloseTo(epsilon(2), withinPercentage(0.1));
        }
    }

    /** The key of the pass is gone: its rest is drawn anew, and is another pass. The plan has no charge more for that, so the run ends a pass early. */
    @Test
    void resume_inTheMiddleOfAPass_chargesAnotherPassAndStaysWithinThePlan() throws IOException {
        DpSgdPlan plan = plan().withLedger(folder.resolve("run.ledger"));
        MultiLayerNetwork network = network();
        try (var engine = PrivacyEngine.attach(network, plan)) {
            train(network, engine, 7);
        }
        MultiLayerNetwork resumed = ModelSerializer.restoreMultiLayerNetwork(save(network), true);
        try (var engine = PrivacyEngine.attach(resumed)) {
            assertThat(engine.steps()).isEqualTo(7);
            assertThat(engine.remainingSteps()).isEqualTo(3);
            assertThat(engine.epsilon()).isCloseTo(epsilon(2), withinPercentage(0.1));
            train(resumed, engine, 1);
            assertThat(engine.epsilon())
                    .isCloseTo(epsilon(3), withinPercentage(0.1))
                    .isLessThanOrEqualTo(plan.guarantee().epsilon());
            train(resumed, engine, 2);
            assertThat(engine.remainingSteps()).isZero();
            assertThat(engine.epsilon()).isCloseTo(epsilon(3), withinPercentage(0.1));
            assertThatIllegalStateException().isThrownBy(() -> train(resumed, engine, 1));
        }
        assertThat(PrivacyLedgerHistory.read(folder.resolve("run.ledger")).steps())
                .isEqualTo(3);
    }

    /** The ledger knows of the pass that the model of the checkpoint had not begun. */
    @Test
    void resume_fromOlderCheckpoint_keepsTheLostPassCharged() throws IOException {
        DpSgdPlan plan = plan().withLedger(folder.resolve("run.ledger"));
        MultiLayerNetwork network = network();
        File older;
        try (var engine = PrivacyEngine.attach(network, plan)) {
            train(network, engine, 5);
            older = save(network);
            train(network, engine, 2);
        }
        MultiLayerNetwork resumed = ModelSerializer.restoreMultiLayerNetwork(older, true);
        try (var engine = PrivacyEngine.attach(resumed)) {
            assertThat(engine.steps()).isEqualTo(5);
            assertThat(engine.epsilon()).isCloseTo(epsilon(2), withinPercentage(0.1));
            assertThat(engine.remainingSteps()).isEqualTo(5);
            train(resumed, engine, 5);
            assertThat(engine.epsilon()).isCloseTo(epsilon(3), withinPercentage(0.1));
            assertThat(engine.remainingSteps()).isZero();
        }
    }

    @Test
    void resume_atTheEndOfAPass_equalsNeverHavingStopped() throws IOException {
        DpSgdPlan plan = plan().withSeed(8);
        MultiLayerNetwork straight = network();
        try (var engine = PrivacyEngine.attach(straight, plan)) {
            train(straight, engine, 15);
        }
        MultiLayerNetwork first = network();
        try (var engine = PrivacyEngine.attach(first, plan)) {
            train(first, engine, 10);
        }
        MultiLayerNetwork second = ModelSerializer.restoreMultiLayerNetwork(save(first), true);
        try (var engine = PrivacyEngine.attach(second)) {
            train(second, engine, 5);
            assertThat(engine.remainingSteps()).isZero();
        }
        assertThat(second.params().toDoubleVector()).isEqualTo(straight.params().toDoubleVector());
    }

    @Test
    void fit_dataInAnotherOrderOrOfAnotherSizeWithinAPass_isRefusedBeforeItIsCharged() {
        MultiLayerNetwork net = network();
        DataSet data = data();
        DataSet rotated = DataSet.merge(List.of((DataSet) data.getRange(7, EXAMPLES), (DataSet) data.getRange(0, 7)));
        try (PrivacyEngine engine = PrivacyEngine.attach(net, plan())) {
            net.fit(engine.lots(data).next());
            assertThatIllegalStateException()
                    .isThrownBy(() -> engine.lots(rotated))
                    .withMessageContaining("in the same order")
                    .withMessageContaining("other examples in some places");
            assertThatIllegalStateException()
                    .isThrownBy(() -> engine.lots((DataSet) data.getRange(0, EXAMPLES - 1)))
                    .withMessageContaining("had 60 examples or units at first, and has 59 now");
            assertThat(engine.steps()).isEqualTo(1);
            net.fit(engine.lots(data), 1);
            assertThat(engine.steps()).isEqualTo(LOTS);
            assertThat(String.join(" ", engine.report().assumptions())).contains("which lot of a pass it is in");
        }
        try (PrivacyEngine engine = PrivacyEngine.attach(network(), poisson())) {
            engine.lots(data);
            // Independent lots and independent noise do not rest on the order.
            engine.lots(rotated);
        }
    }

    private static DpSgdPlan poisson() {
        return DpSgdPlan.poisson(EXAMPLES, 5)
                .withEpochs(1)
                .withClippingNorm(1)
                .withNoiseMultiplier(1.5)
                .withDelta(1e-5);
    }

    @Test
    void fit_ownersInAnotherOrder_isRefused() {
        long[] ids = LongStream.range(0, EXAMPLES).map(row -> row / 2).toArray();
        DpSgdPlan plan = DpSgdPlan.randomAllocation(EXAMPLES / 2, LOTS)
                .withUnit("patient", 2)
                .withEpochs(1)
                .withClippingNorm(1)
                .withNoiseMultiplier(1.5)
                .withDelta(1e-5);
        MultiLayerNetwork net = network();
        try (PrivacyEngine engine = PrivacyEngine.attach(net, plan)) {
            net.fit(engine.lots(GroupedExamples.of(data(), ids)).next());
            DataSet turned = data();
            turned.setFeatures(Nd4j.reverse(turned.getFeatures().dup()));
            assertThatIllegalStateException()
                    .isThrownBy(() -> engine.lots(GroupedExamples.of(turned, ids)))
                    .withMessageContaining("in the same order");
            long[] one = ids.clone();
            one[1] = 1;
            assertThatIllegalStateException()
                    .isThrownBy(() -> engine.lots(GroupedExamples.of(data(), one)))
                    .withMessageContaining("in the same order");
            net.fit(engine.lots(GroupedExamples.of(data(), ids)).next());
            assertThat(engine.steps()).isEqualTo(2);
        }
    }

    @Test
    void plan_whatHasNoBoundOrContradictsItself_isRefused() {
        assertThatIllegalArgumentException()
                .isThrownBy(() -> DpSgdPlan.randomAllocation(10, 0))
                .withMessageContaining("lotsPerPass");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> DpSgdPlan.randomAllocation(0, 1))
                .withMessageContaining("examples");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> plan().withRelation(NeighboringRelation.REPLACE_ONE))
                .withMessageContaining("ADD_OR_REMOVE_ONE");
        assertThat(plan().withRelation(NeighboringRelation.ZERO_OUT).guarantee().epsilon())
                .isEqualTo(epsilon(3));
        assertThatIllegalArgumentException()
                .isThrownBy(() -> plan().withMaximumLotSize(20))
                .withMessageContaining("Poisson");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> PrivacyEngine.attach(network(), plan().withAccountant(AccountantKind.RDP)))
                .withMessageContaining("RandomAllocation")
                .withMessageContaining("PldAccountant");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> PrivateRelease.of(plan(), 3))
                .withMessageContaining("lot by lot");
    }
}
