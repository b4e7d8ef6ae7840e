// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core.internal.arrays;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Arrays;
import java.util.Objects;
import java.util.Random;
import java.util.function.IntToDoubleFunction;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/** The error of shared sums stays below the bound that comes with them, for terms made to lose as much as they can. */
class SharedProductTest {
    /** Sizes on both sides of every way to share out the work, and lengths on both sides of every stage. */
    static Stream<Arguments> shapes() {
        return Stream.of(
                Arguments.of(1, 3, 2),
                Arguments.of(33, 40, 10),
                Arguments.of(300, 17, 65),
                Arguments.of(513, 300, 40),
                Arguments.of(1100, 33, 33),
                Arguments.of(1500, 600, 7));
    }

    @ParameterizedTest
    @MethodSource("shapes")
    void addTo_anyTermsAndAllowance_staysWithinTheBound(int n, int p, int q) {
        var random = new Random(n);
        // Equal terms pile up; terms just below half a digit of the sum are lost one by one; and ordinary ones.
        IntToDoubleFunction[] sizes = {
            k -> 1,
            k -> k < n / 2 ? 1 : 0.49 * Math.scalb(1.0, -24) * n,
            k -> random.nextGaussian(),
            k -> 1 + k % 3 * 1e-7
        };
        for (IntToDoubleFunction size : sizes) {
            double[][] left = new double[n][p];
            double[][] right = new double[n][q];
            for (int k = 0; k < n; k++) {
                double scale = size.applyAsDouble(k);
                for (int j = 0; j < p; j++) {
                    left[k][j] = (float) (scale * (1 + 0.1 * random.nextDouble()));
                }
                for (int j = 0; j < q; j++) {
                    right[k][j] = (float) (1 + 0.1 * random.nextDouble());
                }
            }
            assertWithinBound(left, right);
        }
    }

    private static void assertWithinBound(double[][] left, double[][] right) {
        int p = left[0].length;
        int q = right[0].length;
        double[][] exact = new double[q][p];
        double total = 0;
        double[] terms = new double[left.length];
        for (int k = 0; k < left.length; k++) {
            terms[k] = Norms.of(left[k], 0, p) * Norms.of(right[k], 0, q);
            total += terms[k];
            for (int i = 0; i < q; i++) {
                for (int j = 0; j < p; j++) {
                    exact[i][j] += left[k][j] * right[k][i];
                }
            }
        }
        for (DataType type : new DataType[] {DataType.FLOAT, DataType.DOUBLE}) {
            for (double allowance : new double[] {1, 1e-5, 1e-6, 7e-7, 1e-9}) {
                INDArray into = Nd4j.create(DataType.DOUBLE, q, p);
                var product = new SharedProduct(
                        Nd4j.create(left).castTo(type), Nd4j.create(right).castTo(type), terms, new ParallelRanges(2));
                double bound = product.addTo(into, allowance * total);
                assertThat(bound).isLessThanOrEqualTo(allowance * total);
                assertThat(into.distance2(Nd4j.create(exact)))
                        .as("%s, %s terms of total %s, allowance %s", type, left.length, total, allowance)
                        .isLessThanOrEqualTo(bound);
            }
        }
    }

    @Test
    void addTo_termsThatOneChainWouldLose_keepsThem() {
        // A chain of additions in single precision loses every one of the small terms: 2,047 times 0.49 roundings.
        int n = 2048;
        INDArray left = Nd4j.ones(DataType.FLOAT, n, 8).muli(0.49f * 0x1p-23f);
        Slices.at(left, 0, 0).assign(1);
        INDArray into = Nd4j.create(DataType.DOUBLE, 8, 8);
        double[] terms = new double[n];
        Arrays.fill(terms, 8 * 0.49 * 0x1p-23);
        terms[0] = 8;
        new SharedProduct(left, Nd4j.ones(DataType.FLOAT, n, 8), terms, new ParallelRanges(1)).addTo(into, n * 0x1p-20);
        double exact = 1 + (n - 1) * (0.49f * 0x1p-23);
        assertThat(Math.abs(into.getDouble(3, 5) - exact)).isLessThan(0.3 * (exact - 1));
    }

    @Test
    void sumsBeforeItAdds_thisBackend_isSo() {
        CpuBlas blas = Objects.requireNonNull(CpuBlas.find());
        assertThat(blas.sumsBeforeItAdds()).isTrue();
    }
}
