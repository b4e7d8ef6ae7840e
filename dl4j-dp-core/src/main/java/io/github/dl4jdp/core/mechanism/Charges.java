// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core.mechanism;

import io.github.dl4jdp.accountant.DpEvent;
import io.github.dl4jdp.core.internal.Require;
import java.util.List;

/** Makes the charges of one run, in their order. */
public final class Charges {
    /** Where charges are recorded: a ledger, or a count in memory. */
    @FunctionalInterface
    public interface Book {
        /** Records a charge: when it returns, no crash can make the run forget it. An exception means that nothing may be released. */
        void record(DpEvent event);
    }

    /**
     * Where a run with correlated noise stopped.
     *
     * @param charges made
     * @param began charges before the noise began anew
     * @param passes over given batches that were begun
     * @param lots of the last of them
     * @param examples of the last of them
     * @param sizes how many examples each lot of a pass has, where every pass must have the same
     */
    public record Stop(long charges, long began, long passes, long lots, long examples, List<Long> sizes) {
        /** Checks the numbers; {@code IllegalArgumentException} if one is negative, or {@code began > charges}. */
        public Stop {
            sizes = List.copyOf(sizes);
            Require.that(
                    began >= 0 && began <= charges && passes >= 0 && lots >= 0 && examples >= 0,
                    "a stop must have numbers of at least 0, and began at most charges, was " + charges + ", " + began
                            + ", " + passes + ", " + lots + ", " + examples);
        }
    }

    private final Mechanism mechanism;
    private final Book book;
    private final Passes passes;
    /** Other threads ask what was spent while one trains. */
    private volatile long began;

    private volatile long made;

    /**
     * The charges of a run.
     *
     * @param made how many of them are recorded already; correlated noise begins anew after them
     */
    public Charges(Mechanism mechanism, long made, Book book) {
        this.mechanism = mechanism;
        this.made = made;
        this.began = made;
        this.passes = new Passes(mechanism);
        this.book = book;
    }

    /** How many are recorded. */
    public long made() {
        return made;
    }

    /** How many were recorded before correlated noise began anew. */
    public long began() {
        return began;
    }

    /** The passes over given batches that had a release, with correlated noise; a stream that goes on is not one of them. */
    public long passes() {
        return passes.used();
    }

    /** Where the run stands. */
    public Stop stop() {
        return passes.stop(made, began);
    }

    /**
     * Charges as the run that stopped would have, whose noise goes on.
     *
     * @param isStream whether the rest of the last pass follows, instead of a new pass
     * @throws IllegalStateException if it did not stop after as many charges as are recorded
     */
    public void goOn(Stop stop, boolean isStream) {
        Require.state(
                stop.charges() == made,
                "noise must go on after the " + made + " charges that are recorded, had stopped after "
                        + stop.charges());
        began = stop.began();
        passes.goOn(stop, isStream);
    }

    /** Whether another run may go on from here: a pass is at its end, or the data are a stream. */
    public boolean canGoOn(boolean isStream) {
        return !isOfPasses() || passes.canGoOn(isStream);
    }

    /**
     * The charge of the first lot of a pass over given batches.
     *
     * @throws IllegalStateException if, with correlated noise, there are no more passes, or the last one was too short
     */
    public Charge nextOfNewPass() {
        if (isOfPasses()) {
            passes.requireNext();
            return new Charge(this, made + 1, passes.next());
        }
        return next();
    }

    private boolean isOfPasses() {
        return mechanism.sampling().chargesByPass() && mechanism.correlation().isPresent();
    }

    /** The next charge, which is recorded by the first release that it pays for, if there is one. */
    public Charge next() {
        return new Charge(this, made + 1, Math.max(1, passes.begun()));
    }

    /**
     * The next charge, for another lot of the pass over given batches that an earlier one paid for.
     *
     * @throws IllegalStateException if, with correlated noise, another pass has begun since
     */
    public Charge nextOfSamePass(Charge earlier) {
        Require.state(
                !isOfPasses() || earlier.pass() == passes.begun(),
                "with correlated noise, a pass must be read to its end by one iterator before another one begins a pass: pass "
                        + earlier.pass() + " was to go on after pass " + passes.begun()
                        + " had begun. Use one iterator at a time, and reset() for its next pass");
        return next();
    }

    Mechanism mechanism() {
        return mechanism;
    }

    /** Records a charge, unless the participation which correlated noise was computed for does not allow its lot. */
    void record(Charge charge, long examplesOfLot) {
        if (isOfPasses()) {
            passes.require(charge.pass(), examplesOfLot);
        }
        Require.state(
                charge.number() == made + 1,
                "charge " + charge.number() + " must be the next one to be recorded, " + (made + 1)
                        + ": another release was recorded after it was made");
        book.record(mechanism.event(began, charge.number()));
        made = charge.number();
        if (isOfPasses()) {
            passes.add(charge.pass(), examplesOfLot);
        }
    }
}
