// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.accountant;

import org.apache.commons.numbers.gamma.LogGamma;

/**
 * Renyi curve of the Gaussian mechanism on samples of fixed size drawn without replacement, under replace-one.
 *
 * <p>The bound of Wang, Balle and Kasiviswanathan 2019 (theorem 27) at integer orders; between them (a - 1) D_a is
 * interpolated linearly, which bounds it because it is convex in a.
 */
final class WithoutReplacementRenyi {
    /** Orders above this use the simpler bound, without the differences; both hold. */
    private static final int MAX_EXACT_ORDER = 256;

    /** A bound at an order above this costs as many terms and is never the best: the curve is infinite there. */
    private static final int MAX_ORDER = 4096;

    private static final double STEP = 0.2;

    private final double logQ;
    private final double halfPrecision;
    private final double inverseSigma;

    /** Logarithms of E_Q[(P/Q - 1)^l] for even l, at index l / 2. */
    private final double[] logMoments = new double[MAX_EXACT_ORDER / 2 + 1];

    /** The mechanism with sampled fraction {@code q} in (0, 1) and noise multiplier {@code sigma}. */
    WithoutReplacementRenyi(double q, double sigma) {
        this.logQ = Math.log(q);
        this.inverseSigma = 1 / sigma;
        this.halfPrecision = inverseSigma * inverseSigma / 2;
        for (int half = 1; half < logMoments.length; half++) {
            logMoments[half] = logMoment(2 * half);
        }
    }

    /** The bound at an order {@code a > 1}. */
    double divergence(double a) {
        if (a > MAX_ORDER) {
            return Double.POSITIVE_INFINITY;
        }
        int below = (int) Math.floor(a);
        double lower = scaled(below);
        if (a == below) {
            return lower / (a - 1);
        }
        double part = a - below;
        return ((1 - part) * lower + part * scaled(below + 1)) / (a - 1);
    }

    /** (a - 1) times the bound at an integer order. */
    private double scaled(int a) {
        if (a == 1) {
            return 0;
        }
        double sum = 0;
        double peak = Double.NEGATIVE_INFINITY;
        double[] logs = new double[a + 1];
        for (int i = 2; i <= a; i++) {
            logs[i] = logTerm(i, a <= MAX_EXACT_ORDER) + i * logQ + logBinomial(a, i);
            peak = Math.max(peak, logs[i]);
        }
        double shift = Math.max(peak - 600, 0);
        for (int i = 2; i <= a; i++) {
            sum += Math.exp(logs[i] - shift);
        }
        return shift == 0 ? Math.log1p(sum) : shift + Math.log(sum);
    }

    private double logTerm(int i, boolean exact) {
        if (i == 2) {
            double rdp2 = 2 * halfPrecision;
            return Math.min(Math.log(4) + Math.log(Math.expm1(rdp2)), rdp2 + Math.log(2));
        }
        double simple = Math.log(2) + i * (i - 1.0) * halfPrecision;
        if (!exact) {
            return simple;
        }
        double difference = Math.log(4) + (logMoments[i / 2] + logMoments[(i + 1) / 2]) / 2;
        return Math.min(difference, simple);
    }

    /**
     * log E[(exp(t) - 1)^l], t = z / sigma - 1 / (2 sigma^2), z standard normal: the forward difference that the theorem
     * needs, as the integral of a function that is nowhere negative rather than as an alternating sum. The integrand is
     * entire, so the trapezoidal rule with step 0.2 is exact to rounding; its mass is near z = 0 and z = l / sigma.
     */
    private double logMoment(int l) {
        double width = Math.sqrt(2 * (40 + l * Math.log(2)));
        long last = (long) Math.ceil((l * inverseSigma + width) / STEP);
        long leftEnd = (long) Math.ceil(width / STEP);
        long rightStart = Math.max(leftEnd + 1, (long) Math.floor((l * inverseSigma - width) / STEP));
        double peak = Double.NEGATIVE_INFINITY;
        for (long j = -leftEnd; j <= last; j = next(j, leftEnd, rightStart)) {
            peak = Math.max(peak, logIntegrand(l, j));
        }
        double sum = 0;
        for (long j = -leftEnd; j <= last; j = next(j, leftEnd, rightStart)) {
            sum += Math.exp(logIntegrand(l, j) - peak);
        }
        return peak + Math.log(sum * STEP / Math.sqrt(2 * Math.PI));
    }

    private static long next(long j, long leftEnd, long rightStart) {
        return j == leftEnd ? rightStart : j + 1;
    }

    private double logIntegrand(int l, long j) {
        double z = j * STEP;
        double t = (z - inverseSigma / 2) * inverseSigma;
        double log = t > 30 ? t + Math.log1p(-Math.exp(-t)) : Math.log(Math.abs(Math.expm1(t)));
        return l * log - z * z / 2;
    }

    private static double logBinomial(int n, int k) {
        return LogGamma.value(n + 1.0) - LogGamma.value(k + 1.0) - LogGamma.value(n - k + 1.0);
    }
}
