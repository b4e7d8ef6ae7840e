// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.dl4jdp.accountant.DpEvent;
import io.github.dl4jdp.accountant.PrivacyLedger.Charge;
import io.github.dl4jdp.accountant.PrivacyLedgerHistory;
import java.io.File;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.deeplearning4j.nn.api.Model;
import org.deeplearning4j.nn.graph.ComputationGraph;
import org.deeplearning4j.nn.multilayer.MultiLayerNetwork;
import org.deeplearning4j.optimize.api.BaseTrainingListener;
import org.deeplearning4j.util.ModelSerializer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.dataset.DataSet;
import org.nd4j.linalg.dataset.adapter.SingletonDataSetIterator;
import org.nd4j.linalg.indexing.NDArrayIndex;
import org.nd4j.linalg.learning.config.Adam;
import org.nd4j.linalg.learning.config.Sgd;

/** What is carried from segment to segment, and what is not, when a run with truncated backpropagation through time is interrupted or resumed. */
class TruncatedBackpropStateTest {
    @TempDir
    @SuppressWarnings("NullAway.Init") // JUnit sets it
    Path folder;

    /** The lot is charged in full by its first release; the next fit goes on with the next lot. */
    @ParameterizedTest
    @ValueSource(ints = {0, 1})
    void fit_failureBetweenSegments_chargesTheLotInFullAndGoesOnWithTheNext(int failing) {
        DataSet data = TruncatedNetworks.data(TruncatedNetworks.EXAMPLES, TruncatedNetworks.LENGTH);
        Path ledger = folder.resolve("run.ledger");
        var plan = TruncatedNetworks.fullLots(3)
                .withClippingNorm(1)
                .withNoiseMultiplier(4)
                .withLedger(ledger);
        Model network = TruncatedNetworks.Kind.LSTM.network(new Sgd(0.1));
        int[] iterations = {0};
        var chargedAtFirst = new ArrayList<Long>();
        try (var engine = PrivacyEngine.attach(network, plan)) {
            TruncatedNetworks.listen(network, new BaseTrainingListener() {
                @Override
                public void onBackwardPass(Model model) {
                    chargedAtFirst.add(charged(ledger));
                }

                @Override
                public void iterationDone(Model model, int iteration, int epoch) {
                    if (iterations[0]++ == failing) {
                        throw new IllegalStateException("listener");
                    }
                }
            });
            assertThatThrownBy(() -> TruncatedNetworks.fit(network, engine, data, 3))
                    .hasMessage("listener");
            assertThat(engine.steps()).isEqualTo(1);
            assertThat(engine.epsilon()).isEqualTo(plan.epsilonAfter(1));
            TruncatedNetworks.fit(network, engine, data, 3);
            assertThat(engine.steps()).isEqualTo(3);
            assertThat(iterations[0]).isEqualTo(failing + 1 + 2 * TruncatedNetworks.SEGMENTS);
        }
        assertThat(chargedAtFirst.get(0)).isEqualTo(1);
        assertThat(PrivacyLedgerHistory.read(ledger).charges())
                .containsExactly(new Charge(new DpEvent.NonPrivate(), 3)) /* the run is seeded */;
    }

    /** What a recurrent layer carries belongs to the examples of its lot: the next lot starts as a fresh network does. */
    @ParameterizedTest
    @EnumSource
    void fit_afterAnInterruptedLot_carriesNothingOver(TruncatedNetworks.Kind kind) {
        DataSet data = TruncatedNetworks.data(TruncatedNetworks.EXAMPLES, TruncatedNetworks.LENGTH);
        var plan = TruncatedNetworks.fullLots(2).withClippingNorm(1);
        var fresh = TruncatedNetworks.releases(kind.network(new Sgd(0)), plan, data);
        Model network = kind.network(new Sgd(0));
        try (var engine = PrivacyEngine.attach(network, plan)) {
            var interrupted = TruncatedNetworks.gradients(network);
            TruncatedNetworks.listen(network, new BaseTrainingListener() {
                @Override
                public void iterationDone(Model model, int iteration, int epoch) {
                    if (interrupted.size() == 2) {
                        throw new IllegalStateException("listener");
                    }
                }
            });
            assertThatThrownBy(() -> TruncatedNetworks.fit(network, engine, data, 1))
                    .hasMessage("listener");
            TruncatedNetworks.fit(network, engine, data, 1);
            assertThat(interrupted).hasSize(2 + TruncatedNetworks.SEGMENTS);
            for (int s = 0; s < TruncatedNetworks.SEGMENTS; s++) {
                assertThat(interrupted.get(2 + s).mul(plan.expectedLotSize()))
                        .isEqualTo(fresh.get(TruncatedNetworks.SEGMENTS + s));
            }
        }
    }

