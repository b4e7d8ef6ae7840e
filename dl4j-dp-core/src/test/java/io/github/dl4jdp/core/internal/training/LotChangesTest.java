// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core.internal.training;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.dl4jdp.core.DpSgdPlan;
import io.github.dl4jdp.core.ExecutionOptions;
import io.github.dl4jdp.core.NetworkKind;
import io.github.dl4jdp.core.PrivacyEngine;
import io.github.dl4jdp.core.data.RandomAccessExamples;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.deeplearning4j.datasets.iterator.AsyncShieldDataSetIterator;
import org.deeplearning4j.nn.api.Model;
import org.deeplearning4j.nn.conf.NeuralNetConfiguration;
import org.deeplearning4j.nn.conf.layers.OutputLayer;
import org.deeplearning4j.nn.graph.ComputationGraph;
import org.deeplearning4j.nn.multilayer.MultiLayerNetwork;
import org.deeplearning4j.optimize.api.BaseTrainingListener;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.nd4j.linalg.activations.Activation;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.dataset.DataSet;
import org.nd4j.linalg.dataset.adapter.MultiDataSetIteratorAdapter;
import org.nd4j.linalg.dataset.api.MultiDataSet;
import org.nd4j.linalg.dataset.api.iterator.DataSetIterator;
import org.nd4j.linalg.factory.Nd4j;
import org.nd4j.linalg.learning.config.Sgd;
import org.nd4j.linalg.lossfunctions.LossFunctions.LossFunction;

/** A change of one value anywhere in a lot of large arrays, by every way in which code has the lot in its hands, is refused and costs nothing. */
class LotChangesTest {
    private static final int EXAMPLES = 700;
    private static final int COLUMNS = 2000;

    /** Which of the values is changed: an array has 1,400,000, 32,768 of which are in the pieces that an unexposed lot is compared by. */
    private static final int CHANGES = 3;

    private static DataSet data() {
        INDArray features = Nd4j.linspace(DataType.FLOAT, -1, 1e-6, (long) EXAMPLES * COLUMNS)
                .reshape('c', EXAMPLES, COLUMNS);
        INDArray labels = Nd4j.zeros(DataType.FLOAT, EXAMPLES, 2);
        for (int i = 0; i < EXAMPLES; i++) {
            labels.putScalar(i, i % 2, 1);
        }
        return new DataSet(features, labels);
    }

    private static Model network(NetworkKind kind) {
        var builder = new NeuralNetConfiguration.Builder().seed(3).updater(new Sgd(0.1));
        var layer = new OutputLayer.Builder(LossFunction.MCXENT)
                .activation(Activation.SOFTMAX)
                .nIn(COLUMNS)
                .nOut(2)
                .build();
        if (kind == NetworkKind.MULTI_LAYER) {
            var network = new MultiLayerNetwork(builder.list().layer(layer).build());
            network.init();
            return network;
        }
        var graph = new ComputationGraph(builder.graphBuilder()
                .addInputs("in")
                .addLayer("out", layer, "in")
                .setOutputs("out")
                .build());
        graph.init();
        return graph;
    }

    private static DpSgdPlan plan() {
        return DpSgdPlan.poisson(EXAMPLES, EXAMPLES)
                .withSteps(1)
                .withClippingNorm(1)
                .withNoiseMultiplier(1)
                .withDelta(1e-5)
                .withSeed(4);
    }

    private static void change(INDArray features, int number) {
        long at = new Random(number).nextInt((int) features.length());
        features.putScalar(at, Math.nextUp(features.getFloat(at)));
    }

