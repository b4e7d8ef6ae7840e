// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core.internal.arrays;

import java.util.concurrent.atomic.AtomicInteger;
import org.nd4j.nativeblas.NativeOpsHolder;

/**
 * Shares work out to threads in blocks whose borders do not depend on the number of threads: what is summed within a block, and the blocks in
 * order, gives the same bits on one thread and on many.
 *
 * @param threads the most threads that work at a time, the calling one included
 */
public record ParallelRanges(int threads) {
    /** Shorter pieces of a product would spend their time on arranging the other factor. */
    private static final int MIN_PRODUCT = 256;

    private static final int MIN_ROWS = 512;

    /** Work on {@code from} (inclusive) to {@code to} (exclusive); no two calls at a time have the same {@code worker}. */
    public interface Body {
        void run(int worker, int from, int to);
    }

    /** As many threads as ND4J itself uses. */
    public static ParallelRanges standard() {
        return new ParallelRanges(
                Math.max(1, NativeOpsHolder.getInstance().getDeviceNativeOps().ompGetMaxThreads()));
    }

    /** A block length for products along a dimension: at least 256 elements, a power of two of blocks, so that two threads get equal shares. */
    public static int blockOf(int length) {
        return blockOf(length, MIN_PRODUCT);
    }

    private static int blockOf(int length, int least) {
        int blocks = Math.max(1, Integer.highestOneBit(length / least));
        return Math.max(1, (length + blocks - 1) / blocks);
    }

    /**
     * A block length for products whose other factor is arranged anew for every block: longer where there are enough rows.
     *
     * @param rows of the product
     */
    public static int blockOfRows(int rows) {
        int block = blockOf(rows);
        return rows >= 2 * MIN_ROWS && block < MIN_ROWS ? blockOf(rows, MIN_ROWS) : block;
    }

    /**
     * Runs {@code body} over {@code [0, count)}; returns when all of it is done.
     *
     * @param block elements a call, but for the last
     */
    public void run(int count, int block, Body body) {
        int blocks = (count + block - 1) / block;
        int workers = Math.min(threads, blocks);
        if (workers <= 1) {
            for (int from = 0; from < count; from += block) {
                body.run(0, from, Math.min(count, from + block));
            }
            return;
        }
        var next = new AtomicInteger();
        Helpers.run(workers, worker -> {
            for (int b = next.getAndIncrement(); b < blocks; b = next.getAndIncrement()) {
                body.run(worker, b * block, Math.min(count, (b + 1) * block));
            }
        });
    }

    /** One Java array for each worker, used again at every step. */
    public static final class Floats {
        private final float[][] arrays;

        public Floats(ParallelRanges ranges) {
            arrays = new float[ranges.threads()][0];
        }

        /** An array of exactly {@code length}, contents undefined. */
        public float[] get(int worker, int length) {
            if (arrays[worker].length != length) {
                arrays[worker] = new float[length];
            }
            return arrays[worker];
        }
    }
}
