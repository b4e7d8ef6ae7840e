// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.within;

import io.github.dl4jdp.accountant.AccountantKind;
import io.github.dl4jdp.accountant.DpEvent;
import io.github.dl4jdp.accountant.NeighboringRelation;
import io.github.dl4jdp.accountant.PldAccountant;
import io.github.dl4jdp.accountant.PrivacyGuarantee;
import io.github.dl4jdp.core.mechanism.Clipping;
import io.github.dl4jdp.core.random.RandomStreams;
import java.util.Arrays;
import java.util.stream.LongStream;
import org.deeplearning4j.nn.multilayer.MultiLayerNetwork;
import org.junit.jupiter.api.Test;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.learning.config.Sgd;

class MaximumLotSizeTest {
    private static final int EXAMPLES = 60;

    private static DpSgdPlan plan() {
        return DpSgdPlan.poisson(EXAMPLES, 12)
                .withMaximumLotSize(14)
                .withSteps(20)
                .withClippingNorm(1)
                .withNoiseMultiplier(1.5)
                .withDelta(1e-5);
    }

    @Test
    void event_isThatOfTheTruncatedSample() {
        DpSgdPlan plan = plan();
        assertThat(plan.relation()).isEqualTo(NeighboringRelation.ZERO_OUT);
        DpEvent one = new DpEvent.TruncatedPoissonSampled(0.2, EXAMPLES, 14, new DpEvent.Gaussian(1.5));
        assertThat(plan.stepEvent()).isEqualTo(one);
        assertThat(plan.event()).isEqualTo(new DpEvent.SelfComposed(one, 20));
        assertThat(plan.guarantee().epsilon())
                .isEqualTo(new PldAccountant(NeighboringRelation.ZERO_OUT)
                        .compose(new DpEvent.SelfComposed(one, 20))
                        .epsilon(1e-5))
                .isGreaterThan(plan.withMaximumLotSize(30).guarantee().epsilon());
    }

    /** Four standard deviations above the expected size cost next to nothing. */
    @Test
    void epsilon_maximumThatIsRarelyReached_isThatOfPoissonLots() {
        DpSgdPlan plain = DpSgdPlan.poisson(60_000, 256)
                .withEpochs(3)
                .withClippingNorm(1)
                .withNoiseMultiplier(1.1)
                .withDelta(1e-5);
        double cut = plain.withMaximumLotSize(256 + 6 * 16).guarantee().epsilon();
        assertThat(cut).isCloseTo(plain.guarantee().epsilon(), within(0.01));
    }

    /** Example i joins with probability q P(kept), the same for all: with 5.5 standard deviations 60 counts fail by chance below 3e-6. The seed is fixed. */
    @Test
    void draw_sampleAboveTheMaximum_isCutUniformly() {
        var mechanism = plan().mechanism();
        var streams = RandomStreams.seeded(4);
        int lots = 20_000;
        long[] joined = new long[EXAMPLES];
        int cut = 0;
        for (int lot = 1; lot <= lots; lot++) {
            long[] members = mechanism.draw(streams.lotKey(lot), lot, 0, EXAMPLES, EXAMPLES);
            assertThat(members.length).isLessThanOrEqualTo(14);
            cut += members.length == 14 ? 1 : 0;
            Arrays.stream(members).forEach(member -> joined[(int) member]++);
            assertThat(LongStream.concat(
                                    Arrays.stream(mechanism.draw(streams.lotKey(lot), lot, 0, 25, EXAMPLES)),
                                    Arrays.stream(mechanism.draw(streams.lotKey(lot), lot, 25, EXAMPLES, EXAMPLES)))
                            .toArray())
                    .isEqualTo(members);
        }
        assertThat((double) cut / lots).isBetween(0.2, 0.45);
        double mean = Arrays.stream(joined).average().orElseThrow();
        double spread = 5.5 * Math.sqrt(mean * (1 - mean / lots));
        for (long count : joined) {
            assertThat((double) count).isBetween(mean - spread, mean + spread);
        }
    }

