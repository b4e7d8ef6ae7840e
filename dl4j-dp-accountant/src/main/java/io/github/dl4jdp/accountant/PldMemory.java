// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.accountant;

import java.util.HashMap;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.Map;

/**
 * What accountants of one relation can share: the pairs of the events, their even lattices, and powers of these on lattices of octaves.
 *
 * <p>A search for the number of steps asks accountant after accountant about different numbers of the same events. What is shared changes no answer.
 */
final class PldMemory {
    /** Each takes up to some ten megabytes. */
    private static final int MOST_POWERS = 16;

    private static final int MOST_PAIRS = 4096;

    /** Points of all lattices, of 32 bytes each. */
    private static final long MOST_POINTS = 1 << 21;

    /** An even lattice of a pair. */
    private record LatticeKey(LossPair pair, double step, double tail) {}

    private final Map<DpEvent, LossPair> pairs = new HashMap<>();
    private final Map<OctavePowers.Key, OctavePowers> powers = new LinkedHashMap<>(MOST_POWERS, 0.75f, true);

    private final Map<LatticeKey, LossLattice> lattices = new LinkedHashMap<>(MOST_POWERS, 0.75f, true);
    private long points;

    /** The pair on an even lattice; several threads may ask. */
    LossLattice lattice(LossPair pair, double step, double tail) {
        LatticeKey key = new LatticeKey(pair, step, tail);
        LossLattice known;
        synchronized (lattices) {
            known = lattices.get(key);
        }
        if (known != null) {
            return known;
        }
        LossLattice lattice = pair.lattice(LossGrid.even(step), tail);
        synchronized (lattices) {
            if (lattices.put(key, lattice) == null) {
                points += lattice.size();
            }
            Iterator<LossLattice> eldest = lattices.values().iterator();
            while (points > MOST_POINTS && eldest.hasNext()) {
                points -= eldest.next().size();
                eldest.remove();
            }
        }
        return lattice;
    }

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
