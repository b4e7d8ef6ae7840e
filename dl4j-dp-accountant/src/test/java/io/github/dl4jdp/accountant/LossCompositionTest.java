// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.accountant;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Map;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class LossCompositionTest {
    /** Far above the epsilon that was planned for, nothing but what is added for the mass above the window and for rounding is left: delta stays a bound. */
    @ParameterizedTest
    @CsvSource({"1, 1e-5", "3, 1e-3", "0.3, 1e-9"})
    void delta_farAbovePlannedEpsilon_staysAboveClosedForm(double mu, double delta) {
        Map<LossPair, Long> pairs = Map.of(GaussianPair.plain(1 / mu * Math.sqrt(7)), 7L);
        var composition = new LossComposition(LossPlan.forDelta(pairs, delta, 1), pairs);
        double planned = GaussianTradeOff.epsilon(mu, delta);
        for (double times = 0.5; times < 8; times *= 1.05) {
            double exact = GaussianTradeOff.delta(mu, times * planned);
            assertThat(composition.delta(times * planned)).as("%s times", times).isGreaterThanOrEqualTo(exact);
        }
        assertThat(composition.epsilon(delta)).isBetween(planned, planned * 1.001 + 1e-5);
    }
}
