// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.spark;

import io.github.dl4jdp.core.data.MappedArray;
import io.github.dl4jdp.core.internal.Sha256;
import java.io.BufferedOutputStream;
import java.io.FileNotFoundException;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.Serializable;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.IntBuffer;
import java.nio.file.Files;
import java.security.DigestOutputStream;
import java.security.MessageDigest;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.Iterator;
import java.util.Map;
import java.util.Objects;
import java.util.UUID;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.ChecksumException;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.Path;
import org.jspecify.annotations.Nullable;
import org.nd4j.linalg.dataset.api.MultiDataSet;

/** A directory of shards on a file system that driver and executors reach, and Hadoop's settings for it. */
final class ShardStorage implements Serializable {
    private static final long serialVersionUID = 1L;
    private static final int COPY_BYTES = 1 << 16;

    private final String directory;
    private final HashMap<String, String> settings = new HashMap<>();

    ShardStorage(String directory, Configuration configuration) throws IOException {
        for (Map.Entry<String, String> setting : configuration) {
            settings.put(setting.getKey(), setting.getValue());
        }
        var path = new Path(directory);
        this.directory = path.getFileSystem(configuration).makeQualified(path).toString();
    }

    String directory() {
        return directory;
    }

    private FileSystem fileSystem() throws IOException {
        var configuration = new Configuration(false);
        settings.forEach(configuration::set);
        return new Path(directory).getFileSystem(configuration);
    }

    boolean hasManifest() throws IOException {
        return fileSystem().exists(new Path(directory, ShardManifest.FILE));
    }

    /** Writes the manifest, complete or not at all. */
    void write(ShardManifest manifest) throws IOException {
        FileSystem files = fileSystem();
        var target = new Path(directory, ShardManifest.FILE);
        var part = new Path(directory, "." + ShardManifest.FILE + "." + UUID.randomUUID());
        try (OutputStream out = files.create(part, false)) {
            out.write(manifest.toJson());
        }
        if (!files.rename(part, target)) {
            files.delete(part, false);
            throw new IOException(target + " could not be written; it must not exist");
        }
    }

    /**
     * The manifest of the directory.
     *
     * @throws IllegalArgumentException if there is none
     */
    ShardManifest manifest() throws IOException {
        var path = new Path(directory, ShardManifest.FILE);
        try (InputStream in = fileSystem().open(path)) {
            return ShardManifest.read(in.readAllBytes(), path.toString());
        } catch (FileNotFoundException e) {
            throw new IllegalArgumentException(
                    directory + " is not a set of shards: it has no " + ShardManifest.FILE
                            + ". Write one by ShardedExamples.write, which adds the manifest last",
                    e);
        }
    }

    /**
     * What a writer of a shard made.
     *
     * @param layout null if there was no example; then there is no file
     */
    record Written(
            String name,
            long count,
            String sha256,
            @Nullable RowLayout layout,
            @Nullable WrittenOwners owners) implements Serializable {
        Written of(WrittenOwners all) {
            return new Written(name, count, sha256, layout, all);
        }
    }

    /** The file of the owners of a shard's rows. */
    record WrittenOwners(String name, long count, String sha256) implements Serializable {}

    /**
     * Writes a shard under a name that no other attempt to write it has.
     *
     * @throws IllegalArgumentException if examples have different arrays or shapes
     */
    Written write(int number, Iterator<MultiDataSet> examples) throws IOException {
        String name = "shard-%05d-%s.bin".formatted(number, UUID.randomUUID());
        if (!examples.hasNext()) {
            return new Written(name, 0, "", null, null);
        }
        FileSystem files = fileSystem();
        var path = new Path(directory, name);
        MessageDigest digest = Sha256.digest();
        long count = 0;
        RowLayout layout = null;
        boolean complete = false;
        try {
            try (OutputStream out =
                    new DigestOutputStream(new BufferedOutputStream(files.create(path, false)), digest)) {
                while (examples.hasNext()) {
                    MultiDataSet some = examples.next();
                    RowLayout here = RowLayout.of(some);
                    if (layout == null) {
                        layout = here;
                    }
                    if (!layout.equals(here)) {
                        throw new IllegalArgumentException("all examples must have the same arrays and shapes: one has "
                                + here.describe() + ", others have " + layout.describe()
                                + ". Pad them to a public length before they are written");
                    }
                    out.write(bytes(layout, layout.rows(some)));
                    count += some.getFeatures(0).size(0);
                }
            }
            complete = true;
        } finally {
            if (!complete) {
                files.delete(path, false);
            }
        }
        return new Written(name, count, HexFormat.of().formatHex(digest.digest()), layout, null);
    }

