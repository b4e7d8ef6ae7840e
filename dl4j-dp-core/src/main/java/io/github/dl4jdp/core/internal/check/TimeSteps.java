// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core.internal.check;

import io.github.dl4jdp.core.internal.network.DpNetwork;
import io.github.dl4jdp.core.internal.network.MaskLengths;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Set;
import java.util.function.BiConsumer;
import java.util.stream.Stream;
import org.deeplearning4j.nn.conf.InputPreProcessor;
import org.deeplearning4j.nn.conf.RNNFormat;
import org.deeplearning4j.nn.conf.graph.ElementWiseVertex;
import org.deeplearning4j.nn.conf.graph.FrozenVertex;
import org.deeplearning4j.nn.conf.graph.GraphVertex;
import org.deeplearning4j.nn.conf.graph.L2NormalizeVertex;
import org.deeplearning4j.nn.conf.graph.LayerVertex;
import org.deeplearning4j.nn.conf.graph.MergeVertex;
import org.deeplearning4j.nn.conf.graph.PreprocessorVertex;
import org.deeplearning4j.nn.conf.graph.ScaleVertex;
import org.deeplearning4j.nn.conf.graph.ShiftVertex;
import org.deeplearning4j.nn.conf.graph.SubsetVertex;
import org.deeplearning4j.nn.conf.graph.rnn.DuplicateToTimeSeriesVertex;
import org.deeplearning4j.nn.conf.graph.rnn.ReverseTimeSeriesVertex;
import org.deeplearning4j.nn.conf.inputs.InputType;
import org.deeplearning4j.nn.conf.layers.ActivationLayer;
import org.deeplearning4j.nn.conf.layers.BatchNormalization;
import org.deeplearning4j.nn.conf.layers.CapsuleLayer;
import org.deeplearning4j.nn.conf.layers.Convolution1D;
import org.deeplearning4j.nn.conf.layers.Convolution1DLayer;
import org.deeplearning4j.nn.conf.layers.DenseLayer;
import org.deeplearning4j.nn.conf.layers.DropoutLayer;
import org.deeplearning4j.nn.conf.layers.EmbeddingSequenceLayer;
import org.deeplearning4j.nn.conf.layers.GravesBidirectionalLSTM;
import org.deeplearning4j.nn.conf.layers.GravesLSTM;
import org.deeplearning4j.nn.conf.layers.LSTM;
import org.deeplearning4j.nn.conf.layers.Layer;
import org.deeplearning4j.nn.conf.layers.LocallyConnected1D;
import org.deeplearning4j.nn.conf.layers.PReLULayer;
import org.deeplearning4j.nn.conf.layers.Pooling1D;
import org.deeplearning4j.nn.conf.layers.RecurrentAttentionLayer;
import org.deeplearning4j.nn.conf.layers.RnnLossLayer;
import org.deeplearning4j.nn.conf.layers.RnnOutputLayer;
import org.deeplearning4j.nn.conf.layers.SelfAttentionLayer;
import org.deeplearning4j.nn.conf.layers.Subsampling1DLayer;
import org.deeplearning4j.nn.conf.layers.Upsampling1D;
import org.deeplearning4j.nn.conf.layers.ZeroPadding1DLayer;
import org.deeplearning4j.nn.conf.layers.convolutional.Cropping1D;
import org.deeplearning4j.nn.conf.layers.misc.ElementWiseMultiplicationLayer;
import org.deeplearning4j.nn.conf.layers.misc.FrozenLayer;
import org.deeplearning4j.nn.conf.layers.misc.FrozenLayerWithBackprop;
import org.deeplearning4j.nn.conf.layers.misc.RepeatVector;
import org.deeplearning4j.nn.conf.layers.recurrent.Bidirectional;
import org.deeplearning4j.nn.conf.layers.recurrent.LastTimeStep;
import org.deeplearning4j.nn.conf.layers.recurrent.SimpleRnn;
import org.deeplearning4j.nn.conf.layers.recurrent.TimeDistributed;
import org.deeplearning4j.nn.conf.layers.util.MaskLayer;
import org.deeplearning4j.nn.conf.layers.util.MaskZeroLayer;
import org.deeplearning4j.nn.conf.preprocessor.ComposableInputPreProcessor;
import org.deeplearning4j.nn.conf.preprocessor.FeedForwardToRnnPreProcessor;
import org.deeplearning4j.nn.conf.preprocessor.RnnToFeedForwardPreProcessor;
import org.jspecify.annotations.Nullable;

/**
 * Finds layers that take, or give, another number of time steps than a plan declares: they would fail at the first fit, with a message about arrays.
 *
 * <p>It follows the declared number from the inputs through layers and vertices that are known to keep it, or to change it in a known way. Behind anything else the
 * number is unknown, and nothing is refused.
 */
@SuppressWarnings("deprecation") // DL4J calls the Graves layers deprecated, and networks with them exist
final class TimeSteps {
    private static final Set<Class<? extends Layer>> OF_SERIES = Set.of(
            LSTM.class,
            GravesLSTM.class,
            GravesBidirectionalLSTM.class,
            SimpleRnn.class,
            RnnOutputLayer.class,
            RnnLossLayer.class,
            SelfAttentionLayer.class,
            RecurrentAttentionLayer.class);

