// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.dl4jdp.core.gradient.GradientRules;
import java.util.List;
import java.util.Set;
import java.util.stream.Stream;
import org.deeplearning4j.datasets.iterator.CombinedPreProcessor;
import org.deeplearning4j.nn.conf.InputPreProcessor;
import org.deeplearning4j.nn.conf.MultiLayerConfiguration;
import org.deeplearning4j.nn.conf.NeuralNetConfiguration;
import org.deeplearning4j.nn.conf.constraint.BaseConstraint;
import org.deeplearning4j.nn.conf.dropout.Dropout;
import org.deeplearning4j.nn.conf.dropout.IDropout;
import org.deeplearning4j.nn.conf.inputs.InputType;
import org.deeplearning4j.nn.conf.layers.BatchNormalization;
import org.deeplearning4j.nn.conf.layers.DenseLayer;
import org.deeplearning4j.nn.conf.layers.GlobalPoolingLayer;
import org.deeplearning4j.nn.conf.layers.LSTM;
import org.deeplearning4j.nn.conf.layers.Layer;
import org.deeplearning4j.nn.conf.layers.OutputLayer;
import org.deeplearning4j.nn.conf.layers.misc.FrozenLayer;
import org.deeplearning4j.nn.conf.layers.samediff.SameDiffLambdaLayer;
import org.deeplearning4j.nn.conf.preprocessor.BaseInputPreProcessor;
import org.deeplearning4j.nn.conf.preprocessor.ComposableInputPreProcessor;
import org.deeplearning4j.nn.multilayer.MultiLayerNetwork;
import org.deeplearning4j.nn.workspace.ArrayType;
import org.deeplearning4j.nn.workspace.LayerWorkspaceMgr;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.nd4j.autodiff.samediff.SDVariable;
import org.nd4j.autodiff.samediff.SameDiff;
import org.nd4j.common.primitives.Pair;
import org.nd4j.linalg.activations.Activation;
import org.nd4j.linalg.activations.BaseActivationFunction;
import org.nd4j.linalg.activations.IActivation;
import org.nd4j.linalg.activations.impl.ActivationTanH;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.dataset.DataSet;
import org.nd4j.linalg.dataset.api.preprocessor.CompositeDataSetPreProcessor;
import org.nd4j.linalg.dataset.api.preprocessor.NormalizerMinMaxScaler;
import org.nd4j.linalg.dataset.api.preprocessor.NormalizerStandardize;
import org.nd4j.linalg.learning.config.Sgd;
import org.nd4j.linalg.lossfunctions.ILossFunction;
import org.nd4j.linalg.lossfunctions.impl.LossMCXENT;
import org.nd4j.linalg.lossfunctions.impl.LossMSE;

/** What layers are built of: known by its exact class, opted in to after a check, or refused, frozen or not. */
class PartsTest {
    private static final DataSet DATA = Networks.data(DataType.DOUBLE, 10);

    private static final DpSgdPlan PLAN = DpSgdPlan.poisson(10, 10)
            .withSteps(1)
            .withClippingNorm(1)
            .withNoiseMultiplier(1)
            .withDelta(1e-5);

    /** A subclass may do anything. */
    static final class Tanh extends ActivationTanH {
        private static final long serialVersionUID = 1L;
    }

    /** Takes the mean of the batch away. */
    static final class Centered extends BaseActivationFunction {
        private static final long serialVersionUID = 1L;

        @Override
        public INDArray getActivation(INDArray in, boolean training) {
            return in.subiRowVector(in.mean(0));
        }

        @Override
        public Pair<INDArray, INDArray> backprop(INDArray in, INDArray epsilon) {
            return new Pair<>(epsilon, null);
        }
    }

    /** Keeps examples apart forward, and not backward. */
    static final class MixingBackward extends BaseActivationFunction {
        private static final long serialVersionUID = 1L;

        @Override
        public INDArray getActivation(INDArray in, boolean training) {
            return in;
        }

        @Override
        public Pair<INDArray, INDArray> backprop(INDArray in, INDArray epsilon) {
            return new Pair<>(epsilon.subRowVector(epsilon.mean(0)), null);
        }
    }

    /** Halves its input, or mixes it with that of the next example. */
    record Own(boolean mixes) implements IDropout {
        private static final long serialVersionUID = 1L;

        @Override
        public INDArray applyDropout(INDArray in, INDArray out, int iteration, int epoch, LayerWorkspaceMgr manager) {
            INDArray copy = in.mul(0.5);
            for (int i = 0; mixes && i < in.size(0); i++) {
                copy.getRow(i).addi(in.getRow((i + 1) % in.size(0)).mul(0.5));
            }
            return out.assign(copy);
        }

