// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.audit.testkit;

import java.util.Arrays;
import java.util.function.UnaryOperator;
import java.util.stream.Stream;
import org.deeplearning4j.nn.conf.ComputationGraphConfiguration.GraphBuilder;
import org.deeplearning4j.nn.conf.ConvolutionMode;
import org.deeplearning4j.nn.conf.NeuralNetConfiguration;
import org.deeplearning4j.nn.conf.graph.ElementWiseVertex;
import org.deeplearning4j.nn.conf.graph.ElementWiseVertex.Op;
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
import org.deeplearning4j.nn.conf.layers.misc.FrozenLayer;
import org.deeplearning4j.nn.conf.layers.misc.FrozenLayerWithBackprop;
import org.deeplearning4j.nn.conf.preprocessor.CnnToFeedForwardPreProcessor;
import org.deeplearning4j.nn.graph.ComputationGraph;
import org.junit.jupiter.params.provider.Arguments;
import org.nd4j.linalg.activations.Activation;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.dataset.MultiDataSet;
import org.nd4j.linalg.factory.Nd4j;
import org.nd4j.linalg.learning.config.Sgd;
import org.nd4j.linalg.lossfunctions.LossFunctions.LossFunction;

/** Graphs with every kind of vertex that trains privately, in double precision and with learning rate zero, and their data. */
final class ReplayedGraphs {
    private static final InputType FLAT = InputType.feedForward(5);
    private static final InputType IMAGE = InputType.convolutional(7, 6, 2);
    private static final InputType SERIES = InputType.recurrent(3, 4);

    private ReplayedGraphs() {}

