// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.accountant;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import io.github.dl4jdp.accountant.DpEvent.GaussianMixture;
import java.math.BigDecimal;
import java.math.MathContext;
import java.util.Random;
import org.junit.jupiter.api.Test;

class MixtureRatioTest {
    private static final MathContext DIGITS = new MathContext(40);

    /** exp by its series after halving, in 40 digits. */
    private static BigDecimal exp(BigDecimal x) {
        int halvings = Math.max(0, x.precision() - x.scale()) * 4 + 8;
        BigDecimal small = x.divide(BigDecimal.valueOf(2).pow(halvings), DIGITS);
        BigDecimal term = BigDecimal.ONE;
        BigDecimal sum = BigDecimal.ONE;
        for (int k = 1; k < 40; k++) {
            term = term.multiply(small, DIGITS).divide(BigDecimal.valueOf(k), DIGITS);
            sum = sum.add(term, DIGITS);
        }
        for (int i = 0; i < halvings; i++) {
            sum = sum.multiply(sum, DIGITS);
        }
        return sum;
    }

    /** The ratio, less one, in 40 digits. */
    private static BigDecimal excess(GaussianMixture mixture, double x) {
        double moved = 0;
        BigDecimal excess = BigDecimal.ZERO;
        BigDecimal square = new BigDecimal(mixture.noiseMultiplier()).pow(2);
        for (int j = 0; j < mixture.sensitivities().size(); j++) {
            if (mixture.sensitivities().get(j) == 0) {
                continue;
            }
            moved += mixture.probabilities().get(j);
            BigDecimal c = new BigDecimal(mixture.sensitivities().get(j));
            BigDecimal t = c.multiply(new BigDecimal(x))
                    .subtract(c.multiply(c).divide(BigDecimal.valueOf(2)))
                    .divide(square, DIGITS);
            excess = excess.add(new BigDecimal(mixture.probabilities().get(j)).multiply(exp(t), DIGITS));
        }
        return excess.subtract(new BigDecimal(Math.min(1, moved)));
    }

    /** To a few units of what the slack of a lattice allows: those of the largest exponent. */
    @Test
    void loss_groups_isThatOfFortyDigits() {
        Random random = new Random(4);
        for (int i = 0; i < 30; i++) {
            int k = 2 + random.nextInt(40);
            double sigma = Math.pow(10, -0.5 + 2 * random.nextDouble());
            GaussianMixture mixture = GroupPrivacy.distances(Math.pow(10, -6 * random.nextDouble()) * 0.9, k, sigma);
            MixtureRatio ratio = new MixtureRatio(mixture.sensitivities(), mixture.probabilities(), 0, sigma);
            for (int j = 0; j < 20; j++) {
                double x = -4 * sigma + random.nextDouble() * (k / 4.0 + 8 * sigma);
                BigDecimal exact = excess(mixture, x);
                double allowed = 32 * 0x1p-53 * (Math.abs(x) + 6 * sigma) * k / (sigma * sigma);
                double loss = ratio.loss(x);
                // exp(loss) / (1 + excess) - 1 is the error of the loss.
                double error = exp(new BigDecimal(loss))
                        .divide(exact.add(BigDecimal.ONE), DIGITS)
                        .subtract(BigDecimal.ONE)
                        .doubleValue();
                assertThat(error).as(mixture + " at " + x).isCloseTo(0, within(allowed + 4 * 0x1p-53 * Math.abs(loss)));
            }
        }
    }

    /** Wherever the search begins, the outcome that is found has the loss that was asked for. */
    @Test
    void outcome_anyLoss_hasThatLoss() {
        Random random = new Random(5);
        for (int i = 0; i < 150; i++) {
            int k = 2 + random.nextInt(60);
            double sigma = Math.pow(10, -0.5 + 2 * random.nextDouble());
            GaussianMixture mixture = GroupPrivacy.distances(Math.pow(10, -6 * random.nextDouble()) * 0.9, k, sigma);
            MixtureRatio ratio = new MixtureRatio(mixture.sensitivities(), mixture.probabilities(), 0, sigma);
            double from = Double.NEGATIVE_INFINITY;
            for (double x = -5 * sigma; x < k / 2.0 + 5 * sigma; x += sigma * (0.01 + random.nextDouble())) {
                double loss = ratio.loss(x);
                double found = ratio.outcome(loss, from);
                double slope = k / (sigma * sigma);
                if (found > Double.NEGATIVE_INFINITY) {
                    assertThat(ratio.loss(found))
                            .as(mixture + " at " + x)
                            .isCloseTo(
                                    loss, within(16 * 0x1p-53 * (Math.abs(loss) + slope * (Math.abs(x) + 6 * sigma))));
                    from = found;
                }
            }
        }
    }
}
