// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/** The messages in docs/faq.md are messages of the library. */
class FaqDocumentTest {
    private static final Path TOP = Path.of("..");
    private static final Pattern QUOTED = Pattern.compile("`([^`]+)`");
    /** Messages of others. */
    private static final List<String> FOREIGN = List.of("no jnind4jcpu in java.library.path", "fit");

    @Test
    void headings_messages_areThoseOfTheSources() throws IOException {
        String sources = sources();
        var missing = new ArrayList<String>();
        int messages = 0;
        for (String line : Files.readAllLines(TOP.resolve("docs/faq.md"))) {
            if (!line.startsWith("### ")) {
                continue;
            }
            for (String message :
                    QUOTED.matcher(line).results().map(match -> match.group(1)).toList()) {
                if (FOREIGN.contains(message)) {
                    continue;
                }
                messages++;
                if (!sources.contains(message.toLowerCase(Locale.ROOT))) {
                    missing.add(message);
                }
            }
        }
        assertThat(messages).isGreaterThan(15);
        assertThat(missing).isEmpty();
    }

    /** All main sources, with strings that are added up joined. */
    private static String sources() throws IOException {
        var all = new StringBuilder();
        for (String module : List.of("core", "accountant")) {
            try (Stream<Path> files = Files.walk(TOP.resolve("dl4j-dp-" + module + "/src/main/java"))) {
                for (Path file :
                        files.filter(one -> one.toString().endsWith(".java")).toList()) {
                    all.append(Files.readString(file).replaceAll("\"\\s*\\+\\s*\"", ""));
                }
            }
        }
        return all.toString().toLowerCase(Locale.ROOT);
    }
}
