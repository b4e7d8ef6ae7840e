// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import ch.qos.logback.classic.Logger;
import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.core.read.ListAppender;
import io.github.dl4jdp.core.internal.PlainTrainingGuard;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.File;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Random;
import java.util.Set;
import org.deeplearning4j.datasets.iterator.utilty.ListDataSetIterator;
import org.deeplearning4j.earlystopping.EarlyStoppingConfiguration;
import org.deeplearning4j.earlystopping.EarlyStoppingResult;
import org.deeplearning4j.earlystopping.scorecalc.DataSetLossCalculator;
import org.deeplearning4j.earlystopping.termination.MaxEpochsTerminationCondition;
import org.deeplearning4j.earlystopping.trainer.EarlyStoppingGraphTrainer;
import org.deeplearning4j.earlystopping.trainer.EarlyStoppingTrainer;
import org.deeplearning4j.nn.api.Model;
import org.deeplearning4j.nn.conf.NeuralNetConfiguration;
import org.deeplearning4j.nn.conf.WorkspaceMode;
import org.deeplearning4j.nn.conf.constraint.MaxNormConstraint;
import org.deeplearning4j.nn.conf.inputs.InputType;
import org.deeplearning4j.nn.conf.layers.BaseLayer;
import org.deeplearning4j.nn.conf.layers.ConvolutionLayer;
import org.deeplearning4j.nn.conf.layers.DenseLayer;
import org.deeplearning4j.nn.conf.layers.DepthwiseConvolution2D;
import org.deeplearning4j.nn.conf.layers.GlobalPoolingLayer;
import org.deeplearning4j.nn.conf.layers.GravesLSTM;
import org.deeplearning4j.nn.conf.layers.LSTM;
import org.deeplearning4j.nn.conf.layers.Layer;
import org.deeplearning4j.nn.conf.layers.OutputLayer;
import org.deeplearning4j.nn.conf.layers.misc.FrozenLayerWithBackprop;
import org.deeplearning4j.nn.conf.layers.recurrent.Bidirectional;
import org.deeplearning4j.nn.conf.layers.recurrent.SimpleRnn;
import org.deeplearning4j.nn.conf.layers.recurrent.TimeDistributed;
import org.deeplearning4j.nn.conf.weightnoise.DropConnect;
import org.deeplearning4j.nn.conf.weightnoise.IWeightNoise;
import org.deeplearning4j.nn.graph.ComputationGraph;
import org.deeplearning4j.nn.multilayer.MultiLayerNetwork;
import org.deeplearning4j.nn.transferlearning.FineTuneConfiguration;
import org.deeplearning4j.nn.transferlearning.TransferLearning;
import org.deeplearning4j.nn.transferlearning.TransferLearningHelper;
import org.deeplearning4j.optimize.api.BaseTrainingListener;
import org.deeplearning4j.util.ModelSerializer;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.nd4j.linalg.activations.Activation;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.dataset.DataSet;
import org.nd4j.linalg.dataset.api.iterator.DataSetIterator;
import org.nd4j.linalg.factory.Nd4j;
import org.nd4j.linalg.learning.config.Adam;
import org.nd4j.linalg.learning.config.Sgd;
import org.nd4j.linalg.lossfunctions.LossFunctions.LossFunction;
import org.slf4j.LoggerFactory;

/** Plain {@code fit} of networks with layers that come from private training, whatever DL4J made of these. */
class PlainFitTest {
    private static final int EXAMPLES = 8;
    private static final int STEPS = 3;
    private static final DpSgdPlan PLAN = DpSgdPlan.poisson(EXAMPLES, 4)
            .withSteps(2)
            .withClippingNorm(1)
            .withNoiseMultiplier(1)
            .withDelta(1e-5);

    private final ListAppender<ILoggingEvent> lines = new ListAppender<>();

    @BeforeEach
    void listen() {
        lines.start();
        logger().addAppender(lines);
    }

    @AfterEach
    void stopListening() {
        logger().detachAppender(lines);
    }

    private static Logger logger() {
        return (Logger) LoggerFactory.getLogger(PlainTrainingGuard.class);
    }

