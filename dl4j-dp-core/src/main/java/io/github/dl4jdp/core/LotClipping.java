// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core;

import io.github.dl4jdp.core.random.GaussianNoise;
import io.github.dl4jdp.core.random.RandomStreams;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/** The clipping of one run: the norm in force, fixed within a lot, and the count by which an adaptive one moves between lots. */
final class LotClipping {
    private static final String STREAM = "clipping norm";

    /** One example moves the shifted count by this much. */
    private static final double COUNT_SENSITIVITY = 0.5;

    /** How far the norm may wander from where it began: numbers beyond are of no use to anyone. A public bound, so applying it is post-processing. */
    static final double LARGEST_CHANGE = 1e12;

    private final Clipping clipping;
    private double norm;
    private @Nullable UnusedStreams unused;
    /** Over the lot so far, +1/2 for each example within the norm and -1/2 for each other one. */
    private double shiftedCount;

    /** @param norm the norm in force: the clipping's own at first, where it stood in a resumed run */
    LotClipping(Clipping clipping, double norm) {
        this.clipping = clipping;
        this.norm = PlanValues.requirePositive("clippingNorm", norm);
    }

    /** {@code C} in force. */
    double norm() {
        return norm;
    }

    /** Starts a lot. */
    void clear() {
        shiftedCount = 0;
    }

    /**
     * The factors of one physical batch, by layer and example.
     *
     * @param norms {@code ||g_i,l||} by layer and row
     * @param examples how many rows count; the others get the factor 0
     * @param ulp relative rounding error of the arithmetic that forms the sum
     */
    double[][] factors(double[][] norms, int examples, double ulp) {
        double[][] factors = ClippingFactors.of(clipping, norm, norms, ulp);
        for (double[] layer : factors) {
            for (int i = examples; i < layer.length; i++) {
                layer[i] = 0;
            }
        }
        if (clipping instanceof Clipping.Adaptive) {
            double[] whole = ClippingFactors.together(norms);
            for (int i = 0; i < examples; i++) {
                // A norm that is not a number is not within any bound.
                shiftedCount += whole[i] <= norm ? COUNT_SENSITIVITY : -COUNT_SENSITIVITY;
            }
        }
        return factors;
    }

    /**
     * The norm of the next lot: the count with its noise decides on it. Nobody may see it before the lot that is under way is charged.
     *
     * @param step number of the lot, from 1: the noise comes from a stream of its own
     */
    double next(DpSgdPlan plan, RandomStreams streams, long step) {
        if (!(clipping instanceof Clipping.Adaptive adaptive)) {
            return norm;
        }
        double[] count = {shiftedCount};
        if (plan.noiseMultiplier() > 0) {
            if (unused == null) {
                unused = new UnusedStreams(streams);
            }
            countNoise(adaptive)
                    .release(streams, STREAM, Objects.requireNonNull(unused).next(step))
                    .addTo(count, 0, 1);
        }
        double fraction = 0.5 + count[0] / plan.expectedLotSize();
        double moved = norm * Math.exp(-adaptive.learningRate() * (fraction - adaptive.quantile()));
        return Math.min(Math.max(moved, adaptive.norm() / LARGEST_CHANGE), adaptive.norm() * LARGEST_CHANGE);
    }

    /** The noise of the count. */
    static GaussianNoise countNoise(Clipping.Adaptive adaptive) {
        return new GaussianNoise(adaptive.requireCountNoise() / COUNT_SENSITIVITY, COUNT_SENSITIVITY, 1);
    }

    /** Takes up the norm of the next lot, once the sum of this one is released. */
    void setNorm(double norm) {
        this.norm = norm;
    }
}
