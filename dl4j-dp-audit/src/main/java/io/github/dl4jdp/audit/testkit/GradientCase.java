// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.audit.testkit;

import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.function.UnaryOperator;
import org.deeplearning4j.nn.conf.InputPreProcessor;
import org.deeplearning4j.nn.conf.NeuralNetConfiguration;
import org.deeplearning4j.nn.conf.RNNFormat;
import org.deeplearning4j.nn.conf.inputs.InputType;
import org.deeplearning4j.nn.conf.layers.Layer;
import org.deeplearning4j.nn.multilayer.MultiLayerNetwork;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.dataset.DataSet;
import org.nd4j.linalg.factory.Nd4j;
import org.nd4j.linalg.indexing.NDArrayIndex;
import org.nd4j.linalg.learning.config.Sgd;

/**
 * A network with the layer under test somewhere in it, and the kind of data it takes.
 *
 * @param input the network's input
 * @param layers its layers from the input on
 * @param vocabulary features are whole numbers below it; 0 for standard normal features
 * @param featureMask whether sequences have padding that a mask [examples, steps] marks
 * @param labels what the labels are
 * @param labelMask whether there is a mask of the labels, and of which shape
 * @param configuration changes of the network's configuration: regularization, dropout, weight noise
 * @param preProcessors those that DL4J does not add by itself, by layer index
 */
