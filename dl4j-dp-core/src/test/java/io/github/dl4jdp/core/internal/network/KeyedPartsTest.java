// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core.internal.network;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import io.github.dl4jdp.core.DpSgdPlan;
import io.github.dl4jdp.core.ExecutionOptions;
import io.github.dl4jdp.core.Networks;
import io.github.dl4jdp.core.PrivacyEngine;
import io.github.dl4jdp.core.random.RandomStreams;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.stream.LongStream;
import java.util.stream.Stream;
import org.deeplearning4j.nn.conf.NeuralNetConfiguration;
import org.deeplearning4j.nn.conf.RNNFormat;
import org.deeplearning4j.nn.conf.distribution.OrthogonalDistribution;
import org.deeplearning4j.nn.conf.dropout.AlphaDropout;
import org.deeplearning4j.nn.conf.dropout.Dropout;
import org.deeplearning4j.nn.conf.dropout.GaussianDropout;
import org.deeplearning4j.nn.conf.dropout.GaussianNoise;
import org.deeplearning4j.nn.conf.dropout.IDropout;
import org.deeplearning4j.nn.conf.dropout.SpatialDropout;
import org.deeplearning4j.nn.conf.layers.DenseLayer;
import org.deeplearning4j.nn.conf.layers.LSTM;
import org.deeplearning4j.nn.conf.layers.OutputLayer;
import org.deeplearning4j.nn.conf.layers.RnnOutputLayer;
import org.deeplearning4j.nn.conf.layers.recurrent.Bidirectional;
import org.deeplearning4j.nn.conf.layers.recurrent.LastTimeStep;
import org.deeplearning4j.nn.conf.weightnoise.DropConnect;
import org.deeplearning4j.nn.conf.weightnoise.WeightNoise;
import org.deeplearning4j.nn.multilayer.MultiLayerNetwork;
import org.deeplearning4j.nn.workspace.LayerWorkspaceMgr;
import org.deeplearning4j.util.ModelSerializer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.nd4j.linalg.activations.Activation;
import org.nd4j.linalg.activations.impl.ActivationRReLU;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.dataset.DataSet;
import org.nd4j.linalg.factory.Nd4j;
import org.nd4j.linalg.indexing.NDArrayIndex;
import org.nd4j.linalg.learning.config.Sgd;
import org.nd4j.linalg.lossfunctions.LossFunctions.LossFunction;
import org.nd4j.linalg.schedule.ISchedule;

/** The parts that take the place of DL4J's: their distributions, what they depend on, and that they stay in the run. */
class KeyedPartsTest {
    private static final LayerWorkspaceMgr NONE = LayerWorkspaceMgr.noWorkspaces();

    private static Stream<IDropout> dropouts() {
        return Stream.of(
                new Dropout(0.7),
                new GaussianDropout(0.3),
                new GaussianNoise(0.5),
                new AlphaDropout(0.8),
                new SpatialDropout(0.6));
    }

    private static INDArray apply(IDropout dropout, INDArray input) {
        return dropout.applyDropout(input, input.ulike(), 0, 0, NONE);
    }

    private static LotDraws draws(long release, long... keys) {
        var streams = RandomStreams.seeded(5);
        var draws = new LotDraws(streams);
        draws.open(streams.lotKey(release), 0, release, keys);
        return draws;
    }

    private static INDArray mask(IDropout original, long release, String part, INDArray input, long... keys) {
        return apply(KeyedDropout.of(original, draws(release, keys).part(part)), input);
    }

    private static double variance(INDArray array) {
        return array.varNumber().doubleValue();
    }

