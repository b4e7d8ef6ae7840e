// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;
import static org.assertj.core.api.Assertions.within;

import io.github.dl4jdp.core.gradient.GradientRules;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.atomic.AtomicBoolean;
import org.deeplearning4j.nn.api.Model;
import org.deeplearning4j.nn.conf.NeuralNetConfiguration;
import org.deeplearning4j.nn.conf.layers.DenseLayer;
import org.deeplearning4j.nn.conf.layers.OutputLayer;
import org.deeplearning4j.nn.graph.ComputationGraph;
import org.deeplearning4j.nn.multilayer.MultiLayerNetwork;
import org.deeplearning4j.optimize.api.BaseTrainingListener;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import org.nd4j.linalg.activations.Activation;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.dataset.DataSet;
import org.nd4j.linalg.factory.Nd4j;
import org.nd4j.linalg.learning.config.Adam;
import org.nd4j.linalg.learning.config.Sgd;
import org.nd4j.linalg.learning.regularization.Regularization;
import org.nd4j.linalg.lossfunctions.LossFunctions.LossFunction;
import org.nd4j.linalg.schedule.ISchedule;

/** What listeners and other code do to a network while a lot is out or being trained on. */
class DuringFitTest {
    private enum Moment {
        FORWARD,
        BACKWARD,
        GRADIENT,
        ITERATION,
        BETWEEN
    }

    static List<Arguments> moments() {
        var all = new ArrayList<Arguments>();
        for (DataType type : List.of(DataType.FLOAT, DataType.DOUBLE)) {
            for (Moment moment : Moment.values()) {
                all.add(Arguments.of(moment, type));
            }
        }
        return all;
    }

    private static DpSgdPlan plan() {
        return DpSgdPlan.poisson(60, 20)
                .withSteps(12)
                .withClippingNorm(1)
                .withNoiseMultiplier(5)
                .withDelta(1e-5);
    }

    private static BaseTrainingListener at(Moment moment, Runnable action) {
        return new BaseTrainingListener() {
            @Override
            public void onForwardPass(Model model, List<INDArray> activations) {
                run(Moment.FORWARD);
            }

            @Override
            public void onForwardPass(Model model, Map<String, INDArray> activations) {
                run(Moment.FORWARD);
            }

            @Override
            public void onBackwardPass(Model model) {
                run(Moment.BACKWARD);
            }

            @Override
            public void onGradientCalculation(Model model) {
                run(Moment.GRADIENT);
            }

            @Override
            public void iterationDone(Model model, int iteration, int epoch) {
                run(Moment.ITERATION);
            }

            private void run(Moment now) {
                if (now == moment) {
                    action.run();
                }
            }
        };
    }

    /** Parameters that were trained without privacy, put into the network at any moment: there is no guarantee then. */
    @ParameterizedTest
    @MethodSource("moments")
    void setParams_atAnyMoment_isInTheAccount(Moment moment, DataType type) {
        DataSet data = Networks.data(type, 60);
        MultiLayerNetwork plain = Networks.classifier(type, new Adam(0.1));
        for (int i = 0; i < 5; i++) {
            plain.fit(data);
        }
        MultiLayerNetwork network = Networks.classifier(type, new Adam(0.1));
        var engine = PrivacyEngine.attach(network, plan());
        network.addListeners(at(moment, () -> {
            if (engine.steps() >= 3) {
                network.setParams(plain.params());
            }
        }));
        var lots = engine.lots(data);
        for (int i = 0; i < 6; i++) {
            if (!lots.hasNext()) {
                lots.reset();
            }
            DataSet lot = lots.next();
            if (moment == Moment.BETWEEN && i == 3) {
                network.setParams(plain.params());
            }
            network.fit(lot);
        }
        assertThat(engine.epsilon()).isInfinite();
        assertThat(engine.report().toString()).contains("NOT PRIVATE");
    }

