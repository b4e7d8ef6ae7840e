// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.audit;

import io.github.dl4jdp.accountant.PrivacyGuarantee;
import io.github.dl4jdp.accountant.RoundedBounds;
import io.github.dl4jdp.accountant.TradeOffCurve;
import io.github.dl4jdp.core.random.RandomStreams;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.Locale;
import java.util.random.RandomGenerator;
import java.util.stream.IntStream;
import org.nd4j.linalg.dataset.DataSet;

/**
 * Audits one training run from the outside: each of m canaries joins the training set by the toss of a coin, and an attacker who sees only the
 * release guesses the coins.
 *
 * <pre>{@code
 * CanaryAudit audit = CanaryAudit.of(canaries.numExamples());
 * DataSet trainingData = audit.trainingSet(data, canaries);
 * ...                                                             // train on it
 * double[] scores = MembershipScores.negativeLosses(net, canaries);
 * CanaryAudit.Result result = audit.evaluate(scores, 50);         // guesses on the 25 highest and the 25 lowest
 * result.epsilonLowerBound(1e-5, 0.95);
 * }</pre>
 *
 * <p>Guesses cost: a wrong one lowers the bound, so an attacker who is not sure abstains. The canaries' scores may be anything that is computed from
 * the released model, such as {@link MembershipScores#negativeLosses}; the coins must not be used for it.
 *
 * <h2>Formal guarantee</h2>
 *
 * If the training is (epsilon, delta)-differentially private under adding or removing one example, then
 * {@link Result#epsilonLowerBound} exceeds epsilon with probability at most {@code 1 - confidence}, over the coins and the training. This rests
 * on the coins being independent and on nothing else: not on the model, the canaries or the scores. A bound of 0 means that this attack found nothing.
 *
 * <p>Source: Steinke, Nasr and Jagielski, Privacy Auditing with One (1) Training Run, NeurIPS 2023, theorem 5.2. The bounds by trade-off curves: Mahloujifar, Melis and Chaudhuri, Auditing f-Differential
 * Privacy in One Run, ICML 2025.
 */
public final class CanaryAudit {
    private final boolean[] included;

    private CanaryAudit(boolean[] included) {
        this.included = included;
    }

    /**
     * Tosses the coins, with a cryptographic generator.
     *
     * @param canaries m, at least 1
     * @throws IllegalArgumentException if {@code canaries < 1}
     */
    public static CanaryAudit of(int canaries) {
        return of(canaries, RandomStreams.secure().stream("canaries", 0));
    }

    static CanaryAudit of(int canaries, RandomGenerator coins) {
        if (canaries < 1) {
            throw new IllegalArgumentException("canaries must be at least 1, was " + canaries);
        }
        var included = new boolean[canaries];
        for (int i = 0; i < canaries; i++) {
            included[i] = coins.nextBoolean();
        }
        return new CanaryAudit(included);
    }

    /**
     * An audit whose coins were tossed elsewhere, such as in the process that trained.
     *
     * @param included for each canary, whether it was in the training set; decided by independent fair coins
     * @throws IllegalArgumentException if it is empty
     */
    public static CanaryAudit ofInclusion(boolean[] included) {
        if (included.length == 0) {
            throw new IllegalArgumentException("included must have at least 1 element, was empty");
        }
        return new CanaryAudit(included.clone());
    }

    /**
     * The least number of canaries with which this audit could contradict a guarantee: so many, all guessed right.
     *
     * @param confidence of the contradiction, in (0, 1)
     * @throws IllegalArgumentException if {@code confidence} is not in (0, 1), the guarantee's epsilon is infinite, or no number of canaries does
     */
    public static int canariesNeeded(PrivacyGuarantee guarantee, double confidence) {
        int needed = OneRunBound.canariesNeeded(
                AuditArguments.epsilon(guarantee.epsilon()),
                guarantee.delta(),
                1 - AuditArguments.confidence(confidence));
        if (needed == 0) {
            throw new IllegalArgumentException(
                    "guarantee must be one that some number of canaries can contradict with confidence " + confidence
                            + ", was " + guarantee + ": its delta or epsilon is too large");
        }
        return needed;
    }

    /** How the coins fell: for each canary, whether it belongs into the training set. A copy. */
    public boolean[] included() {
        return included.clone();
    }

    /** The number of canaries that the coins put into the training set. */
    public int includedCount() {
        return (int)
                IntStream.range(0, included.length).filter(i -> included[i]).count();
    }

    /**
     * The examples to train on: {@code data}, and behind them the canaries that the coins put in.
     *
     * @param data the other examples
     * @param canaries one for each coin
     * @throws IllegalArgumentException if the canaries are not as many as the coins
     */
    public DataSet trainingSet(DataSet data, DataSet canaries) {
        AuditArguments.sameLength("canaries", canaries.numExamples(), included.length);
        var parts = new ArrayList<DataSet>();
        parts.add(data);
        for (int i = 0; i < included.length; i++) {
            if (included[i]) {
                parts.add(canaries.get(i));
            }
        }
        return DataSet.merge(parts);
    }

