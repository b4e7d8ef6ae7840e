// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.accountant;

import java.util.Arrays;

/**
 * Renyi divergence of the Poisson sampled Gaussian mechanism, exact at every real order.
 *
 * <p>With Q = N(0, sigma^2) and P = (1 - q) N(0, sigma^2) + q N(1, sigma^2), the Renyi curve is D_a(P || Q) = log(A) / (a -
 * 1) with A = E_Q[(P/Q)^a], and D_a(P || Q) is never below D_a(Q || P) (Mironov, Talwar and Zhang 2019, theorems 4 and 5).
 */
final class SampledGaussianRenyi {
    /*
     * Put u = P/Q - 1 = q (exp(t) - 1), t = z / sigma - 1 / (2 sigma^2), z standard normal. Since E[u] = 0,
     *
     *     A - 1 = E[ (1 + u)^a - 1 - a u ],
     *
     * an integrand that is nowhere negative: nothing cancels, and A - 1 keeps its full relative precision however small
     * it is. The trapezoidal rule converges geometrically: the integrand is analytic for |Im z| < pi sigma (where exp(t)
     * turns negative) and grows there like exp(y^2 / 2), so that with step h the relative error is about
     * exp(y^2 / 2 - 2 pi y / h). STEP_FACTOR makes that below 1e-16 (Trefethen and Weideman 2014, theorem 5.1).
     *
     * (1 + u)^a <= 2^a max((1 - q)^a, (q exp(t))^a) has its mass near z = 0 and z = a / sigma; the terms of lowest order in
     * u have theirs near 0, 1 / sigma and 2 / sigma. Outside windows of half width w around these, with w^2 / 2 =
     * 40 + a log 2, the integrand contributes less than exp(-40) of the whole.
     */
    private static final double STEP_FACTOR = 2 * Math.PI * Math.PI / 44;

    private static final double MAX_STEP = 0.45;

    private static final double WINDOW = 40;

    private static final double BINOMIAL_BELOW = 0.15;

    /** With less noise than this the integral would need too many nodes. */
    static final double CLOSED_FORM_BELOW = 0.02;

    /** Nodes kept for reuse between orders: z in [-CACHED h, CACHED h]. */
    private static final int CACHED = 2048;

    private final double q;
    private final double inverseSigma;
    private final double step;
    private final double[] cachedU = new double[2 * CACHED + 1];
    private final double[] cachedLog = new double[2 * CACHED + 1];
    private final boolean[] known = new boolean[2 * CACHED + 1];

    /**
     * The mechanism with sampling probability {@code q} in (0, 1) and noise multiplier {@code sigma}.
     */
    SampledGaussianRenyi(double q, double sigma) {
        this.q = q;
        this.inverseSigma = 1 / sigma;
        this.step = Math.min(MAX_STEP, STEP_FACTOR * sigma);
    }

    /** D_a(P || Q) for an order {@code a > 1}; infinite where it overflows. */
    double divergence(double a) {
        if (1 / inverseSigma < CLOSED_FORM_BELOW && a != Math.rint(a)) {
            return closedForm(a);
        }
        if (1 / inverseSigma < BINOMIAL_BELOW && a == Math.rint(a)) {
            return binomial(a);
        }
        double width = Math.sqrt(2 * (WINDOW + a * Math.log(2)));
        double[] centers = {0, inverseSigma, 2 * inverseSigma, a * inverseSigma};
        Arrays.sort(centers);
        double peak = peak(a, centers, width);
        if (!(peak < Double.POSITIVE_INFINITY)) {
            return Double.POSITIVE_INFINITY;
        }
        double shift = peak > 600 ? peak : 0;
        double sum = sum(a, centers, width, shift) * step / Math.sqrt(2 * Math.PI);
        double logA = shift == 0 ? Math.log1p(sum) : shift + Math.log(sum);
        double divergence = logA / (a - 1);
        return divergence >= 0 ? divergence : Double.POSITIVE_INFINITY;
    }

    /**
     * At integer orders A - 1 = sum over k >= 2 of C(a, k) (1 - q)^(a - k) q^k (exp(k (k - 1) / (2 sigma^2)) - 1). With
     * little noise A is huge, so that the rounding of the logarithms does not matter, and nodes would be many.
     */
    private double binomial(double a) {
        double[] logs = new double[(int) a + 1];
        double logOdds = Math.log(q) - Math.log1p(-q);
        double logTerm = a * Math.log1p(-q);
        double peak = Double.NEGATIVE_INFINITY;
        for (int k = 1; k <= a; k++) {
            logTerm += Math.log((a - k + 1) / k) + logOdds;
            double exponent = k * (k - 1.0) / 2 * inverseSigma * inverseSigma;
            logs[k] = logTerm + (exponent > 40 ? exponent : Math.log(Math.expm1(exponent)));
            peak = Math.max(peak, logs[k]);
        }
        if (!(peak < Double.POSITIVE_INFINITY)) {
            return Double.POSITIVE_INFINITY;
        }
        double sum = 0;
        for (int k = 2; k <= a; k++) {
            sum += Math.exp(logs[k] - peak);
        }
        double logA = peak > 40 ? peak + Math.log(sum) : Math.log1p(Math.exp(peak) * sum);
        return logA / (a - 1);
    }

