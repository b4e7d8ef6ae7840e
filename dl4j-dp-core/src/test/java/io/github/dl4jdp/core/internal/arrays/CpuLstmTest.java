// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core.internal.arrays;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.offset;

import java.util.List;
import java.util.Objects;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.nd4j.linalg.activations.Activation;
import org.nd4j.linalg.activations.impl.ActivationCube;
import org.nd4j.linalg.activations.impl.ActivationSigmoid;
import org.nd4j.linalg.activations.impl.ActivationTanH;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/** Against the same passes by ND4J's operations in double precision, which the contract of the LSTM's rule compares with DL4J's own layer. */
class CpuLstmTest {
    private static final int STEPS = 7;
    private static final int INPUTS = 5;

    @BeforeEach
    void seed() {
        Nd4j.getRandom().setSeed(11);
    }

    /** The weights [nIn + 1, 4H] and [H, 4H] in f order, the sequences [T, B, nIn], the mask and the derivative from above. */
    private record Problem(
            INDArray x, INDArray w, INDArray recurrent, INDArray mask, INDArray epsilon, int examples, int hidden) {
        static Problem of(int examples, int hidden, boolean masked) {
            return new Problem(
                    Nd4j.randn(DataType.DOUBLE, STEPS, examples, INPUTS),
                    Nd4j.randn(DataType.DOUBLE, INPUTS + 1, 4L * hidden)
                            .muli(0.4)
                            .dup('f'),
                    Nd4j.randn(DataType.DOUBLE, hidden, 4L * hidden)
                            .muli(0.5 / Math.sqrt(hidden))
                            .dup('f'),
                    Nd4j.rand(DataType.DOUBLE, examples, STEPS)
                            .gt(masked ? 0.3 : -1)
                            .castTo(DataType.DOUBLE),
                    Nd4j.randn(DataType.DOUBLE, STEPS, examples, hidden),
                    examples,
                    hidden);
        }

        /** h, the delta, and the derivative with respect to the input. */
        List<INDArray> byNd4j(Activation activation) {
            var sequence = new LstmSequence(
                    DataType.DOUBLE,
                    STEPS,
                    examples,
                    hidden,
                    activation.getActivationFunction(),
                    new ActivationSigmoid());
            INDArray h = sequence.forward(TimeMajor.withOnes(x), w, recurrent, null, mask)
                    .dup('c');
            INDArray delta = sequence.backward(epsilon.dup('c'), recurrent, null, null);
            INDArray inputWeights = Slices.range(w, 0, 0, INPUTS);
            INDArray below = delta.reshape('c', (long) STEPS * examples, 4L * hidden)
                    .mmul(inputWeights.transpose())
                    .reshape('c', STEPS, examples, INPUTS);
            return List.of(h, delta, below, sequence.hiddensBefore().dup('c'));
        }

        List<INDArray> byCpu(Activation activation, int threads) {
            var lstm = Objects.requireNonNull(CpuLstm.find(
                            DataType.FLOAT,
                            activation.getActivationFunction(),
                            new ActivationSigmoid(),
                            false,
                            new ParallelRanges(threads)))
                    .create(STEPS, examples, INPUTS, hidden);
            INDArray h = Nd4j.createUninitialized(DataType.FLOAT, new long[] {STEPS, examples, hidden}, 'c');
            INDArray r = recurrent.castTo(DataType.FLOAT).dup('f');
            INDArray floats = w.castTo(DataType.FLOAT).dup('f');
            INDArray below = Nd4j.createUninitialized(DataType.FLOAT, new long[] {STEPS, examples, INPUTS}, 'c');
            INDArray delta = null;
            // Twice: the second pass works in the arrays of the first, of which a tape may have zeroed parts.
            for (int pass = 0; pass < 2; pass++) {
                lstm.forward(x.castTo(DataType.FLOAT), floats, r, mask.castTo(DataType.FLOAT), h);
                delta = lstm.backward(epsilon.castTo(DataType.FLOAT).dup('c'), r);
                lstm.inputGradient(Slices.range(floats, 0, 0, INPUTS), below);
                if (pass == 0) {
                    Slices.at(lstm.left(), 1, examples - 1L).assign(0);
                    Slices.at(delta, 1, examples - 1L).assign(0);
                }
            }
            return List.of(
                    h,
                    Objects.requireNonNull(delta),
                    below,
                    Slices.range(lstm.left(), 2, INPUTS + 1, INPUTS + 1 + hidden));
        }
    }

