// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.accountant;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.dl4jdp.accountant.DpEvent.Gaussian;
import io.github.dl4jdp.accountant.DpEvent.PoissonSampled;
import io.github.dl4jdp.accountant.DpEvent.SelfComposed;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class CompositionCacheTest {
    @ParameterizedTest
    @CsvSource({"0.1, 4.2, 1e-5", "0.01, 1, 1e-5", "0.1, 1, 1e-9", "0.001, 0.6, 1e-5"})
    void epsilon_askedAfterEveryStep_growsAndStaysNearOneComposition(double q, double sigma, double delta) {
        var step = new PoissonSampled(q, new Gaussian(sigma));
        var running = new PldAccountant();
        double last = 0;
        for (int steps = 1; steps <= 120; steps++) {
            running.compose(step);
            double epsilon = running.epsilon(delta);
            double atOnce =
                    new PldAccountant().compose(new SelfComposed(step, steps)).epsilon(delta);
            assertThat(epsilon).as("%d steps", steps).isGreaterThanOrEqualTo(last);
            assertThat(epsilon).as("%d steps", steps).isLessThanOrEqualTo(atOnce * 1.001 + 1e-6);
            assertThat(epsilon).as("%d steps", steps).isGreaterThanOrEqualTo(atOnce * 0.998 - 2e-5);
            last = epsilon;
        }
    }
}