    /** The same run without anybody's hands in it. */
    @ParameterizedTest
    @MethodSource("moments")
    void fit_listenersThatOnlyLook_costWhatThePlanSays(Moment moment, DataType type) {
        MultiLayerNetwork network = Networks.classifier(type, new Adam(0.1));
        var engine = PrivacyEngine.attach(network, plan());
        network.addListeners(at(moment, () -> network.params().sumNumber()));
        network.fit(engine.lots(Networks.data(type, 60)), plan().epochs());
        assertThat(engine.epsilon()).isCloseTo(plan().guarantee().epsilon(), within(1e-3));
    }

    /** Where the code of a user's own runs inside a step. */
    private enum Inside {
        SUM,
        SCHEDULE,
        REGULARIZATION
    }

    /** What it does there. */
    private enum Put {
        NOTHING,
        PLAIN,
        OTHER_RUN
    }

    static List<Arguments> insides() {
        var all = new ArrayList<Arguments>();
        for (Inside inside : Inside.values()) {
            for (Put put : Put.values()) {
                for (boolean isGraph : new boolean[] {false, true}) {
                    all.add(Arguments.of(inside, put, isGraph));
                }
            }
        }
        return all;
    }

    private static Runnable insideAStep = () -> {};

    /** Runs what a test wants. */
    private static final class OwnSchedule implements ISchedule {
        private static final long serialVersionUID = 1L;

        @Override
        public double valueAt(int iteration, int epoch) {
            insideAStep.run();
            return 0.1;
        }

        @Override
        @SuppressWarnings("MethodDoesntCallSuperMethod")
        public ISchedule clone() {
            return this;
        }
    }

    /** Likewise. */
    private static final class OwnRegularization implements Regularization {
        private static final long serialVersionUID = 1L;

        @Override
        public ApplyStep applyStep() {
            return ApplyStep.BEFORE_UPDATER;
        }

        @Override
        public void apply(INDArray parameter, INDArray gradient, double rate, int iteration, int epoch) {
            insideAStep.run();
        }

        @Override
        public double score(INDArray parameter, int iteration, int epoch) {
            return 0;
        }

        @Override
        @SuppressWarnings("MethodDoesntCallSuperMethod")
        public Regularization clone() {
            return this;
        }
    }

    private static OwnLayers.Own ownLayer() {
        var own = new OwnLayers.Own(5, OwnLayers.Behavior.APART);
        own.setNIn(Networks.INPUTS);
        return own;
    }

    private static Model network(Inside inside, boolean isGraph) {
        var conf = new NeuralNetConfiguration.Builder()
                .seed(3)
                .dataType(DataType.FLOAT)
                .updater(inside == Inside.SCHEDULE ? new Sgd(new OwnSchedule()) : new Sgd(0.1));
        if (inside == Inside.REGULARIZATION) {
            conf.regularization(new ArrayList<>(List.of(new OwnRegularization())));
        }
        var network = new MultiLayerNetwork(conf.list()
                .layer(
                        inside == Inside.SUM
                                ? ownLayer()
                                : new DenseLayer.Builder()
                                        .nIn(Networks.INPUTS)
                                        .nOut(5)
                                        .activation(Activation.TANH)
                                        .build())
                .layer(new OutputLayer.Builder(LossFunction.MCXENT)
                        .nIn(5)
                        .nOut(Networks.CLASSES)
                        .activation(Activation.SOFTMAX)
                        .build())
                .build());
        network.init();
        return isGraph ? network.toComputationGraph() : network;
    }

    private static void fit(Model network, PrivacyEngine engine, DataSet data) {
        if (network instanceof MultiLayerNetwork list) {
            list.fit(engine.lots(data), engine.remainingEpochs());
        } else {
            ((ComputationGraph) network).fit(engine.lots(data), engine.remainingEpochs());
        }
    }

