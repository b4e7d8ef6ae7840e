// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.accountant;

import java.util.Arrays;
import java.util.List;

/**
 * A pair of distributions (P, Q), P/Q increasing, replaced by a pair on a lattice of losses that dominates it.
 *
 * <p>Between neighboring lattice losses lo and hi, an outcome with masses (P, Q) is split into two atoms of loss lo and hi
 * so that both masses are kept:
 *
 * <pre>{@code
 * p_hi = (P - exp(lo) Q) / (1 - exp(lo - hi)),      q_lo = (Q - exp(-hi) P) / (1 - exp(lo - hi)).
 * }</pre>
 *
 * The hockey-stick divergence of the result is the chord of the original, which is convex, so it is never below (Doroshenko
 * et al. 2022, "Connect the Dots"); its error is of second order in the step.
 *
 * <p>The two directions are kept apart, for what is pessimistic in one is optimistic in the other. In each, the mass at the larger
 * loss is raised by what rounding may have cost it, and the rest of the interval's mass goes to the smaller loss: mass only
 * ever moves towards larger losses, and none is counted twice.
 */
final class LossLattice {
    private static final double UNIT = 0x1p-53;

    private final LossGrid grid;
    private final long first;
    /** Masses of the loss log(P/Q) under P, and of its negative under Q. */
    private final double[] p;

    private final double[] q;
    /** How much of each mass may be padding for rounding errors. */
    private final double[] paddingP;

    private final double[] paddingQ;

    private double pBelow;
    private double pAbove;
    private double qBelow;
    private double qAbove;
    private double slack;
    /** The width of the last interval, and the factor that follows from it. */
    private double width = Double.NaN;

    private double share;

    /** An empty lattice from the grid's point {@code first} to {@code last}. */
    LossLattice(LossGrid grid, long first, long last) {
        this.grid = grid;
        this.first = first;
        this.p = new double[Math.toIntExact(last - first + 1)];
        this.q = new double[p.length];
        this.paddingP = new double[p.length];
        this.paddingQ = new double[p.length];
    }

    LossGrid grid() {
        return grid;
    }

    /** By how much the loss of an outcome may exceed what its place on the lattice says, for rounding of the outcome. */
    void slack(double value) {
        slack = Math.max(slack, value);
    }

    double slack() {
        return slack;
    }

    /**
     * Adds the outcomes whose losses lie between lattice points {@code j} and {@code j + 1}.
     *
     * @param aboveLow P - exp(lo) Q
     * @param errorP bound on its error
     * @param massP upper bound on P
     * @param belowHigh Q - exp(-hi) P
     * @param errorQ bound on its error
     * @param massQ upper bound on Q
     */
    void interval(long j, double aboveLow, double errorP, double massP, double belowHigh, double errorQ, double massQ) {
        int i = (int) (j - first);
        double share = share(grid.width(j));
        double high = clamp((aboveLow + errorP) * share, massP);
        p[i + 1] += high;
        p[i] += massP - high;
        paddingP[i + 1] += Math.min(2 * errorP * share, massP) + 32 * UNIT * massP;
        paddingP[i] += 32 * UNIT * massP;
        double low = clamp((belowHigh + errorQ) * share, massQ);
        q[i] += low;
        q[i + 1] += massQ - low;
        paddingQ[i] += Math.min(2 * errorQ * share, massQ) + 32 * UNIT * massQ;
        paddingQ[i + 1] += 32 * UNIT * massQ;
    }

    private double share(double newWidth) {
        if (newWidth != width) {
            width = newWidth;
            share = (1 + 8 * UNIT) / -Math.expm1(-newWidth);
        }
        return share;
    }

    private static double clamp(double value, double mass) {
        // Also what a NaN becomes: the whole mass.
        return value <= mass ? Math.max(value, 0) : mass;
    }

    /** Adds an outcome of known loss with mass {@code massP} under P and {@code massQ} under Q. */
    void atom(double loss, double massP, double massQ) {
        long j = Math.min(Math.max(grid.floor(loss), first), first + p.length - 2);
        double error = 16 * UNIT * (1 + Math.abs(loss));
        interval(
                j,
                massP * -Math.expm1(grid.loss(j) - loss),
                error * massP,
                massP,
                massQ * -Math.expm1(loss - grid.loss(j + 1)),
                error * massQ,
                massQ);
    }

