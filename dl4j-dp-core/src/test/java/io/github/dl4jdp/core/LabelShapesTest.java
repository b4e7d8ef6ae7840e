// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Arrays;
import java.util.List;
import java.util.function.Supplier;
import org.deeplearning4j.nn.api.Model;
import org.deeplearning4j.nn.conf.NeuralNetConfiguration;
import org.deeplearning4j.nn.conf.inputs.InputType;
import org.deeplearning4j.nn.conf.layers.CnnLossLayer;
import org.deeplearning4j.nn.conf.layers.ConvolutionLayer;
import org.deeplearning4j.nn.conf.layers.DenseLayer;
import org.deeplearning4j.nn.conf.layers.LSTM;
import org.deeplearning4j.nn.conf.layers.Layer;
import org.deeplearning4j.nn.conf.layers.LossLayer;
import org.deeplearning4j.nn.conf.layers.OutputLayer;
import org.deeplearning4j.nn.conf.layers.RnnLossLayer;
import org.deeplearning4j.nn.conf.layers.RnnOutputLayer;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.nd4j.linalg.activations.Activation;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.dataset.DataSet;
import org.nd4j.linalg.factory.Nd4j;
import org.nd4j.linalg.learning.config.Sgd;
import org.nd4j.linalg.lossfunctions.LossFunctions.LossFunction;

/** Labels that a loss cannot take are refused before the charge, whatever the loss makes of their shape. */
class LabelShapesTest {
    private static final int EXAMPLES = 4;
    private static final int OUT = 3;

    private static Model network(NetworkKind kind, InputType input, Layer... layers) {
        return kind.chain(
                new NeuralNetConfiguration.Builder()
                        .seed(5)
                        .dataType(DataType.DOUBLE)
                        .updater(new Sgd(0.1)),
                input,
                Arrays.stream(layers).map(Layer::clone).toArray(Layer[]::new));
    }

    /** How many labels were refused: each either trains to the end, or nothing is charged. */
    private static int refused(
            NetworkKind kind, LossFunction loss, Supplier<Model> networks, INDArray features, List<long[]> shapes) {
        int refused = 0;
        for (long[] shape : shapes) {
            var data = new DataSet(features, Nd4j.zeros(DataType.DOUBLE, shape));
            DpSgdPlan plan = DpSgdPlan.poisson(EXAMPLES, EXAMPLES)
                    .withSteps(1)
                    .withClippingNorm(1)
                    .withNoiseMultiplier(1)
                    .withDelta(1e-5);
            Model network = networks.get();
            try (var engine = PrivacyEngine.attach(network, plan)) {
                String thrown = "";
                try {
                    kind.fit(network, engine.lots(data), 1);
                } catch (RuntimeException e) {
                    thrown = e.toString();
                    refused++;
                }
                assertThat(engine.steps())
                        .as("%s, labels %s: %s", loss, Arrays.toString(shape), thrown)
                        .isEqualTo(thrown.isEmpty() ? 1 : 0);
            }
        }
        return refused;
    }

    @ParameterizedTest
    @EnumSource(
            value = LossFunction.class,
            mode = EnumSource.Mode.EXCLUDE,
            names = {"RECONSTRUCTION_CROSSENTROPY"})
    void fit_labelsOfAnyShape_trainOrAreNotCharged(LossFunction loss) {
        int refused = 0;
        for (var kind : NetworkKind.all()) {
            var dense = new DenseLayer.Builder().nOut(OUT).build();
            var lstm = new LSTM.Builder().nOut(OUT).build();
            var pixels = new ConvolutionLayer.Builder(1, 1).nOut(OUT).build();
            // DL4J knows which pairs are a mistake.
            var activations =
                    switch (loss) {
                        case XENT -> List.of(Activation.SIGMOID);
                        case MCXENT, NEGATIVELOGLIKELIHOOD, SPARSE_MCXENT -> List.of(Activation.SOFTMAX);
                        default -> List.of(Activation.SOFTMAX, Activation.SIGMOID);
                    };
            for (Activation activation : activations) {
                var output = new OutputLayer.Builder(loss)
                        .nOut(OUT)
                        .activation(activation)
                        .build();
                var last = new LossLayer.Builder(loss).activation(activation).build();
                var flat = List.of(
                        new long[] {EXAMPLES, OUT},
                        new long[] {EXAMPLES, 1},
                        new long[] {EXAMPLES, OUT + 1},
                        new long[] {EXAMPLES, OUT, 1},
                        new long[] {EXAMPLES, OUT, 2});
                INDArray x = Nd4j.ones(DataType.DOUBLE, EXAMPLES, 2);
                refused += refused(kind, loss, () -> network(kind, InputType.feedForward(2), dense, output), x, flat);
                refused += refused(kind, loss, () -> network(kind, InputType.feedForward(2), dense, last), x, flat);
                var everyStep = new RnnOutputLayer.Builder(loss)
                        .nOut(OUT)
                        .activation(activation)
                        .build();
                var steps =
                        new RnnLossLayer.Builder(loss).activation(activation).build();
                var series = List.of(
                        new long[] {EXAMPLES, OUT, 5},
                        new long[] {EXAMPLES, 1, 5},
                        new long[] {EXAMPLES, OUT + 1, 5},
                        new long[] {EXAMPLES, OUT, 4},
                        new long[] {EXAMPLES, OUT, 1},
                        new long[] {EXAMPLES, OUT});
                INDArray s = Nd4j.ones(DataType.DOUBLE, EXAMPLES, 2, 5);
                refused +=
                        refused(kind, loss, () -> network(kind, InputType.recurrent(2, 5), lstm, everyStep), s, series);
                refused += refused(kind, loss, () -> network(kind, InputType.recurrent(2, 5), lstm, steps), s, series);
                var image =
                        new CnnLossLayer.Builder(loss).activation(activation).build();
                var images = List.of(
                        new long[] {EXAMPLES, OUT, 2, 3},
                        new long[] {EXAMPLES, 1, 2, 3},
                        new long[] {EXAMPLES, OUT, 3, 2},
                        new long[] {EXAMPLES, OUT, 2, 2},
                        new long[] {EXAMPLES, OUT});
                INDArray p = Nd4j.ones(DataType.DOUBLE, EXAMPLES, 1, 2, 3);
                refused += refused(
                        kind, loss, () -> network(kind, InputType.convolutional(2, 3, 1), pixels, image), p, images);
            }
        }
        assertThat(refused).isGreaterThan(10);
    }
}
