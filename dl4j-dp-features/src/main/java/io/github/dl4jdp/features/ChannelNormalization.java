// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.features;

import io.github.dl4jdp.core.data.DataStage;
import io.github.dl4jdp.core.data.Origin;
import io.github.dl4jdp.core.data.RandomAccessExamples;
import io.github.dl4jdp.core.internal.Sha256;
import io.github.dl4jdp.core.internal.arrays.HostArrays;
import java.nio.ByteBuffer;
import java.security.MessageDigest;
import java.util.Arrays;
import java.util.HexFormat;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.memory.MemoryWorkspace;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.dataset.api.MultiDataSet;
import org.nd4j.linalg.factory.Nd4j;

/**
 * Shifts and scales every channel of the features by constants: \( y_{cp} = (x_{cp} - \mu_c) / s_c \) for channel c and position p.
 *
 * <p>Channels are the first dimension of an example: those of a picture [channels, height, width], or the columns of a table.
 *
 * <p><b>Formal guarantee:</b> none is spent by applying it. Its constants must be public, as those of {@link #learn}, or released with
 * noise and charged, as those of {@link PrivateNormalization}.
 *
 * <p>Immutable and safe for use by several threads.
 */
public final class ChannelNormalization implements DataStage {
    /** Of the largest standard deviation; a channel that varies less among the public examples is scaled as if it varied so much. */
    private static final double SMALLEST_DEVIATION = 1e-4;

    private final double[] mean;
    private final double[] deviation;
    private final Origin origin;

    private ChannelNormalization(double[] mean, double[] deviation, Origin origin) {
        this.mean = mean;
        this.deviation = deviation;
        this.origin = origin;
    }

    /** {@inheritDoc} Those of {@link PrivateNormalization} know their release: the engine takes them for plans alone that are charged with it. */
    @Override
    public Origin origin() {
        return origin;
    }

    /** {@inheritDoc} So it has unless the constants are of a release, or of unknown origin. */
    @Override
    public boolean hasGivenConstants() {
        return origin.equals(Origin.PUBLIC);
    }

    /**
     * Creates the normalization by these constants, which are public: the report names that as an assumption. Those of {@link PrivateNormalization} are not; the numbers alone do not know what they must be charged with.
     *
     * @param mean what is subtracted from each channel
     * @param deviation what each channel is then divided by
     * @throws IllegalArgumentException if the arrays are empty or of different length, a mean is not finite, or a deviation is not finite
     *     and {@code > 0}
     */
    public static ChannelNormalization of(double[] mean, double[] deviation) {
        return of(mean, deviation, Origin.PUBLIC);
    }

    static ChannelNormalization of(double[] mean, double[] deviation, Origin origin) {
        if (mean.length == 0 || mean.length != deviation.length) {
            throw new IllegalArgumentException("mean and deviation must have one number for each channel, have "
                    + mean.length + " and " + deviation.length);
        }
        for (int c = 0; c < mean.length; c++) {
            if (!(Math.abs(mean[c]) < Double.POSITIVE_INFINITY)) {
                throw new IllegalArgumentException("mean must be finite, was " + mean[c] + " in channel " + c);
            }
            if (!(deviation[c] > 0 && deviation[c] < Double.POSITIVE_INFINITY)) {
                throw new IllegalArgumentException(
                        "deviation must be finite and > 0, was " + deviation[c] + " in channel " + c);
            }
        }
        return new ChannelNormalization(mean.clone(), deviation.clone(), origin);
    }

