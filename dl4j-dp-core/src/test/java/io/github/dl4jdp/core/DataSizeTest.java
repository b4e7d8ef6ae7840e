// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import io.github.dl4jdp.accountant.AccountantKind;
import io.github.dl4jdp.accountant.DpEvent;
import io.github.dl4jdp.accountant.NeighboringRelation;
import io.github.dl4jdp.accountant.PrivacyGuarantee;
import io.github.dl4jdp.accountant.PrivacyLedgerHistory;
import io.github.dl4jdp.core.data.GroupedExamples;
import io.github.dl4jdp.core.data.RandomAccessExamples;
import io.github.dl4jdp.core.mechanism.Clipping;
import io.github.dl4jdp.core.random.RandomStreams;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
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
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.dataset.DataSet;
import org.nd4j.linalg.dataset.api.MultiDataSet;
import org.nd4j.linalg.dataset.api.iterator.DataSetIterator;
import org.nd4j.linalg.learning.config.Adam;

/** The number of examples and the relation: what a run is allowed to depend on, and what it promises. */
class DataSizeTest {
    private static final int EXAMPLES = 30;
    private static final double CLIPPING_NORM = 0.5;

    @TempDir
    @SuppressWarnings("NullAway.Init") // JUnit sets it
    Path folder;

    private static DpSgdPlan plan() {
        return DpSgdPlan.poisson(EXAMPLES, 10)
                .withSteps(12)
                .withClippingNorm(CLIPPING_NORM)
                .withNoiseMultiplier(2)
                .withDelta(1e-5);
    }

    private static DpSgdPlan zeroOut() {
        return plan().withRelation(NeighboringRelation.ZERO_OUT);
    }

    /** All that an observer has of a run. */
    private record Seen(List<double[]> releases, String report, long steps, Model network) {}

    private Seen run(NetworkKind kind, DpSgdPlan plan, DataSet data) {
        Model network = kind.classifier(DataType.DOUBLE, new Adam(0.05));
        var releases = new ArrayList<double[]>();
        try (var engine = PrivacyEngine.attach(
                network, plan.withSeed(5), ExecutionOptions.defaults().withPhysicalBatchSize(4))) {
            kind.setListeners(network, new BaseTrainingListener() {
                @Override
                public void onBackwardPass(Model model) {
                    releases.add(model.gradient().gradient().dup().reshape(43).toDoubleVector());
                }
            });
            kind.fit(network, engine.lots(data), plan.epochs());
            PrivacyReport report = engine.report();
            return new Seen(
                    releases,
                    report.toJson() + report + report.toMarkdown() + report.toHtml(),
                    engine.steps(),
                    network);
        }
    }

    /** Data that are read from somewhere else, in which nothing was found. */
    private static final class Empty implements RandomAccessExamples {
        @Override
        public long size() {
            return 0;
        }

        @Override
        public MultiDataSet get(long[] indices) {
            throw new IndexOutOfBoundsException("a row of no rows");
        }
    }

    @ParameterizedTest
    @EnumSource
    void lots_noDataAtAll_areRefusedUncharged(NetworkKind kind) {
        GroupedExamples nobody = GroupedExamples.of(new Empty(), new long[0]);
        for (DpSgdPlan plan : List.of(
                zeroOut(),
                DpSgdPlan.poisson(1, 1)
                        .withSteps(3)
                        .withClippingNorm(1)
                        .withNoiseMultiplier(2)
                        .withDelta(1e-5),
                zeroOut().withUnit("patient", 2))) {
            RandomAccessExamples none = plan.unit().equals("patient") ? nobody : new Empty();
            try (var engine = PrivacyEngine.attach(kind.classifier(DataType.DOUBLE, new Adam(0.05)), plan)) {
                assertThatIllegalArgumentException()
                        .isThrownBy(() -> engine.multiLots(none))
                        .withMessageContaining("the data set must not be empty, has no " + plan.unit() + "s: ");
                assertThat(engine.steps()).isZero();
            }
        }
    }

    private static DataSet first(DataSet data, int examples) {
        return (DataSet) data.getRange(0, examples);
    }