    static Stream<Arguments> all() {
        return Stream.of(
                graph(
                        "element-wise operations, residual, broadcast within an example",
                        new int[] {3},
                        g -> g.addLayer("a", dense(4), "in")
                                .addLayer("b", dense(4), "in")
                                .addLayer("gate", dense(1), "in")
                                .addVertex("sum", new ElementWiseVertex(Op.Add), "a", "b")
                                .addVertex("product", new ElementWiseVertex(Op.Product), "a", "b")
                                .addVertex("max", new ElementWiseVertex(Op.Max), "sum", "product")
                                .addVertex("average", new ElementWiseVertex(Op.Average), "a", "max")
                                .addVertex("difference", new ElementWiseVertex(Op.Subtract), "product", "average")
                                .addVertex("gated", new ElementWiseVertex(Op.Product), "difference", "gate")
                                .addLayer("top", dense(4), "gated")
                                .addVertex("residual", new ElementWiseVertex(Op.Add), "sum", "top")
                                .addLayer("out", output(3), "residual"),
                        FLAT),
                graph(
                        "subset, scale, shift, normalize, distance of two inputs",
                        new int[] {3},
                        g -> g.addLayer("a", dense(6), "in")
                                .addLayer("b", dense(3), "in1")
                                .addVertex("left", new SubsetVertex(0, 2), "a")
                                .addVertex("right", new SubsetVertex(3, 5), "a")
                                .addVertex("scaled", new ScaleVertex(0.5), "left")
                                .addVertex("shifted", new ShiftVertex(0.25), "right")
                                .addVertex("normalized", new L2NormalizeVertex(), "scaled")
                                .addVertex("distance", new L2Vertex(), "left", "b")
                                .addVertex("merged", new MergeVertex(), "normalized", "shifted", "distance", "in")
                                .addLayer("out", output(3), "merged"),
                        FLAT,
                        FLAT),
                graph(
                        "branches of convolutions beside a table, with a branch that nothing trains below",
                        new int[] {3},
                        g -> g.addLayer("left", convolution(2), "in")
                                .addLayer("right", convolution(3), "in")
                                .addVertex("channels", new MergeVertex(), "left", "right")
                                .addLayer("top", convolution(2), "channels")
                                .addVertex("cropped", new PoolHelperVertex(), "top")
                                .addLayer("average", new GlobalPoolingLayer(PoolingType.AVG), "cropped")
                                .addLayer("max", new GlobalPoolingLayer(PoolingType.MAX), "left")
                                .addLayer("activated", new ActivationLayer(Activation.TANH), "in1")
                                .addVertex("merged", new MergeVertex(), "average", "max", "activated")
                                .addLayer("out", output(3), "merged"),
                        InputType.convolutional(6, 6, 2),
                        FLAT),
                graph(
                        "flattened by a vertex, reshaped",
                        new int[] {3},
                        g -> g.addLayer("conv", convolution(2), "in")
                                .addVertex(
                                        "flat",
                                        new PreprocessorVertex(new CnnToFeedForwardPreProcessor(7, 6, 2)),
                                        "conv")
                                .addVertex("blocks", new ReshapeVertex(-1, 2, 42), "flat")
                                .addVertex("line", new ReshapeVertex('c', new int[] {-1, 84}, null), "blocks")
                                .addLayer("out", output(84, 3), "line"),
                        IMAGE),
                graph(
                        "time series vertices around LSTMs, time steps as rows",
                        new int[] {3},
                        g -> g.addVertex("reversed", new ReverseTimeSeriesVertex("in"), "in")
                                .addLayer("steps", dense(4), "reversed")
                                .addLayer("encoder", lstm(4), "steps")
                                .addVertex("code", new LastTimeStepVertex("in"), "encoder")
                                .addVertex("repeated", new DuplicateToTimeSeriesVertex("in"), "code")
                                .addVertex("merged", new MergeVertex(), "repeated", "in")
                                .addLayer("decoder", lstm(4), "merged")
                                .addVertex("sum", new ElementWiseVertex(Op.Add), "decoder", "encoder")
                                .addVertex("last", new LastTimeStepVertex("in"), "sum")
                                .addLayer("out", output(3), "last"),
                        SERIES),
                graph(
                        "frozen branch, frozen layer that backpropagation goes through, three outputs",
                        new int[] {3, 2, 5},
                        g -> g.addLayer("a", dense(4), "in")
                                .addLayer("frozen", new FrozenLayer(dense(4)), "a")
                                .addLayer("through", new FrozenLayerWithBackprop(dense(4)), "a")
                                .addLayer("b", dense(4), "through")
                                .addVertex("merged", new MergeVertex(), "frozen", "b")
                                .addLayer("out", output(3), "merged")
                                .addLayer(
                                        "out1",
                                        new OutputLayer.Builder(LossFunction.MSE)
                                                .nOut(2)
                                                .activation(Activation.TANH)
                                                .build(),
                                        "a")
                                .addLayer(
                                        "out2",
                                        new LossLayer.Builder(LossFunction.MSE)
                                                .activation(Activation.IDENTITY)
                                                .build(),
                                        "in"),
                        FLAT),
                graph(
                        "frozen body",
                        new int[] {3},
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

    /** Takes the number of its inputs from the layers below. */
    private static OutputLayer output(int out) {
        return output(0, out);
    }

    private static OutputLayer output(int in, int out) {
        return new OutputLayer.Builder(LossFunction.MCXENT)
                .nIn(in)
                .nOut(out)
                .activation(Activation.SOFTMAX)
                .build();
    }

    static ComputationGraph build(int outputs, UnaryOperator<GraphBuilder> vertices, InputType... inputs) {
        var builder = new NeuralNetConfiguration.Builder()
                .seed(7)
                .dataType(DataType.DOUBLE)
                .l2(0.01)
                .updater(new Sgd(0))
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
        Arrays.setAll(names, i -> i == 0 ? prefix : prefix + i);
        return names;
    }

    static MultiDataSet data(int examples, int[] outputs, InputType... inputs) {
        Nd4j.getRandom().setSeed(11);
        INDArray[] features = Arrays.stream(inputs)
                .map(input -> {
                    long[] shape = input.getShape(true).clone();
                    shape[0] = examples;
                    return Nd4j.randn(DataType.DOUBLE, shape);
                })
                .toArray(INDArray[]::new);
        INDArray[] labels = Arrays.stream(outputs)
                .mapToObj(output -> {
                    INDArray oneHot = Nd4j.zeros(DataType.DOUBLE, examples, output);
                    for (int i = 0; i < examples; i++) {
                        oneHot.putScalar(i, i % output, 1);
                    }
                    return oneHot;
                })
                .toArray(INDArray[]::new);
        return new MultiDataSet(features, labels);
    }
}
