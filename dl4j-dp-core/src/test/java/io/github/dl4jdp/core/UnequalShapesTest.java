// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.dl4jdp.core.internal.arrays.CpuActivation;
import io.github.dl4jdp.core.internal.arrays.CpuElements;
import io.github.dl4jdp.core.internal.arrays.HostArrays;
import io.github.dl4jdp.core.internal.arrays.ParallelRanges;
import io.github.dl4jdp.core.internal.arrays.Sums;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.function.Supplier;
import java.util.stream.IntStream;
import org.deeplearning4j.exception.DL4JInvalidInputException;
import org.deeplearning4j.nn.api.Model;
import org.deeplearning4j.nn.conf.ComputationGraphConfiguration.GraphBuilder;
import org.deeplearning4j.nn.conf.NeuralNetConfiguration;
import org.deeplearning4j.nn.conf.graph.ElementWiseVertex;
import org.deeplearning4j.nn.conf.graph.GraphVertex;
import org.deeplearning4j.nn.conf.graph.L2NormalizeVertex;
import org.deeplearning4j.nn.conf.graph.L2Vertex;
import org.deeplearning4j.nn.conf.graph.MergeVertex;
import org.deeplearning4j.nn.conf.graph.PoolHelperVertex;
import org.deeplearning4j.nn.conf.graph.PreprocessorVertex;
import org.deeplearning4j.nn.conf.graph.ReshapeVertex;
import org.deeplearning4j.nn.conf.graph.SubsetVertex;
import org.deeplearning4j.nn.conf.graph.rnn.DuplicateToTimeSeriesVertex;
import org.deeplearning4j.nn.conf.graph.rnn.LastTimeStepVertex;
import org.deeplearning4j.nn.conf.layers.ActivationLayer;
import org.deeplearning4j.nn.conf.layers.Convolution1DLayer;
import org.deeplearning4j.nn.conf.layers.ConvolutionLayer;
import org.deeplearning4j.nn.conf.layers.DenseLayer;
import org.deeplearning4j.nn.conf.layers.EmbeddingLayer;
import org.deeplearning4j.nn.conf.layers.EmbeddingSequenceLayer;
import org.deeplearning4j.nn.conf.layers.GlobalPoolingLayer;
import org.deeplearning4j.nn.conf.layers.GravesLSTM;
import org.deeplearning4j.nn.conf.layers.LSTM;
import org.deeplearning4j.nn.conf.layers.Layer;
import org.deeplearning4j.nn.conf.layers.OutputLayer;
import org.deeplearning4j.nn.conf.layers.PReLULayer;
import org.deeplearning4j.nn.conf.layers.RnnOutputLayer;
import org.deeplearning4j.nn.conf.layers.SubsamplingLayer;
import org.deeplearning4j.nn.conf.layers.misc.ElementWiseMultiplicationLayer;
import org.deeplearning4j.nn.conf.layers.recurrent.Bidirectional;
import org.deeplearning4j.nn.conf.layers.recurrent.LastTimeStep;
import org.deeplearning4j.nn.conf.layers.recurrent.SimpleRnn;
import org.deeplearning4j.nn.conf.layers.recurrent.TimeDistributed;
import org.deeplearning4j.nn.conf.layers.util.MaskZeroLayer;
import org.deeplearning4j.nn.conf.preprocessor.CnnToFeedForwardPreProcessor;
import org.deeplearning4j.nn.conf.preprocessor.CnnToRnnPreProcessor;
import org.deeplearning4j.nn.conf.preprocessor.FeedForwardToCnnPreProcessor;
import org.deeplearning4j.nn.conf.preprocessor.FeedForwardToRnnPreProcessor;
import org.deeplearning4j.nn.conf.preprocessor.RnnToCnnPreProcessor;
import org.deeplearning4j.nn.conf.preprocessor.RnnToFeedForwardPreProcessor;
import org.deeplearning4j.nn.graph.ComputationGraph;
import org.deeplearning4j.nn.multilayer.MultiLayerNetwork;
import org.deeplearning4j.optimize.api.BaseTrainingListener;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.nd4j.linalg.activations.Activation;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.dataset.MultiDataSet;
import org.nd4j.linalg.factory.Nd4j;
import org.nd4j.linalg.learning.config.Sgd;
import org.nd4j.linalg.lossfunctions.LossFunctions.LossFunction;