    /**
     * Guesses "in" on the {@code guesses / 2} canaries of the highest scores (one more if odd) and "out" on those of the lowest.
     *
     * @param scores one a canary, higher where it seems to be in the training set
     * @param guesses how many to guess on, in [1, canaries], chosen before looking at the scores
     * @throws IllegalArgumentException if there is not one score a canary, one is NaN, or {@code guesses} is out of range
     */
    public Result evaluate(double[] scores, int guesses) {
        return evaluate(scores, guesses - guesses / 2, guesses / 2);
    }

    /**
     * Guesses "in" on the {@code in} canaries of the highest scores, "out" on the {@code out} of the lowest, and abstains on the rest. Which of
     * several equal scores comes first does not depend on the coins.
     *
     * @throws IllegalArgumentException if there is not one score a canary, one is NaN, {@code in} or {@code out} is negative, or their sum is not in
     *     [1, canaries]
     */
    public Result evaluate(double[] scores, int in, int out) {
        int m = included.length;
        AuditArguments.sameLength("scores", scores.length, m);
        if (in < 0 || out < 0 || in > m || out > m || in + out < 1 || in + out > m) {
            throw new IllegalArgumentException("guesses must be at least 1 and at most the " + m + " canaries, were "
                    + in + " in and " + out + " out");
        }
        double[] checked = AuditArguments.scores("scores", scores);
        int[] ascending = IntStream.range(0, m)
                .boxed()
                .sorted(Comparator.comparingDouble(i -> checked[i]))
                .mapToInt(Integer::intValue)
                .toArray();
        int correct = 0;
        for (int i = 0; i < out; i++) {
            correct += included[ascending[i]] ? 0 : 1;
        }
        for (int i = m - in; i < m; i++) {
            correct += included[ascending[i]] ? 1 : 0;
        }
        return new Result(m, in + out, correct);
    }

    /**
     * The best of the bounds for 4, 8, 16, ... guesses and for all canaries, each at the confidence that makes all of them together hold at the one
     * asked for (Bonferroni): for when the best number of guesses is not known beforehand.
     *
     * @param delta in [0, 1)
     * @param confidence in (0, 1)
     * @throws IllegalArgumentException if an argument is out of range, or the canaries are too few for any bound at this confidence
     */
    public double epsilonLowerBound(double[] scores, double delta, double confidence) {
        AuditArguments.delta(delta);
        int[] numbers = IntStream.concat(
                        IntStream.iterate(4, r -> r < included.length, r -> 2 * r), IntStream.of(included.length))
                .toArray();
        double significance = (1 - AuditArguments.confidence(confidence)) / numbers.length;
        Result.requireEnough("canaries", included.length, significance);
        double best = 0;
        for (int guesses : numbers) {
            Result result = evaluate(scores, guesses);
            best = Math.max(
                    best, OneRunBound.epsilon(result.canaries(), guesses, result.correct(), delta, significance));
        }
        return best;
    }

    /**
     * How the guesses went.
     *
     * @param canaries m, each included by a coin
     * @param guesses r, the number of canaries that the attacker guessed on
     * @param correct v, how many of them were right
     */
    public record Result(int canaries, int guesses, int correct) {
        /**
         * @throws IllegalArgumentException unless {@code 0 <= correct <= guesses <= canaries}
         */
        public Result {
            if (!(0 <= correct && correct <= guesses && guesses <= canaries)) {
                throw new IllegalArgumentException("0 <= correct <= guesses <= canaries must hold, were " + correct
                        + ", " + guesses + ", " + canaries);
            }
        }

        private static void requireEnough(String name, int given, double significance) {
            int needed = OneRunBound.canariesNeeded(0, 0, significance);
            if (given < needed) {
                throw new IllegalArgumentException(
                        name + " must be at least " + needed + " for a bound at this confidence, were " + given
                                + ": even if all guesses were right, the bound would be 0");
            }
        }

        /**
         * The largest epsilon that the guesses refute.
         *
         * @param delta of the guarantee, in [0, 1)
         * @param confidence in (0, 1)
         * @return a lower bound of epsilon, 0 if the guesses refute nothing
         * @throws IllegalArgumentException if an argument is out of range, or the guesses are too few for any bound at this confidence
         */
        public double epsilonLowerBound(double delta, double confidence) {
            double significance = 1 - AuditArguments.confidence(confidence);
            requireEnough("guesses", guesses, significance);
            return OneRunBound.epsilon(canaries, guesses, correct, AuditArguments.delta(delta), significance);
        }

