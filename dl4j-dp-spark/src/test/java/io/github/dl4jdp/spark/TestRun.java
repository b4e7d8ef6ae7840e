// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.spark;

import io.github.dl4jdp.core.DpSgdPlan;
import io.github.dl4jdp.core.ExecutionOptions;
import io.github.dl4jdp.core.PrivacyEngine;
import io.github.dl4jdp.core.data.Augmentation;
import io.github.dl4jdp.core.data.RandomAccessExamples;
import io.github.dl4jdp.core.mechanism.Clipping;
import java.nio.file.Path;
import java.util.Random;
import org.apache.spark.SparkConf;
import org.apache.spark.api.java.JavaSparkContext;
import org.deeplearning4j.nn.api.Model;
import org.deeplearning4j.nn.conf.NeuralNetConfiguration;
import org.deeplearning4j.nn.conf.inputs.InputType;
import org.deeplearning4j.nn.conf.layers.ConvolutionLayer;
import org.deeplearning4j.nn.conf.layers.DenseLayer;
import org.deeplearning4j.nn.conf.layers.OutputLayer;
import org.deeplearning4j.nn.conf.weightnoise.DropConnect;
import org.deeplearning4j.nn.graph.ComputationGraph;
import org.deeplearning4j.nn.multilayer.MultiLayerNetwork;
import org.jspecify.annotations.Nullable;
import org.nd4j.linalg.activations.Activation;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.dataset.DataSet;
import org.nd4j.linalg.factory.Nd4j;
import org.nd4j.linalg.learning.config.Adam;
import org.nd4j.linalg.lossfunctions.LossFunctions.LossFunction;

/** Small networks, data and plans for a cluster in this process. */
final class TestRun {
    static final int EXAMPLES = 50;
    static final int STEPS = 6;
    static final ExecutionOptions OPTIONS =
            ExecutionOptions.defaults().withPhysicalBatchSize(4).withThreads(1);

    private TestRun() {}

    /** Four tasks at a time, each tried three times. */
    static JavaSparkContext spark() {
        return spark("local[4,3]");
    }

    static JavaSparkContext spark(String master) {
        return new JavaSparkContext(conf(master));
    }

    static SparkConf conf(String master) {
        return new SparkConf()
                .setMaster(master)
                .setAppName("dl4j-dp")
                .set("spark.ui.enabled", "false")
                .set("spark.driver.host", "127.0.0.1")
                .set("spark.driver.bindAddress", "127.0.0.1");
    }

    static DpSgdPlan plan(boolean poisson, Clipping clipping) {
        return (poisson ? DpSgdPlan.poisson(EXAMPLES, 12) : DpSgdPlan.fixedSize(EXAMPLES, 12))
                .withSteps(STEPS)
                .withClipping(clipping)
                .withNoiseMultiplier(0.8)
                .withDelta(1e-5)
                .withSeed(21);
    }

    static DpSgdPlan plan() {
        return plan(true, Clipping.flat(0.5));
    }

    static Model network(DataType type, boolean graph) {
        var builder = new NeuralNetConfiguration.Builder()
                .seed(5)
                .dataType(type)
                .updater(new Adam(0.02))
                .activation(Activation.TANH);
        var convolution = new ConvolutionLayer.Builder(3, 3).nOut(3).build();
        var dense = new DenseLayer.Builder()
                .nOut(6)
                .dropOut(0.7)
                .weightNoise(new DropConnect(0.8))
                .build();
        var output = new OutputLayer.Builder(LossFunction.MCXENT)
                .nOut(3)
                .activation(Activation.SOFTMAX)
                .build();
        InputType input = InputType.convolutional(5, 5, 1);
        if (graph) {
            var network = new ComputationGraph(builder.graphBuilder()
                    .addInputs("in")
                    .setInputTypes(input)
                    .addLayer("convolution", convolution, "in")
                    .addLayer("dense", dense, "convolution")
                    .addLayer("out", output, "dense")
                    .setOutputs("out")
                    .build());
            network.init();
            return network;
        }
        var network = new MultiLayerNetwork(builder.list()
                .layer(convolution)
                .layer(dense)
                .layer(output)
                .setInputType(input)
                .build());
        network.init();
        return network;
    }

    static Model network() {
        return network(DataType.DOUBLE, false);
    }

    static DataSet data(DataType type) {
        var random = new Random(3);
        INDArray features = Nd4j.create(type, EXAMPLES, 1, 5, 5);
        INDArray labels = Nd4j.create(type, EXAMPLES, 3);
        for (long i = 0; i < features.length(); i++) {
            features.putScalar(i, random.nextGaussian());
        }
        for (int i = 0; i < EXAMPLES; i++) {
            labels.putScalar(i, random.nextInt(3), 1);
        }
        return new DataSet(features, labels);
    }

    static RandomAccessExamples examples() {
        return RandomAccessExamples.of(data(DataType.DOUBLE));
    }

    static ShardedExamples shards(JavaSparkContext spark, int shards, Path directory) {
        return ShardedExamples.write(
                spark, examples(), shards, directory.toUri().toString());
    }

    /** The parameters after the run in one process. */
    static INDArray alone(DpSgdPlan plan, Model network, DataSet data, int shards) {
        return alone(plan, network, RandomAccessExamples.of(data), shards, null);
    }

    /** As {@link #alone(DpSgdPlan, Model, DataSet, int)}, of any examples. */
    static INDArray alone(
            DpSgdPlan plan, Model network, RandomAccessExamples data, int shards, @Nullable Augmentation augmentation) {
        return alone(plan, network, data, shards, augmentation, OPTIONS);
    }

    /** As {@link #alone(DpSgdPlan, Model, RandomAccessExamples, int, Augmentation)}, by other physical batches. */
    static INDArray alone(
            DpSgdPlan plan,
            Model network,
            RandomAccessExamples data,
            int shards,
            @Nullable Augmentation augmentation,
            ExecutionOptions options) {
        try (var engine = PrivacyEngine.attach(network, plan, options.withShards(shards))) {
            if (network instanceof MultiLayerNetwork list) {
                list.fit(augmentation == null ? engine.lots(data) : engine.lots(data, augmentation), plan.epochs());
            } else {
                ((ComputationGraph) network)
                        .fit(
                                augmentation == null ? engine.multiLots(data) : engine.multiLots(data, augmentation),
                                plan.epochs());
            }
        }
        return network.params();
    }
}
