// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.spark;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.dl4jdp.accountant.CorrelatedNoise;
import io.github.dl4jdp.accountant.NeighboringRelation;
import io.github.dl4jdp.core.DpSgdPlan;
import io.github.dl4jdp.core.ExecutionOptions;
import io.github.dl4jdp.core.data.Augmentation;
import io.github.dl4jdp.core.data.GroupedExamples;
import io.github.dl4jdp.core.data.RandomAccessExamples;
import io.github.dl4jdp.core.data.RandomCropAndFlip;
import io.github.dl4jdp.core.mechanism.Clipping;
import io.github.dl4jdp.core.mechanism.Mechanism;
import io.github.dl4jdp.core.mechanism.PrivacyUnit;
import io.github.dl4jdp.core.mechanism.ShardSum;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.Comparator;
import java.util.List;
import java.util.Objects;
import java.util.Random;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.apache.spark.api.java.JavaPairRDD;
import org.apache.spark.api.java.JavaSparkContext;
import org.deeplearning4j.nn.api.Model;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
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
import scala.Tuple2;

/** Plans whose unit is the owner of rows, on a cluster: the people, rows and sums of one process, wherever rows come from. */
class OwnerShardsTest {
    private static final int MAXIMUM = 3;
    private static final int LOT = 6;
    /** Rows of each person: fewer than the maximum, as many, more than it, more than a physical batch of 4. */
    private static final int[] ROWS = {1, 3, 2, 9, 1, 12, 3, 4, 1, 2, 1, 3, 5, 2, 1};

    private static final int PEOPLE = ROWS.length;

    @SuppressWarnings("NullAway.Init")
    private static JavaSparkContext spark;

    @TempDir
    @SuppressWarnings("NullAway.Init") // JUnit sets it
    Path directory;

    /** Kryo that knows only its own classes: what the shuffle has are numbers, text and bytes. */
    @BeforeAll
    static void start() {
        spark = new JavaSparkContext(TestRun.conf("local[4,3]")
                .set("spark.serializer", "org.apache.spark.serializer.KryoSerializer")
                .set("spark.kryo.registrationRequired", "true"));
    }

    @AfterAll
    static void stop() {
        spark.stop();
    }

    private int ledgers;

    private String where() {
        return directory.resolve("shards").toUri().toString();
    }

    private static DpSgdPlan plan() {
        return complete(DpSgdPlan.poisson(PEOPLE, LOT));
    }

    private static DpSgdPlan complete(DpSgdPlan plan) {
        return plan.withUnit("patient", MAXIMUM)
                .withSteps(TestRun.STEPS)
                .withClippingNorm(0.5)
                .withNoiseMultiplier(0.8)
                .withDelta(1e-5)
                .withSeed(21);
    }

    /** The owner of each of the 50 rows, the rows of one owner apart from each other. */
    private static List<Integer> owners() {
        var owners = new ArrayList<Integer>();
        for (int person = 0; person < PEOPLE; person++) {
            owners.addAll(Collections.nCopies(ROWS[person], person));
        }
        Collections.shuffle(owners, new Random(4));
        return owners;
    }

    private static GroupedExamples people(DataType type) {
        return GroupedExamples.of(
                TestRun.data(type),
                owners().stream().mapToLong(person -> 1000 - person).toArray());
    }

    static Stream<Arguments> runs() {
        var plans = List.of(
                plan(),
                plan().withClipping(Clipping.adaptive(0.5)),
                plan().withClipping(Clipping.perLayer(0.5)),
                plan().withMaximumLotSize(LOT + 1),
                plan().withRelation(NeighboringRelation.ZERO_OUT),
                plan().withCorrelatedNoise(CorrelatedNoise.bandedSquareRoot(2)),
                complete(DpSgdPlan.fixedSize(PEOPLE, LOT)),
                plan().withAugmentationMultiplicity(2));
        return plans.stream().flatMap(plan -> Stream.of(DataType.DOUBLE, DataType.FLOAT)
                .flatMap(type -> Stream.of(false, true).map(graph -> Arguments.of(plan, type, graph))));
    }

