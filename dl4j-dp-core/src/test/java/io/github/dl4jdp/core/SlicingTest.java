// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;

/** Arrays are sliced by {@code Slices} alone: ND4J's own slices of views may be empty or wrong. */
class SlicingTest {
    private static final Pattern SLICES_OF_ND4J = Pattern.compile(
            "NDArrayIndex|\\.(getRow|getRows|getColumn|getColumns|getScalar|tensorAlongDimension|vectorAlongDimension|slice|subArray)\\(");

    @Test
    void mainCode_anyFile_leavesSlicingToOneClass() throws IOException {
        var found = new ArrayList<String>();
        var files = new ArrayList<Path>();
        for (String module : List.of("dl4j-dp-core", "dl4j-dp-features", "dl4j-dp-audit")) {
            try (var walk = Files.walk(Path.of("..", module, "src/main/java"))) {
                // The test kit's oracle is ND4J, on arrays that it has just made.
                walk.filter(file -> file.toString().endsWith(".java")
                                && !file.toString().contains("testkit"))
                        .forEach(files::add);
            }
        }
        assertThat(files).hasSizeGreaterThan(100);
        for (Path file : files) {
            List<String> lines = Files.readAllLines(file);
            for (int i = 0; i < lines.size(); i++) {
                if (SLICES_OF_ND4J.matcher(lines.get(i)).find()) {
                    found.add(file + ":" + (i + 1) + ": " + lines.get(i).strip());
                }
            }
        }
        assertThat(found).isEmpty();
    }
}
