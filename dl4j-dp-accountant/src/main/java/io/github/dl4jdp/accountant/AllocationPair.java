// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.accountant;

import org.jspecify.annotations.Nullable;

/**
 * The mean of N(e_i, sigma^2 I) over the t unit vectors e_i, against N(0, sigma^2 I): an example in one of t lots, drawn uniformly.
 *
 * <p>The likelihood ratio is the mean of t independent ones, each of N(1, sigma^2) and N(0, sigma^2); see {@link RatioLaw}.
 */
final class AllocationPair implements LossPair {
    /** Less noise than this is not looked at: the pair of an example whose lot is known bounds it. */
    static final double SMALLEST_NOISE = 0.1;

    /** More noise than this is counted as this much, which costs more: ratios would drown in the rounding of their place. */
    static final double LARGEST_NOISE = 1e5;

    private static final double UNIT = 0x1p-53;

    /** Tails within such a factor share a law. */
    private static final int SHARED_TAIL = 8;

    private final long lots;
    private final double sigma;
    private final boolean upper;
    private @Nullable Known known;

    /** The last law, and what tail it was computed with. */
    private record Known(double tail, RatioLaw law) {}

    /** So many {@code lots}, at least 2, and at least {@link #SMALLEST_NOISE}. */
    AllocationPair(long lots, double sigma) {
        this(lots, sigma, true);
    }

    private AllocationPair(long lots, double sigma, boolean upper) {
        this.lots = lots;
        this.sigma = sigma;
        this.upper = upper;
    }

    @Override
    public LossPair fromBelow() {
        return new AllocationPair(lots, sigma, false);
    }

    private synchronized RatioLaw law(double tail) {
        double rounded = Math.scalb(1, SHARED_TAIL * Math.floorDiv(Math.getExponent(tail), SHARED_TAIL));
        Known last = known;
        if (last == null || last.tail != rounded) {
            RatioLaw one = RatioLaw.ofGaussian(sigma, upper, rounded);
            last = new Known(rounded, one.meanOf(lots, rounded));
            known = last;
        }
        return last.law;
    }

    private static double loss(double ratio) {
        return Math.abs(ratio - 1) < 0.5 ? Math.log1p(ratio - 1) : Math.log(ratio);
    }

    /** The first point that is not zero. */
    private static int first(RatioLaw law) {
        return law.value(0) > 0 ? 0 : 1;
    }

    @Override
    public double range(double tail) {
        RatioLaw law = law(tail);
        return loss(law.value(law.size() - 1)) - loss(law.value(first(law)));
    }

    @Override
    public LossMoments moments(double tail) {
        RatioLaw law = law(tail);
        LossMoments moments = new LossMoments(law.size());
        for (int i = first(law); i < law.size(); i++) {
            if (law.mass(i) > 0) {
                double log = Math.log(law.mass(i));
                double loss = loss(law.value(i));
                moments.add(log + loss, log, loss, law.value(i) - 1);
            }
        }
        return moments;
    }

    @Override
    public LossLattice lattice(LossGrid grid, double tail) {
        RatioLaw law = law(tail);
        int from = first(law);
        long first = grid.floor(loss(law.value(from)));
        long last = Math.max(first + 1, grid.floor(loss(law.value(law.size() - 1))) + 1);
        LossLattice lattice = new LossLattice(grid, first, last);
        double factor = upper ? 1 + 4 * law.slack() + 8 * UNIT : 1;
        for (int i = from; i < law.size(); i++) {
            double q = law.mass(i) * factor;
            lattice.atom(loss(law.value(i)), q * law.value(i), q);
        }
        double zero = from == 1 ? law.mass(0) * factor : 0;
        lattice.outside(0, zero, law.infinite() * factor, 0);
        lattice.slack(2 * law.slack() + 16 * UNIT);
        return lattice;
    }
}
