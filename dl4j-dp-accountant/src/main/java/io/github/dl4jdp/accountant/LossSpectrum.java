// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.accountant;

import java.util.Arrays;
import java.util.List;

/**
 * Spectra of the tilted losses of both directions, packed as one complex transform.
 *
 * <p>Both sequences are real, so half of each spectrum is enough. Element 0 is frequency 0, element 1 is length / 2; the
 * others are one of each pair (k, length - k), in the transform's bit-reversed order.
 */
final class LossSpectrum {
    /** Smaller numbers are dropped: squaring them would be slow, and together they are far below every rounding bound. */
    private static final double NEGLIGIBLE = 1e-140;

    /** So many products are formed before what has become negligible is dropped. */
    private static final int PRODUCTS = 8;

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

    LossSpectrum copy() {
        LossSpectrum copy = new LossSpectrum(re[0].length);
        for (int d = 0; d < 2; d++) {
            copy.re[d] = re[d].clone();
            copy.im[d] = im[d].clone();
        }
        return copy;
    }

    /** The product of mixtures of the given spectra. */
    static LossSpectrum product(List<LossSpectrum> parts, List<Mixture> factors) {
        LossSpectrum product = new LossSpectrum(parts.get(0).re[0].length);
        for (int d = 0; d < 2; d++) {
            double[] r = product.re[d];
            Arrays.fill(r, 1);
            for (int start = 0; start < r.length; start += BLOCK) {
                product.multiplyBlock(parts, factors, d, start, Math.min(r.length, start + BLOCK));
            }
        }
        return product;
    }

    private void multiplyBlock(List<LossSpectrum> parts, List<Mixture> factors, int d, int start, int end) {
        double[] r = new double[end - start];
        double[] i = new double[end - start];
        int done = 0;
        for (Mixture factor : factors) {
            double[] weights = factor.weights[d];
            for (int c = 0; c < weights.length; c++) {
                LossSpectrum part = parts.get(factor.parts[c]);
                add(r, part.re[d], start, weights[c], c == 0);
                add(i, part.im[d], start, weights[c], c == 0);
            }
            multiply(re[d], im[d], start, r, i);
            if (++done % PRODUCTS == 0 && !dropNegligible(d, start, end)) {
                return;
            }
        }
        dropNegligible(d, start, end);
    }

    private static void add(double[] to, double[] from, int start, double weight, boolean first) {
        if (first) {
            for (int k = 0; k < to.length; k++) {
                to[k] = weight * from[start + k];
            }
        } else {
            for (int k = 0; k < to.length; k++) {
                to[k] += weight * from[start + k];
            }
        }
    }

    private static void multiply(double[] xr, double[] xi, int start, double[] yr, double[] yi) {
        for (int k = 0; k < yr.length; k++) {
            double a = xr[start + k];
            double b = xi[start + k];
            xr[start + k] = a * yr[k] - b * yi[k];
            xi[start + k] = a * yi[k] + b * yr[k];
        }
    }

    /** Whether anything is left. */
    private boolean dropNegligible(int d, int start, int end) {
        boolean left = false;
        for (int k = start; k < end; k++) {
            re[d][k] = Math.abs(re[d][k]) < NEGLIGIBLE ? 0 : re[d][k];
            im[d][k] = Math.abs(im[d][k]) < NEGLIGIBLE ? 0 : im[d][k];
            left |= re[d][k] != 0 || im[d][k] != 0;
        }
        return left;
    }

    /** Multiplies by a power of another spectrum. */
    void multiply(LossSpectrum factor, long power) {
        LossSpectrum square = power > 1 ? factor.copy() : factor;
        for (long bits = power; bits > 0; bits >>= 1) {
            if ((bits & 1) == 1) {
                multiply(square);
            }
            if (bits > 1) {
                square.multiply(square);
            }
        }
    }

    private void multiply(LossSpectrum other) {
        for (int d = 0; d < 2; d++) {
            double[] xr = re[d];
            double[] xi = im[d];
            double[] yr = other.re[d];
            double[] yi = other.im[d];
            for (int k = 0; k < xr.length; k++) {
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
    }
}
