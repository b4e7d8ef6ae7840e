// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.spark;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.dl4jdp.accountant.CorrelatedNoise;
import io.github.dl4jdp.core.DpSgdPlan;
import io.github.dl4jdp.core.data.ArrayFileExamples;
import io.github.dl4jdp.core.data.RandomAccessExamples;
import io.github.dl4jdp.core.data.RecordExamples;
import io.github.dl4jdp.core.mechanism.Clipping;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.apache.spark.api.java.JavaSparkContext;
import org.deeplearning4j.datasets.iterator.utilty.ListDataSetIterator;
import org.deeplearning4j.nn.api.Model;
import org.deeplearning4j.nn.conf.NeuralNetConfiguration;
import org.deeplearning4j.nn.conf.inputs.InputType;
import org.deeplearning4j.nn.conf.layers.DenseLayer;
import org.deeplearning4j.nn.conf.layers.OutputLayer;
import org.deeplearning4j.nn.multilayer.MultiLayerNetwork;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import org.nd4j.linalg.activations.Activation;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.dataset.DataSet;
import org.nd4j.linalg.dataset.api.MultiDataSet;
import org.nd4j.linalg.dataset.api.preprocessor.NormalizerStandardize;
import org.nd4j.linalg.factory.Nd4j;
import org.nd4j.linalg.lossfunctions.LossFunctions.LossFunction;

/** A run on a cluster reaches the parameters of a run in one process, bit for bit. */
class SparkPrivacyEngineTest {
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

    static List<Arguments> runs() {
        var runs = new ArrayList<Arguments>();
        for (DataType type : List.of(DataType.DOUBLE, DataType.FLOAT)) {
            for (int shards : new int[] {1, 2, 3, 8}) {
                runs.add(Arguments.of(type, shards, true, Clipping.flat(0.5), shards == 3));
            }
            runs.add(Arguments.of(type, 3, false, Clipping.adaptive(0.3), false));
            runs.add(Arguments.of(type, 3, true, Clipping.perLayer(0.5), true));
            runs.add(Arguments.of(type, 8, false, Clipping.automatic(0.5), true));
        }
        return runs;
    }

    @ParameterizedTest
    @MethodSource("runs")
    void fit_shards_reachesTheParametersOfOneProcess(
            DataType type, int shards, boolean poisson, Clipping clipping, boolean graph) {
        var plan = TestRun.plan(poisson, clipping);
        DataSet data = TestRun.data(type);
        INDArray expected = TestRun.alone(plan, TestRun.network(type, graph), data, shards);

        String where = directory.resolve("shards").toUri().toString();
        ShardedExamples.write(spark, RandomAccessExamples.of(data), shards, where);
        Model network = TestRun.network(type, graph);
        try (var engine = SparkPrivacyEngine.attach(network, plan, spark, TestRun.OPTIONS)) {
            engine.fit(ShardedExamples.open(spark, where));
            assertThat(engine.steps()).isEqualTo(TestRun.STEPS);
            assertThat(engine.remainingSteps()).isZero();
            assertThat(engine.report().toString())
                    .contains("Apache Spark " + spark.version())
                    .contains("in " + shards + " shards");
        }
        assertThat(network.params().toDoubleVector()).isEqualTo(expected.toDoubleVector());
        assertThat(network.params()).isNotEqualTo(TestRun.network(type, graph).params());
    }

    @Test
    void report_shardsOfNormalizedExamples_namesWhatTheyWentThrough() {
        DataSet data = TestRun.data(DataType.DOUBLE);
        var normalizer = new NormalizerStandardize();
        normalizer.fit(data.copy());
        var normalized = new ListDataSetIterator<>(data.asList(), 5);
        normalized.setPreProcessor(normalizer);
        String where = directory.resolve("normalized").toUri().toString();
        ShardedExamples.write(spark, RecordExamples.inMemory(normalized), 2, where);
        try (var engine = SparkPrivacyEngine.attach(
                TestRun.network(DataType.DOUBLE, false),
                TestRun.plan(true, Clipping.flat(1)),
                spark,
                TestRun.OPTIONS)) {
            engine.fit(ShardedExamples.open(spark, where));
            assertThat(engine.report().assumptions())
                    .anyMatch(line -> line.startsWith(
                            "when the shards were written, the NormalizerStandardize was fitted on public data"));
        }
    }

    @Test
    void fit_sumsAddedUpOnExecutors_reachesTheSameParameters() {
        var plan = TestRun.plan();
        INDArray expected = TestRun.alone(plan, TestRun.network(), TestRun.data(DataType.DOUBLE), 8);
        Model network = TestRun.network();
        try (var engine = SparkPrivacyEngine.attach(network, plan, spark, TestRun.OPTIONS)) {
            engine.fit(TestRun.shards(spark, 8, directory), 0, task -> task);
        }
        assertThat(network.params().toDoubleVector()).isEqualTo(expected.toDoubleVector());
    }

