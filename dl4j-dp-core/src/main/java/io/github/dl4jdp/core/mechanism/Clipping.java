// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core.mechanism;

import io.github.dl4jdp.core.internal.Require;
import java.util.List;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/**
 * How each example's gradient is brought to a bounded norm before the sum: a part of a {@code DpSgdPlan}, see {@code DpSgdPlan.withClipping}.
 *
 * <h2>Formal guarantee</h2>
 *
 * Whatever the kind, what one example adds to the sum of a lot has an L2 norm of at most {@code C}, the {@link #norm()} in force for that
 * lot, and zero if its gradient is not finite; the noise on the sum has standard deviation {@code sigma C} in every coordinate.
 */
public sealed interface Clipping {
    /** The bound {@code C} on the L2 norm of one example's contribution; with {@link Adaptive}, that of the first lot. */
    double norm();

    /** The kind and its numbers, in a few words. */
    String describe();

    /**
     * Flat clipping: {@code c_i = min(1, C / ||g_i||)}, one factor for the whole gradient.
     *
     * @param norm {@code C}
     * @throws IllegalArgumentException if {@code norm} is not finite and positive
     */
    static Flat flat(double norm) {
        return new Flat(norm);
    }

    /**
     * Clipping layer by layer, the bound shared equally: {@code C_l = C / sqrt(number of layers that train)}.
     *
     * @param norm {@code C}
     * @throws IllegalArgumentException if {@code norm} is not finite and positive
     */
    static PerLayer perLayer(double norm) {
        return new PerLayer(norm, List.of());
    }

    /**
     * Clipping layer by layer, each to a bound of its own: {@code C = sqrt(sum of C_l^2)}.
     *
     * @param norms {@code C_l} of every layer that trains, in the order of the parameters
     * @throws IllegalArgumentException if there is none, or one is not finite and positive
     */
    static PerLayer perLayer(List<Double> norms) {
        Require.that(!norms.isEmpty(), "norms must have one value for every layer that trains, was empty");
        return new PerLayer(PerLayer.total(norms), norms);
    }

    /**
     * Automatic clipping (AUTO-S): {@code c_i = C / (||g_i|| + gamma)} with {@code gamma = 0.01}. Every gradient is brought to about the same
     * norm, so that {@code C} only scales the learning rate and need not be tuned.
     *
     * @param norm {@code C}; 1 will do
     * @throws IllegalArgumentException if {@code norm} is not finite and positive
     */
    static Automatic automatic(double norm) {
        return new Automatic(norm, Automatic.DEFAULT_STABILITY);
    }

    /**
     * Adaptive clipping: the norm follows a quantile of the gradients' norms, by default the median, see {@link Adaptive#withQuantile}.
     *
     * @param initialNorm {@code C} of the first lot
     * @throws IllegalArgumentException if {@code initialNorm} is not finite and positive
     */
    static Adaptive adaptive(double initialNorm) {
        return new Adaptive(initialNorm, 0.5, 0.2, null);
    }

    /**
     * One factor for the whole gradient: {@code c_i = min(1, C / ||g_i||)}.
     *
     * <p>Source: Abadi et al., Deep Learning with Differential Privacy, CCS 2016, Algorithm 1.
     *
     * @param norm {@code C}, finite and positive
     */
    record Flat(double norm) implements Clipping {
        /** Flat clipping; {@code IllegalArgumentException} if {@code norm} is not finite and positive. */
        public Flat {
            Require.positive("clippingNorm", norm);
        }

        @Override
        public String describe() {
            return norm + " (flat, L2)";
        }
    }

    /**
     * One factor for each layer's part of the gradient: {@code min(1, C_l / ||g_i,l||)}.
     *
     * <p><b>Formal guarantee.</b> {@code ||contribution||^2 <= sum of C_l^2 = C^2}.
     *
     * <p>Source: McMahan et al., Learning Differentially Private Recurrent Language Models, ICLR 2018, section 2.
     *
     * @param norm {@code C}, finite and positive
     * @param norms {@code C_l} in the order of the parameters, their squares summing to {@code C^2}; empty for {@code C / sqrt(layers)} each
     */
    record PerLayer(double norm, List<Double> norms) implements Clipping {
        /** Per-layer clipping; {@code IllegalArgumentException} if a norm is not finite and positive, or the norms do not sum up to {@code norm}. */
        public PerLayer {
            Require.positive("clippingNorm", norm);
            norms = List.copyOf(norms);
            norms.forEach(one -> Require.positive("norms", one));
            Require.that(
                    norms.isEmpty() || norm == total(norms),
                    "clippingNorm must be the root of the sum of the squared norms, " + total(norms) + ", was " + norm);
        }

        private static double total(List<Double> norms) {
            double sum = 0;
            for (double norm : norms) {
                sum += norm * norm;
            }
            return Math.sqrt(sum);
        }

        @Override
        public String describe() {
            return norm + (norms.isEmpty() ? " (per layer, shared equally, L2)" : " (per layer, L2: " + norms + ")");
        }
    }

