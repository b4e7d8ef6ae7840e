// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.accountant;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Function;

/**
 * What accountants of one relation can share: the pairs of the events, powers of these on lattices of octaves, and products of groups of events.
 *
 * <p>A search for the number of steps asks accountant after accountant about different numbers of the same events, a search for noise about other events beside those of the past. What is shared changes no
 * answer.
 */
final class PldMemory {
    /** Each takes up to some ten megabytes. */
    private static final int MOST_POWERS = 16;

    /** Each takes up to a megabyte. */
    private static final int MOST_SPECTRA = 64;

    /** Each takes up to a tenth of one. */
    private static final int MOST_OCTAVES = 512;

    private static final int MOST_PAIRS = 4096;

    /** Kinds of a group; fewer are composed one by one. */
    static final int GROUP = 32;

    private final Map<DpEvent, LossPair> pairs = new HashMap<>();
    private final Recent<OctavePowers.Key, OctavePowers> powers = new Recent<>(MOST_POWERS);
    private final Groups<LossComposition.Group> spectra = new Groups<>(MOST_SPECTRA);
    private final Groups<OctaveComposition.Group> octaves = new Groups<>(MOST_OCTAVES);

    /** What was used last. */
    private static final class Recent<K, V> extends LinkedHashMap<K, V> {
        private static final long serialVersionUID = 1;

        private final int most;

        Recent(int most) {
            super(most, 0.75f, true);
            this.most = most;
        }

        @Override
        protected boolean removeEldestEntry(Map.Entry<K, V> eldest) {
            return size() > most;
        }
    }

    /**
     * Some of the kinds of a composition, always taken together.
     *
     * @param lattice all that the result depends on, beside the kinds
     * @param kinds with their numbers, in order
     */
    record Group(Object lattice, List<Map.Entry<LossPair, Long>> kinds) {
        static Group of(Object lattice, Map<LossPair, Long> counts) {
            List<Map.Entry<LossPair, Long>> kinds = new ArrayList<>();
            counts.forEach((pair, count) -> kinds.add(Map.entry(pair, count)));
            return new Group(lattice, kinds);
        }

        int size() {
            return kinds.size();
        }

        /** In groups of {@link #GROUP}, in their order: one more at the end, or another number of one, leaves the other groups as they are. */
        List<Group> parts() {
            List<Group> parts = new ArrayList<>();
            for (int from = 0; from < kinds.size(); from += GROUP) {
                parts.add(part(from, Math.min(kinds.size(), from + GROUP)));
            }
            return parts;
        }

        Group part(int from, int to) {
            return new Group(lattice, List.copyOf(kinds.subList(from, to)));
        }

        Map<LossPair, Long> counts() {
            Map<LossPair, Long> counts = new LinkedHashMap<>();
            kinds.forEach(kind -> counts.put(kind.getKey(), kind.getValue()));
            return counts;
        }
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
        }
        return known;
    }

    Groups<LossComposition.Group> spectra() {
        return spectra;
    }

    Groups<OctaveComposition.Group> octaves() {
        return octaves;
    }

    /** What groups came to. */
    static final class Groups<T> {
        private final Recent<Group, T> known;

        private Groups(int most) {
            known = new Recent<>(most);
        }

        /** What was computed for an equal group, or is computed now. */
        T of(Group group, Function<Group, T> computation) {
            T result = known.get(group);
            if (result == null) {
                result = computation.apply(group);
                known.put(group, result);
            }
            return result;
        }
    }
}
