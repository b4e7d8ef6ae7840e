// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.features;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.dl4jdp.accountant.PrivacyGuarantee;
import io.github.dl4jdp.core.DpSgdPlan;
import io.github.dl4jdp.core.ParameterAverage;
import io.github.dl4jdp.core.PrivacyEngine;
import io.github.dl4jdp.core.activations.TemperedSigmoid;
import io.github.dl4jdp.core.data.Augmentation;
import io.github.dl4jdp.core.data.RandomCropAndFlip;
import io.github.dl4jdp.core.layers.WeightStandardizedConvolution;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Arrays;
import org.deeplearning4j.nn.conf.NeuralNetConfiguration;
import org.deeplearning4j.nn.conf.inputs.InputType;
import org.deeplearning4j.nn.conf.layers.ConvolutionLayer;
import org.deeplearning4j.nn.conf.layers.OutputLayer;
import org.deeplearning4j.nn.multilayer.MultiLayerNetwork;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.nd4j.linalg.activations.Activation;
import org.nd4j.linalg.activations.IActivation;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.dataset.DataSet;
import org.nd4j.linalg.factory.Nd4j;
import org.nd4j.linalg.learning.config.Sgd;
import org.nd4j.linalg.lossfunctions.LossFunctions.LossFunction;

/** The code of docs/utility.md, which {@code DocumentsTest} of the core compares with the page. */
class UtilityDocumentTest {
    @Test
    @Tag("slow")
    void whitenedFeatures_ofStrokes_haveTheSizeSaid() {
        float[] strokes = DrawnPictures.strokes(28, 28, 2000, 1);
        FeatureExtractor features = WhitenedFeatures.learn(ScatteringTransform.of(1, 28, 28), 27, strokes, 500, 0.03);
        assertThat(features.extract(DrawnPictures.strokes(28, 28, 2, 7))).hasSize(1000);
    }

    @Test
    void privateNormalization_isChargedAndReported(@TempDir Path folder) throws IOException {
        Path path = folder.resolve("features");
        float[] pictures = DrawnPictures.leaves(3, 16, 16, 50, 3);
        INDArray labels = Nd4j.tile(Nd4j.eye(2), 25, 1).castTo(DataType.FLOAT);
        FeatureFile.Examples images = new FeatureFile.Examples() {
            @Override
            public int size() {
                return 50;
            }

            @Override
            public float[] read(int from, int to) {
                return Arrays.copyOfRange(pictures, 768 * from, 768 * to);
            }
        };
        DpSgdPlan plan = DpSgdPlan.poisson(50, 25)
                .withEpochs(1)
                .withClippingNorm(1)
                .calibratedTo(new PrivacyGuarantee(10, 1e-3));

        FeatureExtractor scattering = ScatteringTransform.of(3, 16, 16);
        float[] drawings = DrawnPictures.leaves(3, 16, 16, 200, 1);
        ChannelNormalization drawn = ChannelNormalization.learn(scattering, drawings); // public: a common scale
        FeatureFile file = FeatureFile.open(path, drawn.after(scattering), images, done -> {});
        ReleasedNormalization released = PrivateNormalization.of(
                        plan.examples(), 16, 32, 20) // bounds, noise multiplier
                .release(file.withLabels(labels));
        FeatureFile normalized = file.normalizedBy(released.normalization());
        DpSgdPlan charged =
                released.chargedTo(plan); // calibrates again: release and training together keep the guarantee

        MultiLayerNetwork net = new MultiLayerNetwork(new NeuralNetConfiguration.Builder()
                .updater(new Sgd(0.1))
                .list()
                .layer(new OutputLayer.Builder(LossFunction.MCXENT)
                        .nOut(2)
                        .activation(Activation.SOFTMAX)
                        .build())
                .setInputType(InputType.convolutional(4, 4, 243))
                .build());
        net.init();
        PrivacyEngine engine = PrivacyEngine.attach(net, charged);
        net.fit(engine.lots(normalized.withLabels(labels)), charged.epochs());
        assertThat(engine.report().toString())
                .contains("other releases")
                .contains("Gaussian[noiseMultiplier=20.0], included in epsilon");
        assertThat(engine.epsilon()).isLessThanOrEqualTo(10).isGreaterThan(9.9);
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
        ConvolutionLayer convolution =
                new WeightStandardizedConvolution.Builder(3, 3).nOut(16).build(); // then as DL4J's own
        MultiLayerNetwork net = new MultiLayerNetwork(new NeuralNetConfiguration.Builder()
                .activation(tempered)
                .updater(new Sgd(0.1))
                .list()
                .layer(first)
                .layer(convolution)
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
    void augmentedCopies_ofPictures_train() {
        MultiLayerNetwork net = new MultiLayerNetwork(new NeuralNetConfiguration.Builder()
                .updater(new Sgd(0.1))
                .list()
                .layer(new ConvolutionLayer.Builder(3, 3).nOut(4).build())
                .layer(new OutputLayer.Builder(LossFunction.MCXENT)
                        .nOut(2)
                        .activation(Activation.SOFTMAX)
                        .build())
                .setInputType(InputType.convolutional(8, 8, 3))
                .build());
        net.init();
        DataSet trainingData = new DataSet(
                Nd4j.rand(20, 3, 8, 8), Nd4j.tile(Nd4j.eye(2), 10, 1).castTo(DataType.FLOAT));
        DpSgdPlan plan = DpSgdPlan.poisson(20, 10)
                .withEpochs(1)
                .withClippingNorm(1)
                .withAugmentationMultiplicity(4) // copies of each example of a lot
                .withNoiseMultiplier(1)
                .withDelta(1e-3);
        PrivacyEngine engine = PrivacyEngine.attach(net, plan);
        net.fit(engine.lots(trainingData, new RandomCropAndFlip(4)), plan.epochs());
        assertThat(engine.remainingSteps()).isZero();
        Augmentation noise = (features, random) -> features.addi(0.1 * random.nextGaussian());
        assertThat(noise.andThen(noise)).isNotNull();
    }
}
