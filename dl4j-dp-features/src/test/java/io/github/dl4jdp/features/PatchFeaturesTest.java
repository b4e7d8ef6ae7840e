// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.features;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;
import java.util.random.RandomGenerator;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

class PatchFeaturesTest {
    private static final PatchOptions SMALL = new PatchOptions(12, 10, 4, 20, 0);
    private static final int SIDE = 16;

    /** Sixteen frequencies of 10, 4 and 4 components. */
    private static final int LENGTH = 288;

    private static final int EACH = 3 * SIDE * SIDE;
    private static final PatchFeatures features = PatchFeatures.learn(3, SIDE, SIDE, 5, SMALL);

    private final RandomGenerator random = new SplittableRandom(7);

    @Test
    void extract_image_hasNormOneAndTheShapeSaid() {
        float[] out = features.extract(drawn(3, SIDE, 2));

        assertThat(features.outputShape()).containsExactly(LENGTH);
        assertThat(out).hasSize(2 * LENGTH);
        assertThat(norm(Arrays.copyOfRange(out, 0, LENGTH))).isCloseTo(1, within(1e-6));
        assertThat(norm(Arrays.copyOfRange(out, LENGTH, 2 * LENGTH))).isCloseTo(1, within(1e-6));
    }

    @Test
    void extract_mirrorImage_hasTheSameFeatures() {
        float[] image = drawn(3, SIDE, 1);
        float[] mirrored = new float[EACH];
        for (int i = 0; i < EACH; i++) {
            mirrored[i - i % SIDE + SIDE - 1 - i % SIDE] = image[i];
        }

        assertThat(distance(features.extract(image), features.extract(mirrored)))
                .isLessThan(1e-5);
        assertThat(distance(features.extract(image), features.extract(drawn(3, SIDE, 1))))
                .isGreaterThan(0.1);
    }

    @Test
    void extract_brighterImage_hasTheSameFeatures() {
        float[] image = drawn(3, SIDE, 1);
        float[] brighter = image.clone();
        for (int i = 0; i < EACH; i++) {
            brighter[i] += 0.25f;
        }

        assertThat(distance(features.extract(image), features.extract(brighter)))
                .isLessThan(1e-4);
    }

    @Test
    void learn_sameSeed_givesTheSameBits() {
        float[] image = drawn(3, SIDE, 1);
        PatchFeatures again = PatchFeatures.learn(3, SIDE, SIDE, 5, SMALL);
        PatchFeatures other = PatchFeatures.learn(3, SIDE, SIDE, 6, SMALL);

        assertThat(again.extract(image)).isEqualTo(features.extract(image));
        assertThat(again.identity()).isEqualTo(features.identity());
        assertThat(other.extract(image)).isNotEqualTo(features.extract(image));
        assertThat(other.identity()).isNotEqualTo(features.identity());
    }

    @Test
    void extract_firstImagesOnSeveralThreads_haveTheSameBits() {
        float[] image = drawn(3, SIDE, 1);
        PatchFeatures fresh = PatchFeatures.learn(3, SIDE, SIDE, 5, SMALL);

        List<float[]> outs = IntStream.range(0, 8)
                .parallel()
                .mapToObj(n -> fresh.extract(image))
                .toList();

        assertThat(outs).allSatisfy(out -> assertThat(out).isEqualTo(features.extract(image)));
    }

    @Test
    void extract_moreImagesThanAreProjectedAtOnce_equalsEachAlone() {
        float[] images = drawn(3, SIDE, 19);

        float[] out = features.extract(images);

        for (int n = 0; n < 19; n++) {
            float[] alone = features.extract(Arrays.copyOfRange(images, n * EACH, (n + 1) * EACH));
            assertThat(Arrays.copyOfRange(out, n * LENGTH, (n + 1) * LENGTH)).isEqualTo(alone);
        }
    }

    @Test
    void extract_imageAmongOthers_dependsOnItselfAlone() {
        float[] images = drawn(3, SIDE, 3);
        float[] alone = features.extract(Arrays.copyOfRange(images, EACH, 2 * EACH));
        Arrays.fill(images, 0, EACH, Float.NaN);
        Arrays.fill(images, 2 * EACH, 3 * EACH, 0);

        float[] out = features.extract(images);

        assertThat(Arrays.copyOfRange(out, LENGTH, 2 * LENGTH)).isEqualTo(alone);
        assertThat(Arrays.copyOfRange(out, 0, LENGTH)).containsOnly(0f);
        assertThat(out).doesNotContain(Float.NaN);
    }

    @Test
    void spectrum_randomImage_equalsTheDefinition() {
        PatchFilters filters = new PatchFilters(SMALL, 3, 1, PatchOptions.PATCH_DAMPING, new SplittableRandom(1));
        float[] image = drawn(3, SIDE, 1);
        float[][] spectrum = new float[16][24];

        new PatchResponses(filters, 3, SIDE, SIDE).spectrum(image, spectrum);

        // Eleven positions along each axis.
        PatchPooling pooling = new PatchPooling(11, 11, 24, 3);
        float[][] sums = new float[pooling.boxes()][24];
        for (int position = 0; position < 121; position++) {
            int row = position / 11;
            int column = position % 11;
            double[] direct = whitened(filters, image, row, column, false);
            double[] mirrored = whitened(filters, image, row, 10 - column, true);
            float[] box = sums[pooling.box(row, column)];
            for (int k = 0; k < 12; k++) {
                for (double[] patch : new double[][] {direct, mirrored}) {
                    double response = response(filters.filters[k], patch);
                    box[k] += (float) Math.max(0, response - 0.3);
                    box[12 + k] += (float) Math.max(0, -response - 0.3);
                }
            }
        }
        float[][] expected = new float[16][24];
        pooling.spectrum(sums, expected);
        for (int frequency = 0; frequency < 16; frequency++) {
            assertThat(spectrum[frequency]).containsExactly(expected[frequency], within(1e-4f));
        }
        assertThat(norm(spectrum[0])).isGreaterThan(0.01);
    }

