// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.dl4jdp.core.activations.TemperedSigmoid;
import io.github.dl4jdp.core.features.DrawnPatchWeights;
import io.github.dl4jdp.core.features.DrawnPictures;
import io.github.dl4jdp.core.features.FeatureExtractor;
import io.github.dl4jdp.core.features.ScatteringTransform;
import io.github.dl4jdp.core.features.WhitenedFeatures;
import java.io.IOException;
import org.deeplearning4j.nn.conf.NeuralNetConfiguration;
import org.deeplearning4j.nn.conf.inputs.InputType;
import org.deeplearning4j.nn.conf.layers.ConvolutionLayer;
import org.deeplearning4j.nn.conf.layers.OutputLayer;
import org.deeplearning4j.nn.multilayer.MultiLayerNetwork;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.nd4j.linalg.activations.Activation;
import org.nd4j.linalg.activations.IActivation;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.dataset.DataSet;
import org.nd4j.linalg.factory.Nd4j;
import org.nd4j.linalg.learning.config.Sgd;
import org.nd4j.linalg.lossfunctions.LossFunctions.LossFunction;

/** The code of docs/utility.md: run here, and compared with the document line by line. */
class UtilityDocumentTest {
    @Test
    @Tag("slow")
    void whitenedFeatures_ofStrokes_haveTheSizeSaid() {
        float[] strokes = DrawnPictures.strokes(28, 28, 2000, 1);
        FeatureExtractor features = WhitenedFeatures.learn(ScatteringTransform.of(1, 28, 28), 27, strokes, 500, 0.03);
        assertThat(features.extract(DrawnPictures.strokes(28, 28, 2, 7))).hasSize(1000);
    }

    @Test
    void firstLayer_ofDrawnPatches_trains() {
        ConvolutionLayer first = new ConvolutionLayer.Builder(6, 6)
                .nOut(64)
                .stride(2, 2)
                .padding(2, 2)
                .weightInit(new DrawnPatchWeights(1)) // whitened patches of pictures that it draws itself
                .build();
        IActivation tanh = new TemperedSigmoid(); // scale 2, temperature 2, offset 1
        IActivation tempered = new TemperedSigmoid(1.58, 3, 0.71);
        assertThat(tanh).isNotEqualTo(tempered);
        MultiLayerNetwork net = new MultiLayerNetwork(new NeuralNetConfiguration.Builder()
                .activation(tempered)
                .updater(new Sgd(0.1))
                .list()
                .layer(first)
                .layer(new OutputLayer.Builder(LossFunction.MCXENT)
                        .nOut(2)
                        .activation(Activation.SOFTMAX)
                        .build())
                .setInputType(InputType.convolutional(16, 16, 3))
                .build());
        net.init();
        DataSet trainingData = new DataSet(
                Nd4j.rand(20, 3, 16, 16), Nd4j.tile(Nd4j.eye(2), 10, 1).castTo(DataType.FLOAT));
        DpSgdPlan plan = DpSgdPlan.poisson(20, 10)
                .withEpochs(1)
                .withClippingNorm(1)
                .withNoiseMultiplier(1)
                .withDelta(1e-3);
        PrivacyEngine engine = PrivacyEngine.attach(net, plan);
        ParameterAverage average = new ParameterAverage(0.95); // over about 20 lots
        net.addListeners(average);
        net.fit(engine.lots(trainingData), plan.epochs());
        MultiLayerNetwork averaged = net.clone();
        average.applyTo(averaged);
        assertThat(averaged.params().distance2(net.params())).isPositive();
        assertThat(engine.remainingSteps()).isZero();
    }

    @Test
    void document_everyJavaLine_standsInThisTest() throws IOException {
        DocumentCode.assertRunBy(UtilityDocumentTest.class, "docs/utility.md", 15);
    }
}
