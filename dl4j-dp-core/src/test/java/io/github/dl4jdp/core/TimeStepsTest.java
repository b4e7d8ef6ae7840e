// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.List;
import java.util.stream.Stream;
import org.deeplearning4j.nn.api.Model;
import org.deeplearning4j.nn.conf.BackpropType;
import org.deeplearning4j.nn.conf.NeuralNetConfiguration;
import org.deeplearning4j.nn.conf.graph.ElementWiseVertex;
import org.deeplearning4j.nn.conf.graph.MergeVertex;
import org.deeplearning4j.nn.conf.inputs.InputType;
import org.deeplearning4j.nn.conf.layers.CapsuleLayer;
import org.deeplearning4j.nn.conf.layers.CapsuleStrengthLayer;
import org.deeplearning4j.nn.conf.layers.Convolution1DLayer;
import org.deeplearning4j.nn.conf.layers.DenseLayer;
import org.deeplearning4j.nn.conf.layers.EmbeddingSequenceLayer;
import org.deeplearning4j.nn.conf.layers.LSTM;
import org.deeplearning4j.nn.conf.layers.Layer;
import org.deeplearning4j.nn.conf.layers.LocallyConnected1D;
import org.deeplearning4j.nn.conf.layers.OutputLayer;
import org.deeplearning4j.nn.conf.layers.PReLULayer;
import org.deeplearning4j.nn.conf.layers.RnnOutputLayer;
import org.deeplearning4j.nn.conf.layers.misc.FrozenLayer;
import org.deeplearning4j.nn.conf.layers.misc.FrozenLayerWithBackprop;
import org.deeplearning4j.nn.conf.layers.misc.RepeatVector;
import org.deeplearning4j.nn.conf.layers.recurrent.LastTimeStep;
import org.deeplearning4j.nn.conf.layers.recurrent.SimpleRnn;
import org.deeplearning4j.nn.conf.layers.recurrent.TimeDistributed;
import org.deeplearning4j.nn.conf.layers.util.MaskZeroLayer;
import org.deeplearning4j.nn.graph.ComputationGraph;
import org.deeplearning4j.nn.multilayer.MultiLayerNetwork;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.nd4j.linalg.activations.Activation;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.dataset.DataSet;
import org.nd4j.linalg.factory.Nd4j;
import org.nd4j.linalg.learning.config.Sgd;
import org.nd4j.linalg.lossfunctions.LossFunctions.LossFunction;

/** Layers of a fixed number of time steps, under plans that declare the number: refused at attach exactly where plain DL4J fails. */
class TimeStepsTest {
    private static final int EXAMPLES = 6;

    /** The length that the layers are built for. */
    private static final int OWN = 4;

    @SuppressWarnings("ArrayRecordComponent") // short-lived, never compared
    private record Case(String name, boolean isFixed, boolean tokens, boolean labelsOnce, Layer... layers) {
        @Override
        public String toString() {
            return name;
        }
    }

    private static NeuralNetConfiguration.Builder builder() {
        return new NeuralNetConfiguration.Builder()
                .seed(3)
                .dataType(DataType.DOUBLE)
                .updater(new Sgd(0.1));
    }

    private static DpSgdPlan plan() {
        return DpSgdPlan.poisson(EXAMPLES, EXAMPLES)
                .withSteps(2)
                .withClippingNorm(1)
                .withNoiseMultiplier(1)
                .withDelta(1e-5);
    }

    private static RnnOutputLayer everyStep() {
        return new RnnOutputLayer.Builder(LossFunction.MSE)
                .nOut(2)
                .activation(Activation.IDENTITY)
                .build();
    }

    private static OutputLayer once() {
        return new OutputLayer.Builder(LossFunction.MSE)
                .nOut(2)
                .activation(Activation.IDENTITY)
                .build();
    }

    private static LSTM lstm() {
        return new LSTM.Builder().nOut(3).build();
    }

    private static PReLULayer prelu(long... sharedAxes) {
        var prelu = new PReLULayer.Builder().inputShape(3, OWN);
        return (sharedAxes.length == 0 ? prelu : prelu.sharedAxes(sharedAxes)).build();
    }

    private static LocallyConnected1D local() {
        return new LocallyConnected1D.Builder()
                .kernelSize(2)
                .nOut(3)
                .setInputSize(OWN)
                .build();
    }

    private static Case series(String name, boolean isFixed, Layer... layers) {
        return new Case(name, isFixed, false, false, layers);
    }

