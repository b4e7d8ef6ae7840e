// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.features;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.function.IntConsumer;

/** Computes features on all processors and writes them beside the file, which they replace when they are complete. */
final class FeatureFileWriter {
    /** Examples a task takes: enough to fill vector lanes, little enough that few megabytes are under way. */
    private static final int CHUNK = 64;

    private FeatureFileWriter() {}

    static void write(
            Path file,
            FeatureFileHeader header,
            FeatureExtractor extractor,
            FeatureFile.Examples examples,
            IntConsumer progress)
            throws IOException {
        Path folder = file.toAbsolutePath().getParent();
        if (folder != null) {
            Files.createDirectories(folder);
        }
        Path part = Files.createTempFile(folder, "features", ".part");
        try {
            try (FileChannel channel = FileChannel.open(part, StandardOpenOption.WRITE)) {
                writeFully(channel, header.toByteBuffer());
                writeFeatures(channel, header, extractor, examples, progress);
                channel.force(true);
            }
            Files.move(part, file, StandardCopyOption.REPLACE_EXISTING);
        } finally {
            Files.deleteIfExists(part);
        }
    }

    private static void writeFeatures(
            FileChannel channel,
            FeatureFileHeader header,
            FeatureExtractor extractor,
            FeatureFile.Examples examples,
            IntConsumer progress)
            throws IOException {
        int threads = Runtime.getRuntime().availableProcessors();
        ExecutorService pool = Executors.newFixedThreadPool(threads, task -> {
            Thread thread = new Thread(task, "dl4j-dp-features");
            thread.setDaemon(true);
            return thread;
        });
        try {
            Deque<Future<float[]>> underWay = new ArrayDeque<>();
            int submitted = 0;
            int done = 0;
            while (done < header.size()) {
                while (submitted < header.size() && underWay.size() < 2 * threads) {
                    int to = Math.min(header.size(), submitted + CHUNK);
                    float[] input = examples.read(submitted, to);
                    underWay.add(pool.submit(() -> extractor.extract(input)));
                    submitted = to;
                }
                float[] features = get(underWay.remove());
                int count = Math.min(CHUNK, header.size() - done);
                if (features.length != count * header.length()) {
                    throw new IllegalStateException("the extractor must return " + count * header.length()
                            + " numbers for " + count + " examples, returned " + features.length);
                }
                ByteBuffer bytes = ByteBuffer.allocate(4 * features.length).order(ByteOrder.LITTLE_ENDIAN);
                bytes.asFloatBuffer().put(features);
                writeFully(channel, bytes);
                done += count;
                progress.accept(done);
            }
        } finally {
            pool.shutdownNow();
        }
    }

    private static float[] get(Future<float[]> future) throws IOException {
        try {
            return future.get();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IOException("interrupted while features were computed", e);
        } catch (ExecutionException e) {
            throw new IllegalStateException("features could not be computed: " + e.getCause(), e.getCause());
        }
    }

    private static void writeFully(FileChannel channel, ByteBuffer bytes) throws IOException {
        while (bytes.hasRemaining()) {
            channel.write(bytes);
        }
    }
}
