// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core.gradient;

import org.bytedeco.openblas.global.openblas_nolapack;
import org.nd4j.nativeblas.NativeOps;
import org.nd4j.nativeblas.NativeOpsHolder;

/**
 * Keeps ND4J's operations and products on the calling thread while the layers share out the work themselves.
 *
 * <p>After each of its parallel operations, ND4J's threads wait for the next one by spinning, for longer than most operations take. With as many
 * of them as there are processors, they would take the processors from the threads that work. Measured with two threads on two processors: a step of
 * W3 takes 58 ms so, and 29 ms with this.
 */
public final class Nd4jThreads {
    private final boolean active;
    private boolean held;
    private int operationThreads;
    private int productThreads;

    /** @param active whether there is anything to do */
    private Nd4jThreads(boolean active) {
        this.active = active;
    }

    /**
     * For a network.
     *
     * @param threads the most that a layer uses
     * @param shared whether all layers that train share out their work themselves: otherwise ND4J keeps its threads
     */
    public static Nd4jThreads of(int threads, boolean shared) {
        return new Nd4jThreads(threads > 1 && shared && CpuBlas.find() != null);
    }

    /** Limits ND4J to one thread until {@link #release}: products for all, other operations for the thread that calls both. */
    public void hold() {
        if (!active) {
            return;
        }
        NativeOps operations = NativeOpsHolder.getInstance().getDeviceNativeOps();
        if (!held) {
            operationThreads = operations.ompGetMaxThreads();
            productThreads = openblas_nolapack.blas_get_num_threads();
            held = true;
        }
        operations.setOmpNumThreads(1);
        // Setting it takes a third of a millisecond: the library's symbols are looked up each time.
        if (openblas_nolapack.blas_get_num_threads() != 1) {
            openblas_nolapack.blas_set_num_threads(1);
        }
    }

    /** Runs {@code operation} of ND4J on the calling thread alone, one of several that do so at the same time. */
    static void alone(Runnable operation) {
        NativeOps operations = NativeOpsHolder.getInstance().getDeviceNativeOps();
        int threads = operations.ompGetMaxThreads();
        if (threads == 1) {
            operation.run();
            return;
        }
        operations.setOmpNumThreads(1);
        try {
            operation.run();
        } finally {
            operations.setOmpNumThreads(threads);
        }
    }

    /** Gives ND4J back the threads that it had. */
    public void release() {
        if (!held) {
            return;
        }
        NativeOpsHolder.getInstance().getDeviceNativeOps().setOmpNumThreads(operationThreads);
        openblas_nolapack.blas_set_num_threads(productThreads);
        held = false;
    }
}
