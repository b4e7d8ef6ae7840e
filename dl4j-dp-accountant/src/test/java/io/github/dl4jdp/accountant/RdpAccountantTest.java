// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.accountant;

import static io.github.dl4jdp.accountant.ReferenceTable.dpSgd;
import static io.github.dl4jdp.accountant.ReferenceTable.has;
import static io.github.dl4jdp.accountant.ReferenceTable.number;
import static io.github.dl4jdp.accountant.ReferenceTable.relativeError;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import io.github.dl4jdp.accountant.DpEvent.Composed;
import io.github.dl4jdp.accountant.DpEvent.EpsilonDelta;
import io.github.dl4jdp.accountant.DpEvent.Gaussian;
import io.github.dl4jdp.accountant.DpEvent.Laplace;
import io.github.dl4jdp.accountant.DpEvent.NonPrivate;
import io.github.dl4jdp.accountant.DpEvent.PoissonSampled;
import io.github.dl4jdp.accountant.DpEvent.SampledWithoutReplacement;
import io.github.dl4jdp.accountant.DpEvent.SelfComposed;
import java.util.List;
import java.util.stream.DoubleStream;
import java.util.stream.Stream;
import org.apache.commons.csv.CSVRecord;
import org.junit.jupiter.api.Test;

class RdpAccountantTest {
    /** The order grid of the tables' {@code eps_rdp}. */
    static final double[] TABLE_ORDERS = Stream.of(
                    DoubleStream.iterate(11, k -> k < 110, k -> k + 1).map(k -> k / 10),
                    DoubleStream.iterate(11, k -> k < 64, k -> k + 1),
                    DoubleStream.of(128, 256, 512, 1024))
            .flatMapToDouble(orders -> orders)
            .toArray();

    private static RdpAccountant onTableGrid(NeighboringRelation relation) {
        return new RdpAccountant(relation, TABLE_ORDERS);
    }

    @Test
    void divergence_sampledGaussian_equalsExactTable() {
        for (CSVRecord row : ReferenceTable.rows("rdp.csv")) {
            RdpAccountant accountant = new RdpAccountant(NeighboringRelation.ADD_OR_REMOVE_ONE, number(row, "order"));
            accountant.compose(dpSgd(number(row, "q"), number(row, "sigma"), (long) number(row, "steps")));
            double error = relativeError(accountant.divergences()[0], number(row, "rdp"));
            assertThat(error).as(row.toString()).isLessThan(1e-9);
        }
    }

    @Test
    void epsilon_tableOrders_equalsExactTable() {
        for (CSVRecord row : ReferenceTable.rows("epsilon.csv")) {
            RdpAccountant accountant = onTableGrid(NeighboringRelation.ADD_OR_REMOVE_ONE);
            accountant.compose(dpSgd(number(row, "q"), number(row, "sigma"), (long) number(row, "steps")));
            double delta = number(row, "delta");
            double error = relativeError(accountant.epsilon(delta), number(row, "eps_rdp"));
            assertThat(error).as(row.toString()).isLessThan(1e-8);
            if (number(row, "eps_rdp") > 0) {
                assertThat(accountant.bestOrder(delta)).as(row.toString()).isEqualTo(number(row, "rdp_order"));
            }
        }
    }

    @Test
    void epsilon_defaultOrders_tighterThanTableButNeverBelowTruth() {
        for (CSVRecord row : ReferenceTable.rows("epsilon.csv")) {
            RdpAccountant accountant = new RdpAccountant();
            accountant.compose(dpSgd(number(row, "q"), number(row, "sigma"), (long) number(row, "steps")));
            double epsilon = accountant.epsilon(number(row, "delta"));
            assertThat(epsilon).as(row.toString()).isLessThanOrEqualTo(number(row, "eps_rdp") * (1 + 1e-9));
            if (has(row, "eps_ref")) {
                assertThat(epsilon).as(row.toString()).isGreaterThanOrEqualTo(number(row, "eps_ref"));
            }
            assertThat(accountant.bestOrderAtEdge(number(row, "delta"))).isFalse();
        }
    }

