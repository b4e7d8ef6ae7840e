// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.features;

import java.util.Arrays;
import java.util.Locale;
import java.util.SplittableRandom;
import org.jspecify.annotations.Nullable;

/**
 * Features of small photographs that were learned from drawn pictures alone: how strongly the parts of an image answer to
 * hundreds of small patterns.
 *
 * <p>Every 6x6 patch is whitened, scaled to norm one and compared with 800 whitened patches of random drawings and their mirror
 * images; what exceeds a threshold, for either sign, is averaged over the overlapping cells of a 4x4 grid and over the image and
 * its mirror image, so the features do not distinguish left from right. The averages' square roots go through a cosine transform over the
 * grid. Of the 16 x 1,600 numbers, the 4,096 directions of largest variance among the drawings are kept, each within one frequency
 * of the transform, and scaled to nearly equal variance.
 *
 * <p>The same is done with 400 other patterns each on the image enlarged to twice its sides and reduced to 0.53 times them, which
 * gives 1,536 numbers each. The numbers of all three are whitened by the covariance of what differs between two views of one drawing,
 * shifted, turned and zoomed; then the whole vector is scaled to norm one. Nothing comes from any example: two extractors
 * are equal when their seed and sizes are, on every machine.
 *
 * <p>A linear model of features with nearly equal variances learns in few steps, which is what noise leaves room for.
 *
 * <p>Source: A. Coates and A. Ng, ICML 2011, for the encoding; L. Thiry, M. Arbel, E. Belilovsky, E. Oyallon, The Unreasonable
 * Effectiveness of Patches in Deep Convolutional Kernels Methods, ICLR 2021, for whitened patches of norm one; X. Tang et al.,
 * Differentially Private Image Classification by Learning Priors from Random Processes, NeurIPS 2023, for learning from drawn
 * pictures; A. Hatch, S. Kajarekar, A. Stolcke, Within-Class Covariance Normalization for SVM-based Speaker Recognition, Interspeech
 * 2006, for whitening by differences.
 */
public final class PatchFeatures implements FeatureExtractor {
    private static final int MIN_SIDE = 16;
    private static final int MAX_SIDE = 64;
    private static final int IMAGES_AT_ONCE = 16;

    private final int channels;
    private final int height;
    private final int width;
    private final long seed;
    private final PatchOptions options;

    private @Nullable FeatureParts learned;

    private PatchFeatures(int channels, int height, int width, long seed, PatchOptions options) {
        this.channels = channels;
        this.height = height;
        this.width = width;
        this.seed = seed;
        this.options = options;
    }

    /** Features that are already in a file are read without learning anything, so nothing is learned before an image comes. */
    private synchronized FeatureParts learned() {
        if (learned == null) {
            learned = new FeatureParts(options, channels, height, width, new SplittableRandom(seed));
        }
        return learned;
    }

    /**
     * Features to be learned from drawn pictures. Drawing and learning happen when the first image comes, once; they take about
     * five minutes of processor time, on all processors, and a gigabyte of the heap.
     *
     * @param channels 1 (gray) or 3 (red, green, blue)
     * @param seed of the drawings, public
     * @throws IllegalArgumentException if {@code channels} is neither 1 nor 3, or {@code height} or {@code width} is not an
     *     even number in [16, 64]
     */
    public static PatchFeatures learn(int channels, int height, int width, long seed) {
        return learn(channels, height, width, seed, PatchOptions.standard());
    }

    /**
     * As above, with a choice of how many features: fewer are faster, and less accurate.
     *
     * @param filters pairs of patterns, of mirror images, at the images' own resolution, and twice as many as at each of the other
     *     two; 800 above
     * @param components a sixteenth of the number of features at the images' own resolution, at most twice {@code filters}; the
     *     other two have three eighths of them each, rounded up; 256 above
     * @throws IllegalArgumentException as above, or if {@code filters < 1} or {@code components} is not in [1, 2 filters]
     */
    public static PatchFeatures learn(int channels, int height, int width, long seed, int filters, int components) {
        return learn(channels, height, width, seed, PatchOptions.of(filters, components));
    }

