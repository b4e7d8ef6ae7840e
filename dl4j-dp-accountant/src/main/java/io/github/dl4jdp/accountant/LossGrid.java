// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.accountant;

/**
 * An increasing sequence of losses, one for every whole number, symmetric around the loss zero at 0.
 *
 * <p>Either all neighbors are one step apart, or the steps double with every octave, as those of floating-point numbers do.
 *
 * @param step the smallest distance of neighbors
 * @param octave points of an octave; 0 where all steps are equal
 */
record LossGrid(double step, int octave) {
    /** The losses j step. */
    static LossGrid even(double step) {
        return new LossGrid(step, 0);
    }

    /**
     * The losses j step up to 2 octave; from then on each octave has as many points as the one before, twice as far apart.
     *
     * @param step a power of two where the losses must be exact
     */
    static LossGrid octaves(double step, int octave) {
        return new LossGrid(step, octave);
    }

    boolean isEven() {
        return octave == 0;
    }

    double loss(long j) {
        if (octave == 0) {
            return j * step;
        }
        return steps(j) * step;
    }

    /** loss(j) in steps, a whole number. */
    private double steps(long j) {
        long m = Math.abs(j);
        int level = level(m);
        double steps = Math.scalb((double) (m - (long) level * octave), level);
        return j < 0 ? -steps : steps;
    }

    /** The index of loss(j) on the even grid of the same step. */
    long even(long j) {
        return octave == 0 ? j : (long) steps(j);
    }

    private int level(long m) {
        return m < 2L * octave ? 0 : (int) (m / octave) - 1;
    }

    /** loss(j + 1) - loss(j). */
    double width(long j) {
        return octave == 0 ? step : Math.scalb(step, level(j >= 0 ? j : -j - 1));
    }

    /** The point of the largest loss that is not above the given one, up to rounding. */
    long floor(double loss) {
        if (octave == 0) {
            return (long) Math.floor(loss / step);
        }
        double steps = Math.abs(loss) / step;
        int level = steps < 2.0 * octave ? 0 : Math.getExponent(steps / octave);
        double place = Math.scalb(steps, -level);
        long shift = (long) level * octave;
        return loss >= 0 ? shift + (long) Math.floor(place) : -shift - (long) Math.ceil(place);
    }
}
