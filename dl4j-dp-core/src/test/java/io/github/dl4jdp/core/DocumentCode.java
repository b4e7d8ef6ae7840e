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
        StringBuilder all = new StringBuilder();
        for (Class<?> source : sources) {
            Path file = Path.of("src/test/java", source.getName().replace('.', '/') + ".java");
            all.append(squeeze(Files.readString(file)));
        }
        String text = all.toString();
        List<String> missing = new ArrayList<>();
        boolean inJava = false;
        int lines = 0;
        for (String line : Files.readAllLines(Path.of("..", document))) {
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
