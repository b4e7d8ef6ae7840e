// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core.data;

import java.io.Serializable;
import java.util.Collections;
import java.util.Map;
import java.util.TreeMap;

/**
 * Where the constants come from by which examples are changed on their way to the network: from private releases about data, or from nothing private.
 *
 * <p>The engine refuses constants of a release that its plan is not charged with, and names those of unknown origin in the report.
 *
 * @param releases the events of the releases, as {@code DpEvent.toJson} writes them, by the identity under which each is charged; none for public constants
 * @param isKnown whether this is all: not so for constants from a file that does not say it
 */
public record Origin(Map<String, String> releases, boolean isKnown) implements Serializable {
    private static final long serialVersionUID = 1L;

    /** Constants that no private data went into. */
    public static final Origin PUBLIC = new Origin(Map.of(), true);

    /** Constants that say nothing about it. */
    public static final Origin UNKNOWN = new Origin(Map.of(), false);

    /** Copies the map. */
    public Origin {
        releases = Collections.unmodifiableMap(new TreeMap<>(releases));
    }

    /** Constants of one release. */
    public static Origin ofRelease(String identity, String event) {
        return new Origin(Map.of(identity, event), true);
    }

    /** That of constants which depend on both. */
    public Origin and(Origin other) {
        var all = new TreeMap<>(releases);
        all.putAll(other.releases);
        return new Origin(all, isKnown && other.isKnown);
    }
}
