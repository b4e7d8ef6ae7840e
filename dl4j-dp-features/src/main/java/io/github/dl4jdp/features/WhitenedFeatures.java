// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.features;

import io.github.dl4jdp.core.internal.Sha256;
import io.github.dl4jdp.core.internal.arrays.Slices;
import java.nio.ByteBuffer;
import java.security.MessageDigest;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.Locale;
import java.util.stream.IntStream;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.memory.MemoryWorkspace;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/**
 * Features of another extractor, normalized for each example and decorrelated by what public examples show: a linear model of them
 * learns in few steps, and noise leaves room for few only.
 *
 * <p>With x the features of an example, each group of channels shifted and scaled to mean zero and variance one and then the whole to
 * norm one, and with the mean m, the largest variances \( v_1 \geq v_2 \geq \dots \) and their directions \( u_k \) among the public examples,
 *
 * \[ y_k = u_k^T (x - m) / \sqrt{v_k + d \, v_1}, \qquad k = 1, \dots, K \]
 *
 * with the damping d; y is scaled to norm one at last.
 *
 * <pre>{@code
 * float[] strokes = DrawnPictures.strokes(28, 28, 2000, 1);
 * var features = WhitenedFeatures.learn(ScatteringTransform.of(1, 28, 28), 27, strokes, 500, 0.03);
 * }</pre>
 *
 * <h2>Formal guarantee</h2>
 *
 * No privacy is spent: the features of an example depend on that example, on the other extractor and on the public examples. Examples that
 * are private must not be passed for public ones; the features would leak information about them that is not accounted for.
 *
 * <p>Source: group normalization of scattering features after F. Tramer and D. Boneh, Differentially Private Learning Needs Better
 * Features (or Much More Data), ICLR 2021; why the spread of variances decides, L. Bottou, F. Curtis, J. Nocedal, Optimization
 * Methods for Large-Scale Machine Learning, SIAM Review 2018, section 2.
 */
public final class WhitenedFeatures implements FeatureExtractor {
    /** Examples that are projected together, so that a row of the projection is read from the cache for all but the first. */
    private static final int BLOCK = 8;

    /** Added to a group's variance, as group normalization everywhere does: what a nearly flat group holds is not blown up. */
    private static final double VARIANCE_FLOOR = 1e-5;

    private final FeatureExtractor base;
    private final int groups;
    private final int length;
    private final int components;
    private final String identity;
    private final float[] mean;

    /** Row i has the weights of feature i in the components; the number of rows is even. */
    private final float[][] projection;

    private WhitenedFeatures(FeatureExtractor base, int groups, float[] examples, int components, double damping) {
        this.base = base;
        this.groups = groups;
        this.components = components;
        this.length = ChannelNormalization.length(base.outputShape());
        this.identity = String.format(
                Locale.ROOT,
                "whitened groups=%d components=%d damping=%s public=%s version=1 of %s",
                groups,
                components,
                damping,
                digest(examples),
                base.identity());
        this.mean = new float[length];
        this.projection = new float[length + length % 2][components];
        learn(normalizedFeatures(examples), damping);
    }

    /**
     * Learns what to subtract and how to scale from public examples.
     *
     * @param groups number of groups of channels (the first dimension of the extractor's output) that are normalized together; 1 for all
     * @param publicExamples public examples, one after the other, such as {@link DrawnPictures}
     * @param components number K of features, below the number of public examples
     * @param damping d, at least 0: directions whose variance is below d times the largest are not blown up. With 0, variances that the
     *     examples hardly show are trusted
     * @throws IllegalArgumentException if {@code groups} does not divide the channels, {@code publicExamples} is not a whole number of
     *     examples, {@code components} is not in [1, min(public examples - 1, features of the extractor)], or {@code damping} is not
     *     finite and {@code >= 0}
     */
    public static WhitenedFeatures learn(
            FeatureExtractor extractor, int groups, float[] publicExamples, int components, double damping) {
        long channels = extractor.outputShape()[0];
        if (groups < 1 || channels % groups != 0) {
            throw new IllegalArgumentException(
                    "groups must divide the extractor's " + channels + " channels, was " + groups);
        }
        long each = ChannelNormalization.length(extractor.inputShape());
        if (publicExamples.length == 0 || publicExamples.length % each != 0) {
            throw new IllegalArgumentException("length of publicExamples must be a positive multiple of " + each
                    + ", was " + publicExamples.length);
        }
        long most = Math.min(publicExamples.length / each - 1, ChannelNormalization.length(extractor.outputShape()));
        if (components < 1 || components > most) {
            throw new IllegalArgumentException("components must be in [1, " + most + "], was " + components);
        }
        if (!(damping >= 0 && damping < Double.POSITIVE_INFINITY)) {
            throw new IllegalArgumentException("damping must be finite and >= 0, was " + damping);
        }
        return new WhitenedFeatures(extractor, groups, publicExamples, components, damping);
    }

    private float[][] normalizedFeatures(float[] examples) {
        int each = ChannelNormalization.length(base.inputShape());
        float[][] rows = new float[examples.length / each][];
        IntStream.range(0, (rows.length + BLOCK - 1) / BLOCK).parallel().forEach(block -> {
            int from = block * BLOCK;
            int to = Math.min(rows.length, from + BLOCK);
            float[] features = base.extract(Arrays.copyOfRange(examples, from * each, to * each));
            for (int i = from; i < to; i++) {
                rows[i] = Arrays.copyOfRange(features, (i - from) * length, (i - from + 1) * length);
                normalize(rows[i]);
            }
        });
        return rows;
    }

