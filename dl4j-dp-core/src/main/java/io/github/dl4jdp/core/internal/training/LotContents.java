// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core.internal.training;

import java.lang.ref.Reference;
import java.nio.ByteBuffer;
import java.util.zip.CRC32C;
import org.bytedeco.javacpp.BytePointer;
import org.jspecify.annotations.Nullable;
import org.nd4j.linalg.api.concurrency.AffinityManager;
import org.nd4j.linalg.api.memory.MemoryWorkspace;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.dataset.api.MultiDataSet;
import org.nd4j.linalg.factory.Nd4j;

/**
 * A checksum of a lot's values: a lot whose arrays were changed in place after it was handed out, by a normalization over the batch for example, is not the
 * lot that was drawn. It detects mistakes, not deliberate collisions.
 *
 * <h2>Guarantee</h2>
 *
 * <ul>
 *   <li>A lot that code other than DL4J's can have had in its hands is read in full. A CRC of 32 bits sees every change of one value, and of neighboring bytes up to
 *       four; any other change goes unnoticed with a probability of 2^-32.
 *   <li>A lot that went straight from the iterator into {@code fit}, with nothing in between that could change it, needs no check, see {@link LotCaller#isFitItself}. Its
 *       arrays of up to {@value #WHOLE} bytes are read in full all the same; of longer ones, whose reading would take a noticeable part of a step, {@value #LINES}
 *       pieces of {@value #LINE} bytes are, others in each lot.
 * </ul>
 */
@SuppressWarnings("ReachabilityFenceUsage") // a call that fails reads nothing afterwards
final class LotContents {
    /** Bytes. */
    static final int WHOLE = 1 << 22;

    /** Bytes: the most that a buffer is asked for at once. */
    private static final long BUFFER = 1 << 30;

    private static final int LINES = 1 << 8;

    private static final int LINE = 64;

    private LotContents() {}

    /** The checksum of all values. */
    static long of(MultiDataSet lot) {
        return of(lot, LotContents::addAll);
    }

    /**
     * A checksum of a part of the values.
     *
     * @param number of the lot: decides which pieces of long arrays are read
     */
    static long ofPart(MultiDataSet lot, long number) {
        return of(lot, (crc, bytes, length) -> {
            if (length > WHOLE) {
                crc.update(ByteBuffer.allocate(Long.BYTES)
                        .putLong(ofPieces(bytes, length, number))
                        .flip());
            } else {
                addAll(crc, bytes, length);
            }
        });
    }

    /** Adds an array to a checksum. */
    private interface Reader {
        void add(CRC32C crc, BytePointer bytes, long length);
    }

    private static long of(MultiDataSet lot, Reader reader) {
        var crc = new CRC32C();
        try (MemoryWorkspace outside = Nd4j.getMemoryManager().scopeOutOfWorkspaces()) {
            add(crc, lot.getFeatures(), reader);
            add(crc, lot.getLabels(), reader);
            add(crc, lot.getFeaturesMaskArrays(), reader);
            add(crc, lot.getLabelsMaskArrays(), reader);
        }
        return crc.getValue();
    }

    private static void add(CRC32C crc, @Nullable INDArray @Nullable [] arrays, Reader reader) {
        for (int i = 0; arrays != null && i < arrays.length; i++) {
            INDArray array = arrays[i];
            if (array != null && !array.isEmpty()) {
                INDArray whole = array.isView() ? array.dup() : array;
                Nd4j.getAffinityManager().ensureLocation(whole, AffinityManager.Location.HOST);
                reader.add(
                        crc,
                        new BytePointer(whole.data().pointer()),
                        whole.length() * whole.data().getElementSize());
                Reference.reachabilityFence(whole);
            }
        }
    }

    private static void addAll(CRC32C crc, BytePointer bytes, long length) {
        for (long at = 0; at < length; at += BUFFER) {
            crc.update(buffer(bytes, at, Math.min(BUFFER, length - at)));
        }
    }

    private static ByteBuffer buffer(BytePointer bytes, long at, long length) {
        return bytes.position(at).limit(at + length).asByteBuffer();
    }

    /** One piece in each of equal parts. */
    private static long ofPieces(BytePointer bytes, long length, long number) {
        long part = length / LINES;
        long choices = part / LINE;
        long sum = 0;
        // One native call for a piece, not one for each of its numbers.
        var line = new byte[LINE];
        ByteBuffer numbers = ByteBuffer.wrap(line);
        for (int k = 0; k < LINES; k++) {
            long at = k * part + (((mixed(number * LINES + k) >>> 32) * choices) >>> 32) * LINE;
            bytes.limit(length).position(at).get(line, 0, LINE);
            for (int j = 0; j < LINE; j += Long.BYTES) {
                // The factor is odd: no change of one number is lost.
                sum = (sum + numbers.getLong(j)) * 0x9E3779B97F4A7C15L;
            }
        }
        return sum;
    }

    /** The finalizer of SplitMix64 (Steele, Lea and Flood 2014): neighboring numbers get places that have nothing to do with each other. */
    private static long mixed(long number) {
        long z = number * 0x9E3779B97F4A7C15L;
        z = (z ^ (z >>> 30)) * 0xBF58476D1CE4E5B9L;
        z = (z ^ (z >>> 27)) * 0x94D049BB133111EBL;
        return z ^ (z >>> 31);
    }
}
