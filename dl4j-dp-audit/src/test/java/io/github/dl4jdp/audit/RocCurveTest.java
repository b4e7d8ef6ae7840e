// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.audit;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.within;

import java.util.Random;
import java.util.stream.IntStream;
import org.apache.commons.statistics.distribution.NormalDistribution;
import org.junit.jupiter.api.Test;

class RocCurveTest {
    @Test
    void of_smallExample_hasTheCornersByHand() {
        var curve = RocCurve.of(new double[] {3, 1}, new double[] {0, 2});

        assertThat(curve.falsePositiveRates()).containsExactly(0, 0, 0.5, 0.5, 1);
        assertThat(curve.truePositiveRates()).containsExactly(0, 0.5, 0.5, 1, 1);
        assertThat(curve.auc()).isEqualTo(0.75);
        assertThat(curve.truePositiveRate(0.5)).isEqualTo(1);
    }

    @Test
    void of_equalScores_areOnOneSideOfEveryThreshold() {
        var curve = RocCurve.of(new double[] {1, 1, 2}, new double[] {1, 1});

        assertThat(curve.falsePositiveRates()).containsExactly(0, 0, 1);
        assertThat(curve.truePositiveRates()[1]).isCloseTo(1.0 / 3, within(1e-15));
        assertThat(curve.auc()).isCloseTo(4.0 / 6, within(1e-15));
    }

    @Test
    void of_infiniteScores_areInOrder() {
        var curve = RocCurve.of(
                new double[] {Double.POSITIVE_INFINITY, Double.NEGATIVE_INFINITY},
                new double[] {0, Double.NEGATIVE_INFINITY});

        assertThat(curve.truePositiveRates()).containsExactly(0, 0.5, 0.5, 1);
        assertThat(curve.falsePositiveRates()).containsExactly(0, 0, 0.5, 1);
    }

    @Test
    void auc_isTheShareOfOrderedPairs() {
        var random = new Random(1);
        double[] members = random.ints(60, 0, 20).asDoubleStream().toArray();
        double[] others = random.ints(40, 0, 15).asDoubleStream().toArray();
        double pairs = 0;
        for (double member : members) {
            for (double other : others) {
                pairs += member > other ? 1 : member == other ? 0.5 : 0;
            }
        }

        assertThat(RocCurve.of(members, others).auc()).isCloseTo(pairs / 2400, within(1e-12));
    }

    @Test
    void truePositiveRate_ofShiftedGaussians_isThatOfTheory() {
        var random = new Random(2);
        double[] members = IntStream.range(0, 20_000)
                .mapToDouble(i -> 2 + random.nextGaussian())
                .toArray();
        double[] others = IntStream.range(0, 20_000)
                .mapToDouble(i -> random.nextGaussian())
                .toArray();
        var curve = RocCurve.of(members, others);
        var normal = NormalDistribution.of(0, 1);

        // Standard deviations 0.002, 0.006 and 0.02 (threshold and count together): false failure 1e-5.
        assertThat(curve.auc()).isCloseTo(normal.cumulativeProbability(Math.sqrt(2)), within(0.01));
        assertThat(curve.truePositiveRate(0.01))
                .isCloseTo(normal.survivalProbability(normal.inverseSurvivalProbability(0.01) - 2), within(0.03));
        assertThat(curve.truePositiveRate(0.001))
                .isCloseTo(normal.survivalProbability(normal.inverseSurvivalProbability(0.001) - 2), within(0.09));
    }

    @Test
    void truePositiveRate_tooFewOthers_throwsWithTheNumberNeeded() {
        var curve = RocCurve.of(new double[500], new double[999]);

        assertThatIllegalArgumentException()
                .isThrownBy(() -> curve.truePositiveRate(0.001))
                .withMessageContaining("at least 1000")
                .withMessageContaining("were 999");
        assertThat(curve.toString()).contains("AUC 0.500").contains("at 1 %").doesNotContain("0.1 %");
        for (double rate : new double[] {0, 1.1, Double.NaN}) {
            assertThatIllegalArgumentException().isThrownBy(() -> curve.truePositiveRate(rate));
        }
    }

    @Test
    void of_badScores_throws() {
        assertThatIllegalArgumentException().isThrownBy(() -> RocCurve.of(new double[0], new double[1]));
        assertThatIllegalArgumentException().isThrownBy(() -> RocCurve.of(new double[1], new double[0]));
        assertThatIllegalArgumentException()
                .isThrownBy(() -> RocCurve.of(new double[] {Double.NaN}, new double[1]))
                .withMessageContaining("members");
    }
}
