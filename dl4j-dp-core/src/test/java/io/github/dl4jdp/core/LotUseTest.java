// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assertions.assertTimeoutPreemptively;

import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import org.deeplearning4j.earlystopping.scorecalc.DataSetLossCalculator;
import org.deeplearning4j.nn.api.Model;
import org.deeplearning4j.nn.graph.ComputationGraph;
import org.deeplearning4j.nn.multilayer.MultiLayerNetwork;
import org.deeplearning4j.optimize.api.BaseTrainingListener;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.nd4j.autodiff.samediff.SameDiff;
import org.nd4j.autodiff.samediff.TrainingConfig;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.dataset.DataSet;
import org.nd4j.linalg.dataset.adapter.MultiDataSetIteratorAdapter;
import org.nd4j.linalg.dataset.api.iterator.DataSetIterator;
import org.nd4j.linalg.dataset.api.preprocessor.ImagePreProcessingScaler;
import org.nd4j.linalg.dataset.api.preprocessor.NormalizerMinMaxScaler;
import org.nd4j.linalg.dataset.api.preprocessor.NormalizerStandardize;
import org.nd4j.linalg.factory.Nd4j;
import org.nd4j.linalg.learning.config.Adam;

/** Lots are for the fit of the attached network: every other use is refused with a reason, costs nothing, and leaves the fit as it was. */
@SuppressWarnings("deprecation") // of DL4J, in use all the same
class LotUseTest {
    private static final int EXAMPLES = 40;
    private static final DataSet DATA = Networks.data(DataType.DOUBLE, EXAMPLES);

    private static Model network(NetworkKind kind) {
        return kind.classifier(DataType.DOUBLE, new Adam(0.1));
    }

    private static DpSgdPlan plan() {
        return plan(10);
    }

    private static DpSgdPlan plan(int lotSize) {
        return DpSgdPlan.poisson(EXAMPLES, lotSize)
                .withEpochs(2)
                .withClippingNorm(1)
                .withNoiseMultiplier(2)
                .withDelta(1e-5)
                .withSeed(4);
    }