    /** Adds masses outside the lattice: P and Q below the first point and above the last. */
    void outside(double pLow, double qLow, double pHigh, double qHigh) {
        pBelow += pLow;
        qBelow += qLow;
        pAbove += pHigh;
        qAbove += qHigh;
    }

    /** The loss log(P/Q) under P. */
    LossMasses forward() {
        double[] mass = p.clone();
        double[] unsure = paddingP.clone();
        mass[0] += pBelow;
        // What was moved further than a step counts as padding too.
        unsure[0] += pBelow;
        return new LossMasses(grid, first, mass, unsure, pAbove);
    }

    /** The loss log(Q/P) under Q. */
    LossMasses backward() {
        double[] mass = reversed(q);
        double[] unsure = reversed(paddingQ);
        mass[0] += qAbove;
        unsure[0] += qAbove;
        return new LossMasses(grid, -(first + p.length - 1), mass, unsure, qBelow);
    }

    private static double[] reversed(double[] values) {
        double[] reversed = new double[values.length];
        for (int i = 0; i < values.length; i++) {
            reversed[values.length - 1 - i] = values[i];
        }
        return reversed;
    }

    /** The lattice of the mixture of the given ones, with at least as many probabilities. */
    static LossLattice mixed(List<LossLattice> parts, List<Double> probabilities) {
        long from = Long.MAX_VALUE;
        long to = Long.MIN_VALUE;
        for (LossLattice part : parts) {
            from = Math.min(from, part.first);
            to = Math.max(to, part.first + part.p.length - 1);
        }
        LossLattice mixed = new LossLattice(parts.get(0).grid, from, to);
        for (int i = 0; i < parts.size(); i++) {
            mixed.addAll(parts.get(i), probabilities.get(i));
        }
        return mixed;
    }

    private void addAll(LossLattice part, double probability) {
        double factor = probability * (1 + 4 * UNIT);
        int shift = (int) (part.first - first);
        for (int i = 0; i < part.p.length; i++) {
            p[shift + i] += factor * part.p[i];
            q[shift + i] += factor * part.q[i];
            paddingP[shift + i] += factor * part.paddingP[i] + 8 * UNIT * part.p[i];
            paddingQ[shift + i] += factor * part.paddingQ[i] + 8 * UNIT * part.q[i];
        }
        outside(factor * part.pBelow, factor * part.qBelow, factor * part.pAbove, factor * part.qAbove);
        slack(part.slack);
    }

    /**
     * The symmetric pair whose divergences of order at least one are this pair's: positive losses are kept, negative ones
     * become their mirror image, what is left of the mass has loss zero.
     */
    LossLattice symmetric() {
        int last = (int) (first + p.length - 1);
        LossLattice symmetric = new LossLattice(grid, -last, last);
        // The positive masses as they are, padding included, make a symmetric pair that dominates: with what they leave
        // of one, and no more.
        double rest = 1 + 4 * p.length * UNIT;
        for (int j = 1; j <= last; j++) {
            double up = p[(int) (j - first)];
            double loss = grid.loss(j);
            double down = up * Math.exp(-loss) * (1 + (8 + 4 * loss) * UNIT);
            double padding = paddingP[(int) (j - first)];
            symmetric.p[last + j] = up;
            symmetric.p[last - j] = down;
            symmetric.paddingP[last + j] = padding;
            symmetric.paddingP[last - j] = padding + (16 + 8 * loss) * UNIT * down;
            rest -= up + down / (1 + (8 + 4 * loss) * UNIT);
        }
        symmetric.p[last] = Math.max(0, rest);
        symmetric.paddingP[last] = 2 * Arrays.stream(paddingP).sum() + 4 * p.length * UNIT;
        for (int i = 0; i < symmetric.p.length; i++) {
            symmetric.q[symmetric.p.length - 1 - i] = symmetric.p[i];
            symmetric.paddingQ[symmetric.p.length - 1 - i] = symmetric.paddingP[i];
        }
        symmetric.outside(qAbove, pAbove, pAbove, qAbove);
        symmetric.slack(slack);
        return symmetric;
    }
}
