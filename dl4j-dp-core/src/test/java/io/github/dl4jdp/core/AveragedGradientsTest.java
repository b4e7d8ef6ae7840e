// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import io.github.dl4jdp.core.OwnLayers.Behavior;
import io.github.dl4jdp.core.OwnLayers.Own;
import io.github.dl4jdp.core.data.InMemoryExamples;
import io.github.dl4jdp.core.gradient.GradientRules;
import java.util.List;
import java.util.function.UnaryOperator;
import java.util.stream.Stream;
import org.deeplearning4j.nn.api.Model;
import org.deeplearning4j.nn.conf.ComputationGraphConfiguration.GraphBuilder;
import org.deeplearning4j.nn.conf.NeuralNetConfiguration;
import org.deeplearning4j.nn.conf.inputs.InputType;
import org.deeplearning4j.nn.conf.layers.ConvolutionLayer;
import org.deeplearning4j.nn.conf.layers.DenseLayer;
import org.deeplearning4j.nn.conf.layers.EmbeddingSequenceLayer;
import org.deeplearning4j.nn.conf.layers.GlobalPoolingLayer;
import org.deeplearning4j.nn.conf.layers.LSTM;
import org.deeplearning4j.nn.conf.layers.Layer;
import org.deeplearning4j.nn.conf.layers.OutputLayer;
import org.deeplearning4j.nn.conf.layers.RnnOutputLayer;
import org.deeplearning4j.nn.conf.layers.SelfAttentionLayer;
import org.deeplearning4j.nn.conf.layers.recurrent.Bidirectional;
import org.deeplearning4j.nn.multilayer.MultiLayerNetwork;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.nd4j.linalg.activations.Activation;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.dataset.DataSet;
import org.nd4j.linalg.dataset.MultiDataSet;
import org.nd4j.linalg.factory.Nd4j;
import org.nd4j.linalg.indexing.NDArrayIndex;
import org.nd4j.linalg.learning.config.Sgd;
import org.nd4j.linalg.lossfunctions.LossFunctions.LossFunction;
import org.nd4j.linalg.ops.transforms.Transforms;

/** Gradients that are averaged over the copies of an example, against DL4J's own gradient of a batch of these copies. */
public class AveragedGradientsTest {
    private static final int EXAMPLES = 4;
    private static final int COPIES = 3;
    private static final InputType SERIES = InputType.recurrent(3, 5);
    private static final int WORDS = 7;

    private static double tolerance(DataType type) {
        return type == DataType.DOUBLE ? 1e-9 : 1e-4;
    }

    private static double distance(INDArray actual, INDArray expected) {
        return actual.distance2(expected) / expected.norm2Number().doubleValue();
    }

    /** Compares means, norms and clipped sum. */
    private static void check(Model model, GradientRules rules, MultiDataSet data, int copies) {
        DataType type = model.params().dataType();
        INDArray expected = AveragedGradients.byDl4j(model, data, copies);
        double clippingNorm = expected.norm2(1).medianNumber().doubleValue();
        var actual = AveragedGradients.of(model, rules, data, copies, clippingNorm);
        INDArray sum = Nd4j.zeros(DataType.DOUBLE, model.numParams());
        for (int i = 0; i < expected.size(0); i++) {
            INDArray row = expected.getRow(i);
            double norm = row.norm2Number().doubleValue();
            assertThat(distance(actual.rows().getRow(i), row))
                    .as("mean of example %s", i)
                    .isLessThan(tolerance(type));
            assertThat(actual.norms()[i]).as("norm of example %s", i).isCloseTo(norm, within(norm * tolerance(type)));
            sum.addi(row.mul(Math.min(1, clippingNorm / norm)));
        }
        assertThat(distance(actual.sum(), sum)).as("clipped sum").isLessThan(tolerance(type));

        // One copy of the second example is of no use: neither is the example, and the others are as they were.
        int bad = 1;
        for (INDArray labels : data.getLabels()) {
            labels.get(NDArrayIndex.point((copies - 1) * expected.size(0) + bad))
                    .assign(Double.NaN);
        }
        var rest = AveragedGradients.of(model, rules, data, copies, clippingNorm);
        INDArray row = expected.getRow(bad);
        sum.subi(row.mul(Math.min(1, clippingNorm / row.norm2Number().doubleValue())));
        assertThat(rest.norms()[bad]).isNaN();
        assertThat(distance(rest.sum(), sum)).as("clipped sum of the others").isLessThan(2 * tolerance(type));
    }

