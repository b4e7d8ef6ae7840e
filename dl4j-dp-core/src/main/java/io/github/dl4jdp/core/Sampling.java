// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core;

import io.github.dl4jdp.accountant.DpEvent;
import io.github.dl4jdp.accountant.NeighboringRelation;

/** How the lots of a {@link DpSgdPlan} are drawn. */
public enum Sampling {
    /** Every example joins every lot independently with the sampling probability. */
    POISSON;

    /** The relation under which {@link #stepEvent} describes a step. */
    NeighboringRelation relation() {
        return switch (this) {
            case POISSON -> NeighboringRelation.ADD_OR_REMOVE_ONE;
        };
    }

    /** The event of one step with noise of standard deviation {@code sigma * C} on the sum of gradients clipped to {@code C}. */
    DpEvent stepEvent(double samplingProbability, double sigma) {
        return switch (this) {
            case POISSON -> new DpEvent.PoissonSampled(samplingProbability, new DpEvent.Gaussian(sigma));
        };
    }
}
