// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core.internal.training;

import io.github.dl4jdp.core.gradient.TapeRecorder;

/**
 * How a plan is carried out on this machine.
 *
 * @param physicalBatchSize the most examples that pass through the network at a time; 0 for as many as memory allows
 * @param prefetch whether another thread reads the next physical batch
 * @param shards the parts by index in which a lot is summed, at least 1
 * @param threads the most threads that the library's own work is shared out to, at least 1
 */
public record Execution(int physicalBatchSize, boolean prefetch, int shards, int threads) {
    private static final int AS_MEMORY_ALLOWS = 0;
    private static final int LARGEST_DEFAULT = 1024;
    private static final int SMALLEST_DEFAULT = 32;

    /** Whether the physical batch size does not follow from memory. */
    public boolean isPhysicalBatchGiven() {
        return physicalBatchSize != AS_MEMORY_ALLOWS;
    }

    /**
     * The physical batch size that {@link #physicalBatchSize} comes to.
     *
     * @param heldPerExample the largest number of gradients that a layer holds for each example of a batch
     */
    public int physicalBatchFor(long heldPerExample) {
        if (physicalBatchSize != AS_MEMORY_ALLOWS) {
            return physicalBatchSize;
        }
        long fitting = heldPerExample == 0 ? LARGEST_DEFAULT : TapeRecorder.MOST_HELD / heldPerExample;
        return (int) Math.max(SMALLEST_DEFAULT, Math.min(LARGEST_DEFAULT, fitting));
    }
}
