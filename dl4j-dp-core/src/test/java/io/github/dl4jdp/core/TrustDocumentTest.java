// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.TreeSet;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/** The tests that docs/trust.md and docs/works-with.md name are there. */
class TrustDocumentTest {
    private static final Pattern REFERENCE = Pattern.compile("`([A-Z]\\w*(?:Test|Contract))\\.([A-Za-z_]\\w*)`");
    private static final List<String> MODULES = List.of(
            "dl4j-dp-accountant",
            "dl4j-dp-core",
            "dl4j-dp-features",
            "dl4j-dp-audit",
            "dl4j-dp-spark",
            "dl4j-dp-examples");
    /** What shows a line of docs/works-with.md that names no test. */
    private static final Pattern OTHER_EVIDENCE =
            Pattern.compile("every build|by hand|`scripts/|\\[layers\\]|UnsupportedClassVersionError");

    @Test
    void document_everyTestItNames_isThere() throws IOException {
        assertThat(named(Files.readString(Path.of("..", "docs", "trust.md")))).isGreaterThan(60);
    }

    @Test
    void worksWith_whatIsTestedOrRefused_namesWhatShowsIt() throws IOException {
        var unshown = new ArrayList<String>();
        int lines = 0;
        for (String line : Files.readAllLines(Path.of("..", "docs", "works-with.md"))) {
            String[] cells = line.split("\\|", -1);
            if (cells.length == 5 && (cells[2].contains("tested") || cells[2].contains("refused"))) {
                lines++;
                boolean claims = !cells[2].strip().equals("untested");
                if (claims
                        && named(line) == 0
                        && !OTHER_EVIDENCE.matcher(cells[3]).find()) {
                    unshown.add(line);
                }
            }
        }
        assertThat(lines).isGreaterThan(25);
        assertThat(unshown).isEmpty();
    }

    /** The number of tests that a text names, all of which are there. */
    private static int named(String text) throws IOException {
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
        assertThat(missing).isEmpty();
        return found;
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