    private static void requireEqual(DpSgdPlan plan, Model network, ShardedExamples set, INDArray expected) {
        try (var engine = SparkPrivacyEngine.attach(network, plan, spark, options(plan))) {
            Augmentation augmentation = augmentation(plan);
            if (augmentation == null) {
                engine.fit(set);
            } else {
                engine.fit(set, augmentation);
            }
            assertThat(engine.steps()).isEqualTo(TestRun.STEPS);
        }
        // Arrays of numbers: INDArray.equals has a tolerance.
        assertThat(network.params().toDoubleVector()).isEqualTo(expected.toDoubleVector());
    }

    private static ExecutionOptions options(DpSgdPlan plan) {
        return TestRun.OPTIONS.withPhysicalBatchSize(4 * plan.augmentationMultiplicity());
    }

    private static @Nullable Augmentation augmentation(DpSgdPlan plan) {
        return plan.augmentationMultiplicity() == 1 ? null : new RandomCropAndFlip(1);
    }

    /** Dropout and weight noise are in the network: its draws are the rows' too. */
    @ParameterizedTest
    @MethodSource("runs")
    void fit_ownersOfSeveralRows_reachesTheSameParameters(DpSgdPlan plan, DataType type, boolean graph) {
        GroupedExamples people = people(type);
        INDArray expected =
                TestRun.alone(plan, TestRun.network(type, graph), people, 3, augmentation(plan), options(plan));

        ShardedExamples set = ShardedExamples.write(spark, people, PEOPLE, 3, where());

        assertThat(set.hasOwners()).isTrue();
        assertThat(set.units()).isEqualTo(PEOPLE);
        assertThat(set.size()).isEqualTo(50);
        requireEqual(plan, TestRun.network(type, graph), ShardedExamples.open(spark, where()), expected);
        assertThat(expected.toDoubleVector())
                .isNotEqualTo(TestRun.network(type, graph).params().toDoubleVector());
    }

    /** Ids of which each shard gets as many, sorted in it: as people are cut in one process. */
    private static List<String> ids(int shards) {
        var ids = new ArrayList<String>();
        for (int shard = 0; shard < shards; shard++) {
            int own = shard;
            ids.addAll(IntStream.range(0, 1000)
                    .mapToObj(i -> "patient %03d".formatted(i))
                    .filter(id -> Math.floorMod(id.hashCode(), shards) == own)
                    .limit(PEOPLE / shards)
                    .toList());
        }
        return ids;
    }

    private static JavaPairRDD<String, DataSet> byId(List<String> ids, DataSet rows, int partitions) {
        List<Integer> owners = owners();
        var byId = new ArrayList<Tuple2<String, byte[]>>();
        for (int row = 0; row < owners.size(); row++) {
            byId.add(new Tuple2<>(ids.get(owners.get(row)), Sent.bytes(values(rows.get(row)))));
        }
        DataType type = rows.getFeatures().dataType();
        return spark.parallelize(byId, partitions)
                .mapToPair(row -> new Tuple2<>(row._1(), row((double[][]) Sent.object(row._2()), type)));
    }

    private static double[][] values(DataSet row) {
        return new double[][] {
            row.getFeatures().dup('c').data().asDouble(),
            row.getLabels().dup('c').data().asDouble()
        };
    }

    private static DataSet row(double[][] values, DataType type) {
        return new DataSet(
                org.nd4j.linalg.factory.Nd4j.createFromArray(values[0])
                        .reshape(1, 1, 5, 5)
                        .castTo(type),
                org.nd4j.linalg.factory.Nd4j.createFromArray(values[1])
                        .reshape(1, -1)
                        .castTo(type));
    }

