// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.accountant;

import java.security.SecureRandom;
import java.util.random.RandomGenerator;

/**
 * The distribution of the number of runs among which {@link DpEvent.RepeatAndSelect} selects: what is drawn is what is accounted.
 *
 * <p>With a finite shape eta it is the truncated negative binomial distribution on k = 1, 2, ...,
 *
 * <pre>{@code
 * P(k) = (1 - gamma)^k / (gamma^-eta - 1)  product over l = 0, ..., k - 1 of (l + eta) / (l + 1)     eta not 0
 * P(k) = (1 - gamma)^k / (k log(1 / gamma))                                                          eta = 0
 * }</pre>
 *
 * which is the logarithmic distribution at eta = 0 and the geometric one at eta = 1. Gamma follows from the mean: it is the root of
 *
 * <pre>{@code
 * mean = eta (1 - gamma) / (gamma (1 - gamma^eta))     or     (1 / gamma - 1) / log(1 / gamma)     at eta = 0
 * }</pre>
 *
 * rounded down, so that the expected number of runs exceeds the mean by a relative 1e-13 at most and is never below it. An infinite shape stands
 * for the Poisson distribution, which alone can give no run at all. The smaller the shape, the less a search costs, and the further the number of
 * runs is from its mean: more than half of the draws of {@code logarithmic(10)} are at most 4.
 *
 * @param mean expected number of runs, 1 or more
 * @param shape eta, above -1; infinite for Poisson
 * @see <a href="https://arxiv.org/abs/2110.03620">Papernot and Steinke 2022, definition 1</a>
 */
public record RunCount(double mean, double shape) {
    /** Beyond it the tail is so long that draws by inversion get coarse. */
    private static final double LARGEST_LOG = 10;

    private static final double LARGEST_MEAN = 10_000;

    /** Above this the distribution is that of Poisson without zero. */
    private static final double LARGEST_SHAPE = 1e6;

    /** The expectation below is good to some ulps; this many more runs are the safe side of all of them. */
    private static final double EXPECTATION_ERROR = 1e-14;

    /** Where a first probability would be below exp(-500), the draw is a sum of draws. */
    private static final double SMALLEST_LOG_PROBABILITY = 500;

    /** Below all first probabilities. */
    private static final double SMALLEST_PROBABILITY = 1e-300;

    /**
     * A distribution of the number of runs.
     *
     * @throws IllegalArgumentException if {@code shape} is neither in (-1, 1e6] nor infinite, or {@code mean} is not in [1, 10000], or
     *     gamma would be below exp(-10)
     */
    public RunCount {
        if (!(shape > -1 && (shape <= LARGEST_SHAPE || shape == Double.POSITIVE_INFINITY))) {
            throw new IllegalArgumentException("shape must be > -1 and <= 1e6, or infinite for Poisson, was " + shape);
        }
        shape += 0.0; // -0.0 is the same distribution, and must be an equal one
        double largest = shape == Double.POSITIVE_INFINITY
                ? LARGEST_MEAN
                : Math.min(LARGEST_MEAN, expectation(LARGEST_LOG, shape));
        if (!(mean >= 1 && mean <= largest)) {
            throw new IllegalArgumentException(
                    "mean must be >= 1 and <= " + largest + " at shape " + shape + ", was " + mean);
        }
    }

    /**
     * The logarithmic distribution: of those named here, the one with the smallest cost.
     *
     * @throws IllegalArgumentException if {@code mean} is not in [1, 2202]
     */
    public static RunCount logarithmic(double mean) {
        return new RunCount(mean, 0);
    }

    /**
     * The geometric distribution.
     *
     * @throws IllegalArgumentException if {@code mean} is not in [1, 10000]
     */
    public static RunCount geometric(double mean) {
        return new RunCount(mean, 1);
    }

