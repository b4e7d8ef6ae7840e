// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core.fuzz;

import static io.github.dl4jdp.core.fuzz.Expression.call;
import static io.github.dl4jdp.core.fuzz.Expression.make;
import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.params.provider.Arguments.arguments;

import io.github.dl4jdp.core.fuzz.Finding.Kind;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.function.DoubleSupplier;
import java.util.stream.Stream;
import org.deeplearning4j.nn.conf.ConvolutionMode;
import org.deeplearning4j.nn.conf.NeuralNetConfiguration;
import org.deeplearning4j.nn.conf.RNNFormat;
import org.deeplearning4j.nn.conf.dropout.GaussianDropout;
import org.deeplearning4j.nn.conf.graph.L2Vertex;
import org.deeplearning4j.nn.conf.graph.rnn.ReverseTimeSeriesVertex;
import org.deeplearning4j.nn.conf.inputs.InputType;
import org.deeplearning4j.nn.conf.layers.Convolution1DLayer;
import org.deeplearning4j.nn.conf.layers.ConvolutionLayer;
import org.deeplearning4j.nn.conf.layers.DenseLayer;
import org.deeplearning4j.nn.conf.layers.GlobalPoolingLayer;
import org.deeplearning4j.nn.conf.layers.LSTM;
import org.deeplearning4j.nn.conf.layers.OutputLayer;
import org.deeplearning4j.nn.conf.layers.PoolingType;
import org.deeplearning4j.nn.conf.layers.RnnOutputLayer;
import org.deeplearning4j.nn.conf.layers.Upsampling2D;
import org.deeplearning4j.nn.conf.layers.convolutional.Cropping1D;
import org.deeplearning4j.nn.conf.layers.convolutional.Cropping2D;
import org.deeplearning4j.nn.conf.layers.misc.FrozenLayer;
import org.deeplearning4j.nn.conf.layers.misc.FrozenLayerWithBackprop;
import org.deeplearning4j.nn.conf.layers.recurrent.Bidirectional;
import org.deeplearning4j.nn.conf.layers.recurrent.LastTimeStep;
import org.deeplearning4j.nn.conf.layers.recurrent.SimpleRnn;
import org.deeplearning4j.nn.conf.layers.recurrent.TimeDistributed;
import org.deeplearning4j.nn.conf.weightnoise.DropConnect;
import org.deeplearning4j.nn.weights.WeightInit;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import org.nd4j.linalg.activations.Activation;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.learning.config.Sgd;
import org.nd4j.linalg.lossfunctions.LossFunctions.LossFunction;

/** One case for each way in which the promise was once broken, as the random ones are checked: it holds, or the network or the data are refused. */
class KnownFaultsTest {
    private static final Random RANDOM = new Random(5);

    private static FuzzNetwork network(DataType type, boolean graph, Expression input, List<Expression> layers) {
        var nodes = new ArrayList<FuzzNetwork.Node>();
        for (Expression layer : layers) {
            nodes.add(new FuzzNetwork.Node(
                    "n" + nodes.size(), layer, List.of(nodes.isEmpty() ? "in0" : "n" + (nodes.size() - 1))));
        }
        return new FuzzNetwork(
                graph,
                make(NeuralNetConfiguration.Builder.class)
                        .then("seed", 5)
                        .then("dataType", type)
                        .then("updater", make(Sgd.class, 0.0)),
                List.of(input),
                nodes,
                List.of("n" + (nodes.size() - 1)),
                List.of());
    }

    private static Values values(DoubleSupplier number, long... shape) {
        double[] numbers = new double[(int) Arrays.stream(shape).reduce(1, (a, b) -> a * b)];
        Arrays.setAll(numbers, i -> number.getAsDouble());
        return new Values(shape, numbers);
    }

    private static Values normal(long... shape) {
        return values(RANDOM::nextGaussian, shape);
    }

    /** Masks of sequences that end anywhere. */
    private static Values lengths(int examples, int steps) {
        Values mask = values(() -> 1, examples, steps);
        for (int i = 0; i < examples; i++) {
            Arrays.fill(mask.numbers(), i * steps + 1 + RANDOM.nextInt(steps), (i + 1) * steps, 0);
        }
        return mask;
    }

