// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.examples;

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
import java.util.Locale;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The mains run to their end with little data, on Spark in this process. */
class OnSparkTest {
    private static final int REVIEWS = 20;

    @TempDir
    @SuppressWarnings("NullAway.Init") // JUnit sets it
    Path folder;

    private static String run(Class<? extends ExampleMain> main, String... more) throws Exception {
        var constructor = main.getDeclaredConstructor();
        constructor.setAccessible(true);
        var out = new StringWriter();
        var err = new StringWriter();
        var args = new ArrayList<>(List.of("--quick", "--epsilon", "2", "--shards", "2"));
        args.addAll(List.of(more));
        int exit = ExampleMain.commandLine(constructor.newInstance())
                .setOut(new PrintWriter(out))
                .setErr(new PrintWriter(err))
                .execute(args.toArray(String[]::new));
        assertThat(exit).as(err.toString()).isZero();
        return out.toString();
    }

    @Test
    void adult_quick_runsToTheEnd() throws Exception {
        String directory = folder.resolve("shards").toUri().toString();
        String out = run(AdultOnSpark.class, "--directory", directory);
        assertThat(out)
                .contains("(epsilon = 2.000, delta = 1.00e-05)")
                .contains("master local[2]")
                .contains("in 2 shards")
                .contains("private, on Spark");
        assertThat(folder.resolve("shards").resolve("manifest.json")).exists();
    }

    @Test
    void reviews_quick_runsToTheEnd() throws Exception {
        for (String polarity : List.of("pos", "neg")) {
            Path texts = Files.createDirectories(folder.resolve("txt_sentoken").resolve(polarity));
            for (int i = 0; i < REVIEWS; i++) {
                Files.writeString(
                        texts.resolve(String.format(Locale.ROOT, "cv%s%02d_1.txt", i < REVIEWS - 2 ? "0" : "9", i)),
                        "the film was ".repeat(1 + i) + (polarity.equals("pos") ? "fine" : "bad"));
            }
        }
        String out = run(ReviewsOnSpark.class, "--data", folder.toString(), "--master", "local[3]");
        assertThat(out)
                .contains("36 training reviews")
                .contains("master local[3]")
                .contains("private, on Spark");
    }

    @ParameterizedTest
    @ValueSource(strings = {"AdultOnSpark", "ReviewsOnSpark"})
    void main_withoutSpark_endsWithASentence(String main) throws IOException, InterruptedException {
        String classPath = Arrays.stream(System.getProperty("java.class.path").split(File.pathSeparator))
                .filter(entry -> !entry.contains("spark-core_"))
                .collect(Collectors.joining(File.pathSeparator));
        var process = new ProcessBuilder(
                        Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                        "-cp",
                        classPath,
                        "io.github.dl4jdp.examples." + main)
                .redirectErrorStream(true)
                .start();
        String out = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        assertThat(process.waitFor()).as(out).isEqualTo(SparkPresence.NO_SPARK);
        assertThat(out).contains("Apache Spark is not on the class path").contains("spark-submit");
    }
}
