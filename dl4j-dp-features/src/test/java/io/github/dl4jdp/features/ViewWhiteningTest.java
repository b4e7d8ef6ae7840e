// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.features;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import org.junit.jupiter.api.Test;

class ViewWhiteningTest {
    @Test
    void apply_twoGroups_givesTheInnerProductsOfTheDampedInverse() {
        float[][] differences = {{2, 0}, {1, 1}, {0, 2}, {1, 1}, {2, 0}};
        float[][] products = new float[2][2];
        ViewWhitening.addProducts(products, differences);
        assertThat(products[0]).containsExactly(10, 2);
        assertThat(products[1]).containsExactly(2, 6);
        float[][][] both = {products, {{14}}};

        ViewWhitening whitening = new ViewWhitening(both, 5);

        // The mean variance of the three numbers is (10 + 6 + 14) / 5 / 3 = 2: S + 2 I is [[4, 0.4], [0.4, 3.2]], and
        // 4.8.
        float[][] rows = {{1, 0}, {0, 1}};
        whitening.apply(0, rows);
        double determinant = 4 * 3.2 - 0.4 * 0.4;
        assertThat(product(rows[0], rows[0])).isCloseTo(3.2 / determinant, within(1e-6));
        assertThat(product(rows[0], rows[1])).isCloseTo(-0.4 / determinant, within(1e-6));
        assertThat(product(rows[1], rows[1])).isCloseTo(4 / determinant, within(1e-6));
        float[][] single = {{3}};
        whitening.apply(1, single);
        assertThat(single[0][0]).isCloseTo((float) (3 / Math.sqrt(4.8)), within(1e-6f));
    }

    private static double product(float[] a, float[] b) {
        double sum = 0;
        for (int i = 0; i < a.length; i++) {
            sum += a[i] * b[i];
        }
        return sum;
    }
}
