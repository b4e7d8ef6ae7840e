// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core.mechanism;

import io.github.dl4jdp.accountant.NeighboringRelation;
import java.util.List;

/** How the lots of a plan are drawn, and what that makes of their cost. */
public enum Sampling {
    /** Every example joins every lot independently with the sampling probability. Amplifies privacy; charged lot by lot. */
    POISSON,
    /**
     * Every lot is a uniformly drawn subset of exactly the lot size. Amplifies privacy; charged lot by lot. Replacing one example moves a
     * sum by up to twice the clipping norm, so noise {@code sigma C} counts as {@code sigma / 2}.
     */
    FIXED_SIZE,
    /**
     * The batches of the user's own iterator, in its order. Not amplified; a pass is charged as one release when it starts, since an example
     * appears in it at most once. Removing an example would shift every later batch, so only its replacement can be bounded: by nothing
     * ({@link NeighboringRelation#ZERO_OUT}) or by another example ({@link NeighboringRelation#REPLACE_ONE}, at half the noise multiplier).
     */
    GIVEN_BATCHES;

    /** The relations under which a cost is known, the usual one first. */
    public List<NeighboringRelation> relations() {
        return switch (this) {
            case POISSON -> List.of(NeighboringRelation.ADD_OR_REMOVE_ONE);
            case FIXED_SIZE -> List.of(NeighboringRelation.REPLACE_ONE);
            case GIVEN_BATCHES -> List.of(NeighboringRelation.ZERO_OUT, NeighboringRelation.REPLACE_ONE);
        };
    }

    /** Whether a charge pays for a whole pass over the data set instead of one lot. */
    public boolean chargesByPass() {
        return this == GIVEN_BATCHES;
    }
}
