// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core.gradient;

import java.util.stream.IntStream;
import org.nd4j.nativeblas.NativeOpsHolder;

/** Splits the examples of a batch over as many threads as ND4J itself uses. */
final class ParallelRanges {
    /** Work on the examples {@code from} (inclusive) to {@code to} (exclusive); {@code part} numbers the ranges. */
    interface Body {
        void run(int part, int from, int to);
    }

    private ParallelRanges() {}

    /** How many ranges {@link #run} makes at most. */
    static int parts() {
        return Math.max(1, NativeOpsHolder.getInstance().getDeviceNativeOps().ompGetMaxThreads());
    }

    /** Runs {@code body} over {@code [0, count)}; returns when all of it is done. */
    static void run(int count, Body body) {
        int parts = Math.min(parts(), count);
        if (parts <= 1) {
            body.run(0, 0, count);
            return;
        }
        IntStream.range(0, parts)
                .parallel()
                .forEach(part ->
                        body.run(part, (int) ((long) count * part / parts), (int) ((long) count * (part + 1) / parts)));
    }
}
