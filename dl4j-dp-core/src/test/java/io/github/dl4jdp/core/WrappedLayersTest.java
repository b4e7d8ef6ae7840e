// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.List;
import java.util.stream.Stream;
import org.deeplearning4j.nn.api.Model;
import org.deeplearning4j.nn.conf.NeuralNetConfiguration;
import org.deeplearning4j.nn.conf.WorkspaceMode;
import org.deeplearning4j.nn.conf.inputs.InputType;
import org.deeplearning4j.nn.conf.layers.DenseLayer;
import org.deeplearning4j.nn.conf.layers.LSTM;
import org.deeplearning4j.nn.conf.layers.Layer;
import org.deeplearning4j.nn.conf.layers.OutputLayer;
import org.deeplearning4j.nn.conf.layers.misc.FrozenLayer;
import org.deeplearning4j.nn.conf.layers.misc.FrozenLayerWithBackprop;
import org.deeplearning4j.nn.conf.layers.recurrent.Bidirectional;
import org.deeplearning4j.nn.conf.layers.recurrent.LastTimeStep;
import org.deeplearning4j.nn.conf.layers.util.MaskZeroLayer;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import org.nd4j.linalg.activations.Activation;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.dataset.DataSet;
import org.nd4j.linalg.factory.Nd4j;
import org.nd4j.linalg.learning.config.Adam;
import org.nd4j.linalg.lossfunctions.LossFunctions.LossFunction;
import org.nd4j.shade.jackson.core.JsonProcessingException;
import org.nd4j.shade.jackson.databind.JsonNode;
import org.nd4j.shade.jackson.databind.ObjectMapper;
import org.nd4j.shade.jackson.databind.node.ObjectNode;

/** Layers inside layers: their updaters are wrapped too, and given back. */
class WrappedLayersTest {
    private static final int EXAMPLES = 12;
    /** A wrapped updater in JSON; that of a layer is called iupdater. */
    private static final String WRAPPED = "\"updater\" : \\{\\s*\"@class\" : \"[^\"]*Adam\"";

    private static final InputType SERIES = InputType.recurrent(3, 4);

    static Stream<Arguments> layers() {
        return Stream.<Layer[]>of(
                        new Layer[] {new LastTimeStep(lstm())},
                        new Layer[] {new LastTimeStep(new Bidirectional(lstm()))},
                        new Layer[] {new Bidirectional(lstm()), new LastTimeStep(lstm())},
                        new Layer[] {new LastTimeStep(new MaskZeroLayer(lstm(), 0))},
                        new Layer[] {new FrozenLayer(lstm()), new LastTimeStep(lstm())},
                        new Layer[] {new LastTimeStep(lstm()), new FrozenLayerWithBackprop(dense()), dense()})
                .flatMap(layers -> NetworkKind.all().stream().map(kind -> Arguments.of(kind, layers)));
    }

    private static LSTM lstm() {
        return new LSTM.Builder().nOut(4).activation(Activation.TANH).build();
    }

    private static DenseLayer dense() {
        return new DenseLayer.Builder().nOut(4).activation(Activation.TANH).build();
    }

    private static OutputLayer output() {
        return new OutputLayer.Builder(LossFunction.MCXENT)
                .nOut(3)
                .activation(Activation.SOFTMAX)
                .build();
    }

    private static Model build(NetworkKind kind, WorkspaceMode workspaces, Layer... layers) {
        var all = Stream.concat(Stream.of(layers).map(Layer::clone), Stream.of(output()))
                .toArray(Layer[]::new);
        return kind.chain(
                new NeuralNetConfiguration.Builder()
                        .seed(7)
                        .dataType(DataType.DOUBLE)
                        .trainingWorkspaceMode(workspaces)
                        .inferenceWorkspaceMode(workspaces)
                        .updater(new Adam(0.01)),
                SERIES,
                all);
    }

    private static DataSet data() {
        Nd4j.getRandom().setSeed(11);
        INDArray labels = Nd4j.zeros(DataType.DOUBLE, EXAMPLES, 3);
        for (int i = 0; i < EXAMPLES; i++) {
            labels.putScalar(i, i % 3, 1);
        }
        return new DataSet(Nd4j.randn(DataType.DOUBLE, EXAMPLES, 3, 4), labels);
    }

    @ParameterizedTest
    @MethodSource("layers")
    void attach_layersInsideLayers_trainsAsPlainDl4jAndFailsClosed(NetworkKind kind, Layer[] layers) {
        for (WorkspaceMode workspaces : new WorkspaceMode[] {WorkspaceMode.ENABLED, WorkspaceMode.NONE}) {
            Model plain = build(kind, workspaces, layers);
            Model network = build(kind, workspaces, layers);
            String before = kind.json(network);
            var engine = PrivacyEngine.attach(
                    network,
                    DpSgdPlan.poisson(EXAMPLES, EXAMPLES)
                            .withSteps(2)
                            .withClippingNorm(1e30)
                            .withoutNoise()
                            .withDelta(1e-5));

            kind.fit(network, engine.lots(data()), 2);
            kind.fit(plain, data());
            kind.fit(plain, data());

            assertThat(network.params().distance2(plain.params())).isLessThan(1e-9);
            assertThat(kind.json(network).replaceAll(WRAPPED, "")).doesNotContain("config.Adam");
            Model copy = kind.copy(network);
            assertThatThrownBy(() -> kind.fit(copy, data())).hasMessageContaining("PrivacyEngine.attach");
            engine.detach();
            assertThat(withoutCounts(kind.json(network))).isEqualTo(withoutCounts(before));
        }
    }

    /** Without what training counts, and the account, which stays. */
    private static JsonNode withoutCounts(String json) {
        try {
            JsonNode tree = new ObjectMapper().readTree(json);
            for (String name : List.of("epochCount", "iterationCount", "constraints")) {
                tree.findParents(name).forEach(parent -> ((ObjectNode) parent).remove(name));
            }
            // A guard stands around a layer's own weight noise, or around none.
            tree.findParents("weightNoise").stream()
                    .filter(parent -> parent.get("weightNoise").has("detached"))
                    .forEach(parent -> ((ObjectNode) parent)
                            .set("weightNoise", parent.get("weightNoise").get("noise")));
            // Another stands before a list's first layer, or before the layers of a graph.
            tree.findParents("preProcessor").stream()
                    .filter(parent -> parent.get("preProcessor").has("detached"))
                    .forEach(parent -> ((ObjectNode) parent)
                            .set("preProcessor", parent.get("preProcessor").get("preProcessor")));
            tree.findValues("inputPreProcessors").stream()
                    .filter(all -> all.path("0").has("detached"))
                    .forEach(all -> ((ObjectNode) all).remove("0"));
            return tree;
        } catch (JsonProcessingException e) {
            throw new AssertionError("DL4J's own JSON is not JSON", e);
        }
    }
}
