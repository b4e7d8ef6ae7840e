// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.TreeSet;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/** The tests that docs/trust.md names are there. */
class TrustDocumentTest {
    private static final Pattern REFERENCE = Pattern.compile("`([A-Z]\\w*(?:Test|Contract))\\.([A-Za-z_]\\w*)`");
    private static final List<String> MODULES =
            List.of("dl4j-dp-accountant", "dl4j-dp-core", "dl4j-dp-features", "dl4j-dp-audit", "dl4j-dp-spark");

    @Test
    void document_everyTestItNames_isThere() throws IOException {
        String text = Files.readString(Path.of("..", "docs", "trust.md"));
        var missing = new TreeSet<String>();
        var references = REFERENCE.matcher(text);
        int found = 0;
        while (references.find()) {
            found++;
            String method = references.group(2);
            if (!isThere(references.group(1), method)) {
                missing.add(references.group());
            }
        }
        assertThat(found).isGreaterThan(60);
        assertThat(missing).isEmpty();
    }

    /** Sources are read: the tests of other modules are not on this class path. */
    private static boolean isThere(String className, String name) throws IOException {
        Pattern test = Pattern.compile(
                "@(Test|ParameterizedTest|Property|ArchTest)\\b((?!void |ArchRule ).)*(void |ArchRule )" + name + "\\b",
                Pattern.DOTALL);
        for (String module : MODULES) {
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
}
