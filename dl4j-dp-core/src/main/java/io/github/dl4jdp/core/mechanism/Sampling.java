// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core.mechanism;

import io.github.dl4jdp.accountant.NeighboringRelation;
import java.util.List;

/** How the lots of a plan are drawn, and what that makes of their cost. */
public enum Sampling {
    /**
     * Every example joins every lot independently with the sampling probability. Amplifies privacy; charged lot by lot.
     *
     * <p>Proof that adding or removing an example ({@link NeighboringRelation#ADD_OR_REMOVE_ONE}) and replacing it by an empty record ({@link
     * NeighboringRelation#ZERO_OUT}) cost the same: an empty record is absent. It adds nothing to the sum, and nothing to the count of adaptive clipping. Let D have example i, D' an empty record
     * in its place, and D'' not even that. The coins of the other examples are independent of coin i, and the sampling probability, divisor, noise and number of steps are constants of the plan. So every release
     * has the same distribution on D' and on D'', for every clipping and in every state, and the two pairs (D, D') and (D, D'') have the same privacy loss. What the relations differ in is the number of
     * examples: it is a constant that was known beforehand under the first, and may be the exact count of the private data under the second, since D and D' have the same count.
     */
    POISSON,
    /**
     * Every lot is a uniformly drawn subset of exactly the lot size. Amplifies privacy; charged lot by lot. Replacing one example moves a
     * sum by up to twice the clipping norm, so noise {@code sigma C} counts as {@code sigma / 2}.
     */
    FIXED_SIZE,
    /**
     * In every pass each example joins exactly one of the pass's lots, drawn uniformly by a coin of its own that no other example shares: lots of nearly one size. Amplifies privacy; a pass is charged as one
     * release when it starts. The number of lots of a pass is a public constant.
     */
    RANDOM_ALLOCATION,
    /**
     * The batches of the user's own iterator, in its order. Not amplified; a pass is charged as one release when it starts, since an example
     * appears in it at most once. Removing an example would shift every later batch, so only its replacement can be bounded: by nothing
     * ({@link NeighboringRelation#ZERO_OUT}) or by another example ({@link NeighboringRelation#REPLACE_ONE}, at half the noise multiplier).
     */
    GIVEN_BATCHES;

    /** The relations under which a cost is known, the usual one first. */
    public List<NeighboringRelation> relations() {
        return switch (this) {
            case POISSON -> List.of(NeighboringRelation.ADD_OR_REMOVE_ONE, NeighboringRelation.ZERO_OUT);
            case FIXED_SIZE -> List.of(NeighboringRelation.REPLACE_ONE);
            case RANDOM_ALLOCATION -> List.of(NeighboringRelation.ADD_OR_REMOVE_ONE, NeighboringRelation.ZERO_OUT);
            case GIVEN_BATCHES -> List.of(NeighboringRelation.ZERO_OUT, NeighboringRelation.REPLACE_ONE);
        };
    }

    /** Whether a charge pays for a whole pass over the data set instead of one lot. */
    public boolean chargesByPass() {
        return this == GIVEN_BATCHES || this == RANDOM_ALLOCATION;
    }
}
