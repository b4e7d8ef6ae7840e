// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.examples;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.dl4jdp.examples.data.MissingDataException;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;

class ExampleMainTest {
    private final StringWriter out = new StringWriter();
    private final StringWriter err = new StringWriter();
    private final Sample main = new Sample();

    @Command(name = "Sample", description = "A main.")
    private static final class Sample extends ExampleMain {
        @Mixin
        final DataOption data = new DataOption();

        @Mixin
        final PlotOption plot = new PlotOption("target/default.png");

        Sample() {
            super(3.5);
        }

        @Override
        void run() throws MissingDataException {
            cell("Data");
            if (data.folder == null) {
                throw new MissingDataException("put it there");
            }
            cell("Result");
            print(new Table("epsilon").row("1.0"));
        }
    }

    private int execute(String... args) {
        return ExampleMain.commandLine(main)
                .setOut(new PrintWriter(out))
                .setErr(new PrintWriter(err))
                .execute(args);
    }

    @Test
    void execute_options_reachTheMain() {
        assertThat(execute("--data", "here", "--epsilon", "2", "--delta", "1e-6", "--seed", "7", "--quick"))
                .isZero();

        assertThat(main.data.folder).isEqualTo(Path.of("here"));
        assertThat(main.privacy().epsilon()).isEqualTo(2);
        assertThat(main.privacy().delta()).isEqualTo(1e-6);
        assertThat(main.privacy().seed).isEqualTo(7);
        assertThat(main.privacy().quick).isTrue();
        assertThat(out.toString()).contains("[1] Data").contains("[2] Result").contains("| epsilon |");
    }

    @Test
    void execute_noOptions_takesTheMainsDefaults() {
        execute("--data", "here");

        assertThat(main.privacy().epsilon()).isEqualTo(3.5);
        assertThat(main.privacy().delta()).isEqualTo(1e-5);
        assertThat(main.privacy().quick).isFalse();
    }

    @Test
    void execute_noData_printsTheRemedyWithoutStackTrace() {
        assertThat(execute()).isEqualTo(ExampleMain.NO_DATA);
        assertThat(err.toString().strip()).isEqualTo("put it there");
    }

    @Test
    void execute_pictureThatCannotBeWritten_failsBeforeAnythingRuns(@TempDir Path folder) throws IOException {
        Path file = Files.createFile(folder.resolve("file"));
        for (String bad : new String[] {
            folder.toString(),
            folder.resolve("a.jpg").toString(),
            file.resolve("a.png").toString()
        }) {
            assertThat(execute("--data", "here", "--plot", bad)).as(bad).isEqualTo(CommandLine.ExitCode.USAGE);
            assertThat(err.toString()).contains("--plot: must").contains(bad);
        }
        assertThat(out.toString()).isEmpty();
        assertThat(execute(
                        "--data", "here", "--plot", folder.resolve("new/a.png").toString()))
                .isZero();
        assertThat(main.plot.file).isEqualTo(folder.resolve("new/a.png"));
        assertThat(folder.resolve("new")).isEmptyDirectory();
    }

    @Test
    void execute_version_namesTheLibrary() {
        assertThat(execute("--version")).isZero();
        assertThat(out.toString()).startsWith("dl4j-dp-examples ");
    }

    @Test
    void execute_valuesOutOfRange_areUsageErrors() {
        for (String[] bad : new String[][] {
            {"--epsilon", "0"}, {"--epsilon", "NaN"}, {"--epsilon", "Infinity"}, {"--delta", "1"}, {"--delta", "-1e-5"}
        }) {
            assertThat(execute(bad)).as(String.join(" ", bad)).isEqualTo(CommandLine.ExitCode.USAGE);
            assertThat(err.toString()).contains(bad[0]).contains("must be");
        }
    }

    @Test
    void execute_help_showsDefaults() {
        assertThat(execute("--help")).isZero();
        assertThat(out.toString().replaceAll("\\s+", " "))
                .contains("--epsilon")
                .contains("default: 3.5")
                .contains("--data=DIR");
    }
}
