// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.features;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.dl4jdp.core.DpSgdPlan;
import io.github.dl4jdp.core.PrivacyEngine;
import java.io.IOException;
import java.nio.file.Path;
import org.deeplearning4j.nn.conf.NeuralNetConfiguration;
import org.deeplearning4j.nn.conf.inputs.InputType;
import org.deeplearning4j.nn.conf.layers.OutputLayer;
import org.deeplearning4j.nn.multilayer.MultiLayerNetwork;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.nd4j.linalg.activations.Activation;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;
import org.nd4j.linalg.indexing.NDArrayIndex;
import org.nd4j.linalg.learning.config.Sgd;
import org.nd4j.linalg.lossfunctions.LossFunctions.LossFunction;

/** The code of docs/features.md, which {@code DocumentsTest} of the core compares with the page. */
class FeaturesDocumentTest {
    @Test
    void features_samples_train(@TempDir Path folder) throws IOException {
        Path path = folder.resolve("features");
        int size = 40;
        INDArray pictures = Nd4j.rand(DataType.FLOAT, size, 3 * 32 * 32);
        INDArray labels = Nd4j.tile(Nd4j.eye(2), size / 2, 1).castTo(DataType.FLOAT);
        FeatureFile.Examples images = new FeatureFile.Examples() {
            @Override
            public int size() {
                return size;
            }

            @Override
            public float[] read(int from, int to) {
                return pictures.get(NDArrayIndex.interval(from, to))
                        .dup()
                        .data()
                        .asFloat();
            }
        };

        FeatureExtractor extractor =
                ScatteringTransform.of(3, 32, 32); // or PatchFeatures.learnWithNetwork(3, 32, 32, 1)
        FeatureFile file = FeatureFile.open(path, extractor, images, done -> {}); // computes once, then maps the file

        MultiLayerNetwork network = new MultiLayerNetwork(new NeuralNetConfiguration.Builder()
                .updater(new Sgd(0.1))
                .list()
                .layer(new OutputLayer.Builder(LossFunction.MCXENT)
                        .nOut(2)
                        .activation(Activation.SOFTMAX)
                        .build())
                .setInputType(InputType.convolutional(8, 8, 243))
                .build());
        network.init();
        DpSgdPlan plan = DpSgdPlan.poisson(size, 10)
                .withEpochs(1)
                .withClippingNorm(1.0)
                .withNoiseMultiplier(1.0)
                .withDelta(1e-5);
        PrivacyEngine engine = PrivacyEngine.attach(network, plan);
        network.fit(engine.lots(file.withLabels(labels)), plan.epochs());
        assertThat(engine.remainingSteps()).isZero();
    }
}
