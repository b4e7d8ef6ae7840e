// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.features;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.SplittableRandom;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.random.RandomGenerator;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class ScatteringTransformTest {
    private final RandomGenerator random = new SplittableRandom(7);

    @ParameterizedTest
    @CsvSource({"32, 32, 8, 8", "28, 28, 7, 7", "9, 14, 2, 3", "11, 8, 2, 2"})
    void extract_randomImage_equalsTheDefinition(int height, int width, int outHeight, int outWidth) {
        ScatteringTransform transform = ScatteringTransform.of(1, height, width);
        float[] image = random(height * width);

        float[] features = transform.extract(image);

        assertThat(transform.outputShape()).containsExactly(81, outHeight, outWidth);
        double[][][] expected = DirectScattering.scatter(matrix(image, height, width));
        assertThat(expected[0]).hasDimensions(outHeight, outWidth);
        for (int path = 0; path < 81; path++) {
            for (int r = 0; r < outHeight; r++) {
                for (int c = 0; c < outWidth; c++) {
                    double actual = features[(path * outHeight + r) * outWidth + c];
                    // Float rounding is some 1e-7 of a pixel; the smallest coefficients are about 1e-3.
                    assertThat(actual)
                            .as("path %d, (%d, %d)", path, r, c)
                            .isCloseTo(expected[path][r][c], within(2e-6));
                }
            }
        }
    }

    /** Paths of an edge's own orientation answer most: pins which index is which angle. */
    @Test
    void extract_gratings_answerInTheirOrientationAndScale() {
        ScatteringTransform transform = ScatteringTransform.of(1, 32, 32);
        for (int scale = 0; scale < 2; scale++) {
            for (int theta = 0; theta < 8; theta++) {
                double angle = (3 - theta) * Math.PI / 8;
                double frequency = 0.75 * Math.PI / (1 << scale);
                float[] grating = new float[32 * 32];
                for (int i = 0; i < grating.length; i++) {
                    int row = i / 32;
                    int column = i % 32;
                    grating[i] = (float) Math.cos(frequency * (row * Math.cos(angle) + column * Math.sin(angle)));
                }

                float[] features = transform.extract(grating);

                int strongest = 1;
                for (int path = 1; path < 17; path++) {
                    if (center(features, path) > center(features, strongest)) {
                        strongest = path;
                    }
                }
                assertThat(strongest).as("scale %d angle %d", scale, theta).isEqualTo(1 + 8 * scale + theta);
            }
        }
    }

    private static float center(float[] features, int path) {
        return features[path * 64 + 4 * 8 + 4];
    }

    @Test
    void extract_constantImage_isTheConstantAndZeros() {
        float[] features = ScatteringTransform.of(1, 32, 32).extract(filled(32 * 32, 0.7f));

        for (int i = 0; i < 64; i++) {
            // The filters' pi is 3.1415: 3e-5 off.
            assertThat(features[i]).isCloseTo(0.7f * (float) (Math.PI / 3.1415), within(1e-6f));
        }
        for (int i = 64; i < features.length; i++) {
            assertThat(features[i]).isCloseTo(0, within(1e-6f));
        }
    }

    @Test
    void extract_shiftByTheSamplingStep_shiftsTheMaps() {
        ScatteringTransform transform = ScatteringTransform.of(1, 32, 32);
        // Content that stays clear of the outer pixels that reflection copies, before and after.
        float[] image = new float[32 * 32];
        float[] shifted = new float[32 * 32];
        for (int r = 8; r < 20; r++) {
            for (int c = 8; c < 20; c++) {
                image[r * 32 + c] = random.nextFloat();
                shifted[(r + 4) * 32 + c + 4] = image[r * 32 + c];
            }
        }

        float[] before = transform.extract(image);
        float[] after = transform.extract(shifted);

        for (int path = 0; path < 81; path++) {
            for (int r = 0; r < 7; r++) {
                for (int c = 0; c < 7; c++) {
                    assertThat(after[path * 64 + (r + 1) * 8 + c + 1])
                            .isCloseTo(before[path * 64 + r * 8 + c], within(1e-6f));
                }
            }
        }
    }

    @Test
    void extract_pairsOfImages_neverMovesFeaturesFurtherApart() {
        ScatteringTransform transform = ScatteringTransform.of(1, 32, 32);
        for (int pair = 0; pair < 50; pair++) {
            float[] x = random(1024);
            float[] y = random(1024);
            if (pair % 2 == 1) {
                y = x.clone();
                y[random.nextInt(1024)] += 0.5f;
            }

            assertThat(distance(transform.extract(x), transform.extract(y))).isLessThanOrEqualTo(distance(x, y));
        }
    }

    @Test
    void extract_manyImagesAndChannels_equalsOneByOne() {
        ScatteringTransform many = ScatteringTransform.of(3, 12, 16);
        ScatteringTransform single = ScatteringTransform.of(1, 12, 16);
        int plane = 12 * 16;
        int count = 13;
        float[] images = random(count * 3 * plane);

        float[] features = many.extract(images);

        int each = 81 * 3 * 4;
        assertThat(many.outputShape()).containsExactly(243, 3, 4);
        for (int p = 0; p < count * 3; p++) {
            assertThat(Arrays.copyOfRange(features, p * each, (p + 1) * each))
                    .as("plane %d", p)
                    .containsExactly(single.extract(Arrays.copyOfRange(images, p * plane, (p + 1) * plane)));
        }
    }

    @Test
    void extract_nonFiniteImage_leavesItsNeighborsAlone() {
        ScatteringTransform transform = ScatteringTransform.of(1, 8, 8);
        float[] images = random(3 * 64);
        float[] before = transform.extract(images);
        Arrays.fill(images, 64, 128, Float.NaN);

        float[] after = transform.extract(images);

        int each = 81 * 2 * 2;
        assertThat(Arrays.copyOfRange(after, 0, each)).containsExactly(Arrays.copyOfRange(before, 0, each));
        assertThat(Arrays.copyOfRange(after, 2 * each, 3 * each))
                .containsExactly(Arrays.copyOfRange(before, 2 * each, 3 * each));
        assertThat(after[each]).isNaN();
    }

    @Test
    void extract_severalThreads_giveTheSame() throws Exception {
        ScatteringTransform transform = ScatteringTransform.of(1, 28, 28);
        float[] images = random(40 * 784);
        float[] expected = transform.extract(images);
        ExecutorService pool = Executors.newFixedThreadPool(4);
        try {
            List<Callable<float[]>> calls = Collections.nCopies(12, () -> transform.extract(images));
            for (Future<float[]> result : pool.invokeAll(calls)) {
                assertThat(result.get()).isEqualTo(expected);
            }
        } finally {
            pool.shutdown();
        }
    }

    @Test
    void extract_noImages_givesNoFeatures() {
        assertThat(ScatteringTransform.of(1, 28, 28).extract(new float[0])).isEmpty();
    }

    @Test
    void extract_partOfAnImage_throws() {
        assertThatThrownBy(() -> ScatteringTransform.of(3, 8, 8).extract(new float[100]))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("multiple of 192, was 100");
    }

    @Test
    void of_sizesOutOfRange_throws() {
        assertThatThrownBy(() -> ScatteringTransform.of(0, 32, 32))
                .hasMessageContaining("channels must be >= 1, was 0");
        assertThatThrownBy(() -> ScatteringTransform.of(1, 7, 32))
                .hasMessageContaining("height must be in [8, 512], was 7");
        assertThatThrownBy(() -> ScatteringTransform.of(1, 32, 513))
                .hasMessageContaining("width must be in [8, 512], was 513");
    }

    private float[] random(int length) {
        float[] out = new float[length];
        for (int i = 0; i < length; i++) {
            out[i] = random.nextFloat();
        }
        return out;
    }

    private static float[] filled(int length, float value) {
        float[] out = new float[length];
        Arrays.fill(out, value);
        return out;
    }

    private static double[][] matrix(float[] image, int height, int width) {
        double[][] out = new double[height][width];
        for (int i = 0; i < image.length; i++) {
            out[i / width][i % width] = image[i];
        }
        return out;
    }

    private static double distance(float[] x, float[] y) {
        double sum = 0;
        for (int i = 0; i < x.length; i++) {
            sum += ((double) x[i] - y[i]) * ((double) x[i] - y[i]);
        }
        return Math.sqrt(sum);
    }
}