    /**
     * Means and variances are those of DL4J's own dropout: both samples of 400,000 are within six standard errors of the formulas that the classes'
     * documentation gives (of 8,000 independent values for spatial dropout). False failure 1e-7 for a random key.
     */
    @ParameterizedTest
    @MethodSource("dropouts")
    void dropout_ofAnyKind_hasTheMomentsOfDl4js(IDropout original) {
        for (DataType type : new DataType[] {DataType.FLOAT, DataType.DOUBLE}) {
            INDArray input = Nd4j.ones(type, 80, 100, 50);
            INDArray ours =
                    mask(original, 1, "part", input, LongStream.range(0, 80).toArray());
            Nd4j.getRandom().setSeed(3);
            INDArray theirs = apply(original.clone(), input);
            double independent = original instanceof SpatialDropout ? 8_000 : 400_000;
            double sd = Math.sqrt(variance(theirs));
            assertThat(ours.meanNumber().doubleValue())
                    .isCloseTo(theirs.meanNumber().doubleValue(), within(6 * sd * Math.sqrt(2 / independent)));
            assertThat(variance(ours)).isCloseTo(variance(theirs), within(6 * sd * sd * Math.sqrt(6 / independent)));
            if (!(original instanceof GaussianDropout || original instanceof GaussianNoise)) {
                // The very same two values.
                assertThat(ours.maxNumber().doubleValue())
                        .isCloseTo(theirs.maxNumber().doubleValue(), within(1e-6));
                assertThat(ours.minNumber().doubleValue())
                        .isCloseTo(theirs.minNumber().doubleValue(), within(1e-6));
            }
        }
    }

    /** A row's values follow from its key and its places: not from its position, the other rows, the memory layout or the length of a series. */
    @ParameterizedTest
    @MethodSource("dropouts")
    void dropout_ofAnyKind_dependsOnTheRowsKeyAndPlacesAlone(IDropout original) {
        INDArray all = mask(original, 1, "part", Nd4j.ones(DataType.DOUBLE, 4, 6, 5), 7, 3, 9, 4);
        INDArray some =
                mask(original, 1, "part", Nd4j.ones(DataType.DOUBLE, 2, 6, 5).dup('f'), 9, 3);
        assertThat(row(some, 0)).isEqualTo(row(all, 2));
        assertThat(row(some, 1)).isEqualTo(row(all, 1));
        assertThat(row(all, 0)).isNotEqualTo(row(all, 1));

        INDArray permuted = Nd4j.ones(DataType.DOUBLE, 5, 6, 4).permute(2, 1, 0);
        assertThat(mask(original, 1, "part", permuted, 7, 3, 9, 4)).isEqualTo(all);

        INDArray longer = mask(original, 1, "part", Nd4j.ones(DataType.DOUBLE, 4, 6, 11), 7, 3, 9, 4);
        assertThat(longer.get(NDArrayIndex.all(), NDArrayIndex.all(), NDArrayIndex.interval(0, 5)))
                .isEqualTo(all);
        INDArray longerFirst = mask(original, 1, "part", Nd4j.ones(DataType.DOUBLE, 4, 13, 5), 7, 3, 9, 4);
        assertThat(longerFirst.get(NDArrayIndex.all(), NDArrayIndex.interval(0, 6), NDArrayIndex.all()))
                .isEqualTo(all);

        assertThat(mask(original, 2, "part", Nd4j.ones(DataType.DOUBLE, 4, 6, 5), 7, 3, 9, 4))
                .isNotEqualTo(all);
        assertThat(mask(original, 1, "other", Nd4j.ones(DataType.DOUBLE, 4, 6, 5), 7, 3, 9, 4))
                .isNotEqualTo(all);
    }

    /** Rows that are time steps: the first of every example, then the second of every example. */
    @Test
    void dropout_rowsOfTimeSteps_belongToTheirExamples() {
        INDArray all = mask(new Dropout(0.5), 1, "part", Nd4j.ones(DataType.DOUBLE, 6, 40), 7, 3);
        INDArray alone = mask(new Dropout(0.5), 1, "part", Nd4j.ones(DataType.DOUBLE, 4, 40), 3);
        for (int t = 0; t < 3; t++) {
            assertThat(row(alone, t)).isEqualTo(row(all, 2 * t + 1));
        }
        assertThat(row(alone, 0)).isNotEqualTo(row(alone, 1));
    }

    private static INDArray row(INDArray array, long i) {
        return array.get(NDArrayIndex.point(i)).dup('c');
    }

    /** {@code backprop} multiplies by what the forward pass multiplied by, in any layout. */
    @ParameterizedTest
    @MethodSource("dropouts")
    void backprop_ofAnyKind_isTheDerivative(IDropout original) {
        IDropout dropout = KeyedDropout.of(original, draws(1, 7, 3).part("part"));
        INDArray x = Nd4j.linspace(DataType.DOUBLE, -1, 0.1, 24).reshape(2, 3, 4);
        INDArray y = apply(dropout, x);
        INDArray gradient = Nd4j.ones(DataType.DOUBLE, 4, 3, 2).permute(2, 1, 0);
        dropout.backprop(gradient, gradient, 0, 0);
        INDArray moved = apply(dropout, x.add(0.5));
        assertThat(moved.sub(y).mul(2).distance2(gradient)).isLessThan(1e-12);
    }

