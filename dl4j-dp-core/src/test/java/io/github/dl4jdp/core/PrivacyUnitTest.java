// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import io.github.dl4jdp.accountant.CorrelatedNoise;
import io.github.dl4jdp.accountant.NeighboringRelation;
import io.github.dl4jdp.accountant.PrivacyGuarantee;
import io.github.dl4jdp.accountant.PrivacyLedgerHistory;
import io.github.dl4jdp.core.data.GroupedExamples;
import io.github.dl4jdp.core.data.InMemoryExamples;
import io.github.dl4jdp.core.data.RandomAccessExamples;
import io.github.dl4jdp.core.gradient.GradientRules;
import io.github.dl4jdp.core.mechanism.Clipping;
import io.github.dl4jdp.core.mechanism.LotSums;
import io.github.dl4jdp.core.mechanism.LotTask;
import io.github.dl4jdp.core.mechanism.Mechanism;
import io.github.dl4jdp.core.mechanism.PrivacyUnit;
import io.github.dl4jdp.core.mechanism.ShardSum;
import io.github.dl4jdp.core.random.RandomStreams;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import java.util.stream.IntStream;
import java.util.stream.LongStream;
import java.util.stream.Stream;
import org.deeplearning4j.nn.api.Model;
import org.deeplearning4j.nn.conf.NeuralNetConfiguration;
import org.deeplearning4j.nn.conf.layers.DenseLayer;
import org.deeplearning4j.nn.conf.layers.OutputLayer;
import org.deeplearning4j.nn.multilayer.MultiLayerNetwork;
import org.deeplearning4j.optimize.api.BaseTrainingListener;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.nd4j.linalg.activations.Activation;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.dataset.DataSet;
import org.nd4j.linalg.dataset.MultiDataSet;
import org.nd4j.linalg.dataset.api.DataSetPreProcessor;
import org.nd4j.linalg.factory.Nd4j;
import org.nd4j.linalg.learning.config.Sgd;
import org.nd4j.linalg.lossfunctions.ILossFunction;
import org.nd4j.linalg.lossfunctions.impl.LossMCXENT;

/** Plans whose unit of privacy is the owner of rows: who is drawn, which rows, what is clipped, and what is promised. */
class PrivacyUnitTest {
    private static final DataType TYPE = DataType.DOUBLE;
    private static final int PARAMETERS = 43;
    private static final int MAXIMUM = 3;
    /** Rows of each person: fewer than the maximum, as many, more, far more. */
    private static final int[] ROWS = {1, 3, 2, 7, 1, 20, 3, 4, 1, 2};

    private static final int PEOPLE = ROWS.length;
    private static final int LOT = 4;
    private static final double CLIPPING_NORM = 0.3;

    @TempDir
    @SuppressWarnings("NullAway.Init") // JUnit sets it
    Path folder;

    private static DpSgdPlan plan() {
        return DpSgdPlan.poisson(PEOPLE, LOT)
                .withUnit("patient", MAXIMUM)
                .withSteps(12)
                .withClippingNorm(CLIPPING_NORM)
                .withNoiseMultiplier(2)
                .withDelta(1e-5);
    }

    /** The owner of each row, the rows of one owner apart from each other. */
    private static long[] ids() {
        var ids = new ArrayList<Long>();
        for (int person = 0; person < PEOPLE; person++) {
            for (int row = 0; row < ROWS[person]; row++) {
                ids.add(1000L - person);
            }
        }
        // Not sorted by owner; the last rows of all are those of the last owner.
        List<Long> mixed = new ArrayList<>(ids.subList(0, ids.size() - ROWS[PEOPLE - 1]));
        Collections.shuffle(mixed, new Random(4));
        mixed.addAll(ids.subList(ids.size() - ROWS[PEOPLE - 1], ids.size()));
        return mixed.stream().mapToLong(Long::longValue).toArray();
    }

    private static DataSet rows() {
        return Networks.data(TYPE, Arrays.stream(ROWS).sum());
    }

    private static GroupedExamples people() {
        return GroupedExamples.of(rows(), ids());
    }

    private static DpSgdPlan withoutNoise(DpSgdPlan plan) {
        return plan.withSeed(9).withoutNoise();
    }

    /** The sums that a run released, without the division. */
    private static List<INDArray> sums(
            NetworkKind kind, Model network, DpSgdPlan plan, ExecutionOptions options, GroupedExamples data) {
        var sums = new ArrayList<INDArray>();
        try (var engine = PrivacyEngine.attach(network, plan, options)) {
            kind.setListeners(network, new BaseTrainingListener() {
                @Override
                public void onBackwardPass(Model model) {
                    sums.add(model.gradient()
                            .gradient()
                            .dup()
                            .reshape(PARAMETERS)
                            .mul(LOT));
                }
            });
            kind.fit(network, engine.lots(data), plan.epochs());
        }
        return sums;
    }

