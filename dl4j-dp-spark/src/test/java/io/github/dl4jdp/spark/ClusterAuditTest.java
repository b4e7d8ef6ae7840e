// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.spark;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.dl4jdp.accountant.DpEvent;
import io.github.dl4jdp.audit.StepAudit;
import io.github.dl4jdp.core.DpSgdPlan;
import io.github.dl4jdp.core.data.RandomAccessExamples;
import java.nio.file.Path;
import java.util.List;
import org.apache.spark.api.java.JavaSparkContext;
import org.deeplearning4j.nn.conf.NeuralNetConfiguration;
import org.deeplearning4j.nn.conf.layers.OutputLayer;
import org.deeplearning4j.nn.multilayer.MultiLayerNetwork;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.nd4j.linalg.activations.Activation;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.dataset.DataSet;
import org.nd4j.linalg.factory.Nd4j;
import org.nd4j.linalg.learning.config.Sgd;
import org.nd4j.linalg.lossfunctions.LossFunctions.LossFunction;

/** The attack on single steps, whose lots executors sum: the claim of the plan holds, one of more noise does not. */
class ClusterAuditTest {
    private static final int TRIALS = 300;

    private static DataSet examples(int count, double value) {
        DataSet data = new DataSet(
                Nd4j.valueArrayOf(new long[] {count, 3}, value, DataType.DOUBLE),
                Nd4j.zeros(DataType.DOUBLE, count, 2));
        data.getLabels().getColumn(value > 1 ? 0 : 1).assign(1);
        return data;
    }

    private static MultiLayerNetwork network() {
        var network = new MultiLayerNetwork(new NeuralNetConfiguration.Builder()
                .seed(1)
                .dataType(DataType.DOUBLE)
                .updater(new Sgd(1))
                .list()
                .layer(new OutputLayer.Builder(LossFunction.MCXENT)
                        .nIn(3)
                        .nOut(2)
                        .activation(Activation.SOFTMAX)
                        .build())
                .build());
        network.init();
        return network;
    }

    /** A correct engine is accused with probability 1 % at most. */
    @Test
    @Tag("slow")
    @Tag("cluster")
    void step_ofACluster_holdsItsClaimAndNoOther(@TempDir Path directory) {
        DpSgdPlan plan = DpSgdPlan.poisson(2, 2)
                .withSteps(TRIALS)
                .withClippingNorm(1)
                .withNoiseMultiplier(0.5)
                .withDelta(1e-5)
                .withSeed(5);
        DataSet data = examples(2, 0.1);
        DataSet canary = examples(1, 20);
        MultiLayerNetwork network = network();
        try (var spark = TestRun.spark("local[2]")) {
            var run = NetworkRun.of(network, plan.mechanism(), 0, 1, 0, true);
            try (var with = sums(spark, network, run, DataSet.merge(List.of(data, canary)), directory.resolve("with"));
                    var without = sums(spark, network, run, data, directory.resolve("without"))) {
                StepAudit audit = StepAudit.of(() -> network, plan.withSteps(1), data, canary)
                        .withConfidence(0.99)
                        .withTrials(TRIALS)
                        .withSums(with, without);
                var result = audit.run();
                assertThat(result.isContradicted()).as(result.toString()).isFalse();
                assertThat(result.gaussianEpsilonLowerBound()).isBetween(1.0, result.claimedEpsilon());
            }
            MultiLayerNetwork again = network();
            try (var with = sums(spark, again, run, DataSet.merge(List.of(data, canary)), directory.resolve("with2"));
                    var without = sums(spark, again, run, data, directory.resolve("without2"))) {
                assertThat(StepAudit.of(() -> again, plan.withSteps(1), data, canary)
                                .withConfidence(0.99)
                                .withTrials(TRIALS)
                                .withClaim(new DpEvent.Gaussian(1.5))
                                .withSums(with, without)
                                .run()
                                .isContradicted())
                        .isTrue();
            }
        }
    }

    /** Two shards, cut by the plan's two examples: the canary is one more of the last. */
    private static ClusterSums sums(
            JavaSparkContext spark, MultiLayerNetwork network, NetworkRun run, DataSet data, Path directory) {
        ShardedExamples shards = ShardedExamples.write(
                spark, RandomAccessExamples.of(data), 2, 2, directory.toUri().toString());
        return new ClusterSums(
                spark, network, run, shards, null, List.of(), ClusterSums.LARGEST_COLLECTED, task -> task);
    }
}
