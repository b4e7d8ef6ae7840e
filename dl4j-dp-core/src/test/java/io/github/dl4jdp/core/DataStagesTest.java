// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import io.github.dl4jdp.accountant.DpEvent;
import io.github.dl4jdp.accountant.RunCount;
import io.github.dl4jdp.core.data.DataStage;
import io.github.dl4jdp.core.data.GroupedExamples;
import io.github.dl4jdp.core.data.Origin;
import io.github.dl4jdp.core.data.RandomAccessExamples;
import io.github.dl4jdp.core.data.RecordExamples;
import io.github.dl4jdp.core.gradient.GradientRules;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.function.Consumer;
import org.datavec.api.records.reader.impl.csv.CSVRecordReader;
import org.datavec.api.split.FileSplit;
import org.deeplearning4j.datasets.datavec.RecordReaderDataSetIterator;
import org.deeplearning4j.datasets.iterator.EarlyTerminationDataSetIterator;
import org.deeplearning4j.datasets.iterator.utilty.ListDataSetIterator;
import org.deeplearning4j.nn.multilayer.MultiLayerNetwork;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.dataset.DataSet;
import org.nd4j.linalg.dataset.adapter.MultiDataSetIteratorAdapter;
import org.nd4j.linalg.dataset.api.DataSetPreProcessor;
import org.nd4j.linalg.dataset.api.MultiDataSet;
import org.nd4j.linalg.dataset.api.preprocessor.NormalizerStandardize;
import org.nd4j.linalg.learning.config.Sgd;

/** Whatever the examples go through on their way to the network, and wherever it stands, is looked at before anything is charged. */
class DataStagesTest {
    private static final int EXAMPLES = 12;
    private static final OwnPreProcessor CENTERING = new OwnPreProcessor(data ->
            data.setFeatures(data.getFeatures().subRowVector(data.getFeatures().mean(0))));

    @TempDir
    @SuppressWarnings("NullAway.Init") // JUnit sets it
    Path folder;

    private static DpSgdPlan plan() {
        return DpSgdPlan.poisson(EXAMPLES, 4)
                .withSteps(6)
                .withClippingNorm(1)
                .withNoiseMultiplier(2)
                .withDelta(1e-5);
    }

    private static DpSgdPlan givenBatches() {
        return DpSgdPlan.givenBatches(EXAMPLES, 4)
                .withEpochs(2)
                .withClippingNorm(1)
                .withNoiseMultiplier(2)
                .withDelta(1e-5);
    }

    private static DataSet data() {
        return Networks.data(DataType.FLOAT, EXAMPLES);
    }

    private static ListDataSetIterator<DataSet> iterator() {
        return new ListDataSetIterator<>(data().asList(), 4);
    }

    private static MultiLayerNetwork network() {
        return (MultiLayerNetwork) NetworkKind.MULTI_LAYER.classifier(DataType.FLOAT, new Sgd(0.1));
    }

    /** Uses an engine in a way that is refused, and nothing is charged for it. */
    private static void assertRefused(DpSgdPlan plan, String words, Consumer<PrivacyEngine> use) {
        try (var engine = PrivacyEngine.attach(network(), plan)) {
            double before = engine.epsilon();
            assertThatIllegalArgumentException()
                    .isThrownBy(() -> use.accept(engine))
                    .withMessageContaining(words);
            assertThat(engine.steps()).isZero();
            assertThat(engine.epsilon()).isEqualTo(before);
        }
    }

    private static NormalizerStandardize fitted() {
        var normalizer = new NormalizerStandardize();
        normalizer.fit(data());
        return normalizer;
    }

    private static void assertNamed(PrivacyEngine engine) {
        assertThat(engine.report().assumptions())
                .anySatisfy(line -> assertThat(line).contains("the NormalizerStandardize was fitted"));
    }