    private static List<INDArray> sums(NetworkKind kind, DpSgdPlan plan, int physicalBatch, GroupedExamples data) {
        return sums(
                kind,
                kind.classifier(TYPE, new Sgd(0)),
                plan,
                ExecutionOptions.defaults().withPhysicalBatchSize(physicalBatch),
                data);
    }

    /** The rows of a lot by person, from the run's own draws. */
    private static List<long[]> drawn(DpSgdPlan plan, int lot, GroupedExamples people) {
        Mechanism mechanism = plan.mechanism();
        var key = RandomStreams.seeded(9).lotKey(lot);
        long[] members = mechanism.draw(key, lot, 0, people.units(), people.units());
        long[][] places = mechanism.drawRows(key, members, people::rowCount);
        var rows = new ArrayList<long[]>();
        for (int i = 0; i < members.length; i++) {
            long member = members[i];
            rows.add(Arrays.stream(places[i])
                    .map(place -> people.row(member, place))
                    .toArray());
        }
        return rows;
    }

    /** DL4J's own gradients of single rows, averaged over the rows of a person, clipped and added up here: what the engine must come to, whatever physical batches there are. */
    @ParameterizedTest
    @EnumSource
    void fit_peopleOfSeveralRows_sumsClippedMeans(NetworkKind kind) {
        INDArray gradients = PerExampleGradients.materialize(
                kind.classifier(TYPE, new Sgd(0)), (MultiDataSet) InMemoryExamples.toMultiDataSet(rows()));
        int clipped = 0;
        int whole = 0;
        // Everyone is clipped, some are, nobody is.
        for (double norm : new double[] {0.05, 1, 1000}) {
            DpSgdPlan plan = withoutNoise(plan()).withClippingNorm(norm);
            for (int physicalBatch : new int[] {MAXIMUM, 7, 1000}) {
                List<INDArray> sums = sums(kind, plan, physicalBatch, people());
                assertThat(sums).hasSize(12);
                for (int lot = 1; lot <= 12; lot++) {
                    INDArray expected = Nd4j.zeros(TYPE, PARAMETERS);
                    for (long[] rows : drawn(plan, lot, people())) {
                        INDArray mean = gradients
                                .getRows(Arrays.stream(rows)
                                        .mapToInt(row -> (int) row)
                                        .toArray())
                                .mean(0);
                        double length = mean.norm2Number().doubleValue();
                        expected.addi(mean.mul(Math.min(1, norm / length)));
                        clipped += norm == 1 && length > norm ? 1 : 0;
                        whole += norm == 1 && length < norm ? 1 : 0;
                    }
                    assertThat(sums.get(lot - 1).distance2(expected)).isLessThan(1e-12 * norm);
                }
            }
        }
        assertThat(clipped).isPositive();
        assertThat(whole).isPositive();
    }

    /** People have fewer rows than fit, as many and more. */
    @Test
    void draws_ofTheTest_haveEveryCase() {
        DpSgdPlan plan = withoutNoise(plan());
        var counts = new ArrayList<Integer>();
        for (int lot = 1; lot <= 12; lot++) {
            drawn(plan, lot, people()).forEach(rows -> counts.add(rows.length));
        }
        assertThat(counts).contains(1, 2, 3).allMatch(count -> count <= MAXIMUM);
    }

    /** People are drawn, each with probability L / N, however many rows they have. 2,000 lots: 5.5 standard deviations fail by chance below 1e-6. The seed is fixed. */
    @Test
    void draw_people_independentOfHowManyRowsTheyHave() {
        Mechanism mechanism = plan().mechanism();
        var streams = RandomStreams.seeded(1);
        int lots = 2000;
        int[] joined = new int[PEOPLE];
        for (int lot = 1; lot <= lots; lot++) {
            for (long member : mechanism.draw(streams.lotKey(lot), lot, 0, PEOPLE, PEOPLE)) {
                joined[(int) member]++;
            }
        }
        double q = (double) LOT / PEOPLE;
        double spread = 5.5 * Math.sqrt(lots * q * (1 - q));
        for (int count : joined) {
            assertThat((double) count).isBetween(lots * q - spread, lots * q + spread);
        }
    }

