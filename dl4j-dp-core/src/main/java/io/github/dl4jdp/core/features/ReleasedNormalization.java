// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core.features;

import io.github.dl4jdp.accountant.DpEvent;
import io.github.dl4jdp.accountant.NeighboringRelation;
import io.github.dl4jdp.core.DpSgdPlan;
import java.util.List;

/** What {@link PrivateNormalization#release} released, and what it cost. */
public final class ReleasedNormalization {
    private final ChannelNormalization normalization;
    private final long examples;
    private final NeighboringRelation relation;
    private final DpEvent event;

    ReleasedNormalization(
            ChannelNormalization normalization, long examples, NeighboringRelation relation, DpEvent event) {
        this.normalization = normalization;
        this.examples = examples;
        this.relation = relation;
        this.event = event;
    }

    /** The normalization by the released means and variances. */
    public ChannelNormalization normalization() {
        return normalization;
    }

    /** What was done, relative to the sensitivity under {@link #relation()}; {@code NonPrivate} if a seed drew the noise. */
    public DpEvent event() {
        return event;
    }

    /** The relation for which {@link #event()} is true. */
    public NeighboringRelation relation() {
        return relation;
    }

    /**
     * The plan with this release charged to it, beside what it has been charged with {@link DpSgdPlan#withEarlierReleases} already.
     *
     * @throws IllegalArgumentException if the plan has another relation or another number of examples, or is calibrated to a guarantee
     *     that its earlier releases alone exceed
     */
    public DpSgdPlan chargedTo(DpSgdPlan plan) {
        if (plan.relation() != relation) {
            throw new IllegalArgumentException("plan must have the relation of the release, " + relation
                    + ", for which its cost is known; has " + plan.relation()
                    + ": say so before the release, by PrivateNormalization.withRelation");
        }
        if (plan.examples() != examples) {
            throw new IllegalArgumentException("plan must be about the data of the release, " + examples
                    + " examples; is about " + plan.examples());
        }
        return plan.withEarlierReleases(
                plan.earlierReleases() instanceof DpEvent.NoOp
                        ? event
                        : new DpEvent.Composed(List.of(plan.earlierReleases(), event)));
    }
}
