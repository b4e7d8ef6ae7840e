// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core.fuzz;

/**
 * What a check of a case found.
 *
 * @param kind which of the checks, or why the case was not checked
 * @param text what was seen
 */
record Finding(Kind kind, String text) {
    enum Kind {
        /** DL4J cannot train the network on the data itself. */
        DL4J_FAILS(false),
        /** DL4J cannot train the network on one of the examples alone, and nothing was charged. */
        DL4J_FAILS_ALONE(false),
        /** {@code check} refuses the network. */
        REFUSED(false),
        /** {@code fit} refuses the data before anything is charged. */
        REFUSED_LATE(false),
        /** Everything holds. */
        HOLDS(false),
        /** Sums of neighbors are further apart than the bound. */
        APART(true),
        /** Rows differ from DL4J's gradients of batches of one. */
        ROWS(true),
        /** Norms differ from those of the rows. */
        NORMS(true),
        /** The clipped sum is not that of the clipped rows. */
        SUM(true),
        /** Physical batches, threads or reading ahead change the sum. */
        BATCHES(true),
        /** A lot was charged and not released. */
        CHARGED(true),
        /** An exception that is no refusal. */
        CRASH(true),
        /** Epsilon is not the plan's. */
        EPSILON(true);

        final boolean isFault;

        Kind(boolean isFault) {
            this.isFault = isFault;
        }
    }

    boolean isFault() {
        return kind.isFault;
    }

    @Override
    public String toString() {
        return kind + ": " + text;
    }
}
