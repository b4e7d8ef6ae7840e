// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core;

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

/** Graphs for tests, their data, and the layers they are made of. */
public final class Graphs {
    public static final InputType FLAT = InputType.feedForward(5);
    static final InputType IMAGE = InputType.convolutional(7, 6, 2);
    static final InputType SERIES = InputType.recurrent(3, 4);
    static final int[] THREE = {3};

    private Graphs() {}

    static Stream<Arguments> all() {
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
                        "subset, scale, shift, normalize",
                        THREE,
                        g -> g.addLayer("a", dense(6), "in")
                                .addVertex("left", new SubsetVertex(0, 2), "a")
                                .addVertex("right", new SubsetVertex(3, 5), "a")
                                .addVertex("scaled", new ScaleVertex(0.5), "left")
                                .addVertex("shifted", new ShiftVertex(0.25), "right")
                                .addVertex("normalized", new L2NormalizeVertex(), "scaled")
                                .addVertex("merged", new MergeVertex(), "normalized", "shifted", "in")
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

    static Arguments graph(String name, int[] outputs, UnaryOperator<GraphBuilder> vertices, InputType... inputs) {
        return Arguments.of(name, outputs, vertices, inputs);
    }

    public static DenseLayer dense(int out) {
        return new DenseLayer.Builder().nOut(out).activation(Activation.TANH).build();
    }

    static LSTM lstm(int out) {
        return new LSTM.Builder().nOut(out).activation(Activation.TANH).build();
    }

    static ConvolutionLayer convolution(int out) {
        return new ConvolutionLayer.Builder(3, 3)
                .nOut(out)
                .convolutionMode(ConvolutionMode.Same)
                .activation(Activation.TANH)
                .build();
    }

    public static OutputLayer output(int out) {
        return new OutputLayer.Builder(LossFunction.MCXENT)
                .nOut(out)
                .activation(Activation.SOFTMAX)
                .build();
    }

    static OutputLayer regression(int out) {
        return new OutputLayer.Builder(LossFunction.MSE)
                .nOut(out)
                .activation(Activation.TANH)
                .build();
    }

    public static ComputationGraph build(
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

    static String[] names(String prefix, int count) {
        String[] names = new String[count];
        for (int i = 0; i < count; i++) {
            names[i] = i == 0 ? prefix : prefix + i;
        }
        return names;
    }

    public static MultiDataSet data(DataType type, int examples, int[] outputs, InputType... inputs) {
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
}
