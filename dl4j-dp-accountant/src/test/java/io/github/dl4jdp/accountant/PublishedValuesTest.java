// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.accountant;

import static io.github.dl4jdp.accountant.ReferenceTable.dpSgd;
import static io.github.dl4jdp.accountant.ReferenceTable.number;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.util.stream.DoubleStream;
import java.util.stream.IntStream;
import org.apache.commons.csv.CSVRecord;
import org.junit.jupiter.api.Test;

/** Numbers printed in papers, READMEs and tests of others, by the conversion and the orders that each of them used. */
class PublishedValuesTest {
    /** Opacus's orders, which TensorFlow Privacy had in 2019 too. */
    private static final double[] ORDERS = DoubleStream.concat(
                    IntStream.rangeClosed(1, 99).mapToDouble(i -> 1 + i / 10.0),
                    IntStream.rangeClosed(12, 63).asDoubleStream())
            .toArray();

    /** TensorFlow Privacy's orders of 2023. */
    private static final double[] LATER_ORDERS = DoubleStream.concat(
                    DoubleStream.of(1.25, 1.5, 1.75, 2, 2.25, 2.5, 3, 3.5, 4, 4.5),
                    DoubleStream.concat(IntStream.rangeClosed(5, 63).asDoubleStream(), DoubleStream.of(128, 256, 512)))
            .toArray();

    /** Opacus stops its search as soon as epsilon is within 0.01 of 8, which is this much of the noise multiplier. */
    private static final double OPACUS_SEARCH = 2e-3;

    @Test
    void published_everyRow_isReproduced() {
        for (CSVRecord row : ReferenceTable.rows("published.csv")) {
            if (row.get("quantity").equals("epsilon_strong_composition")) {
                // Another theorem, which is why the moments accountant was invented: both accountants are far below.
                assertThat(rdp(row, ORDERS).epsilon(1e-5)).isLessThan(number(row, "published") / 5);
                continue;
            }
            double tolerance =
                    row.get("quantity").startsWith("sigma") ? OPACUS_SEARCH : number(row, "published_abs_tol") + 1e-9;
            assertThat(recomputed(row)).as(row.toString()).isCloseTo(number(row, "published"), within(tolerance));
        }
    }

    /** The published quantity, computed the way its source did. */
    static double recomputed(CSVRecord row) {
        String method = row.get("method");
        double delta = number(row, "delta");
        return switch (row.get("quantity")) {
            case "rdp_order_50" -> rdp(row, 50).divergences()[0];
            case "rdp_order_100" -> rdp(row, 100).divergences()[0];
            case "delta_at_epsilon_1" -> pld(row).delta(1);
            case "epsilon_estimate" -> pld(row).epsilon(delta);
            case "sigma_for_epsilon_8" ->
                NoiseCalibration.to(new PrivacyGuarantee(8, delta))
                        .noiseMultiplier(s -> dpSgd(number(row, "q"), s, (long) number(row, "steps")));
            case "epsilon" -> {
                if (method.contains("classic")) {
                    yield classic(rdp(row, ORDERS), delta);
                } else if (method.startsWith("PLD")) {
                    yield pld(row).epsilon(delta);
                }
                yield rdp(row, method.contains("TFP orders") ? LATER_ORDERS : ORDERS)
                        .epsilon(delta);
            }
            default -> throw new IllegalArgumentException("unknown quantity in " + row);
        };
    }

    private static DpEvent event(CSVRecord row) {
        return dpSgd(number(row, "q"), number(row, "sigma"), (long) number(row, "steps"));
    }

    private static RdpAccountant rdp(CSVRecord row, double... orders) {
        RdpAccountant accountant = new RdpAccountant(NeighboringRelation.ADD_OR_REMOVE_ONE, orders);
        accountant.compose(event(row));
        return accountant;
    }

    private static PrivacyAccountant pld(CSVRecord row) {
        return new PldAccountant().compose(event(row));
    }

    /** The conversion of Mironov 2017, proposition 3, which older sources used. */
    private static double classic(RdpAccountant accountant, double delta) {
        double[] orders = accountant.orders();
        double[] divergences = accountant.divergences();
        return IntStream.range(0, orders.length)
                .mapToDouble(i -> divergences[i] - Math.log(delta) / (orders[i] - 1))
                .min()
                .orElseThrow();
    }
}
