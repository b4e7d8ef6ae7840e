// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.spark;

import io.github.dl4jdp.core.data.Augmentation;
import io.github.dl4jdp.core.mechanism.LotSums;
import io.github.dl4jdp.core.mechanism.LotTask;
import io.github.dl4jdp.core.mechanism.ShardSum;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.function.UnaryOperator;
import java.util.stream.IntStream;
import org.apache.spark.SparkJobInfo;
import org.apache.spark.SparkStageInfo;
import org.apache.spark.api.java.JavaFutureAction;
import org.apache.spark.api.java.JavaRDD;
import org.apache.spark.api.java.JavaSparkContext;
import org.apache.spark.api.java.JavaSparkStatusTracker;
import org.apache.spark.api.java.function.Function;
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
    /** Beyond as many sums of that length too: 256 MB come together on the driver. */
    private static final int MOST_COLLECTED = 16;

    private static final long POLL_MILLIS = 50;

    private final JavaSparkContext spark;
    private final Model network;
    private final ShardedExamples examples;
    private final Sent<SumShard.Work> work;
    private final UnaryOperator<MultiDataSet> padding;
    private final boolean isAugmented;
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
            @Nullable Augmentation augmentation,
            List<String> assumptions,
            int largestCollected,
            java.util.function.Function<SumShard, Function<Integer, ShardResult>> wrap) {
        this.spark = spark;
        this.network = network;
        this.examples = examples;
        this.assumptions = List.copyOf(assumptions);
        this.largestCollected = largestCollected;
        this.wrap = wrap;
        this.padding = run.padding(network);
        this.isAugmented = augmentation != null;
        this.work = Sent.to(spark, new SumShard.Work(run, examples.storage(), examples.manifest(), augmentation));
    }

    @Override
    public long size() {
        return examples.units();
    }

    @Override
    public boolean hasOwners() {
        return examples.hasOwners();
    }

    @Override
    public MultiDataSet standIn() {
        return padding.apply(examples.standIn());
    }

    @Override
    public boolean isAugmented() {
        return isAugmented;
    }

    @Override
    public List<String> assumptions() {
        return assumptions;
    }

    @Override
    public List<ShardSum> sum(LotTask task) {
        var step = new LotStep(task, network.params());
        Sent<LotStep> sent = Sent.to(spark, step);
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

    /**
     * Has an executor build the network, before any lot is drawn.
     *
     * @param patience how long none may take the task
     * @throws IllegalStateException if no executor takes it, or it fails
     */
    void requireExecutors(Duration patience) {
        Sent<SumShard.Work> sent = work;
        JavaFutureAction<List<Long>> built = spark.parallelize(List.of(0), 1)
                .map(any -> ExecutorRun.of(sent.value().run()).numParams())
                .collectAsync();
        try {
            long begun = System.nanoTime();
            while (!built.isDone()) {
                if (System.nanoTime() - begun > patience.toNanos() && !isRunning(built.jobIds())) {
                    built.cancel(true);
                    throw new IllegalStateException(
                            "no executor took a task within " + patience.toSeconds()
                                    + " seconds: the master " + spark.master()
                                    + " has none for this application. Its workers need spark.executor.memory = "
                                    + spark.getConf().get("spark.executor.memory", "1g")
                                    + " and spark.executor.cores free (see the master's page); waitingForExecutors(...) waits longer. Nothing was charged");
                }
                TimeUnit.MILLISECONDS.sleep(POLL_MILLIS);
            }
            long numParams = built.get().get(0);
            if (numParams != network.numParams()) {
                throw new IllegalStateException("an executor's network has " + numParams + " parameters, the driver's "
                        + network.numParams()
                        + ": executors must have the same version of DL4J. Nothing was charged");
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            built.cancel(true);
            throw new IllegalStateException("interrupted while waiting for executors; nothing was charged", e);
        } catch (ExecutionException e) {
            throw new IllegalStateException(
                    "an executor could not build the network: " + firstLine(e.getCause() == null ? e : e.getCause())
                            + ". Executors need this library, DL4J, an ND4J backend and the classes of your own layers on their class path, by a fat jar or --jars, and memory for them. Nothing was charged",
                    e);
        }
    }

    private boolean isRunning(List<Integer> jobs) {
        JavaSparkStatusTracker tracker = spark.statusTracker();
        for (int job : jobs) {
            SparkJobInfo info = tracker.getJobInfo(job);
            for (int stage : info == null ? new int[0] : info.stageIds()) {
                SparkStageInfo tasks = tracker.getStageInfo(stage);
                if (tasks != null && tasks.numActiveTasks() > 0) {
                    return true;
                }
            }
        }
        return false;
    }

    private List<ShardResult> results(LotStep step, Sent<LotStep> sent) throws Exception {
        int shards = examples.shards();
        List<Integer> numbers = IntStream.range(0, shards).boxed().toList();
        JavaRDD<byte[]> results = spark.parallelize(numbers, shards)
                .map(wrap.apply(new SumShard(work, sent)))
                .map(Sent::bytes);
        if (isCollected(step.numParams(), shards)) {
            return results.collect().stream().map(ClusterSums::result).toList();
        }
        return List.of(
                result(results.treeReduce((one, other) -> Sent.bytes(result(one).plus(result(other))))));
    }

    private boolean isCollected(int numParams, int shards) {
        return numParams <= largestCollected && (long) numParams * shards <= (long) MOST_COLLECTED * largestCollected;
    }

    private static ShardResult result(byte[] bytes) {
        return (ShardResult) Sent.object(bytes);
    }

    private static String firstLine(Throwable e) {
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
