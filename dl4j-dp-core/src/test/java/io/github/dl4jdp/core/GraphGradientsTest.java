// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.Arrays;
import java.util.function.UnaryOperator;
import java.util.stream.Stream;
import org.deeplearning4j.nn.conf.ComputationGraphConfiguration.GraphBuilder;
import org.deeplearning4j.nn.conf.ConvolutionMode;
import org.deeplearning4j.nn.conf.NeuralNetConfiguration;
import org.deeplearning4j.nn.conf.graph.ElementWiseVertex;
import org.deeplearning4j.nn.conf.graph.L2NormalizeVertex;
import org.deeplearning4j.nn.conf.graph.L2Vertex;
import org.deeplearning4j.nn.conf.graph.MergeVertex;
import org.deeplearning4j.nn.conf.graph.PoolHelperVertex;
import org.deeplearning4j.nn.conf.graph.PreprocessorVertex;
import org.deeplearning4j.nn.conf.graph.ReshapeVertex;
import org.deeplearning4j.nn.conf.graph.ScaleVertex;
import org.deeplearning4j.nn.conf.graph.ShiftVertex;
import org.deeplearning4j.nn.conf.graph.SubsetVertex;
import org.deeplearning4j.nn.conf.graph.rnn.DuplicateToTimeSeriesVertex;
import org.deeplearning4j.nn.conf.graph.rnn.LastTimeStepVertex;
import org.deeplearning4j.nn.conf.graph.rnn.ReverseTimeSeriesVertex;
import org.deeplearning4j.nn.conf.inputs.InputType;
import org.deeplearning4j.nn.conf.layers.ActivationLayer;
import org.deeplearning4j.nn.conf.layers.ConvolutionLayer;
import org.deeplearning4j.nn.conf.layers.DenseLayer;
import org.deeplearning4j.nn.conf.layers.GlobalPoolingLayer;
import org.deeplearning4j.nn.conf.layers.LSTM;
import org.deeplearning4j.nn.conf.layers.LossLayer;
import org.deeplearning4j.nn.conf.layers.OutputLayer;
import org.deeplearning4j.nn.conf.layers.PoolingType;
import org.deeplearning4j.nn.conf.layers.RnnOutputLayer;
import org.deeplearning4j.nn.conf.layers.misc.FrozenLayer;
import org.deeplearning4j.nn.conf.layers.misc.FrozenLayerWithBackprop;
import org.deeplearning4j.nn.conf.preprocessor.CnnToFeedForwardPreProcessor;
import org.deeplearning4j.nn.graph.ComputationGraph;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import org.nd4j.linalg.activations.Activation;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.dataset.MultiDataSet;
import org.nd4j.linalg.factory.Nd4j;
import org.nd4j.linalg.learning.config.Sgd;
import org.nd4j.linalg.lossfunctions.LossFunctions.LossFunction;

/** Per-example gradients of whole graphs against DL4J's own gradients of batches of one. */
class GraphGradientsTest {
    private static final int EXAMPLES = 6;
    private static final InputType FLAT = InputType.feedForward(5);
    private static final InputType IMAGE = InputType.convolutional(7, 6, 2);
    private static final InputType SERIES = InputType.recurrent(3, 4);
    private static final int[] THREE = {3};

