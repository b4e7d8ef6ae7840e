// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.audit.mutants;

import java.io.File;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import javax.tools.ToolProvider;

/** Compiles the sources with one fault in them and runs tests on that in a process of their own. */
final class MutantRun {
    private static final long MOST_MINUTES = 15;

    private static final List<String> MODULES =
            List.of("dl4j-dp-accountant", "dl4j-dp-core", "dl4j-dp-features", "dl4j-dp-audit");

    private MutantRun() {}

    /**
     * What became of a mutant.
     *
     * @param caught whether a test failed, or did not end
     * @param by which one, or why none
     */
    record Outcome(boolean caught, String by) {}

    static Outcome of(Mutant mutant, Path folder) throws IOException, InterruptedException {
        Path source = folder.resolve("sources").resolve(mutant.file());
        Files.createDirectories(source.getParent());
        Files.writeString(source, mutant.applied());
        Path classes = Files.createDirectories(folder.resolve("classes"));
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
                        classPath(),
                        source.toString());
        if (status != 0) {
            return new Outcome(false, "it does not compile");
        }
        return outcome(mutant.tests(), classes.toString(), folder);
    }

    /** What becomes of all these tests without any fault: none must fail. */
    static Outcome withoutFault(List<String> tests, Path folder) throws IOException, InterruptedException {
        Files.createDirectories(folder);
        for (boolean accountants : new boolean[] {false, true}) {
            var some = tests.stream()
                    .filter(test -> isOfAccountant(test) == accountants)
                    .toList();
            Outcome outcome = some.isEmpty() ? new Outcome(false, "") : outcome(some, folder.toString(), folder);
            if (outcome.caught()) {
                return outcome;
            }
        }
        return new Outcome(false, "no test failed");
    }

    private static Outcome outcome(List<String> tests, String classes, Path folder)
            throws IOException, InterruptedException {
        String module = tests.stream().anyMatch(MutantRun::isOfAccountant) ? "dl4j-dp-accountant" : "dl4j-dp-core";
        var command = new ArrayList<>(List.of(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-Xmx2g",
                "-Djqwik.database=" + folder.resolve("jqwik"),
                "-cp",
                classes + File.pathSeparator + classPath(),
                MutantTests.class.getName()));
        for (String test : tests) {
            command.add(qualified(test));
        }
        Path log = folder.resolve("log");
        Process process = new ProcessBuilder(command)
                .directory(Mutant.TOP.resolve(module).toFile())
                .redirectErrorStream(true)
                .redirectOutput(log.toFile())
                .start();
        if (!process.waitFor(MOST_MINUTES, TimeUnit.MINUTES)) {
            process.destroyForcibly();
            return new Outcome(true, "a test that did not end");
        }
        String by = by(log);
        return switch (process.exitValue()) {
            case MutantTests.CAUGHT -> new Outcome(true, by);
            case MutantTests.SURVIVED -> new Outcome(false, "no test failed");
            case MutantTests.NO_TESTS -> new Outcome(false, "no test ran");
            default -> new Outcome(false, "the tests ended with " + process.exitValue() + ", see " + log);
        };
    }

    private static String by(Path log) throws IOException {
        try (Stream<String> lines = Files.lines(log, java.nio.charset.StandardCharsets.ISO_8859_1)) {
            return lines.filter(line -> line.startsWith("CAUGHT "))
                    .findFirst()
                    .map(line -> line.substring("CAUGHT ".length()))
                    .orElse("");
        }
    }

    /** This module's, and the tests of the others. */
    private static String classPath() {
        return Stream.concat(
                        Stream.of(System.getProperty("java.class.path")),
                        MODULES.stream().map(module -> Mutant.TOP
                                .resolve(module)
                                .resolve("target/test-classes")
                                .toAbsolutePath()
                                .toString()))
                .collect(Collectors.joining(File.pathSeparator));
    }

    private static boolean isOfAccountant(String test) {
        return qualified(test).startsWith("io.github.dl4jdp.accountant.");
    }

    /** The name by which the process of the tests finds a class or method. */
    static String qualified(String test) {
        String[] parts = test.split("\\.", -1);
        return find(parts[0]) + (parts.length > 1 ? "#" + parts[1] : "");
    }

    private static String find(String simpleName) {
        Path source = source(simpleName);
        return MODULES.stream()
                .map(MutantRun::tests)
                .filter(source::startsWith)
                .map(root -> root.relativize(source).toString())
                .findFirst()
                .orElseThrow()
                .replace(File.separatorChar, '.')
                .replaceAll("\\.java$", "");
    }

    private static Path tests(String module) {
        return Mutant.TOP.resolve(module).resolve("src/test/java");
    }

    /** The source of a test class, which is in one of the modules. */
    static Path source(String simpleName) {
        var found = new ArrayList<Path>();
        for (String module : MODULES) {
            try (Stream<Path> sources = Files.walk(tests(module))) {
                sources.filter(source -> source.endsWith(simpleName + ".java")).forEach(found::add);
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            }
        }
        if (found.size() != 1) {
            throw new IllegalStateException("there must be one test class " + simpleName + ", were " + found);
        }
        return found.get(0);
    }
}
