// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core.internal.training;

import java.nio.ByteBuffer;
import java.util.zip.CRC32C;
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
 * <p>Arrays of up to {@value #WHOLE} bytes are read in full. Of longer ones, which would take a noticeable part of a step to read, {@value #LINES} pieces of
 * {@value #LINE} bytes are, spread over the whole array and others in each lot. A change of a part f of the pieces of an array goes unnoticed with a
 * probability of about {@code exp(-2048 f)} in one lot, and {@code exp(-2048 f k)} in k of them.
 */
final class LotContents {
    /** Bytes. */
    static final int WHOLE = 1 << 22;

    private static final int LINES = 1 << 11;

    private static final int LINE = 64;

    private LotContents() {}

    /**
     * The checksum.
     *
     * @param number of the lot: decides which pieces of long arrays are read
     */
    static long of(MultiDataSet lot, long number) {
        var crc = new CRC32C();
        try (MemoryWorkspace outside = Nd4j.getMemoryManager().scopeOutOfWorkspaces()) {
            add(crc, lot.getFeatures(), number);
            add(crc, lot.getLabels(), number);
            add(crc, lot.getFeaturesMaskArrays(), number);
            add(crc, lot.getLabelsMaskArrays(), number);
        }
        return crc.getValue();
    }

    private static void add(CRC32C crc, @Nullable INDArray @Nullable [] arrays, long number) {
        for (int i = 0; arrays != null && i < arrays.length; i++) {
            INDArray array = arrays[i];
            if (array != null && !array.isEmpty()) {
                add(crc, array.isView() ? array.dup() : array, number);
            }
        }
    }

    private static void add(CRC32C crc, INDArray array, long number) {
        Nd4j.getAffinityManager().ensureLocation(array, AffinityManager.Location.HOST);
        ByteBuffer bytes = array.data().pointer().asByteBuffer();
        long length = array.length() * array.data().getElementSize();
        bytes.limit((int) Math.min(bytes.limit(), length));
        if (bytes.limit() > WHOLE) {
            bytes = ByteBuffer.allocate(Long.BYTES)
                    .putLong(ofPieces(bytes, number))
                    .flip();
        }
        crc.update(bytes);
    }

    /** One piece in each of equal parts. */
    private static long ofPieces(ByteBuffer bytes, long number) {
        int part = bytes.limit() / LINES;
        int choices = part / LINE;
        long sum = 0;
        for (int k = 0; k < LINES; k++) {
            int at = k * part + (int) (((mixed(number * LINES + k) >>> 32) * choices) >>> 32) * LINE;
            for (int j = at; j < at + LINE; j += Long.BYTES) {
                // The factor is odd: no change of one number is lost.
                sum = (sum + bytes.getLong(j)) * 0x9E3779B97F4A7C15L;
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