    @Test
    void divergence_withoutReplacement_equalsThatOfTheDominatingPair() {
        for (CSVRecord row : ReferenceTable.rows("wor_pair.csv")) {
            double divergence = withoutReplacement(row).divergences()[0];
            assertThat(divergence).as(row.toString()).isGreaterThanOrEqualTo(number(row, "rdp_pair") * (1 - 1e-13));
            assertThat(relativeError(divergence, number(row, "rdp_pair")))
                    .as(row.toString())
                    .isLessThan(1e-8);
        }
    }

    /** The table has the bound of Wang, Balle and Kasiviswanathan 2019, theorem 27. */
    @Test
    void divergence_withoutReplacement_isBelowTheOlderBound() {
        for (CSVRecord row : ReferenceTable.rows("wor_rdp.csv")) {
            assertThat(withoutReplacement(row).divergences()[0])
                    .as(row.toString())
                    .isLessThanOrEqualTo(number(row, "rdp_exact") * (1 + 1e-9));
        }
    }

    private static RdpAccountant withoutReplacement(CSVRecord row) {
        // Fractions of the table have at most four decimals.
        long sample = Math.round(number(row, "q") * 1e6);
        RdpAccountant accountant = new RdpAccountant(NeighboringRelation.REPLACE_ONE, number(row, "order"));
        accountant.compose(new SampledWithoutReplacement(1_000_000, sample, new Gaussian(number(row, "sigma"))));
        return accountant;
    }

    @Test
    void epsilon_withoutReplacement_liesBetweenTheTightOneAndTheOlderBound() {
        for (CSVRecord row : ReferenceTable.rows("wor_epsilon.csv")) {
            RdpAccountant accountant = onTableGrid(NeighboringRelation.REPLACE_ONE);
            DpEvent step = new SampledWithoutReplacement(
                    (long) number(row, "dataset_size"),
                    (long) number(row, "batch_size"),
                    new Gaussian(number(row, "sigma")));
            accountant.compose(step, (long) number(row, "steps"));
            double tight = new PldAccountant(NeighboringRelation.REPLACE_ONE)
                    .compose(step, (long) number(row, "steps"))
                    .epsilon(number(row, "delta"));
            assertThat(accountant.epsilon(number(row, "delta")))
                    .as(row.toString())
                    .isBetween(tight, number(row, "eps_rdp_exact"));
        }
    }

    @Test
    void epsilon_heterogeneousLedger_equalsExactTable() {
        for (CSVRecord row : ReferenceTable.rows("heterogeneous.csv")) {
            if (has(row, "eps_rdp_exact")) {
                RdpAccountant accountant = onTableGrid(NeighboringRelation.ADD_OR_REMOVE_ONE);
                accountant.compose(Ledgers.parse(row.get("ledger")));
                double error = relativeError(accountant.epsilon(number(row, "delta")), number(row, "eps_rdp_exact"));
                assertThat(error).as(row.toString()).isLessThan(1e-8);
            }
        }
    }

    @Test
    void epsilon_epsilonDeltaEvents_chargeTheirDelta() {
        RdpAccountant accountant = onTableGrid(NeighboringRelation.ADD_OR_REMOVE_ONE);
        accountant.compose(Ledgers.parse("epsdelta:0.1:1e-6:10|gauss:4.0:2"));
        // The value of dp_accounting 0.6.0.
        assertThat(accountant.epsilon(1e-5)).isCloseTo(2.9337106242276025, within(1e-8));
        assertThat(accountant.epsilon(1e-6)).isInfinite();
    }

    @Test
    void epsilon_laplace_equalsReference() {
        RdpAccountant accountant = onTableGrid(NeighboringRelation.ADD_OR_REMOVE_ONE);
        accountant.compose(new Laplace(4));
        assertThat(accountant.epsilon(1e-5)).isCloseTo(0.2528243238705595, within(1e-9));
        assertThat(accountant.epsilon(0)).isEqualTo(0.25);
    }

