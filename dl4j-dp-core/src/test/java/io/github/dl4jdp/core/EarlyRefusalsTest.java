// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.dl4jdp.core.internal.check.Dl4jVersion;
import io.github.dl4jdp.core.internal.network.DpNetwork;
import io.github.dl4jdp.core.mechanism.NoiseSchedule;
import java.io.IOException;
import java.net.URL;
import java.net.URLClassLoader;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.deeplearning4j.nn.api.Model;
import org.deeplearning4j.nn.api.OptimizationAlgorithm;
import org.deeplearning4j.nn.api.layers.LayerConstraint;
import org.deeplearning4j.nn.conf.BackpropType;
import org.deeplearning4j.nn.conf.NeuralNetConfiguration;
import org.deeplearning4j.nn.conf.RNNFormat;
import org.deeplearning4j.nn.conf.Updater;
import org.deeplearning4j.nn.conf.constraint.MaxNormConstraint;
import org.deeplearning4j.nn.conf.constraint.MinMaxNormConstraint;
import org.deeplearning4j.nn.conf.constraint.NonNegativeConstraint;
import org.deeplearning4j.nn.conf.constraint.UnitNormConstraint;
import org.deeplearning4j.nn.conf.inputs.InputType;
import org.deeplearning4j.nn.conf.layers.DenseLayer;
import org.deeplearning4j.nn.conf.layers.FeedForwardLayer;
import org.deeplearning4j.nn.conf.layers.GlobalPoolingLayer;
import org.deeplearning4j.nn.conf.layers.LSTM;
import org.deeplearning4j.nn.conf.layers.Layer;
import org.deeplearning4j.nn.conf.layers.OutputLayer;
import org.deeplearning4j.nn.conf.layers.PoolingType;
import org.deeplearning4j.nn.conf.layers.RnnOutputLayer;
import org.deeplearning4j.nn.conf.layers.misc.FrozenLayer;
import org.deeplearning4j.nn.conf.layers.misc.FrozenLayerWithBackprop;
import org.deeplearning4j.nn.conf.layers.recurrent.Bidirectional;
import org.deeplearning4j.nn.conf.layers.recurrent.LastTimeStep;
import org.deeplearning4j.nn.conf.layers.recurrent.SimpleRnn;
import org.deeplearning4j.nn.graph.ComputationGraph;
import org.deeplearning4j.nn.multilayer.MultiLayerNetwork;
import org.deeplearning4j.optimize.solvers.accumulation.BasicGradientsAccumulator;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.nd4j.linalg.activations.Activation;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.dataset.DataSet;
import org.nd4j.linalg.factory.Nd4j;
import org.nd4j.linalg.learning.config.AdaBelief;
import org.nd4j.linalg.learning.config.IUpdater;
import org.nd4j.linalg.learning.config.Sgd;
import org.nd4j.linalg.lossfunctions.LossFunctions.LossFunction;
import org.nd4j.linalg.schedule.ISchedule;

/** What cannot train is refused before the first charge, at attach where it can be known there; what can, trains. */
class EarlyRefusalsTest {
    @TempDir
    @SuppressWarnings("NullAway.Init") // JUnit sets it
    private Path folder;

    private static DpSgdPlan plan(int examples, int lotSize) {
        return DpSgdPlan.poisson(examples, lotSize)
                .withSteps(3)
                .withClippingNorm(1)
                .withNoiseMultiplier(1)
                .withDelta(1e-5);
    }

    @ParameterizedTest
    @EnumSource
    void attach_noiseThatCannotBeDrawn_isRefusedAndNothingChanges(NetworkKind kind) {
        Model network = kind.classifier(DataType.FLOAT, new Sgd(0.1));
        double most = 0x1p25 / Math.sqrt((double) network.numParams());
        assertThatThrownBy(() -> PrivacyEngine.attach(network, plan(40, 10).withNoiseMultiplier(1.01 * most)))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("<= 2^25")
                .hasMessageContaining("trains " + network.numParams() + " parameters");
        assertThatThrownBy(() -> PrivacyEngine.attach(
                        network,
                        plan(40, 10)
                                .withNoiseMultiplier(0.9 * most)
                                .withNoiseSchedule(NoiseSchedule.startingAt(1).then(3, 2))))
                .hasMessageContaining("<= 2^25");
        try (var engine = PrivacyEngine.attach(network, plan(40, 10).withNoiseMultiplier(0.99 * most))) {
            kind.fit(network, engine.lots(Networks.data(DataType.FLOAT, 40)), 1);
            assertThat(engine.steps()).isEqualTo(3);
        }
    }

