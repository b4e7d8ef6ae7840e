// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.audit.testkit;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import io.github.dl4jdp.accountant.CorrelatedNoise;
import io.github.dl4jdp.accountant.CorrelationMatrix;
import io.github.dl4jdp.core.DpSgdPlan;
import io.github.dl4jdp.core.ExecutionOptions;
import io.github.dl4jdp.core.PerExampleGradients;
import io.github.dl4jdp.core.PrivacyEngine;
import io.github.dl4jdp.core.gradient.GradientRules;
import java.io.File;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.Supplier;
import java.util.function.UnaryOperator;
import java.util.zip.ZipFile;
import org.deeplearning4j.nn.api.Model;
import org.deeplearning4j.nn.conf.ComputationGraphConfiguration.GraphBuilder;
import org.deeplearning4j.nn.conf.NeuralNetConfiguration;
import org.deeplearning4j.nn.conf.inputs.InputType;
import org.deeplearning4j.nn.conf.layers.DenseLayer;
import org.deeplearning4j.nn.conf.layers.OutputLayer;
import org.deeplearning4j.nn.graph.ComputationGraph;
import org.deeplearning4j.nn.multilayer.MultiLayerNetwork;
import org.deeplearning4j.util.ModelSerializer;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.nd4j.linalg.activations.Activation;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.dataset.DataSet;
import org.nd4j.linalg.dataset.MultiDataSet;
import org.nd4j.linalg.factory.Nd4j;
import org.nd4j.linalg.indexing.NDArrayIndex;
import org.nd4j.linalg.learning.config.Adam;
import org.nd4j.linalg.learning.config.IUpdater;
import org.nd4j.linalg.learning.config.Sgd;
import org.nd4j.linalg.lossfunctions.LossFunctions.LossFunction;

/** Record and replay of whole networks; every layer by itself is in {@link GradientRuleContract}. */
class RecordReplayTest {
    private static final int EXAMPLES = 6;
    private static final GradientRules RULES = GradientRules.builtIn();

    @TempDir
    @SuppressWarnings("NullAway.Init") // JUnit sets it
    Path folder;

    @ParameterizedTest(name = "{0}")
    @MethodSource("io.github.dl4jdp.audit.testkit.ReplayedGraphs#all")
    void graph_neighboringData_releasesDifferByTheSensitivityAndNothingElseDoes(
            String name, int[] outputs, UnaryOperator<GraphBuilder> vertices, InputType[] inputs) {
        MultiDataSet data = ReplayedGraphs.data(EXAMPLES, outputs, inputs);
        MultiDataSet replacement = ReplayedGraphs.data(EXAMPLES, outputs, inputs);
        for (INDArray features : replacement.getFeatures()) {
            features.muli(-30);
        }
        Supplier<Model> networks = () -> ReplayedGraphs.build(outputs.length, vertices, inputs);
        INDArray norms = PerExampleGradients.norms(networks.get(), data);
        new NeighboringRuns(networks, data, replacement, RULES)
                .check(norms.medianNumber().doubleValue());
    }

    /** The same small classifier as one or the other of DL4J's network classes. */
    enum Kind {
        MULTI_LAYER {
            @Override
            Model classifier(IUpdater updater) {
                var network = new MultiLayerNetwork(
                        settings(updater).list().layer(hidden()).layer(output()).build());
                network.init();
                return network;
            }

            @Override
            void fit(Model network, PrivacyEngine engine, DataSet data) {
                ((MultiLayerNetwork) network)
                        .fit(engine.lots(data), engine.plan().epochs());
            }
        },
        GRAPH {
            @Override
            Model classifier(IUpdater updater) {
                var network = new ComputationGraph(settings(updater)
                        .graphBuilder()
                        .addInputs("in")
                        .addLayer("hidden", hidden(), "in")
                        .addLayer("out", output(), "hidden")
                        .setOutputs("out")
                        .build());
                network.init();
                return network;
            }

            @Override
            void fit(Model network, PrivacyEngine engine, DataSet data) {
                ((ComputationGraph) network)
                        .fit(engine.lots(data), engine.plan().epochs());
            }
        };

        private static DenseLayer hidden() {
            return new DenseLayer.Builder()
                    .nIn(4)
                    .nOut(5)
                    .activation(Activation.TANH)
                    .build();
        }

