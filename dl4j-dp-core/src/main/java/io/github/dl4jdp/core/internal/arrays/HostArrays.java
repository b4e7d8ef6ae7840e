// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core.internal.arrays;

import java.lang.ref.Reference;
import java.util.Objects;
import org.bytedeco.javacpp.DoublePointer;
import org.bytedeco.javacpp.FloatPointer;
import org.bytedeco.javacpp.Pointer;
import org.nd4j.linalg.api.concurrency.AffinityManager;
import org.nd4j.linalg.api.memory.MemoryWorkspace;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/**
 * Block copies between ND4J arrays and Java arrays, about ten times as fast as ND4J's own conversions.
 *
 * <p>The location calls make them right on backends whose arrays live on a device; on the CPU backend they do nothing.
 */
@SuppressWarnings("ReachabilityFenceUsage") // a call that fails reads nothing afterwards
public final class HostArrays {
    /** Elements converted at a time: small enough to stay in the first-level cache. */
    private static final int CHUNK = 4096;

    private HostArrays() {}

    /**
     * Copies consecutive elements of a c-contiguous FLOAT or DOUBLE array.
     *
     * @param from a c-contiguous array, possibly a view
     * @param offset first element, counted in the array's own order
     * @param into receives {@code length} elements from index 0
     * @throws IllegalArgumentException if {@code from} is not contiguous or of another data type
     * @throws IndexOutOfBoundsException if it ends before these elements: what follows in memory belongs to others
     */
    public static void read(INDArray from, long offset, double[] into, int length) {
        read(from, offset, into, 0, length);
    }

    /** As {@link #read(INDArray, long, double[], int)}, to the elements of {@code into} from index {@code first} on. */
    public static void read(INDArray from, long offset, double[] into, int first, int length) {
        requireWithin(from, offset, length);
        Pointer pointer = pointer(from);
        if (pointer instanceof DoublePointer doubles) {
            new DoublePointer(doubles).position(doubles.position() + offset).get(into, first, length);
        } else {
            var floats = new float[length];
            read(from, offset, floats, length);
            for (int i = 0; i < length; i++) {
                into[first + i] = floats[i];
            }
        }
        Reference.reachabilityFence(from);
    }

    /** As {@link #read(INDArray, long, double[], int)}, for a FLOAT array. */
    public static void read(INDArray from, long offset, float[] into, int length) {
        requireWithin(from, offset, length);
        var floats = (FloatPointer) pointer(from);
        new FloatPointer(floats).position(floats.position() + offset).get(into, 0, length);
        Reference.reachabilityFence(from);
    }

    /** Overwrites consecutive elements of a c-contiguous array; the counterpart of {@code read}. */
    public static void write(double[] from, INDArray into, long offset, int length) {
        write(from, 0, into, offset, length);
    }

    /** As {@link #write(double[], INDArray, long, int)}, of the elements of {@code from} from index {@code first} on. */
    public static void write(double[] from, int first, INDArray into, long offset, int length) {
        requireWithin(into, offset, length);
        if (pointer(into) instanceof DoublePointer doubles) {
            new DoublePointer(doubles).position(doubles.position() + offset).put(from, first, length);
            Nd4j.getAffinityManager().tagLocation(into, AffinityManager.Location.HOST);
        } else {
            var memory = new FloatPointer((FloatPointer) pointer(into));
            long start = memory.position() + offset;
            var floats = new float[Math.min(CHUNK, length)];
            for (int done = 0; done < length; done += floats.length) {
                int n = Math.min(floats.length, length - done);
                for (int i = 0; i < n; i++) {
                    floats[i] = (float) from[first + done + i];
                }
                memory.position(start + done).put(floats, 0, n);
            }
            Nd4j.getAffinityManager().tagLocation(into, AffinityManager.Location.HOST);
        }
        Reference.reachabilityFence(into);
    }

    /** As {@link #write(double[], INDArray, long, int)}, for a FLOAT array. */
    public static void write(float[] from, INDArray into, long offset, int length) {
        requireWithin(into, offset, length);
        var floats = (FloatPointer) pointer(into);
        new FloatPointer(floats).position(floats.position() + offset).put(from, 0, length);
        Nd4j.getAffinityManager().tagLocation(into, AffinityManager.Location.HOST);
        Reference.reachabilityFence(into);
    }

    private static void requireWithin(INDArray array, long offset, int length) {
        Objects.checkFromIndexSize(offset, (long) length, array.length());
    }

    /** The memory of a c-contiguous FLOAT array, from its first element on; the array lives as long as the result does. */
    public static FloatPointer floats(INDArray array) {
        return new CpuMemory.Held((FloatPointer) pointer(array), array);
    }

    private static Pointer pointer(INDArray array) {
        if (!isContiguous(array)) {
            throw new IllegalArgumentException("array must be c-contiguous, was " + array.shapeInfoToString()
                    + (Nd4j.order() == 'c'
                            ? ""
                            : "; set ND4J's default order back to its own, by Nd4j.factory().setOrder('c')"));
        }
        Nd4j.getAffinityManager().ensureLocation(array, AffinityManager.Location.HOST);
        Pointer pointer = array.data().addressPointer();
        if (pointer instanceof FloatPointer || pointer instanceof DoublePointer) {
            return pointer;
        }
        throw new IllegalArgumentException("array must be FLOAT or DOUBLE, was " + array.dataType());
    }

    /** The array itself if it is c-contiguous, else a copy that is. */
    public static INDArray contiguous(INDArray array) {
        return isContiguous(array) ? array : array.dup('c');
    }

    /** A copy in c order outside every workspace: DL4J closes those of the backward pass layer by layer, and tapes outlive them. */
    public static INDArray detached(INDArray array) {
        try (MemoryWorkspace outside = Nd4j.getMemoryManager().scopeOutOfWorkspaces()) {
            return array.dup('c');
        }
    }

    /** The array itself, or a copy of one in a workspace: whoever keeps it longer than a call would find other numbers there once the workspace is opened again. */
    public static INDArray kept(INDArray array) {
        return array.isAttached() ? detached(array) : array;
    }

    /** Whether the elements lie one after the other in c order. */
    public static boolean isContiguous(INDArray array) {
        long expected = 1;
        for (int d = array.rank() - 1; d >= 0; d--) {
            if (array.size(d) > 1 && array.stride(d) != expected) {
                return false;
            }
            expected *= array.size(d);
        }
        return true;
    }
}
