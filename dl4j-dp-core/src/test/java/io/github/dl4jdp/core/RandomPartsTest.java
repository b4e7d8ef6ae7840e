// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import io.github.dl4jdp.core.internal.training.AugmentedLots;
import io.github.dl4jdp.core.mechanism.Mechanisms;
import io.github.dl4jdp.core.random.RandomStreams;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Function;
import java.util.function.Supplier;
import java.util.stream.LongStream;
import org.deeplearning4j.datasets.iterator.ExistingDataSetIterator;
import org.deeplearning4j.nn.api.Model;
import org.deeplearning4j.nn.conf.BackpropType;
import org.deeplearning4j.nn.conf.NeuralNetConfiguration;
import org.deeplearning4j.nn.conf.dropout.GaussianDropout;
import org.deeplearning4j.nn.conf.dropout.GaussianNoise;
import org.deeplearning4j.nn.conf.layers.DenseLayer;
import org.deeplearning4j.nn.conf.layers.LSTM;
import org.deeplearning4j.nn.conf.layers.OutputLayer;
import org.deeplearning4j.nn.conf.layers.RnnOutputLayer;
import org.deeplearning4j.nn.conf.layers.misc.FrozenLayer;
import org.deeplearning4j.nn.conf.weightnoise.DropConnect;
import org.deeplearning4j.nn.multilayer.MultiLayerNetwork;
import org.deeplearning4j.optimize.api.BaseTrainingListener;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.nd4j.linalg.activations.Activation;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.dataset.DataSet;
import org.nd4j.linalg.dataset.api.iterator.DataSetIterator;
import org.nd4j.linalg.factory.Nd4j;
import org.nd4j.linalg.indexing.NDArrayIndex;
import org.nd4j.linalg.learning.config.Sgd;
import org.nd4j.linalg.lossfunctions.LossFunctions.LossFunction;

/** Networks with every part that draws random numbers: what one example contributes depends on nobody else. */
class RandomPartsTest {
    private static final int EXAMPLES = RandomPartsNetworks.EXAMPLES;
    private static final double CLIP = 0.01;

    private static final int LOT_SIZE = 9;

    /** A seed with which the last example, which the neighbors lack or have otherwise, is in the second of three lots. */
    private static final long SEED = LongStream.range(1, 1000)
            .filter(seed -> {
                long[] members =
                        Mechanisms.sampler(seed, (double) LOT_SIZE / EXAMPLES).draw(2, EXAMPLES);
                return members.length > LOT_SIZE && members[members.length - 1] == EXAMPLES - 1;
            })
            .findFirst()
            .orElseThrow();

    private static DpSgdPlan plan(double clip) {
        return DpSgdPlan.poisson(EXAMPLES, LOT_SIZE)
                .withSteps(3)
                .withClippingNorm(clip)
                .withoutNoise()
                .withDelta(1e-5)
                .withSeed(SEED);
    }

    /** What was released of each lot, and the score that DL4J computed in the same pass, times the lot's rows of the last physical batch. */
    private record Run(List<INDArray> sums, List<Double> scores) {
        static Run of(Model network, DpSgdPlan plan, int physicalBatch, NetworkKind kind, DataSet data) {
            var run = new Run(new ArrayList<>(), new ArrayList<>());
            try (var engine = PrivacyEngine.attach(
                    network, plan, ExecutionOptions.defaults().withPhysicalBatchSize(physicalBatch))) {
                kind.setListeners(network, new BaseTrainingListener() {
                    @Override
                    public void onBackwardPass(Model model) {
                        INDArray gradient = model.gradient().gradient();
                        run.sums.add(gradient.castTo(DataType.DOUBLE)
                                .mul(plan.expectedLotSize())
                                .reshape(gradient.length()));
                    }

                    @Override
                    public void iterationDone(Model model, int iteration, int epoch) {
                        run.scores.add(model.score());
                    }
                });
                kind.fit(network, engine.lots(data), plan.epochs());
            }
            return run;
        }

        double furthest(Run other) {
            double most = 0;
            for (int i = 0; i < sums.size(); i++) {
                most = Math.max(most, sums.get(i).distance2(other.sums.get(i)));
            }
            return most;
        }
    }

    private static Run run(RandomPartsNetworks network, int physicalBatch, DataSet data) {
        return Run.of(network.build(1), plan(CLIP), physicalBatch, network.kind, data);
    }

