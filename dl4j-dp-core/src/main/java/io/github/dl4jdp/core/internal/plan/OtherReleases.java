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
 * @param unnamed the part of it that has no identity, a {@code NoOp} if there is none: equal events mean the same releases
 * @param identified the part of it that has, by the identity under which it is charged once
 */
public record OtherReleases(DpEvent all, DpEvent unnamed, Map<String, DpEvent> identified) {
    /** Begins the identity under which an account keeps releases that have none: equal events mean the same releases. */
    public static final String UNNAMED = "equal ";

    /** Nothing else is released. */
    public static final OtherReleases NONE = of(new DpEvent.NoOp());

    /** Copies the map. */
    public OtherReleases {
        identified = Collections.unmodifiableMap(new LinkedHashMap<>(identified));
    }

    /** Releases without an identity. */
    public static OtherReleases of(DpEvent event) {
        return new OtherReleases(event, event, Map.of());
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

    /** All of them, as an account keeps it: the event as JSON by identity. */
    public Map<String, String> byIdentity() {
        var all = new LinkedHashMap<String, String>();
        if (hasUnnamed()) {
            all.put(UNNAMED + unnamed.toJson(), unnamed.toJson());
        }
        identified.forEach((identity, event) -> all.put(identity, event.toJson()));
        return all;
    }

    /** Everything: these, and a run. */
    public DpEvent and(DpEvent run) {
        return isEmpty() ? run : new DpEvent.Composed(List.of(all, run));
    }
}