    /** The kinds of layers of a body: [8, 2] features, sequences [8, 2, 3] or images [8, 1, 4, 4]. */
    enum Body {
        DENSE(InputType.feedForward(2)) {
            @Override
            List<Layer> layers(@Nullable IWeightNoise noise) {
                return List.of(noisy(new DenseLayer.Builder().nOut(3).build(), noise));
            }
        },
        LSTM(InputType.recurrent(2, STEPS)) {
            @Override
            List<Layer> layers(@Nullable IWeightNoise noise) {
                return List.of(noisy(new LSTM.Builder().nOut(3).build(), noise), new GlobalPoolingLayer());
            }
        },
        GRAVES_LSTM(InputType.recurrent(2, STEPS)) {
            @Override
            @SuppressWarnings("deprecation")
            List<Layer> layers(@Nullable IWeightNoise noise) {
                return List.of(noisy(new GravesLSTM.Builder().nOut(3).build(), noise), new GlobalPoolingLayer());
            }
        },
        BIDIRECTIONAL(InputType.recurrent(2, STEPS)) {
            @Override
            List<Layer> layers(@Nullable IWeightNoise noise) {
                return List.of(
                        new Bidirectional(noisy(new SimpleRnn.Builder().nOut(3).build(), noise)),
                        new GlobalPoolingLayer());
            }
        },
        TIME_DISTRIBUTED(InputType.recurrent(2, STEPS)) {
            @Override
            List<Layer> layers(@Nullable IWeightNoise noise) {
                return List.of(
                        new TimeDistributed(
                                noisy(new DenseLayer.Builder().nIn(2).nOut(3).build(), noise)),
                        new GlobalPoolingLayer());
            }
        },
        CONVOLUTION(InputType.convolutional(4, 4, 1)) {
            @Override
            List<Layer> layers(@Nullable IWeightNoise noise) {
                return List.of(
                        noisy(new ConvolutionLayer.Builder(2, 2).nOut(3).build(), noise), new GlobalPoolingLayer());
            }
        },
        DEPTHWISE(InputType.convolutional(4, 4, 1)) {
            @Override
            List<Layer> layers(@Nullable IWeightNoise noise) {
                return List.of(
                        noisy(
                                new DepthwiseConvolution2D.Builder(2, 2)
                                        .depthMultiplier(3)
                                        .nOut(3)
                                        .build(),
                                noise),
                        new GlobalPoolingLayer());
            }
        };

        @SuppressWarnings("ImmutableEnumChecker") // that nothing changes
        private final InputType input;

        Body(InputType input) {
            this.input = input;
        }

        abstract List<Layer> layers(@Nullable IWeightNoise noise);

        private static <L extends BaseLayer> L noisy(L layer, @Nullable IWeightNoise noise) {
            layer.setWeightNoise(noise);
            return layer;
        }

        DataSet data() {
            INDArray features =
                    switch (input.getType()) {
                        case FF ->
                            Nd4j.linspace(DataType.FLOAT, -1, 0.1, 2L * EXAMPLES)
                                    .reshape(EXAMPLES, 2);
                        case RNN ->
                            Nd4j.linspace(DataType.FLOAT, -1, 0.05, 2L * STEPS * EXAMPLES)
                                    .reshape(EXAMPLES, 2, STEPS);
                        default ->
                            Nd4j.linspace(DataType.FLOAT, -1, 0.02, 16L * EXAMPLES)
                                    .reshape(EXAMPLES, 1, 4, 4);
                    };
            INDArray labels = Nd4j.create(DataType.FLOAT, EXAMPLES, 2);
            for (int i = 0; i < EXAMPLES; i++) {
                labels.putScalar(i, i % 2, 1);
            }
            return new DataSet(features, labels);
        }

        Model network(boolean graph, @Nullable IWeightNoise noise, WorkspaceMode workspaces) {
            var conf = new NeuralNetConfiguration.Builder()
                    .seed(5)
                    .activation(Activation.TANH)
                    .updater(new Sgd(0.1))
                    .trainingWorkspaceMode(workspaces)
                    .inferenceWorkspaceMode(workspaces);
            List<Layer> layers = layers(noise);
            if (!graph) {
                var list = conf.list();
                layers.forEach(list::layer);
                var net = new MultiLayerNetwork(
                        list.layer(head()).setInputType(input).build());
                net.init();
                return net;
            }
            var vertices = conf.graphBuilder().addInputs("in");
            String last = "in";
            for (int i = 0; i < layers.size(); i++) {
                vertices.addLayer("body" + i, layers.get(i), last);
                last = "body" + i;
            }
            var net = new ComputationGraph(vertices.addLayer("head", head(), last)
                    .setOutputs("head")
                    .setInputTypes(input)
                    .build());
            net.init();
            return net;
        }
    }

