// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import io.github.dl4jdp.accountant.AccountantKind;
import io.github.dl4jdp.core.data.RandomAccessExamples;
import java.io.File;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Supplier;
import java.util.zip.ZipFile;
import org.deeplearning4j.nn.api.Layer;
import org.deeplearning4j.nn.api.Model;
import org.deeplearning4j.nn.conf.BackpropType;
import org.deeplearning4j.nn.conf.NeuralNetConfiguration;
import org.deeplearning4j.nn.conf.constraint.MaxNormConstraint;
import org.deeplearning4j.nn.conf.layers.BaseOutputLayer;
import org.deeplearning4j.nn.conf.layers.DenseLayer;
import org.deeplearning4j.nn.conf.layers.LSTM;
import org.deeplearning4j.nn.conf.layers.OutputLayer;
import org.deeplearning4j.nn.conf.layers.RnnOutputLayer;
import org.deeplearning4j.nn.conf.layers.misc.FrozenLayer;
import org.deeplearning4j.nn.conf.layers.misc.FrozenLayerWithBackprop;
import org.deeplearning4j.nn.conf.layers.recurrent.Bidirectional;
import org.deeplearning4j.nn.conf.layers.recurrent.LastTimeStep;
import org.deeplearning4j.nn.graph.ComputationGraph;
import org.deeplearning4j.nn.multilayer.MultiLayerNetwork;
import org.deeplearning4j.optimize.api.BaseTrainingListener;
import org.deeplearning4j.util.ModelSerializer;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.nd4j.linalg.activations.Activation;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.dataset.DataSet;
import org.nd4j.linalg.dataset.api.MultiDataSet;
import org.nd4j.linalg.factory.Nd4j;
import org.nd4j.linalg.learning.config.Adam;
import org.nd4j.linalg.lossfunctions.LossFunctions.LossFunction;
import org.nd4j.nativeblas.NativeOps;
import org.nd4j.nativeblas.NativeOpsHolder;

/** A fit that ends midway, in networks of all kinds: what an engine says of parameters that are put in then, and of those that nobody touched. */
class InterruptedFitTest {
    private static final int STEPS = 3;
    private static final int STEPS_OF_OTHER = 2;
    private static final String STOP = "enough";

    @TempDir
    @SuppressWarnings("NullAway.Init") // JUnit sets it
    Path folder;

    private enum Kind {
        LIST(() -> list(dense(), output(5))),
        GRAPH(() -> list(dense(), output(5)).toComputationGraph()),
        CONSTRAINED(() -> list(constrained(), output(5))),
        FROZEN(() -> list(new FrozenLayer(dense()), output(5))),
        FROZEN_WITH_BACKPROP(() -> list(new FrozenLayerWithBackprop(dense()), output(5))),
        FROZEN_WITH_BACKPROP_IN_GRAPH(
                () -> list(new FrozenLayerWithBackprop(dense()), output(5)).toComputationGraph()),
        LAST_STEP(() -> list(new LastTimeStep(lstm(true)), output(5))),
        BIDIRECTIONAL(() -> list(new Bidirectional(Bidirectional.Mode.ADD, lstm(false)), outputs())),
        CONSTRAINED_BIDIRECTIONAL(() -> list(new Bidirectional(Bidirectional.Mode.ADD, lstm(true)), outputs())),
        TRUNCATED(() -> list(lstm(false), outputs()));

        @SuppressWarnings("ImmutableEnumChecker") // a method reference has no state
        private final Supplier<Model> network;

        Kind(Supplier<Model> network) {
            this.network = network;
        }

        private boolean isSequence() {
            return Set.of(LAST_STEP, BIDIRECTIONAL, CONSTRAINED_BIDIRECTIONAL, TRUNCATED)
                    .contains(this);
        }

        private DataSet data() {
            if (!isSequence()) {
                return Networks.data(DataType.FLOAT, 60);
            }
            INDArray labels = Networks.data(DataType.FLOAT, 60).getLabels();
            INDArray features = Nd4j.rand(DataType.FLOAT, 60, Networks.INPUTS, 4);
            if (this == LAST_STEP) {
                return new DataSet(features, labels);
            }
            INDArray all = Nd4j.create(DataType.FLOAT, 60, Networks.CLASSES, 4);
            for (int i = 0; i < 4; i++) {
                all.tensorAlongDimension(i, 0, 1).assign(labels);
            }
            return new DataSet(features, all);
        }

