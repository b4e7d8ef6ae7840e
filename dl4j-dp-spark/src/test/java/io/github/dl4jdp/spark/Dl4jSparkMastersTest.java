// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.spark;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.dl4jdp.core.DpUpdater;
import io.github.dl4jdp.core.PrivacyEngine;
import org.apache.spark.api.java.JavaSparkContext;
import org.deeplearning4j.nn.api.Model;
import org.deeplearning4j.nn.conf.NeuralNetConfiguration;
import org.deeplearning4j.nn.conf.layers.OutputLayer;
import org.deeplearning4j.nn.graph.ComputationGraph;
import org.deeplearning4j.nn.multilayer.MultiLayerNetwork;
import org.deeplearning4j.spark.api.RDDTrainingApproach;
import org.deeplearning4j.spark.impl.graph.SparkComputationGraph;
import org.deeplearning4j.spark.impl.multilayer.SparkDl4jMultiLayer;
import org.deeplearning4j.spark.impl.paramavg.ParameterAveragingTrainingMaster;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.dataset.DataSet;
import org.nd4j.linalg.factory.Nd4j;
import org.nd4j.linalg.learning.config.Sgd;
import org.nd4j.linalg.lossfunctions.LossFunctions.LossFunction;

/** DL4J's own training on Spark, by its last published module (1.0.0-M2, whose classes are those of M2.1 in this respect): a network with a plan is refused there, whoever trains it. */
class Dl4jSparkMastersTest {
    @SuppressWarnings("NullAway.Init")
    private static JavaSparkContext spark;

    @BeforeAll
    static void start() {
        spark = TestRun.spark();
    }

    @AfterAll
    static void stop() {
        spark.stop();
    }

    private static ParameterAveragingTrainingMaster master() {
        return new ParameterAveragingTrainingMaster.Builder(1)
                .batchSizePerWorker(5)
                .averagingFrequency(1)
                .workerPrefetchNumBatches(0)
                .rddTrainingApproach(RDDTrainingApproach.Direct)
                .build();
    }

    private static void train(Model network, DataSet data) {
        var rdd = spark.parallelize(data.batchBy(5), 2);
        if (network instanceof ComputationGraph graph) {
            new SparkComputationGraph(spark, graph, master()).fit(rdd);
        } else {
            new SparkDl4jMultiLayer(spark, (MultiLayerNetwork) network, master()).fit(rdd);
        }
    }

    private static void refused(Model network, DataSet data) {
        INDArray before = network.params().dup();
        assertThatThrownBy(() -> train(network, data))
                .hasStackTraceContaining("ParallelWrapper, SparkDl4jMultiLayer and SparkComputationGraph train copies")
                .hasStackTraceContaining("SparkPrivacyEngine of dl4j-dp-spark");
        assertThat(network.params()).isEqualTo(before);
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void fit_networkWithAnEngine_isRefusedByNameWithTheRemedy(boolean graph) {
        Model network = TestRun.network(DataType.DOUBLE, graph);
        try (var engine = PrivacyEngine.attach(network, TestRun.plan())) {
            refused(network, TestRun.data(DataType.DOUBLE));
            assertThat(engine.steps()).isZero();
        }
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void fit_configurationWithADpUpdater_isRefusedByNameWithTheRemedy(boolean graph) {
        var output = new OutputLayer.Builder(LossFunction.MSE).nIn(4).nOut(2).build();
        var builder = new NeuralNetConfiguration.Builder().updater(DpUpdater.of(new Sgd(0.1), TestRun.plan()));
        Model network = graph
                ? new ComputationGraph(builder.graphBuilder()
                        .addInputs("in")
                        .addLayer("out", output, "in")
                        .setOutputs("out")
                        .build())
                : new MultiLayerNetwork(builder.list().layer(output).build());
        network.init();
        refused(network, new DataSet(Nd4j.ones(20, 4), Nd4j.ones(20, 2)));
    }

    /** The refusals are not of this test's set-up. */
    @Test
    void fit_networkWithoutAPlan_trains() {
        var network = new MultiLayerNetwork(new NeuralNetConfiguration.Builder()
                .updater(new Sgd(0.1))
                .list()
                .layer(new OutputLayer.Builder(LossFunction.MSE).nIn(4).nOut(2).build())
                .build());
        network.init();
        INDArray before = network.params().dup();
        train(network, new DataSet(Nd4j.ones(20, 4), Nd4j.ones(20, 2)));
        assertThat(network.params()).isNotEqualTo(before);
    }
}
