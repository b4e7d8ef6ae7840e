// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.spark;

import io.github.dl4jdp.core.data.MappedArray;
import io.github.dl4jdp.core.gradient.GradientRules;
import io.github.dl4jdp.core.internal.training.Execution;
import io.github.dl4jdp.core.internal.training.ShardSummer;
import io.github.dl4jdp.core.mechanism.LotTask;
import io.github.dl4jdp.core.mechanism.Mechanism;
import io.github.dl4jdp.core.mechanism.ShardSum;
import java.util.Arrays;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentLinkedDeque;
import java.util.function.Function;
import java.util.function.UnaryOperator;
import org.jspecify.annotations.Nullable;
import org.nd4j.linalg.dataset.api.MultiDataSet;
import org.nd4j.linalg.factory.Nd4j;
import org.nd4j.nativeblas.NativeOpsHolder;

/**
 * What a process keeps of a run between tasks: a network for each task at a time, and the shards that it has read.
 *
 * <p><b>Formal guarantee.</b> {@link #sum} is a function of the step, the run and the bytes of the shard, whose hashes the manifest holds; so are the members, their numbers and their chosen rows, whichever process or attempt draws them. What is kept changes its time, never its result.
 */
final class ExecutorRun implements AutoCloseable {
    /** Runs of several drivers may come in turns; each one holds networks. */
    private static final int KEPT = 4;

    private static final Map<String, ExecutorRun> RUNS = new LinkedHashMap<>(16, 0.75f, true);

    private final NetworkRun run;
    private final Mechanism mechanism;
    private final Execution execution;
    private final ConcurrentLinkedDeque<ShardSummer> idle = new ConcurrentLinkedDeque<>();
    private final ConcurrentHashMap<String, Rows> shards = new ConcurrentHashMap<>();

    /**
     * A shard as it was read.
     *
     * @param first where the rows of each owner begin, see {@link ShardStorage#fetchOwners}; null where rows have none
     */
    @SuppressWarnings("ArrayRecordComponent") // never compared
    private record Rows(MappedArray all, long @Nullable [] first) {}

    private ExecutorRun(NetworkRun run) {
        run.requireSameCode(run.newNetwork());
        this.run = run;
        this.mechanism = run.readMechanism();
        this.execution = new Execution(run.physicalBatchSize(), false, 1, run.threads());
        if (!run.isLocal()) {
            Nd4j.getExecutioner(); // loads the backend, whose operations are not known before
            // As many tasks run at a time as there are cores for them.
            NativeOpsHolder.getInstance().getDeviceNativeOps().setOmpNumThreads(run.threads());
        }
    }

    static ExecutorRun of(NetworkRun run) {
        synchronized (RUNS) {
            ExecutorRun here = RUNS.computeIfAbsent(run.id(), id -> new ExecutorRun(run));
            Iterator<ExecutorRun> oldest = RUNS.values().iterator();
            while (RUNS.size() > KEPT) {
                oldest.next();
                oldest.remove();
            }
            return here;
        }
    }

    /** Drops what this process keeps of a run. */
    static void forget(NetworkRun run) {
        ExecutorRun here;
        synchronized (RUNS) {
            here = RUNS.remove(run.id());
        }
        if (here != null) {
            here.close();
        }
    }

    /** Builds a network, which the first task has. */
    long numParams() {
        ShardSummer summer = takeSummer();
        long numParams = summer.model().numParams();
        idle.addFirst(summer);
        return numParams;
    }

    private ShardSummer takeSummer() {
        ShardSummer summer = idle.pollFirst();
        return summer != null
                ? summer
                : ShardSummer.of(run.newNetwork(), mechanism, GradientRules.builtIn(), execution.threads());
    }

    /**
     * The clipped sum of the members of a lot in a shard.
     *
     * @throws ShardException if the shard cannot be had, or the network fails on it
     */
    ShardSum sum(LotStep step, SumShard.Work work, int number) {
        ShardStorage storage = work.storage();
        ShardManifest manifest = work.manifest();
        ShardManifest.Shard shard = manifest.shards().get(number);
        ShardManifest.Owners owners = shard.owners();
        Rows rows = shards.computeIfAbsent(
                storage.directory() + " " + shard.name() + " " + shard.sha256()
                        + (owners == null ? "" : " " + owners.sha256()),
                key -> new Rows(
                        storage.fetch(manifest.layout(), shard),
                        owners == null ? null : storage.fetchOwners(shard, owners)));
        try {
            ShardSummer own = takeSummer();
            LotTask task = step.task();
            long from = owners == null ? shard.first() : owners.first();
            long to = from + (owners == null ? shard.count() : owners.count());
            long[] members = mechanism.draw(task.key(), task.lot(), from, to, manifest.units());
            UnaryOperator<MultiDataSet> padding = run.padding(own.model());
            Iterator<ShardSummer.Together> parts = own.cut(
                            members, chosen(rows, task, members, from), own.physicalBatchSize(execution))
                    .iterator();
            ShardSum sum = own.sum(
                    task,
                    step.parameters(),
                    () -> new Batches(
                            parts,
                            together -> own.batch(
                                    task,
                                    manifest.layout().examples(rows.all().get(together.rows())),
                                    together,
                                    work.augmentation(),
                                    padding)));
            idle.addFirst(own); // one that failed is not used again
            return sum;
        } catch (OutOfMemoryError e) {
            // Spark ends the executor at it. JavaCPP's message has the sizes of arrays.
            throw new OutOfMemoryError("shard " + shard.name() + " for lot " + step.lot()
                    + ": executors need more memory, or a smaller physical batch");
        } catch (RuntimeException | AssertionError | LinkageError e) {
            throw new ShardException(
                    "shard " + shard.name() + " could not be summed for lot " + step.lot() + ": " + inWords(e));
        }
    }

    /** Classes and places alone: messages may hold sizes of lots or values. */
    private static String inWords(Throwable e) {
        StackTraceElement[] at = e.getStackTrace();
        return e.getClass().getName() + (at.length == 0 ? "" : " at " + at[0])
                + (e.getCause() == null
                        ? ""
                        : ", caused by " + e.getCause().getClass().getName())
                + ". Its message may hold private data and stays on the executor; the same examples in one process, by PrivacyEngine, show it";
    }

    @Override
    public void close() {
        for (ShardSummer summer = idle.pollFirst(); summer != null; summer = idle.pollFirst()) {
            summer.close();
        }
        shards.clear();
    }

    /**
     * The rows of each member in the shard: its own, or those of an owner that the lot's key chooses.
     *
     * @param from the number of the shard's first unit in the whole data set, which members are numbered in
     */
    private long[][] chosen(Rows rows, LotTask task, long[] members, long from) {
        long[] first = rows.first();
        if (first == null) {
            return Arrays.stream(members)
                    .mapToObj(member -> new long[] {member - from})
                    .toArray(long[][]::new);
        }
        long[][] chosen = mechanism.drawRows(task.key(), members, member -> {
            int own = (int) (member - from);
            return first[own + 1] - first[own];
        });
        for (int i = 0; i < members.length; i++) {
            for (int j = 0; j < chosen[i].length; j++) {
                chosen[i][j] += first[(int) (members[i] - from)];
            }
        }
        return chosen;
    }

    /** Reads a physical batch when its turn comes. */
    private record Batches(Iterator<ShardSummer.Together> parts, Function<ShardSummer.Together, ShardSummer.Batch> read)
            implements Iterator<ShardSummer.Batch> {
        @Override
        public boolean hasNext() {
            return parts.hasNext();
        }

        @Override
        public ShardSummer.Batch next() {
            return read.apply(parts.next());
        }
    }
}