    /**
     * A bound at any order. With r = exp(t) and b in (1, 2] we have (1 + r)^b <= 1 + b r + r^b (the derivatives are
     * in this order, as (1 + r)^(b - 1) <= 1 + r^(b - 1)); a = m + b with a whole m, (x + y)^m has a binomial series, and E_Q[r^c] =
     * exp(c (c - 1) / (2 sigma^2)) for every c. With little noise the largest power decides, which is kept exactly.
     */
    private double closedForm(double a) {
        int m = (int) Math.ceil(a) - 2;
        double b = a - m;
        double logX = Math.log1p(-q);
        double logQ = Math.log(q);
        double[] logs = new double[3 * (m + 1)];
        double logBinomial = 0;
        double peak = 0;
        for (int j = 0; j <= m; j++) {
            double log = logBinomial + (m - j) * logX;
            logs[3 * j] = log + b * logX + j * logQ + logPower(j);
            logs[3 * j + 1] = log + Math.log(b) + (b - 1) * logX + (j + 1) * logQ + logPower(j + 1);
            logs[3 * j + 2] = log + (j + b) * logQ + logPower(j + b);
            logBinomial += Math.log((double) (m - j) / (j + 1));
        }
        for (double log : logs) {
            peak = Math.max(peak, log);
        }
        if (!(peak < Double.POSITIVE_INFINITY)) {
            return Double.POSITIVE_INFINITY;
        }
        double sum = 0;
        for (double log : logs) {
            sum += Math.exp(log - peak);
        }
        return Math.max(0, peak + Math.log(sum) + 1e-14) / (a - 1);
    }

    /** log E_Q[exp(c t)]. */
    private double logPower(double c) {
        double half = c * (c - 1) / 2;
        return half == 0 ? 0 : half * inverseSigma * inverseSigma;
    }

    /** Largest exponent a log(1 + u) - z^2 / 2 over the nodes. */
    private double peak(double a, double[] centers, double width) {
        double peak = Double.NEGATIVE_INFINITY;
        long next = Long.MIN_VALUE;
        for (double center : centers) {
            long last = (long) Math.ceil((center + width) / step);
            for (long j = Math.max(next, (long) Math.floor((center - width) / step)); j <= last; j++) {
                double z = j * step;
                peak = Math.max(peak, a * log(j) - z * z / 2);
            }
            next = Math.max(next, last + 1);
        }
        return peak;
    }

    private double sum(double a, double[] centers, double width, double shift) {
        double sum = 0;
        long next = Long.MIN_VALUE;
        for (double center : centers) {
            long last = (long) Math.ceil((center + width) / step);
            for (long j = Math.max(next, (long) Math.floor((center - width) / step)); j <= last; j++) {
                sum += term(a, j, shift);
            }
            next = Math.max(next, last + 1);
        }
        return sum;
    }

    /** exp(-z^2 / 2 - shift) ((1 + u)^a - 1 - a u) at node j. */
    private double term(double a, long j, double shift) {
        double z = j * step;
        return PowerExcess.term(a, u(j), log(j), -z * z / 2 - shift);
    }

    private double u(long j) {
        if (Math.abs(j) <= CACHED) {
            fill((int) j + CACHED);
            return cachedU[(int) j + CACHED];
        }
        return q * Math.expm1(t(j));
    }

    private double log(long j) {
        if (Math.abs(j) <= CACHED) {
            fill((int) j + CACHED);
            return cachedLog[(int) j + CACHED];
        }
        return log1pU(t(j));
    }

    private void fill(int index) {
        if (!known[index]) {
            double t = t(index - CACHED);
            cachedU[index] = q * Math.expm1(t);
            cachedLog[index] = log1pU(t);
            known[index] = true;
        }
    }

    private double t(long j) {
        return (j * step - inverseSigma / 2) * inverseSigma;
    }

    private double log1pU(double t) {
        return log1pU(q, t);
    }

    /** log(1 - q + q exp(t)) without overflow. */
    static double log1pU(double q, double t) {
        return t < 30 ? Math.log1p(q * Math.expm1(t)) : t + Math.log(q) + Math.log1p((1 - q) / q * Math.exp(-t));
    }
}
