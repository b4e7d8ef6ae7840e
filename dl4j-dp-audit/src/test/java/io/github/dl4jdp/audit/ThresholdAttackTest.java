// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.audit;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.within;

import io.github.dl4jdp.accountant.DpEvent;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.apache.commons.statistics.distribution.BinomialDistribution;
import org.junit.jupiter.api.Test;

/** The statistics of a step audit, on simulated Gaussian mechanisms. */
class ThresholdAttackTest {
    private static final double DELTA = 1e-5;
    private static final double CONFIDENCE = 0.9;
    private static final int TRIALS = 250;

    /** Values of which only one tells the two worlds apart: by its mean. */
    private static List<double[]> trials(double shift, double sigma, Random random) {
        var trials = new ArrayList<double[]>();
        for (int i = 0; i < TRIALS; i++) {
            trials.add(
                    new double[] {random.nextGaussian(), shift + sigma * random.nextGaussian(), random.nextGaussian()});
        }
        return trials;
    }

    private static StepAuditResult audit(Claim claim, double sigma, Random random) {
        double alpha = (1 - CONFIDENCE) / 2;
        var attack = ThresholdAttack.best(
                List.of("a", "b", "c"), trials(1, sigma, random), trials(0, sigma, random), claim, alpha);
        return StepAuditResult.of(
                claim, attack, trials(1, sigma, random), trials(0, sigma, random), CONFIDENCE, DELTA, 1);
    }

    @Test
    void trueClaim_isAccusedAsRarelyAsStated() {
        var random = new Random(1);
        for (double sigma : new double[] {0.5, 2}) {
            var claim = new Claim(new DpEvent.Gaussian(sigma));
            int accused = 0;
            int exceeded = 0;
            for (int run = 0; run < 200; run++) {
                StepAuditResult result = audit(claim, sigma, random);
                accused += result.isContradicted() ? 1 : 0;
                exceeded += result.gaussianEpsilonLowerBound() > result.claimedEpsilon() ? 1 : 0;
                assertThat(result.epsilonLowerBound()).isLessThanOrEqualTo(result.claimedEpsilon());
            }
            // At most 10 % = 20, standard deviation 4.2: false failure 1e-4.
            assertThat(accused).isLessThan(37);
            assertThat(exceeded).isLessThan(37);
        }
    }

    @Test
    void halfTheNoise_isAccused() {
        var random = new Random(2);
        var claim = new Claim(new DpEvent.Gaussian(1));
        int accused = 0;
        for (int run = 0; run < 30; run++) {
            accused += audit(claim, 0.5, random).isContradicted() ? 1 : 0;
        }
        assertThat(accused).isEqualTo(30);
    }

    @Test
    void sampledClaim_notSampled_isAccused() {
        var random = new Random(3);
        var claim = new Claim(new DpEvent.PoissonSampled(0.1, new DpEvent.Gaussian(1)));

        assertThat(audit(claim, 1, random).isContradicted()).isTrue();
    }

    @Test
    void differentSpread_isFound() {
        var random = new Random(4);
        var claim = new Claim(new DpEvent.Gaussian(2));
        var in = new ArrayList<double[]>();
        var out = new ArrayList<double[]>();
        for (int i = 0; i < 2 * TRIALS; i++) {
            in.add(new double[] {Math.pow(3 * random.nextGaussian(), 2)});
            out.add(new double[] {Math.pow(random.nextGaussian(), 2)});
        }
        var attack =
                ThresholdAttack.best(List.of("length"), in.subList(0, TRIALS), out.subList(0, TRIALS), claim, 0.05);

        assertThat(attack.above()).isTrue();
        assertThat(StepAuditResult.of(
                                claim,
                                attack,
                                in.subList(TRIALS, 2 * TRIALS),
                                out.subList(TRIALS, 2 * TRIALS),
                                CONFIDENCE,
                                DELTA,
                                1)
                        .isContradicted())
                .isTrue();
    }

    @Test
    void best_infiniteValues_areTold() {
        var claim = new Claim(new DpEvent.Gaussian(1));
        var in = new ArrayList<double[]>();
        var out = new ArrayList<double[]>();
        for (int i = 0; i < TRIALS; i++) {
            in.add(new double[] {Double.NEGATIVE_INFINITY});
            out.add(new double[] {i});
        }
        var attack = ThresholdAttack.best(List.of("value"), in, out, claim, 0.05);

        assertThat(attack.errors(in, out).missed()).isZero();
        assertThat(attack.errors(in, out).falseAlarms()).isLessThanOrEqualTo(1);
    }

    @Test
    void binomialBound_isTheRateAtWhichSoFewAreAsRareAsStated() {
        for (int events : new int[] {0, 1, 17, 99}) {
            double bound = new BinomialBounds(100, 0.01).upper(events);
            assertThat(BinomialDistribution.of(100, bound).cumulativeProbability(events))
                    .isCloseTo(0.01, within(1e-8));
        }
        assertThat(new BinomialBounds(100, 0.01).upper(100)).isEqualTo(1);
    }

    @Test
    void refutedEpsilon_ofErrorRates_followsItsFormula() {
        assertThat(Claim.refutedEpsilon(0.01, 0.2, 0)).isCloseTo(Math.log(80), within(1e-12));
        assertThat(Claim.refutedEpsilon(0.2, 0.01, 0)).isCloseTo(Math.log(80), within(1e-12));
        assertThat(Claim.refutedEpsilon(0.5, 0.5, 0)).isZero();
        assertThat(Claim.refutedEpsilon(1, 1, 1e-5)).isZero();
        assertThat(Claim.refutedMu(0.158655, 0.158655)).isCloseTo(2, within(1e-5));
        assertThat(Claim.refutedMu(1, 0.01)).isZero();
    }

    @Test
    void claim_withoutBound_throws() {
        assertThatIllegalArgumentException()
                .isThrownBy(() -> new Claim(new DpEvent.NonPrivate()))
                .withMessageContaining("NonPrivate");
    }
}