    private static Examples examples(
            Values features, Values labels, @Nullable Values featuresMask, @Nullable Values labelsMask) {
        List<@Nullable Values> featuresMasks = new ArrayList<>();
        featuresMasks.add(featuresMask);
        List<@Nullable Values> labelsMasks = new ArrayList<>();
        labelsMasks.add(labelsMask);
        return new Examples(List.of(features), List.of(labels), featuresMasks, labelsMasks, 0);
    }

    private static FuzzCase removed(FuzzNetwork network, Examples data, int row, boolean plain, double norm) {
        return new FuzzCase(
                1,
                network,
                data,
                row,
                null,
                plain,
                new FuzzCase.Run(FuzzCase.Kind.FLAT, norm, 1000, 1, 2, false, 1, 0, 0, false));
    }

    private static Expression output(int width, LossFunction loss, Activation activation) {
        return make(OutputLayer.Builder.class)
                .then("lossFunction", loss)
                .then("nOut", width)
                .then("activation", activation)
                .then("build");
    }

    private static Expression sequenceOutput(int width) {
        return make(RnnOutputLayer.Builder.class)
                .then("lossFunction", LossFunction.MSE)
                .then("nOut", width)
                .then("activation", Activation.IDENTITY)
                .then("build");
    }

    private static Expression recurrent(int size, int steps) {
        return call(InputType.class, "recurrent", (long) size, (long) steps);
    }

    private static Expression dense() {
        return make(DenseLayer.Builder.class)
                .then("nOut", 4)
                .then("activation", Activation.TANH)
                .then("build");
    }

    private static Expression lstm() {
        return make(LSTM.Builder.class).then("nOut", 3).then("build");
    }

