// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core.mechanism;

import java.util.List;
import org.nd4j.linalg.dataset.api.MultiDataSet;

/**
 * Lots whose sums are computed elsewhere: by workers of a cluster, for instance.
 *
 * <p>The data set is cut into parts by the numbers of its examples, once and for all, so that an example is in one part, whatever other examples there are. The members of a lot in a part are those that {@link
 * Mechanism#draw} gives for the task's key.
 *
 * <p>For a plan whose unit is the owner of rows the data set is cut by the numbers of owners, so that all rows of an owner are in one part, and the rows of a member are those that {@link Mechanism#drawRows} gives.
 */
public interface LotSums {
    /** The number of units of the data set: of its examples, or of the owners of rows. */
    long size();

    /** Whether units are owners of rows, for plans by {@code DpSgdPlan.withUnit}. No by default. */
    default boolean hasOwners() {
        return false;
    }

    /**
     * One row of zeros of the shapes of an example, padded as the plan declares, labels and masks included: it stands in for the lot where DL4J asks for arrays, and contributes nothing.
     */
    MultiDataSet standIn();

    /** Whether the sums are over augmented copies of the examples, as many of each as the plan says. No by default. */
    default boolean isAugmented() {
        return false;
    }

    /**
     * The clipped sums of all parts of a lot, each of them once.
     *
     * @throws RuntimeException if one cannot be had: nothing is charged or released then, and the lot can be asked for again
     */
    List<ShardSum> sum(LotTask task);

    /** How and where the sums are computed, and what the guarantee rests on besides, in the words of the report. None unless an implementation has some. */
    default List<String> assumptions() {
        return List.of();
    }

    /**
     * Where parts of equal length end, the first ones longer by one where they cannot be equal.
     *
     * @param examples the number of examples of the data set, a public constant
     * @param parts how many there are, at least 1
     * @param count how many of them come before the border
     * @return the number of the first example after these
     */
    static long border(long examples, int parts, int count) {
        return Math.multiplyExact(examples / parts, (long) count) + Math.min(count, examples % parts);
    }
}
