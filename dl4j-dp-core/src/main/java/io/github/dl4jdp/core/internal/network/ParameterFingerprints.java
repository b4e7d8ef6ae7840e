// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core.internal.network;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import java.util.zip.CRC32C;
import org.bytedeco.javacpp.BytePointer;
import org.bytedeco.javacpp.DoublePointer;
import org.bytedeco.javacpp.FloatPointer;
import org.bytedeco.javacpp.Pointer;
import org.bytedeco.javacpp.indexer.DoubleIndexer;
import org.bytedeco.javacpp.indexer.FloatIndexer;
import org.deeplearning4j.nn.api.Layer;
import org.jspecify.annotations.Nullable;
import org.nd4j.linalg.api.concurrency.AffinityManager;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/**
 * Numbers by which arrays of parameters are recognized, of 64 bits each. The last bit is 0 for an array whose values are all the same round number. Private training changes every
 * place, by noise if by nothing else: {@value #SAMPLES} values tell two runs apart but for a probability of 2^-64. Plain training may change a few values alone, which a checksum over all of them tells but
 * for one of 2^-32, and always where they are one.
 *
 * @param exact over all values as they are. Values that are all floats have the same one in FLOAT and in DOUBLE
 * @param sampled over at most {@value #SAMPLES} of the values as they are
 * @param rounded the {@code exact} one of a FLOAT copy
 * @param places over the same values as floats, whatever the others and the digits beyond are: one that is known alone tells of a copy that was changed
 * @param length of the array
 */
record ParameterFingerprints(long exact, long rounded, long sampled, long places, long length) {
    /** Reading them takes microseconds. */
    static final int SAMPLES = 1024;

    /** The numbers of an array that no two runs share. */
    static final int TELLING = 4;

    /** Those of the arrays of a layer's parameters. */
    static List<ParameterFingerprints> arrays(Layer layer) {
        return layer.numParams() == 0
                ? List.of()
                : layer.paramTable(false).values().stream()
                        .map(ParameterFingerprints::of)
                        .toList();
    }

    /** Whether a layer's arrays have the values that they had, as far as some places show. */
    static boolean agree(Layer layer, List<ParameterFingerprints> before) {
        var arrays = List.copyOf(layer.paramTable(false).values());
        boolean agree = arrays.size() == before.size();
        for (int i = 0; agree && i < arrays.size(); i++) {
            INDArray array = arrays.get(i);
            agree = Sample.of(Values.of(array), 0, array.length(), SAMPLES, null, 0)
                            .exact()
                    == before.get(i).sampled;
        }
        return agree;
    }

    /** What the arrays of a layer's parameters are, digit by digit. */
    static Set<Long> of(Layer layer) {
        var all = new LinkedHashSet<Long>();
        arrays(layer).forEach(array -> all.add(array.exact));
        return all;
    }

    /** All by which the arrays of a layer's parameters, and copies of them, are recognized. */
    static Set<Long> copies(Layer layer) {
        var all = new LinkedHashSet<Long>();
        arrays(layer).forEach(array -> all.addAll(array.copies()));
        return all;
    }

    /** All by which the array and copies of it are recognized. */
    Set<Long> copies() {
        return new LinkedHashSet<>(List.of(exact, rounded, places));
    }

    /**
     * What each array of a layer's parameters becomes when DL4J subtracts an update from it, which it does in the network's own type.
     *
     * @param params all parameters of the network, of which those of the layer are views
     * @param update of the same length and order
     */
    static Set<Long> after(Layer layer, INDArray params, INDArray update) {
        var all = new LinkedHashSet<Long>();
        if (layer.numParams() > 0) {
            INDArray flat = update.reshape(update.length());
            for (INDArray array : layer.paramTable(false).values()) {
                long from = (array.data().pointer().address()
                                == params.data().pointer().address())
                        ? array.offset() - params.offset()
                        : -1;
                all.add((from < 0 ? of(array) : of(array, flat, from)).exact);
            }
        }
        return all;
    }

