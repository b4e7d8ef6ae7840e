// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.features;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import io.github.dl4jdp.accountant.PldAccountant;
import io.github.dl4jdp.core.DpSgdPlan;
import io.github.dl4jdp.core.PrivacyEngine;
import io.github.dl4jdp.core.data.DataStage;
import io.github.dl4jdp.core.data.Origin;
import io.github.dl4jdp.core.data.RandomAccessExamples;
import io.github.dl4jdp.core.data.RecordExamples;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.DataOutputStream;
import java.io.File;
import java.io.IOException;
import java.io.ObjectInputStream;
import java.io.ObjectOutputStream;
import java.nio.file.Path;
import java.util.List;
import java.util.Objects;
import org.deeplearning4j.datasets.iterator.utilty.ListDataSetIterator;
import org.deeplearning4j.nn.multilayer.MultiLayerNetwork;
import org.deeplearning4j.util.ModelSerializer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.dataset.DataSet;
import org.nd4j.linalg.dataset.api.DataSetPreProcessor;
import org.nd4j.linalg.dataset.api.preprocessor.CompositeDataSetPreProcessor;
import org.nd4j.linalg.factory.Nd4j;

/** Constants of the library's own releases are used under plans alone that are charged with the release. */
class ReleasedConstantsTest {
    private static final int ROWS = 40;

    @TempDir
    @SuppressWarnings("NullAway.Init") // JUnit sets it
    Path folder;

    private static DataSet data() {
        INDArray labels = Nd4j.zeros(DataType.FLOAT, ROWS, 2);
        for (int i = 0; i < ROWS; i++) {
            labels.putScalar(i, i % 2, 1);
        }
        INDArray features = Nd4j.linspace(DataType.FLOAT, 1, 0.25, 2L * ROWS).reshape(ROWS, 2);
        return new DataSet(features, labels);
    }

    private static DpSgdPlan plan() {
        return DpSgdPlan.poisson(ROWS, 8)
                .withSteps(4)
                .withClippingNorm(1)
                .withNoiseMultiplier(2)
                .withDelta(1e-5);
    }

    private static MultiLayerNetwork network(int inputs) {
        return PrivateScalingTest.network(inputs, 0.1);
    }

    private static ReleasedScaling scaling() {
        return PrivateScaling.of(ROWS, 0.3).release(RandomAccessExamples.of(data()));
    }

    private static ReleasedNormalization normalization(RandomAccessExamples data) {
        return PrivateNormalization.of(ROWS, 20, 400, 0.5).release(data);
    }

    private static void assertRefused(DpSgdPlan plan, DataSetPreProcessor preProcessor, String identity) {
        try (var engine = PrivacyEngine.attach(network(2), plan)) {
            assertThatIllegalArgumentException()
                    .isThrownBy(() -> engine.lots(data()).setPreProcessor(preProcessor))
                    .withMessageContaining(identity)
                    .withMessageContaining("chargedTo");
            assertThat(engine.steps()).isZero();
        }
    }

    private static void assertRefused(DpSgdPlan plan, RandomAccessExamples examples, String identity) {
        try (var engine = PrivacyEngine.attach(network(2), plan)) {
            assertThatIllegalArgumentException()
                    .isThrownBy(() -> engine.lots(examples))
                    .withMessageContaining(identity)
                    .withMessageContaining("chargedTo");
            assertThat(engine.steps()).isZero();
        }
    }

    @Test
    void tableNormalizer_ofAReleaseThatIsNotCharged_isRefusedHoweverItCame() throws Exception {
        ReleasedScaling released = scaling();
        TableNormalizer normalizer = released.normalizer();
        File model = folder.resolve("model.zip").toFile();
        network(2).save(model);
        ModelSerializer.addNormalizerToModel(model, normalizer);
        TableNormalizer restored = ModelSerializer.restoreNormalizerFromFile(model);
        File file = folder.resolve("scaling.json").toFile();
        released.save(file);
        var bytes = new ByteArrayOutputStream();
        try (var out = new ObjectOutputStream(bytes)) {
            out.writeObject(normalizer);
        }
        TableNormalizer copied;
        try (var in = new ObjectInputStream(new ByteArrayInputStream(bytes.toByteArray()))) {
            copied = (TableNormalizer) in.readObject();
        }
        for (DataSetPreProcessor one : List.of(
                normalizer,
                restored,
                ReleasedScaling.load(file).normalizer(),
                copied,
                new CompositeDataSetPreProcessor(normalizer))) {
            assertRefused(plan(), one, released.identity());
        }
        assertRefused(scaling().chargedTo(plan()), normalizer, released.identity());
        var iterator = new ListDataSetIterator<>(data().asList(), 10);
        iterator.setPreProcessor(normalizer);
        assertRefused(plan(), RecordExamples.inMemory(iterator), released.identity());

        DpSgdPlan charged = released.chargedTo(plan());
        MultiLayerNetwork net = network(normalizer.outputColumns());
        try (var engine = PrivacyEngine.attach(net, charged)) {
            var lots = engine.lots(data());
            lots.setPreProcessor(restored);
            net.fit(lots, charged.epochs());
            assertThat(engine.epsilon())
                    .isGreaterThan(0.999
                            * new PldAccountant()
                                    .compose(plan().event())
                                    .compose(released.event())
                                    .epsilon(1e-5));
        }
    }

