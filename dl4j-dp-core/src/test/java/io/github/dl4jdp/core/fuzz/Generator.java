// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core.fuzz;

import static io.github.dl4jdp.core.fuzz.Expression.call;
import static io.github.dl4jdp.core.fuzz.Expression.make;

import io.github.dl4jdp.core.fuzz.FuzzCase.Kind;
import io.github.dl4jdp.core.fuzz.FuzzCase.Run;
import io.github.dl4jdp.core.fuzz.FuzzNetwork.Node;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import java.util.Random;
import org.deeplearning4j.nn.conf.BackpropType;
import org.deeplearning4j.nn.conf.CNN2DFormat;
import org.deeplearning4j.nn.conf.NeuralNetConfiguration;
import org.deeplearning4j.nn.conf.RNNFormat;
import org.deeplearning4j.nn.conf.graph.ElementWiseVertex;
import org.deeplearning4j.nn.conf.graph.FrozenVertex;
import org.deeplearning4j.nn.conf.graph.GraphVertex;
import org.deeplearning4j.nn.conf.graph.L2NormalizeVertex;
import org.deeplearning4j.nn.conf.graph.L2Vertex;
import org.deeplearning4j.nn.conf.graph.MergeVertex;
import org.deeplearning4j.nn.conf.graph.PreprocessorVertex;
import org.deeplearning4j.nn.conf.graph.ReshapeVertex;
import org.deeplearning4j.nn.conf.graph.ScaleVertex;
import org.deeplearning4j.nn.conf.graph.ShiftVertex;
import org.deeplearning4j.nn.conf.graph.StackVertex;
import org.deeplearning4j.nn.conf.graph.SubsetVertex;
import org.deeplearning4j.nn.conf.graph.rnn.DuplicateToTimeSeriesVertex;
import org.deeplearning4j.nn.conf.graph.rnn.LastTimeStepVertex;
import org.deeplearning4j.nn.conf.graph.rnn.ReverseTimeSeriesVertex;
import org.deeplearning4j.nn.conf.inputs.InputType;
import org.deeplearning4j.nn.conf.inputs.InputType.InputTypeConvolutional;
import org.deeplearning4j.nn.conf.inputs.InputType.InputTypeConvolutional3D;
import org.deeplearning4j.nn.conf.inputs.InputType.InputTypeRecurrent;
import org.deeplearning4j.nn.conf.layers.Convolution3D;
import org.deeplearning4j.nn.conf.layers.ConvolutionLayer;
import org.deeplearning4j.nn.conf.layers.EmbeddingLayer;
import org.deeplearning4j.nn.conf.layers.EmbeddingSequenceLayer;
import org.deeplearning4j.nn.conf.layers.Layer;
import org.deeplearning4j.nn.conf.layers.objdetect.Yolo2OutputLayer;
import org.deeplearning4j.nn.conf.preprocessor.CnnToFeedForwardPreProcessor;
import org.deeplearning4j.nn.graph.ComputationGraph;
import org.deeplearning4j.nn.multilayer.MultiLayerNetwork;
import org.deeplearning4j.nn.weights.WeightInit;
import org.jspecify.annotations.Nullable;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;
import org.nd4j.linalg.learning.config.Sgd;

/** Draws cases: the same one for the same seed. */
final class Generator {
    private static final int VOCABULARY = 5;

    /** Two boxes of five numbers and two classes. */
    private static final int BOX_CHANNELS = 14;

    private final long seed;
    private final Random random;
    private final Parts parts;
    private final List<Node> nodes = new ArrayList<>();
    private final List<String> outputs = new ArrayList<>();
    private final List<Parts.Loss> losses = new ArrayList<>();
    private final List<Expression> inputTypes = new ArrayList<>();
    private final List<Boolean> tokens = new ArrayList<>();

    private record Tensor(String name, InputType type) {}

    private Generator(long seed) {
        this.seed = seed;
        this.random = new Random(seed * 0x9E3779B97F4A7C15L + 0x632BE59BD9B4E019L);
        this.parts = new Parts(random);
    }

    /** A case, or nothing where DL4J cannot build what was drawn. */
    static @Nullable FuzzCase draw(long seed) {
        return new Generator(seed).draw();
    }

    private boolean chance(double probability) {
        return parts.chance(probability);
    }

    private int from(int least, int most) {
        return parts.from(least, most);
    }