    private ClassLoader withVersion(String artifact, String version) throws IOException {
        Path properties =
                folder.resolve(version + artifact.hashCode()).resolve("META-INF/maven/" + artifact + "/pom.properties");
        Files.createDirectories(properties.getParent());
        Files.writeString(properties, "version=" + version + "\n");
        Path root = folder.resolve(version + artifact.hashCode());
        return new URLClassLoader(new URL[] {root.toUri().toURL()}, MultiLayerNetwork.class.getClassLoader());
    }

    @Test
    void versions_ofTheClassPath_mustBeTheSupportedOne() throws IOException {
        assertThat(Dl4jVersion.problems()).isEmpty();
        for (String artifact : new String[] {"org.deeplearning4j/deeplearning4j-nn", "org.nd4j/nd4j-api"}) {
            assertThat(Dl4jVersion.problems(withVersion(artifact, "1.0.0-beta7")))
                    .singleElement()
                    .asString()
                    .contains(artifact, "must be 1.0.0-M2.1, was 1.0.0-beta7");
            assertThat(Dl4jVersion.problems(withVersion(artifact, "1.0.0-M2.1")))
                    .isEmpty();
        }
        // Jars that say nothing are no reason to refuse.
        assertThat(Dl4jVersion.problems(new URLClassLoader(new URL[0], null))).isEmpty();
    }

    @Test
    void check_oneConfigurationInTwoVertices_isRefused() {
        var shared = new DenseLayer.Builder().nIn(4).nOut(4).build();
        var network = new ComputationGraph(new NeuralNetConfiguration.Builder()
                .graphBuilder()
                .addInputs("in")
                .addLayer("a", shared, "in")
                .addLayer("b", shared, "a")
                .addLayer(
                        "out",
                        new OutputLayer.Builder(LossFunction.MSE).nIn(4).nOut(2).build(),
                        "b")
                .setOutputs("out")
                .build());
        network.init();
        assertThat(PrivacyEngine.check(network))
                .singleElement()
                .asString()
                .contains("\"b\"", "build a configuration for each vertex");
    }

    private static Model network(NetworkKind kind, NeuralNetConfiguration.Builder builder) {
        return kind.chain(
                builder,
                InputType.feedForward(Networks.INPUTS),
                new DenseLayer.Builder().nOut(4).activation(Activation.TANH).build(),
                new OutputLayer.Builder(LossFunction.MCXENT)
                        .nOut(Networks.CLASSES)
                        .activation(Activation.SOFTMAX)
                        .build());
    }

    /** DL4J keeps the optimizer that init() made: it evaluates the loss any number of times, and every fit would charge a lot and fail. */
    @ParameterizedTest
    @EnumSource
    void attach_optimizerOfAnotherAlgorithmThanTheConfiguration_isRefusedUnlessCloned(NetworkKind kind) {
        for (OptimizationAlgorithm algorithm : OptimizationAlgorithm.values()) {
            Model network = network(
                    kind,
                    new NeuralNetConfiguration.Builder().updater(new Sgd(0.1)).optimizationAlgo(algorithm));
            var all = DpNetwork.of(network).configurations();
            all.forEach(conf -> conf.setOptimizationAlgo(OptimizationAlgorithm.STOCHASTIC_GRADIENT_DESCENT));
            network.conf().setOptimizationAlgo(OptimizationAlgorithm.STOCHASTIC_GRADIENT_DESCENT);
            if (algorithm == OptimizationAlgorithm.STOCHASTIC_GRADIENT_DESCENT) {
                assertThat(PrivacyEngine.check(network)).isEmpty();
                continue;
            }
            assertThatThrownBy(() -> PrivacyEngine.attach(network, plan(40, 10)))
                    .isInstanceOf(UnsupportedModelException.class)
                    .hasMessageContaining("its optimizer must be StochasticGradientDescent, was ")
                    .hasMessageContaining("train a clone() of the network");
            Model clone = kind.copy(network);
            try (var engine = PrivacyEngine.attach(clone, plan(40, 10))) {
                kind.fit(clone, engine.lots(Networks.data(DataType.FLOAT, 40)), 1);
                assertThat(engine.steps()).isEqualTo(3);
            }
        }
    }