/**
 * Whatever meets in a network has equal shapes, or is refused before the charge: networks whose layers, vertices and data do not fit each other either throw with
 * nothing charged, or an example that leaves moves the sum by the clipping norm at most.
 */
@SuppressWarnings("deprecation") // DL4J calls GravesLSTM deprecated, and networks with it exist
class UnequalShapesTest {
    private static final int EXAMPLES = 6;
    /** Fewer in DOUBLE, which takes no path of its own through memory. */
    private static int cases(DataType type) {
        return type == DataType.FLOAT ? 240 : 60;
    }

    /** A network and what it is trained on. */
    @SuppressWarnings("ArrayRecordComponent") // never compared
    private record Case(String name, Supplier<Model> network, long[][] features, long[] labels) {}

    /** Draws cases. */
    private static final class Cases {
        private final DataType type;
        private final Random random;

        Cases(DataType type, long seed) {
            this.type = type;
            this.random = new Random(seed);
        }

        private int in(int... values) {
            return values[random.nextInt(values.length)];
        }

        @SafeVarargs
        private final <T> T one(T... values) {
            return values[random.nextInt(values.length)];
        }

        private Activation activation() {
            return one(Activation.TANH, Activation.IDENTITY, Activation.RELU, Activation.SIGMOID, Activation.SOFTMAX);
        }

        Case next() {
            return switch (random.nextInt(4)) {
                case 0 -> meeting();
                case 1 -> single();
                default -> layer();
            };
        }

        private GraphBuilder graph() {
            return builder().graphBuilder();
        }

        private NeuralNetConfiguration.Builder builder() {
            return new NeuralNetConfiguration.Builder()
                    .seed(3)
                    .dataType(type)
                    .updater(new Sgd(0.1))
                    .activation(Activation.TANH);
        }

        private static Model built(GraphBuilder builder) {
            var network = new ComputationGraph(builder.build());
            network.init();
            return network;
        }

        /** Two inputs, each through a layer or not, meet in a vertex. */
        private Case meeting() {
            int rank = in(2, 2, 3, 4);
            int[] sizes = {in(1, 2, 3, 4, 16), in(1, 2, 3, 4, 16)};
            int[] lengths = {in(1, 3, 4), in(3, 3, 4)};
            boolean[] trains = {random.nextBoolean(), random.nextBoolean()};
            Activation activation = activation();
            boolean merges = random.nextInt(5) == 0;
            GraphVertex vertex = merges
                    ? new MergeVertex()
                    : one(new L2Vertex(), new L2Vertex(), new ElementWiseVertex(one(ElementWiseVertex.Op.values())));
            int width = vertex instanceof L2Vertex ? 1 : merges ? sizes[0] + sizes[1] : Math.max(sizes[0], sizes[1]);
            boolean below = random.nextBoolean();
            String name = vertex + " " + activation + " rank " + rank + " sizes " + Arrays.toString(sizes) + " lengths "
                    + Arrays.toString(lengths) + " layers " + Arrays.toString(trains) + " layer above " + below;
            var features = new long[2][];
            for (int i = 0; i < 2; i++) {
                features[i] = shape(rank, trains[i] ? 3 : sizes[i], lengths[i]);
            }
            return new Case(
                    name,
                    () -> {
                        GraphBuilder graph = graph().addInputs("in0", "in1");
                        String[] inputs = {"in0", "in1"};
                        for (int i = 0; i < 2; i++) {
                            if (trains[i]) {
                                graph.addLayer("layer" + i, simple(rank, 3, sizes[i], activation), inputs[i]);
                                inputs[i] = "layer" + i;
                            }
                        }
                        graph.addVertex("vertex", vertex.clone(), inputs);
                        boolean flat = rank == 2 || vertex instanceof L2Vertex;
                        String top = "vertex";
                        if (below) {
                            graph.addLayer("middle", simple(flat ? 2 : rank, width, 3, Activation.TANH), top);
                            top = "middle";
                        }
                        if (!flat) {
                            graph.addLayer("pool", new GlobalPoolingLayer.Builder().build(), top);
                            top = "pool";
                        }
                        return built(graph.addLayer("out", mse(below ? 3 : width), top)
                                .setOutputs("out"));
                    },
                    features,
                    new long[] {EXAMPLES, 2});
        }

