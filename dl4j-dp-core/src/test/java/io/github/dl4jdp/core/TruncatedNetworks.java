// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.dl4jdp.core.internal.plan.Truncation;
import java.util.ArrayList;
import java.util.List;
import org.deeplearning4j.nn.api.Model;
import org.deeplearning4j.nn.conf.BackpropType;
import org.deeplearning4j.nn.conf.NeuralNetConfiguration;
import org.deeplearning4j.nn.conf.inputs.InputType;
import org.deeplearning4j.nn.conf.layers.GravesLSTM;
import org.deeplearning4j.nn.conf.layers.LSTM;
import org.deeplearning4j.nn.conf.layers.Layer;
import org.deeplearning4j.nn.conf.layers.RnnOutputLayer;
import org.deeplearning4j.nn.conf.layers.recurrent.SimpleRnn;
import org.deeplearning4j.nn.graph.ComputationGraph;
import org.deeplearning4j.nn.multilayer.MultiLayerNetwork;
import org.deeplearning4j.optimize.api.BaseTrainingListener;
import org.nd4j.linalg.activations.Activation;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.dataset.DataSet;
import org.nd4j.linalg.factory.Nd4j;
import org.nd4j.linalg.indexing.NDArrayIndex;
import org.nd4j.linalg.learning.config.IUpdater;
import org.nd4j.linalg.lossfunctions.LossFunctions.LossFunction;

/** Networks of truncated backpropagation through time over segments of three time steps, and data for them. */
@SuppressWarnings("deprecation") // DL4J calls GravesLSTM deprecated, and networks with it exist
final class TruncatedNetworks {
    static final int SEGMENT = 3;
    static final int EXAMPLES = 6;
    static final int LENGTH = 8;
    static final int SEGMENTS = 3;
    static final Truncation TRUNCATION = new Truncation(LENGTH, SEGMENT);
    static final int SIZE = 3;

    private TruncatedNetworks() {}

    /** What the parameterized tests go over: a recurrent layer in a network of either class. */
    enum Kind {
        LSTM(false),
        GRAVES_LSTM(false),
        SIMPLE_RNN(false),
        LSTM_GRAPH(true),
        SIMPLE_RNN_GRAPH(true);

        private final boolean graph;

        Kind(boolean graph) {
            this.graph = graph;
        }

        private Layer layer() {
            return switch (this) {
                case LSTM, LSTM_GRAPH ->
                    new LSTM.Builder().nOut(4).activation(Activation.TANH).build();
                case GRAVES_LSTM ->
                    new GravesLSTM.Builder().nOut(4).activation(Activation.TANH).build();
                case SIMPLE_RNN, SIMPLE_RNN_GRAPH ->
                    new SimpleRnn.Builder().nOut(4).activation(Activation.TANH).build();
            };
        }

        /** Two layers of the kind and an output at every time step. */
        Model network(IUpdater updater) {
            return TruncatedNetworks.network(graph, updater, layer(), layer());
        }
    }

    static Model network(boolean graph, IUpdater updater, Layer... layers) {
        var conf = new NeuralNetConfiguration.Builder()
                .seed(5)
                .dataType(DataType.DOUBLE)
                .updater(updater);
        var output = new RnnOutputLayer.Builder(LossFunction.MCXENT)
                .nOut(2)
                .activation(Activation.SOFTMAX)
                .build();
        var input = InputType.recurrent(SIZE);
        if (!graph) {
            var list = conf.list();
            for (Layer layer : layers) {
                list.layer(layer);
            }
            var network = new MultiLayerNetwork(list.layer(output)
                    .setInputType(input)
                    .backpropType(BackpropType.TruncatedBPTT)
                    .tBPTTLength(SEGMENT)
                    .build());
            network.init();
            return network;
        }
        var builder = conf.graphBuilder().addInputs("in").setInputTypes(input);
        String below = "in";
        for (int i = 0; i < layers.length; i++) {
            builder.addLayer("layer " + i, layers[i], below);
            below = "layer " + i;
        }
        var network = new ComputationGraph(builder.addLayer("out", output, below)
                .setOutputs("out")
                .backpropType(BackpropType.TruncatedBPTT)
                .tBPTTForwardLength(SEGMENT)
                .tBPTTBackwardLength(SEGMENT)
                .build());
        network.init();
        return network;
    }

    /** Sequences of {@code steps} time steps, of which every second one lacks the last two. */
    static DataSet data(int examples, int steps) {
        Nd4j.getRandom().setSeed(23);
        INDArray classes = Nd4j.rand(DataType.DOUBLE, examples, steps).gt(0.5).castTo(DataType.DOUBLE);
        INDArray mask = Nd4j.ones(DataType.DOUBLE, examples, steps);
        for (int i = 0; i < examples; i += 2) {
            mask.get(NDArrayIndex.point(i), NDArrayIndex.interval(steps - 2, steps))
                    .assign(0);
        }
        return new DataSet(
                Nd4j.randn(DataType.DOUBLE, examples, SIZE, steps),
                Nd4j.stack(1, classes, classes.rsub(1)),
                mask,
                mask.dup());
    }

    static void fit(Model network, DataSet data) {
        if (network instanceof ComputationGraph graph) {
            graph.fit(data);
        } else {
            ((MultiLayerNetwork) network).fit(data);
        }
    }

    static void fit(Model network, PrivacyEngine engine, DataSet data, int epochs) {
        if (network instanceof ComputationGraph graph) {
            graph.fit(engine.lots(data), epochs);
        } else {
            ((MultiLayerNetwork) network).fit(engine.lots(data), epochs);
        }
    }

    static void listen(Model network, BaseTrainingListener listener) {
        if (network instanceof ComputationGraph graph) {
            graph.addListeners(listener);
        } else {
            ((MultiLayerNetwork) network).addListeners(listener);
        }
    }

    /** Collects the gradient of every iteration, as listeners see it. */
    static List<INDArray> gradients(Model network) {
        var gradients = new ArrayList<INDArray>();
        listen(network, new BaseTrainingListener() {
            @Override
            public void onGradientCalculation(Model model) {
                gradients.add(model.gradient().gradient().dup().reshape(model.numParams()));
            }
        });
        return gradients;
    }

    /** Every example in every lot. */
    static DpSgdPlan fullLots(int lots) {
        return DpSgdPlan.fixedSize(EXAMPLES, EXAMPLES)
                .withSteps(lots)
                .withClippingNorm(1e30)
                .withoutNoise()
                .withDelta(1e-5)
                .withSeed(5)
                .withTruncatedBackprop(LENGTH, SEGMENT);
    }

    /** The sums that a run of the whole plan releases, segment by segment. */
    static List<INDArray> releases(Model network, DpSgdPlan plan, DataSet data) {
        try (var engine = PrivacyEngine.attach(network, plan)) {
            var gradients = gradients(network);
            fit(network, engine, data, plan.epochs());
            assertThat(engine.remainingSteps()).isZero();
            gradients.replaceAll(gradient -> gradient.mul(plan.expectedLotSize()));
            return gradients;
        }
    }
}