    /**
     * Of a person of 20 rows every set of rows of the maximum size is as likely as any other, in particular every row: 3 of 20 in 4,000 lots, 5.5 standard deviations, by chance outside below 1e-6. Other people and
     * other lots have other ones. The seed is fixed.
     */
    @Test
    void drawRows_manyRows_areChosenUniformlyAndAfresh() {
        Mechanism mechanism = plan().mechanism();
        var streams = RandomStreams.seeded(2);
        int lots = 4000;
        int[] chosen = new int[20];
        int[] first = new int[20];
        int equal = 0;
        int same = 0;
        long[] before = {};
        for (int lot = 1; lot <= lots; lot++) {
            long[][] rows = mechanism.drawRows(streams.lotKey(lot), new long[] {5, 6}, person -> 20);
            assertThat(rows[0]).hasSize(MAXIMUM).isSorted().doesNotHaveDuplicates();
            for (long row : rows[0]) {
                chosen[(int) row]++;
            }
            first[(int) rows[0][0]]++;
            equal += Arrays.equals(rows[0], before) ? 1 : 0;
            same += Arrays.equals(rows[0], rows[1]) ? 1 : 0;
            before = rows[0];
        }
        double mean = lots * MAXIMUM / 20.0;
        double spread = 5.5 * Math.sqrt(mean * (1 - MAXIMUM / 20.0));
        for (int count : chosen) {
            assertThat((double) count).isBetween(mean - spread, mean + spread);
        }
        // 1,140 sets: 3.5 of 4,000 are expected.
        assertThat(equal).isLessThan(20);
        assertThat(same).isLessThan(20);
        assertThat(first[17]).isPositive();
    }

    /** What is drawn of a person depends on that person alone: neither on who else is there, nor on how many rows they have. */
    @Test
    void drawRows_otherPeople_changeNothing() {
        Mechanism mechanism = plan().mechanism();
        var key = RandomStreams.seeded(3).lotKey(1);
        long[] alone = mechanism.drawRows(key, new long[] {4}, person -> 9)[0];
        assertThat(mechanism.drawRows(key, new long[] {1, 4, 7}, person -> person == 4 ? 9 : 50)[1])
                .isEqualTo(alone);
        assertThat(mechanism.drawRows(key, new long[] {2, 4}, person -> person == 4 ? 9 : 0))
                .isEqualTo(new long[][] {{}, alone});
    }

    /**
     * Record-replay by people: a person more, with all rows, of gradients as long as can be, moves a sum by the clipping norm at most; the noise, the number of steps and the report are the same; and the sums
     * of lots without that person are bit by bit those without.
     */
    @ParameterizedTest
    @EnumSource
    void fit_onePersonLess_movesTheSumByTheClippingNormAtMost(NetworkKind kind) {
        DataSet all = rows();
        int last = ROWS[PEOPLE - 1];
        int others = all.numExamples() - last;
        for (int row = others; row < all.numExamples(); row++) {
            all.getFeatures().getRow(row).muli(1e6);
        }
        long[] ids = ids();
        var with = GroupedExamples.of(all, ids);
        var without = GroupedExamples.of((DataSet) all.getRange(0, others), Arrays.copyOf(ids, others));
        assertThat(without.units()).isEqualTo(PEOPLE - 1);
        for (Clipping clipping : List.of(
                Clipping.flat(CLIPPING_NORM), Clipping.perLayer(CLIPPING_NORM), Clipping.automatic(CLIPPING_NORM))) {
            DpSgdPlan plan = plan().withSeed(9).withClipping(clipping);
            List<INDArray> one = sums(kind, plan, 5, with);
            List<INDArray> other = sums(kind, plan, 5, without);
            int moved = 0;
            for (int lot = 1; lot <= 12; lot++) {
                int number = lot;
                boolean isIn = drawn(plan, number, with).stream().anyMatch(rows -> rows[rows.length - 1] >= others);
                double distance = one.get(lot - 1).distance2(other.get(lot - 1));
                if (isIn) {
                    assertThat(distance).isBetween(0.5 * CLIPPING_NORM, CLIPPING_NORM * (1 + 1e-5));
                    moved++;
                } else {
                    assertThat(other.get(lot - 1).toDoubleVector())
                            .isEqualTo(one.get(lot - 1).toDoubleVector());
                }
            }
            assertThat(moved).isPositive().isLessThan(12);
        }
    }

    private static MultiLayerNetwork network(DenseLayer hidden, OutputLayer output) {
        var network = new MultiLayerNetwork(new NeuralNetConfiguration.Builder()
                .seed(3)
                .dataType(TYPE)
                .updater(new Sgd(0))
                .activation(Activation.TANH)
                .list()
                .layer(hidden)
                .layer(output)
                .build());
        network.init();
        return network;
    }

    private static OutputLayer output(ILossFunction loss) {
        return new OutputLayer.Builder(loss)
                .nIn(5)
                .nOut(Networks.CLASSES)
                .activation(Activation.SOFTMAX)
                .build();
    }

