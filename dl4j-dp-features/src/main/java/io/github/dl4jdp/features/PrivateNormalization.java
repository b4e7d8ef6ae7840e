// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.features;

import io.github.dl4jdp.accountant.NeighboringRelation;
import io.github.dl4jdp.core.data.Origin;
import io.github.dl4jdp.core.data.RandomAccessExamples;
import io.github.dl4jdp.core.internal.DataSize;
import io.github.dl4jdp.core.internal.Require;
import io.github.dl4jdp.core.internal.arrays.HostArrays;
import io.github.dl4jdp.core.mechanism.PrivateMoments;
import java.util.Arrays;
import java.util.Objects;
import java.util.OptionalLong;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.memory.MemoryWorkspace;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.dataset.api.MultiDataSet;
import org.nd4j.linalg.factory.Nd4j;

/**
 * Means and variances of the channels of private features, released with noise, and charged.
 *
 * <p>With \( m_i \) the means of example i's channels over their positions and \( q_i \) the means of the squares,
 *
 * \[ \mu = \frac1N \Big(\sum_i m_i \min(1, B / \|m_i\|) + \sqrt2 z B \xi\Big), \qquad
 *    v = \frac1N \Big(\sum_i q_i \min(1, D / \|q_i\|) + \sqrt2 z D \eta\Big) - \mu^2, \]
 *
 * \( \xi, \eta \) standard normal in every channel; then channel c becomes \( (x - \mu_c) / \sqrt{\max(v_c, f)} \) with the floor f.
 *
 * <pre>{@code
 * ReleasedNormalization released = PrivateNormalization.of(50_000, 16, 32, 20).release(file.withLabels(labels));
 * FeatureFile normalized = file.normalizedBy(released.normalization());
 * DpSgdPlan charged = released.chargedTo(plan);
 * }</pre>
 *
 * <p>Of a person with several rows ({@link #withUnit}), m and q are the means over all rows, and N is the number of people.
 *
 * <p>Noise is equal in all channels and bounds hold for all channels together, so features should be on a common scale before: by {@link
 * ChannelNormalization#learn public examples}, if they are not by nature. Then B near the square root of the number of channels clips
 * little; D twice as much.
 *
 * <h2>Formal guarantee</h2>
 *
 * Read "person" for "example" where the unit is one. One Gaussian mechanism on the sum over examples of the joint vectors (m / (sqrt(2) B), q / (sqrt(2) D)), each half clipped to 1/sqrt(2), so
 * each vector to norm 1; a person's rows are averaged before, so that the number of rows does not matter. An example more or less, or one replaced by a null record, moves the sum by at most 1, and noise of standard deviation z
 * is {@code Gaussian(z)}; one replaced by another moves it by at most 2: {@code Gaussian(z / 2)}. The sum is computed exactly, in integers; the
 * noise comes from a cryptographic generator. N, the bounds, the floor, z and the shape of the features are public
 * constants: chosen without looking at the private examples. Features of an example must depend on that example alone.
 *
 * <p>Source: F. Tramer and D. Boneh, Differentially Private Learning Needs Better Features (or Much More Data), ICLR 2021, section 2.3 and
 * appendix B (data normalization), where the bounds are medians of the private norms; here they are constants.
 */
public final class PrivateNormalization implements Cloneable {
    /** Features that are read at a time: 16 MB. */
    private static final int CHUNK_FEATURES = 1 << 22;

    private final long examples;
    private final double meanBound;
    private final double squareBound;
    private final double noiseMultiplier;
    private NeighboringRelation relation = NeighboringRelation.ADD_OR_REMOVE_ONE;
    private @Nullable Double varianceFloor;
    private OptionalLong seed = OptionalLong.empty();
    private UnitOfRelease unit = UnitOfRelease.EXAMPLE;

    private PrivateNormalization(long examples, double meanBound, double squareBound, double noiseMultiplier) {
        this.examples = examples;
        this.meanBound = Require.positive("meanBound", meanBound);
        this.squareBound = Require.positive("squareBound", squareBound);
        this.noiseMultiplier = Require.positive("noiseMultiplier", noiseMultiplier);
    }

    /**
     * Describes a release, under {@link NeighboringRelation#ADD_OR_REMOVE_ONE}.
     *
     * @param examples N, the public number of examples, as in the plan; from 1 to 2^27
     * @param meanBound B, the largest norm of an example's channel means that counts in full
     * @param squareBound D, the largest norm of an example's channel means of squares that counts in full
     * @param noiseMultiplier z; at 20, the release alone has epsilon 0.16 at delta 1e-5
     * @throws IllegalArgumentException if {@code examples} is not in [1, 2^27], or another value is not finite and {@code > 0}
     */
    public static PrivateNormalization of(long examples, double meanBound, double squareBound, double noiseMultiplier) {
        if (examples < 1 || examples > PrivateMoments.MOST_EXAMPLES) {
            throw new IllegalArgumentException(
                    "examples must be in [1, " + PrivateMoments.MOST_EXAMPLES + "], was " + examples);
        }
        return new PrivateNormalization(examples, meanBound, squareBound, noiseMultiplier);
    }

    /** A release with one setting changed; the only place in which it is not yet frozen. */
    private PrivateNormalization with(Consumer<PrivateNormalization> change) {
        try {
            var changed = (PrivateNormalization) clone();
            change.accept(changed);
            return changed;
        } catch (CloneNotSupportedException e) {
            throw new AssertionError(e);
        }
    }