    private static List<Case> cases() {
        return List.of(
                series("PReLU", true, prelu(), everyStep()),
                series("PReLU above an LSTM", true, lstm(), prelu(), everyStep()),
                series("PReLU shared over features", true, prelu(1), everyStep()),
                series("PReLU shared over time", false, prelu(2), everyStep()),
                series(
                        "PReLU of features in TimeDistributed",
                        false,
                        lstm(),
                        new TimeDistributed(dense()),
                        everyStep()),
                series("PReLU above dense in every step", true, new TimeDistributed(dense()), prelu(), everyStep()),
                series("PReLU above rows", true, dense(), lstm(), prelu(), everyStep()),
                series("frozen PReLU", true, new FrozenLayer(prelu()), everyStep()),
                series("frozen PReLU that passes back", true, new FrozenLayerWithBackprop(prelu()), everyStep()),
                series("PReLU above a convolution", true, same(), prelu(), everyStep()),
                series("LocallyConnected1D", true, local(), everyStep()),
                series("LocallyConnected1D above an LSTM", true, lstm(), local(), everyStep()),
                series("frozen LocallyConnected1D", true, new FrozenLayer(local()), everyStep()),
                series("a vector repeated", true, new LastTimeStep(lstm()), repeat(), everyStep()),
                new Case("PReLU below the last step", true, false, true, prelu(), new LastTimeStep(lstm()), once()),
                new Case(
                        "a vector repeated below an LSTM",
                        false,
                        false,
                        true,
                        new LastTimeStep(lstm()),
                        repeat(),
                        prelu(),
                        new LastTimeStep(lstm()),
                        once()),
                new Case("tokens of one length", true, true, false, tokens(), everyStep()));
    }

    private static DenseLayer dense() {
        return new DenseLayer.Builder().nOut(3).build();
    }

    private static Convolution1DLayer same() {
        return new Convolution1DLayer.Builder()
                .kernelSize(3)
                .nOut(3)
                .convolutionMode(org.deeplearning4j.nn.conf.ConvolutionMode.Same)
                .build();
    }

    @SuppressWarnings("rawtypes") // DL4J's builder cannot be named otherwise
    private static RepeatVector repeat() {
        return new RepeatVector.Builder(OWN).build();
    }

    private static CapsuleLayer capsules() {
        return new CapsuleLayer.Builder(3, 4, 1).build();
    }

    private static EmbeddingSequenceLayer tokens() {
        return new EmbeddingSequenceLayer.Builder()
                .nIn(5)
                .nOut(3)
                .inputLength(OWN)
                .inferInputLength(false)
                .build();
    }

    private static Stream<Arguments> casesOfKinds() {
        return Stream.of(NetworkKind.values()).flatMap(kind -> cases().stream().map(one -> Arguments.of(kind, one)));
    }

    private static boolean fails(NetworkKind kind, Model network, DataSet data) {
        try {
            kind.fit(network, data);
            return false;
        } catch (RuntimeException e) {
            return true;
        }
    }

    private static void assertRefusedWhereItFails(
            NetworkKind kind, Model network, DataSet data, DpSgdPlan plan, boolean fails) {
        assertThat(fails(kind, kind.copy(network), data)).isEqualTo(fails);
        if (fails) {
            assertThat(PrivacyEngine.check(network, plan)).isNotEmpty().anySatisfy(problem -> assertThat(
                            problem.reason())
                    .containsPattern("must (be|have) .*, (was|had) .*; (build|use) "));
            assertThatThrownBy(() -> PrivacyEngine.attach(network, plan)).isInstanceOf(UnsupportedModelException.class);
            return;
        }
        assertThat(PrivacyEngine.check(network, plan)).isEmpty();
        try (var engine = PrivacyEngine.attach(network, plan)) {
            kind.fit(network, engine.lots(data), 1);
            assertThat(engine.steps()).isPositive();
        }
    }

    @ParameterizedTest
    @MethodSource("casesOfKinds")
    void attach_declaredLength_isRefusedWhereALayerFitsAnotherAlone(NetworkKind kind, Case one) {
        for (int steps : new int[] {OWN, OWN + 2, OWN - 2}) {
            Layer[] layers = Stream.of(one.layers()).map(Layer::clone).toArray(Layer[]::new);
            Model network = kind.chain(builder(), InputType.recurrent(one.tokens() ? 1 : 3, OWN), layers);
            INDArray x = one.tokens()
                    ? Nd4j.zeros(DataType.DOUBLE, EXAMPLES, steps)
                    : Nd4j.rand(DataType.DOUBLE, EXAMPLES, 3, steps);
            INDArray y = one.labelsOnce()
                    ? Nd4j.rand(DataType.DOUBLE, EXAMPLES, 2)
                    : Nd4j.rand(DataType.DOUBLE, EXAMPLES, 2, steps);
            assertRefusedWhereItFails(
                    kind, network, new DataSet(x, y), plan().withSequenceLength(steps), one.isFixed() && steps != OWN);
            assertThat(PrivacyEngine.check(network)).isEmpty();
        }
    }