    static Stream<Arguments> cases() {
        RANDOM.setSeed(5);
        var all = new ArrayList<Arguments>();
        Expression mse = output(2, LossFunction.MSE, Activation.IDENTITY);
        for (boolean graph : new boolean[] {false, true}) {
            String kind = graph ? ", graph" : ", list";
            Expression pooling =
                    make(GlobalPoolingLayer.Builder.class, PoolingType.AVG).then("build");
            for (boolean frozen : new boolean[] {false, true}) {
                Expression timeDistributed = make(TimeDistributed.class, dense());
                all.add(arguments(
                        "masks in a TimeDistributed layer, frozen " + frozen + kind,
                        removed(
                                network(
                                        DataType.DOUBLE,
                                        graph,
                                        recurrent(2, 5),
                                        List.of(
                                                frozen ? make(FrozenLayer.class, timeDistributed) : timeDistributed,
                                                pooling,
                                                mse)),
                                examples(normal(9, 2, 5), normal(9, 2), lengths(9, 5), null),
                                0,
                                true,
                                1e-3)));
            }
            all.add(arguments(
                    "dropout" + kind,
                    removed(
                            network(
                                    DataType.FLOAT,
                                    graph,
                                    call(InputType.class, "feedForward", 20),
                                    List.of(
                                            dense().inserted("dropOut", 0.5),
                                            mse.inserted("dropOut", make(GaussianDropout.class, 0.4)))),
                            examples(normal(9, 20), normal(9, 2), null, null),
                            8,
                            true,
                            1e-3)));
            all.add(arguments(
                    "weight noise" + kind,
                    removed(
                            network(
                                    DataType.FLOAT,
                                    graph,
                                    call(InputType.class, "feedForward", 10),
                                    List.of(dense().inserted("weightNoise", make(DropConnect.class, 0.5)), mse)),
                            examples(normal(8, 10), normal(8, 2), null, null),
                            7,
                            true,
                            1e-3)));
            all.add(arguments(
                    "weights of examples, alone in a physical batch" + kind,
                    removed(
                            network(
                                    DataType.DOUBLE,
                                    graph,
                                    call(InputType.class, "feedForward", 3),
                                    List.of(output(1, LossFunction.MSE, Activation.IDENTITY))),
                            examples(normal(4, 3), normal(4, 1), null, values(() -> RANDOM.nextInt(1, 9) / 10.0, 4, 1)),
                            1,
                            true,
                            1e6)));
            all.add(arguments(
                    "an activation function of the user's that mixes examples" + kind,
                    removed(
                            network(
                                    DataType.DOUBLE,
                                    graph,
                                    call(InputType.class, "feedForward", 3),
                                    List.of(dense().inserted("activation", make(OwnParts.Centering.class)), mse)),
                            examples(normal(6, 3), normal(6, 2), null, null),
                            1,
                            true,
                            1e-3)));
            all.add(arguments(
                    "dropout of the user's that mixes examples" + kind,
                    removed(
                            network(
                                    DataType.DOUBLE,
                                    graph,
                                    call(InputType.class, "feedForward", 3),
                                    List.of(dense().inserted("dropOut", make(OwnParts.Mixing.class)), mse)),
                            examples(normal(6, 3), normal(6, 2), null, null),
                            5,
                            true,
                            1e-3)));
            FuzzNetwork oneSequence = network(
                    DataType.DOUBLE,
                    graph,
                    call(InputType.class, "feedForward", 2),
                    List.of(
                            make(
                                    FrozenLayer.class,
                                    make(SimpleRnn.Builder.class)
                                            .then("nOut", 3)
                                            .then("build")),
                            mse));
            all.add(arguments(
                    "miniBatch(false)" + kind,
                    removed(
                            new FuzzNetwork(
                                    graph,
                                    oneSequence.builder().then("miniBatch", false),
                                    oneSequence.inputTypes(),
                                    oneSequence.nodes(),
                                    oneSequence.outputs(),
                                    List.of()),
                            examples(normal(6, 2), normal(6, 2), null, null),
                            0,
                            true,
                            1e-3)));
            for (Expression below : List.of(lstm(), dense())) {
                all.add(arguments(
                        "FrozenLayerWithBackprop over " + below.name() + kind,
                        removed(
                                network(
                                        DataType.DOUBLE,
                                        graph,
                                        recurrent(2, 4),
                                        List.of(make(FrozenLayerWithBackprop.class, below), sequenceOutput(2))),
                                examples(normal(5, 2, 4), normal(5, 2, 4), null, null),
                                2,
                                true,
                                1e-3)));
            }
            Expression nwc = lstm().inserted("dataFormat", RNNFormat.NWC);
            all.add(arguments(
                    "dropout on the input of an LSTM in NWC" + kind,
                    removed(
                            network(
                                    DataType.DOUBLE,
                                    graph,
                                    call(InputType.class, "recurrent", 3L, 3L, RNNFormat.NWC),
                                    List.of(
                                            nwc,
                                            nwc.inserted("dropOut", 0.8),
                                            sequenceOutput(2).inserted("dataFormat", RNNFormat.NWC))),
                            examples(normal(6, 3, 3), normal(6, 3, 2), null, null),
                            5,
                            true,
                            1e-3)));
            for (Expression layer : List.of(
                    make(Bidirectional.class, lstm()),
                    make(Convolution1DLayer.Builder.class, 3, 1)
                            .then("nOut", 3)
                            .then("convolutionMode", ConvolutionMode.Same)
                            .then("activation", Activation.SIGMOID)
                            .then("build"))) {
                Values mask = lengths(7, 6);
                Arrays.fill(mask.numbers(), 2 * 6, 3 * 6, 1);
                for (int i = 0; i < 7; i++) {
                    Arrays.fill(mask.numbers(), i * 6 + (i == 2 ? 6 : 3), i * 6 + 6, 0);
                }
                all.add(arguments(
                        "sequences padded to the longest of their batch, " + layer.name() + kind,
                        new FuzzCase(
                                1,
                                network(DataType.DOUBLE, graph, recurrent(2, 6), List.of(layer, sequenceOutput(2))),
                                examples(normal(7, 2, 6), normal(7, 2, 6), mask, mask),
                                2,
                                null,
                                true,
                                new FuzzCase.Run(FuzzCase.Kind.FLAT, 1e-3, 1000, 2, 1, false, 1, 0, 0, true))));
            }
        }
        for (DataType type : new DataType[] {DataType.FLOAT, DataType.DOUBLE}) {
            double ulp = type == DataType.FLOAT ? 0x1p-22 : 0x1p-50;
            all.add(arguments("terms of a sequence that cancel, " + type, absorbing(type, 1)));
            all.add(arguments("terms of a sequence that nearly cancel, " + type, absorbing(type, 1 + ulp)));
            FuzzNetwork zero = network(
                    type,
                    false,
                    call(InputType.class, "feedForward", 3),
                    List.of(output(1, LossFunction.MSE, Activation.IDENTITY)));
            Values features = normal(4, 3);
            Values labels = normal(4, 1);
            features.numbers()[0] = 1e30;
            features.numbers()[1] = 0;
            features.numbers()[2] = 0;
            labels.numbers()[0] = 1e-23;
            all.add(arguments(
                    "squares that underflow, " + type,
                    removed(
                            new FuzzNetwork(
                                    false,
                                    zero.builder().then("weightInit", WeightInit.ZERO),
                                    zero.inputTypes(),
                                    zero.nodes(),
                                    zero.outputs(),
                                    List.of()),
                            examples(features, labels, null, null),
                            0,
                            false,
                            1)));
            all.add(arguments("layer normalization of an example without variance, " + type, flat(type)));
        }
        for (Expression layer : List.of(make(Cropping1D.Builder.class, 1).then("build"))) {
            Values whole = values(() -> 1, 5, 6);
            all.add(arguments(
                    "masks that " + layer.name() + " leaves as long as they were",
                    removed(
                            network(
                                    DataType.DOUBLE,
                                    false,
                                    recurrent(3, 6),
                                    List.of(lstm(), layer, make(LastTimeStep.class, lstm()), mse)),
                            examples(normal(5, 3, 6), normal(5, 2), whole, null),
                            2,
                            true,
                            1e-3)));
        }
        Expression encoder = make(LSTM.Builder.class).then("nOut", 3).then("build");
        all.add(arguments(
                "the distance of sequences that lie in memory in different orders",
                removed(
                        new FuzzNetwork(
                                true,
                                network(DataType.DOUBLE, true, recurrent(3, 2), List.of(encoder))
                                        .builder(),
                                List.of(recurrent(3, 2)),
                                List.of(
                                        new FuzzNetwork.Node("n0", encoder, List.of("in0")),
                                        new FuzzNetwork.Node("n1", make(L2Vertex.class), List.of("in0", "n0")),
                                        new FuzzNetwork.Node("n2", mse, List.of("n1"))),
                                List.of("n2"),
                                List.of()),
                        examples(normal(4, 3, 2), normal(4, 2), null, null),
                        1,
                        true,
                        1e-3)));
        for (int pattern = 0; pattern < 16; pattern++) {
            int steps = pattern;
            Values mask = values(() -> 1, 5, 4);
            for (int t = 0; t < 4; t++) {
                mask.numbers()[2 * 4 + t] = steps >> t & 1;
                mask.numbers()[4 * 4 + t] = steps >> t & 1;
            }
            all.add(arguments(
                    "a sequence that is reversed under the mask "
                            + Integer.toBinaryString(16 + steps).substring(1),
                    removed(
                            new FuzzNetwork(
                                    true,
                                    network(DataType.FLOAT, true, recurrent(3, 4), List.of(encoder))
                                            .builder(),
                                    List.of(recurrent(3, 4)),
                                    List.of(
                                            new FuzzNetwork.Node("n0", encoder, List.of("in0")),
                                            new FuzzNetwork.Node(
                                                    "n1", make(ReverseTimeSeriesVertex.class, "in0"), List.of("n0")),
                                            new FuzzNetwork.Node("n2", sequenceOutput(2), List.of("n1"))),
                                    List.of("n2"),
                                    List.of()),
                            examples(normal(5, 3, 4), normal(5, 2, 4), mask, values(() -> 1, 5, 4)),
                            2,
                            true,
                            1)));
        }
        all.add(arguments(
                "a view that is cropped",
                removed(
                        network(
                                DataType.DOUBLE,
                                false,
                                call(InputType.class, "convolutional", 6, 7, 2),
                                List.of(
                                        make(ConvolutionLayer.Builder.class, new int[] {3, 2})
                                                .then("nOut", 3)
                                                .then("activation", Activation.TANH)
                                                .then("build"),
                                        make(Upsampling2D.Builder.class, 2).then("build"),
                                        make(Cropping2D.Builder.class, 1, 1).then("build"),
                                        make(ConvolutionLayer.Builder.class, new int[] {3, 3})
                                                .then("stride", new int[] {2, 2})
                                                .then("nOut", 2)
                                                .then("convolutionMode", ConvolutionMode.Same)
                                                .then("build"),
                                        mse)),
                        examples(normal(7, 2, 6, 7), normal(7, 2), null, null),
                        6,
                        true,
                        1e-3)));
        return all.stream();
    }