    private enum Misuse {
        EVALUATE {
            @Override
            void commit(NetworkKind kind, Model network, DataSetIterator lots) {
                if (network instanceof MultiLayerNetwork one) {
                    one.evaluate(lots);
                } else {
                    ((ComputationGraph) network).evaluate(lots);
                }
            }
        },
        REGRESSION_OF_MULTI {
            @Override
            void commit(NetworkKind kind, Model network, DataSetIterator lots) {
                if (network instanceof MultiLayerNetwork one) {
                    one.evaluateRegression(lots);
                } else {
                    ((ComputationGraph) network).evaluateRegression(new MultiDataSetIteratorAdapter(lots));
                }
            }
        },
        OUTPUT {
            @Override
            void commit(NetworkKind kind, Model network, DataSetIterator lots) {
                if (network instanceof MultiLayerNetwork one) {
                    one.output(lots);
                } else {
                    ((ComputationGraph) network).output(lots);
                }
            }
        },
        PRETRAIN {
            @Override
            void commit(NetworkKind kind, Model network, DataSetIterator lots) {
                if (network instanceof MultiLayerNetwork one) {
                    one.pretrainLayer(0, lots);
                } else {
                    ((ComputationGraph) network).pretrainLayer("hidden", lots);
                }
                // DL4J does nothing where a layer cannot be pretrained.
                throw new IllegalStateException("engine.lots were not touched");
            }
        },
        STANDARDIZE {
            @Override
            void commit(NetworkKind kind, Model network, DataSetIterator lots) {
                new NormalizerStandardize().fit(lots);
            }
        },
        MIN_MAX {
            @Override
            void commit(NetworkKind kind, Model network, DataSetIterator lots) {
                new NormalizerMinMaxScaler().fit(lots);
            }
        },
        LOSS_CALCULATOR {
            @Override
            void commit(NetworkKind kind, Model network, DataSetIterator lots) {
                new DataSetLossCalculator(lots, true).calculateScore(network);
            }
        },
        SAME_DIFF {
            @Override
            void commit(NetworkKind kind, Model network, DataSetIterator lots) {
                SameDiff sd = SameDiff.create();
                var in = sd.placeHolder("in", DataType.DOUBLE, -1, Networks.INPUTS);
                var label = sd.placeHolder("label", DataType.DOUBLE, -1, Networks.CLASSES);
                var w = sd.var("w", Nd4j.randn(DataType.DOUBLE, Networks.INPUTS, Networks.CLASSES));
                sd.loss.meanSquaredError("loss", label, in.mmul(w), null);
                sd.setTrainingConfig(TrainingConfig.builder()
                        .updater(new Adam(0.1))
                        .dataSetFeatureMapping("in")
                        .dataSetLabelMapping("label")
                        .build());
                sd.fit(lots, 1);
            }
        },
        ANOTHER_NETWORK {
            @Override
            void commit(NetworkKind kind, Model network, DataSetIterator lots) {
                Model other = network(kind);
                INDArray before = other.params().dup();
                try {
                    kind.fit(other, lots, 2);
                } finally {
                    assertThat(other.params()).isEqualTo(before);
                }
            }
        },
        ANOTHER_ATTACHED_NETWORK {
            @Override
            void commit(NetworkKind kind, Model network, DataSetIterator lots) {
                Model other = network(kind);
                try (var engine = PrivacyEngine.attach(other, plan())) {
                    engine.lots(DATA).next();
                    try {
                        kind.fit(other, lots, 2);
                    } finally {
                        assertThat(engine.steps()).isZero();
                    }
                }
            }
        },
        ANOTHER_THREAD {
            @Override
            void commit(NetworkKind kind, Model network, DataSetIterator lots) throws Exception {
                DataSet lot = CompletableFuture.supplyAsync(lots::next).get();
                kind.fit(network, lot);
            }
        },
        QUEUE {
            /** A user's own prefetching, of one lot at a time, while the network trains. */
            @Override
            void commit(NetworkKind kind, Model network, DataSetIterator lots) throws Exception {
                var queue = new ArrayBlockingQueue<DataSet>(1);
                var reader = new Thread(() -> {
                    try {
                        while (lots.hasNext()) {
                            queue.put(lots.next());
                        }
                    } catch (InterruptedException | IllegalStateException e) {
                        // nobody hears of it
                    }
                });
                reader.start();
                try {
                    kind.fit(network, queue.take());
                } finally {
                    reader.interrupt();
                    reader.join();
                }
            }
        },
        DURING_FIT {
            /** A user's own iterator that asks for the lots on another thread while the network is in fit. */
            @Override
            void commit(NetworkKind kind, Model network, DataSetIterator lots) {
                kind.fit(
                        network,
                        new org.deeplearning4j.datasets.iterator.AsyncShieldDataSetIterator(lots) {
                            @Override
                            public DataSet next() {
                                return CompletableFuture.supplyAsync(super::next)
                                        .join();
                            }
                        },
                        1);
            }
        },
        TWO_AT_ONCE {
            @Override
            void commit(NetworkKind kind, Model network, DataSetIterator lots) {
                lots.next();
                lots.next();
            }
        },
        OWN_EVALUATION {
            @Override
            void commit(NetworkKind kind, Model network, DataSetIterator lots) {
                for (int i = 0; i < 100 && lots.hasNext(); i++) {
                    kind.output(network, lots.next().getFeatures());
                }
            }
        },
        ALTERED_LABELS {
            @Override
            void commit(NetworkKind kind, Model network, DataSetIterator lots) {
                DataSet lot = lots.next();
                lot.setLabels(lot.getLabels().dup());
                kind.fit(network, lot);
            }
        },
        COPIED {
            @Override
            void commit(NetworkKind kind, Model network, DataSetIterator lots) {
                kind.fit(network, lots.next().copy());
            }
        },
        SPLIT {
            @Override
            void commit(NetworkKind kind, Model network, DataSetIterator lots) {
                kind.fit(network, lots.next().splitTestAndTrain(0.5).getTrain());
            }
        },
        CHANGED_IN_PLACE {
            @Override
            void commit(NetworkKind kind, Model network, DataSetIterator lots) {
                DataSet lot = lots.next();
                lot.normalizeZeroMeanZeroUnitVariance();
                kind.fit(network, lot);
            }
        },
        SHUFFLED {
            @Override
            void commit(NetworkKind kind, Model network, DataSetIterator lots) {
                DataSet lot = lots.next();
                lot.shuffle(3);
                kind.fit(network, lot);
            }
        },
        PREPROCESSED_LATER {
            @Override
            void commit(NetworkKind kind, Model network, DataSetIterator lots) {
                DataSet lot = lots.next();
                new ImagePreProcessingScaler().preProcess(lot);
                kind.fit(network, lot);
            }
        },
        ANOTHER_MASK {
            @Override
            void commit(NetworkKind kind, Model network, DataSetIterator lots) {
                DataSet lot = lots.next();
                lot.setLabelsMaskArray(Nd4j.ones(DataType.DOUBLE, lot.numExamples(), 1));
                kind.fit(network, lot);
            }
        };

