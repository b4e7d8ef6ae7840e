// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.accountant;

import static io.github.dl4jdp.accountant.NeighboringRelation.ADD_OR_REMOVE_ONE;
import static org.assertj.core.api.Assertions.assertThat;

import io.github.dl4jdp.accountant.DpEvent.EpsilonDelta;
import io.github.dl4jdp.accountant.DpEvent.Gaussian;
import io.github.dl4jdp.accountant.DpEvent.RepeatAndSelect;
import java.util.List;
import java.util.function.DoubleUnaryOperator;
import org.apache.commons.numbers.gamma.Erfc;
import org.junit.jupiter.api.Test;

/**
 * Exact divergences of the largest output of several runs, against the bound.
 *
 * <p>If one output exceeds y with probability v, the largest of K has at y the density of one output times f'(1 - v), f being the generating
 * function of K: {@code E[K] (gamma / (gamma + (1 - gamma) v))^(1 + eta)}, or {@code E[K] exp(-E[K] v)} for Poisson. With no run at
 * all, which Poisson gives with probability {@code exp(-E[K])}, the output is a mark below all others.
 */
class SelectionDivergenceTest {
    private static final List<RunCount> COUNTS = List.of(
            new RunCount(4, -0.5),
            RunCount.logarithmic(1.1),
            RunCount.logarithmic(10),
            RunCount.logarithmic(1000),
            new RunCount(10, 0.5),
            RunCount.geometric(10),
            new RunCount(30, 4),
            RunCount.poisson(1),
            RunCount.poisson(2),
            RunCount.poisson(10),
            RunCount.poisson(100));

    private static final double[] ORDERS = {1.1, 1.5, 2, 3, 5, 8, 16, 32};

    /** f'(1 - v), with gamma found anew from the mean. */
    private static DoubleUnaryOperator slope(RunCount count) {
        double mean = count.mean();
        if (count.shape() == Double.POSITIVE_INFINITY) {
            return v -> mean * Math.exp(-mean * v);
        }
        double eta = count.shape();
        double low = 0;
        double high = 1;
        for (int i = 0; i < 200; i++) {
            double gamma = (low + high) / 2;
            double expected = eta == 0
                    ? (1 / gamma - 1) / Math.log(1 / gamma)
                    : eta * (1 - gamma) / (gamma * (1 - Math.pow(gamma, eta)));
            if (expected >= mean) {
                low = gamma;
            } else {
                high = gamma;
            }
        }
        double gamma = low;
        return v -> mean * Math.pow(gamma / (gamma + (1 - gamma) * v), 1 + eta);
    }

    /** Probability that the largest is y, where y has probability p and what is above it {@code above}: a sum of f' by Simpson's rule. */
    private static double atom(DoubleUnaryOperator slope, double p, double above) {
        int parts = 2000;
        double sum = 0;
        for (int i = 0; i <= parts; i++) {
            double weight = i == 0 || i == parts ? 1 : i % 2 == 1 ? 4 : 2;
            sum += weight * slope.applyAsDouble(above + p * i / parts);
        }
        return sum * p / parts / 3;
    }

    private static double noRun(RunCount count) {
        return count.shape() == Double.POSITIVE_INFINITY ? Math.exp(-count.mean()) : 0;
    }

    private static double divergence(double[] p, double[] q, double order) {
        double peak = Double.NEGATIVE_INFINITY;
        double[] logs = new double[p.length];
        for (int i = 0; i < p.length; i++) {
            logs[i] = p[i] == 0 ? Double.NEGATIVE_INFINITY : order * Math.log(p[i]) + (1 - order) * Math.log(q[i]);
            peak = Math.max(peak, logs[i]);
        }
        double sum = 0;
        for (double log : logs) {
            sum += Math.exp(log - peak);
        }
        return (peak + Math.log(sum)) / (order - 1);
    }

    private static double bothWays(double[] p, double[] q, double order) {
        return Math.max(divergence(p, q, order), divergence(q, p, order));
    }

    private static double[] bound(DpEvent run, RunCount count, double... orders) {
        RdpAccountant accountant = new RdpAccountant(ADD_OR_REMOVE_ONE, orders);
        accountant.compose(new RepeatAndSelect(run, count));
        return accountant.divergences();
    }

