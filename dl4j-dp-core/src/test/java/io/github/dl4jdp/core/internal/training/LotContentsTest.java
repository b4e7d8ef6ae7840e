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

    /** Of every array, whatever its length: the least change of one value, anywhere. */
    @Test
    void of_oneValueChanged_differs() {
        for (int columns : new int[] {100, 1500}) {
            MultiDataSet lot = lot(columns);
            long before = LotContents.of(lot);
            assertThat(LotContents.of(lot)).isEqualTo(before);
            var random = new Random(1);
            for (int k = 0; k < 200; k++) {
                INDArray array = k % 4 != 0 ? lot.getFeatures(0) : lot.getLabels(0);
                long at = k == 1 ? 0 : k == 2 ? array.length() - 1 : random.nextInt((int) array.length());
                float value = array.getFloat(at);
                array.putScalar(at, Math.nextUp(value));
                assertThat(LotContents.of(lot)).isNotEqualTo(before);
                array.putScalar(at, value);
            }
            assertThat(LotContents.of(lot)).isEqualTo(before);
        }
    }

    @Test
    void of_valueOfALongViewChanged_differs() {
        INDArray features = lot(1500).getFeatures(0);
        var lot = new MultiDataSet(
                features.get(NDArrayIndex.all(), NDArrayIndex.interval(1, 1400)), Nd4j.ones(DataType.FLOAT, ROWS, 2));
        long before = LotContents.of(lot);
        features.putScalar(700, 700, 3);
        assertThat(LotContents.of(lot)).isNotEqualTo(before);
    }

    @Test
    void ofPart_oneNumberOfAShortArrayChanged_differs() {
        MultiDataSet lot = lot(100);
        long before = LotContents.ofPart(lot, 7);
        INDArray features = lot.getFeatures(0);
        features.putScalar(5000, Math.nextUp(features.getFloat(5000)));
        assertThat(LotContents.ofPart(lot, 7)).isNotEqualTo(before);
    }

    /** A column is in every 94th piece: 22 are read on average in a lot, none in three lots with a probability below e^-60. */
    @Test
    void ofPart_oneColumnOfALongArrayChanged_differsWithinThreeLots() {
        MultiDataSet lot = lot(1500);
        assertThat(lot.getFeatures(0).length() * Float.BYTES).isGreaterThan(LotContents.WHOLE);
        for (int column : new int[] {0, 1, 17, 750, 1499}) {
            long[] before = {LotContents.ofPart(lot, 0), LotContents.ofPart(lot, 1), LotContents.ofPart(lot, 2)};
            lot.getFeatures(0)
                    .get(NDArrayIndex.all(), NDArrayIndex.point(column))
                    .addi(0.5);
            assertThat(new long[] {LotContents.ofPart(lot, 0), LotContents.ofPart(lot, 1), LotContents.ofPart(lot, 2)})
                    .isNotEqualTo(before);
        }
    }

    @Test
    void ofPart_longArrayUnchanged_isTheSame() {
        MultiDataSet lot = lot(1500);
        assertThat(LotContents.ofPart(lot, 3)).isEqualTo(LotContents.ofPart(lot(1500), 3));
    }
}
