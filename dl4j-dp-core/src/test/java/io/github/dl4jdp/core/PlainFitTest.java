// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import ch.qos.logback.classic.Logger;
import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.core.read.ListAppender;
import io.github.dl4jdp.core.internal.InputGuard;
import io.github.dl4jdp.core.internal.PlainTrainingGuard;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.File;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Random;
import java.util.Set;
import java.util.TreeMap;
import org.deeplearning4j.datasets.iterator.utilty.ListDataSetIterator;
import org.deeplearning4j.earlystopping.EarlyStoppingConfiguration;
import org.deeplearning4j.earlystopping.EarlyStoppingResult;
import org.deeplearning4j.earlystopping.scorecalc.DataSetLossCalculator;
import org.deeplearning4j.earlystopping.termination.MaxEpochsTerminationCondition;
import org.deeplearning4j.earlystopping.trainer.EarlyStoppingGraphTrainer;
import org.deeplearning4j.earlystopping.trainer.EarlyStoppingTrainer;
import org.deeplearning4j.nn.api.Model;
import org.deeplearning4j.nn.conf.InputPreProcessor;
import org.deeplearning4j.nn.conf.NeuralNetConfiguration;
import org.deeplearning4j.nn.conf.WorkspaceMode;
import org.deeplearning4j.nn.conf.constraint.MaxNormConstraint;
import org.deeplearning4j.nn.conf.layers.BaseLayer;
import org.deeplearning4j.nn.conf.layers.DenseLayer;
import org.deeplearning4j.nn.conf.layers.Layer;
import org.deeplearning4j.nn.conf.layers.OutputLayer;
import org.deeplearning4j.nn.conf.layers.misc.ElementWiseMultiplicationLayer;
import org.deeplearning4j.nn.conf.layers.misc.FrozenLayerWithBackprop;
import org.deeplearning4j.nn.conf.weightnoise.DropConnect;
import org.deeplearning4j.nn.conf.weightnoise.IWeightNoise;
import org.deeplearning4j.nn.graph.ComputationGraph;
import org.deeplearning4j.nn.multilayer.MultiLayerNetwork;
import org.deeplearning4j.nn.transferlearning.FineTuneConfiguration;
import org.deeplearning4j.nn.transferlearning.TransferLearning;
import org.deeplearning4j.nn.transferlearning.TransferLearningHelper;
import org.deeplearning4j.nn.weights.WeightInit;
import org.deeplearning4j.optimize.api.BaseTrainingListener;
import org.deeplearning4j.util.ModelSerializer;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.nd4j.linalg.activations.Activation;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.dataset.DataSet;
import org.nd4j.linalg.dataset.api.iterator.DataSetIterator;
import org.nd4j.linalg.learning.config.Adam;
import org.nd4j.linalg.learning.config.Sgd;
import org.nd4j.linalg.lossfunctions.LossFunctions.LossFunction;
import org.slf4j.LoggerFactory;

/** Plain {@code fit} of networks with layers that come from private training, whatever DL4J made of these. */
class PlainFitTest {
    private static final int EXAMPLES = 8;
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

    static OutputLayer head() {
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
        FROZEN_NEW_NOISE,
        FROZEN_NO_NOISE,
        FROZEN_ALL_NEW,
        FROZEN_TWICE,
        NEW_UPDATER_AND_CONSTRAINTS,
        WITH_BACKPROP
    }