    @Test
    void fit_correlatedNoise_reachesTheSameParameters() {
        var plan = TestRun.plan().withCorrelatedNoise(CorrelatedNoise.bandMf(3));
        INDArray expected = TestRun.alone(plan, TestRun.network(), TestRun.data(DataType.DOUBLE), 8);
        Model network = TestRun.network();
        try (var engine = SparkPrivacyEngine.attach(network, plan, spark, TestRun.OPTIONS)) {
            engine.fit(TestRun.shards(spark, 8, directory));
        }
        assertThat(network.params().toDoubleVector()).isEqualTo(expected.toDoubleVector());
    }

    @Test
    void fit_partitionsOfAnRdd_reachesTheSameParameters() {
        var plan = TestRun.plan();
        DataSet data = TestRun.data(DataType.DOUBLE);
        INDArray expected = TestRun.alone(plan, TestRun.network(), data, 5);
        String where = directory.resolve("shards").toUri().toString();
        var rows = spark.parallelize(data.asList(), 5);
        ShardedExamples written = ShardedExamples.write(rows, where);
        assertThat(written.size()).isEqualTo(TestRun.EXAMPLES);
        assertThat(written.shards()).isEqualTo(5);
        Model network = TestRun.network();
        try (var engine = SparkPrivacyEngine.attach(network, plan, spark, TestRun.OPTIONS)) {
            engine.fit(ShardedExamples.open(spark, where));
        }
        assertThat(network.params().toDoubleVector()).isEqualTo(expected.toDoubleVector());
    }

    /** One result a shard and parameter is too much for the driver then. */
    @Test
    void fit_moreThanTwoMillionParameters_areAddedUpOnExecutors() {
        var plan = DpSgdPlan.poisson(TestRun.EXAMPLES, 12)
                .withSteps(2)
                .withClippingNorm(0.5)
                .withNoiseMultiplier(0.8)
                .withDelta(1e-5)
                .withSeed(21);
        DataSet data = TestRun.data(DataType.FLOAT);
        INDArray expected = TestRun.alone(plan, large(), data, 8);
        Model network = large();
        assertThat(network.numParams()).isGreaterThan(ClusterSums.LARGEST_COLLECTED);
        ShardedExamples shards = ShardedExamples.write(
                spark, RandomAccessExamples.of(data), 8, directory.toUri().toString());
        try (var engine = SparkPrivacyEngine.attach(network, plan, spark, TestRun.OPTIONS)) {
            spark.setJobGroup("large", "large");
            engine.fit(shards);
        } finally {
            spark.clearJobGroup();
        }
        assertThat(network.params().toDoubleVector()).isEqualTo(expected.toDoubleVector());
        var tracker = spark.statusTracker();
        for (int job : tracker.getJobIdsForGroup("large")) {
            assertThat(tracker.getJobInfo(job).stageIds()).hasSizeGreaterThan(1);
        }
        assertThat(tracker.getJobIdsForGroup("large")).hasSize(2);
    }

    private static Model large() {
        var network = new MultiLayerNetwork(new NeuralNetConfiguration.Builder()
                .seed(5)
                .list()
                .layer(new DenseLayer.Builder().nOut(75_000).build())
                .layer(new OutputLayer.Builder(LossFunction.MCXENT)
                        .nOut(3)
                        .activation(Activation.SOFTMAX)
                        .build())
                .setInputType(InputType.convolutional(5, 5, 1))
                .build());
        network.init();
        return network;
    }

    @Test
    void write_multiDataSetsAndArrayFiles_reachTheSameParameters() throws Exception {
        var plan = TestRun.plan();
        DataSet data = TestRun.data(DataType.FLOAT);
        INDArray expected = TestRun.alone(plan, TestRun.network(DataType.FLOAT, true), data, 5);

        List<MultiDataSet> rows = new ArrayList<>();
        data.asList().forEach(row -> rows.add(row.toMultiDataSet()));
        ShardedExamples.writeMulti(
                spark.parallelize(rows, 5), directory.resolve("multi").toUri().toString());

        Path features = directory.resolve("features.npy");
        Path labels = directory.resolve("labels.npy");
        Nd4j.writeAsNumpy(data.getFeatures(), features.toFile());
        Nd4j.writeAsNumpy(data.getLabels(), labels.toFile());
        ShardedExamples.write(
                spark,
                ArrayFileExamples.numpy(features, labels),
                5,
                directory.resolve("files").toUri().toString());

        for (String set : List.of("multi", "files")) {
            Model network = TestRun.network(DataType.FLOAT, true);
            try (var engine = SparkPrivacyEngine.attach(network, plan, spark, TestRun.OPTIONS)) {
                engine.fit(ShardedExamples.open(
                        spark, directory.resolve(set).toUri().toString()));
            }
            assertThat(network.params().toDoubleVector()).as(set).isEqualTo(expected.toDoubleVector());
        }
    }
}
