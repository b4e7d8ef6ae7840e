// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core;

import io.github.dl4jdp.core.layers.GroupNormalization;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.function.Function;
import org.deeplearning4j.nn.api.Model;
import org.deeplearning4j.nn.conf.ComputationGraphConfiguration.GraphBuilder;
import org.deeplearning4j.nn.conf.ConvolutionMode;
import org.deeplearning4j.nn.conf.NeuralNetConfiguration;
import org.deeplearning4j.nn.conf.graph.ElementWiseVertex;
import org.deeplearning4j.nn.conf.graph.MergeVertex;
import org.deeplearning4j.nn.conf.inputs.InputType;
import org.deeplearning4j.nn.conf.layers.ActivationLayer;
import org.deeplearning4j.nn.conf.layers.CnnLossLayer;
import org.deeplearning4j.nn.conf.layers.Convolution1DLayer;
import org.deeplearning4j.nn.conf.layers.ConvolutionLayer;
import org.deeplearning4j.nn.conf.layers.Deconvolution2D;
import org.deeplearning4j.nn.conf.layers.DenseLayer;
import org.deeplearning4j.nn.conf.layers.EmbeddingSequenceLayer;
import org.deeplearning4j.nn.conf.layers.GlobalPoolingLayer;
import org.deeplearning4j.nn.conf.layers.LSTM;
import org.deeplearning4j.nn.conf.layers.Layer;
import org.deeplearning4j.nn.conf.layers.LossLayer;
import org.deeplearning4j.nn.conf.layers.OutputLayer;
import org.deeplearning4j.nn.conf.layers.PoolingType;
import org.deeplearning4j.nn.conf.layers.RnnOutputLayer;
import org.deeplearning4j.nn.conf.layers.SelfAttentionLayer;
import org.deeplearning4j.nn.conf.layers.SubsamplingLayer;
import org.deeplearning4j.nn.conf.layers.recurrent.Bidirectional;
import org.deeplearning4j.nn.conf.layers.recurrent.LastTimeStep;
import org.deeplearning4j.nn.graph.ComputationGraph;
import org.deeplearning4j.nn.multilayer.MultiLayerNetwork;
import org.deeplearning4j.nn.transferlearning.FineTuneConfiguration;
import org.deeplearning4j.nn.transferlearning.TransferLearning;
import org.nd4j.linalg.activations.Activation;
import org.nd4j.linalg.activations.impl.ActivationIdentity;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.dataset.MultiDataSet;
import org.nd4j.linalg.factory.Nd4j;
import org.nd4j.linalg.indexing.NDArrayIndex;
import org.nd4j.linalg.learning.config.Sgd;
import org.nd4j.linalg.lossfunctions.LossFunctions.LossFunction;

/** The architectures that people train, made small, each with data. */
final class WholeNetworks {
    static final int EXAMPLES = 5;
    private static final int WORDS = 11;
    private static final int LENGTH = 7;
    private static final int CLASSES = 3;

    /** A network and data for it. */
    record Sample(Model network, MultiDataSet data) {}

    private WholeNetworks() {}

    static Map<String, Function<DataType, Sample>> all() {
        var all = new LinkedHashMap<String, Function<DataType, Sample>>();
        all.put("LeNet", WholeNetworks::leNet);
        all.put("SqueezeNet-like", WholeNetworks::squeezeNet);
        all.put("residual with group normalization", WholeNetworks::residual);
        all.put("U-Net-like", WholeNetworks::uNet);
        all.put("text CNN of three branches", WholeNetworks::textCnn);
        all.put("character LSTM", WholeNetworks::characterLstm);
        all.put("bidirectional LSTM with masks", WholeNetworks::maskedBidirectional);
        all.put("embedding, LSTM, last step", WholeNetworks::wordClassifier);
        all.put("self-attention encoder", WholeNetworks::selfAttention);
        all.put("two outputs", WholeNetworks::twoOutputs);
        all.put("autoencoder", WholeNetworks::autoencoder);
        all.put("transfer-learned, frozen body", WholeNetworks::transferLearned);
        return all;
    }

