// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core;

import io.github.dl4jdp.core.data.RandomAccessExamples;
import io.github.dl4jdp.core.internal.Require;
import io.github.dl4jdp.core.internal.training.Execution;
import org.nd4j.nativeblas.NativeOpsHolder;

/**
 * How a plan is carried out on this machine. Nothing here can change what is released beyond rounding, nor the guarantee.
 *
 * @param physicalBatchSize the most examples that pass through the network at a time; a larger lot is accumulated over several
 *     physical batches and still makes one update. Copies that augmentation makes count, and those of one example, or of all rows of an owner that are in the lot, stay together
 * @param prefetch whether another thread reads the next physical batch while the network trains on this one: useful where examples come from files. {@link RandomAccessExamples} are then used by that thread, still one thread at a time
 * @param threads the largest number of threads for the library's own work, the training thread included; 0 for as many as ND4J uses:
 *     the environment variable {@code OMP_NUM_THREADS}, or one a processor. The library's results have the same bits for any number of threads
 * @param shards the parts in which a lot is summed, by the numbers of its examples: parts of a lot that are summed elsewhere, by as many workers, give the same bits. 1
 * by default
 */
public record ExecutionOptions(int physicalBatchSize, boolean prefetch, int threads, int shards) {
    private static final int AS_MEMORY_ALLOWS = 0;
    private static final int AS_ND4J = 0;

    /**
     * @throws IllegalArgumentException if {@code physicalBatchSize < 0} or {@code threads < 0} or {@code shards < 1}
     */
    public ExecutionOptions {
        if (physicalBatchSize < 0) {
            throw new IllegalArgumentException("physicalBatchSize must be at least 0, was " + physicalBatchSize);
        }
        Require.positive("shards", shards);
        if (threads < 0) {
            throw new IllegalArgumentException("threads must be at least 0, was " + threads);
        }
    }

    /**
     * Physical batches of at most 1024 examples, or fewer where the per-example gradients of a layer would take more than 64 MiB, read when they
     * are needed, and as many threads as ND4J uses.
     */
    public static ExecutionOptions defaults() {
        return new ExecutionOptions(AS_MEMORY_ALLOWS, false, AS_ND4J, 1);
    }

    /**
     * These options with another physical batch size.
     *
     * @throws IllegalArgumentException if {@code physicalBatchSize < 1}
     */
    public ExecutionOptions withPhysicalBatchSize(int physicalBatchSize) {
        Require.positive("physicalBatchSize", physicalBatchSize);
        return new ExecutionOptions(physicalBatchSize, prefetch, threads, shards);
    }

    /** These options with the next physical batch read ahead, or not. */
    public ExecutionOptions withPrefetch(boolean prefetch) {
        return new ExecutionOptions(physicalBatchSize, prefetch, threads, shards);
    }

    /** These options with another number of threads. */
    public ExecutionOptions withThreads(int threads) {
        return new ExecutionOptions(physicalBatchSize, prefetch, threads, shards);
    }

    /**
     * These options with lots that are summed in parts.
     *
     * @throws IllegalArgumentException if {@code shards < 1}
     */
    public ExecutionOptions withShards(int shards) {
        return new ExecutionOptions(physicalBatchSize, prefetch, threads, shards);
    }

    /** These options on this machine. */
    Execution resolved() {
        int count = threads == AS_ND4J
                ? Math.max(1, NativeOpsHolder.getInstance().getDeviceNativeOps().ompGetMaxThreads())
                : threads;
        return new Execution(physicalBatchSize, prefetch, shards, count);
    }
}