    @Test
    void dropout_rowsOfNobody_areRefusedDuringAPass() {
        assertThatThrownBy(() -> mask(new Dropout(0.5), 1, "part", Nd4j.ones(DataType.DOUBLE, 3, 4), 7, 3))
                .isInstanceOf(IllegalStateException.class)
                .hasMessageContaining("[3, 4]")
                .hasMessageContaining("before next() or after fit");
    }

    /** As for dropout, with slopes uniform on [l, u): mean (l + u) / 2, variance (u - l)^2 / 12. */
    @Test
    void rrelu_hasDl4jsSlopesAndGradient() {
        var activation = new KeyedRRelu(
                new ActivationRReLU(0.1, 0.5),
                draws(1, LongStream.range(0, 100).toArray()).part("part"));
        INDArray slopes = activation
                .getActivation(Nd4j.ones(DataType.FLOAT, 100, 1000).negi(), true)
                .neg();
        assertThat(slopes.meanNumber().doubleValue()).isCloseTo(0.3, within(6 * 0.1155 / Math.sqrt(1e5)));
        assertThat(variance(slopes)).isCloseTo(0.16 / 12, within(6 * 0.0133 * Math.sqrt(0.8 / 1e5)));
        assertThat(slopes.minNumber().doubleValue()).isBetween(0.1, 0.11);
        assertThat(slopes.maxNumber().doubleValue()).isBetween(0.49, 0.5000001);
        INDArray positive = Nd4j.linspace(DataType.FLOAT, 0.1, 0.1, 100).reshape(100, 1);
        assertThat(activation.getActivation(positive.dup(), true)).isEqualTo(positive);
        INDArray epsilon = Nd4j.linspace(DataType.FLOAT, -3, 0.1, 100).reshape(100, 1);
        var theirs = new ActivationRReLU(0.1, 0.5);
        theirs.getActivation(positive.neg(), true);
        assertThat(activation.backprop(positive.neg(), epsilon).getFirst())
                .isEqualTo(theirs.backprop(positive.neg(), epsilon).getFirst());
    }

    private static MultiLayerNetwork network() {
        var network = new MultiLayerNetwork(new NeuralNetConfiguration.Builder()
                .seed(3)
                .updater(new Sgd(0.1))
                .list()
                .layer(new DenseLayer.Builder()
                        .nIn(Networks.INPUTS)
                        .nOut(5)
                        .activation(Activation.RRELU)
                        .dropOut(0.5)
                        .weightNoise(new DropConnect(0.5))
                        .build())
                .layer(new OutputLayer.Builder(LossFunction.MCXENT)
                        .nIn(5)
                        .nOut(Networks.CLASSES)
                        .activation(Activation.SOFTMAX)
                        .dropOut(new GaussianDropout(0.2))
                        .build())
                .build());
        network.init();
        return network;
    }

    private static DpSgdPlan plan() {
        return DpSgdPlan.poisson(20, 5)
                .withEpochs(1)
                .withClippingNorm(1)
                .withNoiseMultiplier(1)
                .withDelta(1e-5);
    }

    /** What is saved, cloned or exported during a run has DL4J's own parts, and so has the network afterwards. */
    @Test
    void parts_ofARun_stayInTheRun() throws IOException {
        MultiLayerNetwork network = network();
        var dropout = network.getLayer(0).conf().getLayer().getIDropout();
        var engine = PrivacyEngine.attach(network, plan());
        network.fit(engine.lots(Networks.data(DataType.FLOAT, 20)), 1);

        assertThat(network.getLayer(0).conf().getLayer().getIDropout()).isInstanceOf(KeyedDropout.class);
        var file = new ByteArrayOutputStream();
        ModelSerializer.writeModel(network, file, true);
        assertThat(file.toString(StandardCharsets.ISO_8859_1)).doesNotContain("Keyed");
        assertThat(network.getLayerWiseConfigurations().toJson())
                .doesNotContain("Keyed")
                .contains(Dropout.class.getName(), DropConnect.class.getName(), ActivationRReLU.class.getName());
        for (var layer : network.getLayers()) {
            assertThat(layer.conf().toJson()).doesNotContain("Keyed");
            assertThat(layer.conf().clone().getLayer().getIDropout()).isNotInstanceOf(KeyedDropout.class);
        }
        MultiLayerNetwork clone = network.clone();
        assertThat(clone.getLayer(0).conf().getLayer().getIDropout()).isInstanceOf(Dropout.class);
        assertThatThrownBy(() -> clone.fit(Networks.data(DataType.FLOAT, 5)))
                .hasMessageContaining("no PrivacyEngine drives it");
        engine.close();
        assertThat(network.getLayer(0).conf().getLayer().getIDropout())
                .isInstanceOf(Dropout.class)
                .isEqualTo(dropout);
        PrivacyEngine.attach(network, plan().continuing()).detach();
        assertThat(network.getLayer(0).conf().getLayer().getIDropout()).isInstanceOf(Dropout.class);
    }

