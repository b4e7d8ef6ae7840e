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

/** Epsilons printed in papers, READMEs and tests of others, by the conversion and the orders that each of them used. */
class PublishedValuesTest {
    /** Opacus's orders, which TensorFlow Privacy had in 2019 too. */
    private static final double[] ORDERS = DoubleStream.concat(
                    IntStream.rangeClosed(1, 99).mapToDouble(i -> 1 + i / 10.0),
                    IntStream.rangeClosed(12, 63).asDoubleStream())
            .toArray();

    @Test
    void epsilon_published_isReproduced() {
        int compared = 0;
        for (CSVRecord row : ReferenceTable.rows("published.csv")) {
            String method = row.get("method");
            boolean knownOrders = method.contains("Opacus orders") || method.contains("TFP-2019 orders");
            if (!row.get("quantity").equals("epsilon") || !method.startsWith("RDP") || !knownOrders) {
                continue;
            }
            double delta = number(row, "delta");
            var accountant = new RdpAccountant(NeighboringRelation.ADD_OR_REMOVE_ONE, ORDERS);
            accountant.compose(dpSgd(number(row, "q"), number(row, "sigma"), (long) number(row, "steps")));
            double epsilon = method.contains("classic") ? classic(accountant, delta) : accountant.epsilon(delta);
            assertThat(epsilon)
                    .as(row.get("id"))
                    .isCloseTo(number(row, "published"), within(number(row, "published_abs_tol") + 1e-9));
            compared++;
        }
        assertThat(compared).isGreaterThanOrEqualTo(5);
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
