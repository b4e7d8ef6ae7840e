// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core.internal.training;

import io.github.dl4jdp.core.internal.network.DpNetwork;
import io.github.dl4jdp.core.internal.network.InnerLayers;
import io.github.dl4jdp.core.internal.network.MaskLengths;
import io.github.dl4jdp.core.internal.plan.CompletePlan;
import io.github.dl4jdp.core.internal.plan.ExampleShape;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.function.UnaryOperator;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.deeplearning4j.nn.api.Layer;
import org.deeplearning4j.nn.api.Model;
import org.deeplearning4j.nn.conf.InputPreProcessor;
import org.deeplearning4j.nn.conf.graph.ElementWiseVertex;
import org.deeplearning4j.nn.conf.graph.GraphVertex;
import org.deeplearning4j.nn.conf.graph.LayerVertex;
import org.deeplearning4j.nn.conf.graph.MergeVertex;
import org.deeplearning4j.nn.conf.graph.PreprocessorVertex;
import org.deeplearning4j.nn.conf.graph.ScaleVertex;
import org.deeplearning4j.nn.conf.graph.ShiftVertex;
import org.deeplearning4j.nn.conf.graph.rnn.LastTimeStepVertex;
import org.deeplearning4j.nn.conf.layers.BaseLayer;
import org.deeplearning4j.nn.conf.preprocessor.Cnn3DToFeedForwardPreProcessor;
import org.deeplearning4j.nn.conf.preprocessor.CnnToFeedForwardPreProcessor;
import org.deeplearning4j.nn.conf.preprocessor.FeedForwardToRnnPreProcessor;
import org.deeplearning4j.nn.conf.preprocessor.RnnToFeedForwardPreProcessor;
import org.deeplearning4j.nn.layers.FrozenLayer;
import org.deeplearning4j.nn.layers.LossLayer;
import org.deeplearning4j.nn.layers.OutputLayer;
import org.deeplearning4j.nn.layers.feedforward.dense.DenseLayer;
import org.deeplearning4j.nn.layers.feedforward.elementwise.ElementWiseMultiplicationLayer;
import org.deeplearning4j.nn.layers.feedforward.embedding.EmbeddingLayer;
import org.deeplearning4j.nn.layers.feedforward.embedding.EmbeddingSequenceLayer;
import org.deeplearning4j.nn.layers.normalization.BatchNormalization;
import org.deeplearning4j.nn.layers.pooling.GlobalPoolingLayer;
import org.deeplearning4j.nn.layers.recurrent.GravesLSTM;
import org.deeplearning4j.nn.layers.recurrent.LSTM;
import org.deeplearning4j.nn.layers.recurrent.LastTimeStepLayer;
import org.deeplearning4j.nn.layers.recurrent.RnnLossLayer;
import org.deeplearning4j.nn.layers.recurrent.RnnOutputLayer;
import org.deeplearning4j.nn.layers.recurrent.SimpleRnn;
import org.jspecify.annotations.Nullable;
import org.nd4j.linalg.activations.IActivation;
import org.nd4j.linalg.activations.impl.ActivationIdentity;
import org.nd4j.linalg.activations.impl.ActivationReLU;
import org.nd4j.linalg.activations.impl.ActivationSigmoid;
import org.nd4j.linalg.activations.impl.ActivationSoftmax;
import org.nd4j.linalg.activations.impl.ActivationTanH;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.dataset.api.MultiDataSet;

/**
 * Sees to it that the shape in which an example reaches the network does not depend on the other examples of its batch: an iterator that pads to the longest
 * sequence, or to the largest picture, would let one example change the gradients of all.
 *
 * <p>The shape is a public constant: the plan's, to which every batch is padded by masked zeros, or which it must have; or, where the plan declares none, that
 * of the run's first batch, which every later one must have or is refused before its charge. Batches with masks say that they are padded: for them the
 * plan must declare a length, their arrays must have one shape by construction, or the network is one of those where padding under masks changes no gradient.
 */
@SuppressWarnings("deprecation") // DL4J calls GravesLSTM deprecated, and networks with it exist
public final class ExampleShapes {
    /** Layers over one row for each example, whose parameters fix its length. */
    private static final Set<Class<? extends Layer>> FLAT = Set.of(
            DenseLayer.class,
            OutputLayer.class,
            LossLayer.class,
            EmbeddingLayer.class,
            ElementWiseMultiplicationLayer.class,
            BatchNormalization.class,
            org.deeplearning4j.nn.layers.ActivationLayer.class,
            org.deeplearning4j.nn.layers.DropoutLayer.class);

