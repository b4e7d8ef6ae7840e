// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core;

import io.github.dl4jdp.accountant.AccountantKind;
import io.github.dl4jdp.accountant.NeighboringRelation;
import io.github.dl4jdp.accountant.PrivacyGuarantee;
import org.jspecify.annotations.Nullable;

/** The values of a plan in the making; 0 and null stand for "not given yet". */
final class PlanDraft {
    final Sampling sampling;
    final long examples;
    final long lotSize;
    NeighboringRelation relation;
    long steps;
    double clippingNorm;
    double delta;
    AccountantKind accountantKind = AccountantKind.RDP;

    @Nullable
    Double noiseMultiplier;

    @Nullable
    PrivacyGuarantee target;

    @Nullable
    Long seed;

    PlanDraft(Sampling sampling, long examples, long lotSize) {
        this.sampling = sampling;
        this.examples = examples;
        this.lotSize = lotSize;
        this.relation = sampling.relations().get(0);
    }

    /** A calibrated noise multiplier holds for one length and one accountant only. */
    void recalibrate() {
        if (target != null) {
            noiseMultiplier = null;
        }
    }

    DpSgdPlan plan() {
        return new DpSgdPlan(this);
    }

    static long requirePositive(String name, long value) {
        if (value < 1) {
            throw new IllegalArgumentException(name + " must be at least 1, was " + value);
        }
        return value;
    }

    static double requirePositive(String name, double value) {
        if (value > 0 && value < Double.POSITIVE_INFINITY) {
            return value;
        }
        throw new IllegalArgumentException(name + " must be finite and > 0, was " + value);
    }
}