    private static OutputLayer head() {
        return new OutputLayer.Builder(LossFunction.MCXENT)
                .nOut(2)
                .activation(Activation.SOFTMAX)
                .build();
    }

    private static OutputLayer head(long inputs) {
        OutputLayer head = head();
        head.setNIn(inputs);
        head.setIUpdater(new Sgd(0.1));
        return head;
    }

    private static void fit(Model net, DataSet data) {
        if (net instanceof MultiLayerNetwork layers) {
            layers.fit(data);
        } else {
            ((ComputationGraph) net).fit(data);
        }
    }

    private static org.deeplearning4j.nn.api.Layer[] layers(Model net) {
        return net instanceof MultiLayerNetwork layers ? layers.getLayers() : ((ComputationGraph) net).getLayers();
    }

    /** How the body gets to another network. */
    enum Transfer {
        FROZEN,
        FROZEN_NEW_UPDATER,
        FROZEN_TWICE,
        NEW_UPDATER_AND_CONSTRAINTS,
        WITH_BACKPROP
    }

    private static Model transferred(Model net, Transfer how) {
        return switch (how) {
            case FROZEN -> frozen(net, new FineTuneConfiguration.Builder().seed(3));
            case FROZEN_NEW_UPDATER -> frozen(net, new FineTuneConfiguration.Builder().updater(new Adam(0.01)));
            case FROZEN_TWICE ->
                frozen(
                        frozen(net, new FineTuneConfiguration.Builder().updater(new Adam(0.01))),
                        new FineTuneConfiguration.Builder().updater(new Sgd(0.1)));
            case NEW_UPDATER_AND_CONSTRAINTS ->
                newHead(
                        net,
                        new FineTuneConfiguration.Builder()
                                .updater(new Sgd(0.1))
                                .constraints(List.of(new MaxNormConstraint(10, Set.of("W"), 1))),
                        false);
            case WITH_BACKPROP -> withBackprop(newHead(net, new FineTuneConfiguration.Builder().seed(3), true));
        };
    }

    private static Model frozen(Model net, FineTuneConfiguration.Builder tune) {
        return newHead(net, tune, true);
    }

    private static Model newHead(Model net, FineTuneConfiguration.Builder tune, boolean freeze) {
        int body = layers(net).length - 1;
        long inputs = ((OutputLayer) layers(net)[body].conf().getLayer()).getNIn();
        if (net instanceof MultiLayerNetwork layers) {
            var builder = new TransferLearning.Builder(layers).fineTuneConfiguration(tune.build());
            if (freeze) {
                builder.setFeatureExtractor(body - 1);
            }
            return builder.removeOutputLayer().addLayer(head(inputs)).build();
        }
        String last = "body" + (body - 1);
        var builder = new TransferLearning.GraphBuilder((ComputationGraph) net).fineTuneConfiguration(tune.build());
        if (freeze) {
            builder.setFeatureExtractor(last);
        }
        return builder.removeVertexKeepConnections("head")
                .addLayer("head", head(inputs), last)
                .build();
    }

    /** The frozen layers as ones that hand gradients on, set by hand in the configuration. */
    private static Model withBackprop(Model net) {
        if (net instanceof MultiLayerNetwork layers) {
            var conf = layers.getLayerWiseConfigurations().clone();
            conf.getConfs().forEach(one -> one.setLayer(withBackprop(one.getLayer())));
            var other = new MultiLayerNetwork(conf);
            other.init(layers.params().dup(), false);
            return other;
        }
        var conf = ((ComputationGraph) net).getConfiguration().clone();
        conf.getVertices().values().stream()
                .filter(org.deeplearning4j.nn.conf.graph.LayerVertex.class::isInstance)
                .map(one -> ((org.deeplearning4j.nn.conf.graph.LayerVertex) one).getLayerConf())
                .forEach(one -> one.setLayer(withBackprop(one.getLayer())));
        var other = new ComputationGraph(conf);
        other.init(net.params().dup(), false);
        return other;
    }

    private static Layer withBackprop(Layer conf) {
        if (!(conf instanceof org.deeplearning4j.nn.conf.layers.misc.FrozenLayer frozen)) {
            return conf;
        }
        var other = new FrozenLayerWithBackprop(frozen.getLayer());
        other.setLayerName(frozen.getLayerName());
        return other;
    }