    /** Layers in which a masked step at the end of a sequence changes nothing. */
    private static final Set<Class<? extends Layer>> INDIFFERENT = Set.of(
            LSTM.class,
            GravesLSTM.class,
            SimpleRnn.class,
            EmbeddingSequenceLayer.class,
            RnnOutputLayer.class,
            RnnLossLayer.class,
            LastTimeStepLayer.class,
            GlobalPoolingLayer.class);

    /** Preprocessors that are the same for every step. */
    private static final Set<Class<? extends InputPreProcessor>> BY_STEP =
            Set.of(RnnToFeedForwardPreProcessor.class, FeedForwardToRnnPreProcessor.class);

    private static final Set<Class<? extends GraphVertex>> VERTICES_BY_STEP = Set.of(
            MergeVertex.class, ElementWiseVertex.class, ScaleVertex.class, ShiftVertex.class, LastTimeStepVertex.class);

    private static final Set<Class<? extends IActivation>> BY_NUMBER =
            Set.of(ActivationIdentity.class, ActivationReLU.class, ActivationSigmoid.class, ActivationTanH.class);

    private static final String REMEDIES =
            "Declare it by plan.withSequenceLength(steps) or plan.withImageSize(height, width), pass the data in memory, or implement"
                    + " RandomAccessExamples.hasFixedShapes() if every array has one shape for all indices";

    /** A length that may vary from batch to batch. */
    private static final long ANY = -1;

    private final ExampleShape declared;
    private final boolean truncates;
    /** Whether nothing in the network has more than one row for an example. */
    private final boolean flat;

    private final boolean flattens;
    /** Feature arrays of tokens, [B, T]. */
    private final Set<Integer> tokens;

    private final boolean timeLast;
    private final List<String> sensitive = new ArrayList<>();

    /** Shapes that all batches of the run have, by array: those of the lots that were released. */
    private Map<String, List<Long>> pinned = Map.of();

    /** These and what the lot under way adds. */
    private final Map<String, List<Long>> current = new TreeMap<>();

    ExampleShapes(Model network, CompletePlan plan) {
        this(network, plan.exampleShape(), plan.truncation().isPresent());
    }

    private ExampleShapes(Model network, ExampleShape declared, boolean truncates) {
        this.declared = declared;
        this.truncates = truncates;
        List<DpNetwork.Part> parts = DpNetwork.of(network).parts();
        this.tokens = parts.stream()
                .filter(part -> part.conf() != null && takesTokens(part.conf()))
                .flatMap(part -> part.inputs().stream())
                .collect(Collectors.toUnmodifiableSet());
        List<Layer> layers = parts.stream()
                .map(DpNetwork.Part::layer)
                .flatMap(Stream::ofNullable)
                .toList();
        this.timeLast = layers.stream().noneMatch(MaskLengths::hasTimeInside);
        boolean onlyFlat = true;
        for (Layer layer : layers) {
            Layer inside = layer instanceof FrozenLayer frozen ? frozen.getInsideLayer() : layer;
            onlyFlat &= FLAT.contains(inside.getClass());
            if (!isIndifferent(inside)) {
                sensitive.add(DpNetwork.name(inside, inside.getIndex()) + " ("
                        + inside.getClass().getSimpleName() + ")");
            }
        }
        List<Object> others =
                parts.stream().flatMap(ExampleShapes::besidesLayer).toList();
        for (Object other : others) {
            if (!BY_STEP.contains(other.getClass()) && !VERTICES_BY_STEP.contains(other.getClass())) {
                sensitive.add(other.getClass().getSimpleName());
            }
        }
        this.flat = onlyFlat && others.stream().noneMatch(InputPreProcessor.class::isInstance);
        this.flattens = others.stream()
                .anyMatch(other -> other instanceof CnnToFeedForwardPreProcessor
                        || other instanceof Cnn3DToFeedForwardPreProcessor);
    }

    /**
     * The padding to a declared length, for lots that are summed elsewhere.
     *
     * @param sequenceLength time steps of every sequence; 0 if the plan declares none
     */
    public static UnaryOperator<MultiDataSet> padding(Model network, long sequenceLength) {
        if (sequenceLength == 0) {
            return UnaryOperator.identity();
        }
        var shapes = new ExampleShapes(network, ExampleShape.NONE.withSequenceLength(sequenceLength), false);
        return shapes::padded;
    }

