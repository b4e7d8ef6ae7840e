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
import org.apache.commons.csv.CSVRecord;
import org.junit.jupiter.api.Test;

class PldAccountantTest {

    private static PrivacyAccountant accountant(NeighboringRelation relation, DpEvent event) {
        return new PldAccountant(relation).compose(event);
    }

    private static PrivacyAccountant accountant(DpEvent event) {
        return accountant(NeighboringRelation.ADD_OR_REMOVE_ONE, event);
    }

    @Test
    void epsilon_poissonGaussian_tightAndNeverBelowTruth() {
        for (CSVRecord row : ReferenceTable.rows("epsilon.csv")) {
            double epsilon = accountant(dpSgd(number(row, "q"), number(row, "sigma"), (long) number(row, "steps")))
                    .epsilon(number(row, "delta"));
            if (has(row, "eps_ref")) {
                double truth = number(row, "eps_ref");
                assertThat(epsilon)
                        .as(row.toString())
                        .isBetween(truth * (1 - 1e-10), Math.max(truth * 1.001, truth + 2e-5));
            } else {
                assertThat(epsilon).as(row.toString()).isBetween(number(row, "eps_prv_lower"), number(row, "eps_pld"));
            }
        }
    }

    @Test
    void epsilonLowerBound_poissonGaussian_bracketsTheTruth() {
        for (CSVRecord row : ReferenceTable.rows("epsilon.csv")) {
            if (has(row, "eps_ref")) {
                double truth = number(row, "eps_ref");
                PldAccountant accountant = new PldAccountant();
                accountant.compose(dpSgd(number(row, "q"), number(row, "sigma"), (long) number(row, "steps")));
                double lower = accountant.epsilonLowerBound(number(row, "delta"));
                assertThat(lower).as(row.toString()).isBetween(0.0, truth);
                if (number(row, "sigma") >= 0.9 && truth > 0.1) {
                    assertThat(lower).as(row.toString()).isGreaterThan(0.95 * truth);
                }
            }
        }
    }

    @Test
    void delta_poissonGaussian_tightAndNeverBelowTruth() {
        for (CSVRecord row : ReferenceTable.rows("delta.csv")) {
            double delta = accountant(dpSgd(number(row, "q"), number(row, "sigma"), (long) number(row, "steps")))
                    .delta(number(row, "epsilon"));
            if (!has(row, "delta_ref")) {
                continue;
            }
            double truth = number(row, "delta_ref");
            // Below that the table's values, extrapolated from transforms, are up to 5 % too large themselves.
            if (truth > 1e-15) {
                assertThat(delta).as(row.toString()).isGreaterThanOrEqualTo(truth * (1 - 1e-9));
                assertThat(delta).as(row.toString()).isLessThanOrEqualTo(truth * 1.01);
            }
        }
    }

    @Test
    void gaussian_closedForm_equalsExactTable() {
        for (CSVRecord row : ReferenceTable.rows("gaussian.csv")) {
            PrivacyAccountant accountant = accountant(new Gaussian(number(row, "sigma")));
            if (row.get("kind").equals("eps_from_sigma_delta")) {
                assertThat(relativeError(accountant.epsilon(number(row, "delta")), number(row, "epsilon")))
                        .as(row.toString())
                        .isLessThan(1e-10);
            } else if (row.get("kind").equals("delta_from_sigma_eps")) {
                assertThat(relativeError(accountant.delta(number(row, "epsilon")), number(row, "delta")))
                        .as(row.toString())
                        .isLessThan(1e-10);
            }
        }
    }

    @Test
    void epsilon_heterogeneousLedger_agreesWithPeers() {
        for (CSVRecord row : ReferenceTable.rows("heterogeneous.csv")) {
            double epsilon = accountant(Ledgers.parse(row.get("ledger"))).epsilon(number(row, "delta"));
            double peer = number(row, "eps_pld");
            if (Double.isInfinite(peer)) {
                assertThat(epsilon).as(row.toString()).isInfinite();
            } else {
                assertThat(epsilon).as(row.toString()).isCloseTo(peer, within(0.01 * peer));
                if (has(row, "eps_prv_lower")) {
                    assertThat(epsilon).as(row.toString()).isGreaterThan(number(row, "eps_prv_lower"));
                }
            }
        }
    }

    @Test
    void epsilon_laplace_equalsClosedForm() {
        // delta(e) = 1 - exp((e - 1/b) / 2) for e <= 1/b (Balle, Barthe and Gaboardi 2018).
        double exact = 0.25 + 2 * Math.log1p(-1e-5);
        assertThat(accountant(new Laplace(4)).epsilon(1e-5)).isBetween(exact, exact + 1e-4);
    }

    @Test
    void epsilon_epsilonDeltaEvent_isWhatItSays() {
        PrivacyAccountant once = accountant(new EpsilonDelta(0.7, 1e-6));
        assertThat(once.epsilon(1e-6 * (1 + 1e-6))).isBetween(0.7 - 1e-4, 0.7 + 1e-3);
        assertThat(once.epsilon(0.9e-6)).isInfinite();
        assertThat(once.delta(0.71)).isCloseTo(1e-6, within(1e-10));
    }

