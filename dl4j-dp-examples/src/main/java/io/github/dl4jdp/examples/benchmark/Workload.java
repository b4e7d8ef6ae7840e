// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.examples.benchmark;

import org.deeplearning4j.nn.conf.ConvolutionMode;
import org.deeplearning4j.nn.conf.NeuralNetConfiguration;
import org.deeplearning4j.nn.conf.inputs.InputType;
import org.deeplearning4j.nn.conf.layers.ConvolutionLayer;
import org.deeplearning4j.nn.conf.layers.DenseLayer;
import org.deeplearning4j.nn.conf.layers.EmbeddingSequenceLayer;
import org.deeplearning4j.nn.conf.layers.LSTM;
import org.deeplearning4j.nn.conf.layers.OutputLayer;
import org.deeplearning4j.nn.conf.layers.PoolingType;
import org.deeplearning4j.nn.conf.layers.SubsamplingLayer;
import org.deeplearning4j.nn.conf.layers.recurrent.LastTimeStep;
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
                    .layer(new DenseLayer.Builder()
                            .nOut(32)
                            .activation(Activation.RELU)
                            .build());
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
            list.layer(new DenseLayer.Builder()
                    .nOut(128)
                    .activation(Activation.TANH)
                    .build());
        }
    },
    /** A multi-layer perceptron. */
    W3(1024, 784, 1, 1) {
        @Override
        void layers(NeuralNetConfiguration.ListBuilder list) {
            list.layer(new DenseLayer.Builder()
                            .nOut(512)
                            .activation(Activation.RELU)
                            .build())
                    .layer(new DenseLayer.Builder()
                            .nOut(256)
                            .activation(Activation.RELU)
                            .build());
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
        INDArray features() {
            return Transforms.floor(Nd4j.rand(64, 1, 64).muli(5_000), true);
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
    };

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

    MultiLayerNetwork network() {
        var list = new NeuralNetConfiguration.Builder()
                .seed(1)
                .updater(new Sgd(0.01))
                .list();
        layers(list);
        list.layer(new OutputLayer.Builder(LossFunction.MCXENT)
                .nOut(classes())
                .activation(Activation.SOFTMAX)
                .build());
        var network = new MultiLayerNetwork(list.setInputType(input()).build());
        network.init();
        return network;
    }

    /** Random inputs and labels. */
    DataSet data() {
        Nd4j.getRandom().setSeed(2);
        INDArray labels = Nd4j.zeros(batch, classes());
        for (int i = 0; i < batch; i++) {
            labels.putScalar(i, i % classes(), 1);
        }
        return new DataSet(features(), labels);
    }

    INDArray features() {
        long[] shape = input().getShape(true).clone();
        shape[0] = batch;
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
}
