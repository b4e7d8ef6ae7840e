// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.accountant;

import java.util.Arrays;

/**
 * Renyi curve of the Gaussian mechanism on samples of fixed size drawn without replacement, under replace-one: that of the
 * dominating pair.
 *
 * <p>With Q = N(0, sigma^2) and P = (1 - q) Q + q N(1, sigma^2), the hockey-stick divergences of order g >= 1 between the outcomes on any
 * two neighboring data sets are at most those of (P, Q) (Zhu, Dong and Wang 2022, theorem 11, for the relation that replaces), and as
 * the relation is symmetric those of order g < 1 follow: H_g(M || M') = 1 - g + g H_{1/g}(M' || M). The symmetric pair (P', Q') of {@link
 * LossLattice#symmetric} has exactly these as its divergences. Renyi divergences are increasing functions of
 * mixtures of hockey-stick divergences of all orders g > 0 (Sason and Verdu 2016, "f-divergence inequalities", proposition 3), so that D_a(M || M') <= D_a(P' ||
 * Q') for every a > 1 and all neighbors, and they add up under adaptive composition (Mironov 2017, proposition 1).
 */
final class WithoutReplacementRenyi {
    /*
     * P' and Q' are P and Q where u = P/Q - 1 > 0, exchanged on a mirror image of that part, and equal elsewhere:
     *
     *     A = E_Q'[(P'/Q')^a] = 1 + integral over u > 0 of Q ((1 + u)^a + (1 + u)^(1 - a) - 2 - u),
     *
     * an integrand that is nowhere negative, by Gauss and Legendre's rule of 12 points. It is analytic for |Im z| < pi sigma, so that
     * panels of 1.5 sigma, on which the rule converges like 8^-24, are good to 1e-15. Windows as in SampledGaussianRenyi.
     */
    private static final double[] NODES = {
        0.1252334085114689,
        0.3678314989981802,
        0.5873179542866175,
        0.7699026741943047,
        0.9041172563704748,
        0.9815606342467192
    };

    private static final double[] WEIGHTS = {
        0.2491470458134027,
        0.2334925365383546,
        0.20316742672306573,
        0.16007832854334642,
        0.10693932599531907,
        0.04717533638651141
    };

    private static final double WIDEST_PANEL = 0.8;

    private static final double PANEL_FACTOR = 1.5;

    private static final double WINDOW = 40;

    private final double q;
    private final double inverseSigma;
    private final double panel;
    private final SampledGaussianRenyi half;

    /** The mechanism with sampled fraction {@code q} in (0, 1) and noise multiplier {@code sigma}. */
    WithoutReplacementRenyi(double q, double sigma) {
        this.q = q;
        this.inverseSigma = 1 / sigma;
        this.panel = Math.min(WIDEST_PANEL, PANEL_FACTOR * sigma);
        this.half = new SampledGaussianRenyi(q, sigma);
    }

    /** The divergence of an order {@code a > 1}; infinite where it overflows. */
    double divergence(double a) {
        if (1 / inverseSigma < SampledGaussianRenyi.CLOSED_FORM_BELOW) {
            // The integral over P > Q is at most that over all outcomes; all else together is at most one.
            double logA = (a - 1) * half.divergence(a);
            return (logA + Math.log1p(Math.exp(-logA))) / (a - 1);
        }
        double[] starts = panels(a);
        double peak = 0;
        for (double start : starts) {
            peak = Math.max(peak, Math.max(exponent(a, start), exponent(a, start + panel)));
        }
        if (!(peak < Double.POSITIVE_INFINITY)) {
            return Double.POSITIVE_INFINITY;
        }
        double shift = peak > 600 ? peak : 0;
        double sum = 0;
        for (double start : starts) {
            double middle = start + panel / 2;
            for (int i = 0; i < NODES.length; i++) {
                double away = NODES[i] * panel / 2;
                sum += WEIGHTS[i] * (term(a, middle - away, shift) + term(a, middle + away, shift));
            }
        }
        sum *= panel / 2 / Math.sqrt(2 * Math.PI);
        double logA = shift == 0 ? Math.log1p(sum) : shift + Math.log(sum);
        double divergence = logA / (a - 1);
        return divergence >= 0 ? divergence : Double.POSITIVE_INFINITY;
    }

    /** Where the panels begin that cover the windows of outcomes with P > Q. */
    private double[] panels(double a) {
        double width = Math.sqrt(2 * (WINDOW + a * Math.log(2)));
        double[] centers = {0, inverseSigma, 2 * inverseSigma, a * inverseSigma};
        Arrays.sort(centers);
        double zero = inverseSigma / 2;
        double[] starts = new double[16];
        int count = 0;
        long next = 0;
        for (double center : centers) {
            long last = (long) Math.ceil((center + width - zero) / panel);
            for (long j = Math.max(next, (long) Math.floor((center - width - zero) / panel)); j < last; j++) {
                if (count == starts.length) {
                    starts = Arrays.copyOf(starts, 2 * count);
                }
                starts[count++] = zero + j * panel;
            }
            next = Math.max(next, last);
        }
        return Arrays.copyOf(starts, count);
    }

    private double exponent(double a, double z) {
        return a * log1pU(z) - z * z / 2;
    }

    private double term(double a, double z, double shift) {
        double t = t(z);
        double u = q * Math.expm1(t);
        double log = log1pU(z);
        double exponent = -z * z / 2 - shift;
        return PowerExcess.term(a, u, log, exponent) + PowerExcess.term(1 - a, u, log, exponent);
    }

    private double t(double z) {
        return (z - inverseSigma / 2) * inverseSigma;
    }

    private double log1pU(double z) {
        return SampledGaussianRenyi.log1pU(q, t(z));
    }
}