    /** DL4J's evaluation leaves a state behind, of other examples in the same rows: it must not reach the next segment. */
    @ParameterizedTest
    @EnumSource
    void fit_evaluationBetweenSegments_carriesNothingOfItsDataIntoTheNext(TruncatedNetworks.Kind kind) {
        DataSet data = TruncatedNetworks.data(TruncatedNetworks.EXAMPLES, TruncatedNetworks.LENGTH);
        var runs = new ArrayList<List<INDArray>>();
        for (double scale : new double[] {1, -20}) {
            DataSet evaluated = data.copy();
            evaluated.getFeatures().muli(scale);
            Model network = kind.network(new Sgd(0.1));
            TruncatedNetworks.listen(network, new BaseTrainingListener() {
                @Override
                public void iterationDone(Model model, int iteration, int epoch) {
                    var iterator = new SingletonDataSetIterator(evaluated);
                    if (model instanceof ComputationGraph graph) {
                        graph.evaluate(iterator);
                    } else {
                        ((MultiLayerNetwork) model).evaluate(iterator);
                    }
                }
            });
            runs.add(TruncatedNetworks.releases(
                    network, TruncatedNetworks.fullLots(2).withClippingNorm(1), data));
        }
        assertThat(runs.get(0)).hasSize(2 * TruncatedNetworks.SEGMENTS).isEqualTo(runs.get(1));
    }

    /** Within a lot the state goes on: the first segment tells in the second. */
    @ParameterizedTest
    @EnumSource
    void release_secondSegment_dependsOnTheFirst(TruncatedNetworks.Kind kind) {
        DataSet data = TruncatedNetworks.data(TruncatedNetworks.EXAMPLES, TruncatedNetworks.LENGTH);
        DataSet other = data.copy();
        other.getFeatures()
                .get(NDArrayIndex.all(), NDArrayIndex.all(), NDArrayIndex.interval(0, TruncatedNetworks.SEGMENT))
                .muli(-2);
        INDArray second = TruncatedNetworks.releases(kind.network(new Sgd(0)), TruncatedNetworks.fullLots(1), data)
                .get(1);
        INDArray changed = TruncatedNetworks.releases(kind.network(new Sgd(0)), TruncatedNetworks.fullLots(1), other)
                .get(1);
        assertThat(second.distance2(changed)).isGreaterThan(1e-3);
    }

    /**
     * DL4J 1.0.0-M2.1 by itself: with segments of one time step, whatever is carried into a segment is all that the recurrent weights see, and
     * their gradient is zero nevertheless. Its backward pass starts every segment from an empty state, and the engine follows it.
     */
    @Test
    void plainDl4j_backwardPass_startsFromAnEmptyState() {
        var network = (MultiLayerNetwork) TruncatedNetworks.Kind.LSTM.network(new Sgd(0));
        network.getLayerWiseConfigurations().setTbpttFwdLength(1);
        network.getLayerWiseConfigurations().setTbpttBackLength(1);
        var norms = new ArrayList<Double>();
        TruncatedNetworks.listen(network, new BaseTrainingListener() {
            @Override
            public void onGradientCalculation(Model model) {
                norms.add(model.gradient().getGradientFor("0_RW").norm2Number().doubleValue());
            }
        });
        TruncatedNetworks.fit(network, TruncatedNetworks.data(TruncatedNetworks.EXAMPLES, TruncatedNetworks.LENGTH));
        assertThat(norms).hasSize(TruncatedNetworks.LENGTH).containsOnly(0.0);
    }

    private static long charged(Path ledger) {
        return PrivacyLedgerHistory.read(ledger).charges().stream()
                .mapToLong(Charge::count)
                .sum();
    }

    @Test
    void resume_savedBetweenLots_equalsNeverHavingStopped() throws IOException {
        DataSet data = TruncatedNetworks.data(TruncatedNetworks.EXAMPLES, TruncatedNetworks.LENGTH);
        var plan = TruncatedNetworks.fullLots(4).withClippingNorm(1).withNoiseMultiplier(0.5);
        Model straight = TruncatedNetworks.Kind.LSTM.network(new Adam(0.01));
        TruncatedNetworks.releases(straight, plan, data);
        var first = (MultiLayerNetwork) TruncatedNetworks.Kind.LSTM.network(new Adam(0.01));
        try (var engine = PrivacyEngine.attach(first, plan)) {
            TruncatedNetworks.fit(first, engine, data, 2);
        }
        File file = folder.resolve("model.zip").toFile();
        ModelSerializer.writeModel(first, file, true);
        MultiLayerNetwork second = ModelSerializer.restoreMultiLayerNetwork(file, true);
        try (var engine = PrivacyEngine.attach(second)) {
            assertThat(engine.steps()).isEqualTo(2);
            assertThat(engine.plan().releasesPerLot()).isEqualTo(TruncatedNetworks.SEGMENTS);
            TruncatedNetworks.fit(second, engine, data, 2);
        }
        assertThat(second.params()).isEqualTo(straight.params());
    }
}
