// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.dl4jdp.accountant.PrivacyLedgerHistory;
import io.github.dl4jdp.core.mechanism.Sampling;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.UnaryOperator;
import org.deeplearning4j.datasets.iterator.ExistingDataSetIterator;
import org.deeplearning4j.nn.api.Model;
import org.deeplearning4j.nn.multilayer.MultiLayerNetwork;
import org.deeplearning4j.optimize.api.BaseTrainingListener;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.dataset.DataSet;
import org.nd4j.linalg.dataset.api.DataSetPreProcessor;
import org.nd4j.linalg.learning.config.Sgd;

/**
 * What goes wrong around a private run. After each fault the ledger covers what was released, the network is the last released one, the error says
 * what to do, and doing it goes on to where a run without the fault ends.
 */
class FaultsTest extends FaultyRuns {
    @Test
    void fit_interrupted_chargesAndReleasesAsEver() {
        MultiLayerNetwork network = network();
        network.setListeners(new BaseTrainingListener() {
            @Override
            public void iterationDone(Model model, int iteration, int epoch) {
                Thread.currentThread().interrupt();
            }
        });
        try (var engine = attach(network, plan())) {
            network.fit(engine.lots(DATA), engine.plan().epochs());
            assertThat(Thread.interrupted()).isTrue();
            assertChargedAndUnmoved(engine, network, LOTS, undisturbed());
        }
    }

    /** Throws an error of the machine at the given call, between the examples and the network. */
    private static DataSetPreProcessor failingAt(int call, Error error) {
        var calls = new AtomicInteger();
        return new OwnPreProcessor(batch -> {
            if (calls.incrementAndGet() == call) {
                throw error;
            }
        });
    }

    /** In the first physical batch of a lot, in one in the middle and in the last. */
    @ParameterizedTest
    @ValueSource(ints = {1, 2, 3, 4, 5, 6, 7})
    void fit_outOfMemoryInAPhysicalBatch_dropsTheLotAndTakesItAgain(int call) {
        MultiLayerNetwork network = network();
        try (var engine = attach(network, plan())) {
            var lots = engine.lots(DATA);
            lots.setPreProcessor(failingAt(call, new OutOfMemoryError("injected")));
            int epochs = engine.plan().epochs();
            assertThatThrownBy(() -> network.fit(lots, epochs)).isInstanceOf(OutOfMemoryError.class);
            long released = engine.steps();
            assertThat(PrivacyLedgerHistory.read(ledger).steps()).isEqualTo(released);
            assertThat(network.getIterationCount()).isEqualTo((int) released);

            lots.setPreProcessor(null);
            network.fit(lots, epochs);
            assertChargedAndUnmoved(engine, network, LOTS, undisturbed());
        }
    }

    /** Inside DL4J's own pass over the last physical batch, before anything of the lot is released. */
    @Test
    void fit_outOfMemoryInTheForwardPass_dropsTheLotAndTakesItAgain() {
        MultiLayerNetwork network = network();
        var passes = new AtomicInteger();
        network.setListeners(new BaseTrainingListener() {
            @Override
            public void onForwardPass(Model model, List<INDArray> activations) {
                if (passes.incrementAndGet() == 3) {
                    throw new OutOfMemoryError("injected");
                }
            }
        });
        try (var engine = attach(network, plan())) {
            int epochs = engine.plan().epochs();
            assertThatThrownBy(() -> network.fit(engine.lots(DATA), epochs)).isInstanceOf(OutOfMemoryError.class);
            assertThat(engine.steps()).isEqualTo(2);
            assertThat(PrivacyLedgerHistory.read(ledger).steps()).isEqualTo(2);
            network.fit(engine.lots(DATA), epochs);
            assertChargedAndUnmoved(engine, network, LOTS, undisturbed());
        }
    }

    /** The gradient was released, and the network did not take it: it stays charged. */
    @Test
    void fit_listenerThrowsAfterTheRelease_staysChargedAndGoesOn() {
        MultiLayerNetwork network = network();
        var passes = new AtomicInteger();
        network.setListeners(new BaseTrainingListener() {
            @Override
            public void onGradientCalculation(Model model) {
                if (passes.incrementAndGet() == 3) {
                    throw new IllegalStateException("a listener's own mistake");
                }
            }
        });
        try (var engine = attach(network, plan())) {
            int epochs = engine.plan().epochs();
            assertThatThrownBy(() -> network.fit(engine.lots(DATA), epochs)).hasMessageContaining("own mistake");
            assertThat(engine.steps()).isEqualTo(3);
            assertThat(PrivacyLedgerHistory.read(ledger).steps()).isEqualTo(3);
            assertThat(network.getIterationCount()).isEqualTo(2);
            network.fit(engine.lots(DATA), epochs);
            assertThat(engine.steps()).isEqualTo(LOTS);
            assertThat(network.getIterationCount()).isEqualTo(LOTS - 1);
        }
    }

