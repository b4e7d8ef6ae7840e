// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.features;

import io.github.dl4jdp.features.ScatteringPlan.HalfPlanes;
import java.util.Arrays;

/** Scatters up to {@link ScatteringPlan#LANES} single-channel images at once; has buffers of its own, so one thread each. */
final class ScatteringWorker {

    /*
     * Images lie side by side: pixel (h, w) of image i is entry [h][w * LANES + i]. A Fourier transform along an axis is a
     * transform of rows (RowFft); between the axes, blocks of LANES entries are transposed. Frequencies therefore come as
     * [l][k * LANES + i], k along the height.
     *
     * Moduli are real, so two of them go through the first axis as one complex image and are separated by symmetry; along the
     * second axis only the non-negative half of the first is transformed, and the rest is the conjugate. What is low-passed
     * never goes back by a Fourier transform: a round Gaussian acts on the axes one by one and few samples are kept, so two
     * small matrices do it.
     */
    private static final int LANES = ScatteringPlan.LANES;

    private final ScatteringPlan plan;
    private final int height;
    private final int width;
    private final int halfHeight;
    private final int halfWidth;

    private final float[][] re;
    private final float[][] im;
    private final float[][] evenModulus;
    private final float[][] oddModulus;
    private final float[][] turnedRe;
    private final float[][] turnedIm;
    private final float[][] samples;
    private final float[][] turnedSamples;
    private final float[][] result;
    private final Spectrum product;
    private final Spectrum image;
    private final Spectrum even;
    private final Spectrum odd;

    ScatteringWorker(ScatteringPlan plan) {
        this.plan = plan;
        this.height = plan.paddedHeight;
        this.width = plan.paddedWidth;
        this.halfHeight = height / 2;
        this.halfWidth = width / 2;
        this.re = new float[height][width * LANES];
        this.im = new float[height][width * LANES];
        this.evenModulus = new float[height][width * LANES];
        this.oddModulus = new float[height][width * LANES];
        this.turnedRe = new float[width][(halfHeight + 1) * LANES];
        this.turnedIm = new float[width][(halfHeight + 1) * LANES];
        this.samples = new float[plan.outHeight][width * LANES];
        this.turnedSamples = new float[width][plan.outHeight * LANES];
        this.result = new float[plan.outWidth][plan.outHeight * LANES];
        this.product = new Spectrum(height, width);
        this.image = new Spectrum(height, width);
        this.even = new Spectrum(height, width);
        this.odd = new Spectrum(height, width);
    }

    private record Spectrum(HalfPlanes re, HalfPlanes im) {
        Spectrum(int height, int width) {
            this(new HalfPlanes(height, width, LANES), new HalfPlanes(height, width, LANES));
        }
    }

    /**
     * Scatters images {@code start} to {@code start + count} of {@code images}, each [height, width], into {@code features},
     * each [81, outHeight, outWidth].
     */
    void scatter(float[] images, int start, int count, float[] features) {
        int orientations = MorletFilters.ORIENTATIONS;
        load(images, start, count);
        smooth(re, plan.lowHeight, plan.lowWidth);
        store(features, start, count, 0);
        for (float[] row : im) {
            Arrays.fill(row, 0);
        }
        separateSpectra(image, odd);
        for (int theta = 0; theta < orientations; theta++) {
            coarseModulus(image, plan.coarse[theta]);
            smooth(re, plan.lowHalfHeight, plan.lowHalfWidth);
            store(features, start, count, 1 + orientations + theta);
        }
        for (int theta = 0; theta < orientations; theta += 2) {
            firstOrder(theta, evenModulus, features, start, count);
            firstOrder(theta + 1, oddModulus, features, start, count);
            copy(evenModulus, re);
            copy(oddModulus, im);
            separateSpectra(even, odd);
            secondOrder(theta, even, features, start, count);
            secondOrder(theta + 1, odd, features, start, count);
        }
    }