        @Override
        public INDArray backprop(INDArray above, INDArray below, int iteration, int epoch) {
            return below.assign(above.mul(0.5));
        }

        @Override
        public void clear() {}

        @Override
        public IDropout clone() {
            return this;
        }
    }

    static class OwnLoss extends LossMSE {
        private static final long serialVersionUID = 1L;
    }

    /** Weighs every example by how many there are. */
    static final class BatchLoss extends OwnLoss {
        private static final long serialVersionUID = 1L;

        @Override
        public INDArray computeGradient(INDArray labels, INDArray output, IActivation activation, INDArray mask) {
            return super.computeGradient(labels, output, activation, mask).divi(labels.size(0));
        }
    }

    static class OwnPreProcessorBetween extends BaseInputPreProcessor {
        private static final long serialVersionUID = 1L;

        @Override
        public INDArray preProcess(INDArray input, int miniBatchSize, LayerWorkspaceMgr manager) {
            return manager.leverageTo(ArrayType.ACTIVATIONS, input.mul(2));
        }

        @Override
        public INDArray backprop(INDArray output, int miniBatchSize, LayerWorkspaceMgr manager) {
            return manager.leverageTo(ArrayType.ACTIVATION_GRAD, output.mul(2));
        }

        @Override
        public InputType getOutputType(InputType inputType) {
            return inputType;
        }
    }

    static final class CenteringPreProcessor extends OwnPreProcessorBetween {
        private static final long serialVersionUID = 1L;

        @Override
        public INDArray preProcess(INDArray input, int miniBatchSize, LayerWorkspaceMgr manager) {
            return manager.leverageTo(ArrayType.ACTIVATIONS, input.mul(2).addi(input.sumNumber()));
        }
    }

    static class OwnConstraint extends BaseConstraint {
        private static final long serialVersionUID = 1L;

        @Override
        public void apply(INDArray param) {
            param.muli(0.99);
        }

        @Override
        public OwnConstraint clone() {
            return this;
        }
    }

    /** Reads the private batch. */
    static final class LookingConstraint extends OwnConstraint {
        private static final long serialVersionUID = 1L;

        @Override
        public void applyConstraint(org.deeplearning4j.nn.api.Layer layer, int iteration, int epoch) {
            layer.params().addi(layer.input().sumNumber().doubleValue());
        }
    }

    static final class Lambda extends SameDiffLambdaLayer {
        private static final long serialVersionUID = 1L;

        @Override
        public SDVariable defineLayer(SameDiff graph, SDVariable in) {
            return in.sub(in.mean(true, 0));
        }

        @Override
        public InputType getOutputType(int index, InputType input) {
            return input;
        }
    }

    private static DenseLayer.Builder dense() {
        return new DenseLayer.Builder().nIn(Networks.INPUTS).nOut(5).activation(Activation.TANH);
    }

    private static OutputLayer output(ILossFunction loss) {
        return new OutputLayer.Builder(loss)
                .nIn(5)
                .nOut(Networks.CLASSES)
                .activation(loss instanceof LossMSE ? Activation.IDENTITY : Activation.SOFTMAX)
                .build();
    }

    private static MultiLayerNetwork network(
            DenseLayer.Builder dense, ILossFunction loss, @Nullable InputPreProcessor between) {
        var list = new NeuralNetConfiguration.Builder()
                .seed(3)
                .dataType(DataType.DOUBLE)
                .updater(new Sgd(0.1))
                .list(dense.build(), output(loss));
        if (between != null) {
            list.inputPreProcessor(1, between);
        }
        return initialized(list.build());
    }

    private static MultiLayerNetwork initialized(MultiLayerConfiguration conf) {
        var network = new MultiLayerNetwork(conf);
        network.init();
        return network;
    }

    private static DenseLayer.Builder constrained(OwnConstraint constraint) {
        constraint.setParams(Set.of("W"));
        DenseLayer.Builder dense = dense();
        dense.constrainWeights(constraint);
        return dense;
    }

    /** A network with a part of the user's own that keeps examples apart, one with a part that does not, and the parts' classes. */
    record Case(String kind, MultiLayerNetwork good, Class<?> goodPart, MultiLayerNetwork bad, Class<?> badPart) {
        @Override
        public String toString() {
            return kind;
        }
    }

