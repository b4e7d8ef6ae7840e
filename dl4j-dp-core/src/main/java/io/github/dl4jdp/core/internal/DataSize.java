// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core.internal;

import io.github.dl4jdp.accountant.NeighboringRelation;

/**
 * How many units a data set may have, given the number N that noise, divisor and sampling are computed from. Nothing but N enters a release.
 *
 * <ul>
 *   <li>Replace-one: exactly N, which is public.
 *   <li>Zero-out: at most N, which is public. Those that are missing are empty records. A neighbor passes as its data set does: the check reveals nothing.
 *   <li>Add-or-remove: a number far from N is most likely a mistake, and refused; that check reads the private data and is not covered by the guarantee. Data of N units and of one less or more pass it alike.
 *   <li>None at all are refused under any relation: no first unit tells the shapes. The guarantee does not cover that either.
 * </ul>
 */
public final class DataSize {
    /** Of N. */
    private static final double TOLERANCE = 0.01;

    private DataSize() {}

    /**
     * Refuses a size that the relation excludes or that is a probable mistake.
     *
     * @param name of N, for the message
     * @param units what is counted, for the message: "examples"
     * @throws IllegalArgumentException if the size is not N where a unit can be replaced, more than N where a unit can be empty, or differs from N by more than one unit and more than 1 %
     *     where one can be added or removed; or if there is nothing at all
     */
    public static void require(long size, long planned, NeighboringRelation relation, String name, String units) {
        String expected =
                switch (relation) {
                    case REPLACE_ONE -> size == planned ? null : "exactly ";
                    case ZERO_OUT -> size <= planned ? null : "at most ";
                    case ADD_OR_REMOVE_ONE -> isNear(size, planned) ? null : "about ";
                };
        if (expected != null) {
            throw new IllegalArgumentException("the data set must have " + expected + name + " = " + planned + " "
                    + units
                    + (relation == NeighboringRelation.ADD_OR_REMOVE_ONE
                            ? " (within 1 %)"
                            : ", its public size under " + relation)
                    + ", has " + size);
        }
        if (size < 1) {
            throw new IllegalArgumentException(
                    "the data set must not be empty, has no " + units
                            + ": without a first one the shapes of a lot are unknown, and there is nothing to learn or release. Look at where the data are read");
        }
    }

    /** Whether a size is N up to one unit or 1 %. */
    public static boolean isNear(long size, long planned) {
        return Math.abs(size - planned) <= Math.max(1, TOLERANCE * planned);
    }
}
