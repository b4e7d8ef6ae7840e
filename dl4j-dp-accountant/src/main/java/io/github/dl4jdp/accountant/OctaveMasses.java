// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.accountant;

import java.util.Arrays;

/**
 * A privacy loss on the lattice of {@link LossGrid#octaves}: upper bounds on masses, up to a common factor that covers rounding.
 *
 * <p>Level a has the step 2^a h. Its band are the points from n to 2 n steps, on either side of zero; what lies below n steps
 * belongs to finer bands. The first level's band goes with the core of all points below n steps.
 */
final class OctaveMasses {
    private static final double UNIT = 0x1p-53;

    private final LossGrid grid;
    private final double step;
    private final int n;
    private final int levels;

    /** Masses by the grid's index, which is the place less n (levels + 1). */
    private final double[] mass;

    private final double infinite;
    /** Every mass may be too small by this relative error. */
    private final double error;

    private OctaveMasses(double step, int n, int levels, double[] mass, double infinite, double error) {
        this.grid = LossGrid.octaves(step, n);
        this.step = step;
        this.n = n;
        this.levels = levels;
        this.mass = mass;
        this.infinite = infinite;
        this.error = error;
    }

    /** Masses on the same grid, at most as far as its last level: what is above counts as infinite, what is below as the lowest. */
    static OctaveMasses of(LossMasses masses, double step, int n, int levels) {
        int center = n * (levels + 1);
        double[] mass = new double[2 * center];
        double infinite = masses.infinite();
        for (int i = 0; i < masses.size(); i++) {
            long place = center + masses.first() + i;
            if (place >= mass.length) {
                infinite += masses.mass(i);
            } else {
                mass[(int) Math.max(1, place)] += masses.mass(i);
            }
        }
        return new OctaveMasses(step, n, levels, mass, infinite, masses.size() * UNIT);
    }

    /**
     * The sum of two independent losses.
     *
     * @param dropped masses that sum up to no more than this may be counted as infinite
     */
    OctaveMasses times(OctaveMasses other, double dropped) {
        boolean square = other == this;
        Sum sum = new Sum();
        double[] low = core();
        double[] otherLow = square ? low : other.core();
        sum.convolve(low, otherLow);
        int top = square ? top() : Math.max(top(), other.top());
        for (int level = 0; ; level++) {
            double[] band = band(level);
            double[] otherBand = square ? band : other.band(level);
            double[] all = plus(low, band);
            double[] otherAll = square ? all : plus(otherLow, otherBand);
            if (square) {
                // b (l + b) + l b = b (2 l + b)
                sum.convolve(band, plus(low, all));
            } else {
                sum.convolve(band, otherAll);
                sum.convolve(low, otherBand);
            }
            sum.deposit(level);
            if (level == top) {
                break;
            }
            low = halved(all, level);
            otherLow = square ? low : halved(otherAll, level);
        }
        double missing = infinite + other.infinite + sum.infinite;
        missing += dropSmall(sum.mass, dropped);
        // Each mass is a sum over the levels of sums of at most 4 n products, of masses that were split once a level.
        double rounding = (8.0 * n + 16.0 * levels + 64) * UNIT;
        return new OctaveMasses(step, n, levels, sum.mass, missing * (1 + 16 * UNIT), error + other.error + rounding);
    }

    private static double dropSmall(double[] mass, double dropped) {
        double each = dropped / mass.length;
        double sum = 0;
        for (int i = 0; i < mass.length; i++) {
            if (mass[i] < each || mass[i] < 1e-280) {
                sum += mass[i];
                mass[i] = 0;
            }
        }
        // What was rounded to zero in products of small numbers.
        return sum + 1e-290;
    }

    private int center() {
        return n * (levels + 1);
    }

    /** The last level whose band is not empty. */
    private int top() {
        int furthest = center() - 1;
        while (furthest >= 2 * n && mass[center() + furthest] == 0 && mass[center() - furthest] == 0) {
            furthest--;
        }
        return Math.max(0, furthest / n - 1);
    }

    /** The points nearer to zero than n steps, from -2 n to 2 n of the first level's steps. */
    private double[] core() {
        double[] core = new double[4 * n + 1];
        System.arraycopy(mass, center() - n + 1, core, n + 1, 2 * n - 1);
        return core;
    }

    /** The points of a level from n to 2 n - 1 steps on either side, from -2 n to 2 n. */
    private double[] band(int level) {
        double[] band = new double[4 * n + 1];
        int from = n * (level + 1);
        System.arraycopy(mass, center() + from, band, 3 * n, n);
        System.arraycopy(mass, center() - from - n + 1, band, 1, n);
        return band;
    }

    private static double[] plus(double[] a, double[] b) {
        double[] sum = new double[a.length];
        for (int i = 0; i < sum.length; i++) {
            sum[i] = a[i] + b[i];
        }
        return sum;
    }

    /** The same masses on points twice as far apart: those between two such points are split so that P and Q are kept. */
    private double[] halved(double[] values, int level) {
        double width = Math.scalb(step, level);
        double up = 1 / (1 + Math.exp(-width));
        double down = Math.exp(-width) * up;
        double[] half = new double[values.length];
        for (int i = 0; i < values.length; i++) {
            if (values[i] > 0) {
                split(half, i - 2 * n, values[i], up, down);
            }
        }
        return half;
    }