    static Stream<Case> parts() {
        var mcxent = new LossMCXENT();
        return Stream.of(
                new Case(
                        "activation",
                        network(dense().activation(new Tanh()), mcxent, null),
                        Tanh.class,
                        network(dense().activation(new Centered()), mcxent, null),
                        Centered.class),
                new Case(
                        "activation backward",
                        network(dense().activation(new Tanh()), mcxent, null),
                        Tanh.class,
                        network(dense().activation(new MixingBackward()), mcxent, null),
                        MixingBackward.class),
                new Case(
                        "dropout",
                        network(dense().dropOut(new Own(false)), mcxent, null),
                        Own.class,
                        network(dense().dropOut(new Own(true)), mcxent, null),
                        Own.class),
                new Case(
                        "loss",
                        network(dense(), new OwnLoss(), null),
                        OwnLoss.class,
                        network(dense(), new BatchLoss(), null),
                        BatchLoss.class),
                new Case(
                        "preprocessor",
                        network(dense(), mcxent, new OwnPreProcessorBetween()),
                        OwnPreProcessorBetween.class,
                        network(dense(), mcxent, new CenteringPreProcessor()),
                        CenteringPreProcessor.class),
                new Case(
                        "preprocessor in another",
                        network(dense(), mcxent, new ComposableInputPreProcessor(new OwnPreProcessorBetween())),
                        OwnPreProcessorBetween.class,
                        network(dense(), mcxent, new ComposableInputPreProcessor(new CenteringPreProcessor())),
                        CenteringPreProcessor.class),
                new Case(
                        "constraint",
                        network(constrained(new OwnConstraint()), mcxent, null),
                        OwnConstraint.class,
                        network(constrained(new LookingConstraint()), mcxent, null),
                        LookingConstraint.class));
    }

    @ParameterizedTest
    @MethodSource("parts")
    void attach_partOfTheUsers_isRefusedUnlessOptedInToAfterACheck(Case own) {
        for (var network : List.of(own.good(), own.bad())) {
            assertThat(PrivacyEngine.check(network))
                    .anySatisfy(problem -> assertThat(problem.reason()).contains("withPart"));
        }
        assertThatIllegalArgumentException()
                .isThrownBy(() -> GradientRules.builtIn().withPart(own.badPart(), own.bad(), DATA))
                .withMessageContaining(own.badPart().getName())
                .withMessageContaining("must compute every example independently");

        INDArray before = own.good().params().dup();
        var rules = GradientRules.builtIn().withPart(own.goodPart(), own.good(), DATA);
        assertThat(own.good().params()).isEqualTo(before);
        assertThat(PrivacyEngine.check(own.good(), PLAN, rules)).isEmpty();
        try (var engine = PrivacyEngine.attach(own.good(), PLAN, ExecutionOptions.defaults(), rules)) {
            own.good().fit(engine.lots(DATA), 1);
            assertThat(engine.report().assumptions()).anySatisfy(line -> assertThat(line)
                    .contains(own.goodPart().getName())
                    .contains("checked on 1 batches without masks"));
        }
    }

