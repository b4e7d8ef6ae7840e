// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.accountant;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.math.BigDecimal;
import java.util.Locale;
import java.util.Random;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.apache.commons.numbers.gamma.Erfc;
import org.junit.jupiter.api.Test;

/** What is printed of a bound is never on its wrong side. */
class RoundedBoundsTest {
    private static final Pattern GUARANTEE =
            Pattern.compile("\\(epsilon = ([0-9.]+), delta = ([0-9.e+-]+), add-or-remove-one\\)");

    /** Of one Gaussian release, sensitivity 1 (Balle and Wang 2018, theorem 8). */
    private static double delta(double sigma, double epsilon) {
        double middle = 1 / (2 * sigma);
        return normal(middle - epsilon * sigma) - Math.exp(epsilon) * normal(-middle - epsilon * sigma);
    }

    private static double normal(double x) {
        return 0.5 * Erfc.value(-x / Math.sqrt(2));
    }

    private static double epsilon(double sigma, double delta) {
        double low = 0;
        double high = 1;
        while (delta(sigma, high) > delta) {
            high *= 2;
        }
        for (int i = 0; i < 100; i++) {
            double middle = (low + high) / 2;
            if (delta(sigma, middle) > delta) {
                low = middle;
            } else {
                high = middle;
            }
        }
        return high;
    }

    @Test
    void toString_anyGuaranteeOfAGaussian_isATrueOne() {
        var random = new Random(1);
        for (int i = 0; i < 2_000; i++) {
            double sigma = Math.exp(4 * random.nextDouble() - 2);
            double delta = Math.pow(10, -1 - 5 * random.nextDouble());
            var exact = new PrivacyGuarantee(epsilon(sigma, delta), delta);

            Matcher printed = GUARANTEE.matcher(exact.toString());

            assertThat(printed.matches()).as("%s", exact).isTrue();
            double printedDelta = Double.parseDouble(printed.group(2));
            // The closed form has an error of 1e-15 or so, the digits in print one of 1e-3 of the delta.
            assertThat(delta(sigma, Double.parseDouble(printed.group(1))))
                    .as("sigma %s, %s", sigma, exact)
                    .isLessThanOrEqualTo(printedDelta * (1 + 1e-9));
            assertThat(Double.parseDouble(printed.group(1))).isGreaterThanOrEqualTo(exact.epsilon());
            assertThat(printedDelta).isGreaterThanOrEqualTo(delta).isLessThan(1.01 * delta);
        }
    }

    @Test
    void upperAndLower_anyNumbers_encloseThemBetweenNeighbors() {
        var random = new Random(2);
        for (int i = 0; i < 10_000; i++) {
            double value = Math.exp(40 * random.nextDouble() - 20);
            int digits = 1 + random.nextInt(6);
            BigDecimal upper = new BigDecimal(RoundedBounds.upper(value, digits));
            BigDecimal lower = new BigDecimal(RoundedBounds.lower(value, digits));

            assertThat(upper.doubleValue()).isGreaterThanOrEqualTo(value);
            assertThat(lower.doubleValue()).isLessThanOrEqualTo(value);
            assertThat(RoundedBounds.upper(upper.doubleValue(), digits))
                    .isEqualTo(String.format(Locale.ROOT, "%." + digits + "g", upper.doubleValue()));
            assertThat(upper.subtract(lower).doubleValue()).isLessThanOrEqualTo(value * Math.pow(10, 1.0 - digits));
            assertThat(new BigDecimal(RoundedBounds.upperPercent(value, digits)))
                    .isEqualByComparingTo(upper.scaleByPowerOfTen(2));
        }
    }

    @Test
    void upper_numbersThatFit_stayAsTheyAre() {
        assertThat(RoundedBounds.upper(1e-5, 3)).isEqualTo("1.00e-05");
        assertThat(RoundedBounds.upper(3, 4)).isEqualTo("3.000");
        assertThat(RoundedBounds.upper(0, 4)).isEqualTo("0.000");
        assertThat(RoundedBounds.upper(Double.POSITIVE_INFINITY, 4)).isEqualTo("Infinity");
        assertThat(RoundedBounds.lower(0.3, 2)).isEqualTo("0.30");
        assertThat(RoundedBounds.upperPercent(0.07, 3)).isEqualTo("7.00");
        assertThat(RoundedBounds.upper(1.0 / 299, 3)).isEqualTo("0.00335");
        assertThat(RoundedBounds.upper(9.9996, 4)).isEqualTo("10.00");
        assertThatThrownBy(() -> RoundedBounds.upper(Double.NaN, 3)).isInstanceOf(IllegalArgumentException.class);
    }
}