    /** The rows of a person in many partitions come to one shard, and the person counts once. */
    @ParameterizedTest
    @ValueSource(ints = {1, 3, 5})
    void writeByOwner_rowsOverManyPartitions_trainAsInOneProcess(int shards) {
        DataSet rows = TestRun.data(DataType.DOUBLE);
        List<String> ids = ids(shards);

        ShardedExamples set = ShardedExamples.writeByOwner(byId(ids, rows, 7), shards, where());

        assertThat(set.shards()).isEqualTo(shards);
        assertThat(set.units()).isEqualTo(PEOPLE);
        assertThat(set.size()).isEqualTo(50);
        assertThat(set.manifest().shards()).allSatisfy(shard -> assertThat(
                        Objects.requireNonNull(shard.owners()).count())
                .isEqualTo(PEOPLE / shards));
        // People by shard and id, their rows as they came.
        List<Integer> owners = owners();
        List<String> order = ids.stream()
                .sorted(Comparator.comparing((String id) -> Math.floorMod(id.hashCode(), shards))
                        .thenComparing(id -> id))
                .toList();
        int[] sorted = IntStream.range(0, 50)
                .boxed()
                .sorted(Comparator.comparing(row -> order.indexOf(ids.get(owners.get(row)))))
                .mapToInt(row -> row)
                .toArray();
        var same = GroupedExamples.of(
                DataSet.merge(Arrays.stream(sorted).mapToObj(rows::get).toList()),
                Arrays.stream(sorted).mapToObj(row -> ids.get(owners.get(row))).toArray(String[]::new));
        INDArray expected = TestRun.alone(plan(), TestRun.network(), same, shards, null, options(plan()));
        requireEqual(plan(), TestRun.network(), set, expected);
    }

    /** Mistakes that would make the stated epsilon false; each must show. */
    enum Planted {
        /** A worker numbers its people from 0: coins, and the choice of rows, follow from the partition. */
        DRAWN_BY_NUMBERS_IN_THE_PARTITION {
            @Override
            ShardResult run(SumShard task, int shard) {
                var manifest = task.work().manifest();
                ShardManifest.Shard here = manifest.shards().get(shard);
                ShardManifest.Owners owners = Objects.requireNonNull(here.owners());
                var only = new ShardManifest(
                        manifest.layout(),
                        List.of(new ShardManifest.Shard(
                                here.name(),
                                0,
                                here.count(),
                                here.sha256(),
                                new ShardManifest.Owners(owners.name(), 0, owners.count(), owners.sha256()))));
                ShardSum sum = ExecutorRun.of(task.work().run())
                        .sum(task.step(), ClusterFaultsTest.Planted.with(task.work(), only), 0);
                return ShardResult.of(shard, 3, task.step(), task.step().hash(), sum);
            }
        },
        MORE_ROWS_THAN_THE_MAXIMUM {
            @Override
            ShardResult run(SumShard task, int shard) {
                return withUnit(task, shard, new PrivacyUnit("patient", MAXIMUM + 1));
            }
        };

        abstract ShardResult run(SumShard task, int shard);

        static ShardResult withUnit(SumShard task, int shard, PrivacyUnit unit) {
            Mechanism right = task.work().run().readMechanism();
            var other = new Mechanism(
                    right.sampling(),
                    right.examples(),
                    right.lotSize(),
                    right.maximumLotSize(),
                    right.lotsPerPass(),
                    right.relation(),
                    right.clipping(),
                    right.noiseMultiplier(),
                    right.noiseSchedule(),
                    right.releasesPerLot(),
                    right.copies(),
                    unit,
                    right.steps(),
                    right.correlation(),
                    right.seed());
            return ClusterFaultsTest.Planted.sampled(
                    task, shard, other, task.work().manifest());
        }
    }

