// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core.gradient;

import io.github.dl4jdp.core.activations.TemperedSigmoid;
import io.github.dl4jdp.core.internal.HeldObjects;
import io.github.dl4jdp.core.internal.InputGuard;
import io.github.dl4jdp.core.internal.PlainTrainingGuard;
import io.github.dl4jdp.core.internal.arrays.ElementwiseActivations;
import java.util.Collections;
import java.util.IdentityHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import org.deeplearning4j.nn.api.Layer;
import org.deeplearning4j.nn.api.layers.LayerConstraint;
import org.deeplearning4j.nn.conf.InputPreProcessor;
import org.deeplearning4j.nn.conf.NeuralNetConfiguration;
import org.deeplearning4j.nn.conf.constraint.MaxNormConstraint;
import org.deeplearning4j.nn.conf.constraint.MinMaxNormConstraint;
import org.deeplearning4j.nn.conf.constraint.NonNegativeConstraint;
import org.deeplearning4j.nn.conf.constraint.UnitNormConstraint;
import org.deeplearning4j.nn.conf.dropout.AlphaDropout;
import org.deeplearning4j.nn.conf.dropout.Dropout;
import org.deeplearning4j.nn.conf.dropout.GaussianDropout;
import org.deeplearning4j.nn.conf.dropout.GaussianNoise;
import org.deeplearning4j.nn.conf.dropout.IDropout;
import org.deeplearning4j.nn.conf.dropout.SpatialDropout;
import org.deeplearning4j.nn.conf.graph.ElementWiseVertex;
import org.deeplearning4j.nn.conf.graph.FrozenVertex;
import org.deeplearning4j.nn.conf.graph.GraphVertex;
import org.deeplearning4j.nn.conf.graph.L2NormalizeVertex;
import org.deeplearning4j.nn.conf.graph.L2Vertex;
import org.deeplearning4j.nn.conf.graph.LayerVertex;
import org.deeplearning4j.nn.conf.graph.MergeVertex;
import org.deeplearning4j.nn.conf.graph.PoolHelperVertex;
import org.deeplearning4j.nn.conf.graph.PreprocessorVertex;
import org.deeplearning4j.nn.conf.graph.ReshapeVertex;
import org.deeplearning4j.nn.conf.graph.ScaleVertex;
import org.deeplearning4j.nn.conf.graph.ShiftVertex;
import org.deeplearning4j.nn.conf.graph.SubsetVertex;
import org.deeplearning4j.nn.conf.graph.rnn.DuplicateToTimeSeriesVertex;
import org.deeplearning4j.nn.conf.graph.rnn.LastTimeStepVertex;
import org.deeplearning4j.nn.conf.graph.rnn.ReverseTimeSeriesVertex;
import org.deeplearning4j.nn.conf.layers.samediff.AbstractSameDiffLayer;
import org.deeplearning4j.nn.conf.preprocessor.Cnn3DToFeedForwardPreProcessor;
import org.deeplearning4j.nn.conf.preprocessor.CnnToFeedForwardPreProcessor;
import org.deeplearning4j.nn.conf.preprocessor.CnnToRnnPreProcessor;
import org.deeplearning4j.nn.conf.preprocessor.ComposableInputPreProcessor;
import org.deeplearning4j.nn.conf.preprocessor.FeedForwardToCnn3DPreProcessor;
import org.deeplearning4j.nn.conf.preprocessor.FeedForwardToCnnPreProcessor;
import org.deeplearning4j.nn.conf.preprocessor.FeedForwardToRnnPreProcessor;
import org.deeplearning4j.nn.conf.preprocessor.RnnToCnnPreProcessor;
import org.deeplearning4j.nn.conf.preprocessor.RnnToFeedForwardPreProcessor;
import org.deeplearning4j.nn.conf.weightnoise.DropConnect;
import org.deeplearning4j.nn.conf.weightnoise.IWeightNoise;
import org.deeplearning4j.nn.conf.weightnoise.WeightNoise;
import org.deeplearning4j.nn.layers.wrapper.BaseWrapperLayer;
import org.nd4j.linalg.activations.IActivation;
import org.nd4j.linalg.activations.impl.ActivationRReLU;
import org.nd4j.linalg.activations.impl.ActivationSoftmax;
import org.nd4j.linalg.lossfunctions.ILossFunction;

/**
 * The parts that layers and vertices are built of: each must be known, by its exact class, to keep the examples of a batch apart, masks or not, or be
 * opted in to by {@link GradientRules#withPart}. What is not known is a problem: a subclass is another class.
 *
 * <p>Parts are found by walking through a configuration's fields, whatever they are called, so that one inside another is found too.
 *
 * <p>Updaters, their schedules and regularization are no parts in this sense: they see parameters and what was released, never an example.
 */
