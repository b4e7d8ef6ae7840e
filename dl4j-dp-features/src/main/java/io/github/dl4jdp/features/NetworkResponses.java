// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.features;

import java.util.Arrays;

/** What the layers of a {@link DrawnNetwork} answer to images and their mirror images; has buffers of its own, so one thread each. */
final class NetworkResponses {
    /** Convolutions whose answers count, from 0. */
    private static final int[] LAYERS = {3, 5};

    /** Brings the layers' answers to drawings to about the same variance, as directions are chosen by variance. */
    private static final float[] WEIGHTS = {1, 0.44f};

    /** Images and mirror images that go through the network together: rows get long enough for vector instructions. */
    private static final int AT_ONCE = 4;

    private final DrawnNetwork.Convolution[] convolutions;
    private final int height;
    private final int width;

    /** Of each convolution's output. */
    private final int[] rows;

    private final int[] columns;

    /** Row c has channel c of all images, one after the other: first of the input, then of each convolution's output. */
    private final float[][][] planes;

    /** Of each convolution: row i has, for every position of the output, the input that weight i belongs to. */
    private final float[][][] taps;

    private final PatchPooling[] poolings;

    /** Of each layer that counts: [box][channel]. */
    private final float[][][] sums;

    private final float[][][] spectra;

    /** Buffers for images of the size that they have in the network. */
    NetworkResponses(DrawnNetwork network, int height, int width) {
        this.convolutions = network.convolutions;
        this.height = height;
        this.width = width;
        int depth = convolutions.length;
        this.rows = new int[depth];
        this.columns = new int[depth];
        this.planes = new float[depth + 1][][];
        this.taps = new float[depth][][];
        planes[0] = new float[DrawnNetwork.CHANNELS][AT_ONCE * height * width];
        for (int k = 0; k < depth; k++) {
            rows[k] = convolutions[k].positions(k == 0 ? height : rows[k - 1]);
            columns[k] = convolutions[k].positions(k == 0 ? width : columns[k - 1]);
            int length = AT_ONCE * rows[k] * columns[k];
            taps[k] = new float[convolutions[k].weights[0].length][length];
            planes[k + 1] = new float[convolutions[k].outputs()][length];
        }
        this.poolings = new PatchPooling[LAYERS.length];
        this.sums = new float[LAYERS.length][][];
        this.spectra = new float[LAYERS.length][][];
        for (int i = 0; i < LAYERS.length; i++) {
            int outputs = convolutions[LAYERS[i]].outputs();
            poolings[i] = new PatchPooling(rows[LAYERS[i]], columns[LAYERS[i]], outputs, 1);
            sums[i] = new float[poolings[i].boxes()][outputs];
            spectra[i] = new float[PatchOptions.GRID * PatchOptions.GRID][outputs];
        }
    }

    /** Numbers of each frequency: channels of all layers that count. */
    static int length(DrawnNetwork network) {
        return Arrays.stream(LAYERS)
                .map(layer -> network.convolutions[layer].outputs())
                .sum();
    }

    /**
     * Averages what channels answer over an image's cells and over the image and its mirror image, and transforms the averages'
     * roots over the cells.
     *
     * @param images [3, height, width] each, of pixels from 0 to 1
     * @param to for each image [frequency][channel], those of the earlier layer first
     */
    void spectra(float[][] images, float[][][] to) {
        int together = AT_ONCE / 2;
        for (int from = 0; from < images.length; from += together) {
            int count = Math.min(together, images.length - from);
            for (int n = 0; n < count; n++) {
                copy(images[from + n], 2 * n);
            }
            for (int k = 0; k < convolutions.length; k++) {
                convolve(k);
            }
            for (int n = 0; n < count; n++) {
                spectrum(n, to[from + n]);
            }
        }
    }

    /** Puts an image and its mirror image into two places. */
    private void copy(float[] image, int place) {
        int plane = height * width;
        for (int c = 0; c < DrawnNetwork.CHANNELS; c++) {
            float[] row = planes[0][c];
            for (int i = 0; i < plane; i++) {
                float value = image[c * plane + i] - DrawnNetwork.GRAY;
                int column = i % width;
                row[place * plane + i] = value;
                row[(place + 1) * plane + i - column + width - 1 - column] = value;
            }
        }
    }

