// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.spark;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.dl4jdp.core.data.RandomAccessExamples;
import io.github.dl4jdp.core.mechanism.LotTask;
import io.github.dl4jdp.core.mechanism.Mechanism;
import io.github.dl4jdp.core.mechanism.Sampling;
import io.github.dl4jdp.core.mechanism.ShardSum;
import io.github.dl4jdp.core.random.LotKey;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.ObjectOutputStream;
import java.io.Serializable;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.security.SecureRandom;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.stream.LongStream;
import org.apache.spark.TaskContext;
import org.apache.spark.api.java.JavaSparkContext;
import org.apache.spark.api.java.function.Function;
import org.deeplearning4j.nn.api.Model;
import org.deeplearning4j.nn.multilayer.MultiLayerNetwork;
import org.deeplearning4j.util.ModelSerializer;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.dataset.DataSet;

/**
 * What goes wrong on a cluster: tasks that fail and are repeated, shards that are altered, and the mistakes that distributed private training was found with elsewhere, each planted once.
 * A fault is harmless (same parameters), refused with nothing charged, or shows as other parameters than one process has.
 */
class ClusterFaultsTest {
    private static final int SHARDS = 3;

    @SuppressWarnings("NullAway.Init")
    private static JavaSparkContext spark;

    @SuppressWarnings("NullAway.Init")
    private static INDArray expected;

    @TempDir
    @SuppressWarnings("NullAway.Init") // JUnit sets it
    Path directory;

    @SuppressWarnings("NullAway.Init")
    private ShardedExamples shards;

    /** A task that may do something else than the one it wraps. */
    interface Fault extends Serializable {
        ShardResult apply(SumShard task, int shard);
    }

    record Faulty(SumShard task, Fault fault) implements Function<Integer, ShardResult> {
        @Override
        public ShardResult call(Integer shard) {
            return fault.apply(task, shard);
        }
    }

    @BeforeAll
    static void start() {
        spark = TestRun.spark();
        expected = TestRun.alone(TestRun.plan(), TestRun.network(), TestRun.data(DataType.DOUBLE), SHARDS);
    }

    @AfterAll
    static void stop() {
        spark.stop();
    }

    @BeforeEach
    void write() {
        shards = TestRun.shards(spark, SHARDS, directory.resolve("shards"));
    }

    private static SparkPrivacyEngine attach(Model network) {
        return SparkPrivacyEngine.attach(network, TestRun.plan(), spark, TestRun.OPTIONS);
    }

    private void fit(SparkPrivacyEngine engine, Fault fault) {
        fit(engine, fault, ClusterSums.LARGEST_COLLECTED);
    }

    private void fit(SparkPrivacyEngine engine, Fault fault, int largestCollected) {
        engine.fit(shards, largestCollected, task -> new Faulty(task, fault));
    }

    @Test
    void fit_tasksFailAfterTheyHaveComputed_countOnce() {
        Model network = TestRun.network();
        try (var engine = attach(network)) {
            fit(engine, (task, shard) -> {
                ShardResult result = task.call(shard);
                if (TaskContext.get().attemptNumber() < 2
                        && (shard + task.step().lot()) % 2 == 0) {
                    throw new IllegalStateException("fails after it has computed");
                }
                return result;
            });
        }
        assertThat(network.params().toDoubleVector()).isEqualTo(expected.toDoubleVector());
    }

    @Test
    void fit_sumsOnExecutorsAndTasksFail_countOnce() {
        Model network = TestRun.network();
        try (var engine = attach(network)) {
            engine.fit(
                    shards,
                    0,
                    task -> new Faulty(task, (inner, shard) -> {
                        ShardResult result = inner.call(shard);
                        if (TaskContext.get().attemptNumber() < 2 && shard == 1) {
                            throw new IllegalStateException("fails after it has computed");
                        }
                        return result;
                    }));
        }
        assertThat(network.params().toDoubleVector()).isEqualTo(expected.toDoubleVector());
    }