        private static long[] shape(int rank, int size, int length) {
            return switch (rank) {
                case 2 -> new long[] {EXAMPLES, size};
                case 3 -> new long[] {EXAMPLES, size, length};
                default -> new long[] {EXAMPLES, size, length, 3};
            };
        }

        private static Layer simple(int rank, int nIn, int nOut, Activation activation) {
            return switch (rank) {
                case 2 ->
                    new DenseLayer.Builder()
                            .nIn(nIn)
                            .nOut(nOut)
                            .activation(activation)
                            .build();
                case 3 -> new LSTM.Builder().nIn(nIn).nOut(nOut).build();
                default ->
                    new ConvolutionLayer.Builder(1, 1)
                            .nIn(nIn)
                            .nOut(nOut)
                            .activation(activation)
                            .build();
            };
        }

        private static Layer mse(int nIn) {
            return new OutputLayer.Builder(LossFunction.MSE)
                    .nIn(nIn)
                    .nOut(2)
                    .activation(Activation.IDENTITY)
                    .build();
        }

        /** One vertex or preprocessor that may not fit what comes to it, above a layer; mostly the layer above it would fit. */
        private Case single() {
            int[] any = {2, 3, 4};
            int size = in(1, 2, 3, 4);
            int length = in(2, 3, 4);
            int kind = random.nextInt(9);
            int from = in(0, 1);
            int to = in(1, 2, 4);
            GraphVertex vertex =
                    switch (kind) {
                        case 0 -> new L2NormalizeVertex(new int[] {in(1, 1, 2, 3)}, 1e-6);
                        case 1 -> new L2NormalizeVertex(new int[] {1, 2}, 1e-6);
                        case 2 -> new SubsetVertex(from, to);
                        case 3 -> new PoolHelperVertex();
                        case 4 -> new ReshapeVertex(-1, in(2, 3, 6, 12));
                        case 5 -> one(new DuplicateToTimeSeriesVertex("in"), new LastTimeStepVertex("in"));
                        case 6 ->
                            new PreprocessorVertex(
                                    one(new RnnToFeedForwardPreProcessor(), new FeedForwardToRnnPreProcessor()));
                        case 7 ->
                            new PreprocessorVertex(one(
                                    new FeedForwardToCnnPreProcessor(in(1, 2), in(1, 3), in(1, 2)),
                                    new RnnToCnnPreProcessor(in(1, 2), in(1, 3), in(1, 2))));
                        default ->
                            new PreprocessorVertex(one(
                                    new CnnToFeedForwardPreProcessor(in(2, 3, 4), 3, in(1, 2, 3)),
                                    new CnnToRnnPreProcessor(in(2, 3), 3, in(1, 2, 3))));
                    };
            boolean keepsRank = kind <= 3;
            int rank = kind == 3 || kind == 8 ? 4 : kind == 7 ? in(2, 3) : in(any);
            int above = keepsRank ? rank : kind == 4 ? 2 : in(any);
            int fitting = kind == 2 ? to - from + 1 : size;
            int nIn = keepsRank && random.nextInt(4) > 0 ? fitting : in(1, 2, 3, 4, 6, 9, 12);
            return new Case(
                    vertex + " over rank " + rank + " size " + size + " length " + length + " below rank " + above
                            + " nIn " + nIn,
                    () -> {
                        GraphBuilder graph = graph().addInputs("in")
                                .addLayer("layer", simple(rank, 3, size, Activation.TANH), "in")
                                .addVertex("vertex", vertex.clone(), "layer")
                                .addLayer("middle", simple(above, nIn, 3, Activation.TANH), "vertex");
                        if (above > 2) {
                            graph.addLayer("pool", new GlobalPoolingLayer.Builder().build(), "middle");
                        }
                        return built(graph.addLayer("out", mse(3), above > 2 ? "pool" : "middle")
                                .setOutputs("out"));
                    },
                    new long[][] {shape(rank, 3, length)},
                    new long[] {EXAMPLES, 2});
        }