    /** Weights of rows, which may be far above 1, and of classes are in the gradients that are averaged: what is clipped is the mean of the weighted ones. */
    @Test
    void fit_weightsOfRowsAndClasses_areInsideOfTheMeanThatIsClipped() {
        DataSet rows = rows();
        double[] weights = new Random(6).doubles(rows.numExamples(), 0, 50).toArray();
        weights[3] = 0;
        var loss = new LossMCXENT(Nd4j.createFromArray(1.0, 0.2, 3.0));
        var dense = new DenseLayer.Builder().nIn(Networks.INPUTS).nOut(5).build();
        INDArray gradients = PerExampleGradients.materialize(
                        network(dense, output(loss)), (MultiDataSet) InMemoryExamples.toMultiDataSet(rows))
                .mulColumnVector(Nd4j.createFromArray(weights));
        rows.setLabelsMaskArray(Nd4j.createFromArray(weights).reshape(-1, 1));
        var people = GroupedExamples.of(rows, ids());
        DpSgdPlan plan = withoutNoise(plan());
        for (int physicalBatch : new int[] {MAXIMUM, 1000}) {
            List<INDArray> sums = sums(
                    NetworkKind.MULTI_LAYER,
                    network(dense, output(loss)),
                    plan,
                    ExecutionOptions.defaults().withPhysicalBatchSize(physicalBatch),
                    people);
            for (int lot = 1; lot <= 12; lot++) {
                INDArray expected = Nd4j.zeros(TYPE, PARAMETERS);
                for (long[] drawn : drawn(plan, lot, people)) {
                    INDArray mean = gradients
                            .getRows(Arrays.stream(drawn)
                                    .mapToInt(row -> (int) row)
                                    .toArray())
                            .mean(0);
                    double length = mean.norm2Number().doubleValue();
                    expected.addi(length == 0 ? mean : mean.mul(Math.min(1, CLIPPING_NORM / length)));
                }
                assertThat(sums.get(lot - 1).distance2(expected)).isLessThan(1e-12);
            }
        }
    }

    /** One person with twenty rows instead of one: in lots without that person not a bit changes, dropout included, and in the others the sum moves by two clipping norms at most. */
    @Test
    void fit_moreRowsOfOnePerson_changeNothingOfTheOthers() {
        var dense = new DenseLayer.Builder()
                .nIn(Networks.INPUTS)
                .nOut(5)
                .dropOut(0.5)
                .build();
        DpSgdPlan plan = withoutNoise(plan());
        DataSet all = Networks.data(TYPE, 40);
        var sums = new ArrayList<List<INDArray>>();
        var members = new ArrayList<List<long[]>>();
        for (int own : new int[] {20, 1}) {
            // The person's rows come first; twenty rows of nine others follow.
            int[] rows = IntStream.concat(IntStream.range(0, own), IntStream.range(20, 40))
                    .toArray();
            var data = new DataSet(Nd4j.pullRows(all.getFeatures(), 1, rows), Nd4j.pullRows(all.getLabels(), 1, rows));
            var people = GroupedExamples.of(
                    data,
                    Arrays.stream(rows)
                            .mapToLong(row -> row < 20 ? -1 : row % 9)
                            .toArray());
            assertThat(people.units()).isEqualTo(PEOPLE);
            sums.add(sums(
                    NetworkKind.MULTI_LAYER,
                    network(dense, output(new LossMCXENT())),
                    plan,
                    ExecutionOptions.defaults().withPhysicalBatchSize(MAXIMUM),
                    people));
            members.add(IntStream.rangeClosed(1, 12)
                    .mapToObj(
                            lot -> plan.mechanism().draw(RandomStreams.seeded(9).lotKey(lot), lot, 0, PEOPLE, PEOPLE))
                    .toList());
        }
        int without = 0;
        for (int lot = 0; lot < 12; lot++) {
            INDArray one = sums.get(0).get(lot);
            INDArray other = sums.get(1).get(lot);
            if (Arrays.stream(members.get(0).get(lot)).noneMatch(person -> person == 0)) {
                without++;
                assertThat(one.toDoubleVector()).isEqualTo(other.toDoubleVector());
            } else {
                assertThat(one.distance2(other)).isLessThanOrEqualTo(2 * CLIPPING_NORM * (1 + 1e-5));
            }
        }
        assertThat(without).isBetween(1, 11);
    }