    static Stream<Arguments> graphs() {
        return Stream.of(
                graph(
                        "residual",
                        THREE,
                        g -> g.addLayer("a", dense(4), "in")
                                .addLayer("b", dense(4), "a")
                                .addVertex("sum", new ElementWiseVertex(ElementWiseVertex.Op.Add), "a", "b")
                                .addLayer("c", dense(4), "sum")
                                .addVertex("top", new ElementWiseVertex(ElementWiseVertex.Op.Add), "sum", "c")
                                .addLayer("out", output(3), "top"),
                        FLAT),
                graph(
                        "element-wise operations",
                        THREE,
                        g -> g.addLayer("a", dense(4), "in")
                                .addLayer("b", dense(4), "in")
                                .addVertex("product", new ElementWiseVertex(ElementWiseVertex.Op.Product), "a", "b")
                                .addVertex("max", new ElementWiseVertex(ElementWiseVertex.Op.Max), "a", "b")
                                .addVertex("average", new ElementWiseVertex(ElementWiseVertex.Op.Average), "a", "max")
                                .addVertex(
                                        "difference",
                                        new ElementWiseVertex(ElementWiseVertex.Op.Subtract),
                                        "product",
                                        "average")
                                .addLayer("out", output(3), "difference"),
                        FLAT),
                graph(
                        "broadcast within an example",
                        THREE,
                        g -> g.addLayer("a", dense(4), "in")
                                .addLayer("gate", dense(1), "in")
                                .addVertex("gated", new ElementWiseVertex(ElementWiseVertex.Op.Product), "a", "gate")
                                .addLayer("out", output(3), "gated"),
                        FLAT),
                graph(
                        "subset, scale, shift, normalise",
                        THREE,
                        g -> g.addLayer("a", dense(6), "in")
                                .addVertex("left", new SubsetVertex(0, 2), "a")
                                .addVertex("right", new SubsetVertex(3, 5), "a")
                                .addVertex("scaled", new ScaleVertex(0.5), "left")
                                .addVertex("shifted", new ShiftVertex(0.25), "right")
                                .addVertex("normalised", new L2NormalizeVertex(), "scaled")
                                .addVertex("merged", new MergeVertex(), "normalised", "shifted", "in")
                                .addLayer("out", output(3), "merged"),
                        FLAT),
                graph(
                        "distance of two inputs",
                        THREE,
                        g -> g.addLayer("a", dense(4), "in")
                                .addLayer("b", dense(4), "in1")
                                .addVertex("distance", new L2Vertex(), "a", "b")
                                .addLayer("out", output(3), "distance"),
                        FLAT,
                        FLAT),
                graph(
                        "image and table, with a branch that nothing trains below",
                        THREE,
                        g -> g.addLayer("conv", convolution(3), "in")
                                .addLayer("pooled", new GlobalPoolingLayer(PoolingType.MAX), "conv")
                                .addLayer("activated", new ActivationLayer(Activation.TANH), "in1")
                                .addVertex("merged", new MergeVertex(), "pooled", "activated")
                                .addLayer("dense", dense(4), "merged")
                                .addLayer("out", output(3), "dense"),
                        IMAGE,
                        FLAT),
                graph(
                        "branches of convolutions",
                        THREE,
                        g -> g.addLayer("left", convolution(2), "in")
                                .addLayer("right", convolution(3), "in")
                                .addVertex("merged", new MergeVertex(), "left", "right")
                                .addLayer("top", convolution(2), "merged")
                                .addVertex("cropped", new PoolHelperVertex(), "top")
                                .addLayer("pooled", new GlobalPoolingLayer(PoolingType.AVG), "cropped")
                                .addLayer("out", output(3), "pooled"),
                        InputType.convolutional(6, 6, 2)),
                graph(
                        "flattened by a vertex, reshaped",
                        THREE,
                        g -> g.addLayer("conv", convolution(2), "in")
                                .addVertex(
                                        "flat",
                                        new PreprocessorVertex(new CnnToFeedForwardPreProcessor(7, 6, 2)),
                                        "conv")
                                .addVertex("blocks", new ReshapeVertex(-1, 2, 42), "flat")
                                .addVertex("line", new ReshapeVertex('c', new int[] {-1, 84}, null), "blocks")
                                .addLayer(
                                        "out",
                                        new OutputLayer.Builder(LossFunction.MCXENT)
                                                .nIn(84)
                                                .nOut(3)
                                                .activation(Activation.SOFTMAX)
                                                .build(),
                                        "line"),
                        IMAGE),
                graph(
                        "time series vertices",
                        THREE,
                        g -> g.addVertex("reversed", new ReverseTimeSeriesVertex("in"), "in")
                                .addVertex("last", new LastTimeStepVertex("in"), "reversed")
                                .addLayer("a", dense(4), "last")
                                .addVertex("repeated", new DuplicateToTimeSeriesVertex("in"), "a")
                                .addVertex("lastAgain", new LastTimeStepVertex("in"), "repeated")
                                .addLayer("out", output(3), "lastAgain"),
                        SERIES),
                graph(
                        "two outputs",
                        new int[] {3, 2},
                        g -> g.addLayer("a", dense(4), "in")
                                .addLayer("b", dense(4), "a")
                                .addLayer("out", output(3), "b")
                                .addLayer("out1", regression(2), "a"),
                        FLAT),
                graph(
                        "an output that nothing trains below",
                        new int[] {3, 5},
                        g -> g.addLayer("a", dense(4), "in")
                                .addLayer("out", output(3), "a")
                                .addLayer(
                                        "out1",
                                        new LossLayer.Builder(LossFunction.MSE)
                                                .activation(Activation.IDENTITY)
                                                .build(),
                                        "in"),
                        FLAT),
                graph(
                        "frozen branch beside one that trains",
                        THREE,
                        g -> g.addLayer("a", dense(4), "in")
                                .addLayer("frozen", new FrozenLayer(dense(4)), "a")
                                .addLayer("b", dense(4), "a")
                                .addVertex("merged", new MergeVertex(), "frozen", "b")
                                .addLayer("out", output(3), "merged"),
                        FLAT),
                graph(
                        "frozen layer that backpropagation goes through",
                        THREE,
                        g -> g.addLayer("a", dense(4), "in")
                                .addLayer("frozen", new FrozenLayerWithBackprop(dense(4)), "a")
                                .addLayer("b", dense(4), "frozen")
                                .addLayer("out", output(3), "b"),
                        FLAT),
                graph(
                        "encoder with an LSTM, last step, residual decoder",
                        THREE,
                        g -> g.addLayer("encoder", lstm(4), "in")
                                .addVertex("code", new LastTimeStepVertex("in"), "encoder")
                                .addVertex("repeated", new DuplicateToTimeSeriesVertex("in"), "code")
                                .addVertex("merged", new MergeVertex(), "repeated", "in")
                                .addLayer("decoder", lstm(4), "merged")
                                .addVertex("sum", new ElementWiseVertex(ElementWiseVertex.Op.Add), "decoder", "encoder")
                                .addVertex("last", new LastTimeStepVertex("in"), "sum")
                                .addLayer("out", output(3), "last"),
                        SERIES),
                graph(
                        "time steps as rows beside a convolution",
                        THREE,
                        g -> g.addLayer("steps", dense(4), "in")
                                .addLayer("recurrent", lstm(4), "steps")
                                .addVertex("last", new LastTimeStepVertex("in"), "recurrent")
                                .addLayer("conv", convolution(3), "in1")
                                .addLayer("pooled", new GlobalPoolingLayer(PoolingType.AVG), "conv")
                                .addVertex("merged", new MergeVertex(), "last", "pooled")
                                .addLayer("out", output(3), "merged"),
                        SERIES,
                        IMAGE),
                graph(
                        "frozen body",
                        THREE,
                        g -> g.addLayer("a", new FrozenLayer(dense(4)), "in")
                                .addLayer("b", dense(4), "a")
                                .addLayer("out", output(3), "b"),
                        FLAT));
    }

