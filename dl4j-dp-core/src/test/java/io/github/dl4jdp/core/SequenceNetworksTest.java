// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import java.util.stream.Stream;
import org.deeplearning4j.nn.conf.NeuralNetConfiguration;
import org.deeplearning4j.nn.conf.inputs.InputType;
import org.deeplearning4j.nn.conf.layers.DenseLayer;
import org.deeplearning4j.nn.conf.layers.EmbeddingSequenceLayer;
import org.deeplearning4j.nn.conf.layers.GravesBidirectionalLSTM;
import org.deeplearning4j.nn.conf.layers.LSTM;
import org.deeplearning4j.nn.conf.layers.Layer;
import org.deeplearning4j.nn.conf.layers.OutputLayer;
import org.deeplearning4j.nn.conf.layers.RnnOutputLayer;
import org.deeplearning4j.nn.conf.layers.misc.FrozenLayerWithBackprop;
import org.deeplearning4j.nn.conf.layers.recurrent.Bidirectional;
import org.deeplearning4j.nn.conf.layers.recurrent.LastTimeStep;
import org.deeplearning4j.nn.conf.layers.recurrent.SimpleRnn;
import org.deeplearning4j.nn.multilayer.MultiLayerNetwork;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import org.nd4j.linalg.activations.Activation;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.dataset.DataSet;
import org.nd4j.linalg.factory.Nd4j;
import org.nd4j.linalg.indexing.NDArrayIndex;
import org.nd4j.linalg.learning.config.Adam;
import org.nd4j.linalg.lossfunctions.LossFunctions.LossFunction;
import org.nd4j.linalg.ops.transforms.Transforms;

/** Whole networks over sequences, under the engine: without clipping and noise, private training is DL4J's own. */
class SequenceNetworksTest {
    private static final int EXAMPLES = 6;
    private static final int STEPS = 5;
    private static final int TOKENS = 4;
    private static final int SIZE = 3;

    static Stream<Arguments> networks() {
        return Stream.of(
                Arguments.of(
                        "text classifier",
                        true,
                        List.of(
                                new EmbeddingSequenceLayer.Builder()
                                        .nIn(TOKENS)
                                        .nOut(3)
                                        .inputLength(STEPS)
                                        .build(),
                                new LastTimeStep(lstm()),
                                output())),
                Arguments.of(
                        "bidirectional with masks",
                        false,
                        List.of(
                                new Bidirectional(Bidirectional.Mode.CONCAT, lstm()),
                                new DenseLayer.Builder()
                                        .nOut(3)
                                        .activation(Activation.TANH)
                                        .build(),
                                rnnOutput())),
                Arguments.of(
                        "layer frozen in the middle",
                        false,
                        List.of(rnn(), new FrozenLayerWithBackprop(rnn()), rnnOutput())));
    }

    private static LSTM lstm() {
        return new LSTM.Builder().nOut(4).activation(Activation.TANH).build();
    }

    private static SimpleRnn rnn() {
        return new SimpleRnn.Builder().nOut(4).activation(Activation.TANH).build();
    }

    private static OutputLayer output() {
        return new OutputLayer.Builder(LossFunction.MCXENT)
                .nOut(2)
                .activation(Activation.SOFTMAX)
                .build();
    }

    private static RnnOutputLayer rnnOutput() {
        return new RnnOutputLayer.Builder(LossFunction.MCXENT)
                .nOut(2)
                .activation(Activation.SOFTMAX)
                .build();
    }

    private static MultiLayerNetwork network(boolean tokens, List<Layer> layers) {
        var builder = new NeuralNetConfiguration.Builder()
                .seed(5)
                .dataType(DataType.DOUBLE)
                .updater(new Adam(0.01))
                .list();
        layers.forEach(layer -> builder.layer(layer.clone()));
        var network = new MultiLayerNetwork(builder.setInputType(InputType.recurrent(tokens ? TOKENS : SIZE, STEPS))
                .build());
        network.init();
        return network;
    }

    private static DataSet data(boolean tokens) {
        Nd4j.getRandom().setSeed(23);
        INDArray classes = Nd4j.rand(DataType.DOUBLE, EXAMPLES, STEPS).gt(0.5).castTo(DataType.DOUBLE);
        INDArray labels = Nd4j.stack(1, classes, classes.rsub(1));
        if (tokens) {
            INDArray features = Transforms.floor(
                    Nd4j.rand(DataType.DOUBLE, EXAMPLES, 1, STEPS).muli(TOKENS), true);
            return new DataSet(
                    features,
                    labels.get(NDArrayIndex.all(), NDArrayIndex.all(), NDArrayIndex.point(0))
                            .dup());
        }
        INDArray mask = Nd4j.ones(DataType.DOUBLE, EXAMPLES, STEPS);
        mask.get(NDArrayIndex.interval(0, 3), NDArrayIndex.interval(3, STEPS)).assign(0);
        return new DataSet(Nd4j.randn(DataType.DOUBLE, EXAMPLES, SIZE, STEPS), labels, mask, mask);
    }

    @ParameterizedTest(name = "{0}")
    @MethodSource("networks")
    void fit_noClippingNoNoise_equalsPlainDl4j(String name, boolean tokens, List<Layer> layers) {
        DataSet data = data(tokens);
        MultiLayerNetwork plain = network(tokens, layers);
        for (int i = 0; i < 5; i++) {
            plain.fit(data);
        }
        for (int physicalBatch : new int[] {4, 100}) {
            MultiLayerNetwork network = network(tokens, layers);
            var plan = DpSgdPlan.poisson(EXAMPLES, EXAMPLES)
                    .withSteps(5)
                    .withClippingNorm(1e30)
                    .withoutNoise()
                    .withDelta(1e-5)
                    .withSeed(5);
            var engine = PrivacyEngine.attach(
                    network, plan, ExecutionOptions.defaults().withPhysicalBatchSize(physicalBatch));
            network.fit(engine.lots(data), engine.plan().epochs());
            assertThat(engine.steps()).isEqualTo(5);
            assertThat(network.params().distance2(plain.params()))
                    .isLessThan(1e-9 * plain.params().norm2Number().doubleValue());
        }
    }

    @Test
    @SuppressWarnings("deprecation") // DL4J calls GravesBidirectionalLSTM deprecated, and networks with it exist
    void report_layerWithoutFormula_namesThePath() {
        Layer slow = new GravesBidirectionalLSTM.Builder()
                .nOut(2)
                .activation(Activation.TANH)
                .build();
        var plan = DpSgdPlan.poisson(100, 10)
                .withSteps(1)
                .withClippingNorm(1)
                .withNoiseMultiplier(1)
                .withDelta(1e-5);
        var engine = PrivacyEngine.attach(network(false, List.of(slow, rnn(), rnnOutput())), plan);
        assertThat(engine.report().layers())
                .satisfiesExactly(
                        first -> assertThat(first).endsWith("parameters, one example at a time)"),
                        second -> assertThat(second).endsWith("parameters)"),
                        third -> assertThat(third).endsWith("parameters)"));
    }

    @ParameterizedTest(name = "{0}")
    @MethodSource("networks")
    void materialize_anyBatch_equalsBatchesOfOne(String name, boolean tokens, List<Layer> layers) {
        MultiLayerNetwork network = network(tokens, layers);
        DataSet data = data(tokens);
        INDArray expected = BatchesOfOne.gradients(network, data);
        assertThat(PerExampleGradients.materialize(network, data).distance2(expected))
                .isLessThan(1e-9 * expected.norm2Number().doubleValue());
    }
}