    @ParameterizedTest(name = "{0}")
    @MethodSource("io.github.dl4jdp.core.Graphs#all")
    void graph_severalCopies_averagesBeforeClipping(
            String name, int[] outputs, UnaryOperator<GraphBuilder> vertices, InputType[] inputs) {
        check(
                Graphs.build(DataType.DOUBLE, outputs.length, vertices, inputs),
                GradientRules.builtIn(),
                Graphs.data(DataType.DOUBLE, EXAMPLES * COPIES, outputs, inputs),
                COPIES);
    }

    static Stream<Arguments> networks() {
        var out = new OutputLayer.Builder(LossFunction.MCXENT)
                .nOut(3)
                .activation(Activation.SOFTMAX)
                .build();
        var outOfSeries = new RnnOutputLayer.Builder(LossFunction.MCXENT)
                .nOut(3)
                .activation(Activation.SOFTMAX)
                .build();
        var dense = new DenseLayer.Builder().nOut(4).activation(Activation.TANH).build();
        var convolution = new ConvolutionLayer.Builder(3, 3)
                .nOut(4)
                .activation(Activation.TANH)
                .build();
        var lstm = new LSTM.Builder().nOut(4).build();
        var words = new EmbeddingSequenceLayer.Builder()
                .nIn(WORDS)
                .nOut(4)
                .inputLength(5)
                .build();
        var attention = new SelfAttentionLayer.Builder()
                .nOut(4)
                .nHeads(2)
                .projectInput(true)
                .build();
        return Stream.of(
                        network("dense", InputType.feedForward(5), dense, out),
                        network("convolution", InputType.convolutional(6, 5, 2), convolution, out),
                        network("recurrent", SERIES, lstm, outOfSeries),
                        network("bidirectional", SERIES, new Bidirectional(lstm), outOfSeries),
                        network("embedding", InputType.recurrent(WORDS, 5), words, lstm, outOfSeries),
                        network("attention", SERIES, attention, new GlobalPoolingLayer(), out))
                .flatMap(Stream::of);
    }

    private static Arguments network(String name, InputType input, Layer... layers) {
        return Arguments.of(name, input, List.of(layers));
    }

    private static MultiLayerNetwork build(DataType type, InputType input, List<Layer> layers) {
        var builder = new NeuralNetConfiguration.Builder()
                .seed(7)
                .dataType(type)
                .updater(new Sgd(0.1))
                .list();
        layers.forEach(layer -> builder.layer(layer.clone()));
        var network = new MultiLayerNetwork(builder.setInputType(input).build());
        network.init();
        return network;
    }

    private static MultiDataSet data(MultiLayerNetwork network, String name, InputType input, int rows) {
        DataType type = network.params().dataType();
        Nd4j.getRandom().setSeed(12);
        long[] shape = input.getShape(true).clone();
        shape[0] = rows;
        INDArray features = name.equals("embedding")
                ? Transforms.floor(Nd4j.rand(type, rows, 1, shape[2]).muli(WORDS))
                : Nd4j.randn(type, shape);
        long[] out = network.output(features).shape();
        INDArray labels = Nd4j.zeros(type, out);
        for (int i = 0; i < rows; i++) {
            labels.get(NDArrayIndex.point(i), NDArrayIndex.point(i % 3)).assign(1);
        }
        return new MultiDataSet(features, labels);
    }

    @ParameterizedTest(name = "{0}")
    @MethodSource("networks")
    void network_severalCopies_averagesBeforeClipping(String name, InputType input, List<Layer> layers) {
        for (DataType type : new DataType[] {DataType.DOUBLE, DataType.FLOAT}) {
            MultiLayerNetwork network = build(type, input, layers);
            check(network, GradientRules.builtIn(), data(network, name, input, EXAMPLES * COPIES), COPIES);
        }
    }

    /** A rule of the user's own knows nothing of copies: its sums are made of rows. The fallback makes them of slices. */
    @ParameterizedTest
    @EnumSource(names = {"FLOAT", "DOUBLE"})
    void ownLayer_severalCopies_averagesBeforeClipping(DataType type) {
        Own own = new Own(5, Behavior.APART);
        own.setNIn(4);
        var out = new OutputLayer.Builder(LossFunction.MCXENT)
                .nIn(5)
                .nOut(3)
                .activation(Activation.SOFTMAX)
                .build();
        var network = new MultiLayerNetwork(new NeuralNetConfiguration.Builder()
                .seed(7)
                .dataType(type)
                .updater(new Sgd(0.1))
                .list(own, out)
                .build());
        network.init();
        DataSet rows = Networks.data(type, EXAMPLES * COPIES);
        var data = (MultiDataSet) InMemoryExamples.toMultiDataSet(rows);
        check(network, GradientRules.builtIn().with(new OwnRule()), data.copy(), COPIES);
        check(network, GradientRules.builtIn().withFallback(Own.class, network, rows), data, COPIES);
    }

