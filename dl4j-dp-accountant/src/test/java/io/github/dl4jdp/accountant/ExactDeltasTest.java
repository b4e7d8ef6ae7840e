// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.accountant;

import static io.github.dl4jdp.accountant.ReferenceTable.number;
import static org.assertj.core.api.Assertions.assertThat;

import io.github.dl4jdp.accountant.DpEvent.Composed;
import io.github.dl4jdp.accountant.DpEvent.Gaussian;
import io.github.dl4jdp.accountant.DpEvent.GaussianMixture;
import io.github.dl4jdp.accountant.DpEvent.PoissonSampled;
import io.github.dl4jdp.accountant.DpEvent.SampledWithoutReplacement;
import io.github.dl4jdp.accountant.DpEvent.SelfComposed;
import io.github.dl4jdp.accountant.DpEvent.TruncatedPoissonSampled;
import java.util.List;
import org.apache.commons.csv.CSVRecord;
import org.junit.jupiter.api.Test;

/** The tight accountant against deltas that were found without any lattice or transform: it is never below, and close. */
class ExactDeltasTest {
    /** The table's own error: 1e-10, and 1e-8 of three events together. */
    private static final double TABLE = 2e-8;

    private static double exactness(DpEvent event) {
        return event instanceof SelfComposed repeated && repeated.count() == 3 ? TABLE : 2e-10;
    }

    @Test
    void delta_fewEvents_neverBelowExactAndClose() {
        for (CSVRecord row : ReferenceTable.rows("exact.csv")) {
            DpEvent event = DpEvent.fromJson(row.get("event"));
            double exact = number(row, "delta");
            double delta = new PldAccountant(NeighboringRelation.valueOf(row.get("relation")))
                    .compose(event)
                    .delta(number(row, "epsilon"));
            assertThat(delta).as(row.toString()).isGreaterThanOrEqualTo(exact * (1 - exactness(event)));
            if (exact > 1e-14) {
                // The worst mechanism has a few losses only: its delta has kinks, which a lattice rounds off.
                double limit = row.get("event").contains("EpsilonDelta") ? 1.05 : 1.02;
                assertThat(delta).as(row.toString()).isLessThanOrEqualTo(exact * limit);
            }
        }
    }

    @Test
    void epsilon_fewEvents_bracketsExact() {
        for (CSVRecord row : ReferenceTable.rows("exact.csv")) {
            DpEvent event = DpEvent.fromJson(row.get("event"));
            PldAccountant accountant = new PldAccountant(NeighboringRelation.valueOf(row.get("relation")));
            accountant.compose(event);
            // Epsilon falls as delta grows, so epsilon at a delta surely below the exact one is above, and vice versa.
            double exact = number(row, "epsilon");
            double delta = number(row, "delta");
            if (delta == 0) {
                continue; // Bounded losses: any larger epsilon has delta 0 as well.
            }
            double above = accountant.epsilon(delta * (1 - exactness(event)));
            assertThat(above).as(row.toString()).isBetween(exact, Math.max(exact * 1.005, exact + 1.1e-4));
            if (row.getRecordNumber() % 4 == 0) { // the lower bound takes its time
                double below = accountant.epsilonLowerBound(delta * (1 + exactness(event)));
                assertThat(below).as(row.toString()).isBetween(0.0, exact);
            }
        }
    }

