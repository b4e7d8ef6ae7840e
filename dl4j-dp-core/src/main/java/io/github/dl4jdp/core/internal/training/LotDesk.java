// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core.internal.training;

import java.lang.management.ManagementFactory;
import java.lang.management.ThreadInfo;
import java.lang.management.ThreadMXBean;
import java.util.Arrays;
import java.util.LinkedHashSet;
import java.util.Optional;
import java.util.Set;
import java.util.function.BooleanSupplier;
import org.deeplearning4j.nn.api.Model;
import org.deeplearning4j.nn.graph.ComputationGraph;
import org.deeplearning4j.nn.multilayer.MultiLayerNetwork;
import org.jspecify.annotations.Nullable;

/**
 * Who may have a lot: the thread that trains the attached network, and one lot at a time.
 *
 * <p>A lot is out from {@code next()} until it is released, or the fit of it has failed. While one is out there is no other: a consumer that asks for a
 * second one does not train the attached network, whatever else it does, and is refused. The lot that it had is withdrawn, so that the next fit, over
 * the same iterator or another one, gets it again.
 */
final class LotDesk {
    /** A lot that has been handed out, and not released. */
    private static final class Out {
        final long lot;
        final long stamp;
        final Thread thread;
        final boolean inFit;
        boolean attempted;

        Out(long lot, long stamp, boolean inFit) {
            this.lot = lot;
            this.stamp = stamp;
            this.thread = Thread.currentThread();
            this.inFit = inFit;
        }
    }

    private static final String REMEDY =
            "; use lots in net.fit(engine.lots(data), plan.epochs()), or in a loop in which the attached network's fit follows each next()";

    /** How often a fit may fail before its backward pass and get its lot again silently; a caller that asks more often does not fit. */
    private static final int SILENT_RETURNS = 2;

    private static final int PROBE_MILLIS = 20;

    private final Model network;
    /** Whether the network was given the labels of the lot that is out: a fit has begun. */
    private final BooleanSupplier given;

    private final Runnable withdraw;

    /** Counts iterators and lots handed out, to tell which came first. */
    private long clock;

    private @Nullable Out out;
    private long returnedLot;
    private int returns;
    private @Nullable Thread trainer;
    private final ThreadLocal<Boolean> refused = new ThreadLocal<>();

    /**
     * @param given whether the network was given the labels of the lot that is out
     * @param withdraw drops the lot that is out
     */
    LotDesk(Model network, BooleanSupplier given, Runnable withdraw) {
        this.network = network;
        this.given = given;
        this.withdraw = withdraw;
    }

    /** The thread that has the lot that is out. */
    synchronized Optional<Thread> outThread() {
        return Optional.ofNullable(out).map(lot -> lot.thread);
    }

    /** The threads that may be in a fit: those of the lot that is out and of the last one that was released. */
    synchronized Set<Thread> trainers() {
        var threads = new LinkedHashSet<Thread>();
        outThread().ifPresent(threads::add);
        if (trainer != null) {
            threads.add(trainer);
        }
        return threads;
    }

    /** The number of a new iterator. */
    synchronized long newIterator() {
        return ++clock;
    }

    /**
     * Whether the thread that asks reads ahead of the one that trains. An exception there would be lost: DL4J's prefetching threads die of it, and the
     * thread that trains waits for ever. So such a thread is given a {@link RefusedLot}, once.
     */
    boolean isReadAhead() {
        return LotCaller.current().kind() == LotCaller.Kind.PREFETCH || isTrainingElsewhere();
    }

    /** What {@code hasNext()} says to a thread that reads ahead: there is one, which says why there is none. */
    boolean hasRefusal() {
        return refused.get() == null;
    }

    /** The reason that a thread that reads ahead is to hand on. */
    String refusal() {
        refused.set(true);
        return "the lots of a PrivacyEngine cannot be read ahead, by \""
                + Thread.currentThread().getName()
                + "\": the members of a lot and its cost are known only when it is trained on"
                + REMEDY;
    }

    /**
     * Refuses a caller that builds an iterator which reads ahead.
     *
     * @throws IllegalStateException if that is who asks
     */
    void requireNoPrefetching() {
        LotCaller caller = LotCaller.current();
        if (caller.kind() == LotCaller.Kind.PREFETCH_SETUP) {
            throw new IllegalStateException("the lots of a PrivacyEngine cannot be read ahead by " + caller.name()
                    + ", which would draw lots on a thread other than the training thread" + REMEDY);
        }
    }