        /** A layer of nIn inputs over a layer, or an input, of another size, in a list or a graph. */
        private Case layer() {
            int rank = in(2, 3, 3, 4);
            int size = in(1, 1, 2, 3, 5, 6);
            int nIn = in(1, 2, 3, 6, 12);
            boolean below = random.nextBoolean();
            boolean isGraph = random.nextBoolean();
            List<Layer> layers = new ArrayList<>();
            if (below) {
                layers.add(simple(rank, 3, size, activation()));
            }
            if (random.nextInt(3) == 0) {
                layers.add(new ActivationLayer(activation()));
            }
            if (rank == 4 && random.nextInt(3) == 0) {
                layers.add(new SubsamplingLayer.Builder()
                        .kernelSize(2, 2)
                        .stride(1, 1)
                        .build());
            }
            layers.add(
                    switch (rank) {
                        case 2 ->
                            one(
                                    new DenseLayer.Builder()
                                            .nIn(nIn)
                                            .nOut(4)
                                            .activation(activation())
                                            .build(),
                                    new DenseLayer.Builder()
                                            .nIn(nIn)
                                            .nOut(4)
                                            .hasLayerNorm(true)
                                            .build(),
                                    new ElementWiseMultiplicationLayer.Builder()
                                            .nIn(nIn)
                                            .nOut(nIn)
                                            .build(),
                                    new PReLULayer.Builder().inputShape(nIn).build(),
                                    new EmbeddingLayer.Builder()
                                            .nIn(nIn)
                                            .nOut(4)
                                            .build());
                        case 3 ->
                            one(
                                    new LSTM.Builder().nIn(nIn).nOut(4).build(),
                                    new LSTM.Builder().nIn(nIn).nOut(4).build(),
                                    new GravesLSTM.Builder().nIn(nIn).nOut(4).build(),
                                    new SimpleRnn.Builder().nIn(nIn).nOut(4).build(),
                                    new Bidirectional(
                                            Bidirectional.Mode.ADD,
                                            new LSTM.Builder().nIn(nIn).nOut(4).build()),
                                    new LastTimeStep(
                                            new LSTM.Builder().nIn(nIn).nOut(4).build()),
                                    new MaskZeroLayer(
                                            new LSTM.Builder().nIn(nIn).nOut(4).build(), 0),
                                    new TimeDistributed(new DenseLayer.Builder()
                                            .nIn(nIn)
                                            .nOut(4)
                                            .build()),
                                    new Convolution1DLayer.Builder(2)
                                            .nIn(nIn)
                                            .nOut(4)
                                            .build(),
                                    new EmbeddingSequenceLayer.Builder()
                                            .nIn(nIn)
                                            .nOut(4)
                                            .build());
                        default ->
                            one(
                                    new ConvolutionLayer.Builder(2, 2)
                                            .nIn(nIn)
                                            .nOut(4)
                                            .activation(activation())
                                            .build(),
                                    new PReLULayer.Builder()
                                            .inputShape(nIn, 3, 3)
                                            .build());
                    });
            Layer last = layers.get(layers.size() - 1);
            int width = last instanceof PReLULayer || last instanceof ElementWiseMultiplicationLayer ? nIn : 4;
            boolean flat = rank == 2 || last instanceof LastTimeStep;
            boolean everyStep = rank == 3 && !flat && random.nextBoolean();
            if (everyStep) {
                layers.add(new RnnOutputLayer.Builder(LossFunction.MSE)
                        .nIn(in(width, width, 1))
                        .nOut(2)
                        .activation(Activation.IDENTITY)
                        .build());
            } else {
                if (!flat) {
                    layers.add(new GlobalPoolingLayer.Builder().build());
                }
                layers.add(mse(in(width, width, width, 1)));
            }
            int length = in(1, 3, 4);
            return new Case(
                    (isGraph ? "graph " : "list ") + layers + " over size " + size,
                    () -> {
                        List<Layer> own = layers.stream().map(Layer::clone).toList();
                        if (isGraph) {
                            GraphBuilder graph = graph().addInputs("in");
                            for (int i = 0; i < own.size(); i++) {
                                graph.addLayer("layer" + i, own.get(i), i == 0 ? "in" : "layer" + (i - 1));
                            }
                            return built(graph.setOutputs("layer" + (own.size() - 1)));
                        }
                        var list = builder().list();
                        own.forEach(list::layer);
                        var network = new MultiLayerNetwork(list.build());
                        network.init();
                        return network;
                    },
                    new long[][] {shape(rank, below ? 3 : size, length)},
                    everyStep ? new long[] {EXAMPLES, 2, length} : new long[] {EXAMPLES, 2});
        }
    }