@SuppressWarnings("deprecation") // DL4J calls the Graves layers deprecated, and networks with them exist
public final class NetworkParts {
    /** What takes an input array, or a gradient, of a whole batch. */
    @SuppressWarnings("ImmutableEnumChecker") // unmodifiable sets of classes
    private enum Kind {
        ACTIVATION(IActivation.class, "activation function", true, activations()),
        LOSS(ILossFunction.class, "loss function", true, PerExampleLosses.classes()),
        /** Those whose masks the library draws for every example by itself. */
        DROPOUT(
                IDropout.class,
                "dropout",
                true,
                Set.of(
                        Dropout.class,
                        GaussianDropout.class,
                        GaussianNoise.class,
                        AlphaDropout.class,
                        SpatialDropout.class)),
        /** Those that the library draws once a lot. */
        WEIGHT_NOISE(IWeightNoise.class, "weight noise", false, Set.of(DropConnect.class, WeightNoise.class)),
        CONSTRAINT(
                LayerConstraint.class,
                "constraint",
                true,
                Set.of(
                        MaxNormConstraint.class,
                        MinMaxNormConstraint.class,
                        NonNegativeConstraint.class,
                        UnitNormConstraint.class)),
        /** One row in is one row out, or rows are the time steps of the examples, in the order that the rules expect. */
        PREPROCESSOR(
                InputPreProcessor.class,
                "preprocessor",
                true,
                Set.of(
                        CnnToFeedForwardPreProcessor.class,
                        FeedForwardToCnnPreProcessor.class,
                        Cnn3DToFeedForwardPreProcessor.class,
                        FeedForwardToCnn3DPreProcessor.class,
                        RnnToFeedForwardPreProcessor.class,
                        FeedForwardToRnnPreProcessor.class,
                        RnnToCnnPreProcessor.class,
                        CnnToRnnPreProcessor.class,
                        ComposableInputPreProcessor.class)),
        /** Without parameters, an example's output rows a function of its input rows. */
        VERTEX(
                GraphVertex.class,
                "vertex",
                true,
                Set.of(
                        FrozenVertex.class,
                        LayerVertex.class,
                        MergeVertex.class,
                        ElementWiseVertex.class,
                        SubsetVertex.class,
                        ReshapeVertex.class,
                        L2Vertex.class,
                        L2NormalizeVertex.class,
                        ScaleVertex.class,
                        ShiftVertex.class,
                        PoolHelperVertex.class,
                        PreprocessorVertex.class,
                        LastTimeStepVertex.class,
                        DuplicateToTimeSeriesVertex.class,
                        ReverseTimeSeriesVertex.class));

        private final Class<?> type;
        private final String words;
        private final boolean mayBeOptedIn;

        @SuppressWarnings("ImmutableEnumChecker") // a copy that nothing changes
        private final Set<Class<?>> known;

        Kind(Class<?> type, String words, boolean mayBeOptedIn, Set<? extends Class<?>> known) {
            this.type = type;
            this.words = words;
            this.mayBeOptedIn = mayBeOptedIn;
            this.known = Set.copyOf(known);
        }

        static Optional<Kind> of(Class<?> part) {
            for (Kind kind : values()) {
                if (kind.type.isAssignableFrom(part)) {
                    return Optional.of(kind);
                }
            }
            return Optional.empty();
        }
    }

