// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.accountant;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.spi.ToolProvider;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The library's Javadoc: complete, well formed, and with a source where a type claims something of mathematics. */
class JavadocTest {
    private static final Path SOURCES = Path.of("src", "main", "java", "io", "github", "dl4jdp", "accountant");

    /** The first sentence of a comment says what is returned, and a record's own comment what its components are. */
    private static final Pattern SAID_IN_THE_COMMENT = Pattern.compile("warning: no @(param|return)");

    /** Types that carry no mathematics. */
    private static final Set<String> PLAIN = Set.of(
            "DpEvent.NoOp",
            "DpEvent.NonPrivate",
            "PrivacyLedger",
            "PrivacyLedger.Charge",
            "PrivacyLedger.Head",
            "PrivacyLedger.Terms",
            "PrivacyLedgerException",
            "PrivacyLedgerException.Reason",
            "PrivacyLedgerHistory",
            "RoundedBounds",
            "UnsupportedEventException");

    private static final Pattern TYPE = Pattern.compile("(?s)/\\*\\*((?:(?!\\*/).)*)\\*/\\s*(?:@\\w+\\s+)*"
            + "((?:public |sealed |final |abstract |static )*(?:class|interface|record|enum) (\\w+))");

    @Tag("slow")
    @Test
    void javadoc_ofTheLibrary_hasNoWarningAndNoGap(@TempDir Path folder) throws IOException {
        List<String> arguments = new ArrayList<>(List.of(
                "-quiet",
                "-Xdoclint:all",
                "-Xmaxwarns",
                "10000",
                "-d",
                folder.toString(),
                "--module-path",
                System.getProperty("java.class.path"),
                "--add-modules",
                "org.jspecify",
                "-classpath",
                System.getProperty("java.class.path")));
        try (Stream<Path> files = Files.list(SOURCES)) {
            files.filter(file -> file.toString().endsWith(".java")).forEach(file -> arguments.add(file.toString()));
        }
        StringWriter output = new StringWriter();
        try (PrintWriter writer = new PrintWriter(output)) {
            ToolProvider.findFirst("javadoc").orElseThrow().run(writer, writer, arguments.toArray(String[]::new));
        }
        assertThat(output.toString()
                        .lines()
                        .filter(line -> line.contains(".java:"))
                        .filter(line -> line.contains("warning:") || line.contains("error:"))
                        .filter(line -> !SAID_IN_THE_COMMENT.matcher(line).find()))
                .isEmpty();
        assertThat(folder.resolve("io/github/dl4jdp/accountant/DpEvent.PoissonSampled.html"))
                .exists();
    }

    @Test
    void publicTypes_withMathematics_nameTheirSource() throws IOException {
        List<String> sourced = new ArrayList<>();
        List<String> unsourced = new ArrayList<>();
        try (Stream<Path> files = Files.list(SOURCES)) {
            for (Path file : files.filter(f -> f.toString().endsWith(".java")).toList()) {
                String outer = file.getFileName().toString().replace(".java", "");
                Matcher type = TYPE.matcher(Files.readString(file));
                boolean visible = false;
                while (type.find()) {
                    String name = type.group(3).equals(outer) ? outer : outer + "." + type.group(3);
                    visible = name.equals(outer) ? type.group(2).startsWith("public") : visible;
                    // The members of an interface are public without saying so.
                    if (visible && (type.group(2).startsWith("public") || outer.equals("DpEvent"))) {
                        (type.group(1).contains("@see") ? sourced : unsourced).add(name);
                    }
                }
            }
        }
        assertThat(unsourced).containsExactlyInAnyOrderElementsOf(PLAIN);
        assertThat(sourced).hasSizeGreaterThan(15).contains("DpEvent.PoissonSampled", "PldAccountant");
    }
}
