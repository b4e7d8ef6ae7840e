// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.examples.benchmark;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.PrintWriter;
import java.io.StringWriter;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/** That the benchmark runs; what it measures on a busy machine says nothing. */
class StepBenchmarkTest {
    @ParameterizedTest
    @EnumSource(Workload.class)
    void time_everyWorkload_measuresEveryVariant(Workload workload) {
        List<Measurement> measured = new ArrayList<>();

        StepTimer.time(workload, 2, 1, 0, 0, List.of(Variant.PLAIN, Variant.PRIVATE, Variant.NAIVE), measured::add);

        assertThat(measured)
                .extracting(Measurement::variant)
                .containsExactly(Variant.PLAIN, Variant.PRIVATE, Variant.NAIVE);
        assertThat(measured).allSatisfy(each -> assertThat(each.wall()).isPositive());
    }

    @Test
    void execute_oneWorkload_printsTable() {
        var out = new StringWriter();

        int code = StepBenchmark.commandLine()
                .setOut(new PrintWriter(out))
                .execute(
                        "W5",
                        "--batch",
                        "2",
                        "--blocks",
                        "1",
                        "--warm-up",
                        "0",
                        "--threads",
                        "1",
                        "--heap",
                        "1g",
                        "--no-memory");

        assertThat(code).isZero();
        assertThat(out.toString().lines().skip(2))
                .anySatisfy(line -> assertThat(line).startsWith("| W5 | 2 | 1 | stock | plain DL4J | "))
                .anySatisfy(line -> assertThat(line).startsWith("| W5 | 2 | 1 | stock | private | "));
    }

    @ParameterizedTest
    @ValueSource(strings = {"-onednn", "-onednn-avx2", "-onednn-avx512"})
    void choose_bothBuilds_keepsOne(String extension) {
        List<String> classPath = List.of(
                "/m/nd4j-native-1.0.0-M2.1.jar",
                "/m/nd4j-native-1.0.0-M2.1-linux-x86_64.jar",
                "/m/nd4j-native-1.0.0-M2.1-linux-x86_64" + extension + ".jar",
                "/m/nd4j-native-platform-1.0.0-M2.1.jar");

        assertThat(Natives.STOCK.choose(classPath))
                .containsExactly(classPath.get(0), classPath.get(1), classPath.get(3));
        assertThat(Natives.ONEDNN.choose(classPath))
                .containsExactly(classPath.get(0), classPath.get(2), classPath.get(3));
        assertThat(Natives.ONEDNN.isOn(classPath.subList(0, 2))).isFalse();
    }

    @Test
    void parse_line_roundTrips() {
        var measurement = new Measurement(Variant.PRIVATE, 12.5, 13.25);

        assertThat(Measurement.parse(measurement.line())).contains(measurement);
        assertThat(Measurement.parse("INFO some logging")).isEmpty();
    }
}