    /**
     * Writes how many rows each owner of a shard's rows has, one number of 32 bits after the other, little endian.
     *
     * @param shard the name of the shard's file, which no other attempt to write it has
     * @param counts in the order of the rows, at least 1 each
     */
    WrittenOwners writeOwners(String shard, int[] counts) throws IOException {
        String name = shard + ".owners";
        ByteBuffer buffer = ByteBuffer.allocate(Math.multiplyExact(counts.length, Integer.BYTES))
                .order(ByteOrder.LITTLE_ENDIAN);
        buffer.asIntBuffer().put(counts);
        try (OutputStream out = fileSystem().create(new Path(directory, name), false)) {
            out.write(buffer.array());
        }
        return new WrittenOwners(
                name, counts.length, HexFormat.of().formatHex(Sha256.digest().digest(buffer.array())));
    }

    /**
     * Where the rows of each owner of a shard's rows begin.
     *
     * @return [owners + 1]: those of owner u are from entry u to before entry u + 1
     * @throws ShardException if the file is missing, or is not what the manifest says
     */
    long[] fetchOwners(ShardManifest.Shard shard, ShardManifest.Owners owners) {
        var path = new Path(directory, owners.name());
        byte[] bytes;
        try (InputStream in = fileSystem().open(path)) {
            bytes = in.readAllBytes();
        } catch (ChecksumException e) {
            throw altered(path);
        } catch (FileNotFoundException e) {
            throw new ShardException("shard " + path + " is missing. Write the set of shards anew");
        } catch (IOException e) {
            throw new ShardException(
                    "shard " + path + " could not be read: " + Objects.requireNonNullElse(e.getMessage(), e));
        }
        if (!HexFormat.of().formatHex(Sha256.digest().digest(bytes)).equals(owners.sha256())) {
            throw altered(path);
        }
        IntBuffer counts = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN).asIntBuffer();
        var first = new long[counts.remaining() + 1];
        for (int u = 0; u < first.length - 1; u++) {
            int count = counts.get(u);
            if (count < 1) {
                throw new ShardException("shard " + path + " has an owner without rows. Write the set of shards anew");
            }
            first[u + 1] = first[u] + count;
        }
        if (first.length - 1 != owners.count() || first[first.length - 1] != shard.count()) {
            throw new ShardException("shard " + path + " does not have as many owners and rows as the manifest says");
        }
        return first;
    }

    private static byte[] bytes(RowLayout layout, double[] rows) {
        ByteBuffer buffer = ByteBuffer.allocate(
                        Math.multiplyExact(rows.length, layout.element().bytes()))
                .order(ByteOrder.LITTLE_ENDIAN);
        if (layout.element() == MappedArray.Element.FLOAT32) {
            for (double value : rows) {
                buffer.putFloat((float) value);
            }
        } else {
            buffer.asDoubleBuffer().put(rows);
        }
        return buffer.array();
    }

    /**
     * Fetches a shard to this machine and maps it.
     *
     * @throws ShardException if it is missing, or is not what the manifest says
     */
    MappedArray fetch(RowLayout layout, ShardManifest.Shard shard) {
        var path = new Path(directory, shard.name());
        java.nio.file.Path copy = null;
        try {
            copy = Files.createTempFile("dl4j-dp-shard", ".bin");
            MessageDigest digest = Sha256.digest();
            try (InputStream in = fileSystem().open(path);
                    OutputStream out = new DigestOutputStream(Files.newOutputStream(copy), digest)) {
                var buffer = new byte[COPY_BYTES];
                for (int read = in.read(buffer); read >= 0; read = in.read(buffer)) {
                    out.write(buffer, 0, read);
                }
            }
            if (!HexFormat.of().formatHex(digest.digest()).equals(shard.sha256())) {
                throw new ShardException(
                        "shard " + path
                                + " was altered: its bytes do not have the SHA-256 of the manifest. Write the set of shards anew");
            }
            return MappedArray.map(
                    copy, 0, layout.element(), ByteOrder.LITTLE_ENDIAN, new long[] {shard.count(), layout.length()});
        } catch (ChecksumException e) {
            throw altered(path); // seen by the file system; its message has sums of the bytes
        } catch (FileNotFoundException e) {
            throw new ShardException("shard " + path + " is missing. Write the set of shards anew");
        } catch (IllegalArgumentException e) {
            throw new ShardException("shard " + path + " does not have as many examples as the manifest says");
        } catch (IOException e) {
            throw new ShardException(
                    "shard " + path + " could not be read: " + Objects.requireNonNullElse(e.getMessage(), e));
        } finally {
            deleteQuietly(copy);
        }
    }

    private static ShardException altered(Path path) {
        return new ShardException("shard " + path
                + " was altered: its bytes do not have the SHA-256 of the manifest. Write the set of shards anew");
    }

    /** The mapping stays, and nothing is left behind, however this process ends. */
    private static void deleteQuietly(java.nio.file.@Nullable Path copy) {
        if (copy != null) {
            try {
                Files.deleteIfExists(copy);
            } catch (IOException e) {
                copy.toFile().deleteOnExit(); // where mapped files cannot be deleted
            }
        }
    }
}
