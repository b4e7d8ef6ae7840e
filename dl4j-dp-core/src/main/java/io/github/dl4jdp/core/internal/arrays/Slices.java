// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core.internal.arrays;

import java.util.Arrays;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.api.shape.Shape;
import org.nd4j.linalg.factory.Nd4j;

/**
 * Views of parts of an array of any sort: in c or f order, permuted, cropped, broadcast, with an offset. All slicing of the library goes through here.
 *
 * <p>{@code INDArray.get(interval)} of ND4J 1.0.0-M2.1 gives an empty array where a slice of a view begins beyond the view's own length, and may go
 * wrong in other ways; here offset, shape and strides follow from those of the array by the definition of a strided array.
 */
public final class Slices {
    private Slices() {}

    /**
     * The part of an array between two indices of a dimension, as a view: to write to it is to write to the array.
     *
     * @param array of rank at least 1
     * @param dimension in {@code [0, rank)}
     * @param from first index
     * @param to one more than the last index, larger than {@code from}
     * @return of the same rank
     * @throws IndexOutOfBoundsException if dimension or indices are out of range, or the part is empty
     */
    public static INDArray range(INDArray array, int dimension, long from, long to) {
        return range(array, dimension, from, to, 1);
    }

    /**
     * Every {@code step}-th index from {@code from} on, below {@code to}.
     *
     * @param step positive
     * @throws IndexOutOfBoundsException as for {@link #range(INDArray, int, long, long)}
     */
    public static INDArray range(INDArray array, int dimension, long from, long to, long step) {
        if (dimension < 0 || dimension >= array.rank() || from < 0 || to > array.size(dimension) || from >= to) {
            throw new IndexOutOfBoundsException("indices " + from + " to " + to + " of dimension " + dimension
                    + " are not within an array of shape " + Arrays.toString(array.shape()));
        }
        if (step < 1) {
            throw new IndexOutOfBoundsException("step must be >= 1, was " + step);
        }
        long[] shape = array.shape().clone();
        long[] strides = array.stride().clone();
        shape[dimension] = (to - from + step - 1) / step;
        strides[dimension] *= step;
        return view(array, shape, strides, from * array.stride(dimension));
    }

    /**
     * The part of an array at one index of a dimension, as a view.
     *
     * @param array of rank at least 2
     * @return of one rank less
     * @throws IndexOutOfBoundsException if dimension or index is out of range, or the rank is less than 2
     */
    public static INDArray at(INDArray array, int dimension, long index) {
        if (array.rank() < 2
                || dimension < 0
                || dimension >= array.rank()
                || index < 0
                || index >= array.size(dimension)) {
            throw new IndexOutOfBoundsException("index " + index + " of dimension " + dimension
                    + " is not within an array of shape " + Arrays.toString(array.shape()));
        }
        return view(
                array,
                without(array.shape(), dimension),
                without(array.stride(), dimension),
                index * array.stride(dimension));
    }

    /** The rows of one example where an array has rows {@code t * examples + example}, in their order: a view of the same rank. */
    public static INDArray ofExample(INDArray array, int example, int examples) {
        return range(array, 0, example, array.size(0), examples);
    }

    private static INDArray view(INDArray array, long[] shape, long[] strides, long elements) {
        char order = Shape.getOrder(shape, strides, 1) == 'f' ? 'f' : 'c';
        return Nd4j.create(array.data(), shape, strides, array.offset() + elements, order);
    }

    private static long[] without(long[] values, int index) {
        var others = new long[values.length - 1];
        System.arraycopy(values, 0, others, 0, index);
        System.arraycopy(values, index + 1, others, index, others.length - index);
        return others;
    }
}
