// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.audit;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.dl4jdp.accountant.AccountantKind;
import io.github.dl4jdp.accountant.DpEvent;
import io.github.dl4jdp.accountant.NeighboringRelation;
import io.github.dl4jdp.accountant.PrivacyGuarantee;
import java.util.Arrays;
import java.util.Random;
import java.util.random.RandomGenerator;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class CanaryAuditTest {
    /** One release of a Gaussian mechanism in which every canary has a coordinate of its own: the score is that coordinate. */
    private static double[] gaussianScores(CanaryAudit audit, double sigma, RandomGenerator random) {
        boolean[] included = audit.included();
        return IntStream.range(0, included.length)
                .mapToDouble(i -> (included[i] ? 1 : 0) + sigma * random.nextGaussian())
                .toArray();
    }

    private static double gaussianEpsilon(double sigma, double delta) {
        return AccountantKind.PLD
                .create(NeighboringRelation.ADD_OR_REMOVE_ONE)
                .compose(new DpEvent.Gaussian(sigma))
                .epsilon(delta);
    }

    /** The least private mechanism of its epsilon: each coin is released right with probability exp(epsilon) / (1 + exp(epsilon)). */
    @ParameterizedTest
    @ValueSource(doubles = {0.5, 2})
    void epsilonLowerBound_randomizedResponse_exceedsEpsilonAsRarelyAsStated(double epsilon) {
        var random = new Random(11);
        double right = 1 / (1 + Math.exp(-epsilon));
        int exceeded = 0;
        for (int run = 0; run < 1000; run++) {
            var audit = CanaryAudit.of(200, random);
            boolean[] included = audit.included();
            double[] scores = IntStream.range(0, 200)
                    .mapToDouble(i -> included[i] == random.nextDouble() < right ? 1 : 0)
                    .toArray();
            int in = (int) Arrays.stream(scores).sum();
            double bound = audit.evaluate(scores, in, 200 - in).epsilonLowerBound(0, 0.9);
            exceeded += bound > epsilon ? 1 : 0;
        }
        // At most 10 % if the bound holds (mean 100, standard deviation 9.5: false failure 1e-4), and the bound is not
        // idle.
        assertThat(exceeded).isBetween(30, 136);
    }

    @ParameterizedTest
    @ValueSource(doubles = {0.5, 1, 4})
    void epsilonLowerBound_gaussianMechanism_exceedsEpsilonAsRarelyAsStated(double sigma) {
        var random = new Random(12);
        double delta = 1e-5;
        double epsilon = gaussianEpsilon(sigma, delta);
        for (int run = 0; run < 100; run++) {
            var audit = CanaryAudit.of(1000, random);
            double[] scores = gaussianScores(audit, sigma, random);
            // The Gaussian mechanism is far from the worst of its epsilon: at confidence 0.95 even 100 runs do not
            // exceed it.
            assertThat(audit.evaluate(scores, 100).epsilonLowerBound(delta, 0.95))
                    .isLessThanOrEqualTo(epsilon);
            assertThat(audit.epsilonLowerBound(scores, delta, 0.95)).isLessThanOrEqualTo(epsilon);
        }
    }

    @Test
    void epsilonLowerBound_littleNoise_isLarge() {
        var random = new Random(13);
        var audit = CanaryAudit.of(1000, random);
        double[] scores = gaussianScores(audit, 0.1, random);

        // 800 of 800 right: 5 % = (1 + exp(-epsilon))^-800 gives 5.5855.
        assertThat(audit.evaluate(scores, 800).epsilonLowerBound(0, 0.95)).isBetween(5.585, 5.586);
        assertThat(audit.epsilonLowerBound(scores, 1e-6, 0.95)).isGreaterThan(4.5);
    }

    @Test
    void epsilonLowerBound_moderateNoise_isNotIdle() {
        var random = new Random(14);
        var audit = CanaryAudit.of(5000, random);
        double[] scores = gaussianScores(audit, 0.5, random);

        assertThat(audit.epsilonLowerBound(scores, 1e-5, 0.95)).isBetween(2.0, gaussianEpsilon(0.5, 1e-5));
    }

    @Test
    void epsilonLowerBound_scoresTurnedRound_isZero() {
        var random = new Random(15);
        var audit = CanaryAudit.of(500, random);
        double[] scores =
                Arrays.stream(gaussianScores(audit, 0.1, random)).map(s -> -s).toArray();

        // An attacker who is always wrong has found nothing: only a bound on |right - wrong| would say otherwise.
        assertThat(audit.epsilonLowerBound(scores, 0, 0.95)).isZero();
        assertThat(audit.evaluate(scores, 500).epsilonLowerBound(0, 0.95)).isZero();
    }

    @Test
    void epsilonLowerBound_scoresWithoutInformation_isZeroAsOftenAsStated() {
        var random = new Random(16);
        int found = 0;
        for (int run = 0; run < 500; run++) {
            double[] scores = random.doubles(200).toArray();
            found += CanaryAudit.of(200, random).epsilonLowerBound(scores, 0, 0.95) > 0 ? 1 : 0;
        }
        // At most 5 % = 25, standard deviation 4.9; false failure 1e-4.
        assertThat(found).isLessThan(44);
    }

    @Test
    void evaluate_countsGuessesAtBothEnds() {
        var audit = CanaryAudit.ofInclusion(new boolean[] {true, false, true, false, true});
        double[] scores = {5, 4, 3, 2, 1};

        assertThat(audit.evaluate(scores, 3)).isEqualTo(new CanaryAudit.Result(5, 3, 1));
        assertThat(audit.evaluate(scores, 1, 0)).isEqualTo(new CanaryAudit.Result(5, 1, 1));
        assertThat(audit.evaluate(scores, 0, 2)).isEqualTo(new CanaryAudit.Result(5, 2, 1));
        assertThat(audit.includedCount()).isEqualTo(3);
    }

    @Test
    void of_tossesFairCoinsAnew() {
        var first = CanaryAudit.of(10_000);

        // Standard deviation 50: false failure 1e-6.
        assertThat(first.includedCount()).isBetween(4750, 5250);
        assertThat(first.included()).isNotEqualTo(CanaryAudit.of(10_000).included());
    }

    @Test
    void included_changed_leavesTheAuditAlone() {
        var audit = CanaryAudit.ofInclusion(new boolean[] {true, false});
        audit.included()[0] = false;

        assertThat(audit.included()).containsExactly(true, false);
    }

    @Test
    void tooFewCanaries_throwsWithTheNumberNeeded() {
        assertThatIllegalArgumentException()
                .isThrownBy(() -> CanaryAudit.of(4).evaluate(new double[4], 4).epsilonLowerBound(0, 0.95))
                .withMessageContaining("guesses must be at least 5")
                .withMessageContaining("were 4");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> CanaryAudit.of(4).epsilonLowerBound(new double[4], 0, 0.95))
                .withMessageContaining("canaries must be at least 5");
        var guarantee = new PrivacyGuarantee(3, 1e-6);
        int needed = CanaryAudit.canariesNeeded(guarantee, 0.95);
        assertThat(needed).isBetween(60, 65);
        assertThatIllegalArgumentException()
                .isThrownBy(() -> new CanaryAudit.Result(100, needed - 1, 20).assertConsistentWith(guarantee, 0.95))
                .withMessageContaining("guesses must be at least " + needed);
    }

    @Test
    void assertConsistentWith_tooManyRight_fails() {
        var guarantee = new PrivacyGuarantee(1, 1e-6);

        new CanaryAudit.Result(100, 100, 75).assertConsistentWith(guarantee, 0.95);
        assertThatThrownBy(() -> new CanaryAudit.Result(100, 100, 95).assertConsistentWith(guarantee, 0.95))
                .isInstanceOf(AssertionError.class)
                .hasMessageContaining("95 of 100 guesses were right");
    }

    @Test
    void badArguments_throw() {
        var audit = CanaryAudit.of(10);
        assertThatIllegalArgumentException().isThrownBy(() -> CanaryAudit.of(0)).withMessageContaining("was 0");
        assertThatIllegalArgumentException().isThrownBy(() -> CanaryAudit.ofInclusion(new boolean[0]));
        assertThatIllegalArgumentException()
                .isThrownBy(() -> audit.evaluate(new double[9], 3))
                .withMessageContaining("length 10, was 9");
        assertThatIllegalArgumentException().isThrownBy(() -> audit.evaluate(new double[10], 0));
        assertThatIllegalArgumentException().isThrownBy(() -> audit.evaluate(new double[10], 11));
        assertThatIllegalArgumentException().isThrownBy(() -> audit.evaluate(new double[10], -1, 5));
        var scores = new double[10];
        scores[7] = Double.NaN;
        assertThatIllegalArgumentException()
                .isThrownBy(() -> audit.evaluate(scores, 3))
                .withMessageContaining("index 7");
        var result = new CanaryAudit.Result(100, 100, 75);
        for (double confidence : new double[] {0, 1, Double.NaN}) {
            assertThatIllegalArgumentException().isThrownBy(() -> result.epsilonLowerBound(0, confidence));
        }
        assertThatIllegalArgumentException().isThrownBy(() -> result.epsilonLowerBound(Double.NaN, 0.9));
        assertThatIllegalArgumentException().isThrownBy(() -> new CanaryAudit.Result(5, 6, 1));
        assertThatIllegalArgumentException()
                .isThrownBy(() -> result.pValue(new PrivacyGuarantee(Double.POSITIVE_INFINITY, 0)));
    }
}
