// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.audit;

import java.util.Arrays;
import java.util.Locale;

/**
 * How well scores distinguish members of the training set from others: the receiver operating characteristic of a membership inference attack.
 *
 * <p>An attacker who declares every example above some score a member detects {@code truePositiveRate} of the members and wrongly accuses {@code
 * falsePositiveRate} of the others. Small false positive rates matter most: an attack that is sure of a few people harms them, whatever its average (Carlini et al., Membership Inference Attacks From First Principles, IEEE S&amp;P 2022).
 *
 * <p>The rates are those of the given examples, without a confidence interval, and do not bound what a better attack would find;
 * {@code io.github.dl4jdp.accountant.TradeOffCurve} has that bound.
 */
public final class RocCurve {
    private final double[] falsePositiveRates;
    private final double[] truePositiveRates;
    private final int others;

    private RocCurve(double[] falsePositiveRates, double[] truePositiveRates, int others) {
        this.falsePositiveRates = falsePositiveRates;
        this.truePositiveRates = truePositiveRates;
        this.others = others;
    }

    /**
     * The curve of an attack.
     *
     * @param members scores of examples that the model was trained on, higher where the attack takes them for members
     * @param others scores of examples of the same kind that it was not trained on
     * @throws IllegalArgumentException if either is empty or has a NaN
     */
    public static RocCurve of(double[] members, double[] others) {
        requireSome("members", members);
        requireSome("others", others);
        double[] in = AuditArguments.scores("members", members);
        double[] out = AuditArguments.scores("others", others);
        Arrays.sort(in);
        Arrays.sort(out);
        var falsePositives = new double[in.length + out.length + 1];
        var truePositives = new double[in.length + out.length + 1];
        int points = 1;
        int i = in.length;
        int o = out.length;
        while (i > 0 || o > 0) {
            double threshold = Math.max(
                    i > 0 ? in[i - 1] : Double.NEGATIVE_INFINITY, o > 0 ? out[o - 1] : Double.NEGATIVE_INFINITY);
            // Equal scores are on the same side of every threshold.
            while (i > 0 && in[i - 1] >= threshold) {
                i--;
            }
            while (o > 0 && out[o - 1] >= threshold) {
                o--;
            }
            falsePositives[points] = (double) (out.length - o) / out.length;
            truePositives[points] = (double) (in.length - i) / in.length;
            points++;
        }
        return new RocCurve(Arrays.copyOf(falsePositives, points), Arrays.copyOf(truePositives, points), out.length);
    }

    private static void requireSome(String name, double[] scores) {
        if (scores.length == 0) {
            throw new IllegalArgumentException(name + " must have at least 1 score, was empty");
        }
    }

    /**
     * The area under the curve: the probability that a random member scores higher than a random other, ties counting half. 0.5 is guessing.
     */
    public double auc() {
        double area = 0;
        for (int i = 1; i < falsePositiveRates.length; i++) {
            area += (falsePositiveRates[i] - falsePositiveRates[i - 1])
                    * (truePositiveRates[i] + truePositiveRates[i - 1])
                    / 2;
        }
        return area;
    }

    /**
     * The share of the members that the attack finds without taking more than {@code falsePositiveRate} of the others for members.
     *
     * @param falsePositiveRate in (0, 1]
     * @throws IllegalArgumentException if it is not in (0, 1], or there are fewer than {@code 1 / falsePositiveRate} others: none could be spared then
     */
    public double truePositiveRate(double falsePositiveRate) {
        if (!(falsePositiveRate > 0 && falsePositiveRate <= 1)) {
            throw new IllegalArgumentException("falsePositiveRate must be in (0, 1], was " + falsePositiveRate);
        }
        double needed = 1 / falsePositiveRate;
        if (others < needed) {
            throw new IllegalArgumentException("others must be at least " + (long) Math.ceil(needed)
                    + " for a false positive rate of " + falsePositiveRate + ", were " + others);
        }
        double best = 0;
        for (int i = 0; i < falsePositiveRates.length && falsePositiveRates[i] <= falsePositiveRate; i++) {
            best = truePositiveRates[i];
        }
        return best;
    }

    /** The false positive rates of all thresholds, ascending from 0 to 1. A copy. */
    public double[] falsePositiveRates() {
        return falsePositiveRates.clone();
    }

    /** The true positive rates of the same thresholds, ascending from 0 to 1. A copy. */
    public double[] truePositiveRates() {
        return truePositiveRates.clone();
    }

    /** For people: the area under the curve, and the true positive rates at 0.1 % and 1 % where there are others enough to know them. */
    @Override
    public String toString() {
        var text = new StringBuilder(String.format(Locale.ROOT, "AUC %.3f", auc()));
        for (double rate : new double[] {0.001, 0.01}) {
            if (others >= 1 / rate) {
                text.append(String.format(
                        Locale.ROOT,
                        ", true positive rate %.2f %% at %s %% false positives",
                        100 * truePositiveRate(rate),
                        rate == 0.001 ? "0.1" : "1"));
            }
        }
        return text.toString();
    }
}