        private DpSgdPlan plan(int steps) {
            DpSgdPlan plan = DpSgdPlan.poisson(60, 20)
                    .withSteps(steps)
                    .withClippingNorm(1)
                    .withNoiseMultiplier(5)
                    .withDelta(1e-5)
                    .withAccountant(AccountantKind.RDP);
            return this == TRUNCATED ? plan.withTruncatedBackprop(4, 2) : plan;
        }

        private Model build() {
            Model model = network.get();
            if (this == TRUNCATED) {
                ((MultiLayerNetwork) model).getLayerWiseConfigurations().setBackpropType(BackpropType.TruncatedBPTT);
                ((MultiLayerNetwork) model).getLayerWiseConfigurations().setTbpttFwdLength(2);
                ((MultiLayerNetwork) model).getLayerWiseConfigurations().setTbpttBackLength(2);
            }
            return model;
        }
    }

    private enum Moment {
        NEXT,
        GET,
        FORWARD,
        BACKWARD,
        GRADIENT,
        ITERATION
    }

    private enum Change {
        NONE,
        ALL,
        FIRST_LAYER,
        OTHER_RUN
    }

    private static DenseLayer dense() {
        return new DenseLayer.Builder()
                .nIn(Networks.INPUTS)
                .nOut(5)
                .activation(Activation.TANH)
                .build();
    }

    private static DenseLayer constrained() {
        return new DenseLayer.Builder()
                .nIn(Networks.INPUTS)
                .nOut(5)
                .activation(Activation.TANH)
                .constrainWeights(new MaxNormConstraint(0.3, 1))
                .build();
    }

    private static LSTM lstm(boolean isConstrained) {
        var lstm = new LSTM.Builder().nIn(Networks.INPUTS).nOut(5).activation(Activation.TANH);
        return isConstrained
                ? lstm.constrainInputWeights(new MaxNormConstraint(0.3, 1)).build()
                : lstm.build();
    }

    private static OutputLayer output(int inputs) {
        return loss(new OutputLayer.Builder(LossFunction.MCXENT), inputs).build();
    }

    private static RnnOutputLayer outputs() {
        return loss(new RnnOutputLayer.Builder(LossFunction.MCXENT), 5).build();
    }

    private static <B extends BaseOutputLayer.Builder<B>> B loss(B builder, int inputs) {
        return builder.nIn(inputs).nOut(Networks.CLASSES).activation(Activation.SOFTMAX);
    }

    private static MultiLayerNetwork list(org.deeplearning4j.nn.conf.layers.Layer... layers) {
        var list = new NeuralNetConfiguration.Builder()
                .seed(3)
                .dataType(DataType.FLOAT)
                .updater(new Adam(0.1))
                .list();
        for (var layer : layers) {
            list.layer(layer);
        }
        var network = new MultiLayerNetwork(list.build());
        network.init();
        return network;
    }

    static List<Arguments> cases() {
        var all = new ArrayList<Arguments>();
        for (Kind kind : Kind.values()) {
            for (Moment moment : Moment.values()) {
                all.add(Arguments.of(kind, moment));
            }
        }
        return all;
    }

    private static Layer first(Model model) {
        return model instanceof MultiLayerNetwork list ? list.getLayer(0) : ((ComputationGraph) model).getLayer(0);
    }

    private static void change(Model model, Change change, Model other) {
        switch (change) {
            case NONE -> {}
            case ALL ->
                model.setParams(model.params()
                        .add(Nd4j.rand(DataType.FLOAT, model.params().shape())));
            case FIRST_LAYER ->
                first(model)
                        .params()
                        .addi(Nd4j.rand(DataType.FLOAT, first(model).params().shape()));
            case OTHER_RUN -> model.setParams(other.params().dup());
        }
    }