    /** Whatever else is said of these. */
    @ParameterizedTest
    @EnumSource
    void check_insideOtherWrappersAndCapsules_isFound(NetworkKind kind) {
        for (Layer[] layers : new Layer[][] {
            {new LastTimeStep(prelu()), once()},
            {new MaskZeroLayer(prelu(), 0), everyStep()},
            {new FrozenLayer(new LastTimeStep(prelu())), once()},
            {capsules(), new CapsuleStrengthLayer.Builder().build(), once()}
        }) {
            for (int steps : new int[] {OWN, OWN + 1}) {
                Model network = kind.chain(
                        builder(),
                        InputType.recurrent(3, OWN),
                        Stream.of(layers).map(Layer::clone).toArray(Layer[]::new));
                assertThat(PrivacyEngine.check(network, plan().withSequenceLength(steps)).stream()
                                .filter(problem -> problem.reason()
                                        .contains("must be " + steps
                                                + ", the time steps that come to it under the plan's sequenceLength = "
                                                + steps + ", was " + OWN)))
                        .hasSize(steps == OWN ? 0 : 1);
            }
        }
    }

    @Test
    void attach_segmentsOfAnotherLength_areRefused() {
        for (Layer layer : new Layer[] {prelu(), local(), new FrozenLayer(prelu()), new FrozenLayer(local())}) {
            for (int segment : new int[] {OWN, OWN - 1, OWN + 1}) {
                for (boolean graph : new boolean[] {false, true}) {
                    Model network = truncated(layer.clone(), segment, graph);
                    int steps = 2 * segment;
                    var data = new DataSet(
                            Nd4j.rand(DataType.DOUBLE, EXAMPLES, 3, steps),
                            Nd4j.rand(DataType.DOUBLE, EXAMPLES, 2, steps),
                            Nd4j.ones(DataType.DOUBLE, EXAMPLES, steps),
                            Nd4j.ones(DataType.DOUBLE, EXAMPLES, steps));
                    assertRefusedWhereItFails(
                            graph ? NetworkKind.GRAPH : NetworkKind.MULTI_LAYER,
                            network,
                            data,
                            plan().withTruncatedBackprop(steps, segment),
                            segment != OWN);
                }
            }
        }
    }

    private static Model truncated(Layer layer, int segment, boolean graph) {
        Model network = graph
                ? new ComputationGraph(builder()
                        .graphBuilder()
                        .addInputs("in")
                        .setInputTypes(InputType.recurrent(3, OWN))
                        .addLayer("first", layer, "in")
                        .addLayer("out", everyStep(), "first")
                        .setOutputs("out")
                        .backpropType(BackpropType.TruncatedBPTT)
                        .tBPTTForwardLength(segment)
                        .tBPTTBackwardLength(segment)
                        .build())
                : new MultiLayerNetwork(builder()
                        .list(layer, everyStep())
                        .setInputType(InputType.recurrent(3, OWN))
                        .backpropType(BackpropType.TruncatedBPTT)
                        .tBPTTLength(segment)
                        .build());
        network.init();
        return network;
    }

    /** A vector that is repeated for a number of steps of its own beside sequences of the declared one. */
    @Test
    void attach_sequencesOfTwoLengthsThatMeet_areRefused() {
        for (boolean merge : new boolean[] {true, false}) {
            for (int steps : new int[] {OWN, OWN + 2}) {
                var network = new ComputationGraph(builder()
                        .graphBuilder()
                        .addInputs("in")
                        .setInputTypes(InputType.recurrent(3, OWN))
                        .addLayer("rnn", new SimpleRnn.Builder().nOut(3).build(), "in")
                        .addLayer("last", new LastTimeStep(lstm()), "in")
                        .addLayer("repeated", repeat(), "last")
                        .addVertex(
                                "both",
                                merge ? new MergeVertex() : new ElementWiseVertex(ElementWiseVertex.Op.Add),
                                "rnn",
                                "repeated")
                        .addLayer("out", everyStep(), "both")
                        .setOutputs("out")
                        .build());
                network.init();
                var data = new DataSet(
                        Nd4j.rand(DataType.DOUBLE, EXAMPLES, 3, steps), Nd4j.rand(DataType.DOUBLE, EXAMPLES, 2, steps));
                assertRefusedWhereItFails(
                        NetworkKind.GRAPH, network, data, plan().withSequenceLength(steps), steps != OWN);
            }
        }
    }
}
