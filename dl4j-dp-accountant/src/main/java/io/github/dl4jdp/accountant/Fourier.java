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
    /** The factors of the stage that combines blocks of size h are at h, ..., 2 h - 1. */
    private final double[] cos;

    private final double[] sin;

    /** A transform of the given length, a power of two {@code >= 8}. */
    Fourier(int length) {
        if (Integer.bitCount(length) != 1 || length < 8) {
            throw new IllegalArgumentException("length must be a power of two >= 8, was " + length);
        }
        this.length = length;
        this.cos = new double[length];
        this.sin = new double[length];
        int half = length / 2;
        int quarter = length / 4;
        for (int j = 0; j <= length / 8; j++) {
            double angle = 2 * Math.PI * j / length;
            double c = Math.cos(angle);
            double s = Math.sin(angle);
            put(half + j, c, s);
            put(half + quarter - j, s, c);
            put(half + quarter + j, -s, c);
            if (j > 0) {
                put(2 * half - j, -c, s);
            }
        }
        for (int k = half - 1; k >= 1; k--) {
            cos[k] = cos[2 * k];
            sin[k] = sin[2 * k];
        }
    }

    private void put(int place, double c, double s) {
        cos[place] = c;
        sin[place] = s;
    }

    int length() {
        return length;
    }

    /**
     * A bound on the absolute error of every output, relative to the sum of the absolute inputs: every output is a sum of
     * inputs that each passed through log2(length) butterflies. Also a bound on the 2-norm of all errors, relative to the
     * 2-norm of all outputs: a stage is a rotation times sqrt(2), and its errors are relative to what it puts out.
     */
    double error() {
        int stages = 31 - Integer.numberOfLeadingZeros(length);
        return stages * BUTTERFLY_ERROR * (1 + 1e-9);
    }

    /** In place, natural to bit-reversed order, kernel exp(-2 pi i j k / length). */
    void forward(double[] re, double[] im) {
        for (int half = length / 2; half >= 4; half >>= 1) {
            for (int start = 0; start < length; start += 2 * half) {
                for (int j = 0; j < half; j++) {
                    int a = start + j;
                    int b = a + half;
                    double c = cos[half + j];
                    double s = sin[half + j];
                    double dr = re[a] - re[b];
                    double di = im[a] - im[b];
                    re[a] += re[b];
                    im[a] += im[b];
                    re[b] = dr * c + di * s;
                    im[b] = di * c - dr * s;
                }
            }
        }
        // The last two stages, whose factors are 1 and -i.
        for (int a = 0; a < length; a += 4) {
            double sumR = re[a] + re[a + 2];
            double sumI = im[a] + im[a + 2];
            double differenceR = re[a] - re[a + 2];
            double differenceI = im[a] - im[a + 2];
            double otherSumR = re[a + 1] + re[a + 3];
            double otherSumI = im[a + 1] + im[a + 3];
            double turnedR = im[a + 1] - im[a + 3];
            double turnedI = re[a + 3] - re[a + 1];
            re[a] = sumR + otherSumR;
            im[a] = sumI + otherSumI;
            re[a + 1] = sumR - otherSumR;
            im[a + 1] = sumI - otherSumI;
            re[a + 2] = differenceR + turnedR;
            im[a + 2] = differenceI + turnedI;
            re[a + 3] = differenceR - turnedR;
            im[a + 3] = differenceI - turnedI;
        }
    }

    /** In place, bit-reversed to natural order, kernel exp(+2 pi i j k / length) / length. */
    void backward(double[] re, double[] im) {
        // The first two stages, whose factors are 1 and i.
        for (int a = 0; a < length; a += 4) {
            double sumR = re[a] + re[a + 1];
            double sumI = im[a] + im[a + 1];
            double differenceR = re[a] - re[a + 1];
            double differenceI = im[a] - im[a + 1];
            double otherSumR = re[a + 2] + re[a + 3];
            double otherSumI = im[a + 2] + im[a + 3];
            double turnedR = im[a + 3] - im[a + 2];
            double turnedI = re[a + 2] - re[a + 3];
            re[a] = sumR + otherSumR;
            im[a] = sumI + otherSumI;
            re[a + 2] = sumR - otherSumR;
            im[a + 2] = sumI - otherSumI;
            re[a + 1] = differenceR + turnedR;
            im[a + 1] = differenceI + turnedI;
            re[a + 3] = differenceR - turnedR;
            im[a + 3] = differenceI - turnedI;
        }
        for (int half = 4; half < length; half <<= 1) {
            for (int start = 0; start < length; start += 2 * half) {
                for (int j = 0; j < half; j++) {
                    int a = start + j;
                    int b = a + half;
                    double c = cos[half + j];
                    double s = sin[half + j];
                    double vr = re[b] * c - im[b] * s;
                    double vi = im[b] * c + re[b] * s;
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
