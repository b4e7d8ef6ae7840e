// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.accountant.cli;

import io.github.dl4jdp.accountant.NeighboringRelation;
import java.util.List;

/** How lots are sampled, and under which relations a cost is known. */
enum LotSampling {
    /** Every example joins every lot by its own coin. */
    POISSON("Poisson lots"),

    /** Every lot is a uniformly drawn subset of one size. */
    FIXED_SIZE("lots of fixed size"),

    /** Every example joins exactly one of the lots of a pass, drawn uniformly by its own coin. A pass is one release. */
    RANDOM_ALLOCATION("random allocation"),

    /** Batches in an order that does not depend on the data, each example at most once a pass. A pass is one release. */
    GIVEN_BATCHES("given batches");

    private final String description;

    LotSampling(String description) {
        this.description = description;
    }

    String description() {
        return description;
    }

    /** Those under which a cost is known, the one that is meant where none is given first. */
    private List<NeighboringRelation> relations() {
        return switch (this) {
            case POISSON ->
                List.of(
                        NeighboringRelation.ADD_OR_REMOVE_ONE,
                        NeighboringRelation.ZERO_OUT,
                        NeighboringRelation.REPLACE_ONE);
            case FIXED_SIZE -> List.of(NeighboringRelation.REPLACE_ONE);
            case RANDOM_ALLOCATION -> List.of(NeighboringRelation.ADD_OR_REMOVE_ONE, NeighboringRelation.ZERO_OUT);
            case GIVEN_BATCHES -> List.of(NeighboringRelation.ZERO_OUT, NeighboringRelation.REPLACE_ONE);
        };
    }

    /** Whether a charge is for a pass over the data instead of one lot. */
    boolean chargesByPass() {
        return this == RANDOM_ALLOCATION || this == GIVEN_BATCHES;
    }

    NeighboringRelation usualRelation() {
        return relations().get(0);
    }

    NeighboringRelation require(NeighboringRelation relation) {
        if (!relations().contains(relation)) {
            throw new IllegalArgumentException("relation must be one of "
                    + String.join(
                            ", ", relations().stream().map(Parameter::text).toList()) + " for " + description
                    + ", was " + Parameter.text(relation) + "; no cost is known under other relations");
        }
        return relation;
    }
}
