// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.accountant;

/**
 * Moments of a privacy loss, by quadrature: what a composition is planned with.
 *
 * <p>Nothing here bears on the guarantee, only on how tight and how fast the bound will be.
 */
final class LossMoments {
    private final int[] sign;
    private final double[] logWeight;
    private final double[] loss;
    private final double[] ratio;
    private int count;

    /** Room for so many nodes. */
    LossMoments(int capacity) {
        sign = new int[capacity];
        logWeight = new double[2 * capacity];
        loss = new double[capacity];
        ratio = new double[2 * capacity];
    }

    /** Adds a node with the given logarithmic weights under P and Q; loss = log(P/Q), excess = P/Q - 1. */
    void add(double logP, double logQ, double nodeLoss, double excess) {
        sign[count] = 1;
        logWeight[2 * count] = logQ;
        logWeight[2 * count + 1] = logP;
        loss[count] = nodeLoss;
        ratio[2 * count] = excess;
        ratio[2 * count + 1] = Math.abs(nodeLoss) < 1e-4 ? Math.expm1(-nodeLoss) : Math.exp(-nodeLoss) - 1;
        count++;
    }

    /** Adds all nodes of another pair, with weights multiplied by a factor. */
    void addAll(LossMoments other, double factor) {
        double log = Math.log(factor);
        for (int i = 0; i < other.count; i++) {
            add(other.logWeight[2 * i + 1] + log, other.logWeight[2 * i] + log, other.loss[i], other.ratio[2 * i]);
        }
    }

    /** Adds the positive losses of another pair and their mirror image. */
    void addSymmetric(LossMoments other) {
        for (int i = 0; i < other.count; i++) {
            if (other.loss[i] > 0) {
                double logQ = other.logWeight[2 * i];
                double logP = other.logWeight[2 * i + 1];
                add(logP, logQ, other.loss[i], other.ratio[2 * i]);
                add(logQ, logP, -other.loss[i], other.ratio[2 * i + 1]);
            }
        }
    }

    int size() {
        return count;
    }

    /** log E_P[(P/Q)^lambda], or with P and Q exchanged where {@code reversed}. */
    double logMoment(boolean reversed, double lambda) {
        int side = reversed ? 1 : 0;
        double a = lambda + 1;
        double peak = 0;
        for (int i = 0; i < count; i++) {
            double exponent = logWeight[2 * i + side] + a * (reversed ? -loss[i] : loss[i]);
            peak = Math.max(peak, exponent);
        }
        double shift = peak > 600 ? peak : 0;
        double sum = 0;
        for (int i = 0; i < count; i++) {
            sum += PowerExcess.term(
                    a, ratio[2 * i + side], reversed ? -loss[i] : loss[i], logWeight[2 * i + side] - shift);
        }
        return shift == 0 ? Math.log1p(sum) : shift + Math.log(sum);
    }

    /** Mean size of the loss under P, or of its reverse under Q. */
    double meanSize(boolean reversed) {
        double sum = 0;
        for (int i = 0; i < count; i++) {
            sum += Math.exp(logWeight[2 * i + (reversed ? 0 : 1)]) * Math.abs(loss[i]);
        }
        return sum;
    }

    /** Variance of the loss under P, or of its reverse under Q. */
    double variance(boolean reversed) {
        double first = 0;
        double second = 0;
        for (int i = 0; i < count; i++) {
            double weight = Math.exp(logWeight[2 * i + (reversed ? 0 : 1)]);
            first += weight * loss[i];
            second += weight * loss[i] * loss[i];
        }
        return Math.max(0, second - first * first);
    }

    /** Variance that moving every loss to one of its two neighbors on a lattice adds. */
    double addedVariance(boolean reversed, double step) {
        double added = 0;
        for (int i = 0; i < count; i++) {
            double place = loss[i] / step;
            double part = place - Math.floor(place);
            added += Math.exp(logWeight[2 * i + (reversed ? 0 : 1)]) * part * (1 - part);
        }
        return added * step * step;
    }
}