    private @Nullable FuzzCase draw() {
        boolean graph = chance(0.4);
        DataType type = chance(0.5) ? DataType.DOUBLE : DataType.FLOAT;
        Expression builder = make(NeuralNetConfiguration.Builder.class)
                .then("seed", from(1, 1000))
                .maybe("dataType", type)
                .then("updater", make(Sgd.class, 0.0));
        if (type == DataType.DOUBLE) {
            builder = new Expression(
                    builder.type(),
                    "",
                    builder.arguments(),
                    List.of(
                            builder.calls().get(0),
                            new Expression.Call("dataType", List.of(type), false),
                            builder.calls().get(2)));
        }
        if (chance(0.15)) {
            builder = builder.maybe(
                    "weightInit",
                    parts.one(
                            WeightInit.NORMAL, WeightInit.ONES, WeightInit.ZERO, WeightInit.UNIFORM, WeightInit.RELU));
        }
        if (chance(0.1)) {
            builder = builder.maybe("miniBatch", false);
        }
        if (chance(0.05)) {
            builder = builder.maybe("dropOut", parts.dropout());
        }
        var settings = new ArrayList<Expression.Call>();
        int segment = 0;
        int steps = from(2, 5);
        if (graph) {
            drawGraph(steps);
        } else {
            boolean truncated = chance(0.06);
            drawList(steps, truncated);
            if (truncated) {
                segment = from(1, 3);
                settings.add(new Expression.Call("backpropType", List.of(BackpropType.TruncatedBPTT), false));
                settings.add(new Expression.Call("tBPTTLength", List.of(segment), false));
            }
        }
        if (outputs.isEmpty()) {
            return null;
        }
        var network = new FuzzNetwork(graph, builder, inputTypes, nodes, outputs, settings);
        int examples = from(2, 9);
        Examples data = data(network, examples);
        if (data == null) {
            return null;
        }
        boolean plain = chance(0.75);
        if (!plain) {
            data = extreme(data);
        }
        int changed = random.nextInt(examples);
        boolean random = isRandom(network);
        Examples replacement = null;
        if (chance(0.5)) {
            Examples other = chance(0.25)
                    ? data.rows(0).map(values -> new Values(values.shape(), new double[values.numbers().length]))
                    : data(network, 1);
            replacement = other == null ? null : plain || chance(0.5) ? other : extreme(other);
        }
        Run run = run(segment, steps, segment == 0 && plain && padsAtTheEnd(data, steps) && chance(0.3));
        if (replacement == null && (random || run.copies() > 1)) {
            changed = examples - 1; // draws are by the number of an example: those of the others must stay
        }
        return new FuzzCase(seed, network, data, changed, replacement, plain, run);
    }

    /** Whether anything in it is drawn in training. */
    static boolean isRandom(FuzzNetwork network) {
        String code = network.code();
        return code.contains("Dropout")
                || code.contains("dropOut")
                || code.contains("weightNoise")
                || code.contains("RRELU")
                || code.contains("GaussianNoise");
    }

    /** Whether the sequences end where their masks do, so that the rest can be left out. */
    private boolean padsAtTheEnd(Examples data, int steps) {
        if (inputTypes.size() != 1
                || data.featuresMasks().get(0) == null
                || data.features().get(0).shape().length != 3
                || data.views() != 0) {
            return false;
        }
        return outputs.size() == 1
                && inputTypes.get(0).code().indexOf("NWC") < 0
                && ((data.labels().get(0).shape().length == 2
                                && data.labels().get(0).shape()[1] != steps)
                        || (data.labels().get(0).shape().length == 3
                                && data.labels().get(0).shape()[2] == steps
                                && Objects.equals(
                                        data.labelsMasks().get(0),
                                        data.featuresMasks().get(0))));
    }

    private Run run(int segment, int steps, boolean pads) {
        Kind kind = chance(0.7)
                ? Kind.FLAT
                : segment > 0 ? parts.one(Kind.PER_LAYER, Kind.AUTOMATIC) : parts.one(Kind.values());
        double norm = chance(0.4) ? 1e-3 : chance(0.3) ? Math.pow(10, from(-20, 20)) : parts.one(0.1, 1.0, 10.0);
        int[] batches = {1, 2, 3, 1000};
        return new Run(
                kind,
                norm,
                batches[random.nextInt(4)],
                batches[random.nextInt(4)],
                from(1, 2),
                chance(0.2),
                segment == 0 && !pads && !tokens.contains(true) && chance(0.08) ? from(2, 3) : 1,
                segment,
                segment > 0 || (pads && chance(0.6)) ? steps + from(0, 2) : 0,
                pads);
    }