    /** Layers of every shape of input. */
    private static final Set<Class<? extends Layer>> OF_ANYTHING =
            Set.of(ActivationLayer.class, DropoutLayer.class, MaskLayer.class, BatchNormalization.class);

    private static final Set<Class<? extends Layer>> OF_ROWS =
            Set.of(DenseLayer.class, ElementWiseMultiplicationLayer.class);

    /** Layers whose own {@code getOutputType} has the number of steps, and changes nothing. */
    private static final Set<Class<? extends Layer>> CHANGING = Set.of(
            Convolution1DLayer.class,
            Convolution1D.class,
            Subsampling1DLayer.class,
            Pooling1D.class,
            ZeroPadding1DLayer.class,
            Cropping1D.class,
            Upsampling1D.class);

    private static final Set<Class<? extends GraphVertex>> KEEPING = Set.of(
            ScaleVertex.class,
            ShiftVertex.class,
            L2NormalizeVertex.class,
            SubsetVertex.class,
            ReverseTimeSeriesVertex.class);

    private enum Form {
        /** What the network takes: a series if it has three dimensions. */
        PERHAPS_SERIES,
        SERIES,
        /** A row for every time step of every example. */
        ROWS,
        UNKNOWN
    }

    private static final Steps UNKNOWN = new Steps(Form.UNKNOWN, -1);

    private record Steps(Form form, long number) {
        Steps as(Form other) {
            return new Steps(other, number);
        }

        boolean mayBeSeries() {
            return form == Form.SERIES || form == Form.PERHAPS_SERIES;
        }
    }

    private final long declared;
    private final String plan;
    private final BiConsumer<DpNetwork.Part, String> problems;

    private TimeSteps(long declared, String plan, BiConsumer<DpNetwork.Part, String> problems) {
        this.declared = declared;
        this.plan = plan;
        this.problems = problems;
    }

    /**
     * Looks for such layers.
     *
     * @param declared time steps that every sequence has when it comes to the network
     * @param plan what of the plan declares it, in words
     * @param problems gets what is wrong with a part
     */
    static void check(DpNetwork network, long declared, String plan, BiConsumer<DpNetwork.Part, String> problems) {
        boolean timeLast = Arrays.stream(network.layers()).noneMatch(MaskLengths::hasTimeInside);
        if (timeLast) {
            new TimeSteps(declared, plan, problems).follow(network.parts());
        }
    }

    private void follow(List<DpNetwork.Part> parts) {
        var after = new ArrayList<Steps>();
        for (DpNetwork.Part part : parts) {
            List<Steps> before = Stream.concat(
                            part.inputs().stream().map(input -> new Steps(Form.PERHAPS_SERIES, declared)),
                            part.below().stream().map(after::get))
                    .toList();
            Steps own = part.conf() == null
                    ? afterVertex(part, part.vertex(), before)
                    : afterLayer(part, part.conf(), afterPreProcessor(part.preProcessor(), before.get(0)));
            boolean isOutput = part.output() >= 0 && own.form() == Form.SERIES;
            if (isOutput && own.number() != declared) {
                problems.accept(
                        part,
                        "its output must have the " + declared + " time steps that labels have under " + plan + ", had "
                                + own.number()
                                + "; use layers that keep their number, or declare no length where the data have one shape (docs/data.md)");
            }
            after.add(own);
        }
    }

    private Steps afterLayer(DpNetwork.Part part, Layer conf, Steps before) {
        if (conf instanceof FrozenLayer frozen) {
            return afterLayer(part, frozen.getLayer(), before);
        }
        if (conf instanceof FrozenLayerWithBackprop || conf instanceof MaskZeroLayer) {
            return afterLayer(
                    part, ((org.deeplearning4j.nn.conf.layers.wrapper.BaseWrapperLayer) conf).getUnderlying(), before);
        }
        if (conf instanceof LastTimeStep last) {
            afterLayer(part, last.getUnderlying(), before);
            return UNKNOWN;
        }
        if (conf instanceof Bidirectional both) {
            Steps forward = afterLayer(part, both.getFwd(), before);
            return forward.form() == Form.UNKNOWN ? UNKNOWN : forward.as(Form.SERIES);
        }
        Class<? extends Layer> type = conf.getClass();
        if (conf instanceof RepeatVector repeat) {
            return repeat.getDataFormat() == RNNFormat.NCW && before.form() != Form.ROWS
                    ? new Steps(Form.SERIES, repeat.getN())
                    : UNKNOWN;
        }
        if (before.form() == Form.UNKNOWN || OF_ANYTHING.contains(type)) {
            return before;
        }
        if (!before.mayBeSeries()) {
            return OF_ROWS.contains(type) ? before : UNKNOWN;
        }
        if (type == TimeDistributed.class || OF_SERIES.contains(type)) {
            return before.as(Form.SERIES);
        }
        if (CHANGING.contains(type)) {
            return changed(conf, before);
        }
        if (conf instanceof PReLULayer prelu) {
            return afterPRelu(part, prelu, before);
        }
        if (conf instanceof LocallyConnected1D local) {
            requireEqual(part, "its input size", local.getInputSize(), before.number(), "setInputSize");
            return new Steps(Form.SERIES, local.getOutputSize());
        }
        if (conf instanceof EmbeddingSequenceLayer embedding) {
            if (!embedding.isInferInputLength()) {
                requireEqual(part, "its inputLength", embedding.getInputLength(), before.number(), "inputLength");
            }
            return embedding.getOutputFormat() == RNNFormat.NCW ? before.as(Form.SERIES) : UNKNOWN;
        }
        if (conf instanceof CapsuleLayer capsules) {
            requireEqual(
                    part,
                    "its inputCapsuleDimensions",
                    capsules.getInputCapsuleDimensions(),
                    before.number(),
                    "inputCapsuleDimensions");
            return new Steps(Form.SERIES, capsules.getCapsuleDimensions());
        }
        return UNKNOWN;
    }