    private MultiDataSet padded(MultiDataSet batch) {
        return SequencePadding.padAll(batch, declared.sequenceLength(), tokens, timeLast);
    }

    private static boolean takesTokens(org.deeplearning4j.nn.conf.layers.Layer conf) {
        return InnerLayers.of(conf).stream()
                .anyMatch(org.deeplearning4j.nn.conf.layers.EmbeddingSequenceLayer.class::isInstance);
    }

    /** The preprocessor, or the vertex without a layer. */
    private static Stream<Object> besidesLayer(DpNetwork.Part part) {
        if (part.vertex() == null || part.vertex() instanceof LayerVertex) {
            return Stream.ofNullable(part.preProcessor());
        }
        return Stream.of(
                part.vertex() instanceof PreprocessorVertex preProcessor
                        ? preProcessor.getPreProcessor()
                        : part.vertex());
    }

    private static boolean isIndifferent(Layer layer) {
        if (layer instanceof LastTimeStepLayer last) {
            return isIndifferent(last.getUnderlying());
        }
        var conf = layer.conf().getLayer();
        // Dropout is drawn by position, and positions move with the length.
        if (conf.getIDropout() != null
                || !(FLAT.contains(layer.getClass()) || INDIFFERENT.contains(layer.getClass()))) {
            return false;
        }
        IActivation activation = conf instanceof BaseLayer base ? base.getActivationFn() : null;
        if (conf instanceof org.deeplearning4j.nn.conf.layers.ActivationLayer own) {
            activation = own.getActivationFn();
        }
        boolean computesLoss = layer instanceof RnnOutputLayer
                || layer instanceof RnnLossLayer
                || layer instanceof OutputLayer
                || layer instanceof LossLayer;
        // Softmax is over the last dimension, time where an array has it; the losses see single steps.
        return activation == null
                || BY_NUMBER.contains(activation.getClass())
                || (computesLoss && activation instanceof ActivationSoftmax);
    }

    /** Whether the number of time steps, or of pixels, changes gradients: then it must be public. */
    public boolean matter() {
        return !flat
                && (!sensitive.isEmpty()
                        || pinned.values().stream().anyMatch(size -> size.size() > 1 && !size.contains(ANY)));
    }

    /** What the shapes of the run's examples are, for a network that is stored: by array, without the dimension of the examples. */
    Map<String, List<Long>> pinned() {
        return pinned;
    }

    /** A lot begins: what was seen of one that was not released is forgotten. */
    void begin() {
        current.clear();
        current.putAll(pinned);
    }

    /** The lot under way is released: its shapes are the run's. */
    void keep() {
        pinned = Map.copyOf(current);
    }

    /** Takes the shapes that an earlier part of the run had. */
    void pin(Map<String, List<Long>> shapes) {
        pinned = Map.copyOf(shapes);
        begin();
    }

    /**
     * A batch in the shape that every batch of the run has: the declared one or, where nothing is declared, that of the run's first batch. What may vary without one
     * is the length of masked sequences, in networks that do not see masked padding.
     *
     * @param isFixed whether the arrays of the data have one shape, whatever is asked for
     * @throws IllegalStateException if the batch is padded, as its masks show, and the network sees padding
     * @throws IllegalArgumentException if it has another shape than those before
     */
    MultiDataSet shaped(MultiDataSet batch, boolean isFixed) {
        requireDeclaredImages(batch);
        MultiDataSet shaped = batch;
        if (!truncates && declared.sequenceLength() > 0) {
            shaped = padded(batch);
        } else if (!truncates && !isFixed) {
            requireNoPadding(batch);
        }
        boolean lengthsVary = truncates || (!isFixed && declared.sequenceLength() == 0 && isMasked(shaped));
        requireSame("features ", shaped.getFeatures(), lengthsVary, true);
        requireSame("labels ", shaped.getLabels(), lengthsVary, false);
        return shaped;
    }

