// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.features;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import io.github.dl4jdp.accountant.DpEvent;
import io.github.dl4jdp.accountant.NeighboringRelation;
import io.github.dl4jdp.accountant.PldAccountant;
import io.github.dl4jdp.accountant.PrivacyGuarantee;
import io.github.dl4jdp.core.DpSgdPlan;
import io.github.dl4jdp.core.data.GroupedExamples;
import io.github.dl4jdp.core.data.Origin;
import io.github.dl4jdp.core.data.RandomAccessExamples;
import io.github.dl4jdp.core.mechanism.PrivateMoments;
import java.io.File;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.SplittableRandom;
import java.util.stream.DoubleStream;
import java.util.stream.LongStream;
import org.apache.commons.statistics.distribution.NormalDistribution;
import org.apache.commons.statistics.inference.KolmogorovSmirnovTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.dataset.DataSet;
import org.nd4j.linalg.dataset.MultiDataSet;
import org.nd4j.linalg.factory.Nd4j;

class PrivateNormalizationTest {
    private static final int SIZE = 500;
    private static final int CHANNELS = 4;
    private static final int POSITIONS = 9;

    /** Channel c has mean c - 1 and standard deviation 2^-c; what is common to an example makes a third of it. */
    private static INDArray features(DataType type) {
        var random = new SplittableRandom(3);
        double[] values = new double[SIZE * CHANNELS * POSITIONS];
        for (int i = 0, k = 0; i < SIZE; i++) {
            double common = random.nextGaussian();
            for (int c = 0; c < CHANNELS; c++) {
                for (int p = 0; p < POSITIONS; p++, k++) {
                    double z = Math.sqrt(1 / 3.0) * common + Math.sqrt(2 / 3.0) * random.nextGaussian();
                    values[k] = c - 1 + z * Math.pow(2, -c);
                }
            }
        }
        return Nd4j.createFromArray(values).reshape(SIZE, CHANNELS, 3, 3).castTo(type);
    }

    private static RandomAccessExamples examples(INDArray features) {
        return RandomAccessExamples.of(new DataSet(features, Nd4j.zeros(features.size(0), 2)));
    }

    /** The noise is a four-hundredth of the smallest variance in the tests below. */
    private static ReleasedNormalization release(RandomAccessExamples examples) {
        return PrivateNormalization.of(SIZE, 6, 12, 0.001).release(examples);
    }

    @ParameterizedTest
    @EnumSource(
            value = DataType.class,
            names = {"FLOAT", "DOUBLE"})
    void release_littleNoise_normalizesToMeanZeroAndVarianceOne(DataType type) {
        RandomAccessExamples examples = examples(features(type));

        RandomAccessExamples normalized = release(examples).normalization().normalize(examples);

        INDArray y = normalized.get(LongStream.range(0, SIZE).toArray()).getFeatures(0);
        assertThat(y.dataType()).isEqualTo(type);
        assertThat(y.shape()).containsExactly(SIZE, CHANNELS, 3, 3);
        assertThat(y.mean(0, 2, 3).toDoubleVector()).containsOnly(new double[] {0, 0, 0, 0}, within(0.02));
        assertThat(y.std(0, 2, 3).toDoubleVector()).containsOnly(new double[] {1, 1, 1, 1}, within(0.05));
    }

    /** KS with 20 000 values: accepts the width, false failure 1e-6; rejects 2/3 and 3/2 of it. */
    @Test
    void release_zeroFeatures_isNoiseOfTheWidthSaid() {
        int channels = 20_000;
        double sigma = Math.sqrt(2) * 1.3 * 5 / 4;
        var settings = PrivateNormalization.of(4, 5, 7, 1.3).withSeed(11);

        ChannelNormalization released =
                settings.release(examples(Nd4j.zeros(4, channels))).normalization();

        assertWidth(released.mean(), sigma);
    }

    /** As above, for the mean squares: where the noise is positive, the variance is it. Half of the values, so 10 000. */
    @Test
    void release_zeroFeatures_hasNoiseOfTheWidthSaidInTheSquares() {
        int channels = 20_000;
        double sigma = Math.sqrt(2) * 1.3 * 7 / 4;
        var settings =
                PrivateNormalization.of(4, 1e-9, 7, 1.3).withVarianceFloor(1e-9).withSeed(12);

        ChannelNormalization released =
                settings.release(examples(Nd4j.zeros(4, channels))).normalization();

        double[] positive = DoubleStream.of(released.deviation())
                .map(d -> d * d)
                .filter(v -> v > 2e-9)
                .toArray();
        assertThat(positive.length).isBetween(9_600, 10_400);
        // Half normal; mirrored it would be normal.
        var random = new SplittableRandom(1);
        assertWidth(
                DoubleStream.of(positive)
                        .map(v -> random.nextBoolean() ? v : -v)
                        .toArray(),
                sigma);
    }