    /** It adds updates of other workers to the released one. */
    @ParameterizedTest
    @EnumSource
    void gradientsAccumulator_beforeOrAfterAttach_isRefusedWithoutACharge(NetworkKind kind) {
        var data = Networks.data(DataType.FLOAT, 40);
        Model network = network(kind, new NeuralNetConfiguration.Builder().updater(new Sgd(0.1)));
        network.getOptimizer().setGradientsAccumulator(new BasicGradientsAccumulator(1));
        assertThat(PrivacyEngine.check(network))
                .singleElement()
                .asString()
                .contains("had BasicGradientsAccumulator", "call setGradientsAccumulator(null)");
        network.getOptimizer().setGradientsAccumulator(null);
        try (var engine = PrivacyEngine.attach(network, plan(40, 10))) {
            network.getOptimizer().setGradientsAccumulator(new BasicGradientsAccumulator(1));
            assertThatThrownBy(() -> kind.fit(network, engine.lots(data), 1))
                    .isInstanceOf(IllegalStateException.class)
                    .hasMessageContaining("had BasicGradientsAccumulator")
                    .hasMessageContaining("nothing of this lot was released");
            assertThat(engine.steps()).isZero();
            network.getOptimizer().setGradientsAccumulator(null);
            kind.fit(network, engine.lots(data), 1);
            assertThat(engine.steps()).isEqualTo(3);
        }
    }

    private static boolean fails(NetworkKind kind, Model network, DataSet data) {
        try {
            kind.fit(network, data);
            return false;
        } catch (RuntimeException e) {
            return true;
        }
    }

    /** DL4J applies constraints after the release: one that fails would cost a lot at every try. */
    @ParameterizedTest
    @EnumSource
    void check_constraints_areRefusedWhereDl4jFailsOnThem(NetworkKind kind) {
        DataSet rows = Networks.data(DataType.FLOAT, 40);
        var series = new DataSet(Nd4j.rand(40, 3, 4), rows.getLabels());
        int refused = 0;
        int accepted = 0;
        for (LayerConstraint constraint : new LayerConstraint[] {
            new MaxNormConstraint(1, 1),
            new MaxNormConstraint(1, 2),
            new UnitNormConstraint(0, 1, 2),
            new MinMaxNormConstraint(0.1, 1, 0),
            new NonNegativeConstraint()
        }) {
            for (String place : new String[] {"dense", "last time step", "both directions", "output"}) {
                for (int on = 0; on < 3; on++) {
                    boolean isOfRows = place.equals("dense") || place.equals("output");
                    DataSet data = isOfRows ? rows : series;
                    Model network = constrained(kind, place, constraint, on);
                    INDArray before = network.params().dup();
                    List<ModelProblem> problems = PrivacyEngine.check(network);
                    assertThat(network.params()).isEqualTo(before);
                    String what = constraint + " on " + on + " of " + place;
                    if (fails(kind, kind.copy(network), data)) {
                        refused++;
                        assertThat(problems).as(what).isNotEmpty().allSatisfy(problem -> assertThat(problem.reason())
                                .contains(constraint.getClass().getSimpleName(), "give it dimensions"));
                        assertThatThrownBy(() -> PrivacyEngine.attach(network, plan(40, 10)))
                                .as(what)
                                .isInstanceOf(UnsupportedModelException.class);
                    } else {
                        accepted++;
                        assertThat(problems).as(what).isEmpty();
                        if (constraint instanceof NonNegativeConstraint) {
                            try (var engine = PrivacyEngine.attach(network, plan(40, 10))) {
                                kind.fit(network, engine.lots(data), 1);
                                assertThat(engine.steps()).isEqualTo(3);
                            }
                            assertThat(PrivacyEngine.check(network)).as(what).isEmpty();
                        }
                    }
                }
            }
        }
        assertThat(refused).isGreaterThan(10);
        assertThat(accepted).isGreaterThan(10);
    }

    private static Model constrained(NetworkKind kind, String place, LayerConstraint constraint, int on) {
        var dense = new DenseLayer.Builder().nOut(4);
        var rnn = new SimpleRnn.Builder().nOut(4);
        var lstm = new LSTM.Builder().nOut(4);
        var output = new OutputLayer.Builder(LossFunction.MCXENT)
                .nOut(Networks.CLASSES)
                .activation(Activation.SOFTMAX);
        FeedForwardLayer.Builder<?> constrained =
                switch (place) {
                    case "dense" -> dense;
                    case "last time step" -> rnn;
                    case "both directions" -> lstm;
                    default -> output;
                };
        switch (on) {
            case 0 -> constrained.constrainWeights(constraint);
            case 1 -> constrained.constrainBias(constraint);
            default -> constrained.constrainAllParameters(constraint);
        }
        var builder = new NeuralNetConfiguration.Builder().seed(4).updater(new Sgd(0.1));
        return switch (place) {
            case "last time step" ->
                kind.chain(builder, InputType.recurrent(3, 4), new LastTimeStep(rnn.build()), output.build());
            case "both directions" ->
                kind.chain(
                        builder,
                        InputType.recurrent(3, 4),
                        new Bidirectional(Bidirectional.Mode.ADD, lstm.build()),
                        new GlobalPoolingLayer.Builder(PoolingType.AVG).build(),
                        output.build());
            default -> kind.chain(builder, InputType.feedForward(Networks.INPUTS), dense.build(), output.build());
        };
    }

