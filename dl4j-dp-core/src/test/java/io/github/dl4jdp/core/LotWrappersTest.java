// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assertions.assertTimeoutPreemptively;

import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.EnumMap;
import java.util.EnumSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.Function;
import org.deeplearning4j.datasets.iterator.AsyncShieldDataSetIterator;
import org.deeplearning4j.datasets.iterator.DataSetIteratorSplitter;
import org.deeplearning4j.datasets.iterator.EarlyTerminationDataSetIterator;
import org.deeplearning4j.datasets.iterator.ExistingDataSetIterator;
import org.deeplearning4j.datasets.iterator.IteratorDataSetIterator;
import org.deeplearning4j.datasets.iterator.JointMultiDataSetIterator;
import org.deeplearning4j.datasets.iterator.MultiDataSetWrapperIterator;
import org.deeplearning4j.datasets.iterator.ReconstructionDataSetIterator;
import org.deeplearning4j.datasets.iterator.WorkspacesShieldDataSetIterator;
import org.deeplearning4j.datasets.iterator.parallel.JointParallelDataSetIterator;
import org.deeplearning4j.datasets.iterator.utilty.BenchmarkDataSetIterator;
import org.deeplearning4j.datasets.iterator.utilty.ListDataSetIterator;
import org.deeplearning4j.datasets.iterator.utilty.SingletonDataSetIterator;
import org.deeplearning4j.nn.api.Model;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.dataset.AsyncDataSetIterator;
import org.nd4j.linalg.dataset.AsyncMultiDataSetIterator;
import org.nd4j.linalg.dataset.DataSet;
import org.nd4j.linalg.dataset.adapter.MultiDataSetIteratorAdapter;
import org.nd4j.linalg.dataset.api.iterator.CachingDataSetIterator;
import org.nd4j.linalg.dataset.api.iterator.DataSetIterator;
import org.nd4j.linalg.dataset.api.iterator.KFoldIterator;
import org.nd4j.linalg.dataset.api.iterator.MultipleEpochsIterator;
import org.nd4j.linalg.dataset.api.iterator.SamplingDataSetIterator;
import org.nd4j.linalg.dataset.api.iterator.cache.InMemoryDataSetCache;
import org.nd4j.linalg.dataset.api.iterator.enums.InequalityHandling;
import org.nd4j.linalg.learning.config.Adam;

/**
 * DL4J's own iterators around the lots: whatever they do, the network stands where the plain fit stood after as many steps, and a plain fit then goes on to
 * the plain fit's end.
 */
@SuppressWarnings("deprecation") // of DL4J, in use all the same
class LotWrappersTest {
    private static final int EXAMPLES = 40;
    private static final int EPOCHS = 3;
    private static final DataSet DATA = Networks.data(DataType.DOUBLE, EXAMPLES);

    /** What a wrapper may do with lots. */
    private enum Outcome {
        /** All passes, as the plain fit. */
        TRAINS,
        /** Some lots, in order, as it is asked to. */
        TRAINS_IN_PART,
        /** Nothing. */
        REFUSED,
        /** What it had, and an error then, ours or DL4J's. */
        REFUSED_LATER
    }

