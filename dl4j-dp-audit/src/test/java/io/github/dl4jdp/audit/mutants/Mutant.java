// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.audit.mutants;

import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;

/**
 * A fault that can be put into the sources.
 *
 * @param fault in words
 * @param file from the top of the project
 * @param text what it replaces, which is there once; it must not be in a constant that other files use
 * @param replacement what stands there instead
 * @param tests classes, or methods as {@code Class.method}, of which at least one must fail
 */
record Mutant(String fault, String file, String text, String replacement, List<String> tests) {
    static final Path TOP = Path.of("..");

    /** All of them, from {@code mutants.txt}. */
    static List<Mutant> all() throws IOException {
        try (InputStream in = Objects.requireNonNull(Mutant.class.getResourceAsStream("mutants.txt"))) {
            var all = new ArrayList<Mutant>();
            for (String part : new String(in.readAllBytes(), StandardCharsets.UTF_8).split("(?m)^## ", -1)) {
                if (!part.startsWith("#") && !part.isBlank()) {
                    all.add(parse(part));
                }
            }
            return all;
        }
    }

    private static Mutant parse(String part) {
        String[] parts = part.split("(?m)^(?:file |---\\n|\\+\\+\\+\\n|tests )", -1);
        if (parts.length != 5) {
            throw new IllegalStateException(
                    "a mutant must have a name, file, ---, +++ and tests, one has other lines:\n" + part);
        }
        return new Mutant(
                parts[0].strip(),
                parts[1].strip(),
                withoutLastBreak(parts[2]),
                withoutLastBreak(parts[3]),
                List.of(parts[4].strip().split(",\\s*", -1)));
    }

    private static String withoutLastBreak(String text) {
        return text.endsWith("\n") ? text.substring(0, text.length() - 1) : text;
    }

    /** How often its text is in the sources. */
    int occurrences() throws IOException {
        String source = Files.readString(TOP.resolve(file));
        int count = 0;
        for (int at = source.indexOf(text); at >= 0; at = source.indexOf(text, at + 1)) {
            count++;
        }
        return count;
    }

    /** The source with the fault. */
    String applied() throws IOException {
        return Files.readString(TOP.resolve(file)).replace(text, replacement);
    }
}
