// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.audit;

import java.util.ArrayList;
import java.util.List;
import java.util.random.RandomGenerator;
import java.util.stream.IntStream;

/**
 * The likelihood ratio attack, offline: takes an example for a member if the model is more confident on it than models that never saw it.
 *
 * <p>Shadow models are trained as the target is, each on a random part of data like the target's. For each example x, the logit-scaled confidences
 * of the shadow models that were <em>not</em> trained on it are fitted by a Gaussian; the score is how far above it the target lies,
 *
 * <pre>
 *   (phi(x) - mean(x)) / sd,      phi = ln(p / (1 - p)),  p the model's probability of x's own label,
 * </pre>
 *
 * a monotone function of the one-sided test {@code Pr[N(mean, sd^2) <= phi]}. With fewer than 64 shadow models for an example its own standard
 * deviation is too uncertain, and one is fitted for all examples.
 *
 * <p>Source: Carlini et al., Membership Inference Attacks From First Principles, IEEE S&amp;P 2022, sections V and VI.
 */
public final class Lira {
    /** From so many models on, a standard deviation of each example's own does better in the paper's figure 9. */
    private static final int ENOUGH_FOR_OWN_DEVIATION = 64;

    private static final int LEAST_SHADOWS = 2;

    private final double[] means;
    private final double[] deviations;

    private Lira(double[] means, double[] deviations) {
        this.means = means;
        this.deviations = deviations;
    }

    /** The scores of one shadow model for the examples under attack. */
    public static final class Shadow {
        private final double[] confidences;
        private final boolean[] members;

        /**
         * Copies the arrays.
         *
         * @param confidences its logit-scaled confidence on each example, see {@link MembershipScores#logitConfidences}
         * @param members whether it was trained on each of them
         * @throws IllegalArgumentException if they differ in length, or a confidence is not finite
         */
        public Shadow(double[] confidences, boolean[] members) {
            AuditArguments.sameLength("members", members.length, confidences.length);
            for (int i = 0; i < confidences.length; i++) {
                requireFinite(i, confidences[i]);
            }
            this.confidences = confidences.clone();
            this.members = members.clone();
        }
    }

    private static void requireFinite(int i, double confidence) {
        if (!Double.isFinite(confidence)) {
            throw new IllegalArgumentException("confidences must be finite, was " + confidence + " at index " + i);
        }
    }

    /**
     * What to train shadow models on, so that every example is left out by exactly half of them: random halves of the examples, each followed by the
     * other half.
     *
     * @param models an even number, at least 4
     * @param examples at least 2
     * @return for each model, whether it is to be trained on each example
     * @throws IllegalArgumentException if {@code models} is odd or below 4, or {@code examples < 2}
     */
    public static List<boolean[]> halves(int models, int examples, RandomGenerator random) {
        if (models < 2 * LEAST_SHADOWS || models % 2 != 0) {
            throw new IllegalArgumentException(
                    "models must be even and at least " + 2 * LEAST_SHADOWS + ", was " + models);
        }
        if (examples < 2) {
            throw new IllegalArgumentException("examples must be at least 2, was " + examples);
        }
        int[] order = IntStream.range(0, examples).toArray();
        var halves = new ArrayList<boolean[]>();
        for (int pair = 0; pair < models / 2; pair++) {
            for (int i = examples - 1; i > 0; i--) {
                int j = random.nextInt(i + 1);
                int swapped = order[i];
                order[i] = order[j];
                order[j] = swapped;
            }
            var first = new boolean[examples];
            var second = new boolean[examples];
            for (int i = 0; i < examples; i++) {
                first[order[i]] = i < examples / 2;
                second[order[i]] = i >= examples / 2;
            }
            halves.add(first);
            halves.add(second);
        }
        return halves;
    }

    /**
     * The attack that some shadow models make possible.
     *
     * @param shadows at least two for each example that were not trained on it
     * @throws IllegalArgumentException if they are too few, or not over the same number of examples
     */
    public static Lira offline(List<Shadow> shadows) {
        if (shadows.isEmpty()) {
            throw new IllegalArgumentException("shadows must be at least " + LEAST_SHADOWS + ", were 0");
        }
        int examples = shadows.get(0).confidences.length;
        var means = new double[examples];
        var squares = new double[examples];
        var counts = new int[examples];
        for (Shadow shadow : shadows) {
            AuditArguments.sameLength("confidences", shadow.confidences.length, examples);
            for (int i = 0; i < examples; i++) {
                if (!shadow.members[i]) {
                    // Welford's update: the sum of squares does not cancel.
                    counts[i]++;
                    double difference = shadow.confidences[i] - means[i];
                    means[i] += difference / counts[i];
                    squares[i] += difference * (shadow.confidences[i] - means[i]);
                }
            }
        }
        return new Lira(means, deviations(squares, counts));
    }

    private static double[] deviations(double[] squares, int[] counts) {
        double allSquares = 0;
        long allDegrees = 0;
        for (int i = 0; i < counts.length; i++) {
            if (counts[i] < LEAST_SHADOWS) {
                throw new IllegalArgumentException("shadows that were not trained on an example must be at least "
                        + LEAST_SHADOWS + " for each, were " + counts[i] + " for example " + i);
            }
            allSquares += squares[i];
            allDegrees += counts[i] - 1;
        }
        double shared = Math.sqrt(allSquares / allDegrees);
        var deviations = new double[counts.length];
        for (int i = 0; i < deviations.length; i++) {
            double own = Math.sqrt(squares[i] / (counts[i] - 1));
            deviations[i] = counts[i] >= ENOUGH_FOR_OWN_DEVIATION && own > 0 ? own : shared;
            if (!(deviations[i] > 0)) {
                throw new IllegalArgumentException("shadows must differ in their confidences, were all alike");
            }
        }
        return deviations;
    }

    /**
     * The score of every example, higher where the target seems to have been trained on it.
     *
     * @param confidences the target's logit-scaled confidences on the same examples
     * @throws IllegalArgumentException if there is not one for each example, or one is not finite
     */
    public double[] scores(double[] confidences) {
        AuditArguments.sameLength("confidences", confidences.length, means.length);
        var scores = new double[means.length];
        for (int i = 0; i < scores.length; i++) {
            requireFinite(i, confidences[i]);
            scores[i] = (confidences[i] - means[i]) / deviations[i];
        }
        return scores;
    }
}
