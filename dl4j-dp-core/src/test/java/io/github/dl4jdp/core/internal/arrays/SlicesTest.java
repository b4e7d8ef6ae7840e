// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core.internal.arrays;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;
import org.nd4j.linalg.indexing.NDArrayIndex;

/** Slices of views of every sort, element by element against {@code getDouble}, which follows offset and strides. */
class SlicesTest {
    private static final long[] INNER = {4, 3, 5, 6};

    static List<INDArray> views() {
        return Stream.of(DataType.FLOAT, DataType.DOUBLE)
                .flatMap(type -> Stream.of('c', 'f').flatMap(order -> {
                    INDArray whole = counted(type, order, 7, 5, 8, 9);
                    INDArray cropped = whole.get(
                            NDArrayIndex.interval(2, 6),
                            NDArrayIndex.interval(1, 4),
                            NDArrayIndex.interval(1, 6),
                            NDArrayIndex.interval(2, 8));
                    return Stream.of(
                            counted(type, order, INNER),
                            cropped,
                            cropped.permute(3, 1, 0, 2),
                            cropped.permute(1, 0, 3, 2),
                            counted(type, order, 2, 4, 3, 5, 6).get(NDArrayIndex.point(1)),
                            counted(type, order, 8, 3, 5, 12)
                                    .get(
                                            NDArrayIndex.interval(0, 2, 8),
                                            NDArrayIndex.all(),
                                            NDArrayIndex.all(),
                                            NDArrayIndex.interval(1, 2, 12)),
                            counted(type, order, 5, 6).reshape(1, 1, 5, 6).broadcast(INNER),
                            counted(type, order, 12, 30).reshape('c', INNER),
                            Nd4j.concat(1, counted(type, order, 4, 1, 5, 6), counted(type, order, 4, 2, 5, 6)),
                            counted(type, order, 4, 1, 1, 6));
                }))
                .toList();
    }

    private static INDArray counted(DataType type, char order, long... shape) {
        long length = 1;
        for (long size : shape) {
            length *= size;
        }
        return Nd4j.arange(1, length + 1.0).castTo(type).reshape('c', shape).dup(order);
    }

    @ParameterizedTest
    @MethodSource("views")
    void range_anyDimension_holdsTheElements(INDArray view) {
        for (int dimension = 0; dimension < view.rank(); dimension++) {
            long size = view.size(dimension);
            for (long from = 0; from < size; from += 2) {
                for (long to = from + 1; to <= size; to++) {
                    for (long step = 1; step <= 2; step++) {
                        assertRange(view, dimension, from, to, step);
                    }
                }
            }
        }
    }

    private static void assertRange(INDArray view, int dimension, long from, long to, long step) {
        INDArray slice = Slices.range(view, dimension, from, to, step);
        long[] shape = view.shape().clone();
        shape[dimension] = (to - from + step - 1) / step;
        assertThat(slice.shape()).isEqualTo(shape);
        // As an operation of ND4J sees it, and element by element.
        INDArray copy = slice.dup('c');
        for (long k = 0; k < slice.length(); k++) {
            long[] at = indices(k, shape);
            long[] in = at.clone();
            in[dimension] = from + step * at[dimension];
            assertThat(slice.getDouble(at)).isEqualTo(view.getDouble(in));
            assertThat(copy.getDouble(at)).isEqualTo(view.getDouble(in));
        }
    }

    @ParameterizedTest
    @MethodSource("views")
    void at_anyDimension_holdsTheElements(INDArray view) {
        for (int dimension = 0; dimension < view.rank(); dimension++) {
            for (long index = 0; index < view.size(dimension); index++) {
                INDArray slice = Slices.at(view, dimension, index);
                assertThat(slice.rank()).isEqualTo(view.rank() - 1);
                INDArray copy = slice.dup('c');
                for (long k = 0; k < slice.length(); k++) {
                    long[] at = indices(k, slice.shape());
                    long[] in = new long[view.rank()];
                    for (int d = 0; d < in.length; d++) {
                        in[d] = d == dimension ? index : at[d < dimension ? d : d - 1];
                    }
                    assertThat(slice.getDouble(at)).isEqualTo(view.getDouble(in));
                    assertThat(copy.getDouble(at)).isEqualTo(view.getDouble(in));
                }
            }
        }
    }

    @Test
    void range_written_writesToTheArrayAndNothingElse() {
        INDArray whole = Nd4j.ones(DataType.DOUBLE, 6, 5, 4);
        INDArray view =
                whole.get(NDArrayIndex.interval(1, 6), NDArrayIndex.interval(1, 4), NDArrayIndex.interval(1, 3));
        Slices.range(view, 0, 4, 5).assign(0);
        Slices.at(view, 0, 3).assign(0);
        assertThat(whole.sumNumber().doubleValue()).isEqualTo(120 - 2 * 3 * 2);
        assertThat(whole.getDouble(5, 1, 1)).isZero();
        assertThat(whole.getDouble(4, 3, 2)).isZero();
        assertThat(whole.getDouble(5, 0, 1)).isOne();
    }

    @Test
    void ofExample_copiesOneAfterTheOther_takesEveryCopy() {
        INDArray rows = counted(DataType.DOUBLE, 'c', 6, 2);
        assertThat(Slices.ofExample(rows, 1, 3).toDoubleMatrix()).isDeepEqualTo(new double[][] {{3, 4}, {9, 10}});
    }

    @Test
    void range_outOfRange_throws() {
        INDArray array = Nd4j.ones(3, 4);
        assertThatThrownBy(() -> Slices.range(array, 0, 0, 4)).isInstanceOf(IndexOutOfBoundsException.class);
        assertThatThrownBy(() -> Slices.range(array, 0, 2, 2)).isInstanceOf(IndexOutOfBoundsException.class);
        assertThatThrownBy(() -> Slices.range(array, 2, 0, 1)).isInstanceOf(IndexOutOfBoundsException.class);
        assertThatThrownBy(() -> Slices.range(array, 0, 0, 2, 0)).isInstanceOf(IndexOutOfBoundsException.class);
        assertThatThrownBy(() -> Slices.at(array, 1, 4)).isInstanceOf(IndexOutOfBoundsException.class);
        assertThatThrownBy(() -> Slices.at(Nd4j.ones(3), 0, 0)).isInstanceOf(IndexOutOfBoundsException.class);
    }

    private static long[] indices(long element, long[] shape) {
        var indices = new long[shape.length];
        long rest = element;
        for (int d = shape.length - 1; d >= 0; d--) {
            indices[d] = rest % shape[d];
            rest /= shape[d];
        }
        return indices;
    }
}
