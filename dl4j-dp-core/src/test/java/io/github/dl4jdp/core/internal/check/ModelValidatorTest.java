// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core.internal.check;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.dl4jdp.core.DpSgdPlan;
import io.github.dl4jdp.core.DpUpdater;
import io.github.dl4jdp.core.ModelProblem;
import io.github.dl4jdp.core.Networks;
import io.github.dl4jdp.core.PrivacyEngine;
import io.github.dl4jdp.core.UnsupportedModelException;
import org.deeplearning4j.nn.api.OptimizationAlgorithm;
import org.deeplearning4j.nn.conf.GradientNormalization;
import org.deeplearning4j.nn.conf.NeuralNetConfiguration;
import org.deeplearning4j.nn.conf.inputs.InputType;
import org.deeplearning4j.nn.conf.layers.BatchNormalization;
import org.deeplearning4j.nn.conf.layers.CenterLossOutputLayer;
import org.deeplearning4j.nn.conf.layers.DenseLayer;
import org.deeplearning4j.nn.conf.layers.Layer;
import org.deeplearning4j.nn.conf.layers.OutputLayer;
import org.deeplearning4j.nn.conf.layers.misc.FrozenLayer;
import org.deeplearning4j.nn.multilayer.MultiLayerNetwork;
import org.junit.jupiter.api.Test;
import org.nd4j.linalg.activations.Activation;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.learning.config.Sgd;
import org.nd4j.linalg.lossfunctions.LossFunctions.LossFunction;
import org.nd4j.linalg.lossfunctions.impl.LossFMeasure;

class ModelValidatorTest {
    private static final DpSgdPlan PLAN = DpSgdPlan.poisson(100, 10)
            .withSteps(10)
            .withClippingNorm(1)
            .withNoiseMultiplier(1)
            .withDelta(1e-5)
            .withSeed(1);

    private static MultiLayerNetwork network(Layer... layers) {
        return network(new NeuralNetConfiguration.Builder().updater(new Sgd(0.1)), layers);
    }

    private static MultiLayerNetwork network(NeuralNetConfiguration.Builder builder, Layer... layers) {
        var list = builder.seed(1).list();
        for (Layer layer : layers) {
            list.layer(layer);
        }
        var network = new MultiLayerNetwork(
                list.setInputType(InputType.feedForward(Networks.INPUTS)).build());
        network.init();
        return network;
    }

    private static OutputLayer output() {
        return new OutputLayer.Builder(LossFunction.MCXENT)
                .nOut(3)
                .activation(Activation.SOFTMAX)
                .build();
    }

    private static DenseLayer dense() {
        return new DenseLayer.Builder().nOut(5).activation(Activation.TANH).build();
    }

    @Test
    void attach_severalProblems_listsAllWithLayerReasonAndRemedyAndChangesNothing() {
        MultiLayerNetwork network = network(
                new DenseLayer.Builder()
                        .name("first")
                        .nOut(5)
                        .gradientNormalization(GradientNormalization.ClipL2PerLayer)
                        .build(),
                new BatchNormalization.Builder().name("bn1").build(),
                dense(),
                new CenterLossOutputLayer.Builder(LossFunction.MCXENT)
                        .name("out")
                        .nOut(3)
                        .activation(Activation.SOFTMAX)
                        .build());
        String before = network.getLayerWiseConfigurations().toJson();

        assertThatThrownBy(() -> PrivacyEngine.attach(network, PLAN))
                .isInstanceOfSatisfying(UnsupportedModelException.class, e -> assertThat(e.problems())
                        .extracting(ModelProblem::layerIndex)
                        .containsExactly(0, 1, 3))
                .hasMessageContaining("layer 0 \"first\" (DenseLayer)")
                .hasMessageContaining("ClipL2PerLayer")
                .hasMessageContaining("use None (ModelFixer sets it)")
                .hasMessageContaining("layer 1 \"bn1\" (BatchNormalization)")
                .hasMessageContaining("depends on the other examples")
                .hasMessageContaining("layer 3 \"out\" (CenterLossOutputLayer)")
                .hasMessageContaining("use OutputLayer");
        assertThat(network.getLayerWiseConfigurations().toJson()).isEqualTo(before);
        assertThat(PrivacyEngine.check(network)).hasSize(3);
    }

    @Test
    void check_supported_isEmpty() {
        assertThat(PrivacyEngine.check(network(dense(), output()))).isEmpty();
    }