    /** Examples of very different sizes: what one reads of another shows. */
    private static INDArray values(DataType type, long[] shape, long seed) {
        var random = new Random(seed);
        INDArray array = Nd4j.create(type, shape, 'c');
        long each = array.length() / shape[0];
        INDArray rows = array.reshape('c', shape[0], each);
        for (int i = 0; i < shape[0]; i++) {
            for (int j = 0; j < each; j++) {
                rows.putScalar(i, j, (4 * random.nextDouble() - 2) * Math.pow(3, i));
            }
        }
        return array;
    }

    private static MultiDataSet data(DataType type, Case one) {
        var features = new INDArray[one.features().length];
        Arrays.setAll(features, i -> values(type, one.features()[i], 7 + i));
        if (one.name().equals("embedding")) {
            features[1] = Nd4j.ones(type, one.features()[1]);
        }
        return new MultiDataSet(features, new INDArray[] {values(type, one.labels(), 5)});
    }

    private static MultiDataSet without(MultiDataSet data, int example) {
        int[] keep = IntStream.range(0, EXAMPLES).filter(i -> i != example).toArray();
        var features = new INDArray[data.numFeatureArrays()];
        Arrays.setAll(features, i -> rows(data.getFeatures(i), keep));
        return new MultiDataSet(features, new INDArray[] {rows(data.getLabels(0), keep)});
    }

    private static INDArray rows(INDArray array, int[] keep) {
        long[] shape = array.shape().clone();
        INDArray rows = array.reshape('c', shape[0], array.length() / shape[0]).getRows(keep);
        shape[0] = keep.length;
        return rows.dup('c').reshape('c', shape);
    }

    /** The sum of clipped gradients of all examples, or the failure, of which nothing is charged. */
    @SuppressWarnings("ArrayRecordComponent") // never compared
    private record Outcome(double[] sum, @Nullable RuntimeException failure) {}

    private static Outcome train(Case one, MultiDataSet data) {
        Model network;
        try {
            network = one.network().get();
        } catch (RuntimeException e) {
            return new Outcome(new double[0], e);
        }
        var sums = new ArrayList<double[]>();
        DpSgdPlan plan = DpSgdPlan.poisson(EXAMPLES, EXAMPLES)
                .withSteps(1)
                .withClippingNorm(1)
                .withoutNoise()
                .withSeed(5)
                .withDelta(1e-5);
        PrivacyEngine engine;
        try {
            engine = PrivacyEngine.attach(network, plan);
        } catch (RuntimeException e) {
            return new Outcome(new double[0], e);
        }
        try (engine) {
            var listener = new BaseTrainingListener() {
                @Override
                public void onGradientCalculation(Model model) {
                    INDArray gradient = model instanceof MultiLayerNetwork list
                            ? list.getFlattenedGradients()
                            : ((ComputationGraph) model).getFlattenedGradients();
                    sums.add(gradient.castTo(DataType.DOUBLE)
                            .mul(EXAMPLES)
                            .reshape(gradient.length())
                            .toDoubleVector());
                }
            };
            try {
                if (network instanceof MultiLayerNetwork list) {
                    list.setListeners(listener);
                    list.fit(
                            engine.lots(new org.nd4j.linalg.dataset.DataSet(data.getFeatures(0), data.getLabels(0))),
                            1);
                } else {
                    ((ComputationGraph) network).setListeners(listener);
                    ((ComputationGraph) network).fit(engine.lots(data), 1);
                }
            } catch (RuntimeException e) {
                assertThat(engine.steps()).as("charged: %s, %s", one.name(), e).isZero();
                return new Outcome(new double[0], e);
            }
            assertThat(engine.steps()).isOne();
        }
        return new Outcome(sums.get(0), null);
    }

    private static double apart(double[] a, double[] b) {
        double sum = 0;
        for (int i = 0; i < a.length; i++) {
            sum += (a[i] - b[i]) * (a[i] - b[i]);
        }
        return Math.sqrt(sum);
    }

    /** Whether it trains: then within the bound. */
    private static boolean trainsWithinTheBound(DataType type, Case one) {
        MultiDataSet data = data(type, one);
        Outcome all = train(one, data);
        if (all.failure() != null) {
            return false;
        }
        for (int i : new int[] {0, 2, EXAMPLES - 1}) {
            Outcome less = train(one, without(data, i));
            assertThat(less.failure()).as(one.name()).isNull();
            assertThat(apart(all.sum(), less.sum()))
                    .as("C apart without example %d: %s, %s", i, type, one.name())
                    .isLessThanOrEqualTo(1 + 1e-4);
        }
        return true;
    }

