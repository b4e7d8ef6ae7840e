// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.spark;

import io.github.dl4jdp.accountant.PrivacyGuarantee;
import io.github.dl4jdp.core.DpSgdPlan;
import io.github.dl4jdp.core.ExecutionOptions;
import io.github.dl4jdp.core.PrivacyEngine;
import io.github.dl4jdp.core.PrivacyReport;
import io.github.dl4jdp.core.UnsupportedModelException;
import io.github.dl4jdp.core.mechanism.Mechanism;
import io.github.dl4jdp.core.mechanism.Sampling;
import java.util.ArrayList;
import java.util.List;
import org.apache.spark.SparkConf;
import org.apache.spark.api.java.JavaSparkContext;
import org.apache.spark.api.java.function.Function;
import org.deeplearning4j.nn.api.Model;
import org.deeplearning4j.nn.graph.ComputationGraph;
import org.deeplearning4j.nn.multilayer.MultiLayerNetwork;

/**
 * Makes an existing DL4J network train with differential privacy, its lots summed on an Apache Spark cluster.
 *
 * <pre>{@code
 * SparkPrivacyEngine engine = SparkPrivacyEngine.attach(net, plan, sparkContext);
 * net.addListeners(new PrivacyListener(engine.local(), 10));
 * engine.fit(ShardedExamples.open(sparkContext, "hdfs:///cohort/shards"));
 * System.out.println(engine.report());
 * }</pre>
 *
 * <p>Plan, listeners, ledger, checkpoints and report are those of {@link PrivacyEngine}. With the same seed, a run reaches the same parameters, bit for bit, as a run in one process whose {@link
 * ExecutionOptions#withShards} are as many and equally long, whatever fails and is repeated meanwhile.
 *
 * <h2>Formal guarantee</h2>
 *
 * That of {@link PrivacyEngine}. Executors get a key of each lot, from which its members and its random draws follow, but no noise and no other lot. Driver, executors, their local disks and the shards'
 * storage are inside the trust boundary, and so is the network between them unless it is encrypted. Sums of lots leave the driver only after charge and noise.
 */
public final class SparkPrivacyEngine implements AutoCloseable {
    private static final List<String> VERSIONS = List.of("3.5.", "4.");

    private final PrivacyEngine local;
    private final Model network;
    private final JavaSparkContext spark;
    private final NetworkRun run;
    private boolean trustsTheNetwork;

    private SparkPrivacyEngine(PrivacyEngine local, Model network, JavaSparkContext spark, NetworkRun run) {
        this.local = local;
        this.network = network;
        this.spark = spark;
        this.run = run;
    }

    /**
     * Attaches a plan to an initialized network, as {@link PrivacyEngine#attach(Model, DpSgdPlan)} does, to train it on a cluster.
     *
     * @throws UnsupportedModelException if the network cannot be trained with privacy
     * @throws IllegalArgumentException if the plan cannot be carried out on a cluster (given batches, truncated backpropagation through time, augmentation), the network's
     *     configuration does not survive its JSON, Spark is of a version that is not supported, or for what {@link PrivacyEngine} refuses
     * @throws IllegalStateException if the plan is not complete, or the context is stopped
     */
    public static SparkPrivacyEngine attach(Model network, DpSgdPlan plan, JavaSparkContext spark) {
        return attach(network, plan, spark, ExecutionOptions.defaults());
    }

    /**
     * As {@link #attach(Model, DpSgdPlan, JavaSparkContext)}, with options: the physical batch size, and the threads of a task, which are {@code spark.task.cpus} unless given. The number of shards
     * is that of the set.
     */
    public static SparkPrivacyEngine attach(
            Model network, DpSgdPlan plan, JavaSparkContext spark, ExecutionOptions options) {
        requireUsable(spark);
        Mechanism mechanism = plan.mechanism();
        requireSupported(mechanism);
        var problems = PrivacyEngine.check(network, plan);
        if (!problems.isEmpty()) {
            // The engine's own refusal, before the network is written as JSON.
            PrivacyEngine.attach(network, plan, options).close();
        }
        SparkConf conf = spark.getConf();
        int threads = options.threads() == 0 ? conf.getInt("spark.task.cpus", 1) : options.threads();
        NetworkRun run = NetworkRun.of(
                network, mechanism, options.physicalBatchSize(), threads, NetworkTrust.isInProcess(spark.master()));
        return new SparkPrivacyEngine(PrivacyEngine.attach(network, plan, options), network, spark, run);
    }

    private static void requireUsable(JavaSparkContext spark) {
        if (spark.sc().isStopped()) {
            throw new IllegalStateException("the Spark context must be running, was stopped");
        }
        String version = spark.version();
        if (VERSIONS.stream().noneMatch(version::startsWith)) {
            throw new IllegalArgumentException(
                    "Spark must be of version 3.5 or 4, was " + version + ": others are not tested");
        }
    }

