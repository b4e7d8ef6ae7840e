// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.features;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.util.Arrays;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;

class WhitenedFeaturesTest {
    private static final int CHANNELS = 4;
    private static final int SIDE = 3;
    private static final int LENGTH = CHANNELS * SIDE * SIDE;
    private static final int PUBLIC = 200;
    private static final int COMPONENTS = 6;
    private static final double DAMPING = 0.1;

    private final float[] examples = correlated(PUBLIC, 1);
    private final WhitenedFeatures features =
            WhitenedFeatures.learn(new Same("same"), 2, examples, COMPONENTS, DAMPING);

    /** Leaves examples as they are. */
    private record Same(String identity) implements FeatureExtractor {
        @Override
        public long[] inputShape() {
            return new long[] {CHANNELS, SIDE, SIDE};
        }

        @Override
        public long[] outputShape() {
            return inputShape();
        }

        @Override
        public float[] extract(float[] input) {
            return input.clone();
        }
    }

    @Test
    void extract_publicExamples_hasTheVariancesOfTheDefinition() {
        double[][] x = normalized(examples);
        double[] mean = new double[LENGTH];
        for (double[] row : x) {
            for (int d = 0; d < LENGTH; d++) {
                mean[d] += row[d] / PUBLIC;
            }
        }
        float[] y = features.extract(examples);

        // Another way to the same directions: power iteration on the covariance of the features.
        double[][] covariance = new double[LENGTH][LENGTH];
        for (double[] row : x) {
            for (int i = 0; i < LENGTH; i++) {
                for (int j = 0; j < LENGTH; j++) {
                    covariance[i][j] += (row[i] - mean[i]) * (row[j] - mean[j]) / PUBLIC;
                }
            }
        }
        double[][] whitened = new double[COMPONENTS][];
        double largest = 0;
        for (int k = 0; k < COMPONENTS; k++) {
            double[] direction = powerIteration(covariance);
            double variance = deflate(covariance, direction);
            largest = k == 0 ? variance : largest;
            double[] expected = new double[PUBLIC];
            for (int n = 0; n < PUBLIC; n++) {
                for (int d = 0; d < LENGTH; d++) {
                    expected[n] += direction[d] * (x[n][d] - mean[d]) / Math.sqrt(variance + DAMPING * largest);
                }
            }
            whitened[k] = expected;
        }
        assertThat(y).hasSize(PUBLIC * COMPONENTS);
        for (int n = 0; n < PUBLIC; n++) {
            double squares = 0;
            for (double[] component : whitened) {
                squares += component[n] * component[n];
            }
            for (int k = 0; k < COMPONENTS; k++) {
                // A direction has no sign: the first example says which one it was given.
                double sign = Math.signum(whitened[k][0] * y[k]);
                assertThat((double) y[n * COMPONENTS + k])
                        .isCloseTo(sign * whitened[k][n] / Math.sqrt(squares), within(1e-3));
            }
        }
    }

    @Test
    void extract_anyExample_hasNormOneAndDependsOnItselfAlone() {
        float[] fresh = correlated(3, 2);
        float[] alone = features.extract(Arrays.copyOfRange(fresh, LENGTH, 2 * LENGTH));
        Arrays.fill(fresh, 0, LENGTH, Float.NaN);

        float[] together = features.extract(fresh);

        assertThat(features.outputShape()).containsExactly(COMPONENTS);
        assertThat(Arrays.copyOfRange(together, COMPONENTS, 2 * COMPONENTS)).isEqualTo(alone);
        assertThat(Arrays.copyOf(together, COMPONENTS)).containsOnly(0f);
        double squares = 0;
        for (float value : alone) {
            squares += (double) value * value;
        }
        assertThat(squares).isCloseTo(1, within(1e-6));
    }

    @Test
    void extract_groupsScaledAndShifted_changesNothing() {
        float[] example = correlated(1, 3);
        float[] scaled = example.clone();
        for (int d = 0; d < LENGTH / 2; d++) {
            scaled[d] = 3 * scaled[d] + 7;
        }

        float[] first = features.extract(example);
        float[] second = features.extract(scaled);

        for (int k = 0; k < COMPONENTS; k++) {
            assertThat((double) second[k]).isCloseTo(first[k], within(1e-4));
        }
    }

    @Test
    void identity_tellsApart() {
        var others = new WhitenedFeatures[] {
            WhitenedFeatures.learn(new Same("other"), 2, examples, COMPONENTS, DAMPING),
            WhitenedFeatures.learn(new Same("same"), 1, examples, COMPONENTS, DAMPING),
            WhitenedFeatures.learn(new Same("same"), 2, correlated(PUBLIC, 4), COMPONENTS, DAMPING),
            WhitenedFeatures.learn(new Same("same"), 2, examples, COMPONENTS - 1, DAMPING),
            WhitenedFeatures.learn(new Same("same"), 2, examples, COMPONENTS, DAMPING / 2)
        };
        for (WhitenedFeatures other : others) {
            assertThat(other.identity()).isNotEqualTo(features.identity());
        }
        assertThat(WhitenedFeatures.learn(new Same("same"), 2, examples, COMPONENTS, DAMPING)
                        .identity())
                .isEqualTo(features.identity());
    }

