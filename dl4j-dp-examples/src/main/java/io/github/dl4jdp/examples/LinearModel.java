// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.examples;

import io.github.dl4jdp.examples.data.ImageSet;
import io.github.dl4jdp.features.FeatureFile;
import java.util.stream.IntStream;
import org.deeplearning4j.nn.conf.NeuralNetConfiguration;
import org.deeplearning4j.nn.conf.inputs.InputType;
import org.deeplearning4j.nn.conf.layers.OutputLayer;
import org.deeplearning4j.nn.multilayer.MultiLayerNetwork;
import org.deeplearning4j.nn.weights.WeightInit;
import org.nd4j.evaluation.classification.Evaluation;
import org.nd4j.linalg.activations.Activation;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.indexing.NDArrayIndex;
import org.nd4j.linalg.learning.config.Nesterovs;
import org.nd4j.linalg.lossfunctions.LossFunctions.LossFunction;

/** Softmax regression on features. */
final class LinearModel {
    private static final double MOMENTUM = 0.9;

    private LinearModel() {}

    /**
     * A model with weights zero and no bias: classes are about equally frequent by construction of the data sets here, so there is
     * nothing to learn for a bias, and its part of the gradient would be as large as that of all features together.
     *
     * @param shape of an example's features, [features] or [channels, height, width]
     */
    static MultiLayerNetwork create(long[] shape, int classes, double learningRate, int seed) {
        InputType input = shape.length == 3
                ? InputType.convolutional(shape[1], shape[2], shape[0])
                : InputType.feedForward(shape[0]);
        var network = new MultiLayerNetwork(new NeuralNetConfiguration.Builder()
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
        network.init();
        return network;
    }

    /** The share of the images that the network classifies correctly by their features. */
    static double accuracy(MultiLayerNetwork network, FeatureFile features, ImageSet images) {
        INDArray labels = images.oneHotLabels();
        Evaluation evaluation = new Evaluation(images.classes());
        int chunk = 1000;
        for (int from = 0; from < images.size(); from += chunk) {
            int to = Math.min(images.size(), from + chunk);
            INDArray output =
                    network.output(features.read(IntStream.range(from, to).toArray()));
            evaluation.eval(labels.get(NDArrayIndex.interval(from, to)), output);
        }
        return evaluation.accuracy();
    }
}
