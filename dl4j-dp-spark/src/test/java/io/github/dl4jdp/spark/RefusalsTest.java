// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.spark;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.dl4jdp.core.DpSgdPlan;
import io.github.dl4jdp.core.DpUpdater;
import io.github.dl4jdp.core.UnsupportedModelException;
import io.github.dl4jdp.core.data.Origin;
import io.github.dl4jdp.core.data.RandomAccessExamples;
import io.github.dl4jdp.core.data.RecordExamples;
import io.github.dl4jdp.core.mechanism.Clipping;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.apache.spark.SparkConf;
import org.apache.spark.api.java.JavaSparkContext;
import org.deeplearning4j.datasets.iterator.utilty.ListDataSetIterator;
import org.deeplearning4j.nn.api.Model;
import org.deeplearning4j.nn.conf.ComputationGraphConfiguration;
import org.deeplearning4j.nn.conf.MultiLayerConfiguration;
import org.deeplearning4j.nn.conf.NeuralNetConfiguration;
import org.deeplearning4j.nn.conf.layers.BatchNormalization;
import org.deeplearning4j.nn.conf.layers.DenseLayer;
import org.deeplearning4j.nn.conf.layers.OutputLayer;
import org.deeplearning4j.nn.graph.ComputationGraph;
import org.deeplearning4j.nn.multilayer.MultiLayerNetwork;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.dataset.DataSet;
import org.nd4j.linalg.dataset.api.DataSetPreProcessor;
import org.nd4j.linalg.dataset.api.MultiDataSet;
import org.nd4j.linalg.factory.Nd4j;
import org.nd4j.linalg.learning.config.Sgd;
import org.nd4j.linalg.schedule.ISchedule;

/** What is refused, before anything is charged. */
class RefusalsTest {
    @SuppressWarnings("NullAway.Init")
    private static JavaSparkContext spark;

    @TempDir
    @SuppressWarnings("NullAway.Init") // JUnit sets it
    Path directory;

    @BeforeAll
    static void start() {
        spark = TestRun.spark();
    }

    @AfterAll
    static void stop() {
        spark.stop();
    }

    private String where() {
        return directory.resolve("shards").toUri().toString();
    }