    @Test
    void fit_shardThatAlwaysFails_chargesNothingForItsLotAndGoesOnWithIt() throws Exception {
        Path ledger = directory.resolve("ledger");
        var plan = TestRun.plan().withLedger(ledger);
        Model network = TestRun.network();
        try (var engine = SparkPrivacyEngine.attach(network, plan, spark, TestRun.OPTIONS)) {
            assertThatThrownBy(() -> fit(engine, (task, shard) -> {
                        if (task.step().lot() == 3 && shard == 1) {
                            throw new IllegalStateException("always fails");
                        }
                        return task.call(shard);
                    }))
                    .isInstanceOf(IllegalStateException.class)
                    .hasMessageContaining("lot 3")
                    .hasMessageContaining("Nothing of it was released or charged");
            assertThat(engine.steps()).isEqualTo(2);
            int lines = Files.readAllLines(ledger).size();
            assertThatThrownBy(() -> fit(engine, (task, shard) -> {
                throw new IllegalStateException("always fails");
            }));
            assertThat(Files.readAllLines(ledger)).hasSize(lines);
            engine.fit(shards);
            assertThat(engine.steps()).isEqualTo(TestRun.STEPS);
        }
        assertThat(network.params().toDoubleVector()).isEqualTo(expected.toDoubleVector());
    }

    @Test
    void fit_engineAttachedToTheSavedModel_goesOnWhereItStood() throws Exception {
        Path file = directory.resolve("model.zip");
        Model network = TestRun.network();
        try (var engine = attach(network)) {
            assertThatThrownBy(() -> fit(engine, (task, shard) -> {
                if (task.step().lot() == 4) {
                    throw new IllegalStateException("always fails");
                }
                return task.call(shard);
            }));
            ModelSerializer.writeModel(network, file.toFile(), true);
        }
        Model restored = MultiLayerNetwork.load(file.toFile(), true);
        try (var engine = attach(restored)) {
            assertThat(engine.steps()).isEqualTo(3);
            engine.fit(shards);
        }
        assertThat(restored.params().toDoubleVector()).isEqualTo(expected.toDoubleVector());
    }

    /** With the sums that Hadoop keeps beside a local file, and without them. */
    @ParameterizedTest
    @ValueSource(booleans = {true, false})
    void fit_alteredShard_isRefusedByNameBeforeAnythingIsCharged(boolean keepSums) throws Exception {
        Path file = directory
                .resolve("shards")
                .resolve(shards.manifest().shards().get(1).name());
        byte[] bytes = Files.readAllBytes(file);
        bytes[bytes.length / 2] ^= 1;
        Files.write(file, bytes);
        if (!keepSums) {
            Files.delete(file.resolveSibling("." + file.getFileName() + ".crc"));
        }
        refusedAtOnce(file.getFileName().toString(), "altered");
    }

    @Test
    void fit_shardWithARowLess_isRefusedByName() throws Exception {
        Path file = directory
                .resolve("shards")
                .resolve(shards.manifest().shards().get(0).name());
        byte[] bytes = Files.readAllBytes(file);
        Files.write(file, Arrays.copyOf(bytes, bytes.length - 28 * Double.BYTES));
        refusedAtOnce(file.getFileName().toString(), "altered");
    }

    @Test
    void fit_missingShard_isRefusedByName() throws Exception {
        Path file = directory
                .resolve("shards")
                .resolve(shards.manifest().shards().get(2).name());
        Files.delete(file);
        refusedAtOnce(file.getFileName().toString(), "missing");
    }

    private void refusedAtOnce(String name, String why) {
        Model network = TestRun.network();
        INDArray before = network.params().dup();
        try (var engine = attach(network)) {
            assertThatThrownBy(() -> engine.fit(shards))
                    .hasMessageContaining(name)
                    .hasMessageContaining(why);
            assertThat(engine.steps()).isZero();
        }
        assertThat(network.params()).isEqualTo(before);
    }