    /** A patch, or its mirror image, whitened, without the directions that are left out, and of norm nearly one. */
    private static double[] whitened(PatchFilters filters, float[] image, int row, int column, boolean mirror) {
        double[] patch = new double[108];
        double mean = 0;
        for (int d = 0; d < 108; d++) {
            int across = mirror ? 5 - d % 6 : d % 6;
            patch[d] = image[d / 36 * SIDE * SIDE + (row + d / 6 % 6) * SIDE + column + across];
            mean += patch[d] / 108;
        }
        double variance = 0;
        for (double value : patch) {
            variance += (value - mean) * (value - mean) / 108;
        }
        for (int d = 0; d < 108; d++) {
            patch[d] = (patch[d] - mean) / Math.sqrt(variance + 100.0 / (255 * 255));
        }
        double[] out = kept(filters.whitening.coordinates(patch));
        double squares = Math.pow(0.5 * filters.medianNorm, 2);
        for (double value : out) {
            squares += value * value;
        }
        for (int j = 0; j < out.length; j++) {
            out[j] /= Math.sqrt(squares);
        }
        return out;
    }

    private static double response(double[] filter, double[] patch) {
        double[] weights = kept(filter);
        double sum = 0;
        double squares = 0;
        for (int j = 0; j < weights.length; j++) {
            sum += weights[j] * patch[j];
            squares += weights[j] * weights[j];
        }
        return sum / Math.sqrt(squares);
    }

    /** 32 of the 54 symmetric coordinates and 32 of the 54 others. */
    private static double[] kept(double[] coordinates) {
        double[] out = new double[64];
        System.arraycopy(coordinates, 0, out, 0, 32);
        System.arraycopy(coordinates, 54, out, 32, 32);
        return out;
    }

    @Test
    void drawings_ofASeed_areColoredBetweenZeroAndOneAndDiffer() {
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

        // At the other two resolutions three eighths of the components each, rounded up.
        assertThat(few.outputShape()).containsExactly(16 * (6 + 3 + 3));
        assertThat(norm(few.extract(drawn(1, 16, 1)))).isCloseTo(1, within(1e-6));
        assertThat(PatchOptions.of(800, 256)).isEqualTo(PatchOptions.standard());
    }

    @Test
    void learnWithNetwork_image_hasFeaturesOfItsOwnBesideThoseOfPatches() {
        PatchFeatures both = PatchFeatures.learnWithNetwork(3, SIDE, SIDE, 5, 12, 10);
        PatchFeatures again = PatchFeatures.learnWithNetwork(3, SIDE, SIDE, 5, 12, 10);
        float[] image = drawn(3, SIDE, 1);
        float[] mirrored = new float[EACH];
        for (int i = 0; i < EACH; i++) {
            mirrored[i - i % SIDE + SIDE - 1 - i % SIDE] = image[i];
        }

        float[] out = both.extract(image);

        // Five more components for each of the sixteen frequencies.
        assertThat(both.outputShape()).containsExactly(LENGTH + 16 * 5);
        assertThat(norm(out)).isCloseTo(1, within(1e-6));
        assertThat(again.extract(image)).isEqualTo(out);
        assertThat(distance(both.extract(mirrored), out)).isLessThan(1e-5);
        assertThat(both.identity())
                .isEqualTo(again.identity())
                .isNotEqualTo(PatchFeatures.learn(3, SIDE, SIDE, 5, 12, 10).identity());
        // Patches do not see how bright an image is.
        float[] brighter = image.clone();
        for (int i = 0; i < EACH; i++) {
            brighter[i] += 0.25f;
        }
        assertThat(distance(both.extract(brighter), out)).isGreaterThan(0.01);
    }

    @Test
    void learnWithNetwork_grayImages_areThoseOfEqualChannels() {
        NetworkSpectra gray = new NetworkSpectra(1, SIDE, SIDE);
        NetworkSpectra colored = new NetworkSpectra(3, SIDE, SIDE);
        float[] image = drawn(1, SIDE, 1);
        float[] channels = new float[EACH];
        for (int i = 0; i < EACH; i++) {
            channels[i] = image[i % (SIDE * SIDE)];
        }
        float[][][] first = new float[1][16][gray.length()];
        float[][][] second = new float[1][16][gray.length()];

        gray.find(new float[][] {image}, first);
        colored.find(new float[][] {channels}, second);

        assertThat(first[0]).isDeepEqualTo(second[0]);
        assertThat(norm(PatchFeatures.learnWithNetwork(1, 28, 28, 5, 12, 10).extract(drawn(1, 28, 1))))
                .isCloseTo(1, within(1e-6));
    }

    @Test
    void learn_grayImages_work() {
        PatchFeatures gray = PatchFeatures.learn(1, 28, 28, 5, SMALL);

        assertThat(gray.inputShape()).containsExactly(1, 28, 28);
        assertThat(norm(gray.extract(drawn(1, 28, 1)))).isCloseTo(1, within(1e-6));
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

    /** Pictures that no other call gives: noise has hardly any response. */
    private float[] drawn(int channels, int side, int count) {
        return DrawnPictures.leaves(channels, side, side, count, random.nextLong());
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
