// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.spark;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.dl4jdp.core.PrivacyEngine;
import io.github.dl4jdp.core.mechanism.Mechanism;
import java.io.File;
import java.io.IOException;
import java.io.Serializable;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.apache.spark.TaskContext;
import org.apache.spark.api.java.JavaSparkContext;
import org.apache.spark.api.java.function.Function;
import org.deeplearning4j.nn.api.Model;
import org.deeplearning4j.nn.multilayer.MultiLayerNetwork;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;

/** On processes of their own for master, workers and executors: nothing is lost and nothing counts twice, whatever is killed. */
@Tag("slow")
@Tag("cluster")
class StandaloneClusterTest {
    private static final int SHARDS = 4;

    @TempDir
    @SuppressWarnings("NullAway.Init") // JUnit sets it
    Path directory;

    /** Writes its process's number before it computes, and waits once. */
    record Waiting(SumShard task, String signal, long lot, int shard) implements Function<Integer, ShardResult> {
        @Override
        public ShardResult call(Integer number) throws Exception {
            Path file = Path.of(signal);
            if (task.step().lot() == lot && number == shard && !Files.exists(file)) {
                Path part = Path.of(signal + ".part");
                Files.writeString(part, String.valueOf(ProcessHandle.current().pid()));
                ShardResult result = task.call(number);
                Files.move(part, file);
                TimeUnit.SECONDS.sleep(60); // killed here, after it has computed
                return result;
            }
            return task.call(number);
        }
    }

    /** Slow at the first attempt of one shard. */
    record Slow(SumShard task) implements Function<Integer, ShardResult>, Serializable {
        @Override
        public ShardResult call(Integer number) throws Exception {
            if (number == 1 && TaskContext.get().attemptNumber() == 0) {
                TimeUnit.SECONDS.sleep(5);
            }
            return task.call(number);
        }
    }

    private static INDArray expected() {
        return TestRun.alone(TestRun.plan(), TestRun.network(), TestRun.data(DataType.DOUBLE), SHARDS);
    }

    @Test
    void fit_executorsAndAWorkerKilled_reachesTheParametersOfOneProcess() throws Exception {
        INDArray expected = expected();
        try (var cluster = new StandaloneCluster(directory, 2, true);
                var spark = cluster.connect(cluster.conf())) {
            ShardedExamples shards = TestRun.shards(spark, SHARDS, directory.resolve("shards"));
            Model network = TestRun.network();
            try (var engine = SparkPrivacyEngine.attach(network, TestRun.plan(), spark, TestRun.OPTIONS)) {
                Path signal = directory.resolve("signal");
                var killer = new Thread(() -> kill(cluster, signal));
                killer.start();
                engine.fit(shards, ClusterSums.LARGEST_COLLECTED, task -> new Waiting(task, signal.toString(), 2, 1));
                killer.join();
                assertThat(signal).exists();
                assertThat(engine.steps()).isEqualTo(TestRun.STEPS);
                assertThat(engine.report().toString()).contains("master spark://");
            }
            assertThat(network.params().toDoubleVector()).isEqualTo(expected.toDoubleVector());

            // The same on what a lost worker leaves, and with sums added up on executors.
            Process third = cluster.addWorker();
            Model again = TestRun.network();
            try (var engine = SparkPrivacyEngine.attach(again, TestRun.plan(), spark, TestRun.OPTIONS)) {
                engine.fit(shards, 0, task -> {
                    if (task.step().lot() == 3) {
                        third.descendants().forEach(ProcessHandle::destroyForcibly);
                        third.destroyForcibly();
                    }
                    return task;
                });
            }
            assertThat(again.params().toDoubleVector()).isEqualTo(expected.toDoubleVector());
        }
    }

