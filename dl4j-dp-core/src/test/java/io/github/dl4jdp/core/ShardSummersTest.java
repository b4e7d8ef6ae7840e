// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import io.github.dl4jdp.core.data.RandomAccessExamples;
import io.github.dl4jdp.core.gradient.GradientRules;
import io.github.dl4jdp.core.internal.training.ShardSummer;
import io.github.dl4jdp.core.mechanism.Clipping;
import io.github.dl4jdp.core.mechanism.LotSums;
import io.github.dl4jdp.core.mechanism.LotTask;
import io.github.dl4jdp.core.mechanism.Mechanism;
import io.github.dl4jdp.core.mechanism.ShardSum;
import io.github.dl4jdp.core.random.LotKey;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.deeplearning4j.nn.api.Model;
import org.deeplearning4j.nn.conf.NeuralNetConfiguration;
import org.deeplearning4j.nn.conf.inputs.InputType;
import org.deeplearning4j.nn.conf.layers.ConvolutionLayer;
import org.deeplearning4j.nn.conf.layers.DenseLayer;
import org.deeplearning4j.nn.conf.layers.OutputLayer;
import org.deeplearning4j.nn.conf.weightnoise.DropConnect;
import org.deeplearning4j.nn.graph.ComputationGraph;
import org.deeplearning4j.nn.multilayer.MultiLayerNetwork;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.nd4j.linalg.activations.Activation;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.dataset.DataSet;
import org.nd4j.linalg.dataset.api.MultiDataSet;
import org.nd4j.linalg.factory.Nd4j;
import org.nd4j.linalg.learning.config.Adam;
import org.nd4j.linalg.lossfunctions.LossFunctions.LossFunction;

/**
 * Every lot computed by summers in threads of their own, on copies of the network, in any order, one of them repeated and thrown away: the same parameters, bit for bit, as one
 * process that sums the same shards.
 */
class ShardSummersTest {
    private static final int EXAMPLES = 50;
    private static final int STEPS = 8;

    static List<Arguments> runs() {
        var runs = new ArrayList<Arguments>();
        for (DataType type : List.of(DataType.DOUBLE, DataType.FLOAT)) {
            for (int shards : new int[] {1, 2, 3, 8}) {
                runs.add(Arguments.of(type, shards, true, Clipping.flat(0.5), shards == 3));
            }
            runs.add(Arguments.of(type, 3, false, Clipping.adaptive(0.3), false));
            runs.add(Arguments.of(type, 3, true, Clipping.perLayer(0.5), true));
            runs.add(Arguments.of(type, 3, false, Clipping.automatic(0.5), true));
        }
        return runs;
    }

    private static DpSgdPlan plan(boolean poisson, Clipping clipping) {
        return (poisson ? DpSgdPlan.poisson(EXAMPLES, 12) : DpSgdPlan.fixedSize(EXAMPLES, 12))
                .withSteps(STEPS)
                .withClipping(clipping)
                .withNoiseMultiplier(0.8)
                .withDelta(1e-5)
                .withSeed(21);
    }