    private enum Way {
        OWN_LOOP {
            @Override
            void fit(NetworkKind kind, Model network, PrivacyEngine engine, int number) {
                DataSet lot = engine.lots(data()).next();
                change(lot.getFeatures(), number);
                kind.fit(network, lot);
            }
        },
        ITERATOR_AROUND_THE_LOTS {
            @Override
            void fit(NetworkKind kind, Model network, PrivacyEngine engine, int number) {
                var around = new AsyncShieldDataSetIterator(engine.lots(data())) {
                    @Override
                    public DataSet next() {
                        DataSet lot = super.next();
                        change(lot.getFeatures(), number);
                        return lot;
                    }
                };
                kind.fit(network, around, 1);
            }
        },
        PREPROCESSOR_OF_AN_ADAPTER {
            @Override
            void fit(NetworkKind kind, Model network, PrivacyEngine engine, int number) {
                DataSetIterator lots = engine.lots(data());
                if (network instanceof ComputationGraph graph) {
                    var adapter = new MultiDataSetIteratorAdapter(lots);
                    adapter.setPreProcessor(lot -> change(lot.getFeatures(0), number));
                    graph.fit(adapter, 1);
                } else {
                    OWN_LOOP.fit(kind, network, engine, number);
                }
            }
        },
        LISTENER_OF_FORWARD_PASSES {
            @Override
            void fit(NetworkKind kind, Model network, PrivacyEngine engine, int number) {
                kind.setListeners(network, new BaseTrainingListener() {
                    @Override
                    public void onForwardPass(Model model, List<INDArray> activations) {
                        change(((MultiLayerNetwork) model).getInput(), number);
                    }

                    @Override
                    public void onForwardPass(Model model, Map<String, INDArray> activations) {
                        change(((ComputationGraph) model).getInput(0), number);
                    }
                });
                kind.fit(network, engine.lots(data()), 1);
            }
        },
        SOURCE_READ_AHEAD {
            /** The array of the lot that is out is written on by whatever else has it. */
            @Override
            void fit(NetworkKind kind, Model network, PrivacyEngine engine, int number) {
                RandomAccessExamples examples = RandomAccessExamples.of(data());
                INDArray[] held = new INDArray[1];
                var source = new RandomAccessExamples() {
                    @Override
                    public long size() {
                        return examples.size();
                    }

                    @Override
                    public MultiDataSet get(long[] indices) {
                        MultiDataSet batch = examples.get(indices);
                        held[0] = batch.getFeatures(0);
                        return batch;
                    }

                    @Override
                    public boolean hasFixedShapes() {
                        return true;
                    }
                };
                DataSetIterator lots = engine.lots(source);
                DataSet lot = lots.next();
                change(held[0], number);
                kind.fit(network, lot);
            }
        };

        abstract void fit(NetworkKind kind, Model network, PrivacyEngine engine, int number);
    }

    @ParameterizedTest
    @EnumSource
    void fit_oneValueOfALargeArrayChanged_isRefusedAndCostsNothing(Way way) {
        for (NetworkKind kind : NetworkKind.values()) {
            for (int number = 0; number < CHANGES; number++) {
                Model network = network(kind);
                int value = number;
                var options = ExecutionOptions.defaults()
                        .withPhysicalBatchSize(EXAMPLES)
                        .withPrefetch(way == Way.SOURCE_READ_AHEAD);
                try (var engine = PrivacyEngine.attach(network, plan(), options)) {
                    assertThatThrownBy(() -> way.fit(kind, network, engine, value))
                            .as("%s, value %d", kind, number)
                            .hasMessageContaining("were changed after next() returned it");
                    assertThat(engine.steps()).isZero();
                }
            }
        }
    }

    /** An unchanged lot is trained on, by either way of comparing. */
    @ParameterizedTest
    @EnumSource
    void fit_unchanged_trains(NetworkKind kind) {
        for (boolean loop : new boolean[] {true, false}) {
            Model network = network(kind);
            try (var engine = PrivacyEngine.attach(network, plan())) {
                if (loop) {
                    kind.fit(network, engine.lots(data()).next());
                } else {
                    kind.fit(network, engine.lots(data()), 1);
                }
                assertThat(engine.steps()).isEqualTo(1);
            }
        }
    }
}