    /**
     * As {@link #learn(int, int, int, long)}, with 2,048 more features that have 35 % of the squared norm: what two layers of a network of six
     * convolutions answer to the image, enlarged to twice its sides, and to its mirror image. The network is in the library. It was trained once, on
     * drawn pictures alone, to tell them from one another by pieces that were cut out and recolored at random, so it costs no privacy either.
     * Extraction takes about three times as long. Gray images go in with three equal channels.
     *
     * <p>Source of the training: T. Wang and P. Isola, Understanding Contrastive Representation Learning through Alignment and Uniformity on the
     * Hypersphere, ICML 2020; of learning from drawings: M. Baradad et al., Learning to See by Looking at Noise, NeurIPS 2021.
     *
     * @param channels 1 (gray) or 3 (red, green, blue)
     * @param seed of the drawings that features are learned from, public; the network is the same for all
     * @throws IllegalArgumentException as above
     */
    public static PatchFeatures learnWithNetwork(int channels, int height, int width, long seed) {
        return learn(channels, height, width, seed, PatchOptions.standard().withNetwork());
    }

    /**
     * As above, with a choice of how many features come from patterns, and half as many from the network as from those at the images' own resolution.
     *
     * @param filters as for {@link #learn(int, int, int, long, int, int)}
     * @param components as there
     * @throws IllegalArgumentException as there
     */
    public static PatchFeatures learnWithNetwork(
            int channels, int height, int width, long seed, int filters, int components) {
        return learn(
                channels,
                height,
                width,
                seed,
                PatchOptions.of(filters, components).withNetwork());
    }

    static PatchFeatures learn(int channels, int height, int width, long seed, PatchOptions options) {
        if (channels != 1 && channels != 3) {
            throw new IllegalArgumentException("channels must be 1 or 3, was " + channels);
        }
        requireSide("height", height);
        requireSide("width", width);
        return new PatchFeatures(channels, height, width, seed, options);
    }

    private static void requireSide(String name, int side) {
        if (side < MIN_SIDE || side > MAX_SIDE || side % 2 != 0) {
            throw new IllegalArgumentException(
                    name + " must be an even number in [" + MIN_SIDE + ", " + MAX_SIDE + "], was " + side);
        }
    }

    @Override
    public long[] inputShape() {
        return new long[] {channels, height, width};
    }

    @Override
    public long[] outputShape() {
        return new long[] {options.features()};
    }

    @Override
    public String identity() {
        return String.format(
                Locale.ROOT,
                "patches %s input=%dx%dx%d seed=%d version=4",
                options.identity(),
                channels,
                height,
                width,
                seed);
    }

    /**
     * {@inheritDoc}
     *
     * @param examples images [count, channels, height, width], from 0 to 1
     * @return features [count, {@link #outputShape() features}], each of norm one (or zero, where an image is not finite)
     */
    @Override
    public float[] extract(float[] examples) {
        int each = channels * height * width;
        if (examples.length % each != 0) {
            throw new IllegalArgumentException(
                    "length of examples must be a multiple of " + each + ", was " + examples.length);
        }
        int count = examples.length / each;
        int length = options.features();
        float[] features = new float[Math.multiplyExact(count, length)];
        FeatureParts drawn = learned();
        for (int from = 0; from < count; from += IMAGES_AT_ONCE) {
            float[][] images = new float[Math.min(IMAGES_AT_ONCE, count - from)][];
            for (int n = 0; n < images.length; n++) {
                images[n] = Arrays.copyOfRange(examples, (from + n) * each, (from + n + 1) * each);
            }
            drawn.extract(images, length, features, from * length);
            for (int n = 0; n < images.length; n++) {
                normalize(features, (from + n) * length, length);
            }
        }
        return features;
    }

    private static void normalize(float[] features, int from, int length) {
        double squares = 0;
        for (int i = from; i < from + length; i++) {
            squares += (double) features[i] * features[i];
        }
        float scale = squares > 0 && squares < Double.POSITIVE_INFINITY ? (float) (1 / Math.sqrt(squares)) : 0;
        for (int i = from; i < from + length; i++) {
            features[i] = scale == 0 ? 0 : scale * features[i];
        }
    }
}