    /** With dropout and weight noise, whose draws follow from the lot's key. */
    private static Model network(DataType type, boolean graph) {
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

    private static DataSet data(DataType type) {
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

    @ParameterizedTest
    @MethodSource("runs")
    void sums_shardsInThreadsInAnyOrder_reachTheSameParameters(
            DataType type, int shards, boolean poisson, Clipping clipping, boolean graph) throws Exception {
        DpSgdPlan plan = plan(poisson, clipping);
        DataSet data = data(type);
        var options = ExecutionOptions.defaults().withPhysicalBatchSize(4).withThreads(1);

        Model alone = network(type, graph);
        try (var engine = PrivacyEngine.attach(alone, plan, options.withShards(shards))) {
            if (alone instanceof MultiLayerNetwork list) {
                list.fit(engine.lots(data), plan.epochs());
            } else {
                ((ComputationGraph) alone).fit(engine.lots(data), plan.epochs());
            }
            assertThat(engine.steps()).isEqualTo(STEPS);
        }

        Model driver = network(type, graph);
        var random = new Random(8);
        ExecutorService threads = Executors.newFixedThreadPool(3);
        var summers = new ArrayList<ShardSummer>();
        try (var engine = PrivacyEngine.attach(driver, plan, options)) {
            for (int k = 0; k < 3; k++) {
                summers.add(ShardSummer.of(network(type, graph), plan.complete(), GradientRules.builtIn(), 1));
            }
            RandomAccessExamples examples = RandomAccessExamples.of(data);
            var sums = new LotSums() {
                @Override
                public long size() {
                    return EXAMPLES;
                }

                @Override
                public MultiDataSet standIn() {
                    return examples.get(new long[] {0});
                }

                @Override
                public List<ShardSum> sum(LotTask task) {
                    return sums(task, plan.mechanism(), driver.params(), examples, shards, summers, threads, random);
                }
            };
            if (driver instanceof MultiLayerNetwork list) {
                list.fit(engine.lots(sums), plan.epochs());
            } else {
                ((ComputationGraph) driver).fit(engine.multiLots(sums), plan.epochs());
            }
            assertThat(engine.steps()).isEqualTo(STEPS);
            assertThat(engine.epsilon()).isInfinite(); // seeded
        } finally {
            threads.shutdown();
            summers.forEach(ShardSummer::close);
        }
        // Arrays of numbers: INDArray.equals has a tolerance.
        assertThat(driver.params().toDoubleVector()).isEqualTo(alone.params().toDoubleVector());
        assertThat(driver.params()).isNotEqualTo(network(type, graph).params());
    }

    private static List<ShardSum> sums(
            LotTask task,
            Mechanism mechanism,
            INDArray parameters,
            RandomAccessExamples examples,
            int shards,
            List<ShardSummer> summers,
            ExecutorService threads,
            Random random) {
        // What crosses the wire: bytes and numbers.
        var sent = new LotTask(
                LotKey.of(task.key().toBytes()),
                task.lot(),
                task.clippingNorm(),
                task.gridStep(),
                task.iteration(),
                task.epoch());
        var order = new ArrayList<Integer>();
        for (int shard = 0; shard < shards; shard++) {
            order.add(shard);
        }
        Collections.shuffle(order, random);
        int repeated = random.nextInt(shards);
        var results = new ArrayList<Future<ShardSum>>();
        var locks = summers;
        for (int i = 0; i <= shards; i++) {
            int shard = i == shards ? repeated : order.get(i);
            ShardSummer summer = locks.get(random.nextInt(locks.size()));
            results.add(threads.submit(() -> {
                synchronized (summer) {
                    return sum(summer, sent, mechanism, parameters, examples, shard, shards);
                }
            }));
        }
        try {
            var sums = new ArrayList<ShardSum>();
            for (int i = 0; i < shards; i++) {
                sums.add(results.get(i).get());
            }
            ShardSum again = results.get(shards).get();
            assertThat(again.units())
                    .isEqualTo(sums.get(order.indexOf(repeated)).units());
            return sums;
        } catch (Exception e) {
            throw new IllegalStateException(e);
        }
    }

    private static ShardSum sum(
            ShardSummer summer,
            LotTask task,
            Mechanism mechanism,
            INDArray parameters,
            RandomAccessExamples examples,
            int shard,
            int shards) {
        long from = border(shard, shards);
        long to = border(shard + 1, shards);
        long[] members = mechanism.draw(task.key(), task.lot(), from, to, EXAMPLES);
        var batches = new ArrayList<ShardSummer.Batch>();
        for (int i = 0; i < members.length; i += 4) {
            long[] part = Arrays.copyOfRange(members, i, Math.min(members.length, i + 4));
            batches.add(new ShardSummer.Batch(examples.get(part), part));
        }
        return summer.sum(task, parameters, batches);
    }

    /** Shards of equal length, the first ones longer by one where they cannot be. */
    private static long border(int count, int shards) {
        return (long) EXAMPLES / shards * count + Math.min(count, EXAMPLES % shards);
    }

    /** Without noise the grid is a fine one: shards change nothing beyond rounding. */
    @ParameterizedTest
    @ValueSource(ints = {2, 3, 8, 60})
    void fit_withoutNoise_shardsChangeNothingBeyondRounding(int shards) {
        var params = new ArrayList<INDArray>();
        for (int count : new int[] {1, shards}) {
            Model network = network(DataType.DOUBLE, false);
            DpSgdPlan plan = plan(true, Clipping.flat(0.5)).withoutNoise();
            try (var engine = PrivacyEngine.attach(
                    network, plan, ExecutionOptions.defaults().withShards(count))) {
                ((MultiLayerNetwork) network).fit(engine.lots(data(DataType.DOUBLE)), plan.epochs());
            }
            params.add(network.params());
        }
        assertThat(params.get(0).distance2(params.get(1))).isLessThan(1e-9);
    }

    @Test
    void of_truncatedBackprop_isRefused() {
        var plan = plan(true, Clipping.flat(1)).withTruncatedBackprop(8, 4);
        assertThatIllegalArgumentException()
                .isThrownBy(() ->
                        ShardSummer.of(network(DataType.DOUBLE, false), plan.complete(), GradientRules.builtIn(), 1))
                .withMessageContaining("truncated");
    }
}
