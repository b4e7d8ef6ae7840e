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
    private long made;

    /**
     * The charges of a run.
     *
     * @param made how many of them are recorded already
     */
    public Charges(Mechanism mechanism, long made, Book book) {
        this.mechanism = mechanism;
        this.made = made;
        this.book = book;
    }

    /** How many are recorded. */
    public long made() {
        return made;
    }

    /** The next charge, which is recorded by the first release that it pays for, if there is one. */
    public Charge next() {
        return new Charge(this, made + 1);
    }

    Mechanism mechanism() {
        return mechanism;
    }

    void record(Charge charge) {
        if (charge.number() != made + 1) {
            throw new IllegalStateException("charge " + charge.number() + " must be the next one to be recorded, "
                    + (made + 1) + ": another release was recorded after it was made");
        }
        book.record(mechanism.event(charge.number()));
        made++;
    }
}
