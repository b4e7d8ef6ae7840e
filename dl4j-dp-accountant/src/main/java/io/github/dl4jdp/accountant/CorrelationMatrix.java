// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.accountant;

import java.util.LinkedHashMap;
import java.util.Map;

/**
 * The matrix C of a run of T steps with {@link CorrelatedNoise}, and how far one example moves {@code C x}.
 *
 * <h2>Formal guarantee</h2>
 *
 * Let x be the T x d matrix of the clipped sums, and let an example take part in at most k steps, any two of them at least b apart. Neighboring x then differ in at most k rows, b apart, by vectors of norm at most 1
 * (in sensitivities of one sum). {@link #squaredSensitivity} is the largest squared Frobenius norm of {@code C (x - x')} over all of these, for the first t rows and columns of C, rounded up.
 *
 * <p><b>Proof.</b> The coefficients of C do not increase and are not negative; the constructor checks it. For rows {@code i_1 < ... < i_m}, {@code m <= k}, and vectors {@code u_j} of norm at most 1,
 *
 * <pre>
 *   || sum_j C[:, i_j] u_j^T ||^2  =  sum_(j, l) &lt;C[:, i_j], C[:, i_l]&gt; &lt;u_j, u_l&gt;  &lt;=  sum_(j, l) &lt;C[:, i_j], C[:, i_l]&gt;
 * </pre>
 *
 * with equality for equal vectors, because no product of columns is negative. For {@code i <= l}, {@code <C[:, i], C[:, l]> = sum over s from 0 to t - l of c_s c_(s + l - i)}: it has fewer terms the larger l is, and none
 * grows with the gap {@code l - i}. Steps that are at least b apart satisfy {@code i_l >= 1 + (l - 1) b} and {@code i_l - i_j >= (l - j) b}, so that no product is larger than that of the steps {@code 1, 1 + b, 1 + 2 b, ...}, and no more
 * products are there than for as many of these as are at most k and at most t. They attain the bound (Kalinin and Lampert 2024, arXiv 2405.13763, theorem 2). Row s of the sum of their columns is {@code v_s = sum_j c_(s - 1 - j b)}, and the
 * squared sensitivity is {@code v_1^2 + ... + v_t^2}.
 *
 * <p><b>Numbers.</b> Coefficients of the noise are multiples of 2^-24 ({@link #UNIT}), so that noise is mixed in integers: of {@code C^-1} for strategies whose inverse has bands, and C is then defined as the inverse of what is
 * drawn; of C for the others. What is not exact, the inverse and sums of squares, has positive terms only, whose relative error {@link #squaredSensitivity} is enlarged by.
 *
 * <p>Immutable.
 *
 * @see <a href="https://arxiv.org/abs/2405.13763">Kalinin and Lampert 2024</a>, theorem 2
 * @see <a href="https://arxiv.org/abs/2306.08153">Choquette-Choo et al. 2023</a>, bands and participation
 */
public final class CorrelationMatrix {
    /** The coefficients with which noise is mixed are multiples of this. */
    public static final double UNIT = 0x1p-24;

    private static final long MOST_STEPS = 1L << 22;
    /** Squared sensitivities are multiples of this, so that their differences are exact. */
    private static final double PRECISION = 0x1p-34;
    /** Of the mixed noise, in absolute values: more could overflow where noise is mixed. */
    private static final double LARGEST_GAIN = 30;

    private static final int CACHED = 16;
    private static final Map<Key, CorrelationMatrix> CACHE = new LinkedHashMap<>(16, 0.75f, true);

    private final CorrelatedNoise noise;
    private final int steps;
    private final long[] weights;
    private final double[] coefficients;
    private final double[] inverse;
    private final double[] squares;
    private final double rounding;

    private record Key(CorrelatedNoise noise, long steps, long participations, long separation) {}

    private CorrelationMatrix(Key key) {
        this.noise = key.noise;
        this.steps = (int) key.steps;
        boolean banded = noise.isBanded();
        this.weights = weights(noise, steps);
        double[] exact = new double[Math.min(steps, weights.length + 1)];
        exact[0] = 1;
        for (int j = 1; j < exact.length; j++) {
            exact[j] = weights[j - 1] * UNIT;
        }
        double[] other = BandedToeplitz.inverse(exact, steps);
        this.coefficients = banded ? exact : other;
        this.inverse = banded ? other : exact;
        for (int j = 0; j < coefficients.length; j++) {
            double next = j + 1 < coefficients.length ? coefficients[j + 1] : 0;
            if (!(coefficients[j] >= next && next >= 0)) {
                throw new IllegalStateException("coefficient " + (j + 1) + " of " + noise.describe()
                        + " must be from 0 to the one before it, " + coefficients[j] + ", was " + next
                        + "; use fewer bands");
            }
        }
        double gain = 0;
        for (double one : inverse) {
            gain += Math.abs(one);
        }
        if (!(gain <= LARGEST_GAIN)) {
            throw new IllegalStateException("the noise of " + noise.describe() + " must have at most " + LARGEST_GAIN
                    + " times the size of its draws, had " + gain + "; use fewer bands");
        }
        this.squares = squares(key.participations, key.separation);
        this.rounding = rounding(key.participations);
    }

