// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.accountant;

/**
 * The discrete Fourier transform of length 2^m with a proven bound on its rounding error.
 *
 * <p>Forward leaves its output in bit-reversed order and backward expects that order, so that no reordering is needed in
 * between. Own code because the error bound is part of the accountant's guarantee: it needs twiddle factors that are each
 * correct to an ulp, where general libraries build them by recurrences whose error grows with the length.
 */
final class Fourier {
    /**
     * Relative error that one butterfly adds to what flows through it: one rounded addition (1), a complex product
     * (sqrt(5) &lt; 2.3) and a twiddle factor of at most 1.5 ulps per part (2.2), in units of 2^-53; rounded up
     * (Higham 2002, section 24.1).
     */
    private static final double BUTTERFLY_ERROR = 6 * 0x1p-53;

    private final int length;
    private final double[] cos;
    private final double[] sin;

    /** A transform of the given length, a power of two {@code >= 8}. */
    Fourier(int length) {
        if (Integer.bitCount(length) != 1 || length < 8) {
            throw new IllegalArgumentException("length must be a power of two >= 8, was " + length);
        }
        this.length = length;
        this.cos = new double[length / 2];
        this.sin = new double[length / 2];
        int quarter = length / 4;
        int eighth = length / 8;
        for (int j = 0; j <= eighth; j++) {
            double angle = 2 * Math.PI * j / length;
            double c = Math.cos(angle);
            double s = Math.sin(angle);
            put(j, c, s);
            put(quarter - j, s, c);
            put(quarter + j, -s, c);
            put(2 * quarter - j, -c, s);
        }
    }

    private void put(int j, double c, double s) {
        if (j < length / 2) {
            cos[j] = c;
            sin[j] = s;
        }
    }

    int length() {
        return length;
    }

    /**
     * A bound on the absolute error of every output, relative to the sum of the absolute inputs: every output is a sum of
     * inputs that each passed through log2(length) butterflies.
     */
    double error() {
        int stages = 31 - Integer.numberOfLeadingZeros(length);
        return stages * BUTTERFLY_ERROR * (1 + 1e-9);
    }

    /** In place, natural to bit-reversed order, kernel exp(-2 pi i j k / length). */
    void forward(double[] re, double[] im) {
        for (int half = length / 2, stride = 1; half >= 1; half >>= 1, stride <<= 1) {
            for (int start = 0; start < length; start += 2 * half) {
                for (int j = 0, t = 0; j < half; j++, t += stride) {
                    int a = start + j;
                    int b = a + half;
                    double dr = re[a] - re[b];
                    double di = im[a] - im[b];
                    re[a] += re[b];
                    im[a] += im[b];
                    re[b] = dr * cos[t] + di * sin[t];
                    im[b] = di * cos[t] - dr * sin[t];
                }
            }
        }
    }

    /** In place, bit-reversed to natural order, kernel exp(+2 pi i j k / length) / length. */
    void backward(double[] re, double[] im) {
        for (int half = 1, stride = length / 2; half < length; half <<= 1, stride >>= 1) {
            for (int start = 0; start < length; start += 2 * half) {
                for (int j = 0, t = 0; j < half; j++, t += stride) {
                    int a = start + j;
                    int b = a + half;
                    double vr = re[b] * cos[t] - im[b] * sin[t];
                    double vi = im[b] * cos[t] + re[b] * sin[t];
                    re[b] = re[a] - vr;
                    im[b] = im[a] - vi;
                    re[a] += vr;
                    im[a] += vi;
                }
            }
        }
        double scale = 1.0 / length;
        for (int j = 0; j < length; j++) {
            re[j] *= scale;
            im[j] *= scale;
        }
    }
}
