// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.accountant;

import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/** An accountant that takes events apart into leaves, see {@link EventParts}, and answers for these. */
abstract class LeafAccountant implements PrivacyAccountant {
    final NeighboringRelation relation;
    /** How often each leaf was composed. */
    final Map<DpEvent, Long> leaves = new LinkedHashMap<>();

    LeafAccountant(NeighboringRelation relation) {
        this.relation = Objects.requireNonNull(relation, "relation");
    }

    /** Says why a leaf cannot be bounded, or null where it can. */
    abstract @Nullable String refusal(DpEvent leaf);

    /** Adds what a leaf costs that was composed so often, and is among {@link #leaves} already. */
    abstract void add(DpEvent leaf, long count);

    private Map<DpEvent, Long> parts(DpEvent event, long count) {
        Nesting.require(event);
        return EventParts.of(event, count, getClass().getSimpleName(), relation, this::refusal);
    }

    @Override
    public NeighboringRelation relation() {
        return relation;
    }

    @Override
    public boolean supports(DpEvent event) {
        try {
            parts(event, 1);
            return true;
        } catch (UnsupportedEventException e) {
            return false;
        }
    }

    @Override
    public PrivacyAccountant compose(DpEvent event, long count) {
        // Everything that can fail comes before the first change.
        Map<DpEvent, Long> parts = parts(event, count);
        parts.forEach((leaf, n) ->
                Arguments.inRange("repetitions of one event", 0, Long.MAX_VALUE - leaves.getOrDefault(leaf, 0L), n));
        parts.forEach((leaf, n) -> {
            leaves.merge(leaf, n, Long::sum);
            add(leaf, n);
        });
        return this;
    }

    @Override
    public DpEvent event() {
        return EventParts.asEvent(leaves);
    }
}