    /**
     * Physical batches change nothing beyond rounding, and neither do the network's seed and ND4J's generator; without one example, or with another
     * in its place, the sums are at most C or 2C apart, where other masks for the others would bring them C times the square root of their number apart.
     */
    @ParameterizedTest
    @ValueSource(longs = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 24})
    void sums_anyRandomParts_dependOnEachExampleByItself(long seed) {
        var network = new RandomPartsNetworks(seed, false);
        DataSet data = network.data(5, EXAMPLES);
        double rounding = network.type == DataType.DOUBLE ? 1e-10 : 2e-5;
        Run run = run(network, 7, data);
        assertThat(run.sums())
                .hasSize(3)
                .allSatisfy(sum -> assertThat(sum.norm2Number().doubleValue()).isPositive());

        for (int physicalBatch : new int[] {1, 100}) {
            assertThat(run.furthest(run(network, physicalBatch, data)))
                    .as("physical batches of %s, %s", physicalBatch, network.description)
                    .isLessThan(rounding);
        }
        Nd4j.getRandom().setSeed(123);
        Run otherSeed = Run.of(network.build(99), plan(CLIP), 7, network.kind, data);
        assertThat(otherSeed.furthest(run)).as(network.description).isZero();

        Run without = run(network, 7, RandomPartsNetworks.without(data, EXAMPLES - 1));
        assertThat(run.furthest(without)).as(network.description).isBetween(1e-9, CLIP * (1 + 1e-5));
        DataSet replaced = data.copy();
        replaced.getFeatures().get(NDArrayIndex.point(EXAMPLES - 1)).muli(-30);
        assertThat(run.furthest(run(network, 7, replaced)))
                .as(network.description)
                .isLessThan(2 * CLIP * (1 + 1e-5)); // none, where dropout cut off all that an example has
    }

    /** A batch of one series whose mask is one number has to hold it twice for DL4J: its draws are the same all the same. */
    @Test
    void sums_seriesWithMaskOfOneNumber_isTheSameAlone() {
        DataSet data = new DataSet(
                Nd4j.rand(DataType.DOUBLE, EXAMPLES, 4, 3),
                Nd4j.ones(DataType.DOUBLE, EXAMPLES, 2, 3),
                Nd4j.ones(DataType.DOUBLE, EXAMPLES, 1),
                null);
        Supplier<MultiLayerNetwork> build = () -> {
            var network = new MultiLayerNetwork(new NeuralNetConfiguration.Builder()
                    .seed(1)
                    .dataType(DataType.DOUBLE)
                    .updater(new Sgd(0.1))
                    .list()
                    .layer(new LSTM.Builder().nIn(4).nOut(6).dropOut(0.5).build())
                    .layer(new RnnOutputLayer.Builder(LossFunction.MCXENT)
                            .nIn(6)
                            .nOut(2)
                            .activation(Activation.SOFTMAX)
                            .build())
                    .build());
            network.init();
            return network;
        };
        Run together = Run.of(build.get(), plan(CLIP), 100, NetworkKind.MULTI_LAYER, data);

        assertThat(together.furthest(Run.of(build.get(), plan(CLIP), 1, NetworkKind.MULTI_LAYER, data)))
                .isLessThan(1e-10);
    }

    /** Nothing draws from ND4J's generator, and nothing sets it. */
    @ParameterizedTest
    @ValueSource(longs = {3, 5, 8, 24})
    void fit_anyRandomParts_leavesNd4jsGeneratorAlone(long seed) {
        var network = new RandomPartsNetworks(seed, false);
        DataSet data = network.data(5, EXAMPLES);
        Model model = network.build(1);
        var engine = PrivacyEngine.attach(model, plan(CLIP));
        var lots = engine.lots(data);
        Nd4j.getRandom().setSeed(77);
        network.kind.fit(model, lots, 1);
        INDArray after = Nd4j.rand(DataType.DOUBLE, 5);
        Nd4j.getRandom().setSeed(77);
        assertThat(after).as(network.description).isEqualTo(Nd4j.rand(DataType.DOUBLE, 5));
        engine.close();
    }

    /** The sums are derivatives of the loss with the masks that the loss had: central differences of the scores under equal draws. */
    @ParameterizedTest
    @ValueSource(longs = {1, 2, 4, 5, 6, 7, 8})
    void sums_anyRandomParts_areDerivativesOfTheScore(long seed) {
        var network = new RandomPartsNetworks(seed, true);
        int examples = 4;
        DataSet data = network.data(5, examples);
        var everybody = DpSgdPlan.poisson(examples, examples)
                .withSteps(1)
                .withClippingNorm(1e6)
                .withoutNoise()
                .withDelta(1e-5)
                .withSeed(8);
        INDArray sum = Run.of(network.build(1), everybody, 100, network.kind, data)
                .sums()
                .get(0);
        long parameters = sum.length();
        double step = 1e-5;
        for (long j = seed % 3; j < parameters; j += Math.max(1, parameters / 4)) {
            double[] scores = new double[2];
            for (int side = 0; side < 2; side++) {
                Model moved = network.build(1);
                INDArray params = moved.params().dup();
                params.putScalar(j, params.getDouble(j) + (side == 0 ? step : -step));
                moved.setParams(params);
                scores[side] = Run.of(moved, everybody, 100, network.kind, data)
                        .scores()
                        .get(0);
            }
            double difference = (scores[0] - scores[1]) / (2 * step) * examples;
            assertThat(sum.getDouble(j))
                    .as("parameter %s, %s", j, network.description)
                    .isCloseTo(difference, within(1e-5 * (1 + Math.abs(difference))));
        }
    }

    private static MultiLayerNetwork dense() {
        var network = new MultiLayerNetwork(new NeuralNetConfiguration.Builder()
                .dataType(DataType.DOUBLE)
                .updater(new Sgd(0))
                .list()
                .layer(new DenseLayer.Builder()
                        .nIn(Networks.INPUTS)
                        .nOut(8)
                        .activation(Activation.TANH)
                        .dropOut(0.5)
                        .weightNoise(new DropConnect(0.8))
                        .build())
                .layer(new OutputLayer.Builder(LossFunction.MCXENT)
                        .nIn(8)
                        .nOut(Networks.CLASSES)
                        .activation(Activation.SOFTMAX)
                        .dropOut(new GaussianDropout(0.3))
                        .build())
                .build());
        network.init();
        network.params().assign(Nd4j.linspace(DataType.DOUBLE, -1, 0.02, network.numParams()));
        return network;
    }

    private static List<INDArray> releases(
            MultiLayerNetwork network,
            DpSgdPlan plan,
            int physicalBatch,
            Function<PrivacyEngine, DataSetIterator> lots) {
        var releases = new ArrayList<INDArray>();
        try (var engine =
                PrivacyEngine.attach(network, plan, ExecutionOptions.defaults().withPhysicalBatchSize(physicalBatch))) {
            network.setListeners(new BaseTrainingListener() {
                @Override
                public void onBackwardPass(Model model) {
                    INDArray gradient = model.gradient().gradient();
                    releases.add(gradient.mul(plan.expectedLotSize()).reshape(gradient.length()));
                }
            });
            network.fit(lots.apply(engine), plan.epochs());
        }
        return releases;
    }

    /** In a user's iterator an example is its position in the pass, whatever the physical batches; the next pass draws anew. */
    @Test
    void sums_givenBatches_doNotDependOnPhysicalBatches() {
        DataSet data = Networks.data(DataType.DOUBLE, 20);
        var plan = DpSgdPlan.givenBatches(20, 7)
                .withEpochs(2)
                .withClippingNorm(1)
                .withoutNoise()
                .withDelta(1e-5)
                .withSeed(3);
        var runs = new ArrayList<List<INDArray>>();
        for (int physicalBatch : new int[] {1, 3, 100}) {
            runs.add(releases(
                    dense(), plan, physicalBatch, engine -> engine.lots(new ExistingDataSetIterator(data.batchBy(7)))));
        }
        assertThat(runs.get(0)).hasSize(6);
        for (int i = 0; i < 6; i++) {
            assertThat(runs.get(1).get(i).distance2(runs.get(0).get(i))).isLessThan(1e-12);
            assertThat(runs.get(2).get(i).distance2(runs.get(0).get(i))).isLessThan(1e-12);
        }
        assertThat(runs.get(0).get(3).distance2(runs.get(0).get(0))).isGreaterThan(1e-3);
    }

    /** A layer that no backward pass comes to draws its weights anew for every lot all the same. */
    @Test
    void sums_weightNoiseBelowAFrozenLayer_changeFromLotToLot() {
        var network = new MultiLayerNetwork(new NeuralNetConfiguration.Builder()
                .dataType(DataType.DOUBLE)
                .updater(new Sgd(0))
                .list()
                .layer(new DenseLayer.Builder()
                        .nIn(Networks.INPUTS)
                        .nOut(8)
                        .activation(Activation.TANH)
                        .weightNoise(new DropConnect(0.5))
                        .build())
                .layer(new FrozenLayer(new DenseLayer.Builder()
                        .nIn(8)
                        .nOut(8)
                        .activation(Activation.TANH)
                        .build()))
                .layer(new OutputLayer.Builder(LossFunction.MCXENT)
                        .nIn(8)
                        .nOut(Networks.CLASSES)
                        .activation(Activation.SOFTMAX)
                        .build())
                .build());
        network.init();
        var plan = DpSgdPlan.poisson(6, 6)
                .withSteps(2)
                .withClippingNorm(1e3)
                .withoutNoise()
                .withDelta(1e-5)
                .withSeed(3);
        DataSet data = Networks.data(DataType.DOUBLE, 6);
        var releases = releases(network, plan, 2, engine -> engine.lots(data));
        assertThat(releases.get(1).distance2(releases.get(0))).isGreaterThan(1e-3);
    }

    /** Equal copies of an example have masks of their own, the same in all physical batches. */
    @Test
    void sums_copies_haveDrawsOfTheirOwn() {
        DataSet data = Networks.data(DataType.DOUBLE, 6);
        var plan = DpSgdPlan.poisson(6, 6)
                .withSteps(1)
                .withClippingNorm(1e3)
                .withoutNoise()
                .withDelta(1e-5)
                .withSeed(3)
                .withAugmentationMultiplicity(3);
        var runs = new ArrayList<INDArray>();
        for (int physicalBatch : new int[] {3, 100}) {
            runs.add(releases(dense(), plan, physicalBatch, engine -> engine.lots(data, (features, random) -> features))
                    .get(0));
        }
        assertThat(runs.get(1).distance2(runs.get(0))).isLessThan(1e-12);
        assertThat(new AugmentedLots(RandomStreams.seeded(3), 3).keysOf(new long[] {4, 5, 9}))
                .doesNotHaveDuplicates();
    }

    /** Every segment has draws of its own, and one example less changes each release by its own part. */
    @Test
    void sums_truncatedBackprop_dependOnEachExampleByItself() {
        int examples = 101;
        Supplier<MultiLayerNetwork> networks = () -> {
            var network = new MultiLayerNetwork(new NeuralNetConfiguration.Builder()
                    .seed(3)
                    .dataType(DataType.DOUBLE)
                    .updater(new Sgd(0))
                    .list()
                    .layer(new LSTM.Builder()
                            .nIn(3)
                            .nOut(4)
                            .activation(Activation.TANH)
                            .dropOut(0.7)
                            .build())
                    .layer(new RnnOutputLayer.Builder(LossFunction.MSE)
                            .nIn(4)
                            .nOut(2)
                            .activation(Activation.IDENTITY)
                            .dropOut(new GaussianNoise(0.4))
                            .weightNoise(new DropConnect(0.8))
                            .build())
                    .backpropType(BackpropType.TruncatedBPTT)
                    .tBPTTLength(3)
                    .build());
            network.init();
            network.params().assign(0); // nothing is carried from segment to segment, only the draws can differ
            return network;
        };
        var plan = plan(CLIP).withTruncatedBackprop(6, 3);
        // Both segments are of the same numbers.
        INDArray features = Nd4j.concat(2, ones(examples, 3), ones(examples, 3));
        var data =
                new DataSet(features, Nd4j.ones(DataType.DOUBLE, examples, 2, 6).muli(-5));
        var run = releases(networks.get(), plan, 100, engine -> engine.lots(data));
        var without = releases(
                networks.get(), plan, 100, engine -> engine.lots(RandomPartsNetworks.without(data, examples - 1)));
        assertThat(run).hasSize(6).hasSameSizeAs(without);
        for (int i = 0; i < 6; i++) {
            assertThat(run.get(i).distance2(without.get(i))).isLessThan(CLIP * (1 + 1e-5));
        }
        assertThat(run.get(2).distance2(without.get(2))).isGreaterThan(0.9 * CLIP); // it is in this lot
        assertThat(run.get(1).distance2(run.get(0))).isGreaterThan(0.1 * CLIP);
    }

    private static INDArray ones(int examples, int steps) {
        return Nd4j.ones(DataType.DOUBLE, examples, 3, steps);
    }
}
