// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core.fuzz;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.fail;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import javax.tools.ToolProvider;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * Random networks, data and neighbors: what {@code check} lets pass keeps the promise.
 *
 * <p>The slow campaign takes {@code -Ddl4jdp.fuzz.seconds} (3600) and {@code -Ddl4jdp.fuzz.seed} (the first seed).
 */
class FuzzTest {
    private static final int CASES = 600;
    private static final int SHRUNK = 3;
    private static final int TRIES = 200;

    @Test
    void check_randomNetworks_keepThePromise() {
        var campaign = new Campaign();
        var faults = new ArrayList<String>();
        for (long seed = 1; seed <= CASES; seed++) {
            check(campaign, seed, faults);
        }
        System.out.println(campaign);
        assertThat(faults).isEmpty();
        // Otherwise the generator draws what DL4J cannot train, and nothing is checked.
        assertThat(campaign.count(Finding.Kind.HOLDS)).isGreaterThan(CASES / 4);
        assertThat(campaign.partsThatHeld())
                .contains(
                        "DenseLayer",
                        "OutputLayer",
                        "LSTM",
                        "RnnOutputLayer",
                        "ConvolutionLayer",
                        "EmbeddingSequenceLayer",
                        "GroupNormalization",
                        "MergeVertex",
                        "SelfAttentionLayer");
    }

    @Test
    @Tag("slow")
    void check_randomNetworksForAnHour_keepThePromise() throws IOException {
        var campaign = new Campaign();
        var faults = new ArrayList<String>();
        long seed = Long.getLong("dl4jdp.fuzz.seed", 1_000_000);
        long end = System.nanoTime() + Long.getLong("dl4jdp.fuzz.seconds", 3600) * 1_000_000_000L;
        Path current = Files.createDirectories(Path.of("target")).resolve("fuzz-seed");
        for (; System.nanoTime() < end; seed++) {
            Files.writeString(current, Long.toString(seed)); // for a crash of the native code
            check(campaign, seed, faults);
        }
        System.out.println("up to seed " + seed + ": " + campaign);
        assertThat(faults).isEmpty();
    }

    private static void check(Campaign campaign, long seed, List<String> faults) {
        FuzzCase one = campaign.draw(seed);
        if (one == null) {
            return;
        }
        Finding finding = campaign.check(one);
        if (finding.isFault()) {
            faults.add(finding + "; " + one);
            if (faults.size() <= SHRUNK) {
                FuzzCase small = Shrinker.shrink(one, finding, TRIES);
                System.out.println(Program.of(small, Checks.of(small)));
            }
        }
    }

    @Test
    void draw_sameSeed_isTheSameCase() {
        int drawn = 0;
        for (long seed = 1; seed <= 20; seed++) {
            FuzzCase one = Generator.draw(seed);
            FuzzCase again = Generator.draw(seed);
            if (one != null) {
                drawn++;
                Finding none = new Finding(Finding.Kind.APART, "");
                assertThat(Program.of(Objects.requireNonNull(again), none)).isEqualTo(Program.of(one, none));
            }
        }
        assertThat(drawn).isGreaterThan(5);
    }

    /** What a failure prints is a program: it compiles as it stands. */
    @ParameterizedTest
    @EnumSource(
            value = Finding.Kind.class,
            names = {"APART", "ROWS"})
    void program_anyCase_compiles(Finding.Kind kind, @TempDir Path folder) throws IOException {
        int compiled = 0;
        for (long seed = 100; seed < 125; seed++) {
            FuzzCase one = Generator.draw(seed);
            if (one == null) {
                continue;
            }
            Path source = folder.resolve("Fault" + seed + ".java");
            Files.writeString(source, Program.of(one, new Finding(kind, "")));
            int status = ToolProvider.getSystemJavaCompiler()
                    .run(
                            null,
                            null,
                            null,
                            "-nowarn",
                            "-proc:none",
                            "-d",
                            folder.toString(),
                            "-cp",
                            System.getProperty("java.class.path"),
                            source.toString());
            if (status != 0) {
                fail("seed " + seed + " does not compile:\n" + Files.readString(source));
            }
            compiled++;
        }
        assertThat(compiled).isGreaterThan(5);
    }
}
