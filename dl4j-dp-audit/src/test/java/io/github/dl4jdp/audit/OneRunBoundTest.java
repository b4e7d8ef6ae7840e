// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.audit;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvFileSource;

class OneRunBoundTest {
    @ParameterizedTest
    @CsvFileSource(resources = "one-run-bound.csv", useHeadersInDisplayName = true)
    void pValue_matchesExactSums(int m, int r, int v, double epsilon, double delta, double pValue) {
        assertThat(OneRunBound.pValue(m, r, v, epsilon, delta)).isCloseTo(pValue, within(1e-10 * pValue + 1e-300));
    }

    @Test
    void pValue_noGuesses_isOne() {
        assertThat(OneRunBound.pValue(10, 0, 0, 1, 1e-5)).isEqualTo(1);
    }

    @Test
    void epsilon_isWherePValueReachesTheSignificance() {
        double epsilon = OneRunBound.epsilon(1000, 200, 180, 1e-6, 0.05);

        assertThat(OneRunBound.pValue(1000, 200, 180, epsilon, 1e-6)).isLessThan(0.05);
        assertThat(OneRunBound.pValue(1000, 200, 180, epsilon + 1e-5, 1e-6)).isGreaterThan(0.05);
    }

    @Test
    void epsilon_halfRight_isZero() {
        assertThat(OneRunBound.epsilon(100, 100, 50, 0, 0.05)).isZero();
    }

    @Test
    void epsilon_moreCanariesForTheSameGuesses_isNotLarger() {
        assertThat(OneRunBound.epsilon(10_000, 100, 95, 1e-4, 0.05))
                .isLessThan(OneRunBound.epsilon(100, 100, 95, 1e-4, 0.05));
    }

    @Test
    void canariesNeeded_isTheLeast() {
        for (double epsilon : new double[] {0, 1, 3}) {
            for (double delta : new double[] {0, 1e-6}) {
                int needed = OneRunBound.canariesNeeded(epsilon, delta, 0.01);

                assertThat(OneRunBound.pValue(needed, needed, needed, epsilon, delta))
                        .isLessThan(0.01);
                assertThat(OneRunBound.pValue(needed - 1, needed - 1, needed - 1, epsilon, delta))
                        .isGreaterThanOrEqualTo(0.01);
            }
        }
    }

    @Test
    void canariesNeeded_deltaAboveTheSignificance_isZero() {
        assertThat(OneRunBound.canariesNeeded(1, 0.1, 0.01)).isZero();
    }
}