    /** A run whose lot {@code lot} stops at a moment, by an exception where DL4J is under way. */
    private static final class Run {
        private final Kind kind;
        private final Moment moment;
        private final int lot;
        private final Runnable action;
        private final Model model;
        private final PrivacyEngine engine;
        private int lots;
        private boolean isStopped;

        Run(Kind kind, Moment moment, int lot, Runnable action) {
            this.kind = kind;
            this.moment = moment;
            this.lot = lot;
            this.action = action;
            this.model = kind.build();
            this.engine = PrivacyEngine.attach(
                    model, kind.plan(STEPS), ExecutionOptions.defaults().withThreads(2));
            model.addListeners(listener());
        }

        private BaseTrainingListener listener() {
            return new BaseTrainingListener() {
                @Override
                public void onForwardPass(Model trained, List<INDArray> activations) {
                    at(Moment.FORWARD);
                }

                @Override
                public void onForwardPass(Model trained, Map<String, INDArray> activations) {
                    at(Moment.FORWARD);
                }

                @Override
                public void onBackwardPass(Model trained) {
                    at(Moment.BACKWARD);
                }

                @Override
                public void onGradientCalculation(Model trained) {
                    at(Moment.GRADIENT);
                }

                @Override
                public void iterationDone(Model trained, int iteration, int epoch) {
                    at(Moment.ITERATION);
                }
            };
        }

        private void at(Moment now) {
            if (now == moment && lots == lot && !isStopped) {
                isStopped = true;
                action.run();
                throw new IllegalStateException(STOP);
            }
        }

        private RandomAccessExamples data() {
            RandomAccessExamples all = RandomAccessExamples.of(kind.data());
            return new RandomAccessExamples() {
                @Override
                public long size() {
                    return all.size();
                }

                @Override
                public MultiDataSet get(long[] indices) {
                    at(Moment.GET);
                    return all.get(indices);
                }
            };
        }

        /** Trains until it is stopped. */
        void start() {
            assertThatThrownBy(this::go).hasStackTraceContaining(STOP);
        }

        void go() {
            var iterator = engine.lots(data());
            while (engine.remainingSteps() > 0) {
                lots++;
                if (!iterator.hasNext()) {
                    iterator.reset();
                }
                DataSet next = iterator.next();
                at(Moment.NEXT);
                if (model instanceof MultiLayerNetwork list) {
                    list.fit(next);
                } else {
                    ((ComputationGraph) model).fit(next);
                }
            }
        }
    }

    private static double cost(Kind kind, Change change, long steps) {
        if (change == Change.NONE) {
            return steps == 0 ? 0 : kind.plan(STEPS).epsilonAfter(steps);
        }
        return change == Change.OTHER_RUN
                ? kind.plan(STEPS + STEPS_OF_OTHER).epsilonAfter(steps + STEPS_OF_OTHER)
                : Double.POSITIVE_INFINITY;
    }

    private static void requireEpsilon(double epsilon, double cost) {
        if (Double.isInfinite(cost)) {
            assertThat(epsilon).isInfinite();
        } else {
            assertThat(epsilon).isCloseTo(cost, within(1e-3));
        }
    }

    private String exported(PrivacyEngine engine) {
        try {
            File file = folder.resolve("exported.zip").toFile();
            engine.exportForInference(file);
            try (var zip = new ZipFile(file);
                    var report = zip.getInputStream(zip.getEntry("privacy-report.json"))) {
                return new String(report.readAllBytes(), StandardCharsets.UTF_8);
            }
        } catch (IOException e) {
            throw new IllegalStateException(e);
        }
    }

    private static Model other(Kind kind) {
        Model other = kind.build();
        try (var engine = PrivacyEngine.attach(other, kind.plan(STEPS_OF_OTHER))) {
            if (other instanceof MultiLayerNetwork list) {
                list.fit(engine.lots(kind.data()), engine.remainingEpochs());
            } else {
                ((ComputationGraph) other).fit(engine.lots(kind.data()), engine.remainingEpochs());
            }
            assertThat(engine.remainingSteps()).isZero();
        }
        return other;
    }

