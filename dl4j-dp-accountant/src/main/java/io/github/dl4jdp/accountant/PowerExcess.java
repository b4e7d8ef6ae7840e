// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.accountant;

/** (1 + u)^a - 1 - a u, whose expectation over a likelihood ratio 1 + u is its a-th moment minus one. */
final class PowerExcess {
    /** Where |u| and |a u| are below this, the power series replaces a difference that would cancel. */
    private static final double SERIES_LIMIT = 0.03;

    private PowerExcess() {}

    /** exp(exponent) ((1 + u)^a - 1 - a u), given log(1 + u) as well. */
    static double term(double a, double u, double log1pU, double exponent) {
        double au = a * u;
        if (Math.abs(au) < SERIES_LIMIT && Math.abs(u) < SERIES_LIMIT) {
            double term = au * (a - 1) * u / 2;
            double series = term;
            for (int k = 3; Math.abs(term) > 1e-17 * Math.abs(series); k++) {
                term *= (a - k + 1) * u / k;
                series += term;
            }
            return series * Math.exp(exponent);
        }
        double power = a * log1pU;
        if (Math.abs(power) < 1) {
            return (Math.expm1(power) - au) * Math.exp(exponent);
        }
        if (u > 1e10) {
            // u itself may have overflowed
            return Math.exp(power + exponent) - a * Math.exp(log1pU + exponent);
        }
        double rest = Math.exp(exponent);
        return Math.exp(power + exponent) - (rest == 0 ? 0 : (1 + au) * rest);
    }
}
