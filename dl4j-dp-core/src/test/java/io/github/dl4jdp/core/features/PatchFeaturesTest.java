// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core.features;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.util.Arrays;
import java.util.SplittableRandom;
import java.util.random.RandomGenerator;
import org.junit.jupiter.api.Test;

class PatchFeaturesTest {
    private static final PatchOptions SMALL = new PatchOptions(12, 10, 4, 20);
    private static final int SIDE = 16;
    private static final int EACH = 3 * SIDE * SIDE;
    private static final PatchFeatures features = PatchFeatures.learn(3, SIDE, SIDE, 5, SMALL);

    private final RandomGenerator random = RandomGenerator.of("L64X128MixRandom");

    @Test
    void extract_image_hasNormOneAndTheShapeSaid() {
        float[] out = features.extract(random(2 * EACH));

        assertThat(features.outputShape()).containsExactly(90);
        assertThat(out).hasSize(180);
        assertThat(norm(Arrays.copyOfRange(out, 0, 90))).isCloseTo(1, within(1e-6));
        assertThat(norm(Arrays.copyOfRange(out, 90, 180))).isCloseTo(1, within(1e-6));
    }

    @Test
    void extract_mirrorImage_hasTheSameFeatures() {
        float[] image = random(EACH);
        float[] mirrored = new float[EACH];
        for (int i = 0; i < EACH; i++) {
            mirrored[i - i % SIDE + SIDE - 1 - i % SIDE] = image[i];
        }

        assertThat(distance(features.extract(image), features.extract(mirrored)))
                .isLessThan(1e-5);
        assertThat(distance(features.extract(image), features.extract(random(EACH))))
                .isGreaterThan(0.1);
    }

    @Test
    void extract_brighterImage_hasTheSameFeatures() {
        float[] image = random(EACH);
        float[] brighter = image.clone();
        for (int i = 0; i < EACH; i++) {
            brighter[i] += 0.25f;
        }

        assertThat(distance(features.extract(image), features.extract(brighter)))
                .isLessThan(1e-4);
    }

    @Test
    void learn_sameSeed_givesTheSameBits() {
        float[] image = random(EACH);
        PatchFeatures again = PatchFeatures.learn(3, SIDE, SIDE, 5, SMALL);
        PatchFeatures other = PatchFeatures.learn(3, SIDE, SIDE, 6, SMALL);

        assertThat(again.extract(image)).isEqualTo(features.extract(image));
        assertThat(again.identity()).isEqualTo(features.identity());
        assertThat(other.extract(image)).isNotEqualTo(features.extract(image));
        assertThat(other.identity()).isNotEqualTo(features.identity());
    }

    @Test
    void extract_imageAmongOthers_dependsOnItselfAlone() {
        float[] images = random(3 * EACH);
        float[] alone = features.extract(Arrays.copyOfRange(images, EACH, 2 * EACH));
        Arrays.fill(images, 0, EACH, Float.NaN);
        Arrays.fill(images, 2 * EACH, 3 * EACH, 0);

        float[] out = features.extract(images);

        assertThat(Arrays.copyOfRange(out, 90, 180)).isEqualTo(alone);
        assertThat(Arrays.copyOfRange(out, 0, 90)).containsOnly(0f);
        assertThat(out).doesNotContain(Float.NaN);
    }

    @Test
    void average_randomImage_equalsTheDefinition() {
        PatchFilters filters = new PatchFilters(SMALL, 3, new SplittableRandom(1));
        float[] image = random(EACH);
        float[][] averages = new float[9][24];

        new PatchResponses(filters, 3, SIDE, SIDE).average(image, averages);

        // Six positions along each axis, two a cell.
        for (int cell = 0; cell < 9; cell++) {
            for (int k = 0; k < 12; k++) {
                double positive = 0;
                double negative = 0;
                for (int position = 0; position < 4; position++) {
                    int row = 2 * (cell / 3 * 2 + position / 2);
                    int column = 2 * (cell % 3 * 2 + position % 2);
                    int mirroredColumn = SIDE - 6 - column;
                    double direct = response(filters, k, image, row, column);
                    double mirrored = response(filters, 12 + k, image, row, mirroredColumn);
                    positive += Math.max(0, direct - 0.25) + Math.max(0, mirrored - 0.25);
                    negative += Math.max(0, -direct - 0.25) + Math.max(0, -mirrored - 0.25);
                }
                assertThat((double) averages[cell][2 * k]).isCloseTo(positive / 8, within(1e-5));
                assertThat((double) averages[cell][2 * k + 1]).isCloseTo(negative / 8, within(1e-5));
            }
        }
    }