    @Test
    void check_halfPrecision_isRefusedWithTheRemedy() {
        MultiLayerNetwork network = network(
                new NeuralNetConfiguration.Builder().dataType(DataType.FLOAT16).updater(new Sgd(0.1)),
                dense(),
                output());

        assertThatThrownBy(() -> PrivacyEngine.attach(network, PLAN))
                .isInstanceOf(UnsupportedModelException.class)
                .hasMessageContaining("must be FLOAT or DOUBLE, was HALF; use convertDataType(DataType.FLOAT)");
        assertThat(PrivacyEngine.check(network.convertDataType(DataType.FLOAT))).isEmpty();
    }

    @Test
    void attach_notInitialized_throws() {
        var network = new MultiLayerNetwork(
                Networks.classifier(DataType.FLOAT, new Sgd(0.1)).getLayerWiseConfigurations());
        assertThatThrownBy(() -> PrivacyEngine.attach(network, PLAN))
                .isInstanceOf(UnsupportedModelException.class)
                .hasMessageContaining("call init() first");
    }

    @Test
    void attach_planIncomplete_throws() {
        var network = network(dense(), output());
        assertThatThrownBy(() ->
                        PrivacyEngine.attach(network, DpSgdPlan.poisson(10, 1).withSteps(3)))
                .isInstanceOf(IllegalStateException.class)
                .hasMessageContaining("withClippingNorm");
        assertThatThrownBy(() -> PrivacyEngine.attach(network))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("DpUpdater.of");
    }

    @Test
    void attach_lineSearch_throws() {
        var builder = new NeuralNetConfiguration.Builder()
                .updater(new Sgd(0.1))
                .optimizationAlgo(OptimizationAlgorithm.LBFGS);
        assertThatThrownBy(() -> PrivacyEngine.attach(network(builder, dense(), output()), PLAN))
                .hasMessageContaining("LBFGS")
                .hasMessageContaining("STOCHASTIC_GRADIENT_DESCENT");
    }

    @Test
    void attach_batchLevelLoss_throws() {
        var loss = new OutputLayer.Builder(new LossFMeasure())
                .nOut(1)
                .activation(Activation.SIGMOID)
                .build();
        assertThatThrownBy(() -> PrivacyEngine.attach(network(dense(), loss), PLAN))
                .hasMessageContaining("F-measure")
                .hasMessageContaining("LossBinaryXENT");
    }

    @Test
    void attach_anotherPlanInConfiguration_throws() {
        var network = Networks.classifier(DataType.FLOAT, DpUpdater.of(new Sgd(0.1), PLAN));
        assertThatThrownBy(() -> PrivacyEngine.attach(network, PLAN.withClippingNorm(2)))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("plan must be the one in the network's configuration");
    }

    @Test
    void fit_frozenBody_movesTheHeadAlone() {
        MultiLayerNetwork network = network(new FrozenLayer(dense()), output());
        INDArray frozen = network.getLayer(0).params().dup();
        INDArray head = network.getLayer(1).params().dup();
        var engine = PrivacyEngine.attach(network, PLAN);

        network.fit(engine.lots(Networks.data(DataType.FLOAT, 100)), PLAN.epochs());

        assertThat(network.getLayer(0).params()).isEqualTo(frozen);
        assertThat(network.getLayer(1).params()).isNotEqualTo(head);
    }

    @Test
    void attach_everythingFrozen_throws() {
        MultiLayerNetwork network = network(new FrozenLayer(dense()), new FrozenLayer(dense()));
        assertThat(PrivacyEngine.check(network).toString()).contains("no layer trains");
    }

    @Test
    void attach_batchNormalizationBelowFrozenLayer_throws() {
        // It stands still but runs as in training: its output, and so the head's gradient, mixes the examples of the
        // batch.
        MultiLayerNetwork network =
                network(new BatchNormalization.Builder().build(), new FrozenLayer(dense()), output());
        assertThatThrownBy(() -> PrivacyEngine.attach(network, PLAN))
                .isInstanceOf(UnsupportedModelException.class)
                .hasMessageContaining("layer 0")
                .hasMessageContaining("depends on the other examples");
        assertThat(PrivacyEngine.check(network(
                        new FrozenLayer(new BatchNormalization.Builder().build()), new FrozenLayer(dense()), output())))
                .isEmpty();
    }
}