    private static void requireSupported(Mechanism mechanism) {
        if (mechanism.sampling() == Sampling.GIVEN_BATCHES) {
            throw new IllegalArgumentException(
                    "the plan's sampling must not be GIVEN_BATCHES on a cluster, which draws lots itself: use DpSgdPlan.poisson or fixedSize");
        }
        if (mechanism.sampling() == Sampling.RANDOM_ALLOCATION) {
            throw new IllegalArgumentException(
                    "the plan's sampling must not be RANDOM_ALLOCATION on a cluster: executors draw their part of a lot from a key, and the key of a random"
                            + " allocation would tell them the members of all lots of the pass, those to come included. Use DpSgdPlan.poisson, or train in one process, by PrivacyEngine");
        }
        if (mechanism.releasesPerLot() > 1) {
            throw new IllegalArgumentException(
                    "the plan must have no truncated backpropagation through time on a cluster: each segment needs the update that the one before made."
                            + " Train it in one process, by PrivacyEngine");
        }
        if (mechanism.unit().isGroup()) {
            throw new IllegalArgumentException("the plan's unit of privacy must be the example on a cluster, was "
                    + mechanism.unit().name()
                    + ": shards are cut by examples, not by their owners. Train it in one process, by PrivacyEngine");
        }
        if (mechanism.copies() > 1) {
            throw new IllegalArgumentException(
                    "the plan's augmentation multiplicity must be 1 on a cluster, was " + mechanism.copies()
                            + ": shards hold examples as they are. Train it in one process, by PrivacyEngine");
        }
    }

    /**
     * States that nobody listens or takes part in the network between driver and executors, so that it needs neither authentication nor encryption. The report names it.
     *
     * @return this
     */
    public SparkPrivacyEngine trustingTheNetwork() {
        trustsTheNetwork = true;
        return this;
    }

    /**
     * Trains on the plan's remaining lots. After an exception, calling it again goes on with the same lot.
     *
     * @throws IllegalArgumentException if the set's size differs by more than 1 % from the plan's number of examples (from it at all under relations that make the size public), or its
     *     examples do not have the shape that the plan declares
     * @throws IllegalStateException if the network between driver and executors is neither protected nor trusted, the plan's steps are done, the engine is closed, or a lot's sum could not
     *     be had: nothing of that lot was released or charged then
     */
    public void fit(ShardedExamples examples) {
        fit(examples, ClusterSums.LARGEST_COLLECTED, task -> task);
    }

    void fit(
            ShardedExamples examples,
            int largestCollected,
            java.util.function.Function<SumShard, Function<Integer, ShardResult>> faults) {
        requireUsable(spark);
        requireProtection();
        try (var sums =
                new ClusterSums(spark, network, run, examples, assumptions(examples), largestCollected, faults)) {
            if (network instanceof ComputationGraph graph) {
                graph.fit(local.multiLots(sums), passesLeft());
            } else {
                var list = (MultiLayerNetwork) network;
                list.fit(local.lots(sums), passesLeft());
            }
        }
    }

    private int passesLeft() {
        Mechanism mechanism = local.plan().mechanism();
        return Math.toIntExact(mechanism.passOf(mechanism.steps()) - mechanism.passOf(local.steps() + 1) + 1);
    }

    private void requireProtection() {
        if (NetworkTrust.isInProcess(spark.master()) || trustsTheNetwork) {
            return;
        }
        List<String> missing = NetworkTrust.missing(spark.getConf());
        if (!missing.isEmpty()) {
            throw new IllegalStateException(
                    "clean sums would cross the network between driver and executors unprotected: set "
                            + String.join(", ", missing)
                            + " (with a secret, as Spark's security page describes), or call trustingTheNetwork(), which the report names. Nothing was charged");
        }
    }

    private List<String> assumptions(ShardedExamples examples) {
        var assumptions = new ArrayList<String>();
        assumptions.add(
                "lots are summed on Apache Spark " + spark.version() + " (master " + spark.master() + ") in "
                        + examples.shards()
                        + " shards: the driver, the executors, their local disks and the storage of the shards are trusted, and one row of the shards is one example");
        if (!NetworkTrust.isInProcess(spark.master()) && trustsTheNetwork) {
            assumptions.add(
                    "the network between driver and executors is trusted, as the user stated: clean sums cross it without authentication and encryption being required");
        }
        return assumptions;
    }

    /** The engine on the driver: for listeners, checkpoints and export. Its {@code lots} train in this process. */
    public PrivacyEngine local() {
        return local;
    }

    /** What was run, what it guarantees and what it assumes. */
    public PrivacyReport report() {
        return local.report();
    }

    /** The epsilon spent so far. */
    public double epsilon() {
        return local.epsilon();
    }

    /** The guarantee of what was released so far. */
    public PrivacyGuarantee guarantee() {
        return local.guarantee();
    }

    /** The number of lots released so far. */
    public long steps() {
        return local.steps();
    }

    /** The number of lots that the plan still allows. */
    public long remainingSteps() {
        return local.remainingSteps();
    }

    /** Ends the run, as {@link PrivacyEngine#close()} does. The Spark context stays the caller's. */
    @Override
    public void close() {
        local.close();
        ExecutorRun.forget(run);
    }
}
