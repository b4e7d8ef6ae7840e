// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.features;

/**
 * The filters of a two-scale, eight-orientation scattering on a periodic grid, as in Kymatio (Andreux et al., Kymatio:
 * Scattering Transforms in Python, JMLR 2020), whose constants are kept to the digit so that features are interchangeable.
 *
 * <p>\( \psi_{j,\theta}(u) = g(u) (e^{i \xi \langle e_\theta, u \rangle} - K) \) with a Gaussian envelope g of width \(
 * \sigma = 0.8 \cdot 2^j \) along \( e_\theta \) and twice that across, \( \xi = \frac{3\pi}{4} 2^{-j} \), K such that the
 * sum is zero; \( \phi \) is a round Gaussian of width 1.6. Every filter is summed over its periodic copies.
 */
final class MorletFilters {
    /** Number of scales J: features are averaged over, and sampled every, 2^J pixels. */
    static final int SCALES = 2;

    /** Number of orientations L, over half a turn. */
    static final int ORIENTATIONS = 8;

    private static final double SIGMA = 0.8;
    private static final double XI = 3 * Math.PI / 4;
    private static final double SLANT = 4.0 / ORIENTATIONS;

    /** Kymatio's value of pi in the normalization of the envelopes: 3 in 100,000 too small, for every filter alike. */
    private static final double KYMATIO_PI = 3.1415;

    /** Periodic copies that are summed to each side, as in Kymatio; further ones are below e^-50. */
    private static final int COPIES = 2;

    private MorletFilters() {}

    /**
     * Computes the Fourier transform of a wavelet: real, since the wavelet at -u is its conjugate.
     *
     * @param height rows of the grid
     * @param width columns of the grid
     * @param scale j, from 0
     * @param orientation index of the angle, from 0
     * @return entry [k * width + l] belongs to frequency (2 pi k / height, 2 pi l / width)
     */
    static double[] wavelet(int height, int width, int scale, int orientation) {
        double sigma = SIGMA * (1 << scale);
        double theta = (ORIENTATIONS / 2 - 1 - orientation) * Math.PI / ORIENTATIONS;
        double xi = XI / (1 << scale);
        double[][] wave = gabor(height, width, sigma, theta, xi);
        double[][] envelope = gabor(height, width, sigma, theta, 0);
        double waveSum = 0;
        double envelopeSum = 0;
        for (int i = 0; i < height * width; i++) {
            waveSum += wave[0][i];
            envelopeSum += envelope[0][i];
        }
        // The imaginary parts sum to zero: the grid is symmetric but for copies far below rounding.
        double mean = waveSum / envelopeSum;
        for (int i = 0; i < height * width; i++) {
            wave[0][i] -= mean * envelope[0][i];
        }
        return realFourier(wave[0], wave[1], height, width);
    }

    /** Real and imaginary part of an envelope times a wave, u = (row, column). */
    private static double[][] gabor(int height, int width, double sigma, double theta, double xi) {
        double cos = Math.cos(theta);
        double sin = Math.sin(theta);
        double[][] sum = new double[2][height * width];
        for (int row = -COPIES * height; row < (COPIES + 1) * height; row++) {
            for (int column = -COPIES * width; column < (COPIES + 1) * width; column++) {
                double along = cos * row + sin * column;
                double across = cos * column - sin * row;
                double size = Math.exp(-(along * along + SLANT * SLANT * across * across) / (2 * sigma * sigma))
                        * SLANT
                        / (2 * KYMATIO_PI * sigma * sigma);
                int i = Math.floorMod(row, height) * width + Math.floorMod(column, width);
                sum[0][i] += size * Math.cos(xi * along);
                sum[1][i] += size * Math.sin(xi * along);
            }
        }
        return sum;
    }

    /** Real part of the two-dimensional discrete Fourier transform, one axis after the other. */
    private static double[] realFourier(double[] re, double[] im, int height, int width) {
        double[] rowsRe = new double[height * width];
        double[] rowsIm = new double[height * width];
        for (int l = 0; l < width; l++) {
            for (int c = 0; c < width; c++) {
                double angle = -2 * Math.PI * ((long) l * c % width) / width;
                double cos = Math.cos(angle);
                double sin = Math.sin(angle);
                for (int r = 0; r < height; r++) {
                    rowsRe[r * width + l] += re[r * width + c] * cos - im[r * width + c] * sin;
                    rowsIm[r * width + l] += re[r * width + c] * sin + im[r * width + c] * cos;
                }
            }
        }
        double[] out = new double[height * width];
        for (int k = 0; k < height; k++) {
            for (int r = 0; r < height; r++) {
                double angle = -2 * Math.PI * ((long) k * r % height) / height;
                double cos = Math.cos(angle);
                double sin = Math.sin(angle);
                for (int l = 0; l < width; l++) {
                    out[k * width + l] += rowsRe[r * width + l] * cos - rowsIm[r * width + l] * sin;
                }
            }
        }
        return out;
    }

    /**
     * Computes the matrix that low-passes and samples one axis; both axes together are exactly the two-dimensional low-pass
     * filter, since a round Gaussian is the product of two.
     *
     * <p>At half resolution the filter is the full-resolution one without its frequencies above the grid's, as in Kymatio,
     * which therefore is not a Gaussian.
     *
     * @param size of the axis at full resolution, a multiple of 4
     * @param halvings 0 at full resolution, 1 at half
     * @return one row for each sample except the first and the last (which lie in the padding), \( size / 4 - 2 \) rows of
     *     \( size / 2^{halvings} \)
     */
    static double[][] lowPass(int size, int halvings) {
        double sigma = SIGMA * (1 << (SCALES - 1));
        double[] gaussian = new double[size];
        for (int u = -COPIES * size; u < (COPIES + 1) * size; u++) {
            gaussian[Math.floorMod(u, size)] +=
                    Math.exp(-u * u / (2 * sigma * sigma)) / (sigma * Math.sqrt(2 * KYMATIO_PI));
        }
        int coarse = size >> halvings;
        int step = (1 << SCALES) >> halvings;
        double[] kernel = halvings == 0 ? gaussian : bandLimited(gaussian, coarse);
        double[][] matrix = new double[size / (1 << SCALES) - 2][coarse];
        for (int sample = 0; sample < matrix.length; sample++) {
            for (int u = 0; u < coarse; u++) {
                matrix[sample][u] = kernel[Math.floorMod((sample + 1) * step - u, coarse)];
            }
        }
        return matrix;
    }

    private static double[] bandLimited(double[] gaussian, int coarse) {
        int size = gaussian.length;
        double[] kernel = new double[coarse];
        for (int k = -coarse / 2; k < coarse / 2; k++) {
            double amplitude = 0;
            for (int u = 0; u < size; u++) {
                amplitude += gaussian[u] * Math.cos(2 * Math.PI * ((long) Math.abs(k) * u % size) / size);
            }
            for (int v = 0; v < coarse; v++) {
                kernel[v] += amplitude * Math.cos(2 * Math.PI * ((long) Math.abs(k) * v % coarse) / coarse) / coarse;
            }
        }
        return kernel;
    }
}
