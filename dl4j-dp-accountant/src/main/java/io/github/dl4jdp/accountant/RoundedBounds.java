// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.accountant;

import java.math.BigDecimal;
import java.math.MathContext;
import java.math.RoundingMode;
import java.util.Locale;

/**
 * Bounds in few digits, for people: what is printed holds too.
 *
 * <p>Upper bounds (an epsilon, a delta, a factor, a rate of success) are rounded upwards, lower bounds downwards. A guarantee of which both epsilon and delta are rounded upwards is implied by the exact one. Numbers for programs are
 * written in full instead.
 */
public final class RoundedBounds {
    private RoundedBounds() {}

    /**
     * An upper bound as {@code %g} writes it: {@code 4.331}, {@code 1.00e-05}.
     *
     * @param bound not NaN; an infinite one is {@code "Infinity"}
     * @param digits significant digits, at least 1
     * @return the least number of so many digits that, read again, is not below {@code bound}
     * @throws IllegalArgumentException if {@code bound} is NaN
     */
    public static String upper(double bound, int digits) {
        return rounded(bound, 0, digits, RoundingMode.CEILING);
    }

    /**
     * A lower bound, as {@link #upper} writes it.
     *
     * @return the largest number of so many digits that, read again, is not above {@code bound}
     * @throws IllegalArgumentException if {@code bound} is NaN
     */
    public static String lower(double bound, int digits) {
        return rounded(bound, 0, digits, RoundingMode.FLOOR);
    }

    /**
     * An upper bound of a rate, in percent.
     *
     * @throws IllegalArgumentException if {@code rate} is NaN
     */
    public static String upperPercent(double rate, int digits) {
        return rounded(rate, 2, digits, RoundingMode.CEILING);
    }

    private static String rounded(double bound, int powerOfTen, int digits, RoundingMode mode) {
        if (Double.isNaN(bound)) {
            throw new IllegalArgumentException("bound must be a number, was NaN");
        }
        if (Double.isInfinite(bound)) {
            return Double.toString(bound);
        }
        if (bound == 0) {
            return String.format(Locale.ROOT, "%." + digits + "g", 0.0);
        }
        // The shortest decimal that reads as this double: 1e-5 is to stay 1.00e-05.
        BigDecimal value =
                BigDecimal.valueOf(bound).scaleByPowerOfTen(powerOfTen).round(new MathContext(digits, mode));
        return String.format(Locale.ROOT, "%." + digits + "g", value);
    }
}
