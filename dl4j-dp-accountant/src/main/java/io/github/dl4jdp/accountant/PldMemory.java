// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.accountant;

import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.Map;

/**
 * What accountants of one relation can share: the pairs of the events, and powers of these on lattices of octaves.
 *
 * <p>A search for the number of steps asks accountant after accountant about different numbers of the same events. What is shared changes no answer.
 */
final class PldMemory {
    /** Each takes up to some ten megabytes. */
    private static final int MOST_POWERS = 16;

    private static final int MOST_PAIRS = 4096;

    private final Map<DpEvent, LossPair> pairs = new HashMap<>();
    private final Map<OctavePowers.Key, OctavePowers> powers = new LinkedHashMap<>(MOST_POWERS, 0.75f, true);

    LossPair pair(DpEvent leaf, NeighboringRelation relation) {
        if (pairs.size() > MOST_PAIRS && !pairs.containsKey(leaf)) {
            pairs.clear();
        }
        return pairs.computeIfAbsent(leaf, l -> LossPairs.of(l, relation));
    }

    OctavePowers powers(OctavePowers.Key key) {
        OctavePowers known = powers.get(key);
        if (known == null) {
            known = new OctavePowers(key);
            powers.put(key, known);
            if (powers.size() > MOST_POWERS) {
                powers.remove(powers.keySet().iterator().next());
            }
        }
        return known;
    }
}
