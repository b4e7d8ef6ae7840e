// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.accountant;

import static io.github.dl4jdp.accountant.ReferenceTable.dpSgd;
import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import org.junit.jupiter.api.Test;

/** Every number of the tables in docs/choosing.md, computed anew. */
class ChoosingDocumentTest {
    private static final long EXAMPLES = 60_000;
    private static final double DELTA = 1e-5;

    private static long steps(long examples, double lot, double epochs) {
        return (long) Math.ceil(epochs * examples / lot);
    }

    private static double noise(long examples, double lot, double epochs, double epsilon, double delta) {
        long steps = steps(examples, lot, epochs);
        return NoiseCalibration.to(new PrivacyGuarantee(epsilon, delta))
                .noiseMultiplier(s -> dpSgd(lot / examples, s, steps));
    }

    private static String three(double value) {
        return String.format(Locale.ROOT, "%.3f", value);
    }

    private static String percent(double value) {
        return String.format(Locale.ROOT, "%.1f %%", 100 * value);
    }

    /** The rows of the table whose heading begins so, in cells. */
    private static List<List<String>> rows(String heading, int count) throws IOException {
        List<String> lines = Files.readAllLines(Path.of("..", "docs", "choosing.md"));
        int start = 0;
        while (!lines.get(start).startsWith("| " + heading)) {
            start++;
        }
        List<List<String>> rows = lines.subList(start + 2, lines.size()).stream()
                .takeWhile(line -> line.startsWith("|"))
                .map(line -> Arrays.stream(line.split("\\|", -1))
                        .map(String::trim)
                        .filter(cell -> !cell.isEmpty())
                        .toList())
                .toList();
        assertThat(rows).as(heading).hasSize(count);
        return rows;
    }

    @Test
    void epsilonTable_isWhatTheAccountantSays() throws IOException {
        for (List<String> row : rows("epsilon |", 7)) {
            double sigma = noise(EXAMPLES, 1024, 20, Double.parseDouble(row.get(0)), DELTA);
            TradeOffCurve attacker = TradeOffCurve.of(
                    new PldAccountant().compose(dpSgd(1024.0 / EXAMPLES, sigma, steps(EXAMPLES, 1024, 20))));
            assertThat(row.subList(1, 4))
                    .as(row.get(0))
                    .containsExactly(
                            three(sigma), percent(attacker.truePositiveRate(0.01)), percent(attacker.successRate()));
        }
    }

    @Test
    void lotTable_isWhatTheAccountantSays() throws IOException {
        for (List<String> row : rows("expected lot size |", 6)) {
            double lot = Double.parseDouble(row.get(0));
            double sigma = noise(EXAMPLES, lot, 20, 3, DELTA);
            assertThat(row.subList(1, 3))
                    .as(row.get(0))
                    .containsExactly(Long.toString(steps(EXAMPLES, lot, 20)), three(sigma));
            assertThat(Double.parseDouble(row.get(3))).isBetween(0.95 * sigma / lot, 1.05 * sigma / lot);
        }
    }

    /** 10,000 people at epsilon = 3, delta = 1e-6, 1,000 steps at q = 0.01: the person as the unit, and the row as the unit with noise for k rows. */
    @Test
    void peopleTable_isWhatTheAccountantSays() throws IOException {
        var guarantee = new PrivacyGuarantee(3, 1e-6);
        double person = NoiseCalibration.to(guarantee).noiseMultiplier(s -> dpSgd(0.01, s, 1000));
        String text = Files.readString(Path.of("..", "docs", "choosing.md"));
        assertThat(text)
                .contains("the noise multiplier is " + three(person) + " and the noise in the mean "
                        + four(person / 100) + " clipping norms");
        DpEvent ofRows = dpSgd(0.01, person, 1000);
        for (int k : new int[] {4, 16}) {
            double group =
                    new PldAccountant().compose(GroupPrivacy.event(ofRows, k)).epsilon(1e-6);
            assertThat(text).contains((k == 4 ? "has " : "rows ") + String.format(Locale.ROOT, "%.1f", group));
        }
        for (List<String> row : rows("rows of a person", 4)) {
            int k = Integer.parseInt(row.get(0));
            double sigma =
                    NoiseCalibration.to(guarantee).noiseMultiplier(s -> GroupPrivacy.event(dpSgd(0.01, s, 1000), k));
            assertThat(row.subList(1, 4))
                    .as(row.get(0))
                    .containsExactly(three(sigma), four(sigma / (100 * k)), four(sigma / (25 * k)));
        }
    }

    private static String four(double value) {
        return String.format(Locale.ROOT, "%.4f", value);
    }

    @Test
    void otherTables_areWhatTheAccountantSays() throws IOException {
        for (List<String> row : rows("delta |", 4)) {
            assertThat(row.get(1)).isEqualTo(three(noise(EXAMPLES, 1024, 20, 3, Double.parseDouble(row.get(0)))));
        }
        for (List<String> row : rows("epochs |", 7)) {
            assertThat(row.get(1)).isEqualTo(three(noise(EXAMPLES, 1024, Double.parseDouble(row.get(0)), 3, DELTA)));
        }
        for (List<String> row : rows("examples |", 6)) {
            long examples = Long.parseLong(row.get(0));
            assertThat(row.get(1)).isEqualTo(three(noise(examples, Math.min(1024.0, (double) examples), 20, 3, DELTA)));
        }
    }
}
