// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.features;

import java.util.Arrays;

/**
 * Discrete Fourier transform of a sequence whose elements are complex rows, any length.
 *
 * <p>\( X_k = \sum_n x_n e^{-2 \pi i k n / N} \) for every column of the rows at once. The inverse, times N, is the same with
 * real and imaginary parts exchanged: {@code transform(im, re, length)}.
 */
final class RowFft {

    /*
     * Stockham's self-sorting algorithm (C. Van Loan, Computational Frameworks for the Fast Fourier Transform, 1992, section
     * 1.7), mixed radix. What it moves are references to rows: the butterflies work in place on the rows themselves, and each
     * stage lists them in their new order, so nothing is copied and no second buffer is needed.
     */
    private final int size;
    private final int[] radices;
    private final float[] cosines;
    private final float[] sines;

    /**
     * Plans transforms of {@code size} rows.
     *
     * @throws IllegalArgumentException if {@code size < 1}
     */
    RowFft(int size) {
        if (size < 1) {
            throw new IllegalArgumentException("size must be >= 1, was " + size);
        }
        this.size = size;
        this.radices = factor(size);
        this.cosines = new float[size];
        this.sines = new float[size];
        for (int k = 0; k < size; k++) {
            cosines[k] = (float) Math.cos(-2 * Math.PI * k / size);
            sines[k] = (float) Math.sin(-2 * Math.PI * k / size);
        }
    }

    private static int[] factor(int size) {
        int[] factors = new int[32];
        int count = 0;
        int rest = size;
        for (int radix : new int[] {5, 3, 4, 2}) {
            for (; rest % radix == 0; rest /= radix) {
                factors[count++] = radix;
            }
        }
        for (int prime = 7; rest > 1; prime += 2) {
            for (; rest % prime == 0; rest /= prime) {
                factors[count++] = prime;
            }
        }
        return Arrays.copyOf(factors, count);
    }

    /**
     * Transforms the first {@code length} columns in place; which row object holds which element may change.
     *
     * @param re real parts, at least {@code size} rows
     * @param im imaginary parts, likewise
     */
    void transform(float[][] re, float[][] im, int length) {
        float[][] newRe = new float[size][];
        float[][] newIm = new float[size][];
        int n = size;
        int stride = 1;
        for (int radix : radices) {
            int groups = n / radix;
            float[][] a = new float[radix][];
            float[][] b = new float[radix][];
            for (int p = 0; p < groups; p++) {
                for (int s = 0; s < stride; s++) {
                    for (int j = 0; j < radix; j++) {
                        int from = s + stride * (p + groups * j);
                        a[j] = re[from];
                        b[j] = im[from];
                    }
                    butterfly(radix, a, b, length);
                    for (int k = 0; k < radix; k++) {
                        int twiddle = p * k * stride;
                        if (twiddle > 0) {
                            Rows.rotate(a[k], b[k], cosines[twiddle], sines[twiddle], length);
                        }
                        int to = s + stride * (radix * p + k);
                        newRe[to] = a[k];
                        newIm[to] = b[k];
                    }
                }
            }
            System.arraycopy(newRe, 0, re, 0, size);
            System.arraycopy(newIm, 0, im, 0, size);
            n = groups;
            stride *= radix;
        }
    }

    private void butterfly(int radix, float[][] a, float[][] b, int length) {
        switch (radix) {
            case 2 -> butterfly2(a, b, length);
            case 3 -> butterfly3(a, b, length);
            case 4 -> butterfly4(a, b, length);
            case 5 -> butterfly5(a, b, length);
            default -> butterflyPrime(radix, a, b, length);
        }
    }

    private static void butterfly2(float[][] a, float[][] b, int length) {
        Rows.addSub(a[0], a[1], length);
        Rows.addSub(b[0], b[1], length);
    }

    private static void butterfly3(float[][] a, float[][] b, int length) {
        float sine = (float) Math.sin(2 * Math.PI / 3);
        Rows.addSub(a[1], a[2], length);
        Rows.addSub(b[1], b[2], length);
        Rows.addAndAddScaled(a[0], a[1], -0.5f, length);
        Rows.addAndAddScaled(b[0], b[1], -0.5f, length);
        Rows.scale(a[2], sine, length);
        Rows.scale(b[2], sine, length);
        finishPair(a, b, 1, 2, length);
    }

    private static void butterfly4(float[][] a, float[][] b, int length) {
        Rows.addSub(a[0], a[2], length);
        Rows.addSub(b[0], b[2], length);
        Rows.addSub(a[1], a[3], length);
        Rows.addSub(b[1], b[3], length);
        Rows.addSub(a[0], a[1], length);
        Rows.addSub(b[0], b[1], length);
        finishPair(a, b, 2, 3, length);
        float[] swap = a[1];
        a[1] = a[2];
        a[2] = swap;
        swap = b[1];
        b[1] = b[2];
        b[2] = swap;
    }

    private static void butterfly5(float[][] a, float[][] b, int length) {
        float cos1 = (float) Math.cos(2 * Math.PI / 5);
        float cos2 = (float) Math.cos(4 * Math.PI / 5);
        float sin1 = (float) Math.sin(2 * Math.PI / 5);
        float sin2 = (float) Math.sin(4 * Math.PI / 5);
        Rows.addSub(a[1], a[4], length);
        Rows.addSub(b[1], b[4], length);
        Rows.addSub(a[2], a[3], length);
        Rows.addSub(b[2], b[3], length);
        Rows.mix(a[0], a[1], a[2], cos1, cos2, length);
        Rows.mix(b[0], b[1], b[2], cos1, cos2, length);
        Rows.mix(a[4], a[3], sin1, sin2, length);
        Rows.mix(b[4], b[3], sin1, sin2, length);
        finishPair(a, b, 1, 4, length);
        finishPair(a, b, 2, 3, length);
    }

    /** From the even part u in row j and the odd part v in row k to {@code u - iv} in row j and {@code u + iv} in row k. */
    private static void finishPair(float[][] a, float[][] b, int j, int k, int length) {
        float[] oddRe = a[k];
        float[] oddIm = b[k];
        Rows.addSub(a[j], oddIm, length);
        Rows.addSub(b[j], oddRe, length);
        // Now a[j] = u.re + v.im, oddIm = u.re - v.im, b[j] = u.im + v.re, oddRe = u.im - v.re.
        a[k] = oddIm;
        b[k] = b[j];
        b[j] = oddRe;
    }

    private static void butterflyPrime(int radix, float[][] a, float[][] b, int length) {
        float[][] sumRe = new float[radix][length];
        float[][] sumIm = new float[radix][length];
        for (int k = 0; k < radix; k++) {
            for (int j = 0; j < radix; j++) {
                double angle = -2 * Math.PI * ((long) j * k % radix) / radix;
                float cosine = (float) Math.cos(angle);
                float sine = (float) Math.sin(angle);
                Rows.addScaled(sumRe[k], a[j], cosine, b[j], -sine, length);
                Rows.addScaled(sumIm[k], b[j], cosine, a[j], sine, length);
            }
        }
        for (int k = 0; k < radix; k++) {
            System.arraycopy(sumRe[k], 0, a[k], 0, length);
            System.arraycopy(sumIm[k], 0, b[k], 0, length);
        }
    }
}
