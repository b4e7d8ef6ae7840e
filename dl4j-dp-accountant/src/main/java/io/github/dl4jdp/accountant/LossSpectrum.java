// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.accountant;

import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * Spectra of the tilted losses of both directions, packed as one complex transform.
 *
 * <p>Both sequences are real, so half of each spectrum is enough. Element 0 is frequency 0, element 1 is length / 2; the
 * others are one of each pair (k, length - k), in the transform's bit-reversed order.
 */
final class LossSpectrum {
    /** Smaller numbers are dropped: squaring them would be slow, and together they are far below every rounding bound. */
    private static final double NEGLIGIBLE = 1e-140;

    /** Frequencies that are worked on at once, so that they stay in the nearest cache. */
    private static final int BLOCK = 512;

    /** A weighted sum of spectra, with weights for either direction. */
    @SuppressWarnings("ArrayRecordComponent") // never compared
    record Mixture(int[] parts, double[][] weights) {}

    private final double[][] re = new double[2][];
    private final double[][] im = new double[2][];

    private LossSpectrum(int half) {
        for (int d = 0; d < 2; d++) {
            re[d] = new double[half];
            im[d] = new double[half];
        }
    }

    /** The spectra of no loss at all, for a transform of that length. */
    static LossSpectrum one(int length) {
        LossSpectrum one = new LossSpectrum(length / 2 + 1);
        Arrays.fill(one.re[0], 1);
        Arrays.fill(one.re[1], 1);
        return one;
    }

    /** Consumes two real sequences of the transform's length. */
    static LossSpectrum of(Fourier fourier, double[] first, double[] second) {
        fourier.forward(first, second);
        int half = fourier.length() / 2 + 1;
        LossSpectrum s = new LossSpectrum(half);
        for (int i = 0; i < 2; i++) {
            s.re[0][i] = first[i];
            s.re[1][i] = second[i];
        }
        int k = 2;
        for (int block = 2; block < fourier.length(); block <<= 1) {
            for (int a = block, b = 2 * block - 1; a < b; a++, b--, k++) {
                s.re[0][k] = (first[a] + first[b]) / 2;
                s.im[0][k] = (second[a] - second[b]) / 2;
                s.re[1][k] = (second[a] + second[b]) / 2;
                s.im[1][k] = (first[b] - first[a]) / 2;
            }
        }
        return s;
    }

    /** The sequences again, written over {@code first} and {@code second}. */
    void invert(Fourier fourier, double[] first, double[] second) {
        for (int i = 0; i < 2; i++) {
            first[i] = re[0][i];
            second[i] = re[1][i];
        }
        int k = 2;
        for (int block = 2; block < fourier.length(); block <<= 1) {
            for (int a = block, b = 2 * block - 1; a < b; a++, b--, k++) {
                first[a] = re[0][k] - im[1][k];
                second[a] = im[0][k] + re[1][k];
                first[b] = re[0][k] + im[1][k];
                second[b] = re[1][k] - im[0][k];
            }
        }
        fourier.backward(first, second);
    }

    /** An upper bound on the mean modulus of one direction's spectrum over all frequencies. */
    double mean(int direction) {
        double[] r = re[direction];
        double[] i = im[direction];
        double ends = Math.abs(r[0]) + Math.abs(r[1]);
        double inner = 0;
        for (int k = 2; k < r.length; k++) {
            inner += Math.abs(r[k]) + Math.abs(i[k]);
        }
        return (ends + 2 * inner) / (2.0 * (r.length - 1)) * (1 + r.length * 0x1p-53) + NEGLIGIBLE;
    }

    /** An upper bound on the root mean square of one direction's spectrum over all frequencies. */
    double rootMeanSquare(int direction) {
        double[] r = re[direction];
        double[] i = im[direction];
        double ends = r[0] * r[0] + r[1] * r[1];
        double inner = 0;
        for (int k = 2; k < r.length; k++) {
            inner += r[k] * r[k] + i[k] * i[k];
        }
        return Math.sqrt((ends + 2 * inner) / (2.0 * (r.length - 1))) * (1 + r.length * 0x1p-53) + NEGLIGIBLE;
    }

    /**
     * The product of mixtures of the given spectra, those of a key as often as it says.
     *
     * <p>All powers are formed together: for every bit of the numbers, what has that bit is multiplied into the square of what has the bits above it. That is as many multiplications as the numbers add up
     * to, less one, as far as rounding goes. Frequencies at which the product is negligible, mostly nearly all, are left out.
     */
    static LossSpectrum product(List<LossSpectrum> parts, Map<Long, List<Mixture>> powers) {
        LossSpectrum product = new LossSpectrum(parts.get(0).re[0].length);
        for (int d = 0; d < 2; d++) {
            int[] places = product.places(parts, powers, d);
            for (int start = 0; start < places.length; start += BLOCK) {
                product.multiplyBlock(
                        parts, powers, d, Arrays.copyOfRange(places, start, Math.min(places.length, start + BLOCK)));
            }
        }
        return product;
    }

