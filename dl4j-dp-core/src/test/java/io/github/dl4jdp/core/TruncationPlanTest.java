// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.dl4jdp.accountant.AccountantKind;
import io.github.dl4jdp.accountant.DpEvent;
import io.github.dl4jdp.accountant.PrivacyGuarantee;
import io.github.dl4jdp.accountant.RdpAccountant;
import io.github.dl4jdp.core.internal.plan.Segment;
import io.github.dl4jdp.core.internal.plan.Truncation;
import io.github.dl4jdp.core.mechanism.Clipping;
import io.github.dl4jdp.core.mechanism.NoiseSchedule;
import java.util.List;
import org.deeplearning4j.nn.api.Model;
import org.deeplearning4j.nn.conf.BackpropType;
import org.deeplearning4j.nn.conf.RNNFormat;
import org.deeplearning4j.nn.conf.layers.LSTM;
import org.deeplearning4j.nn.conf.layers.Layer;
import org.deeplearning4j.nn.conf.layers.RnnOutputLayer;
import org.deeplearning4j.nn.conf.layers.misc.FrozenLayer;
import org.deeplearning4j.nn.conf.layers.recurrent.Bidirectional;
import org.deeplearning4j.nn.graph.ComputationGraph;
import org.deeplearning4j.nn.multilayer.MultiLayerNetwork;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.nd4j.linalg.activations.Activation;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;
import org.nd4j.linalg.indexing.NDArrayIndex;
import org.nd4j.linalg.learning.config.Sgd;

/** What a plan with truncated backpropagation through time costs, and which networks it refuses. */
class TruncationPlanTest {
    private static DpSgdPlan plan() {
        return DpSgdPlan.poisson(100, 10)
                .withSteps(20)
                .withClippingNorm(1)
                .withNoiseMultiplier(2)
                .withDelta(1e-5)
                .withTruncatedBackprop(8, 3);
    }

    @ParameterizedTest
    @CsvSource({"8, 3, 3", "9, 3, 3", "10, 3, 4", "1, 1, 1", "3, 100, 1", "9223372036854775807, 1, 9223372036854775807"
    })
    void releasesPerLot_lengths_isTheirRatioRoundedUp(long maximumLength, long segmentLength, long expected) {
        assertThat(plan().withTruncatedBackprop(maximumLength, segmentLength).releasesPerLot())
                .isEqualTo(expected);
    }

    @ParameterizedTest
    @ValueSource(longs = {0, -1, Long.MIN_VALUE})
    void withTruncatedBackprop_lengthBelowOne_throws(long length) {
        assertThatIllegalArgumentException()
                .isThrownBy(() -> plan().withTruncatedBackprop(length, 3))
                .withMessage("maximumLength must be at least 1, was " + length);
        assertThatIllegalArgumentException()
                .isThrownBy(() -> plan().withTruncatedBackprop(8, length))
                .withMessage("segmentLength must be at least 1, was " + length);
    }

    @Test
    void stepEvent_everySampling_hasTheReleasesInsideOneSample() {
        assertThat(plan().stepEvent())
                .isEqualTo(new DpEvent.PoissonSampled(0.1, new DpEvent.SelfComposed(new DpEvent.Gaussian(2), 3)));
        assertThat(complete(DpSgdPlan.fixedSize(100, 10)).stepEvent())
                .isEqualTo(new DpEvent.SampledWithoutReplacement(
                        100, 10, new DpEvent.SelfComposed(new DpEvent.Gaussian(1), 3)));
        assertThat(complete(DpSgdPlan.givenBatches(100, 10)).stepEvent())
                .isEqualTo(new DpEvent.SelfComposed(new DpEvent.Gaussian(2), 3));
        assertThat(plan().withNoiseSchedule(NoiseSchedule.startingAt(1).then(4, 2))
                        .stepEvent(4))
                .isEqualTo(new DpEvent.PoissonSampled(0.1, new DpEvent.SelfComposed(new DpEvent.Gaussian(4), 3)));
        assertThat(plan().withTruncatedBackprop(3, 3).stepEvent())
                .isEqualTo(new DpEvent.PoissonSampled(0.1, new DpEvent.Gaussian(2)));
    }

    private static DpSgdPlan complete(DpSgdPlan plan) {
        return plan.withEpochs(2)
                .withClippingNorm(1)
                .withNoiseMultiplier(2)
                .withDelta(1e-5)
                .withTruncatedBackprop(8, 3);
    }

    /** k Gaussians on one sample are one Gaussian of sigma / sqrt(k). */
    @ParameterizedTest
    @EnumSource
    void guarantee_kReleases_isThatOfLessNoise(AccountantKind accountant) {
        var same = DpSgdPlan.poisson(100, 10)
                .withSteps(20)
                .withClippingNorm(1)
                .withNoiseMultiplier(2 / Math.sqrt(3))
                .withDelta(1e-5)
                .withAccountant(accountant);
        double epsilon = plan().withAccountant(accountant).guarantee().epsilon();
        assertThat(epsilon / same.guarantee().epsilon()).isBetween(1 - 1e-3, 1 + 1e-3);
        for (DpSgdPlan start : List.of(DpSgdPlan.fixedSize(100, 10), DpSgdPlan.givenBatches(100, 10))) {
            var plan = complete(start).withAccountant(accountant);
            if (plan.newAccountant().supports(plan.event())) {
                assertThat(plan.guarantee().epsilon()).isPositive().isFinite();
            }
        }
        assertThat(new RdpAccountant().supports(plan().event())).isTrue();
    }

