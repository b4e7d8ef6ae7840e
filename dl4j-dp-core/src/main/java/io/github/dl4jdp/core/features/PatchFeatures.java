// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core.features;

import java.util.Arrays;
import java.util.Locale;
import java.util.SplittableRandom;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.random.RandomGenerator;
import org.hipparchus.linear.Array2DRowRealMatrix;
import org.hipparchus.linear.EigenDecompositionSymmetric;

/**
 * Features of small photographs that were learnt from drawn pictures alone: how strongly the parts of an image answer to
 * hundreds of small patterns.
 *
 * <p>Every 6x6 patch (each second pixel) gets mean zero and unit contrast and is compared with 600 whitened patches of random
 * drawings and their mirror images; what exceeds a threshold, for either sign, is averaged over the cells of a 3x3 grid and over
 * the image and its mirror image, so the features do not tell left from right. Of the 1,200 averages a cell, the 300 directions
 * of largest variance among the drawings are kept and scaled to nearly equal variance; then the whole vector is scaled to norm
 * one. Neither filters nor scales come from any example: two are equal when their seed and sizes are, on every machine.
 *
 * <p>A linear model of features with nearly equal variances learns in few steps, which is what noise leaves room for.
 *
 * <p>Source: A. Coates and A. Ng, ICML 2011, for the encoding; X. Tang et al., Differentially Private Image Classification by
 * Learning Priors from Random Processes, NeurIPS 2023, for learning from drawn pictures.
 */
public final class PatchFeatures implements FeatureExtractor {
    private static final int CELLS = PatchOptions.GRID * PatchOptions.GRID;
    private static final int MIN_SIDE = 16;
    private static final int MAX_SIDE = 64;

    private final int channels;
    private final int height;
    private final int width;
    private final long seed;
    private final PatchOptions options;
    private final PatchFilters filters;

    /** Subtracted from the averages of a cell. */
    private final float[] means;

    /** Row i has the weights of average i in the components. */
    private final float[][] projection;

    private final ConcurrentLinkedQueue<PatchResponses> idle = new ConcurrentLinkedQueue<>();

    private PatchFeatures(int channels, int height, int width, long seed, PatchOptions options) {
        this.channels = channels;
        this.height = height;
        this.width = width;
        this.seed = seed;
        this.options = options;
        RandomGenerator random = new SplittableRandom(seed);
        this.filters = new PatchFilters(options, channels, random);
        float[][] drawn = averagesOfDrawings(random);
        this.means = means(drawn);
        this.projection = projection(drawn);
    }