    private Expression inputType(int steps) {
        return switch (random.nextInt(10)) {
            case 0, 1, 2 -> call(InputType.class, "feedForward", from(1, 5));
            case 3, 4, 5, 6 -> {
                boolean last = chance(0.25);
                yield last
                        ? call(InputType.class, "recurrent", (long) from(1, 4), (long) steps, RNNFormat.NWC)
                        : call(InputType.class, "recurrent", (long) from(1, 4), (long) steps);
            }
            case 7, 8 ->
                chance(0.3)
                        ? call(InputType.class, "convolutional", from(2, 6), from(2, 6), from(1, 3), CNN2DFormat.NHWC)
                        : call(InputType.class, "convolutional", from(2, 6), from(2, 6), from(1, 3));
            default ->
                call(
                        InputType.class,
                        "convolutional3D",
                        parts.one(Convolution3D.DataFormat.values()),
                        from(2, 3),
                        from(2, 4),
                        from(2, 3),
                        from(1, 2));
        };
    }

    /** A first input: its type, and with tokens the embedding on it. */
    private Tensor input(int steps, boolean sequence) {
        String name = FuzzNetwork.input(inputTypes.size());
        if (chance(0.1)) {
            boolean one = !sequence && chance(0.4);
            Expression type = one
                    ? call(InputType.class, "feedForward", VOCABULARY)
                    : call(InputType.class, "recurrent", (long) VOCABULARY, (long) steps);
            inputTypes.add(type);
            tokens.add(true);
            Expression embedding = one
                    ? make(EmbeddingLayer.Builder.class)
                            .then("nIn", VOCABULARY)
                            .then("nOut", from(1, 4))
                            .maybe("hasBias", true)
                            .then("build")
                    : make(EmbeddingSequenceLayer.Builder.class)
                            .then("nIn", VOCABULARY)
                            .then("nOut", from(1, 4))
                            .then("inputLength", steps)
                            .then("build");
            Tensor embedded = add(embedding, new Tensor(name, type.value(InputType.class)));
            return embedded == null ? new Tensor(name, type.value(InputType.class)) : embedded;
        }
        Expression type =
                sequence ? call(InputType.class, "recurrent", (long) from(1, 4), (long) steps) : inputType(steps);
        inputTypes.add(type);
        tokens.add(false);
        return new Tensor(name, type.value(InputType.class));
    }

    private void drawList(int steps, boolean truncated) {
        Tensor at = input(steps, truncated);
        int layers = from(0, 4);
        for (int i = 0; i < layers; i++) {
            at = grown(at, truncated);
        }
        finish(at);
    }

    private Tensor grown(Tensor at, boolean sequence) {
        for (int attempt = 0; attempt < 4; attempt++) {
            boolean frozen = !sequence && chance(0.1);
            Tensor next = add(frozen ? parts.frozen(at.type()) : parts.layer(at.type()), at);
            if (next != null && sequence && next.type().getType() != InputType.Type.RNN) {
                nodes.remove(nodes.size() - 1);
                next = null;
            }
            if (next != null) {
                if (next.type().getType() == InputType.Type.RNN
                        && nodes.get(nodes.size() - 1).part().name().equals("PrimaryCapsules")) {
                    Tensor capsules = add(parts.capsules(), next);
                    Tensor strength = capsules == null ? null : add(parts.capsuleStrength(), capsules);
                    return strength == null ? next : strength;
                }
                return next;
            }
        }
        return at;
    }

