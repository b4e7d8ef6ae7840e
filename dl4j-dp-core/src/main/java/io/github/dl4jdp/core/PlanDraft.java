// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core;

import io.github.dl4jdp.accountant.AccountantKind;
import io.github.dl4jdp.accountant.DpEvent;
import io.github.dl4jdp.accountant.NeighboringRelation;
import io.github.dl4jdp.accountant.PrivacyGuarantee;
import java.nio.file.Path;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** {@link PlanValues} while they change: it lives inside one call of a {@code with...} method. */
final class PlanDraft {
    private final Sampling sampling;
    private final long examples;
    private final long lotSize;
    NeighboringRelation relation;
    long steps;

    @Nullable
    Clipping clipping;

    double delta;
    AccountantKind accountantKind = AccountantKind.PLD;

    NoiseSchedule noiseSchedule = NoiseSchedule.CONSTANT;
    DpEvent earlier = new DpEvent.NoOp();

    DpEvent otherEarlier = new DpEvent.NoOp();

    Map<String, DpEvent> releases = Map.of();

    @Nullable
    Truncation truncation;

    ExampleShape exampleShape = ExampleShape.NONE;

    int augmentationMultiplicity = 1;

    @Nullable
    Double noiseMultiplier;

    @Nullable
    PrivacyGuarantee target;

    @Nullable
    Long seed;

    @Nullable
    Path ledger;

    boolean continuing;

    PlanDraft(Sampling sampling, long examples, long lotSize) {
        this.sampling = sampling;
        this.examples = examples;
        this.lotSize = lotSize;
        this.relation = sampling.relations().get(0);
    }

    PlanDraft(PlanValues values) {
        this(values.sampling(), values.examples(), values.lotSize());
        relation = values.relation();
        steps = values.steps();
        clipping = values.clipping();
        delta = values.delta();
        accountantKind = values.accountantKind();
        noiseSchedule = values.noiseSchedule();
        earlier = values.earlier();
        otherEarlier = values.otherEarlier();
        releases = values.releases();
        truncation = values.truncation();
        exampleShape = values.exampleShape();
        augmentationMultiplicity = values.augmentationMultiplicity();
        noiseMultiplier = values.noiseMultiplier();
        target = values.target();
        seed = values.seed();
        ledger = values.ledger();
        continuing = values.continuing();
    }

    /** A calibrated noise multiplier holds for one event and one accountant only: what changes them calls this. */
    void dropCalibration() {
        if (target != null) {
            noiseMultiplier = null;
        }
    }

    PlanValues freeze() {
        return new PlanValues(
                sampling,
                examples,
                lotSize,
                relation,
                steps,
                clipping,
                delta,
                accountantKind,
                noiseSchedule,
                earlier,
                otherEarlier,
                releases,
                truncation,
                exampleShape,
                augmentationMultiplicity,
                noiseMultiplier,
                target,
                seed,
                ledger,
                continuing);
    }
}