    /**
     * The directions of largest variance, by way of the examples' products with each other: fewer than there are features.
     */
    private void learn(float[][] rows, double damping) {
        try (MemoryWorkspace outside = Nd4j.getMemoryManager().scopeOutOfWorkspaces()) {
            INDArray centered = Nd4j.create(rows);
            INDArray average = centered.mean(0);
            centered.subiRowVector(average);
            System.arraycopy(average.toFloatVector(), 0, mean, 0, length);
            // In double: the variances that are used span four orders of magnitude, and float has seven.
            INDArray vectors =
                    centered.mmul(centered.transpose()).castTo(DataType.DOUBLE).dup('f');
            INDArray squares = Nd4j.create(DataType.DOUBLE, rows.length);
            // Ascending: the last columns are the directions of largest variance.
            Nd4j.getBlasWrapper().syev('V', 'L', vectors, squares);
            double[] ascending = squares.toDoubleVector();
            double largest = ascending[rows.length - 1];
            INDArray scales = Nd4j.create(DataType.DOUBLE, components);
            INDArray kept = Nd4j.create(DataType.DOUBLE, rows.length, components);
            for (int k = 0; k < components; k++) {
                int column = rows.length - 1 - k;
                double square = Math.max(ascending[column], Double.MIN_NORMAL);
                // u_k = X^T w_k / sqrt(n v_k), and y is scaled to norm one later, so common factors are left out.
                scales.putScalar(k, 1 / Math.sqrt(square * (square / largest + damping)));
                Slices.at(kept, 1, k).assign(Slices.at(vectors, 1, column));
            }
            INDArray weights =
                    centered.transpose().mmul(kept.muliRowVector(scales).castTo(DataType.FLOAT));
            for (int i = 0; i < length; i++) {
                projection[i] = Slices.at(weights, 0, i).toFloatVector();
            }
        }
    }

    @Override
    public long[] inputShape() {
        return base.inputShape();
    }

    @Override
    public long[] outputShape() {
        return new long[] {components};
    }

    @Override
    public String identity() {
        return identity;
    }

    /**
     * {@inheritDoc}
     *
     * @return features [count, K], each of norm one (or zero, where an example's are not finite)
     */
    @Override
    public float[] extract(float[] examples) {
        float[] features = base.extract(examples);
        int count = features.length / length;
        float[] out = new float[Math.multiplyExact(count, components)];
        for (int from = 0; from < count; from += BLOCK) {
            project(features, from, Math.min(count, from + BLOCK), out);
        }
        return out;
    }

    private void project(float[] features, int from, int to, float[] out) {
        float[][] inputs = new float[to - from][length + length % 2];
        float[][] outputs = new float[to - from][components];
        for (int i = 0; i < inputs.length; i++) {
            float[] input = Arrays.copyOfRange(features, (from + i) * length, (from + i + 1) * length);
            // What is not finite leaves zeros, and no trace of the mean.
            if (normalize(input)) {
                for (int d = 0; d < length; d++) {
                    inputs[i][d] = input[d] - mean[d];
                }
            }
        }
        for (int d = 0; d < projection.length; d += 2) {
            for (int i = 0; i < inputs.length; i++) {
                Rows.addScaled(
                        outputs[i], projection[d], inputs[i][d], projection[d + 1], inputs[i][d + 1], components);
            }
        }
        for (int i = 0; i < outputs.length; i++) {
            toNormOne(outputs[i]);
            System.arraycopy(outputs[i], 0, out, (from + i) * components, components);
        }
    }

    /** Every group to mean zero and variance one, then all to norm one; false if that cannot be. */
    private boolean normalize(float[] features) {
        int size = features.length / groups;
        for (int start = 0; start < features.length; start += size) {
            double sum = 0;
            for (int d = start; d < start + size; d++) {
                sum += features[d];
            }
            double average = sum / size;
            double squares = 0;
            for (int d = start; d < start + size; d++) {
                squares += (features[d] - average) * (features[d] - average);
            }
            double scale = 1 / Math.sqrt(squares / size + VARIANCE_FLOOR);
            for (int d = start; d < start + size; d++) {
                features[d] = (float) ((features[d] - average) * scale);
            }
        }
        return toNormOne(features);
    }

    private static boolean toNormOne(float[] features) {
        double squares = 0;
        for (float value : features) {
            squares += (double) value * value;
        }
        if (squares > 0 && squares < Double.POSITIVE_INFINITY) {
            Rows.scale(features, (float) (1 / Math.sqrt(squares)), features.length);
            return true;
        }
        Arrays.fill(features, 0);
        return false;
    }

    private static String digest(float[] examples) {
        ByteBuffer bytes = ByteBuffer.allocate(Float.BYTES * examples.length);
        bytes.asFloatBuffer().put(examples);
        MessageDigest digest = Sha256.digest();
        digest.update(bytes);
        return HexFormat.of().formatHex(digest.digest());
    }
}
