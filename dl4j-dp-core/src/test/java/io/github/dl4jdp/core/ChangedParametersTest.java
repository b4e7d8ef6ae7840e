// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.deeplearning4j.nn.api.Model;
import org.deeplearning4j.nn.conf.NeuralNetConfiguration;
import org.deeplearning4j.nn.conf.layers.DenseLayer;
import org.deeplearning4j.nn.conf.layers.EmbeddingLayer;
import org.deeplearning4j.nn.conf.layers.LSTM;
import org.deeplearning4j.nn.conf.layers.OutputLayer;
import org.deeplearning4j.nn.conf.layers.RnnOutputLayer;
import org.deeplearning4j.nn.multilayer.MultiLayerNetwork;
import org.deeplearning4j.optimize.api.BaseTrainingListener;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import org.nd4j.linalg.activations.Activation;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.dataset.DataSet;
import org.nd4j.linalg.factory.Nd4j;
import org.nd4j.linalg.learning.config.Sgd;
import org.nd4j.linalg.lossfunctions.LossFunctions.LossFunction;

/** The smallest changes of privately trained parameters, by every way into a network, and copies that change nothing. */
class ChangedParametersTest {
    private static final int INPUTS = 1500;
    private static final int EXAMPLES = 40;

    @TempDir
    @SuppressWarnings("NullAway.Init") // JUnit sets it
    Path folder;

    private enum Kind {
        DENSE,
        OUTPUT,
        EMBEDDING,
        LSTM
    }

    private enum Change {
        /** A digit that no float has, of every number. */
        DIGIT {
            @Override
            INDArray of(INDArray params) {
                return params.mul(1 + 1e-12);
            }
        },
        /** One number of many. */
        NUMBER {
            @Override
            INDArray of(INDArray params) {
                INDArray changed = params.dup();
                changed.putScalar(1, changed.getDouble(1) + 1e-3);
                return changed;
            }
        };

        abstract INDArray of(INDArray params);
    }

    private enum Way {
        SET_PARAMS,
        BY_HAND,
        ATTACHED,
        LISTENER,
        DETACHED_FILE,
        OTHER_NETWORK
    }

    static List<Arguments> changes() {
        var all = new ArrayList<Arguments>();
        for (Kind kind : Kind.values()) {
            for (DataType type : List.of(DataType.FLOAT, DataType.DOUBLE)) {
                for (Change change : Change.values()) {
                    if (type == DataType.FLOAT && change == Change.DIGIT) {
                        continue;
                    }
                    for (Way way : Way.values()) {
                        all.add(Arguments.of(kind, type, change, way));
                    }
                }
            }
        }
        return all;
    }

    private static DpSgdPlan plan() {
        return DpSgdPlan.poisson(EXAMPLES, 20)
                .withSteps(6)
                .withClippingNorm(1)
                .withNoiseMultiplier(2)
                .withDelta(1e-5);
    }

    private static MultiLayerNetwork network(Kind kind, DataType type) {
        var list = new NeuralNetConfiguration.Builder()
                .seed(3)
                .dataType(type)
                .updater(new Sgd(0.1))
                .list();
        var output = new OutputLayer.Builder(LossFunction.MCXENT).nOut(2).activation(Activation.SOFTMAX);
        switch (kind) {
            case DENSE ->
                list.layer(new DenseLayer.Builder()
                                .nIn(INPUTS)
                                .nOut(4)
                                .activation(Activation.TANH)
                                .build())
                        .layer(output.nIn(4).build());
            case OUTPUT -> list.layer(output.nIn(INPUTS).hasBias(false).build());
            case EMBEDDING ->
                list.layer(new EmbeddingLayer.Builder().nIn(INPUTS).nOut(4).build())
                        .layer(output.nIn(4).build());
            case LSTM ->
                list.layer(new LSTM.Builder().nIn(INPUTS).nOut(2).build())
                        .layer(new RnnOutputLayer.Builder(LossFunction.MCXENT)
                                .nIn(2)
                                .nOut(2)
                                .activation(Activation.SOFTMAX)
                                .build());
        }
        var network = new MultiLayerNetwork(list.build());
        network.init();
        return network;
    }