    /**
     * Learns means and standard deviations of the channels from public examples. A channel whose standard deviation is below 1e-4 of
     * the largest one's is divided by that. What an extractor learned by a private release makes of public examples depends on the release too: the constants know the releases that are in the extractor.
     *
     * @param publicExamples public examples, one after the other, such as {@link DrawnPictures}
     * @throws IllegalArgumentException if {@code publicExamples} is not a positive whole number of examples, or their features are not
     *     all finite
     */
    public static ChannelNormalization learn(FeatureExtractor extractor, float[] publicExamples) {
        int each = length(extractor.inputShape());
        if (publicExamples.length == 0 || publicExamples.length % each != 0) {
            throw new IllegalArgumentException("length of publicExamples must be a positive multiple of " + each
                    + ", was " + publicExamples.length);
        }
        int channels = Math.toIntExact(extractor.outputShape()[0]);
        int positions = length(extractor.outputShape()) / channels;
        int count = publicExamples.length / each;
        double[] sum = new double[channels];
        double[] squares = new double[channels];
        for (int i = 0; i < count; i++) {
            float[] features = extractor.extract(Arrays.copyOfRange(publicExamples, i * each, (i + 1) * each));
            for (int c = 0; c < channels; c++) {
                for (int p = c * positions; p < (c + 1) * positions; p++) {
                    sum[c] += features[p];
                    squares[c] += (double) features[p] * features[p];
                }
            }
        }
        double number = (double) count * positions;
        double[] deviation = new double[channels];
        for (int c = 0; c < channels; c++) {
            sum[c] /= number;
            deviation[c] = Math.sqrt(Math.max(0, squares[c] / number - sum[c] * sum[c]));
        }
        double largest = Arrays.stream(deviation).max().orElseThrow();
        double floor = largest > 0 ? SMALLEST_DEVIATION * largest : 1;
        return of(sum, Arrays.stream(deviation).map(d -> Math.max(d, floor)).toArray(), originOf(extractor));
    }

    private static Origin originOf(FeatureExtractor extractor) {
        return DataStage.within(extractor).stream()
                .filter(DataStage.class::isInstance)
                .map(stage -> ((DataStage) stage).origin())
                .reduce(Origin.PUBLIC, Origin::and);
    }

    /** Number of channels. */
    public int channels() {
        return mean.length;
    }

    /** What is subtracted from each channel: to look at. As numbers they no longer know the release that they come from. */
    public double[] mean() {
        return mean.clone();
    }

    /** What each channel is then divided by: to look at, as {@link #mean}. */
    public double[] deviation() {
        return deviation.clone();
    }

    /**
     * This normalization and then the other, as one.
     *
     * @throws IllegalArgumentException if {@code next} has another number of channels, or the product of two deviations is not a
     *     positive finite number
     */
    public ChannelNormalization then(ChannelNormalization next) {
        requireChannels(next.channels());
        double[] means = new double[channels()];
        double[] deviations = new double[channels()];
        for (int c = 0; c < means.length; c++) {
            means[c] = mean[c] + deviation[c] * next.mean[c];
            deviations[c] = deviation[c] * next.deviation[c];
        }
        return of(means, deviations, origin.and(next.origin));
    }

    /**
     * The extractor whose features are those of {@code extractor}, normalized.
     *
     * @throws IllegalArgumentException if the features of {@code extractor} have another number of channels
     */
    public FeatureExtractor after(FeatureExtractor extractor) {
        requireChannels(extractor.outputShape()[0]);
        return new Features(extractor, this);
    }

    /** The same examples with normalized features; labels and masks stay as they are. Examples must have one array of features. */
    public RandomAccessExamples normalize(RandomAccessExamples examples) {
        return new Examples(examples, this);
    }

