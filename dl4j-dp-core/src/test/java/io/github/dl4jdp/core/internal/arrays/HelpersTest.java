// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core.internal.arrays;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.util.ArrayList;
import java.util.Collections;
import java.util.HashSet;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.LockSupport;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Threads that share work: nothing is done twice, nothing is left, nobody waits for ever. */
@Timeout(60)
class HelpersTest {
    /** Longer than helpers stay awake. */
    private static final long PAUSE = TimeUnit.MILLISECONDS.toNanos(2);

    @Test
    void run_manyTimesWithAndWithoutPauses_everyWorkerHasANumberOfItsOwn() {
        for (int round = 0; round < 3_000; round++) {
            List<Integer> workers = Collections.synchronizedList(new ArrayList<>());

            Helpers.run(4, workers::add);

            assertThat(workers).doesNotHaveDuplicates().contains(0).allMatch(worker -> worker >= 0 && worker < 4);
            if (round % 100 == 0) {
                LockSupport.parkNanos(PAUSE);
            }
        }
    }

    /** The second thread waits for the first one inside the work, so that both must be in it at a time. */
    @Test
    void run_twoWorkers_workAtTheSameTime() throws InterruptedException {
        assumeTrue(Runtime.getRuntime().availableProcessors() > 1, "one processor: no helper");
        for (int round = 0; round < 50; round++) {
            var both = new CountDownLatch(2);
            var met = new AtomicInteger();

            Helpers.run(2, worker -> {
                both.countDown();
                try {
                    met.addAndGet(both.await(10, TimeUnit.SECONDS) ? 1 : 0);
                } catch (InterruptedException e) {
                    throw new IllegalStateException(e);
                }
            });

            assertThat(met).hasValue(2);
            LockSupport.parkNanos(round % 2 * PAUSE);
        }
    }

    @Test
    void run_returns_whenAllWorkIsDone() {
        for (int round = 0; round < 200; round++) {
            var begun = new AtomicInteger();
            var done = new AtomicInteger();

            Helpers.run(2, worker -> {
                begun.incrementAndGet();
                LockSupport.parkNanos(worker == 0 ? 0 : TimeUnit.MICROSECONDS.toNanos(500));
                done.incrementAndGet();
            });

            assertThat(done.get()).isPositive().isEqualTo(begun.get());
        }
    }

    @Test
    void run_workThatThrows_isThrownHereAndTheNextIsDone() {
        for (int round = 0; round < 200; round++) {
            assertThatThrownBy(() -> Helpers.run(2, worker -> {
                        throw new IllegalArgumentException("a refusal");
                    }))
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessage("a refusal");
            assertThatThrownBy(() -> Helpers.run(2, worker -> {
                        throw new StackOverflowError();
                    }))
                    .isInstanceOf(StackOverflowError.class);
        }
        var done = new HashSet<Integer>();
        new ParallelRanges(2).run(10, 1, (worker, from, to) -> {
            synchronized (done) {
                done.add(from);
            }
        });
        assertThat(done).hasSize(10);
    }

    /** Callers meet the same helpers, and work of a helper may share out work again. */
    @Test
    void run_severalCallersAndWorkWithinWork_everyBlockIsDoneOnce() throws Exception {
        var callers = Executors.newFixedThreadPool(6);
        try {
            Callable<Boolean> caller = () -> {
                for (int round = 0; round < 300; round++) {
                    int[] outer = new int[8];
                    int[][] inner = new int[8][16];
                    new ParallelRanges(3).run(8, 1, (worker, from, to) -> {
                        outer[from]++;
                        new ParallelRanges(3).run(16, 3, (other, first, end) -> {
                            for (int i = first; i < end; i++) {
                                inner[from][i]++;
                            }
                        });
                    });
                    assertThat(outer).containsOnly(1);
                    for (int[] row : inner) {
                        assertThat(row).containsOnly(1);
                    }
                }
                return true;
            };
            for (var result : callers.invokeAll(Collections.nCopies(6, caller))) {
                assertThat(result.get()).isTrue();
            }
        } finally {
            callers.shutdownNow();
        }
    }

    @Test
    void run_interruptedThread_finishesAndStaysInterrupted() {
        var done = new AtomicInteger();
        Thread.currentThread().interrupt();
        try {
            Helpers.run(2, worker -> {
                long begun = System.nanoTime();
                while (worker == 1 && System.nanoTime() - begun < PAUSE) {
                    Thread.onSpinWait();
                }
                done.incrementAndGet();
            });
        } finally {
            assertThat(Thread.interrupted()).isTrue();
        }
        assertThat(done.get()).isPositive();
    }
}