    /** What was found elsewhere. */
    enum Planted {
        EVERY_WORKER_ADDS_NOISE(false) {
            @Override
            ShardResult run(SumShard task, int shard) {
                return withNoise(task.call(shard), new SecureRandom().nextLong());
            }
        },
        EVERY_WORKER_ADDS_THE_SAME_NOISE(false) {
            @Override
            ShardResult run(SumShard task, int shard) {
                return withNoise(task.call(shard), 7);
            }
        },
        LOTS_OF_FIXED_SIZE_IN_PLACE_OF_POISSON(false) {
            @Override
            ShardResult run(SumShard task, int shard) {
                Mechanism right = task.work().run().readMechanism();
                var other = new Mechanism(
                        Sampling.FIXED_SIZE,
                        right.examples(),
                        right.lotSize(),
                        right.examples(),
                        0,
                        io.github.dl4jdp.accountant.NeighboringRelation.REPLACE_ONE,
                        right.clipping(),
                        right.noiseMultiplier(),
                        right.noiseSchedule(),
                        1,
                        1,
                        right.unit(),
                        right.steps(),
                        right.correlation(),
                        right.seed());
                return sampled(task, shard, other, task.work().manifest());
            }
        },
        SAMPLING_BY_LOCAL_NUMBERS(false) {
            @Override
            ShardResult run(SumShard task, int shard) {
                // Each worker numbers its examples from 0: all draw the same coins.
                var manifest = task.work().manifest();
                var here = manifest.shards().get(shard);
                var only = new ShardManifest(
                        manifest.layout(),
                        List.of(new ShardManifest.Shard(here.name(), 0, here.count(), here.sha256())));
                ShardSum sum = ExecutorRun.of(task.work().run()).sum(task.step(), with(task.work(), only), 0);
                return ShardResult.of(shard, SHARDS, task.step(), task.step().hash(), sum);
            }
        },
        EMPTY_SHARE_IS_SKIPPED(true) {
            @Override
            ShardResult run(SumShard task, int shard) {
                ShardResult result = task.call(shard);
                return shard == 1 ? with(result, new byte[SHARDS], result.lot(), result.stepHash()) : result;
            }
        },
        ALL_WORKERS_SEE_THE_SAME_SHARD(true) {
            @Override
            ShardResult run(SumShard task, int shard) {
                return task.call(0);
            }
        },
        ALL_WORKERS_SEE_THE_SAME_DATA(false) {
            @Override
            ShardResult run(SumShard task, int shard) {
                var first = task.call(0);
                var slots = new byte[SHARDS];
                slots[shard] = 1;
                return with(first, slots, first.lot(), first.stepHash());
            }
        },
        DIVIDED_BY_LOCAL_SIZES(false) {
            @Override
            ShardResult run(SumShard task, int shard) {
                ShardResult result = task.call(shard);
                long size = Math.max(1, result.examples());
                return withUnits(
                        result,
                        LongStream.of(result.units())
                                .map(unit -> unit / size * 4)
                                .toArray());
            }
        },
        SAMPLING_IS_DRAWN_ANEW(false) {
            @Override
            ShardResult run(SumShard task, int shard) {
                LotStep now = task.step();
                var key = new byte[32];
                new SecureRandom().nextBytes(key);
                ShardSum sum = ExecutorRun.of(task.work().run())
                        .sum(step(now, LotKey.of(key), now.parameters()), task.work(), shard);
                return ShardResult.of(shard, SHARDS, now, now.hash(), sum);
            }
        },
        ANOTHER_RUN_OF_THE_SAME_NETWORK(true) {
            @Override
            ShardResult run(SumShard task, int shard) {
                // The same lot number, parameters, norm and grid: only the key of its lot differs.
                return shard == 0
                        ? sumOf(
                                task,
                                shard,
                                step(
                                        task.step(),
                                        LotKey.of(new byte[32]),
                                        task.step().parameters()))
                        : task.call(shard);
            }
        },
        WRONG_PARAMETERS_BROADCAST(true) {
            @Override
            ShardResult run(SumShard task, int shard) {
                LotStep now = task.step();
                return sumOf(
                        task,
                        shard,
                        step(now, now.task().key(), now.parameters().addi(1e-9)));
            }
        },
        COUNTED_TWICE(true) {
            @Override
            ShardResult run(SumShard task, int shard) {
                ShardResult result = task.call(shard);
                return shard == 2 ? result.plus(result) : result;
            }
        },
        STALE_LOT(true) {
            @Override
            ShardResult run(SumShard task, int shard) {
                ShardResult result = task.call(shard);
                return shard == 0 ? with(result, result.slots(), result.lot() - 1, result.stepHash()) : result;
            }
        },
        STALE_PARAMETERS(true) {
            @Override
            ShardResult run(SumShard task, int shard) {
                ShardResult result = task.call(shard);
                byte[] other = result.stepHash().clone();
                other[0] ^= 1;
                return shard == 0 ? with(result, result.slots(), result.lot(), other) : result;
            }
        },
        OTHER_CLIPPING_NORM(true) {
            @Override
            ShardResult run(SumShard task, int shard) {
                ShardResult r = task.call(shard);
                return new ShardResult(
                        r.slots(),
                        r.lot(),
                        r.stepHash(),
                        r.units(),
                        r.shiftedCount(),
                        r.examples(),
                        r.gridStep(),
                        2 * r.clippingNorm());
            }
        };

