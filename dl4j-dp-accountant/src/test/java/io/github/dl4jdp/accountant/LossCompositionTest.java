// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.accountant;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Map;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class LossCompositionTest {
    /** Beyond the epsilon that was planned for, up to the end of the window, where what lies above it is all there is. */
    @ParameterizedTest
    @ValueSource(doubles = {0.3, 1e-2, 1e-5, 1e-9})
    void delta_farAbovePlannedEpsilon_staysAboveClosedForm(double delta) {
        for (double mu = 0.2; mu < 5; mu *= 1.1) {
            Map<LossPair, Long> pairs = Map.of(GaussianPair.plain(Math.sqrt(7) / mu), 7L);
            LossPlan plan = LossPlan.forDelta(pairs, delta, 1);
            var composition = new LossComposition(plan, pairs);
            double planned = GaussianTradeOff.epsilon(mu, delta);
            double top = plan.direction(false).lowest() + plan.length() * plan.step();
            for (int i = 0; i <= 50; i++) {
                double epsilon = planned + (top - planned) * i / 50;
                assertThat(composition.delta(epsilon))
                        .as("mu %s, epsilon %s", mu, epsilon)
                        .isGreaterThanOrEqualTo(GaussianTradeOff.delta(mu, epsilon) * (1 - 1e-9));
            }
            assertThat(composition.epsilon(delta)).isBetween(planned * (1 - 1e-12), planned * 1.003 + 1e-4);
        }
    }
}