        private static OutputLayer output() {
            return new OutputLayer.Builder(LossFunction.MCXENT)
                    .nIn(5)
                    .nOut(3)
                    .activation(Activation.SOFTMAX)
                    .build();
        }

        private static NeuralNetConfiguration.Builder settings(IUpdater updater) {
            return new NeuralNetConfiguration.Builder()
                    .seed(3)
                    .dataType(DataType.DOUBLE)
                    .updater(updater);
        }

        abstract Model classifier(IUpdater updater);

        abstract void fit(Model network, PrivacyEngine engine, DataSet data);
    }

    private static DataSet data(int examples) {
        Nd4j.getRandom().setSeed(17);
        INDArray labels = Nd4j.zeros(DataType.DOUBLE, examples, 3);
        for (int i = 0; i < examples; i++) {
            labels.putScalar(i, i % 3, 1);
        }
        return new DataSet(Nd4j.randn(DataType.DOUBLE, examples, 4), labels);
    }

    private static DpSgdPlan plan(long examples) {
        return NeighboringRuns.plan(examples, 0.5);
    }

    private static RecordedRun run(Kind kind, DpSgdPlan plan, DataSet data) {
        Model network = kind.classifier(new Sgd(0));
        return RecordedRun.of(network, plan, 3, RULES, (MultiDataSet) data.toMultiDataSet());
    }

    /** The coins of the others stay, and so does the number of steps; lots that had the example are one row shorter. */
    @ParameterizedTest
    @EnumSource
    void lots_oneExampleRemoved_releasesDifferByTheClippingNormAtMost(Kind kind) {
        int examples = 120;
        DataSet data = data(examples);
        data.getFeatures().get(NDArrayIndex.point(examples - 1)).muli(1000);
        DataSet fewer = new DataSet(
                data.getFeatures().get(NDArrayIndex.interval(0, examples - 1)).dup(),
                data.getLabels().get(NDArrayIndex.interval(0, examples - 1)).dup());
        var plan = plan(examples).withSteps(90);
        RecordedRun run = run(kind, plan, data);
        RecordedRun without = run(kind, plan, fewer);

        assertThat(without.releases()).hasSameSizeAs(run.releases()).hasSize(90);
        assertThat(RecordedRun.distances(run, without))
                .allSatisfy(distance -> assertThat(distance).isLessThanOrEqualTo(0.5 * (1 + 1e-5)))
                .anySatisfy(distance -> assertThat(distance).isGreaterThan(0.499))
                .anySatisfy(distance -> assertThat(distance).isZero());
        assertThat(without.callbacks().stream().filter(line -> !line.startsWith("forward")))
                .containsExactlyElementsOf(run.callbacks().stream()
                        .filter(line -> !line.startsWith("forward"))
                        .toList());
    }

    /** With equal keys the noise of two runs is equal to the last bit, whatever the data are: it cancels in the difference. */
    @ParameterizedTest
    @EnumSource
    void release_sameKey_noiseDoesNotDependOnTheData(Kind kind) {
        DataSet data = data(EXAMPLES);
        DataSet other = data(EXAMPLES);
        other.getFeatures().get(NDArrayIndex.point(EXAMPLES - 1)).assign(Double.NaN);
        List<Double> clean = RecordedRun.distances(run(kind, plan(EXAMPLES), data), run(kind, plan(EXAMPLES), other));
        var noisy = plan(EXAMPLES).withNoiseMultiplier(50);
        RecordedRun one = run(kind, noisy, data);
        List<Double> differences = RecordedRun.distances(one, run(kind, noisy, other));

        assertThat(one.releases().get(0).norm2Number().doubleValue()).isGreaterThan(50);
        for (int i = 0; i < clean.size(); i++) {
            assertThat(differences.get(i)).isCloseTo(clean.get(i), within(1e-6));
        }
    }

    private static DpSgdPlan given(String code) {
        DpSgdPlan plan = DpSgdPlan.givenBatches(EXAMPLES, 3)
                .withEpochs(3)
                .withClippingNorm(0.5)
                .withNoiseMultiplier(50)
                .withDelta(1e-5)
                .withSeed(8);
        return code.isEmpty() ? plan : plan.withCorrelatedNoise(CorrelatedNoise.parse(code));
    }

