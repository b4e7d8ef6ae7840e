// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;
import static org.assertj.core.api.Assertions.withinPercentage;

import io.github.dl4jdp.accountant.AccountantKind;
import io.github.dl4jdp.accountant.DpEvent;
import io.github.dl4jdp.accountant.NeighboringRelation;
import io.github.dl4jdp.accountant.PrivacyGuarantee;
import io.github.dl4jdp.core.mechanism.Clipping;
import io.github.dl4jdp.core.mechanism.Mechanisms;
import java.util.List;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.DoubleRange;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/** What each kind of clipping bounds, and what it costs. */
class ClippingTest {
    private static final double ULP = 0x1p-24;

    static List<Clipping> kinds() {
        return List.of(
                Clipping.flat(0.7),
                Clipping.perLayer(0.7),
                Clipping.perLayer(List.of(0.3, 0.4, 0.5)),
                Clipping.automatic(0.7),
                Clipping.automatic(0.7).withStability(1),
                Clipping.adaptive(0.7).withQuantile(0.3).withLearningRate(0.1).withCountNoise(4));
    }

    private static DpSgdPlan plan() {
        return DpSgdPlan.poisson(60_000, 256)
                .withEpochs(15)
                .withClippingNorm(0.7)
                .withNoiseMultiplier(1.1)
                .withDelta(1e-5);
    }

    /** Norms over 40 orders of magnitude, three layers. */
    @Property(tries = 500)
    void factors_anyNorms_boundTheContribution(
            @ForAll @DoubleRange(min = -20, max = 20) double a,
            @ForAll @DoubleRange(min = -20, max = 20) double b,
            @ForAll @DoubleRange(min = -20, max = 20) double c) {
        double[][] norms = {{Math.pow(10, a)}, {Math.pow(10, b)}, {Math.pow(10, c)}};
        for (Clipping clipping : kinds()) {
            double[][] factors = Mechanisms.factors(clipping, clipping.norm(), norms, ULP);
            double sum = 0;
            for (int layer = 0; layer < 3; layer++) {
                assertThat(factors[layer][0]).isPositive();
                sum += factors[layer][0] * factors[layer][0] * norms[layer][0] * norms[layer][0];
            }
            assertThat(Math.sqrt(sum)).isLessThanOrEqualTo(clipping.norm() * (1 - 6 * ULP));
        }
    }

    @Test
    void factors_known_areThoseOfTheFormulas() {
        double[][] norms = {{3, 0.1}, {4, 0}};
        assertThat(Mechanisms.factors(Clipping.flat(1), 1, norms, 0))
                .isDeepEqualTo(new double[][] {{0.2, 1}, {0.2, 1}});
        assertThat(Mechanisms.factors(Clipping.adaptive(9), 1, norms, 0))
                .isDeepEqualTo(new double[][] {{0.2, 1}, {0.2, 1}});
        double[][] automatic = Mechanisms.factors(Clipping.automatic(2), 2, norms, 0);
        assertThat(automatic[0]).containsExactly(2 / 5.01, 2 / 0.11);
        assertThat(automatic[1]).containsExactly(2 / 5.01, 2 / 0.11);
        assertThat(Mechanisms.factors(Clipping.perLayer(List.of(1.5, 2.0)), 2.5, norms, 0))
                .isDeepEqualTo(new double[][] {{0.5, 1}, {0.5, 1}});
        double share = 1 / Math.sqrt(2);
        assertThat(Mechanisms.factors(Clipping.perLayer(1), 1, norms, 0))
                .isDeepEqualTo(new double[][] {{share / 3, 1}, {share / 4, 1}});
    }

    @ParameterizedTest
    @MethodSource("kinds")
    void factors_notFinite_areZeroInEveryLayer(Clipping clipping) {
        for (double bad : new double[] {Double.NaN, Double.POSITIVE_INFINITY}) {
            double[][] factors =
                    Mechanisms.factors(clipping, clipping.norm(), new double[][] {{1, 1}, {1, bad}, {1, 1}}, ULP);
            for (double[] layer : factors) {
                assertThat(layer[0]).isPositive();
                assertThat(layer[1]).isZero();
            }
        }
    }

