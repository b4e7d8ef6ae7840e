// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.audit;

import org.deeplearning4j.nn.conf.NeuralNetConfiguration;
import org.deeplearning4j.nn.conf.layers.DenseLayer;
import org.deeplearning4j.nn.conf.layers.OutputLayer;
import org.deeplearning4j.nn.graph.ComputationGraph;
import org.deeplearning4j.nn.multilayer.MultiLayerNetwork;
import org.nd4j.linalg.activations.Activation;
import org.nd4j.linalg.dataset.DataSet;
import org.nd4j.linalg.factory.Nd4j;
import org.nd4j.linalg.learning.config.IUpdater;
import org.nd4j.linalg.lossfunctions.LossFunctions.LossFunction;

/** A small network to audit, and data for it. */
final class AuditNetworks {
    private static final int INPUTS = 6;
    private static final int HIDDEN = 8;
    private static final int CLASSES = 3;
    static final int FIRST_LAYER = (INPUTS + 1) * HIDDEN;

    private AuditNetworks() {}

    private static NeuralNetConfiguration.Builder settings(IUpdater updater) {
        return new NeuralNetConfiguration.Builder().seed(3).updater(updater).activation(Activation.TANH);
    }

    private static DenseLayer hidden() {
        return new DenseLayer.Builder().nIn(INPUTS).nOut(HIDDEN).build();
    }

    private static OutputLayer output() {
        return new OutputLayer.Builder(LossFunction.MCXENT)
                .nIn(HIDDEN)
                .nOut(CLASSES)
                .activation(Activation.SOFTMAX)
                .build();
    }

    static MultiLayerNetwork network(IUpdater updater) {
        var network = new MultiLayerNetwork(
                settings(updater).list().layer(hidden()).layer(output()).build());
        network.init();
        return network;
    }

    static ComputationGraph graph(IUpdater updater) {
        var graph = new ComputationGraph(settings(updater)
                .graphBuilder()
                .addInputs("in")
                .addLayer("hidden", hidden(), "in")
                .addLayer("out", output(), "hidden")
                .setOutputs("out")
                .build());
        graph.init();
        return graph;
    }

    static DataSet data(int examples) {
        Nd4j.getRandom().setSeed(17);
        var labels = Nd4j.zeros(examples, CLASSES);
        for (int i = 0; i < examples; i++) {
            labels.putScalar(i, i % CLASSES, 1);
        }
        return new DataSet(Nd4j.randn(examples, INPUTS).muli(0.3), labels);
    }

    /** One example whose gradient is several times as long as 1. */
    static DataSet canary() {
        return new DataSet(Nd4j.ones(1, INPUTS).muli(5), Nd4j.createFromArray(new float[][] {{0, 0, 1}}));
    }
}