    @Test
    void epsilon_replaceOneWithFullLots_equalsGaussian() {
        PrivacyAccountant sampled = accountant(NeighboringRelation.REPLACE_ONE, dpSgd(1 - 1e-12, 3, 10));
        PrivacyAccountant plain = accountant(NeighboringRelation.REPLACE_ONE, new SelfComposed(new Gaussian(3), 10));
        assertThat(sampled.epsilon(1e-6)).isCloseTo(plain.epsilon(1e-6), within(1e-3 * plain.epsilon(1e-6)));
    }

    @Test
    void epsilon_withoutReplacement_belowRenyiAndAboveLowerBound() {
        for (CSVRecord row : ReferenceTable.rows("wor_epsilon.csv")) {
            double q = number(row, "batch_size") / number(row, "dataset_size");
            double sigma = number(row, "sigma");
            long steps = (long) number(row, "steps");
            double delta = number(row, "delta");
            DpEvent event = new SelfComposed(
                    new SampledWithoutReplacement(
                            (long) number(row, "dataset_size"), (long) number(row, "batch_size"), new Gaussian(sigma)),
                    steps);
            double epsilon = accountant(NeighboringRelation.REPLACE_ONE, event).epsilon(delta);
            // One of the divergences that the relation bounds is that of Poisson sampling under add-or-remove.
            double lower = accountant(dpSgd(q, sigma, steps)).epsilon(delta);
            assertThat(epsilon).as(row.toString()).isBetween(lower * (1 - 2e-3), number(row, "eps_rdp_exact"));
        }
    }

    @Test
    void epsilon_oneStepAtATime_equalsAllAtOnceUpToTheLattice() {
        PrivacyAccountant stepwise = new PldAccountant();
        double previous = 0;
        for (int step = 1; step <= 600; step++) {
            double epsilon = stepwise.compose(dpSgd(0.01, 1.1, 1)).epsilon(1e-5);
            assertThat(epsilon).as("step " + step).isGreaterThan(previous * 0.999);
            previous = epsilon;
        }
        double atOnce = accountant(dpSgd(0.01, 1.1, 600)).epsilon(1e-5);
        assertThat(previous).isCloseTo(atOnce, within(1e-3 * atOnce));
        assertThat(stepwise.event()).isEqualTo(dpSgd(0.01, 1.1, 600));
    }

    @Test
    void epsilon_newKindOfEventAfterQuestion_isCounted() {
        PrivacyAccountant stepwise = accountant(dpSgd(0.01, 1.1, 600));
        stepwise.epsilon(1e-5);
        stepwise.compose(dpSgd(0.02, 0.9, 300));
        stepwise.epsilon(1e-5);
        stepwise.compose(new Gaussian(5));
        double atOnce = accountant(new Composed(List.of(dpSgd(0.01, 1.1, 600), dpSgd(0.02, 0.9, 300), new Gaussian(5))))
                .epsilon(1e-5);
        assertThat(stepwise.epsilon(1e-5)).isCloseTo(atOnce, within(1e-3 * atOnce));
    }

    @Test
    void delta_ofEpsilon_isTheInverse() {
        PrivacyAccountant accountant = accountant(dpSgd(0.01, 1.0, 1000));
        for (double delta : new double[] {1e-12, 1e-8, 1e-5, 1e-2}) {
            double epsilon = accountant.epsilon(delta);
            assertThat(accountant.delta(epsilon)).isCloseTo(delta, within(1e-2 * delta));
        }
    }

    @Test
    void compose_unsupportedPart_namesItAndComposesNothing() {
        PldAccountant accountant = new PldAccountant();
        DpEvent part = new SampledWithoutReplacement(1000, 10, new Gaussian(1));
        assertThatThrownBy(() -> accountant.compose(new Composed(List.of(new Gaussian(1), part))))
                .isInstanceOf(UnsupportedEventException.class)
                .hasMessageContaining(part.toString())
                .hasMessageContaining("only be bounded under replace-one");
        assertThat(accountant.epsilon(1e-5)).isZero();
    }

    @Test
    void epsilon_nonPrivate_isInfinite() {
        assertThat(accountant(new NonPrivate()).epsilon(1e-5)).isInfinite();
        assertThat(accountant(new NonPrivate()).delta(3)).isEqualTo(1);
        assertThat(accountant(new PoissonSampled(0.1, new NonPrivate())).epsilon(0.5))
                .isInfinite();
        assertThat(accountant(new EpsilonDelta(Double.POSITIVE_INFINITY, 0)).epsilon(0.5))
                .isInfinite();
    }

    @Test
    void epsilon_nothingComposed_isZero() {
        assertThat(new PldAccountant().epsilon(0)).isZero();
        assertThat(new PldAccountant().delta(0)).isZero();
    }

    @Test
    void epsilon_deltaOutOfRange_throws() {
        assertThatThrownBy(() -> new PldAccountant().epsilon(Double.NaN))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("delta must be >= 0 and <= 1, was NaN");
        assertThatThrownBy(() -> new PldAccountant().delta(-1)).isInstanceOf(IllegalArgumentException.class);
    }
}
