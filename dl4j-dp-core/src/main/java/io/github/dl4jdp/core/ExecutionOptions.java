// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core;

/**
 * How a plan is carried out on this machine. Nothing here can change what is released beyond rounding, nor the guarantee.
 *
 * @param physicalBatchSize the most examples that pass through the network at a time; a larger lot is accumulated over several
 *     physical batches and still makes one update
 * @param prefetch whether another thread reads the next physical batch while the network works on this one: worth it where examples come from
 *     files. {@link RandomAccessExamples} are then used by that thread, still one thread at a time
 */
public record ExecutionOptions(int physicalBatchSize, boolean prefetch) {
    private static final int DEFAULT_PHYSICAL_BATCH = 1024;

    /**
     * @throws IllegalArgumentException if {@code physicalBatchSize < 1}
     */
    public ExecutionOptions {
        if (physicalBatchSize < 1) {
            throw new IllegalArgumentException("physicalBatchSize must be at least 1, was " + physicalBatchSize);
        }
    }

    /** Physical batches of at most 1024 examples, read when they are needed. */
    public static ExecutionOptions defaults() {
        return new ExecutionOptions(DEFAULT_PHYSICAL_BATCH, false);
    }

    /** These options with another physical batch size. */
    public ExecutionOptions withPhysicalBatchSize(int physicalBatchSize) {
        return new ExecutionOptions(physicalBatchSize, prefetch);
    }

    /** These options with the next physical batch read ahead, or not. */
    public ExecutionOptions withPrefetch(boolean prefetch) {
        return new ExecutionOptions(physicalBatchSize, prefetch);
    }
}