    /** Written as a mixture of one Gaussian, a plain Gaussian takes the way of the lattice; its truth is a closed form. */
    @Test
    void epsilon_gaussianOnTheLattice_neverBelowClosedForm() {
        for (double sigma : new double[] {0.5, 1, 20, 300}) {
            for (long steps : new long[] {1, 10, 1_000, 1_000_000}) {
                DpEvent mixture = new GaussianMixture(sigma, List.of(1.0), List.of(1.0));
                double mu = Math.sqrt((double) steps) / sigma;
                if (mu > 100) {
                    continue;
                }
                for (double delta : new double[] {1e-12, 1e-5, 0.01}) {
                    double exact = GaussianTradeOff.epsilon(mu, delta);
                    double epsilon = new PldAccountant()
                            .compose(new SelfComposed(mixture, steps))
                            .epsilon(delta);
                    String name = "sigma " + sigma + ", steps " + steps + ", delta " + delta;
                    // The closed form is rounded upwards by some units in the last place.
                    assertThat(epsilon).as(name).isBetween(exact * (1 - 1e-12), Math.max(exact * 1.001, exact + 2e-5));
                }
            }
        }
    }

    /** If no lot can be cut, a truncated sample is a Poisson sample; the more is cut, the more it costs. */
    @Test
    void epsilon_truncatedPoisson_fromPoissonUpwards() {
        double q = 0.1;
        DpEvent noise = new Gaussian(2);
        double poisson = zeroOut(new SelfComposed(new PoissonSampled(q, noise), 20));
        double previous = poisson;
        for (long limit : new long[] {100, 30, 20, 15, 12}) {
            double epsilon = zeroOut(new SelfComposed(new TruncatedPoissonSampled(q, 100, limit, noise), 20));
            assertThat(epsilon).as("limit " + limit).isGreaterThanOrEqualTo(previous * (1 - 1e-3));
            previous = epsilon;
        }
        assertThat(previous).isGreaterThan(1.2 * poisson);
        assertThat(zeroOut(new SelfComposed(new TruncatedPoissonSampled(q, 100, 100, noise), 20)))
                .isEqualTo(poisson);
    }

    private static double zeroOut(DpEvent event) {
        return new PldAccountant(NeighboringRelation.ZERO_OUT).compose(event).epsilon(1e-6);
    }

    /** k updates on one sample cost what one update of noise sigma / sqrt(k) on it costs, and less than k samples of one. */
    @Test
    void epsilon_severalUpdatesOnOneLot_isOneLessNoisyUpdate() {
        DpEvent onOneLot = new PoissonSampled(0.01, new SelfComposed(new Gaussian(4), 4));
        DpEvent oneUpdate = new PoissonSampled(0.01, new Gaussian(2));
        for (AccountantKind kind : AccountantKind.values()) {
            double several = kind.create(NeighboringRelation.ADD_OR_REMOVE_ONE)
                    .compose(new SelfComposed(onOneLot, 1000))
                    .epsilon(1e-6);
            double one = kind.create(NeighboringRelation.ADD_OR_REMOVE_ONE)
                    .compose(new SelfComposed(oneUpdate, 1000))
                    .epsilon(1e-6);
            assertThat(several / one).isBetween(1 - 1e-12, 1 + 1e-3);
            double separately = kind.create(NeighboringRelation.ADD_OR_REMOVE_ONE)
                    .compose(new SelfComposed(new PoissonSampled(0.01, new Gaussian(4)), 4000))
                    .epsilon(1e-6);
            assertThat(several).isGreaterThan(separately);
        }
    }

    /** One event's answer does not depend on how its composition is written. */
    @Test
    void epsilon_sameCompositionWrittenDifferently_isTheSame() {
        DpEvent step = new SampledWithoutReplacement(1000, 20, new Gaussian(1.5));
        DpEvent flat = new SelfComposed(step, 60);
        DpEvent nested = new Composed(List.of(
                new SelfComposed(new SelfComposed(step, 5), 10), new Composed(List.of(new SelfComposed(step, 10)))));
        for (AccountantKind kind : AccountantKind.values()) {
            PrivacyAccountant one = kind.create(NeighboringRelation.REPLACE_ONE).compose(flat);
            PrivacyAccountant other =
                    kind.create(NeighboringRelation.REPLACE_ONE).compose(nested);
            assertThat(other.epsilon(1e-6) / one.epsilon(1e-6)).isBetween(1 - 1e-12, 1 + 1e-12);
        }
    }
}