    @Test
    void fit_maximum_trainsAndCharges() {
        MultiLayerNetwork network = Networks.classifier(DataType.DOUBLE, new Sgd(0.1));
        var engine = PrivacyEngine.attach(network, plan());
        network.fit(engine.lots(Networks.data(DataType.DOUBLE, EXAMPLES)), plan().epochs());
        assertThat(engine.steps()).isEqualTo(20);
        assertThat(engine.epsilon()).isCloseTo(plan().guarantee().epsilon(), within(1e-6));
    }

    @Test
    void lots_moreExamplesThanPlanned_areRefused() {
        var engine = PrivacyEngine.attach(Networks.classifier(DataType.DOUBLE, new Sgd(0.1)), plan());
        assertThatIllegalArgumentException()
                .isThrownBy(() -> engine.lots(Networks.data(DataType.DOUBLE, EXAMPLES + 1)))
                .withMessageContaining("at most plan.examples = 60")
                .withMessageContaining("ZERO_OUT");
    }

    @Test
    void calibratedTo_maximum_reachesTheGuarantee() {
        DpSgdPlan plan = DpSgdPlan.poisson(1000, 50)
                .withMaximumLotSize(64)
                .withEpochs(5)
                .withClippingNorm(1)
                .calibratedTo(new PrivacyGuarantee(2, 1e-5, NeighboringRelation.ZERO_OUT));
        assertThat(plan.guarantee().epsilon()).isBetween(1.99, 2.0);
        assertThat(plan.withMaximumLotSize(51).noiseMultiplier()).isGreaterThan(plan.noiseMultiplier());
        assertThat(PlanJson.fromMap(PlanJson.toMap(plan))).isEqualTo(plan);
        assertThat(PlanJson.toMap(plan)).containsEntry("maximumLotSize", 64L);
    }

    @Test
    void withMaximumLotSize_outOfRangeOrOtherLots_isRefused() {
        for (long bad : new long[] {0, 11, 61}) {
            assertThatIllegalArgumentException()
                    .isThrownBy(() -> DpSgdPlan.poisson(EXAMPLES, 12).withMaximumLotSize(bad))
                    .withMessageContaining("between the lot size, 12");
        }
        assertThatIllegalArgumentException()
                .isThrownBy(() -> DpSgdPlan.fixedSize(EXAMPLES, 12).withMaximumLotSize(13))
                .withMessageContaining("for Poisson lots");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> plan().withRelation(NeighboringRelation.ADD_OR_REMOVE_ONE))
                .withMessageContaining("ZERO_OUT");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> DpSgdPlan.poisson(EXAMPLES, 12)
                        .withSteps(2)
                        .withClippingNorm(1)
                        .calibratedTo(new PrivacyGuarantee(2, 1e-5))
                        .withMaximumLotSize(20))
                .withMessageContaining("ZERO_OUT");
        assertThat(plan().withMaximumLotSize(EXAMPLES).stepEvent()).isInstanceOf(DpEvent.PoissonSampled.class);
    }

    /** No bound is known: refused when the plan is attached, before anything else. */
    @Test
    void attach_momentsAccountant_isRefused() {
        DpSgdPlan plan = plan().withAccountant(AccountantKind.RDP);
        assertThatIllegalArgumentException()
                .isThrownBy(() -> PrivacyEngine.attach(Networks.classifier(DataType.DOUBLE, new Sgd(0.1)), plan))
                .withMessageContaining("TruncatedPoissonSampled");
    }

    @Test
    void event_adaptiveClipping_costsMore() {
        DpSgdPlan adaptive = plan().withClipping(Clipping.adaptive(1));
        assertThat(adaptive.guarantee().epsilon())
                .isGreaterThan(plan().guarantee().epsilon());
    }
}