    /** A row that is not finite takes its person out of the lot, with all rows, and nothing of it is left. */
    @Test
    void fit_oneRowNotFinite_dropsThePerson() {
        NetworkKind kind = NetworkKind.MULTI_LAYER;
        DpSgdPlan plan = withoutNoise(plan()).withUnit("patient", 50);
        DataSet rows = rows();
        long[] ids = ids();
        int bad = IntStream.range(0, ids.length)
                .filter(row -> ids[row] == 1000 - 5)
                .skip(6)
                .findFirst()
                .orElseThrow();
        rows.getFeatures().getRow(bad).assign(Double.NaN);
        var people = GroupedExamples.of(rows, ids);
        INDArray gradients = PerExampleGradients.materialize(
                kind.classifier(TYPE, new Sgd(0)), (MultiDataSet) InMemoryExamples.toMultiDataSet(rows()));
        List<INDArray> sums = sums(kind, plan, 50, people);
        boolean wasIn = false;
        for (int lot = 1; lot <= 12; lot++) {
            INDArray expected = Nd4j.zeros(TYPE, PARAMETERS);
            for (long[] drawn : drawn(plan, lot, people)) {
                if (Arrays.stream(drawn).anyMatch(row -> row == bad)) {
                    wasIn = true;
                    continue;
                }
                INDArray mean = gradients
                        .getRows(Arrays.stream(drawn).mapToInt(row -> (int) row).toArray())
                        .mean(0);
                expected.addi(
                        mean.mul(Math.min(1, CLIPPING_NORM / mean.norm2Number().doubleValue())));
            }
            assertThat(sums.get(lot - 1).distance2(expected)).isLessThan(1e-12);
        }
        assertThat(wasIn).isTrue();
    }

    /** Threads, shards and reading ahead change nothing; neither does it matter that a person's rows pass through the network with those of others. */
    @Test
    void fit_options_changeNothing() {
        NetworkKind kind = NetworkKind.MULTI_LAYER;
        DpSgdPlan plan = plan().withSeed(9);
        List<INDArray> plain = sums(kind, plan, 100, people());
        for (ExecutionOptions options : List.of(
                ExecutionOptions.defaults(),
                ExecutionOptions.defaults().withPhysicalBatchSize(4).withPrefetch(true),
                ExecutionOptions.defaults().withPhysicalBatchSize(5).withShards(3))) {
            List<INDArray> sums = sums(kind, kind.classifier(TYPE, new Sgd(0)), plan, options, people());
            for (int lot = 0; lot < 12; lot++) {
                assertThat(sums.get(lot).distance2(plain.get(lot))).isLessThan(1e-8);
            }
        }
    }

    /** Augmented copies of every row, and rows of every person, are averaged together: K copies that do not differ change nothing. */
    @Test
    void fit_copiesOfRows_areAveragedWithThem() {
        NetworkKind kind = NetworkKind.MULTI_LAYER;
        DpSgdPlan plan = withoutNoise(plan());
        List<INDArray> plain = sums(kind, plan, 100, people());
        DpSgdPlan copied = plan.withAugmentationMultiplicity(4);
        var sums = new ArrayList<INDArray>();
        Model network = kind.classifier(TYPE, new Sgd(0));
        try (var engine = PrivacyEngine.attach(
                network, copied, ExecutionOptions.defaults().withPhysicalBatchSize(16))) {
            kind.setListeners(network, new BaseTrainingListener() {
                @Override
                public void onBackwardPass(Model model) {
                    sums.add(model.gradient()
                            .gradient()
                            .dup()
                            .reshape(PARAMETERS)
                            .mul(LOT));
                }
            });
            kind.fit(network, engine.lots(people(), (features, random) -> features), copied.epochs());
        }
        for (int lot = 0; lot < 12; lot++) {
            assertThat(sums.get(lot).distance2(plain.get(lot))).isLessThan(1e-12);
        }
    }