    private static void assertWidth(double[] values, double sigma) {
        assertThat(pValue(values, sigma)).isGreaterThan(1e-6);
        assertThat(pValue(values, sigma * 2 / 3)).isLessThan(1e-20);
        assertThat(pValue(values, sigma * 3 / 2)).isLessThan(1e-20);
    }

    private static double pValue(double[] values, double sigma) {
        return KolmogorovSmirnovTest.withDefaults()
                .test(values, NormalDistribution.of(0, sigma)::cumulativeProbability)
                .getPValue();
    }

    /** No example at all, N public all the same: the noise alone. */
    @Test
    void release_emptySum_isNoise() {
        ReleasedNormalization released =
                PrivateNormalization.of(10, 1, 1, 1).release(new PrivateMoments(CHANNELS, 1, 1), Origin.PUBLIC);

        assertThat(released.normalization().mean()).doesNotContain(0.0);
        assertThat(released.event()).isEqualTo(new DpEvent.Gaussian(1));
    }

    @Test
    void release_examplesNotFinite_isThatOfTheOthers() {
        INDArray features = features(DataType.FLOAT);
        INDArray spoilt = features.dup();
        features.slice(3).assign(0);
        spoilt.slice(3).assign(Float.NaN);
        var settings = PrivateNormalization.of(SIZE, 6, 12, 1).withSeed(5);

        ChannelNormalization one = settings.release(examples(features)).normalization();
        ChannelNormalization other = settings.release(examples(spoilt)).normalization();

        assertThat(other.mean()).isEqualTo(one.mean());
        assertThat(other.deviation()).isEqualTo(one.deviation());
    }

    @Test
    void release_again_hasFreshNoiseUnlessSeeded() {
        RandomAccessExamples examples = examples(features(DataType.FLOAT));
        var settings = PrivateNormalization.of(SIZE, 6, 12, 1);

        assertThat(settings.release(examples).normalization().mean())
                .isNotEqualTo(settings.release(examples).normalization().mean());
        assertThat(settings.withSeed(1).release(examples).normalization().mean())
                .isEqualTo(
                        settings.withSeed(1).release(examples).normalization().mean());
        assertThat(settings.withSeed(1).release(examples).event()).isEqualTo(new DpEvent.NonPrivate());
    }

    @Test
    void release_varianceBelowTheFloor_isTheFloor() {
        ChannelNormalization released = PrivateNormalization.of(SIZE, 6, 12, 1)
                .withVarianceFloor(16)
                .release(examples(features(DataType.FLOAT)))
                .normalization();

        assertThat(released.deviation()).containsOnly(4);
    }

    @Test
    void event_relation_isTheNoiseOverItsSensitivity() {
        RandomAccessExamples examples = examples(features(DataType.FLOAT));
        var settings = PrivateNormalization.of(SIZE, 6, 12, 8);

        assertThat(settings.release(examples).event()).isEqualTo(new DpEvent.Gaussian(8));
        assertThat(settings.withRelation(NeighboringRelation.ZERO_OUT)
                        .release(examples)
                        .event())
                .isEqualTo(new DpEvent.Gaussian(8));
        assertThat(settings.withRelation(NeighboringRelation.REPLACE_ONE)
                        .release(examples)
                        .event())
                .isEqualTo(new DpEvent.Gaussian(4));
    }

    @Test
    void chargedTo_fullBatches_costsAsOneGaussianOfBoth() {
        ReleasedNormalization released =
                PrivateNormalization.of(SIZE, 6, 12, 8).release(examples(features(DataType.FLOAT)));
        DpSgdPlan plan = DpSgdPlan.poisson(SIZE, SIZE)
                .withSteps(40)
                .withClippingNorm(1)
                .withNoiseMultiplier(10)
                .withDelta(1e-5);

        DpSgdPlan charged = released.chargedTo(plan);

        // Precisions of Gaussian releases add up.
        double sigma = 1 / Math.sqrt(40 / 100.0 + 1 / 64.0);
        double expected =
                new PldAccountant().compose(new DpEvent.Gaussian(sigma)).epsilon(1e-5);
        assertThat(charged.epsilonAfter(40)).isCloseTo(expected, within(2e-3 * expected));
        assertThat(charged.epsilonAfter(40)).isGreaterThan(plan.epsilonAfter(40) + 0.02);
        assertThat(charged.epsilonAfter(0)).isPositive();
    }

    @Test
    void chargedTo_calibratedPlan_hasTheMoreNoise() {
        ReleasedNormalization released =
                PrivateNormalization.of(SIZE, 6, 12, 8).release(examples(features(DataType.FLOAT)));
        DpSgdPlan plan = DpSgdPlan.poisson(SIZE, 50)
                .withSteps(40)
                .withClippingNorm(1)
                .calibratedTo(new PrivacyGuarantee(1, 1e-5));

        DpSgdPlan charged = released.chargedTo(plan);

        assertThat(charged.noiseMultiplier()).isGreaterThan(plan.noiseMultiplier());
        assertThat(charged.epsilonAfter(40)).isLessThanOrEqualTo(1).isGreaterThan(0.99);
    }