        abstract void commit(NetworkKind kind, Model network, DataSetIterator lots) throws Exception;
    }

    private static final Map<String, INDArray> PLAIN = new HashMap<>();

    private static INDArray plainRun(NetworkKind kind, int lotSize) {
        Model plain = network(kind);
        try (var engine = PrivacyEngine.attach(plain, plan(lotSize))) {
            kind.fit(plain, engine.lots(DATA), 2);
        }
        return plain.params();
    }

    @ParameterizedTest
    @EnumSource
    void misuse_ofEverySort_isRefusedAtOnceAndTheFitIsAsEver(Misuse misuse) {
        for (NetworkKind kind : NetworkKind.values()) {
            for (int lotSize : new int[] {10, EXAMPLES}) {
                if (lotSize == EXAMPLES && misuse == Misuse.OWN_EVALUATION) {
                    continue; // one lot a pass, and the user's own loop is over before it asks for another
                }
                INDArray plain = PLAIN.computeIfAbsent(kind + " " + lotSize, key -> plainRun(kind, lotSize));
                for (boolean sameIterator : new boolean[] {lotSize == 10}) {
                    Model network = network(kind);
                    INDArray before = network.params().dup();
                    try (var engine = PrivacyEngine.attach(network, plan(lotSize))) {
                        DataSetIterator lots = engine.lots(DATA);
                        String what = kind + ", lots of " + lotSize;
                        assertTimeoutPreemptively(Duration.ofSeconds(60), () -> assertThatThrownBy(() -> {
                                    try {
                                        misuse.commit(kind, network, lots);
                                    } catch (ExecutionException e) {
                                        throw e.getCause();
                                    }
                                })
                                .as(what)
                                .hasMessageContaining("engine.lots"));
                        assertThat(engine.steps()).as(what).isZero();
                        assertThat(engine.epsilon()).as(what).isZero();
                        assertThat(network.params()).as(what).isEqualTo(before);
                        kind.fit(network, sameIterator ? lots : engine.lots(DATA), 2);
                        assertThat(engine.remainingSteps()).as(what).isZero();
                        assertThat(network.params()).as(what).isEqualTo(plain);
                    }
                }
            }
        }
    }

    @ParameterizedTest
    @EnumSource
    void hasNext_lotOut_looksPastIt(NetworkKind kind) {
        Model network = network(kind);
        try (var engine = PrivacyEngine.attach(network, plan())) {
            DataSetIterator lots = engine.lots(DATA);
            for (int lot = 1; lot <= 4; lot++) {
                assertThat(lots.hasNext()).isTrue();
                DataSet out = lots.next();
                assertThat(lots.hasNext()).isEqualTo(lot < 4);
                assertThat(lots.hasNext()).isEqualTo(lot < 4);
                kind.fit(network, out);
                assertThat(lots.hasNext()).isEqualTo(lot < 4);
            }
            assertThatThrownBy(lots::next).isInstanceOf(java.util.NoSuchElementException.class);
            lots.reset();
            assertThat(lots.hasNext()).isTrue();
        }
    }

    /** A lot is fitted once; an old one, or a lot of another engine, never. */
    @ParameterizedTest
    @EnumSource
    void fit_lotTwiceOrLate_isRefusedAndTheCurrentOneStays(NetworkKind kind) {
        Model network = network(kind);
        Model other = network(kind);
        try (var engine = PrivacyEngine.attach(network, plan());
                var others = PrivacyEngine.attach(other, plan())) {
            DataSetIterator lots = engine.lots(DATA);
            DataSet first = lots.next();
            kind.fit(network, first);
            assertThatThrownBy(() -> kind.fit(network, first)).hasMessageContaining("engine.lots");
            DataSet second = lots.next();
            DataSet foreign = others.lots(DATA).next();
            for (DataSet wrong : List.of(first, foreign)) {
                assertThatThrownBy(() -> kind.fit(network, wrong)).hasMessageContaining("engine.lots");
                assertThat(engine.steps()).isEqualTo(1);
            }
            kind.fit(network, second);
            assertThat(engine.steps()).isEqualTo(2);
            kind.fit(other, foreign);
            assertThat(others.steps()).isEqualTo(1);
        }
    }

