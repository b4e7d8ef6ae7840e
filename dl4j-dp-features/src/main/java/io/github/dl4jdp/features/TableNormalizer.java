// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.features;

import io.github.dl4jdp.core.data.DataStage;
import io.github.dl4jdp.core.data.Origin;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.util.Arrays;
import java.util.TreeMap;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.dataset.api.DataSet;
import org.nd4j.linalg.dataset.api.preprocessor.DataNormalization;
import org.nd4j.linalg.dataset.api.preprocessor.serializer.CustomSerializerStrategy;
import org.nd4j.linalg.dataset.api.preprocessor.serializer.NormalizerSerializer;
import org.nd4j.linalg.dataset.api.preprocessor.serializer.NormalizerType;
import org.nd4j.linalg.factory.Nd4j;

/**
 * Columns of a table as weights of knots: a number between two knots becomes the weights of both, which sum to one; outside it is moved to the nearer end. A linear model of them is a curve, straight between knots.
 *
 * <p>{@link ReleasedScaling#normalizer} has it from a private release. It is a DL4J normalizer: set it on iterators, and save it with the model by {@code ModelSerializer.addNormalizerToModel(file, normalizer)}; {@code
 * ModelSerializer.restoreNormalizerFromFile} reads it back. Every row is computed on its own. A value that is not finite gets weights of zero.
 *
 * <p>It widens the table, so it works on {@code DataSet}s, not on arrays in place, and cannot be reverted. It is never fitted to data: its knots are public, or released with noise.
 */
public final class TableNormalizer implements DataNormalization, DataStage {
    private static final long serialVersionUID = 1L;

    static {
        NormalizerSerializer.getDefault().addStrategy(new Strategy());
    }

    /** By column: null for one that stays as it is, ascending knots otherwise. */
    private final double[] @Nullable [] knots;

    /** Null where an earlier version wrote the object. */
    private final @Nullable Origin origin;

    /**
     * A normalizer by public knots, which the report names as an assumption. Those of a private release are not: take {@link ReleasedScaling#normalizer}, which knows what it must be charged with; the numbers alone do not.
     *
     * @param knots [columns][], ascending; null for a column that stays as it is; a column of fewer than two knots becomes one column of zeros
     * @throws IllegalArgumentException if there is no column, or knots are not finite and ascending
     */
    @SuppressWarnings("exports") // users need not have the annotations to compile
    public TableNormalizer(double[] @Nullable [] knots) {
        this(knots, Origin.PUBLIC);
    }

    TableNormalizer(double[] @Nullable [] knots, Origin origin) {
        this.origin = origin;
        if (knots.length == 0) {
            throw new IllegalArgumentException("knots must be those of one or more columns, were none");
        }
        this.knots = new double[knots.length][];
        for (int c = 0; c < knots.length; c++) {
            double[] own = knots[c];
            if (own != null) {
                for (int i = 0; i < own.length; i++) {
                    if (!Double.isFinite(own[i]) || (i > 0 && !(own[i] > own[i - 1]))) {
                        throw new IllegalArgumentException(
                                "knots of column " + c + " must be finite and ascending, were " + Arrays.toString(own));
                    }
                }
                this.knots[c] = own.clone();
            }
        }
    }

    /** {@inheritDoc} Knots of {@link PrivateScaling} know their release, through files too: the engine takes them for plans alone that are charged with it. Those of a file of an earlier version are of unknown origin, which the report says. */
    @Override
    public Origin origin() {
        return origin == null ? Origin.UNKNOWN : origin;
    }

    /** {@inheritDoc} So it has unless the knots are of a release, or of unknown origin. */
    @Override
    public boolean hasGivenConstants() {
        return origin().equals(Origin.PUBLIC);
    }

    /** The knots of a column, or null if it stays as it is: to look at. As numbers they no longer know the release that they come from. */
    @SuppressWarnings("exports")
    public double @Nullable [] knots(int column) {
        double[] own = knots[column];
        return own == null ? null : own.clone();
    }

    /** The number of columns that a table must have. */
    public int inputColumns() {
        return knots.length;
    }

    /** The number of columns that it has afterwards. */
    public int outputColumns() {
        return IntStream.range(0, knots.length).map(this::width).sum();
    }

    private int width(int column) {
        double[] own = knots[column];
        return own == null || own.length < 2 ? 1 : own.length;
    }

    /**
     * The normalized table.
     *
     * @param table [rows, {@link #inputColumns}], of numbers of any type
     * @return [rows, {@link #outputColumns}], of the same type, or float for a table of integers, which could not hold a weight
     * @throws IllegalArgumentException if the table has another shape
     */
    public INDArray apply(INDArray table) {
        if (table.rank() != 2 || table.size(1) != knots.length) {
            throw new IllegalArgumentException(
                    "table must have shape [rows, " + knots.length + "], was " + Arrays.toString(table.shape()));
        }
        int rows = Math.toIntExact(table.size(0));
        int width = outputColumns();
        double[] from = table.castTo(DataType.DOUBLE).dup('c').data().asDouble();
        double[] to = new double[Math.multiplyExact(rows, width)];
        for (int r = 0; r < rows; r++) {
            int at = r * width;
            for (int c = 0; c < knots.length; c++) {
                double value = from[r * knots.length + c];
                double[] own = knots[c];
                if (own == null) {
                    to[at] = value;
                } else if (own.length >= 2 && Double.isFinite(value)) {
                    weigh(value, own, to, at);
                }
                at += width(c);
            }
        }
        DataType type = table.dataType().isFPType() ? table.dataType() : DataType.FLOAT;
        return rows == 0
                ? Nd4j.create(type, 0, width)
                : Nd4j.create(to, new long[] {rows, width}, 'c').castTo(type);
    }