    @ParameterizedTest
    @EnumSource
    void fit_plantedFault_shows(Planted planted) {
        GroupedExamples people = people(DataType.DOUBLE);
        INDArray expected = TestRun.alone(plan(), TestRun.network(), people, 3, null, options(plan()));
        ShardedExamples set = ShardedExamples.write(spark, people, PEOPLE, 3, where());
        Model network = TestRun.network();
        try (var engine = SparkPrivacyEngine.attach(network, plan(), spark, options(plan()))) {
            engine.fit(set, ClusterSums.LARGEST_COLLECTED, task -> shard -> planted.run(task, shard));
        }
        assertThat(network.params().toDoubleVector()).isNotEqualTo(expected.toDoubleVector());
    }

    /** A person whose rows lie in two shards counts twice: the manifest says so, and a plan under which the number of people is public refuses it. */
    @Test
    void fit_personInTwoShards_isCountedAndRefusedWhereTheNumberIsPublic() {
        List<String> ids = ids(3);
        String split = ids.get(5);
        JavaPairRDD<String, DataSet> rows = byId(ids, TestRun.data(DataType.DOUBLE), 7);
        ShardedExamples set = ShardedExamples.writeByOwner(
                JavaPairRDD.fromJavaRDD(rows.zipWithIndex()
                        .map(row -> new Tuple2<>(
                                row._1()._1() + (row._1()._1().equals(split) ? " " + row._2() % 2 : ""),
                                row._1()._2()))),
                3,
                where());
        assertThat(set.units()).isEqualTo(PEOPLE + 1);
        requireRefused(plan().withRelation(NeighboringRelation.ZERO_OUT), TestRun.OPTIONS, set, "at most", "has 16");
        requireRefused(complete(DpSgdPlan.fixedSize(PEOPLE, LOT)), TestRun.OPTIONS, set, "exactly", "has 16");
    }

    /** Where someone is depends on the own id: with another person more, all others keep their shards. */
    @Test
    void writeByOwner_onePersonLess_movesNobodyToAnotherShard() throws IOException {
        DataSet rows = TestRun.data(DataType.DOUBLE);
        List<String> ids = ids(3);
        ShardedExamples all = ShardedExamples.writeByOwner(byId(ids, rows, 7), 3, where());
        String leaving = ids.get(5);
        ShardedExamples without = ShardedExamples.writeByOwner(
                byId(ids, rows, 7).filter(row -> !row._1().equals(leaving)),
                3,
                directory.resolve("without").toUri().toString());

        assertThat(without.units()).isEqualTo(PEOPLE - 1);
        int changed = 0;
        for (int shard = 0; shard < 3; shard++) {
            changed += all.manifest()
                            .shards()
                            .get(shard)
                            .sha256()
                            .equals(without.manifest().shards().get(shard).sha256())
                    ? 0
                    : 1;
        }
        assertThat(changed).isEqualTo(1);
    }

