// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.accountant;

import static io.github.dl4jdp.accountant.ReferenceTable.dpSgd;
import static io.github.dl4jdp.accountant.ReferenceTable.has;
import static io.github.dl4jdp.accountant.ReferenceTable.number;
import static org.assertj.core.api.Assertions.assertThat;

import io.github.dl4jdp.accountant.DpEvent.Gaussian;
import io.github.dl4jdp.accountant.DpEvent.SampledWithoutReplacement;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.function.Predicate;
import org.apache.commons.csv.CSVRecord;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** Prints how far the accountants are from every table at worst, and holds the documentation's table to it. */
class ReferenceTablesReportTest {
    private static final NeighboringRelation ADD = NeighboringRelation.ADD_OR_REMOVE_ONE;
    private static final NeighboringRelation REPLACE = NeighboringRelation.REPLACE_ONE;
    private static final double[] TABLE_ORDERS = RdpAccountantTest.TABLE_ORDERS;

    /** How far a row's value is below (negative) or above the table's, relatively; NaN where the row says nothing. */
    @FunctionalInterface
    private interface Deviation {
        double of(CSVRecord row);
    }

    /** The rows of one table by one accountant. */
    private record Line(int rows, double below, double above) {
        String cells() {
            return rows + " | " + text(below) + " | " + text(above);
        }

        private static String text(double value) {
            return value == 0 ? "0" : String.format(Locale.ROOT, "%.1e", value);
        }
    }

    @Tag("slow")
    @Test
    void worstErrors_areThoseOfTheDocumentation() throws IOException {
        Map<String, Line> lines = new LinkedHashMap<>();
        lines.put("| `rdp.csv`: R(a), exact | RDP", line("rdp.csv", row -> {
            RdpAccountant accountant = new RdpAccountant(ADD, number(row, "order"));
            accountant.compose(dpSgd(number(row, "q"), number(row, "sigma"), (long) number(row, "steps")));
            return deviation(accountant.divergences()[0], row, "rdp");
        }));
        lines.put("| `wor_pair.csv`: R(a), exact | RDP", line("wor_pair.csv", row -> {
            RdpAccountant accountant = new RdpAccountant(REPLACE, number(row, "order"));
            long sample = Math.round(number(row, "q") * 1e6);
            accountant.compose(new SampledWithoutReplacement(1_000_000, sample, new Gaussian(number(row, "sigma"))));
            return deviation(accountant.divergences()[0], row, "rdp_pair");
        }));
        lines.put(
                "| `epsilon.csv`: exact at the table's orders | RDP",
                line(
                        "epsilon.csv",
                        row -> deviation(
                                sgd(new RdpAccountant(ADD, TABLE_ORDERS), row).epsilon(number(row, "delta")),
                                row,
                                "eps_rdp")));
        lines.put(
                "| `heterogeneous.csv`: exact at the table's orders | RDP",
                line(
                        "heterogeneous.csv",
                        row -> deviation(
                                ledger(new RdpAccountant(ADD, TABLE_ORDERS), row, "eps_rdp_exact"),
                                row,
                                "eps_rdp_exact")));
        lines.put(
                "| `calibration.csv`: noise, exact at the table's sparser orders | RDP",
                line("calibration.csv", row -> deviation(noise(row, AccountantKind.RDP), row, "sigma_rdp_exact")));
        lines.put(
                "| `exact.csv`: delta above 1e-14, quadrature | PLD",
                line(
                        "exact.csv",
                        row -> number(row, "delta") < 1e-14 ? Double.NaN : deviation(few(row), row, "delta")));
        lines.put(
                "| `contour.csv`: delta, contour integrals | PLD",
                line("contour.csv", row -> deviation(few(row), row, "delta")));
        lines.put(
                "| `epsilon.csv`: reference | PLD",
                line(
                        "epsilon.csv",
                        row -> deviation(sgd(new PldAccountant(), row).epsilon(number(row, "delta")), row, "eps_ref")));
        lines.put("| `delta.csv`: reference, above 1e-15 | PLD", line("delta.csv", row -> {
            boolean comparable = has(row, "delta_ref") && number(row, "delta_ref") > 1e-15;
            double delta = sgd(new PldAccountant(), row).delta(number(row, "epsilon"));
            return comparable ? deviation(delta, row, "delta_ref") : Double.NaN;
        }));
        lines.put("| `gaussian.csv`: closed form | PLD", line("gaussian.csv", row -> {
            PrivacyAccountant one = new PldAccountant().compose(new Gaussian(number(row, "sigma")));
            return switch (row.get("kind")) {
                case "eps_from_sigma_delta" -> deviation(one.epsilon(number(row, "delta")), row, "epsilon");
                case "delta_from_sigma_eps" -> deviation(one.delta(number(row, "epsilon")), row, "delta");
                default -> Double.NaN;
            };
        }));
        lines.put(
                "| `heterogeneous.csv`: dp_accounting | PLD",
                line(
                        "heterogeneous.csv",
                        row -> deviation(ledger(new PldAccountant(), row, "eps_pld"), row, "eps_pld")));
        lines.put(
                "| `calibration.csv`: noise, dp_accounting | PLD",
                line("calibration.csv", row -> deviation(noise(row, AccountantKind.PLD), row, "sigma_pld")));
        lines.put("| `extensions.csv`: dp_accounting | RDP", extensions("eps_rdp"));
        lines.put("| `extensions.csv`: dp_accounting | PLD", extensions("eps_pld"));

        lines.forEach((name, line) -> System.out.println(name + " | " + line.cells() + " |"));
        assertDocumented(lines);
    }