    /** Everybody pushes one way; the terms of the last example's sequence are large and cancel. */
    private static FuzzCase absorbing(DataType type, double ratio) {
        int examples = 40;
        int width = 8;
        Values features = values(() -> 2 + RANDOM.nextGaussian(), examples, width, 2);
        Values labels = values(() -> 1e30, examples, width, 2);
        for (int k = 0; k < width * 2; k++) {
            int at = (examples - 1) * width * 2 + k;
            features.numbers()[at] = (type == DataType.FLOAT ? 0x1p40 : 0x1p70) * (k % 2 == 1 ? ratio : 1);
            labels.numbers()[at] = k % 2 == 1 ? -1e30 : 1e30;
        }
        Expression output = make(RnnOutputLayer.Builder.class)
                .then("lossFunction", LossFunction.L1)
                .then("nOut", width)
                .then("activation", Activation.IDENTITY)
                .then("build");
        return removed(
                network(type, false, recurrent(width, 2), List.of(output)),
                examples(features, labels, null, null),
                examples - 1,
                false,
                1);
    }

    private static FuzzCase flat(DataType type) {
        Values features = normal(9, 3);
        Values labels = normal(9, 2);
        for (int k = 0; k < 3; k++) {
            features.numbers()[7 * 3 + k] = 1e-22;
        }
        labels.numbers()[14] = 1e20;
        labels.numbers()[15] = -1e20;
        return removed(
                network(
                        type,
                        false,
                        call(InputType.class, "feedForward", 3),
                        List.of(
                                make(DenseLayer.Builder.class)
                                        .then("nOut", 4)
                                        .then("hasLayerNorm", true)
                                        .then("build"),
                                output(2, LossFunction.L1, Activation.TANH))),
                examples(features, labels, null, null),
                7,
                false,
                1);
    }

