// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.examples.benchmark;

import io.github.dl4jdp.core.layers.GroupNormalization;
import org.deeplearning4j.nn.api.Model;
import org.deeplearning4j.nn.conf.ComputationGraphConfiguration.GraphBuilder;
import org.deeplearning4j.nn.conf.ConvolutionMode;
import org.deeplearning4j.nn.conf.NeuralNetConfiguration;
import org.deeplearning4j.nn.conf.graph.ElementWiseVertex;
import org.deeplearning4j.nn.conf.inputs.InputType;
import org.deeplearning4j.nn.conf.layers.ActivationLayer;
import org.deeplearning4j.nn.conf.layers.ConvolutionLayer;
import org.deeplearning4j.nn.conf.layers.DenseLayer;
import org.deeplearning4j.nn.conf.layers.EmbeddingSequenceLayer;
import org.deeplearning4j.nn.conf.layers.GlobalPoolingLayer;
import org.deeplearning4j.nn.conf.layers.LSTM;
import org.deeplearning4j.nn.conf.layers.OutputLayer;
import org.deeplearning4j.nn.conf.layers.PoolingType;
import org.deeplearning4j.nn.conf.layers.SubsamplingLayer;
import org.deeplearning4j.nn.conf.layers.recurrent.LastTimeStep;
import org.deeplearning4j.nn.graph.ComputationGraph;
import org.deeplearning4j.nn.multilayer.MultiLayerNetwork;
import org.nd4j.linalg.activations.Activation;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.dataset.DataSet;
import org.nd4j.linalg.factory.Nd4j;
import org.nd4j.linalg.learning.config.Sgd;
import org.nd4j.linalg.lossfunctions.LossFunctions.LossFunction;
import org.nd4j.linalg.ops.transforms.Transforms;

/** A network and a batch size, as the benchmarks of other private training libraries use them. */
enum Workload {
    /** The MNIST network of Opacus's example. */
    W1(256, 1, 28, 28) {
        @Override
        void layers(NeuralNetConfiguration.ListBuilder list) {
            list.layer(conv(16, 8, 2, 3, Activation.RELU))
                    .layer(pool(2, 1))
                    .layer(conv(32, 4, 2, 0, Activation.RELU))
                    .layer(pool(2, 1))
                    .layer(dense(32, Activation.RELU));
        }
    },
    /** A CIFAR-10 network with tanh activations. */
    W2(256, 3, 32, 32) {
        @Override
        void layers(NeuralNetConfiguration.ListBuilder list) {
            for (int width : new int[] {32, 64, 128}) {
                list.layer(conv(width, 3, 1, 1, Activation.TANH))
                        .layer(conv(width, 3, 1, 1, Activation.TANH))
                        .layer(pool(2, 2));
            }
            list.layer(dense(128, Activation.TANH));
        }
    },
    /** A multi-layer perceptron. */
    W3(1024, 784, 1, 1) {
        @Override
        void layers(NeuralNetConfiguration.ListBuilder list) {
            list.layer(dense(512, Activation.RELU)).layer(dense(256, Activation.RELU));
        }
    },
    /** Token sequences: embedding, LSTM, the last time step. */
    W4(64, 5_000, 1, 64) {
        @Override
        void layers(NeuralNetConfiguration.ListBuilder list) {
            list.layer(new EmbeddingSequenceLayer.Builder()
                            .nOut(64)
                            .inputLength(64)
                            .build())
                    .layer(new LastTimeStep(new LSTM.Builder()
                            .nOut(128)
                            .activation(Activation.TANH)
                            .build()));
        }

        @Override
        InputType input() {
            return InputType.recurrent(5_000, 64);
        }

        @Override
        INDArray features(int examples) {
            return Transforms.floor(Nd4j.rand(examples, 1, 64).muli(5_000), true);
        }

        @Override
        int classes() {
            return 2;
        }
    },
    /** Softmax regression on many features. */
    W5(1024, 15_552, 1, 1) {
        @Override
        void layers(NeuralNetConfiguration.ListBuilder list) {}
    },
    /** A residual network with group normalization before every convolution, as a graph; no convolution has a bias. */
    W6(128, 3, 32, 32) {
        @Override
        void layers(NeuralNetConfiguration.ListBuilder list) {
            throw new UnsupportedOperationException("W6 is a graph");
        }

        @Override
        Model network() {
            var graph = new NeuralNetConfiguration.Builder()
                    .seed(1)
                    .updater(new Sgd(0.01))
                    .graphBuilder()
                    .addInputs("in")
                    .addLayer("stem", convWithoutBias(16, 3, 1), "in");
            String top = block(graph, "a", "stem", 16, 1, false);
            top = block(graph, "b", top, 32, 2, true);
            top = block(graph, "c", top, 64, 2, true);
            top = normalized(graph, "top", top);
            graph.addLayer("pool", new GlobalPoolingLayer(PoolingType.AVG), top)
                    .addLayer("out", output(), "pool")
                    .setOutputs("out")
                    .setInputTypes(input());
            var network = new ComputationGraph(graph.build());
            network.init();
            return network;
        }
    };

