// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core.internal.network;

import java.util.Arrays;
import java.util.Set;
import org.deeplearning4j.nn.api.Layer;
import org.deeplearning4j.nn.conf.RNNFormat;
import org.deeplearning4j.nn.layers.ActivationLayer;
import org.deeplearning4j.nn.layers.DropoutLayer;
import org.deeplearning4j.nn.layers.feedforward.dense.DenseLayer;
import org.deeplearning4j.nn.layers.feedforward.embedding.EmbeddingLayer;
import org.deeplearning4j.nn.layers.feedforward.embedding.EmbeddingSequenceLayer;
import org.deeplearning4j.nn.layers.pooling.GlobalPoolingLayer;
import org.deeplearning4j.nn.layers.recurrent.BaseRecurrentLayer;
import org.deeplearning4j.nn.layers.recurrent.GravesLSTM;
import org.deeplearning4j.nn.layers.recurrent.LSTM;
import org.deeplearning4j.nn.layers.recurrent.LastTimeStepLayer;
import org.deeplearning4j.nn.layers.recurrent.RnnLossLayer;
import org.deeplearning4j.nn.layers.recurrent.RnnOutputLayer;
import org.deeplearning4j.nn.layers.recurrent.SimpleRnn;
import org.deeplearning4j.nn.layers.wrapper.BaseWrapperLayer;
import org.jspecify.annotations.Nullable;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * Refuses masks that are longer or shorter than what they mask, or of another data type than the layer takes them for.
 *
 * <p>DL4J 1.0.0-M2.1 leaves a mask as it is where a layer crops, pads or repeats time steps or pixels, and ND4J reads beyond an example's numbers
 * without a word: the last step that such a mask names may be one of the next example's.
 */
@SuppressWarnings("deprecation") // DL4J calls GravesLSTM deprecated, and networks with it exist
public final class MaskLengths {
    private static final Set<Class<? extends Layer>> CASTING = Set.of(
            LSTM.class,
            GravesLSTM.class,
            SimpleRnn.class,
            GlobalPoolingLayer.class,
            EmbeddingLayer.class,
            EmbeddingSequenceLayer.class,
            DenseLayer.class,
            ActivationLayer.class,
            DropoutLayer.class);

    private MaskLengths() {}

    /**
     * Looks at the masks and inputs that layers had in the pass that is ending.
     *
     * @param type the network's data type
     * @throws IllegalStateException if a mask does not fit its layer's input, or is of a type that the layer takes for another
     */
    static void require(Layer[] layers, DataType type) {
        for (int i = 0; i < layers.length; i++) {
            Layer inner = layers[i];
            while (inner instanceof BaseWrapperLayer wrapper) {
                inner = wrapper.getUnderlying();
            }
            INDArray mask = layers[i].getMaskArray();
            INDArray input = layers[i].input();
            if (mask != null && mask.dataType() != type && !castsMasks(layers[i], inner)) {
                throw new IllegalStateException(
                        "the mask of layer " + DpNetwork.name(layers[i], i) + " ("
                                + DpNetwork.typeOf(layers[i]) + ") must be of the network's type " + type
                                + ", was of "
                                + mask.dataType()
                                + ": DL4J 1.0.0-M2.1 makes such masks where several masked inputs of a MergeVertex or an ElementWiseVertex meet, and this"
                                + " layer would read beyond them; nothing of this lot was released. Mask one of the inputs only, or mask the labels");
            }
            if (mask != null && input != null && !fits(mask, input, hasTimeInside(inner))) {
                throw new IllegalStateException("the mask of layer " + DpNetwork.name(layers[i], i) + " ("
                        + layers[i].getClass().getSuperclass().getSimpleName()
                        + ") must be as long as its input of the shape "
                        + Arrays.toString(input.shape()) + ", was of the shape " + Arrays.toString(mask.shape())
                        + ": DL4J 1.0.0-M2.1 does not crop, pad or repeat masks with their sequences, so that an example"
                        + " could read numbers of another; nothing of this lot was released. Train without masks of the features, or without"
                        + " the layer below that changes the number of steps");
            }
        }
    }

    /** Whether a layer turns its mask into its own data type, or makes no use of it. */
    private static boolean castsMasks(Layer layer, Layer inner) {
        return !(layer instanceof LastTimeStepLayer) && CASTING.stream().anyMatch(type -> type.isInstance(inner));
    }

    private static boolean fits(INDArray mask, INDArray input, boolean timeIsSecond) {
        if (mask.rank() == 2 && input.rank() == 3) {
            long steps = input.size(timeIsSecond ? 1 : 2);
            // Output layers in every step hold the mask of the features as a column, one row for each step of each
            // example.
            return mask.size(1) == steps || (mask.size(1) == 1 && mask.size(0) == input.size(0) * steps);
        }
        return mask.rank() != 4 || input.rank() != 4 || fits(mask, input, 2, 3) || fits(mask, input, 1, 2);
    }

    private static boolean fits(INDArray mask, INDArray input, int height, int width) {
        return fits(mask, input, height) && fits(mask, input, width);
    }

    private static boolean fits(INDArray mask, INDArray input, int dimension) {
        return mask.size(dimension) == 1 || mask.size(dimension) == input.size(dimension);
    }

    /** As {@link #require}, for a vertex and the mask of an input of the network. */
    static void require(String vertex, INDArray sequences, @Nullable INDArray mask) {
        if (mask != null && mask.size(1) != sequences.size(2)) {
            throw new IllegalStateException(
                    "the mask that the vertex \"" + vertex + "\" takes must be as long as its input of "
                            + sequences.size(2) + " time steps, had " + mask.size(1)
                            + ": an example could read numbers of another; nothing of this lot was released. Name an input of as many time steps, or train"
                            + " without masks of the features");
        }
    }

    /**
     * As {@link #require(String, INDArray, INDArray)}, for a vertex that reverses sequences: where an example's mask has zeros at both ends, DL4J 1.0.0-M2.1 goes on after the last step that counts,
     * and takes numbers from beyond the sequence for its last step.
     */
    static void requireReversible(String vertex, INDArray sequences, @Nullable INDArray mask) {
        require(vertex, sequences, mask);
        if (mask == null) {
            return;
        }
        for (long i = 0; i < mask.size(0); i++) {
            if (mask.getDouble(i, 0) == 0 && mask.getDouble(i, mask.size(1) - 1) == 0) {
                throw new IllegalStateException(
                        "the mask that the ReverseTimeSeriesVertex \"" + vertex
                                + "\" takes must be one at the first or at the last time step of each example, was zero at both:"
                                + " DL4J 1.0.0-M2.1 then reads beyond the sequence, and an example could get numbers of another; nothing of this lot was"
                                + " released. Put all padding of a sequence at one end, and leave out examples without any step");
            }
        }
    }

    /** Whether time is not the last dimension of what a layer takes. */
    public static boolean hasTimeInside(Layer layer) {
        RNNFormat format = null;
        if (layer instanceof BaseRecurrentLayer<?> recurrent) {
            format = recurrent.getDataFormat();
        } else if (layer instanceof RnnOutputLayer output) {
            format = output.layerConf().getRnnDataFormat();
        } else if (layer instanceof RnnLossLayer loss) {
            format = loss.layerConf().getRnnDataFormat();
        }
        return format == RNNFormat.NWC;
    }
}
