// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core.mechanism;

import io.github.dl4jdp.accountant.DpEvent;

/** Makes the charges of one run, in their order. */
public final class Charges {
    /** Where charges are recorded: a ledger, or a count in memory. */
    @FunctionalInterface
    public interface Book {
        /** Records a charge: when it returns, no crash can make the run forget it. An exception means that nothing may be released. */
        void record(DpEvent event);
    }

    private final Mechanism mechanism;
    private final Book book;
    private final long began;
    private final Passes passes;
    private long made;

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

    /** The passes over given batches that had a release, with correlated noise. */
    public long passes() {
        return passes.begun();
    }

    /**
     * The charge of the first lot of a pass over given batches.
     *
     * @throws IllegalStateException if, with correlated noise, there are no more passes, or the last one was too short
     */
    public Charge nextOfNewPass() {
        if (isOfPasses()) {
            passes.requireNext();
            return new Charge(this, made + 1, passes.begun() + 1);
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

    Mechanism mechanism() {
        return mechanism;
    }

    /** Refuses a lot that the participation which correlated noise was computed for does not allow. */
    void requireRoom(Charge charge, long examplesOfLot) {
        if (isOfPasses()) {
            passes.require(charge.pass(), examplesOfLot);
        }
    }

    void record(Charge charge, long examplesOfLot) {
        if (charge.number() != made + 1) {
            throw new IllegalStateException("charge " + charge.number() + " must be the next one to be recorded, "
                    + (made + 1) + ": another release was recorded after it was made");
        }
        book.record(mechanism.event(began, charge.number()));
        made++;
        if (isOfPasses()) {
            passes.add(charge.pass(), examplesOfLot);
        }
    }
}