    /** The cost is that of as many examples, under every relation and kind of lot; the unit is in everything that is stored or shown. */
    @Test
    void plan_unit_costsWhatExamplesCostAndIsEverywhere() {
        DpSgdPlan plan = DpSgdPlan.poisson(10_000, 100)
                .withUnit("patient", 16)
                .withEpochs(10)
                .withClippingNorm(1)
                .calibratedTo(new PrivacyGuarantee(3, 1e-6));
        DpSgdPlan examples = DpSgdPlan.poisson(10_000, 100)
                .withEpochs(10)
                .withClippingNorm(1)
                .calibratedTo(new PrivacyGuarantee(3, 1e-6));
        assertThat(plan.event()).isEqualTo(examples.event());
        assertThat(plan.noiseMultiplier()).isEqualTo(examples.noiseMultiplier());
        assertThat(plan.unit()).isEqualTo("patient");
        assertThat(plan.maximumRows()).isEqualTo(16);
        assertThat(examples.unit()).isEqualTo("example");
        assertThat(plan.toString()).contains("unit=patient, maximumRows=16");
        assertThat(plan).isNotEqualTo(examples);
        assertThat(plan.isSameMechanismAs(examples)).isFalse();
        assertThat(plan.isSameMechanismAs(plan.withUnit("patient", 15))).isFalse();
        assertThat(PlanJson.fromMap(PlanJson.toMap(plan))).isEqualTo(plan);
        assertThat(PlanJson.toMap(plan)).containsEntry("unit", "patient").containsEntry("maximumRows", 16);
        assertThat(PlanJson.toMap(examples)).doesNotContainKeys("unit", "maximumRows");
        for (DpSgdPlan other : List.of(
                plan().withRelation(NeighboringRelation.ZERO_OUT),
                plan().withMaximumLotSize(6),
                DpSgdPlan.randomAllocation(PEOPLE, 3)
                        .withUnit("patient", 2)
                        .withSteps(2)
                        .withClippingNorm(1)
                        .withNoiseMultiplier(4)
                        .withDelta(1e-5),
                plan().withSteps(4).withCorrelatedNoise(CorrelatedNoise.bandedSquareRoot(2)),
                DpSgdPlan.fixedSize(PEOPLE, LOT)
                        .withUnit("patient", 2)
                        .withSteps(2)
                        .withClippingNorm(1)
                        .withNoiseMultiplier(4)
                        .withDelta(1e-5))) {
            Model network = NetworkKind.MULTI_LAYER.classifier(TYPE, new Sgd(0.1));
            try (var engine = PrivacyEngine.attach(network, other)) {
                NetworkKind.MULTI_LAYER.fit(network, engine.lots(people()), 1);
                assertThat(engine.report().isPrivate()).isTrue();
            }
        }
    }

    @Test
    void reportStatusAndLedger_nameTheUnit() {
        Path file = folder.resolve("run.ledger");
        Model network = NetworkKind.MULTI_LAYER.classifier(TYPE, new Sgd(0.1));
        var statuses = new ArrayList<PrivacyStatus>();
        try (var engine = PrivacyEngine.attach(network, plan().withLedger(file))) {
            NetworkKind.MULTI_LAYER.setListeners(network, new PrivacyListener(engine, 1).reportTo(statuses::add));
            NetworkKind.MULTI_LAYER.fit(
                    network, engine.lots(people()), engine.plan().epochs());
            PrivacyReport report = engine.report();
            for (String form : List.of(report.toString(), report.toMarkdown(), report.toHtml(), report.toJson())) {
                assertThat(form)
                        .contains("one data set has one patient more than the other")
                        .contains("all rows of one patient have the same id")
                        .contains("The guarantee protects one patient with all rows")
                        .doesNotContain("one row of the data set is one person")
                        .doesNotContain("protects one example")
                        .doesNotContain("one example more");
            }
            assertThat(report.toString())
                    .contains("ADD_OR_REMOVE_ONE, one patient")
                    .contains("of which a lot has at most 3")
                    .contains("10 patients")
                    .contains("The plan's 10 patients")
                    .doesNotContain("10 examples");
            assertThat(report.toJson()).contains("\"unit\" : \"one patient\"");
        }
        assertThat(statuses).isNotEmpty().allSatisfy(status -> {
            assertThat(status.unit()).isEqualTo("patient");
            assertThat(status.toString()).contains("one patient");
            assertThat(status.values()).containsEntry("relation", "ADD_OR_REMOVE_ONE of one patient");
        });
        assertThat(PrivacyLedgerHistory.read(file).terms().unit()).isEqualTo("patient");
    }

    /** What was spent for patients is not what was spent for rows: a run goes on for its unit alone, in a network and in a ledger, with any number of rows. */
    @Test
    void attach_otherUnitThanBefore_isRefused() {
        Path file = folder.resolve("run.ledger");
        for (boolean hasLedger : new boolean[] {false, true}) {
            DpSgdPlan plan = hasLedger ? plan().withLedger(file) : plan();
            Model network = NetworkKind.MULTI_LAYER.classifier(TYPE, new Sgd(0.1));
            try (var engine = PrivacyEngine.attach(network, plan.withSteps(2))) {
                NetworkKind.MULTI_LAYER.fit(network, engine.lots(people()), 1);
            }
            DpSgdPlan ofRows = DpSgdPlan.poisson(PEOPLE, LOT)
                    .withSteps(12)
                    .withClippingNorm(CLIPPING_NORM)
                    .withNoiseMultiplier(2)
                    .withDelta(1e-5);
            for (DpSgdPlan other : List.of(ofRows, plan.withUnit("hospital", MAXIMUM))) {
                DpSgdPlan next = (hasLedger ? other.withLedger(file) : other).continuing();
                assertThatIllegalArgumentException()
                        .isThrownBy(() -> PrivacyEngine.attach(network, next))
                        .withMessageContaining(
                                "plan.unit must be that of the plans before it, patient, was " + next.unit());
                if (hasLedger) {
                    Model fresh = NetworkKind.MULTI_LAYER.classifier(TYPE, new Sgd(0.1));
                    assertThatThrownBy(() -> PrivacyEngine.attach(fresh, next))
                            .hasMessageContaining("unit must be that of its last session, patient");
                }
            }
            try (var engine =
                    PrivacyEngine.attach(network, plan.withUnit("patient", 5).continuing())) {
                assertThat(engine.epsilon()).isPositive();
            }
        }
    }

