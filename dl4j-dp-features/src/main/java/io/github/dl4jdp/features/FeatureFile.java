// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.features;

import io.github.dl4jdp.core.data.DataStage;
import io.github.dl4jdp.core.data.MappedArray;
import io.github.dl4jdp.core.data.RandomAccessExamples;
import io.github.dl4jdp.core.internal.arrays.HostArrays;
import java.io.IOException;
import java.nio.ByteOrder;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.function.IntConsumer;
import org.jspecify.annotations.Nullable;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.memory.MemoryWorkspace;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.dataset.api.MultiDataSet;
import org.nd4j.linalg.factory.Nd4j;

/**
 * Features of a data set, computed once and kept in a file that is mapped into memory: training reads them without holding
 * them, so they may be larger than the heap.
 *
 * <p>The file begins with digests of the extractor's {@link FeatureExtractor#identity()} and of the examples, so features of
 * another extractor or of other data are never taken for these. It is as private as the examples: store it where
 * the examples may be kept.
 */
public final class FeatureFile implements DataStage {
    private final int size;
    private final long[] shape;
    private final int length;
    private final MappedArray rows;
    private final @Nullable ChannelNormalization normalization;
    /** What the features were computed by: the engine looks at it. */
    private final FeatureExtractor extractor;

    private FeatureFile(
            int size,
            long[] shape,
            int length,
            MappedArray rows,
            @Nullable ChannelNormalization normalization,
            FeatureExtractor extractor) {
        this.extractor = extractor;
        this.size = size;
        this.shape = shape;
        this.length = length;
        this.rows = rows;
        this.normalization = normalization;
    }

    /** Examples that can be read in ranges. */
    public interface Examples {
        /** Number of examples. */
        int size();

        /**
         * Reads examples {@code from} (inclusive) to {@code to} (exclusive), one after the other.
         *
         * <p>Called from one thread at a time.
         */
        float[] read(int from, int to);
    }

    /**
     * Opens the features of these examples, after computing them on all processors if the file does not have them yet.
     *
     * @param file where they are kept; written anew if it holds anything else
     * @param progress called with the number of examples done, from time to time
     * @throws IOException if the file cannot be read or written
     */
    public static FeatureFile open(Path file, FeatureExtractor extractor, Examples examples, IntConsumer progress)
            throws IOException {
        FeatureFileHeader header = FeatureFileHeader.of(extractor, examples);
        if (!header.isAtHeadOf(file)) {
            FeatureFileWriter.write(file, header, extractor, examples, progress);
        }
        int length = header.length();
        MappedArray rows = MappedArray.map(
                file, FeatureFileHeader.BYTES, MappedArray.Element.FLOAT32, ByteOrder.LITTLE_ENDIAN, new long[] {
                    header.size(), length
                });
        return new FeatureFile(header.size(), header.shape(), length, rows, null, extractor);
    }

    /**
     * The same file, its features normalized as they are read: after the normalization that it has already, if any.
     *
     * @throws IllegalArgumentException if the features have another number of channels
     */
    public FeatureFile normalizedBy(ChannelNormalization next) {
        next.requireChannels(shape[0]);
        return new FeatureFile(
                size, shape, length, rows, normalization == null ? next : normalization.then(next), extractor);
    }

    /** Number of examples. */
    public int size() {
        return size;
    }

    /** Shape of the features of one example. */
    public long[] shape() {
        return shape.clone();
    }

    /**
     * Copies the features of one example into {@code to}, from {@code offset} on; callable from several threads.
     *
     * @throws IndexOutOfBoundsException if {@code index} is not in [0, size), or {@code to} is too short
     */
    public void read(int index, float[] to, int offset) {
        rows.read(index, to, offset);
        if (normalization != null) {
            normalization.normalize(to, offset, length);
        }
    }

    /**
     * Copies the features of some examples.
     *
     * @return an array of shape [indices, {@link #shape()}]
     * @throws IndexOutOfBoundsException if an index is not in [0, size)
     */
    public INDArray read(int... indices) {
        long[] all = new long[shape.length + 1];
        all[0] = indices.length;
        System.arraycopy(shape, 0, all, 1, shape.length);
        INDArray out = Nd4j.createUninitialized(DataType.FLOAT, all, 'c');
        read(indices, out);
        return out;
    }

    /** The same into an array of that shape, in C order. */
    private void read(int[] indices, INDArray to) {
        float[] row = new float[length];
        for (int i = 0; i < indices.length; i++) {
            read(indices[i], row, 0);
            HostArrays.write(row, to, (long) i * length, length);
        }
    }

    /**
     * These features with labels, as a training set for {@link io.github.dl4jdp.core.PrivacyEngine#lots(RandomAccessExamples)}.
     *
     * @param labels of shape [size, classes]
     * @throws IllegalArgumentException if the labels have another shape
     */
    public RandomAccessExamples withLabels(INDArray labels) {
        if (labels.rank() != 2 || labels.size(0) != size) {
            throw new IllegalArgumentException(
                    "labels must have shape [" + size + ", classes], was " + Arrays.toString(labels.shape()));
        }
        return new Labeled(this, HostArrays.detached(labels));
    }

    /** Examples whose features stay in their file until a lot needs them. */
    private record Labeled(FeatureFile features, INDArray labels) implements RandomAccessExamples {
        @Override
        public boolean hasFixedShapes() {
            return true;
        }

        @Override
        public long size() {
            return features.size();
        }

        @Override
        public MultiDataSet get(long[] indices) {
            int[] rows = intRows(indices);
            try (MemoryWorkspace outside = Nd4j.getMemoryManager().scopeOutOfWorkspaces()) {
                return new org.nd4j.linalg.dataset.MultiDataSet(
                        features.read(rows), Nd4j.pullRows(labels, 1, rows, 'c'));
            }
        }

        @Override
        public MultiDataSet get(long[] indices, MultiDataSet reuse) {
            int[] rows = intRows(indices);
            features.read(rows, reuse.getFeatures(0));
            Nd4j.pullRows(labels, reuse.getLabels(0), 1, rows);
            return reuse;
        }

        private static int[] intRows(long[] indices) {
            return Arrays.stream(indices).mapToInt(Math::toIntExact).toArray();
        }
    }
}
