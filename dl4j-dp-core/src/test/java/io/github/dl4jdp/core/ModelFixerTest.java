// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.dl4jdp.core.layers.GroupNormalization;
import org.deeplearning4j.nn.api.Model;
import org.deeplearning4j.nn.conf.GradientNormalization;
import org.deeplearning4j.nn.conf.NeuralNetConfiguration;
import org.deeplearning4j.nn.conf.inputs.InputType;
import org.deeplearning4j.nn.conf.layers.BatchNormalization;
import org.deeplearning4j.nn.conf.layers.ConvolutionLayer;
import org.deeplearning4j.nn.conf.layers.DenseLayer;
import org.deeplearning4j.nn.conf.layers.LSTM;
import org.deeplearning4j.nn.conf.layers.OutputLayer;
import org.deeplearning4j.nn.conf.layers.misc.FrozenLayer;
import org.deeplearning4j.nn.conf.layers.recurrent.Bidirectional;
import org.deeplearning4j.nn.conf.layers.recurrent.LastTimeStep;
import org.deeplearning4j.nn.graph.ComputationGraph;
import org.deeplearning4j.nn.multilayer.MultiLayerNetwork;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.nd4j.linalg.activations.Activation;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.dataset.DataSet;
import org.nd4j.linalg.factory.Nd4j;
import org.nd4j.linalg.learning.config.Adam;
import org.nd4j.linalg.lossfunctions.LossFunctions.LossFunction;

class ModelFixerTest {
    private static final int EXAMPLES = 12;

    /** A dense layer in the place of batch normalization; the builder's defaults are left to the fixer. */
    private static final ModelFixer FIXER = ModelFixer.replacingBatchNormalization(old ->
            new DenseLayer.Builder().nIn(old.getNIn()).nOut(old.getNOut()).build());

    private static NeuralNetConfiguration.Builder clipping() {
        return new NeuralNetConfiguration.Builder()
                .seed(7)
                .dataType(DataType.FLOAT)
                .gradientNormalization(GradientNormalization.ClipL2PerLayer)
                .updater(new Adam(0.01));
    }

    private static OutputLayer output() {
        return new OutputLayer.Builder(LossFunction.MCXENT)
                .nOut(Networks.CLASSES)
                .activation(Activation.SOFTMAX)
                .build();
    }

    private static Model network(NetworkKind kind) {
        return kind.chain(
                clipping(),
                InputType.feedForward(Networks.INPUTS),
                new FrozenLayer(new BatchNormalization.Builder().build()),
                new DenseLayer.Builder().nOut(5).activation(Activation.TANH).build(),
                new BatchNormalization.Builder().build(),
                output());
    }

    private static Model fix(Model network) {
        return network instanceof ComputationGraph graph ? FIXER.fix(graph) : FIXER.fix((MultiLayerNetwork) network);
    }

    private static DataSet data() {
        return Networks.data(DataType.FLOAT, EXAMPLES);
    }

    @ParameterizedTest
    @EnumSource
    void fix_batchAndGradientNormalization_givesNetworkThatTrainsWithPrivacy(NetworkKind kind) {
        Model network = network(kind);
        kind.fit(network, data());
        String before = kind.json(network);
        assertThat(PrivacyEngine.check(network))
                .extracting(ModelProblem::layerIndex)
                .containsExactly(1, 2, 3);

        Model fixed = fix(network);

        assertThat(kind.json(network)).isEqualTo(before);
        assertThat(PrivacyEngine.check(fixed)).isEmpty();
        assertThat(kind.iterations(fixed)).isEqualTo(1);
        assertThat(fixed.params().sumNumber().doubleValue()).isFinite();
        var plan = DpSgdPlan.poisson(EXAMPLES, 6)
                .withSteps(2)
                .withClippingNorm(1.0)
                .withNoiseMultiplier(1.0)
                .withDelta(1e-5);
        var engine = PrivacyEngine.attach(fixed, plan);
        kind.fit(fixed, engine.lots(data()), 1);
        assertThat(engine.steps()).isEqualTo(2);
        assertThat(kind.json(network)).isEqualTo(before);
    }

