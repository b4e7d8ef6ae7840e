// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.accountant;

import org.jspecify.annotations.Nullable;

/**
 * A pair of distributions (P, Q) that dominates a mechanism: on neighboring data sets no test tells its outcomes apart
 * better than it tells P from Q.
 *
 * <p>For add-or-remove the pair is that of removing an example; adding one is the same pair exchanged.
 */
interface LossPair {

    /**
     * The pair on a lattice.
     *
     * @param grid the losses of the lattice
     * @param tail mass that may be moved beyond the lattice's ends
     */
    LossLattice lattice(LossGrid grid, double tail);

    /** Quadrature nodes of the loss, for planning; tails of mass {@code tail} may be left out. */
    LossMoments moments(double tail);

    /** The range of losses that a lattice with such a tail covers. */
    double range(double tail);

    /** Whether P and Q exchanged are the same pair, so that both directions have one privacy loss. */
    default boolean isSymmetric() {
        return false;
    }

    /** Whether the loss has a density, and no atoms. */
    default boolean isSmooth() {
        return false;
    }

    /** Its place among pairs of other parameters, between which it may be interpolated; null if there is none. */
    default LossNet.@Nullable Place place() {
        return null;
    }

    /** A pair that the mechanism dominates, for bounds from below: this one where the pair is known exactly. */
    default LossPair fromBelow() {
        return this;
    }
}
