// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.accountant;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * One kind of event on a lattice of octaves, as often as is asked for, in either direction of the relation.
 *
 * <p>A number of events is a product of powers that are squares of each other. The smaller ones are multiplied first, as each product moves large losses to the
 * lattice again; but for the leading bits of the number apart from the others, so that numbers near to each other share their product. Powers and the latest
 * products are kept. What comes out for a number does not depend on what was asked before.
 */
final class OctavePowers {
    /** Twice so many events would lose more to rounding than delta is good for. */
    private static final int MOST_DOUBLINGS = 46;

    private static final int MOST_PRODUCTS = 64;

    /** The leading bits of a number, after the first. */
    private static final int SHARED_BITS = 10;

    /**
     * A lattice of octaves, and what is left out on it.
     *
     * @param step the smallest step, a power of two
     * @param octave points of an octave
     * @param levels number of octaves
     * @param tail mass that each event may have beyond the lattice
     * @param dropped mass of each event that may be dropped on the way to the result
     */
    record Lattice(double step, int octave, int levels, double tail, double dropped) {
        Lattice coarser(int factor) {
            return new Lattice(step * factor, octave / factor, levels, tail, dropped);
        }
    }

    /** What all that follows from a kind of event depends on. */
    record Key(LossPair pair, Lattice lattice) {}

    private final double slack;
    private final double dropped;
    private final List<List<OctaveMasses>> powers = List.of(new ArrayList<>(), new ArrayList<>());
    private final List<Map<Long, OctaveMasses>> products = List.of(new Products(), new Products());

    /** The products that were used last. */
    private static final class Products extends LinkedHashMap<Long, OctaveMasses> {
        private static final long serialVersionUID = 1;

        Products() {
            super(MOST_PRODUCTS, 0.75f, true);
        }

        @Override
        protected boolean removeEldestEntry(Map.Entry<Long, OctaveMasses> eldest) {
            return size() > MOST_PRODUCTS;
        }
    }

    /** One event. */
    OctavePowers(Key key) {
        Lattice on = key.lattice();
        LossLattice event = key.pair().lattice(LossGrid.octaves(on.step(), on.octave()), on.tail());
        slack = event.slack();
        dropped = on.dropped();
        powers.get(0).add(OctaveMasses.of(event.forward(), on.step(), on.octave(), on.levels()));
        powers.get(1).add(OctaveMasses.of(event.backward(), on.step(), on.octave(), on.levels()));
    }

    /** By how much the loss of each event may exceed its place on the lattice. */
    double slack() {
        return slack;
    }

    static boolean isTooMany(long count) {
        return count >> MOST_DOUBLINGS > 0;
    }

    /** The loss of {@code count > 0} events that are not too many. */
    OctaveMasses of(int direction, long count) {
        long highest = Long.highestOneBit(count);
        long low = count & Math.max(1, highest >> SHARED_BITS) - 1;
        if (low > 0) {
            return product(direction, count, low, count - low);
        }
        return count == highest
                ? power(direction, Long.numberOfTrailingZeros(highest))
                : product(direction, count, count - highest, highest);
    }

    private OctaveMasses product(int direction, long count, long first, long second) {
        OctaveMasses product = products.get(direction).get(count);
        if (product == null) {
            product = of(direction, first).times(of(direction, second), dropped * count);
            products.get(direction).put(count, product);
        }
        return product;
    }

    private OctaveMasses power(int direction, int bit) {
        List<OctaveMasses> known = powers.get(direction);
        for (int b = known.size(); b <= bit; b++) {
            OctaveMasses half = known.get(b - 1);
            known.add(half.times(half, dropped * Math.scalb(1, b)));
        }
        return known.get(bit);
    }
}