        final boolean isRefused;

        Planted(boolean isRefused) {
            this.isRefused = isRefused;
        }

        abstract ShardResult run(SumShard task, int shard);

        static LotStep step(LotStep now, LotKey key, INDArray parameters) {
            LotTask task = now.task();
            return new LotStep(
                    new LotTask(key, now.lot(), task.clippingNorm(), task.gridStep(), task.iteration(), task.epoch()),
                    parameters);
        }

        /** The sum of another step, as an executor returns it that has that step. */
        static ShardResult sumOf(SumShard task, int shard, LotStep other) {
            ShardSum sum = ExecutorRun.of(task.work().run()).sum(other, task.work(), shard);
            return ShardResult.of(shard, SHARDS, other, other.hash(), sum);
        }

        static SumShard.Work with(SumShard.Work work, ShardManifest manifest) {
            return new SumShard.Work(work.run(), work.storage(), manifest, work.augmentation());
        }

        static ShardResult with(ShardResult r, byte[] slots, long lot, byte[] hash) {
            return new ShardResult(
                    slots, lot, hash, r.units(), r.shiftedCount(), r.examples(), r.gridStep(), r.clippingNorm());
        }

        static ShardResult withUnits(ShardResult r, long[] units) {
            return new ShardResult(
                    r.slots(),
                    r.lot(),
                    r.stepHash(),
                    units,
                    r.shiftedCount(),
                    r.examples(),
                    r.gridStep(),
                    r.clippingNorm());
        }

        static ShardResult withNoise(ShardResult r, long seed) {
            var random = new Random(seed);
            return withUnits(
                    r,
                    LongStream.of(r.units())
                            .map(unit -> unit + Math.round(random.nextGaussian() * 0.4 / r.gridStep()))
                            .toArray());
        }

        static ShardResult sampled(SumShard task, int shard, Mechanism mechanism, ShardManifest manifest) {
            var right = task.work().run();
            try {
                var map = new java.util.LinkedHashMap<String, Object>();
                io.github.dl4jdp.core.internal.plan.MechanismJson.put(mechanism, map);
                var run = new NetworkRun(
                        right.id() + " other",
                        right.isGraph(),
                        right.network(),
                        new org.nd4j.shade.jackson.databind.ObjectMapper().writeValueAsString(map),
                        right.physicalBatchSize(),
                        right.threads(),
                        right.sequenceLength(),
                        true,
                        "");
                ShardSum sum = ExecutorRun.of(run).sum(task.step(), with(task.work(), manifest), shard);
                return ShardResult.of(shard, SHARDS, task.step(), task.step().hash(), sum);
            } catch (IOException e) {
                throw new IllegalStateException(e);
            }
        }
    }

