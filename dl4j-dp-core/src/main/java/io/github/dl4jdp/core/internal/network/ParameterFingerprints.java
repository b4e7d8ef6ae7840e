// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core.internal.network;

import java.util.LinkedHashSet;
import java.util.Map;
import java.util.Set;
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
 * Numbers by which arrays of parameters are recognized: 64 bits over the length and at most {@value #SAMPLES} of the values, as floats, so that FLOAT and DOUBLE copies
 * agree. The last bit is 0 for an array whose values are all the same round number. Trained parameters change in every place, by noise if by nothing else; two arrays that went different ways agree with a probability of 2^-64.
 */
final class ParameterFingerprints {
    /** Reading them takes microseconds. */
    static final int SAMPLES = 1024;

    private ParameterFingerprints() {}

    /** One for each array of a layer's parameters. */
    static Set<Long> of(Layer layer) {
        var all = new LinkedHashSet<Long>();
        if (layer.numParams() > 0) {
            Map<String, INDArray> arrays = layer.paramTable(false);
            arrays.values().forEach(array -> all.add(of(array)));
        }
        return all;
    }

    /** Whether a fingerprint is that of an array of a layer which has at least {@code least} numbers. */
    static boolean isOfMany(Layer layer, long fingerprint, int least) {
        return layer.paramTable(false).values().stream()
                .anyMatch(array -> array.length() >= least && of(array) == fingerprint);
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
                all.add(from < 0 ? of(array, null, 0) : of(array, flat, from));
            }
        }
        return all;
    }

    /** That of one array, by its values in the order in which they lie in memory. */
    static long of(@Nullable INDArray array) {
        return of(array, null, 0);
    }

    private static long of(@Nullable INDArray array, @Nullable INDArray update, long from) {
        if (array == null || array.isEmpty()) {
            return 0;
        }
        Sample sample = Sample.of(
                Values.of(array), 0, array.length(), SAMPLES, update == null ? null : Values.of(update), from);
        return sample.isConstant && isRound(sample.first) ? sample.hash & ~1L : sample.hash | 1L;
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
    private record Sample(long hash, boolean isConstant, float first) {
        /**
         * Reads them.
         *
         * @param start index of the part's first value
         * @param updates what is subtracted, from its index {@code from} on; null for nothing
         */
        static Sample of(Values values, long start, long length, int samples, @Nullable Values updates, long from) {
            long count = Math.min(length, samples);
            long hash = mixed(length);
            boolean isConstant = true;
            float first = Float.NaN;
            for (long i = 0; i < count; i++) {
                long at = count == length ? i : (long) ((double) i * length / count);
                float value =
                        updates == null ? (float) values.at(start + at) : values.less(start + at, updates, from + at);
                first = i == 0 ? value : first;
                isConstant &= value == first;
                hash = mixed(hash ^ Float.floatToIntBits(value)) + i;
            }
            return new Sample(hash, isConstant, first);
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
            @Nullable FloatIndexer floats,
            @Nullable DoubleIndexer doubles) {
        static Values of(INDArray array) {
            INDArray dense = array.elementWiseStride() == 1 ? array : array.dup(array.ordering());
            Nd4j.getAffinityManager().ensureLocation(dense, AffinityManager.Location.HOST);
            Pointer pointer = dense.data().addressPointer();
            return new Values(
                    dense,
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

        /** What is left when an update is subtracted in the type of the values. */
        float less(long index, Values update, long at) {
            return floats != null ? floats.get(index) - (float) update.at(at) : (float) (at(index) - update.at(at));
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
