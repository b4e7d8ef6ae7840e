// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.spark;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.platform.engine.discovery.DiscoverySelectors.selectClass;

import java.io.File;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Collectors;
import javax.tools.ToolProvider;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.platform.engine.TestExecutionResult;
import org.junit.platform.launcher.TagFilter;
import org.junit.platform.launcher.TestExecutionListener;
import org.junit.platform.launcher.TestIdentifier;
import org.junit.platform.launcher.core.LauncherDiscoveryRequestBuilder;
import org.junit.platform.launcher.core.LauncherFactory;

/** Faults that the tests of this module must find: the list does not rot, and the profile {@code mutants} puts each in (docs/spark.md). */
class SparkMutantsTest {
    private static final Path TOP = Path.of("..");
    private static final int CAUGHT = 3;

    /** As in dl4j-dp-audit's list. */
    record Mutant(String fault, String file, String text, String replacement, String tests) {
        static List<Mutant> all() throws IOException {
            String list = Files.readString(Path.of("src/test/resources/io/github/dl4jdp/spark/mutants.txt"));
            return Arrays.stream(list.split("(?m)^## ", -1))
                    .skip(1)
                    .map(part -> part.split("(?m)^(?:file |---\\n|\\+\\+\\+\\n|tests )", -1))
                    .map(parts -> new Mutant(
                            parts[0].strip(),
                            parts[1].strip(),
                            parts[2].stripTrailing(),
                            parts[3].stripTrailing(),
                            parts[4].strip()))
                    .toList();
        }

        String source() throws IOException {
            return Files.readString(TOP.resolve(file));
        }
    }

    @Test
    void mutants_sourcesAsTheyAre_applyOnceAndAreInTheDocument() throws IOException {
        var table = new StringBuilder("| fault | test that fails |\n|---|---|\n");
        for (Mutant mutant : Mutant.all()) {
            assertThat(mutant.source().split(java.util.regex.Pattern.quote(mutant.text()), -1))
                    .as(mutant.fault())
                    .hasSize(2);
            assertThat(mutant.replacement()).isNotEqualTo(mutant.text());
            assertThat(Path.of("src/test/java/io/github/dl4jdp/spark", mutant.tests() + ".java"))
                    .exists();
            table.append("| ")
                    .append(mutant.fault())
                    .append(" | `")
                    .append(mutant.tests())
                    .append("` |\n");
        }
        assertThat(Files.readString(TOP.resolve("docs/spark.md"))).contains(table);
    }

    @Test
    @Tag("slow")
    @Tag("mutants")
    void run_everyMutant_isCaught(@TempDir Path folder) throws IOException, InterruptedException {
        var survived = new ArrayList<String>();
        for (Mutant mutant : Mutant.all()) {
            Path source = folder.resolve("sources").resolve(mutant.file());
            Files.createDirectories(source.getParent());
            Files.writeString(source, mutant.source().replace(mutant.text(), mutant.replacement()));
            Path classes = Files.createTempDirectory(folder, "classes");
            String classPath = System.getProperty("java.class.path");
            int status = ToolProvider.getSystemJavaCompiler()
                    .run(
                            null,
                            null,
                            null,
                            "-nowarn",
                            "-proc:none",
                            "-d",
                            classes.toString(),
                            "-cp",
                            classPath,
                            source.toString());
            Path log = folder.resolve("log");
            boolean caught = status == 0
                    && StandaloneCluster.java(
                                            SparkMutantsTest.class,
                                            classes + File.pathSeparator + classPath,
                                            log,
                                            mutant.tests())
                                    .waitFor()
                            == CAUGHT;
            String by = status != 0
                    ? "it does not compile"
                    : Files.readAllLines(log).stream()
                            .filter(line -> line.startsWith("CAUGHT "))
                            .findFirst()
                            .orElse("no test failed");
            System.out.println((caught ? "caught: " : "SURVIVED: ") + mutant.fault() + "\n   " + by);
            if (!caught) {
                survived.add(mutant.fault());
            }
        }
        assertThat(survived).isEmpty();
    }

    /** Runs a test class without its slow tests, and ends at the first failure. */
    public static void main(String[] arguments) throws ClassNotFoundException {
        var listener = new TestExecutionListener() {
            @Override
            public void executionFinished(TestIdentifier test, TestExecutionResult result) {
                if (result.getStatus() == TestExecutionResult.Status.FAILED) {
                    System.out.println("CAUGHT by " + test.getDisplayName() + ": "
                            + result.getThrowable()
                                    .map(Throwable::toString)
                                    .map(text -> text.lines().collect(Collectors.joining(" ")))
                                    .map(text -> text.substring(0, Math.min(160, text.length())))
                                    .orElse(""));
                    System.out.flush();
                    Runtime.getRuntime().halt(CAUGHT);
                }
            }
        };
        LauncherFactory.create()
                .execute(
                        LauncherDiscoveryRequestBuilder.request()
                                .selectors(selectClass(Class.forName("io.github.dl4jdp.spark." + arguments[0])))
                                .filters(TagFilter.excludeTags("slow"))
                                .build(),
                        listener);
        Runtime.getRuntime().halt(0);
    }
}