    private static void assertDocumented(Map<String, Line> lines) throws IOException {
        List<String> document = Files.readAllLines(Path.of("..", "docs", "accounting.md"));
        lines.forEach((name, line) -> {
            String found = document.stream()
                    .filter(text -> text.startsWith(name + " | "))
                    .findFirst()
                    .orElse("");
            assertThat(found)
                    .as("docs/accounting.md must have: " + name + " | " + line.cells() + " |")
                    .isNotEmpty();
            String[] cells = found.substring(name.length() + 3).split("\\|", -1);
            assertThat(Integer.parseInt(cells[0].trim())).as(name).isEqualTo(line.rows);
            assertNear(name, Double.parseDouble(cells[1].trim()), line.below);
            assertNear(name, Double.parseDouble(cells[2].trim()), line.above);
        });
    }

    /** Errors of rounding differ between machines; those of the method do not. */
    private static void assertNear(String name, double documented, double measured) {
        if (Math.abs(measured) < 1e-9) {
            assertThat(Math.abs(documented)).as(name).isLessThan(1e-9);
        } else {
            assertThat(documented / measured)
                    .as(name + ": measured " + measured)
                    .isBetween(0.9, 1.1);
        }
    }

    private static Line line(String table, Deviation deviation) {
        return line(table, row -> true, deviation);
    }

    private static Line line(String table, Predicate<CSVRecord> relevant, Deviation deviation) {
        int rows = 0;
        double below = 0;
        double above = 0;
        for (CSVRecord row : ReferenceTable.rows(table)) {
            double value = relevant.test(row) ? deviation.of(row) : Double.NaN;
            if (!Double.isNaN(value)) {
                rows++;
                below = Math.min(below, value);
                above = Math.max(above, value);
            }
        }
        return new Line(rows, below, above);
    }

    private static double deviation(double value, CSVRecord row, String column) {
        if (!has(row, column)) {
            return Double.NaN;
        }
        double expected = number(row, column);
        return value == expected ? 0 : expected == 0 || Double.isInfinite(expected) ? Double.NaN : value / expected - 1;
    }

    private static PrivacyAccountant sgd(PrivacyAccountant accountant, CSVRecord row) {
        return accountant.compose(dpSgd(number(row, "q"), number(row, "sigma"), (long) number(row, "steps")));
    }

    private static double ledger(PrivacyAccountant accountant, CSVRecord row, String column) {
        return has(row, column)
                ? accountant.compose(Ledgers.parse(row.get("ledger"))).epsilon(number(row, "delta"))
                : Double.NaN;
    }

    private static double few(CSVRecord row) {
        return new PldAccountant(NeighboringRelation.valueOf(row.get("relation")))
                .compose(DpEvent.fromJson(row.get("event")))
                .delta(number(row, "epsilon"));
    }

    private static double noise(CSVRecord row, AccountantKind kind) {
        return NoiseCalibration.to(new PrivacyGuarantee(number(row, "epsilon"), number(row, "delta")))
                .withAccountant(kind)
                .noiseMultiplier(s -> dpSgd(number(row, "q"), s, (long) number(row, "steps")));
    }

    private static Line extensions(String quantity) {
        return line("extensions.csv", row -> row.get("quantity").equals(quantity), row -> {
            ExtensionsTest.Case mechanism = ExtensionsTest.mechanism(row);
            return mechanism == null ? Double.NaN : deviation(mechanism.epsilon(row), row, "value");
        });
    }
}
