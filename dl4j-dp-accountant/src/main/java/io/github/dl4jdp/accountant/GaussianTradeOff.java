// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.accountant;

import org.apache.commons.numbers.gamma.Erfc;
import org.apache.commons.numbers.gamma.Erfcx;

/**
 * The pair N(0, 1), N(mu, 1) in closed form.
 *
 * <p>{@code delta(epsilon) = Phi(mu/2 - epsilon/mu) - exp(epsilon) Phi(-mu/2 - epsilon/mu)} (Balle and Wang 2018, theorem 8).
 */
final class GaussianTradeOff {
    private static final double SQRT2 = Math.sqrt(2);

    /** Twice the error of the two terms of delta, relative to the larger: both functions are good to a few ulps. */
    private static final double ROUNDING = 16 * 0x1p-53;

    /** Where exp(-x^2) is below the smallest double. */
    private static final double LARGEST_EXPONENT_ROOT = 27.5;

    private GaussianTradeOff() {}

    /** delta at {@code epsilon >= 0} for {@code mu > 0}, rounded upwards. */
    static double delta(double mu, double epsilon) {
        if (epsilon == Double.POSITIVE_INFINITY) {
            return 0;
        }
        double near = (epsilon / mu - mu / 2) / SQRT2;
        double far = (epsilon / mu + mu / 2) / SQRT2;
        double delta;
        if (near > LARGEST_EXPONENT_ROOT) {
            return Double.MIN_VALUE;
        }
        if (near > 0) {
            // exp(epsilon - far^2) = exp(-near^2): taken out of both terms nothing overflows.
            double first = Erfcx.value(near) / 2;
            double scale = Math.exp(-near * near) * (1 + 4 * near * near * 0x1p-53);
            delta = scale * (first - Erfcx.value(far) / 2 + ROUNDING * first);
        } else {
            double first = Erfc.value(near) / 2;
            delta = first - Math.exp(-near * near) * Erfcx.value(far) / 2 + ROUNDING * first;
        }
        return Math.min(1, Math.max(Double.MIN_VALUE, delta));
    }

    /** The smallest epsilon at {@code delta} in (0, 1) for {@code mu > 0}, rounded upwards. */
    static double epsilon(double mu, double delta) {
        if (delta(mu, 0) <= delta) {
            return 0;
        }
        double below = 0;
        // P(loss > epsilon) with loss ~ N(mu^2 / 2, mu^2) bounds delta, and a Gaussian tail is below exp(-z^2 / 2).
        double above = mu * mu / 2 + mu * Math.sqrt(-2 * Math.log(delta));
        if (!(above < Double.POSITIVE_INFINITY)) {
            return Double.POSITIVE_INFINITY;
        }
        while (true) {
            double middle = (below + above) / 2;
            if (!(middle > below && middle < above)) {
                return above;
            }
            if (delta(mu, middle) <= delta) {
                above = middle;
            } else {
                below = middle;
            }
        }
    }
}