    @ParameterizedTest(name = "{0}")
    @MethodSource("cases")
    void check_whatWasOnceBroken_holdsOrIsRefused(String fault, FuzzCase one) {
        Finding finding = Checks.of(one);
        assertThat(finding.isFault()).as(finding.toString()).isFalse();
        assertThat(finding.kind()).isNotIn(Kind.DL4J_FAILS, Kind.DL4J_FAILS_ALONE);
    }

    /** In a frozen layer too, which runs as DL4J made it. */
    @Test
    void fit_maskLongerThanItsSequences_isRefused() {
        Expression frozen = make(FrozenLayer.class, make(LastTimeStep.class, lstm()));
        Expression crop = make(Cropping1D.Builder.class, 1).then("build");
        FuzzCase one = removed(
                network(
                        DataType.DOUBLE,
                        false,
                        recurrent(3, 6),
                        List.of(crop, frozen, output(2, LossFunction.MSE, Activation.IDENTITY))),
                examples(normal(5, 3, 6), normal(5, 2), values(() -> 1, 5, 6), null),
                2,
                true,
                1e-3);
        assertThat(Checks.of(one).kind()).isEqualTo(Kind.REFUSED_LATE);
    }

    @Test
    void cases_all_areMany() {
        assertThat(cases()).hasSizeGreaterThan(30);
    }
}