    private void firstOrder(int theta, float[][] modulus, float[] features, int start, int count) {
        fineModulus(plan.fine[theta]);
        copy(re, modulus);
        smooth(modulus, plan.lowHeight, plan.lowWidth);
        store(features, start, count, 1 + theta);
    }

    private void secondOrder(int theta, Spectrum modulus, float[] features, int start, int count) {
        int orientations = MorletFilters.ORIENTATIONS;
        for (int next = 0; next < orientations; next++) {
            coarseModulus(modulus, plan.coarse[next]);
            smooth(re, plan.lowHalfHeight, plan.lowHalfWidth);
            store(features, start, count, 1 + 2 * orientations + orientations * theta + next);
        }
    }

    /** Pads by reflection, without repeating the border. */
    private void load(float[] images, int start, int count) {
        int top = (height - plan.height) / 2;
        int left = (width - plan.width) / 2;
        for (int h = 0; h < height; h++) {
            int sourceRow = reflect(h - top, plan.height);
            for (int w = 0; w < width; w++) {
                int source = sourceRow * plan.width + reflect(w - left, plan.width);
                for (int i = 0; i < LANES; i++) {
                    re[h][w * LANES + i] = i < count ? images[(start + i) * plan.height * plan.width + source] : 0;
                }
            }
        }
    }

    private static int reflect(int index, int size) {
        int fromStart = Math.abs(index);
        return fromStart < size ? fromStart : 2 * (size - 1) - fromStart;
    }

    private void store(float[] features, int start, int count, int path) {
        int area = plan.outHeight * plan.outWidth;
        for (int i = 0; i < count; i++) {
            int base = ((start + i) * ScatteringTransform.PATHS + path) * area;
            for (int h = 0; h < plan.outHeight; h++) {
                for (int w = 0; w < plan.outWidth; w++) {
                    features[base + h * plan.outWidth + w] = result[w][h * LANES + i];
                }
            }
        }
    }

    private static void copy(float[][] from, float[][] to) {
        for (int r = 0; r < from.length; r++) {
            System.arraycopy(from[r], 0, to[r], 0, from[r].length);
        }
    }

    /** Filters at full resolution: re becomes the modulus. */
    private void fineModulus(HalfPlanes filter) {
        int length = halfHeight * LANES;
        for (int l = 0; l < width; l++) {
            Rows.product(product.re.low[l], filter.low[l], image.re.low[l], length);
            Rows.product(product.im.low[l], filter.low[l], image.im.low[l], length);
            Rows.product(product.re.high[l], filter.high[l], image.re.high[l], length);
            Rows.product(product.im.high[l], filter.high[l], image.im.high[l], length);
        }
        plan.fftWidth.transform(product.im.low, product.re.low, length);
        plan.fftWidth.transform(product.im.high, product.re.high, length);
        Rows.transpose(product.re.low, width, halfHeight, re, 0, LANES);
        Rows.transpose(product.im.low, width, halfHeight, im, 0, LANES);
        Rows.transpose(product.re.high, width, halfHeight, re, halfHeight, LANES);
        Rows.transpose(product.im.high, width, halfHeight, im, halfHeight, LANES);
        plan.fftHeight.transform(im, re, width * LANES);
        for (int h = 0; h < height; h++) {
            Rows.modulus(re[h], im[h], width * LANES);
        }
    }

    /** Filters and takes every second pixel: re, its first quarter, becomes the modulus. */
    private void coarseModulus(Spectrum from, HalfPlanes filter) {
        int length = halfHeight * LANES;
        for (int l = 0; l < halfWidth; l++) {
            fold(product.re.low[l], from.re, filter, l, length);
            fold(product.im.low[l], from.im, filter, l, length);
        }
        plan.fftHalfWidth.transform(product.im.low, product.re.low, length);
        Rows.transpose(product.re.low, halfWidth, halfHeight, re, 0, LANES);
        Rows.transpose(product.im.low, halfWidth, halfHeight, im, 0, LANES);
        plan.fftHalfHeight.transform(im, re, halfWidth * LANES);
        for (int h = 0; h < halfHeight; h++) {
            Rows.modulus(re[h], im[h], halfWidth * LANES);
        }
    }

