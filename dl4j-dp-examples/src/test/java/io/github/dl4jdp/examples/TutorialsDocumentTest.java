// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.examples;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.TreeSet;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;

/** Every program that docs/tutorials.md names is run by a test or by the script that builds the sample project. */
class TutorialsDocumentTest {
    private static final Path TOP = Path.of("..");
    private static final Pattern PROGRAM = Pattern.compile("`([A-Z]\\w+)`");
    private static final List<String> RUNNERS = List.of(
            "dl4j-dp-examples/src/test/java/io/github/dl4jdp/examples/QuickRunsTest.java",
            "dl4j-dp-spark-examples/src/test/java/io/github/dl4jdp/examples/OnSparkTest.java",
            // The main that Maven and Gradle run, and another.
            "samples/quickstart/pom.xml",
            "scripts/samples.sh");

    @Test
    void table_everyProgram_isRun() throws IOException {
        StringBuilder runners = new StringBuilder();
        for (String runner : RUNNERS) {
            runners.append(Files.readString(TOP.resolve(runner)));
        }
        var programs = new TreeSet<String>();
        var notRun = new TreeSet<String>();
        for (String line : Files.readAllLines(TOP.resolve("docs/tutorials.md"))) {
            String[] cells = line.split("\\|", -1);
            if (cells.length == 6) {
                PROGRAM.matcher(cells[2]).results().map(match -> match.group(1)).forEach(program -> {
                    programs.add(program);
                    if (!Pattern.compile("\\b" + program + "(\\.class|[,\", <]|$)", Pattern.MULTILINE)
                            .matcher(runners)
                            .find()) {
                        notRun.add(program);
                    }
                });
            }
        }
        assertThat(programs).hasSizeGreaterThan(12);
        assertThat(notRun).isEmpty();
    }
}
