// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core.gradient;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;

/** Keeps docs/layers.md in step with the rules; {@code -Dlayers.write=true} writes it anew. */
class LayersDocumentTest {
    private static final Path DOCUMENT = Path.of("..", "docs", "layers.md");

    @Test
    void document_rules_areThoseOfTheLibrary() throws IOException {
        String expected = document();
        if (Boolean.getBoolean("layers.write")) {
            Files.writeString(DOCUMENT, expected);
        }
        assertThat(Files.readString(DOCUMENT)).isEqualTo(expected);
    }

    private static String document() throws IOException {
        String table = GradientRules.builtIn().all().stream()
                .sorted(Comparator.comparing(rule -> rule.layerClass().getSimpleName()))
                .map(rule -> "| " + rule.layerClass().getSimpleName() + " | " + rule.path() + " |\n")
                .collect(Collectors.joining());
        try (var template = LayersDocumentTest.class.getResourceAsStream("layers-template.md")) {
            if (template == null) {
                throw new IllegalStateException("layers-template.md is missing");
            }
            return new String(template.readAllBytes(), java.nio.charset.StandardCharsets.UTF_8)
                    .replace("TABLE\n", table);
        }
    }
}