    @Test
    void chargedTo_planWithReleases_keepsThem() {
        ReleasedNormalization released = release(examples(features(DataType.FLOAT)));
        var before = new DpEvent.Laplace(3);
        DpSgdPlan plan = DpSgdPlan.poisson(SIZE, 50).withOtherReleases(before);

        assertThat(released.chargedTo(plan).otherReleases())
                .isEqualTo(new DpEvent.Composed(List.of(before, new DpEvent.Gaussian(0.001))));
    }

    @Test
    void chargedTo_otherRelationOrSize_throws() {
        ReleasedNormalization released = release(examples(features(DataType.FLOAT)));

        assertThatThrownBy(() -> released.chargedTo(DpSgdPlan.fixedSize(SIZE, 50)))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("relation of the release, ADD_OR_REMOVE_ONE")
                .hasMessageContaining("has REPLACE_ONE");
        assertThatThrownBy(() -> released.chargedTo(DpSgdPlan.poisson(SIZE + 1, 50)))
                .hasMessageContaining("500, has 501");
        assertThatThrownBy(() -> released.chargedTo(DpSgdPlan.poisson(SIZE, 50).withUnit("patient", 3)))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("unit of privacy of the release, one example, has one patient");
    }

    /** Half of the rows are one person's. */
    private static long[] ids() {
        return LongStream.range(0, SIZE).map(row -> row % 2 == 0 ? -1 : row / 4).toArray();
    }

    private static final int PEOPLE = 1 + SIZE / 4;

    @Test
    void release_people_isTheMeanOverPeopleOfTheirMeans() {
        INDArray features = features(DataType.FLOAT);
        long[] ids = ids();
        var people = GroupedExamples.of(examples(features), ids);
        // The bounds clip nobody, and the noise is nothing.
        ReleasedNormalization released = PrivateNormalization.of(PEOPLE, 600, 1200, 1e-6)
                .withUnit("patient")
                .release(people);

        double[] mean = new double[CHANNELS];
        double[] square = new double[CHANNELS];
        for (long id : LongStream.of(ids).distinct().toArray()) {
            long[] rows = LongStream.range(0, SIZE)
                    .filter(row -> ids[(int) row] == id)
                    .toArray();
            for (int c = 0; c < CHANNELS; c++) {
                for (long row : rows) {
                    INDArray channel = features.slice(row).slice(c).castTo(DataType.DOUBLE);
                    mean[c] += channel.meanNumber().doubleValue() / rows.length / PEOPLE;
                    square[c] += channel.mul(channel).meanNumber().doubleValue() / rows.length / PEOPLE;
                }
            }
        }
        for (int c = 0; c < CHANNELS; c++) {
            assertThat(released.normalization().mean()[c]).isCloseTo(mean[c], within(1e-4));
            assertThat(released.normalization().deviation()[c])
                    .isCloseTo(Math.sqrt(square[c] - mean[c] * mean[c]), within(2e-2));
        }
        assertThat(released.event()).isEqualTo(new DpEvent.Gaussian(1e-6));
    }

    /** Whose rows are in one piece or in two that are read changes nothing. */
    @Test
    void release_personOfManyRows_weighsAsOne() {
        INDArray features = Nd4j.zeros(DataType.FLOAT, 40, 2);
        features.putRow(39, Nd4j.ones(DataType.FLOAT, 2).muli(100));
        long[] few = LongStream.range(0, 40).toArray();
        long[] many = LongStream.range(0, 40).map(row -> row < 20 ? row : 20).toArray();
        var settings = PrivateNormalization.of(40, 5, 5, 1).withUnit("patient").withSeed(3);
        var lessPeople =
                PrivateNormalization.of(21, 5, 5, 1).withUnit("patient").withSeed(3);

        double[] alone = settings.release(GroupedExamples.of(examples(features), few))
                .normalization()
                .mean();
        double[] together = lessPeople
                .release(GroupedExamples.of(examples(features), many))
                .normalization()
                .mean();

        // The mean of twenty rows, one of them 100, is 5: its norm is above the bound, as that of the row alone is.
        for (int c = 0; c < 2; c++) {
            assertThat(together[c] * 21).isCloseTo(alone[c] * 40, within(1e-4));
        }
    }

