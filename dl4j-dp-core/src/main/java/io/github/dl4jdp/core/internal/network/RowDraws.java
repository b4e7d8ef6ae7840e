// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core.internal.network;

import io.github.dl4jdp.core.internal.arrays.HostArrays;
import io.github.dl4jdp.core.random.IndexedKeystream;
import java.util.function.IntToDoubleFunction;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.memory.MemoryWorkspace;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/**
 * Arrays of random values whose rows are the examples of a physical batch, or their time steps.
 *
 * <p>A value follows from its row's key and its place within the row. In arrays of rank 3 the place is a pair, and neither the number of units nor that
 * of time steps matters: a series that is padded keeps its values, in NCW and in NWC.
 */
final class RowDraws {
    private static final double TWO_TO_32 = 0x1p32;

    private final LotDraws.Part part;
    private int[] words = {};
    private double[] normals = {};
    private float[] floats = {};
    private double[] doubles = {};

    RowDraws(LotDraws.Part part) {
        this.part = part;
    }

    /** Values that are {@code kept} with probability {@code p}, to within 2^-32, and else {@code dropped}. */
    INDArray twoValues(DataType type, long[] shape, double p, double kept, double dropped) {
        // A value is kept if its 32 bits, as an unsigned number, are below p 2^32.
        long limit = Math.round(Math.min(1, Math.max(0, p)) * TWO_TO_32);
        if (Double.isNaN(p)) {
            throw new IllegalStateException("the probability of a random part must be a number, was NaN");
        }
        return type == DataType.DOUBLE
                ? ofDoubles(type, shape, false, word -> (words[word] & 0xffffffffL) < limit ? kept : dropped)
                : ofFloats(type, shape, limit, (float) kept, (float) dropped);
    }

    /** Values uniform on [from, to). */
    INDArray uniform(DataType type, long[] shape, double from, double to) {
        double unit = (to - from) / TWO_TO_32;
        return ofDoubles(type, shape, false, word -> from + unit * (words[word] & 0xffffffffL));
    }

    /** Normal values. */
    INDArray normal(DataType type, long[] shape, double mean, double standardDeviation) {
        return ofDoubles(type, shape, true, place -> mean + standardDeviation * normals[place]);
    }

    private INDArray ofDoubles(DataType type, long[] shape, boolean isNormal, IntToDoubleFunction value) {
        Layout layout = new Layout(shape);
        IndexedKeystream keystream = part.keystream();
        LotDraws.Rows rows = part.rows(shape);
        if (!isNormal) {
            ensureWords(layout.length);
        } else if (normals.length < layout.length) {
            normals = new double[layout.length];
        }
        if (doubles.length < layout.total) {
            doubles = new double[layout.total];
        }
        for (int row = 0; row < layout.rows; row++) {
            if (isNormal) {
                keystream.gaussians(rows.key(row), rows.step(row), layout.majors, layout.minors, normals, 0);
            } else {
                keystream.words(rows.key(row), rows.step(row), layout.majors, layout.minors, words, 0);
            }
            int at = row * layout.length;
            for (int minor = 0; minor < layout.minors; minor++) {
                for (int major = 0; major < layout.majors; major++) {
                    doubles[at++] = value.applyAsDouble(major * layout.minors + minor);
                }
            }
        }
        return array(DataType.DOUBLE, shape, layout.total, type);
    }

    private INDArray ofFloats(DataType type, long[] shape, long limit, float kept, float dropped) {
        Layout layout = new Layout(shape);
        IndexedKeystream keystream = part.keystream();
        LotDraws.Rows rows = part.rows(shape);
        ensureWords(layout.length);
        if (floats.length < layout.total) {
            floats = new float[layout.total];
        }
        for (int row = 0; row < layout.rows; row++) {
            keystream.words(rows.key(row), rows.step(row), layout.majors, layout.minors, words, 0);
            int at = row * layout.length;
            if (layout.majors == 1) {
                for (int i = 0; i < layout.minors; i++) {
                    floats[at + i] = (words[i] & 0xffffffffL) < limit ? kept : dropped;
                }
            } else {
                for (int minor = 0; minor < layout.minors; minor++) {
                    for (int major = 0; major < layout.majors; major++) {
                        int word = words[major * layout.minors + minor];
                        floats[at++] = (word & 0xffffffffL) < limit ? kept : dropped;
                    }
                }
            }
        }
        return array(DataType.FLOAT, shape, layout.total, type);
    }

    private void ensureWords(int length) {
        if (words.length < length) {
            words = new int[length];
        }
    }

    /** An array of its own, outside every workspace: it must outlive the forward pass. */
    private INDArray array(DataType type, long[] shape, int total, DataType as) {
        try (MemoryWorkspace outside = Nd4j.getMemoryManager().scopeOutOfWorkspaces()) {
            INDArray array = Nd4j.createUninitialized(type, shape, 'c');
            if (type == DataType.FLOAT) {
                HostArrays.write(floats, array, 0, total);
            } else {
                HostArrays.write(doubles, array, 0, total);
            }
            return array.castTo(as);
        }
    }

    /** How the places of a row are numbered: by (major, minor), the minor one first in memory. */
    private final class Layout {
        private final int rows;
        private final int majors;
        private final int minors;
        private final int length;
        private final int total;

        Layout(long[] shape) {
            rows = Math.toIntExact(shape[0]);
            long places = 1;
            for (int d = 1; d < shape.length; d++) {
                places = Math.multiplyExact(places, shape[d]);
            }
            length = Math.toIntExact(places);
            total = Math.multiplyExact(rows, length);
            // Rows that are time steps have used up the major numbers.
            boolean isSeries = shape.length == 3 && part.rows(shape).examples() == rows;
            majors = isSeries ? Math.toIntExact(shape[2]) : 1;
            minors = isSeries ? Math.toIntExact(shape[1]) : length;
        }
    }
}