public record GradientCase(
        InputType input,
        List<Layer> layers,
        int vocabulary,
        boolean featureMask,
        Labels labels,
        LabelMask labelMask,
        UnaryOperator<NeuralNetConfiguration.Builder> configuration,
        Map<Integer, InputPreProcessor> preProcessors) {

    /** What the labels are. */
    public enum Labels {
        /** One class for each example, or for each time step or pixel. */
        ONE_HOT,
        /** Standard normal numbers. */
        REAL,
        /** DL4J's object detection labels for two box priors: one object in each image. */
        BOXES
    }

    /** Shapes of a mask of the labels. */
    public enum LabelMask {
        NONE,
        /** [examples, steps]. */
        PER_STEP,
        /** The shape of the labels. */
        PER_OUTPUT
    }

    /** Real features, one class as label, no mask. */
    public static GradientCase of(InputType input, Layer... layers) {
        return new GradientCase(
                input, List.of(layers), 0, false, Labels.ONE_HOT, LabelMask.NONE, UnaryOperator.identity(), Map.of());
    }

    public GradientCase withVocabulary(int size) {
        return new GradientCase(input, layers, size, featureMask, labels, labelMask, configuration, preProcessors);
    }

    public GradientCase withFeatureMask(boolean on) {
        return new GradientCase(input, layers, vocabulary, on, labels, labelMask, configuration, preProcessors);
    }

    public GradientCase withLabels(Labels kind) {
        return new GradientCase(input, layers, vocabulary, featureMask, kind, labelMask, configuration, preProcessors);
    }

    public GradientCase withLabelMask(LabelMask mask) {
        return new GradientCase(input, layers, vocabulary, featureMask, labels, mask, configuration, preProcessors);
    }

    public GradientCase withConfiguration(UnaryOperator<NeuralNetConfiguration.Builder> change) {
        return new GradientCase(input, layers, vocabulary, featureMask, labels, labelMask, change, preProcessors);
    }

    public GradientCase withPreProcessor(int layer, InputPreProcessor preProcessor) {
        var all = new HashMap<>(preProcessors);
        all.put(layer, preProcessor);
        return new GradientCase(
                input, layers, vocabulary, featureMask, labels, labelMask, configuration, Map.copyOf(all));
    }

    /** The initialized network, with parameters of that type: the same at every call. */
    public MultiLayerNetwork network(DataType type) {
        var builder = configuration
                .apply(new NeuralNetConfiguration.Builder()
                        .seed(7)
                        .dataType(type)
                        .updater(new Sgd(0.1)))
                .list();
        layers.forEach(layer -> builder.layer(layer.clone()));
        preProcessors.forEach(builder::inputPreProcessor);
        var network = new MultiLayerNetwork(builder.setInputType(input).build().clone());
        network.init();
        // Biases and gains start at constants that hide mistakes in their gradients' use.
        network.params().addi(Nd4j.rand(type, network.params().shape()).muli(0.1));
        return network;
    }

    /** A batch for {@code network}, the same for the same seed. */
    DataSet data(MultiLayerNetwork network, int examples, long seed) {
        DataType type = network.params().dataType();
        Nd4j.getRandom().setSeed(seed);
        long[] shape = input.getShape(true).clone();
        shape[0] = examples;
        INDArray features;
        if (vocabulary > 0) {
            shape[1] = 1;
            features = Nd4j.rand(type, shape).muli(vocabulary);
            features = org.nd4j.linalg.ops.transforms.Transforms.floor(features, true);
        } else {
            features = Nd4j.randn(type, shape);
        }
        INDArray featuresMask = featureMask ? lengths(type, examples, steps(shape)) : null;
        network.setLayerMaskArrays(featuresMask, null);
        long[] out = network.output(features).shape();
        network.clearLayerMaskArrays();
        INDArray target =
                switch (labels) {
                    case REAL -> Nd4j.randn(type, out);
                    case BOXES -> boxes(type, out);
                    case ONE_HOT -> oneHot(type, out, classAxis(out));
                };
        INDArray labelsMask =
                switch (labelMask) {
                    case NONE -> null;
                    case PER_STEP -> lengths(type, examples, (int) out[classAxis(out) == 1 ? 2 : 1]);
                    case PER_OUTPUT -> Nd4j.rand(type, out).gt(0.3).castTo(type);
                };
        return new DataSet(features, target, featuresMask, labelsMask);
    }

    private int steps(long[] shape) {
        var recurrent = (InputType.InputTypeRecurrent) input;
        return (int)
                switch (recurrent.getFormat()) {
                    case NCW -> shape[2];
                    case NWC -> shape[1];
                };
    }

    /** Ones up to a random length of at least 1. */
    private static INDArray lengths(DataType type, int examples, int steps) {
        INDArray mask = Nd4j.zeros(type, examples, steps);
        INDArray draws = Nd4j.rand(DataType.DOUBLE, examples);
        for (int i = 0; i < examples; i++) {
            int length = 1 + (int) (draws.getDouble(i) * steps);
            mask.get(NDArrayIndex.point(i), NDArrayIndex.interval(0, Math.min(length, steps)))
                    .assign(1);
        }
        return mask;
    }

    /** [examples, 4 + classes, height, width]: corners and class of the object, in the cell of its center. */
    private static INDArray boxes(DataType type, long[] shape) {
        long classes = shape[1] / 2 - 5;
        INDArray target = Nd4j.zeros(type, shape[0], 4 + classes, shape[2], shape[3]);
        INDArray draws = Nd4j.rand(DataType.DOUBLE, shape[0], 3);
        for (int i = 0; i < shape[0]; i++) {
            int row = (int) (draws.getDouble(i, 0) * (shape[2] - 1));
            int column = (int) (draws.getDouble(i, 1) * (shape[3] - 1));
            double[] corners = {column + 0.1, row + 0.2, column + 1.3, row + 1.1};
            for (int k = 0; k < corners.length; k++) {
                target.putScalar(new int[] {i, k, row, column}, corners[k]);
            }
            target.putScalar(new int[] {i, 4 + (int) (draws.getDouble(i, 2) * classes), row, column}, 1);
        }
        return target;
    }

    private int classAxis(long[] shape) {
        return shape.length == 3
                        && input instanceof InputType.InputTypeRecurrent recurrent
                        && recurrent.getFormat() == RNNFormat.NWC
                ? 2
                : 1;
    }

    private static INDArray oneHot(DataType type, long[] shape, int axis) {
        INDArray scores = Nd4j.rand(type, shape);
        long[] broadcast = shape.clone();
        broadcast[axis] = 1;
        return scores.eq(scores.max(axis).reshape(broadcast).broadcast(shape)).castTo(type);
    }

    /** The {@code i}-th example as a batch of its own. */
    static DataSet example(DataSet data, int i) {
        return new DataSet(
                row(data.getFeatures(), i),
                row(data.getLabels(), i),
                data.getFeaturesMaskArray() == null ? null : row(data.getFeaturesMaskArray(), i),
                data.getLabelsMaskArray() == null ? null : row(data.getLabelsMaskArray(), i));
    }

    private static INDArray row(INDArray array, int i) {
        return array.get(NDArrayIndex.interval(i, i + 1)).dup('c');
    }
}
