// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.audit;

import io.github.dl4jdp.accountant.TradeOffCurve;
import java.util.function.DoubleUnaryOperator;
import org.apache.commons.statistics.distribution.NormalDistribution;

/**
 * How many right guesses about independently included canaries a mechanism of a given trade-off curve leaves possible.
 *
 * <p>Let f be the curve, F(x) = 1 - f(x) the largest true positive rate at the false positive rate x, m the canaries, r the guesses and C those that are right. Then for every k
 *
 * <pre>{@code
 *   E[C; C >= k + 1] / m  <=  F( E[r - C; C >= k] / m ).                                                      (*)
 * }</pre>
 *
 * <p><b>Proof.</b> Take canary i, the coins of all others, and a side s. The event A_s that the guess on i is s, and that k or more of the other guesses are right, is one about the output. Where coin i is s it is a
 * right guess on i with k + 1 or more right in all; where coin i is the other side it is a wrong one with k or more right. f bounds the probability of A_s under the one coin by F of that under the other. Average over s, i and the
 * other coins: F is concave.
 *
 * <p>So the probability of v or more right guesses is at most the largest one that any distribution of C has under (*). With T_k and W_k for both sides of (*) without F, that is found from above: let all of tau = P[C >= v] be at v, which (*)
 * asks least of, and then for k = v - 1, ..., 0 put just so much mass at k that W_k reaches F^-1(T_k+1). No distribution has less mass in the tails: by induction it has at least as much in {C >= j} for each j > k, and T_k - k / (r - k) W_k is r / (r - k) times the
 * sum of these tails over m, so that T_k and W_k are at least as large as here. tau is impossible where the masses come to more than one.
 *
 * <p>Sources: Mahloujifar, Melis and Chaudhuri, Auditing f-Differential Privacy in One Run, ICML 2025 (arXiv 2410.22235); Xiang, Wang, Xiao, Tian and Wang, Tight Privacy Audit in One Run, 2025 (arXiv 2509.08704).
 */
final class TradeOffOneRunBound {
    private static final NormalDistribution NORMAL = NormalDistribution.of(0, 1);

    /** The bisections stop here: far below what any number of canaries resolves. */
    private static final double RESOLUTION = 1e-6;

    private static final int HALVINGS = 60;

    /** Rounding of some thousand additions: a total this little above one refutes nothing. */
    private static final double ROUNDING = 1e-9;

    private TradeOffOneRunBound() {}

    /**
     * Whether {@code correct} or more right guesses have a probability below {@code significance}.
     *
     * @param leastFalsePositives the false positive rate that a true positive rate needs at least: F^-1, never too large
     * @param canaries m
     * @param guesses r
     * @param correct v
     */
    static boolean refutes(
            DoubleUnaryOperator leastFalsePositives, int canaries, int guesses, int correct, double significance) {
        double m = canaries;
        double right = significance * correct / m;
        double wrong = significance * (guesses - correct) / m;
        double mass = significance;
        for (int k = correct - 1; k >= 0; k--) {
            double needed = leastFalsePositives.applyAsDouble(Math.min(1, right));
            if (needed > wrong) {
                double added = (needed - wrong) * m / (guesses - k);
                wrong = needed;
                right += added * k / m;
                mass += added;
                if (mass > 1 + ROUNDING) {
                    return true;
                }
            }
        }
        return false;
    }

    /** An upper bound of the probability of so many right guesses. */
    static double pValue(DoubleUnaryOperator leastFalsePositives, int canaries, int guesses, int correct) {
        double refuted = 1;
        if (guesses == 0 || correct == 0 || !refutes(leastFalsePositives, canaries, guesses, correct, refuted)) {
            return 1;
        }
        // By logarithm: small ones matter.
        double smallest = 1e-30;
        if (refutes(leastFalsePositives, canaries, guesses, correct, smallest)) {
            return smallest;
        }
        double possible = smallest;
        for (int i = 0; i < HALVINGS && refuted > possible * (1 + RESOLUTION); i++) {
            double middle = Math.sqrt(possible * refuted);
            if (refutes(leastFalsePositives, canaries, guesses, correct, middle)) {
                refuted = middle;
            } else {
                possible = middle;
            }
        }
        return refuted;
    }

    /** The curve of a mechanism of which only (epsilon, delta) is known (Dong, Roth and Su 2022, proposition 2.4). */
    static DoubleUnaryOperator ofGuarantee(double epsilon, double delta) {
        return truePositives -> Math.max(
                0,
                Math.max(
                        (truePositives - delta) * Math.exp(-epsilon),
                        1 - delta - Math.exp(epsilon) * (1 - truePositives)));
    }

    /** The curve of N(mu, 1) against N(0, 1). */
    static DoubleUnaryOperator ofGaussian(double mu) {
        return truePositives -> {
            if (truePositives <= 0) {
                return 0;
            }
            return truePositives >= 1
                    ? 1
                    : NORMAL.cumulativeProbability(NORMAL.inverseCumulativeProbability(truePositives) - mu)
                            * (1 - ROUNDING);
        };
    }

    /** An accountant's curve. */
    static DoubleUnaryOperator of(TradeOffCurve curve) {
        return truePositives -> {
            double low = 0;
            double high = 1;
            for (int i = 0; i < HALVINGS && high - low > 1e-12 * high; i++) {
                double middle = (low + high) / 2;
                if (curve.truePositiveRate(middle) < truePositives) {
                    low = middle;
                } else {
                    high = middle;
                }
            }
            return low;
        };
    }

    /** The curves of a family, the larger the parameter the less private. */
    @FunctionalInterface
    interface Family {
        DoubleUnaryOperator leastFalsePositives(double parameter);
    }

    /** The largest parameter at which so many right guesses are less probable than {@code significance}; 0 if there is none. */
    static double parameter(Family family, int canaries, int guesses, int correct, double significance) {
        if (!refutes(family.leastFalsePositives(0), canaries, guesses, correct, significance)) {
            return 0;
        }
        double refuted = 0;
        double possible = 1;
        while (refutes(family.leastFalsePositives(possible), canaries, guesses, correct, significance)) {
            refuted = possible;
            possible *= 2;
        }
        while (possible - refuted > RESOLUTION) {
            double middle = (refuted + possible) / 2;
            if (refutes(family.leastFalsePositives(middle), canaries, guesses, correct, significance)) {
                refuted = middle;
            } else {
                possible = middle;
            }
        }
        return refuted;
    }
}
