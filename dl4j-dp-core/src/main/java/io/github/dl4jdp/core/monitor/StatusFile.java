// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core.monitor;

import io.github.dl4jdp.core.PrivacyStatus;
import java.io.BufferedWriter;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.function.Consumer;
import java.util.function.Function;
import java.util.stream.Collectors;

/**
 * Appends a run's statuses to a file, one line each, flushed line by line so that it can be watched.
 *
 * <pre>{@code
 * try (var file = StatusFile.csv(Path.of("privacy.csv"))) {
 *     net.addListeners(new PrivacyListener(engine, 10).reportTo(file));
 *     net.fit(engine.lots(data), plan.epochs());
 * }
 * }</pre>
 *
 * <p>It appends to an existing file, so a resumed run continues it. The file is for people and plots; the ledger records what was spent.
 */
public final class StatusFile implements Consumer<PrivacyStatus>, AutoCloseable {
    private final Path path;
    /** How a status becomes a line. */
    private final Function<PrivacyStatus, String> format;

    private final BufferedWriter writer;

    private StatusFile(Path path, Function<PrivacyStatus, String> format) throws IOException {
        this.path = path;
        this.format = format;
        Path folder = path.toAbsolutePath().getParent();
        if (folder != null && !Files.isDirectory(folder)) {
            throw new NoSuchFileException(
                    path.toString(), null, "path must be in a folder that exists; create it first");
        }
        this.writer = Files.newBufferedWriter(
                path, StandardCharsets.UTF_8, StandardOpenOption.CREATE, StandardOpenOption.APPEND);
    }

    /**
     * Comma-separated values with a header; an unknown value is an empty cell, an infinite one {@code Infinity}.
     *
     * @throws IOException if the file cannot be opened for writing
     */
    public static StatusFile csv(Path path) throws IOException {
        var file = new StatusFile(path, status -> status.values().values().stream()
                .map(Object::toString)
                .collect(Collectors.joining(",")));
        if (Files.size(path) == 0) {
            file.line(String.join(",", PrivacyStatus.names()));
        }
        return file;
    }

    /**
     * One JSON object a line; an unknown value is {@code null}, an infinite one the string {@code "Infinity"}.
     *
     * @throws IOException if the file cannot be opened for writing
     */
    public static StatusFile jsonLines(Path path) throws IOException {
        return new StatusFile(path, PrivacyStatus::toJson);
    }

    /**
     * Appends a line.
     *
     * @throws UncheckedIOException if it cannot be written
     */
    @Override
    public void accept(PrivacyStatus status) {
        try {
            line(format.apply(status));
        } catch (IOException e) {
            throw new UncheckedIOException("could not write the privacy status to " + path, e);
        }
    }

    private void line(String text) throws IOException {
        writer.write(text);
        writer.newLine();
        writer.flush();
    }

    @Override
    public void close() throws IOException {
        writer.close();
    }
}
