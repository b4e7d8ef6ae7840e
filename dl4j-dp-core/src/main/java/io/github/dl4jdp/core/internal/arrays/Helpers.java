// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core.internal.arrays;

import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import java.util.concurrent.locks.LockSupport;
import java.util.function.IntConsumer;
import org.jspecify.annotations.Nullable;

/**
 * Threads that take part in the work of another one, and wait for more of it awake for a moment before they sleep.
 *
 * <p>A pass shares out dozens of loops of a tenth of a millisecond, a few microseconds apart. To wake a sleeping thread takes half of that: measured on two virtual processors, a loop of the common
 * pool of {@code java.util.concurrent} costs 47 microseconds more than its work, with or without a pause before it, and one of these threads 2. A thread stays awake no longer than about twice the time
 * that sleeping and waking takes, so that it never loses more than a small multiple of that to other programs.
 */
final class Helpers {
    private static final long AWAKE_NANOS = 100_000;
    private static final List<Helper> HELPERS = new CopyOnWriteArrayList<>();

    private Helpers() {}

    /**
     * Runs {@code work} on the calling thread and at most {@code workers - 1} others, as many as are free, each with a number of its own from 0; returns when all have returned.
     *
     * @param work gives the same result on one thread as on several
     */
    static void run(int workers, IntConsumer work) {
        var job = new Job(work);
        int taken = 0;
        for (int i = 0; taken + 1 < workers; i++) {
            if (i == HELPERS.size() && !add(i)) {
                break;
            }
            if (HELPERS.get(i).takes(job, taken + 1)) {
                taken++;
            }
        }
        job.run(0);
        job.await();
    }

    /** One thread fewer than there are processors. */
    private static synchronized boolean add(int number) {
        if (HELPERS.size() > number) {
            return true;
        }
        if (HELPERS.size() + 1 >= Runtime.getRuntime().availableProcessors()) {
            return false;
        }
        var helper = new Helper(number);
        try {
            helper.start();
        } catch (OutOfMemoryError e) { // no thread to be had: the work is done by fewer
            return false;
        }
        HELPERS.add(helper);
        return true;
    }

    /** What several threads work on. */
    private static final class Job {
        private final IntConsumer work;
        private final AtomicInteger others = new AtomicInteger();
        private final AtomicReference<@Nullable Throwable> failure = new AtomicReference<>();
        private volatile @Nullable Thread waiting;

        Job(IntConsumer work) {
            this.work = work;
        }

        @SuppressWarnings("CatchThrowable") // thrown again by the thread that waits
        void run(int worker) {
            try {
                work.accept(worker);
            } catch (Throwable e) {
                failure.compareAndSet(null, e);
            }
        }

        void joined() {
            others.incrementAndGet();
        }

        void left() {
            if (others.decrementAndGet() == 0) {
                LockSupport.unpark(waiting);
            }
        }

        /** An interrupt of the waiting thread is kept for who looks at it. */
        void await() {
            long begun = System.nanoTime();
            while (others.get() > 0) {
                if (System.nanoTime() - begun < AWAKE_NANOS
                        || Thread.currentThread().isInterrupted()) {
                    Thread.onSpinWait();
                } else {
                    waiting = Thread.currentThread();
                    if (others.get() > 0) {
                        LockSupport.park(this);
                    }
                }
            }
            Throwable thrown = failure.get();
            if (thrown instanceof Error error) {
                throw error;
            }
            if (thrown instanceof RuntimeException exception) {
                throw exception;
            }
        }
    }

    /** A job and the number of the thread in it. */
    private record Share(Job job, int worker) {}

    private static final class Helper extends Thread {
        private final AtomicBoolean free = new AtomicBoolean(true);
        private volatile @Nullable Share share;
        private volatile boolean asleep;

        Helper(int number) {
            super("dl4j-dp-helper-" + number);
            setDaemon(true);
            setContextClassLoader(Helpers.class.getClassLoader());
        }

        /** Takes part in a job, unless it works on another one. */
        boolean takes(Job job, int worker) {
            if (!free.compareAndSet(true, false)) {
                return false;
            }
            job.joined();
            share = new Share(job, worker);
            if (asleep) {
                LockSupport.unpark(this);
            }
            return true;
        }

        @Override
        public void run() {
            while (true) {
                Share next = next();
                share = null;
                next.job().run(next.worker());
                free.set(true); // before the job is told, whose thread may have the next one
                next.job().left();
            }
        }

        private Share next() {
            long begun = System.nanoTime();
            while (true) {
                Share given = share;
                if (given != null) {
                    asleep = false;
                    return given;
                }
                if (System.nanoTime() - begun < AWAKE_NANOS) {
                    Thread.onSpinWait();
                } else {
                    asleep = true;
                    if (share == null) {
                        LockSupport.park(this);
                    }
                }
            }
        }
    }
}