    /**
     * The matrix of a run.
     *
     * @param steps T, from 1 to 2^22
     * @param participations k, the most steps that an example takes part in, at least 1
     * @param separation b, the least number of steps from one of them to the next, at least 1
     * @throws IllegalArgumentException if a number is out of its range
     */
    public static CorrelationMatrix of(CorrelatedNoise noise, long steps, long participations, long separation) {
        Arguments.inRange("steps with correlated noise", 1, MOST_STEPS, steps);
        Arguments.atLeast("participations", 1, participations);
        Arguments.atLeast("separation", 1, separation);
        var key = new Key(noise, steps, participations, separation);
        synchronized (CACHE) {
            CorrelationMatrix known = CACHE.get(key);
            if (known == null) {
                known = new CorrelationMatrix(key);
                CACHE.put(key, known);
                if (CACHE.size() > CACHED) {
                    CACHE.remove(CACHE.keySet().iterator().next());
                }
            }
            return known;
        }
    }

    private static long[] weights(CorrelatedNoise noise, int steps) {
        int bands = Math.min(noise.bands(), steps);
        double[] wanted =
                switch (noise.strategy()) {
                    case LAMBDA_CGD -> new double[] {1, -noise.lambda()};
                    case BISR -> squareRoot(bands, -0.5);
                    case BANDED_SQUARE_ROOT -> squareRoot(bands, 0.5);
                    case BAND_MF -> BandedToeplitz.optimized(bands, steps);
                };
        var weights = new long[bands - 1];
        for (int j = 1; j < bands; j++) {
            weights[j - 1] = Math.round(wanted[j] / UNIT);
        }
        return weights;
    }

    /** The first coefficients of {@code (1 - x)^-a}, each the one before it times {@code (a + j - 1) / j}: of the prefix-sum matrix's square root for a = 1/2, of its inverse for a = -1/2. */
    private static double[] squareRoot(int count, double a) {
        var roots = new double[count];
        roots[0] = 1;
        for (int j = 1; j < count; j++) {
            roots[j] = roots[j - 1] * (a + j - 1) / j;
        }
        return roots;
    }

    private double coefficient(long j) {
        return j < coefficients.length ? coefficients[(int) j] : 0;
    }

    private double[] squares(long participations, long separation) {
        // A coefficient of an inverse is made of up to T times p rounded products, v and its squares of as many again.
        double slack = 1 + 8.0 * (steps + 1.0) * (weights.length + 2) * 0x1p-53;
        var rows = new double[steps];
        var squares = new double[steps + 1];
        double sum = 0;
        for (int s = 0; s < steps; s++) {
            long columns = Math.min(participations, s / separation + 1);
            double row = 0;
            for (long j = columns - 1; j >= 0; j--) {
                long at = s - j * separation;
                if (at >= coefficients.length) {
                    break; // older columns have ended
                }
                row += coefficient(at);
            }
            rows[s] = row;
            sum += row * row;
            squares[s + 1] = Math.ceil(sum * slack / PRECISION) * PRECISION;
        }
        return squares;
    }

    private double rounding(long participations) {
        double sum = 0;
        double entry = 0;
        double largest = 0;
        for (int t = 1; t <= steps; t++) {
            if (noise.isBanded()) {
                // Only the steps whose mixture looks back at one that the example took part in round differently.
                sum = Math.min(t - 1, Math.min((double) participations * weights.length, t - 1));
            } else {
                entry += coefficient(t - 1);
                sum += entry * entry;
            }
            largest = Math.max(largest, Math.sqrt(sum / squares[t]));
        }
        return largest * (1 + 0x1p-20);
    }

    /** The noise that this is of. */
    public CorrelatedNoise noise() {
        return noise;
    }

    /** The number of steps T. */
    public int steps() {
        return steps;
    }

    /**
     * The largest squared norm of {@code C (x - x')} over the first {@code t} steps, in squared sensitivities of one sum; exact but for less than a part in 2^30, by which it may be too large. It does not decrease with t.
     *
     * @throws IndexOutOfBoundsException if not {@code 0 <= t <= T}
     */
    public double squaredSensitivity(long t) {
        return squares[Math.toIntExact(t)];
    }

    /** The largest norm of {@code C (x - x')} of the whole run: the event of a run without sampling is {@code Gaussian(sigma / sensitivity())}. */
    public double sensitivity() {
        return Math.sqrt(squares[steps]);
    }

    /**
     * How far rounding the mixed noise to integers moves {@code C x}, at most, in units of the noise's grid and by coordinate: R with {@code ||C (x - x')|| <= S_t (1 + g sqrt(d) R)} for every t, where the mixture of the
     * noise of every step is rounded to the nearest integer. The proof is in the package of the mechanism.
     */
    public double rounding() {
        return rounding;
    }

    /** With what the draws of the last steps, or with bands of C their noise, go into the noise of a step: the coefficients 1, 2, ... of {@code C^-1}, or of C, in units of 2^-24. */
    public long[] weights() {
        return weights.clone();
    }

    /** The coefficients of the first column of C [T], zeros at its end left out. */
    public double[] coefficients() {
        return coefficients.clone();
    }

    /**
     * The standard deviation of the noise in the sum of the first t releases, averaged over t as a root mean square, for independent draws of standard deviation {@code sensitivity()}: what a run of T steps has for noise multiplier 1 of its event. Steps of equal
     * learning rate add such sums to the parameters; the smaller it is, the better. {@code sqrt(T + 1) / sqrt(2)} times the square root of the participations for independent noise.
     */
    public double error() {
        return Math.sqrt(BandedToeplitz.meanSquaredError(inverse, steps)) * sensitivity();
    }
}