    private static void weigh(double value, double[] own, double[] to, int at) {
        double inside = Math.max(own[0], Math.min(own[own.length - 1], value));
        int upper = 1;
        while (upper < own.length - 1 && own[upper] < inside) {
            upper++;
        }
        double share = (inside - own[upper - 1]) / (own[upper] - own[upper - 1]);
        to[at + upper - 1] = 1 - share;
        to[at + upper] = share;
    }

    @Override
    public void transform(DataSet data) {
        data.setFeatures(apply(data.getFeatures()));
    }

    @Override
    public void preProcess(DataSet data) {
        transform(data);
    }

    @Override
    public NormalizerType getType() {
        return NormalizerType.CUSTOM;
    }

    private static UnsupportedOperationException fitting() {
        return new UnsupportedOperationException(
                "a TableNormalizer is not fitted to data, which would leak without protection; release one by PrivateScaling, or build it from public knots");
    }

    private static UnsupportedOperationException inPlace() {
        return new UnsupportedOperationException(
                "a TableNormalizer widens a table, which cannot be done in place or undone; use preProcess(DataSet) or apply(INDArray)");
    }

    /** @throws UnsupportedOperationException always */
    @Override
    public void fit(DataSet data) {
        throw fitting();
    }

    /** @throws UnsupportedOperationException always */
    @Override
    public void fit(org.nd4j.linalg.dataset.api.iterator.DataSetIterator iterator) {
        throw fitting();
    }

    /** @throws UnsupportedOperationException if true */
    @Override
    public void fitLabel(boolean fitLabels) {
        if (fitLabels) {
            throw fitting();
        }
    }

    @Override
    public boolean isFitLabel() {
        return false;
    }

    /** @throws UnsupportedOperationException always */
    @Override
    public void transform(INDArray features) {
        throw inPlace();
    }

    /** @throws UnsupportedOperationException always */
    @Override
    public void transform(INDArray features, @Nullable INDArray featuresMask) {
        throw inPlace();
    }

    /** Leaves labels as they are. */
    @Override
    public void transformLabel(INDArray labels) {
        // Labels are not scaled.
    }

    /** Leaves labels as they are. */
    @Override
    public void transformLabel(INDArray labels, @Nullable INDArray labelsMask) {
        // Labels are not scaled.
    }

    /** @throws UnsupportedOperationException always */
    @Override
    public void revert(DataSet data) {
        throw inPlace();
    }

    /** @throws UnsupportedOperationException always */
    @Override
    public void revertFeatures(INDArray features) {
        throw inPlace();
    }

    /** @throws UnsupportedOperationException always */
    @Override
    public void revertFeatures(INDArray features, @Nullable INDArray featuresMask) {
        throw inPlace();
    }

    /** Leaves labels as they are. */
    @Override
    public void revertLabels(INDArray labels) {
        // Labels are not scaled.
    }

    /** Leaves labels as they are. */
    @Override
    public void revertLabels(INDArray labels, @Nullable INDArray labelsMask) {
        // Labels are not scaled.
    }

    @Override
    public boolean equals(@Nullable Object other) {
        return other instanceof TableNormalizer that
                && Arrays.deepEquals(knots, that.knots)
                && origin().equals(that.origin());
    }

    @Override
    public int hashCode() {
        return Arrays.deepHashCode(knots);
    }

    /** How DL4J writes it to a file; DL4J makes one by its name. */
    public static final class Strategy extends CustomSerializerStrategy<TableNormalizer> {
        private static final int MOST = 1 << 20;
        /** Where an earlier version wrote the number of columns: the origin of the knots follows. */
        private static final int WITH_ORIGIN = -1;

        @Override
        public Class<TableNormalizer> getSupportedClass() {
            return TableNormalizer.class;
        }

        @Override
        public void write(TableNormalizer normalizer, OutputStream stream) throws IOException {
            var out = new DataOutputStream(stream);
            Origin origin = normalizer.origin();
            out.writeInt(WITH_ORIGIN);
            out.writeBoolean(origin.isKnown());
            out.writeInt(origin.releases().size());
            for (var release : origin.releases().entrySet()) {
                out.writeUTF(release.getKey());
                out.writeUTF(release.getValue());
            }
            out.writeInt(normalizer.knots.length);
            for (double[] own : normalizer.knots) {
                out.writeInt(own == null ? -1 : own.length);
                for (int i = 0; own != null && i < own.length; i++) {
                    out.writeDouble(own[i]);
                }
            }
            out.flush();
        }

        @Override
        public TableNormalizer restore(InputStream stream) throws IOException {
            var in = new DataInputStream(stream);
            int columns = in.readInt();
            Origin origin = Origin.UNKNOWN;
            if (columns == WITH_ORIGIN) {
                boolean isKnown = in.readBoolean();
                var releases = new TreeMap<String, String>();
                for (int left = size(in.readInt()); left > 0; left--) {
                    releases.put(in.readUTF(), in.readUTF());
                }
                origin = new Origin(releases, isKnown);
                columns = in.readInt();
            }
            double[] @Nullable [] knots = new double[size(columns)][];
            for (int c = 0; c < knots.length; c++) {
                int length = in.readInt();
                if (length >= 0) {
                    double[] own = new double[size(length)];
                    for (int i = 0; i < own.length; i++) {
                        own[i] = in.readDouble();
                    }
                    knots[c] = own;
                }
            }
            return new TableNormalizer(knots, origin);
        }

        private static int size(int stored) throws IOException {
            if (stored < 0 || stored > MOST) {
                throw new IOException("a stored TableNormalizer must have sizes in [0, " + MOST + "], has " + stored);
            }
            return stored;
        }
    }
}
