// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.accountant;

/**
 * A privacy loss on a lattice, rounded upwards: mass[i] at the grid's point first + i, of which unsure[i] may be padding, {@code infinite} beyond any bound.
 *
 * <p>Masses are upper bounds, so they may sum to a little more than one.
 *
 * @param first the lattice index of the first mass
 */
@SuppressWarnings("ArrayRecordComponent") // never compared
record LossMasses(LossGrid grid, long first, double[] mass, double[] unsure, double infinite) {
    private static final int BLOCK = 64;

    int size() {
        return mass.length;
    }

    double mass(int i) {
        return mass[i];
    }

    double loss(int i) {
        return grid.loss(first + i);
    }

    /** log of sum mass[i] exp(theta loss[i]), good to {@link #sumError} relative. */
    double logMoment(double theta) {
        return logMoment(mass, theta);
    }

    /** The same of the masses' padding. */
    double logUnsure(double theta) {
        return logMoment(unsure, theta);
    }

    private double logMoment(double[] of, double theta) {
        double top = theta * grid.loss(theta > 0 ? first + of.length - 1 : first);
        double[] block = new double[BLOCK];
        double sum = 0;
        // Blocks keep the rounding error of a long sum near that of a short one.
        for (int start = 0; start < of.length; start += BLOCK) {
            int n = Math.min(BLOCK, of.length - start);
            exponentials(block, n, start, theta, top);
            double part = 0;
            for (int i = 0; i < n; i++) {
                part += of[start + i] * block[i];
            }
            sum += part;
        }
        return top + Math.log(sum);
    }

    /** Each mass times exp(theta loss - log), good to {@link #sumError} relative. */
    double[] tilted(double theta, double log) {
        double[] tilted = new double[mass.length];
        double[] block = new double[BLOCK];
        for (int start = 0; start < mass.length; start += BLOCK) {
            int n = Math.min(BLOCK, mass.length - start);
            exponentials(block, n, start, theta, log);
            for (int i = 0; i < n; i++) {
                tilted[start + i] = mass[start + i] * block[i];
            }
        }
        return tilted;
    }

    /** exp(theta loss - log) at {@code n} points from {@code start} on: on even points by multiplication, from the largest one down, so that none underflows early. */
    private void exponentials(double[] block, int n, int start, double theta, double log) {
        long from = first + start;
        double width = grid.width(from);
        if (n > 1 && width != grid.width(from + n - 2)) {
            for (int i = 0; i < n; i++) {
                block[i] = Math.exp(theta * grid.loss(from + i) - log);
            }
            return;
        }
        double ratio = Math.exp(-Math.abs(theta) * width);
        if (theta > 0) {
            block[n - 1] = Math.exp(theta * grid.loss(from + n - 1) - log);
            for (int i = n - 2; i >= 0; i--) {
                block[i] = block[i + 1] * ratio;
            }
        } else {
            block[0] = Math.exp(theta * grid.loss(from) - log);
            for (int i = 1; i < n; i++) {
                block[i] = block[i - 1] * ratio;
            }
        }
    }

    /** Relative error of the tilted masses and their sum, for a tilt theta. */
    double sumError(double theta) {
        double exponents =
                3 * Math.abs(theta) * (Math.abs(grid.loss(first)) + Math.abs(grid.loss(first + mass.length))) + 8;
        double widest = Math.max(grid.width(first), grid.width(first + mass.length));
        double ratios = BLOCK * (4 + Math.abs(theta) * widest);
        return (exponents + ratios + BLOCK + 2 + mass.length / (double) BLOCK) * 0x1p-53;
    }
}
