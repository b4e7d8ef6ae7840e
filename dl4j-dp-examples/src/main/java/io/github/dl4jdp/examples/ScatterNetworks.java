// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.examples;

import org.deeplearning4j.nn.conf.NeuralNetConfiguration;
import org.deeplearning4j.nn.conf.inputs.InputType;
import org.deeplearning4j.nn.conf.layers.ConvolutionLayer;
import org.deeplearning4j.nn.conf.layers.OutputLayer;
import org.deeplearning4j.nn.conf.layers.PoolingType;
import org.deeplearning4j.nn.conf.layers.SubsamplingLayer;
import org.deeplearning4j.nn.multilayer.MultiLayerNetwork;
import org.nd4j.linalg.activations.Activation;
import org.nd4j.linalg.learning.config.Nesterovs;
import org.nd4j.linalg.lossfunctions.LossFunctions.LossFunction;

/** Models of scattering features that kept their places: [channels, height, width]. */
enum ScatterNetworks {
    /** Softmax regression that starts at zero, without a bias: classes are equally frequent by design. */
    LINEAR {
        @Override
        MultiLayerNetwork create(long[] shape, int classes, double learningRate, int seed) {
            return LinearModel.create(shape, classes, learningRate, seed);
        }
    },

    /** Two convolutions with tanh, a maximum over 2x2 between them: Tramer and Boneh's network, 187,000 weights of 243 channels. */
    CNN {
        @Override
        MultiLayerNetwork create(long[] shape, int classes, double learningRate, int seed) {
            var network = new MultiLayerNetwork(new NeuralNetConfiguration.Builder()
                    .seed(seed)
                    .updater(new Nesterovs(learningRate, MOMENTUM))
                    .list()
                    .layer(convolution())
                    .layer(new SubsamplingLayer.Builder(PoolingType.MAX)
                            .kernelSize(2, 2)
                            .stride(2, 2)
                            .build())
                    .layer(convolution())
                    .layer(new OutputLayer.Builder(LossFunction.MCXENT)
                            .nOut(classes)
                            .activation(Activation.SOFTMAX)
                            .build())
                    .setInputType(InputType.convolutional(shape[1], shape[2], shape[0]))
                    .build());
            network.init();
            return network;
        }
    };

    private static final double MOMENTUM = 0.9;
    private static final int FILTERS = 64;

    /** A new model of features of this shape. */
    abstract MultiLayerNetwork create(long[] shape, int classes, double learningRate, int seed);

    private static ConvolutionLayer convolution() {
        return new ConvolutionLayer.Builder(3, 3)
                .nOut(FILTERS)
                .padding(1, 1)
                .activation(Activation.TANH)
                .build();
    }
}