    /** With equal keys, runs on neighboring data differ by the example's own contribution, and each release's noise is the stated combination of the draws that the same key gives independent noise. */
    @ParameterizedTest
    @CsvSource({
        "MULTI_LAYER, lambda-cgd:0.9",
        "MULTI_LAYER, bisr:3",
        "GRAPH, bisr:6",
        "GRAPH, banded-square-root:2",
        "MULTI_LAYER, band-mf:2",
        "GRAPH, band-mf:4"
    })
    void release_correlatedNoise_isOfTheKeyAloneAndMixesIndependentDraws(Kind kind, String code) {
        DataSet data = data(EXAMPLES);
        DataSet other = data(EXAMPLES);
        other.getFeatures().get(NDArrayIndex.point(EXAMPLES - 1)).assign(Double.NaN);
        DpSgdPlan plan = given(code);
        RecordedRun one = run(kind, plan, data);
        RecordedRun two = run(kind, plan, other);
        RecordedRun clean = run(kind, plan.withoutNoise(), data);
        List<Double> differences = RecordedRun.distances(one, two);
        List<Double> contributions = RecordedRun.distances(clean, run(kind, plan.withoutNoise(), other));

        assertThat(two.callbacks()).isEqualTo(one.callbacks());
        assertThat(one.releases()).hasSize(6);
        for (int t = 0; t < 6; t++) {
            // The last example is in the second lot of each pass: the others are equal to the last bit.
            assertThat(one.releases().get(t).equalsWithEps(two.releases().get(t), 0))
                    .isEqualTo(t % 2 == 0);
            assertThat(differences.get(t))
                    .isCloseTo(contributions.get(t), within(1e-6))
                    .isLessThanOrEqualTo(0.5 * (1 + 1e-5));
        }
        var matrix = CorrelationMatrix.of(CorrelatedNoise.parse(code), 6, 3, 2);
        List<INDArray> mixed = one.draws(clean, matrix.coefficients());
        List<INDArray> independent = run(kind, given(""), data).draws(clean, new double[] {1});
        for (int t = 0; t < 6; t++) {
            // Draws are of deviation 25 up to what pays for rounding, a part of 1e-7.
            assertThat(mixed.get(t).distance2(independent.get(t)))
                    .as("lot %d", t + 1)
                    .isLessThan(1e-3);
            assertThat(independent.get(t).norm2Number().doubleValue()).isGreaterThan(50);
            if (t > 0) {
                assertThat(one.releases().get(t).sub(clean.releases().get(t)).distance2(mixed.get(t)))
                        .as("what lot %d takes back", t + 1)
                        .isGreaterThan(10);
            }
        }
    }

    /** Nothing of a lot outlives its step but the release: where the releases are equal, so is everything that is saved. */
    @ParameterizedTest
    @EnumSource
    void model_equalReleases_savesEqualState(Kind kind) throws IOException {
        DataSet data = data(EXAMPLES);
        DataSet other = data(EXAMPLES);
        int last = EXAMPLES - 1;
        data.getLabels().get(NDArrayIndex.point(last)).assign(Double.NaN);
        other.getLabels().get(NDArrayIndex.point(last)).assign(Double.NaN);
        other.getFeatures().get(NDArrayIndex.point(last)).muli(-7);

        assertThat(saved(kind, data, "one.zip")).isEqualTo(saved(kind, other, "other.zip"));
    }

    private Map<String, String> saved(Kind kind, DataSet data, String name) throws IOException {
        Model network = kind.classifier(new Adam(0.1));
        var engine = PrivacyEngine.attach(
                network,
                plan(EXAMPLES).withNoiseMultiplier(1),
                ExecutionOptions.defaults().withPhysicalBatchSize(3));
        kind.fit(network, engine, data);
        engine.close();
        File file = folder.resolve(name).toFile();
        ModelSerializer.writeModel(network, file, true);
        var entries = new TreeMap<String, String>();
        try (var zip = new ZipFile(file)) {
            for (var entry : zip.stream().toList()) {
                try (var in = zip.getInputStream(entry)) {
                    entries.put(
                            entry.getName(),
                            new String(in.readAllBytes(), java.nio.charset.StandardCharsets.ISO_8859_1)
                                    // Each run draws its own.
                                    .replaceAll("\"(id|run)\" : [^\n]*", ""));
                }
            }
        }
        assertThat(entries).containsKeys("configuration.json", "coefficients.bin", "updaterState.bin");
        return entries;
    }
}
