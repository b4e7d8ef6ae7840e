// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core.random;

import java.util.Map;
import java.util.Objects;
import java.util.TreeMap;
import javax.crypto.SecretKey;
import javax.crypto.spec.SecretKeySpec;

/**
 * The Gaussian mechanism on a clipped sum, hardened against attacks on floating-point arithmetic.
 *
 * <p>Coordinate v of the sum becomes
 *
 * <pre>{@code g (rint(v / g) + n),   n = round(Z s / g),   Z ~ N(0, 1),   g = s 2^-30}</pre>
 *
 * <p>with n drawn exactly, from integers, and the addition done in integers. The standard deviation s is the nominal one,
 * noise multiplier times clipping norm C, enlarged so that it also covers what rounding adds to the sensitivity:
 *
 * <pre>{@code s = z C',   C' = C (1 + a) + 2 g sqrt(d)}</pre>
 *
 * <p>The summation allowance a is what rounding may take the computed sums apart by; 2^-16 where the sum is made in double precision. For d = 10^8 coordinates
 * and z = 1 that is 0.003 % more noise than nominal.
 *
 * <p><b>Formal guarantee.</b> Let the exact clipped sums of two neighboring data sets be at most C apart in the Euclidean
 * norm (or 2 C, where the accountant is told z / 2), and the computed ones, v, at most C (1 + a). Each coordinate of
 * rint(v / g) is within one unit of v / g, so the integer vectors are at most C' / g apart (or 2 C' / g). Adding
 * round(Z s / g) to an integer equals rounding the sum of that integer and Z s / g; all that leaves this class is therefore
 * post-processing of the continuous Gaussian mechanism with noise multiplier z, and every accountant for that mechanism
 * applies, subsampling included. In particular the low bits of the output depend on the integer alone, whatever the
 * magnitude of v. What is assumed: a secure source ({@link RandomStreams#isSecure()}), every coordinate
 * noised once, d not understated, and no observer of running times. Probabilities of n are right
 * up to a relative error below 2^-43; over d coordinates and T steps that costs a Renyi divergence of order a below
 * a d T 2^-87 (Prest 2017).
 *
 * <p>Reference: the attacks of Mironov 2012 (CCS), Jin, McMurtry, Rubinstein and Ohrimenko 2022 (IEEE S&amp;P), Haney et al.
 * 2022 (arXiv 2207.13793) and Casacuberta et al. 2022 (CCS); rounding to a public grid as in Mironov 2012, section 5, in
 * the integers as in Canonne, Kamath and Steinke 2020.
 *
 * <p>Immutable and safe for use by several threads.
 */
public final class GaussianNoise {

    /** Logarithm of s / g: fine enough that 2 g sqrt(d) is nothing, coarse enough that v / g stays an exact integer. */
    private static final int GRID_BITS = 30;

    /** Largest |v / g|; beyond, v is moved there, which brings no two values further apart. */
    private static final double LARGEST_UNIT = 0x1p52;

    /** What floating-point summation may add to the sensitivity, relative to it, unless said otherwise: proven for sums in double precision. */
    private static final double SUMMATION_ALLOWANCE = 0x1p-16;

    private static final double LARGEST_SUMMATION_ALLOWANCE = 0.125;

    /** Values a keystream segment; part of what a seed means. */
    private static final int SEGMENT = 4096;

    private static final RoundedGaussian INTEGERS = new RoundedGaussian(GRID_BITS);

    private final long dimension;
    private final double standardDeviation;
    private final double gridStep;

    /**
     * Describes the noise of one release.
     *
     * @param noiseMultiplier z, the ratio of the nominal standard deviation to the clipping norm; finite and {@code > 0}
     * @param clippingNorm C, the Euclidean norm that one example's contribution never exceeds; finite and {@code > 0}
     * @param dimension d, the number of coordinates that get noise; {@code >= 1}
     * @throws IllegalArgumentException if one of them is out of its range, if the nominal standard deviation is not between
     *     1e-280 and 1e280, or if {@code noiseMultiplier * sqrt(dimension) > 2^25}
     */
    public GaussianNoise(double noiseMultiplier, double clippingNorm, long dimension) {
        this(noiseMultiplier, clippingNorm, dimension, SUMMATION_ALLOWANCE);
    }

    /**
     * Describes the noise of one release of sums that rounding may take further apart.
     *
     * @param summationAllowance a: computed sums of neighbors are at most {@code C (1 + a)} apart, in {@code [0, 0.125]}
     * @throws IllegalArgumentException as for {@link #GaussianNoise(double, double, long)}, or if {@code summationAllowance} is out of its range
     */
    public GaussianNoise(double noiseMultiplier, double clippingNorm, long dimension, double summationAllowance) {
        this(noiseMultiplier, clippingNorm, dimension, summationAllowance, 0);
    }

