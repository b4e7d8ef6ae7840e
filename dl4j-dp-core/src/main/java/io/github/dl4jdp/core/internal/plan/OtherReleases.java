// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core.internal.plan;

import io.github.dl4jdp.accountant.DpEvent;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;

/**
 * What else is released about the data of a plan: statistics, another model.
 *
 * @param all the event of everything, a {@code NoOp} if there is nothing
 * @param unnamed the part of it that has no identity, a {@code NoOp} if there is none
 * @param identified the part of it that has, by the identity under which it is charged once
 */
public record OtherReleases(DpEvent all, DpEvent unnamed, Map<String, DpEvent> identified) {
    /** Nothing else is released. */
    public static final OtherReleases NONE = of(new DpEvent.NoOp());

    /** Copies the map. */
    public OtherReleases {
        identified = Collections.unmodifiableMap(new LinkedHashMap<>(identified));
    }

    private static OtherReleases of(DpEvent event) {
        return new OtherReleases(event, event, Map.of());
    }

    /** Those with an identity, and this event in the place of those without one. */
    public OtherReleases withUnnamed(DpEvent event) {
        OtherReleases some = of(event);
        for (var one : identified.entrySet()) {
            some = some.with(one.getKey(), one.getValue());
        }
        return some;
    }

    /** One more release, with its identity. */
    public OtherReleases with(String identity, DpEvent event) {
        var more = new LinkedHashMap<>(identified);
        more.put(identity, event);
        return new OtherReleases(isEmpty() ? event : new DpEvent.Composed(List.of(all, event)), unnamed, more);
    }

    /** Whether nothing else is released. */
    public boolean isEmpty() {
        return all instanceof DpEvent.NoOp;
    }

    /** Whether there is a part without an identity. */
    public boolean hasUnnamed() {
        return !(unnamed instanceof DpEvent.NoOp);
    }

    /** Every release. */
    public Stream<DpEvent> stream() {
        return Stream.concat(hasUnnamed() ? Stream.of(unnamed) : Stream.empty(), identified.values().stream());
    }

    /** Everything: these, and a run. */
    public DpEvent and(DpEvent run) {
        return isEmpty() ? run : new DpEvent.Composed(List.of(all, run));
    }
}