    @Test
    void compose_severalGaussiansOnOneSample_areOneStrongerGaussian() {
        DpEvent three = new PoissonSampled(0.01, new SelfComposed(new Gaussian(2), 3));
        DpEvent one = new PoissonSampled(0.01, new Gaussian(2 / Math.sqrt(3)));
        assertThat(new RdpAccountant().compose(three).epsilon(1e-5))
                .isCloseTo(new RdpAccountant().compose(one).epsilon(1e-5), within(1e-12));
    }

    @Test
    void compose_oneStepAtATime_equalsAllAtOnce() {
        RdpAccountant stepwise = new RdpAccountant();
        for (int i = 0; i < 100_000; i++) {
            stepwise.compose(dpSgd(0.001, 1.0, 1));
        }
        double atOnce = new RdpAccountant().compose(dpSgd(0.001, 1.0, 100_000)).epsilon(1e-6);
        assertThat(stepwise.epsilon(1e-6)).isCloseTo(atOnce, within(1e-14 * atOnce));
        assertThat(stepwise.event()).isEqualTo(dpSgd(0.001, 1.0, 100_000));
    }

    @Test
    void compose_unsupportedPart_namesItAndComposesNothing() {
        RdpAccountant accountant = new RdpAccountant(NeighboringRelation.REPLACE_ONE);
        DpEvent event = new Composed(List.of(new Gaussian(1), new PoissonSampled(0.1, new Gaussian(1))));
        assertThatThrownBy(() -> accountant.compose(event))
                .isInstanceOf(UnsupportedEventException.class)
                .hasMessageContaining("PoissonSampled[samplingProbability=0.1")
                .hasMessageContaining("REPLACE_ONE");
        assertThat(accountant.supports(event)).isFalse();
        assertThat(accountant.epsilon(1e-5)).isZero();
    }

    @Test
    void epsilon_nothingComposed_isZero() {
        assertThat(new RdpAccountant().epsilon(1e-5)).isZero();
        assertThat(new RdpAccountant().delta(0)).isZero();
    }

    @Test
    void epsilon_nonPrivate_isInfinite() {
        PrivacyAccountant accountant = new RdpAccountant().compose(new NonPrivate());
        assertThat(accountant.epsilon(0.5)).isInfinite();
        assertThat(accountant.delta(1e9)).isEqualTo(1);
    }

    @Test
    void epsilon_deltaZeroOfGaussian_isInfinite() {
        assertThat(new RdpAccountant().compose(new Gaussian(1)).epsilon(0)).isInfinite();
    }

    @Test
    void epsilon_pureEpsilonDelta_isPureAtDeltaZero() {
        assertThat(new RdpAccountant().compose(new EpsilonDelta(0.5, 0), 3).epsilon(0))
                .isEqualTo(1.5);
    }

    @Test
    void bestOrderAtEdge_gridTooShort_isTrue() {
        RdpAccountant accountant = new RdpAccountant(NeighboringRelation.ADD_OR_REMOVE_ONE, 2, 3, 4);
        accountant.compose(dpSgd(0.001, 4, 1000));
        assertThat(accountant.bestOrderAtEdge(1e-6)).isTrue();
    }

    @Test
    void epsilon_deltaOutOfRange_throws() {
        RdpAccountant accountant = new RdpAccountant();
        for (double delta : new double[] {-1e-9, 1.5, Double.NaN}) {
            assertThatThrownBy(() -> accountant.epsilon(delta))
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessageContaining("delta must be >= 0 and <= 1, was " + delta);
        }
    }

    @Test
    void constructor_ordersNotAscending_throws() {
        assertThatThrownBy(() -> new RdpAccountant(NeighboringRelation.ZERO_OUT, 3, 2))
                .isInstanceOf(IllegalArgumentException.class);
        assertThatThrownBy(() -> new RdpAccountant(NeighboringRelation.ZERO_OUT, Double.NaN))
                .isInstanceOf(IllegalArgumentException.class);
    }
}
