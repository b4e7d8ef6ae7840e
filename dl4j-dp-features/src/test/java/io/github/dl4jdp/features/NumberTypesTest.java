// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.features;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.dl4jdp.core.data.RandomAccessExamples;
import java.util.stream.LongStream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.EnumSource.Mode;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.dataset.DataSet;
import org.nd4j.linalg.factory.Nd4j;

/** Tables and pictures come as integers too: every stage makes of them what it makes of the same numbers as floats, and no integer type cuts off what lies between 0 and 1. */
@SuppressWarnings("deprecation") // ND4J calls HALF deprecated, and tables of it exist
class NumberTypesTest {
    private static final int ROWS = 60;
    private static final INDArray NUMBERS = Nd4j.createFromArray(numbers()).reshape(ROWS, 4);
    private static final INDArray LABELS = Nd4j.ones(DataType.FLOAT, ROWS, 2);

    /** Exact in every type but BOOL. */
    private static float[] numbers() {
        float[] all = new float[ROWS * 4];
        for (int i = 0; i < all.length; i++) {
            all[i] = (7 * i) % 101;
        }
        return all;
    }

    private static DataSet data(INDArray features) {
        return new DataSet(features, LABELS.dup());
    }

    @ParameterizedTest
    @EnumSource(
            mode = Mode.EXCLUDE,
            names = {"UTF8", "COMPRESSED", "UNKNOWN"})
    void everyStage_numbersOfAnyType_isThatOfFloats(DataType type) {
        INDArray own = NUMBERS.castTo(type);
        INDArray floats = own.castTo(DataType.FLOAT);
        double tolerance = type == DataType.BFLOAT16 ? 0.01 : type == DataType.HALF ? 1e-3 : 1e-6;

        ReleasedScaling scaling = PrivateScaling.of(ROWS, 0.5).withSeed(1).release(examples(own));
        TableNormalizer table = scaling.normalizer();
        assertThat(table.knots(0))
                .isEqualTo(PrivateScaling.of(ROWS, 0.5)
                        .withSeed(1)
                        .release(examples(floats))
                        .normalizer()
                        .knots(0));
        var weights = new TableNormalizer(new double[][] {{0, 1, 3, 200}, {0, 150}, null, {0, 50, 200}});
        same(weights.apply(own), weights.apply(floats), tolerance);
        DataSet widened = data(own);
        weights.preProcess(widened);
        same(widened.getFeatures(), weights.apply(floats), tolerance);

        ChannelNormalization channels = PrivateNormalization.of(ROWS, 100, 10_000, 1)
                .withSeed(1)
                .release(examples(own))
                .normalization();
        assertThat(channels.mean())
                .isEqualTo(PrivateNormalization.of(ROWS, 100, 10_000, 1)
                        .withSeed(1)
                        .release(examples(floats))
                        .normalization()
                        .mean());
        same(channels.normalize(own), channels.normalize(floats), 1e-6);
        long[] all = LongStream.range(0, ROWS).toArray();
        same(channels.normalize(examples(own)).get(all).getFeatures(0), channels.normalize(floats), 1e-6);
        same(channels.normalize(own.dup('f')), channels.normalize(floats), 1e-6);

        var extractor = new FeaturePreProcessor(channels.after(new Columns()));
        same(extractor.apply(own), channels.normalize(floats), 1e-6);
    }

    private static RandomAccessExamples examples(INDArray features) {
        return RandomAccessExamples.of(data(features));
    }

    private static void same(INDArray actual, INDArray expected, double tolerance) {
        assertThat(actual.dataType().isFPType()).isTrue();
        assertThat(actual.shape()).isEqualTo(expected.shape());
        INDArray difference = actual.castTo(DataType.DOUBLE).sub(expected.castTo(DataType.DOUBLE));
        double size = Math.max(1, expected.castTo(DataType.DOUBLE).amaxNumber().doubleValue());
        assertThat(difference.amaxNumber().doubleValue()).isLessThanOrEqualTo(tolerance * size);
    }

    /** The four columns as they are. */
    private record Columns() implements FeatureExtractor {
        @Override
        public long[] inputShape() {
            return new long[] {4};
        }

        @Override
        public long[] outputShape() {
            return new long[] {4};
        }

        @Override
        public String identity() {
            return "columns";
        }

        @Override
        public float[] extract(float[] examples) {
            return examples.clone();
        }
    }
}
