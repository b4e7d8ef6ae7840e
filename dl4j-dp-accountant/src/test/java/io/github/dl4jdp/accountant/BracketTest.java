// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.accountant;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.function.DoubleUnaryOperator;
import org.junit.jupiter.api.Test;

class BracketTest {
    /** How many evaluations it takes to narrow the bracket to a width. */
    private static int evaluations(DoubleUnaryOperator curve, double low, double high, double root, double width) {
        var bracket = new Bracket(low, curve.applyAsDouble(low), high, curve.applyAsDouble(high));
        double left = low;
        double right = high;
        int n = 0;
        while (bracket.width() > width) {
            double next = bracket.next(width / 4);
            assertThat(next).isStrictlyBetween(left, right);
            double value = curve.applyAsDouble(next);
            bracket.put(next, value);
            if (value > 0 == curve.applyAsDouble(low) > 0) {
                left = next;
            } else {
                right = next;
            }
            assertThat(bracket.width()).isCloseTo(right - left, org.assertj.core.data.Offset.offset(1e-15));
            n++;
        }
        assertThat(root).isBetween(left, right);
        return n;
    }

    @Test
    void next_smoothCurve_fewEvaluations() {
        assertThat(evaluations(x -> 2 - Math.exp(x), 0, 2, Math.log(2), 1e-10)).isLessThan(11);
        assertThat(evaluations(x -> x * x * x - 8, -1, 5, 2, 1e-10)).isLessThan(16);
        assertThat(evaluations(x -> 3 * x - 1, 0, 1, 1 / 3.0, 1e-10)).isLessThan(5);
    }

    /** Bisection takes 34. */
    @Test
    void next_staircase_atMostAFewTimesBisection() {
        assertThat(evaluations(x -> x < 0.3 ? -1 : 100, 0, 1, 0.3, 1e-10)).isLessThan(40);
        assertThat(evaluations(x -> Math.floor(x * 10) - 6.5, 0, 1, 0.7, 1e-10)).isLessThan(60);
    }

    /** A curve that is nearly flat on one side and steep on the other, as epsilon is where the past makes nearly all of it. */
    @Test
    void next_flatThenSteep_fewEvaluations() {
        assertThat(evaluations(
                        x -> Math.log(1 + Math.exp(-40 * x)) - 1e-3, 0, 5, Math.log(1 / Math.expm1(1e-3)) / 40, 1e-10))
                .isLessThan(25);
    }
}