        /**
         * The largest epsilon that the guesses refute by the trade-off curve of (epsilon, delta), or by {@link #epsilonLowerBound} where that is larger: both bound the same probability, so that the larger
         * one holds at the same confidence. It assumes nothing more, and is larger where delta matters.
         *
         * @param delta of the guarantee, in [0, 1)
         * @param confidence in (0, 1)
         * @return a lower bound of epsilon, 0 if the guesses refute nothing
         * @throws IllegalArgumentException if an argument is out of range, or the guesses are too few for any bound at this confidence
         */
        public double tradeOffEpsilonLowerBound(double delta, double confidence) {
            double known = epsilonLowerBound(delta, confidence);
            return Math.max(
                    known,
                    TradeOffOneRunBound.parameter(
                            epsilon -> TradeOffOneRunBound.ofGuarantee(epsilon, delta),
                            canaries,
                            guesses,
                            correct,
                            1 - confidence));
        }

        /**
         * The epsilon at {@code delta} of the least private Gaussian mechanism that the guesses refute. <b>It assumes that the whole training is a Gaussian mechanism of some noise</b>, which runs of many steps nearly are: a lower
         * bound of epsilon under this assumption, and much closer to the truth than the bounds without.
         *
         * <p><b>Formal guarantee.</b> If the training is mu-Gaussian differentially private under adding or removing one example, the result exceeds epsilon(mu, delta) with probability {@code 1 - confidence} at most.
         *
         * @param delta of the guarantee, in (0, 1)
         * @param confidence in (0, 1)
         * @return 0 if the guesses refute nothing
         * @throws IllegalArgumentException if an argument is out of range, or the guesses are too few for any bound at this confidence
         */
        public double gaussianEpsilonLowerBound(double delta, double confidence) {
            double significance = 1 - AuditArguments.confidence(confidence);
            requireEnough("guesses", guesses, significance);
            if (!(AuditArguments.delta(delta) > 0)) {
                throw new IllegalArgumentException(
                        "delta must be > 0 for a Gaussian mechanism, whose epsilon is infinite at 0, was " + delta);
            }
            double mu = TradeOffOneRunBound.parameter(
                    TradeOffOneRunBound::ofGaussian, canaries, guesses, correct, significance);
            return Claim.gaussianEpsilon(mu, delta);
        }

        /** An upper bound of the probability of so many right guesses under a trade-off curve: small where they contradict it. */
        public double pValue(TradeOffCurve curve) {
            return TradeOffOneRunBound.pValue(TradeOffOneRunBound.of(curve), canaries, guesses, correct);
        }

        /**
         * Fails if the guesses contradict the trade-off curve of a run, {@code engine.report().tradeOff()}: sharper than {@link #assertConsistentWith(PrivacyGuarantee, double)}, which knows one point of it.
         *
         * @param curve under adding or removing one example
         * @param confidence in (0, 1): a true curve is accused with probability {@code 1 - confidence} at most
         * @throws AssertionError if they do
         * @throws IllegalArgumentException if {@code confidence} is not in (0, 1), or as many guesses, all right, would not contradict the curve
         */
        public void assertConsistentWith(TradeOffCurve curve, double confidence) {
            double significance = 1 - AuditArguments.confidence(confidence);
            var least = TradeOffOneRunBound.of(curve);
            if (!TradeOffOneRunBound.refutes(least, canaries, guesses, guesses, significance)) {
                throw new IllegalArgumentException(
                        "guesses must be so many that they could contradict the curve with confidence " + confidence
                                + ", were " + guesses + " on " + canaries + " canaries");
            }
            if (TradeOffOneRunBound.refutes(least, canaries, guesses, correct, significance)) {
                throw new AssertionError(String.format(
                        Locale.ROOT,
                        "%d of %d guesses on %d canaries were right: under the claimed trade-off curve the probability of that is at most %s",
                        correct,
                        guesses,
                        canaries,
                        RoundedBounds.upper(pValue(curve), 2)));
            }
        }

        /** An upper bound of the probability of so many right guesses under a guarantee: small where they contradict it. */
        public double pValue(PrivacyGuarantee guarantee) {
            return OneRunBound.pValue(
                    canaries, guesses, correct, AuditArguments.epsilon(guarantee.epsilon()), guarantee.delta());
        }

        /**
         * Fails if the guesses contradict a guarantee; for tests.
         *
         * @param confidence in (0, 1): a true guarantee is accused with probability {@code 1 - confidence} at most
         * @throws AssertionError if they do
         * @throws IllegalArgumentException if {@code confidence} is not in (0, 1), or the guesses are so few that nothing could contradict it
         */
        public void assertConsistentWith(PrivacyGuarantee guarantee, double confidence) {
            int needed = canariesNeeded(guarantee, confidence);
            if (guesses < needed) {
                throw new IllegalArgumentException("guesses must be at least " + needed + " to contradict " + guarantee
                        + " with confidence " + confidence + ", were " + guesses);
            }
            double pValue = pValue(guarantee);
            if (pValue < 1 - confidence) {
                throw new AssertionError(String.format(
                        Locale.ROOT,
                        "%d of %d guesses were right: under %s the probability of that is at most %s",
                        correct,
                        guesses,
                        guarantee,
                        RoundedBounds.upper(pValue, 2)));
            }
        }
    }
}
