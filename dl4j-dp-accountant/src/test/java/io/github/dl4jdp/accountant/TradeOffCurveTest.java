// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.accountant;

import static io.github.dl4jdp.accountant.ReferenceTable.dpSgd;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import io.github.dl4jdp.accountant.DpEvent.Composed;
import io.github.dl4jdp.accountant.DpEvent.Gaussian;
import io.github.dl4jdp.accountant.DpEvent.Laplace;
import io.github.dl4jdp.accountant.DpEvent.NonPrivate;
import java.util.List;
import org.apache.commons.numbers.gamma.Erfc;
import org.apache.commons.numbers.gamma.InverseErfc;
import org.junit.jupiter.api.Test;

class TradeOffCurveTest {

    /** Phi(Phi^-1(1 - alpha) - mu), the exact curve of a Gaussian mechanism (Dong, Roth and Su 2022). */
    private static double gaussian(double alpha, double mu) {
        double z = Math.sqrt(2) * InverseErfc.value(2 * alpha);
        return Erfc.value(-(z - mu) / Math.sqrt(2)) / 2;
    }

    @Test
    void falseNegativeRate_gaussian_nearExactCurveAndNeverAbove() {
        for (double sigma : new double[] {0.7, 1, 3}) {
            TradeOffCurve curve = TradeOffCurve.of(new PldAccountant().compose(new Gaussian(sigma)));
            for (double alpha : new double[] {1e-3, 0.01, 0.1, 0.3, 0.5, 0.9}) {
                double exact = gaussian(alpha, 1 / sigma);
                assertThat(curve.falseNegativeRate(alpha)).isBetween(exact - 0.01, exact);
            }
        }
    }

    @Test
    void truePositiveRate_moreStepsFindMore() {
        TradeOffCurve few = TradeOffCurve.of(new PldAccountant().compose(dpSgd(0.01, 1, 100)));
        TradeOffCurve many = TradeOffCurve.of(new PldAccountant().compose(dpSgd(0.01, 1, 5000)));
        for (double alpha : new double[] {0, 0.01, 0.2, 1}) {
            assertThat(many.truePositiveRate(alpha)).isGreaterThanOrEqualTo(few.truePositiveRate(alpha));
            assertThat(few.truePositiveRate(alpha)).isGreaterThanOrEqualTo(alpha);
        }
        assertThat(many.successRate()).isGreaterThan(few.successRate());
    }

    @Test
    void successRate_gaussian_equalsClosedForm() {
        TradeOffCurve curve = TradeOffCurve.of(new PldAccountant().compose(new Gaussian(2)));
        // (1 + TV) / 2 with TV = 2 Phi(mu / 2) - 1
        assertThat(curve.successRate()).isCloseTo(Erfc.value(-0.25 / Math.sqrt(2)) / 2, within(1e-12));
    }

    /** A few compositions answer for all deltas as well as one for each would. */
    @Test
    void epsilons_manyDeltas_areThoseOfOneAccountantEach() {
        List<DpEvent> events = List.of(
                dpSgd(0.01, 1, 3000),
                dpSgd(1e-6, 0.5, 100_000),
                new Composed(List.of(dpSgd(0.3, 0.6, 20), new Laplace(2))));
        for (DpEvent event : events) {
            double most = new PldAccountant().compose(event).delta(0);
            double[] deltas = new double[40];
            for (int i = 0; i < deltas.length; i++) {
                deltas[i] = most * 0.99 * Math.pow(1e-11, 1 - i / 39.0);
            }
            PldAccountant all = new PldAccountant();
            all.compose(event);
            double[] epsilons = all.epsilons(deltas);
            for (int i = 0; i < deltas.length; i++) {
                double alone = new PldAccountant().compose(event).epsilon(deltas[i]);
                assertThat(epsilons[i]).as(event + " " + deltas[i]).isCloseTo(alone, within(4e-3 * alone + 4e-5));
            }
        }
    }

    @Test
    void edges_nothingAndEverything() {
        assertThat(TradeOffCurve.of(new PldAccountant()).truePositiveRate(0.25)).isCloseTo(0.25, within(1e-8));
        assertThat(TradeOffCurve.of(new PldAccountant().compose(new NonPrivate()))
                        .truePositiveRate(0))
                .isEqualTo(1);
    }

    @Test
    void falseNegativeRate_outOfRange_throws() {
        TradeOffCurve curve = TradeOffCurve.of(new PldAccountant());
        assertThatThrownBy(() -> curve.falseNegativeRate(Double.NaN)).isInstanceOf(IllegalArgumentException.class);
    }
}
