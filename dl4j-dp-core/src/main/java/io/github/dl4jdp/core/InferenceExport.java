// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core;

import java.io.File;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.zip.ZipEntry;
import java.util.zip.ZipFile;
import java.util.zip.ZipOutputStream;
import org.deeplearning4j.nn.api.Model;
import org.deeplearning4j.util.ModelSerializer;

/** Writes a model with its privacy statement, complete or not at all. */
final class InferenceExport {
    private static final String JSON_ENTRY = "privacy-report.json";
    private static final String MARKDOWN_ENTRY = "privacy-report.md";
    private static final String HTML_ENTRY = "privacy-report.html";

    private InferenceExport() {}

    static void write(Model model, PrivacyReport report, File file) throws IOException {
        Path target = file.toPath().toAbsolutePath();
        Path folder = target.getParent();
        if (folder == null || !Files.isDirectory(folder)) {
            throw new NoSuchFileException(
                    file.getPath(), null, "file must be in a folder that exists; create it first");
        }
        Path plain = Files.createTempFile(folder, "export", ".zip");
        Path whole = Files.createTempFile(folder, "export", ".zip");
        try {
            ModelSerializer.writeModel(model, plain.toFile(), false);
            try (var in = new ZipFile(plain.toFile());
                    var out = new ZipOutputStream(Files.newOutputStream(whole))) {
                for (ZipEntry entry : in.stream().toList()) {
                    out.putNextEntry(new ZipEntry(entry.getName()));
                    in.getInputStream(entry).transferTo(out);
                }
                put(out, JSON_ENTRY, report.toJson());
                put(out, MARKDOWN_ENTRY, report.toMarkdown());
                put(out, HTML_ENTRY, report.toHtml());
            }
            Files.move(whole, target, StandardCopyOption.REPLACE_EXISTING);
        } finally {
            Files.deleteIfExists(plain);
            Files.deleteIfExists(whole);
        }
    }

    private static void put(ZipOutputStream zip, String name, String text) throws IOException {
        zip.putNextEntry(new ZipEntry(name));
        zip.write(text.getBytes(StandardCharsets.UTF_8));
    }
}
