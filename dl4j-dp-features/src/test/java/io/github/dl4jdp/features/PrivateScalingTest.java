// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.features;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import io.github.dl4jdp.accountant.DpEvent;
import io.github.dl4jdp.accountant.NeighboringRelation;
import io.github.dl4jdp.accountant.PrivacyGuarantee;
import io.github.dl4jdp.core.DpSgdPlan;
import io.github.dl4jdp.core.PrivacyEngine;
import io.github.dl4jdp.core.data.GroupedExamples;
import io.github.dl4jdp.core.data.RandomAccessExamples;
import java.io.File;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import java.util.Random;
import org.deeplearning4j.nn.conf.NeuralNetConfiguration;
import org.deeplearning4j.nn.conf.layers.OutputLayer;
import org.deeplearning4j.nn.multilayer.MultiLayerNetwork;
import org.deeplearning4j.util.ModelSerializer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.nd4j.linalg.activations.Activation;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.dataset.DataSet;
import org.nd4j.linalg.dataset.api.iterator.DataSetIterator;
import org.nd4j.linalg.factory.Nd4j;
import org.nd4j.linalg.learning.config.Sgd;
import org.nd4j.linalg.lossfunctions.LossFunctions.LossFunction;

class PrivateScalingTest {
    private static final int ROWS = 4000;

    /** A flag; incomes around e^10; zero for four of five, and otherwise from -1e-3 to 1e-3; a constant. */
    private static DataSet table() {
        Random random = new Random(3);
        double[][] rows = new double[ROWS][];
        double[][] labels = new double[ROWS][2];
        for (int i = 0; i < ROWS; i++) {
            double income = Math.exp(10 + random.nextGaussian());
            rows[i] = new double[] {i % 2, income, random.nextInt(5) > 0 ? 0 : 2e-3 * random.nextDouble() - 1e-3, 7};
            labels[i][income > Math.exp(10) ? 1 : 0] = 1;
        }
        return new DataSet(Nd4j.create(rows), Nd4j.create(labels));
    }

    private static ReleasedScaling release(double noise) {
        return PrivateScaling.of(ROWS, noise).withColumns(1, 2, 3).release(RandomAccessExamples.of(table()));
    }

    @Test
    void bin_ofItsEdges_growsWithTheNumber() {
        assertThat(HistogramKnots.bin(0)).isEqualTo(HistogramKnots.BINS / 2);
        assertThat(HistogramKnots.bin(-1e300)).isZero();
        assertThat(HistogramKnots.bin(1e300)).isEqualTo(HistogramKnots.BINS - 1);
        int before = 0;
        for (int i = -2000; i <= 2000; i++) {
            double value = Math.signum(i) * Math.scalb(1.0, Math.abs(i) / 40 - 22) * (1 + Math.abs(i) % 40 / 40.0);
            int bin = HistogramKnots.bin(value);
            assertThat(bin).isBetween(before, HistogramKnots.BINS - 1);
            before = bin;
        }
    }

    /** The quantiles of 4,000 numbers; bins are 9 % wide and noise of 2 sqrt(3) moves a quantile by less than a bin. */
    @Test
    void release_columnsOfAnySize_findsTheirQuantiles() {
        TableNormalizer normalizer = release(2).normalizer();

        assertThat(normalizer.knots(0)).isNull();
        double[] incomes = Objects.requireNonNull(normalizer.knots(1));
        assertThat(incomes).hasSize(11).isSorted();
        assertThat(incomes[5]).isCloseTo(Math.exp(10), within(0.12 * Math.exp(10)));
        assertThat(incomes[8]).isCloseTo(Math.exp(10.84), within(0.15 * Math.exp(10.84)));
        double[] small = Objects.requireNonNull(normalizer.knots(2));
        assertThat(small).contains(0.0).isSorted();
        assertThat(small[0]).isBetween(-1.2e-3, -0.6e-3);
        assertThat(small[small.length - 1]).isBetween(0.6e-3, 1.2e-3);
        // the constant's bin
        double[] constant = Objects.requireNonNull(normalizer.knots(3));
        assertThat(constant[0]).isBetween(6.0, 7.0);
        assertThat(constant[constant.length - 1]).isBetween(7.0, 8.0);
    }

    /** An empty bin is found full once in 3.5 million; there are 3 columns of 2,883 in all. */
    @Test
    void release_ofNothingButNoise_hasNoKnots() {
        double[] noisy = new double[HistogramKnots.BINS];
        Random random = new Random(4);
        Arrays.setAll(noisy, i -> 50 * random.nextGaussian());
        assertThat(HistogramKnots.knots(noisy, 50, 10)).isEmpty();
    }

