// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import org.deeplearning4j.nn.api.Layer;
import org.deeplearning4j.nn.graph.ComputationGraph;
import org.deeplearning4j.nn.layers.FrozenLayer;
import org.deeplearning4j.nn.transferlearning.FineTuneConfiguration;
import org.deeplearning4j.nn.transferlearning.TransferLearning;
import org.deeplearning4j.nn.weights.WeightInit;
import org.deeplearning4j.zoo.model.ResNet50;
import org.deeplearning4j.zoo.model.SqueezeNet;
import org.junit.jupiter.api.Test;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.dataset.DataSet;
import org.nd4j.linalg.factory.Nd4j;
import org.nd4j.linalg.learning.config.Nesterovs;

/** Models of DL4J's zoo under a new head, as transfer learning makes them; their weights are random here. */
class ZooModelsTest {
    private static final int SIDE = 96; // the least that ResNet50 takes
    private static final int EXAMPLES = 4;

    private final DataSet trainingData = new DataSet(
            Nd4j.rand(DataType.FLOAT, EXAMPLES, 3, SIDE, SIDE),
            Nd4j.tile(Nd4j.eye(2), EXAMPLES / 2, 1).castTo(DataType.FLOAT));
    private final DpSgdPlan plan = DpSgdPlan.poisson(EXAMPLES, 2)
            .withSteps(2)
            .withClippingNorm(1)
            .withNoiseMultiplier(1)
            .withDelta(1e-3);

    private static ComputationGraph squeezeNet() {
        return SqueezeNet.builder()
                .inputShape(new int[] {3, SIDE, SIDE})
                .numClasses(2)
                .build()
                .init();
    }

    private static FineTuneConfiguration fineTuning() {
        return new FineTuneConfiguration.Builder()
                .updater(new Nesterovs(0.1, 0.9))
                .build();
    }

    @Test
    void attach_squeezeNetFrozenBelowANewHead_trainsTheHeadAlone() {
        ComputationGraph zoo = squeezeNet();
        ComputationGraph net = new TransferLearning.GraphBuilder(zoo)
                .fineTuneConfiguration(new FineTuneConfiguration.Builder()
                        .updater(new Nesterovs(0.1, 0.9))
                        .build())
                .setFeatureExtractor("fire9") // frozen up to here; without this line all of it trains
                .nOutReplace("conv10", 2, WeightInit.XAVIER) // the head, for two classes
                .build();
        INDArray head = net.getLayer("conv10").params().dup();

        PrivacyEngine engine = PrivacyEngine.attach(net, plan);
        net.fit(engine.lots(trainingData), plan.epochs());

        assertThat(engine.steps()).isEqualTo(2);
        assertThat(net.getLayer("fire5_exp3x3")).isInstanceOf(FrozenLayer.class);
        assertThat(net.getLayer("fire5_exp3x3").params())
                .isEqualTo(zoo.getLayer("fire5_exp3x3").params());
        assertThat(net.getLayer("conv10").params().distance2(head)).isGreaterThan(0.01);
    }

    @Test
    void attach_squeezeNetNotFrozen_trainsEveryLayer() {
        ComputationGraph zoo = squeezeNet();
        ComputationGraph net = new TransferLearning.GraphBuilder(zoo)
                .fineTuneConfiguration(fineTuning())
                .nOutReplace("conv10", 2, WeightInit.XAVIER)
                .build();

        PrivacyEngine engine = PrivacyEngine.attach(net, plan);
        net.fit(engine.lots(trainingData), plan.epochs());

        for (Layer layer : net.getLayers()) {
            String name = layer.conf().getLayer().getLayerName();
            if (layer.numParams() > 0 && !name.equals("conv10")) {
                assertThat(layer.params().distance2(zoo.getLayer(name).params()))
                        .as(name)
                        .isGreaterThan(0.01);
            }
        }
    }

    /** Batch normalization of a frozen body runs as in inference: it looks at no other example. */
    @Test
    void attach_resNetFrozenBelowANewHead_trainsTheHeadAlone() {
        ComputationGraph zoo = resNet();
        ComputationGraph net = new TransferLearning.GraphBuilder(zoo)
                .fineTuneConfiguration(fineTuning())
                .setFeatureExtractor("avgpool")
                .nOutReplace("output", 2, WeightInit.XAVIER)
                .build();
        INDArray head = net.getLayer("output").params().dup();

        PrivacyEngine engine = PrivacyEngine.attach(net, plan);
        net.fit(engine.lots(trainingData), plan.epochs());

        for (String frozen : List.of("stem-batch1", "bn5c_branch2c", "res5c_branch2c")) {
            assertThat(net.getLayer(frozen).params())
                    .as(frozen)
                    .isEqualTo(zoo.getLayer(frozen).params());
        }
        assertThat(net.getLayer("output").params().distance2(head)).isGreaterThan(0.01);
    }

    @Test
    void check_resNetFrozenUpToItsLastStage_namesTheBatchNormalizationsAbove() {
        ComputationGraph net = new TransferLearning.GraphBuilder(resNet())
                .fineTuneConfiguration(fineTuning())
                .setFeatureExtractor("res5b_branch")
                .nOutReplace("output", 2, WeightInit.XAVIER)
                .build();

        assertThat(PrivacyEngine.check(net)).hasSize(3).allSatisfy(problem -> assertThat(problem.toString())
                .contains("bn5c_branch2")
                .contains("BatchNormalization"));
    }

    private static ComputationGraph resNet() {
        return ResNet50.builder()
                .inputShape(new int[] {3, SIDE, SIDE})
                .numClasses(10)
                .build()
                .init();
    }
}