    /** After a clean stop, resuming equals never having stopped: which rows of a person are in a lot follows from the lot alone. */
    @Test
    void fit_inTwoParts_equalsInOne() {
        NetworkKind kind = NetworkKind.GRAPH;
        DpSgdPlan plan = plan().withSeed(9);
        Model once = kind.classifier(TYPE, new Sgd(0.3));
        sums(kind, once, plan, ExecutionOptions.defaults(), people());
        Model twice = kind.classifier(TYPE, new Sgd(0.3));
        for (int part = 0; part < 2; part++) {
            try (var engine = PrivacyEngine.attach(twice, plan)) {
                var lots = engine.lots(people());
                for (int lot = 0; lot < 6; lot++) {
                    if (!lots.hasNext()) {
                        lots.reset();
                    }
                    kind.fit(twice, lots.next());
                }
            }
        }
        assertThat(twice.params().toDoubleVector()).isEqualTo(once.params().toDoubleVector());
    }

    private static LotSums sumsOf(boolean hasOwners) {
        return new LotSums() {
            @Override
            public long size() {
                return hasOwners ? rows().numExamples() : PEOPLE;
            }

            @Override
            public boolean hasOwners() {
                return hasOwners;
            }

            @Override
            public MultiDataSet standIn() {
                return (MultiDataSet) InMemoryExamples.toMultiDataSet(rows());
            }

            @Override
            public List<ShardSum> sum(LotTask task) {
                return List.of();
            }
        };
    }

    private static Stream<Runnable> refused(Model network) {
        DpSgdPlan ofRows = DpSgdPlan.poisson(rows().numExamples(), LOT)
                .withSteps(2)
                .withClippingNorm(1)
                .withNoiseMultiplier(4)
                .withDelta(1e-5);
        return Stream.of(
                () -> PrivacyEngine.attach(network, plan()).lots(rows()),
                () -> PrivacyEngine.attach(network, ofRows).lots(people()),
                () -> PrivacyEngine.attach(network, plan()).lots(sumsOf(false)),
                () -> PrivacyEngine.attach(network, ofRows).lots(sumsOf(true)),
                () -> PrivacyEngine.attach(
                                network, plan(), ExecutionOptions.defaults().withPhysicalBatchSize(MAXIMUM - 1))
                        .lots(people()));
    }

    /** Before anything is charged: data without owners, owners that nobody asked for, sums from elsewhere, batches that do not hold a person. */
    @Test
    void lots_unfit_areRefused() {
        var messages = new ArrayList<String>();
        for (int i = 0; i < 5; i++) {
            Model network = NetworkKind.MULTI_LAYER.classifier(TYPE, new Sgd(0.1));
            Runnable use = refused(network).toList().get(i);
            assertThatIllegalArgumentException().isThrownBy(use::run).satisfies(e -> messages.add(e.getMessage()));
        }
        assertThat(messages.get(0)).contains("the data must have the patient of each row");
        assertThat(messages.get(1)).contains("the plan's unit of privacy is one row");
        assertThat(messages.get(2)).contains("the sums must be over the rows of each patient");
        assertThat(messages.get(3))
                .contains("the sums are over the rows of owners, but the plan's unit of privacy is one row");
        assertThat(messages.get(4)).contains("physicalBatchSize must hold all rows that one patient has in a lot");
    }

    /** A preprocessor that moves rows would put them into the mean of another owner. It can only be opted in to by a check, which it fails. */
    @Test
    void withPreProcessor_thatMovesRows_isRefused() {
        DataSetPreProcessor reversing = batch -> {
            int rows = batch.numExamples();
            int[] reversed = IntStream.range(0, rows).map(row -> rows - 1 - row).toArray();
            batch.setFeatures(Nd4j.pullRows(batch.getFeatures(), 1, reversed));
            batch.setLabels(Nd4j.pullRows(batch.getLabels(), 1, reversed));
        };
        assertThatIllegalArgumentException()
                .isThrownBy(() -> GradientRules.builtIn().withPreProcessor(reversing, rows()))
                .withMessageContaining("must process every example independently");
        Model network = NetworkKind.MULTI_LAYER.classifier(TYPE, new Sgd(0.1));
        try (var engine = PrivacyEngine.attach(network, plan())) {
            var lots = engine.lots(people());
            assertThatIllegalArgumentException()
                    .isThrownBy(() -> lots.setPreProcessor(reversing))
                    .withMessageContaining("withPreProcessor");
        }
    }

