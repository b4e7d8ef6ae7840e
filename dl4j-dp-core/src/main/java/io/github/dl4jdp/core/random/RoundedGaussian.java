// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core.random;

/**
 * The standard normal distribution, scaled by 2^bits and rounded to integers, drawn from integers.
 *
 * <p>P(n) = Phi((n + 1/2) / s) - Phi((n - 1/2) / s), s = 2^bits. That is {@code round(s Z)} of a real Z ~ N(0, 1): for every
 * integer k, k + n is the rounded output of the Gaussian mechanism on k, hence post-processing of it.
 */
final class RoundedGaussian {
    /*
     * A ziggurat (Marsaglia and Tsang 2000) over the cells [n - 1/2, n + 1/2) of the integers instead of over floating-point
     * numbers, so that no value is rarer than its neighbors because of the spacing of doubles.
     *
     * The region under f(x) = exp(-x^2 / 2) is covered by LAYERS pieces of equal area A, of which one is drawn uniformly.
     * Piece 0 is the rectangle |x| <= r of height f(r), and the tails beyond. Piece i > 0 is the rectangle |x| <= X[i]
     * between the heights y[i] and y[i + 1] = y[i] + A / (2 X[i]). All r and X[i] lie on borders of cells, X[i] rounded up,
     * so that a rectangle consists of whole cells, of which one is drawn uniformly and without bias (Lemire 2019). A cell
     * that lies wholly below the curve is accepted at once; another one by comparing a point of it with the curve. The last
     * y exceeds 1 by a little; points above the curve are rejected like any other.
     *
     * The tails are drawn by rejection from uniform cells up to CUTOFF; the comparison is with a uniform of full relative
     * precision, so that far cells are no less exact. It takes some thirty attempts, but only once in 8000 values.
     *
     * The probability of every integer is thus right up to a relative error below 2^-43, most of it from the exponential far
     * out in the tail, apart from what lies beyond the cutoff (2 Phi(-13), below 2^-125). StrictMath, because results must be
     * the same on every machine.
     */

    private static final int LAYER_BITS = 9;
    private static final int LAYERS = 1 << LAYER_BITS;

    /** Random bits that choose the cell; what is left of a long after the layer. */
    private static final int CELL_BITS = Long.SIZE - LAYER_BITS;

    private static final long CELL_MASK = (1L << CELL_BITS) - 1;

    /** In standard deviations. */
    private static final double CUTOFF = 13.0;

    private final double scale;

    /** Number of cells of each rectangle; always odd. */
    private final long[] cells = new long[LAYERS];

    /** 2^CELL_BITS modulo the number of cells: low products below it would favor some cells. */
    private final long[] biased = new long[LAYERS];

    /** Largest |n| of each rectangle. */
    private final long[] widest = new long[LAYERS];

    /** Largest |n| whose cell lies wholly below the curve; -1 if there is none. */
    private final long[] safe = new long[LAYERS];

    private final double[] bottom = new double[LAYERS];
    private final double[] height = new double[LAYERS];

    /** Mass of the tails relative to piece 0. */
    private final double tailProbability;

    private final long tailCells;

    /**
     * Builds the tables.
     *
     * @param bits the logarithm of the standard deviation, from 4 to 40
     * @throws IllegalArgumentException if {@code bits < 4} or {@code bits > 40}
     */
    RoundedGaussian(int bits) {
        if (bits < 4 || bits > 40) {
            throw new IllegalArgumentException("bits must be from 4 to 40, was " + bits);
        }
        scale = (double) (1L << bits);
        long low = (long) (2.0 * scale);
        long high = (long) (6.0 * scale);
        // The smaller r, the larger A: the largest r whose pieces still cover the curve wastes least.
        while (high - low > 1) {
            long middle = (low + high) >>> 1;
            if (build(middle) >= 1.0) {
                low = middle;
            } else {
                high = middle;
            }
        }
        build(low);
        double r = (low + 0.5) / scale;
        double tail = upperTail(r);
        tailProbability = tail / (r * bottom[0] + tail);
        tailCells = (long) StrictMath.ceil(CUTOFF * scale) - low;
    }

    /** Fills the tables for r = widest0 + 1/2 cells; returns the height that the pieces reach. */
    private double build(long widest0) {
        double r = (widest0 + 0.5) / scale;
        double y = density(r);
        double halfArea = r * y + upperTail(r);
        setWidth(0, widest0);
        // None, although all are: whether the tail is meant instead has to be asked first.
        safe[0] = -1;
        bottom[0] = y;
        height[0] = 0;
        for (int i = 1; i < LAYERS; i++) {
            setWidth(i, borderOf(y, true));
            bottom[i] = y;
            height[i] = halfArea * scale / (widest[i] + 0.5);
            y += height[i];
            safe[i] = y < 1.0 ? borderOf(y, false) : -1;
        }
        return y;
    }

    private void setWidth(int layer, long widestCell) {
        widest[layer] = widestCell;
        cells[layer] = 2 * widestCell + 1;
        biased[layer] = (1L << CELL_BITS) % cells[layer];
    }

