// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.audit;

import org.apache.commons.statistics.distribution.BinomialDistribution;

/**
 * How many right guesses about independently included canaries a private mechanism leaves possible.
 *
 * <p>Source: Steinke, Nasr and Jagielski, Privacy Auditing with One (1) Training Run, NeurIPS 2023, theorem 5.2 and appendix D.
 */
final class OneRunBound {
    /** The bisection stops here: far below what any number of canaries resolves. */
    private static final double RESOLUTION = 1e-6;

    private OneRunBound() {}

    /**
     * An upper bound of the probability that an attacker guesses {@code correct} or more of {@code guesses} coins right, if the mechanism is
     * {@code (epsilon, delta)}-differentially private:
     *
     * <pre>
     *   P[W >= v] + 2 m delta max over i = 1..v of P[v > W >= v - i] / i,     W ~ Binomial(r, 1 / (1 + exp(-epsilon)))
     * </pre>
     *
     * @param canaries m, those on which no guess was made included
     * @param guesses r
     * @param correct v
     */
    static double pValue(int canaries, int guesses, int correct, double epsilon, double delta) {
        if (guesses == 0) {
            return 1;
        }
        var correctGuesses = BinomialDistribution.of(guesses, 1 / (1 + Math.exp(-epsilon)));
        double beta = correctGuesses.survivalProbability(correct - 1);
        if (delta == 0) {
            return Math.min(1, beta);
        }
        double steepest = 0;
        double below = 0;
        for (int i = 1; i <= correct; i++) {
            below += correctGuesses.probability(correct - i);
            steepest = Math.max(steepest, below / i);
        }
        return Math.min(1, beta + 2.0 * canaries * delta * steepest);
    }

    /** The largest epsilon at which so many right guesses are less probable than {@code significance}; 0 if there is none. */
    static double epsilon(int canaries, int guesses, int correct, double delta, double significance) {
        if (!(pValue(canaries, guesses, correct, 0, delta) < significance)) {
            return 0;
        }
        double refuted = 0;
        double possible = 1;
        while (pValue(canaries, guesses, correct, possible, delta) < significance) {
            refuted = possible;
            possible *= 2;
        }
        while (possible - refuted > RESOLUTION) {
            double middle = (refuted + possible) / 2;
            if (pValue(canaries, guesses, correct, middle, delta) < significance) {
                refuted = middle;
            } else {
                possible = middle;
            }
        }
        return refuted;
    }

    /** The least number of canaries with which an attacker who guesses them all right refutes {@code (epsilon, delta)}; 0 if no number does. */
    static int canariesNeeded(double epsilon, double delta, double significance) {
        int enough = 1;
        while (!(pValue(enough, enough, enough, epsilon, delta) < significance)) {
            if (enough > Integer.MAX_VALUE / 4) {
                return 0;
            }
            // The term of delta grows with the canaries: where it alone is too large, more of them do not help.
            if (Math.pow(1 / (1 + Math.exp(-epsilon)), enough) < significance * 1e-3) {
                return 0;
            }
            enough *= 2;
        }
        int tooFew = enough / 2;
        while (enough - tooFew > 1) {
            int middle = (enough + tooFew) >>> 1;
            if (pValue(middle, middle, middle, epsilon, delta) < significance) {
                enough = middle;
            } else {
                tooFew = middle;
            }
        }
        return enough;
    }
}