    private void finish(Tensor at) {
        if (at.type() instanceof InputTypeConvolutional && chance(0.15)) {
            Tensor boxes = add(
                    make(ConvolutionLayer.Builder.class, new int[] {1, 1})
                            .then("nOut", BOX_CHANNELS)
                            .then("build"),
                    at);
            Tensor last = boxes == null
                    ? null
                    : add(
                            make(Yolo2OutputLayer.Builder.class)
                                    .then("boundingBoxPriors", call(Nd4j.class, "ones", 2, 2))
                                    .then("build"),
                            boxes);
            if (last != null) {
                outputs.add(last.name());
                losses.add(new Parts.Loss("", "", "boxes"));
                return;
            }
        }
        for (int attempt = 0; attempt < 4; attempt++) {
            Tensor on = at;
            if ((at.type().getType() == InputType.Type.CNN3D || at.type().getType() == InputType.Type.CNN)
                    && chance(0.5)) {
                Tensor flat = add(parts.layer(InputType.feedForward(1)), at);
                on = flat == null ? at : flat;
            }
            Parts.Output output = parts.output(on.type());
            Tensor last = add(output.layer(), on);
            if (last != null) {
                outputs.add(last.name());
                losses.add(output.loss());
                return;
            }
        }
    }

    /** Adds a part on these inputs, if DL4J can say what comes out of it. */
    private @Nullable Tensor add(Expression part, Tensor... on) {
        try {
            InputType type;
            if (FuzzNetwork.isVertex(part)) {
                type = part.value(GraphVertex.class)
                        .getOutputType(0, Arrays.stream(on).map(Tensor::type).toArray(InputType[]::new));
            } else {
                Layer layer = part.value(Layer.class);
                InputType in = on[0].type();
                var preProcessor = layer.getPreProcessorForInputType(in);
                if (preProcessor != null) {
                    in = preProcessor.getOutputType(in);
                }
                layer.setNIn(in, true);
                type = layer.getOutputType(0, in);
                if (in instanceof InputTypeRecurrent sequence && part.code().contains("GlobalPoolingLayer")) {
                    // DL4J declares a sequence, makes vectors, and damages memory in SameDiff layers that believe it.
                    type = InputType.feedForward(sequence.getSize());
                }
            }
            if (type == null || type.arrayElementsPerExample() < 1 || type.arrayElementsPerExample() > 600) {
                return null;
            }
            String name = "n" + nodes.size();
            nodes.add(new Node(name, part, Arrays.stream(on).map(Tensor::name).toList()));
            return new Tensor(name, type);
        } catch (RuntimeException e) {
            return null;
        }
    }

    private void drawGraph(int steps) {
        var open = new ArrayList<Tensor>();
        int inputs = chance(0.6) ? 1 : from(2, 3);
        for (int i = 0; i < inputs; i++) {
            open.add(input(steps, false));
        }
        int size = from(1, 6);
        for (int i = 0; i < size; i++) {
            Tensor tensor = open.get(random.nextInt(open.size()));
            Tensor next;
            if (chance(0.4)) {
                next = vertex(open, tensor);
            } else {
                next = grown(tensor, false);
            }
            if (next == null || next.equals(tensor)) {
                continue;
            }
            if (chance(0.6)) {
                open.remove(tensor);
            }
            open.add(next);
        }
        // What is left over gets an output of its own.
        for (Tensor tensor : open) {
            boolean used = nodes.stream().anyMatch(node -> node.inputs().contains(tensor.name()));
            if (!used) {
                finish(tensor);
            }
        }
        var kept = FuzzNetwork.leading(nodes, outputs);
        nodes.clear();
        nodes.addAll(kept);
    }