    /** The configurations that make the layers which the library's rules know, or which keep examples apart once they are frozen. */
    private static final Set<Class<?>> LAYERS = Set.of(
            org.deeplearning4j.nn.conf.layers.ActivationLayer.class,
            org.deeplearning4j.nn.conf.layers.AutoEncoder.class,
            org.deeplearning4j.nn.conf.layers.BatchNormalization.class,
            org.deeplearning4j.nn.conf.layers.CapsuleLayer.class,
            org.deeplearning4j.nn.conf.layers.CapsuleStrengthLayer.class,
            org.deeplearning4j.nn.conf.layers.Cnn3DLossLayer.class,
            org.deeplearning4j.nn.conf.layers.CnnLossLayer.class,
            org.deeplearning4j.nn.conf.layers.Convolution1D.class,
            org.deeplearning4j.nn.conf.layers.Convolution1DLayer.class,
            org.deeplearning4j.nn.conf.layers.Convolution2D.class,
            org.deeplearning4j.nn.conf.layers.Convolution3D.class,
            org.deeplearning4j.nn.conf.layers.ConvolutionLayer.class,
            org.deeplearning4j.nn.conf.layers.Deconvolution2D.class,
            org.deeplearning4j.nn.conf.layers.Deconvolution3D.class,
            org.deeplearning4j.nn.conf.layers.DenseLayer.class,
            org.deeplearning4j.nn.conf.layers.DepthwiseConvolution2D.class,
            org.deeplearning4j.nn.conf.layers.DropoutLayer.class,
            org.deeplearning4j.nn.conf.layers.EmbeddingLayer.class,
            org.deeplearning4j.nn.conf.layers.EmbeddingSequenceLayer.class,
            org.deeplearning4j.nn.conf.layers.GlobalPoolingLayer.class,
            org.deeplearning4j.nn.conf.layers.GravesBidirectionalLSTM.class,
            org.deeplearning4j.nn.conf.layers.GravesLSTM.class,
            org.deeplearning4j.nn.conf.layers.LSTM.class,
            org.deeplearning4j.nn.conf.layers.LocalResponseNormalization.class,
            org.deeplearning4j.nn.conf.layers.LocallyConnected1D.class,
            org.deeplearning4j.nn.conf.layers.LocallyConnected2D.class,
            org.deeplearning4j.nn.conf.layers.LossLayer.class,
            org.deeplearning4j.nn.conf.layers.OutputLayer.class,
            org.deeplearning4j.nn.conf.layers.PReLULayer.class,
            org.deeplearning4j.nn.conf.layers.Pooling1D.class,
            org.deeplearning4j.nn.conf.layers.Pooling2D.class,
            org.deeplearning4j.nn.conf.layers.PrimaryCapsules.class,
            org.deeplearning4j.nn.conf.layers.RecurrentAttentionLayer.class,
            org.deeplearning4j.nn.conf.layers.RnnLossLayer.class,
            org.deeplearning4j.nn.conf.layers.RnnOutputLayer.class,
            org.deeplearning4j.nn.conf.layers.SelfAttentionLayer.class,
            org.deeplearning4j.nn.conf.layers.SeparableConvolution2D.class,
            org.deeplearning4j.nn.conf.layers.SpaceToDepthLayer.class,
            org.deeplearning4j.nn.conf.layers.Subsampling1DLayer.class,
            org.deeplearning4j.nn.conf.layers.Subsampling3DLayer.class,
            org.deeplearning4j.nn.conf.layers.SubsamplingLayer.class,
            org.deeplearning4j.nn.conf.layers.Upsampling1D.class,
            org.deeplearning4j.nn.conf.layers.Upsampling2D.class,
            org.deeplearning4j.nn.conf.layers.Upsampling3D.class,
            org.deeplearning4j.nn.conf.layers.ZeroPadding1DLayer.class,
            org.deeplearning4j.nn.conf.layers.ZeroPadding3DLayer.class,
            org.deeplearning4j.nn.conf.layers.ZeroPaddingLayer.class,
            org.deeplearning4j.nn.conf.layers.convolutional.Cropping1D.class,
            org.deeplearning4j.nn.conf.layers.convolutional.Cropping2D.class,
            org.deeplearning4j.nn.conf.layers.convolutional.Cropping3D.class,
            org.deeplearning4j.nn.conf.layers.misc.ElementWiseMultiplicationLayer.class,
            org.deeplearning4j.nn.conf.layers.misc.FrozenLayer.class,
            org.deeplearning4j.nn.conf.layers.misc.FrozenLayerWithBackprop.class,
            org.deeplearning4j.nn.conf.layers.misc.RepeatVector.class,
            org.deeplearning4j.nn.conf.layers.objdetect.Yolo2OutputLayer.class,
            org.deeplearning4j.nn.conf.layers.recurrent.Bidirectional.class,
            org.deeplearning4j.nn.conf.layers.recurrent.LastTimeStep.class,
            org.deeplearning4j.nn.conf.layers.recurrent.SimpleRnn.class,
            org.deeplearning4j.nn.conf.layers.recurrent.TimeDistributed.class,
            org.deeplearning4j.nn.conf.layers.util.MaskLayer.class,
            org.deeplearning4j.nn.conf.layers.util.MaskZeroLayer.class,
            org.deeplearning4j.nn.conf.layers.variational.VariationalAutoencoder.class);

    /** What carries the account of what was spent, by name too: it changes no parameter. */
    private static final String ACCOUNT = "io.github.dl4jdp.core.internal.network.AccountConstraint";

    /** This library's own: by name, since their package builds on this one. */
    private static final Set<String> OWN_LAYERS = Set.of(
            "io.github.dl4jdp.core.layers.GroupNormalization",
            "io.github.dl4jdp.core.layers.WeightStandardizedConvolution");

    private final GradientRules rules;
    private final Set<Class<?>> usersLayers;
    private final Set<String> problems = new LinkedHashSet<>();
    private final Set<Object> seen = Collections.newSetFromMap(new IdentityHashMap<>());