    private static Model transferred(Model net, Transfer how) {
        return switch (how) {
            case FROZEN -> frozen(net, new FineTuneConfiguration.Builder().seed(3));
            case FROZEN_NEW_UPDATER -> frozen(net, new FineTuneConfiguration.Builder().updater(new Adam(0.01)));
            case FROZEN_NEW_NOISE -> frozen(net, new FineTuneConfiguration.Builder().weightNoise(new DropConnect(0.9)));
            case FROZEN_NO_NOISE -> frozen(net, new FineTuneConfiguration.Builder().weightNoise(null));
            case FROZEN_ALL_NEW ->
                frozen(
                        net,
                        new FineTuneConfiguration.Builder()
                                .activation(Activation.SIGMOID)
                                .constraints(null)
                                .updater(new Adam(0.01))
                                .weightNoise(null));
            case FROZEN_TWICE ->
                frozen(
                        frozen(net, new FineTuneConfiguration.Builder().updater(new Adam(0.01))),
                        new FineTuneConfiguration.Builder().updater(new Sgd(0.1)));
            case NEW_UPDATER_AND_CONSTRAINTS ->
                newHead(
                        net,
                        new FineTuneConfiguration.Builder()
                                .updater(new Sgd(0.1))
                                .constraints(List.of(new MaxNormConstraint(10, Set.of("none"), 1))),
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
        Model other = PlainFitBody.DENSE.network(false, null, WorkspaceMode.ENABLED);
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
        fit(other, PlainFitBody.DENSE.data());
    }

    @ParameterizedTest
    @EnumSource
    void fit_layersOfPrivateTrainingInAnotherNetwork_isRefusedOrAnnounced(PlainFitBody body) {
        int number = List.of(PlainFitBody.values()).indexOf(body);
        var random = new Random(number);
        int transfers = Transfer.values().length;
        int step = body.isSlow() ? 5 : 3; // odd, so that both kinds of networks come up
        for (int i = number % step; i < 2 * transfers; i += step) {
            boolean graph = i % 2 == 1;
            Transfer transfer = Transfer.values()[i / 2];
            if (transfer == Transfer.FROZEN_NEW_NOISE && body == PlainFitBody.WEIGHT_STANDARDIZED) {
                continue; // it refuses weight noise
            }
            State state = State.values()[(i + number) % State.values().length];
            Way way = Way.values()[(i / 2 + number) % Way.values().length];
            boolean runsOnlyAnew = transfer == Transfer.FROZEN_TWICE || (!graph && body.isWrapped());
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

    /** What docs/threat-model.md names: plain training of these is found when an engine is attached. */
    private static boolean isUnseen(PlainFitBody body, Transfer transfer) {
        return body.isAskedForNoise()
                && Set.of(Transfer.FROZEN_NEW_NOISE, Transfer.FROZEN_NO_NOISE, Transfer.FROZEN_ALL_NEW)
                        .contains(transfer);
    }

    /** What docs/threat-model.md names: after {@code detach()}, a SameDiff layer has its account in its constraints alone. */
    private static boolean isForgotten(PlainFitBody body, Transfer transfer) {
        return body.isSlow()
                && Set.of(Transfer.NEW_UPDATER_AND_CONSTRAINTS, Transfer.FROZEN_ALL_NEW)
                        .contains(transfer);
    }

    private void assertRefusedOrAnnounced(
            PlainFitBody body,
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
        if (by == Fit.EPOCHS) {
            fitAnotherBeside(net, data);
        }
        assertThat(warnings()).as(what).isEmpty();

        if (isUnseen(body, transfer)) {
            try {
                fit(by, net, data);
            } catch (RuntimeException e) { // a wrapper may keep the weight noise of what it wraps
                assertThat(body.isWrapped()).as(what).isTrue();
                return;
            }
            try (var engine = PrivacyEngine.attach(net, PLAN.withSteps(20).continuing())) {
                assertThat(engine.epsilon()).as(what).isInfinite();
            }
            return;
        }
        INDArray before = net.params().dup();
        if (state == State.DETACHED) {
            fit(by, net, data);
            if (!(transfer == Transfer.NEW_UPDATER_AND_CONSTRAINTS && body.isAskedForNoise())) {
                assertThat(warnings()).as(what).isNotEmpty().allMatch(line -> line.contains("WITHOUT PRIVACY"));
            }
            int announced = lines.list.size();
            fit(by, net, data);
            assertThat(lines.list).as(what).hasSize(announced);
            fit(by(Way.CLONE, net), data);
            assertThat(lines.list).as(what).hasSize(2 * announced);
            assertThat(net.params()).as(what).isNotEqualTo(before);
            if (isForgotten(body, transfer)) {
                return;
            }
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
            if (!(graph && body == PlainFitBody.DEPTHWISE)) { // whose weights DL4J mixes up when it copies them
                assertThat(epsilon).as(what).isFinite();
            }
            fit(net, engine.lots(data).next());
            assertThat(engine.epsilon()).as(what).isGreaterThanOrEqualTo(epsilon);
            use(by(Way.CLONE, net), data);
        }
        assertThat(warnings()).as(what).isEmpty();
    }

    @ParameterizedTest
    @CsvSource({"DENSE, false", "DENSE, true", "ELEMENT_WISE, false", "ELEMENT_WISE, true"})
    void featurize_bodyOfPrivateTraining_isAnnouncedOnceAndFitIsJudgedForItself(PlainFitBody body, boolean graph) {
        DataSet data = body.data();
        for (State state : State.values()) {
            lines.list.clear();
            Model net = transferred(
                    trained(body.network(graph, null, WorkspaceMode.ENABLED), data, state), Transfer.FROZEN);
            lines.list.clear();
            var helper = net instanceof MultiLayerNetwork layers
                    ? new TransferLearningHelper(layers)
                    : new TransferLearningHelper((ComputationGraph) net);
            helper.fitFeaturized(helper.featurize(data));
            helper.featurize(data);

            assertThat(warnings())
                    .as("%s", state)
                    .singleElement()
                    .asString()
                    .contains("private training, and a TransferLearningHelper computes")
                    .contains("WITHOUT PRIVACY");
            if (state == State.DETACHED) {
                fit(net, data);
                assertThat(warnings()).hasSize(2).last().asString().contains("now train");
            } else {
                assertThatThrownBy(() -> fit(net, data)).hasMessageContaining("PrivacyEngine.attach");
            }
        }
    }

    /** Its network has the private layers, each with its own guard. */
    @Test
    void fitFeaturized_privateLayersOfAGraphThatAreNotFrozen_isRefused() {
        DataSet data = PlainFitBody.DENSE.data();
        var graph = new ComputationGraph(new NeuralNetConfiguration.Builder()
                .seed(5)
                .updater(new Sgd(0.1))
                .graphBuilder()
                .addInputs("in")
                .addLayer("first", new DenseLayer.Builder().nIn(2).nOut(3).build(), "in")
                .addLayer(
                        "second",
                        new ElementWiseMultiplicationLayer.Builder()
                                .nIn(3)
                                .nOut(3)
                                .build(),
                        "first")
                .addLayer(
                        "out",
                        new OutputLayer.Builder()
                                .nIn(3)
                                .nOut(2)
                                .activation(Activation.SOFTMAX)
                                .build(),
                        "second")
                .setOutputs("out")
                .build());
        graph.init();
        trained(graph, data, State.CLOSED);
        ComputationGraph tuned = new TransferLearning.GraphBuilder(graph)
                .fineTuneConfiguration(new FineTuneConfiguration.Builder()
                        .updater(new Adam(0.01))
                        .constraints(null)
                        .weightNoise(new DropConnect(0.9)) // in the place of the output layer's guard
                        .build())
                .setFeatureExtractor("first")
                .build();
        var helper = new TransferLearningHelper(tuned);
        DataSet featurized = helper.featurize(data);
        INDArray before = helper.unfrozenGraph().params().dup();

        assertThatThrownBy(() -> helper.fitFeaturized(featurized)).hasMessageContaining("PrivacyEngine.attach");
        assertThat(helper.unfrozenGraph().params()).isEqualTo(before);
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void fit_bodyOfANetworkThatHasReleasedNothing_isPlain(boolean graph) {
        DataSet data = PlainFitBody.DENSE.data();
        Model source = PlainFitBody.DENSE.network(graph, null, WorkspaceMode.ENABLED);
        try (var engine = PrivacyEngine.attach(source, PLAN)) {
            assertThat(engine.steps()).isZero();
            fit(transferred(source, Transfer.FROZEN), data);
        }
        fit(transferred(source, Transfer.FROZEN), data);
        assertThat(warnings()).isEmpty();
    }

    @Test
    void forget_privateNetwork_leavesTheWeightNoiseAndPlainFit() {
        DataSet data = PlainFitBody.DENSE.data();
        var noise = new DropConnect(0.8);
        var net = (MultiLayerNetwork)
                trained(PlainFitBody.DENSE.network(false, noise, WorkspaceMode.ENABLED), data, State.CLOSED);
        MultiLayerNetwork copy = net.clone();
        PrivacyEngine.forget(copy, "a test of what is left");

        assertThat(PlainTrainingGuard.noiseOf(noisy(copy))).isEqualTo(noise);
        copy.fit(data);
        fit(transferred(copy, Transfer.FROZEN), data);
        assertThat(warnings()).isEmpty();
        assertThatThrownBy(() -> fit(transferred(net, Transfer.FROZEN), data))
                .hasMessageContaining("PrivacyEngine.attach");
    }

    @ParameterizedTest
    @EnumSource
    void fit_bodyThatWasForgotten_isPlain(PlainFitBody body) {
        for (boolean graph : new boolean[] {false, true}) {
            Model net = trained(body.network(graph, null, WorkspaceMode.ENABLED), body.data(), State.CLOSED);
            assertThat(configuration(net)).contains("PlainTrainingGuard", "AccountConstraint");
            PrivacyEngine.forget(net, "a test of what is left");

            // What was forgotten stays on record in the layers.
            assertThat(configuration(net)).doesNotContain("InputGuard");
            for (Transfer transfer : new Transfer[] {Transfer.FROZEN, Transfer.FROZEN_ALL_NEW}) {
                if (trainsInDl4j(
                        transferred(body.network(graph, null, WorkspaceMode.ENABLED), transfer), body.data())) {
                    fit(transferred(net, transfer), body.data());
                }
            }
            fit(net, body.data());
        }
        assertThat(warnings()).isEmpty();
    }

    /** DL4J gives what a frozen wrapper of a list wraps the wrapper's configuration, and fails in it. */
    private static boolean trainsInDl4j(Model net, DataSet data) {
        try {
            fit(net, data);
            return true;
        } catch (ClassCastException e) {
            return false;
        }
    }

    private static String configuration(Model net) {
        return net instanceof MultiLayerNetwork layers
                ? layers.getLayerWiseConfigurations().toJson()
                : ((ComputationGraph) net).getConfiguration().toJson();
    }

    /** A configuration with guards is read back as it was, and the network computes what it did. */
    @ParameterizedTest
    @EnumSource
    void attach_guards_changeNothingElse(PlainFitBody body) {
        for (boolean graph : new boolean[] {false, true}) {
            Model plain = body.network(graph, null, WorkspaceMode.ENABLED);
            Model net = trained(body.network(graph, null, WorkspaceMode.ENABLED), body.data(), State.CLOSED);
            plain.setParams(net.params());
            for (Way way : body.isSlow() ? List.of(Way.FILE) : List.of(Way.values())) {
                if (way == Way.CLONE && body == PlainFitBody.TIME_DISTRIBUTED) {
                    continue; // DL4J mixes up the configurations of wrappers
                }
                Model other = by(way, net);
                assertThat(output(other, body.data())).as("%s", way).isEqualTo(output(plain, body.data()));
                assertThat(configuration(other)).as("%s", way).contains("PlainTrainingGuard", "AccountConstraint");
                assertThat(configuration(other).contains("InputGuard"))
                        .as("%s", way)
                        .isEqualTo(!body.isAskedForNoise());
            }
        }
        assertThat(warnings()).isEmpty();
    }

    private static INDArray output(Model net, DataSet data) {
        return net instanceof MultiLayerNetwork layers
                ? layers.output(data.getFeatures())
                : ((ComputationGraph) net).output(data.getFeatures())[0];
    }

    /** DL4J adds preprocessors to a list of layers where none stands. */
    @ParameterizedTest
    @EnumSource(mode = EnumSource.Mode.EXCLUDE, names = "GRAVES_BIDIRECTIONAL_LSTM") // as docs/threat-model.md has it
    void transfer_privateList_hasThePreprocessorsOfAPlainOne(PlainFitBody body) {
        var plain = (MultiLayerNetwork) body.network(false, null, WorkspaceMode.ENABLED);
        var net = (MultiLayerNetwork)
                trained(body.network(false, null, WorkspaceMode.ENABLED), body.data(), State.CLOSED);
        for (int removed = 1; removed < net.getnLayers(); removed++) {
            assertThat(preProcessors(net, removed)).as("%d removed", removed).isEqualTo(preProcessors(plain, removed));
        }
    }

    private static String preProcessors(MultiLayerNetwork net, int removed) {
        var builder = new TransferLearning.Builder(net)
                .fineTuneConfiguration(
                        new FineTuneConfiguration.Builder().seed(3).build())
                .removeLayersFromOutput(removed)
                .addLayer(new DenseLayer.Builder()
                        .nIn(3)
                        .nOut(3)
                        .activation(Activation.TANH)
                        .weightInit(WeightInit.XAVIER)
                        .build())
                .addLayer(head(3));
        try {
            var all = new TreeMap<Integer, String>();
            builder.build().getLayerWiseConfigurations().getInputPreProcessors().forEach((index, one) -> {
                InputPreProcessor own = InputGuard.without(one);
                if (own != null) {
                    all.put(index, own.toString());
                }
            });
            return all.toString();
        } catch (RuntimeException e) {
            return String.valueOf(e.getMessage());
        }
    }

    private static BaseLayer noisy(MultiLayerNetwork net) {
        return (BaseLayer) net.getLayer(0).conf().getLayer();
    }

    @Test
    void exportForInference_privateNetwork_needsNoClassOfThisLibrary(@TempDir Path folder) throws IOException {
        DataSet data = PlainFitBody.DENSE.data();
        var net = (MultiLayerNetwork) PlainFitBody.DENSE.network(false, new DropConnect(0.8), WorkspaceMode.ENABLED);
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
        var net = (MultiLayerNetwork) PlainFitBody.DENSE.network(false, null, WorkspaceMode.ENABLED);
        try (var engine = PrivacyEngine.attach(net, PLAN)) {
            fit(net, engine.lots(PlainFitBody.DENSE.data()).next());

            var own = (BaseLayer) net.getLayerWiseConfigurations().getConf(0).getLayer();
            assertThat(own.getWeightNoise()).isInstanceOf(PlainTrainingGuard.class);
            assertThat(noisy(net).getWeightNoise()).isNull();
        }
    }
}
