// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.features;

/**
 * Scattering of one channel by its definition, in double precision and slow: explicit sums over pixels for every convolution,
 * no Fourier transform of any image, filters as two-dimensional arrays.
 */
final class DirectScattering {
    private final int height;
    private final int width;

    DirectScattering(int paddedHeight, int paddedWidth) {
        this.height = paddedHeight;
        this.width = paddedWidth;
    }

    /** Coefficients [81][h][w] of an image [h][w]. */
    static double[][][] scatter(double[][] image) {
        int h = image.length;
        int w = image[0].length;
        int paddedHeight = ((h + 4) / 4 + 1) * 4;
        int paddedWidth = ((w + 4) / 4 + 1) * 4;
        return new DirectScattering(paddedHeight, paddedWidth).padded(reflect(image, paddedHeight, paddedWidth));
    }

    private static double[][] reflect(double[][] image, int paddedHeight, int paddedWidth) {
        int top = (paddedHeight - image.length) / 2;
        int left = (paddedWidth - image[0].length) / 2;
        double[][] out = new double[paddedHeight][paddedWidth];
        for (int r = 0; r < paddedHeight; r++) {
            for (int c = 0; c < paddedWidth; c++) {
                out[r][c] = image[mirror(r - top, image.length)][mirror(c - left, image[0].length)];
            }
        }
        return out;
    }

    private static int mirror(int index, int size) {
        if (index < 0) {
            return -index;
        }
        return index >= size ? 2 * size - 2 - index : index;
    }

    private double[][][] padded(double[][] x) {
        double[][][] out = new double[81][][];
        double[][] lowFull = gaussian();
        double[][] lowHalf = bandLimitedHalf(lowFull);
        out[0] = crop(convolve(x, lowFull, 4));
        for (int t = 0; t < 8; t++) {
            double[][] fine = modulus(x, wavelet(0, t), 1);
            out[1 + t] = crop(convolve(fine, lowFull, 4));
            out[9 + t] = crop(convolve(modulus(x, wavelet(1, t), 2), lowHalf, 2));
            for (int s = 0; s < 8; s++) {
                out[17 + 8 * t + s] = crop(convolve(modulus(fine, wavelet(1, s), 2), lowHalf, 2));
            }
        }
        return out;
    }

    /** Without the outermost samples, which lie in the padding. */
    private static double[][] crop(double[][] x) {
        double[][] out = new double[x.length - 2][x[0].length - 2];
        for (int r = 0; r < out.length; r++) {
            System.arraycopy(x[r + 1], 1, out[r], 0, out[r].length);
        }
        return out;
    }

    /** Every step-th pixel of the circular convolution. */
    static double[][] convolve(double[][] x, double[][] filter, int step) {
        int rows = x.length;
        int columns = x[0].length;
        double[][] periodic = new double[2 * rows][2 * columns];
        for (int r = 0; r < 2 * rows; r++) {
            for (int c = 0; c < 2 * columns; c++) {
                periodic[r][c] = filter[r % rows][c % columns];
            }
        }
        double[][] out = new double[rows / step][columns / step];
        for (int r = 0; r < out.length; r++) {
            for (int c = 0; c < out[0].length; c++) {
                double sum = 0;
                for (int i = 0; i < rows; i++) {
                    for (int j = 0; j < columns; j++) {
                        sum += x[i][j] * periodic[rows + r * step - i][columns + c * step - j];
                    }
                }
                out[r][c] = sum;
            }
        }
        return out;
    }

    private static double[][] modulus(double[][] x, double[][][] filter, int step) {
        double[][] re = convolve(x, filter[0], step);
        double[][] im = convolve(x, filter[1], step);
        for (int r = 0; r < re.length; r++) {
            for (int c = 0; c < re[0].length; c++) {
                re[r][c] = Math.hypot(re[r][c], im[r][c]);
            }
        }
        return re;
    }

    /** Morlet wavelet on the periodic grid, real and imaginary part: Kymatio's morlet_2d. */
    double[][][] wavelet(int j, int t) {
        double sigma = 0.8 * Math.pow(2, j);
        double theta = (3 - t) * Math.PI / 8;
        double xi = 3.0 / 4.0 * Math.PI / Math.pow(2, j);
        double[][][] wave = gabor(sigma, theta, xi, 0.5);
        double[][][] still = gabor(sigma, theta, 0, 0.5);
        double ratio = sum(wave[0]) / sum(still[0]);
        for (int r = 0; r < height; r++) {
            for (int c = 0; c < width; c++) {
                wave[0][r][c] -= ratio * still[0][r][c];
            }
        }
        return wave;
    }

    private double[][] gaussian() {
        return gabor(1.6, 0, 0, 1)[0];
    }

    /** Kymatio's gabor_2d, with the quadratic form R(theta) diag(1, slant^2) R(-theta) / (2 sigma^2) written out. */
    private double[][][] gabor(double sigma, double theta, double xi, double slant) {
        double cos = Math.cos(theta);
        double sin = Math.sin(theta);
        double s2 = slant * slant;
        double c00 = (cos * cos + s2 * sin * sin) / (2 * sigma * sigma);
        double c01 = (cos * sin - s2 * sin * cos) / (2 * sigma * sigma);
        double c11 = (sin * sin + s2 * cos * cos) / (2 * sigma * sigma);
        double[][][] out = new double[2][height][width];
        for (int ex = -2; ex <= 2; ex++) {
            for (int ey = -2; ey <= 2; ey++) {
                for (int r = 0; r < height; r++) {
                    for (int c = 0; c < width; c++) {
                        double x = r + ex * height;
                        double y = c + ey * width;
                        double size = Math.exp(-(c00 * x * x + 2 * c01 * x * y + c11 * y * y))
                                / (2 * 3.1415 * sigma * sigma / slant);
                        double phase = x * xi * cos + y * xi * sin;
                        out[0][r][c] += size * Math.cos(phase);
                        out[1][r][c] += size * Math.sin(phase);
                    }
                }
            }
        }
        return out;
    }

    /** The filter at half resolution whose frequencies are those of the full one that fit: Kymatio's periodize_filter_fft. */
    private double[][] bandLimitedHalf(double[][] filter) {
        int rows = height / 2;
        int columns = width / 2;
        double[][] out = new double[rows][columns];
        for (int k = -rows / 2; k < rows / 2; k++) {
            for (int l = -columns / 2; l < columns / 2; l++) {
                double amplitude = 0;
                for (int r = 0; r < height; r++) {
                    for (int c = 0; c < width; c++) {
                        amplitude += filter[r][c]
                                * Math.cos(2 * Math.PI * ((double) k * r / height + (double) l * c / width));
                    }
                }
                for (int r = 0; r < rows; r++) {
                    for (int c = 0; c < columns; c++) {
                        out[r][c] += amplitude
                                * Math.cos(2 * Math.PI * ((double) k * r / rows + (double) l * c / columns))
                                / (rows * columns);
                    }
                }
            }
        }
        return out;
    }

    private static double sum(double[][] x) {
        double sum = 0;
        for (double[] row : x) {
            for (double value : row) {
                sum += value;
            }
        }
        return sum;
    }
}
