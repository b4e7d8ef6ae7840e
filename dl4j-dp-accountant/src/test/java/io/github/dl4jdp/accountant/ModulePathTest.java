// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.accountant;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.File;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.spi.ToolProvider;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The library as a module: a module of somebody else's is compiled against its jar and run, with what it really needs. */
class ModulePathTest {
    /** What users get without asking: neither the command line's libraries nor anything of DL4J. */
    private static final List<String> NEEDED =
            List.of("commons-numbers-gamma", "commons-numbers-core", "commons-numbers-fraction", "jackson-core");

    private static final String MODULE = "module consumer { requires io.github.dl4jdp.accountant; }";

    private static final String MAIN = """
            package consumer;

            import io.github.dl4jdp.accountant.*;
            import io.github.dl4jdp.accountant.DpEvent.*;

            public class Main {
                public static void main(String[] arguments) {
                    DpEvent run = new SelfComposed(new PoissonSampled(0.01, new Gaussian(1.1)), 1000);
                    System.out.println(Main.class.getModule() + " " + DpEvent.class.getModule().getName());
                    System.out.println(new PldAccountant().compose(DpEvent.fromJson(run.toJson())).epsilon(1e-5));
                    System.out.println(new RdpAccountant().compose(run).epsilon(1e-5));
                }
            }
            """;

    @Test
    void consumerModule_jarOnTheModulePath_compilesAndRuns(@TempDir Path folder) throws Exception {
        Path jar = folder.resolve("dl4j-dp-accountant.jar");
        run(
                "jar",
                "--create",
                "--file",
                jar.toString(),
                "-C",
                Path.of("target", "classes").toString(),
                ".");
        List<String> path = new ArrayList<>(List.of(jar.toString()));
        Arrays.stream(System.getProperty("java.class.path").split(File.pathSeparator, -1))
                .filter(entry ->
                        NEEDED.stream().anyMatch(Path.of(entry).getFileName().toString()::startsWith))
                .forEach(path::add);
        assertThat(path).hasSize(1 + NEEDED.size());
        String modulePath = String.join(File.pathSeparator, path);

        Path source = Files.createDirectories(folder.resolve("src/consumer"));
        Files.writeString(source.resolve("Main.java"), MAIN);
        Files.writeString(folder.resolve("src/module-info.java"), MODULE);
        Path classes = folder.resolve("classes");
        run(
                "javac",
                "-Xlint:all",
                "-Werror",
                "--release",
                "17",
                "--module-path",
                modulePath,
                "-d",
                classes.toString(),
                folder.resolve("src/module-info.java").toString(),
                source.resolve("Main.java").toString());

        Process java = new ProcessBuilder(
                        Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                        "--module-path",
                        modulePath + File.pathSeparator + classes,
                        "--module",
                        "consumer/consumer.Main")
                .redirectErrorStream(true)
                .start();
        String printed = new String(java.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        assertThat(java.waitFor(1, TimeUnit.MINUTES)).isTrue();
        DpEvent event = new DpEvent.SelfComposed(new DpEvent.PoissonSampled(0.01, new DpEvent.Gaussian(1.1)), 1000);
        assertThat(printed.lines())
                .containsExactly(
                        "module consumer io.github.dl4jdp.accountant",
                        Double.toString(new PldAccountant().compose(event).epsilon(1e-5)),
                        Double.toString(new RdpAccountant().compose(event).epsilon(1e-5)));
    }

    private static void run(String tool, String... arguments) throws IOException {
        StringWriter output = new StringWriter();
        try (PrintWriter writer = new PrintWriter(output)) {
            int code = ToolProvider.findFirst(tool).orElseThrow().run(writer, writer, arguments);
            writer.flush();
            assertThat(code).as(tool + ": " + output).isZero();
        }
    }
}
