// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core.internal.training;

import java.util.Objects;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Future;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import org.nd4j.linalg.dataset.api.MultiDataSet;

/**
 * Reads one physical batch on another thread while the network works on the one before. What is read never depends on when: a batch is named by its
 * lot and its part, and a request for another part than the started one returns that other part.
 *
 * <p>Reads never overlap. A failure to read comes out where the batch is asked for. An interrupt of the thread that asks neither loses a batch nor
 * gets lost itself.
 */
final class ReadAhead {
    private static final long IDLE_SECONDS = 5;

    /** No thread while there is nothing to read, so that this need not be closed. */
    private final ThreadPoolExecutor reader =
            new ThreadPoolExecutor(0, 1, IDLE_SECONDS, TimeUnit.SECONDS, new LinkedBlockingQueue<>(), task -> {
                var thread = new Thread(task, "dl4j-dp read-ahead");
                thread.setDaemon(true);
                return thread;
            });

    private record Batch(long lot, int part) {}

    private @Nullable Batch started;
    private @Nullable Future<MultiDataSet> result;

    /** Starts to read a batch, to be asked for next. */
    void start(long lot, int part, Supplier<MultiDataSet> read) {
        started = new Batch(lot, part);
        result = reader.submit(read::get);
    }

    /** The batch, as it was started or by reading it now. */
    MultiDataSet get(long lot, int part, Supplier<MultiDataSet> read) {
        boolean isStarted = new Batch(lot, part).equals(started);
        Future<MultiDataSet> pending = result;
        started = null;
        result = null;
        if (pending != null) {
            // Even when it is no longer wanted: the examples are used by one thread at a time.
            try {
                MultiDataSet batch = await(pending);
                if (isStarted) {
                    return batch;
                }
            } catch (ExecutionException e) {
                if (isStarted) {
                    throw rethrown(e.getCause());
                }
            }
        }
        return read.get();
    }

    /** Waits until nothing is read: another reader may then have the examples. What was read stays, to be asked for. */
    void finish() {
        Future<MultiDataSet> pending = result;
        if (pending != null) {
            try {
                await(pending);
            } catch (ExecutionException e) {
                return; // comes out where the batch is asked for
            }
        }
    }

    private static MultiDataSet await(Future<MultiDataSet> pending) throws ExecutionException {
        boolean interrupted = false;
        try {
            while (true) {
                try {
                    return pending.get();
                } catch (InterruptedException e) {
                    interrupted = true;
                }
            }
        } finally {
            if (interrupted) {
                Thread.currentThread().interrupt();
            }
        }
    }

    private static RuntimeException rethrown(@Nullable Throwable cause) {
        if (cause instanceof Error error) {
            throw error;
        }
        // A Supplier throws nothing else.
        return (RuntimeException) Objects.requireNonNull(cause);
    }
}
