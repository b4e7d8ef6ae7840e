// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.examples.benchmark;

import org.deeplearning4j.nn.api.Model;
import org.deeplearning4j.nn.graph.ComputationGraph;
import org.deeplearning4j.nn.multilayer.MultiLayerNetwork;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.dataset.api.DataSet;
import org.nd4j.linalg.factory.Nd4j;

/** DP-SGD as one would first write it: a backward pass for each example, and ND4J's generator for the noise, which is no secure one. */
final class BatchesOfOne {
    private static final double LEARNING_RATE = 0.01;

    private final Model network;
    private final DataSet data;

    BatchesOfOne(Model network, DataSet data) {
        this.network = network;
        this.data = data;
    }

    void step() {
        int batch = data.numExamples();
        INDArray sum = Nd4j.zeros(network.params().shape());
        for (int i = 0; i < batch; i++) {
            INDArray gradient = gradient(data.getRange(i, i + 1)).reshape(sum.shape());
            double norm = gradient.norm2Number().doubleValue();
            sum.addi(gradient.mul(Math.min(1, 1 / norm)));
        }
        sum.addi(Nd4j.randn(sum.shape()));
        network.params().subi(sum.muli(LEARNING_RATE / batch));
    }

    private INDArray gradient(DataSet example) {
        if (network instanceof ComputationGraph graph) {
            graph.setInput(0, example.getFeatures());
            graph.setLabels(example.getLabels());
            graph.computeGradientAndScore();
            return graph.getFlattenedGradients();
        }
        var list = (MultiLayerNetwork) network;
        list.setInput(example.getFeatures());
        list.setLabels(example.getLabels());
        list.computeGradientAndScore();
        return list.getFlattenedGradients();
    }
}