    @Test
    void calibratedTo_declaredLater_calibratesAnew() {
        var target = new PrivacyGuarantee(3, 1e-5);
        var one = DpSgdPlan.poisson(1000, 50).withSteps(100).withClippingNorm(1).calibratedTo(target);
        var three = one.withTruncatedBackprop(8, 3);
        assertThat(three.noiseMultiplier()).isGreaterThan(1.2 * one.noiseMultiplier());
        assertThat(three.guarantee().epsilon()).isBetween(2.98, 3.0);
        assertThat(three).isEqualTo(one.withTruncatedBackprop(8, 3)).isNotEqualTo(one);
        assertThat(three.toString()).contains("3 segments of 3 time steps");
    }

    @Test
    void plan_adaptiveClipping_isRefusedInEitherOrder() {
        Clipping adaptive = Clipping.adaptive(1);
        assertThatIllegalArgumentException()
                .isThrownBy(() -> plan().withClipping(adaptive))
                .withMessageStartingWith("clipping must not be adaptive");
        assertThatIllegalArgumentException()
                .isThrownBy(
                        () -> DpSgdPlan.poisson(100, 10).withClipping(adaptive).withTruncatedBackprop(8, 3));
    }

    @Test
    void codec_plan_isReadBack() {
        assertThat(PlanJson.fromMap(PlanJson.toMap(plan()))).isEqualTo(plan());
        assertThat(PlanJson.mechanism(plan())).isNotEqualTo(PlanJson.mechanism(plan().withTruncatedBackprop(9, 3)));
        var map = PlanJson.toMap(plan());
        map.remove("segmentLength");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> PlanJson.fromMap(map))
                .withMessageContaining("segmentLength");
    }

    private static LSTM lstm() {
        return new LSTM.Builder().nOut(4).activation(Activation.TANH).build();
    }

    private static void assertRefused(Model network, DpSgdPlan plan, String reason) {
        assertThatThrownBy(() -> PrivacyEngine.attach(network, plan))
                .isInstanceOf(UnsupportedModelException.class)
                .hasMessageContaining(reason);
        assertThat(PrivacyEngine.check(network, plan)).isNotEmpty();
    }

    @ParameterizedTest
    @ValueSource(booleans = {true, false})
    void attach_networkOtherThanDeclared_isRefused(boolean graph) {
        Model network = TruncatedNetworks.network(graph, new Sgd(0.1), lstm());
        assertThat(PrivacyEngine.check(network, plan())).isEmpty();
        assertThat(PrivacyEngine.check(network)).singleElement().satisfies(problem -> assertThat(problem.toString())
                .contains("plan.withTruncatedBackprop("));
        assertRefused(network, plan().withTruncatedBackprop(8, 4), "must be the plan's segmentLength = 4, was 3");
        if (network instanceof MultiLayerNetwork list) {
            list.getLayerWiseConfigurations().setTbpttBackLength(2);
            assertRefused(network, plan(), "its tBPTTBackwardLength must equal its tBPTTForwardLength = 3, was 2");
            list.getLayerWiseConfigurations().setBackpropType(BackpropType.Standard);
            assertRefused(network, plan(), "its backpropType must be TruncatedBPTT");
        }
    }

    @ParameterizedTest
    @ValueSource(booleans = {true, false})
    void attach_stateThatMayOutliveItsLot_isRefused(boolean graph) {
        Layer twoWays = new Bidirectional(Bidirectional.Mode.CONCAT, lstm());
        Layer frozen = new FrozenLayer(lstm());
        for (Layer layer : List.of(twoWays, frozen)) {
            assertRefused(
                    TruncatedNetworks.network(graph, new Sgd(0.1), layer), plan(), "may leak between examples or lots");
        }
    }

    @ParameterizedTest
    @ValueSource(booleans = {true, false})
    void attach_timeSeriesThatAreCutAcrossTheirFeatures_isRefused(boolean graph) {
        for (int index : new int[] {0, 1}) {
            Model network = TruncatedNetworks.network(graph, new Sgd(0.1), lstm());
            var layers = network instanceof ComputationGraph vertices
                    ? vertices.getLayers()
                    : ((MultiLayerNetwork) network).getLayers();
            if (layers[index].conf().getLayer() instanceof LSTM recurrent) {
                recurrent.setRnnDataFormat(RNNFormat.NWC);
            } else if (layers[index].conf().getLayer() instanceof RnnOutputLayer output) {
                output.setRnnDataFormat(RNNFormat.NWC);
            }
            assertRefused(network, plan(), "use RNNFormat.NCW");
        }
    }

    @Test
    void segment_isOf_theVeryPartOfTheLotAlone() {
        INDArray lot = Nd4j.rand(DataType.DOUBLE, 4, 2, 8);
        var segment = new Truncation(8, 3).segment(2);
        assertThat(segment).isEqualTo(new Segment(6, 8));
        assertThat(segment.isOf(lot, part(lot, 6, 8))).isTrue();
        assertThat(segment.isOf(lot, part(lot, 6, 8).dup())).isFalse();
        assertThat(segment.isOf(lot, part(lot, 5, 7))).isFalse();
        assertThat(segment.isOf(lot, part(lot, 5, 8))).isFalse();
        assertThat(segment.isOf(lot, part(lot, 6, 8).get(NDArrayIndex.interval(0, 3))))
                .isFalse();
        assertThat(segment.isOf(lot, part(lot.dup(), 6, 8))).isFalse();
        assertThat(segment.isOf(lot, lot)).isFalse();
        assertThat(segment.isOf(lot, null)).isFalse();
        assertThat(segment.isOf(null, null)).isTrue();
        assertThat(Segment.WHOLE.isOf(lot, lot)).isTrue();
        assertThat(Segment.WHOLE.isOf(lot, lot.dup())).isFalse();
    }

    private static INDArray part(INDArray lot, long from, long to) {
        return lot.get(NDArrayIndex.all(), NDArrayIndex.all(), NDArrayIndex.interval(from, to));
    }
}
