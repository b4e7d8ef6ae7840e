// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.dl4jdp.core.internal.network.DpNetwork;
import java.io.File;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.zip.ZipFile;
import org.deeplearning4j.nn.api.Model;
import org.deeplearning4j.optimize.listeners.CheckpointListener;
import org.deeplearning4j.util.ModelSerializer;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.dataset.DataSet;
import org.nd4j.linalg.learning.config.Adam;
import org.nd4j.shade.jackson.databind.JsonNode;
import org.nd4j.shade.jackson.databind.ObjectMapper;

/** Private networks in DL4J's own files. */
class ModelFilesTest {
    private static final int EXAMPLES = 12;
    private static final DpSgdPlan PLAN = DpSgdPlan.poisson(EXAMPLES, 6)
            .withSteps(6)
            .withClippingNorm(1.0)
            .withNoiseMultiplier(1.5)
            .withDelta(1e-5);

    private final Path folder;

    ModelFilesTest(@TempDir Path folder) {
        this.folder = folder;
    }

    private static DataSet data() {
        return Networks.data(DataType.FLOAT, EXAMPLES);
    }

    private static Model trained(NetworkKind kind) {
        Model network = kind.classifier(DataType.FLOAT, new Adam(0.01));
        kind.fit(network, PrivacyEngine.attach(network, PLAN).lots(data()), 1);
        return network;
    }

    @ParameterizedTest
    @EnumSource
    void writeModel_attachedNetwork_restoredTrainsOnlyWhenAttached(NetworkKind kind) throws IOException {
        Model network = trained(kind);
        File file = folder.resolve("model.zip").toFile();
        ModelSerializer.writeModel(network, file, true);

        Model restored = kind.restore(file);

        assertThat(restored.params()).isEqualTo(network.params());
        assertThat(kind.updaterState(restored)).isEqualTo(kind.updaterState(network));
        assertThat(kind.iterations(restored)).isEqualTo(2);
        assertThatThrownBy(() -> kind.fit(restored, data())).hasMessageContaining("PrivacyEngine.attach");
        assertThat(restored.params()).isEqualTo(network.params());
        var engine = PrivacyEngine.attach(restored);
        assertThat(engine.plan()).isEqualTo(PLAN);
        kind.fit(restored, engine.lots(data()), 1);
        assertThat(kind.iterations(restored)).isEqualTo(4);
        assertThat(restored.params()).isNotEqualTo(network.params());
    }

    @ParameterizedTest
    @EnumSource
    void writeModel_learningRateSetAfterRestore_stillFailsClosed(NetworkKind kind) throws IOException {
        File file = folder.resolve("model.zip").toFile();
        ModelSerializer.writeModel(trained(kind), file, true);
        Model restored = kind.restore(file);
        kind.setLearningRate(restored, 0.5);

        assertThatThrownBy(() -> kind.fit(restored, data())).hasMessageContaining("PrivacyEngine.attach");
    }

    @ParameterizedTest
    @EnumSource
    void checkpointListener_accumulatedLots_savesOncePerLotAndFailsClosed(NetworkKind kind) throws IOException {
        Model network = kind.classifier(DataType.FLOAT, new Adam(0.01));
        var checkpoints = new CheckpointListener.Builder(folder.toFile())
                .keepAll()
                .saveEveryNIterations(2)
                .build();
        kind.setListeners(network, checkpoints);
        var engine =
                PrivacyEngine.attach(network, PLAN, ExecutionOptions.defaults().withPhysicalBatchSize(1));
        kind.fit(network, engine.lots(data()), PLAN.epochs());

        // DL4J saves at iteration numbers 2 and 4, counted from 0: after the third and the fifth lot.
        assertThat(checkpoints.availableCheckpoints())
                .extracting(checkpoint -> checkpoint.getIteration())
                .containsExactly(2, 4);
        Model last = kind.lastCheckpoint(folder.toFile());
        assertThat(last.params()).isNotEqualTo(network.params());
        assertThatThrownBy(() -> kind.fit(last, data())).hasMessageContaining("PrivacyEngine.attach");
    }

    @ParameterizedTest
    @EnumSource
    void exportForInference_trained_isPlainDl4jWithStatement(NetworkKind kind) throws IOException {
        Model network = kind.classifier(DataType.FLOAT, new Adam(0.01));
        var engine = PrivacyEngine.attach(network, PLAN);
        var lots = engine.lots(data());
        kind.fit(network, lots, 1);
        File file = folder.resolve("model.zip").toFile();
        Files.writeString(file.toPath(), "an older file");

        engine.exportForInference(file);

        try (var zip = new ZipFile(file)) {
            assertThat(text(zip, "configuration.json"))
                    .contains("privacy account", "\"learningRate\" : 0.0")
                    .doesNotContain("dl4jdp", "DpUpdater", "Adam");
            assertThat(zip.getEntry("updaterState.bin")).isNull();
            JsonNode report = new ObjectMapper().readTree(text(zip, "privacy-report.json"));
            assertThat(report.get("private").asBoolean()).isTrue();
            assertThat(report.get("epsilon").asDouble()).isEqualTo(engine.epsilon());
            assertThat(report.get("delta").asDouble()).isEqualTo(1e-5);
            assertThat(report.get("relation").asText()).isEqualTo("ADD_OR_REMOVE_ONE");
            assertThat(report.get("steps").asLong()).isEqualTo(2);
            assertThat(report.get("plan").get("noiseMultiplier").asDouble()).isEqualTo(1.5);
            assertThat(text(zip, "privacy-report.md"))
                    .startsWith("# Privacy report")
                    .contains("2 of 6", "-differential privacy")
                    .contains("- one row of the data set is one person's whole contribution");
        }
        Model plain = kind.restore(file);
        assertThat(kind.output(plain, data().getFeatures())).isEqualTo(kind.output(network, data().getFeatures()));
        assertThat(folder.toFile().list()).containsExactly("model.zip");
        kind.fit(network, lots, 1);
        assertThat(engine.steps()).isEqualTo(4);
    }

    private static String text(ZipFile zip, String entry) throws IOException {
        return new String(zip.getInputStream(zip.getEntry(entry)).readAllBytes(), StandardCharsets.UTF_8);
    }

    @ParameterizedTest
    @EnumSource
    void exportForInference_missingFolder_leavesNothingBehind(NetworkKind kind) {
        var engine = PrivacyEngine.attach(kind.classifier(DataType.FLOAT, new Adam(0.01)), PLAN);

        assertThatThrownBy(() -> engine.exportForInference(
                        folder.resolve("none/model.zip").toFile()))
                .isInstanceOf(IOException.class)
                .hasMessageContaining("model.zip")
                .hasMessageContaining("file must be in a folder that exists; create it first");
        assertThat(folder.toFile().list()).isEmpty();
    }

    @ParameterizedTest
    @EnumSource
    void exportForInference_detached_throws(NetworkKind kind) {
        var engine = PrivacyEngine.attach(kind.classifier(DataType.FLOAT, new Adam(0.01)), PLAN);
        engine.detach();

        assertThatThrownBy(() ->
                        engine.exportForInference(folder.resolve("model.zip").toFile()))
                .isInstanceOf(IllegalStateException.class)
                .hasMessageContaining("before close() or detach()");
    }

    @ParameterizedTest
    @EnumSource
    void params_ofTheExport_areACopy(NetworkKind kind) throws IOException {
        Model network = trained(kind);
        INDArray before = network.params().dup();
        Model copy = DpNetwork.of(network).copy(updater -> updater);
        copy.params().addi(1);

        assertThat(network.params()).isEqualTo(before);
    }
}
