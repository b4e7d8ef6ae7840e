// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.dl4jdp.core.gradient.GradientRules;
import io.github.dl4jdp.core.gradient.NeighbouringRuns;
import io.github.dl4jdp.core.gradient.RecordedRun;
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
import org.deeplearning4j.nn.conf.inputs.InputType;
import org.deeplearning4j.nn.graph.ComputationGraph;
import org.deeplearning4j.util.ModelSerializer;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.dataset.DataSet;
import org.nd4j.linalg.dataset.MultiDataSet;
import org.nd4j.linalg.indexing.NDArrayIndex;
import org.nd4j.linalg.learning.config.Adam;
import org.nd4j.linalg.learning.config.Sgd;

/** Record and replay of whole networks; every layer by itself is in {@code PerExampleGradientRuleContract}. */
class RecordReplayTest {
    private static final int EXAMPLES = 6;
    private static final GradientRules RULES = GradientRules.builtIn();

    @TempDir
    @SuppressWarnings("NullAway.Init") // JUnit sets it
    Path folder;

    @ParameterizedTest(name = "{0}")
    @MethodSource("io.github.dl4jdp.core.Graphs#all")
    void graph_neighbouringData_releasesDifferByTheSensitivityAndNothingElseDoes(
            String name, int[] outputs, UnaryOperator<GraphBuilder> vertices, InputType[] inputs) {
        MultiDataSet data = Graphs.data(DataType.DOUBLE, EXAMPLES, outputs, inputs);
        MultiDataSet replacement = Graphs.data(DataType.DOUBLE, EXAMPLES, outputs, inputs);
        for (INDArray features : replacement.getFeatures()) {
            features.muli(-30);
        }
        Supplier<Model> networks = () -> {
            ComputationGraph network = Graphs.build(DataType.DOUBLE, outputs.length, vertices, inputs);
            network.setLearningRate(0);
            return network;
        };
        INDArray norms = PerExampleGradients.norms(networks.get(), data);
        new NeighbouringRuns(networks, data, replacement, RULES)
                .check(norms.medianNumber().doubleValue());
    }

    private static DpSgdPlan plan(long examples) {
        return NeighbouringRuns.plan(examples, 0.5);
    }

    private static RecordedRun run(NetworkKind kind, DpSgdPlan plan, DataSet data) {
        Model network = kind.classifier(DataType.DOUBLE, new Sgd(0));
        return RecordedRun.of(network, plan, 3, RULES, (MultiDataSet) InMemoryExamples.toMultiDataSet(data));
    }

    /** The coins of the others stay, and so does the number of steps; lots that had the example are one row shorter. */
    @ParameterizedTest
    @EnumSource
    void lots_oneExampleRemoved_releasesDifferByTheClippingNormAtMost(NetworkKind kind) {
        int examples = 120;
        DataSet data = Networks.data(DataType.DOUBLE, examples);
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
    void release_sameKey_noiseDoesNotDependOnTheData(NetworkKind kind) {
        DataSet data = Networks.data(DataType.DOUBLE, EXAMPLES);
        DataSet other = Networks.data(DataType.DOUBLE, EXAMPLES);
        other.getFeatures().get(NDArrayIndex.point(EXAMPLES - 1)).assign(Double.NaN);
        List<Double> clean = RecordedRun.distances(run(kind, plan(EXAMPLES), data), run(kind, plan(EXAMPLES), other));
        var noisy = plan(EXAMPLES).withNoiseMultiplier(50);
        RecordedRun one = run(kind, noisy, data);
        List<Double> differences = RecordedRun.distances(one, run(kind, noisy, other));

        assertThat(one.releases().get(0).norm2Number().doubleValue()).isGreaterThan(50);
        for (int i = 0; i < clean.size(); i++) {
            assertThat(differences.get(i)).isCloseTo(clean.get(i), org.assertj.core.api.Assertions.within(1e-6));
        }
    }

    /** Nothing of a lot outlives its step but the release: where the releases are equal, so is everything that is saved. */
    @ParameterizedTest
    @EnumSource
    void model_equalReleases_savesEqualState(NetworkKind kind) throws IOException {
        DataSet data = Networks.data(DataType.DOUBLE, EXAMPLES);
        DataSet other = Networks.data(DataType.DOUBLE, EXAMPLES);
        int last = EXAMPLES - 1;
        data.getLabels().get(NDArrayIndex.point(last)).assign(Double.NaN);
        other.getLabels().get(NDArrayIndex.point(last)).assign(Double.NaN);
        other.getFeatures().get(NDArrayIndex.point(last)).muli(-7);

        assertThat(saved(kind, data, "one.zip")).isEqualTo(saved(kind, other, "other.zip"));
    }

    private Map<String, String> saved(NetworkKind kind, DataSet data, String name) throws IOException {
        Model network = kind.classifier(DataType.DOUBLE, new Adam(0.1));
        var engine = PrivacyEngine.attach(
                network,
                plan(EXAMPLES).withNoiseMultiplier(1),
                ExecutionOptions.defaults().withPhysicalBatchSize(3));
        kind.fit(network, engine.lots(data), engine.plan().epochs());
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
