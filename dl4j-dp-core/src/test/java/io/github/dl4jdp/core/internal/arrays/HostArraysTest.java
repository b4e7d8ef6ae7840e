// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core.internal.arrays;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.lang.ref.Reference;
import java.lang.ref.WeakReference;
import org.bytedeco.javacpp.FloatPointer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;
import org.nd4j.linalg.indexing.NDArrayIndex;

@SuppressWarnings("ReachabilityFenceUsage") // a call that fails reads nothing afterwards
class HostArraysTest {
    @ParameterizedTest
    @EnumSource(
            value = DataType.class,
            names = {"FLOAT", "DOUBLE"})
    void readAndWrite_viewOfView_touchThatViewAlone(DataType type) {
        INDArray all = Nd4j.arange(100).castTo(type);
        INDArray outer = all.get(NDArrayIndex.interval(20, 80));
        INDArray inner = outer.reshape(60).get(NDArrayIndex.interval(10, 40)).reshape('c', 5, 6);

        double[] values = new double[4];
        HostArrays.read(inner, 7, values, 4);
        assertThat(values).containsExactly(37, 38, 39, 40);

        HostArrays.write(new double[] {-1, -2}, inner, 29, 1);
        assertThat(all.getDouble(59)).isEqualTo(-1);
        assertThat(all.getDouble(60)).isEqualTo(60);
        assertThat(inner.getDouble(4, 5)).isEqualTo(-1);
    }

    @ParameterizedTest
    @EnumSource(
            value = DataType.class,
            names = {"FLOAT", "DOUBLE"})
    void read_rowOfMatrix_startsAtTheRow(DataType type) {
        INDArray row = Nd4j.arange(12).castTo(type).reshape('c', 3, 4).getRow(2);
        double[] values = new double[4];

        HostArrays.read(row, 0, values, 4);

        assertThat(values).containsExactly(8, 9, 10, 11);
    }

    /** ND4J then makes every array in the other order. */
    @Test
    void read_underAnotherDefaultOrder_namesTheRemedy() {
        INDArray transposed = Nd4j.zeros(DataType.FLOAT, 3, 4).transpose();
        Nd4j.factory().setOrder('f');
        try {
            assertThatThrownBy(() -> HostArrays.read(transposed, 0, new double[2], 2))
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessageContaining("by Nd4j.factory().setOrder('c')");
        } finally {
            Nd4j.factory().setOrder('c');
        }
    }

    @ParameterizedTest
    @EnumSource(
            value = DataType.class,
            names = {"FLOAT", "DOUBLE"})
    void read_transposed_throws(DataType type) {
        INDArray transposed = Nd4j.zeros(type, 3, 4).transpose();

        assertThatThrownBy(() -> HostArrays.read(transposed, 0, new double[2], 2))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("contiguous");
    }

    /** Native code may still read what no Java code refers to by name: the pointer must keep the array, and a part of it too. */
    @Test
    void floats_arrayThatNothingElseHolds_livesAsLongAsThePointer() {
        INDArray array = Nd4j.ones(DataType.FLOAT, 100);
        var whole = new WeakReference<>(array);
        FloatPointer pointer = HostArrays.floats(array);
        array = Nd4j.ones(DataType.FLOAT, 50);
        var other = new WeakReference<>(array);
        FloatPointer part = CpuMemory.at(HostArrays.floats(array), 7);
        array = Nd4j.empty();
        for (int i = 0; i < 5; i++) {
            System.gc();
            assertThat(whole.get()).isNotNull();
            assertThat(other.get()).isNotNull();
        }
        assertThat(array.isEmpty()).isTrue();
        assertThat(pointer.get(3)).isOne();
        assertThat(part.get(2)).isOne();
        Reference.reachabilityFence(pointer);
        Reference.reachabilityFence(part);
    }
}
