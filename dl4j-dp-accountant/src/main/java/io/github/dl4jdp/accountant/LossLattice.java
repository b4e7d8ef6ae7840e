// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.accountant;

import java.util.Arrays;

/**
 * A pair of distributions (P, Q), P/Q increasing, replaced by a pair on a lattice of losses that dominates it.
 *
 * <p>Between neighbouring lattice losses lo and hi, an outcome with masses (P, Q) is split into two atoms of loss lo and hi
 * so that both masses are kept:
 *
 * <pre>{@code
 * p_hi = (P - exp(lo) Q) / (1 - exp(-step)),      p_lo = (exp(hi) Q - P) / (exp(step) - 1).
 * }</pre>
 *
 * The hockey-stick divergence of the result is the chord of the original, which is convex, so it is never below (Doroshenko
 * et al. 2022, "Connect the Dots"); its error is of second order in the step. Rounding errors are added to both masses.
 */
final class LossLattice {
    private final double step;
    private final long first;
    private final double[] p;
    private final double lowShare;
    private final double highShare;

    private double pBelow;
    private double pAbove;
    private double qBelow;
    private double qAbove;
    private double slack;
    /** How much of each mass may be padding for rounding errors. */
    private final double[] padding;

    /** An empty lattice from loss {@code first * step} to {@code last * step}. */
    LossLattice(double step, long first, long last) {
        this.step = step;
        this.first = first;
        this.p = new double[Math.toIntExact(last - first + 1)];
        this.padding = new double[p.length];
        this.lowShare = (1 + 4 * 0x1p-53) / Math.expm1(step);
        this.highShare = (1 + 4 * 0x1p-53) / -Math.expm1(-step);
    }

    double step() {
        return step;
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
     * @param belowHigh exp(hi) Q - P
     * @param error bound on the error of each
     * @param mass upper bound on P
     */
    void interval(long j, double aboveLow, double belowHigh, double error, double mass) {
        int i = (int) (j - first);
        padding[i + 1] += 2 * error * highShare + 16 * 0x1p-53 * mass;
        padding[i] += 2 * error * lowShare + 16 * 0x1p-53 * mass;
        p[i + 1] += clamp((aboveLow + error) * highShare, mass);
        p[i] += clamp((belowHigh + error) * lowShare, mass);
    }

    private static double clamp(double value, double mass) {
        // Also what a NaN becomes: the whole mass.
        return value <= mass ? Math.max(value, 0) : mass;
    }

    /** Adds an outcome of known loss with mass {@code mass} under P. */
    void atom(double loss, double mass) {
        long j = Math.min(Math.max((long) Math.floor(loss / step), first), first + p.length - 2);
        double error = 8 * 0x1p-53 * mass * (1 + Math.abs(loss));
        interval(
                j,
                mass * -Math.expm1(j * step - loss),
                mass * Math.expm1((j + 1) * step - loss),
                error,
                mass * (1 + 4 * 0x1p-53));
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
        double[] unsure = padding.clone();
        mass[0] += pBelow;
        // What was moved further than a step counts as padding too.
        unsure[0] += pBelow;
        return new LossMasses(step, first, mass, unsure, pAbove);
    }

    /** The loss log(Q/P) under Q: the same atoms seen from the other side, where an atom of loss l has Q = exp(-l) P. */
    LossMasses backward() {
        int n = p.length;
        double[] mass = new double[n];
        double[] unsure = new double[n];
        for (int i = 0; i < n; i++) {
            if (p[i] > 0) {
                double loss = step * (first + i);
                double rounding = (4 + 2 * Math.abs(loss)) * 0x1p-53;
                double ratio = Math.exp(-loss) * (1 + rounding);
                mass[n - 1 - i] = p[i] * ratio;
                unsure[n - 1 - i] = (padding[i] + 2 * rounding * p[i]) * ratio;
            }
        }
        mass[0] += qAbove;
        unsure[0] += qAbove;
        return new LossMasses(step, -(first + n - 1), mass, unsure, qBelow);
    }

    /** The lattice of the mixture that is {@code other} with the given probability and this otherwise. */
    LossLattice mixedWith(LossLattice other, double probability) {
        long from = Math.min(first, other.first);
        long to = Math.max(first + p.length, other.first + other.p.length) - 1;
        LossLattice mixed = new LossLattice(step, from, to);
        mixed.addAll(this, 1 - probability);
        mixed.addAll(other, probability);
        return mixed;
    }

    private void addAll(LossLattice part, double probability) {
        double factor = probability * (1 + 4 * 0x1p-53);
        for (int i = 0; i < part.p.length; i++) {
            p[(int) (part.first - first) + i] += factor * part.p[i];
            padding[(int) (part.first - first) + i] += factor * part.padding[i] + 8 * 0x1p-53 * part.p[i];
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
        LossLattice symmetric = new LossLattice(step, -last, last);
        // What is left is largest where the padding was not needed at all.
        double rest = 1 + 2 * Arrays.stream(padding).sum() + p.length * 0x1p-53;
        for (int j = 1; j <= last; j++) {
            double up = p[(int) (j - first)];
            double down = up * Math.exp(-j * step);
            symmetric.p[last + j] = up;
            symmetric.p[last - j] = down * (1 + (4 + 2 * j * step) * 0x1p-53);
            symmetric.padding[last + j] = padding[(int) (j - first)];
            symmetric.padding[last - j] = symmetric.padding[last + j] + 1e-15;
            rest -= up + down;
        }
        symmetric.p[last] = Math.max(0, rest);
        symmetric.padding[last] = 2 * Arrays.stream(padding).sum() + 4 * p.length * 0x1p-53;
        symmetric.outside(qAbove, pAbove, pAbove, qAbove);
        symmetric.slack(slack);
        return symmetric;
    }
}
