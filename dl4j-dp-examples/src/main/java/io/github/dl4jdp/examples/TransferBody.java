// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.examples;

import org.deeplearning4j.nn.conf.NeuralNetConfiguration;
import org.deeplearning4j.nn.conf.inputs.InputType;
import org.deeplearning4j.nn.conf.layers.ConvolutionLayer;
import org.deeplearning4j.nn.conf.layers.DenseLayer;
import org.deeplearning4j.nn.conf.layers.OutputLayer;
import org.deeplearning4j.nn.multilayer.MultiLayerNetwork;
import org.deeplearning4j.zoo.model.LeNet;
import org.nd4j.linalg.activations.Activation;
import org.nd4j.linalg.learning.config.Adam;
import org.nd4j.linalg.lossfunctions.LossFunctions.LossFunction;

/** Networks of digits [1, 28, 28] for {@link TransferLearningHead}: layers 0 to 4 are the body, layer 5 is the head. */
enum TransferBody {
    /** Two small convolutions and 32 features: 10,000 weights. */
    SMALL(32, 0.5) {
        @Override
        MultiLayerNetwork create(int classes, int seed) {
            return Networks.create(new NeuralNetConfiguration.Builder()
                    .seed(seed)
                    .activation(Activation.TANH)
                    .updater(new Adam(PUBLIC_LEARNING_RATE))
                    .list()
                    .layer(new ConvolutionLayer.Builder(8, 8)
                            .nOut(16)
                            .stride(2, 2)
                            .padding(2, 2)
                            .build())
                    .layer(Networks.halve())
                    .layer(new ConvolutionLayer.Builder(4, 4).nOut(32).build())
                    .layer(Networks.halve())
                    .layer(new DenseLayer.Builder().nOut(features()).build())
                    .layer(head(classes))
                    .setInputType(InputType.convolutional(28, 28, 1))
                    .build());
        }
    },

    /** LeNet of DL4J's model zoo, as it comes: 500 features, 1.25 million weights. */
    LENET(500, 0.2) {
        @Override
        MultiLayerNetwork create(int classes, int seed) {
            return (MultiLayerNetwork) LeNet.builder()
                    .numClasses(classes)
                    .seed(seed)
                    .updater(new Adam(PUBLIC_LEARNING_RATE))
                    .build()
                    .init();
        }
    };

    /** The last layer of the body. */
    static final int LAST_LAYER = 4;

    private static final double PUBLIC_LEARNING_RATE = 1e-3;

    private final int features;
    private final double learningRate;

    TransferBody(int features, double learningRate) {
        this.features = features;
        this.learningRate = learningRate;
    }

    /** An untrained network. */
    abstract MultiLayerNetwork create(int classes, int seed);

    /** How many numbers the body hands to the head. */
    int features() {
        return features;
    }

    /** The learning rate with which all of it trains privately. */
    double learningRate() {
        return learningRate;
    }

    /** A new head, for {@code classes} classes. */
    OutputLayer head(int classes) {
        return new OutputLayer.Builder(LossFunction.MCXENT)
                .nIn(features)
                .nOut(classes)
                .activation(Activation.SOFTMAX)
                .build();
    }
}
