// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.spark;

import io.github.dl4jdp.core.mechanism.LotSums;
import io.github.dl4jdp.core.mechanism.LotTask;
import io.github.dl4jdp.core.mechanism.ShardSum;
import java.util.List;
import java.util.stream.IntStream;
import org.apache.spark.api.java.JavaRDD;
import org.apache.spark.api.java.JavaSparkContext;
import org.apache.spark.api.java.function.Function;
import org.apache.spark.broadcast.Broadcast;
import org.deeplearning4j.nn.api.Model;
import org.jspecify.annotations.Nullable;
import org.nd4j.linalg.dataset.api.MultiDataSet;

/**
 * The sums of lots, one task a shard.
 *
 * <p><b>Formal guarantee.</b> Spark is only asked to evaluate a pure function. Its answers are used if each shard is in them exactly once, for this lot and at these parameters; otherwise, or if one
 * cannot be had, nothing is returned, and so nothing is charged or released: whether a shard fails may depend on its data, so that a partial sum must never be.
 */
final class ClusterSums implements LotSums, AutoCloseable {
    /** Beyond as many parameters, sums are added up on executors first. */
    static final int LARGEST_COLLECTED = 2_000_000;

    private final JavaSparkContext spark;
    private final Model network;
    private final ShardedExamples examples;
    private final Broadcast<SumShard.Work> work;
    private final List<String> assumptions;
    private final int largestCollected;
    private final java.util.function.Function<SumShard, Function<Integer, ShardResult>> wrap;

    /**
     * @param network the driver's
     * @param wrap a place for faults in tests
     */
    ClusterSums(
            JavaSparkContext spark,
            Model network,
            NetworkRun run,
            ShardedExamples examples,
            List<String> assumptions,
            int largestCollected,
            java.util.function.Function<SumShard, Function<Integer, ShardResult>> wrap) {
        this.spark = spark;
        this.network = network;
        this.examples = examples;
        this.assumptions = List.copyOf(assumptions);
        this.largestCollected = largestCollected;
        this.wrap = wrap;
        this.work = spark.broadcast(new SumShard.Work(run, examples.storage(), examples.manifest()));
    }

    @Override
    public long size() {
        return examples.size();
    }

    @Override
    public MultiDataSet standIn() {
        return examples.standIn();
    }

    @Override
    public List<String> assumptions() {
        return assumptions;
    }

    @Override
    public List<ShardSum> sum(LotTask task) {
        var step = new LotStep(task, network.params());
        Broadcast<LotStep> sent = spark.broadcast(step);
        try {
            return ShardResult.requireOnce(results(step, sent), examples.shards(), step);
        } catch (RuntimeException e) {
            throw e;
        } catch (Exception e) { // Spark's are checked, and its Java methods do not declare them
            throw new IllegalStateException(
                    "lot " + task.lot() + " could not be summed on the cluster: " + firstLine(e)
                            + ". Nothing of it was released or charged; fit again takes the same lot",
                    e);
        } finally {
            sent.destroy();
        }
    }

    private List<ShardResult> results(LotStep step, Broadcast<LotStep> sent) throws Exception {
        int shards = examples.shards();
        List<Integer> numbers = IntStream.range(0, shards).boxed().toList();
        JavaRDD<ShardResult> results = spark.parallelize(numbers, shards).map(wrap.apply(new SumShard(work, sent)));
        if (step.numParams() <= largestCollected) {
            return results.collect();
        }
        return List.of(results.treeReduce(ShardResult::plus));
    }

    private static String firstLine(Exception e) {
        @Nullable String message = e.getMessage();
        return message == null
                ? e.getClass().getName()
                : message.lines().findFirst().orElse("");
    }

    @Override
    public void close() {
        work.destroy();
    }
}
