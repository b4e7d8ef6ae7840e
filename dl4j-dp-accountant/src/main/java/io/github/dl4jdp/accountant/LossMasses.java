// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.accountant;

/**
 * A privacy loss on a lattice, rounded upwards: mass[i] at the grid's point first + i, of which unsure[i] may be padding, {@code infinite} beyond any bound.
 *
 * <p>Masses are upper bounds, so they may sum to a little more than one.
 */
final class LossMasses {
    private final LossGrid grid;
    private final long first;
    private final double[] mass;
    private final double[] unsure;
    private final double infinite;

    LossMasses(LossGrid grid, long first, double[] mass, double[] unsure, double infinite) {
        this.grid = grid;
        this.first = first;
        this.mass = mass;
        this.unsure = unsure;
        this.infinite = infinite;
    }

    int size() {
        return mass.length;
    }

    /** The lattice index of the first mass. */
    long first() {
        return first;
    }

    double mass(int i) {
        return mass[i];
    }

    double loss(int i) {
        return grid.loss(first + i);
    }

    double infinite() {
        return infinite;
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
        double sum = 0;
        // Blocks keep the rounding error of a long sum near that of a short one.
        for (int start = 0; start < of.length; start += 64) {
            double block = 0;
            int end = Math.min(start + 64, of.length);
            for (int i = start; i < end; i++) {
                block += of[i] * Math.exp(theta * grid.loss(first + i) - top);
            }
            sum += block;
        }
        return top + Math.log(sum);
    }

    /** Relative error of the tilted masses and their sum, for a tilt theta. */
    double sumError(double theta) {
        double exponents =
                3 * Math.abs(theta) * (Math.abs(grid.loss(first)) + Math.abs(grid.loss(first + mass.length))) + 8;
        return (exponents + 66 + mass.length / 64.0) * 0x1p-53;
    }
}
