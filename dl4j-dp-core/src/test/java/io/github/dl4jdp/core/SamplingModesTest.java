// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.dl4jdp.accountant.AccountantKind;
import io.github.dl4jdp.accountant.DpEvent;
import io.github.dl4jdp.accountant.NeighboringRelation;
import io.github.dl4jdp.accountant.RdpAccountant;
import io.github.dl4jdp.core.mechanism.Mechanisms;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.deeplearning4j.datasets.iterator.ExistingDataSetIterator;
import org.deeplearning4j.nn.api.Model;
import org.deeplearning4j.nn.graph.ComputationGraph;
import org.deeplearning4j.nn.multilayer.MultiLayerNetwork;
import org.junit.jupiter.api.Test;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.dataset.DataSet;
import org.nd4j.linalg.dataset.adapter.MultiDataSetIteratorAdapter;
import org.nd4j.linalg.factory.Nd4j;
import org.nd4j.linalg.learning.config.Sgd;

/** What each way of drawing lots costs, and that it is what happens. */
class SamplingModesTest {
    private static final int EXAMPLES = 10;

    private static DpSgdPlan complete(DpSgdPlan plan) {
        return plan.withEpochs(2)
                .withClippingNorm(1)
                .withNoiseMultiplier(3)
                .withDelta(1e-5)
                .withAccountant(AccountantKind.RDP);
    }

    private static MultiLayerNetwork network() {
        return Networks.classifier(DataType.DOUBLE, new Sgd(0.1));
    }

    private static DataSet data(int examples) {
        return Networks.data(DataType.DOUBLE, examples);
    }

    @Test
    void event_fixedSize_samplesWithoutReplacementAtHalfTheNoise() {
        var plan = complete(DpSgdPlan.fixedSize(EXAMPLES, 4)).withSeed(1);
        assertThat(plan.relation()).isEqualTo(NeighboringRelation.REPLACE_ONE);
        assertThat(plan.event())
                .isEqualTo(new DpEvent.SelfComposed(
                        new DpEvent.SampledWithoutReplacement(EXAMPLES, 4, new DpEvent.Gaussian(1.5)), 5));
    }

    @Test
    void event_givenBatches_isOneGaussianAPass() {
        var plan = complete(DpSgdPlan.givenBatches(EXAMPLES, 4)).withSeed(1);
        assertThat(plan.relation()).isEqualTo(NeighboringRelation.ZERO_OUT);
        assertThat(plan.event()).isEqualTo(new DpEvent.SelfComposed(new DpEvent.Gaussian(3), 2));
        var replace = plan.withRelation(NeighboringRelation.REPLACE_ONE);
        assertThat(replace.event()).isEqualTo(new DpEvent.SelfComposed(new DpEvent.Gaussian(1.5), 2));
        assertThat(PlanJson.fromMap(PlanJson.toMap(replace))).isEqualTo(replace);
    }