    @Test
    void lots_constantsReadFromARelease_areAnAssumptionOfTheReport() {
        ReleasedScaling released = scaling();
        TableNormalizer own = released.normalizer();
        var knots = new double[own.inputColumns()][];
        for (int c = 0; c < knots.length; c++) {
            knots[c] = Objects.requireNonNull(own.knots(c));
        }
        String assumed = "neither statistics of the training data nor the numbers of a private release";
        try (var engine = PrivacyEngine.attach(network(own.outputColumns()), plan())) {
            engine.lots(data()).setPreProcessor(new TableNormalizer(knots));
            assertThat(engine.report().assumptions())
                    .anySatisfy(line -> assertThat(line).contains("TableNormalizer", assumed));
        }
        try (var engine = PrivacyEngine.attach(network(2), plan())) {
            engine.lots(ChannelNormalization.of(new double[] {0, 0}, new double[] {1, 1})
                    .normalize(RandomAccessExamples.of(data())));
            assertThat(engine.report().assumptions())
                    .anySatisfy(line -> assertThat(line).contains("ChannelNormalization", assumed));
        }
        try (var engine = PrivacyEngine.attach(network(own.outputColumns()), released.chargedTo(plan()))) {
            engine.lots(data()).setPreProcessor(own);
            assertThat(engine.report().assumptions()).noneMatch(line -> line.contains(assumed));
        }
    }

    @Test
    void tableNormalizer_ofPublicKnots_isFreeAndOneOfAnEarlierFileIsNamed() throws IOException {
        var knots = new double[][] {{0, 5, 20}, null};
        var bytes = new ByteArrayOutputStream();
        var out = new DataOutputStream(bytes);
        // As it was written before knots knew where they come from.
        out.writeInt(2);
        out.writeInt(3);
        for (double knot : knots[0]) {
            out.writeDouble(knot);
        }
        out.writeInt(-1);
        TableNormalizer earlier = new TableNormalizer.Strategy().restore(new ByteArrayInputStream(bytes.toByteArray()));
        assertThat(earlier.knots(0)).containsExactly(knots[0]);
        assertThat(earlier.origin()).isEqualTo(Origin.UNKNOWN);
        for (TableNormalizer one : List.of(new TableNormalizer(knots), earlier)) {
            MultiLayerNetwork net = network(one.outputColumns());
            try (var engine = PrivacyEngine.attach(net, plan())) {
                var lots = engine.lots(data());
                lots.setPreProcessor(one);
                net.fit(lots, 1);
                assertThat(engine.report().assumptions().stream()
                                .anyMatch(line -> line.contains("TableNormalizer") && line.contains("does not say")))
                        .isEqualTo(!one.origin().isKnown());
                assertThat(engine.report().assumptions().stream()
                                .anyMatch(line -> line.contains(
                                        "the constants that the TableNormalizer was made from are public")))
                        .isEqualTo(one.origin().isKnown());
            }
        }
    }

    /** An extractor that hands rows on. */
    private record Same() implements FeatureExtractor {
        @Override
        public long[] inputShape() {
            return new long[] {2};
        }

        @Override
        public long[] outputShape() {
            return new long[] {2};
        }

        @Override
        public String identity() {
            return "same";
        }

        @Override
        public float[] extract(float[] examples) {
            return examples.clone();
        }
    }

    private FeatureFile file(String name, FeatureExtractor extractor) throws IOException {
        float[] values = data().getFeatures().data().asFloat();
        return FeatureFile.open(
                folder.resolve(name),
                extractor,
                new FeatureFile.Examples() {
                    @Override
                    public int size() {
                        return ROWS;
                    }

                    @Override
                    public float[] read(int from, int to) {
                        return java.util.Arrays.copyOfRange(values, 2 * from, 2 * to);
                    }
                },
                done -> {});
    }

