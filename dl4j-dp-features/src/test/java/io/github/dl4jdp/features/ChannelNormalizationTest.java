// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.features;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.io.IOException;
import java.nio.file.Path;
import java.util.Arrays;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.factory.Nd4j;

class ChannelNormalizationTest {
    private final ChannelNormalization normalization =
            ChannelNormalization.of(new double[] {1, -2}, new double[] {2, 0.5});

    /** Leaves examples of two channels and two positions as they are. */
    private record Same() implements FeatureExtractor {
        @Override
        public long[] inputShape() {
            return new long[] {2, 2};
        }

        @Override
        public long[] outputShape() {
            return inputShape();
        }

        @Override
        public String identity() {
            return "same";
        }

        @Override
        public float[] extract(float[] examples) {
            return examples.clone();
        }
    }

    @Test
    void extract_afterAnExtractor_shiftsAndScales() {
        FeatureExtractor features = normalization.after(new Same());

        assertThat(features.extract(new float[] {1, 3, -2, -1, 5, 1, 0, -2})).containsExactly(0, 1, 0, 2, 2, 0, 4, 0);
        assertThat(features.outputShape()).containsExactly(2, 2);
        assertThat(features.inputShape()).containsExactly(2, 2);
    }

    @Test
    void normalize_batch_leavesItAsItWas() {
        for (DataType type : new DataType[] {DataType.FLOAT, DataType.DOUBLE}) {
            var batch = Nd4j.createFromArray(1.0, 3, -2, -1, 5, 1, 0, -2)
                    .castTo(type)
                    .reshape(2, 2, 2)
                    .dup('f');
            var before = batch.dup();

            assertThat(normalization.normalize(batch).dup('c').data().asDouble())
                    .containsExactly(0, 1, 0, 2, 2, 0, 4, 0);
            assertThat(batch).isEqualTo(before);
        }
        assertThat(normalization.normalize(Nd4j.zeros(1, 2)).toDoubleVector()).containsExactly(-0.5, 4);
        assertThatThrownBy(() -> normalization.normalize(Nd4j.zeros(2, 3)))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("must have 2 channels as the normalization has, have 3");
        assertThatThrownBy(() -> normalization.normalize(Nd4j.zeros(2)))
                .hasMessageContaining("[batch, channels, ...], was [2]");
    }

    @Test
    void then_another_isBothInTurn() {
        var second = ChannelNormalization.of(new double[] {0.25, 3}, new double[] {0.1, 7});
        float[] example = {1, 3, -2, -1};

        float[] both = normalization.then(second).after(new Same()).extract(example);
        float[] inTurn = second.after(normalization.after(new Same())).extract(example);

        for (int i = 0; i < 4; i++) {
            assertThat((double) both[i]).isCloseTo(inTurn[i], within(1e-5));
        }
    }

    @Test
    void learn_publicExamples_hasTheirMoments() {
        var learnt = ChannelNormalization.learn(new Same(), new float[] {1, 3, 7, 7, 5, -1, 7, 7});

        assertThat(learnt.mean()).containsExactly(2, 7);
        // The second channel does not vary at all.
        assertThat(learnt.deviation()[0]).isCloseTo(Math.sqrt(5), within(1e-9));
        assertThat(learnt.deviation()[1]).isCloseTo(1e-4 * Math.sqrt(5), within(1e-12));
        assertThat(ChannelNormalization.learn(new Same(), new float[4]).deviation())
                .containsExactly(1, 1);
        assertThatThrownBy(() -> ChannelNormalization.learn(new Same(), new float[5]))
                .hasMessageContaining("positive multiple of 4, was 5");
        assertThatThrownBy(() -> ChannelNormalization.learn(new Same(), new float[] {1, Float.NaN, 1, 1}))
                .hasMessageContaining("mean must be finite, was NaN in channel 0");
    }

    @Test
    void identity_tellsApart() {
        String one = normalization.after(new Same()).identity();

        assertThat(ChannelNormalization.of(new double[] {1, -2}, new double[] {2, 0.5})
                        .after(new Same())
                        .identity())
                .isEqualTo(one);
        assertThat(ChannelNormalization.of(new double[] {1, -2}, new double[] {2, 0.6})
                        .after(new Same())
                        .identity())
                .isNotEqualTo(one);
        assertThat(normalization.after(normalization.after(new Same())).identity())
                .isNotEqualTo(one);
    }

    @Test
    void normalizedBy_file_readsWhatTheExtractorWouldGive(@TempDir Path folder) throws IOException {
        float[] examples = {1, 3, -2, -1, 5, 1, 0, -2};
        var source = new FeatureFile.Examples() {
            @Override
            public int size() {
                return 2;
            }

            @Override
            public float[] read(int from, int to) {
                return Arrays.copyOfRange(examples, 4 * from, 4 * to);
            }
        };
        FeatureFile file = FeatureFile.open(folder.resolve("features"), new Same(), source, done -> {});
        var second = ChannelNormalization.of(new double[] {0.5, 3}, new double[] {0.25, 4});

        FeatureFile once = file.normalizedBy(normalization);
        FeatureFile twice = once.normalizedBy(second);

        assertThat(once.read(0, 1).data().asFloat()).containsExactly(0, 1, 0, 2, 2, 0, 4, 0);
        assertThat(once.withLabels(Nd4j.eye(2))
                        .get(new long[] {1})
                        .getFeatures(0)
                        .data()
                        .asFloat())
                .containsExactly(2, 0, 4, 0);
        assertThat(twice.read(1).data().asFloat()).containsExactly(6, -2, 0.25f, -0.75f);
        assertThat(file.read(0).data().asFloat()).containsExactly(1, 3, -2, -1);
        assertThatThrownBy(() -> file.normalizedBy(ChannelNormalization.of(new double[] {0}, new double[] {1})))
                .hasMessageContaining("must have 1 channels");
    }

    @Test
    void of_valuesOutOfRange_throws() {
        assertThatThrownBy(() -> ChannelNormalization.of(new double[0], new double[0]))
                .hasMessageContaining("one number for each channel, have 0 and 0");
        assertThatThrownBy(() -> ChannelNormalization.of(new double[2], new double[] {1}))
                .hasMessageContaining("have 2 and 1");
        assertThatThrownBy(() -> ChannelNormalization.of(new double[] {Double.NaN}, new double[] {1}))
                .hasMessageContaining("mean must be finite, was NaN in channel 0");
        assertThatThrownBy(() -> ChannelNormalization.of(new double[1], new double[1]))
                .hasMessageContaining("deviation must be finite and > 0, was 0.0 in channel 0");
        assertThatThrownBy(() -> normalization.then(ChannelNormalization.of(new double[1], new double[] {1})))
                .hasMessageContaining("must have 2 channels as the normalization has, have 1");
    }
}