    /**
     * Automatic clipping, AUTO-S: {@code c_i = C / (||g_i|| + gamma)}. Small gradients are scaled up as large ones are scaled down;
     * {@code gamma} keeps those near zero small.
     *
     * <p><b>Formal guarantee.</b> {@code ||contribution|| = C ||g_i|| / (||g_i|| + gamma) < C}.
     *
     * <p>Source: Bu, Wang, Zha and Karypis, Automatic Clipping: Differentially Private Deep Learning Made Easier and Stronger, NeurIPS 2023,
     * equation (4.1).
     *
     * @param norm {@code C}, finite and positive
     * @param stability {@code gamma}, in units of the gradient's norm, from 0.0001: below, what rounding leaves of a gradient near zero would
     *     be scaled up beyond what the noise covers
     */
    record Automatic(double norm, double stability) implements Clipping {
        private static final double DEFAULT_STABILITY = 0.01;
        private static final double LEAST_STABILITY = 1e-4;

        /** Automatic clipping; {@code IllegalArgumentException} if a value is out of its range. */
        public Automatic {
            Require.positive("clippingNorm", norm);
            Require.that(
                    stability >= LEAST_STABILITY && stability < Double.POSITIVE_INFINITY,
                    "stability must be finite and >= " + LEAST_STABILITY + ", was " + stability);
        }

        /**
         * The same with another {@code gamma}.
         *
         * @throws IllegalArgumentException if {@code stability} is not finite and at least 0.0001
         */
        public Automatic withStability(double stability) {
            return new Automatic(norm, stability);
        }

        @Override
        public String describe() {
            return norm + " (automatic, AUTO-S with stability " + stability + ", L2)";
        }
    }

    /**
     * Flat clipping to a norm that follows the quantile {@code gamma} of the gradients' norms:
     *
     * <pre>
     *   b = 1/2 + (1/L) ( sum over the lot of s(||g_i|| / C)  +  N(0, sigma_b^2) )
     *   C &lt;- C exp(-eta (b - gamma))        for the next lot
     * </pre>
     *
     * <p>{@code s} is 1/2 up to 1 - 1/64, -1/2 from 1 + 1/64 on, and a straight line in between; in the paper it jumps at 1.
     *
     * <p>{@code C} is fixed within a lot, saved with the model, and part of what is released: it may be shown.
     *
     * <p><b>Formal guarantee.</b> Given {@code C}, a lot releases two Gaussian mechanisms on one sample: the sum, of noise multiplier
     * {@code sigma}, and the count, which one example moves by at most 1/2, of noise multiplier {@code 2 sigma_b}. Both are in the plan's event, and
     * therefore in its epsilon and its calibration. The divisor {@code L} is the expected lot size.
     *
     * <p>Source: Andrew, Thakkar, McMahan and Ramaswamy, Differentially Private Learning with Adaptive Clipping, NeurIPS 2021, Algorithm 1.
     *
     * @param norm {@code C} of the first lot, finite and positive
     * @param quantile {@code gamma}, between 0 and 1
     * @param learningRate {@code eta}, finite and positive
     * @param countNoise {@code sigma_b}, the standard deviation of the noise on the count, finite and positive; null until a plan fills in its
     *     default, {@code max(5, L / 20)}
     */
    record Adaptive(
            double norm,
            double quantile,
            double learningRate,
            @Nullable Double countNoise) implements Clipping {
        /** Examples in a lot for each unit of the count's noise (Andrew et al. 2021, section 3.1). */
        private static final double EXAMPLES_PER_NOISE = 20;

        /** With less, the count would cost more than a hundredth of a sum with noise multiplier 1. */
        private static final double LEAST_DEFAULT_NOISE = 5;

        /** Adaptive clipping; {@code IllegalArgumentException} if a value is out of its range. */
        public Adaptive {
            Require.positive("clippingNorm", norm);
            Require.that(quantile > 0 && quantile < 1, "quantile must be in (0, 1), was " + quantile);
            Require.positive("learningRate", learningRate);
            if (countNoise != null) {
                Require.positive("countNoise", countNoise);
            }
        }

        /**
         * The same for another quantile: the part of the examples that is to stay unclipped.
         *
         * @throws IllegalArgumentException if {@code quantile} is not in {@code (0, 1)}
         */
        public Adaptive withQuantile(double quantile) {
            return new Adaptive(norm, quantile, learningRate, countNoise);
        }

        /**
         * The same with another {@code eta}, by which the norm moves.
         *
         * @throws IllegalArgumentException if {@code learningRate} is not finite and positive
         */
        public Adaptive withLearningRate(double learningRate) {
            return new Adaptive(norm, quantile, learningRate, countNoise);
        }

        /**
         * The same with another noise on the count: less follows the quantile more closely and costs more privacy.
         *
         * @param countNoise {@code sigma_b}, in examples
         * @throws IllegalArgumentException if {@code countNoise} is not finite and positive
         */
        public Adaptive withCountNoise(double countNoise) {
            return new Adaptive(norm, quantile, learningRate, countNoise);
        }

        /** The same with the count's noise filled in. */
        public Adaptive forLots(long expectedLotSize) {
            return countNoise != null
                    ? this
                    : withCountNoise(Math.max(LEAST_DEFAULT_NOISE, expectedLotSize / EXAMPLES_PER_NOISE));
        }

        /** {@code sigma_b}, which a plan has filled in. */
        public double requireCountNoise() {
            if (countNoise == null) {
                throw new IllegalStateException("countNoise is filled in by the plan: call DpSgdPlan.withClipping");
            }
            return countNoise;
        }

        @Override
        public String describe() {
            return String.format(
                    Locale.ROOT,
                    "%s at first (adaptive, L2: quantile %s, learning rate %s, count noise %s)",
                    norm,
                    quantile,
                    learningRate,
                    countNoise);
        }
    }
}