    private NetworkParts(GradientRules rules, Set<Class<?>> usersLayers) {
        this.rules = rules;
        this.usersLayers = usersLayers;
    }

    private static Set<Class<?>> activations() {
        var all = new LinkedHashSet<Class<?>>(ElementwiseActivations.classes());
        all.add(ActivationSoftmax.class);
        all.add(ActivationRReLU.class);
        all.add(TemperedSigmoid.class);
        return all;
    }

    /**
     * What is wrong with the parts of a vertex's configuration or with a preprocessor, and with those inside it; empty if every one is known or opted in to.
     */
    public static List<String> problems(Object configuration, GradientRules rules) {
        var parts = new NetworkParts(rules, Set.of());
        parts.look(configuration);
        return List.copyOf(parts.problems);
    }

    /**
     * What is wrong with the parts of a layer and of those that it wraps; empty if every one is known or opted in to.
     *
     * @param configuration the layer's in the network
     * @param layer the layer, initialized
     */
    public static List<String> problems(
            org.deeplearning4j.nn.conf.layers.Layer configuration, Layer layer, GradientRules rules) {
        Layer innermost = layer;
        while (innermost instanceof BaseWrapperLayer wrapper) {
            innermost = wrapper.getUnderlying();
        }
        var own = innermost.conf().getLayer();
        var parts =
                new NetworkParts(rules, rules.isConfigurationOfTheUsers(innermost) ? Set.of(own.getClass()) : Set.of());
        parts.look(configuration);
        parts.look(own);
        return List.copyOf(parts.problems);
    }

    /** What the class of a part is, in words, or nothing if it is no part that can be opted in to. */
    static Optional<String> wordsFor(Class<?> part) {
        return Kind.of(part).filter(kind -> kind.mayBeOptedIn).map(kind -> kind.words);
    }

    /** Whether no opt-in is needed. */
    static boolean isKnown(Class<?> part) {
        return Kind.of(part).map(kind -> kind.known.contains(part)).orElse(false);
    }

    /** Whether a configuration, or one inside it, has a part of exactly that class. */
    static boolean contains(Object configuration, Class<?> part) {
        var parts = new NetworkParts(GradientRules.builtIn(), Set.of());
        parts.look(configuration);
        return parts.seen.stream().anyMatch(one -> one.getClass() == part);
    }

    private void look(Object object) {
        if (!seen.add(object) || object.getClass().getName().equals(ACCOUNT)) {
            return;
        }
        if (object instanceof PlainTrainingGuard || object instanceof InputGuard) {
            Object own = PlainTrainingGuard.without(object);
            if (own != null) {
                look(own);
            }
            return;
        }
        Class<?> own = object.getClass();
        if (object instanceof org.deeplearning4j.nn.conf.layers.Layer
                // A SameDiff layer is known by its configuration alone: its rule says so.
                && !(object instanceof AbstractSameDiffLayer)
                && !LAYERS.contains(own)
                && !OWN_LAYERS.contains(own.getName())
                && !usersLayers.contains(own)
                && !rules.hasOptedInToLayers(own)) {
            problems.add(
                    "its configuration " + own.getName()
                            + " (perhaps a subclass of a DL4J class) is not known to compute"
                            + " every example independently; use DL4J's layers, opt in to it (GradientRules.builtIn().withFallback), or write a rule");
        }
        Kind.of(own).ifPresent(kind -> judge(kind, own));
        HeldObjects.of(object).forEach(this::lookInto);
    }

    private void judge(Kind kind, Class<?> part) {
        if (kind.known.contains(part)
                || rules.hasOptedInTo(part)
                || part.getName().equals(ACCOUNT)) {
            return;
        }
        if (kind == Kind.LOSS) {
            problems.addAll(PerExampleLosses.problems(part, rules));
            return;
        }
        String remedy = kind.mayBeOptedIn
                ? "use one of DL4J's, or opt in to it by a check on real batches (GradientRules.builtIn().withPart)"
                : "use one of DL4J's, or build without it";
        problems.add("its " + kind.words + " " + part.getName()
                + " is not known to compute every example independently; " + remedy);
    }

    private void lookInto(Object value) {
        if (value instanceof NeuralNetConfiguration conf) {
            if (conf.getLayer() != null) {
                look(conf.getLayer());
            }
        } else if (value instanceof org.deeplearning4j.nn.conf.layers.Layer
                || value instanceof org.deeplearning4j.nn.conf.layers.variational.ReconstructionDistribution
                || Kind.of(value.getClass()).isPresent()) {
            look(value);
        }
    }
}