    private RecordReaderDataSetIterator csv() throws IOException, InterruptedException {
        Path file = folder.resolve("data.csv");
        if (!Files.exists(file)) {
            var lines = new StringBuilder();
            for (int i = 0; i < EXAMPLES; i++) {
                for (int j = 0; j < Networks.INPUTS; j++) {
                    lines.append(0.1 * ((7 * i + 3 * j) % 11)).append(',');
                }
                lines.append(i % 3).append('\n');
            }
            Files.writeString(file, lines);
        }
        var reader = new CSVRecordReader();
        reader.initialize(new FileSplit(file.toFile()));
        return new RecordReaderDataSetIterator(reader, 4, Networks.INPUTS, 3);
    }

    /** DL4J applies the preprocessor of the iterator to the records of each physical batch together. */
    @Test
    void indexed_iteratorWithAPreProcessor_isRefused() throws Exception {
        RecordReaderDataSetIterator iterator = csv();
        RandomAccessExamples examples = RecordExamples.indexed(iterator);
        iterator.setPreProcessor(CENTERING);
        assertThatIllegalArgumentException()
                .isThrownBy(() -> RecordExamples.indexed(iterator))
                .withMessageContaining("engine.lots(examples).setPreProcessor");
        assertRefused(plan(), "OwnPreProcessor", engine -> engine.lots(examples));
        // Set after the lots were made, and one that computes every example on its own as well.
        iterator.setPreProcessor(null);
        assertRefused(plan(), "indexed records must have no preprocessor", engine -> {
            var lots = engine.lots(examples);
            iterator.setPreProcessor(fitted());
            network().fit(lots.next());
        });
    }

    @Test
    void lots_inMemoryThroughAPreProcessor_areLookedAtAsIfItWereSetOnThem() {
        var mixing = iterator();
        mixing.setPreProcessor(CENTERING);
        RandomAccessExamples mixed = RecordExamples.inMemory(mixing);
        mixing.setPreProcessor(null);
        assertRefused(plan(), "withPreProcessor", engine -> engine.lots(mixed));
        assertRefused(plan(), "withPreProcessor", engine -> engine.multiLots(mixed));
        var inside = iterator();
        inside.setPreProcessor(CENTERING);
        RandomAccessExamples nested = RecordExamples.inMemory(new EarlyTerminationDataSetIterator(inside, 100));
        assertRefused(plan(), "withPreProcessor", engine -> engine.lots(nested));
        assertRefused(plan(), "withPreProcessor", engine -> engine.lots(new Decorated(mixed)));
        long[] owners = {0, 0, 1, 1, 2, 3, 4, 5, 6, 7, 8, 9};
        assertRefused(
                DpSgdPlan.poisson(10, 4)
                        .withUnit("patient", 2)
                        .withSteps(2)
                        .withClippingNorm(1)
                        .withNoiseMultiplier(2)
                        .withDelta(1e-5),
                "withPreProcessor",
                engine -> engine.lots(GroupedExamples.of(mixed, owners)));
        assertThatIllegalArgumentException()
                .isThrownBy(() -> PrivateSearch.of(
                                DpSgdPlan.poisson(10, 4)
                                        .withUnit("patient", 2)
                                        .withSteps(2)
                                        .withClippingNorm(1),
                                List.of(1),
                                RunCount.geometric(2))
                        .withPrivateAccuracy(GroupedExamples.of(mixed, owners), 1))
                .withMessageContaining("withPreProcessor");

        try (var engine =
                PrivacyEngine.attach(network(), plan(), ExecutionOptions.defaults(), OwnPreProcessor.optedIn())) {
            assertThat(engine.lots(mixed).hasNext()).isTrue();
        }
        var normalizing = iterator();
        normalizing.setPreProcessor(fitted());
        try (var engine = PrivacyEngine.attach(network(), plan())) {
            engine.lots(RecordExamples.inMemory(normalizing));
            assertNamed(engine);
        }
    }

    /** A user's examples around others. */
    private record Decorated(RandomAccessExamples examples) implements RandomAccessExamples {
        @Override
        public long size() {
            return examples.size();
        }