    private static double response(PatchFilters filters, int k, float[] image, int row, int column) {
        double[] patch = new double[108];
        double mean = 0;
        for (int d = 0; d < 108; d++) {
            patch[d] = image[d / 36 * SIDE * SIDE + (row + d / 6 % 6) * SIDE + column + d % 6];
            mean += patch[d] / 108;
        }
        double variance = 0;
        for (double value : patch) {
            variance += (value - mean) * (value - mean) / 108;
        }
        double sum = filters.biases[k];
        for (int d = 0; d < 108; d++) {
            sum += filters.filters[k][d] * (patch[d] - mean) / Math.sqrt(variance + 100.0 / (255 * 255));
        }
        return sum;
    }

    @Test
    void drawings_ofASeed_areColouredBetweenZeroAndOneAndDiffer() {
        DeadLeaves leaves = new DeadLeaves(new SplittableRandom(2), 32);
        float[] first = leaves.next();
        float[] second = leaves.next();

        assertThat(first).hasSize(3 * 32 * 32).isNotEqualTo(second);
        assertThat(new DeadLeaves(new SplittableRandom(2), 32).next()).isEqualTo(first);
        for (float value : first) {
            assertThat(value).isBetween(0f, 1f);
        }
        assertThat(Arrays.copyOfRange(first, 0, 1024)).isNotEqualTo(Arrays.copyOfRange(first, 1024, 2048));
    }

    @Test
    void learn_fewFilters_givesAsManyFeatures() {
        PatchFeatures few = PatchFeatures.learn(1, 16, 16, 5, 8, 6);

        assertThat(few.outputShape()).containsExactly(9 * 6);
        assertThat(norm(few.extract(random(256)))).isCloseTo(1, within(1e-6));
        assertThat(PatchOptions.of(600, 300)).isEqualTo(PatchOptions.standard());
    }

    @Test
    void learn_greyImages_work() {
        PatchFeatures grey = PatchFeatures.learn(1, 28, 28, 5, SMALL);

        assertThat(grey.inputShape()).containsExactly(1, 28, 28);
        assertThat(norm(grey.extract(random(784)))).isCloseTo(1, within(1e-6));
    }

    @Test
    void learn_sizesOutOfRange_throws() {
        assertThatThrownBy(() -> PatchFeatures.learn(2, 32, 32, 1))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("channels must be 1 or 3, was 2");
        assertThatThrownBy(() -> PatchFeatures.learn(3, 33, 32, 1))
                .hasMessageContaining("height must be an even number");
        assertThatThrownBy(() -> PatchFeatures.learn(3, 32, 14, 1))
                .hasMessageContaining("width")
                .hasMessageContaining("was 14");
        assertThatThrownBy(() -> PatchFeatures.learn(3, 32, 32, 1, 0, 1))
                .hasMessageContaining("filters must be at least 1, was 0");
        assertThatThrownBy(() -> PatchFeatures.learn(3, 32, 32, 1, 4, 9))
                .hasMessageContaining("components must be in [1, 8], was 9");
        assertThatThrownBy(() -> features.extract(new float[100])).hasMessageContaining("multiple of 768, was 100");
    }

    private float[] random(int length) {
        float[] out = new float[length];
        for (int i = 0; i < length; i++) {
            out[i] = 0.75f * random.nextFloat();
        }
        return out;
    }

    private static double norm(float[] x) {
        return distance(x, new float[x.length]);
    }

    private static double distance(float[] x, float[] y) {
        double sum = 0;
        for (int i = 0; i < x.length; i++) {
            sum += ((double) x[i] - y[i]) * ((double) x[i] - y[i]);
        }
        return Math.sqrt(sum);
    }
}
