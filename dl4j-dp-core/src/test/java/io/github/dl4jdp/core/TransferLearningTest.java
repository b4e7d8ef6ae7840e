// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.function.UnaryOperator;
import org.deeplearning4j.nn.api.Model;
import org.deeplearning4j.nn.conf.layers.OutputLayer;
import org.deeplearning4j.nn.graph.ComputationGraph;
import org.deeplearning4j.nn.layers.FrozenLayer;
import org.deeplearning4j.nn.multilayer.MultiLayerNetwork;
import org.deeplearning4j.nn.transferlearning.FineTuneConfiguration;
import org.deeplearning4j.nn.transferlearning.TransferLearning;
import org.deeplearning4j.nn.transferlearning.TransferLearningHelper;
import org.deeplearning4j.nn.weights.WeightInit;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.nd4j.linalg.activations.Activation;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.dataset.DataSet;
import org.nd4j.linalg.learning.config.Adam;
import org.nd4j.linalg.learning.config.Sgd;
import org.nd4j.linalg.lossfunctions.LossFunctions.LossFunction;

/** Networks that DL4J's transfer learning made of public and of private ones. */
class TransferLearningTest {
    private static final int EXAMPLES = 12;
    private static final DpSgdPlan PLAN = DpSgdPlan.poisson(EXAMPLES, 6)
            .withSteps(4)
            .withClippingNorm(1.0)
            .withNoiseMultiplier(1.0)
            .withDelta(1e-5);

    private static DataSet data() {
        return Networks.data(DataType.FLOAT, EXAMPLES);
    }

    /** The hidden layer frozen, the output layer new. */
    private static Model newHead(Model network, UnaryOperator<FineTuneConfiguration.Builder> fineTune) {
        var head = new OutputLayer.Builder(LossFunction.MCXENT)
                .nIn(5)
                .nOut(Networks.CLASSES)
                .activation(Activation.SOFTMAX)
                .build();
        var configuration = fineTune.apply(new FineTuneConfiguration.Builder()).build();
        if (network instanceof MultiLayerNetwork multiLayer) {
            return new TransferLearning.Builder(multiLayer)
                    .fineTuneConfiguration(configuration)
                    .setFeatureExtractor(0)
                    .removeOutputLayer()
                    .addLayer(head)
                    .build();
        }
        return new TransferLearning.GraphBuilder((ComputationGraph) network)
                .fineTuneConfiguration(configuration)
                .setFeatureExtractor("hidden")
                .removeVertexKeepConnections("out")
                .addLayer("out", head, "hidden")
                .build();
    }

    /** No layer frozen, the output layer drawn anew: in a graph, DL4J also takes its updater away. */
    private static Model redrawnHead(Model network) {
        if (network instanceof MultiLayerNetwork multiLayer) {
            return new TransferLearning.Builder(multiLayer)
                    .nOutReplace(1, Networks.CLASSES, WeightInit.XAVIER)
                    .build();
        }
        return new TransferLearning.GraphBuilder((ComputationGraph) network)
                .nOutReplace("out", Networks.CLASSES, WeightInit.XAVIER)
                .build();
    }

    private static void assertHeadAloneTrains(NetworkKind kind, Model network, PrivacyEngine engine) {
        INDArray body = kind.layers(network)[0].params().dup();
        INDArray head = kind.layers(network)[1].params().dup();

        kind.fit(network, engine.lots(data()), PLAN.epochs());

        assertThat(engine.steps()).isEqualTo(4);
        assertThat(kind.layers(network)[0]).isInstanceOf(FrozenLayer.class);
        assertThat(kind.layers(network)[0].params()).isEqualTo(body);
        assertThat(kind.layers(network)[1].params().distance2(head)).isGreaterThan(0.01);
    }

    @ParameterizedTest
    @EnumSource
    void attach_publicBodyNewHead_trainsTheHeadAlone(NetworkKind kind) {
        Model source = kind.classifier(DataType.FLOAT, new Sgd(0.1));
        kind.fit(source, data());
        Model network = newHead(source, fineTune -> fineTune.updater(new Adam(0.1)));

        assertThat(kind.layers(network)[0].params()).isEqualTo(kind.layers(source)[0].params());
        assertHeadAloneTrains(kind, network, PrivacyEngine.attach(network, PLAN));
    }

    @ParameterizedTest
    @EnumSource
    void fit_privateNetworkWithRedrawnHead_failsUntilAttached(NetworkKind kind) {
        Model source = kind.classifier(DataType.FLOAT, new Sgd(0.1));
        PrivacyEngine.attach(source, PLAN);
        Model network = redrawnHead(source);
        INDArray before = network.params().dup();

        assertThatThrownBy(() -> kind.fit(network, data())).hasMessageContaining("PrivacyEngine.attach");
        assertThat(network.params()).isEqualTo(before);
        var engine = PrivacyEngine.attach(network);
        kind.fit(network, engine.lots(data()), PLAN.epochs());
        assertThat(engine.plan()).isEqualTo(PLAN);
        assertThat(network.params().distance2(before)).isGreaterThan(0.01);
    }

    @ParameterizedTest
    @EnumSource
    void attach_privateBodyNewHeadAnotherPlan_trainsUnderThePlanGiven(NetworkKind kind) {
        Model source = kind.classifier(DataType.FLOAT, new Sgd(0.1));
        PrivacyEngine.attach(source, PLAN.withNoiseMultiplier(3));
        Model network = newHead(source, fineTune -> fineTune.updater(new Adam(0.1)));

        assertHeadAloneTrains(kind, network, PrivacyEngine.attach(network, PLAN));
        assertThat(kind.json(network))
                .contains("\"noiseMultiplier\" : 1.0")
                .doesNotContain("\"noiseMultiplier\" : 3.0");
    }

    @ParameterizedTest
    @EnumSource
    void fit_headOnFeaturesOfTheBody_trainsItAsInTheWholeNetwork(NetworkKind kind) {
        // Without noise: what noise a weight gets under a seed depends on where it stands among all the weights.
        DpSgdPlan plan = PLAN.withoutNoise().withSeed(3);
        Model network = newHead(kind.classifier(DataType.FLOAT, new Sgd(0.1)), tune -> tune.updater(new Adam(0.1)));
        var helper = network instanceof MultiLayerNetwork multiLayer
                ? new TransferLearningHelper(multiLayer)
                : new TransferLearningHelper((ComputationGraph) network);
        DataSet features = helper.featurize(data());
        Model head = network instanceof MultiLayerNetwork ? helper.unfrozenMLN() : helper.unfrozenGraph();
        PrivacyEngine engineOfHead = PrivacyEngine.attach(head, plan);
        kind.fit(head, engineOfHead.lots(features), plan.epochs());

        PrivacyEngine engine = PrivacyEngine.attach(network, plan);
        kind.fit(network, engine.lots(data()), plan.epochs());

        assertThat(engineOfHead.steps()).isEqualTo(4);
        assertThat(head.params().equalsWithEps(kind.layers(network)[1].params(), 1e-5))
                .as("%s, in the whole network %s", head.params(), kind.layers(network)[1].params())
                .isTrue();
    }
}
