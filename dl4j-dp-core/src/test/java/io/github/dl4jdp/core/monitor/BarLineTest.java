// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core.monitor;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** What a terminal shows when a bar and other output share it. */
class BarLineTest {
    private final ByteArrayOutputStream written = new ByteArrayOutputStream();
    private final PrintStream out = System.out;
    private final PrintStream err = System.err;

    @BeforeEach
    void oneTerminal() {
        System.setOut(new PrintStream(written, true, StandardCharsets.UTF_8));
        System.setErr(new PrintStream(written, true, StandardCharsets.UTF_8));
    }

    @AfterEach
    void restore() {
        System.setOut(out);
        System.setErr(err);
    }

    @Test
    void accept_linesInBetween_allSurviveAboveOneBar() {
        var bar = new BarLine(80);
        for (int i = 0; i < 22; i++) {
            bar.accept("private training |" + "=".repeat(i) + " ".repeat(22 - i) + "| " + i
                    + "/22 a long note at the end");
            System.out.println("line " + i);
            if (i % 3 == 0) {
                System.err.print("an error ");
                bar.accept("this is not drawn into a line that has not ended");
                System.err.println("in two pieces");
            }
        }
        bar.accept("done");
        bar.close();
        System.out.println("after");

        var expected = new ArrayList<String>();
        for (int i = 0; i < 22; i++) {
            expected.add("line " + i);
            if (i % 3 == 0) {
                expected.add("an error in two pieces");
            }
        }
        expected.addAll(List.of("done", "after"));
        assertThat(screen()).isEqualTo(expected);
    }

    @Test
    void close_streamsReplacedMeanwhile_stayReplaced() {
        PrintStream before = System.err;
        var bar = new BarLine(80);
        PrintStream other = new PrintStream(new ByteArrayOutputStream(), true, StandardCharsets.UTF_8);
        System.setOut(other);

        bar.close();

        assertThat(System.out).isSameAs(other);
        assertThat(System.err).isSameAs(before);
    }

    /** The lines of a terminal that knows carriage return, line feed and "erase line". */
    private List<String> screen() {
        var lines = new ArrayList<String>();
        var line = new StringBuilder();
        int column = 0;
        String text = written.toString(StandardCharsets.UTF_8);
        for (int i = 0; i < text.length(); i++) {
            char c = text.charAt(i);
            if (text.startsWith("\u001b[2K", i)) {
                IntStream.range(0, line.length()).forEach(k -> line.setCharAt(k, ' '));
                i += 3;
            } else if (c == '\r') {
                column = 0;
            } else if (c == '\n') {
                lines.add(line.toString().stripTrailing());
                line.setLength(0);
                column = 0;
            } else {
                while (line.length() <= column) {
                    line.append(' ');
                }
                line.setCharAt(column++, c);
            }
        }
        assertThat(line.toString()).isBlank();
        return lines;
    }
}
