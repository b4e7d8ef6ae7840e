// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.features;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Objects;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;

class NetworkResponsesTest {
    private static final DrawnNetwork network = DrawnNetwork.shipped();
    private static final int FREQUENCIES = 16;

    /** Other software's own arithmetic of the same weights, in double precision, by docs/notes/pretraining/export.py. */
    @Test
    void spectra_madeUpImage_equalPyTorch() throws IOException {
        int side = 48;
        float[] image = new float[3 * side * side];
        for (int i = 0; i < image.length; i++) {
            int channel = i / (side * side);
            int row = i / side % side;
            int column = i % side;
            image[i] = (row * (3 + channel) + column * column * (1 + channel) / 7) % 97 / 96f;
        }

        float[][] found = spectra(side, side, image)[0];

        List<String> lines = answers();
        assertThat(lines).hasSizeGreaterThan(1_000);
        double largest = 0;
        for (String line : lines) {
            String[] cells = line.split(",", -1);
            double expected = Double.parseDouble(cells[2]);
            assertThat((double) found[Integer.parseInt(cells[0])][Integer.parseInt(cells[1])])
                    .isCloseTo(expected, within(1e-4));
            largest = Math.max(largest, Math.abs(expected));
        }
        assertThat(largest).isGreaterThan(1);
    }

    private static List<String> answers() throws IOException {
        try (InputStream in = NetworkResponsesTest.class.getResourceAsStream("network-answers.csv")) {
            return new String(Objects.requireNonNull(in).readAllBytes(), StandardCharsets.UTF_8)
                    .lines()
                    .toList();
        }
    }

    @Test
    void spectra_imagesThatAreNotSquare_equalTheDefinition() {
        int height = 24;
        int width = 36;
        float[] image = DrawnPictures.leaves(3, height, width, 1, 4);

        float[][] found = spectra(height, width, image)[0];

        double[][] expected = spectrum(image, height, width);
        for (int frequency = 0; frequency < FREQUENCIES; frequency++) {
            for (int channel = 0; channel < expected[frequency].length; channel++) {
                assertThat((double) found[frequency][channel]).isCloseTo(expected[frequency][channel], within(1e-4));
            }
        }
        assertThat(expected[0]).hasSize(384);
    }

    @Test
    void spectra_imageAmongOthers_dependOnItselfAlone() {
        float[][] images = new float[5][];
        for (int n = 0; n < images.length; n++) {
            images[n] = DrawnPictures.leaves(3, 24, 24, 1, n);
        }
        float[][][] together = spectra(24, 24, images);
        images[3] = new float[images[3].length];
        images[3][0] = Float.NaN;
        float[][][] besideOthers = spectra(24, 24, images);

        for (int n : new int[] {0, 1, 2, 4}) {
            assertThat(together[n]).isDeepEqualTo(spectra(24, 24, images[n])[0]);
            assertThat(besideOthers[n]).isDeepEqualTo(together[n]);
        }
    }

    /** In buffers that another image has been in. */
    private static float[][][] spectra(int height, int width, float[]... images) {
        NetworkResponses responses = new NetworkResponses(network, height, width);
        SplittableRandom random = new SplittableRandom(1);
        float[] other = new float[3 * height * width];
        for (int i = 0; i < other.length; i++) {
            other[i] = random.nextFloat();
        }
        float[][][] to = new float[images.length][FREQUENCIES][NetworkResponses.length(network)];
        responses.spectra(new float[][] {other, other}, new float[2][FREQUENCIES][to[0][0].length]);
        responses.spectra(images, to);
        return to;
    }

    /** One number after the other, in double precision. */
    private static double[][] spectrum(float[] image, int height, int width) {
        double[][] out = new double[FREQUENCIES][384];
        double[][][][] both = {layers(image, height, width, false), layers(image, height, width, true)};
        int next = 0;
        for (int layer : new int[] {3, 5}) {
            int channels = both[0][layer].length;
            double weight = layer == 3 ? 1 : 0.44;
            for (int c = 0; c < channels; c++) {
                double[] roots = new double[16];
                for (int cell = 0; cell < 16; cell++) {
                    roots[cell] = Math.sqrt((mean(both[0][layer][c], layer, height, width, cell)
                                    + mean(both[1][layer][c], layer, height, width, cell))
                            / 2);
                }
                for (int frequency = 0; frequency < FREQUENCIES; frequency++) {
                    for (int cell = 0; cell < 16; cell++) {
                        out[frequency][next + c] += weight
                                * roots[cell]
                                * cosine(frequency / 4, cell / 4)
                                * cosine(frequency % 4, cell % 4);
                    }
                }
            }
            next += channels;
        }
        return out;
    }

    private static int positions(int side, int layer) {
        return layer == 3 ? side / 4 : (side / 4 + 1) / 2;
    }

    private static double mean(double[] plane, int layer, int height, int width, int cell) {
        int rows = positions(height, layer);
        int columns = positions(width, layer);
        double sum = 0;
        double weights = 0;
        for (int row = 0; row < rows; row++) {
            for (int column = 0; column < columns; column++) {
                double weight = window(row, rows, cell / 4) * window(column, columns, cell % 4);
                sum += weight * plane[row * columns + column];
                weights += weight;
            }
        }
        return sum / weights;
    }

    private static double window(int position, int positions, int cell) {
        double distance = (2.0 * position + 1) / positions - 1 - 0.73 * (2.0 * cell / 3 - 1);
        return Math.exp(-distance * distance / (2 * 0.33 * 0.33));
    }

    private static double cosine(int frequency, int cell) {
        return Math.sqrt((frequency == 0 ? 1.0 : 2.0) / 4) * Math.cos(Math.PI * frequency * (cell + 0.5) / 4);
    }

    /** [layer][channel][position]. */
    private static double[][][] layers(float[] image, int height, int width, boolean mirrored) {
        double[][] planes = new double[3][height * width];
        for (int i = 0; i < image.length; i++) {
            int column = mirrored ? width - 1 - i % width : i % width;
            planes[i / (height * width)][i / width % height * width + column] = image[i] - 0.5;
        }
        int rows = height;
        int columns = width;
        double[][][] out = new double[6][][];
        for (int k = 0; k < 6; k++) {
            DrawnNetwork.Convolution convolution = network.convolutions[k];
            out[k] = convolved(convolution, planes, rows, columns);
            rows = (rows + convolution.stride - 1) / convolution.stride;
            columns = (columns + convolution.stride - 1) / convolution.stride;
            planes = out[k];
        }
        return out;
    }

    private static double[][] convolved(
            DrawnNetwork.Convolution convolution, double[][] planes, int rows, int columns) {
        int stride = convolution.stride;
        int kernel = convolution.kernel;
        int down = (rows + stride - 1) / stride;
        int across = (columns + stride - 1) / stride;
        int pad = kernel == 6 ? 2 : 1;
        double[][] out = new double[convolution.biases.length][down * across];
        for (int o = 0; o < out.length; o++) {
            for (int position = 0; position < down * across; position++) {
                double sum = convolution.biases[o];
                for (int i = 0; i < convolution.weights[o].length; i++) {
                    int row = position / across * stride + i / kernel % kernel - pad;
                    int column = position % across * stride + i % kernel - pad;
                    if (row >= 0 && row < rows && column >= 0 && column < columns) {
                        sum += convolution.weights[o][i] * planes[i / (kernel * kernel)][row * columns + column];
                    }
                }
                out[o][position] = Math.max(0, sum);
            }
        }
        return out;
    }
}