    private void split(double[] half, int index, double value, double up, double down) {
        int place = Math.floorDiv(index, 2) + half.length / 2;
        if ((index & 1) == 0) {
            half[place] += value;
        } else {
            half[place] += value * down;
            half[place + 1] += value * up;
        }
    }

    /** What a product is added up in. */
    private final class Sum {
        final double[] mass = new double[2 * center()];
        double infinite;
        /** The products of one level, from -4 n to 4 n steps, cleared when they are deposited. */
        private final double[] products = new double[8 * n + 1];

        void convolve(double[] a, double[] b) {
            int first = 0;
            int last = b.length - 1;
            while (first <= last && b[first] == 0) {
                first++;
            }
            while (last >= first && b[last] == 0) {
                last--;
            }
            if (first > last) {
                return;
            }
            // A band is empty in the middle.
            int end = first;
            while (end <= last && b[end] != 0) {
                end++;
            }
            int again = end;
            while (again <= last && b[again] == 0) {
                again++;
            }
            boolean hollow = again - end > n / 2;
            int i = 0;
            for (; i + 4 <= a.length; i += 4) {
                if (a[i] + a[i + 1] + a[i + 2] + a[i + 3] == 0) {
                    continue;
                }
                if (hollow) {
                    multiplyAddFour(products, i, a, b, first, end - 1);
                    multiplyAddFour(products, i, a, b, again, last);
                } else {
                    multiplyAddFour(products, i, a, b, first, last);
                }
            }
            for (; i < a.length; i++) {
                if (a[i] > 0) {
                    multiplyAdd(products, i, a[i], b, first, last);
                }
            }
        }

        private static void multiplyAdd(double[] to, int shift, double factor, double[] b, int first, int last) {
            for (int j = first; j <= last; j++) {
                to[shift + j] += factor * b[j];
            }
        }

        /** The same for four neighbors at once: one load and one store of a sum instead of four. */
        private static void multiplyAddFour(double[] to, int shift, double[] a, double[] b, int first, int last) {
            double a0 = a[shift];
            double a1 = a[shift + 1];
            double a2 = a[shift + 2];
            double a3 = a[shift + 3];
            double b1 = 0;
            double b2 = 0;
            double b3 = 0;
            for (int j = first; j <= last; j++) {
                double b0 = b[j];
                to[shift + j] += (a0 * b0 + a1 * b1) + (a2 * b2 + a3 * b3);
                b3 = b2;
                b2 = b1;
                b1 = b0;
            }
            to[shift + last + 1] += a1 * b1 + (a2 * b2 + a3 * b3);
            to[shift + last + 2] += a2 * b1 + a3 * b2;
            to[shift + last + 3] += a3 * b1;
        }

        void deposit(int level) {
            double width = Math.scalb(step, level);
            double up = 1 / (1 + Math.exp(-width));
            double down = Math.exp(-width) * up;
            for (int i = 0; i < products.length; i++) {
                double value = products[i];
                if (value > 0) {
                    products[i] = 0;
                    int index = i - 4 * n;
                    if (Math.abs(index) < 2 * n) {
                        put(index, level, value);
                    } else if ((index & 1) == 0) {
                        put(index / 2, level + 1, value);
                    } else {
                        put(Math.floorDiv(index, 2), level + 1, value * down);
                        put(Math.floorDiv(index, 2) + 1, level + 1, value * up);
                    }
                }
            }
        }

        /** A mass at so many steps of a level, at most 2 n. */
        private void put(int index, int level, double value) {
            int m = Math.abs(index);
            int at = level;
            if (m == 2 * n) {
                m = n;
                at++;
            }
            while (m < n && at > 0) {
                m *= 2;
                at--;
            }
            int place = m < n ? m : m + at * n;
            if (place < center()) {
                mass[index < 0 ? center() - place : center() + place] += value;
            } else if (index > 0) {
                infinite += value;
            } else {
                mass[1] += value;
            }
        }
    }

    private double loss(int place) {
        return grid.loss(place - center());
    }

    double delta(double epsilon) {
        double sum = 0;
        for (int i = mass.length - 1; i > 0; i--) {
            if (mass[i] > 0) {
                double loss = loss(i);
                if (loss <= epsilon) {
                    break;
                }
                sum -= mass[i] * Math.expm1(epsilon - loss);
            }
        }
        double factor = Math.exp(error + (mass.length + 16) * UNIT) * (1 + 4 * UNIT);
        return Math.min(1, (sum + infinite) * factor);
    }

    /** The smallest epsilon that is zero or more. */
    double epsilon(double delta) {
        if (delta(0) <= delta) {
            return 0;
        }
        int low = center();
        int high = mass.length - 1;
        double above = delta(0);
        double below = delta(loss(high));
        if (!(below <= delta)) {
            return Double.POSITIVE_INFINITY;
        }
        while (high - low > 1) {
            int middle = (low + high) >>> 1;
            double value = delta(loss(middle));
            if (value <= delta) {
                high = middle;
                below = value;
            } else {
                low = middle;
                above = value;
            }
        }
        // Between lattice points delta is linear in exp(epsilon).
        double left = loss(low);
        double right = loss(high);
        double part = (above - delta) / (above - below);
        double epsilon = left + Math.log1p(part * Math.expm1(right - left)) + 4 * UNIT * (right + 1e-3);
        return epsilon <= right ? Math.max(left, epsilon) : right;
    }

    @Override
    public String toString() {
        return "OctaveMasses[step=" + step + ", mass=" + Arrays.toString(mass) + "]";
    }
}