    private static DataSet data(Kind kind, DataType type) {
        Nd4j.getRandom().setSeed(17);
        INDArray labels = Nd4j.zeros(type, EXAMPLES, 2);
        INDArray tokens = Nd4j.zeros(type, EXAMPLES, 1);
        for (int i = 0; i < EXAMPLES; i++) {
            labels.putScalar(i, i % 2, 1);
            tokens.putScalar(i, 0, 31 * i);
        }
        return switch (kind) {
            case EMBEDDING -> new DataSet(tokens, labels);
            case LSTM -> new DataSet(Nd4j.randn(type, EXAMPLES, INPUTS, 1), labels.reshape(EXAMPLES, 2, 1));
            default -> new DataSet(Nd4j.randn(type, EXAMPLES, INPUTS), labels);
        };
    }

    private static double epsilonOfAttached(MultiLayerNetwork network) {
        try (var engine = PrivacyEngine.attach(network, plan().continuing())) {
            return engine.epsilon();
        }
    }

    private MultiLayerNetwork loaded(MultiLayerNetwork network) throws IOException {
        Path file = folder.resolve("model.zip");
        network.save(file.toFile(), true);
        return MultiLayerNetwork.load(file.toFile(), true);
    }

    private static void train(MultiLayerNetwork network, PrivacyEngine engine, DataSet data, int lots) {
        var iterator = engine.lots(data);
        for (int i = 0; i < lots; i++) {
            if (!iterator.hasNext()) {
                iterator.reset();
            }
            network.fit(iterator.next());
        }
    }

    /** What nobody has accounted for has no guarantee, however little it is. */
    @ParameterizedTest
    @MethodSource("changes")
    void attach_parametersThatAreNotQuiteThoseReleased_isInfinite(Kind kind, DataType type, Change change, Way way)
            throws IOException {
        DataSet data = data(kind, type);
        MultiLayerNetwork network = network(kind, type);
        var engine = PrivacyEngine.attach(network, plan());
        train(network, engine, data, 2);
        double known = engine.epsilon();
        assertThat(known).isFinite();
        switch (way) {
            case SET_PARAMS -> {
                engine.close();
                assertThat(epsilonOfAttached(network.clone())).isCloseTo(known, within(1e-9));
                network.setParams(change.of(network.params()));
            }
            case BY_HAND -> {
                engine.close();
                network.params().assign(change.of(network.params()));
            }
            case ATTACHED -> {
                network.setParams(change.of(network.params()));
                assertThat(engine.epsilon()).isInfinite();
                engine.close();
            }
            case LISTENER -> {
                network.addListeners(new BaseTrainingListener() {
                    /** Before the update, which must not make it forgotten. */
                    @Override
                    public void onGradientCalculation(Model model) {
                        model.setParams(change.of(model.params()));
                    }
                });
                train(network, engine, data, 2);
                engine.close();
            }
            case DETACHED_FILE -> {
                engine.detach();
                network = loaded(network);
                assertThat(epsilonOfAttached(network.clone())).isCloseTo(known, within(1e-9));
                network.setParams(change.of(network.params()));
                network = loaded(network);
            }
            case OTHER_NETWORK -> {
                engine.close();
                MultiLayerNetwork other = network(kind, type);
                other.setParams(change.of(network.params()));
                network = other;
            }
        }
        assertThat(epsilonOfAttached(network)).isInfinite();
    }

    /** Rounding to FLOAT, and floats as DOUBLE, tell nothing more. */
    @Test
    void attach_copyInAnotherDataType_hasSpentWhatTheRunHas() throws IOException {
        for (Kind kind : Kind.values()) {
            for (DataType type : List.of(DataType.FLOAT, DataType.DOUBLE)) {
                DataType otherType = type == DataType.FLOAT ? DataType.DOUBLE : DataType.FLOAT;
                MultiLayerNetwork network = network(kind, type);
                double known;
                try (var engine = PrivacyEngine.attach(network, plan())) {
                    train(network, engine, data(kind, type), 2);
                    known = engine.epsilon();
                }
                MultiLayerNetwork other = network(kind, otherType);
                other.setParams(network.params().castTo(otherType));
                for (MultiLayerNetwork copy : List.of(loaded(network), loaded(other), other)) {
                    assertThat(epsilonOfAttached(copy))
                            .as("%s of %s", kind, type)
                            .isCloseTo(known, within(1e-9));
                }
                network.setParams(network.params().castTo(DataType.FLOAT).castTo(type));
                assertThat(epsilonOfAttached(network)).isCloseTo(known, within(1e-9));
            }
        }
    }
}