    /** What becomes of the network before it is trained. */
    enum Way {
        AS_IT_IS,
        CLONE,
        FILE,
        FILE_WITHOUT_UPDATER,
        CONFIGURATION_AND_PARAMETERS
    }

    private static Model by(Way way, Model net) {
        return switch (way) {
            case AS_IT_IS -> net;
            case CLONE -> net instanceof MultiLayerNetwork layers ? layers.clone() : ((ComputationGraph) net).clone();
            case FILE -> restored(net, true);
            case FILE_WITHOUT_UPDATER -> restored(net, false);
            case CONFIGURATION_AND_PARAMETERS -> {
                if (net instanceof MultiLayerNetwork layers) {
                    var other = new MultiLayerNetwork(org.deeplearning4j.nn.conf.MultiLayerConfiguration.fromJson(
                            layers.getLayerWiseConfigurations().toJson()));
                    other.init();
                    other.setParams(net.params());
                    yield other;
                }
                var other = new ComputationGraph(org.deeplearning4j.nn.conf.ComputationGraphConfiguration.fromJson(
                        ((ComputationGraph) net).getConfiguration().toJson()));
                other.init();
                other.setParams(net.params());
                yield other;
            }
        };
    }

    private static Model restored(Model net, boolean withUpdater) {
        try {
            var bytes = new ByteArrayOutputStream();
            ModelSerializer.writeModel(net, bytes, withUpdater);
            var in = new ByteArrayInputStream(bytes.toByteArray());
            return net instanceof MultiLayerNetwork
                    ? ModelSerializer.restoreMultiLayerNetwork(in, withUpdater)
                    : ModelSerializer.restoreComputationGraph(in, withUpdater);
        } catch (IOException e) {
            throw new AssertionError(e);
        }
    }

    /** By what the network is trained. */
    enum Fit {
        BATCH,
        EPOCHS,
        EARLY_STOPPING
    }

    private static void fit(Fit by, Model net, DataSet data) {
        var batches = new ListDataSetIterator<>(data.asList(), EXAMPLES);
        switch (by) {
            case BATCH -> fit(net, data);
            case EPOCHS -> {
                if (net instanceof MultiLayerNetwork layers) {
                    layers.fit(batches, 2);
                } else {
                    ((ComputationGraph) net).fit(batches, 2);
                }
            }
            case EARLY_STOPPING -> {
                var result = net instanceof MultiLayerNetwork layers
                        ? new EarlyStoppingTrainer(oneEpoch(batches), layers, batches).fit()
                        : new EarlyStoppingGraphTrainer(oneEpoch(batches), (ComputationGraph) net, batches).fit();
                if (result.getTerminationReason() == EarlyStoppingResult.TerminationReason.Error) {
                    throw new IllegalStateException(result.getTerminationDetails());
                }
            }
        }
    }

    private static <M extends Model> EarlyStoppingConfiguration<M> oneEpoch(DataSetIterator validation) {
        return new EarlyStoppingConfiguration.Builder<M>()
                .scoreCalculator(new DataSetLossCalculator(validation, true))
                .epochTerminationConditions(new MaxEpochsTerminationCondition(1))
                .build();
    }

    /** In which state the private network is when it is transferred. */
    enum State {
        ATTACHED,
        CLOSED,
        DETACHED
    }

    private static Model trained(Model net, DataSet data, State state) {
        PrivacyEngine engine = PrivacyEngine.attach(net, PLAN);
        if (net instanceof MultiLayerNetwork layers) {
            layers.fit(engine.lots(data), 1);
        } else {
            ((ComputationGraph) net).fit(engine.lots(data), 1);
        }
        switch (state) {
            case ATTACHED -> {}
            case CLOSED -> engine.close();
            case DETACHED -> engine.detach();
        }
        return net;
    }

    private List<String> warnings() {
        return lines.list.stream().map(ILoggingEvent::getFormattedMessage).toList();
    }

    /** Everything that a network is used for but training. */
    private static void use(Model net, DataSet data) {
        if (net instanceof MultiLayerNetwork layers) {
            layers.output(data.getFeatures());
            layers.feedForward(data.getFeatures(), false);
            layers.score(data);
            layers.score(data, true);
            layers.scoreExamples(data, false);
            layers.evaluate(new ListDataSetIterator<>(data.asList(), 4));
            layers.setInput(data.getFeatures());
            layers.setLabels(data.getLabels());
            layers.computeGradientAndScore();
        } else {
            var graph = (ComputationGraph) net;
            graph.output(data.getFeatures());
            graph.feedForward(data.getFeatures(), false);
            graph.score(data);
            graph.score(data, true);
            graph.scoreExamples(data, false);
            graph.evaluate(new ListDataSetIterator<>(data.asList(), 4));
            graph.setInputs(data.getFeatures());
            graph.setLabels(data.getLabels());
            graph.computeGradientAndScore();
        }
    }