    /**
     * Normalizes a batch.
     *
     * @param batch [batch, channels, ...], of numbers of any type; stays as it is
     * @return the same shape, of type double if {@code batch} is and float otherwise, in c order
     * @throws IllegalArgumentException if {@code batch} has another number of channels
     */
    public INDArray normalize(INDArray batch) {
        if (batch.rank() < 2) {
            throw new IllegalArgumentException(
                    "batch must have shape [batch, channels, ...], was " + Arrays.toString(batch.shape()));
        }
        requireChannels(batch.size(1));
        DataType type = batch.dataType() == DataType.DOUBLE ? DataType.DOUBLE : DataType.FLOAT;
        INDArray out = type == batch.dataType() ? batch.dup('c') : HostArrays.contiguous(batch.castTo(type));
        int rows = Math.toIntExact(batch.size(0));
        int each = rows == 0 ? 0 : Math.toIntExact(batch.length() / rows);
        for (int i = 0; i < rows; i++) {
            if (type == DataType.DOUBLE) {
                double[] row = new double[each];
                HostArrays.read(out, (long) i * each, row, each);
                for (int c = 0, p = 0; c < channels(); c++) {
                    for (; p < (c + 1) * (each / channels()); p++) {
                        row[p] = (row[p] - mean[c]) / deviation[c];
                    }
                }
                HostArrays.write(row, out, (long) i * each, each);
            } else {
                float[] row = new float[each];
                HostArrays.read(out, (long) i * each, row, each);
                normalize(row, 0, each);
                HostArrays.write(row, out, (long) i * each, each);
            }
        }
        return out;
    }

    /** Normalizes, in place, one example: the {@code length} numbers from {@code from} on. */
    void normalize(float[] features, int from, int length) {
        int positions = length / mean.length;
        for (int c = 0; c < mean.length; c++) {
            double shift = mean[c];
            double scale = 1 / deviation[c];
            int start = from + c * positions;
            for (int p = start; p < start + positions; p++) {
                features[p] = (float) ((features[p] - shift) * scale);
            }
        }
    }

    void requireChannels(long given) {
        if (given != channels()) {
            throw new IllegalArgumentException(
                    "features must have " + channels() + " channels as the normalization has, have " + given);
        }
    }

    static int length(long[] shape) {
        return Math.toIntExact(Arrays.stream(shape).reduce(1, Math::multiplyExact));
    }

    /** Features of another extractor, every channel shifted and scaled. */
    private record Features(FeatureExtractor base, ChannelNormalization normalization) implements FeatureExtractor {
        @Override
        public long[] inputShape() {
            return base.inputShape();
        }

        @Override
        public long[] outputShape() {
            return base.outputShape();
        }

        @Override
        public String identity() {
            MessageDigest digest = Sha256.digest();
            for (double[] values : new double[][] {normalization.mean(), normalization.deviation()}) {
                ByteBuffer bytes = ByteBuffer.allocate(Double.BYTES * values.length);
                bytes.asDoubleBuffer().put(values);
                digest.update(bytes);
            }
            return "normalized by " + HexFormat.of().formatHex(digest.digest()) + " version=1 of " + base.identity();
        }

        @Override
        public float[] extract(float[] examples) {
            float[] features = base.extract(examples);
            int length = ChannelNormalization.length(base.outputShape());
            for (int from = 0; from < features.length; from += length) {
                normalization.normalize(features, from, length);
            }
            return features;
        }
    }

    /** Examples whose one array of features is normalized when a lot needs them. */
    private record Examples(RandomAccessExamples examples, ChannelNormalization normalization)
            implements RandomAccessExamples {
        @Override
        public boolean hasFixedShapes() {
            return examples.hasFixedShapes();
        }

        @Override
        public long size() {
            return examples.size();
        }

        @Override
        public MultiDataSet get(long[] indices) {
            try (MemoryWorkspace outside = Nd4j.getMemoryManager().scopeOutOfWorkspaces()) {
                MultiDataSet raw = examples.get(indices);
                if (raw.numFeatureArrays() != 1) {
                    throw new IllegalArgumentException(
                            "examples must have one array of features, have " + raw.numFeatureArrays());
                }
                return new org.nd4j.linalg.dataset.MultiDataSet(
                        new INDArray[] {normalization.normalize(raw.getFeatures(0))},
                        raw.getLabels(),
                        raw.getFeaturesMaskArrays(),
                        raw.getLabelsMaskArrays());
            }
        }
    }
}