    @ParameterizedTest
    @EnumSource
    void fix_trainedNetwork_keepsTheWeightsThatFit(NetworkKind kind) {
        Model network = network(kind);
        kind.fit(network, data());

        Model fixed = fix(network);

        for (int i : new int[] {0, 1, 3}) {
            assertThat(kind.layers(fixed)[i].params()).isEqualTo(kind.layers(network)[i].params());
        }
        assertThat(kind.layers(fixed)[2]).isInstanceOf(org.deeplearning4j.nn.layers.feedforward.dense.DenseLayer.class);
        fixed.params().addi(1);
        assertThat(kind.layers(network)[3].params()).isNotEqualTo(kind.layers(fixed)[3].params());
    }

    @ParameterizedTest
    @EnumSource
    void fix_withGroupNormalization_replacesImagesAndVectorsAndKeepsScaleAndShift(NetworkKind kind) {
        Model network = kind.chain(
                clipping(),
                InputType.convolutional(5, 5, 2),
                new ConvolutionLayer.Builder(2, 2).nOut(24).build(),
                new BatchNormalization.Builder().build(),
                new DenseLayer.Builder().nOut(5).activation(Activation.TANH).build(),
                new BatchNormalization.Builder().eps(1e-3).build(),
                output());
        var data = new DataSet(
                Nd4j.rand(DataType.FLOAT, EXAMPLES, 2, 5, 5),
                Networks.data(DataType.FLOAT, EXAMPLES).getLabels());
        kind.fit(network, data);
        ModelFixer fixer = ModelFixer.withGroupNormalization();

        Model fixed =
                network instanceof ComputationGraph graph ? fixer.fix(graph) : fixer.fix((MultiLayerNetwork) network);

        assertThat(PrivacyEngine.check(fixed)).isEmpty();
        var image = (GroupNormalization) kind.layers(fixed)[1].conf().getLayer();
        var vector = (GroupNormalization) kind.layers(fixed)[3].conf().getLayer();
        assertThat(image.getGroups()).isEqualTo(6);
        assertThat(vector.getGroups()).isEqualTo(1);
        assertThat(vector.getEpsilon()).isEqualTo(1e-3);
        assertThat(kind.layers(fixed)[1].getParam("gamma"))
                .isEqualTo(kind.layers(network)[1].getParam("gamma").reshape(24));
        assertThat(kind.layers(fixed)[0].params()).isEqualTo(kind.layers(network)[0].params());
        var engine = PrivacyEngine.attach(
                fixed,
                DpSgdPlan.poisson(EXAMPLES, 6)
                        .withSteps(2)
                        .withClippingNorm(1.0)
                        .withNoiseMultiplier(1.0)
                        .withDelta(1e-5));
        kind.fit(fixed, engine.lots(data), 1);
        assertThat(engine.steps()).isEqualTo(2);
    }

    @ParameterizedTest
    @EnumSource
    void fix_layerInsideAnother_leavesTheOriginalAlone(NetworkKind kind) {
        Model network = kind.chain(
                clipping(),
                InputType.recurrent(3, 4),
                new Bidirectional(
                        new LSTM.Builder().nOut(4).activation(Activation.TANH).build()),
                new LastTimeStep(
                        new LSTM.Builder().nOut(4).activation(Activation.TANH).build()),
                output());
        String before = kind.json(network);
        assertThat(PrivacyEngine.check(network))
                .extracting(ModelProblem::layerIndex)
                .containsExactly(0, 1, 2);

        Model fixed = fix(network);

        assertThat(kind.json(fixed)).doesNotContain("ClipL2PerLayer");
        assertThat(kind.json(network)).isEqualTo(before).contains("ClipL2PerLayer");
        assertThat(PrivacyEngine.check(fixed)).isEmpty();
    }

    @ParameterizedTest
    @EnumSource
    void fix_nothingToFix_givesTheSameFunction(NetworkKind kind) {
        Model network = kind.classifier(DataType.FLOAT, new Adam(0.01));

        assertThat(fix(network).params()).isEqualTo(network.params());
        assertThat(kind.json(fix(network))).isEqualTo(kind.json(network));
    }
}