    static Stream<Arguments> plansOfBothKinds() {
        return Stream.of(NetworkKind.values()).flatMap(kind -> Stream.of(
                        plan(),
                        zeroOut(),
                        plan().withMaximumLotSize(11),
                        zeroOut().withClipping(Clipping.perLayer(CLIPPING_NORM)))
                .map(plan -> Arguments.of(kind, plan)));
    }

    /**
     * Record-replay: of data that contribute nothing, all that leaves is the noise over the divisor. It is bit by bit the same for n examples and for n - 1, and so are the number of steps and the
     * report.
     */
    @ParameterizedTest
    @MethodSource("plansOfBothKinds")
    void fit_oneExampleLess_hasTheSameNoiseDivisorStepsAndReport(NetworkKind kind, DpSgdPlan plan) {
        DataSet silent = Networks.data(DataType.DOUBLE, EXAMPLES);
        silent.getFeatures().assign(Double.NaN);
        Seen all = run(kind, plan, silent);
        Seen less = run(kind, plan, first(silent, EXAMPLES - 1));
        assertThat(less.steps()).isEqualTo(all.steps()).isEqualTo(12);
        assertThat(less.report()).isEqualTo(all.report());
        assertThat(less.releases()).hasSize(12);
        for (int lot = 0; lot < 12; lot++) {
            assertThat(less.releases().get(lot)).isEqualTo(all.releases().get(lot));
        }
        assertThat(less.network().params().toDoubleVector())
                .isEqualTo(all.network().params().toDoubleVector());
    }

    /** Up to the first lot that has the last example nothing differs at all, and there the sums differ by the clipping norm at most. */
    @ParameterizedTest
    @MethodSource("plansOfBothKinds")
    void fit_oneExampleLess_movesNothingButItsOwnShare(NetworkKind kind, DpSgdPlan plan) {
        DataSet data = Networks.data(DataType.DOUBLE, EXAMPLES);
        data.getFeatures().getRow(EXAMPLES - 1).muli(1000);
        Seen all = run(kind, plan, data);
        Seen less = run(kind, plan, first(data, EXAMPLES - 1));
        assertThat(less.report()).isEqualTo(all.report());
        var streams = RandomStreams.seeded(5);
        var mechanism = plan.mechanism();
        for (int lot = 1; lot <= 12; lot++) {
            double[] one = all.releases().get(lot - 1);
            double[] other = less.releases().get(lot - 1);
            long[] members = mechanism.draw(streams.lotKey(lot), lot, 0, EXAMPLES, EXAMPLES);
            if (Arrays.stream(members).anyMatch(member -> member == EXAMPLES - 1)) {
                double distance = 0;
                for (int i = 0; i < one.length; i++) {
                    distance = Math.hypot(distance, 10 * (one[i] - other[i])); // times the expected lot size
                }
                assertThat(distance).isGreaterThan(0).isLessThanOrEqualTo(CLIPPING_NORM * (1 + 1e-5));
                return;
            }
            assertThat(other).isEqualTo(one);
        }
        throw new AssertionError("the last example was in no lot");
    }

    /** An empty record takes its place where lots are cut down: the others are those that they are beside an example of any content. */
    @Test
    void draw_maximumSize_keepsTheOthersWhenTheLastIsAbsent() {
        var mechanism = plan().withMaximumLotSize(11).mechanism();
        var streams = RandomStreams.seeded(3);
        int cutWithTheLast = 0;
        for (int lot = 1; lot <= 300; lot++) {
            long[] all = mechanism.draw(streams.lotKey(lot), lot, 0, EXAMPLES, EXAMPLES);
            long[] less = mechanism.draw(streams.lotKey(lot), lot, 0, EXAMPLES - 1, EXAMPLES - 1);
            assertThat(less)
                    .isEqualTo(Arrays.stream(all)
                            .filter(member -> member < EXAMPLES - 1)
                            .toArray());
            cutWithTheLast += all.length == 11 && less.length == 10 ? 1 : 0;
        }
        assertThat(cutWithTheLast).isPositive();
    }