    private @Nullable Tensor vertex(List<Tensor> open, Tensor tensor) {
        InputType type = tensor.type();
        Tensor other = open.get(random.nextInt(open.size()));
        Tensor second = other.equals(tensor) ? grown(tensor, false) : other;
        int features =
                switch (type.getType()) {
                    case FF -> (int) ((InputType.InputTypeFeedForward) type).getSize();
                    case RNN -> (int) ((InputTypeRecurrent) type).getSize();
                    case CNN -> (int) ((InputTypeConvolutional) type).getChannels();
                    case CNN3D -> (int) ((InputTypeConvolutional3D) type).getChannels();
                    default -> 1;
                };
        switch (random.nextInt(14)) {
            case 0, 1 -> {
                return add(make(MergeVertex.class), tensor, second);
            }
            case 2, 3 -> {
                if (type.equals(second.type())) {
                    return add(make(ElementWiseVertex.class, parts.one(ElementWiseVertex.Op.values())), tensor, second);
                }
            }
            case 4 -> {
                return add(make(SubsetVertex.class, 0, Math.max(0, features - 2)), tensor);
            }
            case 5 -> {
                Expression scale = make(ScaleVertex.class, parts.one(-0.5, 2.0));
                return add(chance(0.2) ? make(FrozenVertex.class, scale) : scale, tensor);
            }
            case 6 -> {
                return add(make(ShiftVertex.class, 0.5), tensor);
            }
            case 7 -> {
                return add(make(L2NormalizeVertex.class), tensor);
            }
            case 8 -> {
                if (type.equals(second.type())) {
                    return add(make(L2Vertex.class), tensor, second);
                }
            }
            case 9 -> {
                if (type.getType() == InputType.Type.FF && features % 2 == 0) {
                    return add(make(ReshapeVertex.class, new int[] {-1, features / 2, 2}), tensor);
                }
            }
            case 10 -> {
                String root = rootOf(tensor);
                if (type instanceof InputTypeRecurrent && root != null) {
                    return add(make(LastTimeStepVertex.class, root), tensor);
                }
            }
            case 11 -> {
                String root = rootOf(tensor);
                if (type instanceof InputTypeRecurrent && root != null) {
                    return add(
                            chance(0.5)
                                    ? make(ReverseTimeSeriesVertex.class, root)
                                    : make(ReverseTimeSeriesVertex.class),
                            tensor);
                }
            }
            case 12 -> {
                return repeatedOrFlat(tensor);
            }
            default -> {
                if (chance(0.2)) {
                    return add(make(StackVertex.class), tensor, second);
                }
            }
        }
        return null;
    }

    /** A vector in every time step of an input, or a picture as a vector. */
    private @Nullable Tensor repeatedOrFlat(Tensor tensor) {
        for (int i = 0; i < inputTypes.size(); i++) {
            if (inputTypes.get(i).value() instanceof InputTypeRecurrent
                    && tensor.type().getType() == InputType.Type.FF) {
                return add(make(DuplicateToTimeSeriesVertex.class, FuzzNetwork.input(i)), tensor);
            }
        }
        if (tensor.type() instanceof InputTypeConvolutional image) {
            Expression flat =
                    make(CnnToFeedForwardPreProcessor.class, image.getHeight(), image.getWidth(), image.getChannels());
            return add(make(PreprocessorVertex.class, flat), tensor);
        }
        return null;
    }

    /** A sequence input from which it comes by layers that keep the time steps. */
    private @Nullable String rootOf(Tensor tensor) {
        String name = tensor.name();
        while (!name.startsWith("in")) {
            String current = name;
            Node node = nodes.stream()
                    .filter(one -> one.name().equals(current))
                    .findFirst()
                    .orElseThrow();
            name = node.inputs().get(0);
        }
        int index = Integer.parseInt(name.substring(2));
        return inputTypes.get(index).value() instanceof InputTypeRecurrent ? name : null;
    }

    private @Nullable Examples data(FuzzNetwork network, int examples) {
        var features = new ArrayList<Values>();
        List<@Nullable Values> featuresMasks = new ArrayList<>();
        boolean masked = chance(0.4);
        boolean labelsMasked = chance(0.25);
        for (int i = 0; i < inputTypes.size(); i++) {
            InputType type = inputTypes.get(i).value(InputType.class);
            long[] shape = type.getShape(true);
            if (tokens.get(i)) {
                shape = type instanceof InputTypeRecurrent recurrent ? chanceOfSequence(recurrent) : new long[] {-1, 1};
            }
            shape = shape.clone();
            shape[0] = examples;
            features.add(tokens.get(i) ? whole(shape, VOCABULARY) : normal(shape, 1));
            featuresMasks.add(masked ? featuresMask(type, examples) : null);
        }
        var labels = new ArrayList<Values>();
        List<@Nullable Values> labelsMasks = new ArrayList<>();
        List<long[]> shapes;
        try {
            shapes = outputShapes(network, features);
        } catch (RuntimeException e) {
            return null;
        }
        for (int i = 0; i < outputs.size(); i++) {
            long[] shape = shapes.get(i);
            labels.add(labels(shape, losses.get(i).labels(), channelAxis(i, shape)));
            boolean own = masked
                    && labels.get(i).shape().length == 3
                    && featuresMasks.get(0) != null
                    && featuresMasks.get(0).shape().length == 2
                    && chance(0.7);
            labelsMasks.add(
                    labelsMasked
                            ? labelsMask(labels.get(i).shape(), channelAxis(i, shape))
                            : own
                                            && timeSteps(labels.get(i).shape(), channelAxis(i, shape))
                                                    == featuresMasks.get(0).shape()[1]
                                    ? featuresMasks.get(0)
                                    : null);
        }
        return new Examples(features, labels, featuresMasks, labelsMasks, chance(0.2) ? from(1, 3) : 0);
    }

