// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core.internal.arrays;

import java.util.Arrays;
import org.deeplearning4j.exception.DL4JInvalidInputException;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * Refuses arrays that meet and do not fit each other. Otherwise ND4J would broadcast the smaller one, so that what is summed is longer than what was measured,
 * and native code would read past it, into the numbers of other examples.
 *
 * <p>A look at two short arrays of numbers: once a layer and pass.
 */
public final class EqualShapes {
    private EqualShapes() {}

    /**
     * Refuses an array of another shape.
     *
     * @param what the array, in words
     * @param shape the one that it must have
     * @throws IllegalStateException if it has another
     */
    public static void require(String what, INDArray array, long... shape) {
        if (!Arrays.equals(array.shape(), shape)) {
            throw new IllegalStateException(what + " must have the shape " + Arrays.toString(shape) + ", had "
                    + Arrays.toString(array.shape())
                    + ": what meets in a layer must be of one shape, or examples would be mixed; nothing of this lot was released."
                    + " Make the sizes of layers and data (nIn, nOut, the inputs of a vertex) equal");
        }
    }

    /** As {@link #require}, for the derivative of the loss with respect to a layer's output. */
    public static void requireAbove(INDArray epsilon, long... output) {
        require("the gradient that comes to a layer from above", epsilon, output);
    }

    /**
     * Refuses sequences of another size than the layer has inputs, as DL4J does.
     *
     * @param series [B, size, T]
     * @throws DL4JInvalidInputException if the rank or the size differs
     */
    public static void requireInputs(INDArray series, long nIn) {
        if (series.rank() != 3 || series.size(1) != nIn) {
            throw new DL4JInvalidInputException("Received input with shape " + Arrays.toString(series.shape())
                    + "; sequences must have the rank 3 and, for every step, as many numbers as the layer has inputs (nIn = "
                    + nIn
                    + "). Nothing of this lot was released; set nIn to the size of the layer below, or of the data");
        }
    }
}
