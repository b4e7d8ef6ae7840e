// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.features;

import io.github.dl4jdp.accountant.NeighboringRelation;
import io.github.dl4jdp.core.data.Origin;
import io.github.dl4jdp.core.data.RandomAccessExamples;
import io.github.dl4jdp.core.internal.DataSize;
import io.github.dl4jdp.core.mechanism.PrivateCounts;
import java.util.Arrays;
import java.util.OptionalLong;
import java.util.function.Consumer;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * Scaling of the columns of a table whose ranges are unknown: quantiles of each column, released with noise, and charged.
 *
 * <pre>{@code
 * ReleasedScaling released = PrivateScaling.of(plan.examples(), 20).withColumns(0, 4, 10).release(RandomAccessExamples.of(table));
 * DpSgdPlan charged = released.chargedTo(plan);            // calibrates again
 * lots.setPreProcessor(released.normalizer());             // refused unless the engine's plan is charged; each of these columns becomes a few in [0, 1]
 * }</pre>
 *
 * <p>Each column is counted in public bins: zero, and eight an octave from 2^-20 to 2^40 on either side. From the noised counts follow the column's quantiles, the <em>knots</em> of {@link TableNormalizer}. Columns
 * of 0 and 1 need no scaling: leave them out. A person with several rows ({@link #withUnit}) adds to each bin the share of rows that are there, 1 in a column altogether, and N is the number of people. A value that is not finite is in no bin. Values that fewer than about {@code 5 z sqrt(c)} examples have near one another are taken for absent.
 *
 * <h2>Formal guarantee</h2>
 *
 * One Gaussian mechanism on the histograms of all c columns together ({@link PrivateCounts}): an example is in one bin of each, so the counts move by {@code sqrt(c)} at most, and get noise {@code z sqrt(c)}: {@code
 * Gaussian(z)}; {@code Gaussian(z / sqrt(2))} if an example is replaced. The same holds for a person with all rows, whose shares in a column sum to 1. The knots are a function of the noised counts and of public constants: N, z, the columns and the number of parts, chosen without
 * looking at the private examples.
 *
 * @see <a href="https://arxiv.org/abs/2201.03151">Kaplan, Schnapp and Stemmer, Differentially Private Approximate Quantiles, 2022</a>, for other ways to the same
 */
public final class PrivateScaling implements Cloneable {
    private static final int CHUNK_ROWS = 8192;
    private static final int PARTS = 10;
    private static final int MOST_PARTS = 1000;

    private final long examples;
    private final double noiseMultiplier;
    private int parts = PARTS;
    private NeighboringRelation relation = NeighboringRelation.ADD_OR_REMOVE_ONE;
    private int @Nullable [] columns;
    private OptionalLong seed = OptionalLong.empty();
    private UnitOfRelease unit = UnitOfRelease.EXAMPLE;

    private PrivateScaling(long examples, double noiseMultiplier) {
        this.examples = examples;
        this.noiseMultiplier = noiseMultiplier;
    }

    /**
     * Describes a release about all columns, with 10 parts of equal counts, under {@link NeighboringRelation#ADD_OR_REMOVE_ONE}.
     *
     * @param examples N, the public number of examples, as in the plan
     * @param noiseMultiplier z; at 20, the release alone has epsilon 0.16 at delta 1e-5
     * @throws IllegalArgumentException if {@code examples < 1}, or {@code noiseMultiplier} is not finite and {@code > 0}
     */
    public static PrivateScaling of(long examples, double noiseMultiplier) {
        if (examples < 1) {
            throw new IllegalArgumentException("examples must be >= 1, was " + examples);
        }
        if (!(noiseMultiplier > 0 && noiseMultiplier < Double.POSITIVE_INFINITY)) {
            throw new IllegalArgumentException("noiseMultiplier must be finite and > 0, was " + noiseMultiplier);
        }
        return new PrivateScaling(examples, noiseMultiplier);
    }

    /** A release with one setting changed; the only place in which it is not yet frozen. */
    private PrivateScaling with(Consumer<PrivateScaling> change) {
        try {
            var changed = (PrivateScaling) clone();
            change.accept(changed);
            return changed;
        } catch (CloneNotSupportedException e) {
            throw new AssertionError(e);
        }
    }

    /**
     * This release about some columns: those that hold numbers of unknown size. The others stay as they are.
     *
     * @param value numbers of columns, from 0, each once
     * @throws IllegalArgumentException if there is none, or one is negative or given twice
     */
    public PrivateScaling withColumns(int... value) {
        int[] sorted = Arrays.stream(value).sorted().distinct().toArray();
        if (sorted.length == 0 || sorted.length < value.length || sorted[0] < 0) {
            throw new IllegalArgumentException(
                    "columns must be one or more numbers >= 0, each once, were " + Arrays.toString(value));
        }
        return with(release -> release.columns = sorted);
    }

    /**
     * This release with another number of parts: a column becomes about one feature more than that.
     *
     * @throws IllegalArgumentException if {@code value} is not in [1, 1000]
     */
    public PrivateScaling withParts(int value) {
        if (value < 1 || value > MOST_PARTS) {
            throw new IllegalArgumentException("parts must be in [1, " + MOST_PARTS + "], was " + value);
        }
        return with(release -> release.parts = value);
    }

    /** This release under another relation: that of the plan which is to be charged. */
    public PrivateScaling withRelation(NeighboringRelation value) {
        return with(release -> release.relation = value);
    }

    /**
     * This release about people, or other owners of rows: that of the plan which is to be charged, and {@code examples} their number. It takes {@link io.github.dl4jdp.core.data.GroupedExamples}, and costs what it costs about as many examples.
     *
     * @param name as for {@link io.github.dl4jdp.core.DpSgdPlan#withUnit}
     * @throws IllegalArgumentException if the name is none that a plan takes
     */
    public PrivateScaling withUnit(String name) {
        UnitOfRelease owner = UnitOfRelease.owner(name);
        return with(release -> release.unit = owner);
    }

    /** This release with noise from a seed. For tests: an adversary who knows the seed can subtract the noise, so the event is {@code NonPrivate}. */
    public PrivateScaling withSeed(long value) {
        return with(release -> release.seed = OptionalLong.of(value));
    }

    /**
     * Reads every example once and releases the scaling. Every call is a release of its own, with noise of its own, to be charged.
     *
     * @param table private examples with one array of features [examples, columns]
     * @throws IllegalArgumentException if the data have owners and a row is the unit, or the other way round, the number of examples is not N (where one can be added or removed: differs by more than 1 %, a check that
     *     the guarantee does not cover), the features are not one such array, or a column does not exist
     */
    public ReleasedScaling release(RandomAccessExamples table) {
        DataSize.require(unit.count(table), examples, relation, "examples", unit.plural());
        Origin before = ReleaseTerms.before(table);
        int width = Math.toIntExact(rows(table, new long[] {0}).size(1));
        int[] scaled = columns == null ? IntStream.range(0, width).toArray() : columns;
        if (scaled[scaled.length - 1] >= width) {
            throw new IllegalArgumentException("columns must be below the table's number of columns, " + width
                    + ", were " + Arrays.toString(scaled));
        }
        var counts = new PrivateCounts(scaled.length, HistogramKnots.BINS);
        int[] bins = new int[scaled.length];
        for (UnitOfRelease.Order order = unit.order(table); order.hasNext(); ) {
            UnitOfRelease.Piece piece = order.next(CHUNK_ROWS);
            int count = piece.rows().length;
            INDArray rows = rows(table, piece.rows());
            double[] values = rows.castTo(DataType.DOUBLE).dup('c').data().asDouble();
            if (values.length != count * width) {
                throw new IllegalArgumentException("every example must have the " + width
                        + " columns of the first, a batch of " + count + " has shape " + Arrays.toString(rows.shape()));
            }
            for (int i = 0; i < count; i++) {
                for (int c = 0; c < scaled.length; c++) {
                    double value = values[i * width + scaled[c]];
                    bins[c] = Double.isFinite(value) ? HistogramKnots.bin(value) : PrivateCounts.NO_BIN;
                }
                counts.addRow(bins);
                if (piece.endsUnit()[i]) {
                    counts.endOwner();
                }
            }
        }
        return released(width, scaled, counts, before);
    }

    private ReleasedScaling released(int width, int[] scaled, PrivateCounts counts, Origin before) {
        double[][] noisy = counts.release(noiseMultiplier, seed);
        double deviation = PrivateCounts.standardDeviation(noiseMultiplier, scaled.length);
        double[] @Nullable [] knots = new double[width][];
        for (int c = 0; c < scaled.length; c++) {
            knots[scaled[c]] = HistogramKnots.knots(noisy[c], deviation, parts);
        }
        var terms = new ReleaseTerms(
                examples, relation, unit, PrivateCounts.event(noiseMultiplier, relation, seed), before);
        return new ReleasedScaling(new TableNormalizer(knots, terms.origin()), terms);
    }

    private static INDArray rows(RandomAccessExamples table, long[] numbers) {
        int count = numbers.length;
        var batch = table.get(numbers);
        INDArray features = batch.getFeatures(0);
        if (batch.numFeatureArrays() != 1 || features.rank() != 2 || features.size(0) != count) {
            throw new IllegalArgumentException("the features of " + count + " examples must be one array [" + count
                    + ", columns], were " + batch.numFeatureArrays() + " arrays, the first "
                    + Arrays.toString(features.shape()));
        }
        return features;
    }
}
