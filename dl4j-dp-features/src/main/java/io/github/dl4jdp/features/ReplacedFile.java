// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.features;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.UUID;

/** A file that is written whole or not at all: beside its place, on the disk, and then into its place. */
final class ReplacedFile {
    private ReplacedFile() {}

    /**
     * Writes a file, or leaves what is there as it is.
     *
     * @throws IOException if it cannot be written; nothing has changed then
     */
    static void write(Path file, byte[] content) throws IOException {
        // A link stays one: what it leads to is replaced.
        Path target = Files.exists(file) ? file.toRealPath() : file.toAbsolutePath();
        // A name that no file of the user's has.
        Path part = target.resolveSibling(target.getFileName() + "." + UUID.randomUUID() + ".part");
        try {
            try (FileChannel channel =
                    FileChannel.open(part, StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE)) {
                ByteBuffer bytes = ByteBuffer.wrap(content);
                while (bytes.hasRemaining()) {
                    channel.write(bytes);
                }
                channel.force(true);
            }
            Files.move(part, target, StandardCopyOption.ATOMIC_MOVE);
        } finally {
            Files.deleteIfExists(part);
        }
        forceFolderOf(target);
    }

    /** Makes the file's name as durable as its content. */
    private static void forceFolderOf(Path file) throws IOException {
        Path folder = file.getParent();
        // Windows cannot open a folder; NTFS journals names itself.
        if (folder != null && !file.getFileSystem().getSeparator().equals("\\")) {
            try (FileChannel channel = FileChannel.open(folder, StandardOpenOption.READ)) {
                channel.force(true);
            }
        }
    }
}