    private static Steps changed(Layer conf, Steps before) {
        InputType after = conf.getOutputType(0, InputType.recurrent(1, before.number()));
        return after instanceof InputType.InputTypeRecurrent series && series.getTimeSeriesLength() > 0
                ? new Steps(Form.SERIES, series.getTimeSeriesLength())
                : UNKNOWN;
    }

    private Steps afterPRelu(DpNetwork.Part part, PReLULayer prelu, Steps before) {
        long[] shape = prelu.getInputShape();
        long[] shared = prelu.getSharedAxes();
        // Axes are counted from 1, the examples' left out.
        boolean isOverTime =
                shape.length == 2 && (shared == null || Arrays.stream(shared).noneMatch(axis -> axis == 2));
        if (isOverTime) {
            requireEqual(part, "the last number of its inputShape", shape[1], before.number(), "inputShape");
        }
        return before;
    }

    private void requireEqual(DpNetwork.Part part, String what, long own, long steps, String setter) {
        if (own != steps) {
            problems.accept(
                    part,
                    what + " must be " + steps + ", the time steps that come to it under " + plan + ", was " + own
                            + ": it fits no other number; build it with " + setter + " for " + steps
                            + " steps, or declare a length for which it fits");
        }
    }

    private static Steps afterPreProcessor(@Nullable InputPreProcessor conf, Steps before) {
        if (conf == null || before.form() == Form.UNKNOWN) {
            return before;
        }
        if (conf instanceof ComposableInputPreProcessor all) {
            Steps steps = before;
            for (InputPreProcessor one : all.getInputPreProcessors()) {
                steps = afterPreProcessor(one, steps);
            }
            return steps;
        }
        if (conf instanceof RnnToFeedForwardPreProcessor rows && rows.getRnnDataFormat() == RNNFormat.NCW) {
            return before.mayBeSeries() ? before.as(Form.ROWS) : UNKNOWN;
        }
        if (conf instanceof FeedForwardToRnnPreProcessor series && series.getRnnDataFormat() == RNNFormat.NCW) {
            return before.form() == Form.ROWS ? before.as(Form.SERIES) : UNKNOWN;
        }
        return UNKNOWN;
    }

    private Steps afterVertex(DpNetwork.Part part, @Nullable GraphVertex conf, List<Steps> before) {
        if (conf instanceof FrozenVertex frozen) {
            return afterVertex(part, frozen.getUnderlying(), before);
        }
        if (conf instanceof LayerVertex layer) {
            return afterLayer(
                    part, layer.getLayerConf().getLayer(), afterPreProcessor(layer.getPreProcessor(), before.get(0)));
        }
        if (conf instanceof PreprocessorVertex vertex) {
            return afterPreProcessor(vertex.getPreProcessor(), before.get(0));
        }
        if (conf instanceof DuplicateToTimeSeriesVertex) {
            return new Steps(Form.SERIES, declared);
        }
        if (conf == null || before.contains(UNKNOWN)) {
            return UNKNOWN;
        }
        boolean merges = conf instanceof MergeVertex merge && merge.getMergeAxis() == 1;
        if (merges || conf instanceof ElementWiseVertex) {
            return together(part, before, !merges);
        }
        return KEEPING.contains(conf.getClass()) ? before.get(0) : UNKNOWN;
    }

    private Steps together(DpNetwork.Part part, List<Steps> before, boolean repeatsOne) {
        if (before.stream().anyMatch(steps -> steps.form() == Form.ROWS)) {
            return UNKNOWN;
        }
        List<Long> numbers = before.stream()
                .map(Steps::number)
                .filter(number -> !(repeatsOne && number == 1))
                .distinct()
                .toList();
        boolean isSeries = before.stream().anyMatch(steps -> steps.form() == Form.SERIES);
        if (numbers.size() > 1) {
            if (isSeries) {
                problems.accept(
                        part,
                        "sequences that meet in it must have one number of time steps, had " + numbers + " under "
                                + plan + "; build the layers below for one length");
            }
            return UNKNOWN;
        }
        return new Steps(isSeries ? Form.SERIES : Form.PERHAPS_SERIES, numbers.isEmpty() ? 1 : numbers.get(0));
    }
}