    /** No two parts may share a stream: a secure run gives each out once. */
    @Test
    void fit_secureRunOfLayersInBothDirections_drawsForEach() {
        var network = new MultiLayerNetwork(new NeuralNetConfiguration.Builder()
                .updater(new Sgd(0.1))
                .dropOut(0.5)
                .weightNoise(new DropConnect(0.5))
                .list()
                .layer(new Bidirectional(new LSTM.Builder().nIn(3).nOut(4).build()))
                .layer(new LastTimeStep(
                        new Bidirectional(new LSTM.Builder().nIn(8).nOut(4).build())))
                .layer(new OutputLayer.Builder(LossFunction.MSE)
                        .nIn(8)
                        .nOut(2)
                        .activation(Activation.IDENTITY)
                        .build())
                .build());
        network.init();
        try (var engine = PrivacyEngine.attach(
                network, plan(), ExecutionOptions.defaults().withPhysicalBatchSize(2))) {
            network.fit(
                    engine.lots(new DataSet(Nd4j.ones(DataType.FLOAT, 20, 3, 4), Nd4j.ones(DataType.FLOAT, 20, 2))), 1);
            assertThat(engine.steps()).isEqualTo(4);
        }
    }

    /** Outside of training, in the attached network too, dropout that is asked for draws anew, and not from ND4J's generator. */
    @Test
    void output_trainingModeBetweenLots_drawsAnew() {
        MultiLayerNetwork network = network();
        try (var engine = PrivacyEngine.attach(network, plan())) {
            INDArray features = Networks.data(DataType.FLOAT, 7).getFeatures();
            Nd4j.getRandom().setSeed(6);
            INDArray one = network.output(features, true).dup();
            INDArray after = Nd4j.rand(4);
            Nd4j.getRandom().setSeed(6);
            assertThat(after).isEqualTo(Nd4j.rand(4));
            assertThat(network.output(features, true)).isNotEqualTo(one);
            network.fit(engine.lots(Networks.data(DataType.FLOAT, 20)), 1);
            assertThat(engine.steps()).isEqualTo(4);
        }
    }

    @Test
    void check_whatCannotBeDrawnForEachExample_isRefusedWithARemedy() {
        ISchedule own = new ISchedule() {
            private static final long serialVersionUID = 1L;

            @Override
            public double valueAt(int iteration, int epoch) {
                return 0.5;
            }

            @Override
            public ISchedule clone() {
                return this;
            }
        };
        var network = new MultiLayerNetwork(new NeuralNetConfiguration.Builder()
                .list()
                .layer(new LSTM.Builder()
                        .nIn(3)
                        .nOut(4)
                        .gateActivationFunction(Activation.RRELU)
                        .dropOut(new Dropout(own))
                        .build())
                .layer(new RnnOutputLayer.Builder(LossFunction.MSE)
                        .nIn(4)
                        .nOut(2)
                        .dataFormat(RNNFormat.NCW)
                        .activation(Activation.RRELU)
                        .weightNoise(new WeightNoise(new OrthogonalDistribution(1)))
                        .build())
                .build());
        network.init();
        assertThat(PrivacyEngine.check(network).toString())
                .contains("not known to depend on the iteration and the epoch alone; use one of ND4J's")
                .contains("RRELU cannot be drawn for each example separately")
                .contains("use LEAKYRELU")
                .contains("OrthogonalDistribution, cannot be drawn from the run's own streams; use NormalDistribution");
    }
}