    @ParameterizedTest
    @CsvSource({
        "TANH, 1, 3, false",
        "TANH, 70, 24, false",
        "TANH, 70, 24, true",
        "RELU, 9, 12, true",
        "SIGMOID, 65, 2, true",
        "IDENTITY, 5, 300, false",
        "TANH, 3, 1100, true"
    })
    void passes_ofRandomSequences_areThoseOfNd4j(Activation activation, int examples, int hidden, boolean masked) {
        Problem problem = Problem.of(examples, hidden, masked);
        List<INDArray> expected = problem.byNd4j(activation);
        List<INDArray> actual = problem.byCpu(activation, 1);
        for (int k = 0; k < expected.size(); k++) {
            double size = Math.max(1, expected.get(k).norm2Number().doubleValue());
            double difference = expected.get(k)
                    .sub(actual.get(k).castTo(DataType.DOUBLE))
                    .norm2Number()
                    .doubleValue();
            assertThat(difference / size).as("result %s", k).isEqualTo(0, offset(1e-5));
        }
    }

    @Test
    void passes_onTwoThreads_haveTheBitsOfOne() {
        Problem problem = Problem.of(150, 20, true);
        List<INDArray> one = problem.byCpu(Activation.TANH, 1);
        List<INDArray> two = problem.byCpu(Activation.TANH, 2);
        for (int k = 0; k < one.size(); k++) {
            assertThat(two.get(k).dup('c').data().asFloat())
                    .containsExactly(one.get(k).dup('c').data().asFloat());
        }
    }

    @Test
    void left_afterForward_holdsInputOneAndStateBefore() {
        Problem problem = Problem.of(4, 3, false);
        var lstm = Objects.requireNonNull(CpuLstm.find(
                        DataType.FLOAT, new ActivationTanH(), new ActivationSigmoid(), false, new ParallelRanges(1)))
                .create(STEPS, 4, INPUTS, 3);
        INDArray h = Nd4j.createUninitialized(DataType.FLOAT, new long[] {STEPS, 4, 3}, 'c');
        lstm.forward(
                problem.x().castTo(DataType.FLOAT),
                problem.w().castTo(DataType.FLOAT).dup('f'),
                problem.recurrent().castTo(DataType.FLOAT).dup('f'),
                null,
                h);
        INDArray left = lstm.left();
        assertThat(left.shape()).containsExactly(STEPS, 4, INPUTS + 1 + 3);
        assertThat(Slices.range(left, 2, 0, INPUTS).dup('c').data().asFloat())
                .containsExactly(
                        problem.x().castTo(DataType.FLOAT).dup('c').data().asFloat());
        assertThat(Slices.at(left, 2, INPUTS).minNumber().floatValue()).isEqualTo(1f);
        assertThat(Slices.at(left, 2, INPUTS).maxNumber().floatValue()).isEqualTo(1f);
        INDArray before = Slices.range(left, 2, INPUTS + 1, INPUTS + 4);
        assertThat(Slices.at(before, 0, 0).norm2Number().doubleValue()).isZero();
        assertThat(Slices.range(before, 0, 1, STEPS).dup('c').data().asFloat())
                .containsExactly(
                        Slices.range(h, 0, 0, STEPS - 1L).dup('c').data().asFloat());
    }

    @Test
    void find_whatItDoesNotCompute_isNull() {
        var ranges = new ParallelRanges(1);
        assertThat(CpuLstm.find(DataType.DOUBLE, new ActivationTanH(), new ActivationSigmoid(), false, ranges))
                .isNull();
        assertThat(CpuLstm.find(DataType.FLOAT, new ActivationTanH(), new ActivationSigmoid(), true, ranges))
                .isNull();
        assertThat(CpuLstm.find(DataType.FLOAT, new ActivationCube(), new ActivationSigmoid(), false, ranges))
                .isNull();
        assertThat(CpuLstm.find(DataType.FLOAT, new ActivationTanH(), new ActivationCube(), false, ranges))
                .isNull();
    }
}
