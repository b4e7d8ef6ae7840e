// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.examples;

import io.github.dl4jdp.core.DpSgdPlan;
import io.github.dl4jdp.core.ExecutionOptions;
import io.github.dl4jdp.core.PrivacyEngine;
import io.github.dl4jdp.core.data.RandomAccessExamples;
import io.github.dl4jdp.spark.ShardedExamples;
import io.github.dl4jdp.spark.SparkPrivacyEngine;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.apache.spark.SparkConf;
import org.apache.spark.api.java.JavaSparkContext;
import org.deeplearning4j.nn.api.Model;
import org.deeplearning4j.nn.conf.NeuralNetConfiguration;
import org.deeplearning4j.nn.conf.inputs.InputType;
import org.deeplearning4j.nn.conf.layers.DenseLayer;
import org.deeplearning4j.nn.conf.layers.OutputLayer;
import org.deeplearning4j.nn.multilayer.MultiLayerNetwork;
import org.deeplearning4j.optimize.api.BaseTrainingListener;
import org.nd4j.linalg.activations.Activation;
import org.nd4j.linalg.dataset.DataSet;
import org.nd4j.linalg.factory.Nd4j;
import org.nd4j.linalg.learning.config.Sgd;
import org.nd4j.linalg.lossfunctions.LossFunctions.LossFunction;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** What a step costs on Spark beyond the same step in one process: lots of a few examples, so that nearly all of it is broadcast, scheduling and collection. */
@Command(
        name = "ClusterOverhead",
        description = "Times steps on Spark against the same steps in one process, by parameters and shards.")
public final class ClusterOverhead extends ExampleMain {
    private static final int EXAMPLES = 64;
    private static final int LOT_SIZE = 8;
    private static final int INPUTS = 100;
    /** Steps until Java's compiler has seen the code. */
    private static final int WARM_UP = 4;

    @Mixin
    private final SparkOptions spark = new SparkOptions();

    @Option(
            names = "--parameters",
            split = ",",
            paramLabel = "N",
            description = "Lengths of the sums (default: ${DEFAULT-VALUE}).",
            defaultValue = "10000,1000000,10000000")
    private List<Integer> parameters = List.of();

    @Option(
            names = "--numbers-of-shards",
            split = ",",
            paramLabel = "N",
            description = "Tasks of a step (default: ${DEFAULT-VALUE}).",
            defaultValue = "2,4,8")
    private List<Integer> numbersOfShards = List.of();

    @Option(
            names = "--steps",
            description = "Steps of a run that count (default: ${DEFAULT-VALUE}).",
            defaultValue = "12")
    private int steps;

    @Option(
            names = "--rounds",
            description =
                    "Runs in one process and on Spark, in turns; the fastest step counts (default: ${DEFAULT-VALUE}).",
            defaultValue = "3")
    private int rounds;

    private ClusterOverhead() {
        super(1.0);
    }

    /** Runs the benchmark. */
    public static void main(String[] args) {
        SparkPresence.require();
        System.exit(execute(new ClusterOverhead(), args));
    }

    @Override
    void run() throws IOException {
        cell("Wall time of the fastest step, of " + rounds + " runs each in turns");
        Table table = new Table("parameters", "shards", "one process", "Spark", "overhead", "ratio");
        SparkConf conf = spark.conf("ClusterOverhead");
        try (var context = new JavaSparkContext(conf)) {
            for (int length : parameters) {
                for (int shards : numbersOfShards) {
                    double here = Double.POSITIVE_INFINITY;
                    double there = Double.POSITIVE_INFINITY;
                    for (int round = 0; round < rounds; round++) {
                        here = Math.min(here, local(length, shards));
                        there = Math.min(there, onSpark(context, length, shards));
                    }
                    table.row(
                            String.valueOf(network(length).numParams()),
                            String.valueOf(shards),
                            number("%.0f ms", here),
                            number("%.0f ms", there),
                            number("%.0f ms", there - here),
                            number("%.1f", there / here));
                }
            }
            print(context.master() + ", Spark " + context.version());
        }
        print(table);
    }

    private DpSgdPlan plan() {
        return DpSgdPlan.poisson(EXAMPLES, LOT_SIZE)
                .withSteps(WARM_UP + steps)
                .withClippingNorm(1)
                .withNoiseMultiplier(1)
                .withDelta(1e-5);
    }

    private static RandomAccessExamples data() {
        return RandomAccessExamples.of(
                new DataSet(Nd4j.ones(EXAMPLES, INPUTS), Nd4j.ones(EXAMPLES, 2).muli(0.5)));
    }

    private double local(int length, int shards) {
        MultiLayerNetwork network = network(length);
        try (var engine = PrivacyEngine.attach(
                network, plan(), ExecutionOptions.defaults().withShards(shards))) {
            var times = new Times();
            network.addListeners(times);
            network.fit(engine.lots(data()), engine.plan().epochs());
            return times.least();
        }
    }

    private double onSpark(JavaSparkContext context, int length, int shards) throws IOException {
        MultiLayerNetwork network = network(length);
        Path folder = Files.createTempDirectory("dl4j-dp-overhead");
        try (var engine = SparkPrivacyEngine.attach(network, plan(), context)) {
            if (spark.trustsTheNetwork) {
                engine.trustingTheNetwork();
            }
            var times = new Times();
            network.addListeners(times);
            engine.fit(ShardedExamples.write(
                    context, data(), shards, folder.resolve("set").toUri().toString()));
            return times.least();
        } finally {
            SparkOptions.delete(folder);
        }
    }

    private static MultiLayerNetwork network(int length) {
        var network = new MultiLayerNetwork(new NeuralNetConfiguration.Builder()
                .seed(1)
                .updater(new Sgd(0.01))
                .list()
                .layer(new DenseLayer.Builder()
                        .nIn(INPUTS)
                        .nOut(Math.max(1, length / (INPUTS + 3)))
                        .activation(Activation.RELU)
                        .build())
                .layer(new OutputLayer.Builder(LossFunction.MCXENT)
                        .nOut(2)
                        .activation(Activation.SOFTMAX)
                        .build())
                .setInputType(InputType.feedForward(INPUTS))
                .build());
        network.init();
        return network;
    }

    /** From one update to the next. */
    private static final class Times extends BaseTrainingListener {
        private double least = Double.POSITIVE_INFINITY;
        private long last;

        @Override
        public void iterationDone(Model model, int iteration, int epoch) {
            long now = System.nanoTime();
            if (iteration > WARM_UP) {
                least = Math.min(least, (now - last) / 1e6);
            }
            last = now;
        }

        double least() {
            return least;
        }
    }
}