    private long[] chanceOfSequence(InputTypeRecurrent type) {
        return new long[] {-1, type.getTimeSeriesLength()};
    }

    private static long timeSteps(long[] shape, int channelAxis) {
        return shape[channelAxis == 1 ? 2 : 1];
    }

    private int channelAxis(int output, long[] shape) {
        Node node = nodes.stream()
                .filter(one -> one.name().equals(outputs.get(output)))
                .findFirst()
                .orElseThrow();
        String code = node.part().code();
        return code.contains("NWC") || code.contains("NHWC") || code.contains("NDHWC") ? shape.length - 1 : 1;
    }

    /** The shapes of what comes out of the network. */
    static List<long[]> outputShapes(FuzzNetwork network, List<Values> features) {
        var model = network.build();
        DataType type = model.params() == null || model.params().isEmpty()
                ? DataType.FLOAT
                : model.params().dataType();
        INDArray[] in = features.stream().map(values -> values.array(type)).toArray(INDArray[]::new);
        INDArray[] out = model instanceof ComputationGraph graph
                ? graph.output(in)
                : new INDArray[] {((MultiLayerNetwork) model).output(in[0])};
        return Arrays.stream(out).map(INDArray::shape).toList();
    }

    private Values normal(long[] shape, double scale) {
        return filled(shape, () -> scale * random.nextGaussian());
    }

    private Values whole(long[] shape, int bound) {
        return filled(shape, () -> random.nextInt(bound));
    }

    private static Values filled(long[] shape, java.util.function.DoubleSupplier number) {
        double[] numbers = new double[(int) Arrays.stream(shape).reduce(1, (a, b) -> a * b)];
        Arrays.setAll(numbers, i -> number.getAsDouble());
        return new Values(shape, numbers);
    }

    private Values labels(long[] shape, String kind, int axis) {
        return switch (kind) {
            case "classes" -> {
                Values labels = filled(shape, () -> 0);
                int inner = 1;
                for (int d = axis + 1; d < shape.length; d++) {
                    inner *= (int) shape[d];
                }
                int classes = (int) shape[axis];
                for (int outer = 0; outer < labels.numbers().length / (inner * classes); outer++) {
                    for (int i = 0; i < inner; i++) {
                        labels.numbers()[outer * inner * classes + random.nextInt(classes) * inner + i] = 1;
                    }
                }
                yield labels;
            }
            case "boxes" -> boxes(shape, axis);
            case "binary" -> whole(shape, 2);
            case "signs" -> filled(shape, () -> random.nextBoolean() ? 1 : -1);
            case "positive" -> filled(shape, () -> 0.1 + 2 * random.nextDouble());
            case "index" -> {
                long[] one = shape.clone();
                one[axis] = 1;
                yield whole(one, (int) shape[axis]);
            }
            case "mixture" -> {
                long[] one = shape.clone();
                one[axis] = Math.max(1, shape[axis] - 2);
                yield normal(one, 1);
            }
            default -> normal(shape, 1);
        };
    }

    /** Four corners and two classes; an object in every second example or so. */
    private Values boxes(long[] shape, int axis) {
        long[] own = shape.clone();
        own[axis] = 6;
        Values boxes = filled(own, () -> 0);
        int height = (int) (axis == 1 ? own[2] : own[1]);
        int width = (int) (axis == 1 ? own[3] : own[2]);
        for (int i = 0; i < own[0]; i++) {
            int y = random.nextInt(height);
            int x = random.nextInt(width);
            double[] cell = {x + 0.1, y + 0.2, x + 0.8, y + 0.7, random.nextInt(2), 0};
            cell[5] = 1 - cell[4];
            for (int c = 0; c < cell.length && random.nextInt(6) > 0; c++) {
                int at = axis == 1 ? ((i * 6 + c) * height + y) * width + x : ((i * height + y) * width + x) * 6 + c;
                boxes.numbers()[at] = cell[c];
            }
        }
        return boxes;
    }