    @Test
    void channelNormalization_ofAReleaseThatIsNotCharged_isRefusedWhereverItStands() throws IOException {
        RandomAccessExamples raw = RandomAccessExamples.of(data());
        ReleasedNormalization released = normalization(raw);
        File saved = folder.resolve("normalization.json").toFile();
        released.save(saved);
        ChannelNormalization ofPublic = ChannelNormalization.of(new double[] {1, 1}, new double[] {2, 2});
        INDArray labels = data().getLabels();
        for (ChannelNormalization one : List.of(
                released.normalization(),
                ReleasedNormalization.load(saved).normalization(),
                ofPublic.then(released.normalization()),
                released.normalization().then(ofPublic))) {
            FeatureExtractor extractor = one.after(new Same());
            for (RandomAccessExamples examples : List.of(
                    one.normalize(raw),
                    ofPublic.normalize(one.normalize(raw)),
                    file("plain", new Same()).normalizedBy(one).withLabels(labels),
                    file("plain", new Same())
                            .normalizedBy(ofPublic)
                            .normalizedBy(one)
                            .withLabels(labels),
                    file("extracted", extractor).withLabels(labels),
                    file("extracted", extractor).normalizedBy(ofPublic).withLabels(labels))) {
                assertRefused(plan(), examples, released.identity());
                MultiLayerNetwork net = network(2);
                try (var engine = PrivacyEngine.attach(net, released.chargedTo(plan()))) {
                    net.fit(engine.lots(examples), 1);
                    assertThat(engine.steps()).isPositive();
                }
            }
            assertRefused(plan(), new FeaturePreProcessor(extractor), released.identity());
            float[] drawn = {1, 2, 3, 5, 8, 13, 21, 34};
            assertRefused(
                    plan(),
                    new FeaturePreProcessor(WhitenedFeatures.learn(extractor, 1, drawn, 1, 0.1)),
                    released.identity());
        }
        try (var engine = PrivacyEngine.attach(network(2), plan())) {
            assertThat(engine.lots(ofPublic.normalize(raw)).hasNext()).isTrue();
            engine.lots(raw).setPreProcessor(new FeaturePreProcessor(ofPublic.after(new Same())));
        }
    }

    /** The constants are moments of what the release makes of public examples: another function of the release. */
    @Test
    void learn_throughAnExtractorOfARelease_isRefusedWhereTheReleaseIs() throws IOException {
        RandomAccessExamples raw = RandomAccessExamples.of(data());
        ReleasedNormalization released = normalization(raw);
        float[] drawn = {1, 2, 3, 5, 8, 13, 21, 34};
        FeatureExtractor through = released.normalization().after(new Same());
        ChannelNormalization once = ChannelNormalization.learn(through, drawn);
        ChannelNormalization twice = ChannelNormalization.learn(once.after(new Same()), drawn);
        ChannelNormalization whitened =
                ChannelNormalization.learn(WhitenedFeatures.learn(through, 1, drawn, 2, 0.1), drawn);
        for (ChannelNormalization one : List.of(once, twice, whitened)) {
            assertThat(one.origin()).isEqualTo(released.normalization().origin());
            RandomAccessExamples normalized =
                    file("plain", new Same()).normalizedBy(one).withLabels(data().getLabels());
            assertRefused(plan(), normalized, released.identity());
            assertRefused(plan(), one.normalize(raw), released.identity());
            try (var engine = PrivacyEngine.attach(network(2), released.chargedTo(plan()))) {
                assertThat(engine.lots(normalized).hasNext()).isTrue();
            }
        }
        assertThat(ChannelNormalization.learn(new Same(), drawn).origin()).isEqualTo(Origin.PUBLIC);
    }

    /** What was released about changed data depends on the constants by which they were changed. */
    @Test
    void release_aboutDataThatARelease_changed_needsBoth() throws IOException {
        RandomAccessExamples raw = RandomAccessExamples.of(data());
        ReleasedNormalization first = normalization(raw);
        ReleasedScaling second =
                PrivateScaling.of(ROWS, 0.3).release(first.normalization().normalize(raw));
        File file = folder.resolve("scaling.json").toFile();
        second.save(file);
        for (TableNormalizer one :
                List.of(second.normalizer(), ReleasedScaling.load(file).normalizer())) {
            assertRefused(second.chargedTo(plan()), one, first.identity());
            assertRefused(first.chargedTo(plan()), one, second.identity());
            try (var engine = PrivacyEngine.attach(network(2), first.chargedTo(second.chargedTo(plan())))) {
                engine.lots(data()).setPreProcessor(one);
            }
        }
        assertThat(((DataStage) second.normalizer()).origin().isKnown()).isTrue();
    }

    @Test
    void release_aboutDataThroughAPreProcessorThatMayMix_isRefused() {
        var iterator = new ListDataSetIterator<>(data().asList(), 10);
        DataSetPreProcessor centering = batch -> batch.setFeatures(
                batch.getFeatures().subRowVector(batch.getFeatures().mean(0)));
        iterator.setPreProcessor(centering);
        RandomAccessExamples mixed = RecordExamples.inMemory(iterator);
        assertThatIllegalArgumentException()
                .isThrownBy(() -> PrivateScaling.of(ROWS, 1).release(mixed))
                .withMessageContaining("not known to compute every example independently");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> normalization(mixed))
                .withMessageContaining("not known to compute every example independently");
    }
}