    /** This release under another relation: that of the plan which is to be charged. */
    public PrivateNormalization withRelation(NeighboringRelation value) {
        return with(release -> release.relation = value);
    }

    /**
     * This release about people, or other owners of rows: that of the plan which is to be charged, and {@code examples} their number. It takes {@link io.github.dl4jdp.core.data.GroupedExamples}, and costs what it costs about as many examples.
     *
     * @param name as for {@link io.github.dl4jdp.core.DpSgdPlan#withUnit}
     * @throws IllegalArgumentException if the name is none that a plan takes
     */
    public PrivateNormalization withUnit(String name) {
        UnitOfRelease owner = UnitOfRelease.owner(name);
        return with(release -> release.unit = owner);
    }

    /**
     * This release with another floor f under the variances. Without this it is the standard deviation of the noise in the mean squares,
     * {@code sqrt(2) z D / N}: below, a variance is nothing but noise.
     *
     * @throws IllegalArgumentException if {@code value} is not finite and {@code > 0}
     */
    public PrivateNormalization withVarianceFloor(double value) {
        Require.positive("value", value);
        return with(release -> release.varianceFloor = value);
    }

    /** This release with noise from a seed. For tests: an adversary who knows the seed can subtract the noise, so the event is {@code NonPrivate}. */
    public PrivateNormalization withSeed(long value) {
        return with(release -> release.seed = OptionalLong.of(value));
    }

    /**
     * Reads every example once and releases the normalization. Every call is a release of its own, with noise of its own, to be charged.
     *
     * @param data private examples with one array of features [examples, channels, ...]
     * @throws IllegalArgumentException if the data have owners and a row is the unit, or the other way round, the number of examples is not N (where one can be empty: is more; where one can be added or removed: differs by more than 1 %, a check
     *     that the guarantee does not cover), the features are more arrays than one, or have fewer dimensions than two, or have a mask
     */
    public ReleasedNormalization release(RandomAccessExamples data) {
        DataSize.require(unit.count(data), examples, relation, "examples", unit.plural());
        Origin before = ReleaseTerms.before(data);
        long[] shape = features(data, new long[] {0}).shape();
        int each = ChannelNormalization.length(shape);
        PrivateMoments sum = new PrivateMoments(Math.toIntExact(shape[1]), meanBound, squareBound);
        int chunk = Math.max(1, CHUNK_FEATURES / each);
        float[] values = new float[Math.multiplyExact(chunk, each)];
        for (UnitOfRelease.Order order = unit.order(data); order.hasNext(); ) {
            UnitOfRelease.Piece piece = order.next(chunk);
            int count = piece.rows().length;
            try (MemoryWorkspace outside = Nd4j.getMemoryManager().scopeOutOfWorkspaces()) {
                INDArray features = features(data, piece.rows());
                if (features.length() != (long) count * each || features.size(1) != shape[1]) {
                    throw new IllegalArgumentException("every example must have features of the shape of the first, "
                            + Arrays.toString(shape) + " in a batch of one; a batch of " + count + " has "
                            + Arrays.toString(features.shape()));
                }
                HostArrays.read(features.castTo(DataType.FLOAT).dup('c'), 0, values, count * each);
            }
            for (int i = 0; i < count; i++) {
                sum.addRow(values, i * each, each);
                if (piece.endsUnit()[i]) {
                    sum.endOwner();
                }
            }
        }
        return release(sum, before);
    }

    /** Adds the noise, and makes of the sum what is released. */
    ReleasedNormalization release(PrivateMoments sum, Origin before) {
        double[] noisy = sum.release(noiseMultiplier, seed);
        int channels = noisy.length / 2;
        double floor = varianceFloor != null ? varianceFloor : Math.sqrt(2) * noiseMultiplier * squareBound / examples;
        double[] mean = new double[channels];
        double[] deviation = new double[channels];
        for (int c = 0; c < channels; c++) {
            mean[c] = Math.sqrt(2) * meanBound * noisy[c] / examples;
            double square = Math.sqrt(2) * squareBound * noisy[channels + c] / examples;
            deviation[c] = Math.sqrt(Math.max(square - mean[c] * mean[c], floor));
        }
        var terms = new ReleaseTerms(
                examples, relation, unit, PrivateMoments.event(noiseMultiplier, relation, seed), before);
        return new ReleasedNormalization(ChannelNormalization.of(mean, deviation, terms.origin()), terms);
    }

    private static INDArray features(RandomAccessExamples data, long[] rows) {
        int count = rows.length;
        MultiDataSet batch = data.get(rows);
        INDArray[] masks = batch.getFeaturesMaskArrays();
        if (masks != null && Arrays.stream(masks).anyMatch(Objects::nonNull)) {
            throw new IllegalArgumentException("the features must have no mask: the means would include masked values");
        }
        INDArray features = batch.getFeatures(0);
        if (batch.numFeatureArrays() != 1 || features.rank() < 2 || features.size(0) != count) {
            throw new IllegalArgumentException(
                    "the features of " + count + " examples must be one array [" + count + ", channels, ...], were "
                            + batch.numFeatureArrays() + " arrays, the first " + Arrays.toString(features.shape()));
        }
        return features;
    }
}