    /** Places where a data set may hold what is no number. */
    enum Place {
        FEATURES,
        LABELS
    }

    @ParameterizedTest
    @EnumSource
    void fit_valuesThatAreNoNumbers_contributeNothing(Place place) {
        for (double value : new double[] {Double.NaN, Double.POSITIVE_INFINITY, Double.NEGATIVE_INFINITY}) {
            DataSet dirty = DATA.copy();
            INDArray array = place == Place.FEATURES ? dirty.getFeatures() : dirty.getLabels();
            for (int i = 0; i < 40; i += 3) {
                array.getRow(i).assign(value);
            }
            MultiLayerNetwork network = network();
            try (var engine = attach(network, draft().withoutNoise())) {
                network.fit(engine.lots(dirty), engine.plan().epochs());
                assertThat(engine.steps()).isEqualTo(LOTS);
            }
            assertThat(network.params().sumNumber().doubleValue()).isFinite();
            // As if those examples were not there: their places are drawn, and nothing comes of them.
            MultiLayerNetwork without = network();
            DataSet silent = DATA.copy();
            for (int i = 0; i < 40; i += 3) {
                silent.getFeatures().getRow(i).assign(Double.NaN);
            }
            try (var engine = attach(without, draft().withoutNoise())) {
                without.fit(engine.lots(silent), engine.plan().epochs());
            }
            assertThat(network.params()).isEqualTo(without.params());
        }
    }

    @ParameterizedTest
    @ValueSource(doubles = {Double.NaN, Double.POSITIVE_INFINITY})
    void fit_weightsThatAreNoNumbers_throwsBeforeAnythingIsCharged(double value) {
        for (UnaryOperator<DpSgdPlan> mode :
                List.<UnaryOperator<DpSgdPlan>>of(given -> given, given -> DpSgdPlan.givenBatches(40, 20)
                        .withEpochs(2)
                        .withClippingNorm(1)
                        .withNoiseMultiplier(3)
                        .withDelta(1e-5)
                        .withLedger(folder.resolve("own.ledger")))) {
            MultiLayerNetwork network = Networks.classifier(DataType.DOUBLE, new Sgd(0.1));
            try (var engine = attach(network, mode.apply(plan()))) {
                network.params().putScalar(5, value);
                var lots = engine.plan().sampling() == Sampling.POISSON
                        ? engine.lots(DATA)
                        : engine.lots(new ExistingDataSetIterator(DATA.batchBy(20)));
                assertThatThrownBy(() -> network.fit(lots, 1))
                        .isInstanceOf(IllegalStateException.class)
                        .hasMessageContaining("parameters must be finite")
                        .hasMessageContaining("earlier checkpoint");
                assertThat(engine.steps()).isZero();
                assertThat(engine.epsilon()).isZero();
                assertThat(PrivacyLedgerHistory.read(engine.plan().ledger().orElseThrow())
                                .steps())
                        .isZero();
            }
        }
    }

    @Test
    void fit_givenBatchesThrows_keepsThePassChargedAndReleasesNothingOfTheBatch() {
        var fail = new AtomicInteger();
        var batches = new ExistingDataSetIterator(DATA.batchBy(20)) {
            private static final long serialVersionUID = 1L;

            @Override
            public DataSet next() {
                if (fail.incrementAndGet() == 2) {
                    throw new IllegalStateException("the source is gone");
                }
                return super.next();
            }
        };
        var own = DpSgdPlan.givenBatches(40, 20)
                .withEpochs(1)
                .withClippingNorm(1)
                .withNoiseMultiplier(3)
                .withDelta(1e-5)
                .withLedger(ledger);
        MultiLayerNetwork network = network();
        try (var engine = attach(network, own)) {
            var lots = engine.lots(batches);
            network.fit(lots.next());
            INDArray params = network.params().dup();
            assertThatThrownBy(lots::next).hasMessageContaining("the source is gone");
            assertThat(engine.steps()).isEqualTo(1);
            assertThat(network.params()).isEqualTo(params);
            assertThat(PrivacyLedgerHistory.read(ledger).steps()).isEqualTo(1);
            network.fit(lots.next());
            assertThat(engine.steps()).isEqualTo(2);
            assertThat(PrivacyLedgerHistory.read(ledger).steps()).isEqualTo(1);
        }
    }
}