        @Override
        public MultiDataSet get(long[] indices) {
            return examples.get(indices);
        }
    }

    @Test
    void lots_givenIteratorsInsideOthers_areLookedAtBeforeEveryLot() {
        var inner = iterator();
        inner.setPreProcessor(CENTERING);
        assertRefused(
                givenBatches(),
                "withPreProcessor",
                engine -> engine.lots(new EarlyTerminationDataSetIterator(inner, 100)));
        assertRefused(
                givenBatches(), "withPreProcessor", engine -> engine.lots(new MultiDataSetIteratorAdapter(inner)));
        inner.setPreProcessor(null);
        assertRefused(givenBatches(), "withPreProcessor", engine -> {
            // An iterator that does not hand on what is set on the one inside.
            var lots = engine.lots(new MultiDataSetIteratorAdapter(inner));
            inner.setPreProcessor(CENTERING);
            lots.next();
        });
        inner.setPreProcessor(fitted());
        var network = network();
        try (var engine = PrivacyEngine.attach(network, givenBatches())) {
            network.fit(engine.lots(new EarlyTerminationDataSetIterator(inner, 100)), 1);
            assertThat(engine.steps()).isEqualTo(3);
            assertNamed(engine);
        }
    }

    /** A preprocessor with constants of a release. */
    private record Shifting(Origin origin) implements DataSetPreProcessor, DataStage {
        private static final long serialVersionUID = 1L;

        @Override
        public void preProcess(org.nd4j.linalg.dataset.api.DataSet data) {
            data.setFeatures(data.getFeatures().add(0.5));
        }
    }

    @Test
    void setPreProcessor_constantsOfARelease_needAPlanThatIsChargedWithIt() {
        var event = new DpEvent.Gaussian(3);
        var shifting = new Shifting(Origin.ofRelease("statistics", event.toJson()));
        GradientRules rules = GradientRules.builtIn().withPreProcessor(new Shifting(Origin.PUBLIC), data());
        DpSgdPlan charged = plan().withOtherRelease("statistics", event);
        var network = network();
        try (var engine = PrivacyEngine.attach(network, plan(), ExecutionOptions.defaults(), rules)) {
            assertThatIllegalArgumentException()
                    .isThrownBy(() -> engine.lots(data()).setPreProcessor(shifting))
                    .withMessageContaining("statistics")
                    .withMessageContaining("chargedTo");
            assertThat(engine.epsilon()).isZero();
        }
        for (DpSgdPlan other : List.of(
                plan().withOtherRelease("others", event),
                plan().withOtherRelease("statistics", new DpEvent.Gaussian(30)),
                plan().withOtherReleases(event))) {
            try (var engine = PrivacyEngine.attach(network(), other, ExecutionOptions.defaults(), rules)) {
                assertThatIllegalArgumentException()
                        .isThrownBy(() -> engine.lots(data()).setPreProcessor(shifting));
            }
        }
        try (var engine = PrivacyEngine.attach(network, charged.continuing(), ExecutionOptions.defaults(), rules)) {
            var lots = engine.lots(data());
            lots.setPreProcessor(shifting);
            network.fit(lots, 1);
        }
        // What the network was charged with before is in epsilon, whatever the plan of now says.
        try (var engine =
                PrivacyEngine.attach(network, plan().withSteps(9).continuing(), ExecutionOptions.defaults(), rules)) {
            engine.lots(data()).setPreProcessor(shifting);
            assertThat(engine.epsilon()).isGreaterThan(charged.epsilonAfter(1));
        }
        try (var engine = PrivacyEngine.attach(network(), plan(), ExecutionOptions.defaults(), rules)) {
            engine.lots(data()).setPreProcessor(new Shifting(Origin.UNKNOWN));
            assertThat(engine.report().assumptions())
                    .anySatisfy(line -> assertThat(line).contains("Shifting").contains("does not say"));
        }
    }
}