    /**
     * Describes the draws of one release whose noise is mixed with that of earlier ones: {@code C' = C (1 + a) + (2 + R) g sqrt(d)}.
     *
     * @param mixingRounding R, what rounding the mixtures of a run adds to the sensitivity, in units of {@code g sqrt(d)}; finite and {@code >= 0}
     * @throws IllegalArgumentException as for {@link #GaussianNoise(double, double, long, double)}, with {@code noiseMultiplier * sqrt(dimension) * (1 + R / 2) > 2^25}, or if {@code mixingRounding} is out of its range
     */
    public GaussianNoise(
            double noiseMultiplier,
            double clippingNorm,
            long dimension,
            double summationAllowance,
            double mixingRounding) {
        if (!(mixingRounding >= 0 && mixingRounding < Double.POSITIVE_INFINITY)) {
            throw new IllegalArgumentException("mixingRounding must be finite and >= 0, was " + mixingRounding);
        }
        if (!(summationAllowance >= 0 && summationAllowance <= LARGEST_SUMMATION_ALLOWANCE)) {
            throw new IllegalArgumentException("summationAllowance must be between 0 and " + LARGEST_SUMMATION_ALLOWANCE
                    + ", was " + summationAllowance);
        }
        requirePositive("noiseMultiplier", noiseMultiplier);
        requirePositive("clippingNorm", clippingNorm);
        if (dimension < 1) {
            throw new IllegalArgumentException("dimension must be >= 1, was " + dimension);
        }
        double nominal = noiseMultiplier * clippingNorm;
        if (!(nominal >= 1e-280 && nominal <= 1e280)) {
            throw new IllegalArgumentException(
                    "noiseMultiplier * clippingNorm must be between 1e-280 and 1e280, was " + nominal);
        }
        double roundingPerUnit = noiseMultiplier * Math.sqrt((double) dimension) * (1 + mixingRounding / 2);
        if (!(roundingPerUnit <= 0x1p25)) {
            throw new IllegalArgumentException("noiseMultiplier * sqrt(dimension)"
                    + (mixingRounding > 0 ? " * " + (1 + mixingRounding / 2) : "")
                    + " must be <= 2^25 for the noise to cover its own rounding, was " + roundingPerUnit);
        }
        this.dimension = dimension;
        // Solves s = z (C (1 + allowance) + (2 + R) g sqrt(d)) with g = s 2^-GRID_BITS for s.
        this.standardDeviation =
                nominal * (1.0 + summationAllowance) / (1.0 - 2.0 * Math.scalb(roundingPerUnit, -GRID_BITS));
        this.gridStep = Math.scalb(standardDeviation, -GRID_BITS);
    }

    /** Returns s, the standard deviation of the noise in every coordinate of the sum. */
    public double standardDeviation() {
        return standardDeviation;
    }

    /** Returns g: every value that is released in double precision is an integer times it, correctly rounded. */
    public double gridStep() {
        return gridStep;
    }

    /**
     * Starts one release: one vector of noise, drawn from the given stream.
     *
     * <p>The noise of coordinate j depends on the stream and j alone: neither on the ranges nor on the threads that add it.
     *
     * @param streams the run's randomness
     * @param label what the stream is for, "noise" as a rule
     * @param index its number, as a rule that of the step; {@code >= 0}
     * @throws IllegalArgumentException if the label is empty or contains U+0000, or if {@code index < 0}
     * @throws IllegalStateException if the source is secure and gave this label a stream of the same or a larger index
     *     before: noise is never used for two sums
     */
    public Release release(RandomStreams streams, String label, long index) {
        return new Release(this, streams.streamKey(label, index));
    }

    /** A release that was made, by its key: later ones can be mixed with it, and it can be added to nothing. */
    Release made(byte[] key) {
        var release = new Release(this, new SecretKeySpec(key, "AES"));
        release.noised = dimension;
        return release;
    }

    /**
     * The noise of one release, to be added to every coordinate once.
     *
     * <p>Several threads may add to disjoint ranges at the same time.
     */
    public static final class Release {

        private final GaussianNoise noise;
        private final SecretKey key;
        private final TreeMap<Integer, Integer> ranges = new TreeMap<>();
        private long noised;

        private Release(GaussianNoise noise, SecretKey key) {
            this.noise = noise;
            this.key = key;
        }

        /** The key of the noise, as secret as the data. */
        byte[] key() {
            return key.getEncoded();
        }

        /**
         * Adds the noise of coordinates {@code from} (inclusive) to {@code to} (exclusive), in place.
         *
         * @throws IndexOutOfBoundsException if not {@code 0 <= from <= to <= sum.length}
         * @throws IllegalStateException if a coordinate of the range has its noise already, or if more coordinates would
         *     get noise than the dimension that the noise was made for
         * @throws ArithmeticException if a coordinate is not finite; the range must then not be released
         */
        public void addTo(double[] sum, int from, int to) {
            claim(sum.length, from, to);
            forEachSegment(from, to, (integers, origin, start, end) -> {
                for (int i = start; i < end; i++) {
                    sum[i] = noise.perturb(sum[i], integers[i - origin]);
                }
            });
        }