    @Test
    void chargedTo_calibratedPlan_keepsTheGuarantee() {
        DpSgdPlan plan = DpSgdPlan.poisson(ROWS, 400)
                .withEpochs(2)
                .withClippingNorm(1)
                .calibratedTo(new PrivacyGuarantee(1, 1e-5));
        ReleasedScaling released = release(20);
        DpSgdPlan charged = released.chargedTo(plan);

        assertThat(released.event()).isEqualTo(new DpEvent.Gaussian(20));
        assertThat(charged.noiseMultiplier()).isGreaterThan(plan.noiseMultiplier());
        assertThat(charged.newAccountant().compose(charged.event()).epsilon(1e-5))
                .isBetween(0.99, 1.0);
        assertThat(released.chargedTo(charged).noiseMultiplier()).isEqualTo(charged.noiseMultiplier());
        assertThat(release(20).chargedTo(charged).noiseMultiplier()).isGreaterThan(charged.noiseMultiplier());
        assertThatIllegalArgumentException()
                .isThrownBy(() -> released.chargedTo(DpSgdPlan.poisson(ROWS + 1, 400)
                        .withEpochs(2)
                        .withClippingNorm(1)
                        .withNoiseMultiplier(1)
                        .withDelta(1e-5)))
                .withMessageContaining("4000");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> PrivateScaling.of(ROWS, 20)
                        .withRelation(NeighboringRelation.ZERO_OUT)
                        .release(RandomAccessExamples.of(table()))
                        .chargedTo(plan))
                .withMessageContaining("PrivateScaling.withRelation");
    }

    @Test
    void saveAndLoad_keepIdentityAndKnots(@TempDir Path folder) throws IOException {
        File file = folder.resolve("scaling.json").toFile();
        ReleasedScaling released = release(5);
        released.save(file);
        ReleasedScaling loaded = ReleasedScaling.load(file);

        assertThat(loaded.normalizer()).isEqualTo(released.normalizer());
        assertThat(loaded.identity()).isEqualTo(released.identity());
        assertThat(loaded.event()).isEqualTo(released.event());
        Files.writeString(file.toPath(), "{}");
        assertThatExceptionOfType(IOException.class).isThrownBy(() -> ReleasedScaling.load(file));
    }

    /** The sample of docs/choosing.md. */
    @Test
    void normalizer_inTrainingAndWithTheModel_isTheSame(@TempDir Path folder) throws IOException {
        DataSet table = table();
        DpSgdPlan plan = DpSgdPlan.poisson(table.numExamples(), 400)
                .withEpochs(5)
                .withClippingNorm(1.0)
                .calibratedTo(new PrivacyGuarantee(3.0, 1e-5));
        File file = folder.resolve("model.zip").toFile();

        ReleasedScaling released = PrivateScaling.of(plan.examples(), 20) // noise multiplier
                .withColumns(1, 2, 3) // those that hold numbers of unknown size
                .release(RandomAccessExamples.of(table));
        DpSgdPlan charged =
                released.chargedTo(plan); // calibrated again: release and training together keep the guarantee
        TableNormalizer normalizer = released.normalizer();
        MultiLayerNetwork net = network(normalizer.outputColumns());
        PrivacyEngine engine = PrivacyEngine.attach(net, charged);
        DataSetIterator lots = engine.lots(table);
        lots.setPreProcessor(normalizer);
        net.fit(lots, charged.epochs());
        engine.exportForInference(file);
        ModelSerializer.addNormalizerToModel(file, normalizer); // for whoever uses the model

        assertThat(engine.epsilon()).isBetween(2.9, 3.0);
        assertThat(engine.report().toString()).contains("Gaussian[noiseMultiplier=20.0], included in epsilon");
        TableNormalizer restored = ModelSerializer.restoreNormalizerFromFile(file);
        assertThat(restored).isEqualTo(normalizer);
        DataSet test = table();
        restored.preProcess(test);
        INDArray output = MultiLayerNetwork.load(file, false).output(test.getFeatures());
        long right = 0;
        for (int i = 0; i < ROWS; i++) {
            right += output.getDouble(i, 1) > 0.5 == test.getLabels().getDouble(i, 1) > 0.5 ? 1 : 0;
        }
        assertThat(right).isGreaterThan((long) (0.9 * ROWS));
    }

    private static MultiLayerNetwork network(int inputs) {
        return network(inputs, 2);
    }

    /** Softmax regression with two classes, also for other tests. */
    static MultiLayerNetwork network(int inputs, double rate) {
        var net = new MultiLayerNetwork(new NeuralNetConfiguration.Builder()
                .seed(1)
                .updater(new Sgd(rate))
                .list()
                .layer(new OutputLayer.Builder(LossFunction.MCXENT)
                        .nIn(inputs)
                        .nOut(2)
                        .activation(Activation.SOFTMAX)
                        .build())
                .build());
        net.init();
        return net;
    }

    @Test
    void apply_betweenKnots_weighsBothNeighbors() {
        var normalizer = new TableNormalizer(new double[][] {null, {0, 1, 3}, {}, {5}});
        INDArray out = normalizer.apply(Nd4j.create(
                new double[][] {{9, 2, 1, 1}, {-1, -7, 2, 5}, {0, 8, 3, 6}, {0, Double.NaN, 3, Double.NaN}}));
        assertThat(normalizer.outputColumns()).isEqualTo(6);
        assertThat(out.toDoubleMatrix()).isDeepEqualTo(new double[][] {
            {9, 0, 0.5, 0.5, 0, 0}, {-1, 1, 0, 0, 0, 0}, {0, 0, 0, 1, 0, 0}, {0, 0, 0, 0, 0, 0}
        });
    }

    @Test
    void fit_onData_isRefused() {
        var normalizer = new TableNormalizer(new double[][] {{0, 1}});
        assertThatExceptionOfType(UnsupportedOperationException.class)
                .isThrownBy(() -> normalizer.fit(table()))
                .withMessageContaining("PrivateScaling");
        assertThatExceptionOfType(UnsupportedOperationException.class)
                .isThrownBy(() -> normalizer.transform(Nd4j.create(2, 1)))
                .withMessageContaining("preProcess");
    }

    /** Half of the rows are of one person, whose incomes are a thousandfold: a median of rows would be hers. */
    @Test
    void release_people_countEachOnce() {
        DataSet table = table();
        long[] ids = new long[ROWS];
        for (int i = 0; i < ROWS; i++) {
            boolean isOne = i % 2 == 1;
            ids[i] = isOne ? -1 : i;
            if (isOne) {
                table.getFeatures().putScalar(i, 1, 1e7);
            }
        }
        var people = GroupedExamples.of(RandomAccessExamples.of(table), ids);
        ReleasedScaling released = PrivateScaling.of(ROWS / 2 + 1, 2)
                .withColumns(1)
                .withUnit("patient")
                .release(people);
        double[] knots = Objects.requireNonNull(released.normalizer().knots(1));
        assertThat(knots[5]).isCloseTo(Math.exp(10), within(0.15 * Math.exp(10)));
        assertThat(knots[knots.length - 1]).isLessThan(1e7 / 2);
        assertThat(released.event()).isEqualTo(new DpEvent.Gaussian(2));
    }

    @Test
    void chargedTo_planOfPeople_takesTheirReleaseAlone(@TempDir Path folder) throws IOException {
        RandomAccessExamples rows = RandomAccessExamples.of(table());
        long[] ids = new long[ROWS];
        Arrays.setAll(ids, row -> row / 2);
        var people = GroupedExamples.of(rows, ids);
        ReleasedScaling released = PrivateScaling.of(ROWS / 2, 5)
                .withColumns(1)
                .withUnit("patient")
                .release(people);
        File file = folder.resolve("scaling.json").toFile();
        released.save(file);
        for (ReleasedScaling one : List.of(released, ReleasedScaling.load(file))) {
            assertThat(one.unit()).isEqualTo("patient");
            assertThat(one.chargedTo(DpSgdPlan.poisson(ROWS / 2, 50).withUnit("patient", 2))
                            .otherReleases())
                    .isEqualTo(new DpEvent.Gaussian(5));
            assertThatIllegalArgumentException()
                    .isThrownBy(() -> one.chargedTo(DpSgdPlan.poisson(ROWS / 2, 50)))
                    .withMessageContaining("one patient, has one example")
                    .withMessageContaining("PrivateScaling.withUnit");
        }
        assertThatIllegalArgumentException()
                .isThrownBy(() -> PrivateScaling.of(ROWS, 5).release(people))
                .withMessageContaining("the release protects one row");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> PrivateScaling.of(ROWS, 5).withUnit("patient").release(rows))
                .withMessageContaining("the data must have the patient of each row");
    }

    @Test
    void release_wrongTable_isRefused() {
        DataSet table = table();
        assertThatIllegalArgumentException()
                .isThrownBy(() -> PrivateScaling.of(ROWS + 100, 20).release(RandomAccessExamples.of(table)))
                .withMessageContaining("within 1 %");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> PrivateScaling.of(ROWS, 20).withColumns(4).release(RandomAccessExamples.of(table)))
                .withMessageContaining("number of columns, 4");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> PrivateScaling.of(ROWS, 20).withColumns(1, 1));
        assertThatIllegalArgumentException().isThrownBy(() -> PrivateScaling.of(ROWS, 0));
        assertThat(PrivateScaling.of(ROWS, 20)
                        .withSeed(1)
                        .release(RandomAccessExamples.of(table))
                        .event())
                .isEqualTo(new DpEvent.NonPrivate());
    }

    @Test
    void release_noDataAtAll_isRefused() {
        RandomAccessExamples none = new RandomAccessExamples() {
            @Override
            public long size() {
                return 0;
            }

            @Override
            public org.nd4j.linalg.dataset.api.MultiDataSet get(long[] indices) {
                throw new IndexOutOfBoundsException("a row of no rows");
            }
        };
        assertThatThrownBy(() -> PrivateScaling.of(5, 1)
                        .withRelation(NeighboringRelation.ZERO_OUT)
                        .release(none))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("the data set must not be empty, has no examples");
    }
}
