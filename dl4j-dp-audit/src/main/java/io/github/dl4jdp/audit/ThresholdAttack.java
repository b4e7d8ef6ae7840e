// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.audit;

import java.util.Arrays;
import java.util.List;

/**
 * The attacker of a step audit: says "the canary was in" where one value of {@link StepViews} lies on one side of a threshold.
 *
 * @param name what it looks at
 * @param value index of the value
 * @param above whether it says "in" above the threshold rather than below it
 * @param threshold where "in" begins, exclusively
 */
record ThresholdAttack(String name, int value, boolean above, double threshold) {
    /** How often an attack was wrong. */
    record Errors(int falseAlarms, int missed) {}

    boolean saysIn(double[] values) {
        return above ? values[value] > threshold : values[value] < threshold;
    }

    Errors errors(List<double[]> in, List<double[]> out) {
        int missed = (int) in.stream().filter(values -> !saysIn(values)).count();
        int falseAlarms = (int) out.stream().filter(this::saysIn).count();
        return new Errors(falseAlarms, missed);
    }

    /**
     * The attack that contradicts the claim most clearly, or comes closest to it, in the given trials. What it is worth has to be measured in others.
     *
     * @param in values of steps with the canary, at least one
     * @param out values of steps without it, at least one
     */
    static ThresholdAttack best(List<String> names, List<double[]> in, List<double[]> out, Claim claim, double alpha) {
        var falseAlarmBounds = new BinomialBounds(out.size(), alpha);
        var missedBounds = new BinomialBounds(in.size(), alpha);
        ThresholdAttack best = new ThresholdAttack(names.get(0), 0, true, 0);
        double bestExcess = Double.NEGATIVE_INFINITY;
        for (int value = 0; value < names.size(); value++) {
            double[] inside = sorted(in, value);
            double[] outside = sorted(out, value);
            double[] all = sorted(inside, outside);
            int insideUpTo = 0;
            int outsideUpTo = 0;
            for (int i = 0; i + 1 < all.length; i++) {
                if (!(all[i] < all[i + 1])) {
                    continue;
                }
                insideUpTo = countUpTo(inside, insideUpTo, all[i]);
                outsideUpTo = countUpTo(outside, outsideUpTo, all[i]);
                for (boolean above : new boolean[] {true, false}) {
                    int missed = above ? insideUpTo : inside.length - insideUpTo;
                    int falseAlarms = above ? outside.length - outsideUpTo : outsideUpTo;
                    double excess = claim.excess(falseAlarmBounds.upper(falseAlarms), missedBounds.upper(missed));
                    if (excess > bestExcess) {
                        bestExcess = excess;
                        double middle = all[i] + (all[i + 1] - all[i]) / 2;
                        best = new ThresholdAttack(
                                names.get(value), value, above, Double.isFinite(middle) ? middle : all[i + 1]);
                    }
                }
            }
        }
        return best;
    }

    private static int countUpTo(double[] sorted, int from, double limit) {
        int count = from;
        while (count < sorted.length && sorted[count] <= limit) {
            count++;
        }
        return count;
    }

    private static double[] sorted(List<double[]> trials, int value) {
        return trials.stream().mapToDouble(values -> values[value]).sorted().toArray();
    }

    private static double[] sorted(double[] first, double[] second) {
        double[] all = Arrays.copyOf(first, first.length + second.length);
        System.arraycopy(second, 0, all, first.length, second.length);
        Arrays.sort(all);
        return all;
    }
}
