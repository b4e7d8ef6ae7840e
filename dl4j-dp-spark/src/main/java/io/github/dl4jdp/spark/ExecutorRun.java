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
import java.util.NoSuchElementException;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentLinkedDeque;
import java.util.function.UnaryOperator;
import org.nd4j.linalg.dataset.api.MultiDataSet;
import org.nd4j.linalg.factory.Nd4j;
import org.nd4j.nativeblas.NativeOpsHolder;

/**
 * What a process keeps of a run between tasks: a network for each task at a time, and the shards that it has read.
 *
 * <p><b>Formal guarantee.</b> {@link #sum} is a function of the step, the run and the bytes of the shard, whose hash the manifest holds. What is kept changes its time, never its result.
 */
final class ExecutorRun implements AutoCloseable {
    /** Runs of several drivers may come in turns; each one holds networks. */
    private static final int KEPT = 4;

    private static final Map<String, ExecutorRun> RUNS = new LinkedHashMap<>(16, 0.75f, true);

    private final NetworkRun run;
    private final Mechanism mechanism;
    private final Execution execution;
    private final ConcurrentLinkedDeque<ShardSummer> idle = new ConcurrentLinkedDeque<>();
    private final ConcurrentHashMap<String, MappedArray> shards = new ConcurrentHashMap<>();

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
        MappedArray rows = shards.computeIfAbsent(
                storage.directory() + " " + shard.name() + " " + shard.sha256(),
                key -> storage.fetch(manifest.layout(), shard));
        try {
            ShardSummer own = takeSummer();
            int physicalBatchSize = own.physicalBatchSize(execution);
            LotTask task = step.task();
            long[] members = mechanism.draw(
                    task.key(), task.lot(), shard.first(), shard.first() + shard.count(), manifest.size());
            UnaryOperator<MultiDataSet> padding = run.padding(own.model());
            ShardSum sum = own.sum(
                    task,
                    step.parameters(),
                    () -> new Batches(
                            members,
                            physicalBatchSize,
                            (batch, rowNumbers) -> own.batch(
                                    task,
                                    manifest.layout().examples(rows.get(rowNumbers)),
                                    batch,
                                    work.augmentation(),
                                    padding),
                            shard.first()));
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

    /** Makes a physical batch of some members and the numbers of their rows in the shard. */
    private interface Maker {
        ShardSummer.Batch make(long[] members, long[] rows);
    }

    /** The members of a shard in physical batches. */
    private static final class Batches implements Iterator<ShardSummer.Batch> {
        private final long[] members;
        private final int physicalBatchSize;
        private final Maker maker;
        private final long first;
        private int next;

        Batches(long[] members, int physicalBatchSize, Maker maker, long first) {
            this.members = members;
            this.physicalBatchSize = physicalBatchSize;
            this.maker = maker;
            this.first = first;
        }

        @Override
        public boolean hasNext() {
            return next < members.length;
        }

        @Override
        public ShardSummer.Batch next() {
            if (!hasNext()) {
                throw new NoSuchElementException();
            }
            int end = (int) Math.min(members.length, (long) next + physicalBatchSize);
            long[] batch = Arrays.copyOfRange(members, next, end);
            next = end;
            return maker.make(
                    batch, Arrays.stream(batch).map(member -> member - first).toArray());
        }
    }
}
