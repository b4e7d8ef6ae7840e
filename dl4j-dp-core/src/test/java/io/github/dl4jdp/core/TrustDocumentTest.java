// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.lang.reflect.AnnotatedElement;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.TreeSet;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/** The tests that docs/trust.md names are there. */
class TrustDocumentTest {
    private static final Pattern REFERENCE = Pattern.compile("`([A-Z]\\w*(?:Test|Contract))\\.([A-Za-z_]\\w*)`");
    private static final List<String> PACKAGES = List.of("", "gradient.", "random.", "data.", "layers.", "fuzz.");
    private static final List<String> OTHER_MODULES =
            List.of("dl4j-dp-accountant", "dl4j-dp-features", "dl4j-dp-audit");
    private static final List<String> MARKS = List.of("Test", "ParameterizedTest", "Property", "ArchTest");

    @Test
    void document_everyTestItNames_isThere() throws IOException {
        String text = Files.readString(Path.of("..", "docs", "trust.md"));
        var missing = new TreeSet<String>();
        var references = REFERENCE.matcher(text);
        int found = 0;
        while (references.find()) {
            found++;
            String method = references.group(2);
            boolean isThere = PACKAGES.stream().anyMatch(name -> isTest(name + references.group(1), method))
                    || isTestOfAnotherModule(references.group(1), method);
            if (!isThere) {
                missing.add(references.group());
            }
        }
        assertThat(found).isGreaterThan(60);
        assertThat(missing).isEmpty();
    }

    /** The tests of other modules are not on this class path: their sources are read. */
    private static boolean isTestOfAnotherModule(String className, String name) throws IOException {
        Pattern test = Pattern.compile(
                "@(Test|ParameterizedTest|Property)\\b((?!void ).)*void " + name + "\\(", Pattern.DOTALL);
        for (String module : OTHER_MODULES) {
            try (Stream<Path> files = Files.walk(Path.of("..", module, "src"))) {
                for (Path source :
                        files.filter(file -> file.endsWith(className + ".java")).toList()) {
                    if (test.matcher(Files.readString(source)).find()) {
                        return true;
                    }
                }
            }
        }
        return false;
    }

    private static boolean isTest(String className, String name) {
        try {
            Class<?> type = Class.forName(
                    "io.github.dl4jdp.core." + className, false, TrustDocumentTest.class.getClassLoader());
            Stream<AnnotatedElement> named = Stream.concat(
                    Arrays.stream(type.getDeclaredMethods())
                            .filter(method -> method.getName().equals(name)),
                    Arrays.stream(type.getDeclaredFields())
                            .filter(field -> field.getName().equals(name)));
            return named.flatMap(element -> Arrays.stream(element.getAnnotations()))
                    .anyMatch(mark -> MARKS.contains(mark.annotationType().getSimpleName()));
        } catch (ClassNotFoundException e) {
            return false;
        }
    }
}