    private void convolve(int k) {
        DrawnNetwork.Convolution convolution = convolutions[k];
        float[][] inputs = taps[k];
        gather(k);
        float[][] outputs = planes[k + 1];
        int length = outputs[0].length;
        for (int o = 0; o < outputs.length; o++) {
            Arrays.fill(outputs[o], convolution.biases[o]);
        }
        // Four rows of inputs stay in the first cache while all outputs take their share of them.
        for (int i = 0; i < inputs.length; i += 4) {
            for (int o = 0; o < outputs.length; o++) {
                float[] weights = convolution.weights[o];
                Rows.addCombined(
                        outputs[o],
                        inputs[i],
                        weights[i],
                        inputs[i + 1],
                        weights[i + 1],
                        inputs[i + 2],
                        weights[i + 2],
                        inputs[i + 3],
                        weights[i + 3],
                        length);
            }
        }
        for (float[] output : outputs) {
            Rows.rectify(output, length);
        }
    }

    private void gather(int k) {
        DrawnNetwork.Convolution convolution = convolutions[k];
        int kernel = convolution.kernel;
        int before = k == 0 ? height : rows[k - 1];
        int across = k == 0 ? width : columns[k - 1];
        for (int i = 0; i < taps[k].length; i++) {
            float[] input = planes[k][i / (kernel * kernel)];
            int down = i / kernel % kernel - convolution.padding();
            int right = i % kernel - convolution.padding();
            if (convolution.stride == 1) {
                shift(input, taps[k][i], before, across, down, right);
            } else {
                gather(input, taps[k][i], before, across, down, right, k);
            }
        }
    }

    /** Each output's input is as far from it in every image, but where that is outside. */
    private static void shift(float[] from, float[] to, int before, int across, int down, int right) {
        int by = down * across + right;
        System.arraycopy(from, Math.max(0, by), to, Math.max(0, -by), from.length - Math.abs(by));
        for (int image = 0; image < AT_ONCE; image++) {
            int first = image * before * across;
            for (int row = 0; row < before; row++) {
                int start = first + row * across;
                if (row + down < 0 || row + down >= before) {
                    Arrays.fill(to, start, start + across, 0);
                } else if (right < 0) {
                    Arrays.fill(to, start, start - right, 0);
                } else {
                    Arrays.fill(to, start + across - right, start + across, 0);
                }
            }
        }
    }

    private void gather(float[] from, float[] to, int before, int across, int down, int right, int k) {
        int stride = convolutions[k].stride;
        int next = 0;
        for (int image = 0; image < AT_ONCE; image++) {
            for (int row = 0; row < rows[k]; row++) {
                int r = row * stride + down;
                int start = (image * before + r) * across;
                for (int column = 0; column < columns[k]; column++) {
                    int c = column * stride + right;
                    to[next++] = r < 0 || r >= before || c < 0 || c >= across ? 0 : from[start + c];
                }
            }
        }
    }

    private void spectrum(int image, float[][] to) {
        int next = 0;
        for (int i = 0; i < LAYERS.length; i++) {
            float[][] output = planes[LAYERS[i] + 1];
            addBoxes(2 * image, i, output);
            poolings[i].spectrum(sums[i], spectra[i]);
            for (int frequency = 0; frequency < to.length; frequency++) {
                Rows.scale(spectra[i][frequency], WEIGHTS[i], output.length);
                System.arraycopy(spectra[i][frequency], 0, to[frequency], next, output.length);
            }
            next += output.length;
        }
    }

    /** Adds up the answers to an image and to its mirror image. */
    private void addBoxes(int place, int i, float[][] output) {
        int down = rows[LAYERS[i]];
        int across = columns[LAYERS[i]];
        for (float[] box : sums[i]) {
            Arrays.fill(box, 0);
        }
        for (int position = 0; position < 2 * down * across; position++) {
            float[] box = sums[i][poolings[i].box(position / across % down, position % across)];
            int at = place * down * across + position;
            for (int c = 0; c < output.length; c++) {
                box[c] += output[c][at];
            }
        }
    }
}