    @Test
    void learn_valuesOutOfRange_throws() {
        var same = new Same("same");
        assertThatThrownBy(() -> WhitenedFeatures.learn(same, 3, examples, COMPONENTS, DAMPING))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("groups must divide the extractor's 4 channels, was 3");
        assertThatThrownBy(() -> WhitenedFeatures.learn(same, 2, new float[LENGTH + 1], COMPONENTS, DAMPING))
                .hasMessageContaining("multiple of 36, was 37");
        assertThatThrownBy(() -> WhitenedFeatures.learn(same, 2, correlated(5, 1), 5, DAMPING))
                .hasMessageContaining("components must be in [1, 4], was 5");
        assertThatThrownBy(() -> WhitenedFeatures.learn(same, 2, examples, COMPONENTS, Double.NaN))
                .hasMessageContaining("damping must be finite and >= 0, was NaN");
    }

    @Test
    void drawings_ofASeed_areRepeatableAndBetweenZeroAndOne() {
        float[] strokes = DrawnPictures.strokes(28, 20, 3, 5);
        float[] leaves = DrawnPictures.leaves(3, 12, 16, 2, 5);

        assertThat(strokes).hasSize(3 * 28 * 20).isEqualTo(DrawnPictures.strokes(28, 20, 3, 5));
        assertThat(strokes).isNotEqualTo(DrawnPictures.strokes(28, 20, 3, 6));
        assertThat(leaves).hasSize(2 * 3 * 12 * 16).isEqualTo(DrawnPictures.leaves(3, 12, 16, 2, 5));
        for (float value : strokes) {
            assertThat(value).isBetween(0f, 1f);
        }
        for (int i = 0; i < 3; i++) {
            assertThat(Arrays.copyOfRange(strokes, i * 560, (i + 1) * 560))
                    .contains(1f)
                    .contains(0f);
        }
        assertThatThrownBy(() -> DrawnPictures.leaves(2, 8, 8, 1, 1)).hasMessageContaining("channels must be 1 or 3");
        assertThatThrownBy(() -> DrawnPictures.strokes(8, 8, 0, 1)).hasMessageContaining("count must be at least 1");
    }

    private static float[] correlated(int count, long seed) {
        var mixing = new SplittableRandom(99);
        double[][] mix = new double[LENGTH][LENGTH];
        for (double[] row : mix) {
            for (int j = 0; j < LENGTH; j++) {
                row[j] = mixing.nextGaussian() * Math.pow(0.8, j);
            }
        }
        var random = new SplittableRandom(seed);
        float[] out = new float[count * LENGTH];
        for (int n = 0; n < count; n++) {
            double[] z = new double[LENGTH];
            for (int j = 0; j < LENGTH; j++) {
                z[j] = random.nextGaussian();
            }
            for (int d = 0; d < LENGTH; d++) {
                for (int j = 0; j < LENGTH; j++) {
                    out[n * LENGTH + d] += (float) (mix[d][j] * z[j]);
                }
            }
        }
        return out;
    }

    private static double[][] normalized(float[] examples) {
        double[][] rows = new double[examples.length / LENGTH][LENGTH];
        for (int n = 0; n < rows.length; n++) {
            double squares = 0;
            for (int group = 0; group < 2; group++) {
                int size = LENGTH / 2;
                double mean = 0;
                for (int d = 0; d < size; d++) {
                    mean += examples[n * LENGTH + group * size + d] / size;
                }
                double variance = 0;
                for (int d = 0; d < size; d++) {
                    double centered = examples[n * LENGTH + group * size + d] - mean;
                    variance += centered * centered / size;
                }
                for (int d = 0; d < size; d++) {
                    rows[n][group * size + d] =
                            (examples[n * LENGTH + group * size + d] - mean) / Math.sqrt(variance + 1e-5);
                    squares += rows[n][group * size + d] * rows[n][group * size + d];
                }
            }
            for (int d = 0; d < LENGTH; d++) {
                rows[n][d] /= Math.sqrt(squares);
            }
        }
        return rows;
    }

    private static double[] powerIteration(double[][] matrix) {
        double[] v = new double[matrix.length];
        Arrays.fill(v, 1);
        v[0] = 2;
        for (int step = 0; step < 3000; step++) {
            double[] next = new double[v.length];
            double norm = 0;
            for (int i = 0; i < v.length; i++) {
                for (int j = 0; j < v.length; j++) {
                    next[i] += matrix[i][j] * v[j];
                }
                norm += next[i] * next[i];
            }
            for (int i = 0; i < v.length; i++) {
                v[i] = next[i] / Math.sqrt(norm);
            }
        }
        return v;
    }

    /** Takes a direction out of the matrix; returns its variance. */
    private static double deflate(double[][] matrix, double[] v) {
        double variance = 0;
        for (int i = 0; i < v.length; i++) {
            for (int j = 0; j < v.length; j++) {
                variance += v[i] * matrix[i][j] * v[j];
            }
        }
        for (int i = 0; i < v.length; i++) {
            for (int j = 0; j < v.length; j++) {
                matrix[i][j] -= variance * v[i] * v[j];
            }
        }
        return variance;
    }
}