    /** Those of one array, by its values in the order in which they lie in memory. */
    private static ParameterFingerprints of(INDArray array) {
        return of(array, null, 0);
    }

    private static ParameterFingerprints of(INDArray array, @Nullable INDArray update, long from) {
        Values values = Values.of(array);
        Values updates = update == null ? null : Values.of(update);
        Sample sample = Sample.of(values, 0, array.length(), SAMPLES, updates, from);
        Checksum sum = Checksum.of(values, array.length(), updates, from);
        long places = sample.isConstant && isRound(sample.first) ? sample.hash & ~1L : sample.hash | 1L;
        long rounded = (mixed(places ^ sum.floats) & ~1L) | (places & 1);
        long exact = sum.isOfFloats ? rounded : mixed(sample.exact ^ sum.doubles) | 1L;
        return new ParameterFingerprints(exact, rounded, sample.exact, places, array.length());
    }

    /**
     * That of a part of an array, by at most {@code samples} of its values; 0 where these are all the same.
     *
     * @param from index of its first value
     */
    static long ofPart(Values values, long from, long length, int samples) {
        Sample sample = Sample.of(values, from, length, samples, null, 0);
        return sample.isConstant ? 0 : sample.hash | 1L;
    }

    /** What some values of a part of an array, spread over it, have come to. */
    private record Sample(long hash, long exact, boolean isConstant, float first) {
        /**
         * Reads them.
         *
         * @param start index of the part's first value
         * @param updates what is subtracted, from its index {@code from} on; null for nothing
         */
        static Sample of(Values values, long start, long length, int samples, @Nullable Values updates, long from) {
            long count = Math.min(length, samples);
            long hash = mixed(length);
            long exact = hash;
            boolean isConstant = true;
            float first = Float.NaN;
            for (long i = 0; i < count; i++) {
                long at = count == length ? i : (long) ((double) i * length / count);
                double whole = updates == null ? values.at(start + at) : values.less(start + at, updates, from + at);
                float value = (float) whole;
                first = i == 0 ? value : first;
                isConstant &= value == first;
                hash = mixed(hash ^ Float.floatToIntBits(value)) + i;
                if (values.floats == null) {
                    exact = mixed(exact ^ Double.doubleToLongBits(whole)) + i;
                }
            }
            return new Sample(hash, values.floats == null ? exact : hash, isConstant, first);
        }
    }

    /** Of all values, as floats and as they are. */
    private record Checksum(long floats, long doubles, boolean isOfFloats) {
        private static final int BLOCK = 4096;
        /** Of bytes: a buffer has less than 2 GB. */
        private static final long CHUNK = 1L << 28;

        static Checksum of(Values values, long length, @Nullable Values updates, long from) {
            if (values.floats != null) {
                long sum = updates == null
                        ? ofBytes(values.pointer, length * Float.BYTES)
                        : ofDifference(values, length, updates, from);
                return new Checksum(sum, sum, true);
            }
            var floats = new CRC32C();
            var doubles = new CRC32C();
            ByteBuffer bytes = ByteBuffer.allocate(BLOCK * Double.BYTES).order(ByteOrder.LITTLE_ENDIAN);
            var wholes = new double[BLOCK];
            var right = new double[BLOCK];
            var rounded = new float[BLOCK];
            boolean isOfFloats = true;
            for (long start = 0; start < length; start += BLOCK) {
                int count = (int) Math.min(BLOCK, length - start);
                values.read(start, wholes, count);
                if (updates != null) {
                    updates.read(from + start, right, count);
                    for (int i = 0; i < count; i++) {
                        wholes[i] -= right[i];
                    }
                }
                for (int i = 0; i < count; i++) {
                    rounded[i] = (float) wholes[i];
                    isOfFloats &= wholes[i] == rounded[i];
                }
                bytes.asDoubleBuffer().put(wholes, 0, count);
                doubles.update(bytes.array(), 0, count * Double.BYTES);
                bytes.asFloatBuffer().put(rounded, 0, count);
                floats.update(bytes.array(), 0, count * Float.BYTES);
            }
            return new Checksum(floats.getValue(), doubles.getValue(), isOfFloats);
        }