    @ParameterizedTest
    @EnumSource(
            value = DataType.class,
            names = {"FLOAT", "DOUBLE"})
    void fit_shapesThatMeetAndDiffer_areRefusedUnchargedOrWithinTheBound(DataType type) {
        var cases = new Cases(type, 11);
        int trained = 0;
        for (int i = 0; i < cases(type); i++) {
            if (trainsWithinTheBound(type, cases.next())) {
                trained++;
            }
        }
        // Both happen, or nothing was looked at.
        assertThat(trained).isBetween(cases(type) / 10, cases(type) * 3 / 4);
    }

    /** What an auditor's attack was: a distance between a trained vector and a shorter input, which does not train. */
    @ParameterizedTest
    @EnumSource(
            value = DataType.class,
            names = {"FLOAT", "DOUBLE"})
    void fit_distanceOfVectorsOfDifferentSizes_isRefusedUncharged(DataType type) {
        for (int[] sizes : new int[][] {{1, 4}, {1, 16}, {1, 64}}) {
            Supplier<Model> network = () -> Cases.built(new NeuralNetConfiguration.Builder()
                    .dataType(type)
                    .updater(new Sgd(0.1))
                    .graphBuilder()
                    .addInputs("a", "b")
                    .addLayer("trained", Cases.simple(2, 3, sizes[1], Activation.TANH), "b")
                    .addVertex("distance", new L2Vertex(), "a", "trained")
                    .addLayer("out", Cases.mse(1), "distance")
                    .setOutputs("out"));
            var one = new Case(
                    "distance", network, new long[][] {{EXAMPLES, sizes[0]}, {EXAMPLES, 3}}, new long[] {EXAMPLES, 2});

            assertThat(train(one, data(type, one)).failure())
                    .isInstanceOf(IllegalStateException.class)
                    .hasMessageContaining("\"distance\" must have two inputs of the same shape");
        }
    }

    @ParameterizedTest
    @EnumSource(
            value = DataType.class,
            names = {"FLOAT", "DOUBLE"})
    void fit_seriesOfAnotherSizeThanTheLayersInputs_isRefusedUncharged(DataType type) {
        for (int size : new int[] {1, 2, 5}) {
            for (Layer layer : List.of(
                    new LSTM.Builder().nIn(4).nOut(3).build(),
                    new GravesLSTM.Builder().nIn(4).nOut(3).build(),
                    new SimpleRnn.Builder().nIn(4).nOut(3).build())) {
                var one = new Case(
                        layer + " over " + size,
                        () -> {
                            var network = new MultiLayerNetwork(new NeuralNetConfiguration.Builder()
                                    .dataType(type)
                                    .updater(new Sgd(0.1))
                                    .list()
                                    .layer(layer.clone())
                                    .layer(new GlobalPoolingLayer.Builder().build())
                                    .layer(Cases.mse(3))
                                    .build());
                            network.init();
                            return network;
                        },
                        new long[][] {{EXAMPLES, size, 5}},
                        new long[] {EXAMPLES, 2});

                assertThat(train(one, data(type, one)).failure())
                        .as(one.name())
                        .isInstanceOf(DL4JInvalidInputException.class)
                        .hasMessageContaining("nIn = 4");
            }
        }
    }