    private static void kill(StandaloneCluster cluster, Path signal) {
        try {
            for (int i = 0; i < 1200 && !Files.exists(signal); i++) {
                TimeUnit.MILLISECONDS.sleep(100);
            }
            long pid = Long.parseLong(Files.readString(signal));
            List<ProcessHandle> executors = cluster.executors();
            assertThat(executors).extracting(ProcessHandle::pid).contains(pid);
            ProcessHandle.of(pid).orElseThrow().destroyForcibly();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    @Test
    void fit_speculationWithASlowTask_countsOnce() throws Exception {
        INDArray expected = expected();
        try (var cluster = new StandaloneCluster(directory, 2, true);
                var spark = cluster.connect(cluster.conf()
                        .set("spark.speculation", "true")
                        .set("spark.speculation.interval", "50ms")
                        .set("spark.speculation.multiplier", "1.2")
                        .set("spark.speculation.quantile", "0.5"))) {
            ShardedExamples shards = TestRun.shards(spark, SHARDS, directory.resolve("shards"));
            Model network = TestRun.network();
            try (var engine = SparkPrivacyEngine.attach(network, TestRun.plan(), spark, TestRun.OPTIONS)) {
                engine.fit(shards, ClusterSums.LARGEST_COLLECTED, Slow::new);
            }
            assertThat(network.params().toDoubleVector()).isEqualTo(expected.toDoubleVector());
        }
    }

    @Test
    void fit_networkWithoutProtection_isRefusedUntilItIsTrusted() throws Exception {
        INDArray expected = expected();
        try (var cluster = new StandaloneCluster(directory, 1, false);
                var spark = cluster.connect(cluster.conf())) {
            ShardedExamples shards = TestRun.shards(spark, SHARDS, directory.resolve("shards"));
            Model network = TestRun.network();
            try (var engine = SparkPrivacyEngine.attach(network, TestRun.plan(), spark, TestRun.OPTIONS)) {
                assertThatThrownBy(() -> engine.fit(shards))
                        .isInstanceOf(IllegalStateException.class)
                        .hasMessageContaining("spark.authenticate=true")
                        .hasMessageContaining("spark.network.crypto.enabled=true")
                        .hasMessageContaining("spark.io.encryption.enabled=true")
                        .hasMessageContaining("trustingTheNetwork()");
                assertThat(engine.steps()).isZero();
                engine.trustingTheNetwork().fit(shards);
                assertThat(engine.report().toString()).contains("the network between driver and executors is trusted");
            }
            assertThat(network.params().toDoubleVector()).isEqualTo(expected.toDoubleVector());
        }
    }

    /** Fails twice after it has computed. */
    record Failing(SumShard task) implements Function<Integer, ShardResult>, Serializable {
        @Override
        public ShardResult call(Integer number) {
            ShardResult result = task.call(number);
            if (TaskContext.get().attemptNumber() < 2 && (number + task.step().lot()) % 2 == 0) {
                throw new IllegalStateException("fails after it has computed");
            }
            return result;
        }
    }

    /** Takes more memory than there is in one lot. */
    record Hungry(SumShard task) implements Function<Integer, ShardResult>, Serializable {
        @Override
        public ShardResult call(Integer number) {
            if (task.step().lot() == 2 && number == 1) {
                Object[] held = new Object[1];
                while (true) {
                    held = new Object[] {held, new long[1 << 24]};
                }
            }
            return task.call(number);
        }
    }

    @Test
    void fit_tasksFailAndShardsAreAlteredOrMissing_countsOnceOrIsRefusedByName() throws Exception {
        INDArray expected = expected();
        try (var cluster = new StandaloneCluster(directory, 2, true);
                var spark = cluster.connect(cluster.conf())) {
            ShardedExamples shards = TestRun.shards(spark, SHARDS, directory.resolve("shards"));
            Model network = TestRun.network();
            try (var engine = SparkPrivacyEngine.attach(network, TestRun.plan(), spark, TestRun.OPTIONS)) {
                engine.fit(shards, ClusterSums.LARGEST_COLLECTED, Failing::new);
            }
            assertThat(network.params().toDoubleVector()).isEqualTo(expected.toDoubleVector());

            Path file = directory
                    .resolve("shards")
                    .resolve(shards.manifest().shards().get(1).name());
            byte[] bytes = Files.readAllBytes(file);
            bytes[bytes.length / 2] ^= 1;
            Files.write(file, bytes);
            refused(spark, shards, file, "altered");
            Files.delete(file);
            refused(spark, shards, file, "missing");

            // Both worlds of networks, copies and layers of the library's, by executors of their own.
            for (var kind : List.of(
                    LocalEqualityTest.Kind.SEVERAL_INPUTS_AND_OUTPUTS,
                    LocalEqualityTest.Kind.SEQUENCES_PADDED_TO_A_DECLARED_LENGTH,
                    LocalEqualityTest.Kind.GROUP_NORMALIZATION,
                    LocalEqualityTest.Kind.AUGMENTED_COPIES)) {
                LocalEqualityTest.requireEqual(spark, kind, DataType.FLOAT, directory.resolve(kind.name()));
            }
        }
    }

    private static void refused(JavaSparkContext spark, ShardedExamples shards, Path file, String why) {
        Model network = TestRun.network();
        INDArray before = network.params().dup();
        try (var engine = SparkPrivacyEngine.attach(network, TestRun.plan(), spark, TestRun.OPTIONS)) {
            assertThatThrownBy(() -> engine.fit(shards))
                    .isInstanceOf(IllegalStateException.class)
                    .hasMessageContaining(file.getFileName().toString())
                    .hasMessageContaining(why);
            assertThat(engine.steps()).isZero();
        }
        assertThat(network.params()).isEqualTo(before);
    }

    @Test
    void fit_executorsWithoutMemory_areRefusedAndChargeNothing() throws Exception {
        try (var cluster = new StandaloneCluster(directory, 1, true)) {
            try (var spark = cluster.connect(cluster.conf().set("spark.executor.memory", "900g"))) {
                ShardedExamples shards = TestRun.shards(spark, SHARDS, directory.resolve("none"));
                try (var engine =
                        SparkPrivacyEngine.attach(TestRun.network(), TestRun.plan(), spark, TestRun.OPTIONS)) {
                    engine.waitingForExecutors(Duration.ofSeconds(3));
                    assertThatThrownBy(() -> engine.fit(shards))
                            .isInstanceOf(IllegalStateException.class)
                            .hasMessageContaining("no executor took a task within 3 seconds")
                            .hasMessageContaining("spark.executor.memory = 900g")
                            .hasMessageContaining("Nothing was charged");
                    assertThat(engine.steps()).isZero();
                }
            }
            try (var spark = cluster.connect(cluster.conf().set("spark.task.maxFailures", "1"))) {
                ShardedExamples shards = TestRun.shards(spark, SHARDS, directory.resolve("little"));
                try (var engine =
                        SparkPrivacyEngine.attach(TestRun.network(), TestRun.plan(), spark, TestRun.OPTIONS)) {
                    assertThatThrownBy(() -> engine.fit(shards, ClusterSums.LARGEST_COLLECTED, Hungry::new))
                            .isInstanceOf(IllegalStateException.class)
                            .hasMessageContaining("lot 2")
                            .hasMessageContaining("Nothing of it was released or charged");
                    assertThat(engine.steps()).isEqualTo(1);
                    engine.fit(shards);
                    assertThat(engine.remainingSteps()).isZero();
                }
            }
        }
    }

    /** Executors whose class path begins with another version of the class that draws lots and clips. */
    @Test
    void fit_executorsWithAnotherVersionOfTheLibrary_areRefusedAndChargeNothing() throws Exception {
        String file = Mechanism.class.getName().replace('.', '/') + ".class";
        Path other = directory.resolve("version").resolve(file);
        Files.createDirectories(other.getParent());
        Files.write(other, ExecutorCodeTest.altered(file));
        try (var cluster = new StandaloneCluster(directory, 1, true)) {
            String setting = "spark.executor.extraClassPath";
            var conf = cluster.conf();
            conf.set(setting, directory.resolve("version") + File.pathSeparator + conf.get(setting));
            try (var spark = cluster.connect(conf)) {
                ShardedExamples shards = TestRun.shards(spark, SHARDS, directory.resolve("shards"));
                try (var engine =
                        SparkPrivacyEngine.attach(TestRun.network(), TestRun.plan(), spark, TestRun.OPTIONS)) {
                    assertThatThrownBy(() -> engine.fit(shards))
                            .isInstanceOf(IllegalStateException.class)
                            .hasMessageContaining("other classes than the driver")
                            .hasMessageContaining("Nothing was charged");
                    assertThat(engine.steps()).isZero();
                }
            }
        }
    }

    /** Spark tries for a minute, and stops the context. */
    @Test
    void fit_masterThatCannotBeReached_isRefusedAndChargesNothing() {
        var conf = TestRun.conf("spark://127.0.0.1:1")
                .set("spark.authenticate", "true")
                .set("spark.authenticate.secret", "of this test")
                .set("spark.network.crypto.enabled", "true")
                .set("spark.io.encryption.enabled", "true");
        Path ledger = directory.resolve("ledger");
        try (var spark = new JavaSparkContext(conf)) {
            assertThatThrownBy(() -> {
                        try (var engine = SparkPrivacyEngine.attach(
                                TestRun.network(), TestRun.plan().withLedger(ledger), spark, TestRun.OPTIONS)) {
                            engine.fit(TestRun.shards(spark, SHARDS, directory.resolve("shards")));
                        }
                    })
                    .isInstanceOf(IllegalStateException.class)
                    .hasMessageContaining("its master spark://127.0.0.1:1 could not be reached")
                    .hasMessageContaining("Nothing was charged");
        }
        try (var engine = PrivacyEngine.attach(
                (MultiLayerNetwork) TestRun.network(), TestRun.plan().withLedger(ledger))) {
            assertThat(engine.steps()).isZero();
            assertThat(engine.epsilon()).isZero();
        }
    }
}