        /**
         * Adds the noise of coordinates {@code from} (inclusive) to {@code to} (exclusive) to a sum on the grid, see {@link #units}, and gives what is released.
         *
         * @param sum in units of {@link #gridStep()}
         * @param into receives the noised sum in that range
         * @throws IndexOutOfBoundsException if not {@code 0 <= from <= to <=} both lengths
         * @throws IllegalStateException if a coordinate of the range has its noise already, or if more coordinates would
         *     get noise than the dimension that the noise was made for
         */
        public void addTo(long[] sum, double[] into, int from, int to) {
            claim(Math.min(sum.length, into.length), from, to);
            forEachSegment(from, to, (integers, origin, start, end) -> {
                for (int i = start; i < end; i++) {
                    into[i] = noise.perturb(sum[i], integers[i - origin]);
                }
            });
        }

        /**
         * Adds the noise of coordinates {@code from} (inclusive) to {@code to} (exclusive), mixed with that of earlier releases, to a sum on the grid.
         *
         * @param mixer what the noise of this run is mixed by
         * @throws IndexOutOfBoundsException if not {@code 0 <= from <= to <=} both lengths
         * @throws IllegalStateException if a coordinate of the range has its noise already, or if more coordinates would
         *     get noise than the dimension that the noise was made for
         */
        public void addTo(long[] sum, double[] into, int from, int to, NoiseMixer mixer) {
            claim(Math.min(sum.length, into.length), from, to);
            mixer.mix(this, from, to, (integers, origin, start, end) -> {
                for (int i = start; i < end; i++) {
                    into[i] = noise.perturb(sum[i], integers[i - origin]);
                }
            });
        }

        /** Returns whether all coordinates that the noise was made for have been claimed by a call of {@code addTo}. */
        public synchronized boolean isComplete() {
            return noised == noise.dimension;
        }

        private synchronized void claim(int length, int from, int to) {
            Objects.checkFromToIndex(from, to, length);
            if (from == to) {
                return;
            }
            Map.Entry<Integer, Integer> before = ranges.lowerEntry(to);
            if (before != null && before.getValue() > from) {
                throw new IllegalStateException("coordinates " + from + " to " + to
                        + " must get noise once, but coordinates " + before.getKey() + " to " + before.getValue()
                        + " have it already");
            }
            if (noised + (to - from) > noise.dimension) {
                throw new IllegalStateException("noise was made for " + noise.dimension
                        + " coordinates (dimension), but " + (noised + (to - from)) + " would get it");
            }
            ranges.put(from, to);
            noised += to - from;
        }

        /** Draws the integers of a range, as often as it is asked for. */
        void forEachSegment(int from, int to, SegmentAction action) {
            if (from == to) {
                return;
            }
            int first = from / SEGMENT;
            int last = (to - 1) / SEGMENT;
            KeystreamGenerator random = new KeystreamGenerator(key, first);
            long[] integers = new long[SEGMENT];
            for (int segment = first; segment <= last; segment++) {
                if (segment > first) {
                    random.restart(segment);
                }
                int origin = segment * SEGMENT;
                int end = (int) Math.min(to, (long) origin + SEGMENT);
                // All of them, whatever the range: what follows in the keystream must not depend on it.
                random.fill(integers);
                INTEGERS.replace(integers, end - origin, random);
                action.run(integers, origin, Math.max(from, origin), end);
            }
        }
    }

    /** Adds noise to the coordinates of one keystream segment: {@code integers[i - origin]} to coordinate i. */
    @FunctionalInterface
    interface SegmentAction {
        void run(long[] integers, int origin, int start, int end);
    }

    /**
     * Returns the integer of units of {@code gridStep} next to a coordinate of a sum. Sums on the grid are added exactly, in any order.
     *
     * @throws ArithmeticException if the coordinate is not finite; the sum must then not be released
     */
    public static long units(double value, double gridStep) {
        double units = value / gridStep;
        return (long) Math.rint(Math.abs(units) <= LARGEST_UNIT ? units : projected(value));
    }

    private double perturb(double value, long integer) {
        return gridStep * (double) (units(value, gridStep) + integer);
    }

    private double perturb(long units, long integer) {
        long kept = Math.max(-(long) LARGEST_UNIT, Math.min((long) LARGEST_UNIT, units));
        return gridStep * (double) (kept + integer);
    }

    private static double projected(double value) {
        if (Double.isFinite(value)) {
            return Math.copySign(LARGEST_UNIT, value);
        }
        throw new ArithmeticException("every coordinate of the sum must be finite, one was " + value
                + "; nothing of this sum may be released");
    }

    private static void requirePositive(String name, double value) {
        if (value > 0 && value < Double.POSITIVE_INFINITY) {
            return;
        }
        throw new IllegalArgumentException(name + " must be finite and > 0, was " + value);
    }
}
