// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.audit;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.dl4jdp.accountant.DpEvent;
import io.github.dl4jdp.accountant.PldAccountant;
import io.github.dl4jdp.accountant.TradeOffCurve;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Locale;
import java.util.Random;
import java.util.function.DoubleUnaryOperator;
import org.apache.commons.statistics.distribution.BinomialDistribution;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** One-run bounds by trade-off curves: against exact probabilities, on mechanisms whose curve is known, and beside the bound of Steinke et al. on the same guesses. */
class TradeOffOneRunBoundTest {
    /** Guesses of a run: canary i has score N(mu, 1) if its coin put it in, N(0, 1) if not; "in" where the score is high, "out" where it is low. */
    private static CanaryAudit.Result gaussianRun(int canaries, int guesses, double mu, Random random) {
        CanaryAudit audit = CanaryAudit.of(canaries, random);
        boolean[] included = audit.included();
        double[] scores = new double[canaries];
        for (int i = 0; i < canaries; i++) {
            scores[i] = random.nextGaussian() + (included[i] ? mu : 0);
        }
        return audit.evaluate(scores, guesses);
    }

    /** Randomized response tells the truth with probability 1 / (1 + exp(-epsilon)): the number of right guesses is binomial, and its tail must not be above the bound. */
    @ParameterizedTest
    @CsvSource({"50, 30, 0.5", "50, 45, 1", "200, 150, 1", "200, 190, 3", "1000, 700, 0.5"})
    void pValue_randomizedResponse_isNotBelowTheExactTail(int m, int correct, double epsilon) {
        double exact = BinomialDistribution.of(m, 1 / (1 + Math.exp(-epsilon))).survivalProbability(correct - 1);
        double bound = TradeOffOneRunBound.pValue(TradeOffOneRunBound.ofGuarantee(epsilon, 0), m, m, correct);
        assertThat(bound).isGreaterThanOrEqualTo(exact * (1 - 1e-6));
        assertThat(bound).isLessThanOrEqualTo(1);
    }

    /** Gaussian noise on each canary, all guessed: right with probability Phi(mu / 2) each, independently. */
    @ParameterizedTest
    @CsvSource({"100, 0.5, 62", "100, 1, 80", "1000, 1, 730", "1000, 2, 880", "5000, 0.5, 3100"})
    void pValue_gaussianGuesses_isNotBelowTheExactTail(int m, double mu, int correct) {
        double right = TradeOffOneRunBound.ofGaussian(0).applyAsDouble(0.5);
        assertThat(right).isBetween(0.4999999, 0.5);
        double probability = 0.5 * org.apache.commons.numbers.gamma.Erfc.value(-mu / 2 / Math.sqrt(2));
        double exact = BinomialDistribution.of(m, probability).survivalProbability(correct - 1);
        assertThat(TradeOffOneRunBound.pValue(TradeOffOneRunBound.ofGaussian(mu), m, m, correct))
                .isGreaterThanOrEqualTo(exact * (1 - 1e-6));
    }

    @Test
    void pValue_anyCurve_fallsWithRightGuessesAndRisesWithLessPrivacy() {
        for (DoubleUnaryOperator curve :
                new DoubleUnaryOperator[] {TradeOffOneRunBound.ofGaussian(0.8), TradeOffOneRunBound.ofGuarantee(1, 1e-4)
                }) {
            double before = 1;
            for (int correct = 0; correct <= 200; correct += 10) {
                double pValue = TradeOffOneRunBound.pValue(curve, 200, 200, correct);
                assertThat(pValue).isLessThanOrEqualTo(before);
                before = pValue;
            }
            assertThat(before).isLessThan(1e-3);
        }
        assertThat(TradeOffOneRunBound.pValue(TradeOffOneRunBound.ofGaussian(1), 200, 200, 160))
                .isLessThan(TradeOffOneRunBound.pValue(TradeOffOneRunBound.ofGaussian(1.2), 200, 200, 160));
        assertThat(TradeOffOneRunBound.pValue(TradeOffOneRunBound.ofGaussian(1), 10, 0, 0))
                .isEqualTo(1);
    }

    /** The accountant's curve of a Gaussian is that of the closed form, and a little less private. */
    @Test
    void of_curveOfAnAccountant_isOnTheSafeSide() {
        DoubleUnaryOperator closed = TradeOffOneRunBound.ofGaussian(1);
        DoubleUnaryOperator curve =
                TradeOffOneRunBound.of(TradeOffCurve.of(new PldAccountant().compose(new DpEvent.Gaussian(1))));
        for (double rate = 0.01; rate < 1; rate += 0.01) {
            assertThat(curve.applyAsDouble(rate))
                    .isLessThanOrEqualTo(closed.applyAsDouble(rate) * (1 + 1e-6))
                    .isGreaterThan(closed.applyAsDouble(rate) * 0.9 - 1e-6);
        }
    }

