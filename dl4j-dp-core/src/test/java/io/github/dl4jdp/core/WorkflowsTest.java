// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.TreeSet;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.nd4j.shade.jackson.databind.JsonNode;
import org.nd4j.shade.jackson.databind.ObjectMapper;
import org.nd4j.shade.jackson.dataformat.yaml.YAMLFactory;

/** The files in .github can be read, and call what is there: they run elsewhere only. */
class WorkflowsTest {
    private static final Path TOP = Path.of("..");
    private static final ObjectMapper YAML = new ObjectMapper(new YAMLFactory());

    private static List<Path> files(String folder) throws IOException {
        try (Stream<Path> all = Files.walk(TOP.resolve(folder))) {
            return all.filter(file -> file.toString().endsWith(".yml")).toList();
        }
    }

    @Test
    void files_all_areYaml() throws IOException {
        List<Path> files = files(".github");
        assertThat(files).hasSizeGreaterThan(6);
        for (Path file : files) {
            assertThat(YAML.readTree(file.toFile()).isObject())
                    .as(file.toString())
                    .isTrue();
        }
    }

    @Test
    void workflows_commands_nameScriptsProfilesAndModulesThatExist() throws IOException {
        var commands = new ArrayList<String>();
        for (Path file : files(".github/workflows")) {
            for (JsonNode job : YAML.readTree(file.toFile()).get("jobs")) {
                job.get("steps").forEach(step -> {
                    if (step.has("run")) {
                        commands.add(step.get("run").asText());
                    }
                });
                job.path("strategy").path("matrix").path("command").forEach(command -> commands.add(command.asText()));
            }
        }
        assertThat(commands)
                .hasSizeGreaterThan(7)
                // The README's two commands.
                .contains("./mvnw -q compile exec:java", "./mvnw -B verify");
        String poms;
        try (Stream<Path> modules = Files.list(TOP)) {
            poms = read(TOP.resolve("pom.xml"))
                    + modules.map(folder -> folder.resolve("pom.xml"))
                            .filter(Files::exists)
                            .map(WorkflowsTest::read)
                            .collect(Collectors.joining());
        }
        var missing = new TreeSet<String>();
        for (String command : commands) {
            for (String word : command.split("[\\s,]+", -1)) {
                if (!isThere(word, poms)) {
                    missing.add(word);
                }
            }
        }
        assertThat(missing).isEmpty();
    }

    private static boolean isThere(String word, String poms) {
        if (word.startsWith("-P")) {
            return poms.contains("<id>" + word.substring(2) + "</id>");
        }
        if (word.startsWith("dl4j-dp-")) {
            return Files.exists(TOP.resolve(word).resolve("pom.xml"));
        }
        return !Pattern.matches("(\\./|scripts/).*", word) || Files.isExecutable(TOP.resolve(word));
    }

    private static String read(Path file) {
        try {
            return Files.readString(file);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
