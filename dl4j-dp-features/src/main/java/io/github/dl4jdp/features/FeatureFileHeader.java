// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.features;

import io.github.dl4jdp.core.internal.Sha256;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.security.MessageDigest;
import java.util.Arrays;

/**
 * The first bytes of a {@link FeatureFile}: what was computed from what.
 *
 * <p>Little endian: "DL4JDPF1"; SHA-256 of the extractor's identity; SHA-256 of the examples; number of examples; rank and
 * shape of one example's features; zeros up to {@link #BYTES}. Then the features as 32-bit floats.
 */
@SuppressWarnings("ArrayRecordComponent") // never compared
record FeatureFileHeader(int size, long[] shape, byte[] bytes) {
    /** A page, so that the features behind it are aligned. */
    static final int BYTES = 4096;

    private static final byte[] MAGIC = "DL4JDPF1".getBytes(StandardCharsets.US_ASCII);
    private static final int DIGEST_CHUNK = 1024;

    static FeatureFileHeader of(FeatureExtractor extractor, FeatureFile.Examples examples) {
        long[] shape = extractor.outputShape();
        ByteBuffer buffer = ByteBuffer.allocate(BYTES).order(ByteOrder.LITTLE_ENDIAN);
        buffer.put(MAGIC);
        buffer.put(Sha256.digest().digest(extractor.identity().getBytes(StandardCharsets.UTF_8)));
        buffer.put(digest(examples));
        buffer.putLong(examples.size());
        buffer.putInt(shape.length);
        for (long dimension : shape) {
            buffer.putLong(dimension);
        }
        return new FeatureFileHeader(examples.size(), shape, buffer.array());
    }

    private static byte[] digest(FeatureFile.Examples examples) {
        MessageDigest digest = Sha256.digest();
        for (int from = 0; from < examples.size(); from += DIGEST_CHUNK) {
            float[] values = examples.read(from, Math.min(examples.size(), from + DIGEST_CHUNK));
            ByteBuffer chunk = ByteBuffer.allocate(4 * values.length).order(ByteOrder.LITTLE_ENDIAN);
            chunk.asFloatBuffer().put(values);
            digest.update(chunk);
        }
        return digest.digest();
    }

    @Override
    public long[] shape() {
        return shape.clone();
    }

    /** Numbers per example. */
    int length() {
        return ChannelNormalization.length(shape);
    }

    /** Whether the file begins with this header and is as long as it says. */
    boolean isAtHeadOf(Path file) throws IOException {
        if (!Files.isRegularFile(file) || Files.size(file) != BYTES + 4L * length() * size) {
            return false;
        }
        ByteBuffer head = ByteBuffer.allocate(BYTES);
        try (FileChannel channel = FileChannel.open(file, StandardOpenOption.READ)) {
            while (head.hasRemaining() && channel.read(head) >= 0) {
                // Reads on until the header is there.
            }
        }
        return Arrays.equals(head.array(), bytes);
    }

    ByteBuffer toByteBuffer() {
        return ByteBuffer.wrap(bytes).asReadOnlyBuffer();
    }
}