    @ParameterizedTest
    @EnumSource(AccountantKind.class)
    void withRelation_zeroOutOfPoissonLots_costsTheSame(AccountantKind accountant) {
        DpSgdPlan usual = plan().withAccountant(accountant);
        DpSgdPlan zeroOut = usual.withRelation(NeighboringRelation.ZERO_OUT);
        assertThat(zeroOut.event()).isEqualTo(usual.event());
        assertThat(zeroOut.guarantee().epsilon()).isEqualTo(usual.guarantee().epsilon());
        assertThat(zeroOut.guarantee().relation()).isEqualTo(NeighboringRelation.ZERO_OUT);
        assertThat(PlanJson.fromMap(PlanJson.toMap(zeroOut))).isEqualTo(zeroOut).isNotEqualTo(usual);
        var adaptive = Clipping.adaptive(1);
        assertThat(zeroOut.withClipping(adaptive).guarantee().epsilon())
                .isEqualTo(usual.withClipping(adaptive).guarantee().epsilon());
    }

    @Test
    void calibratedTo_zeroOut_needsTheSameNoise() {
        DpSgdPlan usual = plan().calibratedTo(new PrivacyGuarantee(3, 1e-5));
        var guarantee = new PrivacyGuarantee(3, 1e-5, NeighboringRelation.ZERO_OUT);
        for (DpSgdPlan plan : List.of(plan().calibratedTo(guarantee), zeroOut().calibratedTo(guarantee))) {
            assertThat(plan.relation()).isEqualTo(NeighboringRelation.ZERO_OUT);
            assertThat(plan.noiseMultiplier()).isEqualTo(usual.noiseMultiplier());
        }
    }

    /** A guarantee without a relation is one of add-or-remove: it must not replace the relation that was asked for. */
    @Test
    void calibratedTo_otherRelationThanThePlans_isRefused() {
        assertThatIllegalArgumentException()
                .isThrownBy(() -> zeroOut().calibratedTo(new PrivacyGuarantee(3, 1e-5)))
                .withMessageContaining("relation that the plan was given, ZERO_OUT, was ADD_OR_REMOVE_ONE")
                .withMessageContaining("new PrivacyGuarantee(epsilon, delta, ZERO_OUT)");
        assertThatIllegalArgumentException()
                .isThrownBy(() ->
                        plan().calibratedTo(new PrivacyGuarantee(3, 1e-5)).withRelation(NeighboringRelation.ZERO_OUT))
                .withMessageContaining("new PrivacyGuarantee(epsilon, delta, ZERO_OUT)");
    }

    /** The report states how the number of examples may be known, under every relation, in every form; the ledger names the relation too. */
    @ParameterizedTest
    @EnumSource
    void report_relation_isConsistentEverywhere(NeighboringRelation relation) {
        DpSgdPlan base = relation == NeighboringRelation.REPLACE_ONE ? DpSgdPlan.fixedSize(EXAMPLES, 10) : plan();
        Path file = folder.resolve("run.ledger");
        DpSgdPlan plan = base.withSteps(2)
                .withClippingNorm(1)
                .withNoiseMultiplier(4)
                .withDelta(1e-5)
                .withRelation(relation)
                .withLedger(file);
        NetworkKind kind = NetworkKind.MULTI_LAYER;
        Model network = kind.classifier(DataType.DOUBLE, new Adam(0.05));
        try (var engine = PrivacyEngine.attach(network, plan)) {
            kind.fit(network, engine.lots(Networks.data(DataType.DOUBLE, EXAMPLES)), 1);
            PrivacyReport report = engine.report();
            String words = relation == NeighboringRelation.ADD_OR_REMOVE_ONE
                    ? "the number of examples, 30, is a constant that was known without counting the training data"
                    : "the number of examples, 30, may be the exact count of the training data";
            for (String form : List.of(report.toString(), report.toMarkdown(), report.toHtml(), report.toJson())) {
                assertThat(form).contains(relation.name()).contains(words).contains(relation.description());
                assertThat(form.contains("the data set size check"))
                        .isEqualTo(relation == NeighboringRelation.ADD_OR_REMOVE_ONE);
            }
            assertThat(engine.guarantee().relation()).isEqualTo(relation);
        }
        assertThat(PrivacyLedgerHistory.read(file).terms().relation()).isEqualTo(relation);
    }