    private static NeuralNetConfiguration.Builder configuration(DataType type) {
        return new NeuralNetConfiguration.Builder()
                .seed(12)
                .dataType(type)
                .activation(Activation.TANH)
                .convolutionMode(ConvolutionMode.Same)
                .updater(new Sgd(0.1));
    }

    private static ConvolutionLayer convolution(int out, int kernel, int stride) {
        return new ConvolutionLayer.Builder(kernel, kernel)
                .stride(stride, stride)
                .nOut(out)
                .build();
    }

    private static SubsamplingLayer pooling() {
        return new SubsamplingLayer.Builder(SubsamplingLayer.PoolingType.MAX, new int[] {2, 2}, new int[] {2, 2})
                .build();
    }

    private static OutputLayer softmax() {
        return new OutputLayer.Builder(LossFunction.MCXENT)
                .nOut(CLASSES)
                .activation(Activation.SOFTMAX)
                .build();
    }

    private static DenseLayer dense(int out) {
        return new DenseLayer.Builder().nOut(out).build();
    }

    private static LSTM lstm(int out) {
        return new LSTM.Builder().nOut(out).build();
    }

    private static RnnOutputLayer sequenceOutput(int out) {
        return new RnnOutputLayer.Builder(LossFunction.MCXENT)
                .nOut(out)
                .activation(Activation.SOFTMAX)
                .build();
    }

    private static MultiLayerNetwork network(DataType type, InputType input, Layer... layers) {
        var list = configuration(type).list();
        for (Layer layer : layers) {
            list.layer(layer);
        }
        var network = new MultiLayerNetwork(list.setInputType(input).build());
        network.init();
        return network;
    }

    private static ComputationGraph graph(GraphBuilder builder) {
        var network = new ComputationGraph(builder.build());
        network.init();
        return network;
    }

    private static INDArray image(DataType type, int channels, int side) {
        return Nd4j.randn(type, EXAMPLES, channels, side, side);
    }

    private static INDArray classes(DataType type, int count) {
        INDArray labels = Nd4j.zeros(type, EXAMPLES, count);
        for (int i = 0; i < EXAMPLES; i++) {
            labels.putScalar(i, (i * 2 + 1) % count, 1);
        }
        return labels;
    }

    private static INDArray classesByStep(DataType type, int count) {
        INDArray labels = Nd4j.zeros(type, EXAMPLES, count, LENGTH);
        for (int i = 0; i < EXAMPLES; i++) {
            for (int t = 0; t < LENGTH; t++) {
                labels.putScalar(new int[] {i, (i + t * t) % count, t}, 1);
            }
        }
        return labels;
    }

    private static INDArray words(DataType type) {
        INDArray words = Nd4j.zeros(type, EXAMPLES, 1, LENGTH);
        for (int i = 0; i < EXAMPLES; i++) {
            for (int t = 0; t < LENGTH; t++) {
                words.putScalar(new int[] {i, 0, t}, (i * 5 + t * t) % WORDS);
            }
        }
        return words;
    }

    private static Sample leNet(DataType type) {
        return new Sample(
                network(
                        type,
                        InputType.convolutional(14, 14, 1),
                        convolution(4, 5, 1),
                        pooling(),
                        convolution(6, 5, 1),
                        pooling(),
                        dense(10),
                        softmax()),
                new MultiDataSet(image(type, 1, 14), classes(type, CLASSES)));
    }

    private static void fire(GraphBuilder g, String name, String input, int squeeze, int expand) {
        g.addLayer(name + "squeeze", convolution(squeeze, 1, 1), input)
                .addLayer(name + "one", convolution(expand, 1, 1), name + "squeeze")
                .addLayer(name + "three", convolution(expand, 3, 1), name + "squeeze")
                .addVertex(name, new MergeVertex(), name + "one", name + "three");
    }

