// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.accountant.cli;

import io.github.dl4jdp.accountant.NeighboringRelation;
import java.util.Locale;
import java.util.Optional;

/**
 * What may be said of a guarantee, by what came out.
 *
 * @param level how good it is
 * @param sentence that in words
 * @see <a href="https://arxiv.org/abs/2303.00654">Ponomareva et al. 2023, How to DP-fy ML, section 5.2: tiers at epsilon 1 and 10</a>
 */
record Grade(Level level, String sentence) {
    private static final double STRONG = 1;
    private static final double MODERATE = 10;
    /** An attacker who is right this often needs no more. */
    private static final double TELLS_ALL = 0.99;
    /** A probability of failure that is not negligible for any number of examples. */
    private static final double LARGEST_DELTA = 0.01;

    private static final String RELEASED = "The trained parameters, and everything else released during training, ";

    /** From the best to none. */
    enum Level {
        STRONG,
        MODERATE,
        WEAK,
        NONE
    }

    /**
     * The grade of a guarantee.
     *
     * @param share 1 / examples, or 1 where their number is not known
     * @param truePositives the largest true positive rate of an attacker at a false positive rate of 1 %
     */
    static Grade of(double epsilon, double delta, double share, double truePositives, NeighboringRelation relation) {
        String secret = relation == NeighboringRelation.REPLACE_ONE
                ? "which of two values any one example had"
                : "whether any one example was in the data";
        if (!(epsilon < Double.POSITIVE_INFINITY)) {
            return none("**There is no guarantee**: epsilon is infinite, and the release may reveal everything.");
        }
        if (delta >= share) {
            return none("**This guarantee means nothing**: delta is not below 1 / (number of examples), which is "
                    + Setting.significant(share) + "; publishing one example outright would have the same delta.");
        }
        if (delta >= LARGEST_DELTA) {
            return none("**This guarantee means nothing**: with probability delta, which is " + delta
                    + ", it guarantees nothing about the release.");
        }
        if (truePositives >= TELLS_ALL) {
            return none("**This protects nothing**: epsilon is so large that the release may reveal, almost surely, "
                    + secret + ".");
        }
        if (epsilon > MODERATE) {
            return new Grade(
                    Level.WEAK,
                    "**This is weak**: an epsilon above 10 protects little. " + RELEASED + "may well reveal " + secret
                            + ".");
        }
        return epsilon > STRONG
                ? new Grade(Level.MODERATE, RELEASED + "limit how well anyone can tell " + secret + ".")
                : new Grade(Level.STRONG, RELEASED + "hide " + secret + ".");
    }

    private static Grade none(String sentence) {
        return new Grade(Level.NONE, sentence);
    }

    /** What to say on standard error. */
    Optional<String> warning() {
        return level == Level.NONE || level == Level.WEAK
                ? Optional.of("graded " + level.name().toLowerCase(Locale.ROOT) + ": " + sentence.replace("**", ""))
                : Optional.empty();
    }
}