    /** Vertices of DL4J that hand on gradients of another shape than they were given, above every layer that has a fast path. */
    @ParameterizedTest
    @EnumSource(
            value = DataType.class,
            names = {"FLOAT", "DOUBLE"})
    void fit_gradientOfAnotherShapeThanTheOutput_isRefusedUncharged(DataType type) {
        var builder = new NeuralNetConfiguration.Builder().dataType(type).updater(new Sgd(0.1));
        var all = new ArrayList<Case>();
        // The helper takes images for square.
        for (Layer layer : List.of(
                Cases.simple(4, 2, 2, Activation.TANH),
                new ActivationLayer(Activation.TANH),
                new SubsamplingLayer.Builder().kernelSize(1, 1).stride(1, 1).build())) {
            all.add(new Case(
                    layer.toString(),
                    () -> Cases.built(builder.graphBuilder()
                            .addInputs("in")
                            .addLayer("trained", Cases.simple(4, 3, 2, Activation.TANH), "in")
                            .addLayer("layer", layer.clone(), "trained")
                            .addVertex("helper", new PoolHelperVertex(), "layer")
                            .addLayer("pool", new GlobalPoolingLayer.Builder().build(), "helper")
                            .addLayer("out", Cases.mse(2), "pool")
                            .setOutputs("out")),
                    new long[][] {{EXAMPLES, 3, 5, 3}},
                    new long[] {EXAMPLES, 2}));
        }
        // The distance hands on gradients of the longer vector.
        all.add(new Case(
                "dense",
                () -> Cases.built(builder.graphBuilder()
                        .addInputs("a", "b")
                        .addLayer("one", Cases.simple(2, 3, 1, Activation.TANH), "a")
                        .addLayer("four", Cases.simple(2, 3, 4, Activation.TANH), "b")
                        .addVertex("distance", new L2Vertex(), "one", "four")
                        .addLayer("out", Cases.mse(1), "distance")
                        .setOutputs("out")),
                new long[][] {{EXAMPLES, 3}, {EXAMPLES, 3}},
                new long[] {EXAMPLES, 2}));
        // Where both inputs are shorter than the difference, the second one gets a gradient of its shape.
        all.add(new Case(
                "LSTM",
                () -> Cases.built(builder.graphBuilder()
                        .addInputs("a", "b")
                        .addLayer("trained", Cases.simple(3, 3, 4, Activation.TANH), "b")
                        .addVertex("difference", new ElementWiseVertex(ElementWiseVertex.Op.Subtract), "a", "trained")
                        .addLayer("pool", new GlobalPoolingLayer.Builder().build(), "difference")
                        .addLayer("out", Cases.mse(4), "pool")
                        .setOutputs("out")),
                new long[][] {{EXAMPLES, 1, 5}, {EXAMPLES, 3, 1}},
                new long[] {EXAMPLES, 2}));
        // No layer compares the gradients of tokens: what is compared are outputs and gradients of vertices.
        all.add(new Case(
                "embedding",
                () -> Cases.built(builder.graphBuilder()
                        .addInputs("a", "tokens")
                        .addLayer(
                                "trained",
                                new EmbeddingSequenceLayer.Builder()
                                        .nIn(3)
                                        .nOut(1)
                                        .build(),
                                "tokens")
                        .addVertex("difference", new ElementWiseVertex(ElementWiseVertex.Op.Subtract), "a", "trained")
                        .addLayer("pool", new GlobalPoolingLayer.Builder().build(), "difference")
                        .addLayer("out", Cases.mse(4), "pool")
                        .setOutputs("out")),
                new long[][] {{EXAMPLES, 4, 1}, {EXAMPLES, 5}},
                new long[] {EXAMPLES, 2}));
        for (Case one : all) {
            assertThat(train(one, data(type, one)).failure())
                    .as(one.name())
                    .isInstanceOf(RuntimeException.class)
                    .hasMessageContaining("hape");
        }
    }

    @Test
    void fastPaths_gradientOfAnotherShape_isRefused() {
        var elements = new CpuElements(new ParallelRanges(1));
        INDArray output = Nd4j.ones(DataType.FLOAT, 6, 4);
        for (long[] shape : new long[][] {{6, 1}, {6, 16}, {1, 4}, {4, 6}, {6, 4, 1}}) {
            INDArray epsilon = Nd4j.ones(DataType.FLOAT, shape);

            assertThatThrownBy(() -> elements.multiplySlope(CpuActivation.TANH, epsilon, output, output.dup()))
                    .isInstanceOf(IllegalStateException.class)
                    .hasMessageContaining("must have the shape [6, 4]");
            assertThatThrownBy(() -> HostArrays.read(epsilon, 0, new float[200], (int) epsilon.length() + 1))
                    .isInstanceOf(IndexOutOfBoundsException.class);
        }
    }

    @Test
    void add_valuesOfAnotherShape_areRefused() {
        for (DataType type : new DataType[] {DataType.FLOAT, DataType.DOUBLE}) {
            INDArray sum = Nd4j.zeros(type, 3, 4);
            for (long[] shape : new long[][] {{1, 4}, {3, 1}, {1, 1}, {4, 3}, {4}}) {
                assertThatThrownBy(() -> Sums.add(sum, Nd4j.ones(DataType.DOUBLE, shape)))
                        .isInstanceOf(IllegalStateException.class)
                        .hasMessageContaining("must have the shape [3, 4]");
            }
            assertThat(sum.sumNumber().doubleValue()).isZero();
        }
    }
}