    private static Sample squeezeNet(DataType type) {
        var g = configuration(type)
                .activation(Activation.RELU)
                .graphBuilder()
                .addInputs("in")
                .setInputTypes(InputType.convolutional(12, 12, 3))
                .addLayer("first", convolution(6, 3, 2), "in");
        fire(g, "fire1", "first", 3, 4);
        g.addLayer("pool", pooling(), "fire1");
        fire(g, "fire2", "pool", 4, 6);
        var classes = convolution(CLASSES, 1, 1);
        classes.setActivationFn(new ActivationIdentity());
        g.addLayer("classes", classes, "fire2")
                .addLayer("mean", new GlobalPoolingLayer(PoolingType.AVG), "classes")
                .addLayer(
                        "out",
                        new LossLayer.Builder(LossFunction.MCXENT)
                                .activation(Activation.SOFTMAX)
                                .build(),
                        "mean")
                .setOutputs("out");
        return new Sample(graph(g), new MultiDataSet(image(type, 3, 12), classes(type, CLASSES)));
    }

    private static Sample residual(DataType type) {
        var g = configuration(type)
                .graphBuilder()
                .addInputs("in")
                .setInputTypes(InputType.convolutional(8, 8, 3))
                .addLayer("stem", convolution(4, 3, 1), "in")
                .addLayer("norm1", new GroupNormalization.Builder(2).build(), "stem")
                .addLayer("relu1", new ActivationLayer(Activation.RELU), "norm1")
                .addLayer("conv1", convolution(8, 3, 2), "relu1")
                .addLayer("norm2", new GroupNormalization.Builder(4).build(), "conv1")
                .addLayer("relu2", new ActivationLayer(Activation.RELU), "norm2")
                .addLayer("conv2", convolution(8, 3, 1), "relu2")
                .addLayer("short", convolution(8, 1, 2), "relu1")
                .addVertex("sum", new ElementWiseVertex(ElementWiseVertex.Op.Add), "conv2", "short")
                .addLayer("mean", new GlobalPoolingLayer(PoolingType.AVG), "sum")
                .addLayer("out", softmax(), "mean")
                .setOutputs("out");
        return new Sample(graph(g), new MultiDataSet(image(type, 3, 8), classes(type, CLASSES)));
    }

    private static Sample uNet(DataType type) {
        var up = new Deconvolution2D.Builder(2, 2).stride(2, 2).nOut(4).build();
        var g = configuration(type)
                .graphBuilder()
                .addInputs("in")
                .setInputTypes(InputType.convolutional(8, 8, 2))
                .addLayer("down1", convolution(4, 3, 1), "in")
                .addLayer("pool", pooling(), "down1")
                .addLayer("down2", convolution(6, 3, 1), "pool")
                .addLayer("up", up, "down2")
                .addVertex("skip", new MergeVertex(), "down1", "up")
                .addLayer("conv", convolution(4, 3, 1), "skip")
                .addLayer("pixels", convolution(1, 1, 1), "conv")
                .addLayer(
                        "out",
                        new CnnLossLayer.Builder(LossFunction.XENT)
                                .activation(Activation.SIGMOID)
                                .build(),
                        "pixels")
                .setOutputs("out");
        INDArray labels = image(type, 1, 8).gt(0).castTo(type);
        return new Sample(graph(g), new MultiDataSet(image(type, 2, 8), labels));
    }

    private static EmbeddingSequenceLayer embedding() {
        return new EmbeddingSequenceLayer.Builder()
                .nIn(WORDS)
                .nOut(4)
                .inputLength(LENGTH)
                .hasBias(false)
                .build();
    }

    private static Sample textCnn(DataType type) {
        var g = configuration(type)
                .graphBuilder()
                .addInputs("in")
                .setInputTypes(InputType.recurrent(WORDS, LENGTH))
                .addLayer("words", embedding(), "in");
        String[] pooled = new String[3];
        for (int width = 2; width <= 4; width++) {
            String name = "width" + width;
            g.addLayer(name, new Convolution1DLayer.Builder(width).nOut(3).build(), "words");
            pooled[width - 2] = name + "max";
            g.addLayer(pooled[width - 2], new GlobalPoolingLayer(PoolingType.MAX), name);
        }
        g.addVertex("all", new MergeVertex(), pooled)
                .addLayer("out", softmax(), "all")
                .setOutputs("out");
        return new Sample(graph(g), new MultiDataSet(words(type), classes(type, CLASSES)));
    }