    /** Refused as a probable mistake, or because the relation makes the number of examples public; never one example less than planned. */
    @Test
    void lots_otherSize_areAcceptedOrRefusedByTheRelation() {
        assertThat(sizes(plan())).containsExactly(EXAMPLES - 1, EXAMPLES, EXAMPLES + 1);
        for (DpSgdPlan plan : List.of(zeroOut(), plan().withMaximumLotSize(11))) {
            assertThat(sizes(plan)).containsExactly(EXAMPLES - 3, EXAMPLES - 2, EXAMPLES - 1, EXAMPLES);
        }
        assertThat(sizes(DpSgdPlan.fixedSize(EXAMPLES, 10)
                        .withSteps(2)
                        .withClippingNorm(1)
                        .withNoiseMultiplier(4)
                        .withDelta(1e-5)))
                .containsExactly(EXAMPLES);
        assertThatIllegalArgumentException()
                .isThrownBy(() -> sizeAccepted(zeroOut(), EXAMPLES + 1))
                .withMessageContaining("at most plan.examples = 30 examples, its public size under ZERO_OUT")
                .withMessageContaining("has 31");
    }

    private static List<Integer> sizes(DpSgdPlan plan) {
        var accepted = new ArrayList<Integer>();
        for (int size = EXAMPLES - 3; size <= EXAMPLES + 3; size++) {
            try {
                sizeAccepted(plan, size);
                accepted.add(size);
            } catch (IllegalArgumentException e) {
                assertThat(e).hasMessageContaining("plan.examples = 30").hasMessageContaining("has " + size);
            }
        }
        return accepted;
    }

    private static void sizeAccepted(DpSgdPlan plan, int size) {
        Model network = NetworkKind.MULTI_LAYER.classifier(DataType.DOUBLE, new Adam(0.05));
        try (var engine = PrivacyEngine.attach(network, plan)) {
            assertThat(engine.lots(Networks.data(DataType.DOUBLE, size))).isNotNull();
        }
    }

    /** Costs under different relations do not add up: a run goes on under its relation alone. */
    @Test
    void attach_otherRelationThanBefore_isRefused() {
        Model network = NetworkKind.MULTI_LAYER.classifier(DataType.DOUBLE, new Adam(0.05));
        try (var engine = PrivacyEngine.attach(network, plan())) {
            NetworkKind.MULTI_LAYER.fit(network, engine.lots(Networks.data(DataType.DOUBLE, EXAMPLES)), 1);
        }
        assertThatIllegalArgumentException()
                .isThrownBy(() -> PrivacyEngine.attach(network, zeroOut().continuing()))
                .withMessageContaining("plan.relation");
        assertThat(plan().stepEvent()).isInstanceOf(DpEvent.PoissonSampled.class);
    }

    /** Lots of a fixed size, drawn from fewer, would hold everyone more often than is charged for. */
    @Test
    void next_dataHaveBecomeFewer_isRefusedBeforeACharge() {
        RandomAccessExamples all = RandomAccessExamples.of(Networks.data(DataType.DOUBLE, EXAMPLES));
        long[] size = {EXAMPLES};
        var shrinking = new RandomAccessExamples() {
            @Override
            public long size() {
                return size[0];
            }

            @Override
            public MultiDataSet get(long[] indices) {
                return all.get(indices);
            }
        };
        for (DpSgdPlan plan : List.of(
                DpSgdPlan.fixedSize(EXAMPLES, 10)
                        .withSteps(12)
                        .withClippingNorm(1)
                        .withNoiseMultiplier(2)
                        .withDelta(1e-5),
                plan())) {
            size[0] = EXAMPLES;
            MultiLayerNetwork network = Networks.classifier(DataType.DOUBLE, new Adam(0.05));
            try (var engine = PrivacyEngine.attach(network, plan)) {
                DataSetIterator lots = engine.lots(shrinking);
                network.fit(lots.next());
                size[0] = 12;

                assertThatIllegalArgumentException().isThrownBy(lots::next).withMessageContaining("plan.examples = 30");
                assertThat(engine.steps()).isEqualTo(1);
            }
        }
    }
}