    private static void fitAnotherBeside(Model net, DataSet data) {
        Model other = Body.DENSE.network(false, null, WorkspaceMode.ENABLED);
        ((MultiLayerNetwork) other).setListeners(new BaseTrainingListener() {
            @Override
            public void onGradientCalculation(Model model) {
                use(net, data);
            }

            @Override
            public void iterationDone(Model model, int iteration, int epoch) {
                use(net, data);
            }
        });
        fit(other, Body.DENSE.data());
    }

    @ParameterizedTest
    @EnumSource
    void fit_layersOfPrivateTrainingInAnotherNetwork_isRefusedOrAnnounced(Body body) {
        int number = List.of(Body.values()).indexOf(body);
        var random = new Random(number);
        for (int i = 0; i < 30; i++) {
            boolean graph = i % 2 == 1;
            Transfer transfer = Transfer.values()[i / 2 % Transfer.values().length];
            State state = State.values()[(i / 10 + i / 2) % State.values().length];
            Way way = Way.values()[(i / 2 + i / 10 + number) % Way.values().length];
            boolean runsOnlyAnew = transfer == Transfer.FROZEN_TWICE || (!graph && body == Body.TIME_DISTRIBUTED);
            if (runsOnlyAnew && (way == Way.AS_IT_IS || way == Way.CLONE)) {
                way = Way.FILE; // DL4J mixes up the configurations of what it freezes twice, and of wrappers in lists
            }
            Fit by = Fit.values()[(i / 3 + number) % Fit.values().length];
            IWeightNoise noise = random.nextBoolean() ? null : new DropConnect(0.8);
            WorkspaceMode workspaces = random.nextInt(4) == 0 ? WorkspaceMode.NONE : WorkspaceMode.ENABLED;
            String what = body + (graph ? " graph " : " list ") + transfer + " " + state + " " + way + " " + by + " "
                    + (noise != null) + " " + workspaces;
            try {
                assertRefusedOrAnnounced(body, graph, transfer, state, way, by, noise, workspaces, what);
            } catch (RuntimeException e) {
                throw new AssertionError(what, e);
            }
        }
    }