    private static Arguments graph(
            String name, int[] outputs, UnaryOperator<GraphBuilder> vertices, InputType... inputs) {
        return Arguments.of(name, outputs, vertices, inputs);
    }

    private static DenseLayer dense(int out) {
        return new DenseLayer.Builder().nOut(out).activation(Activation.TANH).build();
    }

    private static LSTM lstm(int out) {
        return new LSTM.Builder().nOut(out).activation(Activation.TANH).build();
    }

    private static ConvolutionLayer convolution(int out) {
        return new ConvolutionLayer.Builder(3, 3)
                .nOut(out)
                .convolutionMode(ConvolutionMode.Same)
                .activation(Activation.TANH)
                .build();
    }

    private static OutputLayer output(int out) {
        return new OutputLayer.Builder(LossFunction.MCXENT)
                .nOut(out)
                .activation(Activation.SOFTMAX)
                .build();
    }

    private static OutputLayer regression(int out) {
        return new OutputLayer.Builder(LossFunction.MSE)
                .nOut(out)
                .activation(Activation.TANH)
                .build();
    }

    static ComputationGraph build(
            DataType type, int outputs, UnaryOperator<GraphBuilder> vertices, InputType... inputs) {
        var builder = new NeuralNetConfiguration.Builder()
                .seed(7)
                .dataType(type)
                .l2(0.01)
                .updater(new Sgd(0.1))
                .graphBuilder()
                .addInputs(names("in", inputs.length))
                .setInputTypes(inputs)
                .setOutputs(names("out", outputs));
        var network = new ComputationGraph(vertices.apply(builder).build());
        network.init();
        return network;
    }