    private enum Wrapper {
        NONE(Outcome.TRAINS, lots -> lots),
        ASYNC(Outcome.REFUSED, lots -> new AsyncDataSetIterator(lots, 2)),
        ASYNC_DATASETS(Outcome.REFUSED, lots -> new org.deeplearning4j.datasets.iterator.AsyncDataSetIterator(lots, 2)),
        ASYNC_OF_MULTIPLE_EPOCHS(
                Outcome.REFUSED, lots -> new AsyncDataSetIterator(new MultipleEpochsIterator(2, lots))),
        ASYNC_MULTI(
                Outcome.REFUSED,
                lots -> new MultiDataSetWrapperIterator(
                        new AsyncMultiDataSetIterator(new MultiDataSetIteratorAdapter(lots)))),
        ASYNC_SHIELD(Outcome.TRAINS, AsyncShieldDataSetIterator::new),
        WORKSPACES_SHIELD(Outcome.TRAINS, WorkspacesShieldDataSetIterator::new),
        MULTI_AND_BACK(Outcome.TRAINS, lots -> new MultiDataSetWrapperIterator(new MultiDataSetIteratorAdapter(lots))),
        EARLY_TERMINATION(Outcome.TRAINS_IN_PART, lots -> new EarlyTerminationDataSetIterator(lots, 2)),
        /** ND4J's makes one pass more than it is told. */
        MULTIPLE_EPOCHS(Outcome.TRAINS, lots -> new MultipleEpochsIterator(EPOCHS - 1, lots)),
        MULTIPLE_EPOCHS_DATASETS(
                Outcome.TRAINS, lots -> new org.deeplearning4j.datasets.iterator.MultipleEpochsIterator(EPOCHS, lots)),
        SPLITTER(Outcome.REFUSED_LATER, lots -> new DataSetIteratorSplitter(lots, 4, 0.5).getTrainIterator()),
        SCROLLABLE(Outcome.TRAINS_IN_PART, lots -> new DataSetIteratorSplitter(lots, new int[] {2, 2})
                .getIterators()
                .get(0)),
        EXISTING(Outcome.TRAINS_IN_PART, lots -> new ExistingDataSetIterator(lots)),
        EXISTING_SHIELDED(Outcome.TRAINS_IN_PART, lots -> shielded(new ExistingDataSetIterator(lots))),
        MERGING(Outcome.REFUSED, lots -> new IteratorDataSetIterator(lots, 1000)),
        MERGING_SHIELDED(Outcome.REFUSED, lots -> shielded(new IteratorDataSetIterator(lots, 1000))),
        CUTTING_SHIELDED(Outcome.REFUSED_LATER, lots -> shielded(new IteratorDataSetIterator(lots, 1))),
        JOINT(Outcome.REFUSED, lots -> new MultiDataSetWrapperIterator(new JointMultiDataSetIterator(lots, lots))),
        JOINT_PARALLEL(
                Outcome.REFUSED,
                lots -> new JointParallelDataSetIterator(
                        List.of(lots, lots), true, 2, InequalityHandling.STOP_EVERYONE)),
        RECONSTRUCTION(Outcome.REFUSED, ReconstructionDataSetIterator::new),
        CACHING(Outcome.REFUSED_LATER, lots -> shielded(new CachingDataSetIterator(lots, new InMemoryDataSetCache()))),
        BENCHMARK(Outcome.REFUSED, lots -> new BenchmarkDataSetIterator(lots.next(), 3)),
        BENCHMARK_SHIELDED(Outcome.REFUSED, lots -> shielded(new BenchmarkDataSetIterator(lots.next(), 3))),
        SINGLETON(Outcome.REFUSED_LATER, lots -> new SingletonDataSetIterator(lots.next())),
        SAMPLING(Outcome.REFUSED, lots -> new SamplingDataSetIterator(lots.next(), 4, 12)),
        K_FOLD(Outcome.REFUSED, lots -> new KFoldIterator(2, lots.next())),
        LIST(Outcome.REFUSED, lots -> new ListDataSetIterator<>(List.of(lots.next(), lots.next()), 1)),
        ROWS(Outcome.REFUSED, lots -> new ListDataSetIterator<>(lots.next().asList(), 5));

        private final Outcome outcome;

        @SuppressWarnings("ImmutableEnumChecker") // constructors of iterators
        private final Function<DataSetIterator, DataSetIterator> around;

        Wrapper(Outcome outcome, Function<DataSetIterator, DataSetIterator> around) {
            this.outcome = outcome;
            this.around = around;
        }
    }

    private static final Set<Wrapper> READING_AHEAD = EnumSet.of(
            Wrapper.ASYNC,
            Wrapper.ASYNC_DATASETS,
            Wrapper.ASYNC_OF_MULTIPLE_EPOCHS,
            Wrapper.ASYNC_MULTI,
            Wrapper.JOINT_PARALLEL);