    @Test
    void release_unitThatIsNotTheDatas_throws() {
        RandomAccessExamples rows = examples(features(DataType.FLOAT));
        var people = GroupedExamples.of(rows, ids());
        var settings = PrivateNormalization.of(SIZE, 6, 12, 8);

        assertThatThrownBy(() -> settings.release(people))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("the release protects one row");
        assertThatThrownBy(() -> settings.withUnit("patient").release(rows))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("the data must have the patient of each row");
        assertThatThrownBy(() -> settings.withUnit("patient").release(people))
                .hasMessageContaining("examples = 500 patients (within 1 %), has 126");
        assertThatThrownBy(() -> settings.withUnit("example")).hasMessageContaining("leave withUnit out");
        assertThatThrownBy(() -> settings.withUnit("")).hasMessageContaining("unit must be a word");
    }

    @Test
    void chargedTo_planOfPeople_takesTheirReleaseAlone(@TempDir Path folder) throws IOException {
        var people = GroupedExamples.of(examples(features(DataType.FLOAT)), ids());
        ReleasedNormalization released =
                PrivateNormalization.of(PEOPLE, 6, 12, 8).withUnit("patient").release(people);
        File file = folder.resolve("released.json").toFile();
        released.save(file);
        for (ReleasedNormalization one : List.of(released, ReleasedNormalization.load(file))) {
            assertThat(one.unit()).isEqualTo("patient");
            assertThat(one.chargedTo(DpSgdPlan.poisson(PEOPLE, 50).withUnit("patient", 3))
                            .otherReleases())
                    .isEqualTo(new DpEvent.Gaussian(8));
            for (DpSgdPlan other : List.of(
                    DpSgdPlan.poisson(PEOPLE, 50), DpSgdPlan.poisson(PEOPLE, 50).withUnit("hospital", 3))) {
                assertThatThrownBy(() -> one.chargedTo(other))
                        .isInstanceOf(IllegalArgumentException.class)
                        .hasMessageContaining("unit of privacy of the release, one patient, has one " + other.unit())
                        .hasMessageContaining("PrivateNormalization.withUnit");
            }
        }
    }

    @Test
    void release_otherSize_throws() {
        RandomAccessExamples examples = examples(Nd4j.ones(100, 2));

        assertThat(PrivateNormalization.of(101, 1, 1, 1).release(examples)).isNotNull();
        assertThatThrownBy(() -> PrivateNormalization.of(102, 1, 1, 1).release(examples))
                .hasMessageContaining("about examples = 102 examples (within 1 %), has 100");
        assertThatThrownBy(() -> PrivateNormalization.of(101, 1, 1, 1)
                        .withRelation(NeighboringRelation.REPLACE_ONE)
                        .release(examples))
                .hasMessageContaining("exactly examples = 101 examples");
    }

    @Test
    void release_masksOrSeveralArrays_throws() {
        INDArray series = Nd4j.ones(10, 2, 3);
        INDArray labels = Nd4j.ones(10, 1);
        var masked = new DataSet(series, labels, Nd4j.ones(10, 3), null);
        var two = new MultiDataSet(new INDArray[] {series, series}, new INDArray[] {labels});
        var settings = PrivateNormalization.of(10, 1, 1, 1);

        assertThatThrownBy(() -> settings.release(RandomAccessExamples.of(masked)))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("no mask");
        assertThatThrownBy(() -> settings.release(RandomAccessExamples.of(two)))
                .hasMessageContaining("one array [1, channels, ...], were 2 arrays");
    }

    @Test
    void of_valuesOutOfRange_throws() {
        assertThatThrownBy(() -> PrivateNormalization.of(0, 1, 1, 1)).hasMessageContaining("examples must be in [1, 1");
        assertThatThrownBy(() -> PrivateNormalization.of((1L << 27) + 1, 1, 1, 1))
                .hasMessageContaining("was 134217729");
        assertThatThrownBy(() -> PrivateNormalization.of(1, Double.NaN, 1, 1))
                .hasMessageContaining("meanBound must be finite and > 0, was NaN");
        assertThatThrownBy(() -> PrivateNormalization.of(1, 1, 0, 1)).hasMessageContaining("squareBound");
        assertThatThrownBy(() -> PrivateNormalization.of(1, 1, 1, -1)).hasMessageContaining("noiseMultiplier");
        assertThatThrownBy(() -> PrivateNormalization.of(1, 1, 1, 1).withVarianceFloor(0))
                .hasMessageContaining("value must be finite and > 0, was 0");
    }

    @Test
    void noiseMultiplierOfTwenty_costsWhatTheDocumentationSays() {
        double epsilon = new PldAccountant().compose(new DpEvent.Gaussian(20)).epsilon(1e-5);
        assertThat(epsilon).isCloseTo(0.16, within(0.005));
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
        assertThatThrownBy(() -> PrivateNormalization.of(5, 1, 1, 1)
                        .withRelation(NeighboringRelation.ZERO_OUT)
                        .release(none))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("the data set must not be empty, has no examples");
    }
}