    /** Parameters that are put in while the lot is summed, or while the updater runs. */
    @ParameterizedTest
    @MethodSource("insides")
    void setParams_insideAStep_isInTheAccount(Inside inside, Put put, boolean isGraph) {
        DataSet data = Networks.data(DataType.FLOAT, 60);
        Model other = network(inside, isGraph);
        var rules = GradientRules.builtIn().with(new OwnRule(() -> insideAStep.run()));
        try (var engine = PrivacyEngine.attach(other, plan(), ExecutionOptions.defaults(), rules)) {
            fit(other, engine, data);
        }
        INDArray there = other.params().dup();
        if (put == Put.PLAIN) {
            there.addi(Nd4j.rand(there.dataType(), there.shape()));
        }
        Model network = network(inside, isGraph);
        var engine = PrivacyEngine.attach(network, plan(), ExecutionOptions.defaults(), rules);
        var isDone = new AtomicBoolean(put == Put.NOTHING);
        try {
            insideAStep = () -> {
                boolean isSummed = StackWalker.getInstance()
                        .walk(frames -> frames.anyMatch(frame ->
                                Set.of("update", "addRow", "addWeightedSum").contains(frame.getMethodName())));
                if (engine.steps() >= 3 && isSummed && !isDone.getAndSet(true)) {
                    network.setParams(there);
                }
            };
            fit(network, engine, data);
        } finally {
            insideAStep = () -> {};
        }
        assertThat(isDone).isTrue();
        double expected = put == Put.PLAIN
                ? Double.POSITIVE_INFINITY
                : plan().withSteps(24).epsilonAfter(put == Put.NOTHING ? 12 : 24);
        requireEpsilon(engine, expected);
        engine.close();
        try (var again = PrivacyEngine.attach(network, plan().continuing(), ExecutionOptions.defaults(), rules)) {
            requireEpsilon(again, expected);
        }
    }

    private static void requireEpsilon(PrivacyEngine engine, double expected) {
        if (Double.isInfinite(expected)) {
            assertThat(engine.epsilon()).isInfinite();
        } else {
            assertThat(engine.epsilon()).isCloseTo(expected, within(1e-3));
        }
    }

    /** A listener that overwrites the released gradient can have the update end anywhere. */
    @Test
    void fit_gradientThatEndsOnTheParametersOfAnotherRun_costsThatRunToo() {
        DataSet data = Networks.data(DataType.DOUBLE, 60);
        MultiLayerNetwork other = Networks.classifier(DataType.DOUBLE, new Sgd(1));
        try (var engine = PrivacyEngine.attach(other, plan())) {
            other.fit(engine.lots(data), plan().epochs());
        }
        MultiLayerNetwork network = Networks.classifier(DataType.DOUBLE, new Sgd(1));
        var engine = PrivacyEngine.attach(network, plan());
        network.addListeners(at(Moment.GRADIENT, () -> network.getFlattenedGradients()
                .assign(network.params().sub(other.params()))));
        network.fit(engine.lots(data).next());
        assertThat(network.params().distance2(other.params())).isLessThan(1e-12);
        double both = plan().withSteps(13).epsilonAfter(13);
        assertThat(engine.epsilon()).isCloseTo(both, within(1e-3));
        engine.close();
        try (var again = PrivacyEngine.attach(network.clone(), plan().continuing())) {
            assertThat(again.epsilon()).isCloseTo(both, within(1e-3));
        }
    }

    @Test
    void close_duringAPass_isRefusedAndLeavesNoPlainGradient() {
        for (Moment moment : List.of(Moment.FORWARD, Moment.BACKWARD, Moment.GRADIENT, Moment.ITERATION)) {
            for (boolean detach : new boolean[] {false, true}) {
                MultiLayerNetwork network = Networks.classifier(DataType.DOUBLE, new Adam(0.1));
                var engine = PrivacyEngine.attach(network, plan());
                network.getFlattenedGradients().assign(0);
                network.addListeners(at(moment, () -> {
                    if (detach) {
                        engine.detach();
                    } else {
                        engine.close();
                    }
                }));
                var lots = engine.lots(Networks.data(DataType.DOUBLE, 60));
                assertThatIllegalStateException()
                        .isThrownBy(() -> network.fit(lots.next()))
                        .withMessageContaining("must not be called while fit is under way");
                boolean isReleased = moment != Moment.FORWARD;
                assertThat(engine.steps()).isEqualTo(isReleased ? 1 : 0);
                if (!isReleased) {
                    assertThat(network.getFlattenedGradients())
                            .isEqualTo(Nd4j.zerosLike(network.getFlattenedGradients()));
                }
                engine.close();
            }
        }
    }
}