    @Test
    void withUnit_unfit_isRefused() {
        for (String name : new String[] {"", " ", "a\"b", "1st", "x".repeat(41)}) {
            assertThatIllegalArgumentException()
                    .isThrownBy(() -> plan().withUnit(name, 2))
                    .withMessageContaining("unit must be a word");
        }
        assertThatIllegalArgumentException()
                .isThrownBy(() -> plan().withUnit("example", 2))
                .withMessageContaining("leave withUnit out");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> plan().withUnit("patient", 0))
                .withMessageContaining("maximumRows");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> plan().withTruncatedBackprop(20, 10))
                .withMessageContaining("unit must be the example in a plan with truncated backpropagation");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> DpSgdPlan.givenBatches(10, 2).withUnit("patient", 2))
                .withMessageContaining("unit must be the example in a plan of given batches");
    }

    /** The number of people must be about the plan's, not the number of rows. */
    @Test
    void lots_numberOfPeople_isChecked() {
        Model network = NetworkKind.MULTI_LAYER.classifier(TYPE, new Sgd(0.1));
        DpSgdPlan asManyAsRows = DpSgdPlan.poisson(rows().numExamples(), LOT)
                .withUnit("patient", 2)
                .withSteps(2)
                .withClippingNorm(1)
                .withNoiseMultiplier(4)
                .withDelta(1e-5);
        var engine = PrivacyEngine.attach(network, asManyAsRows);
        assertThatIllegalArgumentException()
                .isThrownBy(() -> engine.lots(people()))
                .withMessageContaining("44 patients")
                .withMessageContaining("has 10");
    }

    @Test
    void adaptiveClipping_countsPeople() {
        NetworkKind kind = NetworkKind.MULTI_LAYER;
        // Nobody is clipped: the norm shrinks by as much as the share of people within it says.
        DpSgdPlan plan =
                withoutNoise(plan()).withClipping(Clipping.adaptive(1000)).withSteps(1);
        Model network = kind.classifier(TYPE, new Sgd(0));
        try (var engine = PrivacyEngine.attach(network, plan)) {
            kind.fit(network, engine.lots(people()), 1);
            int members = drawn(plan, 1, people()).size();
            var adaptive = (Clipping.Adaptive) plan.clipping();
            double fraction = 0.5 + 0.5 * members / LOT;
            assertThat(engine.clippingNorm())
                    .isCloseTo(
                            1000 * Math.exp(-adaptive.learningRate() * (fraction - adaptive.quantile())), within(1e-9));
        }
    }

    @Test
    void plural_words_areEnglish() {
        assertThat(Stream.of("patient", "person", "company", "key", "boss", "box", "example")
                        .map(word -> new PrivacyUnit(word, 1).plural()))
                .containsExactly("patients", "people", "companies", "keys", "bosses", "boxes", "examples");
    }

    @Test
    void drawRows_fewRows_areAllOfThem() {
        assertThat(plan().mechanism()
                        .drawRows(RandomStreams.seeded(1).lotKey(1), new long[] {0, 1, 2}, person -> person + 1))
                .isEqualTo(new long[][] {{0}, {0, 1}, {0, 1, 2}});
    }

    /** Everything about rows passes through the grouping. */
    @Test
    void groupedExamples_isTheRowsByOwner() {
        GroupedExamples people = people();
        assertThat(people.size()).isEqualTo(rows().numExamples());
        assertThat(people.units()).isEqualTo(PEOPLE);
        assertThat(people.hasFixedShapes()).isTrue();
        long[] ids = ids();
        var seen = new ArrayList<Long>();
        for (long person = 0; person < PEOPLE; person++) {
            long id = ids[(int) people.row(person, 0)];
            for (long place = 0; place < people.rowCount(person); place++) {
                long row = people.row(person, place);
                assertThat(ids[(int) row]).isEqualTo(id);
                seen.add(row);
            }
        }
        assertThat(seen)
                .containsExactlyInAnyOrderElementsOf(
                        LongStream.range(0, people.size()).boxed().toList());
        RandomAccessExamples rows = RandomAccessExamples.of(rows());
        assertThat(people.get(new long[] {3, 1}).getFeatures(0).toDoubleMatrix())
                .isEqualTo(rows.get(new long[] {3, 1}).getFeatures(0).toDoubleMatrix());
    }
}
