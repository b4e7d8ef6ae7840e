// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.examples;

import org.deeplearning4j.nn.conf.NeuralNetConfiguration;
import org.deeplearning4j.nn.conf.inputs.InputType;
import org.deeplearning4j.nn.conf.layers.ConvolutionLayer;
import org.deeplearning4j.nn.multilayer.MultiLayerNetwork;
import org.nd4j.linalg.activations.Activation;
import org.nd4j.linalg.learning.config.Nesterovs;

/** Models of scattering features that kept their places: [channels, height, width]. */
enum ScatterNetworks {
    /** Softmax regression that starts at zero, without a bias: classes are equally frequent by design. */
    LINEAR {
        @Override
        MultiLayerNetwork create(long[] shape, int classes, double learningRate, int seed) {
            return Networks.linear(shape, classes, learningRate, seed);
        }
    },

    /** Two convolutions with tanh, a maximum over 2x2 between them: Tramer and Boneh's network, 187,000 weights of 243 channels. */
    CNN {
        @Override
        MultiLayerNetwork create(long[] shape, int classes, double learningRate, int seed) {
            return Networks.create(new NeuralNetConfiguration.Builder()
                    .seed(seed)
                    .updater(new Nesterovs(learningRate, MOMENTUM))
                    .list()
                    .layer(convolution())
                    .layer(Networks.halve())
                    .layer(convolution())
                    .layer(Networks.softmax(classes))
                    .setInputType(InputType.convolutional(shape[1], shape[2], shape[0]))
                    .build());
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