    /**
     * Lets an iterator have the next lot, or says why not. Nothing is out when it returns.
     *
     * @param iterator its number
     * @throws IllegalStateException if what asks does not train the attached network, or has not trained on the lot before
     */
    synchronized void requireTraining(long iterator) {
        LotCaller caller = LotCaller.current();
        if (caller.kind() == LotCaller.Kind.OTHER || caller.kind() == LotCaller.Kind.PREFETCH_SETUP) {
            throw refuse(caller.name()
                    + " must not use the lots of a PrivacyEngine: it does not train the attached network. Code that it calls, such as a listener, can take lots by the"
                    + " attached network's fit(lots, 1) only");
        }
        boolean inFit = caller.kind() == LotCaller.Kind.FIT;
        if (inFit && !Thread.holdsLock(network)) {
            throw refuse(
                    "fit received the lots of a PrivacyEngine that is attached to another network, and would train without privacy. Code that it calls, such as a data set, can take lots by the"
                            + " attached network's fit(lots, 1) only");
        }
        Out current = out;
        if (current == null || isOver(current, iterator)) {
            takeBack();
            return;
        }
        boolean hasBegun = given.getAsBoolean();
        // This thread is in the fit of the attached network: whoever had the lot before cannot train on it meanwhile,
        // and
        // a fit that began is over.
        boolean isAnew = inFit && (!current.inFit || hasBegun);
        boolean failed = inFit || hasBegun;
        if (isAnew || (failed && countReturn(current.lot))) {
            takeBack();
            return;
        }
        throw refuse("next() was called again while lot " + current.lot + ", returned on the thread \""
                + current.thread.getName() + "\", is still in use: the attached network has not trained on it");
    }

    /** Whether no caller waits for the outcome of a lot any more: its fit failed, or an iterator that was made later begins anew. */
    private static boolean isOver(Out current, long iterator) {
        return current.attempted || iterator > current.stamp;
    }

    private boolean countReturn(long lot) {
        returns = lot == returnedLot ? returns + 1 : 1;
        returnedLot = lot;
        return returns <= SILENT_RETURNS;
    }

    private IllegalStateException refuse(String reason) {
        takeBack();
        return new IllegalStateException(reason + REMEDY);
    }

    private void takeBack() {
        if (out != null) {
            out = null;
            withdraw.run();
        }
    }

    /** Notes that a lot is handed out to the thread that asks. */
    synchronized void handedOut(long lot) {
        out = new Out(lot, ++clock, Thread.holdsLock(network));
    }

    /** Takes back a lot whose fit failed, when a pass begins anew. One that is to be trained on yet stays out. */
    synchronized void reset(long iterator) {
        if (out != null && !isOut(iterator)) {
            takeBack();
        }
    }

    /** Whether a lot is out that an iterator has to look past. */
    synchronized boolean isOut(long iterator) {
        Out current = out;
        return current != null && !isOver(current, iterator) && !given.getAsBoolean();
    }

    /**
     * Begins the backward pass over the lot that is out.
     *
     * @throws IllegalStateException if it is on another thread than {@code next()} was
     */
    synchronized void requireSameThread() {
        Out current = out;
        if (current == null) {
            return;
        }
        current.attempted = true;
        if (current.thread != Thread.currentThread()) {
            throw new IllegalStateException("lot " + current.lot + " was drawn on the thread \""
                    + current.thread.getName() + "\" and fit runs on \""
                    + Thread.currentThread().getName()
                    + "\": the lots of a PrivacyEngine cannot be read ahead" + REMEDY);
        }
    }

    /** The lot that was out is released. */
    synchronized void released() {
        out = null;
        returns = 0;
        trainer = Thread.currentThread();
    }

    /**
     * Whether another thread is in a fit of the network, and waits for this one perhaps: it holds the network's monitor, and whoever asks the network
     * now would wait for ever.
     */
    private boolean isTrainingElsewhere() {
        if (Thread.holdsLock(network) || Thread.currentThread() == trainer) {
            return false;
        }
        var probe = new Thread(
                () -> {
                    synchronized (network) {
                        Thread.onSpinWait();
                    }
                },
                "dl4j-dp probe");
        probe.setDaemon(true);
        probe.start();
        boolean interrupted = false;
        try {
            while (true) {
                try {
                    probe.join(PROBE_MILLIS);
                    if (!probe.isAlive()) {
                        return false;
                    }
                    if (isHeldByFit(probe)) {
                        return true;
                    }
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

    private static boolean isHeldByFit(Thread waiting) {
        ThreadMXBean threads = ManagementFactory.getThreadMXBean();
        ThreadInfo info = threads.getThreadInfo(waiting.getId());
        ThreadInfo owner = info == null || info.getLockOwnerId() < 0
                ? null
                : threads.getThreadInfo(info.getLockOwnerId(), Integer.MAX_VALUE);
        return owner != null
                && Arrays.stream(owner.getStackTrace())
                        .anyMatch(frame -> frame.getMethodName().startsWith("fit")
                                && (frame.getClassName().equals(MultiLayerNetwork.class.getName())
                                        || frame.getClassName().equals(ComputationGraph.class.getName())));
    }
}
