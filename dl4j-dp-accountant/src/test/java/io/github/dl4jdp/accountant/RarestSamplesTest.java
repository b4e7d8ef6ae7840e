// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.accountant;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.dl4jdp.accountant.DpEvent.Gaussian;
import io.github.dl4jdp.accountant.DpEvent.PoissonSampled;
import org.apache.commons.numbers.gamma.Erf;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Samples so rare, with so little noise, that the ratio of a loss to the sampling probability is no double: answers that hold, and no error. */
class RarestSamplesTest {
    private static final double[] PROBABILITIES = {Double.MIN_VALUE, 1e-100, 1e-50};

    @ParameterizedTest
    @ValueSource(doubles = {0.01, 0.02, 0.1})
    void answers_ofTheRarestSamples_holdWhateverTheNoise(double noise) {
        for (double q : PROBABILITIES) {
            for (NeighboringRelation relation : NeighboringRelation.values()) {
                PrivacyAccountant accountant =
                        new PldAccountant(relation).compose(new PoissonSampled(q, new Gaussian(noise)));
                // The total variation of one sample; that of two samples of replaced examples is larger.
                double truth = q * Erf.value(1 / (2 * noise) / Math.sqrt(2));
                double delta = accountant.delta(0);
                assertThat(delta).as("%s, %s, %s", q, noise, relation).isBetween(truth * (1 - 1e-9), 1.0);
                for (double epsilon : new double[] {1, 590, 610}) {
                    assertThat(accountant.delta(epsilon)).isBetween(0.0, 1.0);
                }
                double epsilon = accountant.epsilon(Math.max(1e-280, q / 2));
                assertThat(epsilon).isNotNaN().isNotNegative();
                assertThat(accountant.epsilon(1e-5)).isBetween(0.0, epsilon + 1e-9);
            }
        }
    }
}
