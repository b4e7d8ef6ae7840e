// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.examples;

import java.util.List;
import org.deeplearning4j.datasets.iterator.ExistingDataSetIterator;
import org.deeplearning4j.nn.conf.MultiLayerConfiguration;
import org.deeplearning4j.nn.conf.NeuralNetConfiguration;
import org.deeplearning4j.nn.conf.inputs.InputType;
import org.deeplearning4j.nn.conf.layers.OutputLayer;
import org.deeplearning4j.nn.conf.layers.PoolingType;
import org.deeplearning4j.nn.conf.layers.SubsamplingLayer;
import org.deeplearning4j.nn.multilayer.MultiLayerNetwork;
import org.deeplearning4j.nn.weights.WeightInit;
import org.nd4j.linalg.activations.Activation;
import org.nd4j.linalg.dataset.DataSet;
import org.nd4j.linalg.learning.config.Nesterovs;
import org.nd4j.linalg.lossfunctions.LossFunctions.LossFunction;

/** What the networks of several mains have in common: plain DL4J. */
final class Networks {
    private static final double MOMENTUM = 0.9;

    private Networks() {}

    /** A network with new weights. */
    static MultiLayerNetwork create(MultiLayerConfiguration configuration) {
        var network = new MultiLayerNetwork(configuration);
        network.init();
        return network;
    }

    /** The output layer of a classifier. */
    static OutputLayer softmax(int classes) {
        return new OutputLayer.Builder(LossFunction.MCXENT)
                .nOut(classes)
                .activation(Activation.SOFTMAX)
                .build();
    }

    /** The maximum over 2x2. */
    static SubsamplingLayer halve() {
        return new SubsamplingLayer.Builder(PoolingType.MAX)
                .kernelSize(2, 2)
                .stride(2, 2)
                .build();
    }

    /**
     * Softmax regression on features, with weights zero and no bias: classes are about equally frequent by construction of the data sets here, so there is
     * nothing to learn for a bias, and its part of the gradient would be as large as that of all features together.
     *
     * @param shape of an example's features, [features] or [channels, height, width]
     */
    static MultiLayerNetwork linear(long[] shape, int classes, double learningRate, int seed) {
        InputType input = shape.length == 3
                ? InputType.convolutional(shape[1], shape[2], shape[0])
                : InputType.feedForward(shape[0]);
        return create(new NeuralNetConfiguration.Builder()
                .seed(seed)
                .updater(new Nesterovs(learningRate, MOMENTUM))
                .list()
                .layer(new OutputLayer.Builder(LossFunction.MCXENT)
                        .nOut(classes)
                        .hasBias(false)
                        .weightInit(WeightInit.ZERO)
                        .activation(Activation.SOFTMAX)
                        .build())
                .setInputType(input)
                .build());
    }

    /** The share of the examples that a network classifies correctly. */
    static double accuracy(MultiLayerNetwork network, List<DataSet> batches) {
        return network.evaluate(new ExistingDataSetIterator(batches)).accuracy();
    }
}