        private static long ofBytes(Pointer pointer, long length) {
            var sum = new CRC32C();
            var bytes = new BytePointer(pointer);
            for (long start = 0; start < length; start += CHUNK) {
                sum.update(bytes.getPointer(start)
                        .capacity(Math.min(CHUNK, length - start))
                        .asByteBuffer());
            }
            return sum.getValue();
        }

        private static long ofDifference(Values values, long length, Values updates, long from) {
            var sum = new CRC32C();
            ByteBuffer bytes = ByteBuffer.allocate(BLOCK * Float.BYTES).order(ByteOrder.nativeOrder());
            var left = new float[BLOCK];
            var right = new float[BLOCK];
            for (long start = 0; start < length; start += BLOCK) {
                int count = (int) Math.min(BLOCK, length - start);
                values.read(start, left, count);
                updates.read(from + start, right, count);
                for (int i = 0; i < count; i++) {
                    left[i] -= right[i];
                }
                bytes.asFloatBuffer().put(left, 0, count);
                sum.update(bytes.array(), 0, count * Float.BYTES);
            }
            return sum.getValue();
        }
    }

    /** Whether it is a number such as 0, 1 or 0.5, which layers begin with: training leaves digits in every place. */
    private static boolean isRound(float value) {
        return (Float.floatToIntBits(value) & 0x1FFF) == 0;
    }

    /**
     * The values of an array in memory order, read where they lie: thousands are read at every step.
     *
     * @param floats null unless the array is one of floats, {@code doubles} likewise
     */
    record Values(
            INDArray array,
            Pointer pointer,
            @Nullable FloatIndexer floats,
            @Nullable DoubleIndexer doubles) {
        static Values of(INDArray array) {
            INDArray dense = array.elementWiseStride() == 1 ? array : array.dup(array.ordering());
            Nd4j.getAffinityManager().ensureLocation(dense, AffinityManager.Location.HOST);
            Pointer pointer = dense.data().addressPointer();
            return new Values(
                    dense,
                    pointer,
                    pointer instanceof FloatPointer
                            ? FloatIndexer.create(new FloatPointer(pointer).capacity(dense.length()))
                            : null,
                    pointer instanceof DoublePointer
                            ? DoubleIndexer.create(new DoublePointer(pointer).capacity(dense.length()))
                            : null);
        }

        double at(long index) {
            if (floats != null) {
                return floats.get(index);
            }
            return doubles != null ? doubles.get(index) : array.data().getDouble(array.offset() + index);
        }

        void read(long index, float[] to, int count) {
            if (floats != null) {
                new FloatPointer(pointer).position(index).get(to, 0, count);
                return;
            }
            for (int i = 0; i < count; i++) {
                to[i] = (float) at(index + i);
            }
        }

        void read(long index, double[] to, int count) {
            if (doubles != null) {
                new DoublePointer(pointer).position(index).get(to, 0, count);
                return;
            }
            for (int i = 0; i < count; i++) {
                to[i] = at(index + i);
            }
        }

        /** What is left when an update is subtracted in the type of the values. */
        double less(long index, Values update, long at) {
            return floats != null ? floats.get(index) - (float) update.at(at) : at(index) - update.at(at);
        }
    }

    /** Whether the array is like no other by its values: biases of zero are everywhere. */
    static boolean tellsApart(long fingerprint) {
        return (fingerprint & 1) == 1;
    }

    /** The finalizer of SplitMix64: every bit of the input moves every bit of the output. */
    private static long mixed(long bits) {
        long z = bits + 0x9e3779b97f4a7c15L;
        z = (z ^ (z >>> 30)) * 0xbf58476d1ce4e5b9L;
        z = (z ^ (z >>> 27)) * 0x94d049bb133111ebL;
        return z ^ (z >>> 31);
    }
}
