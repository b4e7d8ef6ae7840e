// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core.internal.arrays;

import org.nd4j.linalg.api.buffer.DataType;

/**
 * How far floating point may take a clipped sum from what was measured, as parts of the clipping norm C; docs/threat-model.md has the proof.
 *
 * <p>Every example i enters a sum as a vector {@code r_i} that depends on this example alone, {@code ||r_i|| <= C (1 + own)}; and the computed sum is within
 * {@code shared C} of the exact sum of the {@code r_i}, whatever other examples are in the lot. What an example's row is computed from may differ in its last bits by
 * its place in a physical batch; {@code rows C} is kept for what that makes of the sum of the {@code r_i}. So two neighboring sums are at most
 * {@code C (1 + own) + 2 (shared + rows) C} apart: the sensitivity that the noise is made for.
 */
public final class Rounding {
    /** Lots of more examples are summed in smaller steps, see {@link SharedProduct}. */
    private static final double MOST_EXAMPLES = 1062;

    private static final double FLOAT_OWN = 0x1p-11;
    private static final double DOUBLE_ALLOWANCE = 0x1p-16;
    private static final double DOUBLE_OWN = 0x1p-18;
    private static final double DOUBLE_ROWS = 0x1p-20;

    /** For each example of a lot: 27 roundings, what a {@link SharedProduct} in its coarsest steps needs. */
    private static final double FLOAT_SHARED_OF_EXAMPLE = 27 * 0x1p-24;

    /** For each example of a lot: twice what was seen of ordinary networks. */
    private static final double FLOAT_ROWS_OF_EXAMPLE = 8 * 0x1p-24;

    /** Lots vary; this many standard deviations of a Poisson lot are still summed in the cheapest way. */
    private static final int DEVIATIONS = 4;

    private Rounding() {}

    /** The unit roundoff: half the distance from 1 to the next number. */
    public static double unit(DataType type) {
        return type == DataType.DOUBLE ? 0x1p-53 : 0x1p-24;
    }

    /** The smallest positive normal number: what may be lost where numbers are flushed to zero. */
    public static double underflow(DataType type) {
        return type == DataType.DOUBLE ? Double.MIN_NORMAL : Float.MIN_NORMAL;
    }

    /** The largest finite number: a longer gradient counts as not finite. */
    public static double largest(DataType type) {
        return type == DataType.DOUBLE ? Double.MAX_VALUE : Float.MAX_VALUE;
    }

    /** How much longer than its measured norm what one example adds to a sum may be, as a part of it. */
    public static double own(DataType type) {
        return type == DataType.DOUBLE ? DOUBLE_OWN : FLOAT_OWN;
    }

    /**
     * By what part of C rounding may enlarge the sensitivity: {@code own + 2 (shared + rows)}.
     *
     * @param lotSize the expected number of examples of a lot, public
     */
    public static double allowance(DataType type, long lotSize) {
        return type == DataType.DOUBLE
                ? DOUBLE_ALLOWANCE
                : FLOAT_OWN + 2 * (FLOAT_SHARED_OF_EXAMPLE + FLOAT_ROWS_OF_EXAMPLE) * examples(lotSize);
    }

    /** How far a computed sum may be from the exact sum of what its examples add to it, as a part of C. */
    public static double shared(DataType type, long lotSize) {
        return type == DataType.DOUBLE
                ? (DOUBLE_ALLOWANCE - DOUBLE_OWN) / 2 - DOUBLE_ROWS
                : FLOAT_SHARED_OF_EXAMPLE * examples(lotSize);
    }

    /** How far the places of the examples in their physical batches may take the exact sum of what they add, as a part of C: from any places to the mean. */
    public static double rows(DataType type, long lotSize) {
        return type == DataType.DOUBLE ? DOUBLE_ROWS : FLOAT_ROWS_OF_EXAMPLE * examples(lotSize);
    }

    private static double examples(long lotSize) {
        return Math.min(MOST_EXAMPLES, lotSize + DEVIATIONS * Math.sqrt((double) lotSize));
    }
}