    static List<Arguments> planted() {
        var all = new ArrayList<Arguments>();
        for (Planted planted : Planted.values()) {
            all.add(Arguments.of(planted, ClusterSums.LARGEST_COLLECTED));
            all.add(Arguments.of(planted, 0)); // added up on executors
        }
        return all;
    }

    @ParameterizedTest
    @MethodSource("planted")
    void fit_plantedFault_isRefusedOrShows(Planted planted, int largestCollected) {
        Model network = TestRun.network();
        INDArray before = network.params().dup();
        try (var engine = attach(network)) {
            if (planted.isRefused) {
                assertThatThrownBy(() -> fit(engine, planted::run, largestCollected))
                        .isInstanceOfAny(IllegalStateException.class, IllegalArgumentException.class);
                assertThat(engine.steps()).isZero();
                assertThat(network.params()).isEqualTo(before);
                engine.fit(shards);
                assertThat(network.params().toDoubleVector()).isEqualTo(expected.toDoubleVector());
            } else {
                try {
                    fit(engine, planted::run, largestCollected);
                    assertThat(network.params()).isNotEqualTo(expected);
                } catch (IllegalArgumentException e) {
                    // A part that is longer than its examples can make it.
                    assertThat(e).hasMessageContaining("norm of at most");
                    assertThat(engine.steps()).isZero();
                }
            }
        }
    }

    /** Of another version of this library, say, whose lots or clipping are others. */
    @Test
    void fit_executorWithOtherCode_isRefusedAndChargesNothing() {
        Model network = TestRun.network();
        INDArray before = network.params().dup();
        try (var engine = attach(network)) {
            assertThatThrownBy(() -> fit(engine, (task, shard) -> {
                        NetworkRun run = task.work().run();
                        ExecutorRun.of(new NetworkRun(
                                run.id() + " other",
                                run.isGraph(),
                                run.network(),
                                run.mechanism(),
                                run.physicalBatchSize(),
                                run.threads(),
                                run.sequenceLength(),
                                false,
                                "of another version"));
                        return task.call(shard);
                    }))
                    .isInstanceOf(IllegalStateException.class)
                    .hasMessageContaining("other classes than the driver")
                    .hasMessageContaining("--jars")
                    .hasMessageContaining("Nothing of it was released or charged");
            assertThat(engine.steps()).isZero();
        }
        assertThat(network.params()).isEqualTo(before);
    }

    /** A set that was written anew in the place of the one that was opened. */
    @Test
    void fit_setReplacedAfterItWasOpened_isRefusedByName() throws Exception {
        Path set = directory.resolve("shards");
        String name = shards.manifest().shards().get(1).name();
        Path other = directory.resolve("other");
        ShardedExamples.write(
                spark,
                RandomAccessExamples.of(new DataSet(
                        TestRun.data(DataType.DOUBLE).getFeatures().add(1),
                        TestRun.data(DataType.DOUBLE).getLabels())),
                SHARDS,
                other.toUri().toString());
        String replacement = ShardedExamples.open(spark, other.toUri().toString())
                .manifest()
                .shards()
                .get(1)
                .name();
        Files.copy(other.resolve(replacement), set.resolve(name), StandardCopyOption.REPLACE_EXISTING);
        Files.deleteIfExists(set.resolve("." + name + ".crc"));
        Files.copy(other.resolve("manifest.json"), set.resolve("manifest.json"), StandardCopyOption.REPLACE_EXISTING);
        refusedAtOnce(name, "altered");
    }

    /** What an executor has read it keeps; one that starts later must not get other bytes under the same name. */
    @Test
    void fit_shardAlteredBetweenLotsAndReadByAnotherExecutor_isRefusedAndChargesNothingMore() throws Exception {
        Path file = directory
                .resolve("shards")
                .resolve(shards.manifest().shards().get(2).name());
        Model network = TestRun.network();
        try (var engine = attach(network)) {
            assertThatThrownBy(() -> engine.fit(shards, ClusterSums.LARGEST_COLLECTED, task -> {
                        if (task.step().lot() == 3) {
                            alter(file);
                            ExecutorRun.forget(task.work().run()); // as a new process has none
                        }
                        return task;
                    }))
                    .hasMessageContaining(file.getFileName().toString())
                    .hasMessageContaining("altered");
            assertThat(engine.steps()).isEqualTo(2);
        }
    }