    /**
     * Draws pictures and learns from them; takes about half a minute.
     *
     * @param channels 1 (grey) or 3 (red, green, blue)
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
     * @param filters pairs of patterns, of mirror images; 600 above
     * @param components features a cell, at most twice {@code filters}; 300 above
     * @throws IllegalArgumentException as above, or if {@code filters < 1} or {@code components} is not in [1, 2 filters]
     */
    public static PatchFeatures learn(int channels, int height, int width, long seed, int filters, int components) {
        return learn(channels, height, width, seed, PatchOptions.of(filters, components));
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

    private float[][] averagesOfDrawings(RandomGenerator random) {
        int size = 2 * Math.max(height, width);
        DeadLeaves leaves = new DeadLeaves(random, size);
        var responses = new PatchResponses(filters, channels, height, width);
        float[][] out = new float[options.scalePictures() * 4 * CELLS][2 * options.filters()];
        int next = 0;
        for (int picture = 0; picture < options.scalePictures(); picture++) {
            float[] drawn = PatchFilters.asChannels(leaves.next(), channels);
            for (int part = 0; part < 4; part++) {
                float[] image = crop(drawn, size, part / 2 * height, part % 2 * width);
                float[][] cells = new float[CELLS][];
                System.arraycopy(out, next, cells, 0, CELLS);
                responses.average(image, cells);
                next += CELLS;
            }
        }
        return out;
    }

    private float[] crop(float[] picture, int size, int top, int left) {
        float[] out = new float[channels * height * width];
        for (int c = 0; c < channels; c++) {
            for (int r = 0; r < height; r++) {
                System.arraycopy(picture, (c * size + top + r) * size + left, out, (c * height + r) * width, width);
            }
        }
        return out;
    }

    private static float[] means(float[][] drawn) {
        double[] sums = new double[drawn[0].length];
        for (float[] row : drawn) {
            for (int i = 0; i < sums.length; i++) {
                sums[i] += row[i];
            }
        }
        float[] out = new float[sums.length];
        for (int i = 0; i < sums.length; i++) {
            out[i] = (float) (sums[i] / drawn.length);
        }
        return out;
    }

    private float[][] projection(float[][] drawn) {
        int size = means.length;
        double[][] covariance = new double[size][size];
        double[] centred = new double[size];
        for (float[] row : drawn) {
            for (int i = 0; i < size; i++) {
                centred[i] = row[i] - means[i];
            }
            // Products in this form are equal in both triangles, to the bit: the decomposition asks for that. Only
            // ratios
            // of variances matter, so the sum is not divided.
            for (int i = 0; i < size; i++) {
                double[] target = covariance[i];
                for (int j = 0; j < size; j++) {
                    target[j] += centred[i] * centred[j];
                }
            }
        }
        var eigen = new EigenDecompositionSymmetric(new Array2DRowRealMatrix(covariance, false));
        double largest = eigen.getEigenvalue(0);
        float[][] out = new float[size][options.components()];
        for (int component = 0; component < options.components(); component++) {
            double share = Math.max(0, eigen.getEigenvalue(component)) / largest;
            double scale = 1 / Math.sqrt(share + PatchOptions.COMPONENT_DAMPING);
            double[] vector = eigen.getEigenvector(component).toArray();
            for (int i = 0; i < size; i++) {
                out[i][component] = (float) (scale * vector[i]);
            }
        }
        return out;
    }

    @Override
    public long[] inputShape() {
        return new long[] {channels, height, width};
    }

    @Override
    public long[] outputShape() {
        return new long[] {(long) CELLS * options.components()};
    }

    @Override
    public String identity() {
        return String.format(
                Locale.ROOT, "patches %s input=%dx%dx%d seed=%d version=1", options, channels, height, width, seed);
    }

    /**
     * {@inheritDoc}
     *
     * @param examples images [count, channels, height, width], from 0 to 1
     * @return features [count, 9 x 300], each of norm one (or zero, where an image is not finite)
     */
    @Override
    public float[] extract(float[] examples) {
        int each = channels * height * width;
        if (examples.length % each != 0) {
            throw new IllegalArgumentException(
                    "length of examples must be a multiple of " + each + ", was " + examples.length);
        }
        int count = examples.length / each;
        int length = CELLS * options.components();
        float[] features = new float[Math.multiplyExact(count, length)];
        PatchResponses polled = idle.poll();
        PatchResponses responses = polled != null ? polled : new PatchResponses(filters, channels, height, width);
        float[][] averages = new float[CELLS][means.length];
        float[] cell = new float[options.components()];
        for (int i = 0; i < count; i++) {
            responses.average(Arrays.copyOfRange(examples, i * each, (i + 1) * each), averages);
            for (int c = 0; c < CELLS; c++) {
                project(averages[c], cell);
                System.arraycopy(cell, 0, features, i * length + c * cell.length, cell.length);
            }
            normalize(features, i * length, length);
        }
        idle.add(responses);
        return features;
    }

    private void project(float[] averages, float[] to) {
        Arrays.fill(to, 0);
        for (int i = 0; i < averages.length; i += 2) {
            Rows.addScaled(
                    to,
                    projection[i],
                    averages[i] - means[i],
                    projection[i + 1],
                    averages[i + 1] - means[i + 1],
                    to.length);
        }
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