    private static Sample characterLstm(DataType type) {
        return new Sample(
                network(type, InputType.recurrent(WORDS, LENGTH), lstm(5), lstm(4), sequenceOutput(WORDS)),
                new MultiDataSet(classesByStep(type, WORDS), classesByStep(type, WORDS)));
    }

    private static Sample maskedBidirectional(DataType type) {
        INDArray mask = Nd4j.ones(type, EXAMPLES, LENGTH);
        for (int i = 0; i < EXAMPLES; i++) {
            mask.get(NDArrayIndex.point(i), NDArrayIndex.interval(LENGTH - i, LENGTH))
                    .assign(0);
        }
        return new Sample(
                network(type, InputType.recurrent(4, LENGTH), new Bidirectional(lstm(3)), sequenceOutput(CLASSES)),
                new MultiDataSet(
                        new INDArray[] {Nd4j.randn(type, EXAMPLES, 4, LENGTH)},
                        new INDArray[] {classesByStep(type, CLASSES)},
                        new INDArray[] {mask},
                        new INDArray[] {mask.dup()}));
    }

    private static Sample wordClassifier(DataType type) {
        return new Sample(
                network(type, InputType.recurrent(WORDS, LENGTH), embedding(), new LastTimeStep(lstm(5)), softmax()),
                new MultiDataSet(words(type), classes(type, CLASSES)));
    }

    private static Sample selfAttention(DataType type) {
        return new Sample(
                network(
                        type,
                        InputType.recurrent(4, LENGTH),
                        new SelfAttentionLayer.Builder()
                                .nOut(4)
                                .nHeads(2)
                                .headSize(2)
                                .projectInput(true)
                                .build(),
                        new GlobalPoolingLayer(PoolingType.AVG),
                        softmax()),
                new MultiDataSet(Nd4j.randn(type, EXAMPLES, 4, LENGTH), classes(type, CLASSES)));
    }

    private static Sample twoOutputs(DataType type) {
        var value = new OutputLayer.Builder(LossFunction.MSE)
                .nOut(1)
                .activation(Activation.IDENTITY)
                .build();
        var g = configuration(type)
                .graphBuilder()
                .addInputs("in")
                .setInputTypes(InputType.feedForward(6))
                .addLayer("body", dense(8), "in")
                .addLayer("class", softmax(), "body")
                .addLayer("value", value, "body")
                .setOutputs("class", "value");
        return new Sample(graph(g), new MultiDataSet(new INDArray[] {Nd4j.randn(type, EXAMPLES, 6)}, new INDArray[] {
            classes(type, CLASSES), Nd4j.randn(type, EXAMPLES, 1)
        }));
    }

    private static Sample autoencoder(DataType type) {
        INDArray data = Nd4j.randn(type, EXAMPLES, 8);
        var out = new OutputLayer.Builder(LossFunction.MSE)
                .nOut(8)
                .activation(Activation.IDENTITY)
                .build();
        return new Sample(
                network(type, InputType.feedForward(8), dense(5), dense(2), dense(5), out),
                new MultiDataSet(data, data.dup()));
    }

    private static Sample transferLearned(DataType type) {
        var body =
                network(type, InputType.convolutional(10, 10, 1), convolution(4, 3, 1), pooling(), dense(8), softmax());
        var network = new TransferLearning.Builder(body)
                .fineTuneConfiguration(new FineTuneConfiguration.Builder()
                        .updater(new Sgd(0.1))
                        .build())
                .setFeatureExtractor(2)
                .removeOutputLayer()
                .addLayer(new DenseLayer.Builder()
                        .nIn(8)
                        .nOut(6)
                        .activation(Activation.TANH)
                        .build())
                .addLayer(new OutputLayer.Builder(LossFunction.MCXENT)
                        .nIn(6)
                        .nOut(CLASSES)
                        .activation(Activation.SOFTMAX)
                        .build())
                .build();
        return new Sample(network, new MultiDataSet(image(type, 1, 10), classes(type, CLASSES)));
    }
}
