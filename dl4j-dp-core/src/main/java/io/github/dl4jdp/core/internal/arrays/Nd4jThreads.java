// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core.internal.arrays;

import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
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
    /** Null if there is nothing to do. */
    private final @Nullable CpuBlas blas;

    private boolean held;
    private int operationThreads;
    private int productThreads;

    private Nd4jThreads(@Nullable CpuBlas blas) {
        this.blas = blas;
    }

    /**
     * For a network.
     *
     * @param threads the most that a layer uses
     * @param shared whether all layers that train share out their work themselves: otherwise ND4J keeps its threads
     */
    public static Nd4jThreads of(int threads, boolean shared) {
        return new Nd4jThreads(threads > 1 && shared ? CpuBlas.find() : null);
    }

    /** Limits ND4J to one thread until {@link #release}: products for all, other operations for the thread that calls both. */
    public void hold() {
        if (blas == null) {
            return;
        }
        NativeOps operations = NativeOpsHolder.getInstance().getDeviceNativeOps();
        if (!held) {
            operationThreads = operations.ompGetMaxThreads();
            productThreads = blas.threads();
            held = true;
        }
        operations.setOmpNumThreads(1);
        blas.setThreads(1);
    }

    /** Runs a native operation on the calling thread alone, one of several that do so at the same time. */
    static void alone(Runnable operation) {
        alone(() -> {
            operation.run();
            return true;
        });
    }

    /** As {@link #alone(Runnable)}, with a result. */
    static <T extends @Nullable Object> T alone(Supplier<T> operation) {
        NativeOps operations = NativeOpsHolder.getInstance().getDeviceNativeOps();
        int threads = operations.ompGetMaxThreads();
        if (threads == 1) {
            return operation.get();
        }
        operations.setOmpNumThreads(1);
        try {
            return operation.get();
        } finally {
            operations.setOmpNumThreads(threads);
        }
    }

    /** Gives ND4J back the threads that it had. */
    public void release() {
        if (blas == null || !held) {
            return;
        }
        NativeOpsHolder.getInstance().getDeviceNativeOps().setOmpNumThreads(operationThreads);
        blas.setThreads(productThreads);
        held = false;
    }
}
