// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.accountant;

import java.util.Arrays;
import java.util.stream.DoubleStream;

/**
 * Bounds the error rates of an attacker who decides, from everything the mechanism released, which of two neighboring data sets it ran on.
 *
 * <p>A test that raises a false alarm with probability alpha misses with probability at least
 *
 * <pre>{@code
 * f(alpha) = max over epsilon of  max(0, 1 - delta(epsilon) - exp(epsilon) alpha, exp(-epsilon) (1 - delta(epsilon) - alpha)),
 * }</pre>
 *
 * so that "epsilon = 2" can be stated as "at a false positive rate of 1 %, at most so many members are detected".
 *
 * <p><b>Formal guarantee.</b> The false negative rate is never overstated: every (epsilon, delta) used is a guarantee of the
 * accountant, and each of them alone implies its part of the bound.
 *
 * @see <a href="https://arxiv.org/abs/1905.02383">Dong, Roth and Su 2022, proposition 2.5</a>
 */
public final class TradeOffCurve {
    /** Tangents to the curve: so many at even deltas below delta(0), and so many that reach far into its ends. */
    private static final int EVEN = 80;

    private static final int SMALL = 24;

    private static final double SMALLEST_DELTA = 1e-9;

    private final double[] epsilon;
    private final double[] delta;

    private TradeOffCurve(double[] epsilon, double[] delta) {
        this.epsilon = epsilon;
        this.delta = delta;
    }

    /** The curve of everything the accountant has composed so far. */
    public static TradeOffCurve of(PrivacyAccountant accountant) {
        double atZero = accountant.delta(0);
        double[] delta = DoubleStream.concat(
                        DoubleStream.iterate(EVEN, i -> i > 0, i -> i - 1).map(i -> atZero * i / EVEN),
                        DoubleStream.iterate(1, i -> i <= SMALL, i -> i + 1)
                                .map(i -> atZero / EVEN * Math.pow(SMALLEST_DELTA, i / SMALL)))
                .toArray();
        double[] epsilon = epsilons(accountant, delta);
        epsilon[0] = 0;
        return new TradeOffCurve(epsilon, delta);
    }

    /** Epsilons at deltas in descending order. */
    private static double[] epsilons(PrivacyAccountant accountant, double[] delta) {
        return accountant instanceof PldAccountant pld
                ? reversed(pld.epsilons(reversed(delta)))
                : Arrays.stream(delta).map(accountant::epsilon).toArray();
    }

    private static double[] reversed(double[] values) {
        double[] reversed = new double[values.length];
        for (int i = 0; i < values.length; i++) {
            reversed[i] = values[values.length - 1 - i];
        }
        return reversed;
    }

    /**
     * The smallest false negative rate of any attacker.
     *
     * @param falsePositiveRate alpha, in [0, 1]
     * @return f(alpha), in [0, 1]
     * @throws IllegalArgumentException if {@code falsePositiveRate} is not in [0, 1]
     */
    public double falseNegativeRate(double falsePositiveRate) {
        Arguments.probability("falsePositiveRate", falsePositiveRate);
        double rate = 0;
        for (int i = 0; i < epsilon.length; i++) {
            if (epsilon[i] < Double.POSITIVE_INFINITY) {
                double rest = 1 - delta[i];
                double steep = rest - Math.exp(epsilon[i]) * falsePositiveRate;
                double flat = Math.exp(-epsilon[i]) * (rest - falsePositiveRate);
                rate = Math.max(rate, Math.max(steep, flat));
            }
        }
        return rate;
    }

    /**
     * The largest true positive rate of any attacker, {@code 1 - f(alpha)}.
     *
     * @param falsePositiveRate alpha, in [0, 1]
     * @throws IllegalArgumentException if {@code falsePositiveRate} is not in [0, 1]
     */
    public double truePositiveRate(double falsePositiveRate) {
        return 1 - falseNegativeRate(falsePositiveRate);
    }

    /**
     * The largest probability of a right guess for an attacker who thinks both data sets equally likely beforehand,
     * {@code 1 - min over alpha of (alpha + f(alpha)) / 2 = (1 + delta(0)) / 2}.
     */
    public double successRate() {
        return Math.min(1, (1 + delta[0]) / 2);
    }

    @Override
    public String toString() {
        return "TradeOffCurve[epsilon=" + Arrays.toString(epsilon) + ", delta=" + Arrays.toString(delta) + "]";
    }
}