    /** DL4J applies none to frozen layers. */
    @ParameterizedTest
    @EnumSource
    void attach_constraintThatFailsOnAFrozenLayer_trains(NetworkKind kind) {
        for (boolean passesBack : new boolean[] {false, true}) {
            Layer inner = new DenseLayer.Builder()
                    .nOut(4)
                    .constrainWeights(new UnitNormConstraint(0, 1, 2))
                    .build();
            Model network = kind.chain(
                    new NeuralNetConfiguration.Builder().updater(new Sgd(0.1)),
                    InputType.feedForward(Networks.INPUTS),
                    passesBack ? new FrozenLayerWithBackprop(inner) : new FrozenLayer(inner),
                    new OutputLayer.Builder(LossFunction.MCXENT)
                            .nOut(Networks.CLASSES)
                            .activation(Activation.SOFTMAX)
                            .build());
            try (var engine = PrivacyEngine.attach(network, plan(40, 10))) {
                kind.fit(network, engine.lots(Networks.data(DataType.FLOAT, 40)), 1);
                assertThat(engine.steps()).isEqualTo(3);
            }
        }
    }

    @ParameterizedTest
    @EnumSource
    @SuppressWarnings("deprecation") // DL4J calls CUSTOM deprecated, and the list of all has it
    void check_updaters_areRefusedWhereDl4jFailsOnThem(NetworkKind kind) {
        var all = new ArrayList<IUpdater>(List.of(new AdaBelief(0.1)));
        for (Updater updater : Updater.values()) {
            if (updater != Updater.CUSTOM) {
                all.add(updater.getIUpdaterWithDefaultConfig());
            }
        }
        var refused = new ArrayList<Class<?>>();
        for (IUpdater updater : all) {
            Model network = kind.classifier(DataType.DOUBLE, updater);
            List<ModelProblem> problems = PrivacyEngine.check(network);
            if (fails(kind, kind.classifier(DataType.DOUBLE, updater), Networks.data(DataType.DOUBLE, 40))) {
                refused.add(updater.getClass());
                assertThat(problems).isNotEmpty().allSatisfy(problem -> assertThat(problem.reason())
                        .contains(updater.getClass().getSimpleName(), "use another, such as Adam"));
                assertThatThrownBy(() -> PrivacyEngine.attach(network, plan(40, 10)))
                        .isInstanceOf(UnsupportedModelException.class);
            } else {
                assertThat(problems).as(updater.toString()).isEmpty();
            }
        }
        assertThat(refused).containsExactly(AdaBelief.class);
    }

    /** The last segment would have one time step. */
    @ParameterizedTest
    @ValueSource(ints = {1, 2})
    void fit_lastSegmentOfOneStepUnderMasks_trains(int examples) {
        var network = new MultiLayerNetwork(new NeuralNetConfiguration.Builder()
                .updater(new Sgd(0.1))
                .list()
                .layer(new DenseLayer.Builder().nOut(3).build())
                .layer(new LSTM.Builder().nOut(3).build())
                .layer(new RnnOutputLayer.Builder(LossFunction.MSE)
                        .nOut(2)
                        .activation(Activation.IDENTITY)
                        .build())
                .setInputType(InputType.recurrent(2))
                .backpropType(BackpropType.TruncatedBPTT)
                .tBPTTLength(3)
                .build());
        network.init();
        var data = new DataSet(
                Nd4j.rand(examples, 2, 4), Nd4j.rand(examples, 2, 4), Nd4j.ones(examples, 4), Nd4j.ones(examples, 4));
        try (var engine = PrivacyEngine.attach(network, plan(examples, examples).withTruncatedBackprop(4, 3))) {
            network.fit(engine.lots(data), 3);
            assertThat(engine.steps()).isEqualTo(3);
            assertThat(network.getIterationCount()).isEqualTo(6);
        }
    }

