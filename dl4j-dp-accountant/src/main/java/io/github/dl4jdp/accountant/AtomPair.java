// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.accountant;

/**
 * The worst mechanism with a given (epsilon, delta): fails with probability delta, and is randomized response otherwise.
 *
 * @see <a href="https://arxiv.org/abs/1311.0776">Kairouz, Oh and Viswanath 2015, theorem 3.3</a>
 */
final class AtomPair implements LossPair {
    private final double epsilon;
    private final double delta;

    /** A finite {@code epsilon} and a {@code delta} in [0, 1]. */
    AtomPair(double epsilon, double delta) {
        this.epsilon = epsilon;
        this.delta = delta;
    }

    /** The probability of the answer that speaks for the data set at hand, given that nothing failed. */
    private double likely() {
        return 1 / (1 + Math.exp(-epsilon));
    }

    private double unlikely() {
        return Math.exp(-epsilon) * likely();
    }

    @Override
    public boolean isSymmetric() {
        return true;
    }

    @Override
    public double range(double tail) {
        return 2 * epsilon;
    }

    @Override
    public LossMoments moments(double tail) {
        LossMoments moments = new LossMoments(2);
        double log = Math.log1p(-delta);
        moments.add(Math.log(likely()) + log, Math.log(unlikely()) + log, epsilon, Math.expm1(epsilon));
        moments.add(Math.log(unlikely()) + log, Math.log(likely()) + log, -epsilon, Math.expm1(-epsilon));
        return moments;
    }

    @Override
    public LossLattice lattice(LossGrid grid, double tail) {
        long last = Math.max(1, grid.floor(epsilon) + 1);
        LossLattice lattice = new LossLattice(grid, -last, last);
        double up = 1 + 8 * 0x1p-53;
        lattice.atom(epsilon, (1 - delta) * likely() * up, (1 - delta) * unlikely() * up);
        lattice.atom(-epsilon, (1 - delta) * unlikely() * up, (1 - delta) * likely() * up);
        lattice.outside(0, delta, delta, 0);
        return lattice;
    }
}
