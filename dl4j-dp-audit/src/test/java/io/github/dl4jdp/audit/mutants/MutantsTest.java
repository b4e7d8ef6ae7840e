// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.audit.mutants;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.util.List;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;

/** The list of mutants does not rot: each applies to the sources as they are, names tests that are there, and is in the document. */
class MutantsTest {
    @TestFactory
    Stream<DynamicTest> mutant_sourcesAsTheyAre_appliesOnce() throws IOException {
        return Mutant.all().stream()
                .map(mutant -> DynamicTest.dynamicTest(mutant.fault(), () -> {
                    assertThat(mutant.occurrences())
                            .as("the text in " + mutant.file())
                            .isEqualTo(1);
                    assertThat(mutant.replacement()).isNotEqualTo(mutant.text());
                    assertThat(mutant.tests()).isNotEmpty().allSatisfy(test -> assertThat(method(test))
                            .isTrue());
                }));
    }

    /** Whether the source of the class has the method that is named, if one is; the classes of other modules are not on this class path. */
    private static boolean method(String test) throws IOException {
        String[] parts = test.split("\\.", -1);
        String source = Files.readString(MutantRun.source(parts[0]));
        return parts.length == 1 || source.contains("void " + parts[1] + "(");
    }

    @Test
    void mutants_all_areAtLeastThirtyWithNamesOfTheirOwn() throws IOException {
        List<String> faults = Mutant.all().stream().map(Mutant::fault).toList();
        assertThat(faults).doesNotHaveDuplicates().hasSizeGreaterThanOrEqualTo(30);
    }

    @Test
    void document_table_isThatOfTheList() throws IOException {
        String table = Mutant.all().stream()
                .map(mutant -> "| " + mutant.fault() + " | "
                        + mutant.tests().stream().map(test -> "`" + test + "`").collect(Collectors.joining(", "))
                        + " |")
                .collect(Collectors.joining("\n"));
        assertThat(Files.readString(Mutant.TOP.resolve("docs/trust.md")))
                .contains("| fault | tests of which one fails |\n|---|---|\n" + table + "\n\n");
    }
}