    @Test
    void withRelation_costUnknown_throws() {
        assertThatIllegalArgumentException()
                .isThrownBy(
                        () -> DpSgdPlan.givenBatches(EXAMPLES, 4).withRelation(NeighboringRelation.ADD_OR_REMOVE_ONE))
                .withMessageContaining("relation must be one of [ZERO_OUT, REPLACE_ONE]");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> DpSgdPlan.poisson(EXAMPLES, 4).withRelation(NeighboringRelation.REPLACE_ONE))
                .withMessageContaining("was REPLACE_ONE");
    }

    /** Every pair of 5 examples is drawn with probability 1/10; 5.5 standard deviations, 10 counts: below 1e-6. The seed is fixed. */
    @Test
    void drawFixed_manyLots_takesEverySubsetEquallyOften() {
        var sampler = Mechanisms.sampler(2, 1);
        int lots = 20_000;
        int[] counts = new int[25];
        for (int lot = 1; lot <= lots; lot++) {
            long[] members = sampler.drawFixed(lot, 5, 2);
            assertThat(members).hasSize(2);
            counts[(int) (5 * members[0] + members[1])]++;
        }
        double spread = 5.5 * Math.sqrt(lots * 0.1 * 0.9);
        assertThat(Arrays.stream(counts).filter(count -> count > 0).boxed().toList())
                .hasSize(10)
                .allSatisfy(count -> assertThat((double) count).isBetween(lots * 0.1 - spread, lots * 0.1 + spread));
    }

    @Test
    void fit_fixedSize_everyLotHasTheSize() {
        var plan = complete(DpSgdPlan.fixedSize(EXAMPLES, 4)).withSeed(1);
        MultiLayerNetwork network = network();
        var engine = PrivacyEngine.attach(network, plan);
        var lots = engine.lots(data(EXAMPLES));
        for (int i = 0; i < 5; i++) {
            if (!lots.hasNext()) {
                lots.reset();
            }
            DataSet lot = lots.next();
            assertThat(lot.numExamples()).isEqualTo(4);
            network.fit(lot);
        }
        var unused = PrivacyEngine.attach(network(), plan);
        assertThatIllegalArgumentException()
                .isThrownBy(() -> unused.lots(data(EXAMPLES - 1)))
                .withMessageContaining("exactly plan.examples = 10");
    }

    @Test
    void fit_givenBatches_usesTheUsersOrderAndChargesByPass() {
        DataSet data = data(EXAMPLES);
        var plan = complete(DpSgdPlan.givenBatches(EXAMPLES, 4))
                .withSeed(1)
                .withClippingNorm(1e30)
                .withoutNoise();
        MultiLayerNetwork network = network();
        MultiLayerNetwork plain = network();
        var engine =
                PrivacyEngine.attach(network, plan, ExecutionOptions.defaults().withPhysicalBatchSize(3));

        network.fit(engine.lots(new ExistingDataSetIterator(data.batchBy(4))), 5);

        assertThat(engine.steps()).isEqualTo(5);
        assertThat(network.getIterationCount()).isEqualTo(5);
        for (int i = 0; i < 5; i++) {
            DataSet batch = data.batchBy(4).get(i % 3);
            // Plain DL4J divides by the rows at hand, the private run always by 4.
            plain.setLearningRate(0.1 * batch.numExamples() / 4);
            plain.fit(batch);
        }
        assertThat(network.params().distance2(plain.params())).isLessThan(1e-10);
    }

    /** Graphs and their several arrays: the same batches, the same charges. */
    @Test
    void fit_ownMultiIterator_trainsAsTheIteratorOfOneArrayAndChargesByPass() {
        DataSet data = data(EXAMPLES);
        var plan = complete(DpSgdPlan.givenBatches(EXAMPLES, 4)).withSeed(3);
        Model one = NetworkKind.GRAPH.classifier(DataType.DOUBLE, new Sgd(0.1));
        var oneEngine = PrivacyEngine.attach(one, plan);
        NetworkKind.GRAPH.fit(one, oneEngine.lots(new ExistingDataSetIterator(data.batchBy(4))), 5);
        var many = (ComputationGraph) NetworkKind.GRAPH.classifier(DataType.DOUBLE, new Sgd(0.1));
        var engine = PrivacyEngine.attach(many, plan);
        var iterator = new MultiDataSetIteratorAdapter(new ExistingDataSetIterator(data.batchBy(4)));

        many.fit(engine.lots(iterator), 5);

        assertThat(engine.steps()).isEqualTo(oneEngine.steps()).isEqualTo(5);
        assertThat(engine.epsilon()).isEqualTo(oneEngine.epsilon());
        assertThat(many.params()).isEqualTo(one.params());
        assertThatThrownBy(() -> engine.lots(iterator)).hasMessageContaining("exhausted");
        var poisson = PrivacyEngine.attach(
                NetworkKind.GRAPH.classifier(DataType.DOUBLE, new Sgd(0.1)),
                complete(DpSgdPlan.poisson(EXAMPLES, 4)).withSeed(1));
        assertThatThrownBy(() -> poisson.lots(iterator))
                .hasMessageContaining("must be GIVEN_BATCHES")
                .hasMessageContaining("engine.lots(RecordExamples.inMemory(iterator))");
    }

    @Test
    void epsilon_givenBatches_isThatOfThePassesBegun() {
        var plan = complete(DpSgdPlan.givenBatches(EXAMPLES, 4));
        MultiLayerNetwork network = network();
        var engine = PrivacyEngine.attach(network, plan);
        var lots = engine.lots(new ExistingDataSetIterator(data(EXAMPLES).batchBy(4)));
        assertThat(engine.epsilon()).isZero();
        network.fit(lots.next());
        double onePass = new RdpAccountant(NeighboringRelation.ZERO_OUT)
                .compose(new DpEvent.Gaussian(3))
                .epsilon(1e-5);
        assertThat(engine.epsilon()).isEqualTo(onePass);
        network.fit(lots.next());
        assertThat(engine.epsilon()).isEqualTo(onePass);

        lots.reset();
        network.fit(lots.next());
        assertThat(engine.epsilon()).isEqualTo(plan.guarantee().epsilon()).isGreaterThan(onePass);

        lots.reset();
        assertThat(lots.hasNext()).isFalse();
        assertThatThrownBy(lots::next).hasMessageContaining("all of its 2 passes are charged");
    }

    @Test
    void next_givenBatchesOfTooManyExamples_throwsBeforeTheyAreUsed() {
        MultiLayerNetwork network = network();
        var engine = PrivacyEngine.attach(network, complete(DpSgdPlan.givenBatches(EXAMPLES, 4)));
        var lots = engine.lots(new ExistingDataSetIterator(data(12).batchBy(4)));
        assertThatThrownBy(() -> network.fit(lots, 1)).hasMessageContaining("at most plan.examples = 10");
        assertThat(engine.steps()).isEqualTo(2);
    }

    @Test
    void next_emptyGivenBatch_throwsBeforeItIsCharged() {
        for (int before : new int[] {0, 1}) {
            MultiLayerNetwork network = network();
            var engine = PrivacyEngine.attach(network, complete(DpSgdPlan.givenBatches(EXAMPLES, 4)));
            List<DataSet> batches = new ArrayList<>(data(4).batchBy(4).subList(0, before));
            batches.add(new DataSet(Nd4j.empty(DataType.DOUBLE), Nd4j.empty(DataType.DOUBLE)));
            assertThatIllegalStateException()
                    .isThrownBy(() -> network.fit(engine.lots(new ExistingDataSetIterator(batches)), 1))
                    .withMessageContaining("at least, the one after " + 4 * before + " examples of the pass has none");
            assertThat(engine.steps()).isEqualTo(before);
            assertThat(engine.epsilon() > 0).isEqualTo(before > 0);
        }
    }

    @Test
    void lots_otherSourceThanThePlans_throws() {
        var poisson = PrivacyEngine.attach(network(), complete(DpSgdPlan.poisson(EXAMPLES, 4)));
        assertThatThrownBy(() ->
                        poisson.lots(new ExistingDataSetIterator(data(EXAMPLES).batchBy(4))))
                .hasMessageContaining("GIVEN_BATCHES")
                .hasMessageContaining("was POISSON");
        var own = PrivacyEngine.attach(network(), complete(DpSgdPlan.givenBatches(EXAMPLES, 4)));
        assertThatThrownBy(() -> own.lots(data(EXAMPLES))).hasMessageContaining("pass a DataSetIterator");
    }

    @Test
    void report_everyMode_saysWhatItAssumes() {
        var own = PrivacyEngine.attach(network(), complete(DpSgdPlan.givenBatches(EXAMPLES, 4)))
                .report()
                .toString();
        assertThat(own)
                .contains("each example at most once a pass")
                .contains("ZERO_OUT")
                .doesNotContain("data set size check");
        var poisson = PrivacyEngine.attach(network(), complete(DpSgdPlan.poisson(EXAMPLES, 4)))
                .report()
                .toString();
        assertThat(poisson)
                .contains("data set size check")
                .contains("there is no ledger")
                .doesNotContain("at most once a pass");
    }
}