    private static String[] names(String prefix, int count) {
        String[] names = new String[count];
        for (int i = 0; i < count; i++) {
            names[i] = i == 0 ? prefix : prefix + i;
        }
        return names;
    }

    static MultiDataSet data(DataType type, int examples, int[] outputs, InputType... inputs) {
        Nd4j.getRandom().setSeed(11);
        INDArray[] features = Arrays.stream(inputs)
                .map(input -> {
                    long[] shape = input.getShape(true).clone();
                    shape[0] = examples;
                    return Nd4j.randn(type, shape);
                })
                .toArray(INDArray[]::new);
        INDArray[] labels = Arrays.stream(outputs)
                .mapToObj(output -> {
                    INDArray oneHot = Nd4j.zeros(type, examples, output);
                    for (int i = 0; i < examples; i++) {
                        oneHot.putScalar(i, i % output, 1);
                    }
                    return oneHot;
                })
                .toArray(INDArray[]::new);
        return new MultiDataSet(features, labels);
    }

    private static double distance(INDArray actual, INDArray expected) {
        INDArray a = actual.castTo(DataType.DOUBLE);
        INDArray e = expected.castTo(DataType.DOUBLE);
        return a.sub(e).norm2Number().doubleValue() / e.norm2Number().doubleValue();
    }

    @ParameterizedTest(name = "{0}")
    @MethodSource("graphs")
    void materialize_double_equalsBatchesOfOne(
            String name, int[] outputs, UnaryOperator<GraphBuilder> vertices, InputType[] inputs) {
        check(
                build(DataType.DOUBLE, outputs.length, vertices, inputs),
                data(DataType.DOUBLE, EXAMPLES, outputs, inputs),
                1e-9);
    }

    @ParameterizedTest(name = "{0}")
    @MethodSource("graphs")
    void materialize_float_equalsBatchesOfOne(
            String name, int[] outputs, UnaryOperator<GraphBuilder> vertices, InputType[] inputs) {
        check(
                build(DataType.FLOAT, outputs.length, vertices, inputs),
                data(DataType.FLOAT, EXAMPLES, outputs, inputs),
                1e-4);
    }

    @Test
    void materialize_masks_equalsBatchesOfOne() {
        ComputationGraph network = build(
                DataType.DOUBLE,
                2,
                g -> g.addVertex("last", new LastTimeStepVertex("in"), "in")
                        .addLayer("pooled", new GlobalPoolingLayer(PoolingType.AVG), "in")
                        .addVertex("merged", new MergeVertex(), "last", "pooled", "in1")
                        .addLayer("a", dense(4), "merged")
                        .addLayer("out", regression(2), "a")
                        .addLayer("out1", regression(2), "a"),
                SERIES,
                FLAT);
        MultiDataSet data = data(DataType.DOUBLE, EXAMPLES, new int[] {2, 2}, SERIES, FLAT);
        INDArray featuresMask = Nd4j.ones(DataType.DOUBLE, EXAMPLES, 4);
        // Per-output masks: DL4J takes [B, 1] for another kind of mask when B is 1.
        INDArray labelsMask = Nd4j.ones(DataType.DOUBLE, EXAMPLES, 2);
        for (int i = 0; i < EXAMPLES; i++) {
            for (int t = 1 + i % 4; t < 4; t++) {
                featuresMask.putScalar(i, t, 0);
            }
            labelsMask.putScalar(i, i % 2, 0);
        }
        data.setFeaturesMaskArrays(masks(featuresMask));
        data.setLabelsMaskArray(masks(labelsMask));

        check(network, data, 1e-9);
    }

    private static @Nullable INDArray[] masks(INDArray first) {
        return new @Nullable INDArray[] {first, null};
    }

    private static void check(ComputationGraph network, MultiDataSet data, double tolerance) {
        INDArray expected = BatchesOfOne.gradients(network, data);
        INDArray before = network.params().dup();
        double score = network.score();

        INDArray rows = PerExampleGradients.materialize(network, data);
        INDArray norms = PerExampleGradients.norms(network, data);
        double clippingNorm = expected.norm2(1).medianNumber().doubleValue();
        INDArray sum = PerExampleGradients.clippedSum(network, data, clippingNorm);

        assertThat(rows.shape()).containsExactly(EXAMPLES, network.numParams());
        for (int i = 0; i < EXAMPLES; i++) {
            assertThat(distance(rows.getRow(i), expected.getRow(i))).isLessThan(tolerance);
        }
        assertThat(distance(norms, expected.norm2(1))).isLessThan(tolerance);
        INDArray clipped = Nd4j.zeros(DataType.DOUBLE, network.numParams());
        for (int i = 0; i < EXAMPLES; i++) {
            double norm = expected.getRow(i).norm2Number().doubleValue();
            clipped.addi(expected.getRow(i).mul(Math.min(1, clippingNorm / norm)));
        }
        assertThat(distance(sum, clipped)).isLessThan(tolerance);
        assertThat(network.params()).isEqualTo(before);
        assertThat(network.score()).isEqualTo(score);
        assertThat(network.getIterationCount()).isZero();
    }

