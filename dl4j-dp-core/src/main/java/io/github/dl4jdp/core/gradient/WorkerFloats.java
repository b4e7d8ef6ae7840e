// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core.gradient;

/** One Java array for each worker of a {@link ParallelRanges}, used again at every step. */
final class WorkerFloats {
    private final float[][] arrays;

    WorkerFloats(ParallelRanges ranges) {
        arrays = new float[ranges.threads()][0];
    }

    /** An array of exactly {@code length}, contents undefined. */
    float[] get(int worker, int length) {
        if (arrays[worker].length != length) {
            arrays[worker] = new float[length];
        }
        return arrays[worker];
    }
}