    /** Nothing below it trains: DL4J goes through it after the release. */
    @ParameterizedTest
    @EnumSource(RNNFormat.class)
    void fit_frozenRecurrentLayersWithBackprop_areExact(RNNFormat format) {
        boolean nwc = format == RNNFormat.NWC;
        long[] x = nwc ? new long[] {6, 5, 3} : new long[] {6, 3, 5};
        long[] y = nwc ? new long[] {6, 5, 2} : new long[] {6, 2, 5};
        INDArray mask = Nd4j.ones(DataType.DOUBLE, 6, 5);
        mask.putScalar(1, 4, 0);
        for (boolean trainsBelow : new boolean[] {false, true}) {
            for (boolean graph : new boolean[] {false, true}) {
                for (boolean masked : new boolean[] {false, true}) {
                    Model network = frozen(format, trainsBelow, graph);
                    Model plain = frozen(format, trainsBelow, graph);
                    var data = new DataSet(
                            Nd4j.rand(DataType.DOUBLE, x),
                            Nd4j.rand(DataType.DOUBLE, y),
                            masked ? mask : null,
                            masked ? mask.dup() : null);
                    var all = DpSgdPlan.poisson(6, 6)
                            .withSteps(2)
                            .withClippingNorm(1e6)
                            .withDelta(1e-5)
                            .withoutNoise();
                    try (var engine = PrivacyEngine.attach(network, all)) {
                        for (int step = 0; step < 2; step++) {
                            NetworkKind kind = graph ? NetworkKind.GRAPH : NetworkKind.MULTI_LAYER;
                            kind.fit(network, engine.lots(data).next());
                            kind.fit(plain, data);
                        }
                        assertThat(engine.steps()).isEqualTo(2);
                    }
                    assertThat(network.params().distance2(plain.params()))
                            .as(format + ", trains below " + trainsBelow + ", graph " + graph + ", masked " + masked)
                            .isLessThan(1e-10);
                }
            }
        }
    }

    private static Model frozen(RNNFormat format, boolean trainsBelow, boolean graph) {
        var lstm = new LSTM.Builder()
                .nIn(trainsBelow ? 4 : 3)
                .nOut(4)
                .dataFormat(format)
                .build();
        var rnn = new SimpleRnn.Builder().nIn(3).nOut(4).dataFormat(format).build();
        var out = new RnnOutputLayer.Builder(LossFunction.MSE)
                .nIn(4)
                .nOut(2)
                .activation(Activation.IDENTITY)
                .dataFormat(format)
                .build();
        var builder = new NeuralNetConfiguration.Builder()
                .seed(5)
                .dataType(DataType.DOUBLE)
                .updater(new Sgd(0.1));
        Model network;
        if (graph) {
            var vertices = builder.graphBuilder().addInputs("in");
            if (trainsBelow) {
                vertices.addLayer("rnn", rnn, "in");
            }
            network = new ComputationGraph(
                    vertices.addLayer("frozen", new FrozenLayerWithBackprop(lstm), trainsBelow ? "rnn" : "in")
                            .addLayer("out", out, "frozen")
                            .setOutputs("out")
                            .build());
        } else {
            var layers = builder.list();
            if (trainsBelow) {
                layers.layer(rnn);
            }
            network = new MultiLayerNetwork(
                    layers.layer(new FrozenLayerWithBackprop(lstm)).layer(out).build());
        }
        network.init();
        return network;
    }

    /** A schedule that fails at iteration 1. */
    private static final class Failing implements ISchedule {
        private static final long serialVersionUID = 1L;
        private final double value;

        Failing(double value) {
            this.value = value;
        }

        @Override
        public double valueAt(int iteration, int epoch) {
            if (iteration == 1 && value == 0) {
                throw new IllegalStateException("no rate for iteration 1");
            }
            return iteration == 1 ? value : 0.1;
        }

        @Override
        public ISchedule clone() {
            return this;
        }
    }

    @ParameterizedTest
    @ValueSource(doubles = {0, Double.NaN, Double.POSITIVE_INFINITY})
    void fit_scheduleThatFails_chargesNothingForIt(double value) {
        MultiLayerNetwork network = Networks.classifier(DataType.DOUBLE, new Sgd(0.1));
        network.setLearningRate(new Failing(value));
        try (var engine = PrivacyEngine.attach(network, plan(40, 10))) {
            var lots = engine.lots(Networks.data(DataType.DOUBLE, 40));
            network.fit(lots.next());
            INDArray params = network.params().dup();
            for (int i = 0; i < 3; i++) {
                assertThatThrownBy(() -> network.fit(lots, 1)).hasMessageMatching(".*(must be finite|no rate).*");
                assertThat(engine.steps()).isEqualTo(1);
                assertThat(network.params()).isEqualTo(params);
            }
        }
    }
}