    @Test
    void materialize_sequenceOutputWithMasks_equalsBatchesOfOne() {
        ComputationGraph network = build(
                DataType.DOUBLE,
                2,
                g -> g.addLayer("a", lstm(4), "in")
                        .addLayer("b", lstm(4), "a")
                        .addVertex("sum", new ElementWiseVertex(ElementWiseVertex.Op.Add), "a", "b")
                        .addLayer(
                                "out",
                                new RnnOutputLayer.Builder(LossFunction.MCXENT)
                                        .nOut(3)
                                        .activation(Activation.SOFTMAX)
                                        .build(),
                                "sum")
                        .addVertex("last", new LastTimeStepVertex("in"), "a")
                        .addLayer("out1", regression(2), "last"),
                SERIES);
        MultiDataSet data = data(DataType.DOUBLE, EXAMPLES, new int[] {3, 2}, SERIES);
        INDArray labels = Nd4j.zeros(DataType.DOUBLE, EXAMPLES, 3, 4);
        INDArray mask = Nd4j.zeros(DataType.DOUBLE, EXAMPLES, 4);
        for (int i = 0; i < EXAMPLES; i++) {
            for (int t = 0; t <= i % 4; t++) {
                labels.putScalar(new int[] {i, (i + t) % 3, t}, 1);
                mask.putScalar(i, t, 1);
            }
        }
        data.setLabels(0, labels);
        data.setFeaturesMaskArrays(new INDArray[] {mask});
        data.setLabelsMaskArray(masks(mask));

        check(network, data, 1e-9);
    }

    @Test
    void norms_reshapeOverExamples_throws() {
        ComputationGraph network = build(
                DataType.DOUBLE,
                1,
                g -> g.addLayer("a", dense(4), "in")
                        .addVertex("mixed", new ReshapeVertex(-1, 2), "a")
                        .addLayer(
                                "out",
                                new OutputLayer.Builder(LossFunction.MSE)
                                        .nIn(2)
                                        .nOut(3)
                                        .activation(Activation.TANH)
                                        .build(),
                                "mixed"),
                FLAT);
        MultiDataSet data = data(DataType.DOUBLE, EXAMPLES, THREE, FLAT);
        data.setLabels(0, Nd4j.rand(DataType.DOUBLE, 2 * EXAMPLES, 3));

        assertThatThrownBy(() -> PerExampleGradients.norms(network, data))
                .isInstanceOf(IllegalStateException.class)
                .hasMessageContaining("\"mixed\"")
                .hasMessageContaining("one row for each example");
    }

    @Test
    void norms_broadcastOverExamples_throws() {
        // With as many examples as features, [B, 1, n] + [B, n] adds every example's row to every other.
        var network = new ComputationGraph(new NeuralNetConfiguration.Builder()
                .dataType(DataType.DOUBLE)
                .graphBuilder()
                .addInputs("in")
                .addVertex("wide", new ReshapeVertex(-1, 1, 5), "in")
                .addVertex("mixed", new ElementWiseVertex(ElementWiseVertex.Op.Add), "wide", "in")
                .addVertex("flat", new ReshapeVertex(-1, 25), "mixed")
                .addLayer(
                        "out",
                        new OutputLayer.Builder(LossFunction.MSE)
                                .nIn(25)
                                .nOut(3)
                                .build(),
                        "flat")
                .setOutputs("out")
                .build());
        network.init();

        assertThatThrownBy(() -> PerExampleGradients.norms(network, data(DataType.DOUBLE, 5, THREE, FLAT)))
                .isInstanceOf(IllegalStateException.class)
                .hasMessageContaining("\"mixed\"")
                .hasMessageContaining("one row for each example");
    }
}