    private @Nullable Values featuresMask(InputType type, int examples) {
        return switch (type.getType()) {
            case RNN -> mask(new long[] {examples, ((InputTypeRecurrent) type).getTimeSeriesLength()}, true);
            case CNN -> {
                var image = (InputTypeConvolutional) type;
                yield chance(0.3)
                        ? mask(new long[] {examples, 1, image.getHeight(), chance(0.5) ? 1 : image.getWidth()}, false)
                        : null;
            }
            case FF -> chance(0.1) ? mask(new long[] {examples, 1}, false) : null;
            default -> null;
        };
    }

    private @Nullable Values labelsMask(long[] shape, int axis) {
        if (shape.length == 3) {
            return chance(0.75) ? mask(new long[] {shape[0], timeSteps(shape, axis)}, true) : mask(shape, false);
        }
        if (shape.length == 2) {
            return mask(chance(0.5) ? new long[] {shape[0], 1} : shape, false);
        }
        if (shape.length == 4) {
            long[] one = shape.clone();
            one[axis] = 1;
            return mask(chance(0.6) ? one : shape, false);
        }
        return mask(shape, false);
    }

    private Values mask(long[] shape, boolean sequences) {
        int kind = random.nextInt(sequences ? 6 : 4);
        Values mask = filled(
                shape,
                switch (kind) {
                    case 0 -> () -> random.nextInt(2);
                    case 1 -> () -> chance(0.3) ? 0 : Math.round(random.nextDouble() * 8) / 8.0;
                    case 2 -> () -> 1;
                    default -> () -> random.nextInt(4) == 0 ? 0 : 1;
                });
        int width = mask.numbers().length / (int) shape[0];
        if (sequences && kind > 2) {
            for (int i = 0; i < shape[0]; i++) {
                int length = from(1, width);
                for (int t = 0; t < width; t++) {
                    mask.numbers()[i * width + t] = (kind == 5 ? width - 1 - t : t) < length ? 1 : 0;
                }
            }
        }
        if (chance(0.15)) {
            int row = random.nextInt((int) shape[0]);
            Arrays.fill(mask.numbers(), row * width, (row + 1) * width, 0);
        }
        return mask;
    }

    /** Numbers that no one hopes for in some examples. */
    private Examples extreme(Examples data) {
        int kind = random.nextInt(6);
        double scale = Math.pow(10, from(-38, 38));
        double other = Math.pow(10, from(-38, 38));
        int row = chance(0.4) ? -1 : random.nextInt(data.size());
        double odd = parts.one(Double.NaN, Double.POSITIVE_INFINITY, Double.NEGATIVE_INFINITY, 3e38, -1e-40, 1e-38);
        var features = new ArrayList<Values>();
        for (int i = 0; i < data.features().size(); i++) {
            features.add(
                    tokens.get(i)
                            ? data.features().get(i)
                            : extreme(data.features().get(i), kind, row, scale, odd, false));
        }
        var labels = new ArrayList<Values>();
        for (int i = 0; i < data.labels().size(); i++) {
            labels.add(
                    losses.get(i).labels().equals("index")
                            ? data.labels().get(i)
                            : extreme(
                                    data.labels().get(i),
                                    kind == 0 ? 5 : kind,
                                    row,
                                    kind == 4 ? scale : other,
                                    odd,
                                    true));
        }
        return new Examples(features, labels, data.featuresMasks(), data.labelsMasks(), data.views());
    }

    private Values extreme(Values values, int kind, int row, double scale, double odd, boolean labels) {
        double[] numbers = values.numbers().clone();
        int width = numbers.length / values.examples();
        int steps = (int) values.shape()[values.shape().length - 1];
        for (int i = 0; i < numbers.length; i++) {
            if (row >= 0 && i / width != row) {
                continue;
            }
            switch (kind) {
                case 0, 1 -> numbers[i] *= scale;
                case 2 -> {
                    if (random.nextInt(4) == 0) {
                        numbers[i] = odd;
                    }
                }
                // A sequence whose terms cancel.
                case 3 -> numbers[i] = labels ? (i % steps % 2 == 0 ? 1 : -1) * 1e20 : scale;
                case 4 -> numbers[i] *= Math.pow(10, from(-38, 38));
                default -> {}
            }
        }
        return new Values(values.shape(), numbers);
    }
}