    /** After the end of fit: parameters that were put in cost what they bring along, and those that nobody touched cost nothing. */
    @ParameterizedTest
    @MethodSource("cases")
    void epsilon_parametersPutInAfterAFitThatEndedMidway_isWhatTheyBring(Kind kind, Moment moment) {
        Model other = other(kind);
        for (Change change : Change.values()) {
            var run = new Run(kind, moment, 2, () -> {});
            run.start();
            requireEpsilon(run.engine.epsilon(), cost(kind, Change.NONE, run.engine.steps()));
            change(run.model, change, other);
            double cost = cost(kind, change, run.engine.steps());
            if (change == Change.ALL || change == Change.NONE) {
                assertThat(exported(run.engine).contains("\"epsilon\" : \"Infinity\""))
                        .isEqualTo(change == Change.ALL);
            }
            requireEpsilon(run.engine.epsilon(), cost);
            requireEpsilon(run.engine.report().guarantee().epsilon(), cost);
            run.go();
            requireEpsilon(run.engine.epsilon(), cost(kind, change, STEPS));
            run.engine.close();
            try (var again = PrivacyEngine.attach(run.model, kind.plan(STEPS).continuing())) {
                requireEpsilon(again.epsilon(), cost(kind, change, STEPS));
            }
        }
    }

    /** In the callback itself, before the engine goes on. */
    @ParameterizedTest
    @MethodSource("cases")
    void epsilon_askedByTheListenerThatPutsParametersIn_isWhatTheyBring(Kind kind, Moment moment) {
        for (Change change : List.of(Change.NONE, Change.ALL, Change.FIRST_LAYER)) {
            var runs = new ArrayList<Run>();
            var asked = new ArrayList<Double>();
            runs.add(new Run(kind, moment, 2, () -> {
                change(runs.get(0).model, change, runs.get(0).model);
                asked.add(runs.get(0).engine.epsilon());
            }));
            Run run = runs.get(0);
            run.start();
            requireEpsilon(asked.get(0), cost(kind, change, run.engine.steps()));
        }
    }

    /** Copies of a network whose parameters were overwritten after an update: the first one too has left something in it. */
    @ParameterizedTest
    @EnumSource(Kind.class)
    void attach_copyOfParametersOverwrittenAfterAnUpdate_isInfinite(Kind kind) {
        for (int lot = 1; lot <= 2; lot++) {
            var copies = new ArrayList<Model>();
            var average = new ParameterAverage(0.5);
            var runs = new ArrayList<Run>();
            runs.add(new Run(kind, Moment.ITERATION, lot, () -> {
                Model model = runs.get(0).model;
                change(model, Change.ALL, model);
                average.iterationDone(model, 0, 0);
                copies.addAll(copies(model));
            }));
            Run run = runs.get(0);
            run.start();
            change(run.model, Change.ALL, run.model);
            copies.addAll(copies(run.model));
            Model averaged = kind.build();
            average.applyTo(averaged);
            copies.add(averaged);
            for (Model copy : copies) {
                try (var engine = PrivacyEngine.attach(copy, kind.plan(STEPS).continuing())) {
                    assertThat(engine.epsilon()).isInfinite();
                }
            }
        }
    }

    private List<Model> copies(Model model) {
        try {
            File file = folder.resolve("copy.zip").toFile();
            ModelSerializer.writeModel(model, file, true);
            return model instanceof MultiLayerNetwork list
                    ? List.of(list.clone(), MultiLayerNetwork.load(file, true))
                    : List.of(((ComputationGraph) model).clone(), ComputationGraph.load(file, true));
        } catch (IOException e) {
            throw new IllegalStateException(e);
        }
    }

    /** The engine has ND4J work on one thread while it trains. */
    @ParameterizedTest
    @EnumSource(Kind.class)
    void fit_toTheEnd_givesNd4jItsThreadsBack(Kind kind) {
        Nd4j.getEnvironment(); // loads ND4J, which its operations need
        NativeOps operations = NativeOpsHolder.getInstance().getDeviceNativeOps();
        int before = operations.ompGetMaxThreads();
        operations.setOmpNumThreads(2);
        try {
            var run = new Run(kind, Moment.NEXT, -1, () -> {});
            run.go();
            assertThat(operations.ompGetMaxThreads()).isEqualTo(2);
        } finally {
            operations.setOmpNumThreads(before);
        }
    }
}
