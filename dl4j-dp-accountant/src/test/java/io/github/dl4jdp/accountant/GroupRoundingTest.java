// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.accountant;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.dl4jdp.accountant.DpEvent.Composed;
import io.github.dl4jdp.accountant.DpEvent.EpsilonDelta;
import io.github.dl4jdp.accountant.DpEvent.Gaussian;
import io.github.dl4jdp.accountant.DpEvent.Laplace;
import io.github.dl4jdp.accountant.DpEvent.NonPrivate;
import io.github.dl4jdp.accountant.DpEvent.PoissonSampled;
import io.github.dl4jdp.accountant.DpEvent.RandomAllocation;
import io.github.dl4jdp.accountant.DpEvent.SampledWithoutReplacement;
import io.github.dl4jdp.accountant.DpEvent.SelfComposed;
import java.math.BigDecimal;
import java.math.MathContext;
import java.util.List;
import java.util.Random;
import java.util.function.UnaryOperator;
import org.junit.jupiter.api.Test;

/** Whatever a group's size divides or multiplies is rounded to the safe side, to the last bit, and no further than that. */
class GroupRoundingTest {
    private static final int CASES = 2000;

    /** The ways in which Gaussian noise meets a group that it protects as a whole. */
    private static final List<UnaryOperator<DpEvent>> WAYS = List.of(
            event -> event,
            event -> new SelfComposed(event, 1),
            event -> new PoissonSampled(1, event),
            event -> new Composed(List.of(event)));

    private static void assertRoundedDown(double noise, double given, int k) {
        BigDecimal product = new BigDecimal(noise).multiply(BigDecimal.valueOf(k));
        BigDecimal next = new BigDecimal(Math.nextUp(noise)).multiply(BigDecimal.valueOf(k));
        assertThat(product).as("%s / %s", given, k).isLessThanOrEqualTo(new BigDecimal(given));
        assertThat(next).as("%s / %s", given, k).isGreaterThan(new BigDecimal(given));
    }

    private static DpEvent leaf(DpEvent event) {
        if (event instanceof SelfComposed repeated) {
            return leaf(repeated.event());
        }
        return event instanceof Composed sequence ? leaf(sequence.events().get(0)) : event;
    }

    /** Sizes that doubles have, down to those that a division leaves nothing of. */
    private static double noise(Random random) {
        return random.nextInt(4) == 0
                ? Double.MIN_VALUE * (1 + random.nextInt(5000))
                : Math.exp(4 * random.nextDouble() - 1);
    }

    @Test
    void event_gaussianAndLaplace_haveTheNoiseRoundedDown() {
        Random random = new Random(1);
        for (int i = 0; i < CASES; i++) {
            double noise = noise(random);
            int k = 2 + random.nextInt(999);
            UnaryOperator<DpEvent> way = WAYS.get(i % WAYS.size());
            DpEvent gaussian = leaf(GroupPrivacy.event(way.apply(new Gaussian(noise)), k));
            DpEvent laplace = leaf(GroupPrivacy.event(way.apply(new Laplace(noise)), k));
            if (gaussian instanceof Gaussian one) {
                assertRoundedDown(one.noiseMultiplier(), noise, k);
                assertThat(laplace).isEqualTo(new Laplace(one.noiseMultiplier()));
            } else {
                // The quotient is below the least double.
                assertThat(noise).isLessThan(k * Double.MIN_VALUE);
                assertThat(List.of(gaussian, laplace)).containsOnly(new NonPrivate());
            }
        }
    }

    @Test
    void event_samplesThatHoldAllOfTheGroup_haveTheNoiseRoundedDown() {
        Random random = new Random(2);
        for (int i = 0; i < CASES; i++) {
            double noise = Math.exp(4 * random.nextDouble() - 1);
            int k = 2 + random.nextInt(40);
            var fixed = (Gaussian) GroupPrivacy.event(new SampledWithoutReplacement(100, 99, new Gaussian(noise)), k);
            var allocated = (Gaussian) GroupPrivacy.event(new RandomAllocation(4, new Gaussian(noise)), k);
            assertRoundedDown(fixed.noiseMultiplier(), noise, k);
            assertRoundedDown(allocated.noiseMultiplier(), noise, k);
        }
    }

    @Test
    void event_epsilonDelta_isRoundedUp() {
        Random random = new Random(3);
        for (int i = 0; i < CASES; i++) {
            double epsilon = i % 2 == 0 ? 0 : noise(random);
            double delta = i % 3 == 0 ? noise(random) % 1e-3 : Double.MIN_VALUE * random.nextInt(100);
            int k = 2 + random.nextInt(40);
            var pair = (EpsilonDelta) GroupPrivacy.event(new EpsilonDelta(epsilon, delta), k);
            BigDecimal exact = new BigDecimal(epsilon).multiply(BigDecimal.valueOf(k));
            assertThat(new BigDecimal(pair.epsilon())).isGreaterThanOrEqualTo(exact);
            assertThat(pair.epsilon()).isLessThanOrEqualTo(Math.nextUp(k * epsilon));
            // At least k delta; at epsilon 0 no more than that.
            BigDecimal least =
                    new BigDecimal(delta).multiply(BigDecimal.valueOf(k)).min(BigDecimal.ONE);
            assertThat(new BigDecimal(pair.delta())).isGreaterThanOrEqualTo(least);
            if (epsilon == 0) {
                assertThat(pair.delta()).isLessThanOrEqualTo(Math.nextUp(k * delta * (1 + 1e-10)));
            }
        }
    }

    /** The epsilon of Laplace noise at delta 0 is known: k / b. */
    @Test
    void epsilon_laplaceForGroups_isNoLessThanTheTruth() {
        Random random = new Random(1);
        for (int i = 0; i < CASES; i++) {
            double b = Math.exp(4 * random.nextDouble() - 1);
            int k = 2 + random.nextInt(40);
            DpEvent event = GroupPrivacy.event(new Laplace(b), k);
            BigDecimal truth = new BigDecimal(k).divide(new BigDecimal(b), new MathContext(60));
            assertThat(new BigDecimal(new RdpAccountant().compose(event).epsilon(0)))
                    .as("%s, %s", b, k)
                    .isGreaterThanOrEqualTo(truth)
                    .isLessThan(truth.multiply(new BigDecimal(1 + 1e-15)));
            if (i < 100) {
                assertThat(new BigDecimal(new PldAccountant().compose(event).epsilon(0)))
                        .as("%s, %s", b, k)
                        .isGreaterThanOrEqualTo(truth);
            }
        }
    }
}