    private void assertRefusedOrAnnounced(
            Body body,
            boolean graph,
            Transfer transfer,
            State state,
            Way way,
            Fit by,
            @Nullable IWeightNoise noise,
            WorkspaceMode workspaces,
            String what) {
        DataSet data = body.data();
        Model source = trained(body.network(graph, noise, workspaces), data, state);
        Model net = by(way, transferred(source, transfer));
        lines.list.clear();

        use(net, data);
        fitAnotherBeside(net, data);
        assertThat(warnings()).as(what).isEmpty();

        INDArray before = net.params().dup();
        if (state == State.DETACHED) {
            fit(by, net, data);
            if (transfer != Transfer.NEW_UPDATER_AND_CONSTRAINTS) {
                assertThat(warnings()).as(what).isNotEmpty().allMatch(line -> line.contains("WITHOUT PRIVACY"));
            }
            int announced = lines.list.size();
            fit(by, net, data);
            assertThat(lines.list).as(what).hasSize(announced);
            fit(by(Way.CLONE, net), data);
            assertThat(lines.list).as(what).hasSize(2 * announced);
            assertThat(net.params()).as(what).isNotEqualTo(before);
            try (var engine = PrivacyEngine.attach(net, PLAN.withSteps(20).continuing())) {
                assertThat(engine.epsilon()).as(what).isInfinite();
            }
            return;
        }
        for (int times = 0; times < 2; times++) {
            var refusal = assertThatThrownBy(() -> fit(by, net, data)).as(what);
            if (by != Fit.EARLY_STOPPING) { // whose trainer logs it, and fails for want of a model
                refusal.isInstanceOf(IllegalStateException.class).hasMessageContaining("PrivacyEngine.attach");
            }
            assertThat(net.params()).as(what).isEqualTo(before);
        }
        lines.list.clear();
        try (var engine = PrivacyEngine.attach(net, PLAN.withSteps(20).continuing())) {
            double epsilon = engine.epsilon();
            assertThat(epsilon).as(what).isPositive();
            if (!(graph && body == Body.DEPTHWISE)) { // whose weights DL4J mixes up when it copies them
                assertThat(epsilon).as(what).isFinite();
            }
            fit(net, engine.lots(data).next());
            assertThat(engine.epsilon()).as(what).isGreaterThanOrEqualTo(epsilon);
            use(by(Way.CLONE, net), data);
        }
        assertThat(warnings()).as(what).isEmpty();
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void featurize_bodyOfPrivateTraining_isAnnouncedOnce(boolean graph) {
        DataSet data = Body.DENSE.data();
        Model net = transferred(
                trained(Body.DENSE.network(graph, null, WorkspaceMode.ENABLED), data, State.CLOSED), Transfer.FROZEN);
        var helper = net instanceof MultiLayerNetwork layers
                ? new TransferLearningHelper(layers)
                : new TransferLearningHelper((ComputationGraph) net);
        helper.fitFeaturized(helper.featurize(data));
        helper.featurize(data);

        assertThat(warnings())
                .singleElement()
                .asString()
                .contains("comes from private training, and a TransferLearningHelper computes its output")
                .contains("WITHOUT PRIVACY");
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void fit_bodyOfANetworkThatHasReleasedNothing_isPlain(boolean graph) {
        DataSet data = Body.DENSE.data();
        Model source = Body.DENSE.network(graph, null, WorkspaceMode.ENABLED);
        try (var engine = PrivacyEngine.attach(source, PLAN)) {
            assertThat(engine.steps()).isZero();
            fit(transferred(source, Transfer.FROZEN), data);
        }
        fit(transferred(source, Transfer.FROZEN), data);
        assertThat(warnings()).isEmpty();
    }

    @Test
    void forget_privateNetwork_leavesTheWeightNoiseAndPlainFit() {
        DataSet data = Body.DENSE.data();
        var noise = new DropConnect(0.8);
        var net = (MultiLayerNetwork)
                trained(Body.DENSE.network(false, noise, WorkspaceMode.ENABLED), data, State.CLOSED);
        MultiLayerNetwork copy = net.clone();
        PrivacyEngine.forget(copy, "a test of what is left");

        assertThat(PlainTrainingGuard.noiseOf(noisy(copy))).isEqualTo(noise);
        copy.fit(data);
        fit(transferred(copy, Transfer.FROZEN), data);
        assertThat(warnings()).isEmpty();
        assertThatThrownBy(() -> fit(transferred(net, Transfer.FROZEN), data))
                .hasMessageContaining("PrivacyEngine.attach");
    }

    private static BaseLayer noisy(MultiLayerNetwork net) {
        return (BaseLayer) net.getLayer(0).conf().getLayer();
    }

    @Test
    void exportForInference_privateNetwork_needsNoClassOfThisLibrary(@TempDir Path folder) throws IOException {
        DataSet data = Body.DENSE.data();
        var net = (MultiLayerNetwork) Body.DENSE.network(false, new DropConnect(0.8), WorkspaceMode.ENABLED);
        File file = folder.resolve("exported.zip").toFile();
        try (var engine = PrivacyEngine.attach(net, PLAN)) {
            net.fit(engine.lots(data), 1);
            engine.exportForInference(file);
        }
        var exported = ModelSerializer.restoreMultiLayerNetwork(file, true);

        assertThat(exported.getLayerWiseConfigurations().toJson()).doesNotContain("io.github.dl4jdp");
        assertThat(noisy(exported).getWeightNoise()).isEqualTo(new DropConnect(0.8));
    }

    /** No guard slows a step down, or keeps a rule from its fast path. */
    @Test
    void attach_layers_runOnConfigurationsWithoutGuards() {
        var net = (MultiLayerNetwork) Body.DENSE.network(false, null, WorkspaceMode.ENABLED);
        try (var engine = PrivacyEngine.attach(net, PLAN)) {
            fit(net, engine.lots(Body.DENSE.data()).next());

            var own = (BaseLayer) net.getLayerWiseConfigurations().getConf(0).getLayer();
            assertThat(own.getWeightNoise()).isInstanceOf(PlainTrainingGuard.class);
            assertThat(noisy(net).getWeightNoise()).isNull();
        }
    }
}