    @Test
    void withPart_whatNeedsNoOptInOrIsNotThere_throws() {
        var network = network(dense(), new LossMCXENT(), null);
        var rules = GradientRules.builtIn();
        assertThatIllegalArgumentException()
                .isThrownBy(() -> rules.withPart(ActivationTanH.class, network, DATA))
                .withMessageContaining("known parts need no opt-in");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> rules.withPart(Tanh.class, network, DATA))
                .withMessageContaining("has none");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> rules.withPart(DenseLayer.class, network, DATA))
                .withMessageContaining("for layers, use withFallback");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> rules.withPart(Tanh.class, network, new DataSet[0]))
                .withMessageContaining("at least one batch");
    }

    /** DL4J's own random parts need no opt-in and do not disturb that of others. */
    @Test
    void withPart_besideDropout_looksWithoutIt() {
        DenseLayer.Builder dense = dense().activation(new Tanh());
        dense.dropOut(new Dropout(0.5));
        var network = network(dense, new LossMCXENT(), null);
        assertThat(GradientRules.builtIn().withPart(Tanh.class, network, DATA).assumptions())
                .hasSize(1);
    }

    /** Freezing makes batch normalization private, and a layer that mixes the batch it does not. */
    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void check_frozenLayers_areLookedAtToo(boolean graph) {
        var kind = graph ? NetworkKind.GRAPH : NetworkKind.MULTI_LAYER;
        var builder = new NeuralNetConfiguration.Builder().updater(new Sgd(0.1));
        assertThat(PrivacyEngine.check(kind.chain(
                        builder,
                        InputType.feedForward(Networks.INPUTS),
                        new FrozenLayer(new DenseLayer.Builder().nOut(5).build()),
                        new FrozenLayer(new BatchNormalization()),
                        output(new LossMCXENT()))))
                .isEmpty();
        for (Layer layer : new Layer[] {
            new Lambda(),
            new FrozenLayer(new Lambda()),
            new FrozenLayer(
                    new DenseLayer.Builder().nOut(4).activation(new Centered()).build())
        }) {
            var problems = PrivacyEngine.check(kind.chain(
                    builder,
                    InputType.feedForward(Networks.INPUTS),
                    layer,
                    new DenseLayer.Builder().nOut(5).build(),
                    output(new LossMCXENT())));
            assertThat(problems).singleElement().satisfies(problem -> assertThat(problem.reason())
                    .contains("is not known to compute every example independently")
                    .doesNotContain("freeze it"));
        }
    }

    @Test
    void check_poolingOverTheBatch_isRefused() {
        var network = NetworkKind.MULTI_LAYER.chain(
                new NeuralNetConfiguration.Builder().updater(new Sgd(0.1)),
                InputType.recurrent(4, 5),
                new LSTM.Builder().nOut(5).build(),
                new GlobalPoolingLayer.Builder().poolingDimensions(0).build(),
                output(new LossMCXENT()));
        assertThat(PrivacyEngine.check(network))
                .anySatisfy(problem -> assertThat(problem.reason()).contains("pools over the examples"));
    }

    @ParameterizedTest
    @EnumSource
    void attach_miniBatchFalse_isRefusedWithTheRemedy(NetworkKind kind) {
        var network = kind.chain(
                new NeuralNetConfiguration.Builder().updater(new Sgd(0.1)).miniBatch(false),
                InputType.feedForward(Networks.INPUTS),
                new DenseLayer.Builder().nOut(5).build(),
                output(new LossMCXENT()));
        assertThatThrownBy(() -> PrivacyEngine.attach(network, PLAN))
                .isInstanceOf(UnsupportedModelException.class)
                .hasMessageContaining("miniBatch(true)");
    }

    @Test
    void setPreProcessor_unknownOne_isRefusedAndNestedFittedOnesAreNamed() {
        var network = network(dense(), new LossMCXENT(), null);
        var standardize = new NormalizerStandardize();
        standardize.fit(DATA);
        var scaler = new NormalizerMinMaxScaler();
        scaler.fit(DATA);
        try (var engine = PrivacyEngine.attach(network, PLAN)) {
            var lots = engine.lots(DATA);
            var mixing = new OwnPreProcessor(data -> data.setFeatures(
                    data.getFeatures().subRowVector(data.getFeatures().mean(0))));
            assertThatIllegalArgumentException()
                    .isThrownBy(() -> lots.setPreProcessor(new CompositeDataSetPreProcessor(standardize, mixing)))
                    .withMessageContaining("OwnPreProcessor")
                    .withMessageContaining("withPreProcessor");
            assertThatIllegalArgumentException()
                    .isThrownBy(() -> GradientRules.builtIn().withPreProcessor(mixing, DATA))
                    .withMessageContaining("must process every example independently");
            var spoiling = new OwnPreProcessor(data -> data.getFeatures()
                    .putScalar(data.numExamples() / 2, Networks.INPUTS - 1, data.numExamples() > 1 ? Double.NaN : 0));
            assertThatIllegalArgumentException()
                    .isThrownBy(() -> GradientRules.builtIn().withPreProcessor(spoiling, DATA))
                    .withMessageContaining("must process every example independently");
            lots.setPreProcessor(new CompositeDataSetPreProcessor(
                    new CompositeDataSetPreProcessor(standardize),
                    new CombinedPreProcessor.Builder().addPreProcessor(scaler).build()));
            assertThat(engine.report().assumptions())
                    .anySatisfy(line -> assertThat(line).contains("the NormalizerStandardize was fitted"))
                    .anySatisfy(line -> assertThat(line).contains("the NormalizerMinMaxScaler was fitted"));
        }
    }

    @Test
    void materialize_attachedNetwork_worksOnACopy() {
        var network = network(dense(), new LossMCXENT(), null);
        INDArray expected = PerExampleGradients.materialize(network, DATA);
        try (var engine = PrivacyEngine.attach(network, PLAN)) {
            assertThat(PerExampleGradients.materialize(network, DATA)).isEqualTo(expected);
            network.fit(engine.lots(DATA), 1);
            assertThat(engine.steps()).isEqualTo(1);
        }
    }
}
