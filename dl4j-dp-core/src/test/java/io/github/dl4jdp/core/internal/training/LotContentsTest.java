// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core.internal.training;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Random;
import org.junit.jupiter.api.Test;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.dataset.MultiDataSet;
import org.nd4j.linalg.factory.Nd4j;
import org.nd4j.linalg.indexing.NDArrayIndex;

class LotContentsTest {
    private static final int ROWS = 1100;

    private static MultiDataSet lot(int columns) {
        INDArray features =
                Nd4j.linspace(DataType.FLOAT, -1, 1e-6, (long) ROWS * columns).reshape('c', ROWS, columns);
        return new MultiDataSet(features, Nd4j.ones(DataType.FLOAT, ROWS, 2));
    }

    @Test
    void of_oneNumberOfAShortArrayChanged_differs() {
        MultiDataSet lot = lot(100);
        long before = LotContents.of(lot, 7);
        assertThat(LotContents.of(lot, 7)).isEqualTo(before);
        var random = new Random(1);
        for (int k = 0; k < 200; k++) {
            INDArray array = k % 2 == 0 ? lot.getFeatures(0) : lot.getLabels(0);
            long at = random.nextInt((int) array.length());
            float value = array.getFloat(at);
            array.putScalar(at, Math.nextUp(value));
            assertThat(LotContents.of(lot, 7)).isNotEqualTo(before);
            array.putScalar(at, value);
        }
        assertThat(LotContents.of(lot, 7)).isEqualTo(before);
    }

    /** A column is in every 94th piece: 22 are read on average in a lot, none in three lots with a probability below e^-60. */
    @Test
    void of_oneColumnOfALongArrayChanged_differsWithinThreeLots() {
        MultiDataSet lot = lot(1500);
        assertThat(lot.getFeatures(0).length() * Float.BYTES).isGreaterThan(LotContents.WHOLE);
        for (int column : new int[] {0, 1, 17, 750, 1499}) {
            long[] before = {LotContents.of(lot, 0), LotContents.of(lot, 1), LotContents.of(lot, 2)};
            lot.getFeatures(0)
                    .get(NDArrayIndex.all(), NDArrayIndex.point(column))
                    .addi(0.5);
            assertThat(new long[] {LotContents.of(lot, 0), LotContents.of(lot, 1), LotContents.of(lot, 2)})
                    .isNotEqualTo(before);
        }
    }

    @Test
    void of_longArrayUnchanged_isTheSame() {
        MultiDataSet lot = lot(1500);
        assertThat(LotContents.of(lot, 3)).isEqualTo(LotContents.of(lot(1500), 3));
    }
}
