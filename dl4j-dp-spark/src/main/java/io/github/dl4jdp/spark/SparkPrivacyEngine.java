// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.spark;

import io.github.dl4jdp.accountant.PrivacyGuarantee;
import io.github.dl4jdp.core.DpSgdPlan;
import io.github.dl4jdp.core.ExecutionOptions;
import io.github.dl4jdp.core.PrivacyEngine;
import io.github.dl4jdp.core.PrivacyReport;
import io.github.dl4jdp.core.UnsupportedModelException;
import io.github.dl4jdp.core.data.Augmentation;
import io.github.dl4jdp.core.data.RandomAccessExamples;
import io.github.dl4jdp.core.mechanism.Mechanism;
import io.github.dl4jdp.core.mechanism.Sampling;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.OptionalLong;
import org.apache.spark.SparkConf;
import org.apache.spark.api.java.JavaSparkContext;
import org.apache.spark.api.java.function.Function;
import org.deeplearning4j.nn.api.Model;
import org.deeplearning4j.nn.graph.ComputationGraph;
import org.deeplearning4j.nn.multilayer.MultiLayerNetwork;
import org.jspecify.annotations.Nullable;

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
    private Duration patience = Duration.ofMinutes(5);
    private boolean trustsTheNetwork;
    private boolean isProbed;

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
                network,
                mechanism,
                options.physicalBatchSize(),
                threads,
                plan.sequenceLength(),
                NetworkTrust.isInProcess(spark.master()));
        return new SparkPrivacyEngine(PrivacyEngine.attach(network, plan, options), network, spark, run);
    }

    private static void requireUsable(JavaSparkContext spark) {
        if (spark.sc().isStopped()) {
            throw new IllegalStateException(stopped(spark));
        }
        requireSupported(spark.version());
    }

    private static String stopped(JavaSparkContext spark) {
        return "the Spark context must be running, was stopped: by the program, or because its master " + spark.master()
                + " could not be reached; see Spark's log. Nothing was charged";
    }

    /** Refuses versions of Spark that are not tested. */
    static void requireSupported(String version) {
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
     * How long {@link #fit} waits for the first executor, 5 minutes by default.
     *
     * @param patience from the first task to its start
     * @return this
     * @throws IllegalArgumentException if {@code patience} is negative
     */
    public SparkPrivacyEngine waitingForExecutors(Duration patience) {
        if (patience.isNegative()) {
            throw new IllegalArgumentException("patience must be at least 0, was " + patience);
        }
        this.patience = patience;
        return this;
    }

    /**
     * Trains on the plan's remaining lots. After an exception, calling it again goes on with the same lot.
     *
     * @param examples with owners of rows for a plan by {@link DpSgdPlan#withUnit}, and without for others
     * @throws IllegalArgumentException if the set's size differs by more than 1 % from the plan's number of examples or owners (from it at all under relations that make the size public), its
     *     examples do not have the shape that the plan declares, or it has owners and the plan's unit is one row, or the other way round
     * @throws IllegalStateException if the network between driver and executors is neither protected nor trusted, no executor takes a task or can build the network, the plan's steps are done,
     *     the engine is closed, or a lot's sum could not be had: nothing of that lot was released or charged then
     */
    public void fit(ShardedExamples examples) {
        fit(examples, null, ClusterSums.LARGEST_COLLECTED, task -> task);
    }

    /**
     * As {@link #fit(ShardedExamples)}, with augmented examples: executors make {@link DpSgdPlan#augmentationMultiplicity()} copies of each example of a lot, the same that {@link
     * PrivacyEngine#lots(RandomAccessExamples, Augmentation)} makes.
     *
     * @param augmentation makes a copy from its example and randomness alone; it is sent to executors by Java serialization
     * @throws IllegalArgumentException as for {@link #fit(ShardedExamples)}, or if something that the augmentation refers to is not serializable
     */
    public void fit(ShardedExamples examples, Augmentation augmentation) {
        fit(
                examples,
                Objects.requireNonNull(augmentation, "augmentation"),
                ClusterSums.LARGEST_COLLECTED,
                task -> task);
    }

    void fit(
            ShardedExamples examples,
            int largestCollected,
            java.util.function.Function<SumShard, Function<Integer, ShardResult>> faults) {
        fit(examples, null, largestCollected, faults);
    }

    private void fit(
            ShardedExamples examples,
            @Nullable Augmentation augmentation,
            int largestCollected,
            java.util.function.Function<SumShard, Function<Integer, ShardResult>> faults) {
        requireUsable(spark);
        requireProtection();
        requireUnitOfThePlan(examples);
        requireCutByThePlan(examples);
        if (augmentation == null && local.plan().augmentationMultiplicity() > 1) {
            throw new IllegalStateException("the plan's augmentation multiplicity is "
                    + local.plan().augmentationMultiplicity()
                    + ", but no augmentation makes the copies: use fit(examples, augmentation)");
        }
        try (var sums = sums(examples, augmentation, largestCollected, faults)) {
            if (network instanceof ComputationGraph graph) {
                graph.fit(local.multiLots(sums), local.remainingEpochs());
            } else {
                var list = (MultiLayerNetwork) network;
                list.fit(local.lots(sums), local.remainingEpochs());
            }
        }
    }

    /** Sums by executors, one of which has built the network. */
    private ClusterSums sums(
            ShardedExamples examples,
            @Nullable Augmentation augmentation,
            int largestCollected,
            java.util.function.Function<SumShard, Function<Integer, ShardResult>> faults) {
        @Nullable ClusterSums sums = null;
        try {
            sums = new ClusterSums(
                    spark, network, run, examples, augmentation, assumptions(examples), largestCollected, faults);
            if (!isProbed && !NetworkTrust.isInProcess(spark.master())) {
                sums.requireExecutors(patience);
                isProbed = true;
            }
            return sums;
        } catch (RuntimeException e) {
            if (spark.sc().isStopped()) { // it tries to reach its master, and stops at some time
                throw new IllegalStateException(stopped(spark), e);
            }
            if (sums != null) {
                sums.close();
            }
            throw e;
        }
    }

    /** Rows with owners for a plan whose unit is the owner, and for no other. */
    private void requireUnitOfThePlan(ShardedExamples examples) {
        boolean isGroup = local.plan().mechanism().unit().isGroup();
        if (isGroup && !examples.hasOwners()) {
            throw new IllegalArgumentException(
                    "the set's shards must name the " + local.plan().unit()
                            + " of each row, the plan's unit of privacy, and were cut by rows: write the set by ShardedExamples.writeByOwner(rowsById, shards, directory), or from"
                            + " GroupedExamples. Nothing was charged");
        }
        if (!isGroup && examples.hasOwners()) {
            throw new IllegalArgumentException(
                    "the set's shards name the owner of each row, but the plan's unit of privacy is one row: use plan.withUnit(\"patient\", maximumRows), or write the set without"
                            + " owners. Nothing was charged");
        }
    }

    /** Where shards end must not depend on how many units there are, unless that is public: one more would move others to another shard. */
    private void requireCutByThePlan(ShardedExamples examples) {
        long planned = local.plan().examples();
        OptionalLong cutBy = examples.manifest().cutBy();
        if (cutBy.isPresent() && cutBy.getAsLong() != planned) {
            String units = local.plan().mechanism().unit().plural();
            throw new IllegalArgumentException("the set's shards were cut by a size of " + cutBy.getAsLong() + " "
                    + units + ", which must be the plan's, " + planned
                    + ": another size of the data must not move " + units + " to another shard. Write the set by"
                    + " ShardedExamples.write(spark, examples, " + planned
                    + ", shards, directory). Nothing was charged");
        }
    }

    private void requireProtection() {
        if (NetworkTrust.isInProcess(spark.master()) || trustsTheNetwork) {
            return;
        }
        List<String> missing = NetworkTrust.missing(spark.getConf(), spark.version());
        if (!missing.isEmpty()) {
            throw new IllegalStateException(
                    "clean sums would cross the network between driver and executors unprotected: set "
                            + String.join(", ", missing)
                            + " (with a secret, as Spark's security page describes), or call trustingTheNetwork(), which the report names. Nothing was charged");
        }
    }

    private List<String> assumptions(ShardedExamples examples) {
        var assumptions = new ArrayList<String>();
        assumptions.add("lots are summed on Apache Spark " + spark.version() + " (master " + spark.master() + ") in "
                + examples.shards()
                + " shards: the driver, the executors, their local disks and the storage of the shards are trusted, "
                + placed(examples));
        if (!NetworkTrust.isInProcess(spark.master()) && trustsTheNetwork) {
            assumptions.add(
                    "the network between driver and executors is trusted, as the user stated: clean sums cross it without authentication and encryption being required");
        }
        examples.manifest()
                .assumptions()
                .forEach(assumption -> assumptions.add("when the shards were written, " + assumption));
        return assumptions;
    }

    /** What the guarantee rests on about which rows are where. */
    private String placed(ShardedExamples examples) {
        if (!examples.hasOwners()) {
            return "one row of the shards is one example, and the shard of an example does not depend on the other examples";
        }
        String unit = local.plan().unit();
        return "the rows that the shards keep as those of one " + unit + " are all rows of one " + unit;
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
