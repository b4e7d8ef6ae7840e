// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core.internal.arrays;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.math.BigDecimal;
import java.math.MathContext;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/** Norms over the whole range of numbers, subnormal ones included, against decimal arithmetic. */
class NormsTest {
    @ParameterizedTest
    @EnumSource(
            value = DataType.class,
            names = {"FLOAT", "DOUBLE", "INT"})
    void largest_anyPlace_isFoundAndNaNToo(DataType type) {
        for (int at = 0; at < 6; at++) {
            INDArray array =
                    Nd4j.createFromArray(1.0, -2, 1, 0, 2, 1).castTo(type).reshape(2, 3);
            array.putScalar(at, -7);
            assertThat(Norms.largest(array)).isEqualTo(7);
            assertThat(Norms.largest(array.transpose())).isEqualTo(7);
            if (type.isFPType()) {
                for (double value : new double[] {Double.NaN, Double.POSITIVE_INFINITY, Double.NEGATIVE_INFINITY}) {
                    array.putScalar(at, value);
                    assertThat(Norms.largest(array)).isEqualTo(Double.valueOf(Math.abs(value)));
                    assertThat(Norms.largest(array.transpose())).isEqualTo(Double.valueOf(Math.abs(value)));
                }
            }
        }
        assertThat(Norms.largest(Nd4j.empty(type))).isZero();
    }

    @ParameterizedTest
    @EnumSource(
            value = DataType.class,
            names = {"FLOAT", "DOUBLE"})
    void ofRows_anyMagnitude_isRight(DataType type) {
        var random = new Random(7);
        double largest = type == DataType.FLOAT ? 38 : 300;
        double smallest = type == DataType.FLOAT ? -45 : -322;
        for (int n : new int[] {1, 2, 3, 31, 4096, 5000}) {
            double[][] rows = new double[40][n];
            for (double[] row : rows) {
                double center = smallest + random.nextDouble() * (largest - 3 - smallest);
                double spread = random.nextBoolean() ? 0 : 3;
                for (int j = 0; j < n; j++) {
                    double value = random.nextGaussian()
                            * Math.pow(10, Math.min(largest - 3, center + spread * random.nextGaussian()));
                    row[j] = type == DataType.FLOAT ? (float) value : value;
                }
            }
            double[] norms = Norms.ofRows(Nd4j.create(rows).castTo(type));
            for (int i = 0; i < rows.length; i++) {
                double expected = decimal(rows[i]);
                double tolerance = type == DataType.FLOAT ? 0x1p-17 : 1e-14;
                assertThat(norms[i]).isCloseTo(expected, within(expected * tolerance + Double.MIN_VALUE));
                if (type == DataType.DOUBLE) {
                    assertThat(Norms.of(rows[i], 0, n))
                            .isCloseTo(expected, within(expected * 1e-14 + Double.MIN_VALUE));
                }
            }
        }
    }

    @Test
    void ofRows_notFinite_isNotFiniteForThatRowOnly() {
        for (DataType type : new DataType[] {DataType.FLOAT, DataType.DOUBLE}) {
            for (double bad : new double[] {Double.NaN, Double.POSITIVE_INFINITY, Double.NEGATIVE_INFINITY}) {
                INDArray rows = Nd4j.ones(type, 3, 9);
                rows.putScalar(1, 4, bad);
                double[] norms = Norms.ofRows(rows);
                assertThat(norms[0]).isEqualTo(3);
                assertThat(Double.isFinite(norms[1])).isFalse();
                assertThat(norms[2]).isEqualTo(3);
            }
        }
    }

    @Test
    void together_endsOfTheRange_isTheNormOfBoth() {
        assertThat(Norms.together(3, 4)).isEqualTo(5);
        assertThat(Norms.together(3e200, 4e200)).isCloseTo(5e200, within(1e186));
        assertThat(Norms.together(3e-200, 4e-200)).isCloseTo(5e-200, within(1e-214));
        assertThat(Norms.together(0, 1e-310)).isEqualTo(1e-310);
        assertThat(Norms.together(Double.POSITIVE_INFINITY, Double.NaN)).isNaN();
        assertThat(Norms.together(Double.NaN, 0)).isNaN();
        assertThat(Norms.together(1, Double.POSITIVE_INFINITY)).isInfinite();
    }

    private static double decimal(double[] values) {
        BigDecimal sum = BigDecimal.ZERO;
        for (double value : values) {
            BigDecimal exact = new BigDecimal(value);
            sum = sum.add(exact.multiply(exact), new MathContext(60));
        }
        return sum.sqrt(new MathContext(30)).doubleValue();
    }
}