    /** Outcomes in ascending order, the mark of no run first. */
    private static double[] largest(RunCount count, double... outcomes) {
        DoubleUnaryOperator slope = slope(count);
        double[] result = new double[outcomes.length + 1];
        result[0] = noRun(count);
        double above = 0;
        for (int i = outcomes.length - 1; i >= 0; i--) {
            result[i + 1] = atom(slope, outcomes[i], above);
            above += outcomes[i];
        }
        return result;
    }

    /** The largest of outputs {@code N(shift, sigma^2)} on a grid of step 0.01 sigma, and the mark. */
    private static double[] largestGaussian(RunCount count, double shift, double sigma) {
        DoubleUnaryOperator slope = slope(count);
        int points = 7000; // up to 35 sigma, where numbers are still normal
        double[] result = new double[points + 1];
        result[points] = noRun(count);
        for (int i = 0; i < points; i++) {
            double z = (i - points / 2) * 0.01 - shift / sigma;
            double density = 0.01 * Math.exp(-z * z / 2) / Math.sqrt(2 * Math.PI);
            result[i] = density * slope.applyAsDouble(Erfc.value(z / Math.sqrt(2)) / 2);
        }
        return result;
    }

    private static double sum(double[] probabilities) {
        double sum = 0;
        for (double p : probabilities) {
            sum += p;
        }
        return sum;
    }

    @Test
    void divergence_largestOfGaussians_isBelowTheBound() {
        for (double sigma : new double[] {1.5, 3, 10}) {
            for (RunCount count : COUNTS) {
                double[] with = largestGaussian(count, 1, sigma);
                double[] without = largestGaussian(count, 0, sigma);
                assertThat(sum(with)).as(count.toString()).isBetween(1 - 1e-6, 1 + 1e-6);
                double[] bound = bound(new Gaussian(sigma), count, ORDERS);
                for (int i = 0; i < ORDERS.length; i++) {
                    double exact = bothWays(with, without, ORDERS[i]);
                    assertThat(exact).as(sigma + " " + count + " " + ORDERS[i]).isLessThanOrEqualTo(bound[i]);
                }
            }
        }
    }

    /** Two outcomes of pure epsilon, the rarer one is the better. */
    @Test
    void divergence_largestOfTwoOutcomes_isBelowTheBound() {
        for (double epsilon : new double[] {0.1, 0.5, 1, 3}) {
            double p = 1 / (1 + Math.exp(epsilon));
            for (RunCount count : COUNTS) {
                double[] bound = bound(new EpsilonDelta(epsilon, 0), count, ORDERS);
                for (int i = 0; i < ORDERS.length; i++) {
                    double exact = bothWays(largest(count, 1 - p, p), largest(count, p, 1 - p), ORDERS[i]);
                    assertThat(exact)
                            .as(epsilon + " " + count + " " + ORDERS[i])
                            .isLessThanOrEqualTo(bound[i]);
                }
            }
        }
    }

    /**
     * A mechanism of pure epsilon for which the theorem is nearly attained, at orders where it says (2 + eta) epsilon: the middle outcome is rare
     * and speaks for the one data set, what is above it speaks for the other and is often drawn, but rare in one run. A bound that left out the second
     * order, or took eta for 1 + eta, would be exceeded.
     */
    @Test
    void divergence_worstOutcomes_nearlyAttainsTheBound() {
        double epsilon = 1;
        double[] orders = {20_000, 50_000};
        for (RunCount count :
                List.of(RunCount.logarithmic(2000), new RunCount(5000, 0.5), RunCount.geometric(10_000))) {
            double above = 0.02;
            double rare = 1e-9;
            double[] with = {1 - above - rare * Math.exp(epsilon), rare * Math.exp(epsilon), above};
            double[] without = {1 - above * Math.exp(epsilon) - rare, rare, above * Math.exp(epsilon)};
            double[] bound = bound(new EpsilonDelta(epsilon, 0), count, orders);
            for (int i = 0; i < orders.length; i++) {
                double exact = bothWays(largest(count, with), largest(count, without), orders[i]);
                assertThat(exact).as(count + " " + orders[i]).isBetween(0.97 * bound[i], bound[i]);
            }
        }
    }
}