    private static DataSetIterator shielded(DataSetIterator iterator) {
        return new AsyncShieldDataSetIterator(iterator);
    }

    private static DpSgdPlan plan() {
        return DpSgdPlan.poisson(EXAMPLES, 10)
                .withEpochs(EPOCHS)
                .withClippingNorm(1)
                .withNoiseMultiplier(2)
                .withDelta(1e-5)
                .withSeed(4);
    }

    private static PrivacyEngine attach(Model network, int physicalBatch) {
        return PrivacyEngine.attach(network, plan(), ExecutionOptions.defaults().withPhysicalBatchSize(physicalBatch));
    }

    /** Parameters after each number of steps. */
    private static final Map<NetworkKind, List<INDArray>> PLAIN = new EnumMap<>(NetworkKind.class);

    private static List<INDArray> plainRun(NetworkKind kind) {
        Model network = kind.classifier(DataType.DOUBLE, new Adam(0.1));
        try (var engine = attach(network, 100)) {
            var path = new ArrayList<>(List.of(network.params().dup()));
            for (int epoch = 0; epoch < EPOCHS; epoch++) {
                var lots = engine.lots(DATA);
                while (lots.hasNext()) {
                    kind.fit(network, lots.next());
                    path.add(network.params().dup());
                }
            }
            assertThat(path).hasSize(13);
            return path;
        }
    }

    @ParameterizedTest
    @EnumSource
    void fit_throughAWrapper_standsOnThePlainPathAndGoesOn(Wrapper wrapper) {
        for (NetworkKind kind : NetworkKind.values()) {
            List<INDArray> path = PLAIN.computeIfAbsent(kind, LotWrappersTest::plainRun);
            // Lots of one physical batch, and of several.
            for (int physicalBatch : new int[] {kind == NetworkKind.GRAPH ? 100 : 4}) {
                Model network = kind.classifier(DataType.DOUBLE, new Adam(0.1));
                try (var engine = attach(network, physicalBatch)) {
                    DataSetIterator lots = engine.lots(DATA);
                    var thrown = new AtomicReference<RuntimeException>();
                    assertTimeoutPreemptively(Duration.ofSeconds(60), () -> {
                        try {
                            int epochs = Arrays.asList(Wrapper.MULTIPLE_EPOCHS, Wrapper.MULTIPLE_EPOCHS_DATASETS)
                                            .contains(wrapper)
                                    ? 1
                                    : EPOCHS;
                            DataSetIterator around = wrapper.around.apply(lots);
                            for (int epoch = 0; epoch < epochs; epoch++) {
                                kind.fit(network, around, 1);
                            }
                        } catch (RuntimeException e) {
                            thrown.set(e);
                        }
                    });
                    long steps = engine.steps();
                    String what = kind + ", " + physicalBatch + ", " + steps + " steps, " + thrown.get();
                    assertThat(network.params().distance2(path.get((int) steps)))
                            .as(what)
                            .isLessThan(1e-9);
                    switch (wrapper.outcome) {
                        case TRAINS -> assertThat(steps).as(what).isEqualTo(12);
                        case TRAINS_IN_PART -> assertThat(steps).as(what).isBetween(1L, 12L);
                        case REFUSED -> assertThat(steps).as(what).isZero();
                        case REFUSED_LATER -> assertThat(steps).as(what).isBetween(0L, 11L);
                    }
                    assertThat(thrown.get() != null)
                            .as(what)
                            .isEqualTo(wrapper.outcome == Outcome.REFUSED || wrapper.outcome == Outcome.REFUSED_LATER);
                    if (READING_AHEAD.contains(wrapper)) {
                        assertThat(thrown.get())
                                .as(what)
                                .isInstanceOf(IllegalStateException.class)
                                .hasMessageContaining("cannot be read ahead")
                                .hasMessageContaining("engine.lots");
                    }
                    while (engine.remainingSteps() > 0) {
                        kind.fit(network, lots, 1);
                    }
                    assertThat(network.params().distance2(path.get(12)))
                            .as(what)
                            .isLessThan(1e-9);
                }
            }
        }
    }
}
