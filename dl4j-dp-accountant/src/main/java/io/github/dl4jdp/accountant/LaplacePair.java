// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.accountant;

/**
 * (1 - q) Lap(0, b) + q Lap(1, b) against Lap(0, b), Lap(m, b) with density exp(-|x - m| / b) / (2 b).
 *
 * <p>The loss is constant left of 0 and right of 1 and log(1 - q + q exp((2 x - 1) / b)) between.
 */
final class LaplacePair implements LossPair {
    private static final int NODES = 200;

    private final double q;
    private final double rate;
    private final double lowestLoss;
    private final double highestLoss;

    /** Sampling probability {@code q} in (0, 1] and noise scale {@code b}. */
    LaplacePair(double q, double b) {
        this.q = q;
        this.rate = 1 / b;
        this.lowestLoss = loss(0);
        this.highestLoss = loss(1);
    }

    @Override
    public boolean isSymmetric() {
        return q == 1;
    }

    private double loss(double x) {
        double t = (2 * x - 1) * rate;
        if (q == 1) {
            return t;
        }
        return t < 30 ? Math.log1p(q * Math.expm1(t)) : t + Math.log(q) + Math.log1p((1 - q) / q * Math.exp(-t));
    }

    private double inverse(double loss) {
        if (loss <= lowestLoss) {
            return 0;
        }
        if (loss >= highestLoss) {
            return 1;
        }
        double t = loss > 600 ? loss - Math.log(q) : Math.log((Math.expm1(loss) + q) / q);
        return Math.min(1, Math.max(0, ((q == 1 ? loss : t) / rate + 1) / 2));
    }

    /** P's mass at the lowest loss: all x below 0. */
    private double lowestMass() {
        return (1 - q) / 2 + q * Math.exp(-rate) / 2;
    }

    /** P's mass at the highest loss: all x above 1. */
    private double highestMass() {
        return (1 - q) * Math.exp(-rate) / 2 + q / 2;
    }

    @Override
    public double range(double tail) {
        return highestLoss - lowestLoss;
    }

    @Override
    public LossMoments moments(double tail) {
        LossMoments moments = new LossMoments(NODES + 2);
        moments.add(Math.log(lowestMass()), Math.log(0.5), lowestLoss, Math.expm1(lowestLoss));
        moments.add(Math.log(highestMass()), -rate - Math.log(2), highestLoss, Math.expm1(highestLoss));
        for (int i = 0; i < NODES; i++) {
            double low = (double) i / NODES;
            double logQ = -low * rate + Math.log(-Math.expm1(-rate / NODES) / 2);
            double loss = loss(low + 0.5 / NODES);
            moments.add(logQ + loss, logQ, loss, Math.expm1(loss));
        }
        return moments;
    }

    @Override
    public LossLattice lattice(LossGrid grid, double tail) {
        long first = grid.floor(lowestLoss);
        long last = Math.max(first + 1, grid.floor(highestLoss) + 1);
        LossLattice lattice = new LossLattice(grid, first, last);
        double up = 1 + 8 * 0x1p-53;
        lattice.atom(lowestLoss, lowestMass() * up, 0.5);
        lattice.atom(highestLoss, highestMass() * up, Math.exp(-rate) / 2 * up);
        double low = 0;
        for (long j = first; j < last; j++) {
            double high = inverse(grid.loss(j + 1));
            if (high > low) {
                add(lattice, j, low, high);
                low = high;
            }
        }
        if (low < 1) {
            // The last breakpoint fell short of 1 by a rounding error.
            add(lattice, last - 1, low, 1);
        }
        double largest = Math.max(Math.abs(lowestLoss), Math.abs(highestLoss));
        lattice.slack(16 * 0x1p-53 * (2 * rate + largest + grid.width(last - 1)));
        return lattice;
    }

    /** The outcomes between two points of [0, 1]. */
    private void add(LossLattice lattice, long j, double low, double high) {
        double lowLoss = lattice.grid().loss(j);
        double highLoss = lattice.grid().loss(j + 1);
        double width = -Math.expm1((low - high) * rate) / 2;
        double logQ = -low * rate;
        double q0 = Math.exp(logQ) * width;
        double atOne = Math.exp((high - 1) * rate) * width;
        double p = (1 - q) * q0 + q * atOne;
        double lowQ = Math.exp(logQ + lowLoss) * width;
        double highP = Math.exp(-highLoss) * p;
        double relative = (16 + 4 * rate + 2 * Math.max(Math.abs(lowLoss), Math.abs(highLoss))) * 0x1p-53;
        double up = 1 + relative;
        lattice.interval(j, p - lowQ, relative * (p + lowQ), p * up, q0 - highP, relative * (q0 + highP), q0 * up);
    }
}
