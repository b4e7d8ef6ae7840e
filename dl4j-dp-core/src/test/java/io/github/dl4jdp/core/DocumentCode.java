// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/** Holds the Java samples of a document against the test that runs them. */
public final class DocumentCode {
    private static final Path TOP = Path.of("..");

    private DocumentCode() {}

    /**
     * Checks that every line of a document's Java samples stands in the source of a test class, white space aside: the formatter breaks lines
     * elsewhere than the document.
     *
     * @param document name of a file, from the root of the project
     * @param atLeast number of lines that the samples have at least: a check of nothing would pass
     */
    public static void assertRunBy(Class<?> test, String document, int atLeast) throws IOException {
        assertRunBy(List.of(test), document, atLeast);
    }

    /** The same for samples that stand in several sources. */
    public static void assertRunBy(List<Class<?>> sources, String document, int atLeast) throws IOException {
        assertRunBy(
                document,
                atLeast,
                sources.stream()
                        .map(source ->
                                "dl4j-dp-core/src/test/java/" + source.getName().replace('.', '/') + ".java")
                        .toArray(String[]::new));
    }

    /** The same for the sources of any module, named from the root of the project. */
    public static void assertRunBy(String document, int atLeast, String... sources) throws IOException {
        StringBuilder all = new StringBuilder();
        for (String source : sources) {
            all.append(squeeze(Files.readString(TOP.resolve(source))));
        }
        String text = all.toString();
        List<String> missing = new ArrayList<>();
        boolean inJava = false;
        int lines = 0;
        for (String line : Files.readAllLines(TOP.resolve(document))) {
            if (line.startsWith("```")) {
                inJava = line.equals("```java");
            } else if (inJava && !line.isBlank()) {
                lines++;
                if (!text.contains(squeeze(line))) {
                    missing.add(line);
                }
            }
        }
        assertThat(lines).isGreaterThanOrEqualTo(atLeast);
        assertThat(missing).isEmpty();
    }

    private static String squeeze(String text) {
        return text.replaceAll("\\s", "");
    }
}