    private static void alter(Path file) {
        try {
            byte[] bytes = Files.readAllBytes(file);
            bytes[0] ^= 1;
            Files.write(file, bytes);
            Files.deleteIfExists(file.resolveSibling("." + file.getFileName() + ".crc"));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    @Test
    void attach_secondDriverOnALedgerInUse_isRefused() {
        var plan = TestRun.plan().withLedger(directory.resolve("ledger"));
        try (var engine = SparkPrivacyEngine.attach(TestRun.network(), plan, spark, TestRun.OPTIONS)) {
            assertThatThrownBy(() -> SparkPrivacyEngine.attach(TestRun.network(), plan, spark, TestRun.OPTIONS))
                    .hasMessageContaining("ledger")
                    .hasMessageContaining("in use by another trainer");
            engine.fit(shards);
            assertThat(engine.steps()).isEqualTo(TestRun.STEPS);
        }
    }

    /** A driver that starts from an old checkpoint, or from none, has what the ledger knows behind it. */
    @Test
    void attach_staleCheckpointAndLedger_paysForAllThatWasReleased() throws Exception {
        var plan = TestRun.plan().withLedger(directory.resolve("ledger"));
        Path stale = directory.resolve("model.zip");
        Model network = TestRun.network();
        double spent;
        try (var engine = SparkPrivacyEngine.attach(network, plan, spark, TestRun.OPTIONS)) {
            for (int stop : new int[] {3, 5}) {
                assertThatThrownBy(() -> fit(engine, (task, shard) -> {
                    if (task.step().lot() == stop) {
                        throw new IllegalStateException("stops");
                    }
                    return task.call(shard);
                }));
                if (stop == 3) {
                    ModelSerializer.writeModel(network, stale.toFile(), true);
                }
            }
            assertThat(engine.steps()).isEqualTo(4);
            spent = engine.epsilon();
        }
        try (var engine =
                SparkPrivacyEngine.attach(MultiLayerNetwork.load(stale.toFile(), true), plan, spark, TestRun.OPTIONS)) {
            assertThat(engine.epsilon()).isGreaterThanOrEqualTo(spent);
            assertThat(engine.steps()).isEqualTo(4);
            engine.fit(shards);
            assertThat(engine.remainingSteps()).isZero();
            assertThat(engine.epsilon()).isEqualTo(plan.epsilonAfter(TestRun.STEPS));
            spent = engine.epsilon();
        }
        try (var engine = SparkPrivacyEngine.attach(TestRun.network(), plan, spark, TestRun.OPTIONS)) {
            assertThat(engine.epsilon()).isGreaterThanOrEqualTo(spent);
            assertThatThrownBy(() -> engine.fit(shards)).isInstanceOf(IllegalStateException.class);
        }
    }

    @Test
    void result_ofAnEmptyAndAFullShare_hasTheSameSize() throws Exception {
        var sizes = new ArrayList<Integer>();
        for (long examples : new long[] {0, 12}) {
            var units = new long[100];
            Arrays.fill(units, examples);
            var out = new ByteArrayOutputStream();
            try (var objects = new ObjectOutputStream(out)) {
                objects.writeObject(
                        new ShardResult(new byte[3], 1, new byte[32], units, examples, examples, 0.5, examples + 1));
            }
            sizes.add(out.size());
        }
        assertThat(sizes.get(0)).isEqualTo(sizes.get(1));
    }

    @Test
    void run_ofASeededPlan_sendsNoSeed() {
        NetworkRun run = NetworkRun.of(TestRun.network(), TestRun.plan().mechanism(), 4, 1, 0, true);
        assertThat(run.readMechanism().seed()).isEmpty();
    }
}