    private void fold(float[] to, HalfPlanes from, HalfPlanes filter, int l, int length) {
        int other = l + halfWidth;
        Rows.productSum(to, filter.low[l], from.low[l], filter.high[l], from.high[l], length);
        Rows.addProductSum(to, filter.low[other], from.low[other], filter.high[other], from.high[other], length);
    }

    /** Transforms two real images, re and im: {@code a} and {@code b} become their spectra. */
    private void separateSpectra(Spectrum a, Spectrum b) {
        int length = width * LANES;
        plan.fftHeight.transform(re, im, length);
        for (int k = 1; k < halfHeight; k++) {
            Rows.halfAddSub(re[k], re[height - k], length);
            Rows.halfAddSub(im[k], im[height - k], length);
            // Now a = re[k] + i im[height - k] and b = im[k] - i re[height - k].
        }
        finishSpectrum(re, im, a);
        for (int k = 1; k < halfHeight; k++) {
            Rows.negate(re[height - k], 0, length);
        }
        finishSpectrum(im, re, b);
    }

    /** Frequency k along the height has its real part in row k and its imaginary part in row -k. */
    private void finishSpectrum(float[][] real, float[][] imaginary, Spectrum to) {
        for (int l = 0; l < width; l++) {
            for (int k = 0; k <= halfHeight; k++) {
                System.arraycopy(real[k], l * LANES, turnedRe[l], k * LANES, LANES);
                if (k == 0 || k == halfHeight) {
                    Arrays.fill(turnedIm[l], k * LANES, (k + 1) * LANES, 0);
                } else {
                    System.arraycopy(imaginary[height - k], l * LANES, turnedIm[l], k * LANES, LANES);
                }
            }
        }
        plan.fftWidth.transform(turnedRe, turnedIm, (halfHeight + 1) * LANES);
        for (int l = 0; l < width; l++) {
            int opposite = (width - l) % width;
            expand(turnedRe[l], turnedRe[opposite], to.re.low[l], to.re.high[l]);
            expand(turnedIm[l], turnedIm[opposite], to.im.low[l], to.im.high[l]);
            Rows.negate(to.im.high[l], LANES, halfHeight * LANES);
        }
    }

    /** Completes a row by the symmetry of a real image's spectrum, up to the sign of the imaginary part. */
    private void expand(float[] row, float[] opposite, float[] low, float[] high) {
        System.arraycopy(row, 0, low, 0, halfHeight * LANES);
        System.arraycopy(row, halfHeight * LANES, high, 0, LANES);
        for (int k = 1; k < halfHeight; k++) {
            System.arraycopy(opposite, (halfHeight - k) * LANES, high, k * LANES, LANES);
        }
    }

    /** Low-passes and samples both axes into {@code result}. */
    private void smooth(float[][] rows, float[][] heightFilter, float[][] widthFilter) {
        int columns = widthFilter[0].length;
        apply(heightFilter, rows, samples, columns * LANES);
        Rows.transpose(samples, plan.outHeight, columns, turnedSamples, 0, LANES);
        apply(widthFilter, turnedSamples, result, plan.outHeight * LANES);
    }

    private static void apply(float[][] matrix, float[][] from, float[][] to, int length) {
        for (int r = 0; r < matrix.length; r++) {
            float[] m = matrix[r];
            Rows.combine(to[r], from[0], m[0], from[1], m[1], from[2], m[2], from[3], m[3], length);
            int c = 4;
            for (; c + 4 <= m.length; c += 4) {
                Rows.addCombined(
                        to[r],
                        from[c],
                        m[c],
                        from[c + 1],
                        m[c + 1],
                        from[c + 2],
                        m[c + 2],
                        from[c + 3],
                        m[c + 3],
                        length);
            }
            // Axes are multiples of four at full and of two at half resolution.
            if (c < m.length) {
                Rows.addScaled(to[r], from[c], m[c], from[c + 1], m[c + 1], length);
            }
        }
    }
}
