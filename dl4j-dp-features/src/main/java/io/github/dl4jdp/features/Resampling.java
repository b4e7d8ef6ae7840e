// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.features;

import java.util.Arrays;

/**
 * Images at another resolution: each new pixel is the weighted mean of the old ones around its place, with weights that fall linearly to
 * zero over one old pixel, or over one new pixel where those are larger.
 */
final class Resampling {
    private final int height;
    private final int width;
    private final int newHeight;
    private final int newWidth;
    private final float[][] down;
    private final float[][] across;

    Resampling(int height, int width, int newHeight, int newWidth) {
        this.height = height;
        this.width = width;
        this.newHeight = newHeight;
        this.newWidth = newWidth;
        this.down = weights(height, newHeight);
        this.across = weights(width, newWidth);
    }

    /** Row i has the weights of old pixels in new pixel i; they add up to one. */
    private static float[][] weights(int before, int after) {
        double step = (double) before / after;
        double reach = Math.max(1, step);
        float[][] out = new float[after][before];
        for (int i = 0; i < after; i++) {
            double center = (i + 0.5) * step - 0.5;
            double[] heights = new double[before];
            double sum = 0;
            for (int j = 0; j < before; j++) {
                heights[j] = Math.max(0, 1 - Math.abs(j - center) / reach);
                sum += heights[j];
            }
            for (int j = 0; j < before; j++) {
                out[i][j] = (float) (heights[j] / sum);
            }
        }
        return out;
    }

    /**
     * Resamples an image.
     *
     * @param image [channels, height, width]
     * @return [channels, new height, new width]; the image itself where the size is the same
     */
    float[] apply(float[] image) {
        if (height == newHeight && width == newWidth) {
            return image;
        }
        int channels = image.length / (height * width);
        float[] out = new float[channels * newHeight * newWidth];
        float[] line = new float[width];
        for (int channel = 0; channel < channels; channel++) {
            for (int row = 0; row < newHeight; row++) {
                combineRows(image, channel, down[row], line);
                for (int column = 0; column < newWidth; column++) {
                    float sum = 0;
                    for (int j = 0; j < width; j++) {
                        sum += across[column][j] * line[j];
                    }
                    out[(channel * newHeight + row) * newWidth + column] = sum;
                }
            }
        }
        return out;
    }

    private void combineRows(float[] image, int channel, float[] weights, float[] line) {
        Arrays.fill(line, 0);
        for (int i = 0; i < height; i++) {
            if (weights[i] != 0) {
                int from = (channel * height + i) * width;
                for (int j = 0; j < width; j++) {
                    line[j] += weights[i] * image[from + j];
                }
            }
        }
    }
}