    /** Inside a fit only another fit is known to train the network of the lots. */
    @ParameterizedTest
    @EnumSource
    void next_inAListenerOfAnotherEngine_isRefusedAndFitTrains(NetworkKind kind) {
        Model network = network(kind);
        Model inner = network(kind);
        try (var engine = PrivacyEngine.attach(network, plan());
                var own = PrivacyEngine.attach(inner, plan())) {
            DataSetIterator lots = own.lots(DATA);
            var called = new int[1];
            kind.setListeners(network, new BaseTrainingListener() {
                @Override
                public void iterationDone(Model model, int iteration, int epoch) {
                    if (called[0]++ == 0) {
                        assertThatThrownBy(() -> kind.fit(inner, lots.next()))
                                .isInstanceOf(IllegalStateException.class)
                                .hasMessageContaining("can take lots by the attached network's fit(lots, 1) only");
                        assertThat(own.steps()).isZero();
                        kind.fit(inner, lots, 1);
                    }
                }
            });
            kind.fit(network, engine.lots(DATA), 1);
            assertThat(called[0]).isPositive();
            assertThat(own.steps()).isEqualTo(engine.steps()).isPositive();
        }
    }

    /** Three times in a row, before the backward pass, over the same iterator and by itself. */
    @ParameterizedTest
    @EnumSource
    void fit_failsAndIsTriedAgain_getsTheSameLot(NetworkKind kind) {
        Model plain = network(kind);
        try (var engine = PrivacyEngine.attach(plain, plan())) {
            kind.fit(plain, engine.lots(DATA), 2);
        }
        for (boolean iterator : new boolean[] {true, false}) {
            Model network = network(kind);
            var passes = new int[1];
            kind.setListeners(network, new BaseTrainingListener() {
                @Override
                public void onForwardPass(Model model, List<INDArray> activations) {
                    if (++passes[0] % 2 == 1) {
                        throw new IllegalStateException("a listener's own mistake");
                    }
                }

                @Override
                public void onForwardPass(Model model, Map<String, INDArray> activations) {
                    onForwardPass(model, List.of());
                }
            });
            try (var engine = PrivacyEngine.attach(network, plan())) {
                DataSetIterator lots = engine.lots(DATA);
                while (engine.remainingSteps() > 0) {
                    long before = engine.steps();
                    assertThatThrownBy(() -> step(kind, network, lots, iterator))
                            .hasMessageContaining("own mistake");
                    assertThat(engine.steps()).isGreaterThanOrEqualTo(before);
                    if (engine.remainingSteps() > 0) {
                        if (!lots.hasNext()) {
                            lots.reset();
                        }
                        kind.fit(network, lots.next());
                    }
                }
                assertThat(network.params()).isEqualTo(plain.params());
            }
        }
    }

    private static void step(NetworkKind kind, Model network, DataSetIterator lots, boolean iterator) {
        if (iterator) {
            kind.fit(network, lots, 1);
            return;
        }
        if (!lots.hasNext()) {
            lots.reset();
        }
        kind.fit(network, lots.next());
    }

    @Test
    void lotHandedOut_fitFailsOnceThenAgainWithTheSameObject_trains() {
        Model network = network(NetworkKind.MULTI_LAYER);
        var fail = new boolean[] {true};
        NetworkKind.MULTI_LAYER.setListeners(network, new BaseTrainingListener() {
            @Override
            public void onForwardPass(Model model, List<INDArray> activations) {
                if (fail[0]) {
                    throw new IllegalStateException("a listener's own mistake");
                }
            }
        });
        try (var engine = PrivacyEngine.attach(network, plan())) {
            DataSet lot = engine.lots(DATA).next();
            assertThatThrownBy(() -> NetworkKind.MULTI_LAYER.fit(network, lot)).hasMessageContaining("own mistake");
            fail[0] = false;
            NetworkKind.MULTI_LAYER.fit(network, lot);
            assertThat(engine.steps()).isEqualTo(1);
        }
    }

    @Test
    void ownLoop_exactlyThePlannedPasses_doesEveryStep() {
        Model network = network(NetworkKind.MULTI_LAYER);
        try (var engine = PrivacyEngine.attach(network, plan())) {
            DataSetIterator lots = engine.lots(DATA);
            var counts = new ArrayList<Integer>();
            for (int epoch = 0; epoch < 2; epoch++) {
                int count = 0;
                while (lots.hasNext()) {
                    NetworkKind.MULTI_LAYER.fit(network, lots.next());
                    count++;
                }
                counts.add(count);
                lots.reset();
            }
            assertThat(counts).containsExactly(4, 4);
            assertThat(engine.remainingSteps()).isZero();
        }
    }
}