    /**
     * Copies whose gradients cancel: g and -g, and a small rest. A norm without the products of different copies would be off by orders of
     * magnitude.
     */
    @ParameterizedTest
    @EnumSource(names = {"FLOAT", "DOUBLE"})
    void norm_copiesThatCancel_isThatOfTheRest(DataType type) {
        MultiLayerNetwork network = build(
                type,
                InputType.feedForward(5),
                List.of(new OutputLayer.Builder(LossFunction.MSE)
                        .nOut(3)
                        .activation(Activation.IDENTITY)
                        .build()));
        INDArray x = Nd4j.ones(type, 2, 5);
        INDArray predicted = network.output(x);
        INDArray labels = predicted.dup();
        labels.getRow(0).addi(1);
        labels.getRow(1).subi(1.001);
        var data = new MultiDataSet(x, labels);
        INDArray expected = AveragedGradients.byDl4j(network, data, 2).getRow(0);
        double norm = expected.norm2Number().doubleValue();
        var actual = AveragedGradients.of(network, GradientRules.builtIn(), data, 2, 1e30);
        assertThat(norm).isLessThan(1e-2);
        assertThat(actual.norms()[0]).isCloseTo(norm, within(norm * (type == DataType.FLOAT ? 1e-3 : 1e-9)));
        double alone = PerExampleGradients.norms(network, data).getDouble(0);
        assertThat(alone).isGreaterThan(100 * norm);
    }

    @ParameterizedTest(name = "{0}")
    @MethodSource("networks")
    void copies_identical_areOneExample(String name, InputType input, List<Layer> layers) {
        MultiLayerNetwork network = build(DataType.DOUBLE, input, layers);
        MultiDataSet one = data(network, name, input, EXAMPLES);
        var copies = new MultiDataSet(
                Nd4j.concat(0, one.getFeatures(0), one.getFeatures(0), one.getFeatures(0)),
                Nd4j.concat(0, one.getLabels(0), one.getLabels(0), one.getLabels(0)));
        INDArray rows = PerExampleGradients.materialize(network, one);
        double clippingNorm = rows.norm2(1).medianNumber().doubleValue();
        var actual = AveragedGradients.of(network, GradientRules.builtIn(), copies, 3, clippingNorm);
        assertThat(distance(actual.rows(), rows)).isLessThan(1e-12);
        assertThat(distance(Nd4j.createFromArray(actual.norms()), rows.norm2(1)))
                .isLessThan(1e-12);
        assertThat(distance(actual.sum(), PerExampleGradients.clippedSum(network, one, clippingNorm)))
                .isLessThan(1e-12);
    }

    /** A convolution whose gradients are too large to be held, row by row (3 copies) and example by example (2 copies) as well. */
    @Test
    void convolution_tooLargeToHold_averagesBeforeClipping() {
        MultiLayerNetwork network = build(
                DataType.FLOAT,
                InputType.convolutional(3, 3, 128),
                List.of(
                        new ConvolutionLayer.Builder(3, 3)
                                .nOut(256)
                                .padding(1, 1)
                                .activation(Activation.TANH)
                                .build(),
                        new GlobalPoolingLayer(),
                        new OutputLayer.Builder(LossFunction.MCXENT)
                                .nOut(3)
                                .activation(Activation.SOFTMAX)
                                .build()));
        int rows = 120;
        MultiDataSet data = data(network, "convolution", InputType.convolutional(3, 3, 128), rows);
        INDArray each = PerExampleGradients.materialize(network, data);
        for (int copies : new int[] {3, 2}) {
            int examples = rows / copies;
            var actual = AveragedGradients.of(network, GradientRules.builtIn(), data, copies, 1e30);
            for (int i : new int[] {0, examples / 2, examples - 1}) {
                INDArray mean = each.get(NDArrayIndex.interval(i, examples, rows))
                        .mean(0)
                        .castTo(DataType.DOUBLE);
                double norm = mean.norm2Number().doubleValue();
                assertThat(distance(actual.rows().getRow(i), mean)).isLessThan(1e-4);
                assertThat(actual.norms()[i]).isCloseTo(norm, within(norm * 1e-4));
            }
            INDArray sum = each.sum(0).div(copies).castTo(DataType.DOUBLE);
            assertThat(distance(actual.sum(), sum)).isLessThan(1e-4);
        }
    }
}
