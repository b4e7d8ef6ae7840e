// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core;

import io.github.dl4jdp.accountant.NeighboringRelation;
import java.util.OptionalDouble;

/** Statuses for tests of what shows them. */
public final class Statuses {
    private Statuses() {}

    /** At the end of a run for a unit of privacy, without what was not asked for. */
    public static PrivacyStatus of(String unit) {
        return of(10, 0, unit, OptionalDouble.empty(), 0.5, 1);
    }

    /** At epsilon = 0.5, delta = 1e-5, without what was not asked for. */
    public static PrivacyStatus of(
            long steps, long remaining, OptionalDouble budget, double projected, double noiseToSignal) {
        return of(steps, remaining, "example", budget, projected, noiseToSignal);
    }

    private static PrivacyStatus of(
            long steps, long remaining, String unit, OptionalDouble budget, double projected, double noiseToSignal) {
        return new PrivacyStatus(
                steps,
                remaining,
                0.5,
                1e-5,
                NeighboringRelation.ADD_OR_REMOVE_ONE,
                unit,
                OptionalDouble.empty(),
                budget,
                projected,
                OptionalDouble.of(noiseToSignal),
                OptionalDouble.empty());
    }
}
