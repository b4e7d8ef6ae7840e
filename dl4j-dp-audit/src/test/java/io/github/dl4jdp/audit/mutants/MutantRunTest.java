// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.audit.mutants;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The tests of the tests: {@code mvn -Pmutants test -pl dl4j-dp-audit -am}. {@code -Ddl4jdp.mutants=word} takes those in whose names the regular expression is found. */
@Tag("slow")
@Tag("mutants")
class MutantRunTest {
    @Test
    void run_everyMutant_isCaught(@TempDir Path folder) throws IOException, InterruptedException {
        Pattern names = Pattern.compile(System.getProperty("dl4jdp.mutants", ""));
        List<Mutant> chosen = Mutant.all().stream()
                .filter(mutant -> names.matcher(mutant.fault()).find())
                .toList();
        List<String> tests = chosen.stream()
                .flatMap(mutant -> mutant.tests().stream())
                .distinct()
                .toList();
        MutantRun.Outcome sound = MutantRun.withoutFault(tests, folder.resolve("none"));
        assertThat(sound.caught())
                .as("a test fails without any fault: %s", sound.by())
                .isFalse();
        var survived = new ArrayList<String>();
        int number = 0;
        for (Mutant mutant : chosen) {
            long start = System.nanoTime();
            MutantRun.Outcome outcome = MutantRun.of(mutant, folder.resolve(Integer.toString(number++)));
            System.out.printf(
                    "%s (%d s): %s%n   %s%n",
                    outcome.caught() ? "caught" : "SURVIVED",
                    (System.nanoTime() - start) / 1_000_000_000,
                    mutant.fault(),
                    outcome.by());
            if (!outcome.caught()) {
                survived.add(mutant.fault() + ": " + outcome.by());
            }
        }
        assertThat(survived).isEmpty();
        assertThat(chosen).isNotEmpty();
    }
}
