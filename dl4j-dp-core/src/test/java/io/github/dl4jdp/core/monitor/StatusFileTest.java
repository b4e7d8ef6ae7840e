// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core.monitor;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.withinPercentage;

import io.github.dl4jdp.core.PrivacyListener;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.nd4j.shade.jackson.databind.ObjectMapper;

class StatusFileTest {
    private static final String HEADER =
            "steps,remaining_steps,epsilon,delta,relation,moments_epsilon,budget,projected_epsilon,"
                    + "noise_to_signal,clipped_fraction_outside_the_guarantee";

    @TempDir
    private Path folder;

    @Test
    void csv_unknownAndInfiniteValues_areEmptyAndNamed() throws IOException {
        Path path = folder.resolve("run.csv");
        try (var file = StatusFile.csv(path)) {
            file.accept(Runs.STATUS);
        }

        assertThat(path).hasContent(HEADER + "\n7,13,0.5,1.0E-5,ADD_OR_REMOVE_ONE,,,0.75,Infinity,\n");
    }

    @Test
    void csv_existingFile_isAddedToWithoutSecondHeader() throws IOException {
        Path path = folder.resolve("run.csv");
        for (int i = 0; i < 2; i++) {
            try (var file = StatusFile.csv(path)) {
                file.accept(Runs.STATUS);
            }
        }

        assertThat(Files.readAllLines(path)).hasSize(3).first().isEqualTo(HEADER);
    }

    @Test
    void jsonLines_whileTraining_oneReadableObjectPerReport() throws IOException {
        Path path = folder.resolve("run.jsonl");
        var run = Runs.of(20);
        try (var file = StatusFile.jsonLines(path)) {
            run.network().setListeners(new PrivacyListener(run.engine(), 5).reportTo(file));
            run.fit();
        }

        var lines = Files.readAllLines(path);
        assertThat(lines).hasSize(4);
        var last = new ObjectMapper().readTree(lines.get(3));
        assertThat(last.get("steps").asLong()).isEqualTo(20);
        assertThat(last.get("remaining_steps").asLong()).isZero();
        assertThat(last.get("epsilon").asDouble()).isEqualTo(run.engine().epsilon());
        assertThat(last.get("moments_epsilon").asDouble())
                .isGreaterThan(run.engine().epsilon());
        assertThat(last.get("budget").asDouble()).isEqualTo(2);
        // Two compositions of the same steps by privacy loss distributions: both are bounds, within their grids of each
        // other.
        assertThat(last.get("projected_epsilon").asDouble())
                .isCloseTo(run.engine().epsilon(), withinPercentage(0.1))
                .isLessThanOrEqualTo(2);
        assertThat(last.get("noise_to_signal").isNull()).isFalse();
        assertThat(last.get("clipped_fraction_outside_the_guarantee").isNull()).isTrue();
    }

    @Test
    void csv_missingFolder_saysSo() {
        Path path = folder.resolve("none/run.csv");

        assertThatThrownBy(() -> StatusFile.csv(path))
                .isInstanceOf(IOException.class)
                .hasMessageContaining(path.toString())
                .hasMessageContaining("must be in a folder that exists; create it first");
    }

    @Test
    void reportTo_placeThatFails_isGivenUpAndTrainingGoesOn() throws IOException {
        var run = Runs.of(10);
        var file = StatusFile.csv(folder.resolve("closed.csv"));
        file.close();
        var seen = new java.util.ArrayList<Long>();
        run.network()
                .setListeners(new PrivacyListener(run.engine(), 1)
                        .reportTo(file)
                        .reportTo(status -> seen.add(status.steps())));

        run.fit();

        assertThat(run.engine().steps()).isEqualTo(10);
        assertThat(seen).hasSize(10);
    }
}