    @ParameterizedTest
    @ValueSource(doubles = {0, -1, Double.NaN, Double.POSITIVE_INFINITY})
    void of_valueNotFiniteAndPositive_throws(double value) {
        assertThatIllegalArgumentException()
                .isThrownBy(() -> Clipping.flat(value))
                .withMessageContaining("clippingNorm must be finite and > 0, was " + value);
        assertThatIllegalArgumentException().isThrownBy(() -> Clipping.perLayer(value));
        assertThatIllegalArgumentException()
                .isThrownBy(() -> Clipping.perLayer(List.of(1.0, value)))
                .withMessageContaining("was " + value);
        assertThatIllegalArgumentException().isThrownBy(() -> Clipping.automatic(value));
        assertThatIllegalArgumentException()
                .isThrownBy(() -> Clipping.automatic(1).withStability(value))
                .withMessageContaining("stability must be finite and >= 1.0E-4, was " + value);
        assertThatIllegalArgumentException().isThrownBy(() -> Clipping.adaptive(value));
        assertThatIllegalArgumentException()
                .isThrownBy(() -> Clipping.adaptive(1).withQuantile(value))
                .withMessageContaining("quantile must be in (0, 1), was " + value);
        assertThatIllegalArgumentException()
                .isThrownBy(() -> Clipping.adaptive(1).withLearningRate(value))
                .withMessageContaining("learningRate");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> Clipping.adaptive(1).withCountNoise(value))
                .withMessageContaining("countNoise");
    }

    @Test
    void perLayer_normsThatDoNotSumUp_throws() {
        assertThat(Clipping.perLayer(List.of(3.0, 4.0)).norm()).isEqualTo(5);
        assertThatIllegalArgumentException()
                .isThrownBy(() -> new Clipping.PerLayer(4, List.of(3.0, 4.0)))
                .withMessageContaining("5.0, was 4.0");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> Clipping.perLayer(List.of()))
                .withMessageContaining("was empty");
    }

    @Test
    void event_everyKindButAdaptive_isThatOfFlat() {
        for (Clipping clipping : kinds().subList(1, 5)) {
            assertThat(plan().withClipping(clipping).event()).isEqualTo(plan().event());
        }
    }

    /** One sample, two releases; the count's noise is relative to the half by which one example moves it, or to one if it is replaced. */
    @Test
    void event_adaptive_releasesSumAndCountOnOneSample() {
        var adaptive = Clipping.adaptive(1).withCountNoise(6);
        assertThat(plan().withClipping(adaptive).stepEvent())
                .isEqualTo(new DpEvent.PoissonSampled(
                        256.0 / 60_000,
                        new DpEvent.Composed(List.of(new DpEvent.Gaussian(1.1), new DpEvent.Gaussian(12)))));
        assertThat(complete(DpSgdPlan.fixedSize(100, 10)).withClipping(adaptive).stepEvent())
                .isEqualTo(new DpEvent.SampledWithoutReplacement(
                        100, 10, new DpEvent.Composed(List.of(new DpEvent.Gaussian(1.5), new DpEvent.Gaussian(6)))));
        var own = complete(DpSgdPlan.givenBatches(100, 10)).withClipping(adaptive);
        assertThat(own.stepEvent())
                .isEqualTo(new DpEvent.Composed(List.of(new DpEvent.Gaussian(3), new DpEvent.Gaussian(12))));
        assertThat(own.withRelation(NeighboringRelation.REPLACE_ONE).stepEvent())
                .isEqualTo(new DpEvent.Composed(List.of(new DpEvent.Gaussian(1.5), new DpEvent.Gaussian(6))));
        assertThat(plan().withClipping(adaptive).withoutNoise().stepEvent()).isEqualTo(new DpEvent.NonPrivate());
    }

    private static DpSgdPlan complete(DpSgdPlan plan) {
        return plan.withSteps(4).withClippingNorm(1).withNoiseMultiplier(3).withDelta(1e-5);
    }

    /** Two Gaussians on one sample are one, of precision 1/sigma^2 + 1/(2 sigma_b)^2: the same epsilon by either accountant. */
    @ParameterizedTest
    @MethodSource("accountants")
    void epsilon_adaptive_isThatOfTheJointGaussian(AccountantKind accountant) {
        double joint = 1 / Math.sqrt(1 / (1.1 * 1.1) + 1 / (3.0 * 3.0));
        for (DpSgdPlan plan : List.of(
                plan(),
                complete(DpSgdPlan.fixedSize(100, 10)).withNoiseMultiplier(1.1),
                complete(DpSgdPlan.givenBatches(100, 10)).withNoiseMultiplier(1.1))) {
            var adaptive = plan.withAccountant(accountant)
                    .withClipping(Clipping.adaptive(1).withCountNoise(1.5));
            var flat = plan.withAccountant(accountant).withNoiseMultiplier(joint);
            assertThat(adaptive.guarantee().epsilon())
                    .isCloseTo(flat.guarantee().epsilon(), withinPercentage(1e-4))
                    .isGreaterThan(plan.withAccountant(accountant).guarantee().epsilon());
        }
    }

    static List<AccountantKind> accountants() {
        return List.of(AccountantKind.values());
    }

    @Test
    void calibratedTo_adaptive_paysForTheCount() {
        var guarantee = new PrivacyGuarantee(3, 1e-5);
        double flat = plan().calibratedTo(guarantee).noiseMultiplier();
        var adaptive =
                plan().calibratedTo(guarantee).withClipping(Clipping.adaptive(1).withCountNoise(1));
        assertThat(adaptive.guarantee().epsilon()).isBetween(3 * (1 - 1e-4), 3.0);
        assertThat(adaptive.noiseMultiplier())
                .isCloseTo(1 / Math.sqrt(1 / (flat * flat) - 1.0 / 4), withinPercentage(0.01));
        assertThat(adaptive.withClippingNorm(2).noiseMultiplier()).isEqualTo(flat);
        assertThat(plan().withClipping(Clipping.adaptive(1).withCountNoise(1)).calibratedTo(guarantee))
                .isEqualTo(adaptive);
    }

    @Test
    void calibratedTo_countAloneTooExpensive_throws() {
        var plan = plan().calibratedTo(new PrivacyGuarantee(1, 1e-5));
        assertThatIllegalArgumentException()
                .isThrownBy(() -> plan.withClipping(Clipping.adaptive(1).withCountNoise(0.2)))
                .withMessageContaining("target epsilon must be at least");
    }

    @Test
    void withClipping_countNoiseNotGiven_isOneExampleInTwenty() {
        assertThat(plan().withClipping(Clipping.adaptive(1)).clipping())
                .isEqualTo(Clipping.adaptive(1).withCountNoise(12.8));
        assertThat(DpSgdPlan.poisson(100, 10).withClipping(Clipping.adaptive(1)).clipping())
                .isEqualTo(Clipping.adaptive(1).withCountNoise(5));
        assertThatIllegalStateException().isThrownBy(() -> Clipping.adaptive(1).requireCountNoise());
    }

    @ParameterizedTest
    @MethodSource("kinds")
    void codec_everyKind_readsBackEqual(Clipping clipping) {
        var plan = plan().withClipping(clipping);
        assertThat(PlanJson.fromMap(PlanJson.toMap(plan))).isEqualTo(plan);
        assertThat(plan.isSameMechanismAs(plan().withClipping(Clipping.flat(0.71))))
                .isFalse();
    }

    @Test
    void codec_flat_isStoredAsTheFirstPlansWere() {
        assertThat(PlanJson.toMap(plan()))
                .containsEntry("clippingNorm", 0.7)
                .doesNotContainKeys("clipping", "clippingNorms");
    }

    @Test
    void codec_unknownValue_throws() {
        var map = PlanJson.toMap(plan());
        map.put("momentum", 0.9);
        assertThatIllegalArgumentException()
                .isThrownBy(() -> PlanJson.fromMap(map))
                .withMessageContaining("does not know its momentum");
        map.remove("momentum");
        map.put("clipping", "SIDEWAYS");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> PlanJson.fromMap(map))
                .withMessageContaining("was SIDEWAYS");
    }
}
