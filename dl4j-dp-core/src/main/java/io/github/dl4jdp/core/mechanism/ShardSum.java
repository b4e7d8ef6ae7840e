// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core.mechanism;

import io.github.dl4jdp.core.internal.Require;
import io.github.dl4jdp.core.random.GaussianNoise;

/**
 * The clipped sum of a part of a lot, on the integer grid of the lot's noise: sums of parts are added exactly, so that their order, their number and who computed them change no
 * bit. Private data.
 *
 * <p><b>Formal guarantee.</b> One example of the part moves {@code gridStep * units} by at most {@code C (1 + a) + g sqrt(d)}, and {@link #shiftedCount} by 2^19, which stands for 1/2. The parts of a lot
 * are made by index, so that an example is in one part only, whatever other examples there are: it moves the sum over all parts by no more.
 *
 * @param units the clipped sum [numParams] in units of the grid step, in the order of the parameters, 0 where nothing trains; not a copy
 * @param shiftedCount about how many examples are within the clipping norm, less half of all, in units of 2^-20, see {@link LotClipping#shiftedCount}; 0 unless clipping is adaptive
 * @param examples the number of examples in it
 * @param gridStep g, the unit of the sum, that of the lot
 * @param clippingNorm C, the norm that every example's gradient was clipped to, that of the lot
 */
@SuppressWarnings("ArrayRecordComponent") // never compared
public record ShardSum(long[] units, long shiftedCount, long examples, double gridStep, double clippingNorm) {
    /**
     * A sum that was computed elsewhere.
     *
     * @throws IllegalArgumentException if {@code examples < 0}, the count is beyond it, or g or C is not finite and positive
     */
    public ShardSum {
        if (examples < 0
                || Math.abs(shiftedCount * LotClipping.COUNT_STEP) > examples * LotClipping.COUNT_SENSITIVITY) {
            throw new IllegalArgumentException(
                    "examples must be at least 0, and |shiftedCount| at most 2^19 for each, was " + examples + " for "
                            + shiftedCount);
        }
        Require.positive("gridStep", gridStep);
        Require.positive("clippingNorm", clippingNorm);
    }

    /**
     * A sum brought to the grid.
     *
     * @param sum [numParams], 0 where nothing trains
     * @throws ArithmeticException if a coordinate is not finite; the sum must then not be released
     */
    public static ShardSum of(double[] sum, long shiftedCount, long examples, double gridStep, double clippingNorm) {
        long[] units = new long[sum.length];
        for (int i = 0; i < units.length; i++) {
            units[i] = GaussianNoise.units(sum[i], gridStep);
        }
        return new ShardSum(units, shiftedCount, examples, gridStep, clippingNorm);
    }
}