    /**
     * False accusations of mechanisms whose curve is known exactly, at confidence 0.9: at most 10 % are allowed, and this bound has fewer. Of 400 runs, 40 are expected at most; 64 or more would have a probability below 1e-4 if
     * the rate were 0.1. The seed is fixed.
     */
    @ParameterizedTest
    @CsvSource({"100, 100, 1", "1000, 1000, 0.5", "1000, 100, 1", "500, 50, 2", "200, 200, 3"})
    void gaussianBound_knownMechanism_isAccusedNoMoreOftenThanStated(int canaries, int guesses, double mu) {
        Random random = new Random(7);
        int accused = 0;
        for (int run = 0; run < 400; run++) {
            CanaryAudit.Result result = gaussianRun(canaries, guesses, mu, random);
            accused += TradeOffOneRunBound.refutes(
                            TradeOffOneRunBound.ofGaussian(mu), canaries, guesses, result.correct(), 0.1)
                    ? 1
                    : 0;
        }
        assertThat(accused).isLessThan(64);
    }

    /** The same of a mechanism that fails with probability delta and is randomized response otherwise, against its own (epsilon, delta). */
    @Test
    void guaranteeBound_mechanismThatFails_isAccusedNoMoreOftenThanStated() {
        Random random = new Random(8);
        int m = 300;
        double epsilon = 1;
        double delta = 0.05;
        int accused = 0;
        for (int run = 0; run < 400; run++) {
            int correct = 0;
            for (int i = 0; i < m; i++) {
                boolean fails = random.nextDouble() < delta;
                correct += fails || random.nextDouble() < 1 / (1 + Math.exp(-epsilon)) ? 1 : 0;
            }
            accused += TradeOffOneRunBound.refutes(TradeOffOneRunBound.ofGuarantee(epsilon, delta), m, m, correct, 0.1)
                    ? 1
                    : 0;
        }
        assertThat(accused).isLessThan(64);
    }

    /**
     * Medians over 21 runs of one attacker on Gaussian mechanisms: what each bound finds of the true epsilon at delta 1e-5 with confidence 0.95, from the same guesses. The table of docs/auditing.md.
     */
    @ParameterizedTest
    @CsvSource({"1000, 1000, 1", "1000, 100, 1", "10000, 500, 1", "1000, 200, 2", "10000, 1000, 2"})
    void bounds_sameGuesses_theTradeOffCurveFindsMore(int canaries, int guesses, double mu) throws IOException {
        Random random = new Random(9);
        int runs = 21;
        double[] steinke = new double[runs];
        double[] guarantee = new double[runs];
        double[] gaussian = new double[runs];
        for (int run = 0; run < runs; run++) {
            CanaryAudit.Result result = gaussianRun(canaries, guesses, mu, random);
            steinke[run] = result.epsilonLowerBound(1e-5, 0.95);
            guarantee[run] = result.tradeOffEpsilonLowerBound(1e-5, 0.95);
            gaussian[run] = result.gaussianEpsilonLowerBound(1e-5, 0.95);
        }
        double exact = new PldAccountant().compose(new DpEvent.Gaussian(1 / mu)).epsilon(1e-5);
        assertThat(median(guarantee)).isGreaterThanOrEqualTo(median(steinke));
        assertThat(median(gaussian)).isGreaterThan(1.3 * median(steinke)).isLessThan(exact);
        assertThat(Arrays.stream(gaussian).filter(bound -> bound > exact).count())
                .isLessThan(5);
        assertThat(Files.readString(Path.of("..", "docs", "auditing.md")))
                .contains(String.format(
                        Locale.ROOT,
                        "| %d | %d | %.2f | %.2f | %.2f | %.2f |",
                        canaries,
                        guesses,
                        exact,
                        median(steinke),
                        median(guarantee),
                        median(gaussian)));
    }

    private static double median(double[] values) {
        return Arrays.stream(values)
                .sorted()
                .skip(values.length / 2)
                .findFirst()
                .orElseThrow();
    }

    @Test
    void assertConsistentWith_curve_accusesWhatTellsMore() {
        TradeOffCurve claim = TradeOffCurve.of(new PldAccountant().compose(new DpEvent.Gaussian(1)));
        new CanaryAudit.Result(500, 500, 350).assertConsistentWith(claim, 0.99);
        assertThatThrownBy(() -> new CanaryAudit.Result(500, 500, 499).assertConsistentWith(claim, 0.99))
                .isInstanceOf(AssertionError.class)
                .hasMessageContaining("499 of 500");
        assertThat(new CanaryAudit.Result(500, 500, 499).pValue(claim)).isLessThan(0.01);
        assertThatIllegalArgumentException()
                .isThrownBy(() -> new CanaryAudit.Result(500, 2, 2).assertConsistentWith(claim, 0.99))
                .withMessageContaining("guesses");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> new CanaryAudit.Result(500, 500, 400).gaussianEpsilonLowerBound(0, 0.9))
                .withMessageContaining("delta");
    }
}