    /** Masks of time steps or pixels say that there is padding: its length would be that of the longest example of the batch. */
    private void requireNoPadding(MultiDataSet batch) {
        if (flat) {
            return;
        }
        boolean masked = isMasked(batch);
        boolean images =
                masked && !flattens && Arrays.stream(batch.getFeatures()).anyMatch(array -> array.rank() > 3);
        boolean series = masked && hasSeries(batch);
        if ((images || series) && !sensitive.isEmpty()) {
            throw new IllegalStateException(
                    "the shape of an example must not depend on the other examples of its batch; padding to the longest"
                            + " sequence makes it depend on them and changes the gradients in "
                            + String.join(", ", sensitive)
                            + ". This lot has masks of time steps or pixels, and the plan declares no shape; nothing of this lot was released. "
                            + REMEDIES);
        }
        if (series
                && (unmasked(batch.getFeatures(), batch.getFeaturesMaskArrays(), tokens)
                        || unmasked(batch.getLabels(), batch.getLabelsMaskArrays(), Set.of()))) {
            throw new IllegalArgumentException(
                    "the length of sequences must not depend on the other examples of their batch. Without a declared length,"
                            + " features and labels that are time series need masks, all of them or none"
                            + "; nothing of this lot was released. " + REMEDIES);
        }
    }

    private void requireSame(String kind, INDArray[] arrays, boolean lengthsVary, boolean features) {
        for (int i = 0; i < arrays.length; i++) {
            long[] shape = arrays[i].shape();
            var size = new ArrayList<Long>();
            for (int axis = 1; axis < shape.length; axis++) {
                boolean isTime = (features && shape.length == 2 && tokens.contains(i))
                        || (shape.length == 3 && axis == (timeLast ? 2 : 1));
                size.add(isTime && lengthsVary ? ANY : shape[axis]);
            }
            List<Long> first = current.putIfAbsent(kind + i, List.copyOf(size));
            if (first != null && !fits(size, first)) {
                throw new IllegalArgumentException("examples must have one shape in all lots of a run: " + kind + i
                        + " had " + first + " in the first one, and have " + size
                        + (first.contains(ANY) ? ", where " + ANY + " is any length" : "")
                        + "; nothing of this lot was released. " + REMEDIES);
            }
            if (first != null && first.contains(ANY)) {
                current.put(kind + i, List.copyOf(size));
            }
        }
    }

    private static boolean fits(List<Long> size, List<Long> first) {
        boolean fits = size.size() == first.size();
        for (int i = 0; fits && i < size.size(); i++) {
            fits = size.get(i).equals(first.get(i)) || size.get(i) == ANY || first.get(i) == ANY;
        }
        return fits;
    }

    private boolean hasSeries(MultiDataSet batch) {
        return !tokens.isEmpty()
                || Stream.concat(Arrays.stream(batch.getFeatures()), Arrays.stream(batch.getLabels()))
                        .anyMatch(array -> array.rank() == 3);
    }

    /** Whether there are masks of time steps or pixels; one number for each example is its weight. */
    private boolean isMasked(MultiDataSet batch) {
        long examples = batch.getFeatures(0).size(0);
        INDArray[] features = batch.getFeaturesMaskArrays();
        for (int i = 0; features != null && i < features.length; i++) {
            if (features[i] != null && (batch.getFeatures(i).rank() > 2 || tokens.contains(i))) {
                return true;
            }
        }
        INDArray[] labels = batch.getLabelsMaskArrays();
        for (int i = 0; labels != null && i < labels.length; i++) {
            if (labels[i] != null && batch.getLabels(i).rank() > 2 && labels[i].length() > examples) {
                return true;
            }
        }
        return false;
    }

    private static boolean unmasked(INDArray[] arrays, INDArray @Nullable [] masks, Set<Integer> tokens) {
        for (int i = 0; i < arrays.length; i++) {
            if ((arrays[i].rank() == 3 || (arrays[i].rank() == 2 && tokens.contains(i)))
                    && (masks == null || masks[i] == null)) {
                return true;
            }
        }
        return false;
    }

    private void requireDeclaredImages(MultiDataSet batch) {
        List<Long> wanted = declared.imageSize();
        for (INDArray array : batch.getFeatures()) {
            if (array.rank() < 4 || wanted.isEmpty()) {
                continue;
            }
            List<Long> size = Arrays.stream(array.shape()).skip(1).boxed().toList();
            // Channels come first, or last in the format NHWC.
            boolean fits = wanted.size() == size.size() - 1
                    && (size.subList(1, size.size()).equals(wanted)
                            || size.subList(0, size.size() - 1).equals(wanted));
            if (!fits) {
                throw new IllegalArgumentException("images must be of the plan's imageSize = " + wanted
                        + ", a lot has examples of the shape " + size + "; nothing of it was released");
            }
        }
    }
}