    private static final int GROUPS = 8;

    private final int batch;
    private final int channels;
    private final int height;
    private final int width;

    Workload(int batch, int channels, int height, int width) {
        this.batch = batch;
        this.channels = channels;
        this.height = height;
        this.width = width;
    }

    InputType input() {
        return height == 1 ? InputType.feedForward(channels) : InputType.convolutional(height, width, channels);
    }

    abstract void layers(NeuralNetConfiguration.ListBuilder list);

    int batch() {
        return batch;
    }

    /** The network, initialized. */
    Model network() {
        var list = new NeuralNetConfiguration.Builder()
                .seed(1)
                .updater(new Sgd(0.01))
                .list();
        layers(list);
        list.layer(output());
        var network = new MultiLayerNetwork(list.setInputType(input()).build());
        network.init();
        return network;
    }

    OutputLayer output() {
        return new OutputLayer.Builder(LossFunction.MCXENT)
                .nOut(classes())
                .activation(Activation.SOFTMAX)
                .build();
    }

    /** Random inputs and labels. */
    DataSet data(int examples) {
        Nd4j.getRandom().setSeed(2);
        INDArray labels = Nd4j.zeros(examples, classes());
        for (int i = 0; i < examples; i++) {
            labels.putScalar(i, i % classes(), 1);
        }
        return new DataSet(features(examples), labels);
    }

    INDArray features(int examples) {
        long[] shape = input().getShape(true).clone();
        shape[0] = examples;
        return Nd4j.randn(shape);
    }

    int classes() {
        return 10;
    }

    private static ConvolutionLayer conv(int channels, int kernel, int stride, int padding, Activation activation) {
        return new ConvolutionLayer.Builder(kernel, kernel)
                .nOut(channels)
                .stride(stride, stride)
                .padding(padding, padding)
                .convolutionMode(ConvolutionMode.Truncate)
                .activation(activation)
                .build();
    }

    private static SubsamplingLayer pool(int kernel, int stride) {
        return new SubsamplingLayer.Builder(PoolingType.MAX)
                .kernelSize(kernel, kernel)
                .stride(stride, stride)
                .build();
    }

    private static ConvolutionLayer convWithoutBias(int channels, int kernel, int stride) {
        ConvolutionLayer layer = conv(channels, kernel, stride, kernel / 2, Activation.IDENTITY);
        layer.setHasBias(false);
        return layer;
    }

    private static DenseLayer dense(int units, Activation activation) {
        return new DenseLayer.Builder().nOut(units).activation(activation).build();
    }

    /** Group normalization and relu; returns the name of the last layer. */
    private static String normalized(GraphBuilder graph, String name, String below) {
        graph.addLayer(name + "-norm", new GroupNormalization.Builder(GROUPS).build(), below)
                .addLayer(name + "-relu", new ActivationLayer(Activation.RELU), name + "-norm");
        return name + "-relu";
    }

    /** A pre-activation residual block; returns the name of its last vertex. */
    private static String block(
            GraphBuilder graph, String name, String below, int channels, int stride, boolean projects) {
        String first = normalized(graph, name + "1", below);
        graph.addLayer(name + "-conv1", convWithoutBias(channels, 3, stride), first);
        String second = normalized(graph, name + "2", name + "-conv1");
        graph.addLayer(name + "-conv2", convWithoutBias(channels, 3, 1), second);
        String shortcut = below;
        if (projects) {
            shortcut = name + "-shortcut";
            graph.addLayer(shortcut, convWithoutBias(channels, 1, stride), first);
        }
        graph.addVertex(name, new ElementWiseVertex(ElementWiseVertex.Op.Add), name + "-conv2", shortcut);
        return name;
    }
}
