// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core.internal.arrays;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

class CpuElementsTest {
    private final CpuElements elements = new CpuElements(new ParallelRanges(2));

    private static INDArray random(int rows, int columns, int seed) {
        Nd4j.getRandom().setSeed(seed);
        return Nd4j.randn(DataType.FLOAT, rows, columns).dup('c');
    }

    private static float[] values(INDArray array) {
        return array.dup('c').data().asFloat();
    }

    /** Rows shorter and longer than a piece, and such that pieces end within a row. */
    @ParameterizedTest
    @CsvSource({"1, 1", "700, 3", "5, 700", "3, 1024", "3, 1025", "4, 2500"})
    void addBiasAndApply_rowsOfAnyLength_isReluOfSums(int rows, int columns) {
        INDArray z = random(rows, columns, 3);
        float[] bias = values(random(1, columns, 4));
        float[] expected = values(z);
        for (int i = 0; i < expected.length; i++) {
            expected[i] = Math.max(0, expected[i] + bias[i % columns]);
        }
        elements.addBiasAndApply(CpuActivation.RELU, bias, HostArrays.floats(z), (long) rows * columns, columns, 1);
        assertThat(values(z)).containsExactly(expected);
    }

    @ParameterizedTest
    @CsvSource({"1, 1", "40, 2500"})
    void applyAndSlope_ofTanh_areElementWise(int rows, int columns) {
        INDArray x = random(rows, columns, 5);
        INDArray epsilon = random(rows, columns, 6);
        INDArray out = Nd4j.createUninitialized(DataType.FLOAT, new long[] {rows, columns}, 'c');
        INDArray below = Nd4j.createUninitialized(DataType.FLOAT, new long[] {rows, columns}, 'c');
        elements.apply(CpuActivation.TANH, x, out);
        elements.multiplySlope(CpuActivation.TANH, epsilon, out, below);
        float[] input = values(x);
        float[] above = values(epsilon);
        float[] output = values(out);
        float[] gradient = values(below);
        for (int i = 0; i < input.length; i++) {
            assertThat(Math.abs(output[i] - Math.tanh(input[i]))).isLessThan(1e-6);
            assertThat(gradient[i]).isEqualTo(above[i] * (1 - output[i] * output[i]));
        }
    }
}
