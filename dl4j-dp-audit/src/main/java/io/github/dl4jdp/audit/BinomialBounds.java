// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.audit;

import org.apache.commons.statistics.distribution.BetaDistribution;

/** Upper confidence bounds of a probability from counts (Clopper and Pearson 1934), computed once for each count. */
final class BinomialBounds {
    private final int trials;
    private final double significance;
    private final double[] bounds;

    /**
     * @param trials number of independent trials, at least 1
     * @param significance probability with which a bound may be too low
     */
    BinomialBounds(int trials, double significance) {
        this.trials = trials;
        this.significance = significance;
        this.bounds = new double[trials + 1];
    }

    /** The largest probability under which {@code events} or fewer events are not less probable than the significance. */
    double upper(int events) {
        if (bounds[events] == 0) {
            bounds[events] = events == trials
                    ? 1
                    : BetaDistribution.of(events + 1.0, trials - events).inverseSurvivalProbability(significance);
        }
        return bounds[events];
    }
}