    @ParameterizedTest
    @ValueSource(strings = {"", "  "})
    void writeByOwner_idMissing_isRefusedAndLeavesNoSet(String missing) {
        DataSet rows = TestRun.data(DataType.DOUBLE);
        var ids = new ArrayList<>(ids(3));
        ids.set(4, missing.isEmpty() ? null : missing);
        assertThatThrownBy(() -> ShardedExamples.writeByOwner(byId(ids, rows, 7), 3, where()))
                .hasMessageContaining("ids must name the owner of every row");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> ShardedExamples.open(spark, where()))
                .withMessageContaining("is not a set of shards");
    }

    @Test
    void writeByOwner_unfit_isRefused() {
        DataSet rows = TestRun.data(DataType.DOUBLE);
        JavaPairRDD<String, DataSet> byId = byId(ids(3), rows, 7);
        assertThatIllegalArgumentException()
                .isThrownBy(() -> ShardedExamples.writeByOwner(byId, 0, where()))
                .withMessageContaining("shards must be at least 1, was 0");
        JavaPairRDD<String, DataSet> unordered = JavaPairRDD.fromJavaRDD(
                byId.map(row -> row).repartition(3).map(row -> row).repartition(2));
        assertThatIllegalArgumentException()
                .isThrownBy(() -> ShardedExamples.writeByOwner(unordered, 2, where()))
                .withMessageContaining("SPARK-23207");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> ShardedExamples.write(spark, people(DataType.DOUBLE), PEOPLE + 1, where()))
                .withMessageContaining("from 1 to the number of owners, 15, was 16");
    }

    private void requireRefused(DpSgdPlan plan, ExecutionOptions options, ShardedExamples set, String... message) {
        Path ledger = directory.resolve("run " + ledgers++ + ".ledger");
        try (var engine = SparkPrivacyEngine.attach(TestRun.network(), plan.withLedger(ledger), spark, options)) {
            assertThatIllegalArgumentException()
                    .isThrownBy(() -> engine.fit(set))
                    .satisfies(e -> assertThat(e).hasMessageContainingAll(message));
            assertThat(engine.steps()).isZero();
            assertThat(engine.local().guarantee().epsilon()).isZero();
        }
    }

    @Test
    void fit_setOfRowsForAPlanOfPeople_isRefused() {
        ShardedExamples rows = TestRun.shards(spark, 3, directory.resolve("shards"));
        requireRefused(
                plan(),
                TestRun.OPTIONS,
                rows,
                "must name the patient of each row",
                "writeByOwner",
                "Nothing was charged");
    }

    @Test
    void fit_setOfPeopleForAPlanOfRows_isRefused() {
        ShardedExamples people = ShardedExamples.write(spark, people(DataType.DOUBLE), 3, where());
        requireRefused(
                TestRun.plan(),
                TestRun.OPTIONS,
                people,
                "the plan's unit of privacy is one row",
                "Nothing was charged");
    }

    @Test
    void fit_setOfPeopleThatDoesNotFitThePlan_isRefused() {
        ShardedExamples people = ShardedExamples.write(spark, people(DataType.DOUBLE), 3, where());
        requireRefused(
                complete(DpSgdPlan.poisson(50, LOT)), TestRun.OPTIONS, people, "cut by a size of 15 patients", "50");
        requireRefused(
                plan(),
                TestRun.OPTIONS.withPhysicalBatchSize(MAXIMUM - 1),
                people,
                "physicalBatchSize must hold all rows that one patient has in a lot");
        ShardedExamples byId = ShardedExamples.writeByOwner(
                byId(ids(3), TestRun.data(DataType.DOUBLE), 2),
                3,
                directory.resolve("byId").toUri().toString());
        requireRefused(complete(DpSgdPlan.poisson(50, LOT)), TestRun.OPTIONS, byId, "50 patients", "has 15");
    }

    /** Whose rows are whose is as much a part of the data as the rows. */
    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void fit_ownersAlteredOrMissing_isRefusedAndChargesNothing(boolean missing) throws IOException {
        ShardedExamples people = ShardedExamples.write(spark, people(DataType.DOUBLE), 3, where());
        Path file = directory
                .resolve("shards")
                .resolve(
                        Objects.requireNonNull(people.manifest().shards().get(1).owners())
                                .name());
        if (missing) {
            Files.delete(file);
        } else {
            byte[] bytes = Files.readAllBytes(file);
            bytes[0] ^= 1;
            Files.delete(file.resolveSibling("." + file.getFileName() + ".crc"));
            Files.write(file, bytes);
        }
        try (var engine = SparkPrivacyEngine.attach(TestRun.network(), plan(), spark, TestRun.OPTIONS)) {
            assertThatThrownBy(() -> engine.fit(people))
                    .hasMessageContaining(file.getFileName().toString())
                    .hasMessageContaining(missing ? "is missing" : "was altered");
            assertThat(engine.steps()).isZero();
        }
    }

    @Test
    void manifest_owners_areReadAsWrittenAndChecked() throws IOException {
        ShardManifest manifest = ShardedExamples.write(spark, people(DataType.DOUBLE), 3, where())
                .manifest();
        String json = Files.readString(directory.resolve("shards").resolve("manifest.json"));
        assertThat(json).contains("\"rows\" : 50").contains("\"owners\" : 15");
        assertThat(ShardManifest.read(manifest.toJson(), "here").shards()).isEqualTo(manifest.shards());
        for (String[] change : new String[][] {
            {"\"owners\" : 15", "\"owners\" : 16"},
            {"\"rows\" : 50", "\"rows\" : 49"},
            {"\"owners\" : {", "\"other\" : {"}
        }) {
            assertThat(json).contains(change[0]);
            String other = json.replaceFirst(
                    java.util.regex.Pattern.quote(change[0]), java.util.regex.Matcher.quoteReplacement(change[1]));
            assertThatIllegalArgumentException()
                    .isThrownBy(
                            () -> ShardManifest.read(other.getBytes(java.nio.charset.StandardCharsets.UTF_8), "here"))
                    .withMessageContaining("here is not a manifest of shards");
        }
        ShardManifest.Shard one = manifest.shards().get(0);
        ShardManifest.Shard two = manifest.shards().get(1);
        ShardManifest.Owners of = Objects.requireNonNull(two.owners());
        for (var owners : Arrays.asList(
                null,
                new ShardManifest.Owners(of.name(), of.first() - 1, of.count(), of.sha256()),
                new ShardManifest.Owners(of.name(), of.first() + 1, of.count(), of.sha256()),
                new ShardManifest.Owners(of.name(), of.first(), 0, of.sha256()),
                new ShardManifest.Owners(of.name(), of.first(), two.count() + 1, of.sha256()),
                new ShardManifest.Owners(one.name(), of.first(), of.count(), of.sha256()))) {
            assertThatIllegalArgumentException()
                    .isThrownBy(() -> new ShardManifest(
                            manifest.layout(),
                            List.of(
                                    one,
                                    new ShardManifest.Shard(
                                            two.name(), two.first(), two.count(), two.sha256(), owners))));
        }
    }

    @Test
    void report_peopleOnACluster_namesTheUnitAndWhatIsAssumed() {
        ShardedExamples people = ShardedExamples.write(spark, people(DataType.DOUBLE), 3, where());
        try (var engine = SparkPrivacyEngine.attach(TestRun.network(), plan(), spark, TestRun.OPTIONS)) {
            engine.fit(people);
            assertThat(engine.report().toString().replaceAll("\\s+", " "))
                    .contains("of which a lot has at most 3")
                    .contains("all rows of one patient have the same id")
                    .contains("the rows that the shards keep as those of one patient are all rows of one patient")
                    .doesNotContain("one row of the shards is one example");
        }
    }

    /** Elements of several rows, and of several inputs, belong to the owner whole. */
    @Test
    void writeMultiByOwner_elementsOfSeveralRows_areCountedAsRows() {
        DataSet rows = TestRun.data(DataType.DOUBLE);
        byte[] values = Sent.bytes(values((DataSet) rows.getRange(0, 1)));
        var set = ShardedExamples.writeMultiByOwner(
                spark.parallelize(List.of("a", "b", "a"), 3).mapToPair(id -> {
                    DataSet row = row((double[][]) Sent.object(values), DataType.DOUBLE);
                    return new Tuple2<>(id, DataSet.merge(List.of(row, row)).toMultiDataSet());
                }),
                2,
                where());
        assertThat(set.size()).isEqualTo(6);
        assertThat(set.units()).isEqualTo(2);
        RandomAccessExamples any = RandomAccessExamples.of(rows);
        assertThat(set.standIn().getFeatures(0).shape())
                .isEqualTo(any.get(new long[] {0}).getFeatures(0).shape());
    }
}