    /** Where the product may be more than negligible: by Jensen's inequality its modulus is at most the parts' mean modulus, to the power of all their numbers. */
    private int[] places(List<LossSpectrum> parts, Map<Long, List<Mixture>> powers, int d) {
        double[] shares = new double[parts.size()];
        double total = 0;
        for (Map.Entry<Long, List<Mixture>> power : powers.entrySet()) {
            for (Mixture factor : power.getValue()) {
                for (int c = 0; c < factor.parts.length; c++) {
                    shares[factor.parts[c]] += power.getKey() * factor.weights[d][c];
                }
                total += power.getKey();
            }
        }
        double[] modulus = new double[re[d].length];
        for (int c = 0; c < shares.length; c++) {
            if (shares[c] > 0) {
                addModulus(modulus, parts.get(c), d, shares[c] / total);
            }
        }
        double least = Math.exp(Math.log(NEGLIGIBLE) / total) * (1 - 1e-9);
        int[] places = new int[modulus.length];
        int n = 0;
        for (int k = 0; k < places.length; k++) {
            if (!(modulus[k] < least)) {
                places[n++] = k;
            }
        }
        return Arrays.copyOf(places, n);
    }

    private static void addModulus(double[] to, LossSpectrum part, int d, double share) {
        double[] r = part.re[d];
        double[] i = part.im[d];
        for (int k = 0; k < to.length; k++) {
            to[k] += share * Math.sqrt(r[k] * r[k] + i[k] * i[k]);
        }
    }

    private void multiplyBlock(List<LossSpectrum> parts, Map<Long, List<Mixture>> powers, int d, int[] places) {
        @Nullable Block[] bits = new @Nullable Block[Long.SIZE];
        int highest = 0;
        for (Map.Entry<Long, List<Mixture>> power : powers.entrySet()) {
            Block all = product(parts, power.getValue(), d, places);
            for (long rest = power.getKey(); rest > 0; rest &= rest - 1) {
                int bit = Long.numberOfTrailingZeros(rest);
                highest = Math.max(highest, bit);
                Block known = bits[bit];
                if (known == null) {
                    bits[bit] = all.copy();
                } else {
                    known.multiply(all);
                }
            }
        }
        Block result = Objects.requireNonNull(bits[highest]);
        for (int bit = highest - 1; bit >= 0; bit--) {
            result.multiply(result);
            Block known = bits[bit];
            if (known != null) {
                result.multiply(known);
            }
        }
        for (int k = 0; k < places.length; k++) {
            re[d][places[k]] = result.re[k];
            im[d][places[k]] = result.im[k];
        }
    }

    private static Block product(List<LossSpectrum> parts, List<Mixture> factors, int d, int[] places) {
        @Nullable Block product = null;
        for (Mixture factor : factors) {
            Block next = new Block(places.length);
            double[] weights = factor.weights[d];
            for (int c = 0; c < weights.length; c++) {
                LossSpectrum part = parts.get(factor.parts[c]);
                add(next.re, part.re[d], places, weights[c]);
                add(next.im, part.im[d], places, weights[c]);
            }
            if (product == null) {
                product = next;
            } else {
                product.multiply(next);
            }
        }
        return Objects.requireNonNull(product);
    }

    private static void add(double[] to, double[] from, int[] places, double weight) {
        for (int k = 0; k < to.length; k++) {
            to[k] += weight * from[places[k]];
        }
    }

    /** A few frequencies of one direction. */
    private static final class Block {
        final double[] re;
        final double[] im;

        Block(int length) {
            this(new double[length], new double[length]);
        }

        private Block(double[] re, double[] im) {
            this.re = re;
            this.im = im;
        }

        Block copy() {
            return new Block(re.clone(), im.clone());
        }

        void multiply(Block other) {
            LossSpectrum.multiply(re, im, other.re, other.im);
        }
    }

    private static void multiply(double[] xr, double[] xi, double[] yr, double[] yi) {
        for (int k = 0; k < yr.length; k++) {
            double a = xr[k];
            double b = xi[k];
            double c = yr[k];
            double e = yi[k];
            double r = a * c - b * e;
            double i = a * e + b * c;
            xr[k] = Math.abs(r) < NEGLIGIBLE ? 0 : r;
            xi[k] = Math.abs(i) < NEGLIGIBLE ? 0 : i;
        }
    }

    void multiply(LossSpectrum other) {
        for (int d = 0; d < 2; d++) {
            multiply(re[d], im[d], other.re[d], other.im[d]);
        }
    }
}
