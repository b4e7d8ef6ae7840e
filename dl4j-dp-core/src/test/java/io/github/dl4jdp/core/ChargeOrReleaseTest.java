// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.dl4jdp.accountant.PrivacyLedgerHistory;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.deeplearning4j.datasets.iterator.ExistingDataSetIterator;
import org.deeplearning4j.nn.api.Model;
import org.deeplearning4j.nn.conf.BackpropType;
import org.deeplearning4j.nn.conf.NeuralNetConfiguration;
import org.deeplearning4j.nn.conf.RNNFormat;
import org.deeplearning4j.nn.conf.layers.ActivationLayer;
import org.deeplearning4j.nn.conf.layers.DenseLayer;
import org.deeplearning4j.nn.conf.layers.DropoutLayer;
import org.deeplearning4j.nn.conf.layers.LSTM;
import org.deeplearning4j.nn.conf.layers.Layer;
import org.deeplearning4j.nn.conf.layers.OutputLayer;
import org.deeplearning4j.nn.conf.layers.RnnOutputLayer;
import org.deeplearning4j.nn.conf.layers.misc.FrozenLayerWithBackprop;
import org.deeplearning4j.nn.conf.layers.recurrent.Bidirectional;
import org.deeplearning4j.nn.conf.layers.recurrent.LastTimeStep;
import org.deeplearning4j.nn.conf.layers.recurrent.SimpleRnn;
import org.deeplearning4j.nn.graph.ComputationGraph;
import org.deeplearning4j.nn.multilayer.MultiLayerNetwork;
import org.deeplearning4j.optimize.api.BaseTrainingListener;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.nd4j.linalg.activations.Activation;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.dataset.DataSet;
import org.nd4j.linalg.dataset.api.iterator.DataSetIterator;
import org.nd4j.linalg.factory.Nd4j;
import org.nd4j.linalg.learning.config.Adam;
import org.nd4j.linalg.learning.config.Sgd;
import org.nd4j.linalg.lossfunctions.LossFunctions.LossFunction;

/**
 * Whatever is generated, networks and data that do not fit each other included: after attach, fits and any exception, the engine's steps, its charges and the
 * ledger's are the releases that a listener saw, and parameters have changed only if there was one.
 */
class ChargeOrReleaseTest {
    private static final int EXAMPLES = 12;

    @TempDir
    @SuppressWarnings("NullAway.Init") // JUnit sets it
    private Path folder;

    /** Counts the gradients that are shown, which hold the noised sums, and throws now and then. */
    private static final class Watching extends BaseTrainingListener {
        private final Random random;
        private final double faults;
        private long releases;

        Watching(Random random, double faults) {
            this.random = random;
            this.faults = faults;
        }

        private void perhapsThrow() {
            if (random.nextDouble() < faults) {
                throw new IllegalStateException("a listener's own mistake");
            }
        }

        @Override
        public void onForwardPass(Model model, List<INDArray> activations) {
            perhapsThrow();
        }

        @Override
        public void onForwardPass(Model model, Map<String, INDArray> activations) {
            perhapsThrow();
        }

        @Override
        public void onBackwardPass(Model model) {
            releases++;
            perhapsThrow();
        }

        @Override
        public void iterationDone(Model model, int iteration, int epoch) {
            perhapsThrow();
        }
    }

    private static Layer recurrent(Random random, int in, RNNFormat format) {
        var lstm = new LSTM.Builder().nIn(in).nOut(4).dataFormat(format).build();
        return switch (random.nextInt(5)) {
            case 0 -> new SimpleRnn.Builder().nIn(in).nOut(4).dataFormat(format).build();
            case 1 -> new FrozenLayerWithBackprop(lstm);
            case 2 -> new Bidirectional(Bidirectional.Mode.ADD, lstm);
            default -> lstm;
        };
    }

    private static Layer flat(Random random, int in) {
        var dense = new DenseLayer.Builder()
                .nIn(in)
                .nOut(4)
                .activation(Activation.TANH)
                .build();
        return switch (random.nextInt(5)) {
            case 0 -> new FrozenLayerWithBackprop(dense);
            case 1 -> in == 4 ? new ActivationLayer(Activation.RELU) : dense;
            case 2 -> in == 4 ? new DropoutLayer(0.8) : dense;
            default -> dense;
        };
    }

    /** Three inputs; widths are wrong now and then. */
    private static Model network(Random random, boolean sequences, RNNFormat format, boolean truncated) {
        var builder = new NeuralNetConfiguration.Builder()
                .seed(3)
                .dataType(random.nextBoolean() ? DataType.FLOAT : DataType.DOUBLE)
                .miniBatch(random.nextInt(6) != 0)
                .updater(random.nextBoolean() ? new Sgd(0.1) : new Adam(0.01));
        int depth = 1 + random.nextInt(2);
        var layers = new Layer[depth + 1];
        for (int i = 0; i < depth; i++) {
            int in = i == 0 ? (random.nextInt(8) == 0 ? 5 : 3) : 4;
            layers[i] = sequences ? recurrent(random, in, format) : flat(random, in);
        }
        layers[depth] = sequences
                ? new RnnOutputLayer.Builder(LossFunction.MSE)
                        .nIn(4)
                        .nOut(2)
                        .activation(Activation.IDENTITY)
                        .dataFormat(format)
                        .build()
                : new OutputLayer.Builder(LossFunction.MCXENT)
                        .nIn(4)
                        .nOut(2)
                        .activation(Activation.SOFTMAX)
                        .build();
        if (sequences && !truncated && random.nextInt(5) == 0) {
            layers[depth - 1] = new LastTimeStep(layers[depth - 1]);
        }
        Model network;
        if (random.nextBoolean()) {
            var list = builder.list();
            for (Layer layer : layers) {
                list.layer(layer);
            }
            if (truncated) {
                list.backpropType(BackpropType.TruncatedBPTT).tBPTTLength(2);
            }
            network = new MultiLayerNetwork(list.build());
        } else {
            var graph = builder.graphBuilder().addInputs("in");
            for (int i = 0; i <= depth; i++) {
                graph.addLayer("l" + i, layers[i], i == 0 ? "in" : "l" + (i - 1));
            }
            graph.setOutputs("l" + depth);
            if (truncated) {
                graph.backpropType(BackpropType.TruncatedBPTT).tBPTTLength(2);
            }
            network = new ComputationGraph(graph.build());
        }
        network.init();
        return network;
    }

