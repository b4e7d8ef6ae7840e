// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.accountant;

/**
 * Renyi curve of the best of a random number of runs, from that of one run.
 *
 * <p>With R that of one run and K the number of runs (Papernot and Steinke 2022), the truncated negative binomial distribution costs
 *
 * <pre>{@code
 * R(a) + (1 + eta) (1 - 1/b) R(b) + (1 + eta) log(1 / gamma) / b + log(E[K]) / (a - 1)
 * }</pre>
 *
 * for any b >= 1 (theorem 2), and the Poisson distribution
 *
 * <pre>{@code
 * R(a) + E[K] delta + log(E[K]) / (a - 1)
 * }</pre>
 *
 * with delta that of one run at epsilon = log(1 + 1 / (a - 1)) (theorem 6).
 */
final class SelectionRenyi {
    /** As in {@link RenyiCurves}: keeps the result an upper bound in spite of rounding. */
    private static final double ROUNDING = 1 + 1e-12;

    /** The exponent behind delta is a difference: of some hundreds at most, to 1e-13 of these. */
    private static final double DELTA_ROUNDING = 1 + 1e-10;

    private SelectionRenyi() {}

    /** The curve of the best of as many runs as {@code count} draws, at the orders of the accountant that has composed one run. */
    static double[] curve(RunCount count, RdpAccountant run) {
        double[] orders = run.orders();
        double[] single = run.divergences();
        double[] curve = new double[orders.length];
        double shared = count.isPoisson() ? 0 : secondOrder(count, orders, single);
        for (int i = 0; i < orders.length; i++) {
            double a = orders[i];
            double selection = count.isPoisson() ? count.mean() * deltaAt(a, run) : shared;
            curve[i] = (single[i] + selection + count.logMean() / (a - 1)) * ROUNDING;
        }
        for (int i = orders.length - 2; i >= 0; i--) {
            // A divergence is at most that of any larger order.
            curve[i] = Math.min(curve[i], curve[i + 1]);
        }
        return curve;
    }

    /** The terms of the second order b, which is free: at the best of the grid, or at one, where R(b) does not count. */
    private static double secondOrder(RunCount count, double[] orders, double[] single) {
        double t = count.logInverseGamma();
        double least = t;
        for (int i = 0; i < orders.length; i++) {
            least = Math.min(least, (1 - 1 / orders[i]) * single[i] + t / orders[i]);
        }
        return (1 + count.shape()) * least;
    }

    private static double deltaAt(double a, RdpAccountant run) {
        // A smaller epsilon has a larger delta.
        double epsilon = Math.log1p(1 / (a - 1)) * (1 - 0x1p-50);
        return Math.min(1, run.delta(epsilon) * DELTA_ROUNDING);
    }
}