    @Test
    void attach_planThatAClusterCannotCarryOut_isRefusedWithTheReason() {
        Model network = TestRun.network();
        assertThatIllegalArgumentException()
                .isThrownBy(
                        () -> SparkPrivacyEngine.attach(network, TestRun.plan().withTruncatedBackprop(8, 4), spark))
                .withMessageContaining("truncated backpropagation")
                .withMessageContaining("PrivacyEngine");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> SparkPrivacyEngine.attach(
                        network,
                        DpSgdPlan.givenBatches(50, 10)
                                .withEpochs(1)
                                .withClippingNorm(1)
                                .withNoiseMultiplier(1)
                                .withDelta(1e-5),
                        spark))
                .withMessageContaining("GIVEN_BATCHES");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> SparkPrivacyEngine.attach(
                        network,
                        DpSgdPlan.randomAllocation(50, 5)
                                .withEpochs(1)
                                .withClippingNorm(1)
                                .withNoiseMultiplier(1)
                                .withDelta(1e-5),
                        spark))
                .withMessageContaining("RANDOM_ALLOCATION")
                .withMessageContaining("members of all lots of the pass");
        assertThat(((MultiLayerNetwork) network).getLayerWiseConfigurations().toJson())
                .doesNotContain("DpUpdater");
    }

    @Test
    void attach_networkThatCannotBePrivate_isRefusedAsLocally() {
        var network = new MultiLayerNetwork(new NeuralNetConfiguration.Builder()
                .list()
                .layer(new DenseLayer.Builder().nIn(4).nOut(4).build())
                .layer(new BatchNormalization.Builder().nIn(4).nOut(4).build())
                .layer(new OutputLayer.Builder().nIn(4).nOut(2).build())
                .build());
        network.init();
        assertThatThrownBy(() -> SparkPrivacyEngine.attach(network, TestRun.plan(), spark))
                .isInstanceOf(UnsupportedModelException.class)
                .hasMessageContaining("BatchNormalization");
    }

    @Test
    void fit_setOfAnotherSize_isRefused() {
        var few =
                RandomAccessExamples.of((DataSet) TestRun.data(DataType.DOUBLE).getRange(0, 40));
        ShardedExamples shards = ShardedExamples.write(spark, few, 2, where());
        try (var engine = SparkPrivacyEngine.attach(TestRun.network(), TestRun.plan(), spark)) {
            assertThatIllegalArgumentException()
                    .isThrownBy(() -> engine.fit(shards))
                    .withMessageContaining("50")
                    .withMessageContaining("40");
            assertThat(engine.steps()).isZero();
        }
    }

    @Test
    void fit_setOfOtherShapesThanTheNetworks_isRefusedAndChargesNothing() {
        var other = RandomAccessExamples.of(
                new DataSet(Nd4j.rand(DataType.DOUBLE, 50, 7), Nd4j.zeros(DataType.DOUBLE, 50, 3)));
        ShardedExamples shards = ShardedExamples.write(spark, other, 2, where());
        Model network = TestRun.network();
        INDArray before = network.params().dup();
        try (var engine = SparkPrivacyEngine.attach(network, TestRun.plan(), spark)) {
            assertThatIllegalArgumentException()
                    .isThrownBy(() -> engine.fit(shards))
                    .withMessageContaining("features [1, 7] and labels [1, 3]")
                    .withMessageContaining("Nothing was charged");
            assertThat(engine.steps()).isZero();
        }
        assertThat(network.params()).isEqualTo(before);
    }

    /** The context's own version is asked for, before the network is touched. */
    @Test
    void attach_contextOfAnotherVersionOfSpark_isRefusedAndChangesNothing() {
        var other = new JavaSparkContext(spark.sc()) {
            @Override
            public String version() {
                return "3.4.4";
            }
        };
        var network = (MultiLayerNetwork) TestRun.network();
        String before = network.getLayerWiseConfigurations().toJson();
        assertThatIllegalArgumentException()
                .isThrownBy(() -> SparkPrivacyEngine.attach(network, TestRun.plan(), other))
                .withMessageContaining("Spark must be of version 3.5 or 4, was 3.4.4");
        assertThat(network.getLayerWiseConfigurations().toJson()).isEqualTo(before);
    }

    @Test
    void missing_settingsOfANetwork_areNamedOneByOne() {
        var conf = new SparkConf(false);
        assertThat(NetworkTrust.missing(conf, "3.5.9"))
                .containsExactly(
                        "spark.authenticate=true",
                        "spark.network.crypto.enabled=true",
                        "spark.io.encryption.enabled=true");
        conf.set("spark.authenticate", "true").set("spark.io.encryption.enabled", "true");
        assertThat(NetworkTrust.missing(conf, "3.5.9")).containsExactly("spark.network.crypto.enabled=true");
        conf.set("spark.network.crypto.enabled", "true");
        assertThat(NetworkTrust.missing(conf, "3.5.9")).isEmpty();
    }

    @ParameterizedTest
    @ValueSource(strings = {"spark://host:7077", "yarn", "k8s://https://host", "local-cluster[2,1,1024]", "localhost"})
    void isInProcess_remoteMasters_areNot(String master) {
        assertThat(NetworkTrust.isInProcess(master)).isFalse();
        assertThat(NetworkTrust.isInProcess("local")).isTrue();
        assertThat(NetworkTrust.isInProcess("local[4,3]")).isTrue();
    }

    @Test
    void open_directoryWithoutAManifest_isRefused() throws Exception {
        Files.createDirectories(directory.resolve("shards"));
        assertThatIllegalArgumentException()
                .isThrownBy(() -> ShardedExamples.open(spark, where()))
                .withMessageContaining("is not a set of shards")
                .withMessageContaining("ShardedExamples.write");
        Files.writeString(directory.resolve("shards").resolve("manifest.json"), "{\"format\": \"other\"}");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> ShardedExamples.open(spark, where()))
                .withMessageContaining("is not a manifest of shards");
    }

    @Test
    void write_directoryThatHasASet_isRefused() {
        TestRun.shards(spark, 2, directory.resolve("shards"));
        assertThatIllegalArgumentException()
                .isThrownBy(() -> TestRun.shards(spark, 3, directory.resolve("shards")))
                .withMessageContaining("has one");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> TestRun.shards(spark, 51, directory.resolve("other")))
                .withMessageContaining("from 1 to the number of examples, 50");
    }

    @Test
    void write_examplesOfDifferentShapes_areRefused() {
        var one = new DataSet(Nd4j.ones(1, 4), Nd4j.ones(1, 2));
        var other = new DataSet(Nd4j.ones(1, 5), Nd4j.ones(1, 2));
        assertThatThrownBy(() -> ShardedExamples.write(spark.parallelize(List.of(one, other), 1), where()))
                .hasMessageContaining("the same arrays and shapes");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> ShardedExamples.write(
                        spark.parallelize(List.of(one, other), 2),
                        directory.resolve("two").toUri().toString()))
                .withMessageContaining("the same arrays and shapes");
    }

    /** Of a partition that is not the same when it is computed again, examples are lost or repeated (SPARK-23207). */
    @Test
    void write_repartitionOfAnUnorderedRdd_isRefused() {
        var rows = spark.parallelize(TestRun.data(DataType.DOUBLE).asList(), 4)
                .repartition(3)
                .map(row -> row)
                .repartition(2);
        assertThatIllegalArgumentException()
                .isThrownBy(() -> ShardedExamples.write(rows, where()))
                .withMessageContaining("SPARK-23207")
                .withMessageContaining("checkpoint");
    }

    /** Examples that a private release has changed, a stage which holds its constants. */
    private record Shifted(RandomAccessExamples examples, Origin origin) implements RandomAccessExamples {
        @Override
        public long size() {
            return examples.size();
        }

        @Override
        public MultiDataSet get(long[] indices) {
            return examples.get(indices);
        }
    }

    /** Shards do not keep what examples went through before. */
    @Test
    void write_examplesThroughAReleaseOrAMixingPreProcessor_areRefused() {
        RandomAccessExamples data = RandomAccessExamples.of(TestRun.data(DataType.DOUBLE));
        assertThatIllegalArgumentException()
                .isThrownBy(() -> ShardedExamples.write(
                        spark, new Shifted(data, Origin.ofRelease("statistics", "{}")), 2, where()))
                .withMessageContaining("statistics");
        var mixing = new ListDataSetIterator<>(TestRun.data(DataType.DOUBLE).asList(), 10);
        DataSetPreProcessor centering = batch ->
                batch.setFeatures(batch.getFeatures().sub(batch.getFeatures().meanNumber()));
        mixing.setPreProcessor(centering);
        RandomAccessExamples mixed = RecordExamples.inMemory(mixing);
        assertThatIllegalArgumentException()
                .isThrownBy(() -> ShardedExamples.write(spark, mixed, 2, where()))
                .withMessageContaining("not known to compute every example independently");
        assertThat(ShardedExamples.write(spark, new Shifted(data, Origin.PUBLIC), 2, where())
                        .size())
                .isEqualTo(data.size());
    }

    @Test
    void write_emptyPartitions_haveNoShard() {
        var rows = TestRun.data(DataType.DOUBLE).asList();
        var shards = ShardedExamples.write(
                spark.parallelize(rows, 10)
                        .filter(row -> true)
                        .mapPartitionsWithIndex(
                                (number, all) -> number % 2 == 0 ? all : java.util.Collections.emptyIterator(), true),
                where());
        assertThat(shards.shards()).isEqualTo(5);
        assertThat(shards.size()).isEqualTo(25);
        assertThatIllegalArgumentException()
                .isThrownBy(() -> ShardedExamples.write(
                        spark.parallelize(rows, 2).filter(row -> false),
                        directory.resolve("none").toUri().toString()))
                .withMessageContaining("at least one example");
    }

    /**
     * What SparkDl4jMultiLayer and SparkComputationGraph do on a worker (ParameterAveragingTrainingWorker, SharedTrainingWorker): a network from the configuration's JSON and the parameters, and
     * its fit. DL4J's Spark module is not served for this version.
     */
    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void fit_networkOnAWorkerOfDl4jsSparkMasters_isRefusedByName(boolean graph) {
        Model network = graph ? TestRun.network(DataType.DOUBLE, true) : TestRun.network(DataType.DOUBLE, false);
        DataSet data = TestRun.data(DataType.DOUBLE);
        try (var engine = SparkPrivacyEngine.attach(network, TestRun.plan(), spark)) {
            String json = graph
                    ? ((ComputationGraph) network).getConfiguration().toJson()
                    : ((MultiLayerNetwork) network).getLayerWiseConfigurations().toJson();
            double[] parameters = network.params().toDoubleVector();
            assertThatThrownBy(() -> spark.parallelize(data.batchBy(10), 2)
                            .map(batch -> {
                                if (graph) {
                                    var copy = new ComputationGraph(ComputationGraphConfiguration.fromJson(json));
                                    copy.init(Nd4j.createFromArray(parameters).reshape(1, -1), true);
                                    copy.fit(batch);
                                } else {
                                    var copy = new MultiLayerNetwork(MultiLayerConfiguration.fromJson(json));
                                    copy.init(Nd4j.createFromArray(parameters).reshape(1, -1), true);
                                    copy.fit(batch);
                                }
                                return 1;
                            })
                            .collect())
                    .hasStackTraceContaining("SparkDl4jMultiLayer")
                    .hasStackTraceContaining("SparkComputationGraph")
                    .hasStackTraceContaining("SparkPrivacyEngine");
            assertThat(engine.steps()).isZero();
        }
    }

    @Test
    void fit_configurationWithADpUpdaterOnAWorker_isRefusedByName() {
        var conf = new NeuralNetConfiguration.Builder()
                .updater(DpUpdater.of(new Sgd(0.1), TestRun.plan(true, Clipping.flat(1))))
                .list()
                .layer(new OutputLayer.Builder().nIn(4).nOut(2).build())
                .build();
        String json = conf.toJson();
        assertThatThrownBy(() -> spark.parallelize(List.of(1), 1)
                        .map(one -> {
                            var copy = new MultiLayerNetwork(MultiLayerConfiguration.fromJson(json));
                            copy.init();
                            copy.fit(new DataSet(Nd4j.ones(3, 4), Nd4j.ones(3, 2)));
                            return 1;
                        })
                        .collect())
                .hasStackTraceContaining("SparkDl4jMultiLayer")
                .hasStackTraceContaining("SparkPrivacyEngine");
    }

    @Test
    void fit_stepsDone_isRefused() {
        ShardedExamples shards = TestRun.shards(spark, 2, directory.resolve("shards"));
        try (var engine = SparkPrivacyEngine.attach(TestRun.network(), TestRun.plan(), spark)) {
            engine.fit(shards);
            assertThatIllegalStateException()
                    .isThrownBy(() -> engine.fit(shards))
                    .withMessageContaining("all of its 6 steps are done");
        }
    }

    @Test
    void requireSupported_otherVersionsOfSpark_areRefused() {
        for (String version : List.of("2.4.8", "3.4.4", "3.50.0", "5.0.0", "40.1")) {
            assertThatIllegalArgumentException()
                    .isThrownBy(() -> SparkPrivacyEngine.requireSupported(version))
                    .withMessageContaining("3.5 or 4, was " + version);
        }
        for (String version : List.of("3.5.0", "3.5.9", "4.0.0", "4.2.0")) {
            SparkPrivacyEngine.requireSupported(version);
        }
    }

    /** Spark 3.5 passes over the settings of TLS between its processes. */
    @Test
    void missing_tlsForSparkThatHasNone_isMissing() {
        var conf = new SparkConf(false)
                .set("spark.authenticate", "true")
                .set("spark.io.encryption.enabled", "true")
                .set("spark.ssl.rpc.enabled", "true");
        assertThat(NetworkTrust.missing(conf, "3.5.9")).containsExactly("spark.network.crypto.enabled=true");
        assertThat(NetworkTrust.missing(conf, "4.2.0")).isEmpty();
    }

    /** A schedule that Jackson writes and cannot read: it has no constructor for it. */
    static final class Unreadable implements ISchedule {
        private static final long serialVersionUID = 1L;
        private final double rate;

        Unreadable(double rate) {
            this.rate = rate;
        }

        @Override
        public double valueAt(int iteration, int epoch) {
            return rate;
        }

        @Override
        @SuppressWarnings("MethodDoesntCallSuperMethod")
        public ISchedule clone() {
            return this;
        }
    }

    @Test
    void attach_configurationThatDoesNotSurviveItsJson_isRefusedAndChangesNothing() {
        var network = new MultiLayerNetwork(new NeuralNetConfiguration.Builder()
                .updater(new Sgd(new Unreadable(0.1)))
                .list()
                .layer(new DenseLayer.Builder().nIn(4).nOut(4).build())
                .layer(new OutputLayer.Builder().nIn(4).nOut(2).build())
                .build());
        network.init();
        assertThatThrownBy(() -> SparkPrivacyEngine.attach(network, TestRun.plan(), spark))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("cannot be sent to executors")
                .hasMessageContaining("Jackson");
        assertThat(network.getUpdater(false)).isNull();
    }

    @Test
    void fit_augmentationThatIsNotSerializable_isRefusedAndChargesNothing() {
        ShardedExamples shards = TestRun.shards(spark, 2, directory.resolve("shards"));
        Object held = new Object();
        try (var engine = SparkPrivacyEngine.attach(TestRun.network(), TestRun.plan(), spark)) {
            assertThatIllegalArgumentException()
                    .isThrownBy(() -> engine.fit(shards, (features, random) -> {
                        assertThat(held).isNotNull();
                        return features;
                    }))
                    .withMessageContaining("Serializable")
                    .withMessageContaining("java.lang.Object");
            assertThat(engine.steps()).isZero();
            engine.fit(shards);
        }
    }

    /** What DL4J or a user's own code says may hold sizes of lots or values, and exceptions cross the network and are logged. */
    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void fit_exceptionOnAnExecutor_hasItsClassAndPlaceAndNoMessage(boolean isError) {
        ShardedExamples shards = TestRun.shards(spark, 2, directory.resolve("shards"));
        try (var engine = SparkPrivacyEngine.attach(TestRun.network(), TestRun.plan(), spark)) {
            assertThatThrownBy(() -> engine.fit(shards, (features, random) -> {
                        if (isError) {
                            throw new AssertionError("private-4711 at " + features.meanNumber());
                        }
                        throw new UnsupportedOperationException("private-4711 at " + features.meanNumber());
                    }))
                    .hasMessageContaining("shard-0000")
                    .hasMessageContaining(isError ? "java.lang.AssertionError" : "UnsupportedOperationException")
                    .hasMessageContaining("Nothing of it was released or charged")
                    .satisfies(e -> {
                        var text = new java.io.StringWriter();
                        e.printStackTrace(new java.io.PrintWriter(text));
                        assertThat(text.toString()).doesNotContain("private-4711");
                    });
            assertThat(engine.steps()).isZero();
        }
    }

    @Test
    void fit_multiplicityWithoutAnAugmentation_isRefused() {
        ShardedExamples shards = TestRun.shards(spark, 2, directory.resolve("shards"));
        try (var engine =
                SparkPrivacyEngine.attach(TestRun.network(), TestRun.plan().withAugmentationMultiplicity(2), spark)) {
            assertThatIllegalStateException()
                    .isThrownBy(() -> engine.fit(shards))
                    .withMessageContaining("fit(examples, augmentation)");
            assertThat(engine.steps()).isZero();
        }
    }

    /** Another size must not move an example to another shard. */
    @Test
    void fit_shardsCutByTheSizeOfTheData_areRefusedWhereThePlanHasAnother() {
        var data = LocalEqualityTest.Kind.MORE_EXAMPLES_THAN_PLANNED;
        var examples = RandomAccessExamples.of(data.data(DataType.DOUBLE, new java.util.Random(1)));
        ShardedExamples cutByItsSize = ShardedExamples.write(spark, examples, 4, where());
        try (var engine = SparkPrivacyEngine.attach(TestRun.network(), data.plan(), spark)) {
            assertThatIllegalArgumentException()
                    .isThrownBy(() -> engine.fit(cutByItsSize))
                    .withMessageContaining("cut by a size of 201")
                    .withMessageContaining("ShardedExamples.write(spark, examples, 200, shards, directory)");
            assertThat(engine.steps()).isZero();
        }
    }

    @Test
    void write_dataSetsOfNeighboringSizes_haveTheSameBordersUnderAPublicSize() {
        var data = LocalEqualityTest.Kind.MORE_EXAMPLES_THAN_PLANNED.data(DataType.DOUBLE, new java.util.Random(1));
        ShardedExamples more = ShardedExamples.write(
                spark,
                RandomAccessExamples.of(data),
                200,
                7,
                directory.resolve("more").toUri().toString());
        var first = new org.nd4j.linalg.dataset.MultiDataSet(
                data.getFeatures(0).get(org.nd4j.linalg.indexing.NDArrayIndex.interval(0, 200)),
                data.getLabels(0).get(org.nd4j.linalg.indexing.NDArrayIndex.interval(0, 200)));
        ShardedExamples fewer = ShardedExamples.write(
                spark,
                RandomAccessExamples.of(first),
                200,
                7,
                directory.resolve("fewer").toUri().toString());
        for (int shard = 0; shard < 6; shard++) {
            assertThat(more.manifest().shards().get(shard).sha256())
                    .isEqualTo(fewer.manifest().shards().get(shard).sha256());
        }
        assertThat(more.manifest().shards().get(6).count())
                .isEqualTo(fewer.manifest().shards().get(6).count() + 1);
    }

    @Test
    void attach_stoppedContext_isRefused() {
        spark.stop();
        try {
            assertThatIllegalStateException()
                    .isThrownBy(() -> SparkPrivacyEngine.attach(TestRun.network(), TestRun.plan(), spark))
                    .withMessageContaining("must be running")
                    .withMessageContaining("its master local[4,3] could not be reached");
        } finally {
            spark = TestRun.spark();
        }
    }
}
