// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core.mechanism;

import io.github.dl4jdp.accountant.CorrelatedNoise;
import io.github.dl4jdp.accountant.CorrelationMatrix;
import io.github.dl4jdp.core.internal.Require;
import java.util.Objects;

/**
 * The noise of a run whose steps share draws, and how far the steps of one example are apart at least.
 *
 * @param noise how it is mixed
 * @param separation b: from a lot of an example to its next one there are at least so many lots, at least 1
 */
public record Correlation(CorrelatedNoise noise, long separation) {
    /** Checks the separation; {@code IllegalArgumentException} if it is less than 1. */
    public Correlation {
        Objects.requireNonNull(noise, "noise");
        Require.positive("separation", separation);
    }

    /**
     * The matrix of a run.
     *
     * @param steps T
     * @param participations the most lots of an example
     */
    CorrelationMatrix matrix(long steps, long participations) {
        return CorrelationMatrix.of(noise, steps, participations, separation);
    }

    /** In a few words. */
    public String describe() {
        return noise.describe() + ", lots of an example at least " + separation + " apart";
    }
}