    private static DataSet data(Random random, boolean sequences, RNNFormat format, int steps) {
        boolean nwc = format == RNNFormat.NWC;
        int in = random.nextInt(8) == 0 ? 4 : 3;
        int out = random.nextInt(8) == 0 ? 3 : 2;
        INDArray x = sequences
                ? Nd4j.rand(DataType.FLOAT, nwc ? new long[] {EXAMPLES, steps, in} : new long[] {EXAMPLES, in, steps})
                : Nd4j.rand(DataType.FLOAT, EXAMPLES, in);
        INDArray y = sequences
                ? Nd4j.rand(DataType.FLOAT, nwc ? new long[] {EXAMPLES, steps, out} : new long[] {EXAMPLES, out, steps})
                : Nd4j.rand(DataType.FLOAT, EXAMPLES, out);
        if (random.nextInt(4) == 0) {
            x.putScalar(random.nextInt((int) x.length()), Double.NaN);
        }
        return new DataSet(x, y, sequences ? mask(random, steps) : null, sequences ? mask(random, steps) : null);
    }

    /** Four examples; what batchBy does by merging, which fails on masks of another length. */
    private static DataSet range(DataSet data, int from) {
        return (DataSet) data.getRange(from, from + 4);
    }

    private static @Nullable INDArray mask(Random random, int steps) {
        return switch (random.nextInt(4)) {
            case 0 -> null;
            case 1 -> Nd4j.ones(DataType.FLOAT, EXAMPLES, steps + 1);
            case 2 -> Nd4j.zeros(DataType.FLOAT, EXAMPLES, steps);
            default -> Nd4j.ones(DataType.FLOAT, EXAMPLES, steps);
        };
    }

    @ParameterizedTest
    @ValueSource(longs = {1, 2, 3, 4})
    void fit_whateverIsGenerated_chargesWhatItReleases(long seed) {
        int trained = 0;
        int failed = 0;
        for (int round = 0; round < 40; round++) {
            var random = new Random(1000 * seed + round);
            boolean sequences = random.nextBoolean();
            boolean truncated = sequences && random.nextInt(4) == 0;
            RNNFormat format = random.nextInt(3) == 0 ? RNNFormat.NWC : RNNFormat.NCW;
            Model network = network(random, sequences, format, truncated);
            DataSet data = data(random, sequences, format, 1 + random.nextInt(5));
            int kind = random.nextInt(4);
            boolean own = kind == 0;
            Path ledger = folder.resolve(seed + "-" + round + ".ledger");
            DpSgdPlan plan = (own
                            ? DpSgdPlan.givenBatches(EXAMPLES, 4).withEpochs(2)
                            : kind == 1
                                    ? DpSgdPlan.randomAllocation(EXAMPLES, 1 + random.nextInt(6))
                                            .withSteps(4)
                                    : DpSgdPlan.poisson(EXAMPLES, 1 + random.nextInt(6))
                                            .withSteps(4))
                    .withClippingNorm(1)
                    .withNoiseMultiplier(random.nextInt(8) == 0 ? 1e7 : 2)
                    .withDelta(1e-5)
                    .withLedger(ledger);
            if (truncated && !own) {
                plan = plan.withTruncatedBackprop(5, 2);
            }
            INDArray before = network.params().dup();
            String what = "seed " + seed + ", round " + round;
            try (var engine = PrivacyEngine.attach(
                    network, plan, ExecutionOptions.defaults().withPhysicalBatchSize(1 + random.nextInt(6)))) {
                var watching = new Watching(random, random.nextInt(2) * 0.2);
                network.setListeners(watching);
                DataSetIterator lots = own
                        ? engine.lots(
                                new ExistingDataSetIterator(List.of(range(data, 0), range(data, 4), range(data, 8))))
                        : engine.lots(data);
                for (int attempt = 0; attempt < 6 && engine.remainingSteps() > 0; attempt++) {
                    String thrown = "";
                    try {
                        if (network instanceof MultiLayerNetwork layers) {
                            layers.fit(lots, 1);
                        } else {
                            ((ComputationGraph) network).fit(lots, 1);
                        }
                        trained++;
                    } catch (RuntimeException e) {
                        thrown = ": " + e;
                        failed++;
                    }
                    long atLeast = (watching.releases + plan.releasesPerLot() - 1) / plan.releasesPerLot();
                    // A lot of several segments is charged in full with its first.
                    assertThat(engine.steps()).as(what + thrown).isBetween(atLeast, watching.releases);
                    assertThat(PrivacyLedgerHistory.read(ledger).steps())
                            .as(what + thrown)
                            .isEqualTo(engine.plan().mechanism().chargesFor(engine.steps()));
                    if (watching.releases == 0) {
                        assertThat(network.params()).as(what + thrown).isEqualTo(before);
                    }
                }
            } catch (IllegalArgumentException | IllegalStateException e) {
                // By attach or by lots.
                failed++;
                assertThat(network.params()).as(what).isEqualTo(before);
            }
        }
        assertThat(trained).isGreaterThan(5);
        assertThat(failed).isGreaterThan(10);
    }
}