    /** The last cell below the height y, one more or one fewer to be clear of rounding. */
    private long borderOf(double y, boolean outside) {
        double border = scale * StrictMath.sqrt(-2.0 * StrictMath.log(StrictMath.min(y, 1.0)));
        return outside
                ? (long) StrictMath.ceil(border - 0.5) + 1
                : StrictMath.max(-1L, (long) StrictMath.floor(border - 0.5) - 1);
    }

    /**
     * Turns uniform bits into integers, in place; what an attempt that is not accepted at once needs beyond its bits comes from {@code random}.
     *
     * <p>No value waits for where the one before it left the generator, so that the processor works on several at a time.
     */
    void replace(long[] bits, int count, KeystreamGenerator random) {
        for (int i = 0; i < count; i++) {
            bits[i] = sample(bits[i], random);
        }
    }

    /** Returns the next integer. */
    long sample(KeystreamGenerator random) {
        return sample(random.nextLong(), random);
    }

    private long sample(long bits, KeystreamGenerator random) {
        int layer = (int) bits & (LAYERS - 1);
        long u = bits >>> LAYER_BITS;
        long n = product(u, cells[layer]) - widest[layer];
        if (Math.abs(n) <= safe[layer] && ((u * cells[layer]) & CELL_MASK) >= biased[layer]) {
            return n;
        }
        return sampleSlowly(bits, random);
    }

    /** Where the first attempt is not accepted at once, one in a hundred. */
    private long sampleSlowly(long first, KeystreamGenerator random) {
        for (long bits = first; ; bits = random.nextLong()) {
            int layer = (int) bits & (LAYERS - 1);
            long u = bits >>> LAYER_BITS;
            long n = product(u, cells[layer]) - widest[layer];
            boolean unbiased = ((u * cells[layer]) & CELL_MASK) >= biased[layer];
            if (unbiased && Math.abs(n) <= safe[layer]) {
                return n;
            }
            if (layer == 0) {
                if (random.nextDouble() < tailProbability) {
                    return tail(random);
                }
                return unbiased ? n : cellOf(0, random);
            }
            if (!unbiased) {
                n = cellOf(layer, random);
            }
            if (Math.abs(n) <= safe[layer] || isBelowCurve(n, layer, random)) {
                return n;
            }
        }
    }

    private long cellOf(int layer, KeystreamGenerator random) {
        return uniform(random, cells[layer], biased[layer]) - widest[layer];
    }

    private boolean isBelowCurve(long n, int layer, KeystreamGenerator random) {
        double x = (n + (random.nextDouble() - 0.5)) / scale;
        return random.nextDouble() * height[layer] < density(x) - bottom[layer];
    }

    private long tail(KeystreamGenerator random) {
        long sign = random.nextLong() >> (Long.SIZE - 1) | 1;
        long bias = (1L << CELL_BITS) % tailCells;
        double r = (widest[0] + 0.5) / scale;
        while (true) {
            long n = widest[0] + 1 + uniform(random, tailCells, bias);
            double x = (n + (random.nextDouble() - 0.5)) / scale;
            if (fullPrecisionUniform(random) < StrictMath.exp(0.5 * (r - x) * (r + x))) {
                return sign * n;
            }
        }
    }

    private static long uniform(KeystreamGenerator random, long count, long bias) {
        while (true) {
            long u = random.nextLong() >>> LAYER_BITS;
            if (((u * count) & CELL_MASK) >= bias) {
                return product(u, count);
            }
        }
    }

    /** u times count over 2^CELL_BITS, rounded down. */
    private static long product(long u, long count) {
        return Math.multiplyHigh(u << (LAYER_BITS - 1), count << 1);
    }

    /** A uniform on (0, 1) with 53 significant bits however small it is. */
    private static double fullPrecisionUniform(KeystreamGenerator random) {
        int exponent = -1;
        long bits = random.nextLong();
        while (bits == 0 && exponent > -900) {
            exponent -= Long.SIZE;
            bits = random.nextLong();
        }
        exponent -= Long.numberOfLeadingZeros(bits);
        long mantissa = random.nextLong() >>> 12;
        return StrictMath.scalb(1.0 + (mantissa + 0.5) * 0x1p-52, exponent);
    }

    private static double density(double x) {
        return StrictMath.exp(-0.5 * x * x);
    }

    /** The integral of exp(-t^2 / 2) from x >= 2 to infinity, by Laplace's continued fraction. */
    private static double upperTail(double x) {
        double fraction = x;
        for (int k = 400; k >= 1; k--) {
            fraction = x + k / fraction;
        }
        return density(x) / fraction;
    }

    int layers() {
        return LAYERS;
    }

    long widest(int layer) {
        return widest[layer];
    }

    long safe(int layer) {
        return safe[layer];
    }

    double bottom(int layer) {
        return bottom[layer];
    }

    double height(int layer) {
        return height[layer];
    }

    double tailProbability() {
        return tailProbability;
    }
}