    /**
     * The Poisson distribution: the number of runs is near its mean, and a search costs more. Where it is zero, the search must
     * end with something that does not depend on the data.
     *
     * @throws IllegalArgumentException if {@code mean} is not in [1, 10000]
     */
    public static RunCount poisson(double mean) {
        return new RunCount(mean, Double.POSITIVE_INFINITY);
    }

    /** A number of runs, from a cryptographic generator. It must not be disclosed with the result of the search. */
    public int draw() {
        return draw(new SecureRandom());
    }

    /**
     * A number of runs, for tests: a generator that can be predicted gives the number away.
     *
     * <p>By inversion of the distribution function, in double precision: the distribution that is drawn is within 1e-10 of the exact one in total
     * variation, which is worth {@code (1 + exp(epsilon)) 1e-10} of delta at most.
     *
     * @param random the source of one uniform number, of several for large means
     */
    public int draw(RandomGenerator random) {
        if (isPoisson()) {
            int parts = (int) Math.ceil(mean / SMALLEST_LOG_PROBABILITY);
            double part = mean / parts;
            int sum = 0;
            for (int i = 0; i < parts; i++) {
                sum += invert(random.nextDouble(), 0, Math.exp(-part), 0, part);
            }
            return sum;
        }
        double t = logInverseGamma();
        if (t == 0) {
            return 1;
        }
        double x = shape * t;
        if (x > SMALLEST_LOG_PROBABILITY) {
            return sumOfNegativeBinomials(random, t, (int) Math.ceil(x / SMALLEST_LOG_PROBABILITY));
        }
        double first = -Math.expm1(-t) / t * (x == 0 ? 1 : x / Math.expm1(x));
        return invert(random.nextDouble(), 1, first, -Math.expm1(-t), -Math.expm1(-t) * shape);
    }

    /** Negative binomial counts of one gamma add up to another whose shape is the sum; zero is drawn again. */
    private int sumOfNegativeBinomials(RandomGenerator random, double t, int parts) {
        double part = shape / parts;
        int sum = 0;
        while (sum == 0) {
            for (int i = 0; i < parts; i++) {
                sum += invert(random.nextDouble(), 0, Math.exp(-part * t), -Math.expm1(-t), -Math.expm1(-t) * part);
            }
        }
        return sum;
    }

    /** The k at which the distribution function passes u, P(start) being given and P(k + 1) = P(k) (slope k + offset) / (k + 1). */
    private static int invert(double u, int start, double first, double slope, double offset) {
        int k = start;
        double rest = u;
        double probability = first;
        // Where rounding leaves a rest, this ends it after some millions, long before denormal numbers, which stay what
        // they are.
        while (rest >= probability && probability > SMALLEST_PROBABILITY) {
            rest -= probability;
            probability *= (slope * k + offset) / (k + 1);
            k++;
        }
        return k;
    }

    boolean isPoisson() {
        return shape == Double.POSITIVE_INFINITY;
    }

    /** log(1 / gamma), of a finite shape: the smallest double whose expectation is not below the mean. */
    double logInverseGamma() {
        if (mean == 1) {
            return 0;
        }
        double target = mean * (1 + EXPECTATION_ERROR);
        double low = 0;
        double high = 2 * LARGEST_LOG;
        for (double middle = (low + high) / 2; middle > low && middle < high; middle = (low + high) / 2) {
            if (expectation(middle, shape) >= target) {
                high = middle;
            } else {
                low = middle;
            }
        }
        return high;
    }

    /** log of the expected number of runs, rounded up. */
    double logMean() {
        return mean == 1 ? 0 : Math.log(mean) + 10 * EXPECTATION_ERROR;
    }

    /** eta (1 - gamma) / (gamma (1 - gamma^eta)) with gamma = exp(-t), as a product that neither cancels nor divides by zero. */
    private static double expectation(double t, double shape) {
        double x = shape * t;
        return Math.expm1(t) / t * (x == 0 ? 1 : x / -Math.expm1(-x));
    }
}
